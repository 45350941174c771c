"""circuit-tracer's transcoders: computed as circuit-tracer does, written as it writes, and sets that grow by layers."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.imported import refuse_training
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import EXPECTED, ROOT, cases, expected

FAMILY = ROOT / "circuit_tracer"
SITES = ("blocks.0.mlp.hook_in", "blocks.0.hook_mlp_out")
MODEL = "google/gemma-2-2b"
ARCHITECTURES = {
    "bfloat16": "signed_jumprelu", "clt_jump_relu": "signed_jumprelu", "clt_relu": "relu",
    "jump_relu": "signed_jumprelu", "jump_relu_skip": "jumprelu", "relu": "relu", "relu_skip": "relu",
    "topk": "signed_topk",
}  # fmt: skip


def each_layer() -> list[tuple[str, str, int | None]]:
    """Case, `sae_id` and row of what is expected, for each SAE of the committed folders."""
    found: list[tuple[str, str, int | None]] = []
    for case in cases("circuit_tracer"):
        layers = sorted(file.stem for file in (ROOT / case).glob("layer_*"))
        found += [(case, layer, i) for i, layer in enumerate(layers)] or [(case, "", None)]
    return found


def theirs(case: str, row: int | None) -> dict[str, Tensor]:
    return {name: value if row is None else value[row] for name, value in expected(case).items()}


def load(case: str, layer: str) -> SAE:
    return load_sae(ROOT / case, sae_id=layer or None)


def tensors_of(file: Path) -> dict[str, Any]:
    return {name: (value.dtype, value.tolist()) for name, value in load_file(file).items()}


def test_every_case_is_expected():
    assert {case.split("/")[1] for case in cases("circuit_tracer")} == set(ARCHITECTURES)


@pytest.mark.parametrize(("case", "layer", "row"), each_layer())
def test_it_computes_what_circuit_tracer_computes(case, layer, row):
    sae, expects = load(case, layer), theirs(case, row)
    latent_acts = sae.encode(expects["acts"])
    assert torch.equal(latent_acts != 0, expects["latent_acts"] != 0)
    torch.testing.assert_close(latent_acts, expects["latent_acts"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(expects["acts"]), expects["recons"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        sae.decode(expects["latent_acts"], expects["acts"]), expects["recons"], rtol=1e-5, atol=1e-5
    )
    assert sae.cfg.architecture == ARCHITECTURES[case.split("/")[1]]
    assert bool((expects["latent_acts"] < 0).any()) == sae.architecture.signed


@pytest.mark.parametrize(("case", "layer", "row"), each_layer())
def test_what_is_written_is_what_circuit_tracer_writes(case, layer, row, tmp_path):
    sae = load(case, layer)
    sae.save(tmp_path, format="circuit_tracer", dtype="bfloat16" if case.endswith("bfloat16") else None)
    names = {f"{layer}.safetensors"} if layer else {file.name for file in (ROOT / case).glob("W_*.safetensors")}
    assert {file.name for file in tmp_path.iterdir()} == names | {"config.yaml"}
    for name in names:
        assert tensors_of(tmp_path / name) == tensors_of(ROOT / case / name)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == yaml.safe_load(
        (ROOT / case / "config.yaml").read_text()
    )
    again, acts = load_sae(tmp_path), theirs(case, row)["acts"]
    assert torch.equal(again(acts), sae(acts))


def test_layers_of_a_cross_layer_transcoder_write_to_themselves_and_later_ones():
    sae = load("circuit_tracer/clt_relu", "")
    acts, recons = theirs("circuit_tracer/clt_relu", None)["acts"], sae(expected("circuit_tracer/clt_relu")["acts"])
    changed = acts.clone()
    changed[:, 6:12] += 1.0  # what the second of three layers reads
    moved = (sae(changed) - recons).unflatten(1, (3, 6)).abs().amax((0, 2))
    assert moved[0] == 0
    assert moved[1:].min() > 0


def test_inspect_says_layers_sites_and_what_is_unusual():
    found = inspect_sae(FAMILY / "jump_relu", "layer_1")
    assert found.ids == ["layer_0", "layer_1"]
    assert (found.sites, found.model) == (("blocks.1.mlp.hook_in", "blocks.1.hook_mlp_out"), MODEL)
    assert "some thresholds are below 0" in {each.name: each for each in found.conventions}["activation"].value
    assert not any(each.transposed for each in found.tensors)
    clt = inspect_sae(FAMILY / "clt_relu")
    assert clt.sites == tuple(f"blocks.{i}.{hook}" for hook in ("hook_resid_mid", "hook_mlp_out") for i in range(3))
    assert (clt.kind, clt.d_in, clt.d_sae, clt.ids) == ("clt", 18, 30, [""])


def test_one_of_several_is_asked_for_by_id_or_by_file():
    with pytest.raises(ModelNotFoundError, match="holds 2 SAEs: give sae_id=, one of 'layer_0', 'layer_1'"):
        load_sae(FAMILY / "relu")
    assert load_sae(FAMILY / "relu" / "layer_1.safetensors").cfg.sites[0] == "blocks.1.mlp.hook_in"
    with pytest.raises(ModelNotFoundError, match="holds no SAE 'layer_7'"):
        load_sae(FAMILY / "relu", sae_id="layer_7")


def test_thresholds_that_are_not_below_zero_are_plain_jumprelu(tmp_path):
    folder = copied("jump_relu", tmp_path)
    file = folder / "layer_0.safetensors"
    tensors = load_file(file)
    tensors["activation_function.threshold"] = tensors["activation_function.threshold"].abs()
    save_file(tensors, file)
    sae, signed = load_sae(folder, sae_id="layer_0"), load_sae(FAMILY / "jump_relu", sae_id="layer_0")
    assert (sae.cfg.architecture, sae.cfg.exact_threshold) == ("jumprelu", True)
    acts = expected("circuit_tracer/jump_relu")["acts"][0]
    others = [i for i in range(10) if i != 1]
    assert torch.equal(sae.encode(acts)[:, others], signed.encode(acts)[:, others])


def filled(cfg: SAEConfig) -> SAE:
    sae, draw = SAE(cfg), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.5)
    sae.set_scales(2.0, 0.5) if cfg.n_sites == 1 else sae.set_scales(torch.tensor([2.0, 3.0]), torch.tensor([0.5, 4.0]))
    return sae


@pytest.mark.parametrize(
    "settings",
    [
        {"architecture": "relu"},
        {"architecture": "jumprelu", "kind": "skip_transcoder"},
        {"architecture": "batch_topk", "k": 3},
        {
            "architecture": "jumprelu", "kind": "clt", "d_in": 12, "n_sites": 2,
            "sites": tuple(f"blocks.{i}.{hook}" for hook in ("hook_resid_mid", "hook_mlp_out") for i in range(2)),
        },
    ],
    ids=lambda settings: "-".join(str(settings.get(name, "")) for name in ("architecture", "kind")),
)  # fmt: skip
def test_our_own_is_written_with_its_scales(settings, tmp_path):
    sae = filled(
        SAEConfig(**{"d_in": 6, "d_sae": 16, "kind": "transcoder", "sites": SITES, "model": "gpt2"} | settings)
    )
    if "running_threshold" in sae._buffers:
        sae.running_threshold.fill_(0.4)
    acts = torch.randn(40, sae.cfg.d_in, generator=torch.Generator().manual_seed(4))
    made = load_sae(sae.save(tmp_path, format="circuit_tracer"))
    torch.testing.assert_close(made(acts), sae(acts), rtol=1e-4, atol=1e-5)
    assert (made.cfg.sites, made.cfg.model, made.cfg.kind) == (sae.cfg.sites, "gpt2", sae.cfg.kind)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "sae"}, "cannot hold kind='sae'.*save it as"),
        ({"kind": "skip_clt", "n_sites": 2}, "across all layers without a skip connection; save it as 'interp_nb'"),
        ({"d_out": 4}, "different widths, 6 and 4; save it as 'interp_nb'"),
        ({"sites": ()}, "the sites that are not known: they read one place"),
        ({"sites": ("blocks.0.mlp.hook_in", "blocks.1.hook_mlp_out")}, "write another in the same layer"),
        ({"sites": ("hook_embed", "blocks.0.hook_mlp_out")}, "the sites hook_embed, blocks.0.hook_mlp_out"),
        ({"architecture": "topk", "k": 2}, "TopK with a relu: its own lets negative latents through"),
        ({"architecture": "gated"}, "cannot hold gated latents"),
        (
            {"kind": "clt", "n_sites": 2, "sites": ("blocks.1.x", "blocks.2.x", "blocks.1.y", "blocks.2.y")},
            "in every layer from 0",
        ),
    ],
)  # fmt: skip
def test_save_refuses_what_it_cannot_hold(settings, message, tmp_path):
    plain = {"d_in": 6, "d_sae": 16, "architecture": "relu", "kind": "transcoder", "sites": SITES}
    sae = SAE(SAEConfig(**plain | settings))
    with pytest.raises(ConfigError, match=message):
        sae.save(tmp_path / "new", format="circuit_tracer")
    assert not (tmp_path / "new").exists()


def transcoder(layer: int, **more: Any) -> SAE:
    sites = tuple(f"blocks.{layer}.{hook}" for hook in ("mlp.hook_in", "hook_mlp_out"))
    return filled(SAEConfig(**{"d_in": 6, "d_sae": 16, "architecture": "relu", "kind": "transcoder", "sites": sites,
                               "model": "gpt2"} | more))  # fmt: skip


def test_layers_of_a_set_are_saved_one_after_another(tmp_path):
    for layer in (1, 0):
        transcoder(layer).save(tmp_path, format="circuit_tracer")
        # What somebody added is kept.
        (tmp_path / "config.yaml").write_text((tmp_path / "config.yaml").read_text() + f"scan{layer}: mine\n")
    assert inspect_sae(tmp_path, "layer_0").ids == ["layer_0", "layer_1"]
    assert {"scan0", "scan1"} < yaml.safe_load((tmp_path / "config.yaml").read_text()).keys()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ConfigError, match="layer 2: it has model_name 'gpt2' and not 'other'; give another folder"):
        transcoder(2, model="other").save(tmp_path, format="circuit_tracer")
    with pytest.raises(ConfigError, match=r"feature_input_hook 'mlp.hook_in' and not 'hook_resid_mid'"):
        transcoder(2, sites=("blocks.2.hook_resid_mid", "blocks.2.hook_mlp_out")).save(
            tmp_path, format="circuit_tracer"
        )
    with pytest.raises(ConfigError, match="activation None and not 'topk'"):
        transcoder(2, architecture="signed_topk", k=2).save(tmp_path, format="circuit_tracer")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def copied(case: str, to: Path, **config: Any) -> Path:
    """Copy a case without what is expected, its configuration changed; None takes a key away."""
    folder = to / case
    shutil.copytree(FAMILY / case, folder, ignore=shutil.ignore_patterns(EXPECTED))
    kept = yaml.safe_load((folder / "config.yaml").read_text()) | config
    (folder / "config.yaml").write_text(
        yaml.safe_dump({key: value for key, value in kept.items() if value is not None})
    )
    return folder


def test_a_set_may_list_its_files(tmp_path):
    folder = copied("relu", tmp_path, transcoders=["sub/b.safetensors", "layer_0.safetensors"])
    (folder / "sub").mkdir()
    (folder / "layer_1.safetensors").rename(folder / "sub" / "b.safetensors")
    sae = load_sae(folder, sae_id="layer_0")
    assert torch.equal(sae.b_enc, load_sae(FAMILY / "relu", sae_id="layer_1").b_enc)
    assert sae.cfg.sites == SITES


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("hf://google/gemma-scope-2b-pt-transcoders/layer_0/params.npz", r"found 'hf://.*load_sae\(release="),
        ("../relu/layer_0.safetensors", "must name a file inside"),
        ("/etc/passwd", "must name a file inside"),
        ("params.npz", "must name .safetensors files, found 'params.npz'"),
        ("gone.safetensors", "expected a file .*gone.safetensors, found none"),
    ],
)
def test_nothing_outside_of_the_folder_is_read(listed, message, tmp_path):
    folder = copied("relu", tmp_path, transcoders=[listed])
    with pytest.raises(SaveFormatError, match=message):
        load_sae(folder, sae_id="layer_0")


@pytest.mark.parametrize(
    ("case", "config", "message"),
    [
        ("topk", {"k": None}, "config.yaml must have k, found none"),
        ("topk", {"activation": "gelu"}, "activation must be one of 'relu', 'topk', found 'gelu'"),
        ("jump_relu", {"activation": "relu"}, "must not say activation 'relu' of what has thresholds"),
        ("relu", {"model_kind": "cross_layer_transcoder"}, "model_kind must be one of 'transcoder_set'"),
        ("clt_relu", {"model_kind": "transcoder_set"}, "model_kind must be one of 'cross_layer_transcoder'"),
        ("relu", {"model_name": 3}, "model_name must be a string"),
    ],
)
def test_load_refuses_other_configurations(case, config, message, tmp_path):
    folder = copied(case, tmp_path, **config)
    with pytest.raises(SaveFormatError, match=message):
        load_sae(folder, sae_id=None if case.startswith("clt") else "layer_0")


def test_a_site_that_the_configuration_does_not_say_is_unknown(tmp_path):
    folder = copied("relu", tmp_path, feature_output_hook=None)
    found = inspect_sae(folder, "layer_0")
    assert (found.sites, found.site_as_said) == ((), "mlp.hook_in -> unknown")
    assert found.problems == ["config.yaml does not say where it reads and writes"]
    (folder / "config.yaml").unlink()
    sae = load_sae(folder, sae_id="layer_1")
    assert (sae.cfg.sites, sae.cfg.model) == ((), None)
    acts = expected("circuit_tracer/relu")["acts"][1]
    assert torch.equal(sae(acts), load_sae(FAMILY / "relu", sae_id="layer_1")(acts))


def test_a_missing_decoder_is_named(tmp_path):
    folder = copied("clt_relu", tmp_path)
    (folder / "W_dec_1.safetensors").unlink()
    with pytest.raises(SaveFormatError, match=r"expected a file .*W_dec_1.safetensors, found none"):
        load_sae(folder)


def test_latents_without_a_relu_on_paper():
    sae = SAE(SAEConfig(1, 4, "signed_jumprelu", kind="transcoder", decoder_norm="any"))
    sae.encoder.data, sae.exact_threshold = torch.tensor([[1.0], [1.0], [-1.0], [0.5]]), torch.tensor([0.5, -3, -3, 1])
    assert sae.encode(torch.tensor([[2.0]])).tolist() == [[2.0, 2.0, -2.0, 0.0]]
    topk = SAE(SAEConfig(1, 4, "signed_topk", k=3, kind="transcoder", decoder_norm="any"))
    topk.encoder.data, topk.b_enc.data = sae.encoder.data, torch.tensor([0.0, -3.0, 0.5, 0.0])
    assert topk.encode(torch.tensor([[2.0]])).tolist() == [[2.0, -1.0, 0.0, 1.0]]
    for made, instead in ((sae, "jumprelu"), (topk, "topk")):
        with pytest.raises(ConfigError, match=f"is only read from other libraries' files.*train '{instead}' instead"):
            refuse_training(made.cfg)
