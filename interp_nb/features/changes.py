"""What became of each latent between two dictionaries: kept, moved, split, merged, died or appeared.

Likeness of a pair = the mean of what is known of it: the cosine of the decoder directions, and the correlation of the
activations on rows that both saw. With `Thresholds`, and of latents that are present:

1. `kept`: it has a partner, and everything known of the pair is at least `same`.
2. `split`: no one latent of b covers it, two or more that are nobody else's do together. By activations: each of them
   fires where it fired (`contained` of its own firings) and on at least `part` of its firings, none on `contained` of
   them, all together on `contained` of them. Without tokens in common, by directions: each has a cosine of `leaning`
   with it, and their sum, weighted by those cosines, one of `same`.
3. `merged`: the same the other way round; two or more latents of a became its partner.
4. `moved`: it has a partner, and the likeness is at least `found`.
5. `died`: none of these. A latent of b of which none holds `appeared`.

`absent` latents fire on nothing in their own store, or are not in that version of the dictionary: partners are sought
among the others. Of `unknown` ones nothing can be said: they fire on too few of the rows in common, and directions
cannot be compared. `found` is what Paulo and Belrose 2025 call shared latents
(https://arxiv.org/abs/2501.16615, section 3, cosine above 0.7 after optimal matching); the others are ours.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from scipy.sparse import csc_array

from interp_nb.features.patterns import MIN_FIRINGS, Patterns, fires_on

MOST_PARTS: Final = 8
"""Parts that a latent can have by directions: more would put anything together."""
CHUNK: Final = 512
"""Latents that are looked at together."""

Directions = Float32[torch.Tensor, "latent d"]


class Thresholds(NamedTuple):
    """Where one kind of change ends and the next begins, see the module's docstring."""

    same: float = 0.95
    found: float = 0.7
    contained: float = 0.8
    part: float = 0.1
    leaning: float = 0.5


class Split(NamedTuple):
    """One latent that is several in the other dictionary."""

    latent_idx: int
    """The one."""
    parts: tuple[int, ...]
    """The several, in the other dictionary."""


class Side(NamedTuple):
    """One of the two dictionaries."""

    present: Bool[np.ndarray, " latent"]
    directions: Directions | None
    """Unit vectors that its latents write; None where the other's are of another width."""


class Changes(NamedTuple):
    """What became of every latent."""

    status_a: tuple[str, ...]
    status_b: tuple[str, ...]
    splits: tuple[Split, ...]
    merges: tuple[Split, ...]


def likenesses(
    cosine: Float32[np.ndarray, " n_a"], correlation: Float32[np.ndarray, " n_a"]
) -> Float32[np.ndarray, " n_a"]:
    """Average what is known of each pair; NaN where nothing is."""
    both = np.stack([cosine, correlation])
    known = ~np.isnan(both)
    total = np.where(known, both, 0).sum(0)
    return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan).astype(np.float32)


def what_changed(
    partner: Int64[np.ndarray, " n_a"],
    cosine: Float32[np.ndarray, " n_a"],
    correlation: Float32[np.ndarray, " n_a"],
    a: Side,
    b: Side,
    patterns: Patterns,
    thresholds: Thresholds,
) -> Changes:
    """Say what became of every latent, given each one's partner; see the module's docstring."""
    alike = likenesses(cosine, correlation)
    paired = (partner >= 0) & (alike >= thresholds.found)
    least = np.fmin(cosine, correlation)
    kept = paired & (least >= thresholds.same)
    status_a, status_b = _beginning(a, b, patterns)
    for status, where in ((status_a, kept), (status_b, partner[kept])):
        status[where] = "kept"
    of_b = np.full(len(b.present), -1, np.int64)
    of_b[partner[paired]] = paired.nonzero()[0]
    moved = paired & ~kept
    to_b = np.where(moved, partner, -1)
    splits = _found_parts(status_a, status_b, to_b, a, b, patterns, thresholds, "split")
    to_a = np.where(status_b == "", of_b, -1)
    merges = _found_parts(status_b, status_a, to_a, b, a, patterns.swapped(), thresholds, "merged")
    still = moved & (status_a == "") & (status_b[partner] == "")
    status_a[still], status_b[partner[still]] = "moved", "moved"
    status_a[status_a == ""], status_b[status_b == ""] = "died", "appeared"
    return Changes(tuple(status_a.tolist()), tuple(status_b.tolist()), splits, merges)


def _beginning(a: Side, b: Side, patterns: Patterns) -> tuple[np.ndarray, np.ndarray]:
    """Mark the absent, and those of which nothing is known; the others are still to be looked at."""
    made = []
    for side, firings in zip((a, b), patterns.firings(), strict=True):
        status = np.full(len(side.present), "", dtype=object)
        if side.directions is None:
            status[firings < MIN_FIRINGS] = "unknown"
        status[~side.present] = "absent"
        made.append(status)
    return made[0], made[1]


def _found_parts(
    of_whole: np.ndarray,
    of_part: np.ndarray,
    own: Int64[np.ndarray, " whole"],
    whole: Side,
    part: Side,
    patterns: Patterns,
    thresholds: Thresholds,
    word: str,
) -> tuple[Split, ...]:
    """Find latents that are several on the other side, and mark all of them with a word.

    Args:
        own: Partner of each, which may be one of its parts though it is not free for others; -1 = none.
    """
    wholes = (of_whole == "").nonzero()[0]
    parts = (of_part == "").nonzero()[0]
    taken = np.zeros(len(of_part), bool)
    taken[own[own >= 0]] = True
    found = []
    for latent, options in _options(wholes, parts, whole, part, patterns, thresholds):
        free = [int(one) for one in options if of_part[one] == "" and (not taken[one] or own[latent] == one)]
        chosen = _together(latent, free, whole, part, patterns, thresholds)
        if len(chosen) > 1:
            of_whole[latent] = word
            of_part[chosen] = word
            found.append(Split(int(latent), tuple(sorted(chosen))))
    return tuple(found)


def _options(
    wholes: Int64[np.ndarray, " whole"],
    parts: Int64[np.ndarray, " part"],
    whole: Side,
    part: Side,
    patterns: Patterns,
    thresholds: Thresholds,
) -> Iterable[tuple[int, Int64[np.ndarray, " option"]]]:
    """Give each latent with those that could be parts of it, the nearest first."""
    by_rows = patterns.kind == "token"
    counts = patterns.firings()
    fires = (patterns.a > 0).astype(np.float32), (patterns.b > 0).astype(np.float32)
    for start in range(0, len(wholes), CHUNK):
        some = wholes[start : start + CHUNK]
        if by_rows:
            near, allowed = _contained(fires, counts, some, parts, thresholds)
        elif whole.directions is not None and part.directions is not None:
            near = (whole.directions[some] @ part.directions[parts].T).numpy()
            allowed = near >= thresholds.leaning
        else:
            return
        for latent, score, mask in zip(some, near, allowed, strict=True):
            options = parts[mask]
            yield int(latent), options[np.argsort(-score[mask], kind="stable")]


def _contained(
    fires: tuple[csc_array, csc_array],
    counts: tuple[Int64[np.ndarray, " n_a"], Int64[np.ndarray, " n_b"]],
    some: Int64[np.ndarray, " whole"],
    parts: Int64[np.ndarray, " part"],
    thresholds: Thresholds,
) -> tuple[Float32[np.ndarray, "whole part"], Bool[np.ndarray, "whole part"]]:
    """Measure which share of each latent's firings each other one has, and mark those that fire nowhere else."""
    together = (fires[0][:, some].T @ fires[1][:, parts]).toarray()
    of_whole = np.maximum(counts[0][some], 1)[:, None]
    of_part = np.maximum(counts[1][parts], 1)
    share = (together / of_whole).astype(np.float32)
    inside = (together >= thresholds.contained * of_part) & (counts[1][parts] >= MIN_FIRINGS)
    return share, inside & (share >= thresholds.part) & (counts[0][some] >= MIN_FIRINGS)[:, None]


def _together(
    latent: int, free: Sequence[int], whole: Side, part: Side, patterns: Patterns, thresholds: Thresholds
) -> list[int]:
    """Return the parts if they make up the latent together and none does alone, else nothing."""
    if len(free) < 2:
        return []
    if patterns.kind == "token":
        here = fires_on(patterns.a, [latent])[:, 0]
        marks = fires_on(patterns.b, free)[here]
        alone, together = marks.mean(0).max(), marks.any(1).mean()
        enough = alone < thresholds.contained <= together
        return list(free) if enough else []
    assert whole.directions is not None
    assert part.directions is not None
    chosen = list(free[:MOST_PARTS])
    vectors, target = part.directions[chosen], whole.directions[latent]
    cosines = vectors @ target
    cosine = torch.nn.functional.cosine_similarity(cosines @ vectors, target, dim=0)
    return chosen if float(cosines.max()) < thresholds.same <= float(cosine) else []
