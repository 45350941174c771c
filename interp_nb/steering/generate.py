"""`generate`: what a model says, unsteered and steered side by side; all at once, streamed, or in the background.

How a step is made is in `generating`, what comes out in `generation`.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job
from interp_nb._show import Live
from interp_nb.models.edit import is_within_edit
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.generating import Run, Settings
from interp_nb.steering.generation import Applied, Generation
from interp_nb.steering.prompts import read_prompts, strings
from interp_nb.steering.recipe import Steering, recipes
from interp_nb.steering.texts import StepToken


class GenerationStep:
    """What one forward of a generation brought.

    Args:
        step: Its number, from 0.
        baseline: Per text its new token; None where the text was over.
        steered: The same of the steered texts.
        generation: Makes the whole as far as it has come.
    """

    def __init__(
        self,
        step: int,
        baseline: list[StepToken | None],
        steered: list[StepToken | None],
        generation: Callable[[], Generation],
    ) -> None:
        self.step, self.baseline, self.steered = step, baseline, steered
        self._generation = generation

    @property
    def generation(self) -> Generation:
        """Everything as far as it has come when this is read, captures left out until the stream is over."""
        return self._generation()

    def __repr__(self) -> str:
        """One line: the step and its new tokens."""
        said = [
            f"{name} {[None if each is None else each.string for each in tokens]}"
            for name, tokens in (("baseline", self.baseline), ("steered", self.steered))
            if tokens
        ]
        return f"GenerationStep({', '.join([str(self.step), *said])})"


def generate(
    model: HookedModel,
    prompt: Any,
    *,
    steering: Any = None,
    n_new: int = 40,
    temperature: float | int = 0.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
    seed: int = 0,
    n_samples: int = 1,
    stop_at_end: bool = True,
    baseline: bool = True,
    capture: Sequence[str] = (),
    sae: Any = None,
    n_latents: int = 10,
    use_cache: bool = True,
    live: bool = False,
    on_token: Callable[[GenerationStep], object] | None = None,
) -> Generation:
    """Let a model go on from prompts, unsteered and steered side by side.

    Both texts are drawn with the same noise, so where they differ the steering made the difference. Each new token has
    its log-probability under both models, which read the same text.

    Args:
        prompt: A text, a chat (list of `{"role", "content"}`), token ids [pos] or [batch pos], or a list of these.
        steering: A vector, a `Steering`, or a list of these; None = unsteered only.
        n_new: New tokens at most; fewer where the context ends, which `warnings` then says.
        temperature: What logits are divided by; 0 = greedy.
        top_k: Sample from this many of the likeliest tokens.
        top_p: Sample from the fewest tokens that hold this much probability.
        seed: Of the noise, which is a function of seed, prompt number, sample and step alone.
        n_samples: Texts per prompt.
        stop_at_end: Whether an end token ends a text.
        baseline: With steering: whether the unsteered text is wanted too. Without it, a quarter of the rows are run,
            and log-probabilities under the unsteered model are NaN.
        capture: Places to keep the activations of, for every token of prompt and text; a short name is every layer.
        sae: An SAE whose highest latents are kept for every token.
        n_latents: How many.
        use_cache: Keep keys and values; else every step runs all of the text. The same tokens to rounding.
        live: Return at once; the result fills as tokens come, and reading its texts waits.
        on_token: Called after every forward.

    Returns:
        Generation; partial after a KeyboardInterrupt, which warns.

    Raises:
        PromptError: a prompt is empty or longer than the context.
        VectorMismatchError: a vector of another model, width or layer.
        ConfigError: a setting out of its range, positions that do not fit the prompts, live inside of an edit.
        HookNameError: there is no such place to capture.
        NonFiniteError: the model gives NaN or infinity; when steered, strength and layer are named.

    Cost: one forward per new token, of four rows per text (baseline and steered, each read by both), or one.

    Example:
        >>> generate(model, "Yesterday", steering=happy, n_new=8)  # doctest: +SKIP
        Generation(1 prompt x n_new=8, happy add +1.00 at layer 3, diverges at token 2, share 0.84)
    """
    settings = Settings(
        n_new, temperature, top_k, top_p, seed, n_samples, stop_at_end, baseline, _names(capture), n_latents, use_cache
    )
    if live and is_within_edit():
        raise ConfigError(
            "a live generation goes on when the block around it is over, and would be steered half way; give "
            "steering= to generate, or live=False"
        )
    run, chosen = _prepared(model, prompt, steering, settings, sae)
    made = _empty(run, chosen)
    job = Job(partial(_filling, run, made, live=live), on_step=on_token, name="generate")
    object.__setattr__(made, "_live", Live(model, job=job))
    if live:
        job.start()
        return made
    job.run()
    if job.state == "interrupted":
        warnings.warn("generate was interrupted: its texts are as long as they came", stacklevel=2)
    return made


def generate_stream(
    model: HookedModel,
    prompt: Any,
    *,
    steering: Any = None,
    n_new: int = 40,
    temperature: float | int = 0.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
    seed: int = 0,
    n_samples: int = 1,
    stop_at_end: bool = True,
    baseline: bool = True,
    capture: Sequence[str] = (),
    sae: Any = None,
    n_latents: int = 10,
    use_cache: bool = True,
) -> Iterator[GenerationStep]:
    """Generate as `generate` does, and yield each step's tokens as they come.

    Nothing acts on the model between two steps, and closing the stream ends it: at most one forward is under way.

    Raises:
        PromptError: as the other errors of `generate`, before the first step is asked for.
    """
    settings = Settings(
        n_new, temperature, top_k, top_p, seed, n_samples, stop_at_end, baseline, _names(capture), n_latents, use_cache
    )
    run, chosen = _prepared(model, prompt, steering, settings, sae)
    return _filling(run, _empty(run, chosen), live=False)


def _names(capture: Sequence[str]) -> tuple[str, ...]:
    return (capture,) if isinstance(capture, str) else tuple(capture)


def _prepared(
    model: HookedModel, prompt: Any, steering: Any, settings: Settings, sae: Any
) -> tuple[Run, list[Steering]]:
    n_layers = int(model.cfg.n_layers)
    chosen = [] if steering is None else [each.at_layers_of(n_layers) for each in recipes(steering)]
    return Run(model, read_prompts(model, prompt), chosen, settings, sae), chosen


def _filling(run: Run, made: Generation, *, live: bool) -> Iterator[GenerationStep]:
    """Take the steps, and put what they bring into the result: at the end, or with `live` at once."""
    steps, over = run.steps(), False

    def so_far() -> Generation:
        if not over:
            _fill(run, made, captured=False)
        return made

    try:
        for number, found in steps:
            if live:
                _fill(run, made, captured=False)
            by_name = run.named(found)
            yield GenerationStep(number, by_name.get("baseline", []), by_name.get("steered", []), so_far)
    finally:
        steps.close()
        over = True
        _fill(run, made, captured=True)


def _fill(run: Run, made: Generation, *, captured: bool) -> None:
    texts = run.texts(captured=captured)
    vars(made).update(
        baseline=texts.get("baseline", []),
        steered=texts.get("steered", []),
        norm_share_added=run.shares(),
        warnings=run.notes(texts),
    )


def _empty(run: Run, chosen: Sequence[Steering]) -> Generation:
    info, settings = model_info(run.model), run.settings
    made = Generation(
        prompts=[prompt.text for prompt in run.prompts],
        prompt_tokens=[strings(run.model, prompt.ids) for prompt in run.prompts],
        prompt_ids=[prompt.ids for prompt in run.prompts],
        baseline=[],
        steered=[],
        steering=[Applied.of(recipe) for recipe in chosen],
        norm_share_added=[],
        warnings=[],
        n_samples=settings.n_samples,
        n_new=settings.n_new,
        temperature=float(settings.temperature),
        seed=settings.seed,
        model_name=info.name,
        provenance={
            "function": "generate",
            "settings": {**settings._asdict(), "capture": list(settings.capture)},
            "vectors": [recipe.vector.provenance for recipe in chosen],
            "sae": run.sae and repr(run.sae),
            "model": info._asdict(),
        },
    )
    _fill(run, made, captured=False)
    return made
