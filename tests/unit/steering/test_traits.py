"""Traits: masses on paper, words that are no token, and classifiers that answer wrongly."""

import math

import pytest
import torch

from interp_nb._errors import AnswerTokenError, ConfigError
from interp_nb.steering.traits import ClassifierTrait, TokenMass, mass_on

WORDS = ([" Paris"], [" Rome"])


def test_mass_is_what_paper_says():
    logits = torch.tensor([[0.4, 0.2, 0.1, 0.3], [0.1, 0.1, 0.1, 0.7]]).log()
    found = mass_on(logits, torch.tensor([0, 1]), torch.tensor([2]))
    torch.testing.assert_close(found.share, torch.tensor([6 / 7, 2 / 3]))
    torch.testing.assert_close(found.mass, torch.tensor([0.7, 0.3]))


def test_shares_of_tiny_masses_are_right():
    logits = torch.tensor([0.0, -200.0, -200.0 - math.log(3.0)])
    found = mass_on(logits, torch.tensor([1]), torch.tensor([2]))
    # Logits of -200 are known in float32 to 1e-5.
    assert float(found.share) == pytest.approx(0.75, rel=1e-5)
    assert float(found.mass) < 1e-30


def test_words_are_taken_as_written_each_once(tiny_model):
    trait = TokenMass([" Paris", " Paris"], [" Rome"])
    positive, negative = trait.tokens(tiny_model)
    assert positive.tolist() == tiny_model.to_tokens(" Paris", prepend_bos=False)[0].tolist()
    assert negative.tolist() == tiny_model.to_tokens(" Rome", prepend_bos=False)[0].tolist()


def test_words_of_several_tokens_are_refused_unless_the_first_is_asked_for(tiny_model):
    with pytest.raises(AnswerTokenError, match=r"must be one token.*or take the first token of each word: first_token"):
        TokenMass([" Parish"], [" Rome"]).tokens(tiny_model)
    positive, _ = TokenMass([" Parish"], [" Rome"], first_token=True).tokens(tiny_model)
    assert positive.tolist() == [int(tiny_model.to_tokens(" Parish", prepend_bos=False)[0, 0])]


def test_words_of_both_sides_that_begin_alike_are_refused(tiny_model):
    with pytest.raises(AnswerTokenError, match="speaks for neither"):
        TokenMass([" Parish"], [" Paris"], first_token=True).tokens(tiny_model)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (([], [" Rome"]), "positive must be a list of words"),
        (([" Paris"], []), "negative must be a list of words"),
        (([" Paris"], [""]), "negative must be a list of words"),
        (([" Paris"], [" Rome", " Paris"]), "' Paris' is in both lists"),
    ],
)
def test_lists_that_make_no_sense_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        TokenMass(*words)


def test_a_classifier_scores_texts_and_may_not_know():
    trait = ClassifierTrait("length", lambda texts: [float(len(text)) if text else math.nan for text in texts])
    found = trait.measure(["ab", "", "abc"])
    assert found[[0, 2]].tolist() == [2.0, 3.0]
    assert bool(found[1].isnan())


def test_classifiers_that_answer_wrongly_are_refused():
    with pytest.raises(ConfigError, match="one score per text: 2, got 1"):
        ClassifierTrait("short", lambda texts: [1.0]).measure(["a", "b"])
    with pytest.raises(ConfigError, match="finite scores"):
        ClassifierTrait("loud", lambda texts: [math.inf]).measure(["a"])
