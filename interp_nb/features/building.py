"""`feature_store`: one pass over text that counts, per latent, all that a store keeps.

Here is what callers say, and what is refused; the pass itself is in `build`.
"""

import os
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor

from interp_nb._atomic import alone
from interp_nb._errors import ConfigError, DiskError
from interp_nb.features.build import CHUNK, Build
from interp_nb.features.estimating import check_fits
from interp_nb.features.incoming import identity_of, rows_of
from interp_nb.features.latents import latents_of
from interp_nb.features.manifest import LOCK, MANIFEST, check_folder
from interp_nb.features.statistics import Settings
from interp_nb.features.store import TEMPORARY, FeatureStore, open_store
from interp_nb.models.edit import is_edited
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.batches import ActivationSource
from interp_nb.sae.coder import SAE
from interp_nb.sae.reading import Reading
from interp_nb.sae.records import check_count


def feature_store(
    sae: SAE | str | Tensor,
    model: HookedModel | None,
    data: Any,
    path: str | PathLike[str] | None = None,
    *,
    site: str | Sequence[str] | None = None,
    layer: int | Sequence[int] | None = None,
    n_tokens: int | None = None,
    n_top: int = 20,
    n_sampled: int = 50,
    n_bands: int = 5,
    n_tokens_kept: int = 24,
    snapshot_every: int = 1_000_000,
    max_bytes: int | None = None,
    seed: int = 0,
    batch_tokens: int | None = None,
    append: bool = False,
    progress: bool | None = None,
    **reading: Any,
) -> FeatureStore:
    """Read text once and keep, per latent, what it fires on; return the store.

    Firing counts, histograms, top examples, a uniform sample of firings, token statistics, co-firing latents, logits,
    decoder neighbors and geometry, in memory that does not grow with the text. In a folder that holds an unfinished
    store of the same SAE, model and data, it goes on; a finished one is returned as it is.

    Args:
        sae: An SAE, transcoder or crosscoder; "neurons", of a site; or directions `[n d_in]`.
        model: May be None where the data are an `ActivationSource`; there are no logits then.
        data: As `harvest` takes it, or an `ActivationSource`.
        path: Folder of the store; None = a temporary one that goes when the store does.
        site: Where neurons or directions are, "mlp_post" unless given; of an SAE, in place of what its card says.
        n_tokens: Tokens read at most; None = all.
        n_top: Top examples a latent, at most one from a window of 128 tokens.
        n_sampled: Firings a latent drawn uniformly; sorted by strength they make the `n_bands` quantile bands.
        n_tokens_kept: Tokens a latent whose firings are counted.
        snapshot_every: Tokens after which everything is written: what a crash loses at most; no fewer than 16,384.
        max_bytes: Memory that may be used; None = half of what is available.
        batch_tokens: Tokens encoded at once, 512 at most; changes memory, not the result.
        append: Add other data to a finished store.
        progress: Show a bar; None = at a terminal.
        **reading: Fields of `Reading`, as `harvest` takes them.

    Raises:
        StoreMismatchError: the folder holds a store of another SAE, model, settings or data; says which differ.
        MemoryBudgetError: it does not fit; names what to lower.
        DataError: the data are empty, or not what they were.
        DiskError: the disk is full; the last snapshot stays.

    Cost: one pass of the model up to the site, and of the encoder; statistics add at most a third of the latter.

    Example:
        >>> store = feature_store(load_sae("pocket"), load_model(), texts)  # doctest: +SKIP
        >>> store  # doctest: +SKIP
        FeatureStore(pocket blocks.1.hook_resid_post, 2048 latents, 100000 tokens, 1801 alive)
    """
    settings = Settings(n_top, n_sampled, n_tokens_kept, seed)
    _check_settings(settings, n_bands, snapshot_every, n_tokens, batch_tokens)
    latents = latents_of(sae, model, site, layer)
    if latents.sae is not None and latents.sae.architecture.signed:
        warnings.warn(
            f"latents of a {latents.sae.cfg.architecture} SAE also fire below 0; a store holds where they are above 0",
            stacklevel=2,
        )
    source = rows_of(data, model, latents, n_tokens, reading)
    if path is not None and model is not None and is_edited(model):
        raise ConfigError(
            "a store must hold the model's own activations, and this model is being edited; leave it first"
        )
    bands = {"n_bands": n_bands, "snapshot_every": snapshot_every}
    identity = identity_of(latents, model, source, {**settings._asdict(), **bands})
    check_fits(latents, source, settings, max_bytes, n_tokens)
    held = tempfile.TemporaryDirectory(prefix=TEMPORARY) if path is None else None
    folder = Path(held.name if held is not None else path)  # type: ignore[arg-type]
    with _alone(folder):
        build = Build(folder, latents, model, source, settings, identity)
        if build.needs_work(n_tokens, append=append):
            build.run(n_tokens, snapshot_every, min(CHUNK, batch_tokens or CHUNK), progress)
    return open_store(folder, latents=latents, model=model, held=held)


def append_to(
    store: FeatureStore, data: Any, model: HookedModel | None, *, n_tokens: int | None = None,
    max_bytes: int | None = None, batch_tokens: int | None = None, progress: bool | None = None,
) -> None:  # fmt: skip
    """Read more text into a store, see `FeatureStore.append`."""
    settings = dict(store.provenance["settings"])
    bands = {name: settings.pop(name) for name in ("n_bands", "snapshot_every")}
    kept, latents, reading = Settings(**settings), store.source, store.provenance["reading"] or {}
    names = {name: reading[name] for name in reading if name in Reading.__dataclass_fields__}
    source = rows_of(data, model, latents, n_tokens, {} if isinstance(data, ActivationSource) else names)
    identity = identity_of(latents, model, source, {**kept._asdict(), **bands})
    check_fits(latents, source, kept, max_bytes, n_tokens)
    with _alone(store.path):
        build = Build(store.path, latents, model, source, kept, identity)
        if build.needs_work(n_tokens, append=True):
            build.run(n_tokens, bands["snapshot_every"], min(CHUNK, batch_tokens or CHUNK), progress)


def _alone(folder: Path) -> AbstractContextManager[int]:
    """Keep two builds of one store apart: each removes the generations it does not know."""
    if not (folder / MANIFEST).is_file():
        check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"{folder} could not be made ({error}): give another path") from error
    if not os.access(folder, os.W_OK):
        return nullcontext(-1)  # nobody builds there; a finished store may be read
    return alone(folder / LOCK, busy=f"{folder} is being built by another process or thread; wait until that is done")


def _check_settings(
    settings: Settings, n_bands: int, snapshot_every: int, n_tokens: int | None, batch_tokens: int | None
) -> None:
    for name in ("n_top", "n_sampled", "n_tokens_kept"):
        check_count(name, getattr(settings, name))
    for name, value in (("n_bands", n_bands), ("snapshot_every", snapshot_every)):
        check_count(name, value)
    for name, given in (("n_tokens", n_tokens), ("batch_tokens", batch_tokens)):
        if given is not None:
            check_count(name, given)
    if n_bands > settings.n_sampled:
        raise ConfigError(f"n_bands must be at most n_sampled={settings.n_sampled}, got {n_bands}")
    if isinstance(settings.seed, bool) or not 0 <= settings.seed < 2**63:
        raise ConfigError(f"seed must be a whole number from 0, got {settings.seed!r}")
