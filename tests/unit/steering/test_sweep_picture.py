"""The picture of a sweep: the same for the same numbers, whatever is missing, one layer or many."""

import dataclasses
import math
import warnings

import pytest
import torch

from interp_nb.steering.choosing import Bounds
from interp_nb.steering.sweep_result import MEASURES, SteeringSweep
from interp_nb.widgets.fallback import picture
from interp_nb.widgets.pictures.steering_sweep import draw

STRENGTHS = [-1.0, 0.0, 0.25, 1.0]


def made(layers=(0, 3), strengths=STRENGTHS):
    shape = len(layers), len(strengths)
    grown = torch.tensor([[(row + 1) / len(layers) * abs(s) for s in strengths] for row in range(len(layers))])
    signs = torch.tensor([[math.copysign(1.0, s) for s in strengths]] * len(layers))
    value = torch.stack([grown if name in ("kl", "norm_share") else 1 - 0.1 * grown for name in MEASURES])
    value[list(MEASURES).index("target")] = 0.5 + 0.4 * signs * grown
    value[list(MEASURES).index("effect")] = 0.4 * signs * grown
    value[list(MEASURES).index("kl")] = 0.08 * grown
    return SteeringSweep(
        name="joy", trait="positive share", site="resid_post", layers=list(layers), strengths=list(strengths),
        value=value, low=value - 0.05, high=value + 0.05, baseline=torch.tensor([0.5, 0, *([1.0] * 6), 0, 0]),
        per_prompt=torch.zeros(*shape, 3), kl_per_document=torch.zeros(*shape, 2), random=0.02 * torch.ones(2, *shape),
        done=torch.ones(shape, dtype=torch.bool), prompts=["a", "b", "c"], n_documents=2, bounds=Bounds(),
        toward="positive", notes=[], model_name="pocket", provenance={},
    )  # fmt: skip


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_the_same_numbers_give_the_same_picture():
    assert picture(made()) == picture(made())
    other = dataclasses.replace(made(), toward="negative")
    assert picture(made()) != picture(other)


def test_the_choice_is_marked_and_named():
    found = made()
    assert found.choice is not None
    assert (found.choice.layer, found.choice.strength) == (3, 1.0)
    figure = draw(found)
    assert any(
        text.startswith("choice: layer 3 at strength 1, positive share 0.90 for KL 0.08") for text in texts(figure)
    )
    rings = [line for axes in figure.axes for line in axes.lines if line.get_markerfacecolor() == "none"]
    marked = [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings if len(line.get_xdata())]
    assert (1.0, pytest.approx(0.9)) in marked
    # Seven measures, and effect against price.
    assert len(marked) == 8
    assert marked.count((pytest.approx(0.08), pytest.approx(0.4))) == 1


def test_curves_are_in_the_order_of_strengths():
    figure = draw(made(strengths=[1.0, -1.0, 0.0]))
    line = max(figure.axes[0].lines, key=lambda each: len(each.get_xdata()))
    assert list(line.get_xdata()) == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("layers", [(2,), tuple(range(30))])
def test_one_layer_and_many_are_drawn(layers):
    assert len(picture(made(layers))[0]) > 5000


@pytest.mark.parametrize("strengths", [[0.0], [0.5], [-1.0, -2.0]])
def test_grids_without_much_are_drawn(strengths):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(made(strengths=strengths))


def test_missing_cells_and_no_choice_are_said():
    found = made()
    value = found.value.clone()
    value[:, :, 3] = math.nan
    partial = dataclasses.replace(found, value=value, done=torch.tensor([[True, True, True, False]] * 2))
    said = texts(draw(partial))
    assert any("2 of 8 cells were not measured" in text for text in said)
    nothing = dataclasses.replace(
        found, value=torch.full_like(value, math.nan), low=torch.full_like(value, math.nan),
        high=torch.full_like(value, math.nan), baseline=torch.full((10,), math.nan),
        random=torch.full_like(found.random, math.nan), done=torch.zeros(2, 4, dtype=torch.bool),
    )  # fmt: skip
    assert any(text == "no choice: no cell was measured" for text in texts(draw(nothing)))
    assert len(picture(nothing)[0]) > 3000
    overflowed = dataclasses.replace(found, value=value, notes=["layer 0 at strength 1 gave NaN or infinity"] * 4)
    assert any("and 2 more notes" in text for text in texts(draw(overflowed)))


def test_without_random_directions_none_are_named():
    def named(found):
        return [text.get_text() for axes in draw(found).axes if axes.get_legend() for text in axes.get_legend().texts]

    assert "2 random directions" in named(made())
    assert not any("random" in text for text in named(dataclasses.replace(made(), random=torch.zeros(0, 2, 4))))
