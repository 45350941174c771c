"""Names of releases: the built-in table, SAELens's own list read as a file, and what to say of the rest."""

import sys
from pathlib import Path

import pytest

from interp_nb._errors import ModelNotFoundError, SaveFormatError
from interp_nb.sae.formats import releases
from interp_nb.sae.formats.releases import Release, resolve_release

LIST = """
gpt2-small-mlp-tm:
  conversion_func: null
  model: gpt2-small
  repo_id: tommmcgrath/gpt2-small-mlp-out-saes
  config_overrides:
    dataset_path: Skylion007/openwebtext
  saes:
  - id: blocks.0.hook_mlp_out
    path: sae_group_gpt2_blocks.0.hook_mlp_out_24576:v0
    neuronpedia: gpt2-small/0-mlp-tm
    norm_scaling_factor: 0.25
  - id: blocks.1.hook_mlp_out
    path: 1
gemma-scope-2b-pt-res-canonical:
  conversion_func: gemma_2
  model: gemma-2-2b
  repo_id: google/gemma-scope-2b-pt-res
  saes:
  - id: layer_0/width_16k/canonical
    path: layer_0/width_16k/average_l0_105
llama_scope_lxr_8x:
  conversion_func: llama_scope
  model: llama
  repo_id: fnlp/Llama3_1-8B-Base-LXR-8x
  saes:
  - id: l0r_8x
    path: Llama3_1-8B-Base-L0R-8x
"""


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """A package of SAELens's name that cannot be imported, with a list beside it."""
    package = tmp_path / "sae_lens"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / releases.LIST).write_text(LIST)
    monkeypatch.syspath_prepend(tmp_path)
    return package / releases.LIST


@pytest.fixture
def not_installed(monkeypatch) -> None:
    monkeypatch.setattr(releases, "find_spec", lambda name: None)


@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize(
    ("release", "sae_id", "repo_id", "path", "family", "model"),
    [
        ("gpt2-small-res-jb", "blocks.8.hook_resid_pre", "jbloom/GPT2-Small-SAEs-Reformatted",
         "blocks.8.hook_resid_pre", "sae_lens", "gpt2-small"),
        ("gpt2-small-resid-post-v5-32k", "blocks.3.hook_resid_post", "jbloom/GPT2-Small-OAI-v5-32k-resid-post-SAEs",
         "v5_32k_layer_3.pt", "sae_lens", "gpt2-small"),
        ("pythia-70m-deduped-res-sm", "blocks.2.hook_resid_post", "ctigges/pythia-70m-deduped__res-sm_processed",
         "2-res-sm", "sae_lens", "pythia-70m-deduped"),
        ("pythia-70m-deduped-res-sm", "blocks.0.hook_resid_pre", "ctigges/pythia-70m-deduped__res-sm_processed",
         "e-res-sm", "sae_lens", "pythia-70m-deduped"),
        ("gemma-scope-2b-pt-res", "layer_0/width_16k/average_l0_13", "google/gemma-scope-2b-pt-res",
         "layer_0/width_16k/average_l0_13", "gemma_scope", "gemma-2-2b"),
        ("gemma-scope-2-1b-pt-res-all", "layer_0_width_16k_l0_small", "google/gemma-scope-2-1b-pt",
         "resid_post_all/layer_0_width_16k_l0_small", "gemma_scope_2", "google/gemma-3-1b-pt"),
    ],
)  # fmt: skip
def test_well_known_names_are_built_in(release, sae_id, repo_id, path, family, model):
    more = {"model_from_pretrained_kwargs": {"center_writing_weights": True}} if "res-jb" in release else {}
    assert resolve_release(release, sae_id) == Release(repo_id, path, family, None, {"model_name": model, **more})


def test_the_list_of_an_installed_sae_lens_is_read_and_not_imported(installed):
    found = resolve_release("gpt2-small-mlp-tm", "blocks.0.hook_mlp_out")
    assert found == Release(
        "tommmcgrath/gpt2-small-mlp-out-saes", "sae_group_gpt2_blocks.0.hook_mlp_out_24576:v0", "sae_lens", 0.25,
        {"model_name": "gpt2-small", "dataset_path": "Skylion007/openwebtext", "neuronpedia_id": "gpt2-small/0-mlp-tm"},
    )  # fmt: skip
    assert resolve_release("gpt2-small-mlp-tm", "blocks.1.hook_mlp_out").path == "1"
    canonical = resolve_release("gemma-scope-2b-pt-res-canonical", "layer_0/width_16k/canonical")
    assert (canonical.path, canonical.family) == ("layer_0/width_16k/average_l0_105", "gemma_scope")
    assert "sae_lens" not in sys.modules
    installed.write_text("a: [")
    with pytest.raises(SaveFormatError, match="not SAELens's list of releases"):
        resolve_release("gpt2-small-res-jb", "blocks.8.hook_resid_pre")


def test_files_of_other_libraries_are_refused_with_a_way_out(installed):
    with pytest.raises(SaveFormatError, match=r"converter 'llama_scope'.*from_pretrained.*save_model\(FOLDER\)"):
        resolve_release("llama_scope_lxr_8x", "l0r_8x")


@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize(
    ("release", "sae_id", "message"),
    [
        ("gpt2-small-res-jbb", "x", "no release is called 'gpt2-small-res-jbb'.*gpt2-small-res-jb.*'owner/name'"),
        ("pythia-70m-deduped-res-sm", None, "sae_id must say which, such as blocks.6.hook_resid_post, got None"),
        ("pythia-70m-deduped-res-sm", "3", "sae_id must say which"),
        ("gemma-scope-2b-pt-res", "layer_0/width_16k/canonical", "is in SAELens's list alone"),
    ],
)
def test_a_name_that_leads_nowhere_says_where_to_go(release, sae_id, message):
    with pytest.raises(ModelNotFoundError, match=message):
        resolve_release(release, sae_id)


def test_an_id_that_a_release_has_not_lists_those_it_has(installed):
    with pytest.raises(
        ModelNotFoundError, match=r"has no SAE 'blocks.9.hook_mlp_out'.*blocks.0.hook_mlp_out, blocks.1"
    ):
        resolve_release("gpt2-small-mlp-tm", "blocks.9.hook_mlp_out")
    with pytest.raises(ModelNotFoundError, match="has 2 SAEs, say which with sae_id="):
        resolve_release("gpt2-small-mlp-tm", None)


@pytest.mark.usefixtures("not_installed")
def test_a_repository_is_its_own_release():
    assert resolve_release("somebody/saes", "layer_3") == Release("somebody/saes", "layer_3", None)
    assert resolve_release("somebody/saes", None).path == ""
