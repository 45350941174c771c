"""dictionary_learning's folders: encoded as its own classes do, written as `load_dictionary` reads."""

import json
import shutil

import pytest
import torch

from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases, expected
from tests.unit.sae.sae_cases import make_sae

FAMILY = ROOT / "dictionary_learning"
CASES = cases("dictionary_learning")


def state(folder):
    return torch.load(folder / "ae.pt", weights_only=True)


def test_every_class_is_there():
    classes = {json.loads((ROOT / case / "config.json").read_text())["trainer"]["dict_class"] for case in CASES}
    assert classes == {
        "AutoEncoder", "AutoEncoderNew", "GatedAutoEncoder", "JumpReluAutoEncoder", "AutoEncoderTopK", "BatchTopKSAE",
        "MatryoshkaBatchTopKSAE",
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_computes_what_the_class_computes(case):
    sae, theirs = load_sae(ROOT / case), expected(case)
    torch.testing.assert_close(sae.encode(theirs["acts"]), theirs["latent_acts"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(theirs["acts"]), theirs["recons"], rtol=1e-5, atol=1e-5)
    assert theirs["latent_acts"].count_nonzero() > 10
    assert (sae.cfg.model, sae.cfg.sites) == ("pythia-14m", ("blocks.1.hook_resid_post",))


def test_latents_are_those_of_the_file_and_the_library_may_rescale_them():
    sae, theirs = load_sae(FAMILY / "autoencoder"), expected("dictionary_learning/autoencoder")
    rescaled = sae.encode(theirs["acts"]) * sae.W_dec.norm(dim=1)
    torch.testing.assert_close(rescaled, theirs["normalized"], rtol=1e-4, atol=1e-4)
    assert "normalize_decoder=True" in str(inspect_sae(FAMILY / "autoencoder").conventions)


def test_the_same_tensors_are_used_by_another_rule():
    sae, theirs = load_sae(FAMILY / "topk"), expected("dictionary_learning/topk")
    assert (sae.encode(theirs["acts"]) > 0).sum(1).max() == 3
    other, batch = load_sae(FAMILY / "batch_topk"), expected("dictionary_learning/batch_topk")
    assert float(other.threshold) == pytest.approx(0.7) and (other.encode(batch["acts"]) > 0).sum(1).max() > 3
    assert load_sae(FAMILY / "matryoshka").cfg.matryoshka_widths == (4, 8, 16)


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_what_the_library_writes(case, tmp_path):
    sae = load_sae(ROOT / case)
    written = sae.save(tmp_path / "trainer_0", "dictionary_learning")
    ours, theirs = state(written), state(ROOT / case)
    if sae.cfg.architecture == "topk":
        theirs["threshold"].fill_(-1.0)  # not used by this class, and so not kept: never set
    assert {name: (value.tolist(), value.dtype) for name, value in ours.items()} == {
        name: (value.tolist(), value.dtype) for name, value in theirs.items()
    }
    config = json.loads((written / "config.json").read_text())
    assert config == json.loads((ROOT / case / "config.json").read_text())
    assert torch.equal(load_sae(written)(expected(case)["acts"]), sae(expected(case)["acts"]))


@pytest.mark.parametrize("architecture", ["relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated"])
@pytest.mark.parametrize("subtract", [True, False])
def test_our_own_is_written_with_its_scales_and_its_bias(architecture, subtract, tmp_path):
    sae = make_sae("sae", architecture, "unit", torch.float32, subtract_b_dec=subtract,
                   sites=("blocks.3.hook_resid_post",), model="gpt2")  # fmt: skip
    sae.set_scales(1.7)
    sae.architecture.learn(sae, torch.tensor(0.25))
    acts = torch.randn(30, 6, generator=torch.Generator().manual_seed(5))
    again = load_sae(sae.save(tmp_path, "dictionary_learning"))
    assert torch.allclose(again.encode(acts), sae.encode(acts), atol=1e-5)
    assert torch.allclose(again(acts), sae(acts), atol=1e-5)
    assert (again.cfg.sites, again.cfg.model) == (sae.cfg.sites, "gpt2")


def test_checkpoints_are_found_by_their_steps():
    theirs = expected("dictionary_learning/topk")
    found = load_sae(FAMILY / "topk", sae_id="checkpoints/ae_2")
    torch.testing.assert_close(found.encode(theirs["acts"]), theirs["ae_2_latent_acts"], rtol=1e-5, atol=1e-5)
    for path in (FAMILY / "topk" / "checkpoints", FAMILY / "topk" / "checkpoints" / "ae_2.pt"):
        assert torch.equal(load_sae(path).W_dec, found.W_dec)
    assert inspect_sae(FAMILY / "topk").ids == ["", "checkpoints/ae_2"]
    with pytest.raises(ModelNotFoundError, match=r"holds no SAE 'checkpoints/ae_3'; did you mean 'checkpoints/ae_2'"):
        load_sae(FAMILY / "topk", sae_id="checkpoints/ae_3")


@pytest.mark.parametrize(
    ("trainer", "buffer", "site", "said"),
    [
        ({}, {}, ("blocks.1.hook_resid_post",), ""),
        ({"layer": 2}, {}, (), "resid_post_layer_1"),
        ({}, {"io": "in"}, (), "resid_post_layer_1"),
        ({"submodule_name": "mlp_5"}, {}, (), "mlp_5"),
        ({"submodule_name": None}, {}, (), "layer 1, out"),
    ],
)
def test_a_site_is_named_where_all_agrees(tmp_path, trainer, buffer, site, said):
    shutil.copytree(FAMILY / "gated", tmp_path / "a")
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    config = {"trainer": config["trainer"] | trainer, "buffer": config["buffer"] | buffer}
    (tmp_path / "a" / "config.json").write_text(json.dumps(config))
    found = inspect_sae(tmp_path / "a")
    assert (found.sites, found.site_as_said) == (site, said)


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("topk", {"k": 4}, "must have the same k, found 4 and 3"),
        ("topk", {"dict_class": "IdentityDict"}, r"trainer\.dict_class must be one of 'AutoEncoder'.*'IdentityDict'"),
        ("topk", {"dict_class": None}, r"must have trainer\.dict_class, found none"),
        ("topk", {"dict_class": "MatryoshkaBatchTopKSAE"}, "must have group_sizes that add up to dict_size=16"),
        ("gated", {"dict_class": "AutoEncoder"}, r"ae\.pt must have encoder\.bias \[16\], found none"),
        ("gated", {"activation_dim": 16, "dict_size": 6}, r"encoder\.weight in ae\.pt must be \[6, 16\]"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, case, changes, message):
    shutil.copytree(FAMILY / case, tmp_path / "a")
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    trainer = {name: value for name, value in (config["trainer"] | changes).items() if value is not None}
    (tmp_path / "a" / "config.json").write_text(json.dumps(config | {"trainer": trainer}))
    with pytest.raises(SaveFormatError, match=message):
        load_sae(tmp_path / "a")


@pytest.mark.parametrize(
    ("kind", "architecture", "norm", "message"),
    [
        ("transcoder", "relu", "free", "cannot hold a transcoder"),
        ("sae", "batch_topk", "free", "ranked by their decoder norms"),
    ],
)
def test_what_it_cannot_hold_is_refused(tmp_path, kind, architecture, norm, message):
    with pytest.raises(ConfigError, match=message):
        make_sae(kind, architecture, norm, torch.float32).save(tmp_path / "new", "dictionary_learning")
