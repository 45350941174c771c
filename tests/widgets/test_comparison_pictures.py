"""The pictures of a comparison and of a scaling law: the same each time, with what is not known, of many SAEs."""

import math

import pytest

from interp_nb.evaluation.compare import compare_saes
from interp_nb.evaluation.scaling import fit_scaling
from interp_nb.widgets import fallback
from tests.unit.evaluation.test_compare import made
from tests.unit.evaluation.test_scaling import grid, sweep


def height(result) -> int:
    png = fallback.picture(result)[0]
    assert png == fallback.picture(result)[0]
    return int.from_bytes(png[20:24], "big")


def test_comparison_is_drawn_with_and_without_a_law():
    found = compare_saes([made("a $x$ <b>", 5, 0.8), made("b", 10, 0.9)])
    assert height(found) == height(found.with_scaling(fit_scaling(sweep(), n_draws=100)))


def test_comparison_of_many_with_unknown_numbers_is_drawn():
    reports = [made(f"SAE {index}", index, 0.5 + index / 40) for index in range(9)]
    reports[3].metrics["loss_recovered_mean"] = reports[3]["loss_recovered_mean"]._replace(value=math.nan)
    found = compare_saes(reports)
    assert found.pareto[0].l0 < 0.01 and not found.pareto[3].on_front
    assert height(found) > height(compare_saes(reports[:2])), "a line says that there are more"


@pytest.mark.parametrize("points", [sweep(0.05), grid(), [p | {"k": p["k"] * (1 + p["n"] / 1e7)} for p in grid()]])
def test_law_is_drawn_at_one_k_at_a_few_and_at_many(points):
    assert height(fit_scaling(points, n_draws=100)) > 400
