"""How the weights of the model were treated that an SAE was trained on, as SAELens's files and its list say it.

They name options of `HookedTransformer.from_pretrained_no_processing`, none of which is on by itself.
"""

from typing import Any, Final

from interp_nb.sae.coder import SAE

KEY: Final = "model_from_pretrained_kwargs"
_FOLDING: Final = ("fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases")
"""Options that change what hooks see; the others say where and in which precision."""


def said_of(*places: Any) -> dict[str, bool]:
    """Read what the first of several settings says of folding and centering; empty where none does."""
    for place in places:
        given = place.get(KEY) if isinstance(place, dict) else None
        if isinstance(given, dict) and (found := {name: given[name] for name in _FOLDING
                                                  if isinstance(given.get(name), bool)}):  # fmt: skip
            return found
    return {}


def fold_of(said: dict[str, bool]) -> bool | None:
    """Say whether the model was folded or centered; None where nothing says it."""
    return any(said.values()) if said else None


def in_words(said: dict[str, bool]) -> str:
    """Write what the model's weights were, and how to load such a model here."""
    options = ", ".join(f"{name}={str(value).lower()}" for name, value in said.items())
    what = "folded or centered" if fold_of(said) else "as they are, neither folded nor centered"
    return f"{what} ({options}): load_model(..., fold={fold_of(said)})"


def note_fold_(sae: SAE, fold: bool | None) -> None:
    """Record it as SAEs that were trained here do, so that another treatment is noticed."""
    if fold is not None:
        known = sae.provenance.get("model") or {}
        name = {} if sae.cfg.model is None else {"name": sae.cfg.model}
        sae.provenance["model"] = name | known | {"fold": fold}


def fold_known(sae: SAE) -> bool | None:
    """Read it off an SAE's provenance."""
    was = sae.provenance.get("model")
    fold = was.get("fold") if isinstance(was, dict) else None
    return fold if isinstance(fold, bool) else None


def as_options(fold: bool | None) -> dict[str, bool]:
    """Write it as SAELens does; nothing where it is unknown."""
    if fold is None:
        return {}
    return dict.fromkeys(_FOLDING[:3], True) if fold else {"center_writing_weights": False}
