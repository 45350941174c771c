"""Every architecture in every wiring: both layouts and the training step against the loops, values and gradients."""

import pytest
import torch
from torch import Tensor

from interp_nb.sae.coder import SAE
from interp_nb.sae.losses import Objective
from interp_nb.sae.pairs import AllPairs, Pairs
from interp_nb.sae.products import dense_product
from interp_nb.sae.select import choose
from interp_nb.sae.step import training_step
from interp_nb.sae.survivors import Reading
from tests.oracles.sae_loops import Slow, slow_step
from tests.unit.sae.sae_cases import CASES, D_SAE, case_id, make_batch, make_sae, objective

DEAD = [i % 3 == 1 for i in range(D_SAE)]


def slowly(sae: SAE, acts: Tensor, targets: Tensor, goal: Objective, dead: list[bool] | None = None) -> Slow:
    weights = {name: value.double().tolist() for name, value in sae.named_parameters()}
    return slow_step(sae.cfg, weights, acts.double().tolist(), targets.double().tolist(), goal, dead)


def kept_pairs(sae: SAE, acts: Tensor) -> Pairs:
    """The pairs that the architecture's rule lets learn, whatever their share."""
    found = choose(Reading(sae.input(acts).detach(), sae.encoder.detach(), sae.b_enc.detach(), sae.encoder_sites),
                   sae.architecture.rule(sae)).pairs  # fmt: skip
    if isinstance(found, Pairs):
        return found
    cut = sae.architecture.rule(sae).cut
    mask = dense_product(sae.input(acts), sae.encoder, sae.b_enc, sae.encoder_sites) > cut
    return Pairs(mask.nonzero()[:, 1], torch.nn.functional.pad(mask.sum(1).cumsum(0), (1, 0)), sae.cfg.d_sae)


def lay_out(sae: SAE, acts: Tensor, layout: str) -> tuple[Pairs | AllPairs, Tensor]:
    """Pre-activations with their gradient by plain autograd, in a layout."""
    pairs = kept_pairs(sae, acts)
    pre = dense_product(sae.input(acts), sae.encoder, sae.b_enc, sae.encoder_sites)
    if layout == "pairs":
        return pairs, pre[pairs.rows, pairs.latents]
    kept = torch.zeros_like(pre, dtype=torch.bool).index_put((pairs.rows, pairs.latents), torch.tensor(True))
    return AllPairs(*pre.shape, kept if sae.cfg.k is not None else None), pre


def check_gradients(sae: SAE, slow: Slow, tolerance: float) -> None:
    for name, parameter in sae.named_parameters():
        expected = torch.tensor(slow.gradients[name], dtype=torch.float64)
        assert parameter.grad is not None, name
        difference = (parameter.grad.double() - expected).abs().max()
        assert difference <= tolerance * (1 + expected.abs().max()), name


@pytest.mark.parametrize("layout", ["pairs", "all"])
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_terms_and_gradients_are_those_of_the_loops(case, layout):
    kind, architecture, sparsity, norm = case
    sae, goal = make_sae(kind, architecture, norm), objective(sparsity)
    acts, targets = make_batch(sae)
    pairs, pre = lay_out(sae, acts, layout)
    terms = sae.architecture.terms(sae, pre, pairs, acts, targets, goal)
    sum(terms.losses.values()).backward()
    slow = slowly(sae, acts, targets, goal)
    assert {name: value.item() for name, value in terms.losses.items()} == pytest.approx(slow.losses, rel=1e-10)
    torch.testing.assert_close(terms.recons, torch.tensor(slow.recons, dtype=torch.float64), rtol=1e-10, atol=1e-10)
    check_gradients(sae, slow, 1e-10)
    assert any(value > 0 for row in slow.values for value in row), "nothing fires: the case tests nothing"


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_training_step_is_that_of_the_loops_dead_latents_included(case, dtype, tolerance):
    kind, architecture, sparsity, norm = case
    sae, goal = make_sae(kind, architecture, norm, dtype), objective(sparsity)
    acts, targets = make_batch(sae)
    result = training_step(sae, acts, targets, objective=goal, dead=torch.tensor(DEAD))
    slow = slowly(sae, acts, targets, goal, DEAD)
    found = {name: value.item() for name, value in result.losses.items() if name != "loss"}
    assert found == pytest.approx(slow.losses, rel=tolerance)
    check_gradients(sae, slow, tolerance)
    fired = [sum(row[i] > 0 for row in slow.values) for i in range(D_SAE)]
    assert result.fired.tolist() == fired


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_scaled_inputs_train_the_same_weights(case):
    """norm_scale on raw activations is the same as scaled activations without it."""
    kind, architecture, sparsity, norm = case
    plain, scaled, goal = make_sae(kind, architecture, norm), make_sae(kind, architecture, norm), objective(sparsity)
    acts, targets = make_batch(plain)
    scaled.set_scales(0.5, *([0.25] if scaled.has_own_targets else []))
    training_step(plain, acts, targets, objective=goal)
    training_step(scaled, acts * 2, targets * (4 if scaled.has_own_targets else 2), objective=goal)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(dict(scaled.named_parameters())[name].grad, parameter.grad, rtol=1e-12, atol=1e-12)


def test_cases_exercise_what_they_are_for():
    """Some pair lies in JumpReLU's window on either side; some gate is open where the magnitude is negative."""
    sae = make_sae("sae", "jumprelu", "unit")
    acts, _ = make_batch(sae)
    offset = sae.pre_acts(acts) - sae.threshold
    assert ((offset > 0) & (offset < 0.4)).any() and ((offset < 0) & (offset > -0.4)).any()
    gated = make_sae("sae", "gated", "unit")
    gate = gated.pre_acts(acts)
    magnitude = gated.r_mag.exp() * (gate - gated.b_enc) + gated.b_mag
    assert ((gate > 0) & (magnitude <= 0)).any()
