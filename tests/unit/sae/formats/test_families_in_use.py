"""An imported SAE of every family is looked at as our own are: stores of its latents, and dashboards."""

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.features.building import feature_store
from interp_nb.features.dashboard import feature_dashboard
from interp_nb.sae.formats.registry import ids_in
from interp_nb.sae.saving import load_sae
from interp_nb.sae.tensors import TensorSource
from tests.unit.sae.formats.fixtures import ROOT

SHOWN = [
    "gemma_scope_2/{clt}", "gemma_scope/{first}", "sparsify/topk", "sparsify/group_max", "sparsify/skip_transcoder",
    "dictionary_learning/gated", "dictionary_learning/jumprelu", "dictionary_learning/matryoshka",
    "sae_lens/standard_layer_norm", "sae_lens/matching_pursuit", "sae_lens/jumprelu_hook_z", "circuit_tracer/{first}",
]  # fmt: skip
SETTINGS = {"n_top": 3, "n_sampled": 4, "n_bands": 2, "n_tokens_kept": 3, "progress": False}


def folder_of(case):
    family, _, name = case.partition("/")
    if "{" not in name:
        return ROOT / case
    every = sorted(folder for folder in (ROOT / family).iterdir() if folder.is_dir())
    return next((folder for folder in every if name.strip("{}") in folder.name), every[0])


@pytest.mark.filterwarnings("ignore:latents of a")
@pytest.mark.parametrize("case", SHOWN)
def test_a_store_counts_what_encode_gives(case):
    folder = folder_of(case)
    ids = ids_in(folder)
    sae = load_sae(folder, sae_id=None if "" in ids else ids[0]).requires_grad_(False)
    acts = torch.randn(300, sae.cfg.d_in, generator=torch.Generator().manual_seed(1)) * 1.5
    store = feature_store(sae, None, TensorSource(acts, sites=sae.cfg.sites[:1] or ("here",)), **SETTINGS)
    fired = (sae.encode(acts) > 0).numpy()
    assert np.array_equal(store.column("count"), fired.sum(0)) and fired.any()
    assert f"{sae.cfg.d_sae} latents" in repr(feature_dashboard(store))


def test_a_latent_that_writes_by_the_token_is_no_vector():
    sae = load_sae(ROOT / "sae_lens" / "standard_layer_norm")
    with pytest.raises(ConfigError, match="what a latent of this SAE writes depends on the token"):
        sae.feature_vector(0, acts_p99=1.0)
