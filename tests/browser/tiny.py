"""A tiny GPT-2 with its own tokenizer, saved to a folder, for tests that need any model, and quickly.

Every word of the corpus is one token with its leading space; the weights are random but large enough that two prompts
differ by more than the tenth of a logit under which an effect counts as undefined.
"""

from pathlib import Path

CORPUS = [
    "The Eiffel Tower is in Paris and the Colosseum is in Rome",
    "The Louvre Museum is in Paris and the Pantheon is in Rome",
    "When Mary and John went to the store John gave a drink to Mary",
    "Berlin London Madrid Tokyo",
]
SHAPE = {"n_layer": 3, "n_head": 4, "n_embd": 32, "n_positions": 64}


def make_tiny(folder: Path, words: list[str] | None = None) -> Path:
    """Write a tiny model and its tokenizer to `folder` and return it.

    Args:
        words: Texts that are one token each, whatever is in them.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = make_tokenizer(CORPUS)
    tokenizer.add_tokens(words or [])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0, **SHAPE)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "wte" not in name and "wpe" not in name:
                parameter.mul_(12.0)
            if "wte" in name:
                parameter.mul_(8.0)
    model.save_pretrained(folder)
    return folder


def make_tokenizer(corpus: list[str]):  # type: ignore[no-untyped-def]  # transformers is imported inside
    """Train a byte-level BPE tokenizer that knows every word of `corpus` whole."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # With room for more merges than the corpus has pairs, training ends when every word is one token.
    tokenizer.train_from_iterator([f" {text}" for text in corpus] + corpus, trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=end, eos_token=end, pad_token=end, unk_token=end
    )


# A turnstile in front of every forward: the test decides how far a job gets, however slow the machine.
TURNSTILE = """
import threading
class Turnstile:
    def __init__(self, free):
        self.free, self.changed = free, threading.Condition()
    def __call__(self, *_):
        with self.changed:
            self.changed.wait_for(lambda: self.free > 0)
            self.free -= 1
    def let(self, more):
        with self.changed:
            self.free += more
            self.changed.notify_all()
turnstile = Turnstile({free})
model.ln_final.register_forward_pre_hook(turnstile)
"""


def setup_cell(folder: Path, *, seconds: float = 0.0, forwards: int | None = None) -> str:
    """Return a cell that loads the tiny model and makes a contrast.

    Args:
        seconds: Make every forward of the model this slow, so that a test has time to press a button.
        forwards: Let the model make so many forwards; the next one waits for `turnstile.let(more)`.
    """
    cell = f"""
import time
import torch
import interp_nb as inb
torch.set_num_threads(1)
model = inb.load_model({str(folder)!r})
contrast = inb.Contrast("The Eiffel Tower is in", "The Louvre Museum is in", " Paris", " Rome")
"""
    # The last layer norm runs in every forward, also in those that start at a later layer.
    if seconds:
        cell += f"model.ln_final.register_forward_pre_hook(lambda *_: time.sleep({seconds}))\n"
    if forwards is not None:
        cell += TURNSTILE.format(free=forwards)
    return cell.strip()
