"""What a latent does to the model's predictions, measured by taking it out where it fires, and how specific that is.

1. Windows are drawn evenly from a latent's firings in the store's token sample: the token it fires on, up to 11 before
   it, up to 4 after. They are of the half of the documents that labels are tested on, not made from (of the same seed).
   The model reads them after a begin-of-text token, if it has one.
2. The latent is set to 0 at that token; what the SAE does not explain stays. A window in which it does not fire, which
   happens where it reads further back, is left out.
3. The effect of a window is how far the predictions from that token on move: KL(before, after) in nats, summed over the
   up to five predictions.
4. In the same window, a random direction of equal norm is taken out instead.

    causal_effect     = mean effect per firing, nats
    own_share         = effect / (effect + effect of the random direction): 0.5 = as any direction of that size
    label_share       = effect in windows where the label says that it fires / effect in all windows
    specificity       = the smaller of the two shares; own_share alone where the label predicts nothing by itself

So a specific feature does more than noise of its size, and does it where its label says. The definition of specificity
is ours. Intervals resample documents (`_stats`).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int, Int64
from torch import Tensor

from interp_nb import _measures
from interp_nb._errors import ConfigError
from interp_nb._stats import bootstrap_counts
from interp_nb.features.corpus import Corpus
from interp_nb.features.explain import Explainer, Explanation, Judgment, Question, explainer_of
from interp_nb.features.questions import of_example, of_row
from interp_nb.features.records import TOP_BAND
from interp_nb.features.wiring import Wired, adding, starting_at, wire
from interp_nb.models.edit import forward
from interp_nb.models.protocol import HookedModel

N_WINDOWS: Final = 24
"""Windows per latent: intervals over fewer documents are too narrow (`_stats.bootstrap_ratio`)."""
FREE: Final = ("tokens",)
"""Methods of labels that judge windows by their own rule, at no cost."""
_LOGITS: Final = 2**23
"""Logits that one forward may hold: 34 MB, and a few times that while they are compared."""


class Effects(NamedTuple):
    """What was measured of some latents; NaN where it could not be."""

    latents: Int64[np.ndarray, " latent"]
    """Their indices."""
    causal_effect: Float64[np.ndarray, " latent"]
    """Nats per firing."""
    causal_effect_low: Float64[np.ndarray, " latent"]
    """Lower end of its 95 % interval."""
    specificity: Float64[np.ndarray, " latent"]
    """0 to 1, see the module's docstring."""
    specificity_low: Float64[np.ndarray, " latent"]
    """Lower end of its 95 % interval."""
    own_share: Float64[np.ndarray, " latent"]
    """Effect beside that of a random direction of equal norm."""
    label_share: Float64[np.ndarray, " latent"]
    """Effect where the label says that it fires; NaN where the label predicts nothing by itself."""
    n_windows: Int64[np.ndarray, " latent"]
    """Windows that were measured."""
    n_docs: Int64[np.ndarray, " latent"]
    """Documents they are from."""


class Window(NamedTuple):
    """A stretch of text on which a latent fires."""

    latent: int
    """The latent."""
    question: Question
    """The tokens, and which of them it fires on."""


class Measured(NamedTuple):
    """One window: effects of the latent and of the random direction, NaN where the latent does not fire."""

    effect: float
    """Nats, of the latent."""
    random: float
    """Nats, of the random direction."""
    other_random: float = float("nan")
    """Nats, of a second random direction; NaN where none was asked for."""


def measure_effects(
    store: Any,
    model: HookedModel,
    latents: Sequence[int] | Int64[np.ndarray, " latent"],
    *,
    n_windows: int = N_WINDOWS,
    explainer: Explainer | None = None,
    seed: int = 0,
) -> Effects:
    """Take latents out where they fire, and measure how far predictions move and how specifically.

    Args:
        latents: Which ones; one that is named twice is measured once.
        n_windows: Windows per latent at most.
        explainer: Judges by labels of its own name; None = labels by `tokens` judge themselves.
        seed: Draws windows and random directions.

    Raises:
        ConfigError: no latents, or too few windows.

    Cost: per window one forward of up to 17 tokens, and two from the layer on that the latents write to.
    """
    chosen = list(dict.fromkeys(int(latent) for latent in latents))
    if not chosen or n_windows < 2:
        raise ConfigError(f"give at least one latent and two windows, got {len(chosen)} and n_windows={n_windows}")
    wired = wire(model, store)
    windows = _drawn(store, chosen, n_windows, seed)
    measured: list[Measured] = [Measured(np.nan, np.nan)] * len(windows)
    for place, found in window_effects(model, wired, windows, seed=seed):
        measured[place] = found
    by_latent: dict[int, list[int]] = {latent: [] for latent in chosen}
    for place, window in enumerate(windows):
        if not np.isnan(measured[place].effect):
            by_latent[window.latent].append(place)
    rows = []
    for latent, places in by_latent.items():
        questions = [windows[place].question for place in places]
        judged = _applies(store, latent, questions, explainer)
        rows.append(_summed(questions, [measured[place] for place in places], judged, seed))
    columns = np.array(rows, float).reshape(len(rows), 8).T
    return Effects(np.array(chosen), *columns[:6], *columns[6:].astype(np.int64))


def window_effects(
    model: HookedModel, wired: Wired, windows: Sequence[Window], *, seed: int, two_random: bool = False
) -> Iterator[tuple[int, Measured]]:
    """Take latents out where windows say that they fire: yield each window's index and what was measured.

    Args:
        seed: Draws the random directions.
        two_random: Take a second random direction out too; the first one stays what it is.

    Cost: one forward of every window, and two from the layer on that the latents write to, or three.
    """
    # Each random direction has a generator of its own.
    generators = [torch.Generator().manual_seed(seed + number) for number in range(1 + two_random)]
    for places, tokens, at in _batches(model, windows):
        group = [windows[place] for place in places]
        yield from zip(places, _effects(model, wired, group, tokens, at, generators), strict=True)


def spread_over_documents(
    rows: Int64[np.ndarray, " row"], doc: Int64[np.ndarray, " row"], n: int, rng: np.random.Generator
) -> Int64[np.ndarray, " drawn"]:
    """Draw rows, each of the document named beside it: one of every document first, then a second of each, and on."""
    mixed = rng.permutation(len(rows))
    rows, doc, turn = rows[mixed], doc[mixed], np.empty(len(rows), np.int64)
    by_doc = np.argsort(doc, kind="stable")
    docs = doc[by_doc]
    turn[by_doc] = np.arange(len(rows)) - np.searchsorted(docs, docs)
    drawn: Int64[np.ndarray, " drawn"] = rows[np.argsort(turn, kind="stable")][:n]
    return drawn


def _drawn(store: Any, latents: Sequence[int], n_windows: int, seed: int) -> list[Window]:
    """Draw windows of every latent, from as many documents as there are."""
    corpus = Corpus(store, "score", seed=seed)
    found = []
    for latent, feature in zip(latents, store.latents(latents), strict=True):
        rng = np.random.default_rng([seed, latent])
        rows = np.asarray(corpus.firings(latent).rows)
        chosen = spread_over_documents(rows, corpus.doc[rows], n_windows, rng)
        questions = [of_row(corpus, int(row)) for row in chosen]
        if len(questions) < n_windows:
            # Too rare for the token sample: the store's bands were drawn evenly from all firings as well.
            seen = {(question.doc, question.pos) for question in questions}
            drawn = [one for one in feature.examples if one.band != TOP_BAND and corpus.keeps(one.doc)]
            others = [one for one in drawn if (one.doc, one.pos) not in seen]
            questions += [of_example(others[index]) for index in rng.permutation(len(others))]
        found += [Window(latent, question) for question in questions[:n_windows]]
    return found


def _batches(
    model: HookedModel, windows: Sequence[Window]
) -> Iterator[tuple[list[int], Int[Tensor, "window pos"], Int[Tensor, " window"]]]:
    """Group windows of one length: their places, their tokens, and where in them the latent fires."""
    begin = _begin(model)
    rows = [[*begin, *window.question.token_ids.tolist()] for window in windows]
    starts = [len(begin) if begin and row[: len(begin) + 1] != begin * 2 else 0 for row in rows]
    by_length: dict[int, list[int]] = {}
    for place, (row, start) in enumerate(zip(rows, starts, strict=True)):
        rows[place] = row if start or not begin else row[len(begin) :]  # the window has its own begin-of-text
        by_length.setdefault(len(rows[place]), []).append(place)
    for length, places in sorted(by_length.items()):
        size = max(1, _LOGITS // (length * int(model.cfg.d_vocab)))
        for first in range(0, len(places), size):
            some = places[first : first + size]
            at = [windows[place].question.at + starts[place] for place in some]
            yield some, torch.tensor([rows[place] for place in some]), torch.tensor(at)


def _begin(model: HookedModel) -> list[int]:
    """Return the begin-of-text token, if the model puts one before its texts."""
    token = getattr(getattr(model, "tokenizer", None), "bos_token_id", None)
    return [int(token)] if token is not None and getattr(model.cfg, "default_prepend_bos", False) else []


@torch.no_grad()
def _effects(
    model: HookedModel,
    wired: Wired,
    windows: Sequence[Window],
    tokens: Int[Tensor, "window pos"],
    at: Int[Tensor, " window"],
    generators: Sequence[torch.Generator],
) -> list[Measured]:
    """Measure the windows of one batch."""
    kept: dict[str, Tensor] = {}
    name, layer = starting_at(model, wired)
    sites = dict.fromkeys([*wired.source.reads, *wired.source.writes, *([name] if name else [])])
    hooks = [(site, lambda activation, hook, site=site: kept.__setitem__(site, activation.detach().clone()))
             for site in sites]  # fmt: skip
    tokens = tokens.to(getattr(model.cfg, "device", None) or "cpu")
    before = forward(model, tokens, hooks=hooks)
    every, latents = torch.arange(len(tokens)), torch.tensor([window.latent for window in windows])
    acts = torch.cat([kept[site].flatten(2).cpu()[every, at] for site in wired.source.reads], -1)
    sae = wired.source.sae
    values = wired.source.encode(acts if sae is None else acts.to(sae.encoder.device))[every, latents].float().cpu()
    written = wired.rows(latents) * values.unsqueeze(1)
    start = tokens if name is None else kept[name]
    counts = torch.arange(tokens.shape[1]) >= at.unsqueeze(1)
    found = []
    for removed in (written, *(_random_like(wired, written, generator) for generator in generators)):
        changes = torch.zeros(*tokens.shape, written.shape[1])
        changes[every, at] = -removed
        added = adding(wired, changes, kept, resumed=model)
        after = forward(model, start, hooks=added, start_at_layer=layer)
        found.append((_measures.kl(before, after).cpu() * counts).sum(1).clamp(min=0))
    silent = values <= 0
    columns = [each.double().masked_fill(silent, torch.nan).tolist() for each in found]
    return [Measured(*each) for each in zip(*columns, strict=True)]


def _random_like(
    wired: Wired, written: Float[Tensor, "window d_out"], generator: torch.Generator
) -> Float[Tensor, "window d_out"]:
    """Draw a direction for every window, at each site of the norm that the latent writes with."""
    drawn = torch.randn(written.shape, generator=generator)
    parts = zip(wired.split(written), wired.split(drawn), strict=True)
    return torch.cat([torch.nn.functional.normalize(other, dim=1) * one.norm(dim=1, keepdim=True)
                      for (_, one), (_, other) in parts], 1)  # fmt: skip


def _applies(
    store: Any, latent: int, questions: Sequence[Question], explainer: Explainer | None
) -> Bool[np.ndarray, " window"] | None:
    """Say in which windows the latent's label says that it fires; None where the label cannot say."""
    label = store.labels.of(latent)
    if label is not None and label.human:
        machine = store.labels.machine(latent)
        # A person who agreed with the machine took its words over, and its rule with them.
        label = machine if machine is not None and machine.text == label.text else None
    if label is None or not label.text or not questions:
        return None
    judge = explainer
    if judge is None and label.method in FREE and label.explanation:
        judge = explainer_of(label.method)
    if judge is None or judge.name != label.method:
        return None
    explanation = Explanation(latent, label.text, label.explanation)
    said = judge.judge_all([Judgment(explanation, "detection", tuple(questions), store.token_strings)])[0]
    return np.asarray(said) > 0.5


def _summed(
    questions: Sequence[Question],
    measured: Sequence[Measured],
    applies: Bool[np.ndarray, " window"] | None,
    seed: int,
) -> list[float]:
    """Sum the windows of one latent up, in the order of the columns of `Effects`."""
    if not measured:
        return [np.nan] * 6 + [0.0, 0.0]
    _, doc = np.unique([question.doc for question in questions], return_inverse=True)
    effect, random, _ = np.array(measured).T
    inside = effect if applies is None else effect * applies
    per_doc = np.zeros((int(doc.max()) + 1, 4))
    np.add.at(per_doc, doc, np.stack([effect, random, inside, np.ones(len(effect))], 1))
    counts = torch.from_numpy(per_doc)
    low = bootstrap_counts(counts, _statistics, seed=seed).low.double().tolist()
    mean, specificity, own, by_label = _statistics(counts.sum(0)).tolist()
    by_label = np.nan if applies is None else by_label
    return [mean, low[0], specificity, low[1], own, by_label, float(len(measured)), float(len(per_doc))]


def _statistics(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch cell"]:
    """Compute effect, specificity and its two shares from sums: effect, random, where the label applies, windows."""
    effect, random, inside, n = sums.unbind(-1)
    own, by_label = effect / (effect + random), inside / effect
    return torch.stack([effect / n, torch.minimum(own, by_label), own, by_label], -1)
