"""`feature_dashboard` on a real store of a tiny model: what it reads, runs, keeps, refuses and writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, InterpError, ModelNotFoundError, StoreMismatchError
from interp_nb.features.building import feature_store
from interp_nb.features.dashboard import FeatureDashboard, checked_latents, feature_dashboard
from interp_nb.features.store import FeatureStore, load_store
from interp_nb.widgets.codec import unpack
from tests.tiny_models import CORPUS, shared
from tests.unit.features.text_cases import ANSWER, N_LATENTS, PROMPT, WRONG, make_sae
from tests.widgets.wire import ask

SITE = "blocks.1.hook_resid_pre"
TEXTS = [f"{text} and {index} more" for index in range(20) for text in CORPUS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of random latents."""
    path = tmp_path_factory.mktemp("stores") / "store"
    feature_store(make_sae(SITE), shared("gpt2"), TEXTS, path)
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of other latents over the same text."""
    path = tmp_path_factory.mktemp("stores") / "other"
    feature_store(make_sae(SITE, seed=1), shared("gpt2"), TEXTS, path)
    return path


@pytest.fixture
def dashboard(folder: Path, tiny_model: Any) -> FeatureDashboard:
    return feature_dashboard(load_store(folder), tiny_model, prompt=PROMPT, answer=ANSWER, wrong=WRONG)


def test_latent_is_the_selected_one_or_the_most_interesting(dashboard):
    assert dashboard.latent.latent_idx == dashboard.store.order()[0]
    dashboard.selected = (7,)
    assert dashboard.latent.latent_idx == 7 and dashboard.latent.count == dashboard.store.column("count")[7]


def test_store_may_be_given_by_its_folder(folder):
    dashboard = feature_dashboard(folder)
    assert isinstance(dashboard.store, FeatureStore)
    assert repr(dashboard) == f"FeatureDashboard({load_store(folder)!r})"
    assert dashboard.provenance["sae"]["kind"] == "sae"


def test_shown_latents_come_the_most_interesting_first(dashboard):
    order = dashboard.order.tolist()
    assert sorted(order) == list(range(N_LATENTS)) and order[0] == dashboard.store.order()[0]
    few = dashboard.only([3, 20, 4])
    assert few.order.tolist() == [latent for latent in order if latent in (3, 20, 4)]
    assert few.best() == [3, 4, 20] and few.to_frame().index.tolist() == [3, 20, 4]


@pytest.mark.parametrize(
    ("latents", "message"),
    [([], "at least one"), ([1, 1], "each once"), ([N_LATENTS], f"0 to {N_LATENTS - 1}, got {N_LATENTS}")],
)
def test_latents_that_are_not_there_are_refused(latents, message):
    with pytest.raises(ConfigError, match=message):
        checked_latents(latents, N_LATENTS)


def test_wrong_without_answer_is_refused(folder):
    with pytest.raises(ConfigError, match="give answer= too"):
        feature_dashboard(folder, wrong=" Rome")


def test_another_model_is_refused_plainly(folder):
    for store in (folder, load_store(folder)):
        with pytest.raises(StoreMismatchError, match="another model"):
            feature_dashboard(store, shared("llama"))


def test_without_a_model_what_needs_one_says_so(folder):
    dashboard = feature_dashboard(folder)
    with pytest.raises(ConfigError, match=r"feature_dashboard\(store, model\)"):
        dashboard.features_of("The Eiffel Tower")
    with pytest.raises(ConfigError, match="one store"):
        dashboard.beside(1)


def test_features_of_a_text_are_those_of_the_function(dashboard):
    from interp_nb.features.on_text import prompt_features

    found = dashboard.features_of(PROMPT, n=5)
    direct = prompt_features(dashboard.model, dashboard.store.sae, PROMPT, n=5)
    assert found.latents.tolist() == direct.latents.tolist()
    assert torch.equal(found.acts.nan_to_num(-1), direct.acts.nan_to_num(-1))


def test_effect_on_the_next_token_is_the_decoder_row_through_the_unembedding(dashboard):
    effects = dashboard.token_effects(5)
    up = dashboard.store.latent(5).logits_up
    assert effects.shape == (dashboard.model.cfg.d_vocab,)
    assert [effects[token] for token, _ in up] == pytest.approx([value for _, value in up], rel=1e-4)


def test_label_is_kept_with_its_author_and_read_by_another_store_object(tmp_path, tiny_model):
    store = feature_store(make_sae(SITE), tiny_model, TEXTS, tmp_path / "store")
    feature_dashboard(store).add_label(9, "towers", author="ada")
    kept = load_store(tmp_path / "store").labels.of(9)
    assert (kept.text, kept.author, kept.human) == ("towers", "ada", True) and kept.time
    assert load_store(tmp_path / "store").search("tow", by="label").tolist() == [9]


def test_saved_dashboard_opens_its_stores_again(dashboard, other, tmp_path):
    both = feature_dashboard(dashboard.store, compare=other, latents=[1, 2], prompt=PROMPT)
    loaded = FeatureDashboard.load(both.save(tmp_path / "d.safetensors"))
    assert loaded == both and loaded.beside(1).d_sae == N_LATENTS and loaded.latents == [1, 2]
    assert repr(loaded) == repr(both)


def test_dashboard_of_a_temporary_store_that_is_gone_says_so(tiny_model, tmp_path):
    store = feature_store(make_sae(SITE), tiny_model, TEXTS)
    path = feature_dashboard(store).save(tmp_path / "d.safetensors")
    store.close()
    with pytest.raises(ModelNotFoundError, match="no feature store"):
        FeatureDashboard.load(path).store  # noqa: B018 - opening it is what fails


# Through the widget.


def test_every_request_is_answered_from_the_real_thing(dashboard, other):
    both = feature_dashboard(dashboard.store, dashboard.model, compare=other, prompt=PROMPT)
    widget = both.show()
    text = {"prompt": PROMPT, "pos": None, "n": 20, "answer": ANSWER, "wrong": WRONG, "latents": None, "store": 0}
    for method, params in [
        ("detail", {"latent_idx": 3, "store": 1}),
        *(("text", text | {"rank_by": rank_by}) for rank_by in ("max", "mean", "ablation", "direct")),
        ("text", text | {"rank_by": "max", "answer": "", "wrong": "", "latents": [3]}),
        *(
            ("effect", {"latent_idx": 3, "prompt": PROMPT, "kind": kind, "strength": strength, "store": 0})
            for kind, strength in (("ablate", None), ("boost", 3), ("set", 2.0))
        ),
        ("search", {"text": "Tower", "by": "token", "store": 0}),
        ("search", {"text": "Tower", "by": "text", "store": 1}),
        ("map", {"method": "pca", "store": 0}),
        ("compare", {"latent_idx": 3, "other": None, "store": 1}),
        ("compare", {"latent_idx": 3, "other": 4, "store": 0}),
        ("tokenize", {"text": PROMPT}),
    ]:
        reply = ask(widget, method, **params)
        assert reply["ok"], (method, params, reply)
        json.dumps(reply["result"], allow_nan=False)
    assert widget.error == ""


def test_text_of_the_widget_has_the_functions_numbers(dashboard):
    asked = {"prompt": PROMPT, "pos": None, "n": 4, "rank_by": "direct", "answer": ANSWER, "wrong": WRONG}
    reply = ask(dashboard.show(), "text", **asked, latents=None, store=0)
    found = dashboard.features_of(PROMPT, n=4, rank_by="direct", answer=ANSWER, wrong=WRONG)
    arrays = unpack(reply["result"]["arrays"], reply["buffers"][0])
    assert np.array_equal(arrays["acts"], found.acts.numpy(), equal_nan=True)
    assert np.array_equal(arrays["direct"], found.direct.numpy(), equal_nan=True)
    assert reply["result"]["latents"] == found.latents.tolist()


@pytest.mark.parametrize("prompt", ["", "word " * 5000, "\ud800", "<script>"])
def test_odd_texts_are_answered_or_refused_and_the_widget_goes_on(dashboard, prompt):
    widget = dashboard.show()
    asked = {"pos": None, "n": 4, "rank_by": "max", "answer": "", "wrong": "", "latents": None, "store": 0}
    reply = ask(widget, "text", prompt=prompt, **asked)
    assert reply["ok"] or issubclass(getattr(__import__("interp_nb").errors, reply["error"]["type"]), InterpError)
    if prompt.startswith("word"):
        assert "first" in reply["result"]["note"]
    json.dumps(reply.get("result"), ensure_ascii=False).encode("utf-8")
    assert widget.error == "" and ask(widget, "detail", latent_idx=0, store=0)["ok"]


@pytest.mark.parametrize("kind", ["neurons", "directions"])
def test_stores_without_an_sae_are_shown_and_run_too(kind, tiny_model):
    sae: Any = "neurons" if kind == "neurons" else torch.randn(12, 32)
    store = feature_store(sae, tiny_model, TEXTS, layer=1, site=None if kind == "neurons" else "resid_pre")
    dashboard = feature_dashboard(store, tiny_model, prompt=PROMPT)
    widget = dashboard.show()
    latent = int(dashboard.order[0])
    asked = {"pos": None, "n": 4, "rank_by": "max", "answer": "", "wrong": "", "latents": None, "store": 0}
    assert ask(widget, "text", prompt=PROMPT, **asked)["ok"]
    effect = ask(widget, "effect", latent_idx=latent, prompt=PROMPT, kind="ablate", strength=None, store=0)
    assert effect["ok"], effect
    assert dashboard._repr_mimebundle_()[0]["text/plain"] == repr(dashboard)
    store.close()
