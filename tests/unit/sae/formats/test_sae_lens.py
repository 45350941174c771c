"""SAELens's folders: encoded as SAELens does, of every version and architecture, and what its files leave open said."""

import json
import shutil
import warnings
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load_file, save_file

from interp_nb._errors import ConfigError, SaveFormatError, ShapeError
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases, expected

V6, OLDER = cases("sae_lens"), cases("sae_lens_legacy")
UNKNOWN_FACTOR = [
    "sae_lens/standard_expected_average_only_in",
    "sae_lens/topk_expected_average_only_in",
    "sae_lens_legacy/average_by_flag",
    "sae_lens_legacy/average_by_name",
]


@pytest.fixture(autouse=True)
def no_warning_of_unknown_factors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no file says the factor")
        yield


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal but for rounding in float32: of the largest value, since sums cancel."""
    largest = float(theirs.detach().abs().max().clamp(min=1))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-6 * largest)


@pytest.mark.parametrize("case", V6 + OLDER)
def test_it_computes_what_sae_lens_computes(case):
    sae, theirs = load_sae(ROOT / case), expected(case)
    acts = theirs["acts"]
    latent_acts = sae.encode(acts)
    close(latent_acts.to(theirs["latent_acts"]), theirs["latent_acts"])
    assert bool(((latent_acts != 0) == (theirs["latent_acts"] != 0)).all())
    close(sae(acts).to(theirs["recons"]), theirs["recons"])
    close(sae.decode(latent_acts, acts).to(theirs["recons"]), theirs["recons"])
    if "pre" in theirs and not sae.architecture.reads_sequences:
        close(sae.pre_acts(acts).to(theirs["pre"]), theirs["pre"])


def test_every_architecture_and_convention_has_a_case():
    configs = [json.loads((ROOT / case / "cfg.json").read_text()) for case in V6]
    assert {each["architecture"] for each in configs} == {
        *("standard", "topk", "abstopk", "batchtopk", "matryoshka_batchtopk", "jumprelu", "gated", "matching_pursuit"),
        *("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder", "temporal"),
    }
    assert {each["normalize_activations"] for each in configs} == {
        *("none", "expected_average_only_in", "layer_norm", "constant_norm_rescale", "covariance_whitening"),
        "constant_scalar_rescale",
    }
    for case in V6 + OLDER:
        weights = load_file(ROOT / case / "sae_weights.safetensors")
        norms = weights["W_dec"].float().norm(dim=1)
        assert weights["W_dec"].shape[0] != weights["W_dec"].shape[1] and bool((weights["b_dec"] != 0).all())
        # Exported and folded ones have rows of norm 1, as they must.
        assert float(norms.std()) > 0.1 or "exports" in case or "folded" in case or case.endswith("of_a_run"), case


@pytest.mark.parametrize("name", ["batchtopk", "matryoshka_batchtopk", "topk", "batchtopk_whitened", "topk_whitened"])
def test_a_checkpoint_is_read_as_what_is_exported_from_it(name):
    unfolded, final = load_sae(ROOT / "sae_lens/checkpoints" / name), load_sae(ROOT / "sae_lens/exports" / name)
    acts = expected(f"sae_lens/checkpoints/{name}")["acts"]
    close(unfolded.encode(acts).detach(), final.encode(acts).detach())
    close(unfolded(acts).detach(), final(acts).detach())
    close(unfolded.W_dec.detach(), final.W_dec.detach())


@pytest.mark.parametrize(
    ("case", "architecture", "ours", "kind", "sites"),
    [
        ("standard", "standard", "relu", "sae", ("blocks.3.hook_resid_post",)),
        ("standard_no_metadata", "standard", "relu", "sae", ()),
        ("abstopk_rescaled", "abstopk", "abs_topk", "sae", ("blocks.3.hook_resid_post",)),
        ("checkpoints/batchtopk", "batchtopk", "batch_topk", "sae", ("blocks.3.hook_resid_post",)),
        ("checkpoints/batchtopk_not_rescaled", "batchtopk", "jumprelu", "sae", ("blocks.3.hook_resid_post",)),
        ("exports/batchtopk", "jumprelu", "jumprelu", "sae", ("blocks.3.hook_resid_post",)),
        ("jumprelu_hook_z", "jumprelu", "jumprelu", "sae", ("blocks.3.attn.hook_z",)),
        ("temporal", "temporal", "temporal", "sae", ("blocks.3.hook_resid_post",)),
        (
            *("jumprelu_skip_transcoder", "jumprelu_skip_transcoder", "jumprelu", "skip_transcoder"),
            ("blocks.3.ln2.hook_normalized", "blocks.3.hook_mlp_out"),
        ),
    ],
)
def test_inspection_says_what_it_is(case, architecture, ours, kind, sites):
    found = inspect_sae(ROOT / "sae_lens" / case)
    assert (found.family, found.version, found.architecture) == ("sae_lens", "6.54.12", architecture)
    assert (found.ours, found.kind, found.sites, found.problems) == (ours, kind, sites, [])
    assert (found.d_in, found.d_sae, found.d_out) == (6, 16, 5 if "transcoder" in kind else 6)
    transposed = {note.name for note in found.tensors if note.transposed}
    assert transposed == ({"W_enc"} if case != "temporal" else set())
    sae = load_sae(ROOT / "sae_lens" / case)
    assert (sae.cfg.architecture, sae.cfg.kind, sae.cfg.sites) == (ours, kind, sites)
    assert sae.provenance["format"]["conventions"] == {
        each.name: {"value": each.value, "known": each.known} for each in found.conventions
    }


@pytest.mark.parametrize("case", V6 + OLDER)
def test_inspection_finds_a_use_for_every_tensor(case):
    found = inspect_sae(ROOT / case)
    assert all(note.becomes != "not read" for note in found.tensors)
    assert found.problems == [] or case in UNKNOWN_FACTOR
    assert found.family == case.split("/")[0]


def test_conventions_are_said_with_how_they_are_known():
    def said(case: str) -> dict[str, tuple[str, str]]:
        return {each.name: (each.value, each.known) for each in inspect_sae(ROOT / case).conventions}

    checkpoint = said("sae_lens/checkpoints/topk")
    assert checkpoint["form"] == ("training checkpoint", "stored")
    assert checkpoint["normalize_activations"][0].endswith("; folded")
    assert checkpoint["decoder norms"] == ("ranked and counted times decoder norm; folded into the weights", "stored")
    assert checkpoint["encoder input"] == ("acts - b_dec", "stored")
    assert said("sae_lens/checkpoints/topk_whitened")["normalize_activations"][0] == "whitened; folded"
    assert said("sae_lens/transcoder")["encoder input"] == ("acts", "stored")
    oldest = said("sae_lens_legacy/oldest")
    assert oldest["activation"] == ("relu(pre)", "default of this family")
    assert oldest["encoder input"] == ("acts - b_dec", "default of this family")
    assert oldest["normalize_activations"] == ("none", "default of this family")
    assert said("sae_lens_legacy/topk_as_standard")["k"] == ("3", "stored")


def test_what_the_files_say_is_carried_over():
    metadata = load_sae(ROOT / "sae_lens/topk_of_a_run").provenance["format"]
    assert metadata["metadata"]["cfg.json"]["metadata"]["a_key_of_somebody"] == {"kept": [1, 2]}
    assert metadata["metadata"]["runner_cfg.json"]["training_tokens"] == 1_000_000
    assert metadata["files"].keys() == {"cfg.json", "runner_cfg.json", "sae_weights.safetensors"}
    assert (metadata["model"], metadata["site"]) == ("pythia-70m-deduped", ["blocks.3.hook_resid_post"])
    names = [each.name for each in inspect_sae(ROOT / "sae_lens/topk_of_a_run").conventions]
    assert "sparsity.safetensors" in names


@pytest.mark.parametrize("case", UNKNOWN_FACTOR)
def test_an_unknown_factor_is_said(case):
    assert "no file says the factor" in inspect_sae(ROOT / case).problems[0]
    with pytest.warns(UserWarning, match="no file says the factor"):
        sae = load_sae(ROOT / case)
    acts, factor = expected(case)["acts"], 0.4
    sae.set_scales(factor)
    # With it, activations may come as the model has them.
    close(sae.encode(acts / factor), expected(case)["latent_acts"])
    close(sae(acts / factor), expected(case)["recons"] / factor)


def test_half_precision_is_read_exactly_and_used_in_single():
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        sae = load_sae(ROOT / f"sae_lens/standard_{name}")
        stored = load_file(ROOT / f"sae_lens/standard_{name}" / "sae_weights.safetensors")["W_enc"]
        assert stored.dtype == dtype and sae.encoder.dtype == torch.float32
        assert torch.equal(sae.W_enc, stored.float())
        assert inspect_sae(ROOT / f"sae_lens/standard_{name}").dtype == name


def test_heads_come_as_they_are_or_side_by_side():
    sae, acts = load_sae(ROOT / "sae_lens/jumprelu_hook_z"), expected("sae_lens/jumprelu_hook_z")["acts"]
    assert acts.shape == (8, 2, 3)
    assert torch.equal(sae.encode(acts), sae.encode(acts.flatten(1)))
    assert sae(acts).shape == (8, 2, 3) and torch.equal(sae(acts).flatten(1), sae(acts.flatten(1)))
    with pytest.raises(ShapeError, match=r"d_in=6\], got \[8, 3, 3\]"):
        sae.encode(torch.zeros(8, 3, 3))


@pytest.mark.parametrize("name", ["standard_layer_norm", "topk_constant_norm_rescale"])
def test_decoding_takes_the_norm_from_the_activations_and_keeps_nothing(name):
    sae, theirs = load_sae(ROOT / "sae_lens" / name), expected(f"sae_lens/{name}")
    with pytest.raises(ConfigError, match="needs acts too: their norm is put back"):
        sae.decode(theirs["latent_acts"])
    for _ in range(2):  # SAELens's own can be asked once, right after encode
        close(sae.decode(theirs["latent_acts"], theirs["acts"]), theirs["recons"])


def test_a_temporal_sae_reads_documents_alone():
    sae, acts = load_sae(ROOT / "sae_lens/temporal"), expected("sae_lens/temporal")["acts"]
    whole = sae.encode(acts)
    with pytest.raises(ShapeError, match=r"acts must be \[doc pos d_in\], got \[5, 6\].*of one document give acts"):
        sae.encode(acts[0])
    with pytest.raises(ConfigError, match="what the rows before predict is added"):
        sae.decode(whole)
    with pytest.raises(ConfigError, match="no pre-activations"):
        sae.pre_acts(acts)
    close(sae.encode(acts[:, :3]), whole[:, :3])
    assert not torch.allclose(sae.encode(acts[:, 1:]), whole[:, 1:], atol=1e-3)


def test_matching_pursuit_has_no_pre_activations():
    with pytest.raises(ConfigError, match="every step has fits of its own"):
        load_sae(ROOT / "sae_lens/matching_pursuit").pre_acts(torch.zeros(2, 6))


@pytest.mark.parametrize("name", ["matching_pursuit", "temporal", "abstopk", "gated_no_b_dec"])
def test_folding_a_scale_changes_nothing(name):
    sae, acts = load_sae(ROOT / "sae_lens" / name), expected(f"sae_lens/{name}")["acts"]
    sae.set_scales(1.6)
    folded = sae.folded()
    assert float(folded.norm_scale) == 1
    close(folded.encode(acts).detach(), sae.encode(acts).detach())
    close(folded(acts).detach(), sae(acts).detach())


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("standard", {"architecture": "vanilla"}, "architecture must be one of 'standard'.*found 'vanilla'"),
        ("standard", {"d_sae": 17}, r"W_enc in sae_weights.safetensors must be \[6, 17\], found \[6, 16\]"),
        ("standard", {"d_in": None}, "must have d_in, found none"),
        ("standard", {"dtype": "int4"}, "dtype must be one of"),
        ("standard", {"normalize_activations": "batch_norm"}, "normalize_activations must be one of"),
        ("standard", {"normalize_activations": "covariance_whitening"}, "must not be 'covariance_whitening'"),
        ("standard", {"normalize_activations": "constant_scalar_rescale"}, "is a normalization of 'temporal'"),
        ("standard", {"metadata": {"sae_lens_version": "6.0.0", "hook_name": 3}}, "hook_name must be a string"),
        ("topk", {"k": 17}, "k must be at most d_sae=16"),
        ("topk", {"k": 2.5}, "k must be a whole number from 1, found 2.5"),
        ("transcoder", {"apply_b_dec_to_input": True}, "apply_b_dec_to_input must be false"),
        ("transcoder", {"d_out": None}, "must have d_out, found none"),
        ("temporal", {"n_heads": 3}, "needs n_heads .* that divide d_sae=16"),
        ("temporal", {"n_attn_layers": 10**9}, "up to 64 attention layers"),
        ("temporal", {"n_attn_layers": 2}, "must have attn_layers.1.k_ctx.weight"),
        ("jumprelu", {"architecture": "standard"}, "must not have threshold"),
        ("checkpoints/matryoshka_batchtopk", {"matryoshka_widths": [8, 4, 16]}, "must be ascending"),
        ("checkpoints/matryoshka_batchtopk", {"matryoshka_widths": "all"}, "matryoshka_widths must be whole numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, case, changes, message):
    folder = tmp_path / "sae"
    shutil.copytree(ROOT / "sae_lens" / case, folder)
    values = json.loads((folder / "cfg.json").read_text()) | changes
    (folder / "cfg.json").write_text(json.dumps({name: value for name, value in values.items() if value is not None}))
    with pytest.raises(SaveFormatError, match=message):
        load_sae(folder)


def test_a_scaler_that_makes_no_sense_is_refused(tmp_path):
    shutil.copytree(ROOT / "sae_lens/checkpoints/standard", tmp_path / "one")
    (tmp_path / "one" / "activation_scaler.json").write_text(json.dumps({"scaling_factor": -2.0}))
    with pytest.raises(SaveFormatError, match="scaling_factor must be positive, found -2"):
        load_sae(tmp_path / "one")
    shutil.copytree(ROOT / "sae_lens/checkpoints/standard_whitened", tmp_path / "two")
    (tmp_path / "two" / "activation_whitening.safetensors").unlink()
    with pytest.raises(SaveFormatError, match=r"must have activation_whitening.safetensors beside it"):
        load_sae(tmp_path / "two")


def test_older_activations_and_scales_are_not_dropped_silently(tmp_path):
    folder = tmp_path / "sae"
    shutil.copytree(ROOT / "sae_lens_legacy/standard_of_3", folder)
    values = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps(values | {"activation_fn_str": "tanh-relu"}))
    with pytest.raises(SaveFormatError, match="activation_fn must be 'relu', or 'topk' with its k, found 'tanh-relu'"):
        load_sae(folder)
    (folder / "cfg.json").write_text(json.dumps(values))
    weights = load_file(folder / "sae_weights.safetensors")
    save_file(weights | {"scaling_factor": torch.full((16,), 2.0)}, folder / "sae_weights.safetensors")
    with pytest.raises(SaveFormatError, match=r"cfg.json says that finetuning_scaling_factor is off"):
        load_sae(folder)


def test_thresholds_may_be_logarithms_as_in_older_checkpoints(tmp_path):
    shutil.copytree(ROOT / "sae_lens/jumprelu", tmp_path / "sae")
    weights = load_file(tmp_path / "sae" / "sae_weights.safetensors")
    weights["log_threshold"] = weights.pop("threshold").log()
    save_file(weights, tmp_path / "sae" / "sae_weights.safetensors")
    theirs = expected("sae_lens/jumprelu")
    close(load_sae(tmp_path / "sae").encode(theirs["acts"]), theirs["latent_acts"])


def test_a_configuration_with_metadata_and_no_version_is_of_version_6(tmp_path):
    shutil.copytree(ROOT / "sae_lens/transcoder", tmp_path / "sae")
    values = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    values["metadata"] = {"model_name": "gpt2", "hook_name": "blocks.0.hook_mlp_out"}
    (tmp_path / "sae" / "cfg.json").write_text(json.dumps(values))
    found = inspect_sae(tmp_path / "sae")
    assert (found.family, found.version, found.model, found.kind) == ("sae_lens", "", "gpt2", "transcoder")


def test_a_hook_name_of_another_library_is_passed_on_and_not_guessed(tmp_path):
    shutil.copytree(ROOT / "sae_lens/standard", tmp_path / "sae")
    values = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    values["metadata"] |= {"hook_name": "model.layers.3", "hook_head_index": 2}
    (tmp_path / "sae" / "cfg.json").write_text(json.dumps(values))
    found = inspect_sae(tmp_path / "sae")
    assert (found.sites, found.site_as_said) == ((), "model.layers.3")
    assert found.problems == ["it reads head 2 of model.layers.3 alone"]


def test_imported_architectures_say_what_settings_they_need():
    with pytest.raises(ConfigError, match="matching_pursuit needs the settings max_iterations, residual_threshold"):
        SAEConfig(6, 16, "matching_pursuit")
    with pytest.raises(ConfigError, match="relu has no further settings, got k"):
        SAEConfig(6, 16, "relu", settings={"k": 3})
