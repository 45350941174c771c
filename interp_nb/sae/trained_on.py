"""Whether a model is the one that an SAE was trained on, as far as the SAE knows: name, treatment, training step."""

from typing import Any, Final

from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE

_SAME_MODEL: Final = ({"gpt2", "gpt2-small"},)
"""Names that TransformerLens and the hub give one model."""


def other_model(sae: SAE, model: HookedModel) -> list[str]:
    """Say how a model differs from the one an SAE was trained on, as far as the SAE knows; nothing if it does not."""
    info = model_info(model)
    known, name = known_model(sae)
    if name is not None and _short(str(name)) != _short(info.name):
        return [f"this SAE was trained on model {name}, this is {info.name}"]
    found = []
    if known.get("fold") is not None and info.fold is not None and bool(known["fold"]) != info.fold:
        found.append(
            f"this SAE was trained on {info.name} loaded with fold={known['fold']}, this one was loaded with "
            f"fold={info.fold}"
        )
    if "step" in known and known["step"] != info.step:
        steps = [
            "the final weights" if step is None else f"training step {step}" for step in (known["step"], info.step)
        ]
        found.append(f"this SAE was trained on {steps[0]} of {info.name}, this is {steps[1]}")
    return found


def known_model(sae: SAE) -> tuple[dict[str, Any], str | None]:
    """Return what an SAE records of the model it was trained on, and that model's name."""
    was = sae.provenance.get("model")
    known: dict[str, Any] = dict(was) if isinstance(was, dict) else {}
    return known, sae.cfg.model or known.get("name")


def _short(name: str) -> str:
    """Write a model's name without its owner on the hub, in one spelling."""
    short = name.rpartition("/")[2].lower()
    return next((min(names) for names in _SAME_MODEL if short in names), short)
