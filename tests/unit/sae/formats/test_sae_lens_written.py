"""SAEs written for SAELens: its names, shapes and settings, the same numbers when read again, refusals in words.

That SAELens itself loads them and computes the same is seen by `tests/peers/check_written.py`, run by hand.
"""

import json
import shutil
import warnings
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load_file

from interp_nb._errors import ConfigError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases, expected
from tests.unit.sae.sae_cases import make_sae

EVERY = cases("sae_lens") + cases("sae_lens_legacy")
FOR_USE = [case for case in cases("sae_lens") if "checkpoints" not in case]
TIED = "sae_lens/checkpoints/matching_pursuit"
"""Scaled activations, folded into two matrices, where SAELens has one."""


@pytest.fixture(autouse=True)
def no_warning_of_unknown_factors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no file says the factor")
        yield


@pytest.mark.parametrize("case", [case for case in EVERY if case != TIED])
def test_what_was_read_is_written_and_computes_the_same(case, tmp_path):
    sae, acts = load_sae(ROOT / case), expected(case)["acts"]
    again = load_sae(sae.save(tmp_path / "theirs", "sae_lens"))
    ours = load_sae(sae.save(tmp_path / "ours"))
    for other in (again, ours):
        assert torch.equal(other.encode(acts), sae.encode(acts)) and torch.equal(other(acts), sae(acts))
    assert ours.cfg == sae.cfg
    assert (again.cfg.sites, again.cfg.model) == (sae.cfg.sites, sae.cfg.model)
    assert inspect_sae(tmp_path / "theirs").problems == inspect_sae(ROOT / case).problems or case.startswith(
        "sae_lens_legacy/average"  # the same, in the words of another version
    )


@pytest.mark.parametrize("case", FOR_USE)
def test_the_files_are_those_that_sae_lens_writes(case, tmp_path):
    dtype = next((name for name in ("float16", "bfloat16") if case.endswith(f"_{name}")), None)
    folder = load_sae(ROOT / case).save(tmp_path, "sae_lens", dtype=dtype)
    assert sorted(file.name for file in folder.iterdir()) == ["cfg.json", "sae_weights.safetensors"]
    ours, theirs = (load_file(place / "sae_weights.safetensors") for place in (folder, ROOT / case))
    assert {name: (value.shape, value.dtype) for name, value in ours.items()} == {
        name: (value.shape, value.dtype) for name, value in theirs.items()
    }
    written, given = (json.loads((place / "cfg.json").read_text()) for place in (folder, ROOT / case))
    folded = {"rescale_acts_by_decoder_norm", "activation_normalization_factor"}
    assert written.keys() == given.keys()
    assert {name: value for name, value in written.items() if name not in {"metadata", "dtype", *folded}} == {
        name: value for name, value in given.items() if name not in {"metadata", "dtype", *folded}
    }
    assert written["dtype"] == given["dtype"].removeprefix("torch.")
    assert given["metadata"].items() <= written["metadata"].items()


@pytest.mark.parametrize("family", ["sae_lens", "sae_lens_training", "sae_lens_legacy"])
@pytest.mark.parametrize("architecture", ["relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated"])
@pytest.mark.parametrize("subtracts", [True, False])
def test_our_own_are_written_with_their_scales(family, architecture, subtracts, tmp_path):
    sae = make_sae("sae", architecture, "unit" if architecture != "relu" else "free", torch.float32,
                   subtract_b_dec=subtracts, sites=("blocks.1.hook_resid_post",), model="pocket")  # fmt: skip
    sae.set_scales(1.7)
    if architecture in ("batch_topk", "matryoshka"):
        sae.running_threshold.fill_(0.6)
    acts = torch.randn(20, 6, generator=torch.Generator().manual_seed(4))
    again = load_sae(sae.save(tmp_path, family))
    assert torch.allclose(again.encode(acts), sae.encode(acts), atol=1e-5)
    assert torch.allclose(again(acts), sae(acts), atol=1e-5)
    assert (again.cfg.sites, again.cfg.model) == (sae.cfg.sites, "pocket")
    # A checkpoint keeps what is trained; for use, what keeps k of a batch has a threshold.
    kept = family == "sae_lens_training" or architecture not in ("batch_topk", "matryoshka")
    assert again.cfg.architecture == (architecture if kept else "jumprelu")
    assert again.cfg.k == (sae.cfg.k if kept else None)
    assert inspect_sae(tmp_path).family == family.replace("_training", "")


@pytest.mark.parametrize("architecture", ["relu", "jumprelu", "batch_topk"])
@pytest.mark.parametrize("kind", ["transcoder", "skip_transcoder"])
def test_our_own_transcoders_are_written(kind, architecture, tmp_path):
    sae = make_sae(kind, architecture, "unit", torch.float32, sites=("blocks.1.mlp.hook_in", "blocks.1.hook_mlp_out"))
    sae.set_scales(1.7, 0.6)
    acts = torch.randn(20, 6, generator=torch.Generator().manual_seed(4))
    again = load_sae(sae.save(tmp_path, "sae_lens"))
    assert torch.allclose(again.encode(acts), sae.encode(acts), atol=1e-5)
    assert torch.allclose(again(acts), sae(acts), atol=1e-5)
    assert again.cfg.sites == sae.cfg.sites and again.cfg.kind == kind


def test_a_threshold_weighed_by_norms_is_one_for_each_latent(tmp_path):
    sae = make_sae("sae", "batch_topk", "free", torch.float32)
    sae.running_threshold.fill_(0.8)
    with torch.no_grad():
        sae.W_dec[3] = 0  # writes nothing, and never fires
    acts = torch.randn(50, 6, generator=torch.Generator().manual_seed(4))
    again = load_sae(sae.save(tmp_path, "sae_lens"))
    assert torch.equal(again.encode(acts), sae.encode(acts)) and not sae.encode(acts)[:, 3].any()


def test_an_unlearned_threshold_lets_every_positive_latent_fire(tmp_path):
    sae = make_sae("sae", "batch_topk", "unit", torch.float32)
    acts = torch.randn(20, 6, generator=torch.Generator().manual_seed(4))
    assert torch.equal(load_sae(sae.save(tmp_path, "sae_lens")).encode(acts), sae.pre_acts(acts).relu())


def test_a_factor_set_since_is_known_when_written(tmp_path):
    sae = load_sae(ROOT / "sae_lens/standard_expected_average_only_in")
    assert inspect_sae(sae.save(tmp_path / "unknown", "sae_lens")).problems
    sae.set_scales(0.4)
    assert inspect_sae(sae.save(tmp_path / "known", "sae_lens")).problems == []
    acts = torch.randn(20, 6, generator=torch.Generator().manual_seed(4))
    assert torch.allclose(load_sae(tmp_path / "known").encode(acts), sae.encode(acts), atol=1e-5)


@pytest.mark.parametrize(
    ("family", "kind", "architecture", "norm", "message"),
    [
        ("sae_lens", "crosscoder", "topk", "free", "cannot hold kind='crosscoder'.*save it as 'interp_nb'"),
        ("sae_lens", "clt", "relu", "free", "cannot hold kind='clt'"),
        ("sae_lens", "transcoder", "topk", "unit", "a transcoder with architecture='topk', only relu and jumprelu"),
        ("sae_lens", "transcoder", "gated", "unit", "architecture='gated'"),
        ("sae_lens", "sae", "topk", "free", "ranked by decoder norm and counted without it.*decoder_norm='unit'"),
        ("sae_lens_training", "sae", "batch_topk", "free", "ranked by decoder norm"),
        ("sae_lens_training", "transcoder", "relu", "free", "a training checkpoint of a transcoder"),
        (
            "sae_lens_legacy",
            "transcoder",
            "relu",
            "free",
            "a transcoder with architecture='relu'; save it as 'sae_lens'",
        ),
        ("sae_lens_legacy", "sae", "relu", "free", "an SAE of no site, whose name it needs"),
    ],
)
def test_what_it_cannot_hold_is_refused(tmp_path, family, kind, architecture, norm, message):
    with pytest.raises(ConfigError, match=message):
        make_sae(kind, architecture, norm, torch.float32).save(tmp_path / "new", family)
    assert not (tmp_path / "new").exists()


def test_what_is_not_tied_and_heads_elsewhere_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"whose encoder is not its decoder.*save it as 'interp_nb'"):
        load_sae(ROOT / TIED).save(tmp_path, "sae_lens")
    elsewhere = SAE(SAEConfig(6, 12, "relu", n_heads=2, sites=("blocks.1.attn.hook_q",)))
    with pytest.raises(ConfigError, match=r"heads of blocks.1.attn.hook_q, only of hook_z"):
        elsewhere.save(tmp_path, "sae_lens")
    scaled = load_sae(ROOT / "sae_lens/temporal_layer_norm")
    scaled.set_scales(2.0)
    with pytest.raises(ConfigError, match="a factor on the activations beside input_norm='layer_norm'"):
        scaled.save(tmp_path, "sae_lens")
    group = SAE(SAEConfig(6, 12, "group_max", k=3, decoder_norm="any"))
    with pytest.raises(ConfigError, match="architecture='group_max'; save it as 'interp_nb', or in its own family's"):
        group.save(tmp_path, "sae_lens")


def test_the_scale_of_another_sae_is_not_taken_for_this_ones(tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(ROOT / "sae_lens/checkpoints/standard", folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(SaveFormatError, match=r"holds activation_scaler.json of another SAE.*give another path"):
        make_sae("sae", "relu", "free", torch.float32).save(folder, "sae_lens")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
