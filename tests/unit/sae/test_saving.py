"""SAEs on disk: the same bits back, one file that is all of it, and files that are refused."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from interp_nb._errors import ConfigError, DiskError, ModelNotFoundError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.directions import check_fixed_rows
from interp_nb.sae.formats.own import CARD, HEADER, WEIGHTS
from interp_nb.sae.imported import LATER
from interp_nb.sae.saving import EMBEDDED, content_hash, load_sae
from interp_nb.sae.training import train_sae
from tests.unit.sae.sae_cases import CASES, make_batch, make_sae


def same_bits(a: SAE, b: SAE) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(
        value.dtype == second[name].dtype and value.numpy().tobytes() == second[name].numpy().tobytes()
        for name, value in first.items()
    )


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CASES), st.sampled_from([torch.float32, torch.float64]), st.floats(1e-3, 1e3))
def test_the_same_bits_come_back(tmp_path_factory, case, dtype, scale):
    sae = make_sae(case[0], case[1], case[3], dtype, sites=("blocks.0.hook_resid_post",), model="pocket")
    sae.set_scales(scale)
    sae.architecture.learn(sae, torch.tensor(0.25))
    sae.provenance = {"seed": 3, "data": ["a", None, 0.5]}
    folder = sae.save(tmp_path_factory.mktemp("sae"))
    loaded = load_sae(folder)
    assert same_bits(loaded, sae)
    assert (loaded.cfg, loaded.provenance, repr(loaded)) == (sae.cfg, sae.provenance, repr(sae))
    acts, _ = make_batch(sae)
    assert torch.equal(loaded(acts), sae(acts))
    assert not loaded.training


def test_a_threshold_that_was_not_learned_stays_so(tmp_path):
    assert load_sae(SAE(SAEConfig(4, 8, k=2)).save(tmp_path)).threshold.isnan()


def test_half_precision_is_in_the_file_only(tmp_path):
    sae = SAE(SAEConfig(64, 256, k=2))
    full, half = sae.save(tmp_path / "full"), sae.save(tmp_path / "half", dtype="float16")
    assert (half / WEIGHTS).stat().st_size < 0.52 * (full / WEIGHTS).stat().st_size
    assert load_file(half / WEIGHTS)["W_dec"].dtype == torch.float16
    loaded = load_sae(half)
    assert loaded.W_dec.dtype == torch.float32
    assert torch.equal(loaded.W_dec, sae.W_dec.half().float())


def test_the_card_says_what_it_is(tmp_path):
    sae = SAE(SAEConfig(4, 8, k=2, model="pocket"))
    sae.set_scales(0.5)
    card = json.loads((sae.save(tmp_path) / CARD).read_text())
    assert card["config"]["model"] == "pocket" and card["norm_scale"] == 0.5 and card["target_scale"] is None
    assert card["n_parameters"] == 2 * 4 * 8 + 8 + 4
    with safe_open(tmp_path / WEIGHTS, "pt") as opened:
        assert json.loads(opened.metadata()[HEADER])["sha256"] == card["sha256"]


def test_loading_needs_the_one_file_only(tmp_path):
    sae = SAE(SAEConfig(4, 8, k=2))
    (sae.save(tmp_path) / CARD).unlink()
    assert same_bits(load_sae(tmp_path), sae) and same_bits(load_sae(tmp_path / WEIGHTS), sae)


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    old, new = SAE(SAEConfig(4, 8, k=2)), SAE(SAEConfig(4, 8, k=2), seed=1)
    folder = old.save(tmp_path / "sae")

    def full(tensors: object, path: Path, metadata: object) -> None:
        Path(path).write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(DiskError, match=r"No space left on device.*untouched"):
        new.save(folder)
    monkeypatch.undo()
    assert same_bits(load_sae(folder), old)
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]
    assert same_bits(load_sae(new.save(folder)), new)


def test_what_cannot_be_saved_is_refused(tmp_path):
    sae = SAE(SAEConfig(4, 8, k=2))
    with pytest.raises(ConfigError, match=r"format must be one of 'interp_nb', .*got 'pickle'"):
        sae.save(tmp_path, "pickle")
    with pytest.raises(ConfigError, match=r"dtype must be one of .*got 'float61'; did you mean 'float64'"):
        sae.save(tmp_path, dtype="float61")
    with torch.no_grad():
        sae.b_enc[0] = 1e6
    with pytest.raises(ConfigError, match=r"b_enc is not finite in torch\.float16: save in float32"):
        sae.save(tmp_path, dtype="float16")
    sae.provenance = {"model": sae}
    with pytest.raises(SaveFormatError, match="provenance must be plain JSON"):
        sae.save(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SaveFormatError, match="is a file; an SAE is a folder"):
        sae.save(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_names_and_folders_without_an_sae_are_refused(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no SAE at 'pockt'; did you mean 'pocket'"):
        load_sae("pockt")
    with pytest.raises(ModelNotFoundError, match=r"expected sae\.safetensors \(interp_nb\), "):
        load_sae(tmp_path)


def rewrite(folder: Path, **changes: object) -> None:
    """Change the header of a saved SAE, weights as they are."""
    tensors = load_file(folder / WEIGHTS)
    with safe_open(folder / WEIGHTS, "pt") as opened:
        header = json.loads(opened.metadata()[HEADER])
    save_file(tensors, folder / WEIGHTS, {HEADER: json.dumps(header | changes)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 99}, "has schema 99 .*this version reads schema 1"),
        ({"class": "PatchGrid"}, "not written by sae.save"),
        ({"sha256": "0"}, "damaged"),
        ({"config": {"d_in": 4, "d_sae": 8, "colour": 1}}, "makes no sense here: SAEConfig has no field 'colour'"),
        ({"config": {"d_in": 4}}, "makes no sense here"),
        ({"config": SAEConfig(4, 8, k=3).to_json()}, "damaged"),
        ({"dtype": "int8"}, "damaged"),
    ],
)
def test_a_header_that_is_wrong_is_refused(tmp_path, changes, message):
    folder = SAE(SAEConfig(4, 8, k=2)).save(tmp_path)
    rewrite(folder, **changes)
    with pytest.raises(SaveFormatError, match=message):
        load_sae(folder)


def test_a_flipped_bit_and_a_cut_file_are_refused(tmp_path):
    folder = SAE(SAEConfig(4, 8, k=2)).save(tmp_path)
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SaveFormatError, match="does not have the hash"):
        load_sae(folder)
    (folder / WEIGHTS).write_bytes(whole[:-10])
    with pytest.raises(SaveFormatError, match=r"must be a whole \.safetensors file"):
        load_sae(folder)
    save_file({"W_dec": torch.zeros(2)}, folder / WEIGHTS)
    with pytest.raises(SaveFormatError, match="no header of ours"):
        load_sae(folder)


class Report:
    """What `sae.save` asks of an `SAEReport`."""

    def __init__(self, of: SAE) -> None:
        self.sae = {"sha256": content_hash(of)}

    def card_metrics(self) -> dict[str, float]:
        return {"l0": 2.0}

    def to_html(self) -> str:
        return "<html>a report</html>"


def test_a_report_goes_into_the_card_and_beside_it(tmp_path):
    sae = SAE(SAEConfig(4, 8, k=2))
    folder = sae.save(tmp_path, report=Report(sae))
    card = json.loads((folder / CARD).read_text())
    assert card["metrics"] == {"of": content_hash(sae), "values": {"l0": 2.0}}
    assert (folder / "report.html").read_text() == "<html>a report</html>"
    loaded = load_sae(folder)
    assert loaded.provenance["metrics"]["values"] == {"l0": 2.0} and sae.provenance == {}
    again = json.loads((loaded.save(tmp_path / "again") / CARD).read_text())
    assert again["metrics"] == card["metrics"]
    with torch.no_grad():
        loaded.b_enc += 1
    changed = loaded.save(folder)
    assert json.loads((changed / CARD).read_text())["metrics"] is None  # they are of other weights
    assert not (folder / "report.html").exists()


def test_a_report_of_another_sae_is_refused(tmp_path):
    sae = SAE(SAEConfig(4, 8, k=2))
    with pytest.raises(ConfigError, match="the report is of another SAE"):
        sae.save(tmp_path / "new", report=Report(SAE(SAEConfig(4, 8, k=2), seed=1)))
    with pytest.raises(ConfigError, match="have no card for a report"):
        SAE(SAEConfig(4, 8, "topk", k=2)).save(tmp_path / "new", "sparsify", report=Report(sae))
    assert not (tmp_path / "new").exists()


def test_a_trained_one_says_what_it_was_trained_on_and_with(tmp_path):
    run = train_sae(None, "here", torch.randn(300, 4), n_tokens=128, batch_size=32, d_sae=8, k=2, background=False)
    card = json.loads((run.sae.save(tmp_path) / CARD).read_text())
    assert card["data"]["kind"] == "tensors" and card["data"]["n_rows"] == 300
    assert card["versions"]["torch"] == torch.__version__ and "interp_nb" in card["versions"]
    assert card["sites"] == ["here"] or card["sites"] == []


def test_hashes_from_before_the_fields_of_imported_saes_hold(tmp_path):
    """Files from then have no such fields, and their hash was taken without them."""
    for name in EMBEDDED:
        sae = load_sae(name)
        assert not set(LATER) & sae.cfg.to_json().keys()
    sae = SAE(SAEConfig(6, 8, "jumprelu", exact_threshold=True, decoder_norm="any", n_heads=2))
    folder = sae.save(tmp_path)
    assert {"exact_threshold", "n_heads"} <= json.loads((folder / CARD).read_text())["config"].keys()
    assert load_sae(folder).cfg == sae.cfg and content_hash(load_sae(folder)) == content_hash(sae)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "group_max", "k": 2}, "only read from other libraries' files.*train 'topk' instead"),
        ({"architecture": "matching_pursuit"}, "only read from other libraries' files.*train 'topk' instead"),
        ({"architecture": "temporal"}, "only read from other libraries' files.*train 'batch_topk' instead"),
        ({"architecture": "jumprelu", "exact_threshold": True}, "exact_threshold=True belongs to imported SAEs"),
        ({"architecture": "relu", "input_norm": "layer_norm"}, "input_norm='layer_norm' belongs to imported SAEs"),
        ({"architecture": "relu", "n_heads": 2}, "n_heads=2 belongs to imported SAEs"),
        ({"architecture": "relu", "decoder_norm": "any"}, "decoder_norm='any' belongs to imported SAEs"),
    ],
)
def test_what_is_only_imported_is_not_trained(fields, message):
    with pytest.raises(ConfigError, match=message):
        train_sae(None, "here", torch.randn(64, 4), d_sae=8, background=False, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "relu", "exact_threshold": True}, "exact_threshold needs architecture='jumprelu'"),
        ({"architecture": "group_max", "k": 3}, "d_sae=8 to be a multiple of k=3"),
        ({"architecture": "relu", "n_heads": 3}, "n_heads=3 needs"),
        ({"architecture": "relu", "input_norm": "batch_norm"}, "input_norm must be one of 'none', 'layer_norm'"),
        ({"architecture": "relu", "settings": {"depth": 3}}, "relu has no further settings, got depth"),
        ({"architecture": "temporal", "settings": {"depth": {1}}}, "names with plain JSON values"),
    ],
)
def test_what_does_not_go_together_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        SAEConfig(4, 8, **fields)


def test_heads_may_come_apart():
    sae = SAE(SAEConfig(6, 8, "relu", n_heads=2)).requires_grad_(False)
    acts = torch.randn(5, 7, 2, 3)
    flat = sae(acts.flatten(2))
    assert torch.equal(sae(acts), flat.view(5, 7, 2, 3)) and sae.encode(acts).shape == (5, 7, 8)
    assert torch.equal(sae.decode(sae.encode(acts)), flat)


@pytest.mark.parametrize("how", ["layer_norm", "constant_norm"])
def test_a_norm_that_is_divided_out_is_put_back(how):
    sae = SAE(SAEConfig(6, 8, "relu", input_norm=how, decoder_norm="any")).requires_grad_(False)
    acts = torch.randn(9, 6)
    # Whatever its size, a row has the same latents and comes back at its size.
    torch.testing.assert_close(sae.encode(acts * 100), sae.encode(acts), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(sae(acts * 100), sae(acts) * 100, rtol=1e-3, atol=1e-2)
    assert not torch.allclose(sae(acts * 100), sae(acts), rtol=0.1)
    with pytest.raises(ConfigError, match=f"input_norm='{how}' needs acts too"):
        sae.decode(sae.encode(acts))
    with pytest.raises(ConfigError, match="depends on the token"):
        check_fixed_rows(sae)
