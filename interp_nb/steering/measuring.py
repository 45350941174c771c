"""The cells of a steering sweep, measured: numbers per prompt and per document, before they are averaged.

`steps` yields None after every forward, so that a job can stop there, and a `CellStep` for every cell that is whole.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb import _measures
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.benchmarks import prefix_ids
from interp_nb.steering.coherence import distinct_n, mean_surprise, repetition
from interp_nb.steering.prompts import decoded
from interp_nb.steering.recipe import Steering
from interp_nb.steering.traits import ClassifierTrait, Trait, mass_on
from interp_nb.steering.variants import continue_variants, run_variants
from interp_nb.steering.vectors import SteeringVector

PROMPTS_AT_ONCE: Final = 512
"""Prompts of all strengths together that are measured before the first of their cells is whole."""

Variants = list[list[Steering]]


class Asked(NamedTuple):
    """What a sweep measures."""

    trait: Trait
    """The trait."""
    words: tuple[Int[Tensor, " word"], Int[Tensor, " other"]] | None
    """Its tokens, positive and negative; None for a classifier."""
    prompts: list[list[int]]
    """Token ids of the prompts."""
    documents: list[list[int]]
    """Token ids of the unrelated texts."""
    recipes: list[list[Steering]]
    """What steers, by layer and strength."""
    n_new: int
    """Tokens to go on with."""
    temperature: float
    """Of sampling them; 0 = greedy."""
    n_random: int
    """Random directions for each layer."""
    seed: int
    """Of the random directions, and of sampling."""
    unrelated_is_generated: bool
    """Whether unrelated texts count as generated, but for their first token."""


class Texts(NamedTuple):
    """What one version of the model goes on with."""

    strings: list[str]
    """The texts, without their prompts."""
    coherence: Float[Tensor, "number prompt"]
    """Mean surprise under the unsteered model in nats, repetition, distinct-1, distinct-2."""
    variety: float
    """Distinct-2 over all of them together; NaN of greedy ones."""


class CellStep(NamedTuple):
    """One cell, measured; `row` and `column` None for the unsteered model."""

    row: int | None
    column: int | None
    target: Float[Tensor, " prompt"]
    """The trait."""
    effect: Float[Tensor, " prompt"]
    """How far it moved."""
    mass: Float[Tensor, " prompt"]
    """Probability on its words."""
    coherence: Float[Tensor, "number prompt"]
    """See `Texts`."""
    variety: float
    """See `Texts`."""
    norm_share: Float[Tensor, " prompt"]
    """Length of what was added / length of what was there."""
    kl: Float[Tensor, " document"]
    """Nats per token."""
    random: Float[Tensor, " control"]
    """Mean effect of each random direction."""
    note: str = ""
    """What went wrong; else empty."""


class Measured(NamedTuple):
    """One version of the model, prompt by prompt."""

    target: Float[Tensor, " prompt"]
    """The trait."""
    mass: Float[Tensor, " prompt"]
    """Probability on its words."""
    shares: Float[Tensor, " prompt"]
    """Length of what was added / length of what was there."""
    texts: Texts
    """How it goes on."""


class _Next(NamedTuple):
    """The trait and what was added, by version and prompt."""

    target: Float[Tensor, "variant prompt"]
    mass: Float[Tensor, "variant prompt"]
    shares: Float[Tensor, "variant prompt"]


def steps(model: HookedModel, asked: Asked) -> Iterator[CellStep | None]:
    """Measure the unsteered model, then cell by cell."""
    base = yield from _baseline(model, asked)
    yield base
    per_batch = max(1, PROMPTS_AT_ONCE // len(asked.prompts))
    for row, recipes in enumerate(asked.recipes):
        for first in range(0, len(recipes), per_batch):
            columns = list(range(first, min(first + per_batch, len(recipes))))
            steered = [column for column in columns if not recipes[column].changes_nothing]
            found = (yield from _cells(model, asked, base, row, steered)) if steered else {}
            for column in columns:
                # Not another run: the baseline exactly.
                yield found.get(column, base._replace(row=row, column=column))


def _baseline(model: HookedModel, asked: Asked) -> Generator[None, None, CellStep]:
    n_prompts = len(asked.prompts)
    ((target, mass, _, texts),) = yield from _trait(model, asked, [[]])
    zeros = torch.zeros(n_prompts)
    kl, random = torch.zeros(len(asked.documents)), torch.zeros(asked.n_random)
    return CellStep(None, None, target, target - target, mass, texts.coherence, texts.variety, zeros, kl, random)


def _cells(
    model: HookedModel, asked: Asked, base: CellStep, row: int, columns: list[int]
) -> Generator[None, None, dict[int, CellStep]]:
    """Measure some strengths of one layer."""
    variants = [[asked.recipes[row][column]] for column in columns]
    traits = yield from _trait(model, asked, variants)
    kl = yield from _unrelated(model, asked, variants)
    random = yield from _random(model, asked, base, [recipe for (recipe,) in variants])
    found = {}
    for at, column in enumerate(columns):
        target, mass, shares, texts = traits[at]
        step = CellStep(
            row, column, target, target - base.target, mass, texts.coherence, texts.variety, shares, kl[at],
            random[:, at],
        )  # fmt: skip
        broken = bool(kl[at].isnan().any() | shares.isnan().any()) or (asked.n_new > 0 and not texts.strings)
        found[column] = _without_numbers(step, variants[at][0]) if broken else step
    return found


def _trait(model: HookedModel, asked: Asked, variants: Variants) -> Generator[None, None, list[Measured]]:
    """Measure the trait of every version, what was added, and how it goes on."""
    texts = yield from _texts(model, asked, variants)
    told = yield from _next(model, asked, variants)
    targets = list(told.target)
    if isinstance(asked.trait, ClassifierTrait):
        unknown = torch.full((len(asked.prompts),), math.nan)
        targets = [asked.trait.measure(each.strings) if each.strings else unknown for each in texts]
    return [Measured(*each) for each in zip(targets, told.mass, told.shares, texts, strict=True)]


def _next(model: HookedModel, asked: Asked, variants: Variants) -> Generator[None, None, _Next]:
    """Run the prompts once; of no steering at all, measure the model as it is."""
    unsteered = not any(variants)
    found = _Next(*(torch.full((len(variants), len(asked.prompts)), math.nan) for _ in _Next._fields))
    for batch in run_variants(model, asked.prompts, [] if unsteered else variants, last_position=True):
        logits = batch.base[None] if unsteered else batch.logits
        at = ([0] if unsteered else batch.variants, batch.texts)
        where = torch.tensor(at[0]).unsqueeze(1), torch.tensor(at[1]).unsqueeze(0)
        if asked.words is not None:
            found.target[where], found.mass[where] = mass_on(logits[:, :, -1], *asked.words)
        if not unsteered:
            found.shares[where] = batch.shares
        yield
    return found


def _unrelated(model: HookedModel, asked: Asked, variants: Variants) -> Generator[None, None, Tensor]:
    """Measure KL on unrelated texts: mean over their tokens, begin-of-text left out."""
    n_prefix = len(prefix_ids(model))
    n_prompts = [n_prefix + 1] * len(asked.documents) if asked.unrelated_is_generated else None
    found = torch.full((len(variants), len(asked.documents)), math.nan)
    for batch in run_variants(model, asked.documents, variants, n_prompts=n_prompts):
        for number, logits in zip(batch.variants, batch.logits, strict=True):
            found[number, batch.texts] = _measures.kl(batch.base, logits)[:, n_prefix:].mean(1)
        yield
    return found


def _texts(model: HookedModel, asked: Asked, variants: Variants) -> Generator[None, None, list[Texts]]:
    """Let every version go on, and judge what it says by the unsteered model."""
    nothing = Texts([], torch.full((4, len(asked.prompts)), math.nan), math.nan)
    if not asked.n_new:
        return [nothing] * len(variants)
    told = yield from continue_variants(
        model, asked.prompts, variants, asked.n_new, temperature=asked.temperature, seed=asked.seed
    )
    whole = [number for number in range(len(variants)) if told[number] is not None]
    said = [(prompt, new) for number in whole for prompt, new in zip(asked.prompts, told[number] or (), strict=True)]
    surprises = torch.tensor((yield from _surprise(model, said))).view(len(whole), len(asked.prompts))
    found = [nothing] * len(variants)
    for number, surprise in zip(whole, surprises, strict=True):
        new = told[number] or []
        numbers = [[repetition(ids), distinct_n(ids, 1), distinct_n(ids, 2)] for ids in new]
        coherence = torch.cat([surprise[None], torch.tensor(numbers).T])
        # Of greedy texts it would say how often the likeliest word is the same, whatever the others' odds.
        variety = distinct_over_all(new) if asked.temperature else math.nan
        found[number] = Texts([decoded(model, ids) for ids in new], coherence, variety)
    return found


def _surprise(model: HookedModel, said: Sequence[tuple[list[int], list[int]]]) -> Generator[None, None, list[float]]:
    """Give the unsteered model's mean surprise at what was said after each prompt."""
    found = [math.nan] * len(said)
    whole = [prompt + new for prompt, new in said]
    for batch in run_variants(model, whole, []):
        tokens = torch.tensor([whole[index] for index in batch.texts])
        losses = _measures.ce_loss(batch.base, tokens)
        for row, index in enumerate(batch.texts):
            found[index] = mean_surprise((-losses[row, len(said[index][0]) - 1 :]).tolist())
        yield
    return found


def distinct_over_all(texts: Sequence[Sequence[int]], n: int = 2) -> float:
    """Give the share of n-grams over all texts together that are different, as Li et al. count them.

    NaN where no text has n tokens.
    """
    grams = [tuple(text[at : at + n]) for text in texts for at in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else math.nan


def _random(
    model: HookedModel, asked: Asked, base: CellStep, recipes: list[Steering]
) -> Generator[None, None, Float[Tensor, "control variant"]]:
    """Measure random directions in the vector's place."""
    found = torch.full((asked.n_random, len(recipes)), math.nan)
    for control in range(asked.n_random):
        variants = [[random_like(recipe, asked.seed + control)] for recipe in recipes]
        if asked.words is not None:
            targets = list((yield from _next(model, asked, variants)).target)
        else:
            targets = [measured.target for measured in (yield from _trait(model, asked, variants))]
        for at, target in enumerate(targets):
            found[control, at] = (target - base.target).nanmean()
    return found


def random_like(recipe: Steering, seed: int) -> Steering:
    """Put a random direction with the vector's norm in its place.

    The same seed gives the same direction at every strength, and another one in every layer.
    """
    (layer,) = recipe.chosen_layers
    vector = recipe.vector
    generator = torch.Generator().manual_seed(1_000_003 * seed + layer)
    drawn = torch.randn(1, vector.d_model, generator=generator)
    rows = drawn / drawn.norm() * vector.norm[vector.row(layer)]
    return Steering(
        SteeringVector.of(rows, [layer], site=vector.site, name="random direction", model_name=vector.model_name),
        recipe.strength, operator=recipe.operator, positions=recipe.positions,
    )  # fmt: skip


def _without_numbers(step: CellStep, recipe: Steering) -> CellStep:
    """Take all numbers off a cell whose forward overflowed: some of its prompts would stand for all."""
    unknown: dict[str, Any] = {
        name: torch.full_like(getattr(step, name), math.nan)
        for name in ("target", "effect", "mass", "coherence", "norm_share", "kl")
    }
    (layer,) = recipe.chosen_layers
    note = f"layer {layer} at strength {recipe.strength:g} gave NaN or infinity"
    return step._replace(**unknown, variety=math.nan, note=note)
