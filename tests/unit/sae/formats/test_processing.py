"""How the model was treated that an SAE was trained on: what files and lists say of it, and who is told."""

import json
import shutil

import pytest

from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.formats.processing import fold_of, said_of
from interp_nb.sae.formats.releases import Release, resolve_release
from interp_nb.sae.saving import load_sae
from interp_nb.sae.trained_on import other_model
from tests.unit.sae.formats.fixtures import ROOT, cases

CENTERED = {"center_writing_weights": True}
PLAIN = {"center_writing_weights": False, "fold_ln": False}


@pytest.mark.parametrize(
    ("given", "fold"),
    [(CENTERED, True), (PLAIN, False), ({"fold_ln": True, "center_unembed": False}, True), ({}, None), (None, None),
     ({"dtype": "float16"}, None), ({"fold_ln": "yes"}, None), ([], None)],
)  # fmt: skip
def test_options_say_whether_it_was_folded(given, fold):
    assert fold_of(said_of({"model_from_pretrained_kwargs": given})) is fold


@pytest.mark.parametrize("case", ["sae_lens/standard", next(each for each in cases("sae_lens_legacy"))])
@pytest.mark.parametrize(("given", "fold"), [(CENTERED, True), (PLAIN, False)])
def test_what_a_file_says_is_recorded_shown_and_written_again(case, given, fold, tmp_path):
    shutil.copytree(ROOT / case, tmp_path / "sae")
    config = tmp_path / "sae" / "cfg.json"
    values = json.loads(config.read_text())
    values.get("metadata", values)["model_from_pretrained_kwargs"] = given
    config.write_text(json.dumps(values))
    sae = load_sae(tmp_path / "sae")
    assert sae.provenance["model"]["fold"] is fold and sae.provenance["model"]["name"] == sae.cfg.model
    shown = inspect_sae(tmp_path / "sae").to_frame().set_index("name").loc["model's weights"]
    assert f"fold={fold}" in shown["value"] and shown["known"] == "stored"
    for format in ("interp_nb", "sae_lens", "sae_lens_legacy", "dictionary_learning"):
        again = load_sae(sae.save(tmp_path / format, format))
        assert again.provenance["model"]["fold"] is fold, format
    assert load_sae(ROOT / case).provenance.get("model") in (None, {"name": sae.cfg.model, "fold": False})


def test_an_sae_of_ours_says_it_to_sae_lens(tmp_path):
    sae = SAE(SAEConfig(6, 16, "topk", k=3, model="pocket", sites=("blocks.0.hook_resid_post",)))
    sae.provenance = {"model": {"name": "pocket", "fold": True, "step": None}}
    written = json.loads((sae.save(tmp_path, "sae_lens") / "cfg.json").read_text())
    assert written["metadata"]["model_from_pretrained_kwargs"] == {
        "fold_ln": True, "center_writing_weights": True, "center_unembed": True,
    }  # fmt: skip
    assert load_sae(tmp_path).provenance["model"]["fold"] is True


def test_a_release_says_what_its_files_do_not(tmp_path, monkeypatch, tiny_model):
    shutil.copytree(ROOT / "sae_lens" / "standard", tmp_path / "sae")
    for said, fold in (({"model_from_pretrained_kwargs": CENTERED}, True), ({}, None)):
        named = Release("me/old", "sae", "sae_lens", None, {"model_name": "gpt2", **said})
        monkeypatch.setattr("interp_nb.sae.formats.hub.resolve_release", lambda release, sae_id, named=named: named)
        monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *args, **kwargs: str(tmp_path))
        sae = load_sae(release="old", sae_id="sae")
        assert (sae.provenance.get("model") or {}).get("fold") is fold
    for release in ("gpt2-small-res-jb", "gpt2-small-res-jb-feature-splitting"):
        found = resolve_release(release, "blocks.8.hook_resid_pre")
        assert found.metadata["model_from_pretrained_kwargs"] == CENTERED


def test_files_of_another_family_than_the_release_has_are_refused(tmp_path, monkeypatch):
    from interp_nb._errors import SaveFormatError

    shutil.copytree(ROOT / "sparsify" / "topk", tmp_path / "sae")
    named = Release("me/old", "sae", "sae_lens")
    monkeypatch.setattr("interp_nb.sae.formats.hub.resolve_release", lambda release, sae_id: named)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *args, **kwargs: str(tmp_path))
    with pytest.raises(SaveFormatError, match="should be in files of sae_lens, found those of sparsify"):
        load_sae(release="old", sae_id="sae")


def test_a_model_that_was_treated_otherwise_is_noticed(tiny_model):
    from interp_nb.features.latents import latents_of
    from interp_nb.models.info import model_info

    info = model_info(tiny_model)
    width = int(tiny_model.cfg.d_model)
    sae = SAE(SAEConfig(width, 16, "topk", k=3, model=info.name, sites=("blocks.0.hook_resid_post",)))
    sae.provenance = {"model": {"name": info.name, "fold": info.fold}}
    assert other_model(sae, tiny_model) == []
    sae.provenance = {"model": {"name": info.name, "fold": not info.fold}}
    assert f"fold={not info.fold}" in other_model(sae, tiny_model)[0]
    with pytest.warns(UserWarning, match=f"loaded with fold={not info.fold}.*not what they were trained on"):
        latents_of(sae, tiny_model)
