"""What `compare_dictionaries` returns: what became of every latent, in numbers, as a table and as a picture."""

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64

from interp_nb._errors import ConfigError, nearest
from interp_nb._show import Showable, result
from interp_nb._stats import bootstrap_ratio, share_interval
from interp_nb.features.changes import Split

if TYPE_CHECKING:
    import pandas as pd

STATUSES: Final = ("kept", "moved", "split", "merged", "died", "appeared", "unknown", "absent")


class Measure(NamedTuple):
    """One number that sums the drift up, with how sure it is."""

    name: str
    """A status, "cosine" or "correlation" (means over pairs that were kept or moved)."""
    n: int
    """Latents with this status, or pairs that the mean is over."""
    value: float
    """Share of the latents that are present (of b for "appeared", else of a), or the mean; NaN over nothing."""
    low: float
    """Lower end of the 95 % interval over latents: Wilson's for shares, bootstrap for means."""
    high: float
    """Upper end."""


@result
class DictionaryDrift(Showable):
    """Hold what became of every latent from dictionary a to dictionary b."""

    _picture: ClassVar[str] = "dictionary_drift"

    a: str
    """What the first dictionary is, in a line."""
    b: str
    """What the second is."""
    status_a: tuple[str, ...]
    """What became of each latent of a, see `STATUSES` and the docstring of `changes`."""
    status_b: tuple[str, ...]
    """The same of b, where "appeared" stands for "died"."""
    partner: Int64[np.ndarray, " n_a"]
    """Latent of b that each latent of a was matched with, by cosine and correlation together; -1 = none."""
    cosine: Float32[np.ndarray, " n_a"]
    """Cosine of its direction with its partner's; NaN where there is none, or widths differ."""
    correlation: Float32[np.ndarray, " n_a"]
    """Correlation of its activations with its partner's, on the rows in common; NaN where not known."""
    direction_partner: Int64[np.ndarray, " n_a"]
    """Partner by directions alone; -1 = none."""
    activation_partner: Int64[np.ndarray, " n_a"]
    """Partner by activation patterns alone; -1 = none."""
    splits: tuple[Split, ...]
    """Latents of a that are several in b."""
    merges: tuple[Split, ...]
    """Latents of b that were several in a."""
    labels_a: tuple[str, ...]
    """Label of each latent of a; empty where it has none."""
    labels_b: tuple[str, ...]
    """Label of each latent of b."""
    rows: str
    """What activations were compared on: "token", "token type" or "none"."""
    n_rows: int
    """How many of these both samples have."""
    exact: bool
    """Whether all pairs were weighed in matching, not only each latent's nearest."""
    thresholds: dict[str, float]
    """What statuses were decided by, see `changes`."""

    def of(self, status: str) -> Int64[np.ndarray, " found"]:
        """Return the latents with a status: of b for "appeared", else of a.

        Raises:
            ConfigError: there is no such status.
        """
        if status not in STATUSES:
            raise ConfigError(
                f"status must be one of {', '.join(STATUSES)}, got {status!r}; {nearest(status, STATUSES)}"
            )
        statuses = self.status_b if status == "appeared" else self.status_a
        return np.array([index for index, known in enumerate(statuses) if known == status], np.int64)

    @property
    def agreement(self) -> float:
        """Share of the latents with a partner by directions and one by activations that have the same; else NaN."""
        both = (self.direction_partner >= 0) & (self.activation_partner >= 0)
        same = self.direction_partner[both] == self.activation_partner[both]
        return float(same.mean()) if len(same) else float("nan")

    def measures(self) -> tuple[Measure, ...]:
        """Sum the drift up: the share of every status, and how alike those are that were found again."""
        made = []
        for status in STATUSES[:-1]:
            statuses = self.status_b if status == "appeared" else self.status_a
            n_present = len(statuses) - statuses.count("absent")
            made.append(_share(status, statuses.count(status), n_present))
        again = np.isin(np.array(self.status_a, dtype=object), ["kept", "moved"])
        for name, values in (("cosine", self.cosine), ("correlation", self.correlation)):
            made.append(_mean(name, values[again & ~np.isnan(values)]))
        return tuple(made)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per latent of a that is present, then one per latent of b that appeared."""
        import pandas as pd

        parts = {split.latent_idx: split.parts for split in self.splits}
        parts |= {part: (merge.latent_idx,) for merge in self.merges for part in merge.parts}
        rows: list[dict[str, Any]] = []
        for index, status in enumerate(self.status_a):
            if status == "absent":
                continue
            there = (int(self.partner[index]),) if status in ("kept", "moved") else parts.get(index, ())
            rows.append({
                "latent_a": index, "latents_b": there, "status": status, "cosine": float(self.cosine[index]),
                "correlation": float(self.correlation[index]), "label_a": self.labels_a[index],
                "label_b": " | ".join(self.labels_b[one] for one in there),
            })  # fmt: skip
        for index in self.of("appeared").tolist():
            rows.append({
                "latent_a": -1, "latents_b": (index,), "status": "appeared", "cosine": np.nan, "correlation": np.nan,
                "label_a": "", "label_b": self.labels_b[index],
            })  # fmt: skip
        names = ["latent_a", "latents_b", "status", "cosine", "correlation", "label_a", "label_b"]
        return pd.DataFrame(rows, columns=names)

    def _summary(self) -> str:
        present = [len(statuses) - statuses.count("absent") for statuses in (self.status_a, self.status_b)]
        counts = [f"{n} {status}" for status in STATUSES[:-1] if (n := len(self.of(status))) or status == "kept"]
        return f"DictionaryDrift({present[0]} -> {present[1]} latents: {', '.join(counts)})"


def _share(name: str, n: int, n_present: int) -> Measure:
    if n_present == 0:
        return Measure(name, 0, *[float("nan")] * 3)
    return Measure(name, n, n / n_present, *share_interval(n, n_present))


def _mean(name: str, values: Float32[np.ndarray, " pair"]) -> Measure:
    if not len(values):
        return Measure(name, 0, *[float("nan")] * 3)
    known = torch.from_numpy(values)
    ends = bootstrap_ratio(known.unsqueeze(1), torch.ones(len(known)))
    return Measure(name, len(values), float(known.mean()), float(ends.low), float(ends.high))
