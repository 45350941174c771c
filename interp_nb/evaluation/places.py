"""Where an SAE is evaluated, and whether that is where it was trained: refusals that say both sides."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from interp_nb._errors import ConfigError
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import check_hook
from interp_nb.sae.coder import SAE
from interp_nb.sae.directions import sites_of
from interp_nb.sae.reading import site_names, site_widths
from interp_nb.sae.trained_on import known_model, other_model

_WAY_OUT: Final = "allow_mismatch=True evaluates it all the same, and the report says so"


class Places(NamedTuple):
    """Where an SAE reads and writes in a model."""

    reads: tuple[str, ...]
    """Hook names of what it reads."""
    writes: tuple[str, ...]
    """Hook names of what it writes."""
    notes: list[str]
    """What does not match, where that was allowed, and what the SAE does not say."""


def places_of(
    sae: SAE,
    model: HookedModel,
    site: str | Sequence[str] | None,
    layer: int | Sequence[int] | None,
    *,
    allow_mismatch: bool,
) -> Places:
    """Find where an SAE reads and writes, and refuse a model, site or folding that is not the one it was trained on.

    Raises:
        ConfigError: naming both sides; or it names no site, and none was given; or it does not read rows.
        HookNameError: the model has no such site.
    """
    if sae.architecture.reads_sequences:
        raise ConfigError(
            f"a {sae.cfg.architecture} SAE reads whole documents, and what is measured here is of rows on their own; "
            "measure what its encode and decode give with sae.metrics"
        )
    own = sites_of(sae)
    notes = [*_other_site(sae, model, site, layer), *other_model(sae, model)]
    if notes and not allow_mismatch:
        raise ConfigError(f"{'; '.join(notes)}. Its numbers would say little of it; {_WAY_OUT}")
    reads, writes = own if site is None else _given(sae, site_names(model, site, layer))
    if len(reads) != sae.cfg.n_sites or len(writes) != sae.cfg.n_sites:
        raise ConfigError(
            f"this SAE does not say where it reads and writes ({', '.join(sae.cfg.sites) or 'no site'}); give site=, a "
            "full hook name such as 'blocks.1.hook_resid_post'" + (", inputs and then outputs" * sae.has_own_targets)
        )
    for name in (*reads, *writes):
        check_hook(model, name)
    widths = site_widths(model, (*reads, *writes))
    for what, names, width in (("reads", reads, sae.cfg.d_in), ("writes", writes, sae.cfg.output_width)):
        if (found := sum(widths[name] for name in names)) != width:
            raise ConfigError(
                f"this SAE {what} rows of width {width}, {' + '.join(names)} of {model_info(model).name} has {found}: "
                "it is of another model or site"
            )
    return Places(reads, writes, [*notes, *_unsaid(sae, model)])


def _unsaid(sae: SAE, model: HookedModel) -> list[str]:
    """Say what could not be held against the model, since the SAE does not record it."""
    (known, name), info = known_model(sae), model_info(model)
    if name is None:
        return [f"this SAE does not say which model it was trained on: that it is {info.name} was taken on trust"]
    if known.get("fold") is not None and info.fold is None:
        return [
            f"this SAE was trained on {name} loaded with fold={known['fold']}; how this one was loaded is not known"
        ]
    return []


def _other_site(
    sae: SAE, model: HookedModel, site: str | Sequence[str] | None, layer: int | Sequence[int] | None
) -> list[str]:
    if site is None:
        if layer is not None:
            raise ConfigError(f"layer={layer} needs site= as well")
        return []
    given = site_names(model, site, layer)
    own = sites_of(sae)
    if not sae.cfg.sites or given in (sae.cfg.sites, own[0]):
        return []
    return [f"this SAE was trained on {' -> '.join(sae.cfg.sites)}, site= asks for {' -> '.join(given)}"]


def _given(sae: SAE, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide the sites a caller gave into those that are read and those that are written."""
    if not sae.has_own_targets:
        return names, names
    if len(names) == sae.cfg.n_sites:
        return names, sites_of(sae)[1]
    return names[: sae.cfg.n_sites], names[sae.cfg.n_sites :]
