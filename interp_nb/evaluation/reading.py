"""Reading the text of an evaluation: forwards, rows, and which latents fire on them, as much as fits into memory."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from interp_nb._errors import DataError
from interp_nb._preflight import budget, in_words, refuse_beyond
from interp_nb.evaluation.text import Evaluated
from interp_nb.features.firing import Firing
from interp_nb.models.pocket.document import Document
from interp_nb.sae.coder import SAE
from interp_nb.sae.harvesting import NO_ROWS, Harvested, check_memory
from interp_nb.sae.reading import Reading
from interp_nb.sae.recovery import counted_tokens
from interp_nb.sae.rows import stack_windows

LATENTS_AT_ONCE: Final = 2**24
"""Latent activations that are held at once while rows are encoded: 64 MB."""
_PAIR_BYTES: Final = 8
"""A latent that fires on a row: its index and its activation."""
_MANY_FIRE: Final = 256
"""Latents per token that are planned for; SAEs on which more fire are refused once that is seen."""


def read(
    source: Harvested, sae: SAE, n_tokens: int | None, documents: list[Document] | None, labels: dict[str, Any] | None,
    max_bytes: int | None,
) -> Iterator[Evaluated | None]:  # fmt: skip
    """Read windows in reading order until there are enough tokens; yield None after each forward, and last the text.

    Args:
        source: Reads begin-of-text tokens too.
        documents: Documents as they were read, where they are of the pocket world; filled while reading.

    Raises:
        DataError: there is no token that counts.
        MemoryBudgetError: rows do not fit into memory.
    """
    gathered = _Gathered(source, sae, max_bytes)
    while n_tokens is None or gathered.n_counted < n_tokens:
        found = source.next_windows(in_order=True)
        if found is None:
            break
        gathered.add(*found, n_tokens)
        yield None
    if not gathered.n_counted:
        raise DataError(NO_ROWS)
    yield gathered.joined(documents, labels)


def check_fits(source: Harvested, sae: SAE, n_tokens: int | None, max_bytes: int | None) -> None:
    """Refuse text whose rows will not fit into memory.

    Raises:
        MemoryBudgetError: naming the number of tokens that does.
    """
    check_memory(source, max_bytes)
    if n_tokens is None:
        return
    per_row = 4 * (sae.cfg.d_in + sae.cfg.output_width * (2 if sae.has_own_targets else 1))
    per_row += _PAIR_BYTES * min(_MANY_FIRE, sae.cfg.d_sae)
    allowed = budget(torch.device("cpu"), max_bytes)
    fixed = 4 * LATENTS_AT_ONCE
    refuse_beyond(
        n_tokens * per_row + fixed, allowed, f"evaluating on {n_tokens} tokens",
        f"use n_tokens={max(0, allowed - fixed) // per_row}",
    )  # fmt: skip


def encoded(sae: SAE, acts: Float[Tensor, "row d_in"]) -> Firing:
    """Find the latents that are not 0 on rows, some rows at a time.

    "Not 0" rather than "above 0": the latents of some imported architectures are negative where they fire.
    """
    counts, latents, values = [], [], []
    parameter = sae.encoder
    for part in torch.split(acts, max(1, LATENTS_AT_ONCE // sae.cfg.d_sae)):
        with torch.no_grad():
            found = sae.encode(part.to(parameter)).float()
        row, latent = found.nonzero(as_tuple=True)
        counts.append(torch.bincount(row, minlength=len(part)).cpu())
        latents.append(latent.int().cpu())
        values.append(found[row, latent].cpu())
    offsets = np.concatenate([[0], torch.cat(counts).cumsum(0).numpy()]).astype(np.int64)
    return Firing(offsets, torch.cat(latents).numpy(), torch.cat(values).numpy())


class _Gathered:
    """Rows of windows as they are read."""

    def __init__(self, source: Harvested, sae: SAE, max_bytes: int | None) -> None:
        self._source, self._sae = source, sae
        self._allowed = budget(torch.device("cpu"), max_bytes)
        self._tokens: list[Tensor] = []
        self._rows: list[Tensor] = []
        self._columns: tuple[list[Tensor], ...] = ([], [], [], [], [])
        self._firing: list[Firing] = []
        self._counted: list[Tensor] = []
        self._own_targets = False
        self._bytes = self.n_counted = self._n_rows = 0

    def add(self, batch: Any, windows: Any, n_tokens: int | None) -> None:
        """Take the windows of one forward, whole ones, no more than needed."""
        counts = counted_tokens(self._source.model, windows.tokens) & windows.keep
        stop = len(counts)
        if n_tokens is not None:
            stop = int((counts.sum(1).cumsum(0) < n_tokens - self.n_counted).sum()) + 1
        keep, counts = windows.keep[:stop], counts[:stop]
        n = int(keep.sum())
        row = torch.full(keep.shape, -1)
        row[keep] = torch.arange(self._n_rows, self._n_rows + n)
        self._tokens.append(windows.tokens[:stop])
        self._rows.append(row)
        batch = batch.take(slice(0, n))
        self._own_targets = batch.targets is not batch.acts
        acts = batch.acts.float().cpu()
        targets = batch.targets.float().cpu() if self._own_targets else acts[:, :0]
        for column, rows in zip(self._columns, (acts, targets, *batch[2:5]), strict=True):
            column.append(rows)
        fired = encoded(self._sae, batch.acts)
        self._firing.append(fired)
        self._counted.append(counts[keep])
        self._n_rows += n
        self.n_counted += int(counts.sum())
        self._bytes += 4 * (acts.numel() + targets.numel()) + _PAIR_BYTES * len(fired.latents)
        refuse_beyond(
            self._bytes, self._allowed, f"keeping {self.n_counted} tokens, with more to come,",
            f"use n_tokens={self.n_counted}, or fewer",
        )  # fmt: skip
        if len(self._firing) == 1:
            self._check_firing(n_tokens)

    def _check_firing(self, n_tokens: int | None) -> None:
        """Refuse an SAE on which so much fires that it will not fit; known from its first rows."""
        per_row = len(self._firing[0].latents) / max(1, self._n_rows)
        if per_row > _MANY_FIRE and n_tokens is not None:
            needed = int(n_tokens * per_row * _PAIR_BYTES)
            fits = int(self._allowed / (per_row * _PAIR_BYTES))
            refuse_beyond(
                needed, self._allowed, f"keeping {per_row:.0f} latents of each token",
                f"use n_tokens={fits} ({in_words(self._allowed)})",
            )  # fmt: skip

    def joined(self, documents: list[Document] | None, labels: dict[str, Any] | None) -> Evaluated:
        """Put everything together: counted rows first."""
        counted = torch.cat(self._counted)
        order = (~counted).int().argsort(stable=True)
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        acts, targets, tokens, doc, pos = (_moved(column, place) for column in self._columns)
        row = stack_windows([each + 1 for each in self._rows]) - 1
        row = torch.where(row >= 0, place[row], -1)
        last = ((row >= 0).int() * torch.arange(1, row.shape[1] + 1)).amax(1)
        by_length = last.argsort(stable=True)
        return Evaluated(
            tokens_in_windows=stack_windows(self._tokens)[by_length], row_in_windows=row[by_length],
            n_counted=int(counted.sum()), all_acts=acts,
            all_targets=targets if self._own_targets else acts, all_doc=doc,
            all_pos=_positions(doc, pos, documents), all_tokens=tokens,
            all_fired=_joined(self._firing).take(order.numpy()), documents=documents, labels=labels,
            writes_what_it_reads=not self._own_targets,
        )  # fmt: skip


def copies(text: Evaluated) -> list[str]:
    """Say in words where documents are copies of others."""
    n = text.n_docs - len(torch.unique(text.first_doc))
    if not n:
        return []
    return [
        f"{n} of {text.n_docs} documents are copies of another one: for probes and ground truth they count once, other "
        "intervals take them for documents of their own and are too narrow"
    ]


def _moved(parts: list[Tensor], place: Int[Tensor, " row"]) -> Tensor:
    """Join rows, each at its place; parts are let go as they are copied, so that they are held once."""
    joined, start = parts[0].new_empty(len(place), *parts[0].shape[1:]), 0
    while parts:
        part = parts.pop(0)
        joined[place[start : start + len(part)]] = part
        start += len(part)
    return joined


def reading_with_bos(**reading: Any) -> Reading:
    """Make the settings of reading; begin-of-text tokens are read, to show the figures with them."""
    return Reading.of(**{"dtype": "float32", **reading, "skip_bos": False})


def _positions(
    doc: Int[Tensor, " row"], pos: Int[Tensor, " row"], documents: list[Document] | None
) -> Int64[Tensor, " row"]:
    """Count the tokens of a document from its own first: token ids were given with a begin-of-text token before."""
    if documents is None:
        return pos
    shifted = torch.tensor([bool(document.token_ids) for document in documents])
    return pos - shifted[doc].long()


def _joined(parts: list[Firing]) -> Firing:
    ends = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [part.offsets[:-1] + end for part, end in zip(parts, ends, strict=False)]
    latents, values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("latents", "values"))
    return Firing(np.concatenate([*offsets, ends[-1:]]), latents, values)
