"""Files that others laid out for us: archives that unpack to more than they are, links; and what is not ours."""

import json
import pickle
import shutil
import zipfile

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from interp_nb._atomic import write_atomically
from interp_nb._errors import SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.formats.own import content_hash_of
from interp_nb.sae.formats.tensor_files import read_tensors
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases
from tests.unit.sae.formats.mutations import Hostile

TOPK = SAEConfig(6, 16, "topk", k=3, sites=("blocks.1.hook_resid_post",), model="pocket")


def repacked(file, target, compression=zipfile.ZIP_STORED, more=b""):
    """Write an archive of torch anew, with bytes in its pickle that mean nothing."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(zipfile.ZipInfo(name), data[:2] + more + data[2:] if name.endswith(".pkl") else data,
                         compression)  # fmt: skip
    return target


@pytest.mark.parametrize(
    ("compression", "more", "message"),
    [
        (zipfile.ZIP_DEFLATED, b"N0" * 10**6, r"must hold its parts as they are.*data\.pkl' compressed"),
        (zipfile.ZIP_STORED, b"N0" * 3 * 10**6, r"nothing else, found more than 4194304 bytes in '.*data\.pkl'"),
    ],
)
def test_an_archive_that_unpacks_to_more_is_refused_before_it_is_unpacked(
    tmp_path, monkeypatch, compression, more, message
):
    case = ROOT / "dictionary_learning" / "topk"
    repacked(case / "ae.pt", tmp_path / "plain.pt")
    assert read_tensors(tmp_path / "plain.pt").keys() == read_tensors(case / "ae.pt").keys()
    bomb = repacked(case / "ae.pt", tmp_path / "ae.pt", compression, more)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it was unpacked"))
    with pytest.raises(SaveFormatError, match=message):
        read_tensors(bomb)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_refused_pickle_is_not_said_in_words_that_advise_to_run_it(tmp_path, zipped):
    file = tmp_path / "ae.pt"
    held = {"encoder.weight": torch.ones(2, 2), "k": Hostile(tmp_path / "canary")}
    torch.save(held, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(SaveFormatError, match=r"found Python objects.*could run code, and are never read") as raised:
        read_tensors(file)
    assert "weights_only" not in str(raised.value) and not (tmp_path / "canary").exists()
    assert pickle.UnpicklingError in type(raised.value.__cause__).__mro__


def test_links_laid_for_files_to_be_written_are_not_followed(tmp_path):
    victim, folder = tmp_path / "victim", tmp_path / "sae"
    victim.write_text("precious")
    folder.mkdir()
    for name in ("sae.safetensors.part", "card.json.part", "file.txt.part"):
        (folder / name).symlink_to(victim)
    SAE(TOPK).save(folder)
    write_atomically(folder / "file.txt", lambda part: part.write_text("mine"))
    assert victim.read_text() == "precious"
    assert (folder / "file.txt").read_text() == "mine" and not (folder / "sae.safetensors").is_symlink()


def test_a_begun_file_is_a_new_one(tmp_path):
    from interp_nb._atomic import begin, part_of

    part = part_of(tmp_path / "a.txt")
    assert part != part_of(tmp_path / "a.txt") and part.match("a.txt.*.part")
    part.symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        begin(part)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize(
    ("format", "name"),
    [("dictionary_learning", "config.json"), ("sparsify", "cfg.json"), ("sae_lens", "cfg.json"),
     ("sae_lens_training", "cfg.json"), ("interp_nb", "card.json"), ("interp_nb", "sae.safetensors")],
)  # fmt: skip
def test_a_strangers_file_is_not_written_over(tmp_path, format, name):
    (tmp_path / name).mkdir() if name.endswith(".safetensors") else (tmp_path / name).write_text('{"model_type": "x"}')
    with pytest.raises(SaveFormatError, match=rf"holds {name}, which is not of an SAE of {format} and would be lost"):
        SAE(TOPK).save(tmp_path, format)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("family", "case", "name"), [
    ("gemma_scope_2", "residual", "config.json"), ("circuit_tracer", "relu", "config.yaml"),
])  # fmt: skip
def test_a_strangers_configuration_is_not_written_over_by_other_families(tmp_path, family, case, name):
    root = ROOT / family / case
    ids = inspect_ids(root)
    sae = load_sae(root, sae_id=ids[0])
    (tmp_path / name).write_text("mine: 1")
    with pytest.raises(SaveFormatError, match=f"holds {name}, which is not of an SAE of {family}"):
        sae.save(tmp_path, family)
    assert (tmp_path / name).read_text() == "mine: 1"
    (tmp_path / name).unlink()
    for _ in range(2):
        assert torch.equal(load_sae(sae.save(tmp_path, family)).W_dec, sae.W_dec)


def inspect_ids(root):
    from interp_nb.sae.formats.registry import ids_in

    return [each or None for each in ids_in(root)]


@pytest.mark.parametrize("format", ["interp_nb", "sae_lens", "sae_lens_legacy", "sae_lens_training", "sparsify",
                                    "dictionary_learning"])  # fmt: skip
def test_every_family_takes_the_place_of_its_own(tmp_path, format):
    SAE(TOPK).save(tmp_path, format)
    second = SAE(TOPK, seed=1)
    assert torch.equal(load_sae(second.save(tmp_path, format)).W_dec, second.W_dec)


class Report:
    """What `save` asks of a report."""

    def card_metrics(self):
        return {"l0": 3.0}

    def to_html(self):
        return "<html>ours</html>"


def test_a_report_that_is_not_ours_stays(tmp_path):
    sae, page = SAE(TOPK), tmp_path / "report.html"
    page.write_text("the user's own")
    sae.save(tmp_path)
    sae.save(tmp_path)
    assert page.read_text() == "the user's own"
    with pytest.raises(SaveFormatError, match=r"holds report\.html, which is not of an SAE of interp_nb"):
        sae.save(tmp_path, report=Report())
    page.unlink()
    sae.save(tmp_path, report=Report())
    assert page.read_text() == "<html>ours</html>"
    sae.save(tmp_path, report=Report())  # in place of its own
    page.write_text("<html>ours, with notes</html>")
    sae.save(tmp_path)
    assert page.read_text() == "<html>ours, with notes</html>"


@pytest.mark.parametrize("case", cases())
def test_our_own_copy_of_every_case_can_be_inspected(case, tmp_path):
    ids = inspect_ids(ROOT / case)
    sae = load_sae(ROOT / case, sae_id=ids[0])
    found = inspect_sae(sae.save(tmp_path))
    assert found.problems == [] and (found.kind, found.d_sae) == (sae.cfg.kind, sae.cfg.d_sae)


def test_a_header_of_enormous_widths_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    file = SAE(TOPK).save(tmp_path) / "sae.safetensors"
    with safe_open(file, "pt") as opened:
        header = json.loads(opened.metadata()["interp_nb"])
    tensors = load_file(file)
    header["config"] |= {"d_in": 2**39, "d_out": 2**39, "d_sae": 2**39}
    header["sha256"] = content_hash_of(header["config"], tensors)  # anybody can compute it
    save_file(tensors, file, {"interp_nb": json.dumps(header)})
    monkeypatch.setattr("interp_nb.sae.coder.random_weights_", lambda *args: pytest.fail("weights were made"))
    for read in (load_sae, inspect_sae):
        with pytest.raises(SaveFormatError, match=r"does not hold the weights of its configuration.*encoder \[16, 6\]"):
            read(tmp_path)


def test_looking_and_loading_draw_no_weights(tmp_path, monkeypatch):
    for case in ("sparsify/topk", "sae_lens/matching_pursuit"):
        sae = load_sae(ROOT / case)
        sae.save(tmp_path / case)
    monkeypatch.setattr("interp_nb.sae.coder.random_weights_", lambda *args: pytest.fail("weights were made"))
    for case in ("sparsify/topk", "sae_lens/matching_pursuit"):
        for place in (ROOT / case, tmp_path / case):
            inspect_sae(place)
            loaded = load_sae(place)
            # What a file has once and we twice is two parameters all the same.
            assert loaded.encoder.data_ptr() != loaded.W_dec.data_ptr() and loaded.encoder.requires_grad
            assert all(value.device.type == "cpu" for value in loaded.state_dict().values())


def test_folders_are_still_whole_after_a_refusal(tmp_path):
    shutil.copytree(ROOT / "sparsify" / "topk", tmp_path / "sae")
    before = {file.name: file.read_bytes() for file in (tmp_path / "sae").iterdir()}
    with pytest.raises(SaveFormatError, match="holds an SAE of sparsify"):
        SAE(TOPK).save(tmp_path / "sae", "sae_lens_training")
    assert {file.name: file.read_bytes() for file in (tmp_path / "sae").iterdir()} == before
