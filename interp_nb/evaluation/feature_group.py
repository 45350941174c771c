"""What an SAE's latents are like, as one group of a report: geometry, logits, probing, absorption, splitting.

Probing, absorption and splitting need labels: of the pocket world its answer key, of other text what the caller gave.
Definitions are in `logit_effects`, `sparse_probing`, `absorption`, `splitting`. A narrower concept of absorption
may be in as few as five documents of each half: cities are many.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.evaluation.absorption import Probe, Written, absorption, families
from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary
from interp_nb.evaluation.intervals import mean
from interp_nb.evaluation.linear_probe import answers_of, fit_probes
from interp_nb.evaluation.logit_effects import logit_specificity
from interp_nb.evaluation.lookup import depends_on_context
from interp_nb.evaluation.report import FOUND_FROM
from interp_nb.evaluation.rows import Distribution, GroupResult, Metric
from interp_nb.evaluation.sparse_probing import sparse_probes
from interp_nb.evaluation.splitting import Mostly, Split, split_of
from interp_nb.evaluation.text import Evaluated
from interp_nb.evaluation.thresholds import choose
from interp_nb.evaluation.truth import NO_CONCEPTS, NO_LABELS, concepts_of
from interp_nb.features.geometry import encoder_decoder_cosine
from interp_nb.features.latents import SAELatents
from interp_nb.features.scoring import MIN_DOCS
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.directions import decoder_rows

OTHER_PLACE: Final = "what it reads and what it writes are of different places, so their directions cannot be compared"
LABELLED: Final = ("probe_k1", "probe_k2", "probe_k5", "probe_dense", "absorption", "splitting")
"""Numbers that need labels."""
_BINS: Final = 40


class _Labelled(NamedTuple):
    """What the measures of labelled text share."""

    dictionary: Dictionary
    concepts: Concepts
    written: Written
    targets: Float[Tensor, "row d_out"]
    n_docs: int


def measure_features(sae: SAE, model: HookedModel, evaluated: Evaluated, *, seed: int = 0) -> GroupResult:
    """Measure the group "features" of a report.

    Args:
        seed: Draws the halves of the documents and random directions, and resamples.

    Raises:
        DataError: the labels do not fit the text.
    """
    dictionary = Dictionary(sae.cfg.d_sae, evaluated.fired)
    live = np.flatnonzero(dictionary.firings() > 0)
    metrics, distributions, skipped = _of_weights(sae, model, live, seed)
    concepts = concepts_of(evaluated, model, seed=seed)
    if concepts is None or not concepts.n:
        words = NO_LABELS if concepts is None else NO_CONCEPTS
        return GroupResult(metrics, distributions, skipped=skipped | dict.fromkeys(LABELLED, words))
    written = Written(evaluated.fired, decoder_rows(sae, torch.arange(sae.cfg.d_sae)))
    n_docs = len(np.unique(concepts.doc[concepts.scored]))
    context = np.flatnonzero(depends_on_context(concepts, evaluated.tokens.numpy()))
    tasks = context if len(context) else np.arange(concepts.n)
    probes = sparse_probes(dictionary, concepts, tasks, evaluated.acts, seed=seed)
    metrics |= {name: Metric(*each, n_docs, "documents", math.nan) for name, each in probes.means.items()}
    finer = concepts_of(evaluated, model, seed=seed, min_docs=MIN_DOCS)
    assert finer is not None
    found = _absorption(_Labelled(dictionary, finer, written, evaluated.targets, n_docs), seed)
    which = "that depend on context" if len(context) else "(a token look-up solves all of them)"
    return GroupResult(
        metrics | found.metrics, distributions, {"probes": list(probes.rows), **found.tables},
        [f"sparse probing: {len(tasks)} concepts {which}, each against all other tokens", *found.notes],
        skipped | found.skipped,
    )  # fmt: skip


def _of_weights(
    sae: SAE, model: HookedModel, live: Int64[np.ndarray, " latent"], seed: int
) -> tuple[dict[str, Metric], dict[str, Distribution], dict[str, str]]:
    """Measure what needs no labels, of the latents that fire."""
    metrics, distributions, skipped = {}, {}, {}
    if not len(live):
        return {}, {}, dict.fromkeys(("encoder_decoder_cosine", "logit_specificity"), "no latent fires on this text")
    source = SAELatents(sae)
    cosine = encoder_decoder_cosine(source, decoder_rows(sae, torch.arange(sae.cfg.d_sae)))[live].astype(float)
    if np.isnan(cosine).all():
        skipped["encoder_decoder_cosine"] = OTHER_PLACE
    else:
        metrics["encoder_decoder_cosine"] = mean(torch.from_numpy(cosine), seed=seed)
        counts, edges = np.histogram(cosine, bins=_BINS, range=(-1, 1))
        distributions["encoder_decoder_cosine"] = Distribution(
            torch.from_numpy(edges).float(), torch.from_numpy(counts), "live latents by cosine of encoder and decoder"
        )
    try:
        specificity = logit_specificity(model, source, live, seed=seed)
        metrics["logit_specificity"] = mean(torch.from_numpy(specificity), seed=seed)
    except ConfigError as error:
        skipped["logit_specificity"] = str(error)
    return metrics, distributions, skipped


def _absorption(labelled: _Labelled, seed: int) -> GroupResult:
    """Measure absorption and splitting of concepts that have narrower ones."""
    dictionary, concepts = labelled.dictionary, labelled.concepts
    parents = sorted(set(families(concepts).values()))
    if not parents:
        words = "no labelled concept contains another one; give labels of things and of their kinds"
        return GroupResult({}, skipped=dict.fromkeys(("absorption", "splitting"), words))
    mostly, chosen = Mostly(dictionary, concepts), choose(dictionary, concepts)
    splits: dict[int, Split] = {parent: split_of(dictionary, concepts, parent, chosen, mostly) for parent in parents}
    chosen_on, has = ~concepts.scored, concepts.table()[:, parents]
    probe = fit_probes(labelled.targets[torch.from_numpy(chosen_on)], has[chosen_on])
    says = answers_of(probe.scores(labelled.targets).numpy(), has, chosen_on)
    found = absorption(dictionary, labelled.written, concepts, splits, Probe(probe.weights, says), seed=seed)
    told = [split for split in splits.values() if split.f1 >= FOUND_FROM]
    counts = np.array([len(split.latents) for split in told], float)
    rates = [row.rate for row in found.rows if row.rate > 0]
    note = (
        f"absorption, splitting: {len(told)} of {len(parents)} concepts that contain others have latents (together F1 "
        f">= {FOUND_FROM}); {len(found.rows)} pairs of such a concept and one in it could be measured, "
        f"{len(rates)} of them have absorption above 0" + (f", at most {max(rates):.2f}" if rates else "")
    )
    metrics, skipped = {}, {}
    if found.rows:
        metrics["absorption"] = Metric(*found.mean, labelled.n_docs, "documents", math.nan)
    else:
        skipped["absorption"] = "no concept that has latents of its own contains one that has, too"
    if told:
        metrics["splitting"] = mean(torch.from_numpy(counts), seed=seed, of="concepts")
    else:
        skipped["splitting"] = "no concept that contains others has latents"
    return GroupResult(metrics, tables={"absorbed": list(found.rows)}, notes=[note], skipped=skipped)
