"""What steering is to bring about, as a number per prompt: `TokenMass` at the next token, `ClassifierTrait` on texts.

A trait is higher where there is more of it. `TokenMass` needs one forward, `ClassifierTrait` generated text.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import AnswerTokenError, ConfigError
from interp_nb.models.prompts import answer_token
from interp_nb.models.protocol import HookedModel


class Mass(NamedTuple):
    """What a prediction puts on the words of a trait."""

    share: Float[Tensor, "*batch"]
    """positive / (positive + negative), 0 to 1; NaN where both are zero."""
    mass: Float[Tensor, "*batch"]
    """positive + negative: how much of the prediction the share speaks of."""


@dataclass(frozen=True)
class TokenMass:
    """Measure a trait by the words that come next: positive / (positive + negative) probability.

    Words are taken as written, so for most models they begin with a space. The share says little where the mass, the
    sum of both, is small: both are always given.

    Raises:
        ConfigError: no words on one side, or a word on both.

    Example:
        >>> TokenMass([" happy", " glad"], [" sad", " angry"]).name
        'positive share'
    """

    positive: list[str]
    """Words of the trait, each one token."""
    negative: list[str]
    """Words of its opposite."""
    name: str = "positive share"
    """What pictures and tables call it."""
    first_token: bool = False
    """Of words that are several tokens, take the first one; otherwise they are refused."""

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        for side in ("positive", "negative"):
            words = getattr(self, side)
            if isinstance(words, str) or not words or not all(isinstance(word, str) and word for word in words):
                raise ConfigError(f"{side} must be a list of words, at least one, got {words!r}")
        both = sorted(set(self.positive) & set(self.negative))
        if both:
            raise ConfigError(f"a word is positive or negative, {both[0]!r} is in both lists")

    def tokens(self, model: HookedModel) -> tuple[Int[Tensor, " word"], Int[Tensor, " other"]]:
        """Give the token ids of the positive and the negative words, each once.

        Raises:
            AnswerTokenError: a word is several tokens of this model, or two words of both sides begin with the same.
        """
        found = [sorted({self._token(model, word) for word in words}) for words in (self.positive, self.negative)]
        both = sorted(set(found[0]) & set(found[1]))
        if both:
            piece = model.to_str_tokens(torch.tensor(both[:1]))[0]
            raise AnswerTokenError(
                f"words of both sides begin with the token {piece!r}, which then speaks for neither; choose words "
                "whose first tokens differ"
            )
        return torch.tensor(found[0]), torch.tensor(found[1])

    def _token(self, model: HookedModel, word: str) -> int:
        try:
            return answer_token(model, word)
        except AnswerTokenError as error:
            if self.first_token:
                return int(model.to_tokens(word, prepend_bos=False)[0, 0])
            raise AnswerTokenError(f"{error}; or take the first token of each word: first_token=True") from None


@dataclass(frozen=True)
class ClassifierTrait:
    """Measure a trait by a function of the generated texts, such as a classifier's probability.

    Raises:
        ConfigError: the function cannot be called.
    """

    name: str
    """What pictures and tables call it."""
    fn: Callable[[list[str]], Sequence[float]]
    """Scores texts, without their prompts: one number each, higher = more of the trait; NaN = it cannot say."""

    def __post_init__(self) -> None:
        """Check what can be checked without texts."""
        if not callable(self.fn):
            raise ConfigError(f"fn must be a function from texts to scores, got {type(self.fn).__name__}")

    def measure(self, texts: list[str]) -> Float[Tensor, " text"]:
        """Score texts.

        Raises:
            ConfigError: not one number per text came back, or an infinite one.
        """
        scores = [float(score) for score in self.fn(list(texts))]
        if len(scores) != len(texts):
            raise ConfigError(
                f"the classifier {self.name!r} must give one score per text: {len(texts)}, got {len(scores)}"
            )
        if any(math.isinf(score) for score in scores):
            raise ConfigError(f"the classifier {self.name!r} must give finite scores, or NaN where it cannot say")
        return torch.tensor(scores)


def mass_on(
    logits: Float[Tensor, "*batch d_vocab"], positive: Int[Tensor, " word"], negative: Int[Tensor, " other"]
) -> Mass:
    """Measure predictions of the next token by what they put on some tokens."""
    log_probs = logits.float().log_softmax(-1)
    # Logarithms, so that shares of masses too small for float32 are right too.
    sides = torch.stack([log_probs[..., ids.to(logits.device)].logsumexp(-1) for ids in (positive, negative)])
    return Mass(share=torch.sigmoid(sides[0] - sides[1]), mass=sides.logsumexp(0).exp())


Trait = TokenMass | ClassifierTrait
"""What `steering_sweep` measures."""
