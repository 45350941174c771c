"""The SAEs in the package are as good as promised, small, and made by their committed recipes."""

import json
from itertools import islice

import pytest
import torch

from interp_nb.models.load import load_model
from interp_nb.sae.embedded.retrain import HERE, cli_main, retrain, texts
from interp_nb.sae.metrics import l0
from interp_nb.sae.overrides import configure
from interp_nb.sae.recovery import Recovery
from interp_nb.sae.saving import EMBEDDED, load_sae


@pytest.fixture(scope="module")
def model():
    return load_model()


def recovery(model, sites, target_sites=None):
    """Text that no recipe has seen."""
    documents = list(islice(texts("held out for tests"), 400))
    tokens = model.to_tokens(documents)[:, :128]
    lengths = [model.to_tokens(each).shape[1] for each in documents]
    mask = torch.arange(tokens.shape[1]) < torch.tensor(lengths).unsqueeze(1)
    mask[:, 0] = False
    return Recovery(model, tokens, sites, target_sites, ablation="mean", mask=mask)


def test_pocket_sae_recovers_the_loss_with_few_latents_and_beats_pca(model):
    sae = load_sae("pocket")
    held = recovery(model, sae.cfg.sites)
    with torch.no_grad():
        found = held.measure(sae)
        assert l0(sae.encode(held.acts)) <= 8
        mean = held.acts.mean(0)
        components = torch.linalg.svd(held.acts - mean, full_matrices=False).Vh[:8]
        by_pca = held.measure(lambda acts: (acts - mean) @ components.T @ components + mean)
    assert found.loss_recovered >= 0.95
    assert by_pca.loss_recovered < found.loss_recovered


def test_pocket_transcoder_stands_in_for_the_mlp(model):
    transcoder = load_sae("pocket_transcoder")
    source, target = transcoder.cfg.sites
    with torch.no_grad():
        found = recovery(model, [source], [target]).measure(transcoder)
    assert found.loss_recovered >= 0.9


@pytest.mark.parametrize("name", EMBEDDED)
def test_files_are_small_and_follow_their_recipe(name):
    sae = load_sae(name)
    assert (HERE / name / "sae.safetensors").stat().st_size <= 2_000_000
    settings = json.loads((HERE / name / "recipe.json").read_text())["settings"]
    assert (sae.cfg.architecture, sae.cfg.d_sae, sae.cfg.k) == tuple(
        settings[key] for key in ("architecture", "d_sae", "k")
    )
    assert sae.provenance["tokens"] == settings["n_tokens"] and sae.provenance["recipe"] == name


@pytest.mark.parametrize("name", EMBEDDED)
def test_recipe_still_means_what_it_was_trained_with(name):
    """A default that changed since must be in the recipe, or training it again gives other weights."""
    sae, settings = load_sae(name), json.loads((HERE / name / "recipe.json").read_text())["settings"]
    del settings["architecture"]
    reading = {key: value for key, value in settings.items() if key == "packing"}
    cfg, config = configure(
        sae.cfg.d_in, sae.cfg, {key: value for key, value in settings.items() if key not in reading}
    )
    assert (cfg, config.to_json()) == (sae.cfg, sae.provenance["train"])


def test_retraining_reads_the_recipe_and_writes_where_it_is_told(tmp_path, monkeypatch, capsys):
    recipe = json.loads((HERE / "pocket" / "recipe.json").read_text())
    recipe["settings"] |= {"d_sae": 64, "n_tokens": 2048, "batch_size": 256, "n_eval_tokens": 256, "buffer_tokens": 512}
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "recipe.json").write_text(json.dumps(recipe))
    monkeypatch.setattr("interp_nb.sae.embedded.retrain.HERE", tmp_path)
    sae = retrain("small", out=tmp_path / "out", progress=False)
    assert sae.cfg.d_sae == 64 and load_sae(tmp_path / "out").provenance["text"].startswith("the pocket world")
    assert "loss recovered" in capsys.readouterr().out


def test_command_knows_its_names(capsys):
    with pytest.raises(SystemExit):
        cli_main(["packet"])
    assert "pocket_transcoder" in capsys.readouterr().err
