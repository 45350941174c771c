"""The training step at widths where its quick ways are taken: equal to dense autograd, whatever way is taken.

That the losses are the papers' is tested at small widths, against loops, in test_architectures.
"""

import pytest
import torch
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.sae import proposals, step
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import TAKES_K, SAEConfig
from interp_nb.sae.losses import Objective
from interp_nb.sae.pairs import AllPairs, Pairs
from interp_nb.sae.products import dense_product
from interp_nb.sae.step import StepResult, Workspace, training_step

D_IN, D_SAE, N_ROWS, K = 32, 4096, 700, 8
ARCHITECTURES = ("relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated")
SPARSITY = {"relu": "l1", "jumprelu": "step", "gated": "l1"}


def make(architecture: str, *, sparse: bool = True, **more: object) -> SAE:
    """An SAE of which about 1 % of the latents are active; half of them when it is not to be sparse."""
    cfg = SAEConfig(D_IN, D_SAE, architecture, k=K if architecture in TAKES_K else None, bandwidth=0.3, **more)
    sae = SAE(cfg)
    with torch.no_grad():
        sae.b_dec.normal_(0, 0.2)
        sae.norm_scale.fill_(0.7)
        sae.encoder.div_(sae.encoder.norm(dim=1, keepdim=True))
        if architecture in ("relu", "gated"):
            sae.b_enc.fill_(-1.8 if sparse else 0.0)
        if architecture == "jumprelu":
            sae.log_threshold.fill_(1.9 if sparse else 0.01).log_()
    return sae


def rows(n_rows: int = N_ROWS, seed: int = 0) -> Tensor:
    return torch.randn(n_rows, D_IN, generator=torch.Generator().manual_seed(seed))


def goal(sae: SAE, **more: object) -> Objective:
    return Objective(SPARSITY.get(sae.cfg.architecture, "none"), 0.05, k_aux=16)._replace(**more)


def dense_gradients(sae: SAE, acts: Tensor, objective: Objective, pairs: Pairs | AllPairs) -> dict[str, Tensor]:
    """Plain autograd on every latent, in float64; `pairs` says which are kept where k does the choosing."""
    double = SAE(sae.cfg).double()
    double.load_state_dict({name: value.double() for name, value in sae.state_dict().items()})
    scaled = double.normalize(acts.double())
    pre = dense_product(double.input(scaled), double.encoder, double.b_enc)
    kept = None
    if isinstance(pairs, Pairs) and sae.cfg.k is not None:
        kept = torch.zeros_like(pre, dtype=torch.bool).index_put((pairs.rows, pairs.latents), torch.tensor(True))
    terms = double.architecture.terms(double, pre, AllPairs(*pre.shape, kept), scaled, scaled, objective)
    sum(terms.losses.values()).backward()
    return {name: parameter.grad for name, parameter in double.named_parameters()}


def spied(monkeypatch: pytest.MonkeyPatch) -> list[Pairs | AllPairs]:
    """The pairs that steps choose."""
    seen: list[Pairs | AllPairs] = []
    choose = step.choose

    def remembered(*args: object, **more: object) -> object:
        choice = choose(*args, **more)
        seen.append(choice.pairs)
        return choice

    monkeypatch.setattr(step, "choose", remembered)
    return seen


@pytest.mark.parametrize(
    ("architecture", "sparse", "precision"),
    [(each, True, precision) for each in ARCHITECTURES for precision in step.PRECISIONS]
    + [(each, False, "fp32") for each in ARCHITECTURES if each not in TAKES_K],
)
def test_gradients_are_those_of_dense_autograd(architecture, sparse, precision, monkeypatch):
    monkeypatch.setattr(step, "fast_bfloat16", lambda device: True)
    seen, sae, acts = spied(monkeypatch), make(architecture, sparse=sparse), rows()
    result = training_step(sae, acts, objective=goal(sae), precision=precision)
    assert result.dense is not sparse
    wanted = dense_gradients(sae, acts, goal(sae), seen[0])
    for name, parameter in sae.named_parameters():
        apart = (parameter.grad - wanted[name]).norm() / wanted[name].norm()
        assert float(apart) < 1e-5, name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_memory_of_earlier_steps_changes_nothing(architecture):
    sae, workspace = make(architecture), Workspace()
    for seed in (1, 2):
        training_step(sae, rows(seed=seed), objective=goal(sae), workspace=workspace)
    warm = training_step(sae, rows(), objective=goal(sae), workspace=workspace)
    warm_gradients = [parameter.grad.clone() for parameter in sae.parameters()]
    sae.zero_grad()
    cold = training_step(sae, rows(), objective=goal(sae))
    assert all(torch.equal(a, b.grad) for a, b in zip(warm_gradients, sae.parameters(), strict=True))
    assert {name: value.item() for name, value in warm.losses.items()} == {
        name: value.item() for name, value in cold.losses.items()
    }


def test_low_precision_chooses_what_full_precision_does(monkeypatch):
    monkeypatch.setattr(step, "fast_bfloat16", lambda device: True)
    seen, sae = spied(monkeypatch), make("topk")
    for precision in step.PRECISIONS:
        training_step(sae, rows(), objective=goal(sae), precision=precision)
    assert torch.equal(seen[0].latents, seen[1].latents) and torch.equal(seen[0].offsets, seen[1].offsets)


def test_low_precision_is_not_computed_where_it_is_slow(monkeypatch):
    monkeypatch.setattr(step, "fast_bfloat16", lambda device: False)
    monkeypatch.setattr(proposals.Proposals, "__init__", lambda *_: pytest.fail("low precision was used"))
    sae = make("topk")
    training_step(sae, rows(), objective=goal(sae), precision="candidates_bf16")


def test_result_counts_what_it_says():
    sae, acts = make("batch_topk"), rows()
    result = training_step(sae, acts, objective=goal(sae))
    with torch.no_grad():
        pre = dense_product(sae.input(sae.normalize(acts)), sae.encoder, sae.b_enc)
        edge = pre.flatten().topk(K * N_ROWS).values.min()
        code = torch.where(pre >= edge, pre, 0.0)
        recons = (code @ sae.W_dec + sae.b_dec) / sae.norm_scale
    assert isinstance(result, StepResult) and not result.dense
    assert (result.n_rows, int(result.n_active)) == (N_ROWS, K * N_ROWS)
    assert float(result.l0) == K
    assert torch.equal(result.fired, (code > 0).sum(0))
    assert float(result.threshold) == pytest.approx(float(edge), rel=1e-5)
    assert float(result.squared_error) == pytest.approx(float((recons - acts).pow(2).sum()), rel=1e-4)
    assert not any(value.requires_grad for value in result.losses.values())


def test_k_of_the_step_goes_before_the_configuration():
    sae = make("topk")
    assert float(training_step(sae, rows(), objective=goal(sae), k=3).l0) == 3
    assert float(training_step(sae, rows(), objective=goal(sae)).l0) == K


@pytest.mark.parametrize("k_aux", [16, 10_000])
def test_dead_latents_learn_the_error_and_nothing_else_changes(k_aux):
    sae, acts = make("topk"), rows()
    dead = torch.zeros(D_SAE, dtype=torch.bool)
    dead[::7] = True
    objective = goal(sae, auxk=0.5, k_aux=k_aux)
    training_step(sae, acts, objective=objective)
    before = {name: parameter.grad.clone() for name, parameter in sae.named_parameters()}
    result = training_step(sae, acts, objective=objective, dead=dead)
    extra = {name: parameter.grad - before[name] for name, parameter in sae.named_parameters()}

    sae.zero_grad()
    scaled = sae.normalize(acts)
    pre = dense_product(sae.input(scaled), sae.encoder, sae.b_enc)
    top = pre.topk(K)
    recons = torch.zeros_like(pre).scatter(1, top.indices, torch.relu(top.values)) @ sae.W_dec + sae.b_dec
    best = pre.masked_fill(~dead, -torch.inf).topk(min(k_aux, int(dead.sum()))).indices
    aux = torch.zeros_like(pre).scatter(1, best, torch.relu(pre.gather(1, best))) @ sae.W_dec
    loss = 0.5 * ((scaled - recons).detach() - aux).pow(2).sum() / N_ROWS
    loss.backward()
    assert float(result.losses["auxk"]) == pytest.approx(float(loss.detach()), rel=1e-4)
    for name, parameter in sae.named_parameters():
        torch.testing.assert_close(extra[name], parameter.grad, rtol=1e-3, atol=1e-4, msg=lambda text, n=name: n + text)


def test_every_parameter_gets_a_gradient_even_when_nothing_fires():
    sae = make("relu")
    with torch.no_grad():
        sae.b_enc.fill_(-1e3)
    result = training_step(sae, rows(), objective=goal(sae))
    assert int(result.n_active) == 0
    assert not sae.encoder.grad.any() and not sae.W_dec.grad.any() and bool(sae.b_dec.grad.any())


def test_gradients_stay_where_they_are():
    sae, workspace, places = make("batch_topk"), Workspace(), []
    for seed in range(3):
        training_step(sae, rows(seed=seed), objective=goal(sae), workspace=workspace)
        places.append((sae.encoder.grad.data_ptr(), sae.W_dec.grad.data_ptr()))
    assert len(set(places)) == 1


def test_gradients_of_a_step_before_do_not_leak():
    sae = make("topk")
    training_step(sae, 100 * rows(seed=5), objective=goal(sae))
    training_step(sae, rows(), objective=goal(sae))
    dirty = [parameter.grad.clone() for parameter in sae.parameters()]
    sae.zero_grad()
    training_step(sae, rows(), objective=goal(sae))
    assert all(torch.equal(a, b.grad) for a, b in zip(dirty, sae.parameters(), strict=True))


def test_one_row_is_a_batch():
    for architecture in ARCHITECTURES:
        sae = make(architecture)
        assert training_step(sae, rows(1), objective=goal(sae)).n_rows == 1


def test_unknown_precision_is_refused():
    sae = make("topk")
    with pytest.raises(ConfigError, match="precision must be 'fp32' or 'candidates_bf16', got 'fp8'"):
        training_step(sae, rows(), objective=goal(sae), precision="fp8")


def test_grad_mode_of_the_caller_does_not_matter():
    sae = make("topk")
    with torch.no_grad():
        training_step(sae, rows(), objective=goal(sae))
    assert bool(sae.encoder.grad.any())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: run pytest -m gpu where there is one")
@pytest.mark.parametrize("precision", ["fp32", "candidates_bf16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gpu_computes_what_the_cpu_does(architecture, precision, monkeypatch):
    here, acts = make(architecture), rows()
    there = make(architecture)
    there.load_state_dict(here.state_dict())
    there.cuda()
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", False)
    dead = torch.arange(D_SAE) % 11 == 0
    ours = training_step(here, acts, objective=goal(here, auxk=0.1), dead=dead)
    result = training_step(there, acts.cuda(), objective=goal(there, auxk=0.1), dead=dead.cuda(), precision=precision)
    assert float(result.l0) == pytest.approx(float(ours.l0), abs=0.01)
    for (name, parameter), other in zip(here.named_parameters(), there.parameters(), strict=True):
        apart = (parameter.grad - other.grad.cpu()).norm() / parameter.grad.norm()
        assert float(apart) < 1e-3, name
