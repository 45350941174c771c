"""From activations of pairs to one vector per layer: the estimators, and the scale they share.

Every estimator gives a direction u. The vector is (d . u) u, where d is the raw mean difference of the positive and the
negative texts: at strength 1 any method moves an activation along its own direction as far as the classes are apart
there. For the mean difference that is d itself.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._cancel import check_cancelled
from interp_nb._errors import ConfigError, nearest

PENALTY: Final = 1.0
"""Strength of the L2 penalty of both probes, on standardized activations: scikit-learn's C = 1 of the logistic one, its
alpha = 1 of the linear one. Both defaults."""

Estimator = Callable[[Float[Tensor, "pair d"], Float[Tensor, "pair d"], Float[Tensor, "text d"]], Float[Tensor, " d"]]
"""(positive, negative, background) -> a direction of any length that points to the positive class."""


class Estimate(NamedTuple):
    """Vectors, and where the classes meet."""

    vectors: Float[Tensor, "layer d"]
    """One per layer; strength 1 = the projection of one raw mean difference."""
    midpoint: Float[Tensor, " layer"]
    """Projection on the unit vector midway between the classes' means."""


def estimate(
    method: str,
    positive: Float[Tensor, "pair layer d"],
    negative: Float[Tensor, "pair layer d"],
    background: Float[Tensor, "text layer d"] | None = None,
) -> Estimate:
    """Estimate one vector per layer.

    Args:
        method: One of `METHODS`.
        background: Neutral texts for "centered"; None = all that were read.

    Raises:
        ConfigError: there is no such method, or the classes' means are the same in some layer.
    """
    direction_of = METHODS.get(method)
    if direction_of is None:
        raise ConfigError(f"method must be one of {', '.join(METHODS)}, got {method!r}; {nearest(method, METHODS)}")
    neutral = torch.cat([positive, negative]) if background is None else background
    vectors, midpoints = [], []
    for layer in range(positive.shape[1]):
        check_cancelled()  # a probe of many pairs takes its time
        yes, no = positive[:, layer].double(), negative[:, layer].double()
        difference = yes.mean(0) - no.mean(0)
        direction = direction_of(yes, no, neutral[:, layer].double())
        # Toward the positive class, as the vector is: the midpoint counts along it.
        unit = _toward(direction / direction.norm().clamp(min=torch.finfo(torch.float64).tiny), difference)
        vectors.append((difference @ unit) * unit)
        midpoints.append((yes.mean(0) + no.mean(0)) @ unit / 2)
    return Estimate(torch.stack(vectors).float(), torch.stack(midpoints).float())


def _mean(positive: Tensor, negative: Tensor, background: Tensor) -> Tensor:
    """Mean difference. Source: Rimsky et al. 2024 (CAA), https://arxiv.org/abs/2312.06681."""
    return positive.mean(0) - negative.mean(0)


def _centered(positive: Tensor, negative: Tensor, background: Tensor) -> Tensor:
    """Mean of the positive texts less that of the background.

    Source: Jorgensen et al. 2023 (mean-centring), https://arxiv.org/abs/2312.03813.
    """
    return positive.mean(0) - background.mean(0)


def _pca(positive: Tensor, negative: Tensor, background: Tensor) -> Tensor:
    """First principal axis of the differences, turned to the positive class.

    NOTE: the differences are not centered: centering takes off the mean difference, which is what is looked for.
    Source: Zou et al. 2023 (representation engineering), https://arxiv.org/abs/2310.01405.
    """
    differences = positive - negative
    axis = torch.linalg.svd(differences, full_matrices=False).Vh[0]
    return _toward(axis, differences.mean(0))


def _logistic(positive: Tensor, negative: Tensor, background: Tensor) -> Tensor:
    """Weights of a logistic regression of the class, in the activations' own units."""
    from sklearn.linear_model import LogisticRegression

    return _probe(LogisticRegression(C=PENALTY, max_iter=1000), positive, negative)


def _linear(positive: Tensor, negative: Tensor, background: Tensor) -> Tensor:
    """Weights of a ridge regression of the class (+1, -1), in the activations' own units."""
    from sklearn.linear_model import Ridge

    return _probe(Ridge(alpha=PENALTY), positive, negative)


METHODS: Final[dict[str, Estimator]] = {
    "mean": _mean,
    "pca": _pca,
    "centered": _centered,
    "logistic": _logistic,
    "linear": _linear,
}
"""The estimators by name."""


def _probe(model: object, positive: Tensor, negative: Tensor) -> Tensor:
    rows = torch.cat([positive, negative])
    scale = rows.std(0, correction=0)
    # A coordinate that never varies says nothing, and must not be blown up.
    scale = torch.where(scale > 1e-12 * rows.abs().amax().clamp(min=1e-30), scale, torch.ones_like(scale))
    labels = torch.cat([torch.ones(len(positive)), -torch.ones(len(negative))])
    model.fit(((rows - rows.mean(0)) / scale).numpy(), labels.numpy())  # type: ignore[attr-defined]
    # w . (x - mean) / scale = (w / scale) . x + constant: dividing undoes the standardization.
    weights = torch.as_tensor(model.coef_).double().flatten() / scale  # type: ignore[attr-defined]
    return _toward(weights, positive.mean(0) - negative.mean(0))


def _toward(axis: Tensor, difference: Tensor) -> Tensor:
    return axis if float(axis @ difference) >= 0 else -axis
