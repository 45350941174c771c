"""What a loaded model is: the facts that results keep as their provenance."""

from typing import Any, NamedTuple


class ModelInfo(NamedTuple):
    """Where a model came from and how its weights were treated."""

    name: str
    """What `load_model` was asked for, or the model's own name for a model loaded elsewhere."""
    fold: bool | None
    """True when layer norms were folded and weights centered; None when this package did not load the model."""
    step: int | None
    """Training step of the checkpoint; None = the final weights."""
    dtype: str
    """Precision of the weights, such as "float32"."""
    device: str
    """Device the model was loaded on, such as "cpu" or "cuda:0"."""
    architecture: str
    """Class of the underlying model, such as "GPT2LMHeadModel"."""


def model_info(model: Any) -> ModelInfo:
    """Say where a model came from, whoever loaded it."""
    info = getattr(model, "interp_nb", None)
    if isinstance(info, ModelInfo):
        return info
    cfg = getattr(model, "cfg", None)
    return ModelInfo(
        name=str(getattr(cfg, "model_name", None) or type(model).__name__),
        fold=None,
        step=None,
        dtype=str(getattr(cfg, "dtype", "unknown")).removeprefix("torch."),
        device=str(getattr(cfg, "device", "unknown")),
        architecture=str(getattr(cfg, "architecture", None) or type(model).__name__),
    )
