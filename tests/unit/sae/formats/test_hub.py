"""SAEs of a release: the cache first, then one question, then only the files that are read; and no network in tests.

The hub is a folder here: huggingface_hub's functions are replaced by ones that copy from it.
"""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from interp_nb._errors import ConfigError, ModelNotFoundError, OfflineError
from interp_nb.sae.formats.hub import files_of
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT


class Hub:
    """Repositories in a folder, a cache in another, and a list of what was asked for."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root, self.cache = root, cache
        self.asked: list[str] = []
        self.offline = False

    def snapshot_download(self, repo_id: str, *, local_files_only: bool) -> str:
        from huggingface_hub.errors import LocalEntryNotFoundError

        assert local_files_only, "a whole repository is never downloaded"
        if not (self.cache / repo_id / "c0ffee").is_dir():
            raise LocalEntryNotFoundError("not in the cache")
        return str(self.cache / repo_id / "c0ffee")

    def model_info(self, repo_id: str, *, timeout: float) -> SimpleNamespace:
        from huggingface_hub import errors

        self.asked.append(f"? {repo_id}")
        if self.offline:
            raise errors.HTTPError("no network")
        if not (self.root / repo_id).is_dir():
            response: Any = SimpleNamespace(headers={}, request=None, status_code=404)
            raise errors.RepositoryNotFoundError("404", response=response)
        files = [file for file in sorted((self.root / repo_id).rglob("*")) if file.is_file()]
        names = [file.relative_to(self.root / repo_id).as_posix() for file in files]
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names])

    def hf_hub_download(self, repo_id: str, filename: str) -> str:
        self.asked.append(filename)
        placed = self.cache / repo_id / "c0ffee" / filename
        placed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / repo_id / filename, placed)
        return str(placed)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    made = Hub(tmp_path / "hub", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.snapshot_download", made.snapshot_download)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", made.hf_hub_download)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: SimpleNamespace(model_info=made.model_info))
    monkeypatch.setattr("interp_nb.sae.formats.releases.sae_lens_list", dict)
    shutil.copytree(ROOT / "sparsify" / "run", made.root / "me" / "run", ignore=shutil.ignore_patterns("expected*"))
    return made


def test_only_its_own_files_are_downloaded_and_only_once(hub):
    sae = load_sae(release="me/run", sae_id="layers.1.mlp/seed7")
    folder = "layers.1.mlp/seed7"
    assert hub.asked == ["? me/run", "config.json", f"{folder}/cfg.json", f"{folder}/sae.safetensors"]
    assert (sae.cfg.model, sae.cfg.kind) == ("EleutherAI/pythia-14m", "transcoder")
    assert sae.provenance["release"]["commit"] == "c0ffee" and sae.provenance["release"]["repo_id"] == "me/run"
    hub.asked.clear()
    hub.offline = True
    assert torch.equal(load_sae(release="me/run", sae_id="layers.1.mlp/seed7").W_dec, sae.W_dec)
    assert hub.asked == []


def test_with_no_network_it_says_what_to_do(hub):
    hub.offline = True
    with pytest.raises(
        OfflineError, match=r"'me/run' 'layers\.1' is not on this machine.*hf download me/run --include"
    ):
        load_sae(release="me/run", sae_id="layers.1")


def test_names_that_lead_nowhere_are_refused(hub):
    with pytest.raises(
        ModelNotFoundError, match=r"me/run has no SAE 'layers\.2': give sae_id=; did you mean 'layers\.1'"
    ):
        load_sae(release="me/run", sae_id="layers.2")
    with pytest.raises(ModelNotFoundError, match="the hub has no repository 'me/walk'"):
        load_sae(release="me/walk", sae_id="layers.1")
    with pytest.raises(ModelNotFoundError, match="no release is called 'gpt2-small-res-jbb'; did you mean"):
        load_sae(release="gpt2-small-res-jbb", sae_id="blocks.0.hook_resid_pre")
    with pytest.raises(ConfigError, match="give a path or a release"):
        load_sae("here", release="me/run")


def test_a_release_names_the_model_that_its_files_do_not(hub):
    place = hub.root / "google" / "gemma-scope-2b-pt-res" / "layer_3" / "width_16k" / "average_l0_59"
    from interp_nb.sae.formats.registry import locate

    case = next(case for case in sorted((ROOT / "gemma_scope").rglob("params.npz")))
    place.mkdir(parents=True)
    shutil.copyfile(case, place / "params.npz")
    (place.parents[2] / "README.md").write_text("no settings here")
    sae = load_sae(release="gemma-scope-2b-pt-res", sae_id="layer_3/width_16k/average_l0_59")
    assert hub.asked[1:] == ["layer_3/width_16k/average_l0_59/params.npz"]
    assert sae.cfg.model and "gemma-2-2b" in sae.cfg.model
    assert locate(place).family.name == "gemma_scope"


def test_a_factor_that_only_the_list_has_is_used(hub, monkeypatch, recwarn):
    from interp_nb.sae.formats.releases import Release

    case = "sae_lens/standard_expected_average_only_in"
    shutil.copytree(ROOT / case, hub.root / "me" / "old" / "sae", ignore=shutil.ignore_patterns("expected*"))
    named = Release("me/old", "sae", "sae_lens", 0.5, {"model_name": "gpt2"})
    monkeypatch.setattr("interp_nb.sae.formats.hub.resolve_release", lambda release, sae_id: named)
    sae = load_sae(release="old", sae_id="sae")
    assert float(sae.norm_scale) == 0.5 and not recwarn.list


def test_the_files_of_one_sae_are_told_from_all_others():
    there = ["config.json", "layers.1/cfg.json", "layers.1/sae.safetensors", "layers.1/optimizer_0.pt", "README.md",
             "layers.1/seed3/cfg.json", "layers.10/cfg.json", "layer_0.safetensors", "layer_01.safetensors",
             "../outside/cfg.json", "a/trainer_state.pt", "a/ae.pt", "a/config.json",
             "a/sparsity.safetensors"]  # fmt: skip
    assert files_of("layers.1", there) == ["config.json", "layers.1/cfg.json", "layers.1/sae.safetensors"]
    assert files_of("layer_0", there) == ["config.json", "layer_0.safetensors"]
    assert files_of("a", there) == ["config.json", "a/ae.pt", "a/config.json"]
    assert files_of("a/ae.pt", there) == ["config.json", "a/ae.pt", "a/config.json"]
    assert files_of("..", there) == []
