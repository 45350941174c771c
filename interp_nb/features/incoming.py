"""Where the rows of a store come from: a source of activations, of which data and model, and places in the text."""

from typing import Any

import numpy as np
import torch

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.features.firing import Block, Firing, Rows
from interp_nb.features.latent_source import LatentSource
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.batches import CONTEXT, ActivationSource, Batch
from interp_nb.sae.fingerprint import model_identity
from interp_nb.sae.harvesting import Harvested
from interp_nb.sae.reading import Reading


def rows_of(
    data: Any, model: HookedModel | None, latents: LatentSource, n_tokens: int | None, reading: dict[str, Any]
) -> ActivationSource:
    """Make a source of the rows that the latents read.

    Raises:
        ConfigError: text without a model, or latents that do not say what they read.
        ShapeError: the rows are of another width.
    """
    if isinstance(data, ActivationSource):
        if reading:
            raise ConfigError(f"{', '.join(reading)}: settings of reading text, and the data are activations already")
        source: ActivationSource = data
    else:
        if model is None:
            raise ConfigError("text needs a model to give activations; give one, or an ActivationSource as the data")
        if not latents.reads:
            raise ConfigError("this SAE does not say which site it reads; give site= and layer=, or a full hook name")
        source = Harvested(model, latents.reads, latents.reads, data, reading=Reading.of(**reading), n_rows=n_tokens)
    if source.d_in != latents.d_in:
        raise ShapeError(
            f"the data have rows of width {source.d_in} ({' + '.join(source.sites) or 'no site named'}), these latents "
            f"read {latents.d_in}; give the site they were made for"
        )
    return source


def identity_of(
    latents: LatentSource, model: HookedModel | None, source: ActivationSource, settings: dict[str, Any]
) -> dict[str, Any]:
    """Say what a store is built from and how: what must be the same for it to go on."""
    reading = source.settings if isinstance(source, Harvested) else None
    return {
        "latents": latents.identity(), "model": None if model is None else model_identity(model), "reading": reading,
        "settings": settings,
    }  # fmt: skip


def data_identity(source: ActivationSource) -> dict[str, Any]:
    """Say which data these are: a hash of the documents, or what a source says of itself."""
    if isinstance(source, Harvested):
        return source.stream.documents.identity()
    return {"kind": "activations", "provenance": source.provenance}


def said(data: dict[str, Any]) -> str:
    """Name data for people."""
    count = data.get("n_documents")
    hashed = str(data.get("hash", ""))[:8]
    return f"{data['kind']}{'' if count is None else f' of {count}'}{f' with hash {hashed}' if hashed else ''}"


def model_name(model: HookedModel | None, source: ActivationSource) -> str:
    """Name the model, "" where nobody knows it."""
    if model is not None:
        return model_info(model).name
    return str((source.provenance.get("model") or {}).get("name", ""))


def vocabulary_of(model: HookedModel) -> list[str]:
    """Give every token of the model as a string."""
    return [str(name) for name in model.to_str_tokens(torch.arange(int(model.cfg.d_vocab)), prepend_bos=False)]


def places_of(batch: Batch, part: dict[str, Any]) -> Rows:
    """Move where rows are from to NumPy; documents are numbered through all the data of a store."""
    n_rows, first = batch.n_rows, part["first_doc"]
    nowhere = np.full(n_rows, -1, np.int32)
    token = nowhere if batch.tokens is None else batch.tokens.cpu().numpy().astype(np.int32)
    doc = np.zeros(n_rows, np.int64) if batch.doc is None else batch.doc.cpu().numpy().astype(np.int64)
    pos = part["n_tokens"] + np.arange(n_rows) if batch.pos is None else batch.pos.cpu().numpy().astype(np.int64)
    if batch.context is None:
        context = np.full((n_rows, CONTEXT), -1, np.int32)
    else:
        context = batch.context.cpu().numpy().astype(np.int32)
    return Rows(token, doc + first, pos, context)


def nothing() -> Block:
    """A block without rows."""
    none = np.zeros(0, np.int64)
    rows = Rows(none.astype(np.int32), none, none, np.zeros((0, CONTEXT), np.int32))
    return Block(rows, Firing(np.zeros(1, np.int64), none.astype(np.int32), none.astype(np.float32)), slice(0, 0))
