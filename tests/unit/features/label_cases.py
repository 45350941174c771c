"""Stores for tests of labels: documents of random tokens, and latents whose answers are known."""

from pathlib import Path
from typing import Any

import numpy as np

from interp_nb.features.labels import LabelBook
from interp_nb.features.records import Example, Feature
from interp_nb.features.token_sample import TokenSample
from interp_nb.sae.batches import CONTEXT, CONTEXT_BEFORE

WORDS = ["<bos>", " the", " cat", " sat", " on", " dog", " ran", " red", " blue", " big", " small", " old"]
DOG, RED = 5, 7
ON_DOG, AFTER_RED, ON_NOTHING, AT_RANDOM, ON_DOG_AFTER_RED, ON_DOG_TOO = range(6)


def fires_on(latent: int, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Activations of a planted latent on the tokens of a document."""
    before = np.r_[0, ids[:-1]]
    strength = 1 + 4 * rng.random(len(ids))
    return {
        ON_DOG: (ids == DOG) * strength,
        AFTER_RED: (before == RED) * strength,
        ON_NOTHING: np.zeros(len(ids)),
        AT_RANDOM: (rng.random(len(ids)) < 0.08) * strength,
        ON_DOG_AFTER_RED: ((ids == DOG) & (before == RED)) * strength,
        ON_DOG_TOO: (ids == DOG) * strength,
    }[latent]


class PlantedStore:
    """A `LatentStore` of six latents; `words` may replace the strings of the tokens."""

    n_bands = 5
    d_sae = 6

    def __init__(self, folder: Path, *, n_docs: int = 300, seed: int = 0, words: list[str] = WORDS) -> None:
        self.path, self.words, self.labels = folder, words, LabelBook(folder)
        rng = np.random.default_rng(seed)
        self.docs = [rng.integers(1, len(WORDS), rng.integers(8, 24)) for _ in range(n_docs)]
        self.acts = [np.stack([fires_on(latent, ids, rng) for latent in range(self.d_sae)]) for ids in self.docs]
        self.asked = 0

    def __repr__(self) -> str:
        return "PlantedStore()"

    def token_strings(self, ids: Any) -> list[str]:
        return [self.words[int(token)] for token in ids]

    def column(self, name: str) -> np.ndarray:
        count = sum((acts > 0).sum(1) for acts in self.acts)
        return {"count": count, "density": count / sum(map(len, self.docs))}[name]

    def sample(self) -> TokenSample:
        ids = np.concatenate(self.docs)
        doc = np.repeat(np.arange(len(self.docs)), [len(one) for one in self.docs])
        pos = np.concatenate([np.arange(len(one)) for one in self.docs])
        contexts = np.stack([self._window(int(d), int(p))[0] for d, p in zip(doc, pos, strict=True)])
        acts = np.concatenate(self.acts, 1)
        rows, latents = np.nonzero(acts.T)
        values = acts.T[rows, latents].astype(np.float32)
        return TokenSample(ids.astype(np.int32), contexts, doc, pos, rows, latents.astype(np.int32), values)

    def latents(self, indices: Any) -> list[Feature]:
        self.asked += 1
        return [self._feature(int(latent)) for latent in indices]

    def _window(self, doc: int, pos: int, latent: int = 0) -> tuple[np.ndarray, np.ndarray]:
        ids, values = np.full(CONTEXT, -1, np.int32), np.full(CONTEXT, np.nan, np.float32)
        for slot in range(CONTEXT):
            there = pos + slot - CONTEXT_BEFORE
            if 0 <= there < len(self.docs[doc]):
                ids[slot], values[slot] = self.docs[doc][there], self.acts[doc][latent, there]
        return ids, values

    def _feature(self, latent: int) -> Feature:
        places = [(d, int(p)) for d, acts in enumerate(self.acts) for p in np.flatnonzero(acts[latent])]
        places.sort(key=lambda place: -self.acts[place[0]][latent, place[1]])
        picked = np.random.default_rng(latent).permutation(len(places))[:50]
        examples = [self._example(latent, *place, -1) for place in places[:20]]
        for rank, index in enumerate(sorted(picked)):
            examples.append(self._example(latent, *places[index], 4 - rank * 5 // len(picked)))
        near = {ON_DOG: ((ON_DOG_AFTER_RED, 0.9),), AFTER_RED: ((ON_DOG_AFTER_RED, 0.8),)}.get(latent, ())
        none = np.zeros(0)
        return Feature(
            latent, len(places), len(places) / sum(map(len, self.docs)), 1.0, 2.0, none.astype(np.int64),
            tuple(examples), (), ((DOG, 1.0),), (), near, (), 1.0, 1.0, 1.0, 0.0, none.astype(np.int64), none,
            not places, False,
        )  # fmt: skip

    def _example(self, latent: int, doc: int, pos: int, band: int) -> Example:
        ids, values = self._window(doc, pos, latent)
        return Example(doc, pos, ids, values, CONTEXT_BEFORE, float(self.acts[doc][latent, pos]), band)
