"""Entry `grid`: our patch grid against transformer_lens.patching, in turn, on one machine and the same model object."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from tests.bench.measure import Row, alternate

N_TOKENS = 15


class Shape(NamedTuple):
    """A GPT-2 with random weights; `rounds` of the two engines, one after the other."""

    name: str
    sizes: dict[str, int]
    vocabulary: int
    rounds: int


SMALL = Shape("4 layers x d_model 128", {"n_layer": 4, "n_head": 4, "n_embd": 128, "n_positions": 128}, 4_000, 5)
GPT2_SMALL = Shape("GPT-2-small shape", {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}, 50_257, 2)


def run(full: bool) -> Iterator[Row]:
    """Yield time, ratio, agreement and time to the first cells; `full` adds the GPT-2-small shape (minutes)."""
    for shape in (SMALL, GPT2_SMALL) if full else (SMALL,):
        yield from _compare(shape)


def _compare(shape: Shape) -> Iterator[Row]:
    import interp_nb
    from interp_nb._measures import logit_diff

    model = _model(shape)
    contrast = _contrast()
    prepared = contrast.tokens(model)
    n_pos = prepared.clean.shape[1]

    def metric(logits: torch.Tensor) -> torch.Tensor:
        return logit_diff(logits[:, -1], prepared.answer, prepared.wrong).mean()

    kept: dict[str, Any] = {}

    def ours() -> None:
        kept["ours"] = interp_nb.patch_grid(model, contrast)

    def theirs() -> None:
        kept["theirs"] = _transformer_lens(model, prepared, metric)

    ours()
    times = alternate({"ours": ours, "theirs": theirs}, shape.rounds)
    ratio = times["theirs"].median / times["ours"].median
    name = f"resid_pre grid, {shape.name}, {n_pos} tokens"
    against = "transformer_lens.patching"
    yield Row(
        name,
        times["ours"].median,
        "s",
        ratio,
        against,
        ">= 20x",
        ratio >= 20,
        times["ours"].spread,
        len(times["ours"].kept),
    )
    raw = kept["ours"].per_contrast.mean(0)
    scale = float(kept["theirs"].abs().max())
    worst = float((raw - kept["theirs"]).abs().max()) / scale
    yield Row(f"{name}: largest difference", worst, "of the largest value", None, against, "<= 1e-5", worst <= 1e-5)
    first = _first_cells(model, contrast)
    yield Row(f"{name}: first cells", first, "s", target="< 1 s", ok=first < 1)


def _transformer_lens(model: Any, prepared: Any, metric: Any) -> torch.Tensor:
    from transformer_lens import patching

    # Its progress bar is not the subject.
    patching.tqdm = lambda steps, **_: steps  # type: ignore[assignment]  # what it imported from tqdm.auto
    with torch.no_grad():
        _, cache = model.run_with_cache(prepared.clean)
        return patching.get_act_patch_resid_pre(model, prepared.corrupted, cache, metric)


def _first_cells(model: Any, contrast: Any) -> float:
    import interp_nb
    from interp_nb._show import peek

    began = time.perf_counter()
    grid = interp_nb.patch_grid(model, contrast, live=True)
    while not peek(grid, "state").any():
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    grid.wait()
    return seconds


def _words() -> list[str]:
    # Letters only: the tokenizer cuts numbers off.
    return [f"word{letter}" for letter in "abcdefghijklmnopq"[:N_TOKENS]]


def _contrast() -> Any:
    import interp_nb

    # The prompts differ at one place, a third of the way in, as in the peers' own measurements.
    words = _words()[:-1]
    corrupted = [*words[:4], "other", *words[5:]]
    return interp_nb.Contrast(" ".join(words), " ".join(corrupted), f" {words[0]}", f" {words[1]}")


def _model(shape: Shape) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    import interp_nb
    from tests.browser.tiny import make_tokenizer

    tokenizer = make_tokenizer([" ".join([*_words(), "other"])])
    tokenizer.add_tokens([f"<filler{i}>" for i in range(shape.vocabulary - len(tokenizer))])
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=shape.vocabulary, bos_token_id=0, eos_token_id=0, **shape.sizes)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Larger than at initialization, so that effects are not lost in rounding.
            if parameter.ndim == 2 and "wte" not in name and "wpe" not in name:
                parameter.mul_(3.0)
    return interp_nb.load_model((model, tokenizer))
