"""Choosing a cell: bounds, ties, chance, what is unknown, and the reasons given."""

import math

import pytest

from interp_nb.steering.choosing import Bounds, SweepCell, choose, pareto

BASELINE = SweepCell(0, 0.0, 0.0, 0.5, 0.8, 0.0, 1.0, 0.5, 0.0)
BOUNDS = Bounds(kl_max=0.1, distinct_min=0.8, mass_min=0.5)


def cell(layer=0, strength=1.0, effect=0.3, kl=0.05, **others):
    fields = {"target": 0.5 + effect, "mass": 0.8, "distinct_2": 1.0, "variety": 0.5, "random": 0.02} | others
    return SweepCell(layer=layer, strength=strength, effect=effect, kl=kl, **fields)


def test_the_largest_effect_within_the_bounds_is_chosen():
    cells = [cell(effect=0.1), cell(1, effect=0.4, kl=0.09), cell(2, effect=0.5, kl=0.11)]
    found = choose(cells, BASELINE, BOUNDS, 1)
    assert found.cell == cells[1]
    assert found.reason == "the largest effect of the 2 cells within the bounds, of 3 that move the trait"
    assert choose(cells, BASELINE, BOUNDS._replace(kl_max=0.2), 1).cell == cells[2]


def test_of_effects_that_are_as_good_the_cheapest_is_chosen():
    cells = [cell(effect=0.400, kl=0.09), cell(effect=0.397, kl=0.03), cell(effect=0.39, kl=0.01)]
    assert choose(cells, BASELINE, BOUNDS, 1).cell == cells[1]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"kl": 0.2}, "KL 0.2 above 0.1"),
        ({"kl": math.nan}, "KL nan above 0.1"),
        ({"distinct_2": 0.79}, "distinct-2 within texts 0.79 below 0.80"),
        ({"variety": 0.39}, "distinct-2 over all texts 0.39 below 0.40"),
        ({"mass": 0.39}, "mass 0.39 below 0.40"),
    ],
)
def test_each_bound_rules_out_and_is_named(broken, words):
    found = choose([cell(3, 0.5, **broken)], BASELINE, BOUNDS, 1)
    assert found.cell is None
    assert found.reason == (
        f"none of the 1 cells that move the trait keeps the bounds; nearest is layer 3 at strength 0.5: {words}"
    )


def test_what_a_trait_does_not_have_rules_nothing_out():
    unknown = cell(mass=math.nan, distinct_2=math.nan, variety=math.nan, random=math.nan)
    assert choose([unknown], BASELINE, BOUNDS, 1).cell is not None


def test_an_effect_that_random_directions_have_too_is_no_effect():
    found = choose([cell(effect=0.1, random=0.1), cell(effect=-0.3)], BASELINE, BOUNDS, 1)
    assert found == (None, "no cell moves the trait up further than random directions of equal norm do")
    assert choose([cell(effect=0.1, random=0.09)], BASELINE, BOUNDS, 1).cell is not None


def test_less_of_a_trait_can_be_wanted():
    cells = [cell(effect=0.3), cell(effect=-0.2), cell(effect=-0.4, kl=0.3)]
    assert choose(cells, BASELINE, BOUNDS, -1).cell == cells[1]
    assert [each.effect for each in pareto([BASELINE, *cells], -1)] == [0.0, -0.2, -0.4]


def test_nothing_measured_is_said():
    assert choose([], BASELINE, BOUNDS, 1) == (None, "no cell was measured")
    assert choose([cell(effect=math.nan)], BASELINE, BOUNDS, 1).reason == "no cell was measured"


def test_the_front_holds_what_nothing_betters():
    cells = [
        cell(effect=0.2, kl=0.01), cell(effect=0.1, kl=0.02), cell(effect=0.5, kl=0.3), cell(effect=0.5, kl=0.4),
        cell(effect=0.2, kl=0.01, layer=1), cell(effect=0.9, kl=math.nan), cell(effect=-0.1, kl=0.0),
    ]  # fmt: skip
    assert pareto([BASELINE, *cells], 1) == [BASELINE, cells[0], cells[2]]
