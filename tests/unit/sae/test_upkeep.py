"""Before and around the optimizer: bias and weights at the start, norms, dead latents."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.initialize import geometric_median, initialize_
from interp_nb.sae.train_config import TrainConfig
from interp_nb.sae.upkeep import (
    finish_gradients,
    finish_weights,
    normalize_decoder_,
    remove_parallel_gradient_,
    resample_dead_,
)
from tests.unit.sae.sae_cases import make_batch, make_sae


def distances(points: torch.Tensor, center: torch.Tensor) -> float:
    return float((points - center).norm(dim=1).sum())


def test_geometric_median_of_a_right_triangle():
    # Where three points see each other at 120 degrees; of (0 0), (1 0), (0 1) that is ((3 - sqrt 3) / 6, the same).
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    expected = (3 - 3**0.5) / 6
    assert geometric_median(points, 10_000, 1e-14).tolist() == pytest.approx([expected, expected], abs=1e-9)


def test_geometric_median_may_be_a_point_of_the_data():
    points = torch.tensor([[0.0, 0.0]] * 3 + [[5.0, 1.0], [9.0, -3.0]])
    assert geometric_median(points).abs().max() < 1e-4
    assert torch.equal(geometric_median(torch.ones(4, 3)), torch.ones(3))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_no_point_near_the_geometric_median_is_better(seed):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    median = geometric_median(points, 1000, 1e-12)
    best = distances(points, median)
    for _ in range(10):
        step = torch.randn(3, generator=generator, dtype=torch.float64) * 0.05
        assert best <= distances(points, median + step) + 1e-9


def test_an_outlier_moves_the_mean_and_not_the_median():
    acts = torch.randn(200, 4)
    acts[0] = 1e4
    for how, moved in (("geometric_median", False), ("mean", True), ("zero", False)):
        sae = SAE(SAEConfig(4, 8, k=2))
        initialize_(sae, acts, acts, TrainConfig(b_dec_init=how), torch.Generator().manual_seed(0))
        assert bool(sae.b_dec.norm() > 10) == moved
    assert torch.equal(sae.b_dec, torch.zeros(4))


def test_bias_is_in_scaled_units_and_from_the_targets():
    sae = SAE(SAEConfig(4, 8, k=2, kind="transcoder", d_out=3))
    sae.set_scales(2.0, 0.5)
    targets = torch.full((5, 3), 4.0)
    initialize_(sae, torch.randn(5, 4), targets, TrainConfig(b_dec_init="mean"), torch.Generator())
    torch.testing.assert_close(sae.b_dec, torch.full((3,), 2.0))


def test_a_cross_layer_transcoder_starts_with_zeros_where_it_may_not_write():
    sae = SAE(SAEConfig(4, 6, "relu", kind="clt", n_sites=2))
    assert torch.equal(sae.W_dec[3:, :2], torch.zeros(3, 2))
    assert (sae.W_dec[:3] != 0).all() and (sae.W_dec[3:, 2:] != 0).all()


@pytest.mark.parametrize("d_sae", [3, 2500])
def test_parallel_gradient_is_removed_and_nothing_else(d_sae):
    weight = torch.nn.Parameter(torch.randn(d_sae, 5, dtype=torch.float64))
    gradient = torch.randn(d_sae, 5, dtype=torch.float64)
    weight.grad = gradient.clone()
    remove_parallel_gradient_(weight)
    rows = weight.detach()
    along = (gradient * rows).sum(1, keepdim=True) / rows.pow(2).sum(1, keepdim=True) * rows
    torch.testing.assert_close(weight.grad, gradient - along)
    assert (weight.grad * rows).sum(1).abs().max() < 1e-12


def test_rows_get_norm_one_and_zeros_stay():
    weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    normalize_decoder_(weight)
    assert weight.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]
    weight.grad = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    remove_parallel_gradient_(weight)
    assert weight.grad.isfinite().all()


def test_free_norms_are_left_alone():
    for norm, changed in (("unit", True), ("free", False)):
        sae = make_sae("sae", "relu", norm)
        sae.W_dec.grad = torch.ones_like(sae.W_dec)
        before = sae.W_dec.detach().clone()
        finish_gradients(sae)
        finish_weights(sae)
        assert torch.equal(sae.W_dec.grad, torch.ones_like(before)) != changed
        assert torch.equal(sae.W_dec.detach(), before) != changed


@pytest.mark.parametrize("kind", ["sae", "transcoder", "crosscoder", "clt"])
@pytest.mark.parametrize("architecture", ["relu", "jumprelu", "gated"])
def test_resampled_latents_fire_on_rows_that_were_missed(kind, architecture):
    sae = make_sae(kind, architecture, "free")
    with torch.no_grad():
        sae.b_enc.fill_(-0.5)
    acts, targets = make_batch(sae, 40)
    # One row is missed far more than all others: every resampled latent points at it.
    targets = targets.clone()
    targets[7] += 100
    if not sae.has_own_targets:
        acts = targets
    optimizer = torch.optim.Adam(sae.parameters(), fused=True)
    for parameter in sae.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    with torch.no_grad():
        sae.W_dec.copy_(sae.decoder())
    dead = torch.arange(12) % 2 == 0
    before = {name: value.clone() for name, value in sae.state_dict().items()}
    assert resample_dead_(sae, dead, acts, targets, optimizer, torch.Generator().manual_seed(0)) == 6
    assert (sae.encode(acts[7])[dead] > 0).all()
    for name, value in sae.named_parameters():
        moments = optimizer.state[value]["exp_avg"]
        if len(value) == 12 and name not in ("b_dec",):
            assert torch.equal(value[~dead], before[name][~dead]), name
            assert (moments[dead] == 0).all() and (moments[~dead] != 0).all(), name
    living = before["encoder"][~dead].norm(dim=1).mean()
    torch.testing.assert_close(sae.encoder[dead].norm(dim=1), (0.2 * living).expand(6))
    assert torch.equal(sae.W_dec, sae.decoder())


def test_resampling_nothing_changes_nothing():
    sae = make_sae("sae", "topk", "unit")
    acts, _ = make_batch(sae)
    before = {name: value.clone() for name, value in sae.state_dict().items()}
    assert resample_dead_(sae, torch.zeros(12, dtype=torch.bool), acts, acts, None, torch.Generator()) == 0
    assert all(
        torch.equal(value, before[name]) or name == "running_threshold" for name, value in sae.state_dict().items()
    )


def test_resampling_all_latents_still_gives_finite_weights():
    sae = make_sae("sae", "topk", "unit")
    acts, _ = make_batch(sae)
    assert resample_dead_(sae, torch.ones(12, dtype=torch.bool), acts, acts, None, torch.Generator()) == 12
    assert all(value.isfinite().all() for value in sae.parameters())
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(12, dtype=torch.float64))
