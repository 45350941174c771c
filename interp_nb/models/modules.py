"""A model's PyTorch modules: which are hooked, which are in training mode, and what the model below can do."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from interp_nb.models.protocol import HookedModel

# Hooks that only watch: TransformerLens's own, and those with which transformers notes hidden states and attentions (it
# leaves them on once they were asked for).
_OF_LIBRARIES = ("transformer_lens.", "transformers.utils.output_capturing")


def training_modules(model: HookedModel) -> list[torch.nn.Module]:
    """List the modules of a model that are in training mode, where dropout acts."""
    return [module for module in modules_of(model) if module.training]


def modules_of(model: HookedModel) -> Iterator[torch.nn.Module]:
    """Yield every module of a model and of the Hugging Face model below it, once."""
    # Not `Module.modules()`: its recursion takes tens of milliseconds on a bridge, and this is done for every forward.
    left: list[Any] = [model, getattr(model, "original_model", None)]
    seen: set[int] = set()
    while left:
        module = left.pop()
        if isinstance(module, torch.nn.Module) and id(module) not in seen:
            seen.add(id(module))
            yield module
            left += module._modules.values()


def is_hooked(module: torch.nn.Module) -> bool:
    """Say whether hooks of others than this package and the libraries below are on a module."""
    if not module._forward_hooks and not module._forward_pre_hooks:
        return False
    points = vars(module).get("fwd_hooks")
    if points is not None:  # a hook point of TransformerLens, which knows the functions it was given
        return any(not hasattr(getattr(handle, "user_hook", None), "within") for handle in points)
    attached = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    return any(
        not hasattr(hook, "within") and not str(getattr(hook, "__module__", "")).startswith(_OF_LIBRARIES)
        for hook in attached
    )


@contextmanager
def in_eval_mode(model: HookedModel) -> Iterator[None]:
    """Switch dropout off for one forward, module by module, and back on for those that had it."""
    training = training_modules(model)
    try:
        for module in training:
            # Not `eval()`, nor an assignment: bridge modules hand those on, see `skipped`.
            vars(module)["training"] = False
        yield
    finally:
        for module in training:
            vars(module)["training"] = True


def can_keep_last(model: HookedModel) -> bool:
    """Whether the Hugging Face model below can unembed the last positions only."""
    below = getattr(model, "original_model", None)
    return below is not None and "logits_to_keep" in inspect.signature(below.forward).parameters
