"""`steering_sweep`: what a vector does and what it costs, at every layer and strength.

1. The unsteered model is measured once. Cells at strength 0 are a copy of that, not another run.
2. Cell by cell, many in one forward: the trait after the prompts, KL on unrelated text, how the prompts go on.
3. Random directions with the vector's norm are run for the trait alone.

What is not here: the batches (`variants`), the result (`sweep_result`), choosing a cell (`choosing`).
"""

import math
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import torch

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job
from interp_nb._show import Live, peek
from interp_nb.models.chat import Chat, chat_text, chat_tokens, is_chat
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.benchmarks import Text, token_ids, unrelated_texts
from interp_nb.steering.choosing import KL_MAX, MASS_MIN, Bounds
from interp_nb.steering.coherence import DISTINCT_SHARE
from interp_nb.steering.filling import fill
from interp_nb.steering.measuring import Asked, CellStep, steps
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.recipe import Positions, Steering
from interp_nb.steering.sampling import Sampler
from interp_nb.steering.sweep_result import MEASURES, SteeringSweep
from interp_nb.steering.traits import ClassifierTrait, TokenMass, Trait
from interp_nb.steering.vectors import SteeringVector

STRENGTHS: Final = (-2.0, -1.4, -1.0, -0.7, -0.5, -0.35, -0.25, 0.0, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""Both ways in steps of the square root of 2: what steering does changes with the strength's order of magnitude."""


def steering_sweep(
    model: HookedModel,
    vector: SteeringVector,
    prompts: Sequence[str | Chat] | Chat,
    trait: Trait,
    *,
    strengths: Sequence[float | int] = STRENGTHS,
    layers: Sequence[int] | None = None,
    operator: str = "add",
    positions: Positions = "all",
    unrelated: Sequence[Text] | None = None,
    n_new: int = 20,
    temperature: float | int = 1.0,
    n_random: int = 5,
    toward: str = "positive",
    kl_max: float = KL_MAX,
    distinct_min: float = DISTINCT_SHARE,
    mass_min: float = MASS_MIN,
    seed: int = 0,
    live: bool = False,
    progress: bool | None = None,
) -> SteeringSweep:
    """Measure a steering vector's effect and price at every layer and strength.

    Target: the trait after each prompt. Price: KL(unsteered || steered) on unrelated text, mean over tokens; perplexity
    under the unsteered model, repetition and distinct-n of what the steered model goes on with, up to end-of-text.
    Intervals resample prompts, and documents for KL.

    Args:
        vector: One vector per layer to be swept.
        prompts: Texts or chats where the trait is open; others than the vector was made from.
        trait: `TokenMass` of the next token, or `ClassifierTrait` of the texts that are generated.
        strengths: Columns of the grid.
        layers: Rows; None = every layer the vector has.
        operator: How the vector acts, see `Steering`.
        positions: Where it acts, see `Steering`. With "generated", unrelated text counts as generated.
        unrelated: Texts that have nothing to do with the trait, or their token ids; None = the pocket world's
            families that carry no trait, for the pocket model only.
        n_new: Tokens to go on with; 0 = coherence is not measured.
        temperature: Of sampling them, all cells with the same noise; 0 = greedy, and then nothing can be said of the
            variety over all texts.
        n_random: Random directions with the vector's norm that the effect is compared with.
        toward: "positive" = more of the trait is wanted, "negative" = less.
        kl_max: Most KL that `choice` may cost, nats per token.
        distinct_min: Least distinct-2 of a choice, as a share of the baseline's.
        mass_min: Least mass on the trait's words, as a share of the baseline's.
        seed: Of the random directions, and of sampling.
        live: Return at once; a background job fills the grid, `.wait()` or reading a number waits for it, `.stop()`
            ends it and keeps what is there.
        progress: Show a bar; None = at a terminal.

    Returns:
        SteeringSweep [layer strength]. An interrupt (KeyboardInterrupt) of the blocking call warns and returns what was
        measured. Cells that overflow are NaN, and `notes` names them.

    Raises:
        ConfigError: no strengths or prompts, strengths twice, or unrelated texts missing.
        VectorMismatchError: the vector is of another model, or lacks a layer.
        PromptError: a prompt is empty or longer than the context.
        AnswerTokenError: a word of the trait is several tokens.

    Cost: for each cell a forward of all prompts and of all unrelated texts, `n_random` more of the prompts, and
        `n_new` new tokens for each prompt; with a `ClassifierTrait`, `n_new` for each random direction too.
    """
    chosen = _strengths(strengths)
    rows = _layers(model, vector, layers)
    texts = _prompts(model, prompts)
    check_numbers(trait, n_new, n_random, toward)
    # Refuses a temperature that makes no sense now, not in the job.
    Sampler(0, 1, temperature=temperature)
    latent = operator in ("set", "scale")
    recipes = [[Steering(vector, each, operator=operator, positions=positions, layers=[row]) for each in chosen]
               for row in rows]  # fmt: skip
    documents = [token_ids(model, text) for text in unrelated_texts(model, unrelated)]
    asked = Asked(
        trait=trait, words=trait.tokens(model) if isinstance(trait, TokenMass) else None, prompts=texts,
        documents=documents, recipes=recipes, n_new=n_new, temperature=float(temperature),
        n_random=0 if latent else n_random, seed=seed,
        unrelated_is_generated=isinstance(positions, str) and positions == "generated",
    )  # fmt: skip
    bounds = Bounds(float(kl_max), float(distinct_min), float(mass_min))
    facts = {
        "function": "steering_sweep", "operator": operator, "positions": _plain(positions), "n_new": n_new,
        "temperature": float(temperature), "n_random": n_random, "seed": seed,
        "unrelated": "pocket" if unrelated is None else "given", "vector": vector.provenance,
        "model": model_info(model)._asdict(),
    }  # fmt: skip
    sweep = _empty(model, vector, asked, _written(model, prompts), rows, chosen, bounds, toward, facts)
    if latent and n_random:
        sweep.notes.append(f"random directions have no latent to {operator}: none were run")
    _run(model, asked, sweep, live=live, progress=progress)
    return sweep


def _run(model: HookedModel, asked: Asked, sweep: SteeringSweep, *, live: bool, progress: bool | None) -> None:
    from tqdm.auto import tqdm

    hidden = True if live else None if progress is None else not progress
    with tqdm(total=sweep.done.numel(), unit="cell", disable=hidden) as bar:

        def on_step(step: CellStep | None) -> None:
            if step is not None:
                fill(sweep, step)
                if step.row is not None:
                    bar.update()

        job = Job(partial(steps, model, asked), on_step=on_step, name=f"steering_sweep {sweep.name}")
        sweep._live.job = job
        if live:
            object.__setattr__(sweep, "_headless", True)
            job.start()
            return
        job.run()
    if job.state == "interrupted":
        n_done = int(peek(sweep, "done").sum())
        warnings.warn(
            f"steering_sweep was interrupted: {n_done} of {sweep.done.numel()} cells are there, the others are NaN",
            stacklevel=3,
        )


def _empty(
    model: HookedModel, vector: SteeringVector, asked: Asked, prompts: list[str], layers: list[int],
    strengths: list[float], bounds: Bounds, toward: str, facts: dict[str, Any],
) -> SteeringSweep:  # fmt: skip
    shape, n_measures = (len(layers), len(strengths)), len(MEASURES)

    def nothing(*before: int, after: tuple[int, ...] = ()) -> torch.Tensor:
        return torch.full((*before, *shape, *after), math.nan)

    return SteeringSweep(
        name=vector.name,
        trait=asked.trait.name,
        site=vector.site,
        layers=layers,
        strengths=strengths,
        value=nothing(n_measures),
        low=nothing(n_measures),
        high=nothing(n_measures),
        baseline=torch.full((n_measures,), math.nan),
        per_prompt=nothing(after=(len(prompts),)),
        kl_per_document=nothing(after=(len(asked.documents),)),
        random=nothing(asked.n_random),
        done=torch.zeros(shape, dtype=torch.bool),
        prompts=prompts,
        n_documents=len(asked.documents),
        bounds=bounds,
        toward=toward,
        notes=[vector.note] if vector.note else [],
        model_name=model_info(model).name,
        provenance=facts,
        _live=Live(model),
    )


def _strengths(given: Sequence[float | int]) -> list[float]:
    found = [float(each) + 0.0 for each in given]
    if not found or len(set(found)) < len(found) or not all(math.isfinite(each) for each in found):
        raise ConfigError(f"strengths must be finite numbers, at least one and none twice, got {list(given)}")
    return found


def _layers(model: HookedModel, vector: SteeringVector, given: Sequence[int] | None) -> list[int]:
    check_model(vector, model)
    layers = list(vector.layers if given is None else given)
    if not layers or len(set(layers)) < len(layers):
        raise ConfigError(f"layers must be at least one and none twice, got {layers}")
    for layer in layers:
        vector.row(layer)
    return layers


def _prompts(model: HookedModel, given: Any) -> list[list[int]]:
    if isinstance(given, str) or not len(given):
        raise ConfigError("prompts must be a list of texts, at least one; of one prompt there are no intervals")
    if is_chat(given):
        raise ConfigError("prompts must be a list of chats, got one chat; put it into a list")
    return [
        [int(token) for token in chat_tokens(model, prompt)[0]] if is_chat(prompt) else token_ids(model, prompt)
        for prompt in given
    ]


def _written(model: HookedModel, given: Sequence[Any]) -> list[str]:
    return [each if isinstance(each, str) else chat_text(model, each) for each in given]


def check_numbers(trait: Any, n_new: int, n_random: int, toward: str) -> None:
    """Refuse what a sweep cannot measure.

    Raises:
        ConfigError: no trait, or numbers that make no sense.
    """
    if not isinstance(trait, (TokenMass, ClassifierTrait)):
        raise ConfigError(f"trait must be a TokenMass or a ClassifierTrait, got {type(trait).__name__}")
    if n_new < 0 or n_random < 0:
        raise ConfigError(f"n_new and n_random must be at least 0, got {n_new} and {n_random}")
    if isinstance(trait, ClassifierTrait) and not n_new:
        raise ConfigError("a ClassifierTrait judges generated text: n_new must be at least 1, got 0")
    if toward not in ("positive", "negative"):
        raise ConfigError(f"toward must be 'positive' or 'negative', got {toward!r}")


def _plain(positions: Positions) -> str:
    return positions if isinstance(positions, str) else repr(positions)
