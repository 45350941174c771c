"""Writing and reading the pocket model as a Hugging Face folder, offline and quietly."""

from __future__ import annotations

from pathlib import Path

from interp_nb.models.pocket.foreign_types import LanguageModel, Tokenizer

WEIGHTS_FILE = "model.safetensors"


def save_pocket(model: LanguageModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Write what `from_pretrained` reads; the output layer is the embedding, written once.

    As `save_pretrained` writes it, less its progress bar and generation settings.
    """
    from safetensors.torch import save_file

    weights = model.transformer.state_dict(prefix="transformer.")
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    save_file(tensors, folder / WEIGHTS_FILE, {"format": "pt"})
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def load_saved(folder: Path) -> tuple[LanguageModel, Tokenizer]:
    """Read a folder into a Hugging Face model in evaluation mode and its tokenizer."""
    from safetensors.torch import load_file
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    model = GPT2LMHeadModel(GPT2Config.from_pretrained(folder))
    model.load_state_dict(load_file(folder / WEIGHTS_FILE), strict=False)
    model.tie_weights()
    return model.eval(), PreTrainedTokenizerFast.from_pretrained(folder)
