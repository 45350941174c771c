"""Imported SAEs where our own are used: stores, dashboards and interventions give what `encode` gives."""

import warnings

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.features.building import feature_store
from interp_nb.features.dashboard import feature_dashboard
from interp_nb.features.intervene import feature_effect
from interp_nb.features.latents import SAELatents
from interp_nb.models.load import load_model
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases, expected

TEXTS = ["The capital of France is Paris.", "In Rome, people speak Italian."] * 12


@pytest.mark.parametrize("case", cases("sae_lens") + cases("sae_lens_legacy"))
def test_what_is_found_row_by_row_is_what_encode_gives(case):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no file says the factor")
        sae = load_sae(ROOT / case)
    if sae.architecture.reads_sequences:
        with pytest.raises(
            ConfigError, match=r"reads whole documents.*use sae.encode\(acts\) with acts \[doc pos d_in"
        ):
            SAELatents(sae)
        return
    rows = expected(case)["acts"].reshape(-1, sae.cfg.d_in)
    found, latent_acts = SAELatents(sae).find(rows), sae.encode(rows).detach()
    at = (latent_acts > 0).nonzero()
    assert found.latents.tolist() == at[:, 1].tolist()
    assert np.diff(found.offsets).tolist() == (latent_acts > 0).sum(1).tolist()
    np.testing.assert_allclose(found.values, latent_acts[at[:, 0], at[:, 1]].float().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sae_lens", "sae_lens_training", "sae_lens_legacy"])
def test_the_pocket_sae_written_for_sae_lens_has_the_same_latents(family, tmp_path):
    model, pocket = load_model("pocket"), load_sae("pocket")
    imported = load_sae(pocket.save(tmp_path, family))
    acts = model.run_with_cache(model.to_tokens(TEXTS[0]))[1]["blocks.1.hook_resid_post"]
    theirs, ours = imported.encode(acts), pocket.encode(acts)
    assert bool(((theirs > 0) == (ours > 0)).all()) and torch.allclose(theirs, ours, atol=1e-4)
    assert torch.allclose(imported(acts), pocket(acts), atol=1e-3)


@pytest.mark.slow
def test_the_pocket_sae_from_a_sae_lens_folder_is_looked_at_as_the_pocket_sae(tmp_path):
    model, pocket = load_model("pocket"), load_sae("pocket")
    imported = load_sae(pocket.save(tmp_path / "sae", "sae_lens"))
    stores = [feature_store(sae, model, TEXTS, packing="separate") for sae in (imported, pocket)]
    counts = [store.column("count") for store in stores]
    assert np.array_equal(*counts) and (counts[0] > 0).sum() > 20
    latent_idx = int(counts[0].argmax())
    (theirs, _), (ours, _) = (
        feature_dashboard(store, model, latents=[latent_idx])._repr_mimebundle_() for store in stores
    )
    assert "<figure" in theirs["text/html"] and theirs["text/plain"] == ours["text/plain"]
    theirs, ours = (feature_effect(model, sae, latent_idx, TEXTS[0], n_new=2) for sae in (imported, pocket))
    assert theirs.kl == pytest.approx(ours.kl, rel=1e-3) and theirs.kl > 0
    assert (
        torch.allclose(theirs.acts, ours.acts, atol=1e-4, equal_nan=True)
        and theirs.continuation_after == ours.continuation_after
    )


@pytest.mark.slow
def test_a_store_of_signed_latents_says_what_it_holds():
    model = load_model("pocket")
    signed = SAE(SAEConfig(128, 64, "abs_topk", k=8, sites=("blocks.1.hook_resid_post",), model="pocket"))
    with pytest.warns(UserWarning, match="abs_topk SAE also fire below 0; a store holds where they are above 0"):
        store = feature_store(signed, model, TEXTS[:4], packing="separate")
    assert 0 < int(store.column("count").sum()) < 8 * store.n_tokens
