"""One training step up to the gradients: exact, and computed only where gradients are not zero.

1. Activations are scaled and centered; the encoder's product is computed some hundred rows at a time, and `select`
   keeps of it the pairs (row, latent) that the architecture's rule lets learn. This product is most of the work.
2. The architecture computes its loss on those pairs (`pairs`), by ordinary autograd on short vectors.
3. Dead latents, where there are any, learn from what the others leave unexplained (AuxK).
4. `.grad` of every parameter is overwritten, in the memory of the last step's.

The gradients are those of dense autograd, up to rounding. What follows (averaging over processes, `upkeep`, clipping,
the optimizer, the architecture's `learn`) is the caller's: see `learner`.
"""

import dataclasses
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.sae import losses
from interp_nb.sae.pairs import AllPairs, Spare
from interp_nb.sae.products import encode_pairs
from interp_nb.sae.proposals import fast_bfloat16
from interp_nb.sae.select import Above, Rule, choose
from interp_nb.sae.survivors import Memory, Reading

PRECISIONS: Final = ("fp32", "candidates_bf16")


class StepResult(NamedTuple):
    """What a step computed; numbers are this process's, without gradient, and not yet read off the device."""

    losses: dict[str, Float[Tensor, ""]]
    """The weighted terms by name; their sum was minimized."""
    n_rows: int
    n_active: Int[Tensor, ""]
    """Latent activations above 0; divided by `n_rows`: L0."""
    squared_error: Float[Tensor, ""]
    """Sum over rows and coordinates of (targets - recons)^2, in the units of the targets given."""
    fired: Int[Tensor, " d_sae"]
    """The number of rows on which each latent is above 0."""
    threshold: Float[Tensor, ""] | None
    """The smallest score that a choice over the whole batch kept, for the architecture's `learn`; None without one."""
    dense: bool
    """Whether so many latents were active that all were computed."""

    @property
    def l0(self) -> Float[Tensor, ""]:
        """Active latents per row."""
        return self.n_active / max(1, self.n_rows)


class Workspace(Memory):
    """What one SAE's steps hand on to each other for speed; results do not depend on it."""


def training_step(
    sae: Any,
    acts: Float[Tensor, "row d_in"],
    targets: Float[Tensor, "row d_out"] | None = None,
    *,
    objective: losses.Objective,
    k: int | None = None,
    dead: Bool[Tensor, " d_sae"] | None = None,
    precision: str = "fp32",
    group: Any = None,
    workspace: Workspace | None = None,
) -> StepResult:
    """Compute the loss on a batch and overwrite `.grad` of every parameter.

    Do not call `zero_grad` between steps: it gives away memory that is used again.

    Args:
        acts: As the model has them; the SAE scales them.
        targets: What to reconstruct, as the model has it; None = `acts`.
        k: Latents per row; None = the configuration's.
        dead: Latents that AuxK is to revive; None = none.
        precision: "candidates_bf16" computes the product in bfloat16 where that is faster, to propose candidates; what
            is chosen, and every number, is decided in full precision.
        group: The processes (`parallel.Group`) that share the batch; they choose over all of it.
        workspace: Keep one per SAE and give it to every step.

    Raises:
        ConfigError: an unknown precision.

    Cost: a little more than the encoder's product (1.2 to 1.5 times, `poe bench sae`) while few latents are active.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision must be {' or '.join(map(repr, PRECISIONS))}, got {precision!r}")
    with torch.no_grad():
        scaled = sae.normalize(acts)
        wanted = scaled if targets is None or targets is acts else sae.normalize_targets(targets)
        entering = sae.input(scaled)
    spare = Spare(sae.parameters())
    rule = sae.architecture.rule(sae, k)
    n_sites = scaled.shape[1] // sae.encoder.shape[1]
    reading = Reading(entering, sae.encoder.detach(), sae.b_enc.detach(), n_sites)
    low = precision == "candidates_bf16" and fast_bfloat16(acts.device)
    choice = choose(reading, rule, memory=workspace, group=group, low_precision=low)
    pairs = dataclasses.replace(choice.pairs, spare=spare)
    with torch.enable_grad():
        center = sae.b_dec if sae.cfg.subtract_b_dec else None
        pre = encode_pairs(entering, sae.encoder, sae.b_enc, pairs, choice.pre, center=center, n_sites=n_sites)
        terms = sae.architecture.terms(sae, pre, pairs, scaled, wanted, objective)
        named = dict(terms.losses)
        torch.stack(list(named.values())).sum().backward()  # type: ignore[no-untyped-call]
        error = (wanted - terms.recons).detach()
        if dead is not None and objective.auxk > 0 and bool(dead.any()):
            named["auxk"] = _revive(sae, scaled, error, dead, rule, objective)
    with torch.no_grad():
        for parameter in sae.parameters():
            if parameter.grad is None and parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)
        fired = pairs.counts(terms.latent_acts.detach() > 0)
        scale = sae.normalize_targets(torch.ones_like(error[:1])) if len(error) else error.new_ones(1)
        squared_error = (error.pow(2).sum(0) / scale.pow(2)).sum()
    return StepResult(
        {name: value.detach() for name, value in named.items()}, len(acts), fired.sum(), squared_error, fired,
        choice.smallest, isinstance(pairs, AllPairs),
    )  # fmt: skip


def _revive(
    sae: Any,
    acts: Float[Tensor, "row d_in"],
    error: Float[Tensor, "row d_out"],
    dead: Bool[Tensor, " d_sae"],
    rule: Rule,
    objective: losses.Objective,
) -> Tensor:
    """Let the k_aux strongest dead latents of each row model the error; add the gradients to those that are there.

    Several hundred of a few thousand latents are used: too many for pairs to pay. All of it is dense over the dead.
    """
    latents = dead.nonzero().view(-1)
    rows = [weight.detach()[latents].requires_grad_() for weight in (sae.encoder, sae.b_enc, sae.decoder())]
    encoder, b_enc, decoder = rows
    pre = _dead_product(sae, acts, latents, encoder, b_enc)
    values = torch.relu(pre)
    if objective.k_aux < len(latents):
        scale = None if isinstance(rule, Above) else rule.scale
        scores = pre.detach() if scale is None else pre.detach() * scale[latents]
        chosen = scores.topk(objective.k_aux, dim=1, sorted=False).indices
        values = values * torch.zeros_like(values).scatter_(1, chosen, 1.0)
    loss = objective.auxk * losses.auxk(error, values @ decoder)
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter, row in zip((sae.encoder, sae.b_enc), rows, strict=False):
            parameter.grad.index_add_(0, latents, row.grad)
    # A cross-layer transcoder's decoder is a part of its parameter: that is where the rows' gradient goes on.
    whole = sae.decoder()
    if whole is sae.W_dec:
        sae.W_dec.grad.index_add_(0, latents, decoder.grad)
    else:
        whole.backward(torch.zeros_like(whole).index_add_(0, latents, decoder.grad))
    return loss


def _dead_product(sae: Any, acts: Tensor, latents: Tensor, encoder: Tensor, b_enc: Tensor) -> Tensor:
    """Compute the dead latents' pre-activations, site by site where a latent reads only one."""
    entering = sae.input(acts)
    n_sites = acts.shape[1] // encoder.shape[1]
    if n_sites == 1:
        return torch.addmm(b_enc, entering, encoder.T)
    here = torch.bincount(latents // (sae.cfg.d_sae // n_sites), minlength=n_sites).tolist()
    sites = zip(entering.chunk(n_sites, 1), torch.split(encoder, here), torch.split(b_enc, here), strict=True)
    return torch.cat([torch.addmm(bias, site, part.T) for site, part, bias in sites], 1)
