"""Sampling: right odds, shared noise, filters, and streams that do not depend on who else is in the batch."""

import pytest
import torch


def draws(n, logits, **options):
    from interp_nb.steering.sampling import Sampler

    sampler = Sampler(1, 1, temperature=1.0, **options)
    return torch.stack([sampler.choose(logits, sampler.noise(logits)) for _ in range(n)]).flatten()


def test_tokens_are_drawn_with_their_probabilities():
    logits = torch.tensor([[0.0, 1.0, 2.0, -torch.inf]])
    found = draws(20_000, logits).bincount(minlength=4) / 20_000
    assert torch.allclose(found, logits[0].softmax(0), atol=0.015)
    assert found[3] == 0


def test_top_k_and_top_p_leave_the_likeliest():
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    assert set(draws(500, logits, top_k=2).tolist()) == {0, 1}
    # 0.64, 0.24, 0.09, 0.03: the second is needed to reach 0.7, the third is not.
    assert set(draws(500, logits, top_p=0.7).tolist()) == {0, 1}
    assert set(draws(200, logits, top_p=0.01).tolist()) == {0}


def test_noise_is_a_function_of_seed_prompt_sample_and_step():
    from interp_nb.steering.sampling import Sampler

    like = torch.zeros(6, 50)
    many, few = Sampler(3, 2, temperature=1.0, seed=5), Sampler(1, 2, temperature=1.0, seed=5)
    for _ in range(3):
        all_noise, first = many.noise(like), few.noise(like[:2])
        assert torch.equal(all_noise[:2], first)
    assert len({tuple(row.tolist()) for row in all_noise}) == 6
    other = Sampler(1, 2, temperature=1.0, seed=6)
    assert not torch.equal(other.noise(like[:2]), Sampler(1, 2, temperature=1.0, seed=5).noise(like[:2]))


def test_greedy_takes_no_noise_and_leaves_global_randomness_alone():
    from interp_nb.steering.sampling import Sampler

    before = torch.get_rng_state()
    sampler = Sampler(1, 1)
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    assert sampler.noise(logits) is None
    assert sampler.choose(logits, None).tolist() == [1]
    Sampler(1, 1, temperature=1.0).noise(logits)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "options", [{"temperature": -1.0}, {"temperature": float("inf")}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}]
)
def test_numbers_outside_of_their_range_are_refused(options):
    from interp_nb._errors import ConfigError
    from interp_nb.steering.sampling import Sampler

    with pytest.raises(ConfigError, match=next(iter(options))):
        Sampler(1, 1, **options)
