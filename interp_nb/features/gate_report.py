"""The report of a feature dictionary's gate: what was measured of every feature, who passes, and why not.

What the measurements are is in `gate` and `effects`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from jaxtyping import Bool, Float64, Int64

from interp_nb._errors import ConfigError, ShapeError, nearest
from interp_nb._show import Showable, result

if TYPE_CHECKING:
    import pandas as pd

CRITERIA: Final = ("confidence", "causal_effect", "specificity")
MEASURED: Final = (
    "confidence", "causal_effect", "causal_effect_low", "specificity", "specificity_low", "own_share", "label_share",
)  # fmt: skip
"""What is measured of a feature, see `GateReport`."""


@result
class GateReport(Showable):
    """Hold what was measured of features, and say which pass thresholds and why the others fail."""

    _picture: ClassVar[str] = "gate_report"

    latents: Int64[np.ndarray, " feature"]
    """Indices of the features."""
    labels: tuple[str, ...]
    """Their labels; empty where there is none."""
    confidence: Float64[np.ndarray, " feature"]
    """Lower end of the label's balanced accuracy, 0 to 1; NaN where it was not scored."""
    causal_effect: Float64[np.ndarray, " feature"]
    """Nats per firing; NaN where it was not, or could not be, measured."""
    causal_effect_low: Float64[np.ndarray, " feature"]
    """Lower end of its 95 % interval over documents, which is what has to pass."""
    specificity: Float64[np.ndarray, " feature"]
    """0 to 1; 0.5 = as any direction of its size."""
    specificity_low: Float64[np.ndarray, " feature"]
    """Lower end of its 95 % interval over documents, which is what has to pass."""
    own_share: Float64[np.ndarray, " feature"]
    """Effect beside that of a random direction of equal norm, 0 to 1."""
    label_share: Float64[np.ndarray, " feature"]
    """Share of the effect where the label says that it fires; NaN where the label predicts nothing by itself."""
    n_windows: Int64[np.ndarray, " feature"]
    """Windows of text that were measured."""
    n_docs: Int64[np.ndarray, " feature"]
    """Documents these are from."""
    thresholds: dict[str, float | None]
    """What `confidence`, `causal_effect` and `specificity` have to reach; None = not asked for."""
    of: str
    """Hash of the store's identity, size and labels; a dictionary takes the gate with that store only."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""

    def fails(self, criterion: str) -> Bool[np.ndarray, " feature"]:
        """Mark the features that do not reach one threshold.

        Raises:
            ConfigError: there is no such criterion.
        """
        if criterion not in CRITERIA:
            raise ConfigError(f"criterion must be one of {', '.join(CRITERIA)}; {nearest(criterion, CRITERIA)}")
        threshold = self.thresholds[criterion]
        if threshold is None:
            return np.zeros(len(self.latents), bool)
        missed: Bool[np.ndarray, " feature"] = np.logical_not(self._held_against(criterion) >= threshold)
        return missed

    @property
    def passed(self) -> Bool[np.ndarray, " feature"]:
        """Whether each feature reaches all thresholds."""
        failed = np.stack([self.fails(criterion) for criterion in CRITERIA])
        return np.logical_not(failed.any(0))

    @property
    def passing(self) -> Int64[np.ndarray, " passing"]:
        """Indices of the features that pass."""
        return self.latents.compress(self.passed)

    @property
    def failing(self) -> Int64[np.ndarray, " failing"]:
        """Indices of the features that do not."""
        return self.latents.compress(np.logical_not(self.passed))

    def why(self, latent_idx: int) -> str:
        """Say in words why a feature fails; empty if it passes.

        Raises:
            ShapeError: it was not put to this gate.
        """
        found = np.flatnonzero(self.latents == latent_idx)
        if not len(found):
            raise ShapeError(f"latent {latent_idx} was not put to this gate; it has {len(self.latents)} others")
        row = int(found[0])
        words = {"confidence": self._confidence_words, "causal_effect": self._effect_words,
                 "specificity": self._specificity_words}  # fmt: skip
        return "; ".join(words[criterion](row) for criterion in CRITERIA if self.fails(criterion)[row])

    def at(self, **thresholds: float | None) -> "GateReport":
        """Hold the same measurements against other thresholds.

        Raises:
            ConfigError: there is no such threshold, or it makes no sense.
        """
        return replace(self, thresholds=checked_thresholds({**self.thresholds, **thresholds}))

    def measured(self) -> dict[int, dict[str, float]]:
        """Return what was measured, by latent."""
        columns = [getattr(self, name).tolist() for name in MEASURED]
        rows = (dict(zip(MEASURED, row, strict=True)) for row in zip(*columns, strict=True))
        return dict(zip(self.latents.tolist(), rows, strict=True))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per feature: its measurements, whether it passed, and why not."""
        import pandas as pd

        return pd.DataFrame({
            "latent_idx": self.latents, "label": self.labels, "passed": self.passed,
            **{name: getattr(self, name) for name in MEASURED},
            "n_windows": self.n_windows, "n_docs": self.n_docs, "why": [self.why(i) for i in self.latents.tolist()],
        })  # fmt: skip

    def _held_against(self, criterion: str) -> Float64[np.ndarray, " feature"]:
        held: Any = self.confidence if criterion == "confidence" else getattr(self, f"{criterion}_low")
        return np.asarray(held)

    def _confidence_words(self, row: int) -> str:
        if not self.labels[row]:
            return "it has no label"
        low, asked = self.confidence[row], self.thresholds["confidence"]
        if np.isnan(low):
            return "its label was not scored on held-out text, or on too little of it to say"
        return f"its label's balanced accuracy may be as low as {low:.2f}, {asked:.2f} is asked for"

    def _effect_words(self, row: int) -> str:
        low, asked = self.causal_effect_low[row], self.thresholds["causal_effect"]
        if np.isnan(low):
            return self._unmeasured(row, "effect")
        return f"taking it out may move predictions by as little as {low:.3g} nats, {asked:.3g} is asked for"

    def _specificity_words(self, row: int) -> str:
        low, asked = self.specificity_low[row], self.thresholds["specificity"]
        if np.isnan(low):
            return self._unmeasured(row, "specificity")
        shares = f"its effect beside a random direction's: {self.own_share[row]:.2f}"
        if not np.isnan(self.label_share[row]):
            shares += f", where its label says: {self.label_share[row]:.2f}"
        return f"its specificity may be as low as {low:.2f}, {asked:.2f} is asked for ({shares})"

    def _unmeasured(self, row: int, what: str) -> str:
        if self.n_windows[row] == 0 and not self.labels[row]:
            return f"its {what} was not measured, since it has no label"
        return f"its {what} could not be measured: it fires in windows of {self.n_docs[row]} documents"

    def _summary(self) -> str:
        asked = [f"{name.replace('_', ' ')} {value:g}" for name, value in self.thresholds.items() if value is not None]
        many = f"{len(self.passing)} of {len(self.latents)} features pass"
        return f"GateReport({many}: {', '.join(asked) or 'nothing asked for'})"


def checked_thresholds(given: dict[str, float | None]) -> dict[str, float | None]:
    """Return thresholds that make sense.

    Raises:
        ConfigError: an unknown name, or a value outside of its range.
    """
    for name, value in given.items():
        if name not in CRITERIA:
            raise ConfigError(f"unknown threshold {name!r}; {nearest(name, CRITERIA)}")
        if value is not None and not 0 <= value <= (float("inf") if name == "causal_effect" else 1):
            raise ConfigError(
                f"{name} must be at least 0{'' if name == 'causal_effect' else ' and at most 1'}, got {value}"
            )
    return {name: None if value is None else float(value) for name, value in given.items()}
