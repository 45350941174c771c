"""Ground truth for several dictionaries on the same text: does an SAE find what plain directions do not?

Each dictionary is judged as a report judges its SAE (`truth`): the best latent and threshold of every concept on one
half of the documents, F1 on the other. Beside SAEs stand the raw basis, principal components and random directions
(`dictionaries`), a look-up of the token and a linear probe. Differences are paired: both dictionaries on the same
resampled documents.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool

from interp_nb._errors import ConfigError, DataError, nearest
from interp_nb._stats import bootstrap_counts
from interp_nb.evaluation import judging
from interp_nb.evaluation.asked import N_TOKENS, texts_of
from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import BASELINES, Dictionary, baseline, of_sae
from interp_nb.evaluation.linear_probe import probe_counts
from interp_nb.evaluation.lookup import SOLVES_FROM, depends_on_context, look_up
from interp_nb.evaluation.monosemantic import Monosemantic, monosemantic
from interp_nb.evaluation.places import Places, places_of
from interp_nb.evaluation.reading import check_fits, copies, read, reading_with_bos
from interp_nb.evaluation.recovery_table import LOOKUP, PROBE, ConceptRecovery, PairedDifference, Recovered
from interp_nb.evaluation.text import Evaluated
from interp_nb.evaluation.thresholds import Counts
from interp_nb.evaluation.truth import NO_CONCEPTS, NO_LABELS, concepts_of
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.harvesting import Harvested

USUAL: Final = ("raw", "pca", "random")
"""Baselines beside an SAE that is given alone."""


class _Text(NamedTuple):
    """What dictionaries are held against."""

    evaluated: Evaluated
    concepts: Concepts
    context: Bool[np.ndarray, " concept"]
    references: dict[str, Counts]
    seed: int


def concept_recovery(
    dictionaries: SAE | Mapping[str, Any] | None = None,
    model: HookedModel | None = None,
    documents: Any = None,
    *,
    labels: dict[str, Any] | None = None,
    against: str | None = None,
    probe: bool = True,
    n_tokens: int | None = N_TOKENS,
    seed: int = 0,
    max_bytes: int | None = None,
    **reading: Any,
) -> ConceptRecovery:
    """Compare how well dictionaries' single latents tell labelled concepts.

    For every concept, the latent and the threshold with the best F1 on one half of the documents; F1 on the other half,
    with intervals over documents. Claims are about concepts that depend on context: those that a look-up of the token
    tells with an F1 below 0.8 within the first half.

    Args:
        dictionaries: SAEs of one site, and the baselines "raw", "pca", "random" and "random_free", by name; an SAE
            alone stands beside the first three; None = the pocket SAE.
        model: None = the pocket model.
        documents: Documents of the pocket world; None = its held-out world. Any text, with `labels`.
        labels: What is true of other text, as for `evaluate_sae`.
        against: The dictionary all others are compared with; None = the first SAE.
        probe: Fit a linear probe per concept, the ceiling.
        n_tokens: Tokens that are read, to the end of a window.
        seed: Draws the halves and random directions, and resamples.
        max_bytes: Memory that may be used; None = half of what is available.
        **reading: Fields of `Reading`, as `harvest` takes them.

    Raises:
        ConfigError: no SAE among the dictionaries, SAEs of several sites, or one of another model.
        DataError: the text has no labels, or no concept is frequent enough.
        MemoryBudgetError: the text does not fit.

    Cost: a forward of the text, one of each SAE; about 3 s for every 256 directions of "raw" and "pca", 5 s for the
        probe; "random_free" takes half a minute.
    """
    if model is None:
        from interp_nb.models.load import load_model

        model = load_model("pocket")
    named = _named(dictionaries)
    against = _against(named, against)
    saes = {name: each for name, each in named.items() if isinstance(each, SAE)}
    first = next(iter(saes.values()))
    places = _one_place(saes, model)
    texts = texts_of(model, documents)
    source = Harvested(model, places.reads, places.reads, texts.data, reading=reading_with_bos(**reading))
    check_fits(source, first, n_tokens, max_bytes)
    *_, evaluated = read(source, first, n_tokens, texts.documents, labels, max_bytes)
    assert evaluated is not None
    text = _labelled(evaluated, model, probe=probe, seed=seed)
    judged, rows = {}, []
    l0 = len(evaluated.fired.latents) / len(evaluated.doc)
    density = l0 / max(1, len(np.unique(evaluated.fired.latents)))
    for name, each in named.items():
        dictionary = _made(each, first, text, l0)
        judged[name] = judging.judge(dictionary, text.concepts)
        kind = each if isinstance(each, str) else each.cfg.architecture
        one = monosemantic(dictionary, text.concepts, density=density, seed=seed)
        fires = math.nan if dictionary.dense else float(dictionary.firings().sum() / len(evaluated.doc))
        rows.append(_recovered(name, kind, dictionary.d_sae, fires, judged[name].counts, text, one))
    rows += [_recovered(name, "reference", 0, math.nan, counts, text, None) for name, counts in text.references.items()]
    facts = evaluated.facts(texts.source)
    return ConceptRecovery(
        against=against,
        recovered=rows,
        concepts={
            name: judging.concept_rows(
                text.concepts, each, text.context, text.references[LOOKUP], text.references.get(PROBE), seed=seed
            )
            for name, each in judged.items()
        },
        differences=_differences(against, judged, text),
        site=" + ".join(places.reads),
        model_name=model_info(model).name,
        data={name: facts[name] for name in ("n_docs", "n_tokens", "hash", "source")},
        notes=[*places.notes, *copies(evaluated), *_notes(text, named)],
        settings={"n_tokens": n_tokens, "seed": seed, "probe": probe, "reading": source.settings},
        provenance={
            "function": "concept_recovery", "model": model_info(model)._asdict(),
            "dictionaries": {name: each if isinstance(each, str) else each.provenance for name, each in named.items()},
        },
    )  # fmt: skip


def _named(dictionaries: SAE | Mapping[str, Any] | None) -> dict[str, SAE | str]:
    if dictionaries is None or isinstance(dictionaries, SAE):
        from interp_nb.sae.saving import load_sae

        sae = load_sae("pocket") if dictionaries is None else dictionaries
        return {"pocket" if dictionaries is None else sae.cfg.architecture: sae, **{name: name for name in USUAL}}
    named = dict(dictionaries)
    for name, each in named.items():
        if not isinstance(each, SAE) and each not in BASELINES:
            raise ConfigError(
                f"dictionaries[{name!r}] must be an SAE or one of {', '.join(BASELINES)}, got {each!r}; see load_sae"
            )
        if name in (LOOKUP, PROBE):
            raise ConfigError(f"{name!r} is the name of a row that is always there; give the dictionary another one")
    if not any(isinstance(each, SAE) for each in named.values()):
        raise ConfigError("give at least one SAE: it says which site is read and how many random directions there are")
    return named


def _against(named: dict[str, SAE | str], against: str | None) -> str:
    if against is None:
        return next(name for name, each in named.items() if isinstance(each, SAE))
    if against not in named:
        raise ConfigError(f"against={against!r} is no dictionary; {nearest(against, list(named))}")
    return against


def _one_place(saes: dict[str, SAE], model: HookedModel) -> Places:
    found = {name: places_of(sae, model, None, None, allow_mismatch=False) for name, sae in saes.items()}
    (first, places), *others = found.items()
    for name, other in others:
        if other.reads != places.reads:
            raise ConfigError(
                f"dictionaries must read one site: {first!r} reads {', '.join(places.reads)}, {name!r} reads "
                f"{', '.join(other.reads)}; compare them in a call for each site"
            )
    return places


def _labelled(evaluated: Evaluated, model: HookedModel, *, probe: bool, seed: int) -> _Text:
    """Label the text, and count what look-up and probe say of it."""
    concepts = concepts_of(evaluated, model, seed=seed)
    if concepts is None or not concepts.n:
        raise DataError(NO_LABELS if concepts is None else NO_CONCEPTS)
    tokens = evaluated.tokens.numpy()
    references = {LOOKUP: look_up(concepts, tokens)}
    if probe:
        references[PROBE] = probe_counts(evaluated.acts, concepts)
    return _Text(evaluated, concepts, depends_on_context(concepts, tokens), references, seed)


def _made(each: SAE | str, first: SAE, text: _Text, l0: float) -> Dictionary:
    if each is first:
        return Dictionary(first.cfg.d_sae, text.evaluated.fired)
    acts = text.evaluated.acts
    if isinstance(each, SAE):
        return of_sae(each, acts)
    return baseline(each, acts, ~text.concepts.scored, d_sae=first.cfg.d_sae, l0=l0, seed=text.seed)


def _recovered(
    name: str, kind: str, d_sae: int, l0: float, counts: Counts, text: _Text, one: Monosemantic | None
) -> Recovered:
    context, seed = text.context, text.seed
    mean, found, lookup = (
        judging.mean_f1(counts, context, seed=seed), judging.found(counts, context, seed=seed),
        judging.mean_f1(counts, ~context, seed=seed),
    )  # fmt: skip
    share = (math.nan,) * 3 if one is None else (one.share, one.low, one.high)
    n_latents, n_own = (0, 0) if one is None else (len(one.latents), len(np.unique(one.concept)))
    return Recovered(name, kind, d_sae, l0, *mean, *found, *lookup, *share, n_latents, n_own)


def _differences(against: str, judged: dict[str, judging.Judged], text: _Text) -> list[PairedDifference]:
    ours, made = judged[against].counts, []
    for name, other in judged.items():
        if name == against:
            continue
        mean = judging.difference(ours, other.counts, text.context, seed=text.seed)
        made.append(PairedDifference(against, name, "", *mean))
        low, high = bootstrap_counts(judging.both(ours, other.counts), judging.f1_apart, seed=text.seed)
        value = judging.f1_apart(judging.both(ours, other.counts).sum(0))
        made += [
            PairedDifference(against, name, text.concepts.name(c), float(value[c]), float(low[c]), float(high[c]))
            for c in range(text.concepts.n)
        ]
    return made


def _notes(text: _Text, named: dict[str, SAE | str]) -> list[str]:
    halves = [len(np.unique(text.concepts.doc[text.concepts.scored == side])) for side in (False, True)]
    notes = [
        f"latents and thresholds chosen on {halves[0]} documents, scored on {halves[1]} others; "
        f"{int(text.context.sum())} of {text.concepts.n} concepts depend on context (a token look-up has F1 below "
        f"{SOLVES_FROM} on the former); intervals are for the latents that were chosen"
    ]
    if any(isinstance(each, str) and each.startswith("random") for each in named.values()):
        notes.append(
            "random directions are one draw, and intervals resample documents alone: other draws differ as much"
        )
    return notes
