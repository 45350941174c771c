"""Advice: which number calls for which words, that no two rules contradict each other, and when nothing is said."""

import math

import pytest

from interp_nb.sae.advice import advise, advise_training, usual_l0

FINE = {"d_sae": 512, "n_tokens": 100_000, "architecture": "batch_topk", "k": 16, "l0": 16.0, "dead_fraction": 0.01,
        "dense_fraction": 0.0, "shrinkage": 0.97, "explained_variance": 0.9, "n_docs": 500}  # fmt: skip


def said(**changes) -> str:
    return " ".join(advise(**FINE | changes))


def test_nothing_is_said_where_nothing_is_unusual():
    assert advise(**FINE) == []
    assert advise(d_sae=512, n_tokens=100_000) == [], "what was not measured is not unusual"


@pytest.mark.parametrize(
    ("d_sae", "low", "high"), [(16, 0.32, 2), (500, 10, 25), (1000, 20, 50), (2000, 20, 100), (2**24, 20, 200)]
)
def test_usual_sparsity_is_a_share_of_small_dictionaries_and_a_number_of_wide_ones(d_sae, low, high):
    assert usual_l0(d_sae) == pytest.approx((low, high))


def test_share_of_a_small_dictionary_is_held_against_2_to_5_percent():
    assert "60 of 512 latents are active on a token (L0; 12 %)" in said(l0=60.0)
    assert "usual for a dictionary of this width is 2 to 5 %" in said(l0=60.0) and "lower k" in said(l0=60.0)
    assert "raise k" in said(l0=4.0, k=4, explained_variance=0.6)
    assert said(l0=40.0) == "", "less than twice outside is not worth a word"


def test_wide_dictionary_is_not_told_to_reach_2_percent():
    # 64 of 131,072 is 0.05 %, and as it should be; 2 % would be 2,621.
    assert said(d_sae=2**17, l0=64.0) == ""
    wide = said(d_sae=2**17, l0=2621.0)
    assert "20 to 200 (the 2 to 5 % of small dictionaries do not carry over to wide ones)" in wide and "lower k" in wide


def test_few_latents_that_reconstruct_well_are_no_fault():
    found = said(d_sae=2048, l0=7.0, k=8)
    assert "reconstructs well nevertheless (explained variance 0.90)" in found and "compare: raise k" in found
    assert "merge meanings" in said(d_sae=2048, l0=7.0, k=8, explained_variance=0.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dead_fraction": 0.3}, "30 % of the latents (154) fired on none of 100,000 tokens: they are dead, or very"),
        ({"dense_fraction": 0.05}, "26 latents (5 %) fire on more than a tenth of the tokens"),
        ({"shrinkage": 0.7}, "0.70 times as long as the activations. What is not reconstructed"),
        ({"shrinkage": 0.7, "architecture": "relu", "k": None}, "lower l1_coefficient and train it again, or take"),
        ({"shrinkage": 1.4}, "check that these are on the scale"),
        ({"explained_variance": -0.5}, "no better than the mean activation (explained variance -0.50): check that"),
        ({"explained_variance": 0.3}, "Explained variance is 0.30"),
        ({"n_docs": 3}, "The text has 3 documents: intervals resample documents"),
        ({"n_docs": 1}, "The text has 1 document:"),
        ({"n_tokens": 300}, "The text has 300 tokens, of which nothing can be judged"),
        ({"l0": 60.0, "architecture": "jumprelu", "k": None}, "raise sparsity_coefficient"),
        ({"l0": 60.0, "architecture": "", "k": None}, "raise its sparsity setting"),
    ],
)
def test_what_is_unusual_is_said_with_the_setting_to_change(changes, words):
    assert words in said(**changes)


def test_latents_are_not_called_dead_on_too_little_text():
    # 16 latents a token: the average one fired 31 times in 1,000 tokens, a rare one perhaps never.
    found = said(n_tokens=1_000, dead_fraction=0.4)
    assert "too little text to call them dead" in found and "auxk" not in found


@pytest.mark.parametrize("architecture", ["relu", "batch_topk", "jumprelu", "gated"])
@pytest.mark.parametrize("l0", [0.5, 200.0])
def test_no_two_rules_advise_the_opposite(architecture, l0):
    every = advise(
        d_sae=512, n_tokens=100_000, architecture=architecture, l0=l0, dead_fraction=0.5, dense_fraction=0.2,
        shrinkage=0.5, explained_variance=0.2,
    )  # fmt: skip
    both = [{"k", "l1_coefficient", "sparsity_coefficient"} & set(text.replace(",", "").split()) for text in every]
    changed = {
        f"{verb} {name}"
        for text in every
        for verb in ("raise", "lower")
        for name in ("k", "l1_coefficient", "sparsity_coefficient")
        if f"{verb} {name}" in text
    }
    assert any(both) and len(changed) == 1, changed


RECORD = {"tokens": 500_000, "l0": 16.0, "explained_variance": 0.9}
RUN = {"d_sae": 512, "architecture": "batch_topk", "n_tokens": 1_000_000, "n_dead": 0, "n_dense": 0,
       "window_tokens": 100_000}  # fmt: skip


def trained(*records, **changes) -> str:
    return " ".join(advise_training([RECORD | each for each in records], **RUN | changes))


def test_run_gets_no_advice_before_there_is_enough_to_judge():
    assert advise_training([], **RUN) == []
    bad = {"l0": 200.0, "explained_variance": 0.1}
    assert trained(bad | {"tokens": 50_000}) == "", "a twentieth of the run"
    assert trained(bad | {"tokens": 250_000}, settled_from=0.3) == "", "its schedules still raise sparsity"
    assert trained(bad | {"tokens": 800}, n_tokens=2_000) == ""
    assert trained(bad | {"tokens": 150, "l0": 1.0}, n_tokens=200) == "", "the average latent hardly fired"
    assert "lower k." in trained(bad)


def test_run_that_can_be_changed_is_told_how_and_one_that_is_over_to_train_again():
    assert "Raise auxk_coefficient; in another run" in trained({}, n_dead=200)
    assert "the last 100,000 tokens" in trained({}, n_dead=200)
    assert "train it again" not in trained({"l0": 200.0}) and "train it again" in trained({"l0": 200.0}, over=True)
    assert "30 latents (5.9 %)" in trained({}, n_dense=30)
    assert "raise sparsity_coefficient" in trained(
        {"l0": 200.0}, architecture="relu", coefficient="sparsity_coefficient"
    )


def test_fall_that_sparsity_does_not_explain_is_instability():
    assert "fell from 0.90 to 0.60 although L0 is no lower" in trained({}, {"explained_variance": 0.6})
    assert trained({"l0": 30.0}, {"explained_variance": 0.6}) == "", "sparser since: less is reconstructed"
    assert trained({}, {"explained_variance": 0.85}) == ""
    assert trained({"explained_variance": math.nan}, {"explained_variance": 0.6}) == ""
    assert trained({"tokens": 100}, {"explained_variance": 0.6}, settled_from=0.1) == "", "before it settled"
