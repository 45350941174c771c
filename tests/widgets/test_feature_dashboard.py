"""The feature dashboard: what it sends, what it answers and refuses, what it selects, its links, its page."""

import ast
import base64
import dataclasses
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interp_nb._errors import ConfigError
from interp_nb.features.building import feature_store
from interp_nb.features.dashboard import FeatureDashboard
from interp_nb.widgets import fallback, feature_dashboard, feature_list
from interp_nb.widgets.codec import MAX_TRAIT_BYTES, unpack
from interp_nb.widgets.export import page
from interp_nb.widgets.feature_list import DEAD, DENSE, HUMAN, LABELLED, ranks
from interp_nb.widgets.feature_replies import detail
from interp_nb.widgets.links import link
from interp_nb.widgets.selection import SelectionError
from tests.contract.made import made_grid, made_patterns
from tests.contract.made_features import D_SAE, MadeStore, made_dashboard, made_feature, made_live_dashboard
from tests.contract.made_run import made_run
from tests.unit.features.store_cases import Rows, make_sae
from tests.widgets.wire import ask, sent_by

TEXT = {"prompt": "The dog", "rank_by": "max", "pos": None, "n": 20, "answer": "", "wrong": "", "latents": None}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made stores have the relative path "store", which a map is kept in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureDashboard:
    return made_live_dashboard(tmp_path, monkeypatch)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureDashboard:
    return made_live_dashboard(tmp_path, monkeypatch, two=True)


def arrays_of(dashboard: Any) -> dict[str, Any]:
    widget = dashboard.show()
    return unpack(widget._meta["arrays"], widget._data)


def page_state(text: str) -> Any:
    return json.loads(text.split("data-inb-state>")[1].split("</script>")[0])["widgets"][0]


def inflated(reply: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(reply)))


# What is sent.


def test_list_travels_as_columns_of_all_latents(tmp_path):
    dashboard = made_dashboard(tmp_path)
    arrays, meta = arrays_of(dashboard), dashboard.show()._meta
    assert set(arrays) == {
        "density", "max", "mean", "interesting", "score", "label_rank", "concept_rank", "flags",
    }  # fmt: skip
    assert arrays["flags"].tolist() == [LABELLED, LABELLED + HUMAN, DENSE, DEAD, 0, DENSE]
    assert arrays["label_rank"].tolist() == [0, 1, -1, -1, -1, -1] and np.isnan(arrays["mean"][3])
    assert meta["rows"]["latents"] == [0, 1, 5, 4, 2, 3] and meta["rows"]["words"][0] == "·dog | ·cat"
    assert (meta["n_rows"], meta["paged"], meta["subset"]) == (D_SAE, False, False)
    assert meta["stores"][0]["alive"] == 5 and len(meta["stores"]) == 1
    json.dumps(meta, allow_nan=False)


def test_first_latent_is_selected_and_reads_at_once(tmp_path):
    widget = made_dashboard(tmp_path).show()
    assert widget.selected == {"latent_idx": 0, "pos": None}
    assert widget._meta["first"]["detail"] == ask(widget, "detail", latent_idx=0, store=0)["result"]


def test_long_list_is_fetched_instead_of_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_dashboard, "MAX_TRAIT_BYTES", 100)
    monkeypatch.setattr(feature_dashboard, "MAX_WHOLE", 4)
    monkeypatch.setattr(feature_dashboard, "MAX_ROWS", 2)
    widget = made_dashboard(tmp_path).show()
    assert widget._meta["paged"] and widget._meta["arrays"] == {} and widget._data == b""
    assert widget._meta["rows"]["latents"] == [0, 1]
    reply = ask(widget, "columns")
    assert unpack(reply["result"]["arrays"], reply["buffers"][0])["density"][2] == 0.5
    monkeypatch.setattr(feature_dashboard, "MAX_COLUMNS_BYTES", 100)
    assert "latents=..." in ask(widget, "columns")["error"]["message"]


def test_sixteen_thousand_latents_stay_below_the_cap_of_a_trait(tmp_path, monkeypatch):
    n = 16_384
    numbers = np.linspace(0, 1, n, dtype=np.float32)
    monkeypatch.setattr(MadeStore, "d_sae", n)
    monkeypatch.setattr(MadeStore, "column", lambda self, name: numbers > 2 if name in ("dead", "dense") else numbers)
    monkeypatch.setattr(MadeStore, "latent", lambda self, i, real=MadeStore.latent: real(self, 0))
    monkeypatch.setattr(MadeStore, "top_token_ids", lambda self, latents, n: np.zeros((len(latents), n), np.int32))
    widget = made_dashboard(tmp_path).show()
    assert not widget._meta["paged"] and len(widget._data) < MAX_TRAIT_BYTES / 2
    assert len(json.dumps(widget._meta)) < 100_000 and len(widget._meta["rows"]["latents"]) == 256


def test_ranks_follow_the_alphabet_and_are_alike_for_like_texts():
    texts = {0: "b", 2: "A", 3: "b", 4: "a"}
    assert ranks(texts, np.arange(6)).tolist() == [2, -1, 0, 2, 1, -1]


# One latent.


def test_detail_is_complete_in_itself(live):
    detail = ask(live.show(), "detail", latent_idx=1, store=0)["result"]
    example = detail["examples"][0]
    tokens = [detail["strings"][token] for token in example["tokens"]]
    assert tokens == ["<|endoftext|>", "The", " cat", " runs", "."]
    assert example["values"] == [None, 0, 8.0, 0.25, 0]
    assert example["effects"] == [None, None, 8.0 * 4 / 8, 0.25 * 6 / 8, None], "activation x logit of the next token"
    assert [band["name"] for band in detail["bands"]] == ["strongest", "firings 50 to 100 %", "firings 0 to 50 %"]
    assert [detail["strings"][token] for token, _ in detail["logits_up"]] == [" dog", " cat"]
    assert detail["top_tokens"][1]["share"] is None
    assert detail["label"]["text"] == "cities" and detail["label"]["human"]
    json.dumps(detail, allow_nan=False)


def test_dead_latent_has_a_detail_too(live):
    detail = ask(live.show(), "detail", latent_idx=3, store=0)["result"]
    assert detail["facts"]["dead"] and detail["facts"]["mean"] is None
    assert (detail["examples"], detail["bands"], detail["cofiring"]) == ([], [], [])


def test_effects_are_not_known_without_a_model(tmp_path):
    detail = made_dashboard(tmp_path).show()._meta["first"]["detail"]
    assert all(example["effects"] == [] for example in detail["examples"])


def test_scores_that_are_no_numbers_are_passed_over(tmp_path):
    dashboard = made_dashboard(tmp_path)
    labels = dashboard.store.labels
    labels.add(type(labels.of(0))(2, "a", "x", score={"detection": {"low": "<b>", "high": 0.5}, "correlation": [1]}))
    labels.add(type(labels.of(0))(4, "a", "x", score={"detection": 3}))
    widget = dashboard.show()
    assert ask(widget, "detail", latent_idx=2, store=0)["result"]["label"]["score"] == {"high": 0.5}
    assert np.isnan(arrays_of(dashboard)["score"]).all()


# Labels.


def test_long_labels_are_cut_in_rows_only(live):
    ask(live.show(), "label", latent_idx=5, text="x" * 2000, author="ada")
    rows = ask(live.show(), "rows", latents=[5], store=0)["result"]
    assert rows["label"] == ["x" * 119 + "…"]
    assert len(ask(live.show(), "detail", latent_idx=5, store=0)["result"]["label"]["text"]) == 2000


def test_label_is_kept_in_the_store_and_shown(live):
    widget = live.show()
    reply = ask(widget, "label", latent_idx=5, text="  doing things ", author="ada")["result"]
    assert reply["label"]["text"] == "doing things" and reply["labels"][0]["author"] == "ada"
    assert live.store.labels.of(5).human
    assert arrays_of(live)["flags"][5] == LABELLED + HUMAN + DENSE
    assert widget._meta["rows"]["label"][widget._meta["rows"]["latents"].index(5)] == "doing things"
    assert widget.selected == {"latent_idx": 0, "pos": None}, "what is chosen stays chosen"
    taken_back = ask(widget, "label", latent_idx=5, text="", author="ada")["result"]
    assert taken_back["label"] is None and len(taken_back["labels"]) == 2


def test_label_of_a_machine_shows_again_when_the_persons_is_taken_back(live):
    widget = live.show()
    ask(widget, "label", latent_idx=0, text="mine", author="ada")
    assert ask(widget, "detail", latent_idx=0, store=0)["result"]["label"]["text"] == "mine"
    back = ask(widget, "label", latent_idx=0, text="", author="ada")["result"]["label"]
    assert back["text"] == "animal: dog" and not back["human"]


def test_labels_made_elsewhere_are_there_when_it_is_shown_again(live):
    widget, flags = live.show(), arrays_of(live)["flags"].copy()
    sent = widget._data
    assert live.show() is widget and widget._data is sent, "nothing is sent anew when nothing changed"
    live.store.labels.write(5, "doing things", author="ada")
    assert live.show() is widget
    assert (arrays_of(live)["flags"] - flags).tolist() == [0, 0, 0, 0, 0, LABELLED + HUMAN]
    assert widget._meta["rows"]["label"][widget._meta["rows"]["latents"].index(5)] == "doing things"


@pytest.mark.parametrize(("method", "asked"), [("rows", {"latents": [5]}), ("detail", {"latent_idx": 5})])
def test_labels_made_elsewhere_come_with_the_next_answer(live, method, asked):
    widget = live.show()
    before = widget._data
    ask(widget, method, **asked, store=0)
    assert widget._data is before, "nothing is sent anew when nothing changed"
    live.store.labels.write(5, "doing things", author="ada")
    ask(widget, method, **asked, store=0)
    assert unpack(widget._meta["arrays"], widget._data)["flags"][5] == LABELLED + HUMAN + DENSE


def test_widget_that_is_displayed_again_shows_labels_made_since(live):
    widget = live.show()
    live.store.labels.write(5, "doing things", author="ada")
    widget._repr_mimebundle_()
    assert unpack(widget._meta["arrays"], widget._data)["flags"][5] == LABELLED + HUMAN + DENSE


def test_change_that_the_first_rows_do_not_show_is_sent_as_one(live, monkeypatch):
    """What the front end keeps of latents goes by `_meta`."""
    monkeypatch.setattr(feature_dashboard, "MAX_WHOLE", 1)
    monkeypatch.setattr(feature_dashboard, "MAX_ROWS", 1)
    live.store.labels.write(5, "doing things", author="ada")
    widget = live.show()
    meta, data = widget._meta, widget._data
    live.store.labels.write(5, "doing this and that", author="ada")
    live.show()
    assert widget._data == data and widget._meta != meta


def test_text_and_labels_that_come_to_the_store_are_shown(tmp_path):
    store = feature_store(make_sae(), None, Rows(), tmp_path / "built", n_top=5, n_sampled=8, progress=False)
    widget = FeatureDashboard(str(tmp_path / "built")).show()
    n_tokens = store.n_tokens
    assert widget._meta["stores"][0]["n_tokens"] == n_tokens
    # Another object, as another process has it.
    store.append(Rows(seed=5), progress=False)
    assert ask(widget, "detail", latent_idx=0, store=0)["result"]["facts"]["count"] == store.latent(0).count
    assert widget._meta["stores"][0]["n_tokens"] == store.n_tokens > n_tokens
    store.labels.write(0, "a direction", author="ada")
    assert ask(widget, "rows", latents=[0], store=0)["result"]["label"] == ["a direction"]
    assert unpack(widget._meta["arrays"], widget._data)["flags"][0] & HUMAN


def test_full_disk_is_an_error_reply_and_nothing_else(live, monkeypatch):
    def full(path: Path, lines: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("interp_nb.features.labels._append", full)
    error = ask(live.show(), "label", latent_idx=5, text="x", author="ada")["error"]
    assert error["type"] == "DiskError" and "untouched" in error["message"]
    assert ask(live.show(), "detail", latent_idx=5, store=0)["ok"]


# Search.


@pytest.mark.parametrize(
    ("text", "by", "found"),
    [("dog", "token", [0]), ("cit", "label", [1]), ("dog", "any", [0]), ("<b>", "any", [4]), ("", "any", [])],
)
def test_search_finds_latents(live, text, by, found):
    reply = ask(live.show(), "search", text=text, by=by, store=0)
    assert unpack(reply["result"]["arrays"], reply["buffers"][0])["latents"].tolist() == found
    assert reply["result"]["n"] == len(found)


def test_search_stays_among_the_latents_that_are_shown(tmp_path):
    widget = made_dashboard(tmp_path, latents=[4, 1]).show()
    for text, found in (("dog", []), ("<b>", [4]), ("  ", [])):
        reply = ask(widget, "search", text=text, by="token", store=0)
        assert unpack(reply["result"]["arrays"], reply["buffers"][0])["latents"].tolist() == found


# Text and changes.


def test_text_gives_ranked_latents_and_their_activations(live):
    reply = ask(live.show(), "text", **TEXT, store=0)
    result, acts = reply["result"], unpack(reply["result"]["arrays"], reply["buffers"][0])
    assert result["tokens"] == ["<|endoftext|>", "The", " dog"] and result["latents"] == [0, 5]
    assert acts["acts"][0, 1:].tolist() == [1.0, 4.0] and np.isnan(acts["acts"][0, 0])
    assert result["max"] == [4.0, 2.0] and result["n_firing"] == [2, 2] and "direct" not in acts
    assert result["ablation"] is None and result["label"] == ["animal: dog", ""]
    assert result["code"].splitlines()[-1] == "prompt_features(model, store, 'The dog', rank_by='max', n=20)"


def test_text_with_an_answer_gives_effects_too(live):
    asked = TEXT | {"answer": " runs", "wrong": " sleeps", "rank_by": "ablation", "latents": [2]}
    reply = ask(live.show(), "text", **asked, store=0)
    assert reply["result"]["latents"] == [2] and reply["result"]["ablation"] == [0.5]
    assert reply["result"]["parts"] == {"latents": 0.5, "bias": 0.25, "error": 0.25, "other": 1.0}
    assert unpack(reply["result"]["arrays"], reply["buffers"][0])["direct"][0, 2] == 1.0


def test_effect_says_what_comes_next_before_and_after(live):
    result = ask(live.show(), "effect", latent_idx=0, prompt="The", kind="boost", strength=4, store=0)["result"]
    assert [each["token"] for each in result["before"]] == [" dog", " cat"]
    assert [each["token"] for each in result["after"]] == [" cat", " dog"] and result["kl"] == 0.5
    assert result["continuation_after"] == " cat sleeps" and result["new_acts"] == [None, 8.0]
    assert result["code"].endswith("feature_effect(model, store, 0, 'The', kind='boost', strength=4.0)")


def test_unexpected_failure_goes_to_the_strip_and_the_widget_goes_on(live, monkeypatch):
    def broken(self: Any, *args: Any, **asked: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    widget = live.show()
    monkeypatch.setattr(FeatureDashboard, "features_of", broken)
    assert ask(widget, "text", **TEXT, store=0)["error"]["type"] == "RuntimeError"
    assert widget.error == "RuntimeError: CUDA out of memory"
    assert ask(widget, "detail", latent_idx=2, store=0)["ok"]


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("detail", {"latent_idx": 6, "store": 0}, "from 0 to 5, got 6"),
        ("detail", {"latent_idx": True, "store": 0}, "got True"),
        ("detail", {"latent_idx": 0, "store": 1}, "store must be from 0 to 0, got 1"),
        ("rows", {"latents": list(range(513)), "store": 0}, "at most 512"),
        ("rows", {"latents": ["<b>"], "store": 0}, "got '<b>'"),
        ("search", {"text": 3, "by": "any", "store": 0}, "got 3"),
        ("search", {"text": "x", "by": "sql", "store": 0}, "got 'x' and 'sql'"),
        ("text", TEXT | {"store": 0, "prompt": ""}, "empty"),
        ("text", TEXT | {"store": 0, "rank_by": "maxx"}, "did you mean 'max'"),
        ("text", TEXT | {"store": 0, "n": 65}, "n must be from 1 to 64"),
        ("text", TEXT | {"store": 0, "prompt": ["a"]}, "each a string"),
        ("text", TEXT | {"store": 0, "pos": "x"}, "pos must be a position in the text, or none, got 'x'"),
        ("text", TEXT | {"store": 0, "latents": 5}, "latents must be a list, or none, got 5"),
        ("effect", {"latent_idx": 0, "prompt": "x", "kind": "kill", "strength": None, "store": 0}, "'kill'"),
        ("effect", {"latent_idx": 0, "prompt": "x", "kind": "set", "strength": "a", "store": 0}, "must be a number"),
        ("label", {"latent_idx": 0, "text": "x" * 3000, "author": "me"}, "2000 characters"),
        ("label", {"latent_idx": 0, "text": None, "author": "me"}, "takes a text and an author"),
        ("map", {"method": "tsne", "store": 0}, "'tsne'"),
        ("compare", {"latent_idx": 0, "other": 9, "store": 0}, "got 9"),
        ("control", {"action": "stop"}, "does not answer 'control'"),
    ],
)
def test_wrong_request_gets_an_error_reply(live, method, params, message):
    widget = live.show()
    reply = ask(widget, method, **params)
    assert reply["ok"] is False and message in reply["error"]["message"]
    assert widget.error == "", "a refusal belongs where it was asked for"


def test_without_a_model_text_is_refused_and_the_rest_works(tmp_path):
    widget = made_dashboard(tmp_path).show()
    assert widget._meta["can"] == {"text": False, "effect": False, "label": True, "compare": True, "answer": False}
    for method, params in [
        ("text", {**TEXT, "store": 0}),
        ("effect", {"latent_idx": 0, "prompt": "x", "kind": "ablate", "strength": None, "store": 0}),
    ]:
        assert "feature_dashboard(store, model)" in ask(widget, method, **params)["error"]["message"]
    assert ask(widget, "detail", latent_idx=2, store=0)["ok"]


# Two stores, and the map.


def test_two_stores_are_compared(two):
    widget = two.show()
    assert len(widget._meta["stores"]) == 2
    result = ask(widget, "compare", latent_idx=4, other=None, store=1)["result"]
    assert (result["other"], result["cosine"], result["correlation"]) == (5, 0.5, None)
    assert result["nearest"][0] == {"latent_idx": 5, "value": 0.5, "label": "", "words": "·runs | ·sleeps"}
    assert "different texts" in result["note"]
    assert ask(widget, "detail", latent_idx=5, store=1)["result"]["store"] == 1


def test_detail_tells_the_heads_of_a_latent_that_writes_to_heads(tmp_path):
    store, feature = MadeStore(tmp_path), made_feature(1)
    assert detail(store, feature, 0, None)["heads"] == []
    shared_out = dataclasses.replace(feature, head_shares=(0.75, 0.25))
    assert detail(store, shared_out, 0, None)["heads"] == [0.75, 0.25]


def test_map_has_a_place_for_every_row_and_says_which_kinds_there_are(live):
    reply = ask(live.show(), "map", method="pca", store=0)
    assert reply["result"]["methods"] == {"pca": "", "umap": "needs umap-learn: pip install umap-learn"}
    assert unpack(reply["result"]["arrays"], reply["buffers"][0])["xy"].shape == (D_SAE, 2)


# Selection, traits and links.


def test_selection_is_read_from_python_and_checked(live):
    live.selected = (4,)
    assert live.latent.latent_idx == 4 and live.selected == {"latent_idx": 4, "pos": None}
    live.selected = {"latent_idx": 1, "pos": 2}
    with pytest.raises(SelectionError, match="from 0 to 5, got 6"):
        live.selected = {"latent_idx": 6}
    assert live.latent.latent_idx == 1


def test_selection_stays_among_the_latents_that_are_shown(tmp_path):
    dashboard = made_dashboard(tmp_path, latents=[5, 1])
    widget = dashboard.show()
    assert widget.selected["latent_idx"] == 1
    with pytest.raises(SelectionError):
        widget.selected = {"latent_idx": 0}
    assert arrays_of(dashboard)["latents"].tolist() == [5, 1]
    assert arrays_of(dashboard)["density"].tolist() == [0.125, 0.03125]


def test_front_end_that_sends_nonsense_hears_why(live):
    widget = live.show()
    widget.set_state({"sort": "-colour"})
    assert "known are" in widget.error and widget.sort == "interesting"
    widget.set_state({"sort": "-density", "query": "<b>", "prompt": "The"})
    assert (widget.sort, widget.query, widget.prompt) == ("-density", "<b>", "The")


def test_links_with_monitor_grid_and_attention(tmp_path):
    dashboard, run = made_dashboard(tmp_path), made_run()
    first = link(dashboard, run)
    run.selected = {"latent_idx": 2, "sae": 0}
    assert dashboard.selected == {"latent_idx": 2, "pos": None}
    keys = [{"latent": latent} for latent in (4, 1, 5)]
    grid = made_grid(row_keys=keys, row_labels=["4", "1", "5"], axes=("latent", "pos"))
    second = link(dashboard, grid)
    grid.selected = {"latent": 5, "pos": 3}
    assert dashboard.selected == {"latent_idx": 5, "pos": 3} and run.selected == {"latent_idx": 5, "sae": 0}
    dashboard.selected = {"latent_idx": 0, "pos": 1}
    assert grid.selected == {"latent": 5, "pos": 3}, "a latent that the grid does not have changes nothing"
    patterns = made_patterns()
    third = link(dashboard, patterns)
    assert patterns.selected["dest"] == 1
    for each in (first, second, third):
        each.unlink()


def test_dashboard_and_attention_follow_each_other(tmp_path):
    dashboard, patterns = made_dashboard(tmp_path), made_patterns()
    tie = link(dashboard, patterns)
    assert repr(tie) == "Link(FeatureDashboardWidget <-> AttentionWidget)"
    patterns.selected = (2, 1, 3, 1)
    assert dashboard.selected == {"latent_idx": 0, "pos": 3}, "the latent stays, a head has none"
    dashboard.selected = {"latent_idx": 5, "pos": 2}
    assert patterns.selected == {"layer": 2, "head": 1, "dest": 2, "src": 1}, "the head and the source stay"
    dashboard.selected = {"latent_idx": 5, "pos": 9}
    assert patterns.selected["dest"] == 2, "a position that the prompt does not have changes nothing"
    dashboard.selected = {"latent_idx": 1, "pos": None}
    assert patterns.selected["dest"] == 2, "nor does none"
    tie.unlink()
    patterns.selected = (0, 0, 1)
    assert dashboard.selected == {"latent_idx": 1, "pos": None}


# Words.


def test_repr_names_the_store_and_the_model_is_not_needed(tmp_path):
    store = "FeatureStore(pocket blocks.2.hook_resid_post, 6 latents, 1024 tokens, 5 alive)"
    assert repr(made_dashboard(tmp_path)) == f"FeatureDashboard({store})"
    assert repr(made_dashboard(tmp_path, two=True, latents=[1])) == (
        f"FeatureDashboard({store}, beside {store}, 1 latents shown)"
    )


def test_code_shows_the_view_as_it_is(two):
    widget = two.show()
    assert widget._meta["code"].splitlines() == [
        "from interp_nb import feature_dashboard, load_model, load_store", "", "model = load_model()",
        "store = load_store('store')", "other = load_store('other')",
        "dashboard = feature_dashboard(store, model, compare=other)", "dashboard",
    ]  # fmt: skip
    widget.selected, widget.sort, widget.prompt = (4, 1), "-max", "it's"
    assert ask(widget, "code")["result"]["code"].splitlines()[-1] == (
        "dashboard.show(selected={'latent_idx': 4, 'pos': 1}, sort='-max', prompt=\"it's\")"
    )


def test_code_does_not_load_a_temporary_store(tmp_path):
    dashboard = made_dashboard(tmp_path)
    dashboard.store.path = Path("/tmp/interp_nb_store_x1")
    meta = dashboard.show()._meta
    assert meta["code"].splitlines()[2].startswith("store = ...  # a temporary store") and "x1" not in meta["code"]
    assert meta["stores"][0]["name"] == "store" and meta["code"].startswith("from interp_nb import feature_dashboard\n")


@pytest.mark.parametrize("text", ["'); hacked()  #", "\n__import__('os')\n", '"""', "\u2028\x00"])
def test_code_of_odd_texts_is_still_python_and_does_nothing_else(two, text):
    two.store.path = Path(f"a{text}")
    widget = two.only([0, 1]).show()
    widget.prompt, widget.query = text, text
    asked = TEXT | {"prompt": text, "answer": text, "wrong": text}
    codes = [
        widget._meta["code"], ask(widget, "code")["result"]["code"],
        ask(widget, "text", **asked, store=0)["result"]["code"],
        ask(widget, "effect", latent_idx=0, prompt=text, kind="ablate", strength=None, store=1)["result"]["code"],
    ]  # fmt: skip
    known = {"feature_dashboard", "load_model", "load_store", "prompt_features", "feature_effect"}
    for code in codes:
        called = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
        assert {each.id for each in called if isinstance(each, ast.Name)} <= known


# Without a kernel.


def test_page_holds_every_latent_named_and_the_text(two):
    widget = two.show()
    widget.prompt, widget.sort, widget.selected = "The dog", "-density", (4, None)
    state = page_state(two.to_html(latents=[4, 0]))
    traits = state["traits"]
    assert traits["kernel"] is False and traits["_meta"]["subset"] is True and traits["prompt"] == "The dog"
    assert (traits["sort"], traits["selected"]) == ("-density", {"latent_idx": 4, "pos": None})
    assert state["allowed"]["latent_idx"] == [0, 4]
    replies = {key: inflated(reply) for key, reply in state["replies"].items()}
    assert set(replies) == {
        'text {"answer":"","latents":null,"n":20,"pos":null,"prompt":"The dog","rank_by":"max","store":0,"wrong":""}',
        'text {"answer":"","latents":null,"n":20,"pos":null,"prompt":"The dog","rank_by":"mean","store":0,"wrong":""}',
        'detail {"latent_idx":0,"store":0}', 'detail {"latent_idx":4,"store":0}',
        'compare {"latent_idx":0,"other":null,"store":1}', 'compare {"latent_idx":4,"other":null,"store":1}',
        'detail {"latent_idx":1,"store":1}', 'detail {"latent_idx":5,"store":1}', 'map {"method":"pca","store":0}',
    }  # fmt: skip
    assert replies['detail {"latent_idx":4,"store":0}']["result"]["facts"]["count"] == 8
    assert widget.selected == {"latent_idx": 4, "pos": None} and not widget.closed, "the live view is left alone"


def test_page_records_the_text_under_the_key_that_the_front_end_asks_for(live):
    live.show().prompt = 'Ünï "x" <b>\n'
    keys = page_state(live.to_html(latents=[0]))["replies"]
    texts = [key for key in keys if key.startswith("text ")]
    # JSON.stringify keeps letters beyond ASCII as they are.
    assert len(texts) == 2 and all('"prompt":"Ünï \\"x\\" <b>\\n"' in key for key in texts)


def test_page_without_a_model_has_its_latents(tmp_path):
    state = page_state(made_dashboard(tmp_path).to_html(tmp_path / "page.html"))
    assert sum(key.startswith("detail ") for key in state["replies"]) == D_SAE
    assert (tmp_path / "page.html").stat().st_size > 10_000


@pytest.mark.parametrize("latents", [[], [1, 1], [6], [-1]])
def test_page_of_latents_that_are_not_there_is_refused(tmp_path, latents):
    with pytest.raises(ConfigError):
        made_dashboard(tmp_path).to_html(latents=latents)


def test_hostile_labels_and_tokens_are_text_only(tmp_path, monkeypatch):
    bad = "</script><img src=x onerror=hacked()>\ud800"
    monkeypatch.setattr("tests.contract.made_features.VOCABULARY", [bad] * 12)
    dashboard = made_dashboard(tmp_path)
    dashboard.store.labels.write(0, bad, author=bad)
    text = page([dashboard])
    assert text.count("<script") == 2 and "onerror" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    traits = page_state(text)["traits"]
    assert traits["_meta"]["rows"]["label"][0] == bad.replace("\ud800", "?")
    json.dumps(traits, ensure_ascii=False).encode("utf-8")
    data, _ = dashboard._repr_mimebundle_()
    assert re.findall(r"<(\w+)", data["text/html"]) == ["figure", "img", "figcaption"]


def test_picture_is_the_same_twice_and_shows_labels(tmp_path):
    one, other = (fallback.picture(made_dashboard(tmp_path / name)) for name in ("a", "b"))
    assert one == other and one[0].startswith(b"\x89PNG") and len(one[0]) < 120_000
    changed = made_dashboard(tmp_path / "a")
    changed.store.labels.write(0, "another", author="ada")
    assert fallback.picture(changed) != one


def test_words_of_no_latents_are_none(tmp_path):
    assert feature_list.words(MadeStore(tmp_path), []) == []


def test_saved_dashboard_is_paths_and_options(tmp_path, monkeypatch):
    dashboard = made_dashboard(tmp_path, latents=[1, 4], prompt="The dog")
    dashboard.show()
    loaded = FeatureDashboard.load(dashboard.save(tmp_path / "dashboard.safetensors"))
    assert loaded == dashboard and loaded.latents == [1, 4]
    monkeypatch.setattr("interp_nb.features.dashboard.load_store", lambda path: MadeStore(tmp_path, path))
    assert loaded.latent.latent_idx == 1
    assert sent_by(loaded.show()) == []
