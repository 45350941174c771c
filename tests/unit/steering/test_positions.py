"""Which tokens are chosen where texts are awkward: split characters, cut caches, embeddings, odd masks."""

import pytest
import torch

from tests.tiny_models import hf_model, shared
from tests.unit.steering.steer_cases import BEHIND, SITE, vector


def moved(model, tokens, v, **options):
    """Which tokens of one text steering moves at its own place."""
    from interp_nb.models.edit import capture
    from interp_nb.steering.apply import steer

    plain = capture(model, tokens, [SITE])[SITE]
    with steer(model, v, **options):
        steered = capture(model, tokens, [SITE])[SITE]
    return (steered - plain).norm(dim=-1)[0] > 1e-3


@pytest.mark.parametrize("marker", ["→", "café", "é", "é the", "🙂"])
@pytest.mark.parametrize("include", [False, True])
def test_a_marker_is_found_though_its_characters_are_several_tokens(tiny_model, marker, include):
    from interp_nb.steering.recipe import FromMarker

    text = "Paris → café the 🙂 end"
    tokens = tiny_model.to_tokens(text)
    found = moved(tiny_model, tokens, vector(), positions=FromMarker(marker, include))
    tokenizer = tiny_model.tokenizer
    ends = [marker in tokenizer.decode(tokens[0, : place + 1].tolist()) for place in range(tokens.shape[1])]
    first = ends.index(True)
    assert 2 < first < tokens.shape[1] - 1
    assert found.tolist() == [place >= first + (not include) for place in range(tokens.shape[1])]


def test_a_marker_with_a_blank_is_found_where_single_tokens_lose_theirs():
    """SentencePiece-like tokenizers drop the blank of a token that is decoded alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from interp_nb.models.load import load_model
    from interp_nb.steering.recipe import FromMarker

    words = ["<|end|>", "▁in", "▁Paris", "▁the", "▁end"]
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<|end|>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    end = "<|end|>"
    spoken = PreTrainedTokenizerFast(tokenizer_object=made, bos_token=end, eos_token=end, pad_token=end, unk_token=end)
    model = load_model((hf_model("llama"), spoken), device="cpu")
    tokens = torch.tensor([[0, 1, 2, 3, 4]])
    assert [str(piece) for piece in model.to_str_tokens(tokens[0])][2] == "Paris"
    assert moved(model, tokens, vector(), positions=FromMarker("in Paris")).tolist() == [False] * 3 + [True] * 2


def test_a_marker_that_is_not_there_steers_nothing(tiny_model):
    from interp_nb.steering.recipe import FromMarker

    assert not moved(tiny_model, tiny_model.to_tokens("Paris is in"), vector(), positions=FromMarker("Rome")).any()


def test_a_cache_that_was_cut_back_is_judged_by_what_is_left(tiny_model):
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import FromMarker

    text = tiny_model.to_tokens("The Eiffel Tower is in Paris and the")
    with steer(tiny_model, vector(), positions=FromMarker(" Paris")):
        whole = tiny_model(text)
        _, cache = tiny_model(text, use_cache=True, return_type="logits_and_cache")
        cache.crop(5 - text.shape[1])
        assert int(cache.get_seq_length()) == 5
        again, _ = tiny_model(text[:, 5:], past_key_values=cache, return_type="logits_and_cache")
    assert torch.allclose(again, whole[:, 5:], atol=1e-5 * float(whole.abs().max()))


def test_forwards_that_begin_with_embeddings_know_places_and_no_tokens():
    from interp_nb._errors import ConfigError
    from interp_nb.models.edit import forward
    from interp_nb.steering.apply import steer

    model = shared("gpt2")
    tokens = model.to_tokens("The Eiffel Tower is in")
    embedded = forward(model, tokens, stop_at_layer=0)
    embeds = model.original_model.get_input_embeddings()(tokens)
    with steer(model, vector(), positions=[1, -1]):
        expected = model(tokens)
        found = model.original_model(inputs_embeds=embeds).logits
    assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()))
    assert embedded.shape == embeds.shape
    with steer(model, vector()), pytest.raises(ConfigError, match="positions='everything'"):
        model.original_model(inputs_embeds=embeds)


def test_masks_of_another_shape_are_refused(tiny_model):
    from interp_nb._errors import ConfigError
    from interp_nb.steering.apply import steer

    tokens = tiny_model.to_tokens("The Eiffel Tower")
    square = torch.ones(1, 1, tokens.shape[1], tokens.shape[1])
    with steer(tiny_model, vector()), pytest.raises(ConfigError, match=r"attention mask of \[batch=1 past \+ new="):
        tiny_model.original_model(input_ids=tokens, attention_mask=square)


def test_each_recipe_may_have_rows_of_its_own(tiny_model):
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import Steering

    tokens = tiny_model.to_tokens("The Eiffel Tower is in").repeat(2, 1)
    one, other = Steering(vector()), Steering(vector(1))
    with steer(tiny_model, one, other, rows=torch.eye(2, dtype=torch.bool)):
        found = tiny_model(tokens)
    for row, recipe in enumerate((one, other)):
        with steer(tiny_model, recipe):
            assert torch.allclose(found[row], tiny_model(tokens)[row], atol=1e-6)


def test_a_condition_that_never_ran_is_refused_when_the_edit_comes(tiny_model):
    """A reading below the layer a forward starts at does not happen."""
    from interp_nb._errors import ConfigError
    from interp_nb.models.edit import capture, forward
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import Condition

    tokens = tiny_model.to_tokens("The Eiffel Tower is in")
    start = capture(tiny_model, tokens, ["blocks.1.hook_resid_pre"])["blocks.1.hook_resid_pre"]
    when = Condition(vector(), 0.0, layer=0)
    refused = pytest.raises(ConfigError, match=f"{BEHIND} is read after {SITE}")
    with steer(tiny_model, vector(), when=when, positions="everything"), refused:
        forward(tiny_model, start, start_at_layer=1)
