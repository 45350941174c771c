"""`ScalingFit`: how an SAE's error falls with its width and with how many latents it may use, and what that predicts.

How it is fitted is in `scaling`. The law is that of Gao et al. 2024, section 3.1, with n latents, k active ones:

    L(n)    = exp(alpha + beta_n log n) + exp(zeta)
    L(n, k) = exp(alpha + beta_k log k + beta_n log n + gamma log k log n) + exp(zeta + eta log k)

The second term is the irreducible loss, which no width removes.
"""

import math
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np
from jaxtyping import Float64

from interp_nb._errors import ConfigError, nearest
from interp_nb._show import Showable, result

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "n": ("alpha", "beta_n", "zeta"),
    "nk": ("alpha", "beta_k", "beta_n", "gamma", "zeta", "eta"),
}
"""Parameters of each law, in order."""
MEANINGS: Final = {
    "alpha": "log of the reducible loss at n = k = 1",
    "beta_k": "how it changes with log k, at n = 1",
    "beta_n": "how it falls with log n, at k = 1: the exponent",
    "gamma": "how the exponent of n changes with log k",
    "zeta": "log of the irreducible loss, at k = 1",
    "eta": "how the irreducible loss changes with log k",
}
TAILS: Final = (2.5, 97.5)
"""Percentiles at which intervals end."""
TABLES: Final = ("points", "parameters")
"""What `to_frame` gives."""


class Parameter(NamedTuple):
    """A number of the law."""

    name: str
    """As Gao et al. call it."""
    value: float
    """Least squares of log losses."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    meaning: str
    """What it says."""


class Estimate(NamedTuple):
    """A number that follows from the law, with its 95 % interval."""

    value: float
    """The number."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


class Prediction(NamedTuple):
    """What the law says of an SAE that was not trained."""

    value: float
    """Its loss."""
    low: float
    """Lower end of where 95 % of new SAEs of this size should lie, trained like those that were fitted."""
    high: float
    """Upper end."""
    curve_low: float
    """Lower end of the 95 % interval of the law itself, which says nothing of how SAEs scatter around it."""
    curve_high: float
    """Upper end."""
    extrapolates: str
    """How far this is outside of what was fitted, in words; "" inside."""


@result
class ScalingFit(Showable):
    """Hold a scaling law, the SAEs it was fitted to, and how sure it is."""

    _widget: ClassVar[str] = "interp_nb.widgets.sae_report:SAEReportWidget"

    law: str
    """Either "n", one k for all, or "nk"."""
    names: list[str]
    """Of the SAEs."""
    n: Float64[np.ndarray, " point"]
    """Latents of each."""
    k: Float64[np.ndarray, " point"]
    """Active latents per token of each; NaN where that was not given."""
    loss: Float64[np.ndarray, " point"]
    """What was measured of each."""
    loss_label: str
    """What the loss is, such as "1 - explained variance"."""
    parameters: list[Parameter]
    """The law's numbers, in the order of `PARAMETERS`."""
    draws: Float64[np.ndarray, "draw parameter"]
    """Laws that fit as well as chance allows, for intervals: refitted to losses drawn around the best one."""
    noise: Float64[np.ndarray, " draw"]
    """How far the log loss of one new SAE lies from each draw's law."""
    residual_sd: float
    """Scatter of log losses around the law: root of the squared residuals / (points - parameters)."""
    notes: list[str]
    """What the reader has to know."""
    provenance: dict[str, Any]
    """What it takes to fit this again."""

    def predict(self, n: float | int, k: float | int | None = None) -> Prediction:
        """Predict the loss of an SAE that was not trained.

        Warns where n or k lie outside of what was fitted: there the interval holds only if the law does.

        Args:
            k: Active latents per token; needed by L(n, k), and not taken by L(n).

        Raises:
            ConfigError: n or k make no sense, or k is missing or too much.
        """
        self._check(n, k)
        row = self.curve(np.array([float(n)]), k)[0]
        outside = self.outside(float(n), k)
        if outside:
            warnings.warn(f"this prediction extrapolates: {outside}", stacklevel=2)
        value, low, high, curve_low, curve_high = row.tolist()
        return Prediction(value, low, high, curve_low, curve_high, outside)

    def curve(self, n: Float64[np.ndarray, " row"], k: float | int | None = None) -> Float64[np.ndarray, "row 5"]:
        """Give value, low, high, curve_low and curve_high (as in `Prediction`) for many widths, without warnings."""
        log_n, log_k = np.log(n), 0.0 if k is None else math.log(k)
        best = np.array([[each.value for each in self.parameters]])
        value = log_loss(self.law, best, log_n, log_k)[0]
        drawn = log_loss(self.law, self.draws, log_n, log_k)
        # One deviation per draw, the same at every n: the band of new SAEs is smooth, and the same at every call.
        new_ends = np.percentile(drawn + self.noise[:, None], TAILS, axis=0)
        law_ends = np.percentile(drawn, TAILS, axis=0)
        rows: Float64[np.ndarray, "row 5"] = np.exp(np.stack([value, *new_ends, *law_ends], 1))
        return rows

    def exponent(self, k: float | int | None = None) -> Estimate:
        """Give the power of n with which the reducible loss falls, at some k: beta_n + gamma log k.

        Raises:
            ConfigError: k makes no sense, or is missing or too much.
        """
        self._check(1.0, k)
        names = PARAMETERS[self.law]
        best = np.array([[each.value for each in self.parameters]])
        slope = 0.0 if k is None else math.log(k)
        value, drawn = (
            rows[:, names.index("beta_n")] + (slope * rows[:, names.index("gamma")] if self.law == "nk" else 0.0)
            for rows in (best, self.draws)
        )
        return Estimate(float(value[0]), *np.percentile(drawn, TAILS).tolist())

    def irreducible(self, k: float | int | None = None) -> Estimate:
        """Give the loss that no width removes, at some k.

        Where the points do not say that there is any, its lower end is next to 0.

        Raises:
            ConfigError: k makes no sense, or is missing or too much.
        """
        self._check(1.0, k)
        best = np.array([[each.value for each in self.parameters]])
        value, drawn = (
            np.exp(_irreducible(self.law, rows, 0.0 if k is None else math.log(k)))[:, 0] for rows in (best, self.draws)
        )
        return Estimate(float(value[0]), *np.percentile(drawn, TAILS).tolist())

    def outside(self, n: float | int, k: float | int | None = None) -> str:
        """Say in words how far n or k are outside of what was fitted; "" inside."""
        said = []
        for name, value, seen in (("n", n, self.n), ("k", k, self.k)):
            if value is None:
                continue
            low, high = float(seen.min()), float(seen.max())
            # Rounding, and a measured L0 that hovers around k, are not extrapolation.
            if not low / 1.01 <= value <= high * 1.01:
                times = value / high if value > high else low / value
                side = "above" if value > high else "below"
                said.append(f"{name}={value:g} is {times:.3g} times {side} the SAEs fitted ({low:g} to {high:g})")
        return "; ".join(said)

    def to_frame(self, table: str = "points") -> "pd.DataFrame":
        """Return the SAEs with what the law says of each, or the law's parameters.

        Raises:
            ConfigError: there is no such table.
        """
        import pandas as pd

        if table not in TABLES:
            raise ConfigError(f"no table {table!r}; {nearest(table, TABLES)}")
        if table == "parameters":
            return pd.DataFrame(self.parameters, columns=Parameter._fields)
        best = np.array([[each.value for each in self.parameters]])
        log_k = np.log(self.k) if self.law == "nk" else 0.0
        fitted = np.exp(log_loss(self.law, best, np.log(self.n), log_k)[0])
        return pd.DataFrame({"name": self.names, "n": self.n, "k": self.k, "loss": self.loss, "fitted": fitted})

    def _check(self, n: float | int, k: float | int | None) -> None:
        if not 0 < n < math.inf:
            raise ConfigError(f"n is a number of latents, got {n!r}")
        if self.law == "n" and k is not None:
            raise ConfigError(f"this law was fitted at one k and says nothing of k={k:g}: leave k out")
        if self.law == "nk" and (k is None or not 0 < k < math.inf):
            raise ConfigError(f"L(n, k) needs k, the active latents per token, got {k!r}")

    def _summary(self) -> str:
        def span(values: Float64[np.ndarray, " point"]) -> str:
            low, high = float(values.min()), float(values.max())
            return f"{low:g}" if low == high else f"{low:g} to {high:g}"

        law = "L(n)" if self.law == "n" else "L(n, k)"
        k = "" if np.isnan(self.k).any() else f", k {span(self.k)}"
        return f"ScalingFit({law} of {self.loss_label}, {len(self.n)} SAEs, n {span(self.n)}{k})"


def log_loss(
    law: str,
    parameters: Float64[np.ndarray, "draw parameter"],
    log_n: Float64[np.ndarray, " point"],
    log_k: Float64[np.ndarray, " point"] | float,
) -> Float64[np.ndarray, "draw point"]:
    """Compute the log of the loss that a law predicts, for many sets of parameters."""
    part = {name: parameters[:, [column]] for column, name in enumerate(PARAMETERS[law])}
    reducible = part["alpha"] + part["beta_n"] * log_n
    if law == "nk":
        reducible = reducible + part["beta_k"] * log_k + part["gamma"] * log_k * log_n
    total: Float64[np.ndarray, "draw point"] = np.logaddexp(reducible, _irreducible(law, parameters, log_k))
    return total


def _irreducible(
    law: str, parameters: Float64[np.ndarray, "draw parameter"], log_k: Float64[np.ndarray, " point"] | float
) -> Float64[np.ndarray, "draw point"]:
    names = PARAMETERS[law]
    found: Float64[np.ndarray, "draw point"] = parameters[:, [names.index("zeta")]] + np.zeros_like(log_k)
    if law == "nk":
        found = found + parameters[:, [names.index("eta")]] * log_k
    return found
