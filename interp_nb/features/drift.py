"""Drift: which features of a dictionary are found again in another version of it, and what became of the others.

1. Directions: cosines of what latents write, where both dictionaries write to activations of one width.
2. Activation patterns: correlations of activations on the rows that both stores sampled, see `patterns`.
3. Each of the two, and their mean, is matched one to one so that the sum is largest, see `matching`. Over other text,
   where a row is a type of token, correlations are coarse: they only count where directions cannot be compared.
4. What became of each latent follows from its partner by the mean and from thresholds, see `changes`.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from interp_nb._errors import ConfigError, nearest
from interp_nb.features.changes import Changes, Directions, Side, Thresholds, what_changed
from interp_nb.features.drift_report import DictionaryDrift as DictionaryDrift
from interp_nb.features.matching import DENSE_UP_TO, Likeness, best_matching
from interp_nb.features.patterns import Correlation, Patterns, shared_patterns


def compare_dictionaries(a: Any, b: Any, *, dense: int = DENSE_UP_TO, **thresholds: float) -> DictionaryDrift:
    """Match the latents of two dictionaries, and say which moved, split, died or appeared.

    likeness = mean of the cosine of the directions and the correlation of the activations on tokens that both stores
    saw, each where it is known; partners are given so that likenesses add up to most. `kept`: everything known is at
    least 0.95; `moved`: the likeness is at least 0.7; `split`: no latent of b covers it alone, several do together;
    `merged`: the other way round; `died`, `appeared`: no such counterpart that fires on its own store's text. The full
    definitions are in the docstring of `features.changes`.

    Args:
        a: A `FeatureDictionary` or a `FeatureStore`. Of a dictionary, the features of that version are compared.
        b: The later one. Read over the same text with the same seed, activations are compared token by token. Over
            other text they are compared by type of token, which is reported, and counts only between dictionaries of
            other widths.
        dense: Latents up to which all pairs are weighed; beyond, each latent's 16 nearest on either side.
        **thresholds: `same`, `found`, `contained`, `part`, `leaning`, see `features.changes.Thresholds`.

    Raises:
        ConfigError: an unknown threshold, or nothing in common: other widths, and other text or no token samples.

    Cost: every likeness twice, and three matchings: of 2,000 latents a second or two; of 16,000 of width 768, with
        130,000 tokens in common, 45 s of one core and 1.2 GB.
    """
    limits = _thresholds(thresholds)
    sides, stores = zip(*(_side(one) for one in (a, b)), strict=True)
    side_a, side_b = _comparable(*sides)
    patterns = shared_patterns(
        stores[0].sample(), stores[1].sample(), stores[0].token_strings, stores[1].token_strings,
        len(side_a.present), len(side_b.present),
    )  # fmt: skip
    if side_a.directions is None and patterns.kind == "none":
        raise ConfigError(
            f"{a!r} and {b!r} write activations of other widths and have hardly a token in common: read both over the "
            "same text, feature_store(..., seed=0)"
        )
    counts = patterns.kind == "token" or side_a.directions is None
    pairs = _Pairs(side_a, side_b, patterns, together=counts)
    by_both, by_direction, by_activation = (_matched(pairs, kind, dense) for kind in ("both", "cosine", "correlation"))
    partner, exact = by_both
    cosine, correlation = pairs.of(partner)
    known = correlation if counts else np.full_like(correlation, np.nan)
    changes: Changes = what_changed(partner, cosine, known, side_a, side_b, patterns, limits)
    labels = [_labels(store, len(side.present)) for store, side in zip(stores, (side_a, side_b), strict=True)]
    return DictionaryDrift(
        a=repr(a), b=repr(b), status_a=changes.status_a, status_b=changes.status_b, partner=partner, cosine=cosine,
        correlation=correlation, direction_partner=by_direction[0], activation_partner=by_activation[0],
        splits=changes.splits, merges=changes.merges, labels_a=labels[0], labels_b=labels[1], rows=patterns.kind,
        n_rows=patterns.n_rows, exact=exact, thresholds=limits._asdict(),
    )  # fmt: skip


class _Pairs:
    """Likenesses between the latents that are present on both sides."""

    def __init__(self, a: Side, b: Side, patterns: Patterns, *, together: bool) -> None:
        self.together = together
        """Whether correlations count where directions are known."""
        self.a, self.b = a.present.nonzero()[0], b.present.nonzero()[0]
        self.n_a = len(a.present)
        self.directions: tuple[Directions, Directions] | None = None
        if a.directions is not None and b.directions is not None:
            self.directions = a.directions[self.a], b.directions[self.b]
        self.correlation: Correlation | None = None
        if patterns.n_rows:
            self.correlation = Correlation(patterns._replace(a=patterns.a[:, self.a], b=patterns.b[:, self.b]))

    def likeness(self, kind: str) -> Likeness | None:
        """Give what is matched by: "cosine", "correlation", or both; None where it is not known."""
        if (kind == "cosine" and self.directions is None) or (kind == "correlation" and self.correlation is None):
            return None

        def block(start: int, stop: int) -> Float32[torch.Tensor, "rows n_b"]:
            known = [] if kind == "correlation" or self.directions is None else [self._cosines(start, stop)]
            if self.correlation is not None and (kind == "correlation" or (kind == "both" and self.together)):
                known.append(self.correlation.block(start, stop))
            return torch.stack(known).nanmean(0).nan_to_num_(nan=0.0)

        return block

    def of(self, partner: Int64[np.ndarray, " n_a"]) -> tuple[Float32[np.ndarray, " n_a"], Float32[np.ndarray, " n_a"]]:
        """Return cosine and correlation of every latent with its partner; NaN where not known."""
        place = np.full(int(self.b.max(initial=-1)) + 1, -1, np.int64)
        place[self.b] = np.arange(len(self.b))
        cosine, correlation = (np.full(self.n_a, np.nan, np.float32) for _ in range(2))
        rows = (partner[self.a] >= 0).nonzero()[0]
        columns = place[partner[self.a[rows]]]
        if self.directions is not None:
            here = (self.directions[0][rows] * self.directions[1][columns]).sum(1)
            cosine[self.a[rows]] = here.numpy()
        if self.correlation is not None:
            correlation[self.a[rows]] = self.correlation.of(rows, columns)
        return cosine, correlation

    def _cosines(self, start: int, stop: int) -> Float32[torch.Tensor, "rows n_b"]:
        assert self.directions is not None
        return self.directions[0][start:stop] @ self.directions[1].T


def _matched(pairs: _Pairs, kind: str, dense: int) -> tuple[Int64[np.ndarray, " n_a"], bool]:
    """Match by one likeness; nobody has a partner where it is not known."""
    partner = np.full(pairs.n_a, -1, np.int64)
    likeness = pairs.likeness(kind)
    if likeness is None or not len(pairs.a) or not len(pairs.b):
        return partner, True
    matching = best_matching(likeness, len(pairs.a), len(pairs.b), dense=dense)
    found = (matching.partner >= 0).nonzero()[0]
    partner[pairs.a[found]] = pairs.b[matching.partner[found]]
    return partner, matching.exact


def _thresholds(given: dict[str, float]) -> Thresholds:
    wrong = [name for name in given if name not in Thresholds._fields]
    if wrong:
        raise ConfigError(f"unknown threshold {wrong[0]!r}; {nearest(wrong[0], Thresholds._fields)}")
    made = Thresholds(**given)
    outside = {name: value for name, value in made._asdict().items() if not 0 < value <= 1}
    if outside or made.found > made.same:
        raise ConfigError(f"thresholds must be above 0 and at most 1, found no larger than same; got {made._asdict()}")
    return made


def _side(given: Any) -> tuple[Side, Any]:
    """Read which latents a dictionary or a store has, and what they write."""
    store = getattr(given, "store", given)
    present = ~np.asarray(store.column("dead"), bool)
    if store is not given:
        kept = np.zeros(len(present), bool)
        kept[given.latents] = True
        present &= kept
    directions = store.source.rows(torch.arange(len(present))).detach().float().cpu()
    return Side(present, torch.nn.functional.normalize(directions, dim=1)), store


def _comparable(a: Side, b: Side) -> tuple[Side, Side]:
    """Leave directions out where they are of different widths."""
    assert a.directions is not None
    assert b.directions is not None
    if a.directions.shape[1] == b.directions.shape[1]:
        return a, b
    return a._replace(directions=None), b._replace(directions=None)


def _labels(store: Any, n: int) -> tuple[str, ...]:
    texts = ["" for _ in range(n)]
    for index, label in store.labels.current().items():
        texts[index] = label.text
    return tuple(texts)
