"""`steer`: acts where it should, only in the context that entered it, leaves nothing behind, refuses nonsense."""

import contextvars
import threading

import pytest
import torch

from tests.tiny_models import hf_model, make, shared, tokenizer
from tests.unit.steering.steer_cases import PROMPTS, SITE, attached, tiny_sae, vector


@pytest.fixture
def tokens(tiny_model):
    return tiny_model.to_tokens(PROMPTS[0])


def test_steering_adds_the_vector_to_all_but_begin_of_text_and_nothing_else(tiny_model, tokens):
    from interp_nb.models.edit import capture
    from interp_nb.steering.apply import steer

    plain = capture(tiny_model, tokens, [SITE])[SITE]
    with steer(tiny_model, vector(), strength=0.5):
        steered = capture(tiny_model, tokens, [SITE])[SITE]
    expected = plain.clone()
    expected[:, 1:] += 0.5 * vector().vectors[1]
    assert torch.equal(steered, expected)
    assert attached(tiny_model) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_hooks_go_when_the_forward_or_the_block_raises(tiny_model, tokens, error):
    from interp_nb.steering.apply import steer

    def judge(ids, n_prompt):
        raise error

    plain = tiny_model(tokens)
    with pytest.raises(error), steer(tiny_model, vector(), positions=judge):
        tiny_model(tokens)
    with pytest.raises(error), steer(tiny_model, vector()):
        raise error
    assert attached(tiny_model) == []
    assert torch.equal(tiny_model(tokens), plain)


def test_hooks_go_when_a_generator_that_steers_is_closed_half_way(tiny_model, tokens):
    from interp_nb.models.edit import is_edited
    from interp_nb.steering.apply import steer

    def logits():
        with steer(tiny_model, vector()):
            while True:
                yield tiny_model(tokens)

    plain, steps = tiny_model(tokens), logits()
    assert not torch.equal(next(steps), plain)
    contextvars.copy_context().run(steps.close)
    assert attached(tiny_model) == []
    assert not is_edited(tiny_model), "this context still names the steering, but nobody is in it"


def test_another_thread_is_not_steered_and_a_copied_context_is(tiny_model, tokens):
    from interp_nb.models.edit import forward
    from interp_nb.steering.apply import steer

    plain, found = forward(tiny_model, tokens), []

    def run():
        found.append(forward(tiny_model, tokens))

    with steer(tiny_model, vector()):
        inside = forward(tiny_model, tokens)
        copied = contextvars.copy_context()
        for target in (run, lambda: copied.run(run)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert torch.equal(found[0], plain)
    assert torch.equal(found[1], inside)
    assert not torch.equal(inside, plain)


def test_another_thread_does_not_take_the_steering_for_an_edit_of_its_own(tiny_model):
    """`is_edited` decides whether the fast engines may be used."""
    from interp_nb.models.edit import is_edited
    from interp_nb.steering.apply import steer

    found = []
    with steer(tiny_model, vector()):
        thread = threading.Thread(target=lambda: found.append(is_edited(tiny_model)))
        thread.start()
        thread.join()
        found.append(is_edited(tiny_model))
    assert [*found, is_edited(tiny_model)] == [False, True, False]


def test_a_job_made_inside_of_the_block_is_steered(tiny_model, tokens):
    from interp_nb._jobs import Job
    from interp_nb.models.edit import forward
    from interp_nb.steering.apply import steer

    found = []
    with steer(tiny_model, vector()):
        Job(lambda: iter([0]), on_step=lambda step: found.append(forward(tiny_model, tokens))).start().wait()
        inside = forward(tiny_model, tokens)
    assert torch.equal(found[0], inside)


@pytest.mark.parametrize(("operator", "strength"), [("add", 0.0), ("ablate", 0.0), ("scale", 1.0)])
def test_the_neutral_strength_changes_no_bit_and_hooks_nothing(tiny_model, tokens, operator, strength):
    from interp_nb.steering.apply import steer
    from interp_nb.steering.latents import feature_vector

    v = feature_vector(tiny_sae(), 5, acts_p99=6.0) if operator == "scale" else vector()
    plain = tiny_model(tokens)
    with steer(tiny_model, v, strength=strength, operator=operator):
        assert torch.equal(tiny_model(tokens), plain)


def test_rows_that_are_left_out_do_not_change_by_a_bit(tiny_model, tokens):
    from interp_nb.steering.apply import steer

    batch = tokens.repeat(3, 1)
    plain = tiny_model(batch)
    with steer(tiny_model, vector(), rows=torch.tensor([False, True, False])):
        steered = tiny_model(batch)
    assert torch.equal(steered[[0, 2]], plain[[0, 2]])
    assert not torch.equal(steered[1], plain[1])


@pytest.mark.parametrize("site", ["resid_pre", "resid_mid", "attn_out", "mlp_out", "z", "mlp_post"])
def test_any_site_with_a_row_per_token_can_be_steered(site):
    from interp_nb.models.edit import capture
    from interp_nb.models.sites import hook_name
    from interp_nb.steering.apply import steer

    model = shared("llama")
    tokens, name = model.to_tokens(PROMPTS[0]), hook_name(model, site, 1)
    plain = capture(model, tokens, [name])[name]
    width = plain.flatten(2).shape[2]
    v = vector(3, site=site, width=width)
    with steer(model, v, layers=[1]):
        steered = capture(model, tokens, [name])[name]
        logits = model(tokens)
    expected = plain.flatten(2).clone()
    expected[:, 1:] += v.vectors[1]
    assert torch.equal(steered.flatten(2), expected)
    assert not torch.allclose(logits, model(tokens), atol=1e-3)


def test_the_middle_of_a_layer_is_steered_on_the_skip_connection_too():
    """What is added to resid_mid reaches the output as if attention had written it."""
    from interp_nb.steering.apply import steer

    model = shared("llama")
    tokens = model.to_tokens(PROMPTS[0])
    found = []
    for site in ("resid_mid", "attn_out"):
        with steer(model, vector(3, site=site), layers=[1]):
            found.append(model(tokens))
    assert torch.allclose(*found, atol=1e-5 * float(found[0].abs().max()))


def test_right_padding_is_what_the_mask_says():
    from interp_nb.steering.apply import steer

    model = shared("gpt2")
    short, long = (model.to_tokens(prompt)[0] for prompt in PROMPTS[:2])
    short, long = sorted((short, long), key=len)
    row = torch.cat([short, torch.zeros(len(long) - len(short), dtype=torch.long)])
    with steer(model, vector(), positions=[-1]):
        mask = torch.stack([torch.arange(len(long)) < len(short), torch.ones(len(long), dtype=torch.bool)]).long()
        batch = model(torch.stack([row, long]), attention_mask=mask)
        alone = model(short.unsqueeze(0))
    assert torch.allclose(batch[0, : len(short)], alone[0], atol=1e-5 * float(alone.abs().max()))


def test_gradients_flow_through_a_steered_forward(tiny_model, tokens):
    from interp_nb.models.edit import capture, forward
    from interp_nb.steering.apply import steer

    start = capture(tiny_model, tokens, ["blocks.1.hook_resid_pre"])["blocks.1.hook_resid_pre"].requires_grad_()
    with steer(tiny_model, vector(), operator="ablate", positions="everything", layers=[1]):
        forward(tiny_model, start, start_at_layer=1, grad=True).sum().backward()
    assert float(start.grad.abs().sum()) > 0


def test_half_precision_projects_in_float32():
    from interp_nb.steering.operators import make_rule
    from interp_nb.steering.recipe import Steering

    x = torch.randn(1, 4, 32).to(torch.bfloat16)
    v = vector()
    done = make_rule(Steering(v, 1.0, operator="ablate"), 1, x)(x, None)
    u = v.vectors[1] / v.vectors[1].norm()
    expected = (x.float() - (x.float() @ u).unsqueeze(-1) * u).to(torch.bfloat16)
    assert done.dtype == torch.bfloat16
    assert torch.allclose(done.float(), expected.float(), atol=2e-2)


@pytest.mark.parametrize("strength", [1e36, 1e39])
def test_overflow_names_strength_and_layer(tiny_model, tokens, strength):
    from interp_nb._errors import NonFiniteError
    from interp_nb.steering.apply import steer
    from interp_nb.steering.generate import generate

    with (
        steer(tiny_model, vector(), strength=strength),
        pytest.raises(NonFiniteError, match=r"strength 1e\+3\d.*'v0' at layer 1.*lower"),
    ):
        tiny_model(tokens)
    with pytest.raises(NonFiniteError, match=r"strength 1e\+3\d.*'v0' at layer 1.*lower"):
        generate(tiny_model, PROMPTS[0], steering=_recipe(strength), n_new=2)
    assert attached(tiny_model) == []


def test_overflow_on_the_way_names_every_steering():
    from interp_nb._errors import NonFiniteError
    from interp_nb.models.load import load_model
    from interp_nb.steering.apply import steer
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    model = load_model((hf_model("gpt2"), tokenizer()), device="cpu", dtype=torch.float16)
    largest = float(vector().vectors[1].abs().max())
    half = [Steering(vector(), 40_000 / largest), Steering(vector(), 40_000 / largest)]
    with pytest.raises(NonFiniteError, match=r"strength [\d.]+ of 'v0' at layer 1; strength [\d.]+ of 'v0' at layer 1"):
        generate(model, PROMPTS[0], steering=half, n_new=2)
    with pytest.raises(NonFiniteError, match="lower the strength"), steer(model, half):
        model(model.to_tokens(PROMPTS[0]))
    assert attached(model) == []


def _recipe(strength):
    from interp_nb.steering.recipe import Steering

    return Steering(vector(), strength)


def test_vectors_of_another_model_width_or_layer_are_refused(tiny_model):
    import dataclasses

    from interp_nb._errors import VectorMismatchError
    from interp_nb.steering.apply import steer

    elsewhere = dataclasses.replace(vector(), model_name="gpt2-xl")
    for wrong, said in (
        (vector(width=16), "width 16.*32"),
        (vector(layers=(0, 7)), "layers 0, 7.*2 layers"),
        (elsewhere, "another model.*gpt2-xl"),
        (vector(site="z", width=16), "width 16, blocks.1.attn.hook_z is 32 wide"),
    ):
        with pytest.raises(VectorMismatchError, match=said), steer(tiny_model, wrong):
            tiny_model(tiny_model.to_tokens("Paris"))
    with pytest.raises(VectorMismatchError, match="none for layer 5"), steer(tiny_model, vector(), layers=[5]):
        pass
    assert attached(tiny_model) == []


def test_wrong_words_are_answered_with_the_nearest_right_ones(tiny_model):
    from interp_nb._errors import ConfigError, HookNameError
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import Condition, FromMarker

    v = vector()
    for options, said in (
        ({"operator": "abblate"}, "did you mean 'ablate'"),
        ({"positions": "genrated"}, "did you mean 'generated'"),
        ({"last_prompt_token": "prompts"}, "did you mean 'prompt'"),
        ({"strength": float("nan")}, "finite"),
        ({"operator": "set"}, "needs its SAE"),
        ({"layers": "most"}, "list of layers"),
        ({"layers": []}, "at least one layer"),
        ({"layers": [1, 1]}, "none twice"),
        ({"positions": "user"}, r"chat.*generate\(\)"),
        ({"positions": [" Eiffel Tower"]}, "single tokens.*is 2"),
        ({"positions": []}, "positions must be"),
    ):
        with pytest.raises(ConfigError, match=said), steer(tiny_model, v, **options):
            pass
    with pytest.raises(ConfigError, match="some text"):
        FromMarker("")
    with pytest.raises(ConfigError, match="finite"):
        Condition(v, float("inf"))
    said = "blocks.1.hook_resid_post is read after blocks.0.hook_resid_post"
    with pytest.raises(ConfigError, match=said), steer(tiny_model, v, layers=[0], when=Condition(v, 0.0, layer=1)):
        pass
    with pytest.raises(ConfigError, match="vectors and Steering"), steer(tiny_model, 3.0):
        pass
    with pytest.raises(HookNameError, match="pairs of positions"), steer(tiny_model, vector(site="pattern")):
        pass
    assert attached(tiny_model) == []


def test_positions_that_no_prompt_has_are_refused_when_it_comes(tiny_model, tokens):
    from interp_nb._errors import ShapeError
    from interp_nb.steering.apply import steer

    with (
        steer(tiny_model, vector(), positions=[-9]),
        pytest.raises(ShapeError, match="position -9 is before the first token of a prompt of 6"),
    ):
        tiny_model(tokens)
    with (
        steer(tiny_model, vector(), positions=lambda ids, n_prompt: ids.float()),
        pytest.raises(ShapeError, match=r"bool \[pos=6\]"),
    ):
        tiny_model(tokens)
    with pytest.raises(ShapeError, match="one per text, 1; got 2"), steer(tiny_model, vector(), n_prompt=[3, 4]):
        tiny_model(tokens)


def test_text_rules_refuse_a_cache_whose_text_they_never_saw(tiny_model, tokens):
    from interp_nb._errors import ConfigError
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import FromMarker

    _, cache = tiny_model(tokens, use_cache=True, return_type="logits_and_cache")
    with (
        steer(tiny_model, vector(), positions=FromMarker(" in")),
        pytest.raises(ConfigError, match="filled outside of the steering"),
    ):
        tiny_model(tokens[:, :1], past_key_values=cache, return_type="logits_and_cache")


def test_a_model_that_is_being_trained_is_steered_and_stays_in_training():
    from interp_nb.steering.generate import generate

    model = make("gpt2")
    asleep = generate(model, PROMPTS[0], steering=vector(), n_new=6)
    model.train()
    found = generate(model, PROMPTS[0], steering=vector(), n_new=6)
    # Dropout of a tenth everywhere would change every one of them.
    assert torch.equal(found.steered[0].log_probs, asleep.steered[0].log_probs)
    assert model.training
    assert all(module.training for module in model.original_model.modules() if type(module).__name__ == "Dropout")


def test_padding_that_no_mask_speaks_of_is_warned_of_where_the_prompt_counts(tiny_model):
    from interp_nb.steering.apply import steer

    padded = tiny_model.to_tokens(["Rome", "The Eiffel Tower is in"])
    with steer(tiny_model, vector()):
        tiny_model(padded)  # all tokens: nothing is counted from the prompt's end
    with steer(tiny_model, vector(), positions="generated"):
        with pytest.warns(UserWarning, match="end in padding"):
            tiny_model(padded)
        tiny_model(padded, attention_mask=torch.tensor([[1, 1, 0, 0, 0, 0], [1] * 6])[:, : padded.shape[1]])


def test_recipes_print_on_one_line():
    from interp_nb.steering.recipe import Condition, Steering

    said = repr(Steering(vector(), 0.5, layers="all", positions=[1], when=Condition(vector(), 2.0)))
    assert said == "Steering(v0, add 0.5, layers [0, 1], list, when > 2)"


def test_layers_are_a_number_or_several_and_count_from_the_end(tiny_model, tokens):
    from interp_nb.steering.apply import steer

    found = []
    for layers in (1, [1], -1, [-1]):
        with steer(tiny_model, vector(), layers=layers):
            found.append(tiny_model(tokens))
    assert all(torch.equal(each, found[0]) for each in found)


def test_a_text_that_ends_in_the_padding_token_is_the_same_alone_and_in_a_batch(tiny_model, tokens):
    from interp_nb.steering.apply import steer

    ends = torch.cat([tokens, torch.zeros(1, 1, dtype=torch.long)], 1)
    for positions in ("everything", "generated", [-1], [-2]):
        with steer(tiny_model, vector(), positions=positions):
            alone, batch = tiny_model(ends), tiny_model(ends.repeat(2, 1))
        assert torch.allclose(batch[0], alone[0], atol=1e-5 * float(alone.abs().max()))
