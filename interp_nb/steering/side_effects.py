"""`side_effects`: what a model can no longer do, or does worse, while it is steered.

Every benchmark is asked twice, with the same questions, once unsteered: what counts is the difference question by
question. Its questions are in `benchmarks`, what it found in `side_effects_result`.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb import _measures
from interp_nb._errors import NonFiniteError
from interp_nb._stats import bootstrap_mean
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.benchmarks import Question, answer_ids, read_benchmarks, token_ids
from interp_nb.steering.recipe import Steering, recipes
from interp_nb.steering.side_effects_result import BenchmarkEffect, Bounded, SideEffects
from interp_nb.steering.variants import run_variants


class Answers(NamedTuple):
    """Questions asked with and without steering; side 0 = before, 1 = after."""

    correct: Float[Tensor, "side question"]
    """1 = answered right."""
    loss: Float[Tensor, "side question"]
    """-log probability of the right answers."""
    kl: Float[Tensor, " question"]
    """From the unsteered prediction after the prompt."""
    shares: Float[Tensor, " question"]
    """Share of the prompt's norm that was added, see `VariantBatch`."""

    def part(self, some: slice) -> "Answers":
        """Return some of the questions."""
        return Answers(*(each[..., some] for each in self))


def side_effects(
    model: HookedModel,
    steering: Any,
    *,
    strength: float | int = 1.0,
    benchmarks: Mapping[str, Sequence[Any]] | None = None,
) -> SideEffects:
    """Ask benchmark questions without and with steering, and say what it costs.

    A question with wrong answers counts as right when the right ones are likelier; without, when every token of the
    right answer is the likeliest of all. Intervals resample questions; changes are taken question by question.

    Args:
        steering: Vectors, `Steering`s, or a list of them, as `steer` takes them.
        strength: For plain vectors.
        benchmarks: By name, a list of (prompt, answer) or (prompt, answer, wrong); answers are texts as written, or
            lists of texts that count together. None = the pocket model's own: facts, names, grammar, copying, years
            and loan decisions, held out from its training.

    Raises:
        ConfigError: no benchmarks for another model than the pocket one, or questions of another shape.
        PromptError: a prompt is empty or longer than the context.
        VectorMismatchError: a vector of another model or layer.
        NonFiniteError: the model gives NaN or infinity, before or after.

    Cost: one forward without and one with steering for each prompt, and for each answer of several tokens.

    Example:
        >>> side_effects(model, vector, strength=0.35)  # doctest: +SKIP
        SideEffects(sentiment x 0.35, 8 benchmarks, accuracy 0.99 to 0.97, falls on none, KL 0.05)
    """
    chosen = recipes(steering, strength=strength)
    sets = read_benchmarks(model, benchmarks)
    questions = [question for some in sets.values() for question in some]
    answers = ask(model, chosen, questions)
    effects, first = [], 0
    for name, some in sets.items():
        part = slice(first, first + len(some))
        effects.append(_effect(name, answers.part(part)))
        first += len(some)
    return SideEffects(
        steering=" + ".join(f"{each.vector.name} {_done(each)}" for each in chosen),
        effects=effects,
        overall=_effect("all", answers),
        norm_share=_bounded(answers.shares.unsqueeze(1))[0],
        model_name=model_info(model).name,
        provenance={
            "function": "side_effects",
            "steering": [repr(each) for each in chosen],
            "vectors": [each.vector.provenance for each in chosen],
            "benchmarks": "pocket" if benchmarks is None else "given",
            "model": model_info(model)._asdict(),
        },
    )


def ask(model: HookedModel, steering: Sequence[Steering], questions: Sequence[Question]) -> Answers:
    """Ask questions without and with steering.

    Raises:
        NonFiniteError: the model gives NaN or infinity, before or after.
    """
    asked = [_Asked.of(model, question) for question in questions]
    # What each text is read for: answers of one token share their prompt's text.
    texts: dict[tuple[int, tuple[int, ...]], list[tuple[_Asked, int | None]]] = {}
    for each in asked:
        n_prompt = len(each.prompt)
        texts.setdefault((n_prompt, each.prompt), []).append((each, None))
        for at, ids in enumerate(each.answers):
            texts.setdefault((n_prompt, (*each.prompt, *ids[:-1])), []).append((each, at))
    readers = list(texts.values())
    n_prompts, tokens = [n_prompt for n_prompt, _ in texts], [ids for _, ids in texts]
    for batch in run_variants(model, tokens, [list(steering)], n_prompts=n_prompts):
        both = torch.stack([batch.base, batch.logits[0]])
        if not bool(both.isfinite().all()):
            raise NonFiniteError(f"the model gives NaN or infinity with {list(steering)}; lower the strength")
        for row, text in enumerate(batch.texts):
            for each, number in readers[text]:
                each.read(both[:, row], number)
                if number is None:
                    each.share = float(batch.shares[0, row])
    answers = [each.answered() for each in asked]
    return Answers(
        torch.stack([correct for correct, _ in answers], 1), torch.stack([loss for _, loss in answers], 1),
        torch.tensor([each.kl for each in asked]), torch.tensor([each.share for each in asked]),
    )  # fmt: skip


@dataclasses.dataclass
class _Asked:
    """One question in a model's tokens, and what was read of its answers."""

    prompt: tuple[int, ...]
    answers: list[tuple[int, ...]]
    n_right: int
    log_probs: Float[Tensor, "side answer"]
    likeliest: Float[Tensor, "side answer"]
    """1 = every token of the answer is the likeliest of all."""
    kl: float = math.nan
    share: float = math.nan

    @classmethod
    def of(cls, model: HookedModel, question: Question) -> "_Asked":
        answers = [answer_ids(model, answer) for answer in (*question.right, *question.wrong)]
        nothing = torch.zeros(2, len(answers))
        return cls(
            tuple(token_ids(model, question.prompt)), answers, len(question.right), nothing, nothing.clone()
        )  # fmt: skip

    def read(self, logits: Float[Tensor, "side pos d_vocab"], number: int | None) -> None:
        """Read one answer where its text ends, or what is said after the prompt."""
        if number is None:
            self.kl = float(_measures.kl(*logits[:, -1]))
            return
        ids = torch.tensor(self.answers[number])
        told = logits[:, -len(ids) :].log_softmax(-1)
        self.log_probs[:, number] = told[:, torch.arange(len(ids)), ids].sum(1)
        self.likeliest[:, number] = (told.argmax(-1) == ids).all(1).float()

    def answered(self) -> tuple[Float[Tensor, " side"], Float[Tensor, " side"]]:
        """Say whether it was answered right, and the loss."""
        right, wrong = self.log_probs[:, : self.n_right].logsumexp(1), self.log_probs[:, self.n_right :]
        if wrong.shape[1]:
            return (right > wrong.logsumexp(1)).float(), -right
        return self.likeliest[:, : self.n_right].amax(1), -right


def _effect(name: str, answers: Answers) -> BenchmarkEffect:
    columns = torch.stack([
        *answers.correct, answers.correct[1] - answers.correct[0],
        *answers.loss, answers.loss[1] - answers.loss[0], answers.kl,
    ], 1)  # fmt: skip
    return BenchmarkEffect(name, len(columns), *_bounded(columns))


def _bounded(columns: Float[Tensor, "question number"]) -> list[Bounded]:
    low, high = bootstrap_mean(columns)
    found = zip(columns.double().mean(0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Bounded(*each) for each in found]


def _done(steering: Steering) -> str:
    return f"x {steering.strength:g}" if steering.operator == "add" else f"{steering.operator} {steering.strength:g}"
