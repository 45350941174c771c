"""Gemma Scope 1 and 2: read as SAELens and circuit-tracer read them, written as they are on the hub."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from interp_nb._errors import ConfigError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.imported import refuse_training
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import EXPECTED, ROOT, cases

CASES = [ROOT / case for family in ("gemma_scope", "gemma_scope_2") for case in cases(family)]
CLT = tuple(f"blocks.{layer}.{hook}" for hook in ("mlp.hook_in", "hook_mlp_out") for layer in range(3))
SAID = {
    "gemma_scope/residual": ("google/gemma-2-2b", ("blocks.3.hook_resid_post",), "sae"),
    "gemma_scope/mlp": ("google/gemma-2-9b-it", ("blocks.20.hook_mlp_out",), "sae"),
    "gemma_scope/attention": ("google/gemma-2-2b", ("blocks.0.attn.hook_z",), "sae"),
    "gemma_scope/embedding": ("google/gemma-2-2b", ("hook_embed",), "sae"),
    "gemma_scope/transcoder": (
        "google/gemma-2-2b", ("blocks.5.ln2.hook_normalized", "blocks.5.hook_mlp_out"), "transcoder",
    ),
    "gemma_scope/lower_case": ("google/gemma-2-27b", ("blocks.22.hook_resid_post",), "sae"),
    "gemma_scope_2/residual": ("google/gemma-3-1b-pt", ("blocks.13.hook_resid_post",), "sae"),
    "gemma_scope_2/attention": ("google/gemma-3-270m-it", ("blocks.9.attn.hook_z",), "sae"),
    "gemma_scope_2/mlp": ("google/gemma-3-4b-pt", ("blocks.17.hook_mlp_out",), "sae"),
    "gemma_scope_2/transcoder": (
        "google/gemma-3-1b-pt", ("blocks.7.mlp.hook_in", "blocks.7.hook_mlp_out"), "transcoder",
    ),
    "gemma_scope_2/skip_transcoder": (
        "google/gemma-3-1b-it", ("blocks.12.mlp.hook_in", "blocks.12.hook_mlp_out"), "skip_transcoder",
    ),
    "gemma_scope_2/clt": ("google/gemma-3-270m", CLT, "clt"),
    "gemma_scope_2/skip_clt": ("google/gemma-3-270m", CLT, "skip_clt"),
}  # fmt: skip


def case_id(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


def weights_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The tensors of all files below a folder: their types, shapes and values."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.rglob("params*")):
        tensors = np.load(file) if file.suffix == ".npz" else load_file(file)
        found[file.relative_to(folder).as_posix()] = {name: torch.as_tensor(tensors[name]) for name in tensors}
    return found


def root_of(case: Path) -> Path:
    """The folder of a case that stands for the repository."""
    return next(path for path in case.iterdir() if path.is_dir())


def test_every_case_is_expected():
    assert {case_id(case) for case in CASES} == set(SAID)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_load_computes_what_the_peer_computes(case):
    sae, expected = load_sae(root_of(case)), load_file(case / EXPECTED)
    latent_acts = sae.encode(expected["acts"])
    assert torch.equal(latent_acts != 0, expected["latent_acts"] != 0)
    torch.testing.assert_close(latent_acts, expected["latent_acts"], rtol=1e-5, atol=1e-5)
    recons = sae.decode(expected["latent_acts"], expected["acts"])
    torch.testing.assert_close(recons, expected["recons"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(expected["acts"]), expected["recons"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_load_and_inspect_say_model_and_site(case):
    model, sites, kind = SAID[case_id(case)]
    sae, found = load_sae(root_of(case)), inspect_sae(root_of(case))
    assert (sae.cfg.model, sae.cfg.sites, sae.cfg.kind) == (model, sites, kind)
    assert (found.model, found.sites, found.kind) == (model, sites, kind)
    assert found.family == case.parent.name == sae.provenance["format"]["family"]
    assert (found.problems, found.site_as_said) == ([], "")
    assert (found.d_in, found.d_sae, found.d_out) == (sae.cfg.d_in, sae.cfg.d_sae, sae.cfg.d_out)
    encoders = [each for each in found.tensors if each.becomes == "encoder"]
    assert encoders and all(each.transposed for each in encoders)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_save_writes_the_files_of_the_hub(case, tmp_path):
    sae, expected = load_sae(root_of(case)), load_file(case / EXPECTED)
    sae.save(tmp_path / "written", format=case.parent.name)
    again = load_sae(tmp_path / "written")
    assert again.cfg == sae.cfg
    torch.testing.assert_close(again.encode(expected["acts"]), expected["latent_acts"], rtol=1e-5, atol=1e-5)

    # Gemma Scope 1's path is part of what is written; 2 says it all in config.json.
    one = case.parent.name == "gemma_scope"
    theirs = weights_of(case if one else next(root_of(case).rglob("config.json")).parent)
    ours = weights_of(tmp_path / "written")
    assert ours.keys() == theirs.keys()
    for file, tensors in theirs.items():
        names = {name.replace("w_", "W_") if one else name: value for name, value in tensors.items()}
        assert ours[file].keys() == names.keys()
        for name, value in names.items():
            assert ours[file][name].dtype == value.dtype
            torch.testing.assert_close(ours[file][name], value, rtol=1e-6, atol=0.0)
    if not one:
        configs = [json.loads(next(place.rglob("config.json")).read_text()) for place in (case, tmp_path)]
        # The model's name loses the ending that the hub does not have.
        assert configs[0] | {"model_name": None} == configs[1] | {"model_name": None}


def test_save_goes_into_a_folder_whose_path_says_it_already(tmp_path):
    sae = load_sae(root_of(ROOT / "gemma_scope" / "residual"))
    folder = tmp_path / "gemma-scope-2b-pt-res" / "layer_3" / "width_16k" / "average_l0_71"
    sae.save(folder, format="gemma_scope")
    assert [path.name for path in folder.iterdir()] == ["params.npz"]


def test_a_path_of_the_hubs_cache_says_the_same(tmp_path):
    inner = Path("layer_3") / "width_16k" / "average_l0_71"
    cached = tmp_path / "models--google--gemma-scope-2b-pt-res" / "snapshots" / "0123abcd" / inner
    shutil.copytree(root_of(ROOT / "gemma_scope" / "residual") / inner, cached)
    assert load_sae(cached).cfg.sites == ("blocks.3.hook_resid_post",)


@pytest.mark.parametrize(
    ("path", "site"),
    [
        ("my_sae", ""),
        ("layer_3/width_16k/average_l0_71", "layer 3"),
        ("my-gemma-scope-2b-pt-res/layer_3/width_16k/average_l0_71", "layer 3"),
        ("gemma-scope-2b-pt-res/layer_3_width_16k", ""),
        ("gemma-scope-2b-pt-res/extra/layer_3", ""),
    ],
)
def test_another_path_leaves_the_site_unknown(path, site, tmp_path):
    source = next((ROOT / "gemma_scope" / "residual").rglob("params.npz"))
    (tmp_path / path).mkdir(parents=True)
    shutil.copy(source, tmp_path / path)
    sae, found = load_sae(tmp_path / path), inspect_sae(tmp_path / path)
    assert (sae.cfg.sites, sae.cfg.model, found.model, found.site_as_said) == ((), None, "unknown", site)
    assert "the path does not say model and site" in found.problems[0]


def test_attention_of_a_known_model_is_read_by_head(tmp_path):
    folder = tmp_path / "gemma-scope-2b-pt-att" / "layer_0" / "width_2" / "average_l0_1"
    folder.mkdir(parents=True)
    draw = torch.Generator().manual_seed(0)
    shapes = {"W_enc": (2048, 2), "W_dec": (2, 2048), "b_enc": (2,), "b_dec": (2048,), "threshold": (2,)}
    np.savez(
        folder / "params.npz", **{name: torch.randn(shape, generator=draw).numpy() for name, shape in shapes.items()}
    )
    sae = load_sae(folder)
    acts = torch.randn(3, 8, 256, generator=draw)
    assert sae.cfg.n_heads == 8
    assert torch.equal(sae.encode(acts), sae.encode(acts.flatten(1)))
    assert torch.equal(sae(acts).flatten(1), sae(acts.flatten(1)))


def filled(cfg: SAEConfig, scale: float = 1.0) -> SAE:
    """An SAE in which nothing is zero; thresholds and what latents are ranked by included."""
    sae, draw = SAE(cfg), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.5)
        if "running_threshold" in sae._buffers:
            sae.running_threshold.fill_(0.4)
    sae.set_scales(scale)
    return sae


@pytest.mark.parametrize(
    "settings",
    [
        {"architecture": "relu"},
        {"architecture": "jumprelu"},
        {"architecture": "batch_topk", "k": 3},
        {"architecture": "batch_topk", "k": 3, "decoder_norm": "free"},
        {"architecture": "matryoshka", "k": 3},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
@pytest.mark.parametrize("family", ["gemma_scope", "gemma_scope_2"])
def test_trained_architectures_are_held_with_thresholds(settings, family, tmp_path):
    sae = filled(SAEConfig(6, 16, **settings), scale=2.0)
    acts = torch.randn(40, 6, generator=torch.Generator().manual_seed(4))
    made = load_sae(sae.save(tmp_path, format=family))
    assert 0 < int((sae.encode(acts) > 0).sum()) < 40 * 16
    torch.testing.assert_close(made(acts), sae(acts), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("gemma_scope", {"architecture": "topk", "k": 2}, r"cannot hold topk latents.*save it as 'interp_nb'"),
        ("gemma_scope", {"architecture": "gated"}, "cannot hold gated latents"),
        ("gemma_scope", {"kind": "skip_transcoder"}, "cannot hold kind='skip_transcoder'"),
        ("gemma_scope", {"kind": "transcoder", "d_out": 5}, "different widths, 6 and 5; save it as 'interp_nb'"),
        ("gemma_scope", {"input_norm": "layer_norm"}, "cannot hold input_norm='layer_norm'"),
        (
            "gemma_scope", {"model": "gpt2", "sites": ("blocks.0.hook_resid_post",)},
            "an SAE of model 'gpt2' at blocks.0.hook_resid_post: only their path",
        ),
        (
            "gemma_scope", {"model": "google/gemma-2-2b", "sites": ("blocks.0.hook_resid_pre",)},
            "at blocks.0.hook_resid_pre: ",
        ),
        ("gemma_scope_2", {"architecture": "abs_topk", "k": 2}, "cannot hold abs_topk latents"),
        ("gemma_scope_2", {"kind": "crosscoder", "n_sites": 2}, "cannot hold kind='crosscoder'"),
        (
            "gemma_scope_2", {"model": "gpt2", "sites": ("blocks.0.hook_resid_post",)},
            r"names modules of Gemma 3 \(google/gemma-3-1b-pt\) alone; save it as",
        ),
        (
            "gemma_scope_2", {"model": "google/gemma-3-1b-pt", "sites": ("blocks.0.hook_resid_pre",)},
            "at blocks.0.hook_resid_pre: ",
        ),
    ],
)  # fmt: skip
def test_save_refuses_what_the_family_cannot_hold(family, settings, message, tmp_path):
    sae = filled(SAEConfig(6, 16, **{"architecture": "relu", **settings}))
    with pytest.raises(ConfigError, match=message):
        sae.save(tmp_path / "new", format=family)
    assert not (tmp_path / "new").exists()


def test_save_in_half_precision(tmp_path):
    sae = load_sae(root_of(ROOT / "gemma_scope" / "mlp"))
    file = next(sae.save(tmp_path / "a", format="gemma_scope", dtype="float16").rglob("params.npz"))
    assert {str(value.dtype) for value in np.load(file).values()} == {"float16"}
    with pytest.raises(ConfigError, match="bfloat16, which NumPy does not have; save it in float16"):
        sae.save(tmp_path / "b", format="gemma_scope", dtype="bfloat16")


def test_save_does_not_follow_a_path_out_of_a_files_provenance(tmp_path):
    sae = load_sae(root_of(ROOT / "gemma_scope" / "residual"))
    sae.provenance["format"]["metadata"] |= {"width": "../../../out", "folder": "../../../../out"}
    sae.save(tmp_path / "in" / "here", format="gemma_scope")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def change_npz(folder: Path, **arrays: Any) -> None:
    kept = dict(np.load(folder / "params.npz")) | arrays
    np.savez(folder / "params.npz", **{name: value for name, value in kept.items() if value is not None})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"threshold": None}, r"params.npz must have threshold \[10\], found none"),
        ({"W_enc": None}, "params.npz must have a matrix w_enc, found none"),
        ({"W_dec": np.ones((6, 10), np.float32)}, r"W_dec in params.npz must be \[10, 6\], found \[6, 10\]"),
        ({"b_enc": np.full(10, np.nan, np.float32)}, "b_enc must be finite"),
        ({"b_enc": np.array([{}] * 10, object)}, "objects are pickles, never read"),
        ({"b_more": np.ones(3, np.float32)}, "must not have b_more"),
    ],
)
def test_load_refuses_other_arrays(arrays, message, tmp_path):
    shutil.copy(next((ROOT / "gemma_scope" / "residual").rglob("params.npz")), tmp_path)
    change_npz(tmp_path, **arrays)
    with pytest.raises(SaveFormatError, match=message):
        load_sae(tmp_path)


def copied(name: str, to: Path) -> tuple[Path, dict[str, Any]]:
    """Copy a case of Gemma Scope 2, and give its configuration."""
    shutil.copytree(next((ROOT / "gemma_scope_2" / name).rglob("config.json")).parent, to)
    return to, json.loads((to / "config.json").read_text())


def configured(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hf_hook_point_in": None, "hf_hook_point_out": None}, ""),
        ({"hf_hook_point_in": "transformer.h.3"}, "transformer.h.3"),
        ({"hf_hook_point_in": "model.layers.3.mlp.up_proj.output"}, "model.layers.3.mlp.up_proj.output"),
        ({"hf_hook_point_in": "my.model.layers.3.output"}, "my.model.layers.3.output"),
        ({"hf_hook_point_in": "model.layers.{3,4}.output"}, "model.layers.{3,4}.output"),
        ({"hf_hook_point_in": "model.layers.4.output"}, "model.layers.4.output -> model.layers.13.output"),
    ],
)
def test_an_unknown_place_is_said_and_not_guessed(change, said, tmp_path):
    folder, config = copied("residual", tmp_path / "sae")
    sae, found = load_sae(configured(folder, config | change)), inspect_sae(folder)
    assert (sae.cfg.sites, found.sites, found.site_as_said) == ((), (), said)
    assert len(found.problems) == 1
    again = load_sae(sae.save(tmp_path / "again", format="gemma_scope_2"))
    assert inspect_sae(tmp_path / "again").site_as_said in (said, said.split(" -> ")[0])
    assert again.cfg == sae.cfg


def test_a_folder_without_configuration_is_read_and_its_site_unknown(tmp_path):
    folder, _ = copied("skip_transcoder", tmp_path / "sae")
    (folder / "config.json").unlink()
    sae = load_sae(folder)
    assert (sae.cfg.kind, sae.cfg.sites, sae.cfg.model) == ("skip_transcoder", (), None)
    expected = load_file(ROOT / "gemma_scope_2" / "skip_transcoder" / EXPECTED)
    torch.testing.assert_close(sae(expected["acts"]), expected["recons"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "change", "message"),
    [
        ("residual", {"architecture": "topk"}, "architecture must be one of 'jump_relu', found 'topk'"),
        ("residual", {"type": "clt"}, "type must be one of 'sae', 'transcoder', found 'clt'"),
        ("skip_transcoder", {"type": "sae"}, "must say type 'transcoder' of what has affine_skip_connection"),
        ("residual", {"model_name": 3}, "model_name must be a string, found 3"),
    ],
)
def test_load_refuses_other_configurations(case, change, message, tmp_path):
    folder, config = copied(case, tmp_path / "sae")
    with pytest.raises(SaveFormatError, match=message):
        load_sae(configured(folder, config | change))


def test_a_flag_that_is_wrong_is_a_problem_and_the_tensors_are_right(tmp_path):
    folder, config = copied("skip_clt", tmp_path / "sae")
    configured(folder, config | {"affine_connection": False})
    assert inspect_sae(folder).problems == [
        "config.json says affine_connection false, and the file holds otherwise"
    ]  # fmt: skip
    assert load_sae(folder).cfg.kind == "skip_clt"


def test_a_missing_layer_is_named(tmp_path):
    folder, _ = copied("clt", tmp_path / "sae")
    (folder / "params_layer_1.safetensors").unlink()
    with pytest.raises(SaveFormatError, match=r"must have params_layer_1.safetensors, found only params_layer_2"):
        load_sae(folder)


def test_a_crosscoder_writes_to_its_own_layer_and_later_ones(tmp_path):
    folder, config = copied("clt", tmp_path / "sae")
    place = "model.layers.{5,9,12}.output"
    configured(folder, config | {"type": "crosscoder", "hf_hook_point_in": place, "hf_hook_point_out": place})
    sae, expected = load_sae(folder), load_file(ROOT / "gemma_scope_2" / "clt" / EXPECTED)
    assert sae.cfg.sites == 2 * tuple(f"blocks.{layer}.hook_resid_post" for layer in (5, 9, 12))
    torch.testing.assert_close(sae(expected["acts"]), expected["recons"], rtol=1e-5, atol=1e-5)
    written = sae.save(tmp_path / "written", format="gemma_scope_2")
    assert json.loads((written / "config.json").read_text())["hf_hook_point_out"] == place

    file = folder / "params_layer_2.safetensors"
    tensors = load_file(file)
    tensors["w_dec"][:, 0] = 1.0
    save_file(tensors, file)
    with pytest.raises(SaveFormatError, match=r"params_layer_2.safetensors must write to its own layer and later ones"):
        load_sae(folder)


def test_a_skip_clt_adds_each_layers_input_times_its_matrix():
    sae = filled(SAEConfig(4, 6, "relu", kind="skip_clt", n_sites=2, d_out=6, decoder_norm="any"))
    acts = torch.randn(5, 4, generator=torch.Generator().manual_seed(5))
    latent_acts = sae.encode(acts)
    plain = latent_acts @ sae.decoder() + sae.b_dec
    linear = torch.cat([acts[:, :2] @ sae.W_skip[0].T, acts[:, 2:] @ sae.W_skip[1].T], dim=1)
    torch.testing.assert_close(sae(acts), plain + linear)
    with pytest.raises(ConfigError, match="decode of a skip clt needs acts too"):
        sae.decode(latent_acts)
    sae.set_scales(torch.tensor([2.0, 0.5]), torch.tensor([3.0, 4.0]))
    torch.testing.assert_close(sae.folded()(acts), sae(acts))
    with pytest.raises(ConfigError, match=r"kind='skip_clt' is only read from other libraries' files.*train 'clt'"):
        refuse_training(sae.cfg)
