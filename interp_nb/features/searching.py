"""Finding latents by tokens, by the text of their examples, by their labels."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jaxtyping import Int64

from interp_nb._errors import ConfigError
from interp_nb.sae.records import check_one_of

if TYPE_CHECKING:
    from interp_nb.features.store import FeatureStore

KINDS: Final = ("token", "text", "label")
_FEW: Final = 5
"""Firings that make half of a score: a latent that fired once, on the token, says little."""


def search(store: "FeatureStore", text: str, by: str) -> Int64[np.ndarray, " found"]:
    """Find latents, see `FeatureStore.search`; upper and lower case are the same."""
    check_one_of("by", by, KINDS)
    if not text.strip():
        raise ConfigError("text to search for must not be empty; give a word or a part of one")
    import pyarrow as pa

    if by == "token":
        found = _by_token(store, text.casefold())
    else:
        found = _by_text(store, text) if by == "text" else _by_label(store, text.casefold())
    # What was read once for the search would stay with the process.
    pa.default_memory_pool().release_unused()
    return found


def _by_token(store: "FeatureStore", text: str) -> Int64[np.ndarray, " found"]:
    """Rank by the share of a latent's activation that is on the tokens, pulled down where it fired rarely on them."""
    wanted = np.array([token for token, name in enumerate(store.vocabulary) if text in name.casefold()], np.int32)
    hit = np.isin(store._whole("tokens", "token"), wanted)
    sums, counts = (store._table("tokens").column(name) for name in ("sum", "count"))
    on_them, firings = np.where(hit, sums, 0).sum(1), np.where(hit, counts, 0).sum(1)
    share = on_them / np.maximum(store.column("count") * np.nan_to_num(store.column("mean")), 1e-30)
    return _best(share * firings / (firings + _FEW))


def _by_text(store: "FeatureStore", text: str) -> Int64[np.ndarray, " found"]:
    """Rank by the share of a latent's examples that have the text in their window."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not store.vocabulary:
        return np.zeros(0, np.int64)
    strings = pa.array([*store.vocabulary, ""], pa.string())
    beyond = len(strings) - 1
    hits, held = np.zeros(store.d_sae), np.zeros(store.d_sae)
    for name in ("top", "sampled"):
        table = store._table(name)
        for group in range(table.n_groups):
            context = table.group(group, "context", keep=False)
            rows = slice(table.start_of(group), table.start_of(group) + len(context))
            there = table.group(group, "doc", keep=False) >= 0
            windows = context[there]
            ids = np.where((windows < 0) | (windows >= beyond), beyond, windows)
            lists: Any = pa.ListArray.from_arrays(np.arange(len(ids) + 1, dtype=np.int32) * 16,
                                                  strings.take(pa.array(ids.ravel())))  # fmt: skip
            joined = pc.binary_join(lists, "")
            found = pc.match_substring(joined, text, ignore_case=True).to_numpy(zero_copy_only=False)
            latents = np.nonzero(there)[0]
            hits[rows] += np.bincount(latents[found], minlength=len(context))
            held[rows] += there.sum(1)
    return _best(hits / np.maximum(held, 1))


def _by_label(store: "FeatureStore", text: str) -> Int64[np.ndarray, " found"]:
    """Rank labels that begin with the text before those that contain it, short ones first."""
    found = [(label.text.casefold(), index) for index, label in store.labels.current().items()]
    found = [(name, index) for name, index in found if text in name]
    found.sort(key=lambda each: (not each[0].startswith(text), len(each[0]), each[1]))
    return np.array([index for _, index in found], np.int64)


def _best(scores: np.ndarray) -> Int64[np.ndarray, " found"]:
    """Sort what has a score, the largest first; equal ones by their number."""
    order = np.argsort(-scores, kind="stable")
    found: Int64[np.ndarray, " found"] = order[scores[order] > 0]
    return found
