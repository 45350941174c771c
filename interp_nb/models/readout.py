"""How a model turns its residual stream into logits: final norm, unembedding, soft cap.

With the norm's scale frozen, logits are linear in what each part writes to the residual stream: that is what direct
effects and logit tables are made of. The weights are read from the modules, nothing is copied; whether a model really
ends so is for the caller to compare (`Readout.agrees`).
"""

from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.models.protocol import HookedModel

TOLERANCE: Final = 1e-4
"""Largest difference from the model's own logits, relative to the largest of them, that counts as rounding in float32;
half precisions round their logits themselves, to a hundred times that."""


class Readout(NamedTuple):
    """The end of a model."""

    gain: Float[Tensor, " d_model"]
    """What the final norm multiplies by, after dividing by the scale."""
    shift: Float[Tensor, " d_model"] | None
    """What it adds, if anything."""
    centers: bool
    """Whether it takes the mean off: layer norms do, RMS norms do not."""
    eps: float
    """What it adds to the variance."""
    W_U: Float[Tensor, "d_model d_vocab"]
    """The unembedding."""
    b_U: Float[Tensor, " d_vocab"] | None
    """Its bias, if any."""
    soft_cap: float | None
    """Logits stay between this and its negative."""

    def scale(self, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch 1"]:
        """Give what the final norm divides by."""
        wide = self._centered(_wide(resid))
        return (wide.square().mean(-1, keepdim=True) + self.eps).sqrt()

    def logits(self, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Turn the last layer's residual stream into logits."""
        return self.capped(self.raw_logits(resid))

    def raw_logits(self, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Turn it into logits before the soft cap."""
        normed = self._centered(_wide(resid)) / self.scale(resid) * self.gain
        normed = normed if self.shift is None else normed + self.shift
        logits = normed.to(self.W_U.dtype) @ self.W_U
        return logits if self.b_U is None else logits + self.b_U

    def capped(self, logits: Float[Tensor, "*batch d_vocab"]) -> Float[Tensor, "*batch d_vocab"]:
        """Apply the soft cap, if there is one."""
        return logits if self.soft_cap is None else self.soft_cap * torch.tanh(logits / self.soft_cap)

    def vocabulary(self, directions: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_vocab"]:
        """Give what directions add to every token's logit, centered over the vocabulary.

        The final norm's scale is taken as 1, and there is no soft cap: tables of tokens, not effects in a run.
        """
        logits = self.through(directions)
        return logits - logits.mean(-1, keepdim=True)

    def through(self, directions: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_vocab"]:
        """Give what directions add to every logit, where the final norm's scale is 1."""
        read = self._centered(_wide(directions)) * self.gain
        return read.to(self.W_U.dtype) @ self.W_U

    def direction(
        self, resid: Float[Tensor, "*batch d_model"], answer: int, wrong: int | None = None
    ) -> Float[Tensor, "*batch d_model"]:
        """Give the direction of the residual stream along which an answer gains most, with the norm's scale frozen.

        What is written to the residual stream, times this, is what it adds to logit(answer) - logit(wrong), or to
        logit(answer) - mean logit. A soft cap counts with its slope at the run's own logits.

        Args:
            resid: The residual stream after the last layer, in the run that is explained.
        """
        weights = torch.zeros(self.W_U.shape[1], dtype=self.W_U.dtype, device=self.W_U.device)
        if wrong is None:
            weights -= 1 / len(weights)
        else:
            weights[wrong] -= 1
        weights[answer] += 1
        if self.soft_cap is None:
            read = self.W_U @ weights
        else:
            slope = 1 - torch.tanh(self.raw_logits(resid) / self.soft_cap).square()
            read = (slope * weights) @ self.W_U.T
        # Centering is symmetric: taking the mean off the direction is taking it off what is multiplied with it.
        return self._centered(_wide(read) * self.gain) / self.scale(resid)

    def agrees(self, resid: Float[Tensor, "*batch d_model"], logits: Float[Tensor, "*batch d_vocab"]) -> bool:
        """Say whether the model's own logits are what is computed here."""
        found, own = self.logits(resid).float(), logits.float()
        if found.shape != own.shape:
            return False
        tolerance = TOLERANCE * (1 if logits.dtype in (torch.float32, torch.float64) else 100)
        near: Bool[Tensor, "*batch d_vocab"] = (found - own).abs() <= tolerance * own.abs().max()
        return bool(near.all())

    def _centered(self, x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if self.centers else x


def read_readout(model: HookedModel) -> Readout:
    """Read the end of a model.

    Raises:
        ConfigError: it has no final norm and unembedding that can be read.
    """
    try:
        norm, unembed = (_below(_own(model, name)) for name in ("ln_final", "unembed"))
        part, config = _own(model, "ln_final"), model.original_model.config  # type: ignore[attr-defined]
        eps = next((value for name in ("eps", "variance_epsilon") if (value := getattr(norm, name, None))), None)
        cap = getattr(config, "final_logit_softcapping", None)
        weight = norm.weight.detach()
        return Readout(
            gain=1.0 + weight if part.uses_weight_offset else weight,
            shift=None if getattr(norm, "bias", None) is None else norm.bias.detach(),
            centers=not part.uses_rms_norm,
            eps=float(model.cfg.eps if eps is None else eps),
            W_U=unembed.weight.detach().T,
            b_U=None if unembed.bias is None else unembed.bias.detach(),
            soft_cap=None if cap is None else float(cap),
        )
    except (AttributeError, LookupError) as error:
        raise ConfigError(
            f"this model's final norm and unembedding cannot be read ({error}): what a direction does to the logits is "
            "not known here; choose another measure, such as the effect of ablating it"
        ) from error


def _own(owner: Any, name: str) -> Any:
    """Return a part of a bridge; its own modules only, because bridges hand other names on to what they wrap."""
    modules = getattr(owner, "_modules", {})
    return modules[name] if name in modules else getattr(owner, name)


def _below(part: Any) -> Any:
    module = part.original_component
    if type(module).__name__ not in ("Linear", "LayerNorm") and "RMSNorm" not in type(module).__name__:
        raise LookupError(f"a {type(module).__name__}")
    return module


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
