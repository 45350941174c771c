"""Scores on random repeated tokens, and copying from weights."""

import pytest
import torch

from interp_nb.heads import attention, head_roles
from interp_nb.heads.battery import repeated_random_tokens
from interp_nb.heads.copying import copying_scores, eigenvalue_share
from interp_nb.heads.roles import pattern_scores
from tests.tiny_models import ARCHITECTURES, N_CTX, HandMade, shared

ROLES = ["previous_token", "duplicate_token", "induction", "first_token", "self", "copying", "entropy"]


def test_scores_are_the_mean_over_the_prompts():
    model = shared("gpt2")
    roles = head_roles(model, n_prompts=3, seq_len=6, seed=4)
    prompts = repeated_random_tokens(model, n_prompts=3, seq_len=6, seed=4)
    each = [pattern_scores(attention(model, tokens).patterns, tokens) for tokens in prompts]
    assert roles.roles == ROLES
    for role in ROLES:
        if role != "copying":
            torch.testing.assert_close(roles.role(role), torch.stack([scores[role] for scores in each]).mean(0))
    assert roles.provenance["seed"] == 4
    assert (roles.provenance["n_prompts"], roles.provenance["seq_len"]) == (3, 6)
    assert roles.prompt == ""


def test_prompts_are_a_block_of_ordinary_tokens_said_twice():
    model = shared("gpt2")
    prompts = repeated_random_tokens(model, n_prompts=5, seq_len=7)
    assert prompts.shape == (5, 15)
    assert (prompts[:, 0] == model.tokenizer.bos_token_id).all()
    assert torch.equal(prompts[:, 1:8], prompts[:, 8:])
    assert not torch.isin(prompts[:, 1:], torch.tensor(model.tokenizer.all_special_ids)).any()
    assert all(len(set(row[1:8].tolist())) == 7 for row in prompts)
    assert len({tuple(row.tolist()) for row in prompts}) == 5


def test_seed_decides_and_global_random_state_is_left_alone():
    model = shared("gpt2")
    before = torch.random.get_rng_state()
    first = head_roles(model, n_prompts=2, seq_len=5, seed=1)
    torch.manual_seed(99)
    torch.rand(3)
    assert head_roles(model, n_prompts=2, seq_len=5, seed=1) == first
    assert head_roles(model, n_prompts=2, seq_len=5, seed=2) != first
    torch.random.set_rng_state(before)
    head_roles(model, n_prompts=1, seq_len=5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_default_block_fits_the_context():
    assert repeated_random_tokens(shared("gpt2"), n_prompts=1).shape[1] == 1 + 2 * ((N_CTX - 1) // 2)


def test_a_model_without_a_tokenizer_draws_from_its_whole_vocabulary():
    prompts = repeated_random_tokens(HandMade(), n_prompts=40, seq_len=4)
    assert prompts.shape == (40, 8)
    assert set(prompts.flatten().tolist()) == set(range(10))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_copying_does_not_depend_on_folding(architecture):
    # Norm gains of these models are not 1, so this fails if a gain, an offset or a centering is left out.
    plain, folded = (copying_scores(shared(architecture, fold=fold), [0, 1]) for fold in (False, True))
    assert plain.abs().max() > 0.01
    assert plain.abs().max() <= 1.0
    torch.testing.assert_close(plain, folded, atol=2e-4, rtol=1e-3)


def test_copying_is_that_of_the_whole_vocabulary_square():
    model = shared("gpt2", fold=True)
    head = model.W_E.double() @ model.W_V[1, 2].double() @ model.W_O[1, 2].double() @ model.W_U.double()
    eigenvalues = torch.linalg.eigvals(head)
    slow = float(eigenvalues.real.sum() / eigenvalues.abs().sum())
    assert float(copying_scores(model, [0, 1])[1, 2]) == pytest.approx(slow, abs=1e-3)


def test_eigenvalue_share_is_what_paper_says():
    rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    mixed = torch.diag(torch.tensor([3.0, -1.0]))
    shares = eigenvalue_share(torch.stack([torch.eye(2), -torch.eye(2), rotation, mixed]))
    torch.testing.assert_close(shares, torch.tensor([1.0, -1.0, 0.0, 0.5]))


def test_copying_of_a_model_without_visible_weights_is_unknown():
    assert copying_scores(HandMade(), [0, 1]).isnan().all()
