"""Contrasts and prompts: what lines up, and what is refused with the numbers."""

import pytest
import torch

from interp_nb._errors import AnswerTokenError, ConfigError, PromptError, TokenAlignmentError
from interp_nb.models.prompts import Contrast, answer_token, tokenize
from tests.tiny_models import ANSWER, CLEAN, CORRUPTED, N_CTX, WRONG, shared


@pytest.fixture(scope="module")
def model():
    return shared("gpt2")


def test_tokens_of_one_contrast(model):
    checked = Contrast(CLEAN, CORRUPTED, ANSWER, WRONG).tokens(model)
    assert checked.clean.shape == (1, 6)
    assert model.to_string(checked.clean[0, 1:]) == CLEAN
    assert model.to_string(checked.corrupted[0, 1:]) == CORRUPTED
    assert (model.to_string(checked.answer), model.to_string(checked.wrong)) == (ANSWER, WRONG)
    assert checked.str_tokens == [
        (
            ["<|end|>", "The", " Eiffel", " Tower", " is", " in"],
            ["<|end|>", "The", " Louvre", " Museum", " is", " in"],
        )
    ]


def test_tokens_of_several_contrasts_keep_their_order(model):
    both = Contrast([CLEAN, CORRUPTED], [CORRUPTED, CLEAN], [ANSWER, WRONG], [WRONG, ANSWER]).tokens(model)
    assert torch.equal(both.clean, both.corrupted.flip(0))
    assert torch.equal(both.answer, both.wrong.flip(0))
    assert both.str_tokens[0] == both.str_tokens[1][::-1]


def test_fields_are_kept_as_given_and_viewed_as_lists():
    contrast = Contrast(CLEAN, CORRUPTED, ANSWER, WRONG)
    assert contrast.clean == CLEAN
    assert contrast.prompts() == ([CLEAN], [CORRUPTED], [ANSWER], [WRONG])
    assert contrast == Contrast(CLEAN, CORRUPTED, ANSWER, WRONG)
    assert Contrast([CLEAN], [CORRUPTED], [ANSWER], [WRONG]).clean == [CLEAN]


@pytest.mark.parametrize(
    "fields",
    [
        (["a", "b"], ["c"], ["d"], ["e"]),
        (["a", "b"], ["c", "d"], "e", ["f", "g"]),
        ([], [], [], []),
        ("a", ["c", "d"], ["d", "e"], ["e", "f"]),
    ],
)
def test_lists_of_different_lengths_are_refused_at_once(fields):
    with pytest.raises(ConfigError, match=r"as many entries in every field, at least one; got clean \d"):
        Contrast(*fields)


def test_prompts_of_different_lengths_show_both_splits(model):
    with pytest.raises(TokenAlignmentError, match=r"got 6 and 5: \['<\|end\|>', 'The'.*against.*' Paris'\]"):
        Contrast(CLEAN, "The Tower is Paris", ANSWER, WRONG).tokens(model)


def test_equal_prompts_are_refused(model):
    with pytest.raises(TokenAlignmentError, match="must differ"):
        Contrast(CLEAN, CLEAN, ANSWER, WRONG).tokens(model)


def test_contrasts_of_different_lengths_are_refused_with_the_lengths(model):
    two = Contrast([CLEAN, f"{CLEAN} the"], [CORRUPTED, f"{CORRUPTED} the"], [ANSWER, " John"], [WRONG, " Mary"])
    with pytest.raises(TokenAlignmentError, match=r"same number of tokens, got \[6, 7\]"):
        two.tokens(model)


def test_answer_of_several_tokens_shows_the_split_and_the_spelling_that_works(model):
    with pytest.raises(
        AnswerTokenError, match=r"'Paris' must be one token.*splits it into 2: 'Par' \| 'is'; ' Paris' is one token"
    ):
        Contrast(CLEAN, CORRUPTED, "Paris", WRONG).tokens(model)


def test_answer_with_a_space_too_many_offers_the_one_without(model):
    assert answer_token(model, "The") != answer_token(model, " The")
    with pytest.raises(AnswerTokenError, match="choose an answer that is one"):
        answer_token(model, " Zanzibar")
    with pytest.raises(AnswerTokenError, match=r"into 0: nothing"):
        answer_token(model, "")


def test_answer_is_taken_as_written(model):
    assert answer_token(model, " Paris") == model.to_single_token(" Paris")


def test_answer_equal_to_wrong_is_refused(model):
    with pytest.raises(AnswerTokenError, match="must be different tokens, both are ' Paris'"):
        Contrast(CLEAN, CORRUPTED, ANSWER, ANSWER).tokens(model)


def test_empty_prompt_is_refused(model):
    with pytest.raises(PromptError, match="prompt is empty"):
        tokenize(model, "")


def test_prompt_longer_than_the_context_gives_both_numbers(model):
    fits = " Paris" * (N_CTX - 1)
    assert tokenize(model, fits)[0].shape == (1, N_CTX)
    with pytest.raises(PromptError, match=f"has {N_CTX + 1} tokens, this model's context holds {N_CTX}; .* at least 1"):
        tokenize(model, fits + " Paris")


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "‏שלום", "\n\t", "é" * 3, "\U0001f980"])
def test_any_text_becomes_tokens_that_spell_it(model, text):
    tokens, strings = tokenize(model, text)
    assert len(strings) == tokens.shape[1]
    assert model.to_string(tokens[0, 1:]) == text


def test_single_token_prompt_has_one_string(model):
    shortest, strings = tokenize(shared("gpt_neox"), " Paris")
    assert (shortest.shape, strings) == ((1, len(strings)), strings)
    assert strings[-1] == " Paris"
