"""sparsify's folders: encoded as sparsify does, written as sparsify reads, and its defects not repeated."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import EXPECTED, ROOT, cases, expected
from tests.unit.sae.sae_cases import make_sae

FAMILY = ROOT / "sparsify"
CASES = cases("sparsify")


@pytest.mark.parametrize("case", CASES)
def test_it_computes_what_sparsify_computes(case):
    sae, theirs = load_sae(ROOT / case), expected(case)
    pre = sae.pre_acts(theirs["acts"]).relu()
    torch.testing.assert_close(pre, theirs["pre"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae.encode(theirs["acts"]), theirs["latent_acts"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(theirs["acts"]), theirs["recons"], rtol=1e-5, atol=1e-5)
    assert theirs["latent_acts"].count_nonzero() > 10


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_what_sparsify_writes(case, tmp_path):
    sae, theirs = load_sae(ROOT / case), expected(case)
    dtype = "bfloat16" if case.endswith("bfloat16") else None
    written = sae.save(tmp_path / "written", "sparsify", dtype=dtype)
    ours, peers = load_file(written / "sae.safetensors"), load_file(ROOT / case / "sae.safetensors")
    if sae.cfg.kind == "skip_transcoder" and not json.loads((ROOT / case / "cfg.json").read_text())["transcode"]:
        assert json.loads((written / "cfg.json").read_text())["transcode"]  # computes the same, b_dec in the bias
    else:
        assert {name: value.tolist() for name, value in ours.items()} == {
            name: value.tolist() for name, value in peers.items()
        }
    assert {name: (value.shape, value.dtype) for name, value in ours.items()} == {
        name: (value.shape, value.dtype) for name, value in peers.items()
    }
    keys = json.loads((written / "cfg.json").read_text()).keys()
    # Besides what it knows, sparsify passes over keys, such as that of model and site.
    assert keys - {"interp_nb"} == json.loads((ROOT / case / "cfg.json").read_text()).keys() - {"signed"}
    again = load_sae(written)
    assert (again.cfg.model, again.cfg.sites) == (sae.cfg.model, sae.cfg.sites)
    assert torch.allclose(again.encode(theirs["acts"]), sae.encode(theirs["acts"]), atol=1e-6)
    assert torch.allclose(again(theirs["acts"]), sae(theirs["acts"]), atol=1e-5)
    assert sorted(file.name for file in written.iterdir()) == ["cfg.json", "sae.safetensors"]


@pytest.mark.parametrize(("kind", "architecture"), [("sae", "topk"), ("sae", "group_max")])
def test_our_own_is_written_with_its_scales_and_its_bias(kind, architecture, tmp_path):
    sae = make_sae(kind, "topk", "unit", torch.float32, subtract_b_dec=False)
    if architecture == "group_max":
        sae.cfg = SAEConfig(6, 12, "group_max", k=3, decoder_norm="any", subtract_b_dec=False)
    sae.set_scales(1.7)
    acts = torch.randn(20, 6)
    again = load_sae(sae.save(tmp_path, "sparsify"))
    assert again.cfg.subtract_b_dec and torch.allclose(again.encode(acts), sae.encode(acts), atol=1e-5)
    assert torch.allclose(again(acts), sae(acts), atol=1e-5)


def test_a_run_says_its_model_and_its_sites():
    run = FAMILY / "run"
    with pytest.raises(ModelNotFoundError, match=r"holds 3 SAEs.*'layers\.1', 'layers\.1\.mlp/seed0'"):
        load_sae(run)
    sae = load_sae(run, sae_id="layers.1")
    assert (sae.cfg.model, sae.cfg.sites) == ("EleutherAI/pythia-14m", ("blocks.1.hook_resid_post",))
    seed = load_sae(run / "layers.1.mlp" / "seed7" / "sae.safetensors")
    assert seed.cfg.kind == "transcoder" and seed.cfg.model == "EleutherAI/pythia-14m"
    assert seed.cfg.sites == ("blocks.1.mlp.hook_in", "blocks.1.hook_mlp_out")
    assert torch.equal(load_sae(run, sae_id="layers.1.mlp/seed7").W_dec, seed.W_dec)
    found = inspect_sae(run, "layers.1.mlp/seed0")
    assert found.ids == ["layers.1", "layers.1.mlp/seed0", "layers.1.mlp/seed7"] and found.problems == []
    assert seed.provenance["format"]["metadata"]["run"]["init_seeds"] == [0, 7]


@pytest.mark.parametrize(
    ("name", "model", "site"),
    [
        ("layers.3", None, ("blocks.3.hook_resid_post",)),
        ("h.3", None, ("blocks.3.hook_resid_post",)),
        ("transformer.h.3", None, ("blocks.3.hook_resid_post",)),
        ("layers.3.mlp", "EleutherAI/pythia-14m", ("blocks.3.hook_mlp_out",)),
        ("h.3.attn", "gpt2", ("blocks.3.hook_attn_out",)),
        ("gpt_neox.layers.3.attention", None, ()),
        ("gpt_neox.layers.3.attention", "EleutherAI/pythia-14m", ("blocks.3.hook_attn_out",)),
        ("layers.3.mlp", "google/gemma-2-2b", ()),
        ("layers.3.mlp.down_proj", None, ()),
        ("my_layers.3", None, ()),
        ("embed_in", None, ()),
    ],
)
def test_a_module_becomes_a_site_or_is_said_as_it_is(tmp_path, name, model, site):
    shutil.copytree(FAMILY / "topk", tmp_path / name)
    if model:
        (tmp_path / "config.json").write_text(json.dumps({"model": model, "hookpoints": [name]}))
    found = inspect_sae(tmp_path / name)
    assert found.sites == site and (name in found.site_as_said) == (site == ())
    assert load_sae(tmp_path / name).cfg.sites == site
    known = found.to_frame().set_index("name").loc["site", "known"]
    assert known == ("stored" if model else "names of folders")
    assert ("of a model that no file names" in found.site_as_said) == ("attention" in name and model is None)


def test_model_and_site_are_kept_under_a_key_of_ours(tmp_path):
    sae = SAE(SAEConfig(6, 16, "topk", k=3, sites=("blocks.2.hook_mlp_out",), model="pocket"))
    sae.provenance = {"model": {"name": "pocket", "fold": True}}
    folder = sae.save(tmp_path / "sae", "sparsify")
    again = load_sae(folder)
    assert (again.cfg.model, again.cfg.sites) == ("pocket", ("blocks.2.hook_mlp_out",))
    assert again.provenance["model"] == {"name": "pocket", "fold": True}
    values = json.loads((folder / "cfg.json").read_text())
    # Of too many sites, or none that are hooks, nothing is believed.
    for sites in (["blocks.2.hook_mlp_out"] * 2, ["../x"], "blocks.2.hook_mlp_out", [3]):
        values["interp_nb"]["sites"] = sites
        (folder / "cfg.json").write_text(json.dumps(values))
        assert load_sae(folder).cfg.sites == ()


def test_widths_are_counted_as_sparsify_does():
    assert json.loads((FAMILY / "topk_by_factor" / "cfg.json").read_text())["num_latents"] == 0
    found = inspect_sae(FAMILY / "topk_by_factor")
    assert found.d_sae == 18 and found.to_frame().set_index("name").loc["d_sae", "value"].endswith("= 18")


def test_a_square_one_is_not_turned_around(tmp_path):
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in
               (("encoder.weight", (6, 6)), ("encoder.bias", (6,)), ("W_dec", (6, 6)), ("b_dec", (6,)))}  # fmt: skip
    save_file(tensors, tmp_path / "sae.safetensors")
    (tmp_path / "cfg.json").write_text(json.dumps({"d_in": 6, "num_latents": 6, "k": 2}))
    acts = torch.randn(4, 6, generator=generator)
    pre = ((acts - tensors["b_dec"]) @ tensors["encoder.weight"].T + tensors["encoder.bias"]).relu()
    kept = torch.zeros_like(pre).scatter(1, pre.topk(2).indices, pre.topk(2).values)
    assert torch.allclose(load_sae(tmp_path)(acts), kept @ tensors["W_dec"] + tensors["b_dec"], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "top_k"}, r"activation must be one of 'topk', 'groupmax', found 'top_k'; did you mean 'topk'"),
        ({"d_in": None}, "must have d_in, found none"),
        ({"num_latents": 17}, r"encoder\.weight in sae\.safetensors must be \[17, 6\], found \[16, 6\]"),
        ({"k": 17}, "k must be at most d_sae=16"),
        ({"k": -1}, "k must be a whole number from 1, found -1"),
        ({"skip_connection": True}, r"must have W_skip \[6, 6\], found none"),
        ({"activation": "groupmax"}, "d_sae=16 to be a multiple of k=3"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, changes, message):
    folder = tmp_path / "sae"
    shutil.copytree(FAMILY / "topk", folder)
    values = json.loads((folder / "cfg.json").read_text()) | changes
    (folder / "cfg.json").write_text(json.dumps({name: value for name, value in values.items() if value is not None}))
    with pytest.raises(SaveFormatError, match=message):
        load_sae(folder)


@pytest.mark.parametrize(
    ("kind", "architecture", "norm", "message"),
    [
        ("sae", "jumprelu", "unit", "cannot hold jumprelu latents.*save as 'sae_lens'"),
        ("sae", "topk", "free", "ranked by their decoder norms"),
        ("crosscoder", "topk", "free", "cannot hold a crosscoder"),
        ("transcoder", "topk", "unit", "d_in=6 with d_out=4"),
    ],
)
def test_what_it_cannot_hold_is_refused(tmp_path, kind, architecture, norm, message):
    with pytest.raises(ConfigError, match=message):
        make_sae(kind, architecture, norm, torch.float32).save(tmp_path / "new", "sparsify")
    assert not (tmp_path / "new").exists()


def test_another_family_is_not_written_over(tmp_path):
    sae = SAE(SAEConfig(6, 16, "topk", k=3))
    sae.save(tmp_path)
    with pytest.raises(SaveFormatError, match="holds an SAE of interp_nb; give another path"):
        sae.save(tmp_path, "sparsify")
    assert (FAMILY / "topk" / EXPECTED).is_file() and load_sae(tmp_path).cfg == sae.cfg
