"""What an explainer is: it reads evidence of one latent, says in words what it stands for, and is then put to the test.

Explainers are interchangeable: rules found in the text (`ngrams`, `answer_key`), a language model on this machine
(`local_explainer`), a hosted one (`hosted_explainer`). Each explains latents and then judges windows of text by its own
explanations; `scoring` compares the judgments with what the latent did. An explainer never sees the answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from interp_nb._errors import ConfigError, nearest
from interp_nb.features.corpus import Corpus
from interp_nb.features.records import Example

Task = Literal["detection", "fuzzing"]
"""Detection: does the latent fire on the marked token, whichever window? Fuzzing: in a window where it fires, are the
marked tokens the ones?"""


class Question(NamedTuple):
    """A window of text with marked tokens; whether the latent fires there is not in it."""

    token_ids: Int32[np.ndarray, " window"]
    """The tokens around the one that was drawn."""
    marked: tuple[int, ...]
    """Indices of the tokens that are asked about."""
    doc: int
    """Document the window is from."""
    pos: int
    """Position in it of the token that was drawn."""
    at: int
    """Index of that token in the window."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an explainer may read about one latent: nothing from documents that it is scored on."""

    latent_idx: int
    """Index of the latent."""
    examples: tuple[Example, ...]
    """Firings: the strongest first, then the quantile bands from the strongest to the weakest."""
    contrast: tuple[Question, ...]
    """Windows that look alike, on whose marked token it does not fire."""
    logits_up: tuple[str, ...]
    """Tokens that it makes likelier; empty where that was not computed."""
    logits_down: tuple[str, ...]
    """Tokens that it makes less likely."""
    density: float
    """Share of tokens on which it fires."""
    corpus: Corpus
    """Tokens drawn evenly from the same documents, shared by all latents."""
    rows: Int64[np.ndarray, " firing"]
    """Rows of the corpus on which it fires."""
    values: Float32[np.ndarray, " firing"]
    """Its activations there."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """What an explainer says of one latent."""

    latent_idx: int
    """Index of the latent."""
    text: str
    """The label; empty where the explainer has none to give."""
    rule: dict[str, Any] = field(default_factory=dict)
    """What predicts, as plain JSON; empty where the text alone does."""
    error: str = ""
    """Why there is no text."""


class Judgment(NamedTuple):
    """Questions to an explainer about one of its explanations."""

    explanation: Explanation
    """What to judge by."""
    task: Task
    """What is asked."""
    questions: tuple[Question, ...]
    """The windows."""
    strings: Callable[[Any], list[str]]
    """Turns token ids into text."""


@runtime_checkable
class Explainer(Protocol):
    """Explains latents, and judges windows of text by its explanations.

    One that has `corpus_only = True` is given nothing but the corpus and where latents fire in it: gathering examples,
    contrast and logits takes longer than rules do.
    """

    @property
    def name(self) -> str:
        """What labels of it are filed under."""

    @property
    def free(self) -> bool:
        """Whether asking costs next to nothing; controls are run unasked only then."""

    def explain_all(self, evidence: Sequence[Evidence]) -> list[Explanation]:
        """Explain latents, in order; what fails for one is told in its `error`, not raised."""

    def judge_all(self, judgments: Sequence[Judgment]) -> list[Float64[np.ndarray, " question"]]:
        """Say how sure it is, 0 to 1, that the latent fires on the marked tokens; above 0.5 is a yes, NaN no answer."""


_METHODS: Final = {
    "tokens": "interp_nb.features.ngrams:TokensExplainer",
    "ground_truth": "interp_nb.features.answer_key:GroundTruthExplainer",
    "local": "interp_nb.features.local_explainer:LocalExplainer",
    "api": "interp_nb.features.hosted_explainer:HostedExplainer",
}


def explainer_of(method: str | Explainer, **options: Any) -> Explainer:
    """Return the explainer of a name, made with options, or the one that was given.

    Raises:
        ConfigError: no explainer has this name, or it does not take these options.
    """
    if not isinstance(method, str):
        if options:
            raise ConfigError(f"{', '.join(options)}: an explainer that is made already takes no options")
        return method
    if method not in _METHODS:
        raise ConfigError(
            f"method must be an Explainer or the name of one, got {method!r}; {nearest(method, _METHODS)}"
        )
    module, _, name = _METHODS[method].partition(":")
    try:
        made: Explainer = getattr(import_module(module), name)(**options)
    except TypeError as error:
        raise ConfigError(f"method={method!r} was given options it does not take, or lacks one: {error}") from error
    return made
