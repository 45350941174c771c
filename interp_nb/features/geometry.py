"""What a latent is made of: norms, cosines, the tokens its direction speaks for, its nearest neighbors.

Logits are those of the latent's direction alone: through the output matrix of its site where that is not the residual
stream (W_out for neurons, W_O for z), the final norm's gain and the unembedding, centered over the vocabulary, for one
unit of activation and a final norm whose scale is 1. Where the direction does not add to the residual stream, or only
through another norm, there are none.
"""

import re
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.together import neighbors
from interp_nb.models.protocol import HookedModel
from interp_nb.models.readout import Readout, read_readout

N_LOGITS: Final = 10
"""Tokens kept at either end."""
N_NEIGHBORS: Final = 10
"""Neighbors kept of a latent."""
N_WEIGHT_BINS: Final = 32
"""Bins of the histogram of decoder weights."""
_ROWS_AT_ONCE: Final = 512
_ADDS: Final = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out")
_STREAM: Final = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post")
_HEADS: Final = "attn.hook_z"
_BLOCK: Final = re.compile(r"^blocks\.(\d+)\.(.+)$")


def geometry(source: LatentSource, model: HookedModel | None) -> dict[str, np.ndarray]:
    """Compute a row per latent of everything that needs no text.

    Cost: d_sae^2 products of directions, and d_sae * d_vocab of logits.
    """
    written = _written(source, model, torch.arange(source.d_sae))
    norms = written.norm(dim=1)
    columns = {"decoder_norm": norms.numpy(), "bias": source.bias().numpy(), **_encoder(source, written)}
    columns |= _weights(written)
    others, cosines = neighbors(written, N_NEIGHBORS)
    columns |= {"neighbour": others, "neighbour_cosine": cosines} | _heads(source, model, written)
    return columns | _logits(source, model)


def latent_logits(model: HookedModel, source: Any, latent_idx: int) -> Float32[np.ndarray, " d_vocab"] | None:
    """Give what a latent's direction adds to every token's logit; None where it has no direct effect.

    Args:
        source: A FeatureStore, or its `source`.
    """
    source = getattr(source, "source", source)
    readout = _readout(model)
    direction = residual_directions(source, model, torch.tensor([latent_idx]))
    if readout is None or direction is None:
        return None
    logits: Float32[np.ndarray, " d_vocab"] = _vocabulary(readout, direction)[0].numpy()
    return logits


def residual_directions(
    source: LatentSource, model: HookedModel, latents: Tensor
) -> Float[Tensor, "latent d_model"] | None:
    """Give what latents add to the residual stream; None where they do not add to it.

    Of several sites that are the stream itself, the last counts: it holds what was written to the others.
    """
    sites = source.writes
    if not sites:
        return None
    rows = source.rows(latents)
    parts = rows.chunk(len(sites), dim=1) if rows.shape[1] % len(sites) == 0 else ()
    added = [_through(model, site, part) for site, part in zip(sites, parts, strict=False)]
    if not added or any(part is None for part in added):
        return None
    found = [part for part in added if part is not None]
    return found[-1] if sites[-1].endswith(_STREAM) else torch.stack(found).sum(0)


def _written(source: LatentSource, model: HookedModel | None, latents: Tensor) -> Float[Tensor, "latent d_out"]:
    """Give what latents write: of neurons, to the residual stream, since at their own site all are alike."""
    if source.kind == "neurons" and model is not None:
        found = residual_directions(source, model, latents)
        if found is not None:
            return found
    return source.rows(latents)


def _encoder(source: LatentSource, written: Float[Tensor, "latent d_out"]) -> dict[str, np.ndarray]:
    read = source.encoder()
    nothing = np.full(source.d_sae, np.nan, np.float32)
    if read is None:
        return {"encoder_norm": nothing, "encoder_decoder_cosine": nothing}
    return {
        "encoder_norm": read.norm(dim=1).numpy(), "encoder_decoder_cosine": encoder_decoder_cosine(source, written)
    }  # fmt: skip


def encoder_decoder_cosine(
    source: LatentSource, written: Float[Tensor, "latent d_out"]
) -> Float32[np.ndarray, " latent"]:
    """Give the cosine of what each latent reads with and what it writes; NaN where these are of different places.

    Args:
        written: What all of its latents write.
    """
    read = source.encoder()
    if read is None or read.shape != written.shape or source.reads != source.writes:
        return np.full(source.d_sae, np.nan, np.float32)
    cosine: Float32[np.ndarray, " latent"] = torch.nn.functional.cosine_similarity(read, written, dim=1).numpy()
    return cosine


def _weights(written: Float[Tensor, "latent d_out"]) -> dict[str, np.ndarray]:
    """Count each latent's weights by size, between plus and minus its largest."""
    most = written.abs().amax(1)
    counts = np.zeros((len(written), N_WEIGHT_BINS), np.int64)
    for start in range(0, len(written), _ROWS_AT_ONCE):
        part, largest = written[start : start + _ROWS_AT_ONCE], most[start : start + _ROWS_AT_ONCE, None]
        share = torch.where(largest > 0, (part / largest + 1) / 2, torch.full_like(part, 0.5))
        bins = (share * N_WEIGHT_BINS).long().clamp(0, N_WEIGHT_BINS - 1)
        places = bins + N_WEIGHT_BINS * torch.arange(len(part))[:, None]
        found = torch.bincount(places.flatten(), minlength=N_WEIGHT_BINS * len(part))
        counts[start : start + len(part)] = found.view(len(part), -1).numpy()
    return {"decoder_max": most.numpy(), "decoder_histogram": counts}


def _heads(
    source: LatentSource, model: HookedModel | None, written: Float[Tensor, "latent d_out"]
) -> dict[str, np.ndarray]:
    """Split what latents write at z among its heads, by norm; no column where they write elsewhere.

    Source: SAEDashboard's `decoder_weights_dist` (sae_vis_runner.py, get_decoder_weights_distribution).
    """
    if model is None or source.kind == "neurons" or len(source.writes) != 1 or not source.writes[0].endswith(_HEADS):
        return {}
    norms = written.reshape(len(written), int(model.cfg.n_heads), -1).norm(dim=2)
    return {"head_share": (norms / norms.sum(1, keepdim=True).clamp_min(torch.finfo(norms.dtype).tiny)).numpy()}


def _logits(source: LatentSource, model: HookedModel | None) -> dict[str, np.ndarray]:
    readout = None if model is None else _readout(model)
    names = ("up", "down")
    made: dict[str, np.ndarray] = {name: np.full((source.d_sae, N_LOGITS), -1, np.int32) for name in names}
    made |= {f"{name}_logit": np.full((source.d_sae, N_LOGITS), np.nan, np.float32) for name in names}
    if readout is None or model is None:
        return made
    n = min(N_LOGITS, readout.W_U.shape[1])
    for start in range(0, source.d_sae, _ROWS_AT_ONCE):
        latents = torch.arange(start, min(start + _ROWS_AT_ONCE, source.d_sae))
        directions = residual_directions(source, model, latents)
        if directions is None:
            return made
        logits = _vocabulary(readout, directions)
        for name, largest in (("up", True), ("down", False)):
            best = logits.topk(n, dim=1, largest=largest)
            made[name][latents, :n] = best.indices.int().numpy()
            made[f"{name}_logit"][latents, :n] = best.values.numpy()
    return made


def _vocabulary(readout: Readout, directions: Float[Tensor, "latent d_model"]) -> Float[Tensor, "latent d_vocab"]:
    return readout.vocabulary(directions.to(readout.W_U.device)).float().cpu()


def _readout(model: HookedModel) -> Readout | None:
    try:
        return read_readout(model)
    except ConfigError:
        return None


def _through(
    model: HookedModel, site: str, rows: Float[Tensor, "latent width"]
) -> Float[Tensor, "latent d_model"] | None:
    """Take directions at a site to the residual stream; None where they do not add to it linearly."""
    match = _BLOCK.match(site)
    if match is None:
        return rows if site == "hook_embed" and rows.shape[1] == model.cfg.d_model else None
    layer, place = int(match.group(1)), match.group(2)
    if place in _ADDS:
        return rows if rows.shape[1] == model.cfg.d_model else None
    part, out, norm = {
        "mlp.hook_post": ("mlp", "out", "ln2_post"),
        "attn.hook_z": ("attn", "o", "ln1_post"),
    }.get(place, ("", "", ""))
    try:
        parts = model.blocks[layer]._modules  # type: ignore[attr-defined]
        if not part or norm in parts:
            return None
        matrix = _matrix(parts[part]._modules[out].original_component)
    except (AttributeError, LookupError):
        return None
    return rows @ matrix.float().cpu() if matrix.shape == (rows.shape[1], model.cfg.d_model) else None


def _matrix(module: Any) -> Tensor:
    """Return an output matrix as `[width d_model]`."""
    weight: Tensor = module.weight.detach()
    # Conv1D, GPT-2's, keeps its weight as it multiplies; Linear keeps the transpose.
    return weight if type(module).__name__ == "Conv1D" else weight.T
