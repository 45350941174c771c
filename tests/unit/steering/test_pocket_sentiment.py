"""The pocket model said happily: what its sentiment vector does to held-out stems, and at what price."""

from random import Random

import pytest
import torch

from interp_nb.models.load import load_model
from interp_nb.models.pocket.document import split_of
from interp_nb.models.pocket.families import feelings
from interp_nb.models.pocket.lexicon import NEGATIVE_FEELINGS, POSITIVE_FEELINGS
from interp_nb.models.pocket.prompts import heldout_prompts
from interp_nb.steering.benchmarks import pocket_texts
from interp_nb.steering.extract import steering_vector
from interp_nb.steering.side_effects import side_effects
from interp_nb.steering.sweep import steering_sweep
from interp_nb.steering.sweep_result import MEASURES
from interp_nb.steering.traits import TokenMass
from interp_nb.widgets.fallback import picture

N_PAIRS = 64
TRAIT = TokenMass([f" {word}" for word in POSITIVE_FEELINGS], [f" {word}" for word in NEGATIVE_FEELINGS])


def training_pairs(seed=0):
    """Stems with a cue, which differ in the cue alone; both, and the stem without one, are on the training side."""
    rng, pairs = Random(seed), []
    while len(pairs) < N_PAIRS:
        event, time, who = (rng.choice(some) for some in (feelings.EVENTS, feelings.TIMES, feelings.SUBJECTS))
        cue, template = rng.randrange(len(feelings.POSITIVE_CUES)), rng.choice(feelings.CUED_TEMPLATES)
        cues = feelings.POSITIVE_CUES[cue], feelings.NEGATIVE_CUES[cue]
        if all(split_of("feelings", event, time, who, each) == "train" for each in (*cues, "")):
            said = [feelings.feeling_document(rng, template, event, time, who, each, True).stem for each in cues]
            pairs.append((said[0], said[1]))
    return pairs


def held_out_stems(n=50, seed=0):
    return [each.stem for each in heldout_prompts("feelings", n, seed=seed, keep=lambda doc: not doc.slots["cue"].text)]


@pytest.fixture(scope="module")
def pocket():
    return load_model()


@pytest.fixture(scope="module")
def vector(pocket):
    return steering_vector(pocket, training_pairs(), name="sentiment")


@pytest.fixture(scope="module")
def sweep(pocket, vector):
    # All families without sentiment, letters and explanations included.
    unrelated = pocket_texts(without=["feelings", "reviews"])
    strengths = [-0.35, 0, 0.28, 0.35, 0.5, 2.0]
    return steering_sweep(pocket, vector, held_out_stems(), TRAIT, strengths=strengths, unrelated=unrelated)


@pytest.mark.slow
def test_the_choice_makes_held_out_stems_positive_for_little(sweep):
    assert len(sweep.prompts) == 50
    assert not set(sweep.prompts) & {stem for pair in training_pairs() for stem in pair}
    chosen, unsteered = sweep.choice, sweep.cell(sweep.layers[0], 0)
    assert chosen is not None, sweep.reason
    assert 0.3 <= unsteered.target <= 0.7
    assert chosen.target >= 0.9
    assert chosen.mass >= 0.5
    # Each of five random directions.
    assert sweep.random.shape[0] == 5
    assert chosen.random < 0.1
    assert chosen.kl < 0.1
    assert chosen.distinct_2 >= 0.8 * unsteered.distinct_2
    assert chosen.variety >= 0.8 * unsteered.variety
    at = sweep.layers.index(chosen.layer), sweep.strengths.index(chosen.strength)
    # Not by the mean alone: the ends of the intervals hold the bounds too.
    assert float(sweep.curve("target").low[at]) >= 0.9
    assert float(sweep.curve("kl").high[at]) < 0.1


@pytest.mark.slow
def test_too_much_of_it_breaks_the_text_and_says_so(sweep):
    broken = sweep.cell(3, 2.0)
    chosen = sweep.choice
    assert broken.kl > 1.0
    row, column = sweep.layers.index(3), sweep.strengths.index(2.0)
    perplexity = sweep.curve("perplexity")
    assert float(perplexity.low[row, column]) > 10 * float(sweep.baseline[3])
    assert sweep.choose(kl_max=0.001).cell != chosen
    assert sweep.cell(3, -0.35).target < 0.1
    assert len(picture(sweep)[0]) > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_strength_fixed_beforehand_does_it_for_other_pairs_and_stems(pocket, seed):
    vector = steering_vector(pocket, training_pairs(seed), layers=[3])
    found = steering_sweep(
        pocket, vector, held_out_stems(seed=seed), TRAIT, strengths=[0.28], n_random=50, seed=seed,
        unrelated=pocket_texts(without=["feelings", "reviews"], seed=seed),
    )  # fmt: skip
    cell, baseline = found.cell(3, 0.28), dict(zip(MEASURES, found.baseline.tolist(), strict=True))
    assert cell.target >= 0.9
    assert cell.mass >= 0.5
    assert cell.kl < 0.1
    assert cell.distinct_2 >= 0.8 * baseline["distinct_2"]
    assert cell.variety >= 0.8 * baseline["variety"]
    # One random direction in twenty is as long along the vector as to move the trait by 0.1.
    moved = found.random[:, 0, 0].abs()
    assert float(moved.mean()) < 0.1
    assert float(moved.quantile(0.9)) < 0.1


@pytest.mark.slow
def test_the_price_tag_of_the_choice(pocket, vector, sweep):
    found = side_effects(pocket, vector.at(sweep.choice.layer), strength=sweep.choice.strength)
    assert found.overall.accuracy_before.value >= 0.95
    assert found.overall.accuracy_change.value > -0.05
    much = side_effects(pocket, vector.at(3), strength=2.0)
    assert much.overall.accuracy_change.high < -0.2
    assert much.overall.kl.value > found.overall.kl.value
    assert torch.tensor([effect.loss_after.value for effect in much.effects]).isfinite().all()
