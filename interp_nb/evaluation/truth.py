"""Ground truth: which labelled concepts an SAE's latents stand for, as one group of a report.

1. Documents are cut into two halves. On one, every concept gets the latent and the threshold with the best F1; on the
   other these are scored, with intervals over documents (`thresholds`, `judging`).
2. A look-up of the token alone is learned on the same half (`lookup`). Concepts that it solves there, learned on one
   part and judged on another, are reported apart: they are in the token's embedding. The others depend on context, and
   only of them is anything claimed.
3. A linear probe per concept, trained on the same half, is the ceiling (`linear_probe`).
4. Latents that stand for one concept are counted (`monosemantic`).
"""

import math
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float64

from interp_nb.evaluation import judging
from interp_nb.evaluation.concepts import MIN_DOCS, Concepts, given_concepts, pocket_concepts
from interp_nb.evaluation.dictionaries import Dictionary
from interp_nb.evaluation.linear_probe import probe_counts
from interp_nb.evaluation.lookup import SOLVES_FROM, depends_on_context, look_up
from interp_nb.evaluation.monosemantic import monosemantic
from interp_nb.evaluation.rows import GroupResult, Metric
from interp_nb.evaluation.text import Evaluated
from interp_nb.evaluation.thresholds import Counts, f1_of
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE

NO_LABELS: Final = (
    "the text has no labels: give labels={task: one value per document, or one per token}, or evaluate on documents of "
    "the pocket world, which know what is true of every token"
)
NO_CONCEPTS: Final = (
    "no labelled concept is in ten documents of each half of the text and holds for at most half of its tokens: give "
    "more text, or labels of commoner things"
)


def measure_truth(sae: SAE, model: HookedModel, evaluated: Evaluated, *, seed: int = 0) -> GroupResult:
    """Measure the group "truth" of a report.

    Args:
        seed: Draws the halves, and resamples.

    Raises:
        DataError: the labels do not fit the text.
    """
    concepts = concepts_of(evaluated, model, seed=seed)
    if concepts is None or not concepts.n:
        return GroupResult({}, skipped={"truth": NO_LABELS if concepts is None else NO_CONCEPTS})
    dictionary = Dictionary(sae.cfg.d_sae, evaluated.fired)
    judged = judging.judge(dictionary, concepts)
    tokens = evaluated.tokens.numpy()
    lookup, context = look_up(concepts, tokens), depends_on_context(concepts, tokens)
    probes = probe_counts(evaluated.acts, concepts)
    rows = judging.concept_rows(concepts, judged, context, lookup, probes, seed=seed)
    return GroupResult(
        _metrics(dictionary, concepts, judged.counts, probes, context, seed), tables={"concepts": list(rows)},
        notes=_notes(concepts, context, f1_of(lookup.stacked().sum(0)).numpy(), judged.f1),
    )  # fmt: skip


def concepts_of(
    evaluated: Evaluated, model: HookedModel, *, seed: int = 0, min_docs: int = MIN_DOCS
) -> Concepts | None:
    """Label the tokens of evaluated text; None where it has no labels.

    Raises:
        DataError: the labels do not fit the text.
    """
    columns = (evaluated.tokens, evaluated.doc, evaluated.pos, evaluated.first_doc)
    tokens, doc, pos, first_doc = (column.numpy() for column in columns)
    if evaluated.labels is not None:
        n_docs = int(doc.max(initial=-1)) + 1
        given = given_concepts(evaluated.labels, doc, pos, n_docs=n_docs, seed=seed, min_docs=min_docs, unit=first_doc)
        return given
    if evaluated.documents is None:
        return None
    tokenizer: Any = getattr(model, "tokenizer", None)
    return pocket_concepts(
        evaluated.documents, tokenizer, tokens, doc, pos, seed=seed, min_docs=min_docs, unit=first_doc
    )  # fmt: skip


def _metrics(
    dictionary: Dictionary, concepts: Concepts, counts: Counts, probes: Counts, context: Bool[np.ndarray, " concept"],
    seed: int,
) -> dict[str, Metric]:  # fmt: skip
    n_docs = len(np.unique(concepts.doc[concepts.scored]))

    def metric(estimate: judging.Estimate) -> Metric:
        return Metric(*estimate, n_docs, "documents", math.nan)

    one = monosemantic(dictionary, concepts, seed=seed)
    return {
        "concepts_found": metric(judging.found(counts, context, seed=seed)),
        "mean_f1_context": metric(judging.mean_f1(counts, context, seed=seed)),
        "mean_f1_lookup": metric(judging.mean_f1(counts, ~context, seed=seed)),
        "monosemantic_share": Metric(one.share, one.low, one.high, one.n_judged, "latents", math.nan),
        "mean_f1_probe": metric(judging.mean_f1(probes, context, seed=seed)),
    }


def _notes(
    concepts: Concepts, context: Bool[np.ndarray, " concept"], lookup_f1: Float64[np.ndarray, " concept"],
    f1: Float64[np.ndarray, " concept"],
) -> list[str]:  # fmt: skip
    halves = [len(np.unique(concepts.doc[concepts.scored == side])) for side in (False, True)]
    notes = [
        f"ground truth: latents and thresholds chosen on {halves[0]} documents, scored on {halves[1]} others; "
        f"{int(context.sum())} of {concepts.n} concepts depend on context (a token look-up has F1 below {SOLVES_FROM} "
        "on the former)"
    ]
    ours, theirs = (float(each[context].mean()) if context.any() else math.nan for each in (f1, lookup_f1))
    if ours < theirs:
        notes.append(
            f"on concepts that depend on context a token look-up has a mean F1 of {theirs:.2f}, the best single "
            f"latents {ours:.2f}: they stand for parts of broad concepts (a family "
            "of text, a register), not for the whole"
        )
    return notes
