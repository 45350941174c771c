"""The playground: a prompt, a slider per vector, and what the model says with and without them.

    playground = steering_playground(model, "The visit was", [sentiment])
    playground                                   # the live view, as a cell's last line
    playground.strengths                         # where the sliders are now
    playground.generation                        # the last text, whoever asked for it

It computes nothing itself: text is `generate`'s, vectors are `steering_vector`'s. How it looks is the
widget's business.
"""

import dataclasses
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job
from interp_nb._show import Live, result
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.generate import GenerationStep, generate_stream
from interp_nb.steering.generation import Generation
from interp_nb.steering.next_tokens import TOP, NextTokens, next_tokens
from interp_nb.steering.playground_code import playground_code
from interp_nb.steering.playground_settings import PlaygroundSettings
from interp_nb.steering.playground_sliders import Sliders
from interp_nb.steering.playground_start import named_vectors, starting_strengths, sweep_choices
from interp_nb.steering.prompts import read_prompts
from interp_nb.steering.recipe import Steering
from interp_nb.steering.vectors import SteeringVector

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass
class PlaygroundRun:
    """One generation, under way or ended; its settings are its own, whatever the sliders do meanwhile."""

    number: int = 0
    """Counted from 1; 0 = there was none."""
    settings: PlaygroundSettings | None = None
    """What it runs with."""
    code: str = ""
    """The Python that makes it again."""
    generation: Generation | None = None
    """As far as it has come."""
    next_token: NextTokens | None = None
    """What came next after the prompt, once the text is complete."""


@result
class SteeringPlayground(Sliders):
    """Hold a prompt, vectors with a slider each, and the last text they made.

    What is set changes with the sliders and with `set`; it is read here at any time.
    """

    _widget: ClassVar[str] = "interp_nb.widgets.steering_playground:SteeringPlaygroundWidget"

    vectors: dict[str, SteeringVector]
    """The vectors by name; it grows with those that are made or added in the widget."""
    settings: PlaygroundSettings
    """What is set now."""
    generation: Generation | None
    """The last text that was generated, to its end or until it was stopped; None before the first."""
    generated_with: PlaygroundSettings | None
    """What that text was generated with."""
    next_token: NextTokens | None
    """What came next after the prompt of that text, before and after steering."""
    shares: dict[str, list[float]]
    """Per vector, the share of the residual norm that strength 1 adds at each of its layers; NaN where unknown."""
    choices: dict[str, tuple[int, float]]
    """Layer and strength that a sweep chose, by vector."""
    origins: dict[str, dict[str, Any]]
    """How vectors came here: {"kind": "given"}, {"kind": "pairs", "pairs", "method"} or {"kind": "latent", ...}."""
    model_name: str
    """The model."""
    provenance: dict[str, Any]
    """Which model, and how it was loaded."""
    _live: Live | None = dataclasses.field(default=None, compare=False)
    _guard: Any = dataclasses.field(default_factory=threading.RLock, compare=False)
    _run: PlaygroundRun = dataclasses.field(default_factory=PlaygroundRun, compare=False)

    def _summary(self) -> str:
        sliders = [f"{name} {slider.strength:+.2f}{' muted' * slider.muted}" for name, slider in
                   self.settings.sliders.items()]  # fmt: skip
        shown = sliders[:4] + ([f"{len(sliders) - 4} more"] if len(sliders) > 4 else [])
        parts = [self.model_name, repr(self.prompt[:40]), *shown, f"{self.settings.n_new} new tokens"]
        return f"SteeringPlayground({', '.join(parts)})"

    def steering(self, settings: PlaygroundSettings | None = None) -> list[Steering]:
        """List what the sliders do, as `steer` and `generate` take it; those that do nothing are left out."""
        chosen = self.settings if settings is None else settings
        return [
            Steering(
                self.vectors[name],
                slider.strength,
                operator=slider.operator,
                positions=chosen.positions,
                layers=slider.layer if isinstance(slider.layer, str) else [slider.layer],
            )
            for name, slider in chosen.acting.items()
        ]

    def generate(self, **changes: Any) -> Generation:
        """Generate with what is set, and return the text; an interrupt keeps what is there.

        Args:
            **changes: Settings to change first; see `set`.

        Raises:
            PromptError: the prompt is empty, or longer than the model's context.
            NonFiniteError: a strength makes the model give NaN or infinity.
            ConfigError: the model is gone, or an interrupt came before the first token.
        """
        if changes:
            self.set(**changes)
        self.start().wait()
        found = self._run.generation
        if found is None:
            raise ConfigError("The generation was stopped before its first token: generate again.")
        return found

    def start(self, settings: PlaygroundSettings | None = None) -> Job[Any]:
        """Generate in the background; a generation that runs is stopped.

        Args:
            settings: What to generate with; None = what is set now.

        Raises:
            PromptError: the prompt is empty, or longer than the model's context.
            ConfigError: the model is gone.
        """
        job = self._prepare(settings)
        widget = self._shown()
        if widget is not None:
            widget.follow()
        if job.state == "pending":
            job.start()
        return job

    def _prepare(self, settings: PlaygroundSettings | None) -> Job[Any]:
        """Make the job of a generation, in place of the one before."""
        chosen = self.settings if settings is None else settings
        live, steering = self._live, self.steering(chosen)
        # What is wrong with the prompt or a vector is raised here, before anything stops.
        stream = generate_stream(
            self.model, chosen.prompt, steering=steering or None, n_new=chosen.n_new, seed=chosen.seed,
            temperature=chosen.temperature,
        )  # fmt: skip
        assert live is not None
        with self._guard:
            if live.job is not None:
                live.job.stop()
            run = PlaygroundRun(self._run.number + 1, chosen, self.code(chosen))
            job: Job[Any] = Job(partial(self._steps, run, stream), name="steering playground")
            job.observe(lambda job: self._keep(run, job))
            self._put("_run", run)
            live.job = job
        return job

    def _steps(self, run: PlaygroundRun, stream: Iterator[GenerationStep]) -> Iterator[GenerationStep]:
        step = None
        try:
            for step in stream:
                run.generation = step.generation
                yield step
        finally:
            cast(Generator[GenerationStep], stream).close()
            if step is not None:
                run.generation = step.generation
        run.next_token = self.next_tokens(run.settings)

    def _keep(self, run: PlaygroundRun, job: Job[Any]) -> None:
        """Make a generation that has ended the last one; a later one may have ended before it."""
        with self._guard:
            if job.ended and run is self._run and run.generation is not None:
                self._put("generation", run.generation)
                self._put("generated_with", run.settings)
                self._put("next_token", run.next_token)

    @property
    def run(self) -> PlaygroundRun:
        """The generation that runs or ran last, as far as it has come; reading it never waits."""
        return self._run

    def next_tokens(
        self, settings: PlaygroundSettings | None = None, after: Sequence[int] = (), n: int = TOP
    ) -> NextTokens:
        """Compare what comes next with and without steering.

        Args:
            settings: What to steer with; None = what is set now.
            after: Ids of tokens that follow the prompt.
            n: Tokens that are kept of each side.

        Raises:
            PromptError: the prompt is empty, or the text longer than the model's context.
            NonFiniteError: a strength makes the model give NaN or infinity.
            ConfigError: the model is gone.
        """
        chosen = self.settings if settings is None else settings
        model = self.model
        prompt = read_prompts(model, chosen.prompt)[0].ids
        return next_tokens(model, [*prompt, *after], self.steering(chosen), n_prompt=len(prompt), n=n)

    def code(self, settings: PlaygroundSettings | None = None) -> str:
        """Write the Python that generates the text of what is set, with no playground."""
        return playground_code(
            self.settings if settings is None else settings, self.vectors, self.origins,
            model_name=self.model_name, provenance=self.provenance,
        )  # fmt: skip

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per token of the last text; see `Generation.to_frame`.

        Raises:
            ConfigError: nothing was generated yet.
        """
        if self.generation is None:
            raise ConfigError("Nothing was generated yet: press Generate, or call playground.generate().")
        return self.generation.to_frame()


def steering_playground(
    model: HookedModel,
    prompt: str,
    vectors: SteeringVector | Sequence[SteeringVector] | Mapping[str, SteeringVector] = (),
    *,
    strengths: Mapping[str, float] | Sequence[float] | float | None = None,
    layers: Mapping[str, int | str] | None = None,
    positions: str = "all",
    n_new: int = 30,
    seed: int = 0,
    temperature: float = 0.0,
    sweeps: Sequence[Any] = (),
    live: bool = False,
) -> SteeringPlayground:
    """Open a playground: sliders for vectors, text with and without them side by side.

    Args:
        vectors: One, several, or by the names they are to have; more can be made in the widget.
        strengths: Where the sliders start: by name, in order, or one for all; 0 unless a sweep chose a strength.
        layers: Where the vectors act, by name; the layer each vector suggests if left out.
        positions: Tokens that are steered: "all", "prompt" or "generated".
        n_new: New tokens of a text.
        temperature: Of the sampling; 0 = the likeliest token.
        sweeps: `SteeringSweep`s of these vectors, whose choices are marked on the sliders.
        live: Return at once, and let the first text come in the background.

    Raises:
        VectorMismatchError: a vector is of another model.
        PromptError: the prompt is longer than the model's context.
        ConfigError: a setting is out of its range, or names a vector that is not there.

    Cost: one generation of `n_new` tokens, unless the prompt is empty.
    """
    named = named_vectors(vectors)
    info = model_info(model)
    made = SteeringPlayground(
        vectors={}, settings=PlaygroundSettings(prompt, {}), generation=None, generated_with=None, next_token=None,
        shares={}, choices=sweep_choices(sweeps, named), origins={}, model_name=info.name,
        provenance={"model": info._asdict()}, _live=Live(model),
    )  # fmt: skip
    starts = starting_strengths(strengths, list(named))
    for name, vector in named.items():
        made.add_vector(vector, name=name, strength=starts.get(name, made.choices.get(name, (0, 0.0))[1]))
    made.set(prompt=prompt, positions=positions, n_new=n_new, seed=seed, temperature=temperature, layers=layers or {})
    if prompt:
        job = made.start()
        if not live:
            job.wait()
    return made
