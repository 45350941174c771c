"""Cached, batched, padded forwards give the logits of one text alone, uncached, with its mask worked out by hand."""

import pytest
import torch

from tests.oracles.steered_loop import change, logits_by_hand, mask_by_hand
from tests.tiny_models import ARCHITECTURES, shared
from tests.unit.steering.steer_cases import (
    BEHIND,
    PROMPTS,
    SITE,
    assert_same_logits,
    cached_logits,
    strings,
    texts,
    tiny_sae,
    uncached_logits,
    vector,
)


def _mask():
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[:, [1, 3, 4]] = True
    return mask


def _kinds():
    from interp_nb.steering.recipe import FromMarker

    def judge(tokens, n_prompt):
        return (tokens % 2 == 0) & (torch.arange(len(tokens)) != n_prompt)

    return {
        "all": {"positions": "all"},
        "everything": {"positions": "everything"},
        "prompt": {"positions": "prompt"},
        "prompt and its last": {"positions": "prompt", "last_prompt_token": "prompt"},
        "generated": {"positions": "generated"},
        "generated, not the last of the prompt": {"positions": "generated", "last_prompt_token": "prompt"},
        "after the marker": {"positions": FromMarker(" in")},
        "from the marker on": {"positions": FromMarker(" in", include=True)},
        "strings": {"positions": [" is", " Paris"]},
        "mask": {"positions": _mask()},
        "function": {"positions": judge},
    }


KINDS = (
    "all", "everything", "prompt", "prompt and its last", "generated", "generated, not the last of the prompt",
    "after the marker", "from the marker on", "strings", "mask", "function",
)  # fmt: skip
OPERATORS = ("add", "ablate", "clamp", "ablate_add", "set", "scale")


def by_hand(model, prompts, follows, kind, *edits):
    """The oracle for every text; an edit is (hook name, operator, vector, strength, midpoint, sae, latent)."""
    found = []
    for prompt in prompts:
        ids = [*prompt, *follows]
        mask = mask_by_hand(ids, strings(model, ids), len(prompt), kind)

        def edit(operator, *rest, mask=mask):
            return lambda place, x: change(x, operator, *rest) if mask[place] else x

        found.append(logits_by_hand(model, ids, len(prompt), [(name, edit(*rest)) for name, *rest in edits]))
    return torch.stack(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_cached_logits_are_those_of_one_text_alone_for_every_kind_of_positions(architecture, kind):
    from interp_nb.steering.apply import steer

    model, v = shared(architecture), vector()
    prompts, follows = texts(model)
    expected = by_hand(model, prompts, follows, kind, (SITE, "add", v.vectors[1], 0.7, 0.0))
    with steer(model, v, strength=0.7, **_kinds()[kind]):
        assert_same_logits(cached_logits(model, prompts, follows), expected)
    lengths = [len(prompt) for prompt in prompts]
    with steer(model, v, strength=0.7, n_prompt=lengths, **_kinds()[kind]):
        assert_same_logits(uncached_logits(model, prompts, follows), expected)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_cached_logits_are_those_of_one_text_alone_for_every_operator(architecture, operator):
    from interp_nb.steering.apply import steer

    model, sae, strength = shared(architecture), tiny_sae(), 5.0 if operator == "scale" else 0.6
    of_latent = operator in ("set", "scale")
    v = latent_vector() if of_latent else vector()
    layer = 0 if of_latent else 1
    prompts, follows = texts(model)
    edit = (f"blocks.{layer}.hook_resid_post", operator, v.vectors[v.row(layer)], strength, 1.5, sae, 5)
    expected = by_hand(model, prompts, follows, "all", edit)
    unsteered = by_hand(model, prompts, follows, "all")
    with steer(model, v, strength=strength, operator=operator):
        found = cached_logits(model, prompts, follows)
    assert_same_logits(found, expected)
    assert float((found - unsteered).abs().max()) > 1e-2, "this steering does nothing"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_places_count_without_padding_and_back_from_the_end_of_the_prompt(architecture):
    from interp_nb.steering.apply import steer

    model, v = shared(architecture), vector()
    prompts, follows = texts(model)
    n_prompt = len(prompts[0])
    same_length = [prompts[0], prompts[0][:1] + prompts[1][1:] + prompts[0][: n_prompt - len(prompts[1])]]
    expected = by_hand(model, same_length, follows, "places", (SITE, "add", v.vectors[1], 0.7, 0.0))
    with steer(model, v, strength=0.7, positions=[0, 2, -1, n_prompt + 1]):
        assert_same_logits(cached_logits(model, same_length, follows), expected)
        alone = torch.cat([cached_logits(model, [prompt], follows) for prompt in same_length])
        assert_same_logits(alone, expected)
        # A longer text beside them moves their columns, not their places.
        batch = cached_logits(model, [prompts[2], same_length[0]], follows)
    one = by_hand(model, same_length[:1], follows, "places", (SITE, "add", v.vectors[1], 0.7, 0.0))
    assert_same_logits(batch[1:], one)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_conditions_hold_alike_with_and_without_a_cache(architecture):
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import Condition

    model, v, probe = shared(architecture), vector(), vector(7, norm=1.0)
    prompts, follows = texts(model)
    reads = (probe.vectors[0] / probe.vectors[0].norm()).double()
    with torch.no_grad():
        _, cache = model.run_with_cache(torch.tensor([[*prompts[0], *follows]]))
    above = float((cache[BEHIND][0].double() @ reads).median()) + 1e-3
    expected = []
    for prompt in prompts:
        ids = [*prompt, *follows]
        with torch.no_grad():
            _, cache = model.run_with_cache(torch.tensor([ids]))
        # Nothing is steered before the place that is read, so the plain run says where the condition holds.
        mask = [float(x @ reads) > above and place > 0 for place, x in enumerate(cache[BEHIND][0].double())]
        assert 0 < sum(mask) < len(mask)
        edit = (SITE, lambda place, x, mask=mask: change(x, "add", v.vectors[1], 0.7, 0.0) if mask[place] else x)
        expected.append(logits_by_hand(model, ids, len(prompt), [edit]))
    when = Condition(probe, above, layer=0)
    with steer(model, v, strength=0.7, when=when):
        assert_same_logits(cached_logits(model, prompts, follows), torch.stack(expected))
        assert_same_logits(uncached_logits(model, prompts, follows), torch.stack(expected))


def test_several_steerings_compose_in_the_order_they_are_given():
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import Steering

    model, first, second = shared("llama"), vector(), vector(1)
    prompts, follows = texts(model)
    add = (SITE, "add", first.vectors[1], 0.7, 0.0)
    clamp = (SITE, "clamp", second.vectors[1], 0.3, 1.5)
    earlier = (BEHIND, "ablate", first.vectors[0], 1.0, 0.0)
    one, other = Steering(first, 0.7), Steering(second, 0.3, operator="clamp")
    with steer(model, one, [other], Steering(first, 1.0, operator="ablate", layers=[0])):
        found = cached_logits(model, prompts, follows)
    assert_same_logits(found, by_hand(model, prompts, follows, "all", earlier, add, clamp))
    with steer(model, other), steer(model, one):
        nested = cached_logits(model, prompts, follows)
    turned = by_hand(model, prompts, follows, "all", clamp, add)
    assert_same_logits(nested, turned)
    assert float((nested - found).abs().max()) > 1e-2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("positions", ["all", "generated", "prompt"])
def test_the_generators_of_the_libraries_are_steered_alike(architecture, positions):
    """The bridge's generate, the Hugging Face model's, with and without cache, and ours."""
    from interp_nb.steering.apply import steer
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    model, v = shared(architecture), vector(2, norm=12.0)
    n_new = 6
    ids = model.to_tokens(PROMPTS[0])
    plain = model.generate(ids, max_new_tokens=n_new, do_sample=False, verbose=False, stop_at_eos=False)
    options = {"max_new_tokens": n_new, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    ones = torch.ones_like(ids)
    with steer(model, v, positions=positions, layers="all"):
        bridge = model.generate(ids, max_new_tokens=n_new, do_sample=False, verbose=False, stop_at_eos=False)
        below = model.original_model.generate(ids, attention_mask=ones, **options)
    with steer(model, v, positions=positions, layers="all", n_prompt=ids.shape[1]):
        uncached = model.original_model.generate(ids, attention_mask=ones, use_cache=False, **options)
    recipe = Steering(v, positions=positions, layers="all")
    ours = generate(model, PROMPTS[0], steering=recipe, n_new=n_new, stop_at_end=False)
    assert bridge.tolist() == below.tolist() == uncached.tolist()
    assert bridge[0, ids.shape[1] :].tolist() == ours.steered[0].token_ids
    assert plain[0, ids.shape[1] :].tolist() == ours.baseline[0].token_ids
    assert float(ours.steered[0].change.abs().max()) > 1e-2, "this steering does nothing"


def test_beams_and_samples_of_one_prompt_keep_its_length():
    from interp_nb.steering.apply import steer

    model, v = shared("gpt2"), vector(2, norm=12.0)
    ids = model.to_tokens(PROMPTS[0])
    options = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0, "eos_token_id": None, "num_beams": 3}
    ones = torch.ones_like(ids)
    with steer(model, v, positions="generated"):
        cached = model.original_model.generate(ids, attention_mask=ones, **options)
    with steer(model, v, positions="generated", n_prompt=ids.shape[1]):
        uncached = model.original_model.generate(ids, attention_mask=ones, use_cache=False, **options)
    assert cached.tolist() == uncached.tolist()


def test_a_cache_that_was_filled_outside_counts_as_prompt():
    from interp_nb.steering.apply import steer

    model, v = shared("gpt2"), vector()
    prompts, follows = texts(model)
    tokens = torch.tensor([prompts[0]])
    _, cache = model(tokens, use_cache=True, return_type="logits_and_cache")
    new = torch.tensor([follows[:2]])
    with steer(model, v, positions="generated"):
        steered, _ = model(new, past_key_values=cache, return_type="logits_and_cache")
    mask = [place >= len(prompts[0]) for place in range(len(prompts[0]) + 2)]
    edit = (SITE, lambda place, x: x + v.vectors[1] if mask[place] else x)
    expected = logits_by_hand(model, [*prompts[0], *follows[:2]], len(prompts[0]), [edit])
    assert_same_logits(steered[0], expected[1:])


def latent_vector():
    from interp_nb.steering.latents import feature_vector

    return feature_vector(tiny_sae(), 5, acts_p99=6.0)
