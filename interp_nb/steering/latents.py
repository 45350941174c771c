"""`feature_vector`: a latent of an SAE as a steering vector, in the units of how strongly it fires.

vector = decoder row (without the scale of training) * 99th percentile of the latent's activations above 0. At strength
1 a token gets as much of the latent as one in a hundred of the tokens that have it at all.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError, StoreMismatchError
from interp_nb.models.info import model_info
from interp_nb.models.load import load_model
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import SHORT_NAMES, layer_of
from interp_nb.sae.batches import batches_of
from interp_nb.sae.coder import SAE
from interp_nb.sae.directions import check_fixed_rows, check_row_by_row, decoder_rows, sites_of
from interp_nb.sae.harvesting import harvest
from interp_nb.sae.saving import EMBEDDED, content_hash
from interp_nb.steering.extract import made_by
from interp_nb.steering.vectors import SteeringVector

PERCENTILE: Final = 0.99
N_TOKENS: Final = 30_000
"""Tokens that are read unless said otherwise: a latent on one token in three hundred then fires a hundred times."""
_ROWS: Final = 2048


class _Measured(NamedTuple):
    """How strongly a latent fires, and in what."""

    acts_p99: float
    stream_norm: Float[Tensor, " site"]
    source: dict[str, Any]
    """Where the numbers are from."""


def feature_vector(
    sae: SAE,
    latent_idx: int,
    *,
    acts_p99: float | None = None,
    model: HookedModel | None = None,
    data: Any = None,
    store: Any = None,
    n_tokens: int = N_TOKENS,
    name: str = "",
    **reading: Any,
) -> SteeringVector:
    """Return a latent as a vector: its decoder row, times the 99th percentile of its activations.

    It acts where the SAE writes; of a crosscoder, it has one vector per layer. How strongly the latent fires is taken
    from `acts_p99`, else from `store`, else from `data` that `model` reads; the SAEs that come with the package bring
    model and text. The first two say nothing of the stream: `measured_on` texts, the vector knows its share of it.

    Args:
        acts_p99: 99th percentile of the activations above 0.
        model: The model the SAE was trained on.
        data: Text, as `harvest` takes it.
        store: A `FeatureStore` of this SAE; its histograms are right to a twentieth.
        n_tokens: Tokens of the data that are read.
        **reading: How, as `harvest` takes it; what is not said is as the SAE was trained.

    Raises:
        ShapeError: there is no such latent.
        ConfigError: nothing says how strongly it fires, it never does, or the SAE does not say where it writes.
        StoreMismatchError: the store is of another SAE.

    Cost: nothing with `acts_p99` or `store`; else one pass of model and encoder over the tokens.
    """
    if not 0 <= latent_idx < sae.cfg.d_sae:
        raise ShapeError(f"a latent is 0 to {sae.cfg.d_sae - 1} here, got {latent_idx}")
    check_fixed_rows(sae)
    check_row_by_row(sae)
    site, layers = _written(sae)
    measured = _measured(sae, latent_idx, acts_p99, model, data, store, n_tokens, reading)
    if not (math.isfinite(measured.acts_p99) and measured.acts_p99 > 0):
        raise ConfigError(
            f"acts_p99 must be positive and finite, got {measured.acts_p99}"
            if acts_p99 is not None
            else f"latent {latent_idx} never fires there, so nothing says how strong 1 is; give acts_p99= or other data"
        )
    rows = decoder_rows(sae, torch.tensor([latent_idx]))[0].view(len(layers), -1) * measured.acts_p99
    known: dict[str, Any] = (
        {"model": dict(sae.provenance.get("model") or {})} if model is None else made_by(model, "", {})
    )
    settings = {"latent_idx": latent_idx, "acts_p99": measured.acts_p99, "sae": content_hash(sae), **measured.source}
    return SteeringVector.of(
        rows, layers, site=site, layer=layers[int(rows.norm(dim=1).argmax())], method="latent", latent_idx=latent_idx,
        stream_norm=measured.stream_norm, name=name or f"latent {latent_idx}",
        model_name=str(known["model"].get("name", "")) if model is None else model_info(model).name,
        provenance=known | {"function": "feature_vector", "settings": settings}, _sae=sae,
    )  # fmt: skip


def percentile_from_histogram(
    counts: Shaped[np.ndarray, " bin"], edges: Shaped[np.ndarray, " edge"], share: float = PERCENTILE
) -> float:
    """Read a percentile off a histogram with logarithmic bins, between the edges of its bin; NaN if it is empty."""
    total = float(counts.sum())
    if not total:
        return math.nan
    cumulative = np.cumsum(counts)
    at = int(np.searchsorted(cumulative, share * total))
    within = (share * total - (cumulative[at] - counts[at])) / counts[at]
    return float(edges[at] * (edges[at + 1] / edges[at]) ** within)


def _written(sae: SAE) -> tuple[str, list[int]]:
    """Find the site's short name and the layers an SAE writes to."""
    _, writes = sites_of(sae)
    if not writes:
        raise ConfigError(
            "this SAE does not say where in a model it writes; give SAEConfig(..., sites=('blocks.0.hook_resid_post',))"
        )
    layers = [layer_of(name) or 0 for name in writes]
    shorts = {
        next((key for key, form in SHORT_NAMES.items() if form.format(layer=layer) == name), name)
        for name, layer in zip(writes, layers, strict=True)
    }
    if len(shorts) > 1 or len(set(layers)) < len(layers):
        raise ConfigError(f"a vector is of one site in several layers, and this SAE writes to {' + '.join(writes)}")
    return shorts.pop(), layers


def _measured(
    sae: SAE, latent_idx: int, acts_p99: float | None, model: HookedModel | None, data: Any, store: Any, n_tokens: int,
    reading: dict[str, Any],
) -> _Measured:  # fmt: skip
    """Find out how strongly a latent fires, the cheapest way that is given."""
    unknown = torch.full((len(sites_of(sae)[1]),), math.nan)
    if acts_p99 is not None:
        return _Measured(float(acts_p99), unknown, {"acts_p99_from": "given"})
    if store is not None:
        return _Measured(_from_store(sae, latent_idx, store), unknown, {"acts_p99_from": "store"})
    if data is None and sae.provenance.get("recipe") in EMBEDDED:
        from interp_nb.sae.embedded.retrain import texts

        # A seed of its own: text that the SAE was not trained on.
        model, data = model or load_model("pocket"), texts("feature vectors")
    if model is None or data is None:
        raise ConfigError(
            "nothing says how strongly the latent fires: give model= and data= (text), store= (a FeatureStore of this "
            "SAE), or acts_p99= (the 99th percentile of its activations)"
        )
    return _from_text(sae, latent_idx, model, data, n_tokens, reading)


def _from_store(sae: SAE, latent_idx: int, store: Any) -> float:
    known = store.provenance["sae"].get("hash")
    if known != content_hash(sae):
        raise StoreMismatchError(
            f"the store is of another SAE ({str(known)[:8]}, this one is {content_hash(sae)[:8]}); give its own"
        )
    # The highest bin ends above the largest activation.
    found = percentile_from_histogram(store.latent(latent_idx).histogram, store.edges)
    return min(found, float(store.column("max")[latent_idx]))


@torch.no_grad()
def _from_text(
    sae: SAE, latent_idx: int, model: HookedModel, data: Any, n_tokens: int, reading: dict[str, Any]
) -> _Measured:
    reads, writes = sites_of(sae)
    reading = (sae.provenance.get("arguments", {}).get("reading") or {}) | reading
    source = harvest(model, reads, data, target=None if writes == reads else writes, n_rows=n_tokens, **reading)
    fired: list[Tensor] = []
    norms, n_rows = torch.zeros(len(writes), dtype=torch.float64), 0
    for batch in batches_of(source, _ROWS):
        acts = sae.encode(batch.acts.to(sae.encoder))[:, latent_idx]
        fired.append(acts[acts > 0].float().cpu())
        norms += batch.targets.double().view(batch.n_rows, len(writes), -1).norm(dim=2).sum(0).cpu()
        n_rows += batch.n_rows
    values = torch.cat(fired)
    p99 = float(values.quantile(PERCENTILE)) if len(values) else math.nan
    return _Measured(
        p99, (norms / n_rows).float(), {"acts_p99_from": "text", "n_tokens": n_rows, "n_fired": len(values)}
    )
