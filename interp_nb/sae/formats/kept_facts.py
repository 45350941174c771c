"""Model and site in configurations that have no place for them: under a key of ours, which their loaders pass over."""

from typing import Any, Final, NamedTuple

from interp_nb.sae.coder import SAE
from interp_nb.sae.formats.processing import fold_known
from interp_nb.sae.formats.sae_lens_said import HOOK
from interp_nb.sae.formats.small_files import Fields

KEY: Final = "interp_nb"


class Kept(NamedTuple):
    """What we wrote beside a family's own settings."""

    model: str | None
    sites: tuple[str, ...]
    fold: bool | None


def kept_facts(sae: SAE, *, besides: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give the key with what is known; nothing where that is nothing.

    Args:
        besides: Facts that the family's own settings say: "model", "sites".
    """
    facts = {"model": sae.cfg.model, "sites": list(sae.cfg.sites) or None, "fold": fold_known(sae)}
    known = {name: value for name, value in facts.items() if value is not None and name not in besides}
    return {KEY: known} if known else {}


def read_kept(fields: Fields, n_sites: int) -> Kept:
    """Read it back; sites only where they are hook names, and as many as there should be.

    Raises:
        SaveFormatError: it is of another kind than we write.
    """
    own = fields.inner(KEY)
    sites = own.values.get("sites")
    whole = isinstance(sites, list) and len(sites) == n_sites
    named = whole and all(isinstance(site, str) and HOOK.fullmatch(site) for site in sites or ())
    return Kept(own.text("model", None), tuple(sites or ()) if named else (), own.flag("fold", None))
