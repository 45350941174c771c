"""Side effects: against plain forwards, at strength 0, with answers of several tokens, and the price in words."""

import math

import pytest
import torch

from interp_nb._errors import ConfigError, NonFiniteError, PromptError, VectorMismatchError
from interp_nb._stats import bootstrap_mean
from interp_nb.steering.benchmarks import Question, pocket_benchmarks, pocket_texts
from interp_nb.steering.side_effects import side_effects
from interp_nb.steering.side_effects_result import BenchmarkEffect, Bounded, SideEffects
from interp_nb.steering.vectors import SteeringVector
from interp_nb.widgets.fallback import picture
from tests.tiny_models import shared
from tests.unit.steering.test_sweep import a_vector, plain_logits

PARIS = [("The Eiffel Tower is in", " Paris", " Rome"), ("The Louvre Museum is in", " Rome", [" Paris", " Mary"])]
LIKELIEST = [("John gave a drink to", " Mary"), ("When John and", [" Mary", " John"])]
LONG = [("When John went to", " the store", " Mary gave")]


def score(model, prompt, answer, vector, strength):
    """Log-probability of an answer, token by token, and whether each of them is the likeliest."""
    tokens, total, first = model.to_tokens(prompt), 0.0, True
    for token in model.to_tokens(answer, prepend_bos=False)[0]:
        log_p = plain_logits(model, tokens, vector, 1, strength)[0, -1].log_softmax(-1)
        total, first = total + float(log_p[token]), first and int(log_p.argmax()) == int(token)
        tokens = torch.cat([tokens, token.view(1, 1)], 1)
    return total, first


def of(model, vector, strength, questions):
    """Every question by itself, every answer token by token."""
    correct, loss, kl = [], [], []
    for prompt, *answers in questions:
        right, *wrong = ([each] if isinstance(each, str) else each for each in answers)
        sides = []
        for side in (0.0, strength):
            rights = [score(model, prompt, each, vector, side) for each in right]
            good = math.log(sum(math.exp(each) for each, _ in rights))
            is_right = any(first for _, first in rights)
            if wrong:
                bad = [score(model, prompt, each, vector, side)[0] for each in wrong[0]]
                is_right = good > math.log(sum(math.exp(each) for each in bad))
            log_p = plain_logits(model, model.to_tokens(prompt), vector, 1, side)[0, -1].log_softmax(-1)
            sides.append((float(is_right), -good, log_p))
        correct.append([sides[0][0], sides[1][0]])
        loss.append([sides[0][1], sides[1][1]])
        kl.append(float((sides[0][2].exp() * (sides[0][2] - sides[1][2])).sum()))
    return torch.tensor(correct), torch.tensor(loss), torch.tensor(kl)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gemma2"])
def test_numbers_are_those_of_one_question_at_a_time(architecture):
    model, vector = shared(architecture), a_vector([1])
    sets = {"paris": PARIS, "likeliest": LIKELIEST, "long": LONG}
    found = side_effects(model, vector, strength=0.7, benchmarks=sets)
    for name, questions in sets.items():
        correct, loss, kl = of(model, vector, 0.7, questions)
        effect = found.effect(name)
        assert effect.n_questions == len(questions)
        for side, when in enumerate(("before", "after")):
            assert getattr(effect, f"accuracy_{when}").value == pytest.approx(float(correct[:, side].mean()))
            assert getattr(effect, f"loss_{when}").value == pytest.approx(float(loss[:, side].mean()), rel=1e-3)
        change = loss[:, 1] - loss[:, 0]
        assert effect.loss_change.value == pytest.approx(float(change.mean()), abs=1e-3)
        if len(questions) > 1:
            low, high = bootstrap_mean(change.unsqueeze(1))
            expected = (float(low[0]), float(high[0]))
            assert (effect.loss_change.low, effect.loss_change.high) == pytest.approx(expected, abs=1e-2)
        else:
            assert math.isnan(effect.loss_change.low)
        assert effect.kl.value == pytest.approx(float(kl.mean()), rel=1e-3, abs=1e-5)
    assert found.overall.n_questions == 5
    shares = []
    for prompt, *_ in [*PARIS, *LIKELIEST, *LONG]:
        tokens = model.to_tokens(prompt)
        _, cache = model.run_with_cache(tokens)
        there = cache["blocks.1.hook_resid_post"][0, int(tokens[0, 0] == 0) :].norm(dim=-1)
        shares.append(float(0.7 * vector.norm[0] * len(there) / there.sum()))
    assert found.norm_share.value == pytest.approx(sum(shares) / 5, rel=1e-4)
    assert found.overall.kl.value == pytest.approx(sum(e.kl.value * e.n_questions for e in found.effects) / 5)


def test_strength_0_costs_nothing(tiny_model):
    found = side_effects(tiny_model, a_vector([1]), strength=0, benchmarks={"paris": PARIS, "likeliest": LIKELIEST})
    for effect in [*found.effects, found.overall]:
        assert effect.accuracy_change == (0.0, 0.0, 0.0)
        assert effect.loss_change.value == pytest.approx(0.0, abs=1e-6)
        assert effect.kl.value == pytest.approx(0.0, abs=1e-6)
        assert not effect.falls


def made(change=-0.2, high=-0.1):
    zero = Bounded(0.0, 0.0, 0.0)
    rest = {"loss_before": zero, "loss_after": zero, "loss_change": zero}
    falls = BenchmarkEffect(
        "facts", 40, Bounded(1.0, 1.0, 1.0), Bounded(0.8, 0.7, 0.9), Bounded(change, -0.3, high),
        kl=Bounded(0.31, 0.2, 0.4), **rest,
    )  # fmt: skip
    keeps = BenchmarkEffect(
        "names", 40, Bounded(1.0, 1.0, 1.0), Bounded(1.0, 1.0, 1.0), zero, kl=Bounded(0.1, 0.0, 0.2), **rest
    )
    overall = BenchmarkEffect(
        "all", 80, Bounded(1.0, 1.0, 1.0), Bounded(0.9, 0.8, 1.0), Bounded(-0.1, -0.2, 0.0),
        kl=Bounded(0.2, 0.1, 0.3), **rest,
    )  # fmt: skip
    return SideEffects("joy x 0.5", Bounded(0.27, 0.2, 0.3), [falls, keeps], overall, "pocket", {})


def test_the_price_is_said_in_words():
    assert made().price == (
        "accuracy 1.00 to 0.90 over 80 questions (change -0.10 [-0.20, 0.00]); falls on facts -0.20 [-0.30, -0.10]; "
        "KL 0.20 nats, most on facts (0.31), for 0.27 of the norm"
    )
    assert "falls on no benchmark beyond its interval" in made(high=0.0).price
    assert repr(made()) == "SideEffects(joy x 0.5, 2 benchmarks, accuracy 1.00 to 0.90, falls on facts, KL 0.20)"
    assert repr(made(high=0.0)).endswith("falls on none, KL 0.20)")


def test_side_effects_save_draw_and_make_a_table(tmp_path):
    found = made()
    assert SideEffects.load(found.save(tmp_path / "side.safetensors")) == found
    frame = found.to_frame()
    assert frame["benchmark"].tolist() == ["facts", "names", "all"]
    assert frame.loc[0, "accuracy_change_low"] == -0.3
    assert picture(found) == picture(made())
    assert picture(found) != picture(made(high=0.0))
    with pytest.raises(KeyError):
        found.effect("capitals")


@pytest.mark.parametrize(
    ("benchmarks", "error", "message"),
    [
        (None, ConfigError, "known for the pocket model only"),
        ({}, ConfigError, "at least one question"),
        ({"a": []}, ConfigError, "at least one question"),
        ({"a": ["only a prompt"]}, ConfigError, r"must be \(prompt, answer\)"),
        ({"a": [("", " Rome")]}, PromptError, "empty"),
        ({"a": [("The", "")]}, ConfigError, "at least one token"),
        ({"a": [((), " Rome")]}, PromptError, "no tokens"),
    ],
)
def test_what_makes_no_sense_is_refused(tiny_model, benchmarks, error, message):
    with pytest.raises(error, match=message):
        side_effects(tiny_model, a_vector([1]), benchmarks=benchmarks)


def test_a_vector_of_another_model_and_an_overflow_are_refused(tiny_model):
    with pytest.raises(VectorMismatchError):
        side_effects(tiny_model, SteeringVector.of(torch.ones(1, 9), [0]), benchmarks={"a": PARIS})
    with pytest.raises(NonFiniteError, match=r"1e\+38.*lower the strength"):
        side_effects(tiny_model, a_vector([1]), strength=1e38, benchmarks={"a": PARIS})
    assert not any(point.fwd_hooks for point in tiny_model.hook_dict.values())


def test_the_pocket_models_questions_are_whole():
    found = pocket_benchmarks(5)
    assert list(found) == ["capitals", "landmarks", "languages", "ioi", "loans", "agreement", "years", "repeat"]
    assert all(len(questions) == 5 for questions in found.values())
    assert found == pocket_benchmarks(5)
    for question in found["agreement"]:
        assert set(question.right) | set(question.wrong) == {" is", " was", " has", " are", " were", " have"}
    assert {len(question.right) for question in found["capitals"]} == {1}
    assert isinstance(found["repeat"][0], Question)


def test_unrelated_texts_come_from_every_family_but_those_left_out():
    from interp_nb.models.pocket.families import FAMILIES

    assert len(pocket_texts(without=["feelings", "reviews"])) == 3 * (len(FAMILIES) - 2)
    assert len(pocket_texts(n_per_family=1)) == len(FAMILIES) - 4
    assert pocket_texts() == pocket_texts()
    assert not any("felt" in text for text in pocket_texts() if isinstance(text, str))
    with pytest.raises(ConfigError, match="did you mean 'feelings'"):
        pocket_texts(without=["feeling"])
