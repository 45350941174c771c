"""Starting a forward at a layer: the blocks below pass their input on and cost nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from interp_nb.models.protocol import HookedModel

# Transformers blocks whose forward returns the bare residual stream (the others return tuples, and are simply run).
_RETURNS_TENSOR = frozenset(
    f"{family}DecoderLayer"
    for family in (
        "Llama",
        "Gemma",
        "Gemma2",
        "Qwen2",
        "Qwen3",
        "Mistral",
        "Mixtral",
        "Phi",
        "Phi3",
        "OPT",
        "Olmo",
        "Olmo2",
    )
) | {"GPT2Block", "GPTNeoXLayer"}


@contextmanager
def skipped(model: HookedModel, start_at_layer: int | None, acts: Callable[[], bool]) -> Iterator[None]:
    """Make the blocks below a layer pass their input on, so that starting there saves their cost.

    TransformerLens 4.3 computes the blocks below and throws their output away (`TransformerBridge.forward`, docstring).
    Acts only under the model's lock and where `acts` says so, and is always undone.
    """
    below = list(getattr(model, "blocks", ()))[:start_at_layer] if start_at_layer else []
    below = [b for b in below if type(getattr(b, "original_component", None)).__name__ in _RETURNS_TENSOR]
    try:
        for block in below:
            # Not `block.forward = ...`: a bridge block hands attribute writes on to the Hugging Face module it wraps.
            vars(block)["forward"] = _passing_on(acts, block.forward)
        yield
    finally:
        for block in below:
            vars(block).pop("forward", None)


def _passing_on(acts: Callable[[], bool], compute: Callable[..., Any]) -> Callable[..., Any]:
    """Make a block's forward that returns its input, where `acts` says so."""

    def pass_on(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        return hidden_states if acts() else compute(hidden_states, *args, **kwargs)

    return pass_on
