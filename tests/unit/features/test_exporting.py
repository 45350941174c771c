"""Latents written for other programs and readers: Neuronpedia's JSON, frames, and the page's size."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, DiskError, SaveFormatError
from interp_nb.features.building import feature_store
from interp_nb.features.correlated import most_correlated
from interp_nb.features.dashboard import feature_dashboard
from interp_nb.features.exported_latent import N_LOGIT_BINS, batch_feature
from interp_nb.features.exporting import examples_frame, layer_of, write_neuronpedia
from interp_nb.features.geometry import latent_logits
from interp_nb.features.latents import latents_of
from interp_nb.features.store import load_store
from tests.contract.made_features import D_SAE, MadeStore
from tests.tiny_models import CORPUS, shared
from tests.unit.features.text_cases import make_sae

BYTES_A_LATENT = 15_000
"""What the issue allows."""

# What SAEDashboard writes, formats.md 3.8.
BATCH_KEYS = {
    "feature_index", "neuron_alignment_indices", "neuron_alignment_values", "neuron_alignment_l1",
    "correlated_neurons_indices", "correlated_neurons_pearson", "correlated_neurons_l1", "correlated_features_indices",
    "correlated_features_pearson", "correlated_features_l1", "neg_str", "neg_values", "pos_str", "pos_values",
    "frac_nonzero", "freq_hist_data_bar_heights", "freq_hist_data_bar_values", "logits_hist_data_bar_heights",
    "logits_hist_data_bar_values", "n_prompts_total", "n_tokens_in_prompt", "dataset", "decoder_weights_dist",
    "activations", "vector",
}  # fmt: skip
ACTIVATION_KEYS = {"bin_min", "bin_max", "bin_contains", "qualifying_token_index", "tokens", "values"}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def test_batch_has_the_keys_of_sae_dashboard(tmp_path):
    written = write_neuronpedia(MadeStore(tmp_path), tmp_path / "out", list(range(D_SAE)))
    assert [path.name for path in written] == ["batch-0.json", "skipped_indexes.json"]
    batch = json.loads(written[0].read_text(encoding="utf-8"))
    assert (batch["model_id"], batch["layer"]) == ("pocket", 2) and len(batch["features"]) == 5
    for feature in batch["features"]:
        assert feature.keys() == BATCH_KEYS
        assert all(each.keys() == ACTIVATION_KEYS for each in feature["activations"])
    assert json.loads(written[1].read_text(encoding="utf-8"))["skipped_indexes"] == [3]


def test_batch_holds_the_numbers_of_the_store(tmp_path):
    store = MadeStore(tmp_path)
    feature = batch_feature(store, store.latent(1))
    assert feature["pos_str"] == [" dog", " cat"] and feature["neg_values"] == [-0.5, -0.125]
    assert feature["frac_nonzero"] == 1 / 32 and feature["freq_hist_data_bar_heights"] == [8, 4, 2, 1]
    assert feature["freq_hist_data_bar_values"] == [0.125, 0.5, 2.0, 8.0], "bins are log-spaced"
    top, _, strong, weak = feature["activations"]
    assert (top["bin_min"], top["bin_max"], top["bin_contains"]) == (-1.0, 8.0, -1.0)
    assert top["tokens"] == ["<|endoftext|>", "The", " cat", " runs", "."]
    assert top["values"] == [0.0, 0.0, 8.0, 0.25, 0.0] and top["qualifying_token_index"] == 2
    assert (strong["bin_min"], strong["bin_max"], strong["bin_contains"]) == (4.0, 4.0, 0.5)
    assert weak["bin_max"] == 0.5
    # A direction of squared norm 1.75: what moves its activation by one is the direction over that.
    assert feature["vector"] == pytest.approx([1 / 7, 5 / 7, 1 / 7, 1 / 7], abs=1e-6)
    assert feature["neuron_alignment_indices"][0] == 1
    assert feature["neuron_alignment_l1"][0] == pytest.approx(1.25 / 2.0)


def test_aligned_coordinates_are_the_largest_not_the_most_negative(tmp_path):
    store = MadeStore(tmp_path)
    store.source = latents_of(torch.tensor([[-4.0, 1.0, 2.0, 0.0, 0.5]]).repeat(D_SAE, 1), None)
    assert batch_feature(store, store.latent(1))["neuron_alignment_indices"] == [2, 1, 4]


def test_latents_that_fire_alike_come_with_correlation_and_cosine(tmp_path):
    written = write_neuronpedia(MadeStore(tmp_path), tmp_path / "out", list(range(D_SAE)))
    entries = {each["feature_index"]: each for each in json.loads(written[0].read_text(encoding="utf-8"))["features"]}
    names = [f"correlated_features_{name}" for name in ("indices", "pearson", "l1")]
    alike = {index: [entry[name] for name in names] for index, entry in entries.items()}
    # By hand, of tokens on which both, the one and the other fire: 16, 32 and 16 of 128, then 8, 64 and 8.
    half, eighth = (3 / 21**0.5, 0.5**0.5), (1 / 15**0.5, 0.125**0.5)
    assert alike[0][0] == [4, 1] and alike[4][0] == [0, 1] and alike[2][0] == [5] and alike[5][0] == [2]
    assert alike[0][1] == pytest.approx([1.0, half[0]], abs=1e-5)
    assert alike[0][2] == pytest.approx([1.0, half[1]], abs=1e-5)
    assert (alike[2][1][0], alike[2][2][0]) == pytest.approx(eighth, abs=1e-5)
    assert all(entry["correlated_neurons_indices"] == [] for entry in entries.values())


def test_correlations_are_those_of_numpy(folder):
    store = load_store(folder)
    sample = store.sample()
    acts = np.zeros((len(sample.token_ids), store.d_sae))
    acts[sample.row_of, sample.latent] = sample.value
    latents = [int(index) for index in store.order(by="count")[:5]]
    found = most_correlated(store, latents, 3)
    with np.errstate(invalid="ignore"):
        expected = np.corrcoef(acts.T)
    for latent in latents:
        others = np.delete(expected[latent], latent)
        assert [each.pearson for each in found[latent]] == pytest.approx(
            np.sort(others[~np.isnan(others)])[:-4:-1], abs=1e-4
        )
        for each in found[latent]:
            assert each.pearson == pytest.approx(expected[latent, each.latent_idx], abs=1e-4)
            first, second = acts[:, latent], acts[:, each.latent_idx]
            cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
            assert each.cosine == pytest.approx(cosine, abs=1e-5)


def test_export_has_the_lines_of_neuronpedia(tmp_path):
    written = write_neuronpedia(MadeStore(tmp_path), tmp_path / "out", [0, 1, 3], form="export")
    assert [str(path.relative_to(tmp_path / "out")) for path in written] == [
        "features/batch-0.jsonl.gz", "activations/batch-0.jsonl.gz", "explanations/batch-0.jsonl.gz",
    ]  # fmt: skip
    features, activations, explanations = map(lines, written)
    assert [each["index"] for each in features] == ["0", "1"] and features[0]["layer"] == "2-resid_post"
    assert features[0]["maxActApprox"] == 8.0 and features[0]["topkCosSimIndices"] == [1]
    assert features[0]["hookName"] == "blocks.2.hook_resid_post" and features[0]["hasVector"] is True
    first = activations[0]
    assert (first["maxValue"], first["maxValueTokenIndex"], first["minValue"]) == (8.0, 2, 0.0)
    assert len({each["id"] for each in activations}) == len(activations) == 8
    assert [(each["description"], each["typeName"]) for each in explanations] == [
        ("animals", "tokens"), ("animal: dog", "ground_truth"), ("cities", "human"),
    ]  # fmt: skip


def test_same_store_is_the_same_files(tmp_path):
    one, other = (write_neuronpedia(MadeStore(tmp_path), tmp_path / name, [0, 1], form="export") for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_latents_go_into_files_of_a_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr("interp_nb.features.exporting.PER_FILE", 2)
    written = write_neuronpedia(MadeStore(tmp_path), tmp_path / "out", list(range(D_SAE)))
    assert [path.name for path in written[:-1]] == ["batch-0.json", "batch-1.json", "batch-2.json"]


def test_hostile_tokens_are_text_in_json(tmp_path, monkeypatch):
    bad = '</script>"\\\ud800\x00'
    monkeypatch.setattr("tests.contract.made_features.VOCABULARY", [bad] * 12)
    written = write_neuronpedia(MadeStore(tmp_path), tmp_path / "out", [0])
    batch = json.loads(written[0].read_bytes().decode("utf-8"))
    assert batch["features"][0]["pos_str"][0] == bad.replace("\ud800", "?")


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    store = MadeStore(tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'batch'"):
        write_neuronpedia(store, tmp_path / "out", [0], form="batches")
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveFormatError, match="is a file"):
        write_neuronpedia(store, tmp_path / "file", [0])

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskError, match="No space left"):
        write_neuronpedia(store, tmp_path / "out", [0])


@pytest.mark.parametrize(
    ("site", "layer"), [("blocks.12.hook_resid_post", 12), ("blocks.0.attn.hook_z", 0), ("hook_embed", -1), ("", -1)]
)
def test_layer_is_read_from_the_site(site, layer):
    assert layer_of(site) == layer


# A real store.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose latents all have their full number of examples."""
    path = tmp_path_factory.mktemp("stores") / "store"
    texts = [f"{index} {text} {index * index}" for index in range(400) for text in CORPUS]
    feature_store(make_sae("blocks.1.hook_resid_pre"), shared("gpt2"), texts, path)
    return path


def test_page_takes_few_bytes_a_latent_and_grows_linearly(folder, tiny_model):
    dashboard = feature_dashboard(load_store(folder), tiny_model)
    full = [
        each.latent_idx for each in dashboard.store.latents(range(dashboard.store.d_sae)) if len(each.examples) == 70
    ]
    assert len(full) >= 24, "latents with all their examples are what is measured"
    # Without the picture of the ten most interesting ones, which are others every time.
    pages = [dashboard.to_html(latents=full[:n]) for n in (6, 12, 24)]
    sizes = [len(re.sub("<noscript>.*?</noscript>", "", page, flags=re.DOTALL).encode()) for page in pages]
    each, later = (sizes[1] - sizes[0]) / 6, (sizes[2] - sizes[1]) / 12
    assert max(each, later) < BYTES_A_LATENT and later == pytest.approx(each, rel=0.25)


def test_json_and_frames_of_a_dashboard(folder, tmp_path):
    store = load_store(folder)
    first, second = sorted(store.order(by="count")[:2].tolist())
    dashboard = feature_dashboard(store, latents=[second, first])
    entries = json.loads(dashboard.to_json(tmp_path / "out")[0].read_text(encoding="utf-8"))["features"]
    assert [each["feature_index"] for each in entries] == [first, second]
    assert np.allclose(entries[0]["vector"], store.source.rows(torch.tensor([first]))[0].numpy(), rtol=1e-5)
    assert dashboard.to_json(tmp_path / "one", latents=[first], form="export")[0].parent.name == "features"
    frame = examples_frame(store, [first, second])
    assert set(frame["latent_idx"]) == {first, second} and len(frame) == 140
    assert dashboard.to_frame().index.tolist() == [second, first]
    assert dashboard.to_frame().loc[first, "count"] == store.column("count")[first]


def test_histogram_of_logits_counts_the_whole_vocabulary(folder, tmp_path, tiny_model):
    store = load_store(folder)
    first = int(store.order(by="count")[0])

    def exported(dashboard: Any, name: str) -> tuple[list[int], list[float]]:
        entry = json.loads(dashboard.to_json(tmp_path / name, latents=[first])[0].read_text(encoding="utf-8"))
        feature = entry["features"][0]
        return feature["logits_hist_data_bar_heights"], feature["logits_hist_data_bar_values"]

    counts, middles = exported(feature_dashboard(store, tiny_model), "with")
    logits = latent_logits(tiny_model, store, first)
    assert len(counts) == len(middles) == N_LOGIT_BINS and sum(counts) == len(logits)
    width = (logits.max() - logits.min()) / N_LOGIT_BINS
    assert middles == pytest.approx(logits.min() + width * (np.arange(N_LOGIT_BINS) + 0.5), abs=1e-5)
    assert counts[-1] == (logits >= middles[-1] - width / 2).sum()
    assert exported(feature_dashboard(store), "without") == ([], []), "nobody knows what the unembedding is"


def test_latents_at_z_are_shared_out_among_heads(folder, tmp_path, tiny_model):
    sae = make_sae("blocks.1.attn.hook_z")
    store = feature_store(sae, tiny_model, CORPUS, tmp_path / "z", packing="separate")
    first = int(store.order(by="count")[0])
    norms = store.source.rows(torch.tensor([first]))[0].view(tiny_model.cfg.n_heads, -1).norm(dim=1)
    shares = (norms / norms.sum()).tolist()
    assert store.latent(first).head_shares == pytest.approx(shares) and sum(shares) == pytest.approx(1)
    written = write_neuronpedia(load_store(tmp_path / "z"), tmp_path / "out", [first])
    entry = json.loads(written[0].read_text(encoding="utf-8"))["features"][0]
    assert entry["decoder_weights_dist"] == pytest.approx(shares, rel=1e-5)
    assert load_store(folder).latent(0).head_shares == (), "the residual stream has no heads"
