"""The result of `generate`: texts with and without steering, token by token, and what was captured on the way."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from interp_nb import _save
from interp_nb._show import Live, Showable, result, two_decimals
from interp_nb.steering.mismatch import layer_words
from interp_nb.steering.recipe import Steering

if TYPE_CHECKING:
    import pandas as pd


class TokenLatents(NamedTuple):
    """The latents that fire most on each token of a text."""

    ids: Int[Tensor, "prompt_and_new latent"]
    """Latents of each token, the highest activation first."""
    acts: Float[Tensor, "prompt_and_new latent"]
    """Their activations; 0 where fewer fire."""


@dataclasses.dataclass(frozen=True, eq=False)
class Continuation:
    """What a model goes on with after one prompt."""

    text: str
    """The new text, without what ended it."""
    tokens: list[str]
    """One string per new token, the end token included."""
    token_ids: list[int]
    """The same as ids."""
    log_probs: Float[Tensor, " pos"]
    """Of each new token when it was chosen, in nats, at temperature 1."""
    log_probs_baseline: Float[Tensor, " pos"]
    """The same under the unsteered model reading the same text; NaN where that was not run."""
    log_probs_steered: Float[Tensor, " pos"]
    """The same under the steered model reading the same text; NaN where that was not run."""
    finished: str
    """"end" = an end token, "length" = `n_new` or the context, "stopped" = it was stopped; empty = not yet."""
    activations: dict[str, Float[Tensor, "prompt_and_new ..."]]
    """What was captured, by hook name: every token of prompt and text, the last one too, as steered."""
    latents: TokenLatents | None
    """Of the same tokens; None where no SAE was given."""

    def __eq__(self, other: object) -> bool:
        """Compare by value, NaN equal to NaN."""
        return type(other) is type(self) and _save.equal_values(vars(self), vars(other))

    __hash__ = object.__hash__

    @property
    def change(self) -> Float[Tensor, " pos"]:
        """How much more likely steering makes each token: log-probability steered - unsteered, in nats."""
        return self.log_probs_steered - self.log_probs_baseline


class Applied(NamedTuple):
    """One recipe as it was used."""

    name: str
    """The vector."""
    strength: float
    """How much of it."""
    operator: str
    """What was done."""
    positions: str
    """On which tokens, in words."""
    layers: list[int]
    """At which layers."""
    site: str
    """At which place of them."""

    @classmethod
    def of(cls, recipe: Steering) -> "Applied":
        """Note what a recipe says."""
        chosen: Any = recipe.positions
        where = (
            chosen
            if isinstance(chosen, str)
            else "a mask"
            if isinstance(chosen, Tensor)
            else (
                f"after {chosen.text!r}"
                if hasattr(chosen, "text")
                else "a function"
                if callable(chosen)
                else repr(list(chosen))
            )
        )
        where += "" if recipe.when is None else f", where the condition exceeds {recipe.when.above:g}"
        return cls(
            recipe.vector.name, float(recipe.strength), recipe.operator, where, recipe.chosen_layers, recipe.vector.site
        )

    def __str__(self) -> str:
        """Write it as "sentiment add +0.50 at layer 3"."""
        return f"{self.name} {self.operator} {two_decimals(self.strength, sign=True)} at {layer_words(self.layers)}"


@result
class Generation(Showable):
    """Hold what a model says after prompts, unsteered and steered.

    Texts are in the order prompt 0 sample 0, prompt 0 sample 1, ..., prompt 1 sample 0, ...
    """

    _picture: ClassVar[str] = "generation"
    _awaited: ClassVar[tuple[str, ...]] = ("baseline", "steered", "norm_share_added", "warnings")

    prompts: list[str]
    """The prompts; of chats what the template makes of them."""
    prompt_tokens: list[list[str]]
    """One string per token of each prompt."""
    prompt_ids: list[list[int]]
    """The same as ids."""
    baseline: list[Continuation]
    """Unsteered texts; none where they were not asked for."""
    steered: list[Continuation]
    """Steered texts; none without steering."""
    steering: list[Applied]
    """The recipes."""
    norm_share_added: list[float]
    """Per recipe: norm of what it changed / norm of what was there, both summed over the tokens it steered in the
    steered texts; NaN = it steered none."""
    warnings: list[str]
    """What the reader has to know: cut texts, steered text that falls apart; else empty."""
    n_samples: int
    """Texts per prompt."""
    n_new: int
    """New tokens asked for."""
    temperature: float
    """0 = greedy."""
    seed: int
    """Seed of the noise that baseline and steered share."""
    model_name: str
    """The model."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _live: Live | None = dataclasses.field(default=None, compare=False)

    @property
    def diverges_at(self) -> list[int | None]:
        """Per text, the first new token at which baseline and steered differ; None = nowhere, or only one was run."""
        return [first_difference(*pair) for pair in zip(self.baseline, self.steered, strict=False)] or (
            [None] * max(len(self.baseline), len(self.steered))
        )

    def prompt_of(self, number: int) -> int:
        """Return which prompt a text goes on from."""
        return number // self.n_samples

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per new token: prompt, sample, run, place, token, log-probabilities and their change."""
        import pandas as pd

        rows = [
            {
                "prompt": self.prompt_of(number),
                "sample": number % self.n_samples,
                "run": run,
                "pos": pos,
                "token": each.tokens[pos],
                "token_id": each.token_ids[pos],
                "log_prob_baseline": float(each.log_probs_baseline[pos]),
                "log_prob_steered": float(each.log_probs_steered[pos]),
                "change": float(each.change[pos]),
            }
            for run, texts in (("baseline", self.baseline), ("steered", self.steered))
            for number, each in enumerate(texts)
            for pos in range(len(each.tokens))
        ]
        return pd.DataFrame(rows)

    def _summary(self) -> str:
        n = len(self.prompts)
        said = [f"{n} prompt{'s' * (n != 1)} x n_new={self.n_new}"]
        said += [f"{self.n_samples} samples"] if self.n_samples > 1 else []
        said += [str(each) for each in self.steering] or ["not steered"]
        # A job that still runs would change these: the line of a result must not.
        if self.steering and not self.partial:
            found = [at for at in self.diverges_at if at is not None]
            if self.baseline:
                said.append(f"diverges at token {min(found)}" if found else "says the same")
            share = [each for each in self.norm_share_added if not math.isnan(each)]
            said += [f"share {' + '.join(two_decimals(each) for each in share)}"] if share else []
        return f"Generation({', '.join(said)})"


def first_difference(one: Continuation, other: Continuation) -> int | None:
    """Find the first new token at which two texts differ; None = nowhere."""
    for place, (first, second) in enumerate(zip(one.token_ids, other.token_ids, strict=False)):
        if first != second:
            return place
    shorter, longer = sorted((len(one.token_ids), len(other.token_ids)))
    return None if shorter == longer else shorter
