"""How alike two latents are: against numbers by hand, of one store, of two, of two texts."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from interp_nb._errors import ShapeError
from interp_nb.features.latents import SAELatents
from interp_nb.features.overlap import latent_overlap, nearest_latents
from interp_nb.features.token_sample import TokenSample
from tests.unit.features.text_cases import N_LATENTS, make_sae

N_ROWS = 400


def store_of(sae, *, seed=0, first_doc=0, vocabulary=50, n_rows=N_ROWS):
    """A store of some sampled tokens on which latents fire at random, a few of them on the same ones."""
    generator = np.random.default_rng(seed)
    values = generator.random((n_rows, N_LATENTS)) * (generator.random((n_rows, N_LATENTS)) < 0.2)
    values[:, 1] = 2 * values[:, 0]
    rows, latents = np.nonzero(values)
    tokens = np.random.default_rng(9).integers(0, vocabulary, n_rows).astype(np.int32)
    sample = TokenSample(
        token_ids=tokens,
        contexts=np.repeat(tokens[:, None], 16, 1),
        doc=np.arange(n_rows) // 8 + first_doc,
        pos=np.arange(n_rows) % 8,
        row_of=rows.astype(np.int64),
        latent=latents.astype(np.int32),
        value=values[rows, latents].astype(np.float32),
    )
    held = SimpleNamespace(
        source=SAELatents(sae), sample=lambda: sample, token_strings=lambda ids: [f"t{i}" for i in ids]
    )
    return held, values


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a.detach(), b.detach(), dim=0))


def test_overlap_is_what_the_formulas_say():
    first, second = make_sae("x.hook_a"), make_sae("x.hook_a", seed=5)
    (a, values_a), (b, values_b) = store_of(first), store_of(second, seed=1)
    found = latent_overlap(a, 4, b, 7)
    assert found.decoder_cosine == pytest.approx(cosine(first.W_dec[4], second.W_dec[7]), abs=1e-6)
    assert found.encoder_cosine == pytest.approx(cosine(first.encoder[4], second.encoder[7]), abs=1e-6)
    assert found.correlation == pytest.approx(np.corrcoef(values_a[:, 4], values_b[:, 7])[0, 1], abs=1e-5)
    fires = values_a[:, 4] > 0, values_b[:, 7] > 0
    assert found.jaccard == pytest.approx((fires[0] & fires[1]).sum() / (fires[0] | fires[1]).sum())
    assert (found.n_rows, found.rows) == (N_ROWS, "token")


def test_latent_is_wholly_like_itself_and_like_one_that_is_twice_it():
    store, _ = store_of(make_sae("x.hook_a"))
    itself = latent_overlap(store, 3, store, 3)
    assert [round(value, 5) for value in itself[:4]] == [1.0, 1.0, 1.0, 1.0]
    twice = latent_overlap(store, 0, store, 1)
    assert twice.correlation == pytest.approx(1.0, abs=1e-5)
    assert twice.jaccard == 1.0


def test_other_text_is_compared_by_types_of_tokens():
    (a, _), (b, _) = (
        store_of(make_sae("x.hook_a"), vocabulary=120, n_rows=4000),
        store_of(make_sae("x.hook_a"), first_doc=1000, vocabulary=120, n_rows=4000),
    )
    found = latent_overlap(a, 4, b, 4)
    assert found.rows == "token type"
    assert found.correlation == pytest.approx(1.0, abs=1e-5)  # the same means, at other places


def test_what_cannot_be_compared_is_not_a_number():
    narrow = make_sae("x.hook_a", d_in=16)
    (a, _), (b, _) = store_of(make_sae("x.hook_a")), store_of(narrow, first_doc=1000, vocabulary=20)
    found = latent_overlap(a, 4, b, 4)
    assert all(math.isnan(value) for value in (found.decoder_cosine, found.encoder_cosine, found.correlation))
    assert math.isnan(found.jaccard)
    assert (found.n_rows, found.rows) == (0, "none")
    assert nearest_latents(a, 4, b) == []


def test_nearest_are_those_with_the_largest_cosines():
    first, second = make_sae("x.hook_a"), make_sae("x.hook_a", seed=5)
    (a, _), (b, _) = store_of(first), store_of(second, seed=1)
    cosines = torch.nn.functional.cosine_similarity(second.W_dec.detach(), first.W_dec[4].detach().unsqueeze(0))
    expected = cosines.argsort(descending=True)[:5].tolist()
    found = nearest_latents(a, 4, b, n=5)
    assert [index for index, _ in found] == expected
    assert [value for _, value in found] == pytest.approx(cosines[expected].tolist(), abs=1e-6)
    among = nearest_latents(a, 4, a, n=N_LATENTS)
    assert 4 not in [index for index, _ in among]
    assert len(among) == N_LATENTS - 1


def test_nearest_of_another_width_are_those_that_fire_alike():
    (a, values), (b, _) = store_of(make_sae("x.hook_a")), store_of(make_sae("x.hook_a", d_in=16))
    found = nearest_latents(a, 0, b, n=3)
    assert {index for index, _ in found[:2]} == {0, 1}
    correlations = np.corrcoef(values.T)[0]
    assert found[2][1] == pytest.approx(np.sort(correlations)[-3], abs=1e-5)


def test_latent_that_writes_nothing_is_like_none():
    sae = make_sae("x.hook_a")
    with torch.no_grad():
        sae.W_dec[6] = 0
    store, _ = store_of(sae)
    assert math.isnan(latent_overlap(store, 6, store, 7).decoder_cosine)
    assert nearest_latents(store, 6, store) == []
    assert 6 not in [index for index, _ in nearest_latents(store, 7, store, n=N_LATENTS)]


def test_unknown_latents_are_refused():
    store, _ = store_of(make_sae("x.hook_a"))
    with pytest.raises(ShapeError, match="a latent is 0 to 47 here, got 48"):
        latent_overlap(store, 3, store, 48)
    with pytest.raises(ShapeError, match="got -1"):
        nearest_latents(store, -1, store)
