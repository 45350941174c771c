"""The two products on pairs: values and gradients are those of dense autograd, in either layout."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interp_nb.sae import bags
from interp_nb.sae.pairs import AllPairs, Pairs, Spare
from interp_nb.sae.products import decode_pairs, decode_prefixes, encode_pairs, pair_dots

N_ROWS, D_SAE, D_IN, D_OUT = 7, 12, 6, 5


def some_mask(share: float = 0.3) -> Tensor:
    """Which pairs there are: rows and latents with none are among them."""
    mask = torch.rand(N_ROWS, D_SAE) < share
    mask[2], mask[:, 3] = False, False
    return mask


def listed(mask: Tensor, **more: object) -> Pairs:
    return Pairs(mask.nonzero()[:, 1], F.pad(mask.sum(1).cumsum(0), (1, 0)), mask.shape[1], **more)


def leaf(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def site_product(acts: Tensor, encoder: Tensor, b_enc: Tensor, n_sites: int) -> Tensor:
    """Each site's activations with the latents that read it, by plain autograd."""
    parts = zip(acts.chunk(n_sites, 1), encoder.chunk(n_sites), strict=True)
    return torch.cat([site @ part.T for site, part in parts], 1) + b_enc


def same_gradients(ours: Tensor, theirs: Tensor, leaves: list[Tensor], tolerance: float = 1e-12) -> None:
    weight = torch.randn_like(ours)
    found = torch.autograd.grad((ours * weight).sum(), leaves)
    wanted = torch.autograd.grad((theirs * weight).sum(), leaves)
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n_sites", [1, 2])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("layout", ["pairs", "all"])
def test_encode_pairs_is_dense_autograd(layout, known, n_sites):
    mask = some_mask()
    pairs = listed(mask) if layout == "pairs" else AllPairs(N_ROWS, D_SAE)
    acts, encoder, b_enc, center = leaf(N_ROWS, D_IN), leaf(D_SAE, D_IN // n_sites), leaf(D_SAE), leaf(D_IN)
    dense = site_product(acts - center, encoder, b_enc, n_sites)
    wanted = dense[mask] if layout == "pairs" else dense
    pre = wanted.detach() if known else None
    found = encode_pairs((acts - center).detach(), encoder, b_enc, pairs, pre, center=center, n_sites=n_sites)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    same_gradients(found, wanted, [encoder, b_enc, center])
    through_acts = encode_pairs(acts, encoder, b_enc, pairs, pre, n_sites=n_sites)
    plain = site_product(acts, encoder, b_enc, n_sites)
    same_gradients(through_acts, plain[mask] if layout == "pairs" else plain, [acts, encoder, b_enc])


@pytest.mark.parametrize("layout", ["pairs", "all"])
def test_decode_pairs_is_dense_autograd(layout):
    mask, W_dec = some_mask(), leaf(D_SAE, D_OUT)
    pairs = listed(mask) if layout == "pairs" else AllPairs(N_ROWS, D_SAE)
    values = leaf(int(mask.sum())) if layout == "pairs" else leaf(N_ROWS, D_SAE)
    code = torch.zeros(N_ROWS, D_SAE, dtype=torch.float64).masked_scatter(mask, values) if layout == "pairs" else values
    found = decode_pairs(values, pairs, W_dec)
    torch.testing.assert_close(found, code @ W_dec)
    same_gradients(found, code @ W_dec, [values, W_dec])


@pytest.mark.parametrize("layout", ["pairs", "all"])
def test_decode_prefixes_are_the_decodings_of_the_first_latents(layout):
    mask, W_dec, offset, widths = some_mask(0.6), leaf(D_SAE, D_OUT), leaf(D_OUT), (2, 3, 7, D_SAE)
    pairs = listed(mask) if layout == "pairs" else AllPairs(N_ROWS, D_SAE)
    values = leaf(int(mask.sum())) if layout == "pairs" else leaf(N_ROWS, D_SAE)
    code = torch.zeros(N_ROWS, D_SAE, dtype=torch.float64).masked_scatter(mask, values) if layout == "pairs" else values
    found = torch.stack(decode_prefixes(values, pairs, W_dec, widths, offset))
    wanted = torch.stack([code[:, :width] @ W_dec[:width] + offset for width in widths])
    torch.testing.assert_close(found, wanted)
    same_gradients(found, wanted, [values, W_dec, offset])


@pytest.mark.parametrize("layout", ["pairs", "all"])
def test_numerical_gradients_agree(layout):
    mask = some_mask()
    pairs = listed(mask) if layout == "pairs" else AllPairs(N_ROWS, D_SAE)
    acts, encoder, b_enc, W_dec = leaf(N_ROWS, D_IN), leaf(D_SAE, D_IN), leaf(D_SAE), leaf(D_SAE, D_OUT)
    assert torch.autograd.gradcheck(
        lambda *leaves: decode_pairs(torch.relu(encode_pairs(*leaves[:3], pairs)), pairs, leaves[3]),
        (acts, encoder, b_enc, W_dec),
    )


def test_a_parameter_used_twice_has_both_gradients():
    mask, W_dec = some_mask(), leaf(D_SAE, D_OUT)
    W_dec.grad = torch.full_like(W_dec, 7.0)
    pairs, values = listed(mask, spare=Spare([W_dec])), leaf(int(mask.sum()))
    (decode_pairs(values, pairs, W_dec).sum() + decode_pairs(2 * values, pairs, W_dec).sum()).backward()
    code = torch.zeros(N_ROWS, D_SAE, dtype=torch.float64).masked_scatter(mask, values.detach())
    torch.testing.assert_close(W_dec.grad, 3 * code.sum(0)[:, None].expand(-1, D_OUT))


def test_gradients_are_written_over_the_last_ones():
    mask = some_mask()
    W_dec, encoder, b_enc = leaf(D_SAE, D_OUT), leaf(D_SAE, D_IN), leaf(D_SAE)
    acts, addresses = torch.randn(N_ROWS, D_IN, dtype=torch.float64), []
    for _ in range(3):
        pairs = listed(mask, spare=Spare([W_dec, encoder]))
        decode_pairs(encode_pairs(acts, encoder, b_enc, pairs), pairs, W_dec).sum().backward()
        addresses.append((W_dec.grad.data_ptr(), encoder.grad.data_ptr()))
    assert addresses[0] == addresses[1] == addresses[2]


@pytest.mark.parametrize("layout", ["pairs", "all"])
def test_encoder_gradient_of_sites_is_written_over_the_last_one(layout):
    mask = some_mask()
    acts, encoder, b_enc = leaf(N_ROWS, D_IN), leaf(D_SAE, D_IN // 2), leaf(D_SAE)
    pre = site_product(acts, encoder, b_enc, 2)
    wanted = torch.autograd.grad((pre[mask] if layout == "pairs" else pre).sum(), encoder)[0]
    encoder.grad = torch.full_like(encoder, 7.0)
    spare = Spare([encoder])
    pairs = listed(mask, spare=spare) if layout == "pairs" else AllPairs(N_ROWS, D_SAE, spare=spare)
    encode_pairs(acts.detach(), encoder, b_enc, pairs, n_sites=2).sum().backward()
    torch.testing.assert_close(encoder.grad, wanted)


def test_weight_gradients_in_pieces_are_those_at_once(monkeypatch):
    mask = some_mask()
    W_dec, grads = leaf(D_SAE, D_OUT), []
    values = torch.randn(int(mask.sum()), dtype=torch.float64)
    for n_bytes in (1, 3 * D_OUT * 8, 5 * D_OUT * 8, 1 << 20):
        monkeypatch.setattr(bags, "IN_CACHE", n_bytes)
        W_dec.grad = None
        decode_pairs(values, listed(mask), W_dec).pow(2).sum().backward()
        grads.append(W_dec.grad)
    assert all(torch.equal(grad, grads[0]) for grad in grads)


def test_no_pairs_reconstruct_nothing_and_teach_nothing():
    pairs = listed(torch.zeros(N_ROWS, D_SAE, dtype=torch.bool))
    acts, encoder, b_enc, W_dec = leaf(N_ROWS, D_IN), leaf(D_SAE, D_IN), leaf(D_SAE), leaf(D_SAE, D_OUT)
    recons = decode_pairs(encode_pairs(acts, encoder, b_enc, pairs), pairs, W_dec)
    assert torch.equal(recons, torch.zeros(N_ROWS, D_OUT, dtype=torch.float64))
    recons.sum().backward()
    assert all(not each.grad.any() for each in (acts, encoder, b_enc, W_dec))


def test_layouts_gather_and_count_alike():
    mask, per_latent = some_mask(), torch.randn(D_SAE, requires_grad=True)
    values = torch.randn(N_ROWS, D_SAE)
    pairs, every = listed(mask), AllPairs(N_ROWS, D_SAE, mask)
    assert torch.equal(pairs.of_latent(per_latent), every.of_latent(per_latent).expand(N_ROWS, -1)[mask])
    assert torch.equal(pairs.keep(values[mask]), every.keep(values)[mask])
    assert not every.keep(values)[~mask].any()
    assert torch.equal(pairs.counts(values[mask] > 0), every.counts(every.keep(values) > 0))
    assert torch.equal(pairs.rows, mask.nonzero()[:, 0])


def test_by_latent_is_sorted_and_keeps_rows_in_order():
    mask = some_mask(0.5)
    found = listed(mask).by_latent
    assert torch.equal(torch.stack([found.latents, found.rows], 1), mask.T.nonzero())
    assert torch.equal(found.starts, F.pad(mask.sum(0).cumsum(0), (1, 0))[:-1])


def test_pair_dots_have_no_gradient():
    mask = some_mask()
    acts, encoder, b_enc = leaf(N_ROWS, D_IN), leaf(D_SAE, D_IN), leaf(D_SAE)
    dots = pair_dots(acts, encoder, b_enc, listed(mask))
    assert not dots.requires_grad
    torch.testing.assert_close(dots, (acts @ encoder.T + b_enc).detach()[mask])
