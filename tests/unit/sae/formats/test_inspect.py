"""`inspect_sae`, and the search for SAEs in folders: what is said, where, and what is said when there is nothing."""

import dataclasses
import shutil

import pytest
import torch

from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError
from interp_nb._show import static_bundle
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.formats.inspection import SAEInspection
from interp_nb.sae.formats.registry import FORMATS
from interp_nb.sae.formats.small_files import Fields, inside
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases


def test_it_says_what_a_folder_is():
    found = inspect_sae(ROOT / "dictionary_learning" / "batch_topk")
    assert repr(found) == (
        "SAEInspection(dictionary_learning BatchTopKSAE, d_in=6, d_sae=16, float32, blocks.1.hook_resid_post)"
    )
    notes = {note.name: note for note in found.tensors}
    assert notes["decoder.weight"].shape == (6, 16) and notes["decoder.weight"].transposed
    assert notes["encoder.weight"].becomes == "encoder" and not notes["encoder.weight"].transposed
    known = {each.name: each.known for each in found.conventions}
    assert known["class"] == "stored" and known["encoder input"] == "default of this family"
    assert known["threshold"] == "measured"
    assert (found.model, found.ours, found.problems) == ("pythia-14m", "batch_topk", [])


def test_the_embedded_one_needs_no_path():
    found = inspect_sae()
    assert repr(found) == "SAEInspection(interp_nb batch_topk, d_in=128, d_sae=2048, float16, blocks.1.hook_resid_post)"
    assert found.path == "pocket" and found.version == "0.1.0"


@pytest.mark.parametrize(
    "case", [next(iter(cases(family))) for family in sorted({case.split("/")[0] for case in cases()})]
)
def test_it_is_a_result_like_others(case, tmp_path):
    path = ROOT / case
    ids = [each for each in inspect_or_ids(path) if each] or [None]
    found = inspect_sae(path, ids[0])
    assert SAEInspection.load(found.save(tmp_path / "found.safetensors")) == found
    bundle = static_bundle(found)
    assert bundle["text/plain"] == repr(found) and "data:image/png;base64" in bundle["text/html"]
    assert len(found.to_frame()) == len(found.conventions) > 0
    assert len(found.to_frame("tensors")) == len(found.tensors) > 0
    with pytest.raises(ConfigError, match="table must be one of 'conventions', 'tensors'"):
        found.to_frame("metrics")


def inspect_or_ids(path):
    from interp_nb.sae.formats.registry import ids_in

    ids = ids_in(path)
    return [] if "" in ids else ids


def test_problems_are_said_and_not_raised(tmp_path):
    shutil.copytree(ROOT / "sparsify" / "topk", tmp_path / "cut")
    file = tmp_path / "cut" / "sae.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    found = inspect_sae(tmp_path / "cut")
    assert found.d_sae == 16 and "must be a whole .safetensors file, found a damaged one" in found.problems[0]
    assert "1 problem" in repr(found)
    with pytest.raises(SaveFormatError, match="found a damaged one"):
        load_sae(tmp_path / "cut")


def test_a_folder_of_several_lists_them_and_finds_each(tmp_path):
    saes = {name: SAE(SAEConfig(4, 8, k=2), seed=seed) for seed, name in enumerate(("a/b", "c", ".hidden"))}
    for name, sae in saes.items():
        sae.save(tmp_path / name)
    with pytest.raises(ModelNotFoundError, match=r"holds 2 SAEs: give sae_id=, one of 'a/b', 'c'"):
        load_sae(tmp_path)
    assert torch.equal(load_sae(tmp_path, sae_id="a/b").W_dec, saes["a/b"].W_dec)
    assert inspect_sae(tmp_path, "c").ids == ["a/b", "c"]
    whole, first, other = inspect_sae(tmp_path), inspect_sae(tmp_path, "a/b"), inspect_sae(tmp_path, "c")
    assert (whole.sae_id, whole.ids, whole.is_first) == ("a/b", ["a/b", "c"], True)
    assert dataclasses.replace(whole, is_first=False) == first and not other.is_first
    assert repr(whole).endswith(", first of 2: give sae_id=)") and repr(first).endswith(", one of 2)")
    # A folder that is an SAE is that, whatever lies below it.
    assert inspect_sae(saes["c"].save(tmp_path / "c" / "later").parent).sae_id == ""
    shutil.rmtree(tmp_path / "c" / "later")
    with pytest.raises(ModelNotFoundError, match="holds no SAE 'a/c'; did you mean 'a/b'"):
        load_sae(tmp_path, sae_id="a/c")
    shutil.rmtree(tmp_path / "c")
    assert torch.equal(load_sae(tmp_path).W_dec, saes["a/b"].W_dec)  # the only one there


@pytest.mark.parametrize("sae_id", ["../sae", "/etc", "a\0b", "..", "sae/../../sae"])
def test_an_id_does_not_lead_out_of_the_folder(tmp_path, sae_id):
    SAE(SAEConfig(4, 8, k=2)).save(tmp_path / "sae")
    (tmp_path / "here").mkdir()
    with pytest.raises(ModelNotFoundError, match="holds no SAE"):
        load_sae(tmp_path / "here", sae_id=sae_id)


def test_what_is_not_there_is_said(tmp_path):
    (tmp_path / "model.bin").write_text("not an SAE")
    with pytest.raises(ModelNotFoundError, match="belongs to no SAE that is known here"):
        load_sae(tmp_path / "model.bin")
    with pytest.raises(ModelNotFoundError, match="did you mean 'pocket'"):
        inspect_sae("pockt")
    with pytest.raises(ConfigError, match="dtype must be one of"):
        load_sae(ROOT / "sparsify" / "topk", dtype="float8")


def test_precision_is_widened_or_as_asked():
    case = ROOT / "sparsify" / "topk_bfloat16"
    assert inspect_sae(case).dtype == "bfloat16" and load_sae(case).W_dec.dtype == torch.float32
    assert load_sae(case, dtype="float64").W_dec.dtype == torch.float64


def test_where_it_came_from_is_kept(tmp_path):
    sae = load_sae(ROOT / "sparsify" / "run", sae_id="layers.1")
    said = sae.provenance["format"]
    assert said["family"] == "sparsify" and said["site"] == ["blocks.1.hook_resid_post"]
    assert said["conventions"]["encoder input"] == {"value": "x - b_dec", "known": "stored"}
    assert set(said["files"]) == {"cfg.json", "sae.safetensors"} and all(
        len(each) == 64 for each in said["files"].values()
    )
    again = load_sae(sae.save(tmp_path))
    assert again.provenance == sae.provenance and again.cfg == sae.cfg
    assert torch.equal(again.encode(torch.ones(2, 6)), sae.encode(torch.ones(2, 6)))


def test_every_family_has_a_folder_that_shows_it():
    shown = {case.split("/")[0] for case in cases()}
    assert set(FORMATS) - {"interp_nb", "sae_lens_training"} <= shown


def test_settings_are_given_out_one_by_one(tmp_path):
    fields = Fields({"a": 3, "b": True, "c": {"d": "x"}, "e": None, "f": 3.0}, tmp_path / "cfg.json")
    assert (fields.count("a"), fields.count("f"), fields.flag("b"), fields.inner("c").text("d")) == (3, 3, True, "x")
    assert fields.number("e", 1.5) == 1.5 and (fields.known("a"), fields.known("e")) == (
        "stored", "default of this family",
    )  # fmt: skip
    for wrong, message in (
        (lambda: fields.count("b"), "b must be a whole number from 1, found True"),
        (lambda: fields.inner("c").count("d"), r"c\.d must be a whole number from 1, found 'x'"),
        (lambda: fields.text("e"), "must have e, found none"),
        (lambda: fields.flag("a"), "a must be true or false, found 3"),
        (lambda: fields.inner("a"), "must have settings by name in a, found 3"),
    ):
        with pytest.raises(SaveFormatError, match=message):
            wrong()


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b", "C:\\x", "..\\up", "", "a\0"])
def test_names_in_settings_stay_inside(tmp_path, name):
    with pytest.raises(SaveFormatError, match="nothing outside is read"):
        inside(tmp_path, name, "cfg.json: weights")
    assert inside(tmp_path, "a/b.safetensors", "weights") == tmp_path / "a" / "b.safetensors"
