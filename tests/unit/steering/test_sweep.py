"""Sweeps: against one plain forward per cell, at strength 0, with prompts in another order, in the background."""

import math

import pytest
import torch

from interp_nb._errors import AnswerTokenError, ConfigError, PromptError, VectorMismatchError
from interp_nb._jobs import Job
from interp_nb._stats import bootstrap_mean
from interp_nb.steering.coherence import distinct_n, repetition
from interp_nb.steering.measuring import distinct_over_all, random_like
from interp_nb.steering.recipe import Steering
from interp_nb.steering.sweep import check_numbers, steering_sweep
from interp_nb.steering.sweep_result import MEASURES, SteeringSweep
from interp_nb.steering.traits import ClassifierTrait, TokenMass
from interp_nb.steering.vectors import SteeringVector
from tests.tiny_models import ARCHITECTURES, make, shared

PROMPTS = ["The Eiffel Tower is in", "The Louvre Museum is in Rome and", "When John went to the store"]
UNRELATED = ["John gave a drink to Mary", "Mary and John", "The store"]
TRAIT = TokenMass([" Paris", " Mary"], [" Rome"])
STRENGTHS = [0.0, 0.5, -2.0]


def a_vector(layers=(0, 1), scale=3.0):
    rows = torch.randn(len(layers), 32, generator=torch.Generator().manual_seed(3)) * scale
    return SteeringVector.of(rows, list(layers), name="test")


def swept(model, **options):
    settings = {"strengths": STRENGTHS, "unrelated": UNRELATED, "n_new": 5, "n_random": 2} | options
    vector = settings.pop("vector", None) or a_vector()
    return steering_sweep(model, vector, settings.pop("prompts", PROMPTS), settings.pop("trait", TRAIT), **settings)


def plain_logits(model, tokens, vector, layer, strength):
    """One forward, the vector added to every token but begin-of-text."""

    def add(x, hook):
        mask = (tokens != 0).unsqueeze(-1) if int(model.to_tokens("a")[0, 0]) == 0 else torch.ones(1)
        return x + strength * vector.vectors[vector.row(layer)] * mask

    with torch.no_grad():
        return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.hook_resid_post", add)] if strength else [])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_cells_are_those_of_one_plain_forward_each(architecture):
    model, vector = shared(architecture), a_vector()
    found = swept(model, temperature=0.0)
    positive, negative = TRAIT.tokens(model)
    for row, layer in enumerate(found.layers):
        for column, strength in enumerate(found.strengths):
            shares, masses = [], []
            for prompt in PROMPTS:
                odds = plain_logits(model, model.to_tokens(prompt), vector, layer, strength)[0, -1].softmax(-1)
                up, down = float(odds[positive].sum()), float(odds[negative].sum())
                shares.append(up / (up + down))
                masses.append(up + down)
            torch.testing.assert_close(found.per_prompt[row, column], torch.tensor(shares), atol=1e-4, rtol=1e-3)
            cell = found.cell(layer, strength)
            assert cell.mass == pytest.approx(sum(masses) / 3, abs=1e-4)
            moved = torch.tensor(shares) - found.per_prompt[0, 0]
            assert cell.effect == pytest.approx(float(moved.mean()), abs=1e-4)
            kls = []
            for text in UNRELATED:
                tokens = model.to_tokens(text)
                log_p = plain_logits(model, tokens, vector, layer, 0)[0].log_softmax(-1)
                log_q = plain_logits(model, tokens, vector, layer, strength)[0].log_softmax(-1)
                first = int(tokens[0, 0] == 0)
                kls.append(float((log_p.exp() * (log_p - log_q)).sum(-1)[first:].mean()))
            torch.testing.assert_close(found.kl_per_document[row, column], torch.tensor(kls), atol=1e-4, rtol=1e-3)
            assert cell.kl == pytest.approx(sum(kls) / 3, abs=1e-4, rel=1e-3)


def goes_on(model, prompt, vector, layer, strength, n_new):
    """Greedily, every forward whole, up to end-of-text."""
    tokens = model.to_tokens(prompt)
    n_prompt, said = tokens.shape[1], []
    for _ in range(n_new):
        said.append(int(plain_logits(model, tokens, vector, layer, strength)[0, -1].argmax()))
        if said[-1] == 0:
            said.pop()
            break
        tokens = torch.cat([tokens, torch.tensor([[said[-1]]])], 1)
    log_p = plain_logits(model, tokens, vector, layer, 0)[0].log_softmax(-1)
    return said, [-float(log_p[n_prompt - 1 + at, token]) for at, token in enumerate(said)]


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_coherence_is_that_of_texts_made_token_by_token(architecture):
    model, vector = shared(architecture), a_vector()
    found = swept(model, n_new=12, temperature=0.0)
    for layer, strength in [(0, -2.0), (1, 0.5)]:
        texts, losses = zip(*(goes_on(model, each, vector, layer, strength, 12) for each in PROMPTS), strict=True)
        at = found.layers.index(layer), found.strengths.index(strength)
        surprise = torch.tensor([sum(loss) / len(loss) for loss in losses if loss]).mean()
        expected = {
            "perplexity": float(surprise.exp()),
            "repetition": torch.tensor([repetition(text) for text in texts]).nanmean(),
            "distinct_1": torch.tensor([distinct_n(text, 1) for text in texts]).nanmean(),
            "distinct_2": torch.tensor([distinct_n(text, 2) for text in texts]).nanmean(),
        }
        for name, value in expected.items():
            torch.testing.assert_close(
                found.curve(name).value[at], torch.as_tensor(value), atol=1e-4, rtol=1e-3, equal_nan=True, msg=name
            )
    # Greedy texts say nothing of variety.
    assert bool(found.curve("variety").value.isnan().all())


def test_what_is_added_is_said_as_a_share_of_what_is_there(tiny_model):
    found, vector = swept(tiny_model, n_new=0), a_vector()
    for row, layer in enumerate(found.layers):
        shares = []
        for prompt in PROMPTS:
            _, cache = tiny_model.run_with_cache(tiny_model.to_tokens(prompt))
            there = cache[f"blocks.{layer}.hook_resid_post"][0, 1:].norm(dim=-1)
            shares.append(float(2.0 * vector.norm[vector.row(layer)] * len(there) / there.sum()))
        assert float(found.curve("norm_share").value[row, 2]) == pytest.approx(sum(shares) / 3, rel=1e-4)


def test_strength_0_is_the_baseline_exactly(tiny_model):
    found = swept(tiny_model)
    for row in range(2):
        torch.testing.assert_close(found.value[:, row, 0], found.baseline, rtol=0, atol=0, equal_nan=True)
        assert not bool(found.kl_per_document[row, 0].any())
        assert float(found.curve("effect").value[row, 0]) == 0.0
        assert not bool(found.random[:, row, 0].any())
    only = swept(tiny_model, strengths=[0])
    torch.testing.assert_close(only.baseline, found.baseline, rtol=0, atol=0, equal_nan=True)


def test_intervals_are_those_of_the_prompts(tiny_model):
    found = swept(tiny_model)
    low, high = bootstrap_mean(found.per_prompt[1, 2].unsqueeze(1))
    curve = found.curve("target")
    assert (float(curve.low[1, 2]), float(curve.high[1, 2])) == (float(low[0]), float(high[0]))
    assert float(low[0]) < float(curve.value[1, 2]) < float(high[0])
    low, high = bootstrap_mean(found.kl_per_document[1, 2].unsqueeze(1))
    assert (float(found.curve("kl").low[1, 2]), float(found.curve("kl").high[1, 2])) == (float(low[0]), float(high[0]))


def test_order_of_prompts_and_batches_do_not_matter(tiny_model, monkeypatch):
    found = swept(tiny_model, temperature=0.0)
    order = [2, 0, 1]
    other = swept(tiny_model, temperature=0.0, prompts=[PROMPTS[at] for at in order])
    torch.testing.assert_close(other.per_prompt, found.per_prompt[:, :, order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.value, found.value, atol=1e-4, rtol=1e-3, equal_nan=True)
    monkeypatch.setattr("interp_nb.steering.variants.TOKENS_AT_ONCE", 1)
    monkeypatch.setattr("interp_nb.steering.measuring.PROMPTS_AT_ONCE", 1)
    one_by_one = swept(tiny_model, temperature=0.0)
    torch.testing.assert_close(one_by_one.value, found.value, atol=1e-4, rtol=1e-3, equal_nan=True)


def test_sampled_texts_share_their_noise(tiny_model):
    found, again = swept(tiny_model, n_new=12), swept(tiny_model, n_new=12)
    assert found == again
    # So little steering that every draw is the same.
    little = swept(tiny_model, n_new=12, strengths=[1e-6])
    for name in ("repetition", "distinct_1", "distinct_2", "variety"):
        row = list(MEASURES).index(name)
        torch.testing.assert_close(little.value[row, 0, 0], little.baseline[row], equal_nan=True)
    assert swept(tiny_model, n_new=12, seed=1).curve("perplexity").value[0, 0] != found.curve("perplexity").value[0, 0]


def test_prompts_of_one_length_keep_their_own_noise(tiny_model):
    # Two strengths in one forward, and two prompts of one length: noise that went to the wrong row would exchange them.
    prompts = ["The Eiffel Tower is in", "The Louvre Museum is in"]
    assert len({len(tiny_model.to_tokens(prompt)[0]) for prompt in prompts}) == 1
    heard = []

    def kept(texts):
        heard.append(texts)
        return [float(len(text)) for text in texts]

    swept(
        tiny_model, prompts=prompts, trait=ClassifierTrait("length", kept), strengths=[1e-6, 2e-6], layers=[1],
        n_new=12, n_random=0,
    )  # fmt: skip
    baseline, *steered = heard
    assert len(set(baseline)) == 2
    assert [text for texts in steered for text in texts] == baseline * (len(steered) * len(steered[0]) // 2)


def test_random_directions_have_the_vectors_norm_and_a_seed(tiny_model):
    recipe = Steering(a_vector(), 0.5, layers=[1])
    first, again, other = (random_like(recipe, seed) for seed in (0, 0, 1))
    torch.testing.assert_close(first.vector.norm, a_vector().norm[1:])
    assert torch.equal(first.vector.vectors, again.vector.vectors)
    assert float(first.vector.cosine(other.vector).abs()) < 0.9
    assert (first.strength, first.chosen_layers) == (0.5, [1])
    found = swept(tiny_model, n_random=3)
    control = swept(tiny_model, vector=first.vector, layers=[1], n_random=0)
    assert float(control.curve("effect").value[0, 1]) == pytest.approx(float(found.random[0, 1, 1]), abs=1e-6)
    assert found.cell(1, 0.5).random == pytest.approx(float(found.random[:, 1, 1].abs().max()))


def test_a_classifier_judges_what_is_said(tiny_model):
    heard = []

    def length(texts):
        heard.append(texts)
        return [float(len(text)) if text else math.nan for text in texts]

    found = swept(tiny_model, trait=ClassifierTrait("length", length), strengths=[0, 1.0], layers=[1], n_random=1)
    # The baseline, the steered cell and the random direction, three texts each, prompts left out.
    assert [len(texts) for texts in heard] == [3, 3, 3]
    expected = torch.tensor([float(len(text)) or math.nan for text in heard[1]])
    torch.testing.assert_close(found.per_prompt[0, 1], expected, equal_nan=True)
    assert found.cell(1, 1.0).target == pytest.approx(float(expected.nanmean()))
    assert math.isnan(found.cell(1, 1.0).mass)
    assert not bool(found.random.isnan().any())


def test_a_cell_that_overflows_is_nan_and_the_others_are_not(tiny_model):
    whole = swept(tiny_model, strengths=[0.5, -2.0], n_random=0)
    found = swept(tiny_model, strengths=[0.5, 1e38, -2.0], n_random=0)
    assert bool(found.value[:, :, 1].isnan().all())
    assert bool(found.done.all())
    torch.testing.assert_close(found.value[:, :, [0, 2]], whole.value, atol=1e-5, rtol=1e-4, equal_nan=True)
    assert found.notes == [f"layer {layer} at strength 1e+38 gave NaN or infinity" for layer in (0, 1)]
    assert all(cell.strength != 1e38 for cell in found.pareto)


def test_generated_positions_count_unrelated_text_as_generated(tiny_model):
    vector = a_vector()
    found = swept(tiny_model, positions="generated", n_new=0, strengths=[1.0], layers=[1])
    tokens = tiny_model.to_tokens(UNRELATED[0])
    log_p = plain_logits(tiny_model, tokens, vector, 1, 0)[0].log_softmax(-1)
    # From the last prompt token on, which is the first of the text: the same as all but begin-of-text.
    log_q = plain_logits(tiny_model, tokens, vector, 1, 1.0)[0].log_softmax(-1)
    kl = float((log_p.exp() * (log_p - log_q)).sum(-1)[1:].mean())
    assert float(found.kl_per_document[0, 0, 0]) == pytest.approx(kl, rel=1e-3)
    assert swept(tiny_model, positions="prompt", n_new=0).cell(1, 0.5).kl > 0


def test_a_live_sweep_fills_in_the_background_and_stops(tiny_model, monkeypatch):
    whole = swept(tiny_model)
    live = swept(tiny_model, live=True)
    assert repr(live) == "SteeringSweep(test, resid_post, layer=2 x strength=3, 3 prompts, positive share, live)"
    # Reading a number waits.
    assert torch.equal(live.value.nan_to_num(), whole.value.nan_to_num())
    assert live.wait() == whole
    assert repr(live) == repr(whole)
    assert not live.partial
    seen = []

    def stop_after_two(job):
        seen.append(job)
        if len(seen) == 1:
            job.stop()

    start = Job.start
    monkeypatch.setattr("interp_nb.steering.measuring.PROMPTS_AT_ONCE", 1)

    def watched(job):
        steps = job._on_step

        def counted(step):
            steps(step)
            if step is not None and step.row is not None:
                stop_after_two(job)

        job._on_step = counted
        return start(job)

    monkeypatch.setattr(Job, "start", watched)
    stopped = swept(tiny_model, live=True).wait()
    assert int(stopped.done.sum()) == 1
    assert stopped.partial
    torch.testing.assert_close(stopped.value[:, 0, 0], whole.value[:, 0, 0], equal_nan=True)
    assert bool(stopped.value[:, 1].isnan().all())
    assert len(stopped.cells) == 1
    assert stopped.choice is None
    assert len(stopped.to_frame()) == 6


def test_an_interrupt_keeps_what_is_there(tiny_model):
    calls = []

    def interrupted(texts):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return [1.0] * len(texts)

    with pytest.warns(UserWarning, match=r"interrupted: 1 of 2 cells"):
        found = swept(tiny_model, trait=ClassifierTrait("one", interrupted), strengths=[1.0], n_random=0, n_new=2)
    assert found.done.tolist() == [[True], [False]]
    assert not any(point.fwd_hooks for point in tiny_model.hook_dict.values())


def test_a_sweep_saves_prints_and_makes_a_table(tiny_model, tmp_path):
    found = swept(tiny_model)
    assert SteeringSweep.load(found.save(tmp_path / "sweep.safetensors")) == found
    frame = found.to_frame()
    assert len(frame) == 6
    assert frame.loc[4, "kl"] == pytest.approx(found.cell(1, 0.5).kl)
    assert set(MEASURES) <= set(frame.columns)
    assert {"kl_low", "kl_high", "random", "done"} <= set(frame.columns)
    assert repr(found).startswith("SteeringSweep(test, resid_post, layer=2 x strength=3, 3 prompts, positive share, ")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"strengths": []}, ConfigError, "at least one and none twice"),
        ({"strengths": [1, 0.5, 1.0]}, ConfigError, "at least one and none twice"),
        ({"strengths": [0.0, -0.0]}, ConfigError, "none twice"),
        ({"strengths": [math.nan]}, ConfigError, "finite"),
        ({"layers": []}, ConfigError, "at least one and none twice"),
        ({"layers": [1, 1]}, ConfigError, "none twice"),
        ({"layers": [7]}, VectorMismatchError, "none for layer 7"),
        ({"prompts": []}, ConfigError, "prompts must be a list"),
        ({"prompts": "one text"}, ConfigError, "prompts must be a list"),
        ({"prompts": [""]}, PromptError, "empty"),
        ({"prompts": ["Paris " * 50]}, PromptError, "context"),
        ({"trait": TokenMass([" Parish"], [" Rome"])}, AnswerTokenError, "first_token=True"),
        ({"unrelated": None}, ConfigError, "known for the pocket model only"),
        ({"unrelated": []}, ConfigError, "at least one"),
        ({"unrelated": "one text"}, ConfigError, "list of texts"),
        ({"n_new": -1}, ConfigError, "at least 0"),
        ({"trait": ClassifierTrait("x", len), "n_new": 0}, ConfigError, "at least 1"),
        ({"toward": "up"}, ConfigError, "'positive' or 'negative'"),
        ({"operator": "push"}, ConfigError, "operator must be one of"),
        ({"temperature": -1.0}, ConfigError, "temperature"),
        ({"vector": SteeringVector.of(torch.ones(1, 9), [0])}, VectorMismatchError, "9"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(tiny_model, options, error, message):
    with pytest.raises(error, match=message):
        swept(tiny_model, **options)


def test_a_trait_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="must be a TokenMass or a ClassifierTrait, got list"):
        check_numbers([" happy"], 1, 1, "positive")


def test_measures_and_cells_that_are_not_there_are_refused(tiny_model):
    found = swept(tiny_model, n_new=0, n_random=0)
    with pytest.raises(ConfigError, match="did you mean 'kl'"):
        found.curve("kll")
    with pytest.raises(ConfigError, match=r"got layer 1 and strength 0\.7"):
        found.cell(1, 0.7)
    with pytest.raises(ConfigError, match="did you mean 'kl_max'"):
        found.choose(kl_min=1)


def test_distinct_over_all_counts_texts_together():
    assert distinct_over_all([[1, 2, 3], [1, 2]]) == pytest.approx(2 / 3)
    assert math.isnan(distinct_over_all([[1], []]))


def test_a_model_that_gives_nan_by_itself_is_refused():
    from interp_nb._errors import NonFiniteError

    model = make("gpt2")
    with torch.no_grad():
        model.original_model.transformer.h[1].mlp.c_proj.weight.fill_(math.nan)
    with pytest.raises(NonFiniteError, match="unsteered"):
        swept(model)


def test_chats_are_prompts_too():
    from interp_nb._errors import PromptError

    model = make("llama")
    chat = [{"role": "user", "content": "Paris and Rome"}]
    with pytest.raises(PromptError, match="no chat template"):
        swept(model, prompts=[chat])
    with pytest.raises(ConfigError, match="put it into a list"):
        swept(model, prompts=chat)
    model.tokenizer.chat_template = "{% for turn in messages %}{{ turn['content'] }} is in{% endfor %}"
    found = swept(model, prompts=[chat, chat], strengths=[0.5], n_new=0, n_random=0)
    assert found.prompts == ["Paris and Rome is in"] * 2
    plain = model.to_tokens("Paris and Rome is in", prepend_bos=False)
    odds = plain_logits(model, plain, a_vector(), 0, 0.5)[0, -1].softmax(-1)
    positive, negative = TRAIT.tokens(model)
    share = odds[positive].sum() / (odds[positive].sum() + odds[negative].sum())
    assert float(found.per_prompt[0, 0, 0]) == pytest.approx(float(share), rel=1e-3)
