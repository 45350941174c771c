"""Loss recovered: how much of a model's prediction survives when an SAE's reconstruction takes an activation's place.

1. The held-out tokens are run once as they are, and once with the activations replaced by their mean or by zero.
2. For every measurement they are run with the reconstructions in place. For transcoders and crosscoders these come from
   the unpatched run's inputs, and all output sites are replaced at once.

Only counted tokens (no BOS, no padding) are replaced, and only predictions from a counted token of a counted token are
measured.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb._measures import ce_loss
from interp_nb.models.edit import HookFunction, capture, forward
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.directions import check_row_by_row

Reconstruct = Callable[[Float[Tensor, "row d_in"]], Float[Tensor, "row d_out"]]

# Logits in float32, their log-softmax and its input's copy: about three of these at once.
_LOGITS_BYTES = 64e6
_ROWS_AT_ONCE = 4096
# A difference below this is rounding, and a share of it says nothing.
_UNDEFINED_BELOW = 1e-6


class LossRecovered(NamedTuple):
    """Loss recovered and what it was computed from."""

    loss_recovered: float
    """Share of what the ablation loses: 1 = nothing lost, 0 = as bad as the ablation; NaN where that loses nothing."""
    ce_clean: float
    """Loss of the untouched model, nats per token."""
    ce_recons: float
    """Loss with the reconstruction in place, nats per token."""
    ce_ablated: float
    """Loss with the ablation in place, nats per token."""
    ablation: str
    """What was put in place there: "mean" or "zero"."""
    n_tokens: int
    """Predictions measured."""


class Recovery:
    """Held-out text and what a model makes of it, for measuring loss recovered again and again.

    Args:
        sites: Full names of the hook points that are read; `target_sites` of those that are replaced.
        mask: Which tokens count; False = BOS or padding.
        acts: What is read at the counted tokens, in their order; None = it is captured here. Likewise `targets`.
    """

    def __init__(
        self,
        model: HookedModel,
        tokens: Int[Tensor, "doc pos"],
        sites: Sequence[str],
        target_sites: Sequence[str] | None = None,
        *,
        ablation: str,
        mask: Bool[Tensor, "doc pos"] | None = None,
        acts: Float[Tensor, "row d_in"] | None = None,
        targets: Float[Tensor, "row d_out"] | None = None,
    ) -> None:
        if ablation not in ("mean", "zero"):
            raise ConfigError(f"ablation must be 'mean' or 'zero', got {ablation!r}")
        self.model, self.tokens, self.ablation = model, tokens, ablation
        self.sites, self.target_sites = tuple(sites), tuple(target_sites or sites)
        self.mask = counted_tokens(model, tokens) if mask is None else mask
        if not bool(predicted(self.mask).any()):
            raise ShapeError("loss recovered needs two counted tokens in a row somewhere: all are BOS or padding")
        self.acts = self._captured(self.sites) if acts is None else acts
        same = self.sites == self.target_sites
        made = (self.acts if same else self._captured(self.target_sites)) if targets is None else targets
        put = made.float().mean(0) if ablation == "mean" else torch.zeros_like(made[0])
        self.ce_clean = self._ce(None)
        self.ce_ablated = self._ce(put.expand(len(made), -1))

    def measure(self, sae: Reconstruct) -> LossRecovered:
        """Measure an SAE.

        Cost: one forward pass of the held-out tokens, and one of the SAE.
        """
        ce_recons = self._ce(reconstructed(sae, self.acts))
        share = share_recovered(self.ce_clean, ce_recons, self.ce_ablated)
        n_tokens = int(predicted(self.mask).sum())
        return LossRecovered(share, self.ce_clean, ce_recons, self.ce_ablated, self.ablation, n_tokens)

    def _ce(self, rows: Float[Tensor, "row d_out"] | None) -> float:
        """Give the mean loss with rows put in place of the target sites' counted activations."""
        total = count = 0.0
        done = 0
        for part in self._parts():
            tokens, mask = self.tokens[part], self.mask[part]
            n_rows = int(mask.sum())
            put = None if rows is None else rows[done : done + n_rows]
            done += n_rows
            losses = ce_loss(replaced(self.model, tokens, self.target_sites, mask, put), tokens)
            counts = predicted(mask).to(losses.device)
            total += float(losses[counts].double().sum())
            count += float(counts.sum())
        return total / count

    def _captured(self, sites: Sequence[str]) -> Float[Tensor, "row d"]:
        rows = []
        for part in self._parts():
            found = capture(self.model, self.tokens[part], sites)
            mask = self.mask[part]
            rows.append(torch.cat([found[site].flatten(2)[mask.to(found[site].device)] for site in sites], -1))
        return torch.cat(rows)

    def _parts(self) -> Iterator[slice]:
        n = windows_at_once(self.model, self.tokens.shape[1])
        for start in range(0, len(self.tokens), n):
            yield slice(start, start + n)


def loss_recovered(
    sae: Any,
    model: HookedModel,
    tokens: Int[Tensor, "doc pos"],
    site: str | Sequence[str],
    *,
    ablation: str,
    mask: Bool[Tensor, "doc pos"] | None = None,
) -> LossRecovered:
    """Measure how much of the model's loss an SAE's reconstruction keeps.

    loss_recovered = (ce_ablated - ce_recons) / (ce_ablated - ce_clean), nats per token.

    Args:
        site: Full hook name; of several sites all, of a transcoder or CLT the inputs and then the outputs.
        ablation: What 0 means: activations replaced by their "mean" over the counted tokens, or by "zero".
        mask: Which tokens count; by default all but BOS and padding.

    Raises:
        HookNameError: no such hook point.
        ShapeError: no counted tokens.
        ConfigError: an SAE that reads whole documents, or sites that are not its own.

    Cost: four forward passes.
    Source: Bricken et al. 2023 ("loss recovered" under zero ablation); mean ablation leaves the average activation,
        which is the harder comparison.
    """
    if isinstance(sae, SAE):
        check_row_by_row(sae)
    sites = [site] if isinstance(site, str) else list(site)
    two_sided = getattr(getattr(sae, "cfg", None), "kind", "sae") in (
        "transcoder", "skip_transcoder", "clt", "skip_clt",
    )  # fmt: skip
    half = len(sites) // 2 if two_sided else len(sites)
    if two_sided and len(sites) % 2:
        raise ConfigError(f"a {sae.cfg.kind} needs its input sites and then as many output sites, got {sites}")
    return Recovery(model, tokens, sites[:half], sites[half:] or None, ablation=ablation, mask=mask).measure(sae)


def share_recovered(clean: float, recons: float, ablated: float) -> float:
    """Give the share of what an ablation loses that a reconstruction keeps; NaN where the ablation loses nothing.

    (ablated - recons) / (ablated - clean), of losses or of other distances from the untouched run.
    """
    lost = ablated - clean
    return (ablated - recons) / lost if abs(lost) > _UNDEFINED_BELOW else math.nan


def replaced(
    model: HookedModel,
    tokens: Int[Tensor, "doc pos"] | Float[Tensor, "doc pos d_model"],
    sites: Sequence[str],
    mask: Bool[Tensor, "doc pos"],
    rows: Float[Tensor, "row d_out"] | None,
    *,
    start_at_layer: int | None = None,
) -> Float[Tensor, "doc pos d_vocab"]:
    """Give a model's logits with rows put in place of the sites' activations at the tokens of a mask.

    Args:
        tokens: Token ids; the residual stream that enters `start_at_layer`, if that is given.
        rows: In the order of the mask's tokens, the sites side by side; None = the untouched model.
    """
    hooks = [] if rows is None else _replacements(sites, mask, rows)
    return forward(model, tokens, hooks=hooks, start_at_layer=start_at_layer)


def predicted(mask: Bool[Tensor, "doc pos"]) -> Bool[Tensor, "doc pos-1"]:
    """Say which predictions count: of a counted token, from a counted token."""
    return mask[:, :-1] & mask[:, 1:]


def windows_at_once(model: HookedModel, length: int) -> int:
    """Give the number of windows whose logits fit into one forward."""
    per_window = 4 * length * int(getattr(model.cfg, "d_vocab", 50_000))
    return max(1, int(_LOGITS_BYTES // per_window))


def counted_tokens(model: HookedModel, tokens: Int[Tensor, "doc pos"]) -> Bool[Tensor, "doc pos"]:
    """Say which tokens count: all but the tokenizer's BOS and padding."""
    tokenizer = getattr(model, "tokenizer", None)
    out = [getattr(tokenizer, name, None) for name in ("bos_token_id", "pad_token_id")]
    ids = torch.tensor([each for each in out if each is not None], dtype=tokens.dtype, device=tokens.device)
    return ~torch.isin(tokens, ids)


def reconstructed(sae: Reconstruct, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_out"]:
    """Run an SAE over many rows, a few thousand at a time, without gradients."""
    parameter = next(sae.parameters(), None) if isinstance(sae, torch.nn.Module) else None
    with torch.no_grad():
        return torch.cat(
            [sae(part if parameter is None else part.to(parameter)) for part in torch.split(acts, _ROWS_AT_ONCE)]
        )


def _replacements(
    sites: Sequence[str], mask: Bool[Tensor, "doc pos"], rows: Float[Tensor, "row d_out"]
) -> list[tuple[str, HookFunction]]:
    def replace(site: str, values: Float[Tensor, "row d"]) -> HookFunction:
        def put(activation: Tensor, hook: Any) -> Tensor:
            new = activation.clone()
            where = mask.to(new.device)
            new[where] = values.to(new).reshape(-1, *new.shape[2:])
            # NOTE: in place there: the hook sits at the entry of the second norm, and the skip connection goes past it.
            return activation.copy_(new) if site.endswith("hook_resid_mid") else new

        return put

    return [(site, replace(site, part)) for site, part in zip(sites, rows.chunk(len(sites), -1), strict=True)]
