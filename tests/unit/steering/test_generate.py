"""`generate`: the texts and log-probabilities of a slow loop whatever else is in the batch; streams, stops, limits."""

import math
import threading

import pytest
import torch

from tests.oracles.steered_loop import logits_by_hand
from tests.tiny_models import ARCHITECTURES, N_CTX, make, shared
from tests.unit.steering.steer_cases import PROMPTS, SITE, attached, vector

N_NEW = 5


def slow(model, prompt, v=None, n_new=N_NEW):
    """Greedy text of one prompt, and its log-probabilities without and with steering, by whole forwards."""
    edits = [(SITE, lambda place, x: x + v.vectors[1] if place else x)] if v is not None else []
    ids = model.to_tokens(prompt)[0].tolist()
    n_prompt, new = len(ids), []
    for _ in range(n_new):
        new.append(int(logits_by_hand(model, [*ids, *new], n_prompt + len(new), edits)[-1].argmax()))
    return new


def slow_log_probs(model, prompt, new, v):
    ids = model.to_tokens(prompt)[0].tolist()
    edits = [(SITE, lambda place, x: x + v.vectors[1] if place else x)] if v is not None else []
    logits = logits_by_hand(model, [*ids, *new], len(ids), edits)[:-1]
    return logits.log_softmax(-1)[torch.arange(len(new)), new]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_texts_and_log_probabilities_are_those_of_a_slow_loop(architecture, use_cache):
    from interp_nb.steering.generate import generate

    model, v = shared(architecture), vector(2, norm=25.0)
    made = generate(model, list(PROMPTS), steering=v, n_new=N_NEW, stop_at_end=False, use_cache=use_cache)
    for number, prompt in enumerate(PROMPTS):
        for texts, steered in ((made.baseline, None), (made.steered, v)):
            own = texts[number]
            assert own.token_ids == slow(model, prompt, steered)
            for found, by in ((own.log_probs_baseline, None), (own.log_probs_steered, v)):
                assert torch.allclose(found, slow_log_probs(model, prompt, own.token_ids, by), atol=1e-4)
            assert torch.equal(own.log_probs, own.log_probs_baseline if steered is None else own.log_probs_steered)
            assert own.finished == "length"
            assert torch.equal(own.change, own.log_probs_steered - own.log_probs_baseline)
    assert any(at is not None for at in made.diverges_at)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_strength_zero_gives_the_same_text_twice(tiny_model, temperature):
    from interp_nb.steering.generate import generate

    made = generate(tiny_model, list(PROMPTS), steering=vector() * 0.0, n_new=8, temperature=temperature, n_samples=2)
    assert made.baseline == made.steered
    assert made.diverges_at == [None] * 6
    assert made.norm_share_added == [0.0]
    from interp_nb.steering.recipe import Steering

    neutral = generate(tiny_model, list(PROMPTS), steering=Steering(vector(), 0.0), n_new=8, temperature=temperature)
    unsteered = generate(tiny_model, list(PROMPTS), n_new=8, temperature=temperature)
    assert neutral.baseline == neutral.steered
    assert [each.token_ids for each in neutral.steered] == [each.token_ids for each in unsteered.baseline]


def test_runs_draw_with_the_same_noise_so_a_weak_push_changes_little(tiny_model):
    """Where both models find the same tokens likely they draw the same one; with noise of their own they would not."""
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    options = {"n_new": 6, "temperature": 1.0, "n_samples": 8, "stop_at_end": False}
    weak = generate(tiny_model, PROMPTS[0], steering=Steering(vector(), 0.01), **options)
    same = [one.token_ids[0] == other.token_ids[0] for one, other in zip(weak.baseline, weak.steered, strict=True)]
    assert sum(same) >= 7
    again = generate(tiny_model, PROMPTS[0], steering=Steering(vector(), 0.01), **options)
    other = generate(tiny_model, PROMPTS[0], steering=Steering(vector(), 0.01), seed=1, **options)
    assert again == weak
    assert [each.token_ids for each in other.baseline] != [each.token_ids for each in weak.baseline]
    assert len({tuple(each.token_ids) for each in weak.baseline}) > 4, "samples differ from each other"


def test_a_prompt_in_a_batch_goes_on_as_it_does_alone(tiny_model):
    from interp_nb.steering.generate import generate

    options = {"steering": vector(2, norm=8.0), "n_new": 6, "temperature": 0.8}
    batch, alone = (generate(tiny_model, prompt, **options) for prompt in (list(PROMPTS), PROMPTS[0]))
    for of_batch, own in ((batch.baseline[0], alone.baseline[0]), (batch.steered[0], alone.steered[0])):
        assert of_batch.token_ids == own.token_ids
        assert torch.allclose(of_batch.log_probs, own.log_probs, atol=1e-4)


def test_steered_alone_runs_a_quarter_of_the_rows_and_knows_no_baseline(tiny_model):
    from interp_nb.steering.generate import generate

    sizes = []
    hook = tiny_model.original_model.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(len(args[0] if args else kwargs["input_ids"])), with_kwargs=True
    )
    try:
        both = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=3)
        one = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=3, baseline=False)
    finally:
        hook.remove()
    assert sizes == [4, 4, 4, 1, 1, 1]
    assert one.baseline == []
    assert one.steered[0].token_ids == both.steered[0].token_ids
    assert one.steered[0].log_probs_baseline.isnan().all()
    assert one.steered[0].log_probs_steered.isfinite().all()
    assert one.diverges_at == [None]


def test_an_end_token_ends_a_text_and_others_go_on(tiny_model):
    from interp_nb.steering.generate import generate

    free = generate(tiny_model, list(PROMPTS), n_new=8, stop_at_end=False)
    # Make a token that comes up in some texts only the end.
    seen = [set(each.token_ids[1:6]) for each in free.baseline]
    end = next(token for token in free.baseline[0].token_ids[1:5] if not all(token in each for each in seen))
    tokenizer = tiny_model.tokenizer
    before = tokenizer.eos_token
    try:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
        made = generate(tiny_model, list(PROMPTS), n_new=8)
    finally:
        tokenizer.eos_token = before
    for ended, own in zip(made.baseline, free.baseline, strict=True):
        if end in own.token_ids:
            cut = own.token_ids.index(end) + 1
            assert ended.finished == "end"
            assert ended.token_ids == own.token_ids[:cut]
            assert ended.text == tokenizer.decode(own.token_ids[: cut - 1])
        else:
            assert ended.finished == "length"
            assert ended.token_ids == own.token_ids
    assert {each.finished for each in made.baseline} == {"end", "length"}


def test_texts_end_where_the_context_does_and_say_so(tiny_model):
    from interp_nb._errors import PromptError
    from interp_nb.steering.generate import generate

    ids = tiny_model.to_tokens(PROMPTS[2])[0].tolist()
    long = (ids * 5)[: N_CTX - 3]
    made = generate(tiny_model, [torch.tensor(long), PROMPTS[0]], steering=vector(), n_new=10, stop_at_end=False)
    assert [len(each.tokens) for each in (*made.baseline, *made.steered)] == [3, 10, 3, 10]
    assert made.warnings[0] == "prompt 0: 3 instead of 10 new tokens, then the model's context is full"
    alone = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=10, stop_at_end=False)
    assert alone.baseline[0].token_ids == made.baseline[1].token_ids
    assert alone.warnings == []
    full = generate(tiny_model, torch.tensor((ids * 5)[:N_CTX]), n_new=2)
    assert full.baseline[0].token_ids == []
    with pytest.raises(PromptError, match=f"has {N_CTX + 2} tokens.*holds {N_CTX}"):
        generate(tiny_model, torch.tensor((ids * 5)[: N_CTX + 2]))


@pytest.mark.parametrize(
    "prompt", ["", [], [""], torch.zeros(0, dtype=torch.long), [[]], 7, torch.ones(3), torch.tensor([99999])]
)
def test_prompts_that_are_none_are_refused(tiny_model, prompt):
    from interp_nb._errors import PromptError
    from interp_nb.steering.generate import generate

    with pytest.raises(PromptError):
        generate(tiny_model, prompt)


def test_settings_out_of_their_range_are_refused(tiny_model):
    from interp_nb._errors import ConfigError
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    for options in ({"n_new": -1}, {"n_samples": 0}, {"n_latents": 0}, {"temperature": -1.0}, {"steering": "happy"}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            generate(tiny_model, PROMPTS[0], **options)
    masks = Steering(vector(), positions=torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(ConfigError, match="row per prompt, 3, got"):
        generate(tiny_model, list(PROMPTS), steering=masks)


@pytest.mark.parametrize(("name", "wrong"), [("n_new", 2.5), ("n_samples", 1.5), ("seed", "a"), ("n_new", True)])
def test_numbers_that_are_not_whole_are_refused(tiny_model, name, wrong):
    # Below the annotations of `generate`, which are checked in tests only.
    from interp_nb._errors import ConfigError
    from interp_nb.steering.generating import Run, Settings
    from interp_nb.steering.prompts import read_prompts

    settings = Settings(2, 0.0, None, None, 0, 1, True, True, (), 10, True)
    with pytest.raises(ConfigError, match=f"{name} must be a whole number"):
        Run(tiny_model, read_prompts(tiny_model, PROMPTS[0]), [], settings._replace(**{name: wrong}), None)


def test_a_mask_has_a_row_per_prompt_whatever_the_samples(tiny_model):
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    mask = torch.zeros(2, 4, dtype=torch.bool)
    mask[1, 1:] = True
    options = {"n_new": 1, "n_samples": 2, "temperature": 1.0}
    made = generate(
        tiny_model, list(PROMPTS[:2]), steering=Steering(vector(norm=8.0), positions=mask, layers=[0]), **options
    )
    changed = [bool(each.change.abs().max() > 1e-3) for each in made.baseline]
    assert changed == [False, False, True, True]


def test_streams_yield_every_token_and_the_whole_so_far(tiny_model):
    from interp_nb.steering.generate import generate, generate_stream

    whole = generate(tiny_model, list(PROMPTS), steering=vector(), n_new=4, stop_at_end=False)
    steps = list(generate_stream(tiny_model, list(PROMPTS), steering=vector(), n_new=4, stop_at_end=False))
    assert [step.step for step in steps] == [0, 1, 2, 3]
    for number in range(3):
        assert [step.steered[number].token_id for step in steps] == whole.steered[number].token_ids
        assert [step.baseline[number].string for step in steps] == whole.baseline[number].tokens
        found = torch.tensor([step.steered[number].log_prob_baseline for step in steps])
        assert torch.equal(found, whole.steered[number].log_probs_baseline)
    assert [step.steered[0].finished for step in steps] == ["", "", "", "length"]
    assert steps[-1].generation == whole
    half = generate_stream(tiny_model, PROMPTS[0], steering=vector(), n_new=4, stop_at_end=False)
    second = [next(half), next(half)][1]
    assert second.generation.steered[0].token_ids == whole.steered[0].token_ids[:2]
    assert second.generation.steered[0].finished == ""
    half.close()
    assert second.generation.steered[0].finished == "stopped"
    assert repr(steps[0]).startswith("GenerationStep(0, baseline [")


def test_nothing_acts_on_the_model_between_two_steps_of_a_stream(tiny_model):
    from interp_nb.steering.generate import generate_stream

    tokens = tiny_model.to_tokens(PROMPTS[0])
    plain = tiny_model(tokens)
    steps = generate_stream(tiny_model, PROMPTS[0], steering=vector(), n_new=6)
    next(steps)
    assert torch.equal(tiny_model(tokens), plain)
    next(steps)
    assert attached(tiny_model) != []
    del steps
    assert attached(tiny_model) == []
    assert torch.equal(tiny_model(tokens), plain)


def test_a_stream_refuses_before_its_first_step(tiny_model):
    from interp_nb._errors import PromptError
    from interp_nb.steering.generate import generate_stream

    with pytest.raises(PromptError):
        generate_stream(tiny_model, "")


def test_generation_inside_of_a_steered_block_is_steered_by_both(tiny_model):
    from interp_nb.steering.apply import steer
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    first, second = Steering(vector(2, norm=8.0)), Steering(vector(3, norm=8.0))
    both = generate(tiny_model, PROMPTS[0], steering=[first, second], n_new=5, baseline=False)
    with steer(tiny_model, first):
        nested = generate(tiny_model, PROMPTS[0], steering=second, n_new=5)
    assert nested.steered[0].token_ids == both.steered[0].token_ids
    alone = generate(tiny_model, PROMPTS[0], steering=first, n_new=5)
    assert nested.warnings[0].startswith("generated inside of another edit")
    assert alone.warnings == []
    assert nested.baseline[0].token_ids == alone.steered[0].token_ids


def test_live_generation_fills_and_reading_waits(tiny_model):
    from interp_nb._show import peek
    from interp_nb.steering.generate import generate

    seen, gate = [], threading.Event()

    def watch(step):
        if step.step == 1:
            gate.wait(10)
        seen.append(step.step)

    made = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=4, stop_at_end=False, live=True, on_token=watch)
    assert made.partial
    before = repr(made)
    assert "n_new=4" in before
    assert len(peek(made, "steered")) == 1
    gate.set()
    whole = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=4, stop_at_end=False)
    assert made.steered == whole.steered
    assert not made.partial
    assert seen == [0, 1, 2, 3]
    assert attached(tiny_model) == []


def test_stop_ends_a_live_generation_within_one_forward(tiny_model):
    from interp_nb.steering.generate import generate

    seen, begun, stopped = [], threading.Event(), threading.Event()

    def watch(step):
        seen.append(step.step)
        begun.set()
        stopped.wait(10)

    made = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=30, stop_at_end=False, live=True, on_token=watch)
    begun.wait(10)
    made.stop()
    stopped.set()
    assert made.steered[0].finished == "stopped"
    assert len(made.steered[0].tokens) == len(seen) == 1
    assert made.partial
    assert attached(tiny_model) == []


def test_an_interrupt_keeps_what_came_and_warns(tiny_model):
    from interp_nb.steering.generate import generate

    def interrupt(step):
        if step.step == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        made = generate(tiny_model, PROMPTS[0], steering=vector(), n_new=9, stop_at_end=False, on_token=interrupt)
    assert len(made.steered[0].tokens) == 3
    assert made.steered[0].finished == "stopped"
    assert attached(tiny_model) == []


def test_a_failing_watcher_leaves_no_hooks(tiny_model):
    from interp_nb.steering.generate import generate

    def fail(step):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        generate(tiny_model, PROMPTS[0], steering=vector(), n_new=3, on_token=fail)
    assert attached(tiny_model) == []


def test_models_with_nan_weights_are_refused_without_blaming_the_steering():
    from interp_nb._errors import NonFiniteError
    from interp_nb.steering.generate import generate

    model = make("gpt2")
    with torch.no_grad():
        next(model.original_model.parameters())[:] = torch.nan
    for steering in (None, vector()):
        with pytest.raises(NonFiniteError, match="the logits"):
            generate(model, PROMPTS[0], steering=steering, n_new=2)


def test_the_share_of_the_norm_is_that_of_the_steered_tokens(tiny_model):
    from interp_nb.models.edit import capture
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    v = vector()
    made = generate(tiny_model, PROMPTS[0], steering=[Steering(v, 0.5), Steering(v, layers=[0])], n_new=1)
    tokens = tiny_model.to_tokens(PROMPTS[0])
    hooks = [("blocks.0.hook_resid_post", lambda x, hook: torch.cat([x[:, :1], x[:, 1:] + v.vectors[0]], 1))]
    norms = capture(tiny_model, tokens, [SITE], hooks=hooks)[SITE][0, 1:].norm(dim=1)
    assert made.norm_share_added[0] == pytest.approx(float(0.5 * v.norm[1] / norms.mean()), rel=1e-5)
    uncached = generate(tiny_model, PROMPTS[0], steering=Steering(v, 0.5), n_new=4, use_cache=False, stop_at_end=False)
    cached = generate(tiny_model, PROMPTS[0], steering=Steering(v, 0.5), n_new=4, stop_at_end=False)
    assert uncached.norm_share_added == pytest.approx(cached.norm_share_added, rel=1e-5)
    nowhere = generate(tiny_model, PROMPTS[0], steering=Steering(v, positions=[30]), n_new=1)
    assert math.isnan(nowhere.norm_share_added[0])
    assert nowhere.warnings == ["v0 steered no token"]


def test_text_that_falls_apart_is_named(tiny_model):
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    made = generate(tiny_model, PROMPTS[0], steering=Steering(vector(), 1e4), n_new=24, stop_at_end=False)
    assert any(note.startswith("the steered text: the unsteered model finds it unlikely") for note in made.warnings)


def test_a_live_generation_inside_of_an_edit_is_refused(tiny_model):
    from interp_nb._errors import ConfigError
    from interp_nb.steering.apply import steer
    from interp_nb.steering.generate import generate

    with steer(tiny_model, vector()), pytest.raises(ConfigError, match="half way"):
        generate(tiny_model, PROMPTS[0], n_new=3, live=True)


def test_tokens_fed_after_a_text_is_over_do_not_count_to_the_share():
    """One text is cut by the context while another goes on: its share is that of its own tokens."""
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    model = shared("gpt2")
    long = (model.to_tokens(PROMPTS[2])[0].tolist() * 5)[: N_CTX - 2]
    recipe = Steering(vector(), positions="everything")
    options = {"steering": recipe, "stop_at_end": False, "capture": ["resid_post"]}
    made = generate(model, [torch.tensor(long), PROMPTS[0]], n_new=12, **options)
    changed = there = 0.0
    for own in made.steered:
        # The last token is run for what is captured on it, and counts.
        before = own.activations[SITE] - vector().vectors[1]
        changed += float(vector().norm[1]) * len(before)
        there += float(before.norm(dim=1).sum())
    assert made.norm_share_added == [pytest.approx(changed / there, rel=1e-4)]
