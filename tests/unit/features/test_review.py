"""The review queue, how far people and machine agree, and descriptions from Neuronpedia."""

import gzip
import json
import math

import numpy as np
import pytest

from interp_nb._errors import ConfigError, DataError
from interp_nb.features import review
from interp_nb.features.imported_labels import import_neuronpedia, read_neuronpedia
from interp_nb.features.labels import Label
from interp_nb.features.review import agreement, cohen_kappa, review_queue
from tests.unit.features.label_cases import PlantedStore


@pytest.fixture
def store(tmp_path) -> PlantedStore:
    store = PlantedStore(tmp_path)
    store.labels.add_all(Label(latent, f"label {latent}", "tokens", reliable=latent != 1) for latent in (0, 1, 3))
    return store


@pytest.fixture
def measured(monkeypatch):
    """Effects measured elsewhere: latent i moves predictions by 1 / (i + 1) nats, latent 3 could not be measured."""
    asked: list[list[int]] = []

    def measure(store, model, latents, *, n_windows, seed):
        asked.append(list(latents))
        effects = np.array([np.nan if latent == 3 else 1 / (latent + 1) for latent in latents])
        return type("Effects", (), {"causal_effect": effects})()

    monkeypatch.setattr(review, "measure_effects", measure)
    return asked


def test_queue_ranks_labelled_latents_by_causal_effect(store, measured, tiny_model):
    queue = review_queue(store, tiny_model)
    assert [item.latent_idx for item in queue.items] == [0, 1] and measured == [[0, 1, 3]]
    assert queue.items[0] == (0, 1.0, store.column("density")[0], "label 0", "tokens", True)
    assert repr(queue) == "ReviewQueue(2 latents by effect per firing, first 0, 1 not measured)"
    assert queue.n_unmeasured == 1, "latent 3: left out, and said"
    assert queue.to_frame().loc[1, "label"] == "label 1"
    assert [item.latent_idx for item in review_queue(store, tiny_model, latents=[4, 0], by="token", n=1).items] == [0]


def test_queue_leaves_out_what_people_have_looked_at(store, measured, tiny_model):
    store.labels.judge(0, right=False, author="ada")
    store.labels.write(1, "my own", author="ada")
    queue = review_queue(store, tiny_model, latents=[0, 1, 4])
    assert [item.latent_idx for item in queue.items] == [4]
    assert repr(queue) == "ReviewQueue(1 latents by effect per firing, first 4)"
    assert review_queue(store, tiny_model, latents=[0]).items == ()


def test_queue_without_labels_takes_all_that_fire(tmp_path, measured, tiny_model):
    assert [i.latent_idx for i in review_queue(PlantedStore(tmp_path), tiny_model).items] == [0, 1, 4, 5]


def test_queue_refuses_what_makes_no_sense(store, tiny_model):
    with pytest.raises(ConfigError, match="n at least 1"):
        review_queue(store, tiny_model, n=0)


@pytest.mark.slow
def test_queue_of_a_real_store_finds_latents_that_matter(tmp_path):
    from interp_nb.features.building import feature_store
    from interp_nb.models.load import load_model
    from interp_nb.sae.saving import load_sae

    model, texts = load_model("pocket"), ["The capital of France is Paris.", "In Rome, people speak Italian."] * 12
    store = feature_store(load_sae("pocket"), model, texts, tmp_path / "store", packing="separate")
    alive = np.flatnonzero(store.column("count") > 0)[:12]
    queue = review_queue(store, model, latents=alive, n=5, n_windows=3)
    effects = [item.causal_effect for item in queue.items]
    assert len(effects) == 5 and effects == sorted(effects, reverse=True) and effects[0] > 0


def test_kappa_by_hand():
    """20 + 15 of 50 agree; by chance 0.25 * 0.30 would, of each kind: Cohen's example with kappa 0.4."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohen_kappa(first, second)
    assert found.kappa == pytest.approx(0.4) and found.share == 0.7 and found.n == 50
    assert found.low < 0.4 < found.high
    assert repr(found).startswith("Agreement(kappa 0.40 (0.") and repr(found).endswith("70% of 50 latents)")


def test_kappa_at_the_ends():
    assert cohen_kappa([1, 0, 1, 0], [1, 0, 1, 0]).kappa == 1.0
    assert cohen_kappa([1, 0, 1, 0], [0, 1, 0, 1]).kappa == -1.0
    assert math.isnan(cohen_kappa([1, 1], [1, 1]).kappa)
    assert cohen_kappa(["a", "b", "c"] * 5, ["a", "c", "b"] * 5).kappa == pytest.approx(0.0)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1], [1, 0])])
def test_kappa_refuses_lists_that_do_not_match(first, second):
    with pytest.raises(ConfigError, match="two lists of verdicts"):
        cohen_kappa(first, second)


def test_agreement_compares_peoples_verdicts_with_the_machines(store):
    with pytest.raises(ConfigError, match="no latent has a verdict of a person"):
        agreement(store)
    store.labels.judge(0, right=True, author="ada")
    store.labels.judge(1, right=True, author="ada")
    store.labels.judge(1, right=False, author="bob")
    store.labels.judge(3, right=False, author="ada")
    store.labels.write(4, "typed, no verdict", author="ada")
    found = agreement(store)
    assert found.n == 3 and found.share == pytest.approx(2 / 3) and found.kappa == pytest.approx(0.4)


# Neuronpedia.


def line(index, text="a description", **more) -> dict:
    return {"id": "x", "modelId": "gpt2-small", "layer": "5-res-jb", "index": str(index), "description": text, **more}


def test_export_in_every_form_is_read(tmp_path):
    lines = [line(3, " cities ", explanationModelName="gpt-x", scores=[{"value": 0.5}]), line(4, "<script>")]
    text = "\n".join(map(json.dumps, lines)) + "\n\n"
    (tmp_path / "batch-0.jsonl").write_text(text)
    (tmp_path / "batch-1.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "list.json").write_text(json.dumps(lines))
    api = {"modelId": "gpt2-small", "layer": "5-res-jb", "index": "3", "explanations": [
        {"description": "cities", "explanationModelName": "gpt-x", "index": None}]}  # fmt: skip
    (tmp_path / "api.json").write_text(json.dumps(api))
    for name in ("batch-0.jsonl", "batch-1.jsonl.gz", "list.json", "api.json"):
        labels = read_neuronpedia(tmp_path / name)
        assert (labels[0].latent_idx, labels[0].text, labels[0].author) == (3, "cities", "gpt-x"), name
        assert labels[0].method == "neuronpedia" and not labels[0].human
    assert len(read_neuronpedia(tmp_path)) == 7
    assert read_neuronpedia(tmp_path / "batch-0.jsonl")[0].explanation["neuronpedia"]["scores"] == [{"value": 0.5}]


def test_import_adds_labels_that_a_persons_still_precedes(store, tmp_path):
    (tmp_path / "e.jsonl").write_text(json.dumps(line(3, "theirs")))
    store.labels.write(3, "mine", author="ada")
    store.model_name = "gpt2-small"
    assert len(import_neuronpedia(store, tmp_path / "e.jsonl")) == 1
    assert import_neuronpedia(store, tmp_path / "e.jsonl") == [], "what is there is not added again"
    assert store.labels.of(3).text == "mine" and store.labels.machine(3).text == "theirs"


def test_import_refuses_descriptions_of_another_sae(store, tmp_path):
    (tmp_path / "e.jsonl").write_text(json.dumps(line(600)))
    store.model_name = "pocket"
    with pytest.raises(DataError, match="latents of gpt2-small, the store is of pocket"):
        import_neuronpedia(store, tmp_path / "e.jsonl")
    store.model_name = "gpt2-small"
    with pytest.raises(DataError, match="describes latent 600, the store has 6"):
        import_neuronpedia(store, tmp_path / "e.jsonl")


def test_files_that_mix_saes_ask_which(tmp_path):
    mixed = [line(1), line(1, layer="6-res-jb"), line(2, modelId="gemma")]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, mixed)))
    with pytest.raises(DataError, match="explanations of 3 SAEs"):
        read_neuronpedia(tmp_path / "e.jsonl")
    assert len(read_neuronpedia(tmp_path / "e.jsonl", model="gpt2-small", source="6-res-jb")) == 1


@pytest.mark.parametrize(
    ("name", "content", "error", "match"),
    [
        ("e.jsonl", b'{"index": "1", "description": "x"}\n{"index"', DataError, "cannot be read as JSON"),
        ("e.jsonl.gz", b"not gzip", DataError, "cannot be read as JSON"),
        ("e.jsonl.gz", gzip.compress(b'{"index": 1}', mtime=0)[:-9], DataError, "cannot be read as JSON"),
        ("e.json", b"[1, 2, {}]", DataError, "no explanation in"),
        ("e.json", b'[{"index": "-1", "description": "x"}, {"index": "1", "description": 4}]', DataError, "no expl"),
        ("e.jsonl", b"\xff", DataError, "cannot be read"),
        ("e.csv", b"", ConfigError, "must end in one of"),
    ],
)  # fmt: skip
def test_file_that_is_not_what_it_should_be_is_refused(tmp_path, name, content, error, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=match):
        read_neuronpedia(tmp_path / name)


def test_missing_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="downloaded from Neuronpedia"):
        read_neuronpedia(tmp_path / "nothing.jsonl")
