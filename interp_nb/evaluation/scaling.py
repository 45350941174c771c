"""Fit a scaling law to a sweep of SAEs: how error falls with the number of latents, and of those that are active.

1. The points are checked: enough of them, spread enough for what is asked.
2. Squared differences of log losses are made smallest (Levenberg-Marquardt), from several starts: shares of the
   smallest loss that may be irreducible, the rest of the law from linear least squares.
3. Intervals come from a parametric bootstrap: losses are drawn around the fitted law, with a scatter that is itself
   drawn from what the residuals say about it, and fitted again, all draws at once. With few points more than
   parameters, that matters as much as Student's t does for a mean.

The law is that of Gao et al. 2024, section 3.1, see `scaling_fit`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from interp_nb._errors import ConfigError
from interp_nb.evaluation.comparison import SAEComparison
from interp_nb.evaluation.scaling_fit import MEANINGS, PARAMETERS, TAILS, Parameter, ScalingFit, log_loss

Vector = Float64[np.ndarray, " point"]
Parameters = Float64[np.ndarray, "draw parameter"]

MIN_POINTS: Final = {"n": 5, "nk": 9}
"""Points that a law needs: two, or three, more than it has parameters. With fewer, any curve fits."""
MIN_WIDTHS: Final = 4
"""Different n that it takes to tell a power law from one that levels off."""
MIN_KS: Final = 3
"""Different k that it takes to say how the exponent and the irreducible loss change with k."""
N_DRAWS: Final = 400
_STARTS: Final = (0.02, 0.3, 0.6, 0.85, 0.97)
"""Shares of the smallest loss (at each k) that may be irreducible, to start from."""
_N_STEPS: Final = 300
_SETTLED: Final = 1e-7
"""Share of the squared residuals that a step still gains, below which the fit has ended."""
_SAME_K: Final = 1.02
"""A sweep at one k may measure an L0 that differs by this factor."""


def fit_scaling(
    points: Any, *, law: str | None = None, loss: str = "loss", n_draws: int = N_DRAWS, seed: int = 0
) -> ScalingFit:
    """Fit how an SAE's loss depends on its number of latents and of active latents.

    L(n) = exp(alpha + beta_n log n) + exp(zeta), or
    L(n, k) = exp(alpha + beta_k log k + beta_n log n + gamma log k log n) + exp(zeta + eta log k),
    by least squares of log losses. The loss of a comparison is 1 - explained variance, Gao et al.'s normalized error.

    Args:
        points: A `SAEComparison`, or a frame or list of dicts with "n" (latents), "k" (active latents per token, not
            needed by L(n)), the loss, and perhaps "name". SAEs of one kind, trained alike on the same data.
        law: "n" where all have one k, "nk" where k varies; None = what the points have.
        loss: Name of the loss in the points; of a comparison, a metric that is better when lower.
        n_draws: Refits for the intervals.
        seed: Of these.

    Raises:
        ConfigError: too few points, too few different n or k, n and k that cannot be told apart, losses that are not
            positive, or reports on different models, sites or texts. The message says what is missing.

    Cost: n_draws small least-squares problems from three starts, about a second.
    Source: Gao et al. 2024, https://arxiv.org/abs/2406.04093, sections 3.1.2 and 3.1.3.
    """
    if n_draws < 100:
        raise ConfigError(f"n_draws must be at least 100 for the ends of 95 % intervals, got {n_draws}")
    names, n, k, losses, label = _columns(points, loss)
    law = law or ("nk" if _varies(k) else "n")
    _check(law, n, k, losses)
    k = k if law == "nk" else np.where(np.isnan(k), np.nan, k)
    design = _Design(law, np.log(n), np.log(k) if law == "nk" else np.zeros_like(n))
    best, squares = design.fit(np.log(losses))
    free = len(n) - best.shape[1]
    scatter = math.sqrt(squares / free)
    draws, noise = _drawn(design, best, scatter, free, n_draws, seed)
    found, drawn = design.published(best)[0], design.published(draws)
    ends = np.percentile(drawn, TAILS, axis=0)
    parameters = [
        Parameter(name, float(found[at]), float(ends[0, at]), float(ends[1, at]), MEANINGS[name])
        for at, name in enumerate(PARAMETERS[law])
    ]
    provenance = {"law": law, "loss": loss, "n_draws": n_draws, "seed": seed}
    fit = ScalingFit(
        law, names, n, k, losses, label, parameters, drawn, noise, scatter, notes=[], provenance=provenance
    )
    fit.notes.extend(_notes(fit))
    return fit


class _Design:
    """A law at given points, in centered logs: as published its parameters are almost collinear."""

    def __init__(self, law: str, log_n: Vector, log_k: Vector) -> None:
        self.law, self.center = law, (float(log_n.mean()), float(log_k.mean()))
        self.n, self.k = log_n - self.center[0], log_k - self.center[1]
        self.names = PARAMETERS[law]
        columns = [np.ones_like(self.n), self.n]
        if law == "nk":
            columns = [columns[0], self.k, self.n, self.k * self.n]
        self.linear = np.stack(columns, 1)
        self.floor = np.stack(columns[:1] if law == "n" else columns[:2], 1)

    def predict(self, parameters: Parameters) -> Float64[np.ndarray, "draw point"]:
        """Give log losses."""
        found: Float64[np.ndarray, "draw point"] = log_loss(self.law, parameters, self.n, self.k)
        return found

    def fit(self, target: Vector) -> tuple[Float64[np.ndarray, "1 parameter"], float]:
        """Find the law closest to log losses, and the sum of squares that is left."""
        starts = self.starts(target)
        found, squares = self.descend(np.broadcast_to(target, (len(starts), len(target))), starts)
        best = int(squares.argmin())
        return found[best : best + 1], float(squares[best])

    def descend(
        self, targets: Float64[np.ndarray, "draw point"], start: Parameters
    ) -> tuple[Parameters, Float64[np.ndarray, " draw"]]:
        """Go down from each start to a law close to its targets; return the squares that are left, too.

        Source: Marquardt 1963, https://doi.org/10.1137/0111030.
        """
        at, damping = start.copy(), np.full(len(start), 1e-2)
        squares = ((self.predict(at) - targets) ** 2).sum(1)
        open_ = np.arange(len(at))
        for _ in range(_N_STEPS):
            tried = self._step(at[open_], targets[open_], damping[open_])
            before, after = squares[open_], ((self.predict(tried) - targets[open_]) ** 2).sum(1)
            better = after < before
            at[open_[better]], squares[open_[better]] = tried[better], after[better]
            damping[open_] = np.where(better, damping[open_] / 3, damping[open_] * 4)
            settled = better & (before - after <= _SETTLED * before) | (damping[open_] > 1e6) | (after < 1e-24)
            open_ = open_[~settled]
            if not len(open_):
                break
        return at, squares

    def _step(
        self, at: Parameters, targets: Float64[np.ndarray, "draw point"], damping: Float64[np.ndarray, " draw"]
    ) -> Parameters:
        """Take a damped Gauss-Newton step from each place."""
        expected = self.predict(at)
        share = np.exp(at[:, : self.linear.shape[1]] @ self.linear.T - expected)[..., None]
        slopes = np.concatenate([share * self.linear, (1 - share) * self.floor], -1)
        curvature = np.einsum("dpi,dpj->dij", slopes, slopes)
        downhill = np.einsum("dpi,dp->di", slopes, expected - targets)
        scale = np.einsum("dii->di", curvature)
        # Where nothing is irreducible, its slope is 0, and its parameters must not run away.
        scale = damping[:, None] * scale + 1e-9 * scale.max(1, keepdims=True)
        curvature = curvature + scale[..., None] * np.eye(at.shape[1])
        moved: Parameters = at - np.linalg.solve(curvature, downhill[..., None])[..., 0]
        return moved

    def published(self, parameters: Parameters) -> Parameters:
        """Turn parameters of centered logs into those of the law as it is published."""
        at_n, at_k = self.center
        if self.law == "n":
            alpha, beta, zeta = parameters.T
            return np.stack([alpha - beta * at_n, beta, zeta], 1)
        alpha, beta_k, beta_n, gamma, zeta, eta = parameters.T
        return np.stack(
            [
                alpha - beta_k * at_k - beta_n * at_n + gamma * at_k * at_n, beta_k - gamma * at_n,
                beta_n - gamma * at_k, gamma, zeta - eta * at_k, eta,
            ],
            1,
        )  # fmt: skip

    def starts(self, target: Vector) -> Parameters:
        """Suppose that a share of the smallest loss at each k is irreducible; the rest is then linear in logs."""
        smallest = np.array([target[np.isclose(self.k, at)].min() for at in self.k])
        found = []
        for share in _STARTS:
            floor = np.linalg.lstsq(self.floor, smallest + math.log(share), rcond=None)[0]
            rest = np.exp(target) - np.exp(self.floor @ floor)
            rest = np.log(np.maximum(rest, 1e-3 * np.exp(target)))
            found.append(np.concatenate([np.linalg.lstsq(self.linear, rest, rcond=None)[0], floor]))
        return np.stack(found)


def _drawn(
    design: _Design, best: Float64[np.ndarray, "1 parameter"], scatter: float, free: int, n_draws: int, seed: int
) -> tuple[Parameters, Float64[np.ndarray, " draw"]]:
    """Refit the law to losses drawn around it; and draw how far one new SAE lies from each."""
    generator = np.random.default_rng(seed)
    sd = scatter * np.sqrt(free / generator.chisquare(free, n_draws))
    fitted = design.predict(best)
    targets = fitted + sd[:, None] * generator.standard_normal((n_draws, fitted.shape[1]))
    # A law without any irreducible loss is a place that no slope leads out of: each draw also starts with some.
    starts = np.concatenate([best, design.starts(fitted[0])[1::2]])
    tried = [design.descend(targets, np.repeat(start[None], n_draws, 0)) for start in starts]
    closest = np.stack([squares for _, squares in tried]).argmin(0)
    draws = np.stack([found for found, _ in tried])[closest, np.arange(n_draws)]
    return draws, sd * generator.standard_normal(n_draws)


def _columns(points: Any, loss: str) -> tuple[list[str], Vector, Vector, Vector, str]:
    """Read names, n, k, losses and what the loss is."""
    if isinstance(points, SAEComparison):
        return _of_reports(points, loss)
    rows = points.to_dict("records") if hasattr(points, "to_dict") else points
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not all(isinstance(row, Mapping) for row in rows):
        raise ConfigError(
            f"points must be a SAEComparison, a frame, or a list of dicts with n, k and {loss}, got a "
            f"{type(points).__name__}"
        )
    for index, row in enumerate(rows):
        missing = [name for name in ("n", loss) if row.get(name) is None]
        if missing:
            raise ConfigError(f"point {index} has no {' and no '.join(missing)}; it has {', '.join(map(str, row))}")
    names = [str(row.get("name", f"SAE {index}")) for index, row in enumerate(rows)]
    n, losses = (np.array([float(row[name]) for row in rows]) for name in ("n", loss))
    k = np.array([math.nan if row.get("k") is None else float(row["k"]) for row in rows])
    return names, n, k, losses, "loss" if loss == "loss" else loss.replace("_", " ")


def _of_reports(found: SAEComparison, loss: str) -> tuple[list[str], Vector, Vector, Vector, str]:
    from interp_nb.evaluation.names import METRICS

    metric = "explained_variance" if loss == "loss" else loss
    if loss != "loss" and (loss not in METRICS or METRICS[loss].better != "lower"):
        raise ConfigError(f"a loss is better when lower; {loss!r} is not such a metric. Leave it out for "
                          "1 - explained variance, or name one such as 'mse'")  # fmt: skip
    for what, values in {
        "models": {report.model_name for report in found.reports},
        "sites": {" -> ".join(report.sae["sites"]) for report in found.reports},
        "texts": {str(report.data["hash"]) for report in found.reports},
    }.items():
        if len(values) > 1:
            raise ConfigError(
                f"a scaling law needs SAEs measured alike; these reports are on {len(values)} different {what}"
            )
    n = np.array([float(report.sae["d_sae"]) for report in found.reports])
    # A BatchTopK SAE's k is what it aims at; what it uses on this text is its L0, which every architecture has.
    k = np.array([report.l0 for report in found.reports])
    measured = np.array([report[metric].value for report in found.reports])
    label = "1 - explained variance" if loss == "loss" else METRICS[metric].label
    return found.names, n, k, 1 - measured if loss == "loss" else measured, label


def _varies(k: Vector) -> bool:
    known = k[~np.isnan(k)]
    return bool(len(known)) and float(known.max()) > _SAME_K * float(known.min())


def _check(law: str, n: Vector, k: Vector, losses: Vector) -> None:
    """Refuse points that cannot tell the law's parameters."""
    if law not in PARAMETERS:
        raise ConfigError(f"law must be 'n' or 'nk', got {law!r}")
    for name, values in (("n", n), ("the loss", losses), *([("k", k)] if law == "nk" else [])):
        if not (np.isfinite(values) & (values > 0)).all():
            raise ConfigError(f"{name} must be positive and finite in every point, got {values.tolist()}")
    if law == "n" and _varies(k):
        raise ConfigError(
            f"L(n) is the law at one k, and these points have k from {np.nanmin(k):g} to {np.nanmax(k):g}: choose "
            "those of one k, or law='nk'"
        )
    name, few = ("L(n)" if law == "n" else "L(n, k)"), []
    if len(n) < MIN_POINTS[law]:
        few.append(f"{MIN_POINTS[law]} SAEs, there are {len(n)}")
    if len(set(n.tolist())) < MIN_WIDTHS:
        few.append(f"{MIN_WIDTHS} different n, there are {len(set(n.tolist()))}")
    if law == "nk" and len(np.unique(np.round(np.log(k), 1))) < MIN_KS:
        few.append(f"{MIN_KS} k at least a tenth apart, there are {len(np.unique(np.round(np.log(k), 1)))}")
    if few:
        raise ConfigError(
            f"{name} has {len(PARAMETERS[law])} parameters and needs at least {'; '.join(few)}. Train and evaluate "
            "more SAEs of the sweep: with fewer, any curve fits and no interval means anything"
        )
    if law == "nk":
        design = _Design(law, np.log(n), np.log(k))
        scaled = design.linear / np.linalg.norm(design.linear, axis=0)
        if float(np.linalg.cond(scaled)) > 1e3:
            raise ConfigError(
                "n and k vary together in these points, so what n does cannot be told from what k does: add SAEs with "
                "the same n and another k"
            )


def _notes(fit: ScalingFit) -> list[str]:
    """Say what the reader of a fit has to know."""
    notes = []
    middle = None if fit.law == "n" else math.exp(float(np.log(fit.k).mean()))
    at = "" if middle is None else f" at k={middle:.3g}"
    slope, floor = fit.exponent(middle), fit.irreducible(middle)
    if slope.high >= 0:
        notes.append(
            f"That more latents help is not certain from these points{at}: the exponent of n lies between "
            f"{slope.low:.2g} and {slope.high:.2g}."
        )
    smallest = float(fit.loss.min())
    if floor.low < 0.01 * smallest:
        notes.append(f"These points do not show an irreducible loss{at}: it lies between 0 and {floor.high:.2g}.")
    if float(fit.n.max() / fit.n.min()) < 4:
        notes.append("All n lie within a factor of 4: a power law that holds there may not hold beyond.")
    return notes
