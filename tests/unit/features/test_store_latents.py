"""What has latents - SAEs of every wiring and architecture, neurons, directions - and what they write."""

import numpy as np
import pytest
import torch

from tests.tiny_models import CORPUS
from tests.unit.sae.sae_cases import CASES, case_id, make_batch
from tests.unit.sae.sae_cases import make_sae as any_sae

SMALL = {"n_top": 3, "n_sampled": 4, "n_bands": 2, "n_tokens_kept": 3, "progress": False, "ctx_len": 16}
TEXTS = [*CORPUS, "Paris", "", "Rome " * 40]


def dense(firing, n_rows, d_sae):
    laid_out = np.zeros((n_rows, d_sae), np.float32)
    rows = np.repeat(np.arange(n_rows), np.diff(firing.offsets))
    laid_out[rows, firing.latents] = firing.values
    return laid_out


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_found_pairs_are_those_that_encode_gives(case):
    from interp_nb.features.latents import SAELatents

    kind, architecture, _, norm = case
    sae = any_sae(kind, architecture, norm)
    if architecture in ("batch_topk", "matryoshka"):
        sae.running_threshold.fill_(0.4)
    acts, _ = make_batch(sae, n_rows=40)
    expected = sae.encode(acts).detach().float().numpy()
    assert (expected > 0).any()
    source = SAELatents(sae)
    np.testing.assert_allclose(dense(source.find(acts), 40, source.d_sae), expected, rtol=1e-6)
    for start in range(0, 40, 13):
        part = source.find(acts[start : start + 13])
        np.testing.assert_allclose(
            dense(part, len(part.offsets) - 1, source.d_sae), expected[start : start + 13], rtol=1e-5
        )


def test_reading_and_writing_are_in_the_models_units():
    """What latents read and write reproduces what the SAE computes, scales and all."""
    from interp_nb.features.latents import SAELatents

    for kind in ("sae", "transcoder", "crosscoder", "clt"):
        sae = any_sae(kind, "relu", "free")
        sae.set_scales(*([torch.tensor([0.5, 2.0, 3.0])] if kind in ("crosscoder",) else []) or [0.5])
        if kind == "clt":
            sae.set_scales(torch.tensor([0.5, 2.0, 3.0]), torch.tensor([3.0, 1.0, 0.25]))
        if kind == "transcoder":
            sae.set_scales(0.5, 4.0)
        source = SAELatents(sae)
        rows = source.rows(torch.arange(source.d_sae)).double()
        codes = torch.rand(4, source.d_sae, dtype=torch.float64)
        written = sae.decode(codes) - sae.decode(torch.zeros_like(codes))
        torch.testing.assert_close(codes @ rows, written.detach(), rtol=1e-5, atol=1e-5)
        if kind != "clt":
            acts = torch.rand(4, source.d_in, dtype=torch.float64)
            read = sae.pre_acts(acts) - sae.pre_acts(torch.zeros_like(acts))
            torch.testing.assert_close(acts @ source.encoder().double().T, read.detach(), rtol=1e-5, atol=1e-5)


def test_neurons_of_a_model_are_counted(tiny_model):
    from interp_nb.features.building import feature_store

    store = feature_store("neurons", tiny_model, TEXTS, layer=1, **SMALL)
    assert repr(store).startswith("FeatureStore(GPT2LMHeadModel blocks.1.mlp.hook_post, 128 neurons, ")
    assert store.sae is None
    acts = _acts(tiny_model, "blocks.1.mlp.hook_post")
    np.testing.assert_array_equal(store.column("count"), (acts > 0).sum(0))
    np.testing.assert_allclose(store.column("max"), np.maximum(acts.max(0), 0), rtol=1e-5)
    written = tiny_model.original_model.transformer.h[1].mlp.c_proj.weight
    np.testing.assert_allclose(store.column("decoder_norm"), written.norm(dim=1).numpy(), rtol=1e-5)
    feature = store.latent(7)
    assert np.isnan(feature.encoder_norm)
    logits = _logits(tiny_model, written[7])
    assert [token for token, _ in feature.logits_up] == logits.topk(10).indices.tolist()
    assert [value for _, value in feature.logits_down] == pytest.approx(
        (-logits).topk(10).values.neg().tolist(), rel=1e-4
    )


def test_directions_fire_where_the_projection_is_positive(tiny_model):
    from interp_nb.features.building import feature_store

    directions = torch.randn(5, 32)
    store = feature_store(directions, tiny_model, TEXTS, site="resid_mid", layer=0, **SMALL)
    acts = _acts(tiny_model, "blocks.0.hook_resid_mid") @ directions.numpy().T
    np.testing.assert_array_equal(store.column("count"), (acts > 0).sum(0))
    assert store.kind == "directions"
    # What moves the projection by one: (d / |d|^2) . d = 1.
    torch.testing.assert_close((store.directions() * directions).sum(1), torch.ones(5))
    logits = _logits(tiny_model, store.directions()[2])
    assert [token for token, _ in store.latent(2).logits_up] == logits.topk(10).indices.tolist()


def test_length_of_a_direction_changes_nothing_but_its_unit(tiny_model):
    from interp_nb.features.building import feature_store

    one = torch.randn(3, 32)
    stores = [
        feature_store(one * length, tiny_model, TEXTS, site="resid_post", layer=1, **SMALL) for length in (1.0, 10.0)
    ]
    effects = [store.column("max")[:, None] * store.directions().numpy() for store in stores]
    np.testing.assert_allclose(*effects, rtol=1e-4, atol=1e-5)
    high = [store.column("max") * store.column("decoder_norm") for store in stores]
    np.testing.assert_allclose(*high, rtol=1e-4)


def test_direction_of_zeros_is_refused():
    from interp_nb._errors import ConfigError
    from interp_nb.features.plain_latents import Directions

    with pytest.raises(ConfigError, match="must not be zero"):
        Directions(torch.eye(3)[[0, 1]] * torch.tensor([[1.0], [0.0]]))


def test_logits_of_heads_go_through_their_output_matrix(tiny_model):
    from interp_nb.features.geometry import latent_logits
    from interp_nb.features.latents import latents_of

    directions = torch.nn.functional.normalize(torch.randn(2, 32), dim=1)
    source = latents_of(directions, tiny_model, "z", 1)
    through = directions @ tiny_model.original_model.transformer.h[1].attn.c_proj.weight
    for index in (0, 1):
        expected = _logits(tiny_model, through[index])
        np.testing.assert_allclose(latent_logits(tiny_model, source, index), expected.numpy(), rtol=1e-3, atol=1e-4)


def test_directions_that_do_not_add_to_the_residual_stream_have_no_logits(tiny_model):
    from interp_nb.features.building import feature_store
    from interp_nb.features.geometry import latent_logits

    store = feature_store(torch.randn(2, 32), tiny_model, TEXTS, site="q", layer=0, **SMALL)
    assert store.latent(0).logits_up == store.latent(0).logits_down == ()
    assert latent_logits(tiny_model, store, 0) is None


def test_gemmas_second_norm_stands_between_neurons_and_logits():
    from interp_nb.features.geometry import latent_logits
    from interp_nb.features.latents import latents_of
    from tests.tiny_models import shared

    gemma, llama = shared("gemma2"), shared("llama")
    assert latent_logits(gemma, latents_of("neurons", gemma, "mlp_post", 0), 0) is None
    assert latent_logits(llama, latents_of("neurons", llama, "mlp_post", 0), 0) is not None
    assert latent_logits(gemma, latents_of(torch.randn(1, 32), gemma, "mlp_out", 0), 0) is not None


@pytest.mark.parametrize("kind", ["transcoder", "skip_transcoder", "crosscoder", "clt"])
def test_wirings_are_stored(tiny_model, kind, tmp_path):
    """A transcoder's logits are those of what it writes; a crosscoder's those of its last site."""
    from interp_nb.features.building import feature_store
    from interp_nb.features.store import load_store
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig

    many = kind in ("crosscoder", "clt")
    reads = tuple(f"blocks.{layer}.hook_resid_mid" for layer in range(2 if many else 1))
    writes = tuple(name.replace("resid_mid", "mlp_out") for name in reads)
    sites = reads if kind == "crosscoder" else reads + writes
    width = 64 if many else 32
    sae = SAE(
        SAEConfig(width, 24, "topk", k=4, kind=kind, n_sites=2 if many else 1, d_out=width, sites=sites), seed=2
    ).eval()
    store = feature_store(sae, tiny_model, TEXTS, tmp_path / "store", **SMALL)
    acts = torch.tensor(np.concatenate([_acts(tiny_model, name) for name in reads], axis=1))
    np.testing.assert_array_equal(store.column("count"), (sae.encode(acts) > 0).sum(0).numpy())
    assert store.sites == reads
    decoder = sae.decoder().detach().view(24, -1, 32)
    direction = decoder[:, -1] if kind == "crosscoder" else decoder.sum(1)
    expected = _logits(tiny_model, direction[5])
    assert [token for token, _ in store.latent(5).logits_up] == expected.topk(10).indices.tolist()
    np.testing.assert_allclose(store.column("decoder_norm"), decoder.flatten(1).norm(dim=1).numpy(), rtol=1e-5)
    opened = load_store(tmp_path / "store")
    torch.testing.assert_close(opened.directions(), store.directions())
    assert np.isnan(store.column("encoder_decoder_cosine")).all() == (kind != "crosscoder")


def test_neighbors_are_the_nearest_directions():
    from interp_nb.features.together import neighbors

    written = torch.randn(300, 5)
    others, cosines = neighbors(written, 4)
    every = torch.nn.functional.cosine_similarity(written[:, None], written[None], dim=2).fill_diagonal_(-1)
    best = every.topk(4, dim=1)
    np.testing.assert_array_equal(others, best.indices.numpy())
    np.testing.assert_allclose(cosines, best.values.numpy(), rtol=1e-5)
    wide = torch.randn(2100, 3)
    others, cosines = neighbors(wide, 3)
    unit = torch.nn.functional.normalize(wide, dim=1)
    best = (unit @ unit.T).fill_diagonal_(-1).topk(3, dim=1)
    np.testing.assert_allclose(cosines, best.values.numpy(), rtol=1e-5)


def test_both_ways_to_count_cofiring_agree(monkeypatch):
    from interp_nb.features import together
    from interp_nb.features.firing import Firing

    fires = np.random.default_rng(0).random((200, 30)) < np.linspace(0.02, 0.7, 30)
    offsets = np.concatenate([[0], np.cumsum(fires.sum(1))])
    latents = np.nonzero(fires)[1].astype(np.int32)
    firing = Firing(offsets, latents, np.ones(len(latents), np.float32))
    found = []
    for flops in (1e30, 1e-30):
        monkeypatch.setattr(together, "_FLOPS", flops)
        found.append(together.cofiring(firing, 30, 5))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_decoder_weights_are_counted_between_plus_and_minus_the_largest(tiny_model):
    from interp_nb.features.building import feature_store

    directions = torch.nn.functional.normalize(torch.randn(3, 32), dim=1)
    feature = feature_store(directions, tiny_model, TEXTS, site="resid_pre", layer=1, **SMALL).latent(1)
    expected, edges = np.histogram(directions[1].numpy(), bins=feature.decoder_edges)
    np.testing.assert_array_equal(feature.decoder_histogram, expected)
    assert edges[-1] == pytest.approx(directions[1].abs().max().item())
    assert feature.encoder_decoder_cosine == pytest.approx(1.0)


def test_latents_that_are_none_are_refused(tiny_model):
    from interp_nb._errors import ConfigError, HookNameError, ShapeError
    from interp_nb.features.latents import latents_of

    with pytest.raises(ConfigError, match=r"sae must be an SAE, 'neurons' or directions .* got 'pocket'"):
        latents_of("pocket", tiny_model)
    with pytest.raises(ConfigError, match="directions need to know where they are"):
        latents_of(torch.randn(2, 32), tiny_model)
    with pytest.raises(ShapeError, match="n d_in=32"):
        latents_of(torch.randn(2, 31), tiny_model, "resid_pre", 0)
    with pytest.raises(ShapeError, match="put one direction in each row"):
        latents_of(torch.randn(32), tiny_model, "resid_pre", 0)
    with pytest.raises(ConfigError, match="must be finite"):
        latents_of(torch.full((1, 32), torch.nan), tiny_model, "resid_pre", 0)
    with pytest.raises(ConfigError, match="are the model's: give model="):
        latents_of("neurons", None)
    with pytest.raises(HookNameError, match="did you mean"):
        latents_of("neurons", tiny_model, "mlp_pots", 0)


def _acts(model, name):
    """Activations of all tokens that count, text by text."""
    from interp_nb.sae.harvesting import harvest

    batch = harvest(model, name, TEXTS, ctx_len=16).next(10_000)
    return batch.acts.numpy()


def _logits(model, direction):
    """Logits of a direction, written out: centered, times the gain, unembedded, centered over the vocabulary."""
    original = model.original_model
    direction = direction - direction.mean()
    logits = (direction * original.transformer.ln_f.weight) @ original.lm_head.weight.T
    return (logits - logits.mean()).detach()
