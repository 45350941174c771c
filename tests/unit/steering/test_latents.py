"""Latents as vectors: decoder row times percentile on paper, from text and stores, all wirings, what is refused."""

import math

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, ShapeError, StoreMismatchError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.steering.latents import feature_vector, percentile_from_histogram
from tests.unit.steering.vector_cases import activation

SITE = "blocks.1.hook_resid_post"
TEXTS = ["When John and Mary went to the store", "The Eiffel Tower is in Paris", "the Louvre Museum is in Rome"] * 4


def make_sae(sites=(SITE,), kind="sae", scale=0.5, **options):
    sae = SAE(SAEConfig(d_in=32, d_sae=24, architecture="relu", sites=sites, kind=kind, **options), seed=1)
    with torch.no_grad():
        sae.b_enc.fill_(0.1)
    sae.set_scales(scale)
    return sae


def by_loop(model, sae, latent, site=SITE):
    """All activations above 0 of a latent, text by text, begin-of-text left out."""
    with torch.no_grad():
        acts = torch.cat([sae.encode(activation(model, text, site)[1:])[:, latent] for text in TEXTS])
    return acts[acts > 0]


def test_vector_is_decoder_row_times_percentile():
    sae = make_sae()
    found = feature_vector(sae, 3, acts_p99=2.0)
    # What one unit of the latent adds to a reconstruction.
    with torch.no_grad():
        one = sae.decode(torch.eye(24)[3]) - sae.decode(torch.zeros(24))
    assert torch.allclose(found.vectors[0], 2 * one, atol=1e-5)
    assert (found.site, found.layers, found.layer) == ("resid_post", [1], 1)
    assert (found.latent_idx, found.method) == (3, "latent")
    assert found.sae is sae
    assert repr(found) == "SteeringVector(latent 3, resid_post, layer 1)"
    assert found.norm_share.isnan().all()


def test_percentile_comes_from_text(tiny_model):
    sae = make_sae()
    latent = 5
    found = feature_vector(sae, latent, model=tiny_model, data=TEXTS, packing="separate")
    acts = by_loop(tiny_model, sae, latent)
    expected = float(np.quantile(acts.numpy(), 0.99))
    assert found.provenance["settings"]["acts_p99"] == pytest.approx(expected, rel=1e-4)
    assert found.provenance["settings"]["n_fired"] == len(acts)
    norms = torch.cat([activation(tiny_model, text, SITE)[1:].norm(dim=1) for text in TEXTS])
    assert float(found.stream_norm) == pytest.approx(float(norms.mean()), rel=1e-4)
    assert found.model_name
    assert "share" in repr(found)


def test_percentile_comes_from_a_store(tiny_model):
    from interp_nb.features.building import feature_store

    sae = make_sae()
    with feature_store(sae, tiny_model, TEXTS, packing="separate") as store:
        for latent in (0, 5, 11):
            found = feature_vector(sae, latent, store=store).provenance["settings"]["acts_p99"]
            expected = float(np.quantile(by_loop(tiny_model, sae, latent).numpy(), 0.99))
            assert found == pytest.approx(expected, rel=0.19)  # a bin is a quarter of an octave
        with pytest.raises(StoreMismatchError, match="the store is of another SAE"):
            feature_vector(make_sae(scale=0.25), 5, store=store)


def test_percentile_of_a_histogram_on_paper():
    edges = np.array([1.0, 2.0, 4.0, 8.0])
    # 99 of 100 lie below the last bin's middle in the logarithm: half of its two.
    assert percentile_from_histogram(np.array([0, 98, 2]), edges) == pytest.approx(4 * 2**0.5)
    assert percentile_from_histogram(np.array([0, 100, 0]), edges) == pytest.approx(2 * 2**0.99)
    assert math.isnan(percentile_from_histogram(np.zeros(3, int), edges))


def test_percentile_of_a_fine_histogram_is_near_the_exact_one():
    values = np.random.default_rng(0).lognormal(0, 1, 20_000)
    edges = 2.0 ** np.arange(-8, 8.25, 0.25)
    counts, _ = np.histogram(values, edges)
    assert percentile_from_histogram(counts, edges) == pytest.approx(np.quantile(values, 0.99), rel=0.05)


def test_a_transcoder_acts_where_it_writes(tiny_model):
    sites = ("blocks.1.ln2.hook_normalized", "blocks.1.hook_mlp_out")
    sae = make_sae(sites, "transcoder", d_out=32)
    sae.set_scales(0.5, 0.25)
    found = feature_vector(sae, 2, model=tiny_model, data=TEXTS, packing="separate")
    assert (found.site, found.layers) == ("mlp_out", [1])
    p99 = found.provenance["settings"]["acts_p99"]
    assert torch.allclose(found.vectors[0], sae.W_dec[2].detach() * p99 / 0.25, atol=1e-4)
    norms = torch.cat([activation(tiny_model, text, sites[1])[1:].norm(dim=1) for text in TEXTS])
    assert float(found.stream_norm) == pytest.approx(float(norms.mean()), rel=1e-4)


def test_a_crosscoder_has_a_vector_per_layer():
    sites = ("blocks.0.hook_resid_post", "blocks.1.hook_resid_post")
    cfg = SAEConfig(d_in=64, d_sae=24, architecture="relu", sites=sites, kind="crosscoder", n_sites=2)
    sae = SAE(cfg, seed=1)
    sae.set_scales(torch.tensor([0.5, 2.0]))
    found = feature_vector(sae, 4, acts_p99=3.0)
    assert (found.site, found.layers) == ("resid_post", [0, 1])
    row = sae.W_dec[4].detach() * 3
    assert torch.allclose(found.vectors, torch.stack([row[:32] / 0.5, row[32:] / 2.0]), atol=1e-5)
    assert found.layer == int(found.norm.argmax())


def test_sites_of_different_kinds_are_refused():
    sites = ("blocks.0.hook_resid_post", "blocks.0.hook_mlp_out")
    cfg = SAEConfig(d_in=64, d_sae=24, architecture="relu", sites=sites, kind="crosscoder", n_sites=2)
    with pytest.raises(ConfigError, match="a vector is of one site in several layers"):
        feature_vector(SAE(cfg), 4, acts_p99=3.0)


def test_what_says_nothing_is_refused(tiny_model):
    sae = make_sae()
    with pytest.raises(ShapeError, match="a latent is 0 to 23 here, got 24"):
        feature_vector(sae, 24, acts_p99=1.0)
    with pytest.raises(ConfigError, match=r"give model= and data= \(text\), store= .*, or acts_p99="):
        feature_vector(sae, 3)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="acts_p99 must be positive and finite"):
            feature_vector(sae, 3, acts_p99=wrong)
    with pytest.raises(ConfigError, match="does not say where in a model it writes"):
        feature_vector(make_sae(()), 3, acts_p99=1.0)
    with torch.no_grad():
        sae.b_enc[7] = -1e6
    with pytest.raises(ConfigError, match="latent 7 never fires there"):
        feature_vector(sae, 7, model=tiny_model, data=TEXTS)


def test_an_sae_makes_vectors_of_its_latents():
    sae = make_sae()
    assert sae.feature_vector(3, acts_p99=2.0) == feature_vector(sae, 3, acts_p99=2.0)
    twice = 2 * sae.feature_vector(3, acts_p99=2.0)
    assert (twice.latent_idx, twice.sae) == (3, sae)
    mixed = sae.feature_vector(3, acts_p99=2.0) - sae.feature_vector(4, acts_p99=2.0)
    assert (mixed.latent_idx, mixed.sae, mixed.name) == (None, None, "latent 3 - latent 4")


def test_the_embedded_sae_needs_nothing():
    from interp_nb.models.load import load_model
    from interp_nb.sae.saving import load_sae
    from interp_nb.steering.mismatch import check_model

    found = load_sae("pocket").feature_vector(12, n_tokens=4000)
    assert found.hook_names == ["blocks.1.hook_resid_post"]
    assert 0.05 < float(found.norm_share) < 2
    assert found.model_name == "pocket"
    check_model(found, load_model("pocket"))
