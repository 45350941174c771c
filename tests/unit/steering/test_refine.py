"""Refined vectors: the loss on paper and by finite differences, the budget, a model that stays as it was."""

import math

import pytest
import torch

from interp_nb._errors import ConfigError, PromptError, VectorMismatchError
from interp_nb.models.edit import edit, forward
from interp_nb.steering.refine import BETA, refine_vector
from interp_nb.steering.vectors import SteeringVector
from tests.tiny_models import make, shared

EXAMPLES = [("The Eiffel Tower is in", " Paris", " Rome"), ("John gave a drink", " to Mary", " to the store")]


def start(norm=4.0, layers=(0, 1), seed=0):
    rows = torch.randn(len(layers), 32, generator=torch.Generator().manual_seed(seed))
    return SteeringVector.of(norm * rows / rows.norm(dim=1, keepdim=True), list(layers), name="v")


def answer_log_prob(model, prompt, answer, hooks=()):
    """Log-probability of an answer's tokens, one text alone."""
    first = model.to_tokens(prompt)
    tokens = torch.cat([first, model.to_tokens(answer, prepend_bos=False)], 1)
    log_probs = forward(model, tokens, hooks=list(hooks))[0].log_softmax(-1)
    places = range(first.shape[1], tokens.shape[1])
    return sum(float(log_probs[at - 1, tokens[0, at]]) for at in places)


def loss_by_hand(model, row, examples, hook, beta=BETA):
    def add(x, _):
        moved = x + row
        moved[:, 0] = x[:, 0]
        return moved

    total = 0.0
    for prompt, wanted, unwanted in examples:
        gains = [
            answer_log_prob(model, prompt, answer, [(hook, add)]) - answer_log_prob(model, prompt, answer)
            for answer in (wanted, unwanted)
        ]
        total += math.log1p(math.exp(-beta * (gains[0] - gains[1])))
    return total / len(examples)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gemma2"])
def test_losses_are_those_of_single_texts(architecture):
    model = shared(architecture)
    found = refine_vector(model, start(), EXAMPLES, layer=0, n_steps=3)
    losses = found.provenance["losses"]
    assert len(losses) == 4
    assert losses[0] == pytest.approx(
        loss_by_hand(model, start().vectors[0], EXAMPLES, "blocks.0.hook_resid_post"), abs=1e-4
    )
    after = loss_by_hand(model, found.vectors[0], EXAMPLES, "blocks.0.hook_resid_post")
    assert min(losses) == pytest.approx(after, abs=1e-4)
    assert after < losses[0]


def test_batches_change_nothing(tiny_model):
    whole = refine_vector(tiny_model, start(), EXAMPLES, n_steps=5)
    parts = refine_vector(tiny_model, start(), EXAMPLES, n_steps=5, batch_size=2)
    assert torch.allclose(whole.vectors, parts.vectors, atol=1e-4)


def test_first_step_follows_the_gradient(tiny_model):
    """Adam's first step is the sign of the gradient: compared with finite differences of the loss by hand."""
    vector = start(layers=(1,))
    hook, size = "blocks.1.hook_resid_post", 1e-3
    found = refine_vector(tiny_model, vector, EXAMPLES, n_steps=1, learning_rate=1e-3, max_norm=100.0)
    moved = (found.vectors - vector.vectors)[0]
    checked = 0
    for at in range(0, 32, 3):
        losses = []
        for sign in (1, -1):
            row = vector.vectors[0].clone()
            row[at] += sign * size
            losses.append(loss_by_hand(tiny_model, row, EXAMPLES, hook))
        slope = (losses[0] - losses[1]) / (2 * size)
        if abs(slope) > 2e-4:
            assert math.copysign(1, float(moved[at])) == -math.copysign(1, slope), at
            checked += 1
    assert checked >= 5


def test_loss_falls_and_the_norm_keeps_to_its_budget(tiny_model):
    vector = start()
    for budget in (None, 1.0, 9.0):
        found = refine_vector(tiny_model, vector, EXAMPLES, n_steps=15, max_norm=budget)
        assert float(found.norm) <= (float(vector.norm[1]) if budget is None else budget)
        losses = found.provenance["losses"]
        assert min(losses) < losses[0]
        assert found.note == f"refined on 2 examples: loss {losses[0]:.3f} before, {min(losses):.3f} after"
    assert (found.layers, found.method, found.name) == ([1], "refined", "v, refined")
    assert found.provenance["terms"][0]["name"] == "v"
    assert repr(found) == "SteeringVector(v, refined, refined by gradient, resid_post, layer 1)"


def test_model_and_vector_stay_as_they_were(tiny_model):
    vector = start()
    before = vector.vectors.clone()
    refine_vector(tiny_model, vector, EXAMPLES, n_steps=2)
    assert torch.equal(vector.vectors, before)
    assert all(parameter.grad is None for parameter in tiny_model.original_model.parameters())


def test_gradients_of_a_model_that_is_being_trained_are_left_alone():
    model = make("gpt2")
    for parameter in model.original_model.parameters():
        parameter.requires_grad_(True)
        parameter.grad = torch.ones_like(parameter)
    refine_vector(model, start(), EXAMPLES, n_steps=2)
    assert all(bool((parameter.grad == 1).all()) for parameter in model.original_model.parameters())
    assert all(parameter.requires_grad for parameter in model.original_model.parameters())


def test_same_call_same_vector(tiny_model):
    one, other = (refine_vector(tiny_model, start(), EXAMPLES, n_steps=3) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("site", ["mlp_out", "z", "resid_mid"])
def test_any_site(tiny_model, site):
    vector = SteeringVector.of(start(layers=(0,)).vectors, [0], site=site)
    losses = refine_vector(tiny_model, vector, EXAMPLES, n_steps=8).provenance["losses"]
    assert min(losses) < losses[0]


@pytest.mark.parametrize(
    ("examples", "options", "error", "said"),
    [
        ([], {}, ConfigError, "at least one"),
        ("text", {}, ConfigError, "must be a list"),
        ([("a", "b")], {}, ConfigError, r"example 0 must be \(prompt, wanted answer, unwanted answer\)"),
        ([EXAMPLES[0], ("a", " b", " b")], {}, ConfigError, "example 1 wants and does not want the same answer"),
        ([("a", " b", "")], {}, PromptError, "example 0, unwanted: its answer is empty"),
        ([("", " b", " c")], {}, PromptError, "example 0, wanted: prompt is empty"),
        ([("Paris " * 60, " b", " c")], {}, PromptError, "context holds 40"),
        (EXAMPLES, {"n_steps": 0}, ConfigError, "n_steps must be at least 1"),
        (EXAMPLES, {"max_norm": -1.0}, ConfigError, "max_norm must be positive"),
        (EXAMPLES, {"learning_rate": math.nan}, ConfigError, "learning_rate must be positive"),
        (EXAMPLES, {"layer": 7}, VectorMismatchError, "none for layer 7"),
    ],
)
def test_bad_input_is_refused(tiny_model, examples, options, error, said):
    with pytest.raises(error, match=said):
        refine_vector(tiny_model, start(), examples, **options)


def test_other_models_and_edited_ones_are_refused(tiny_model):
    with pytest.raises(VectorMismatchError, match="width 31"):
        refine_vector(tiny_model, SteeringVector.of(torch.ones(1, 31), [0]), EXAMPLES)
    with (
        edit(tiny_model, [("blocks.0.hook_resid_post", lambda x, hook: x * 2)]),
        pytest.raises(ConfigError, match="being edited"),
    ):
        refine_vector(tiny_model, start(), EXAMPLES)
