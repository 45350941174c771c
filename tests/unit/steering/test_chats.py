"""Chats: rendered by the tokenizer's template, begin-of-text once, every token with its role, refusals in words."""

import copy

import pytest
import torch

from tests.tiny_models import hf_model, tokenizer
from tests.unit.steering.steer_cases import strings, vector

TEMPLATE = (
    "{{ '<|end|>' }}{% for m in messages %}{{ m['role'][0] + ':' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'a:' }}{% endif %}"
)
CHAT = [
    {"role": "system", "content": "John and Mary"},
    {"role": "user", "content": "The Eiffel Tower is in"},
    {"role": "assistant", "content": " Paris"},
    {"role": "user", "content": " the Louvre"},
]


def chatting(template=TEMPLATE):
    from interp_nb.models.load import load_model

    spoken = copy.deepcopy(tokenizer())
    spoken.chat_template = template
    return load_model((hf_model("gpt2"), spoken), device="cpu")


@pytest.fixture(scope="module")
def model():
    return chatting()


def steered_strings(model, chat, role):
    """What `positions=role` steers of a chat and the two tokens after it, read off the activations."""
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    name = "blocks.0.hook_resid_post"
    recipe = Steering(vector(norm=8.0), layers=[0], positions=role)
    made = generate(model, chat, steering=recipe, n_new=2, stop_at_end=False, capture=[name], n_samples=1)
    ids = made.prompt_ids[0] + made.steered[0].token_ids
    with torch.no_grad():
        _, cache = model.run_with_cache(torch.tensor([ids]), names_filter=[name])
    moved = (made.steered[0].activations[name] - cache[name][0]).norm(dim=1) > 1.0
    return [piece for piece, is_moved in zip(strings(model, ids), moved.tolist(), strict=True) if is_moved]


def test_chats_are_rendered_up_to_the_answer_with_begin_of_text_once(model):
    from interp_nb.steering.generate import generate

    made = generate(model, CHAT, n_new=1)
    assert made.prompts == ["<|end|>s:John and Mary\nu:The Eiffel Tower is in\na: Paris\nu: the Louvre\na:"]
    assert made.prompt_ids[0].count(0) == 1
    assert "".join(made.prompt_tokens[0]) == made.prompts[0]


def test_roles_are_the_tokens_of_their_turns_and_the_answer_is_the_assistants(model):
    assert "".join(steered_strings(model, CHAT, "user")) == "u:The Eiffel Tower is in\nu: the Louvre\n"
    assert "".join(steered_strings(model, CHAT, "system")) == "s:John and Mary\n"
    of_assistant = steered_strings(model, CHAT, "assistant")
    assert "".join(of_assistant[:-2]) == "a: Paris\na:"


def test_chats_of_several_lengths_share_a_batch(model):
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    recipe = Steering(vector(norm=8.0), layers=[0], positions="user")
    both = generate(model, [CHAT, CHAT[1:2]], steering=recipe, n_new=4, stop_at_end=False)
    for number, chat in enumerate((CHAT, CHAT[1:2])):
        alone = generate(model, chat, steering=recipe, n_new=4, stop_at_end=False)
        assert alone.steered[0].token_ids == both.steered[number].token_ids
        assert torch.allclose(alone.steered[0].change, both.steered[number].change, atol=1e-4)


def test_a_tokenizer_without_a_template_is_refused_in_words(tiny_model):
    from interp_nb._errors import PromptError
    from interp_nb.steering.generate import generate

    with pytest.raises(PromptError, match="no chat template"):
        generate(tiny_model, CHAT)


def test_roles_of_plain_text_are_refused(model):
    from interp_nb._errors import ConfigError
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    with pytest.raises(ConfigError, match="those of chats"):
        generate(model, "The Eiffel", steering=Steering(vector(), positions="user"))


def test_templates_that_rewrite_what_came_before_are_refused_for_roles_and_fine_without():
    from interp_nb._errors import ConfigError
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    counting = chatting("{{ messages | length }}" + TEMPLATE)
    with pytest.raises(ConfigError, match="first 1 turns differently when more follow"):
        generate(counting, CHAT, steering=Steering(vector(), positions="user"))
    assert generate(counting, CHAT, steering=vector(), n_new=1).steered[0].token_ids
    refusing = chatting(
        "{% if messages[-1]['role'] != 'user' %}{{ raise_exception('user last') }}{% endif %}" + TEMPLATE
    )
    with pytest.raises(ConfigError, match=r"cannot be told: .*user last"):
        generate(refusing, CHAT, steering=Steering(vector(), positions="user"))


@pytest.mark.parametrize("turn", [{"role": "user"}, {"content": "hello"}, {"role": "user", "content": 3}])
def test_turns_that_lack_something_are_refused(model, turn):
    from interp_nb._errors import PromptError
    from interp_nb.steering.generate import generate

    with pytest.raises(PromptError, match="role and a content"):
        generate(model, [turn])
