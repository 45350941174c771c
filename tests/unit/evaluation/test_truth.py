"""Thresholds, look-ups and probes against slow versions and on labels whose answer is known."""

import math

import numpy as np
import pytest
import torch

from interp_nb._stats import bootstrap_ratio, share_interval
from interp_nb.evaluation.concepts import given_concepts, pocket_concepts
from interp_nb.evaluation.dictionaries import Dictionary, baseline
from interp_nb.evaluation.judging import concept_rows, difference, judge, mean_f1
from interp_nb.evaluation.linear_probe import probe_counts
from interp_nb.evaluation.lookup import depends_on_context, look_up
from interp_nb.evaluation.monosemantic import monosemantic
from interp_nb.evaluation.thresholds import choose, f1_of, score
from interp_nb.evaluation.truth import measure_truth
from interp_nb.models.pocket.document import Labels
from tests.unit.evaluation import planted_cities as planted

N_DOCS, LENGTH = 60, 7


def random_case(seed=0, n_latents=5):
    """Random labels, and activations with ties and silence."""
    generator = np.random.default_rng(seed)
    doc = np.repeat(np.arange(N_DOCS), LENGTH)
    pos = np.tile(np.arange(LENGTH), N_DOCS)
    acts = torch.from_numpy(generator.integers(0, 4, (len(doc), n_latents)).astype(np.float32))
    kinds = [[str(generator.integers(3)) for _ in range(LENGTH)] for _ in range(N_DOCS)]
    marks = [[int(generator.random() < 0.2) for _ in range(LENGTH)] for _ in range(N_DOCS)]
    concepts = given_concepts({"kind": kinds, "mark": marks}, doc, pos, n_docs=N_DOCS)
    return concepts, acts


def fired(acts):
    from interp_nb.features.firing import Firing

    active = acts != 0
    offsets = np.concatenate([[0], active.sum(1).cumsum(0).numpy()])
    return Dictionary(acts.shape[1], Firing(offsets, active.nonzero()[:, 1].int().numpy(), acts[active].numpy()))


def f1(says, has):
    return 2 * (says & has).sum() / (says.sum() + has.sum())


@pytest.mark.parametrize("seed", range(4))
def test_choice_is_the_best_of_all_latents_and_thresholds(seed):
    concepts, acts = random_case(seed)
    dictionary = fired(acts)
    chosen = choose(dictionary, concepts)
    counts = score(dictionary, concepts, chosen)
    on, values = ~concepts.scored, acts.numpy()
    for c in range(concepts.n):
        has = concepts.has(c)
        slow = {(latent, level): f1(values[on, latent] >= level, has[on]) for latent in range(5) for level in (1, 2, 3)}
        assert chosen.f1[c] == pytest.approx(max(slow.values()), abs=1e-12)
        says = values[:, chosen.latent_idx[c]] > chosen.threshold[c]
        assert f1(says[on], has[on]) == pytest.approx(chosen.f1[c], abs=1e-12)
        found = float(f1_of(counts.stacked().sum(0))[c])
        assert found == pytest.approx(f1(says[~on], has[~on]), abs=1e-12)


def test_order_and_scale_of_latents_change_nothing_but_their_names():
    concepts, acts = random_case()
    order = torch.tensor([3, 0, 4, 1, 2])
    first, other = judge(fired(acts), concepts), judge(fired(8 * acts[:, order]), concepts)
    np.testing.assert_array_equal(first.f1, other.f1)
    np.testing.assert_array_equal(first.chosen.threshold * 8, other.chosen.threshold)
    np.testing.assert_array_equal(order.numpy()[other.chosen.latent_idx], first.chosen.latent_idx)


def test_dense_directions_may_say_yes_below_zero():
    concepts, _ = random_case()
    table = concepts.table()
    # One direction is negative on all tokens, and least so where "mark" holds.
    mark = concepts.names.index(("mark", "1"))
    rows = torch.from_numpy(np.where(table[:, mark], -1.0, -2.0).astype(np.float32)).unsqueeze(1)
    dictionary = Dictionary(1, acts=rows, directions=torch.ones(1, 1))
    judged = judge(dictionary, concepts)
    assert judged.f1[mark] == 1.0
    assert judged.chosen.threshold[mark] == -1.5


def test_labels_are_concepts_where_they_are_frequent_and_not_always_there():
    n = 2 * N_DOCS
    doc, pos = np.repeat(np.arange(n), 2), np.tile(np.arange(2), n)
    labels = {
        "topic": ["a" if d % 2 else "b" for d in range(n)],
        "same": ["x" if d % 2 else "y" for d in range(n)],
        "rare": [int(d < 3) for d in range(n)],
        "always": [[1, 1] for _ in range(n)],
        "second": [[0, True] for _ in range(n)],
        "none": [None] * n,
        "mostly": [int(d % 3 > 0) for d in range(n)],
        "level": [d % 3 for d in range(n)],
    }
    concepts = given_concepts(labels, doc, pos, n_docs=n)
    assert set(map(concepts.name, range(concepts.n))) == {
        "topic=a", "topic=b", "second=1", "mostly=0", "level=1", "level=2"
    }  # fmt: skip
    assert concepts.has(concepts.names.index(("second", "1"))).tolist() == [False, True] * n
    halves = [set(doc[concepts.scored == side]) for side in (True, False)]
    assert not halves[0] & halves[1]


def test_look_up_knows_tokens_and_no_context():
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 6, N_DOCS * LENGTH)
    doc, pos = np.repeat(np.arange(N_DOCS), LENGTH), np.tile(np.arange(LENGTH), N_DOCS)
    by_document = tokens.reshape(N_DOCS, LENGTH)
    labels = {
        "small": [[int(token < 2) for token in row] for row in by_document],
        "place": [[int(place == 3) for place in range(LENGTH)] for _ in by_document],
    }
    concepts = given_concepts(labels, doc, pos, n_docs=N_DOCS)
    f1_by_token = f1_of(look_up(concepts, tokens).stacked().sum(0)).tolist()
    found = {concepts.name(c): f1_by_token[c] for c in range(concepts.n)}
    assert found["small=1"] == 1.0
    # A seventh of the tokens: saying yes to all has an F1 of a quarter, and no token says more.
    assert found["place=1"] < 0.3


def test_monosemantic_latents_are_those_that_fire_on_one_concept():
    sae = planted.splitting()
    text = planted.evaluated(sae)
    concepts = given_concepts(text.labels, text.doc.numpy(), text.pos.numpy(), n_docs=planted.N_DOCS)
    found = monosemantic(Dictionary(sae.cfg.d_sae, text.fired), concepts)
    named = {int(i): concepts.name(int(c)) for i, c in zip(found.latents, found.concept, strict=True)}
    # Of labels that are always there the rarest counts; latents of two cities are all "city", and of neither alone.
    assert {i: named[i] for i in (2, 3, 4)} == {2: "name=Rome", 3: "name=Oslo", 4: "name=Kyiv"}
    assert named[0] == named[5] == "kind=city"
    assert (found.share, found.n_judged) == (1.0, 6)
    assert (found.low, found.high) == share_interval(6, 6)
    assert 0.5 < found.low < 0.7


def test_a_dictionary_without_a_monosemantic_latent_is_not_sure_of_it():
    concepts, acts = random_case()
    found = monosemantic(fired(acts), concepts)
    assert (found.share, found.n_judged) == (0.0, 5)
    assert (found.low, found.high) == share_interval(0, 5)
    assert found.high > 0.3


def test_concept_of_a_latent_is_judged_on_documents_it_was_not_chosen_on():
    """A latent that fires on one concept alone in the one half, and anywhere in the other."""
    concepts, _ = random_case()
    mark = concepts.has(concepts.names.index(("mark", "1")))
    anywhere = np.random.default_rng(5).random(len(mark)) < mark.mean()
    fires = np.where(concepts.scored, anywhere, mark)
    both = torch.from_numpy(np.stack([fires, mark], 1)).float()
    assert monosemantic(fired(both), concepts).latents.tolist() == [1]


def test_linear_probe_of_noise_tells_nothing_on_documents_it_was_not_fitted_on():
    generator = np.random.default_rng(0)
    doc, pos = np.repeat(np.arange(N_DOCS), LENGTH), np.tile(np.arange(LENGTH), N_DOCS)
    noise = {"noise": [[int(generator.random() < 0.3) for _ in range(LENGTH)] for _ in range(N_DOCS)]}
    concepts = given_concepts(noise, doc, pos, n_docs=N_DOCS)
    # Half as many dimensions as rows: fitted on all of them it would tell most.
    acts = torch.from_numpy(generator.normal(size=(len(doc), len(doc) // 2))).float()
    found = float(f1_of(probe_counts(acts, concepts).stacked().sum(0))[0])
    assert found < 0.52


def test_mean_and_components_are_those_of_the_half_that_is_chosen_on():
    generator = torch.Generator().manual_seed(0)
    on = np.arange(400) % 2 == 0
    acts = torch.randn(400, 6, generator=generator)
    acts[torch.from_numpy(on), 0] *= 10
    acts[torch.from_numpy(~on), 1] *= 30
    acts[torch.from_numpy(~on)] += 5
    largest = baseline("pca", acts, on).of(5).values
    centered = (acts - acts[torch.from_numpy(on)].mean(0)).numpy()
    assert abs(np.corrcoef(largest[on], centered[on, 0])[0, 1]) > 0.99
    assert abs(largest[on].mean()) < 1e-4
    np.testing.assert_allclose(baseline("raw", acts, on).of(2).values, centered[:, 2], atol=1e-5)


def test_context_is_decided_on_the_half_that_is_chosen_on():
    generator = np.random.default_rng(1)
    n = 200
    doc, pos = np.repeat(np.arange(n), LENGTH), np.tile(np.arange(LENGTH), n)
    tokens = generator.integers(0, 6, n * LENGTH)
    rows = tokens.reshape(n, LENGTH)
    labels = {
        "given": [[int(token == 2) for token in row] for row in rows],
        "place": [[int(place == 3) for place in range(LENGTH)] for _ in rows],
        # Nine of ten tokens 4 and 5 have it: a look-up has an F1 of some 0.95.
        "mostly": [[int(token >= 4 and generator.random() < 0.9) for token in row] for row in rows],
    }
    concepts = given_concepts(labels, doc, pos, n_docs=n)
    context = dict(zip(map(concepts.name, range(concepts.n)), depends_on_context(concepts, tokens), strict=True))
    assert context == {"given=1": False, "place=1": True, "mostly=1": False}
    mixed = np.where(concepts.scored, generator.permutation(tokens), tokens)
    assert depends_on_context(concepts, mixed).tolist() == list(context.values())
    other = np.where(concepts.scored, tokens, generator.permutation(tokens))
    assert depends_on_context(concepts, other).all()


def test_baselines_have_both_signs_and_the_sparsity_that_was_asked_for():
    acts = torch.randn(500, 8)
    on = np.arange(500) % 2 == 0
    raw, pca = (baseline(kind, acts, on) for kind in ("raw", "pca"))
    for made in (raw, pca):
        assert made.d_sae == 16
        np.testing.assert_array_equal(made.of(3).values, -made.of(11).values)
    centered = acts - acts[torch.from_numpy(on)].mean(0)
    np.testing.assert_allclose(raw.of(3).values, centered[:, 3].numpy(), atol=1e-6)
    variance = [float(np.var(pca.of(i).values[on])) for i in range(8)]
    total = float(acts[torch.from_numpy(on)].double().var(0, unbiased=False).sum())
    assert sum(variance) == pytest.approx(total, rel=1e-5)
    assert max(variance) > max(acts[torch.from_numpy(on)].var(0).tolist())
    sparse = baseline("random", acts, on, d_sae=64, l0=5.4)
    assert sparse.firings().sum() == 5 * 500
    free = baseline("random_free", acts, on, d_sae=64)
    assert free.dense
    some = int(sparse.of(0).rows[0])
    assert free.of(0).values[some] == pytest.approx(float(sparse.of(0).values[0]), rel=1e-5)


def test_paired_interval_of_a_dictionary_with_itself_is_0():
    concepts, acts = random_case()
    judged = judge(fired(acts), concepts)
    everything = np.ones(concepts.n, bool)
    assert tuple(difference(judged.counts, judged.counts, everything)) == (0.0, 0.0, 0.0)
    mean = mean_f1(judged.counts, everything)
    assert mean.low < mean.value < mean.high
    assert mean.value == pytest.approx(judged.f1.mean())


def test_group_counts_what_is_found_and_shows_the_ceiling():
    from tests.tiny_models import shared

    sae = planted.honest()
    result = measure_truth(sae, shared("gpt2"), planted.evaluated(sae))
    # Cities follow from their tokens: there is nothing that depends on context, and the table says so.
    assert all(not row.context and row.f1 == row.lookup_f1 == row.probe_f1 == 1.0 for row in result.tables["concepts"])
    assert np.isnan(result.metrics["mean_f1_context"].value)
    assert result.metrics["mean_f1_lookup"].value == 1.0
    assert "0 of 5 concepts depend on context" in result.notes[0]


def test_rows_say_precision_recall_and_interval():
    concepts, acts = random_case()
    judged = judge(fired(acts), concepts)
    tokens = np.random.default_rng(0).integers(0, 3, len(concepts.doc))
    rows = concept_rows(concepts, judged, np.ones(concepts.n, bool), look_up(concepts, tokens), None)
    named = {concepts.name(c): judged.counts.stacked()[:, c :: concepts.n] for c in range(concepts.n)}
    for row in rows:
        right, said, true = named[row.name].sum(0).tolist()
        assert (row.precision, row.recall) == pytest.approx((right / said, right / true))
        for under, low, high in ((1, row.precision_low, row.precision_high), (2, row.recall_low, row.recall_high)):
            alone = bootstrap_ratio(named[row.name][:, :1], named[row.name][:, under])
            assert (low, high) == pytest.approx((float(alone.low), float(alone.high)), abs=1e-6)
        assert row.lookup_low < row.lookup_f1 < row.lookup_high
        assert math.isnan(row.probe_f1)
        assert math.isnan(row.probe_low)
        assert row.f1 == pytest.approx(2 * row.precision * row.recall / (row.precision + row.recall))
        assert row.low <= row.f1 <= row.high
    assert [row.f1 for row in rows] == sorted((row.f1 for row in rows), reverse=True)


def test_pocket_documents_have_concepts_of_every_field():
    from itertools import islice

    from interp_nb.evaluation.asked import held_out_world
    from interp_nb.models.load import load_model

    tokenizer = load_model().tokenizer
    documents = list(islice(held_out_world(), 1000))
    ids = [tokenizer(document.text, add_special_tokens=False)["input_ids"] for document in documents]
    doc = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
    pos = np.concatenate([np.arange(len(row)) for row in ids])
    concepts = pocket_concepts(documents, tokenizer, np.concatenate(ids), doc, pos)
    assert {field for field, _ in concepts.names} >= set(Labels._fields) - {"language"}
    names = {concepts.name(c) for c in range(concepts.n)}
    assert {"entity_type=city", "role=attractor", "sentiment=positive", "role=subject"} <= names
    assert "language=English" not in names
    # One and the same set of tokens is one concept.
    assert "role=income" not in names
    assert "entity_type=income" in names
