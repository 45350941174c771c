"""Scores by hand, intervals, what earns `reliable`, and the questions they are computed from."""

import numpy as np
import pytest

from interp_nb.features.corpus import Corpus, in_half
from interp_nb.features.explain import Question
from interp_nb.features.questions import HARD, RANDOM, SILENT, Asked, Sizes, detection, fuzzing
from interp_nb.features.scoring import balanced_accuracy, score
from tests.unit.features.label_cases import (
    AFTER_RED,
    AT_RANDOM,
    DOG,
    ON_DOG,
    ON_DOG_AFTER_RED,
    ON_NOTHING,
    PlantedStore,
)

NONE = Asked((), np.zeros(0), ())


def asked(values, docs=None, kinds=None) -> Asked:
    docs = range(len(values)) if docs is None else docs
    questions = tuple(Question(np.array([1], np.int32), (0,), int(doc), 0, 0) for doc in docs)
    kinds = kinds or tuple(RANDOM if value else SILENT for value in values)
    return Asked(questions, np.array(values, float), tuple(kinds))


def test_two_by_two_table_by_hand():
    """3 of 4 firings found, 1 false alarm in 4: recall 3/4, specificity 3/4, precision 3/4."""
    found = score(asked([2, 1, 1, 3, 0, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 1, 0, 0.0]), NONE, np.zeros(0), n_bands=0)
    accuracy = found.detection
    assert (accuracy.recall, accuracy.specificity, accuracy.balanced_accuracy) == (0.75, 0.75, 0.75)
    assert accuracy.precision == 0.75
    assert (accuracy.n_positive, accuracy.n_negative, accuracy.n_docs) == (4, 4, 4)
    assert accuracy.low < 0.75 < accuracy.high
    assert accuracy.precision_at(0.5) == 0.75
    assert accuracy.precision_at(0.01) == pytest.approx(0.0075 / (0.0075 + 0.2475))


def test_precision_does_not_depend_on_how_many_negatives_were_asked():
    few = score(asked([1, 1, 0, 0]), np.array([1, 0, 1, 0.0]), NONE, np.zeros(0), n_bands=0).detection
    many = score(asked([1, 1] + [0] * 8), np.array([1, 0] * 5, float), NONE, np.zeros(0), n_bands=0)
    assert few.precision == many.detection.precision == 0.5


def test_correlation_is_pearsons_with_the_activations():
    said, values = np.array([0.9, 0.2, 0.6, 0.1]), [3.0, 1.0, 0, 0]
    found = score(asked(values), said, NONE, np.zeros(0), n_bands=0).correlation
    assert found == pytest.approx(np.corrcoef(said, values)[0, 1])
    assert np.isnan(score(asked(values), np.full(4, 0.5), NONE, np.zeros(0), n_bands=0).correlation)


def bands(n_docs: int, wrong_band: int | None = None, rng_seed: int = 0):
    kinds = [kind for _ in range(n_docs) for kind in (RANDOM, "band 0", "band 1", SILENT, HARD)]
    values = [0.0 if kind in (SILENT, HARD) else 1.0 for kind in kinds]
    docs = [doc for doc in range(n_docs) for _ in range(5)]
    said = np.array(values)
    if wrong_band is not None:
        said[[i for i, kind in enumerate(kinds) if kind == f"band {wrong_band}"]] = 0.0
    return asked(values, docs, kinds), said


def test_reliable_needs_every_band():
    questions, said = bands(10)
    found = score(questions, said, NONE, np.zeros(0), n_bands=2)
    assert found.reliable is True and found.detection.low == 1.0
    questions, said = bands(10, wrong_band=0)
    found = score(questions, said, NONE, np.zeros(0), n_bands=2)
    assert found.detection.balanced_accuracy == 1.0 and found.bands[0].balanced_accuracy == 0.5
    assert found.reliable is False


def test_reliable_is_unknown_with_few_documents_or_few_answers():
    questions, said = bands(4)
    assert score(questions, said, NONE, np.zeros(0), n_bands=2).reliable is None
    questions, said = bands(10)
    assert score(questions, said, NONE, np.zeros(0), n_bands=3).reliable is None
    said[::5] = np.nan
    found = score(questions, said, NONE, np.zeros(0), n_bands=2)
    assert found.reliable is None and found.unanswered == pytest.approx(0.2)


def test_interval_is_over_documents_not_questions():
    """Ten questions of one document say as much as one."""
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(12) < 0.7, 10).astype(float)
    values, said = [1.0] * 120 + [0.0] * 120, np.r_[right, np.zeros(120)]
    apart = score(asked(values, range(240)), said, NONE, np.zeros(0), n_bands=0).detection
    together = score(asked(values, np.repeat(range(12), 10).tolist() * 2), said, NONE, np.zeros(0), n_bands=0)
    assert together.detection.balanced_accuracy == apart.balanced_accuracy
    assert together.detection.high - together.detection.low > 2 * (apart.high - apart.low)


@pytest.mark.parametrize(
    "said", [np.ones(3), np.ones((9, 1)) * 7, np.full(8, np.inf), np.full(8, -0.5), np.zeros(0), None, ["yes"] * 8]
)
def test_answers_that_cannot_be_count_as_none(said):
    found = score(asked([1] * 4 + [0] * 4), said, NONE, np.zeros(0), n_bands=0)
    assert found.unanswered == 1.0 and np.isnan(found.detection.balanced_accuracy) and found.reliable is None


def test_score_as_labels_keep_it_is_json():
    import json

    from interp_nb.features.labels import plain

    found = score(asked([1, 0]), np.array([1.0, 0.0]), NONE, np.zeros(0), n_bands=2)
    kept = json.loads(json.dumps(plain(found.to_json()), allow_nan=False))
    assert kept["detection"]["balanced_accuracy"] == 1.0
    assert kept["bands"][0]["balanced_accuracy"] is None and kept["fuzzing"]["recall"] is None


def test_halves_share_no_document_and_depend_on_nothing_else():
    doc = np.arange(1000)
    explain, scored = in_half(doc, "explain", 0), in_half(doc, "score", 0)
    assert (explain ^ scored).all() and 400 < explain.sum() < 600
    assert (in_half(doc[500:], "score", 0) == scored[500:]).all()
    assert (in_half(doc, "score", 1) != scored).any()


def test_questions_of_detection_are_what_they_say(tmp_path):
    store = PlantedStore(tmp_path)
    corpus = Corpus(store, "score")
    feature = store.latents([ON_DOG])[0]
    found = detection(corpus, feature, Sizes(), np.random.default_rng(0), n_bands=5)
    kinds = list(found.kinds)
    # No hard negatives: it fires on every dog, and the latent near it on some of them.
    assert {kind: kinds.count(kind) for kind in (RANDOM, SILENT, HARD, "band 0", "band 4")} == {
        RANDOM: 40, SILENT: 40, HARD: 0, "band 0": 10, "band 4": 10,
    }  # fmt: skip
    for question, value in zip(found.questions, found.values, strict=True):
        assert corpus.keeps(question.doc)
        token = int(question.token_ids[question.marked[0]])
        assert token == store.docs[question.doc][question.pos]
        assert (value > 0) == (token == DOG) and value == pytest.approx(store.acts[question.doc][ON_DOG, question.pos])
        assert (question.token_ids >= 0).all() and question.at == question.marked[0]
    weak = [value for value, kind in zip(found.values, kinds, strict=True) if kind == "band 0"]
    strong = [value for value, kind in zip(found.values, kinds, strict=True) if kind == "band 4"]
    assert max(weak) < min(strong)


def test_hard_negatives_have_the_same_tokens_or_near_latents_firing(tmp_path):
    store = PlantedStore(tmp_path)
    corpus = Corpus(store)
    bigram = store.latents([ON_DOG_AFTER_RED])[0]
    found = detection(corpus, bigram, Sizes(), np.random.default_rng(0), n_bands=5)
    hard = [question for question, kind in zip(found.questions, found.kinds, strict=True) if kind == HARD]
    assert len(hard) == 40 and all(question.token_ids[question.at] == DOG for question in hard)
    unigram = store.latents([AFTER_RED])[0]
    rows = corpus.hard(AFTER_RED, np.zeros(0, np.int32), [ON_DOG], 30, np.random.default_rng(0))
    assert len(rows) == 30 and (corpus.token_ids[rows] == DOG).all()
    assert not set(rows.tolist()) & set(corpus.firings(unigram.latent_idx).rows.tolist())


def test_weak_firings_are_not_asked_about_when_told_so(tmp_path):
    store = PlantedStore(tmp_path)
    corpus, feature = Corpus(store), store.latents([ON_DOG])[0]
    found = detection(corpus, feature, Sizes(), np.random.default_rng(0), n_bands=5, weakest=2.5)
    assert found.values[found.fires].min() >= 2.5
    silent = [question for question, fires in zip(found.questions, found.fires, strict=True) if not fires]
    assert silent and all(question.token_ids[question.at] != DOG for question in silent)


def test_latent_that_never_fires_is_asked_nothing(tmp_path):
    store = PlantedStore(tmp_path)
    feature, rng = store.latents([ON_NOTHING])[0], np.random.default_rng(0)
    assert detection(Corpus(store), feature, Sizes(), rng, n_bands=5).questions == ()
    assert fuzzing(Corpus(store), feature, Sizes(), rng).questions == ()


def test_fuzzing_marks_right_and_as_many_wrong_tokens(tmp_path):
    store = PlantedStore(tmp_path)
    found = fuzzing(Corpus(store), store.latents([AT_RANDOM])[0], Sizes(n_fuzzing=15), np.random.default_rng(0))
    assert len(found.questions) == 30 and found.fires.sum() == 15
    for question, fires in zip(found.questions, found.fires, strict=True):
        acts = store.acts[question.doc][AT_RANDOM]
        marked = [acts[question.pos + index - question.at] > 0 for index in question.marked]
        assert all(marked) if fires else not any(marked)


def test_rare_latent_is_asked_about_its_examples(tmp_path):
    store = PlantedStore(tmp_path)
    few = store.sample()
    keep = few.doc < 20
    pairs = keep[few.row_of]
    rows = (np.cumsum(keep) - 1)[few.row_of[pairs]]
    cut = few._replace(token_ids=few.token_ids[keep], contexts=few.contexts[keep], doc=few.doc[keep], pos=few.pos[keep],
                       row_of=rows, latent=few.latent[pairs], value=few.value[pairs])  # fmt: skip
    store.sample = lambda: cut
    found = detection(Corpus(store), store.latents([ON_DOG])[0], Sizes(), np.random.default_rng(0), n_bands=5)
    places = [(question.doc, question.pos) for question, kind in zip(found.questions, found.kinds, strict=True)
              if kind == RANDOM]  # fmt: skip
    assert len(places) == len(set(places)) == 40
    assert any(doc >= 20 for doc, _ in places)


def test_balanced_accuracy_alone_is_that_of_the_score():
    questions, said = bands(10, wrong_band=1)
    said[:7] = 0.0
    full = score(questions, said, NONE, np.zeros(0), n_bands=2).detection.balanced_accuracy
    assert balanced_accuracy(questions, said) == full < 1
