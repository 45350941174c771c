"""What a steering vector knows of the pairs it was read from: how well it tells them apart, which tokens were read."""

from typing import Any, Final, NamedTuple

from jaxtyping import Float
from torch import Tensor

AGREES: Final = 0.5
"""Share of the best layer's agreement from which another one's folds agree. Ours; relative, because the weights of
probes on fewer texts than coordinates never agree as mean differences do."""
LEAST_AGREEMENT: Final = 0.2
"""Agreement below which no layer is suggested: in 100 coordinates the mean cosine of unrelated vectors stays below
0.1."""


class VectorQuality(NamedTuple):
    """How well a vector tells held-out pairs apart, per layer; NaN where too few pairs can say."""

    separability: Float[Tensor, " layer"]
    """Distance of the classes' means along the vector, in their pooled standard deviations (d')."""
    auc: Float[Tensor, " layer"]
    """Chance that a positive text lies further along the vector than a negative one; 0.5 = it says nothing."""
    auc_low: Float[Tensor, " layer"]
    """Lower end of its 95 % interval, pairs resampled; NaN with fewer than five held out."""
    auc_high: Float[Tensor, " layer"]
    """Upper end."""
    accuracy: Float[Tensor, " layer"]
    """Share of texts on their own side of the midpoint."""
    agreement: Float[Tensor, " layer"]
    """Mean cosine of the vectors of different folds of the pairs; 1 = whichever pairs are read, the same vector."""
    n_train: int
    """Pairs that the measured vector was fitted on."""
    n_held_out: int
    """Pairs that it was measured on."""
    note: str
    """What the reader has to know, as that the pairs were too few; else empty."""

    def at(self, row: int) -> "VectorQuality":
        """Take one layer's numbers."""
        part: dict[str, Any] = {
            name: value[row : row + 1] for name, value in zip(self._fields[:6], self[:6], strict=True)
        }
        return self._replace(**part)

    @property
    def agreeing(self) -> float:
        """Agreement from which a layer may be suggested."""
        return max(LEAST_AGREEMENT, AGREES * float(self.agreement.nan_to_num(nan=0.0).max()))

    def suggests(self, row: int) -> bool:
        """Say whether a row's layer could be suggested: its folds agree, and its separability is known."""
        return bool(self.agreement[row] >= self.agreeing) and not bool(self.separability[row].isnan())


class PairRead(NamedTuple):
    """One pair as it was read: which tokens the vector comes from."""

    positive: list[str]
    """The positive text, one string per token."""
    negative: list[str]
    """The negative text."""
    positive_read: list[int]
    """Positions of the positive text that were read."""
    negative_read: list[int]
    """Positions of the negative text that were read."""
