"""Names of Hugging Face modules as hook names of ours: exact names only, nothing is guessed."""

import re
from typing import Final

# What `base_model.named_modules()` calls layers and their parts in the families that libraries train on, with the
# model's own prefix or without: GPT-NeoX, Llama and Gemma (layers.3.attention, layers.3.self_attn), GPT-2 (h.3.attn).
_MODULE: Final = re.compile(
    r"(?:(?:model|transformer|gpt_neox)\.)?(?:layers|h)\.(\d{1,4})(?:\.(mlp|attention|self_attn|attn))?"
)
_POST_NORM: Final = re.compile(r"gemma-?[23]|olmo-?2", re.IGNORECASE)
"""Models that normalize a part's output before it is added: `hook_mlp_out` is after that norm, the module before it."""
_PART: Final = {None: "resid", "mlp": "mlp", "attention": "attn", "self_attn": "attn", "attn": "attn"}


def hook_of_module(name: str, side: str, model: str | None) -> str | None:
    """Give the hook name of a module's input or output; None where nothing says it for sure.

    Args:
        side: "in" or "out".
        model: Name of the model, where the files say it.
    """
    found = _MODULE.fullmatch(name)
    if found is None:
        return None
    layer, part = int(found[1]), _PART[found[2]]
    if part == "resid":
        return f"blocks.{layer}.hook_resid_{'pre' if side == 'in' else 'post'}"
    if side == "in":
        # What enters the part is the norm's output, weight and bias included.
        return f"blocks.{layer}.{part}.hook_in"
    # What the part writes depends on the model, so without its name there is no telling.
    return None if model is None or _POST_NORM.search(model) else f"blocks.{layer}.hook_{part}_out"
