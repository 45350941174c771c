"""How well a label predicts: an explainer's judgments of held-out windows against what the latent did there.

    recall = yes among firings;  specificity = no among negatives;  balanced accuracy = their mean
    precision = recall / (recall + 1 - specificity): as if firings and negatives came in equal numbers

A latent fires on few tokens, so precision in running text is far lower than the one among questions: see
`Accuracy.precision_at`. Intervals resample documents (`_stats`). Source of the two tasks: Paulo et al. 2024,
Automatically Interpreting Millions of Features in Large Language Models, https://arxiv.org/abs/2410.13928.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from interp_nb._stats import bootstrap_counts
from interp_nb.features.questions import RANDOM, Asked

RELIABLE_ABOVE: Final = 0.7
"""What the lower end of the interval of balanced accuracy must exceed, on firings drawn at random and on each band."""
MIN_DOCS: Final = 5
"""Fewest documents with firings of a kind from which anything is concluded: five of five right leave the recall above
0.48 (Clopper and Pearson, 95 %), so the balanced accuracy above `RELIABLE_ABOVE` where there are no false alarms."""
MAX_UNANSWERED: Final = 0.1
"""Largest share of questions without an answer at which a label can be called reliable."""


@dataclass(frozen=True)
class Accuracy:
    """Judgments of one kind of questions against the truth; NaN where there is nothing to compare."""

    balanced_accuracy: float
    """Mean of recall and specificity: 0.5 for a label that says nothing."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end of its 95 % interval."""
    precision: float
    """Share of firings among what it says yes to, if there were as many firings as negatives."""
    recall: float
    """Share of firings that it says yes to."""
    specificity: float
    """Share of negatives that it says no to."""
    n_positive: int
    """Questions about firings that were answered."""
    n_negative: int
    """Questions about negatives that were answered."""
    n_docs: int
    """Documents the firings are from."""

    def precision_at(self, density: float) -> float:
        """Give the precision in text where a share of tokens fires; negatives there are easier than those asked."""
        yes = self.recall * density
        false = (1 - self.specificity) * (1 - density)
        return yes / (yes + false) if yes + false > 0 else float("nan")


@dataclass(frozen=True)
class Score:
    """How well one label predicts one latent."""

    detection: Accuracy
    """On firings drawn at random."""
    bands: tuple[Accuracy, ...]
    """On firings of each strength, from the weakest quantile to the strongest."""
    fuzzing: Accuracy
    """Which tokens of a window it fires on."""
    correlation: float
    """Pearson correlation of the judgments with the activations, random firings and all negatives; NaN if flat."""
    unanswered: float
    """Share of questions without an answer; they count for nothing."""
    n_typical: int
    """Held-out firings in the token sample that are as strong as the median firing of the text it was explained from: a
    latent that fires there only weakly may have nothing of what it stands for to fire on."""
    reliable: bool | None
    """Whether `low` exceeds 0.7 for `detection` and every band; None where there are too few documents to say."""

    def to_json(self) -> dict[str, Any]:
        """Return it as labels keep it."""
        return asdict(self)


def score(
    asked: Asked, said: Any, fuzzed: Asked, said_fuzzed: Any, *, n_bands: int, n_typical: int = 0, seed: int = 0
) -> Score:
    """Compare judgments with the truth.

    Args:
        said: How sure the explainer is that the latent fires, a number per question; above 0.5 is a yes, NaN no answer.
            Whatever else it sent counts as no answer.
        n_bands: Quantile bands that the store keeps.
        n_typical: See `Score`.
    """
    said, said_fuzzed = _sound(said, len(asked.questions)), _sound(said_fuzzed, len(fuzzed.questions))
    kinds = [RANDOM, *(f"band {band}" for band in range(n_bands))]
    found = _accuracies(asked, said, kinds, seed)
    fuzzing = _accuracies(fuzzed, said_fuzzed, [RANDOM], seed)[0]
    answered = np.isfinite(np.concatenate([said, said_fuzzed]))
    unanswered = float(1 - answered.mean()) if len(answered) else 0.0
    return Score(
        found[0], tuple(found[1:]), fuzzing, _correlation(asked, said), unanswered, n_typical,
        _is_reliable(found, unanswered),
    )  # fmt: skip


def balanced_accuracy(asked: Asked, said: Any) -> float:
    """Compute the balanced accuracy of detection alone, on firings drawn at random, without its interval."""
    return float(_balanced(torch.from_numpy(_marked(asked, _sound(said, len(asked.questions)), [RANDOM]).sum(0)))[0])


def _is_reliable(kinds: Sequence[Accuracy], unanswered: float) -> bool | None:
    known = [kind for kind in kinds if kind.n_docs >= MIN_DOCS and kind.low == kind.low]
    if any(kind.low <= RELIABLE_ABOVE for kind in known):
        return False  # one kind that fails settles it, however little is known of the others
    return True if len(known) == len(kinds) and unanswered <= MAX_UNANSWERED else None


def _sound(said: Any, n_questions: int) -> Float64[np.ndarray, " question"]:
    """Take answers for what they are worth: none where their number is wrong, or where one is no probability."""
    try:
        values = np.asarray(said, float).ravel()
    except (TypeError, ValueError):
        return np.full(n_questions, np.nan)
    if len(values) != n_questions:
        return np.full(n_questions, np.nan)
    with np.errstate(invalid="ignore"):
        return np.where((values >= 0) & (values <= 1), values, np.nan)


def _accuracies(
    asked: Asked, said: Float64[np.ndarray, " question"], kinds: Sequence[str], seed: int
) -> list[Accuracy]:
    """Compute one accuracy per kind of positives, all against the same negatives."""
    marked = _marked(asked, said, kinds)
    _, group = np.unique(asked.doc(), return_inverse=True)
    n_groups = int(group.max()) + 1 if len(group) else 1
    per_doc = np.zeros((n_groups, marked.shape[1]))
    np.add.at(per_doc, group, marked)
    counts = torch.from_numpy(per_doc)
    low, high = bootstrap_counts(counts, _balanced, seed=seed)
    totals, centers = per_doc.sum(0), _balanced(counts.sum(0))
    specificity = _ratio(totals[-2], totals[-1])
    return [
        Accuracy(
            balanced_accuracy=float(centers[index]), low=float(low[index]), high=float(high[index]),
            precision=_ratio(recall, recall + 1 - specificity), recall=recall, specificity=specificity,
            n_positive=int(totals[2 * index + 1]), n_negative=int(totals[-1]),
            n_docs=int((per_doc[:, 2 * index + 1] > 0).sum()),
        )
        for index, recall in enumerate(_ratio(totals[2 * i], totals[2 * i + 1]) for i in range(len(kinds)))
    ]  # fmt: skip


def _marked(
    asked: Asked, said: Float64[np.ndarray, " question"], kinds: Sequence[str]
) -> Float64[np.ndarray, "question count"]:
    """Mark what each question counts for: for each kind right yes and firing, then right no and negative."""
    answered = np.isfinite(said)
    fires, negative, yes = asked.fires & answered, ~asked.fires & answered, said > 0.5
    which = np.array(asked.kinds, dtype=object)
    parts = [column for kind in kinds for column in ((which == kind) & fires & yes, (which == kind) & fires)]
    return np.stack([*parts, negative & ~yes, negative], 1).astype(float)


def _balanced(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch cell"]:
    """Balanced accuracies from right answers and questions, kind by kind, those of the negatives last."""
    right, questions = sums[..., 0::2], sums[..., 1::2]
    shares = right / questions
    return (shares[..., :-1] + shares[..., -1:]) / 2


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _correlation(asked: Asked, said: Float64[np.ndarray, " question"]) -> float:
    from scipy.stats import pearsonr

    drawn = np.array([kind == RANDOM or not fires for kind, fires in zip(asked.kinds, asked.fires, strict=True)], bool)
    kept = drawn & np.isfinite(said)
    first, second = said[kept], asked.values[kept]
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(pearsonr(first, second).statistic)
