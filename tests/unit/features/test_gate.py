"""The gate: what a latent does, how specifically, and which features pass; on a model whose numbers fit on paper."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, ShapeError
from interp_nb._show import static_bundle
from interp_nb.features.effects import measure_effects
from interp_nb.features.gate import confidence_of, gate_features
from interp_nb.features.gate_report import GateReport
from interp_nb.features.labels import Label, LabelBook
from interp_nb.features.plain_latents import Directions

HOSTILE = "$\\frac{1}{0}$ </script><img src=x onerror=alert(1)> \u202e\x00"
SITE = "blocks.0.hook_resid_post"
WIDTH, N_TOKENS = 8, 6


class Paper:
    """Two layers that add nothing: token t is written as its own axis, and each axis has its row of logits.

    Axes 0 to 5 are tokens; what is taken out of axis t where t stands changes the logits by `READ[t]`.
    """

    READ = torch.zeros(WIDTH, N_TOKENS)
    READ[0, 1], READ[1, 2], READ[2, 3] = 3.0, 0.01, 0.0
    READ[6] = 2.0 * torch.arange(N_TOKENS)

    def __init__(self) -> None:
        self.cfg = SimpleNamespace(n_layers=1, n_heads=1, d_model=WIDTH, d_vocab=N_TOKENS, n_ctx=32, device="cpu")
        self.tokenizer = SimpleNamespace(bos_token_id=5, pad_token_id=5)
        self.hook_dict = {name: object() for name in ("blocks.0.hook_resid_pre", SITE)}
        self._hooks = {}

    def to_tokens(self, text, prepend_bos=False, truncate=True):
        raise NotImplementedError

    to_str_tokens = run_with_cache = to_tokens

    def hooks(self, fwd_hooks=()):
        raise NotImplementedError

    def run_with_hooks(self, tokens, fwd_hooks=(), return_type="logits"):
        x = tokens if tokens.is_floating_point() else torch.nn.functional.one_hot(tokens.long(), WIDTH).float()
        for name in ("blocks.0.hook_resid_pre", SITE):
            for hooked, function in fwd_hooks:
                if hooked == name:
                    out = function(x, None)
                    x = x if out is None else out
        return x @ self.READ


class PaperStore:
    """A store whose token sample is made of windows in which one token stands after another."""

    def __init__(self, folder, directions, *, n_docs=12, per_doc=3) -> None:
        self.path, self.source, self.sae = folder, Directions(directions, (SITE,)), None
        self.d_sae, self.n_tokens, self.provenance = len(directions), n_docs * per_doc * N_TOKENS, {"model": None}
        self.labels, self.n_bands = LabelBook(folder), 5
        tokens = np.tile(np.arange(N_TOKENS, dtype=np.int32), n_docs * per_doc)
        contexts = np.full((len(tokens), 16), -1, np.int32)
        contexts[:, 10], contexts[:, 11], contexts[:, 12] = 4, tokens, 4
        acts = self.source.encode(torch.nn.functional.one_hot(torch.from_numpy(tokens).long(), WIDTH).float()).numpy()
        rows, latents = np.nonzero(acts > 0)
        self._sample = SimpleNamespace(
            token_ids=tokens, contexts=contexts, doc=np.arange(len(tokens)) // (per_doc * N_TOKENS),
            pos=np.arange(len(tokens)) % (per_doc * N_TOKENS), row_of=rows, latent=latents.astype(np.int32),
            value=acts[rows, latents],
        )  # fmt: skip
        self._dead = np.bincount(latents, minlength=self.d_sae) == 0

    def sample(self):
        return self._sample

    def latents(self, indices):
        return [SimpleNamespace(latent_idx=index, examples=()) for index in indices]

    def column(self, name):
        return {"dead": self._dead}[name]

    def token_strings(self, ids):
        return [f"t{token}" for token in ids]

    def __repr__(self) -> str:
        return f"PaperStore({self.d_sae} latents)"


def accuracy(low, n_docs=9):
    return {"low": low, "balanced_accuracy": low + 0.1, "n_docs": n_docs}


def score(*lows, **more):
    return {"detection": accuracy(lows[0]), "bands": [accuracy(low) for low in lows[1:]], "unanswered": 0.0, **more}


def label(latent, text, *lows, **more):
    return Label(latent, text, "tokens", score=score(*lows) if lows else {}, **more)


@pytest.fixture
def model():
    return Paper()


@pytest.fixture
def store(tmp_path):
    """Latents 0 to 2 are tokens 0 to 2, 3 is the axis that all logits read, 4 is axis 7, which nothing writes."""
    return PaperStore(tmp_path, torch.eye(WIDTH)[[0, 1, 2, 4, 7]])


def kl(before, after):
    before, after = before.log_softmax(-1), after.log_softmax(-1)
    return float((before.exp() * (before - after)).sum())


# What is measured


def test_causal_effect_is_the_divergence_on_paper(model, store):
    found = measure_effects(store, model, [0, 1, 2])
    expected = [kl(Paper.READ[token], torch.zeros(N_TOKENS)) for token in range(3)]
    np.testing.assert_allclose(found.causal_effect, expected, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found.causal_effect_low, expected, rtol=1e-4, atol=1e-9)
    assert (found.n_windows <= 24).all() and (found.n_docs > 1).all()


def test_windows_are_of_as_many_documents_as_there_are(model, store):
    found = measure_effects(store, model, [0], n_windows=4)
    assert found.n_windows.tolist() == found.n_docs.tolist() == [4]


def test_own_share_compares_with_a_random_direction_of_equal_norm(model, store):
    """On paper: the random vector r, of norm 1, moves the logits by r @ READ."""
    from interp_nb.features.corpus import Corpus

    found = measure_effects(store, model, [0], n_windows=24, seed=0)
    n = int(found.n_windows[0])
    drawn = torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(0))
    unit = torch.nn.functional.normalize(drawn, dim=1)
    own = kl(Paper.READ[0], torch.zeros(N_TOKENS))
    others = [kl(Paper.READ[0], Paper.READ[0] - one @ Paper.READ) for one in unit]
    assert len(Corpus(store, "score").firings(0).rows) >= n
    assert found.own_share[0] == pytest.approx(n * own / (n * own + sum(others)), rel=1e-4)
    assert found.specificity[0] == found.own_share[0] and np.isnan(found.label_share[0])
    assert found.specificity_low[0] < found.specificity[0]


def test_a_longer_direction_moves_predictions_as_much_where_its_projection_is_the_same(model, tmp_path):
    """What is taken out is the part of the activation along the direction, whatever its length."""
    one, long = (PaperStore(tmp_path / str(n), n * torch.eye(WIDTH)[[0]]) for n in (1, 3))
    np.testing.assert_allclose(
        measure_effects(one, model, [0]).causal_effect, measure_effects(long, model, [0]).causal_effect, rtol=1e-5
    )


def test_a_latent_that_is_named_twice_is_measured_once(model, store):
    found, once = (measure_effects(store, model, latents) for latents in ([1, 0, 1], [1, 0]))
    assert found.latents.tolist() == [1, 0]
    np.testing.assert_array_equal(found.causal_effect, once.causal_effect)


def test_latents_of_double_precision_are_measured_too(model, store, monkeypatch):
    expected = measure_effects(store, model, [0, 1]).causal_effect
    encode = type(store.source).encode
    monkeypatch.setattr(type(store.source), "encode", lambda source, acts: encode(source, acts).double())
    np.testing.assert_allclose(measure_effects(store, model, [0, 1]).causal_effect, expected, rtol=1e-6)


class Reader:
    """An explainer whose labels say on which tokens they hold."""

    name, free = "tokens", True

    def explain_all(self, evidence):
        raise NotImplementedError

    def judge_all(self, judgments):
        return [
            np.array([float(question.token_ids[question.at] in judgment.explanation.rule["tokens"])
                      for question in judgment.questions])
            for judgment in judgments
        ]  # fmt: skip


def test_label_share_is_the_effect_where_the_label_applies(model, tmp_path):
    """A direction along two tokens, of which the label names one: the other one's effect is not where it says."""
    both = PaperStore(tmp_path, torch.eye(WIDTH)[[0]] + torch.eye(WIDTH)[[1]])
    both.labels.add(label(0, "token 0", 0.9, explanation={"tokens": [0]}))
    found = measure_effects(both, model, [0], n_windows=1000, explainer=Reader())
    # Each token has a projection of 1, so half of axis 0 and half of axis 1 are taken out of both.
    removed = (Paper.READ[0] + Paper.READ[1]) / 2
    at_0, at_1 = (kl(Paper.READ[token], Paper.READ[token] - removed) for token in (0, 1))
    assert found.label_share[0] == pytest.approx(at_0 / (at_0 + at_1), rel=1e-4)
    assert found.specificity[0] == pytest.approx(min(found.own_share[0], found.label_share[0]), rel=1e-6)


def test_a_persons_label_uses_the_machines_rule_only_where_it_says_the_same(model, store):
    store.labels.add(label(0, "token 0", 0.9, explanation={"tokens": [0]}))
    store.labels.judge(0, True, author="ada")
    assert measure_effects(store, model, [0], explainer=Reader()).label_share[0] == 1
    assert confidence_of(store, 0) == 0.9
    store.labels.write(0, "something else", author="ada")
    assert np.isnan(measure_effects(store, model, [0], explainer=Reader()).label_share[0])
    assert np.isnan(confidence_of(store, 0))


def test_a_latent_that_never_fires_is_not_measured(model, store):
    found = measure_effects(store, model, [4, 0])
    assert np.isnan([found.causal_effect[0], found.specificity[0], found.causal_effect_low[0]]).all()
    assert found.n_windows[0] == 0 and found.causal_effect[1] > 0.1


def test_measuring_twice_gives_the_same(model, store):
    first, second = (measure_effects(store, model, [0, 1], n_windows=5, seed=3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_measuring_one_window_is_refused(model, store):
    with pytest.raises(ConfigError, match="at least one latent and two windows"):
        measure_effects(store, model, [0], n_windows=1)


def test_effects_on_a_transformer_leave_it_unchanged_and_match_one_run_at_a_time(tiny_model, tmp_path):
    """The batched, resumed measurement against one full run per window, with the SAE's error kept."""
    from interp_nb import _measures
    from interp_nb.features.building import feature_store
    from interp_nb.features.corpus import Corpus
    from interp_nb.models.edit import capture, forward
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig
    from tests.tiny_models import CORPUS

    sae = SAE(SAEConfig(d_in=32, d_sae=48, k=4, architecture="topk", sites=(SITE,)))
    store = feature_store(sae, tiny_model, list(CORPUS) * 6, tmp_path / "store", progress=False)
    latent = int(store.order("count")[0])
    found = measure_effects(store, tiny_model, [latent], n_windows=1000)
    corpus, effects = Corpus(store, "score"), []
    for row in corpus.firings(latent).rows:
        window = corpus.contexts[row]
        first = int((window >= 0).argmax())
        ids = [int(token) for token in window if token >= 0]
        at = 11 - first
        begin = [] if ids[0] == tiny_model.tokenizer.bos_token_id else [tiny_model.tokenizer.bos_token_id]
        tokens, at = torch.tensor([begin + ids]), at + len(begin)
        acts = capture(tiny_model, tokens, [SITE])[SITE]
        latents = sae.encode(acts)
        if latents[0, at, latent] <= 0:
            continue
        less = latents.clone()
        less[0, at, latent] = 0
        moved = acts.clone()
        moved[0, at] += (sae.decode(less) - sae.decode(latents))[0, at]
        before = forward(tiny_model, tokens)
        after = forward(tiny_model, tokens, hooks=[(SITE, lambda activation, hook, moved=moved: moved)])
        effects.append(float(_measures.kl(before, after)[0, at:].sum()))
    assert len(effects) == found.n_windows[0] > 3
    assert found.causal_effect[0] == pytest.approx(np.mean(effects), rel=1e-3)


# Who passes


@pytest.fixture
def labelled(store):
    store.labels.add_all([
        label(0, "sure and strong", 0.9, 0.8), label(1, "weak", 0.9), label(2, "no effect", 0.9),
        label(3, "unsure", 0.9, 0.4), label(4, "dead", 0.9),
    ])  # fmt: skip
    return store


def test_gate_passes_what_reaches_all_thresholds(model, labelled):
    report = gate_features(labelled, model, specificity=0.2)
    assert report.passing.tolist() == [0] and report.failing.tolist() == [1, 2, 3, 4]
    assert report.why(0) == ""
    assert report.confidence.tolist()[:4] == [0.8, 0.9, 0.9, 0.4]
    for criterion, latents in (("confidence", [3]), ("causal_effect", [1, 2, 3, 4])):
        assert report.latents[report.fails(criterion)].tolist() == latents


def test_reasons_are_in_plain_words(model, labelled):
    report = gate_features(labelled, model, specificity=0.2)
    assert "taking it out may move predictions by as little as " in report.why(1)
    assert "nats, 0.01 is asked for" in report.why(1)
    assert report.why(3).startswith("its label's balanced accuracy may be as low as 0.40, 0.70 is asked for; ")
    assert report.why(4) == (
        "its effect could not be measured: it fires in windows of 0 documents; "
        "its specificity could not be measured: it fires in windows of 0 documents"
    )
    specific = gate_features(labelled, model, specificity=1.0).why(0)
    assert specific.startswith("its specificity may be as low as 0.")
    assert "(its effect beside a random direction's: 0." in specific
    with pytest.raises(ShapeError, match="latent 9 was not put to this gate"):
        report.why(9)


def test_labels_without_a_score_and_latents_without_a_label_fail(store):
    store.labels.add_all([label(0, "never scored"), Label(1, "few", "tokens", score={"detection": accuracy(0.9, 2)})])
    report = gate_features(store, latents=[0, 1, 2], causal_effect=None, specificity=None)
    assert len(report.passing) == 0
    scored = "its label was not scored on held-out text, or on too little of it to say"
    assert [report.why(latent) for latent in range(3)] == [scored, scored, "it has no label"]


def test_unlabelled_latents_are_measured_only_where_confidence_is_not_asked_for(model, store):
    report = gate_features(store, model, latents=[0, 2])
    assert report.n_windows.tolist() == [0, 0]
    assert report.why(0) == (
        "it has no label; its effect was not measured, since it has no label; "
        "its specificity was not measured, since it has no label"
    )
    report = gate_features(store, model, confidence=None, specificity=None)
    assert report.latents.tolist() == [0, 1, 2, 3] and report.passing.tolist() == [0]


def test_answers_that_are_missing_make_a_label_unsure(store):
    store.labels.add(Label(0, "half answered", "api", score=score(0.9, unanswered=0.5)))
    assert np.isnan(confidence_of(store, 0))


def test_other_thresholds_need_no_other_measurement(model, labelled):
    report = gate_features(labelled, model)
    assert report.at(confidence=None, causal_effect=0.0, specificity=None).passing.tolist() == [0, 1, 2, 3]
    assert report.at(confidence=0.85).fails("confidence").tolist() == [True, False, False, True, False]
    with pytest.raises(ConfigError, match="did you mean 'confidence'"):
        report.at(confidenc=0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"confidence": 1.5}, "confidence must be at least 0 and at most 1, got 1.5"),
        ({"causal_effect": -1.0}, "causal_effect must be at least 0, got -1"),
        ({"specificity": float("nan")}, "specificity must be at least 0 and at most 1"),
        ({}, "give model=, or causal_effect=None"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(labelled, given, message):
    with pytest.raises(ConfigError, match=message):
        gate_features(labelled, None, **given)


def test_nothing_to_look_at_and_wrong_latents_are_refused(store):
    with pytest.raises(ConfigError, match="no features to look at; label some"):
        gate_features(store, causal_effect=None, specificity=None)
    with pytest.raises(ShapeError, match="a latent is 0 to 4 here, got 5"):
        gate_features(store, latents=[5], causal_effect=None, specificity=None)


# The report


def test_repr_is_exact(labelled):
    report = gate_features(labelled, causal_effect=None, specificity=None)
    assert repr(report) == "GateReport(4 of 5 features pass: confidence 0.7)"
    assert repr(report.at(confidence=None)) == "GateReport(5 of 5 features pass: nothing asked for)"


def test_frame_says_who_passes_and_why_not(model, labelled):
    report = gate_features(labelled, model, specificity=0.2)
    frame = report.to_frame()
    assert frame.passed.tolist() == [True, False, False, False, False]
    assert frame.why.tolist() == [report.why(latent) for latent in range(5)]
    assert frame.label[0] == "sure and strong" and frame.causal_effect[0] == report.causal_effect[0]


def test_save_and_load_give_an_equal_result(model, labelled, tmp_path):
    report = gate_features(labelled, model)
    assert GateReport.load(report.save(tmp_path / "gate")) == report


def test_picture_survives_hostile_labels_and_nothing_measured(model, labelled):
    report = gate_features(labelled, model)
    hostile = replace(report, labels=(HOSTILE,) * 5)
    shown = static_bundle(hostile)["text/html"]
    assert shown.startswith("<figure") and "onerror" not in shown
    assert shown != static_bundle(report)["text/html"], "labels are drawn"
    unmeasured = gate_features(labelled, latents=[0], confidence=None, causal_effect=None, specificity=None)
    assert static_bundle(unmeasured)["text/html"].startswith("<figure")
