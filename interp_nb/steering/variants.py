"""Many steered versions of the same texts in few forwards: a batch holds several versions, each on its own rows.

Texts of one length share a batch, so nothing is padded. A version that overflows is run alone and comes out as NaN, or
as no text; the others are not touched by it.
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import NonFiniteError
from interp_nb.models.decoding import Decoder
from interp_nb.models.edit import HookFunction, attach, forward
from interp_nb.models.finite import check_finite
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.apply import Plan, steer
from interp_nb.steering.benchmarks import by_length
from interp_nb.steering.recipe import Steering
from interp_nb.steering.sampling import Sampler
from interp_nb.steering.texts import stop_tokens

TOKENS_AT_ONCE: Final = 8192
"""Tokens of one forward: memory, not result."""
LOGITS_AT_ONCE: Final = 2**25
"""Logits of one forward, 128 MB in float32."""
_LAST_BITS: Final = 8


class VariantBatch(NamedTuple):
    """Some texts in some versions, run."""

    texts: list[int]
    """Which texts."""
    variants: list[int]
    """Which versions."""
    base: Float[Tensor, "text pos d_vocab"]
    """Logits of the texts as they are; the last position alone where no other was asked for."""
    logits: Float[Tensor, "variant text pos d_vocab"]
    """Logits of the versions; NaN where the model gave no numbers."""
    shares: Float[Tensor, "variant text"]
    """Length of what was added / length of what was there, each summed over the steered tokens; 0 = none were."""


def run_variants(
    model: HookedModel,
    texts: Sequence[Sequence[int]],
    variants: Sequence[Sequence[Steering]],
    *,
    last_position: bool = False,
    n_prompts: Sequence[int] | None = None,
) -> Iterator[VariantBatch]:
    """Run texts as they are and in every version, batch by batch.

    Args:
        texts: Token ids.
        variants: What steers each version.
        last_position: Only the logits after the last token are wanted.
        n_prompts: How many tokens of each text count as the prompt; None = all.

    Raises:
        NonFiniteError: the unsteered model gives NaN or infinity.
    """
    n_vocab = int(model.cfg.d_vocab)
    for n_pos, group in by_length(texts).items():
        rows = min(TOKENS_AT_ONCE // n_pos, LOGITS_AT_ONCE // (n_vocab * (1 if last_position else n_pos)))
        at_once = max(1, min(len(group), rows // 2))
        for first in range(0, len(group), at_once):
            some = group[first : first + at_once]
            tokens = torch.tensor([list(texts[index]) for index in some], device=_device(model))
            lengths = None if n_prompts is None else [n_prompts[index] for index in some]
            per_forward = max(1, rows // len(some) - 1)
            for start in range(0, max(1, len(variants)), per_forward):
                numbers = list(range(start, min(start + per_forward, len(variants))))
                yield from _run(model, tokens, some, variants, numbers, last_position, lengths)


def _run(
    model: HookedModel, tokens: Int[Tensor, "text pos"], texts: list[int], variants: Sequence[Sequence[Steering]],
    numbers: list[int], last_position: bool, n_prompts: list[int] | None,
) -> Iterator[VariantBatch]:  # fmt: skip
    try:
        logits, shares = _forward(model, tokens, [variants[number] for number in numbers], last_position, n_prompts)
        broken = not bool(logits.isfinite().all())
    except NonFiniteError:
        broken = True
    if not broken:
        yield VariantBatch(texts, numbers, logits[0], logits[1:], shares)
    elif len(numbers) > 1:
        for number in numbers:
            yield from _run(model, tokens, texts, variants, [number], last_position, n_prompts)
    else:
        base, _ = _forward(model, tokens, [], last_position, n_prompts)
        check_finite(base, "the unsteered model's logits")
        nothing = torch.full((len(numbers), *base.shape[1:]), torch.nan)
        yield VariantBatch(texts, numbers, base[0], nothing, nothing[:, :, 0, 0])


def _forward(
    model: HookedModel, tokens: Int[Tensor, "text pos"], variants: Sequence[Sequence[Steering]], last_position: bool,
    n_prompts: list[int] | None,
) -> tuple[Float[Tensor, "version text pos_out d_vocab"], Float[Tensor, "variant text"]]:  # fmt: skip
    """Run the texts as they are, then every version, in one batch."""
    n_texts, n_versions = len(tokens), len(variants) + 1
    owner = torch.arange(n_versions).repeat_interleave(n_texts)
    recipes, rows = _on_rows([[], *variants], owner)
    watched = _Watched(n_texts, n_versions)
    places: dict[str, list[int]] = {}
    for number, variant in enumerate(variants):
        if variant:
            places.setdefault(_first_place(variant), []).append(number)
    hooks = [(name, watched.hook(numbers)) for name, numbers in places.items()]
    lengths = None if n_prompts is None else n_prompts * n_versions
    with steer(model, recipes, n_prompt=lengths, rows=rows):
        logits = forward(model, tokens.repeat(n_versions, 1), hooks=hooks, last_position=last_position)
    return logits.float().view(n_versions, n_texts, *logits.shape[1:]).cpu(), watched.shares


def continue_variants(
    model: HookedModel, texts: Sequence[Sequence[int]], variants: Sequence[Sequence[Steering]], n_new: int, *,
    temperature: float, seed: int,
) -> Generator[None, None, dict[int, list[list[int]] | None]]:  # fmt: skip
    """Let every version go on with the texts; yields after every forward.

    All versions of a text are sampled with the same noise: what differs is the steering's.

    Args:
        temperature: 0 = greedy.

    Returns:
        By version, the new tokens of each text, up to end-of-text; None for versions that overflow.
    """
    found: dict[int, list[list[int]] | None] = {number: [[] for _ in texts] for number in range(len(variants))}
    for group in by_length(texts).values():
        left = [number for number in found if found[number] is not None]
        per_batch = max(1, TOKENS_AT_ONCE // (len(group) * len(texts[group[0]])))
        for start in range(0, len(left), per_batch):
            numbers = left[start : start + per_batch]
            yield from _continue(model, texts, group, variants, numbers, n_new, temperature, seed, found)
    return found


def _continue(
    model: HookedModel, texts: Sequence[Sequence[int]], group: list[int], variants: Sequence[Sequence[Steering]],
    numbers: list[int], n_new: int, temperature: float, seed: int, found: dict[int, list[list[int]] | None],
) -> Generator[None, None, None]:  # fmt: skip
    tokens = torch.tensor([list(texts[index]) for index in group], device=_device(model)).repeat(len(numbers), 1)
    owner = torch.arange(len(numbers)).repeat_interleave(len(group))
    recipes, rows = _on_rows([variants[number] for number in numbers], owner)
    ends = stop_tokens(model)
    n_ctx = int(getattr(model.cfg, "n_ctx", None) or tokens.shape[1] + n_new)
    decoder, new = Decoder(model), tokens
    plan = Plan(model, recipes, n_prompt=tokens.shape[1], rows=rows)
    sampler = Sampler(len(texts), 1, temperature=temperature, seed=seed)
    told: list[Tensor] = []
    try:
        with attach(model, plan.hooks, around=plan.around) as acting:
            for _ in range(min(n_new, n_ctx - tokens.shape[1])):
                # Between two forwards the caller may run the model for itself.
                with acting():
                    logits = decoder.step(new)
                if not bool(logits.isfinite().all()):
                    raise NonFiniteError("the steered forward gave NaN or infinity")
                noise = sampler.noise(logits[:1].expand(len(texts), -1))
                shared = None if noise is None else noise[group].repeat(len(numbers), 1)
                new = sampler.choose(logits, shared).unsqueeze(1)
                told.append(new)
                yield
                if ends and bool(
                    torch.isin(torch.cat(told, 1), torch.tensor(sorted(ends), device=new.device)).any(1).all()
                ):
                    break
    except NonFiniteError:
        if len(numbers) == 1:
            found[numbers[0]] = None
            return
        for number in numbers:
            yield from _continue(model, texts, group, variants, [number], n_new, temperature, seed, found)
        return
    ids = torch.cat(told, 1).tolist() if told else [[] for _ in owner]
    for row, (which, index) in enumerate((which, index) for which in numbers for index in group):
        own = found[which]
        assert own is not None
        own[index] = list(takewhile(lambda token: token not in ends, ids[row]))


def _on_rows(
    variants: Sequence[Sequence[Steering]], owner: Int[Tensor, " batch"]
) -> tuple[list[Steering], Bool[Tensor, "recipe batch"]]:
    """List the recipes of some versions, and the rows that each of them steers."""
    owned = [(recipe, owner == number) for number, variant in enumerate(variants) for recipe in variant]
    rows = [mask for _, mask in owned]
    return [recipe for recipe, _ in owned], torch.stack(rows) if rows else torch.zeros(0, len(owner), dtype=torch.bool)


class _Watched:
    """How much steering added, version by version."""

    def __init__(self, n_texts: int, n_versions: int) -> None:
        self._shape = (n_versions, n_texts)
        self.shares = torch.zeros(n_versions - 1, n_texts)

    def hook(self, numbers: list[int]) -> HookFunction:
        """Make a hook that reads the versions which are steered here first: above, the change is on its way already."""

        def read(activation: Tensor, hook: Any) -> None:
            x = activation.detach().float().flatten(2)
            x = x.view(*self._shape, *x.shape[1:])
            there = x[:1].norm(dim=-1)
            moved = (x[[number + 1 for number in numbers]] - x[:1]).norm(dim=-1)
            # Tokens that are not steered may differ in their last bits.
            changed = moved > _LAST_BITS * torch.finfo(activation.dtype).eps * there
            # Sums before their ratio: tokens with a small norm would decide a mean of ratios.
            added, under = ((each * changed).sum(-1) for each in (moved, there.expand_as(moved)))
            self.shares[numbers] = torch.where(under > 0, added / under, 0.0).cpu()

        return read


def _first_place(variant: Sequence[Steering]) -> str:
    places = [(layer, recipe.vector) for recipe in variant for layer in recipe.chosen_layers]
    layer, vector = min(places, key=lambda place: place[0])
    return vector.hook_names[vector.row(layer)]


def _device(model: HookedModel) -> torch.device:
    return torch.device(getattr(model.cfg, "device", None) or "cpu")
