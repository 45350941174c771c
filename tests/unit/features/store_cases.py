"""Stores for tests: rows whose every activation is exact in float32, and slow loops that say what a store must hold."""

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interp_nb.sae.batches import CONTEXT, CONTEXT_BEFORE, Batch, HeldOut
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig

D_IN, D_SAE, N_TOKENS_KEPT = 6, 12, 4


def make_sae(seed: int = 0, architecture: str = "relu", **more: Any) -> SAE:
    """An SAE of small whole numbers: sums are exact in any order, and equal activations abound."""
    sae = SAE(SAEConfig(D_IN, D_SAE, architecture, **more), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, size in (("encoder", 2), ("W_dec", 3)):
            part = getattr(sae, name)
            part.copy_(torch.randint(-size, size + 1, part.shape, generator=generator))
        sae.b_enc.copy_(-torch.randint(0, 5, (D_SAE,), generator=generator).float())
        sae.b_enc[3] = -1000.0
        sae.b_dec.zero_()
    return sae.eval()


class Rows:
    """An ActivationSource of documents of random lengths, whose tokens and activations follow from its seed."""

    sites = target_sites = ("blocks.0.hook_resid_post",)
    nbytes = 0

    def __init__(self, n_docs: int = 40, seed: int = 0, n_rows: int | None = None, longest: int = 30) -> None:
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(1, longest, (n_docs,), generator=generator)
        self.doc = torch.arange(n_docs).repeat_interleave(lengths)
        self.pos = torch.cat([torch.arange(int(length)) for length in lengths])
        self.tokens = torch.randint(0, 9, self.doc.shape, generator=generator)
        self.acts = torch.randint(-3, 4, (len(self.doc), D_IN), generator=generator) / 4.0
        self.context = torch.full((len(self.doc), CONTEXT), -1)
        for row in range(len(self.doc)):
            for slot in range(CONTEXT):
                there = row + slot - CONTEXT_BEFORE
                if 0 <= there < len(self.doc) and self.doc[there] == self.doc[row]:
                    self.context[row, slot] = self.tokens[there]
        self.d_in = self.d_out = D_IN
        self.n_rows = n_rows or len(self.doc)
        self.provenance: dict[str, Any] = {"seed": seed, "n_docs": n_docs}
        self._at = 0

    def next(self, n_rows: int) -> Batch | None:
        here = slice(self._at, min(self._at + n_rows, self.n_rows))
        self._at = here.stop
        if here.start == here.stop:
            return None
        acts = self.acts[here]
        return Batch(acts, acts, self.tokens[here], self.doc[here], self.pos[here], self.context[here])

    def count_rows(self, at_most: int, *, one_pass: bool = False) -> int | None:
        return min(at_most, self.n_rows)

    def hold_out(self, n_rows: int) -> HeldOut:
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {"at": self._at}

    def load_state(self, state: dict[str, Any]) -> None:
        self._at = state["at"]


class Joined(Rows):
    """Two sources one after another, their documents numbered through."""

    def __init__(self, first: Rows, second: Rows) -> None:
        self.doc = torch.cat([first.doc, second.doc + int(first.doc.max()) + 1])
        for name in ("pos", "tokens", "acts", "context"):
            setattr(self, name, torch.cat([getattr(first, name), getattr(second, name)]))
        self.d_in = self.d_out = D_IN
        self.n_rows, self._at, self.provenance = len(self.doc), 0, {"joined": True}


def lot(doc: int, pos: int, latent: int, seed: int) -> int:
    """A pair's lot by Python's whole numbers."""
    mask = 2**64 - 1
    gamma, mix_1, mix_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

    def splitmix(value: int) -> int:
        value = (value + gamma) & mask
        value = ((value ^ (value >> 30)) * mix_1) & mask
        value = ((value ^ (value >> 27)) * mix_2) & mask
        return value ^ (value >> 31)

    row = splitmix(splitmix((doc << 32) + pos) ^ seed)
    mixed = ((row ^ (latent * gamma & mask)) * mix_1) & mask
    mixed = ((mixed ^ (mixed >> 32)) * mix_2) & mask
    return mixed >> 32


class Slow:
    """What a store must hold, by loops over all tokens and latents."""

    def __init__(self, source: Rows, values: Tensor, *, seed: int = 0) -> None:
        self.values = values.numpy()
        self.source, self.seed = source, seed
        self.place = list(zip(source.doc.tolist(), source.pos.tolist(), strict=True))
        self.row_of = {place: row for row, place in enumerate(self.place)}

    def firings(self, latent: int) -> list[tuple[float, int, int]]:
        return [
            (float(value), *self.place[row]) for row, value in enumerate(self.values[:, latent].tolist()) if value > 0
        ]

    def histogram(self, latent: int, edges: np.ndarray) -> list[int]:
        counts = [0] * (len(edges) - 1)
        for value, *_ in self.firings(latent):
            counts[max([0, *(index for index in range(len(counts)) if edges[index] <= value)])] += 1
        return counts

    def top(self, latent: int, n: int, window: int) -> list[tuple[float, int, int]]:
        best: dict[tuple[int, int], tuple[float, int, int]] = {}
        for value, doc, pos in self.firings(latent):
            group = (doc, pos // window)
            if group not in best or (-value, doc, pos) < (-best[group][0], *best[group][1:]):
                best[group] = (value, doc, pos)
        return sorted(best.values(), key=lambda each: (-each[0], *each[1:]))[:n]

    def drawn(self, latent: int, n: int) -> list[tuple[float, int, int]]:
        return sorted(self.firings(latent), key=lambda each: (lot(*each[1:], latent, self.seed), *each[1:]))[:n]

    def tokens(self, latent: int) -> list[tuple[int, int, float]]:
        sums: dict[int, list[float]] = defaultdict(list)
        for value, doc, pos in self.firings(latent):
            sums[int(self.source.tokens[self.row_of[doc, pos]])].append(value)
        found = [(token, len(values), sum(values)) for token, values in sums.items()]
        return sorted(found, key=lambda each: (-each[2], each[0]))

    def window(self, latent: int, doc: int, pos: int) -> tuple[list[int], list[float]]:
        tokens, values = [], []
        for away in range(-CONTEXT_BEFORE, CONTEXT - CONTEXT_BEFORE):
            row = self.row_of.get((doc, pos + away))
            if row is not None:
                tokens.append(int(self.source.tokens[row]))
                values.append(float(self.values[row, latent]))
        return tokens, values

    def cofiring(self, latent: int, n: int) -> list[tuple[int, float]]:
        fires = self.values > 0
        own = fires[:, latent]
        if not own.any():
            return []
        shares = (fires[own].sum(0) / np.float32(own.sum())).astype(np.float32)
        excess = shares - fires.mean(0).astype(np.float32)
        order = sorted(range(len(shares)), key=lambda other: (-excess[other], other))
        return [(other, float(shares[other])) for other in order if other != latent and excess[other] > 0][:n]


def content(store: Any) -> dict[str, np.ndarray]:
    """Everything that was counted, to compare two stores."""
    names = ("latents", "top", "sampled", "tokens", "sample", "pairs", "occurrences")
    return {
        f"{name}.{column}": store._table(name).column(column) for name in names for column in store._table(name).names
    }


def same(first: Any, second: Any) -> None:
    """Two stores hold the same to the bit."""
    one, other = content(first), content(second)
    assert one.keys() == other.keys()
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)
    np.testing.assert_array_equal(first.edges, second.edges)
    assert (first.n_tokens, first.n_docs) == (second.n_tokens, second.n_docs)
