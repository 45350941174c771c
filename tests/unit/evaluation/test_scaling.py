"""Scaling laws: planted ones are found again, intervals hold the truth, and points that cannot tell are refused."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest

from interp_nb._errors import ConfigError
from interp_nb.evaluation.scaling import _Design, fit_scaling
from interp_nb.evaluation.scaling_fit import PARAMETERS, ScalingFit

GAO = {"alpha": -0.50, "beta_k": 0.26, "beta_n": -0.017, "gamma": -0.042, "zeta": -1.32, "eta": -0.085}
"""Gao et al. 2024, section 3.1.3: GPT-4's activations."""
WIDTHS, KS = (2**11, 2**13, 2**15, 2**17, 2**19), (16, 32, 64, 128)
PLANTED = {"alpha": math.log(3), "beta_n": -0.3, "zeta": math.log(0.05)}


def gao(n: float, k: float) -> float:
    a, b, c, d, e, f = GAO.values()
    return math.exp(a + b * math.log(k) + c * math.log(n) + d * math.log(k) * math.log(n)) + math.exp(
        e + f * math.log(k)
    )


def planted(n: float) -> float:
    return 3 * n**-0.3 + 0.05


def sweep(noise: float = 0.0, seed: int = 0, times: int = 2) -> list[dict[str, float]]:
    drawn = np.random.default_rng(seed)
    return [
        {"n": n, "loss": planted(n) * math.exp(noise * drawn.standard_normal())}
        for n in (256, 512, 1024, 2048, 4096)
        for _ in range(times)
    ]


def grid() -> list[dict[str, float]]:
    return [{"n": n, "k": k, "loss": gao(n, k)} for n in WIDTHS for k in KS]


@pytest.fixture(scope="module")
def published() -> ScalingFit:
    return fit_scaling(grid(), n_draws=100)


def test_published_law_is_found_again(published):
    assert published.law == "nk" and published.notes == []
    assert {each.name: each.value for each in published.parameters} == pytest.approx(GAO, abs=1e-4)
    assert published.exponent(64).value == pytest.approx(-0.017 - 0.042 * math.log(64), abs=1e-4)
    assert published.irreducible(64).value == pytest.approx(math.exp(-1.32 - 0.085 * math.log(64)), rel=1e-4)


def test_law_of_one_k_is_found_again_from_a_frame():
    fit = fit_scaling(pd.DataFrame(sweep()), n_draws=100)
    assert fit.law == "n" and {each.name: each.value for each in fit.parameters} == pytest.approx(PLANTED, abs=1e-4)
    assert fit.predict(700).value == pytest.approx(planted(700), rel=1e-6)
    assert np.allclose(fit.to_frame()["fitted"], fit.loss)


@pytest.mark.parametrize("law", ["n", "nk"])
def test_fit_is_that_of_a_general_solver(law):
    from scipy.optimize import least_squares

    drawn = np.random.default_rng(3)
    points = sweep(0.02) if law == "n" else [p | {"loss": p["loss"] * math.exp(0.01 * drawn.normal())} for p in grid()]
    log_n = np.log([point["n"] for point in points])
    log_k = np.log([point.get("k", 1.0) for point in points])
    target = np.log([point["loss"] for point in points])
    design = _Design(law, log_n, log_k)
    found, squares = design.fit(target)
    peer = least_squares(lambda x: design.predict(x[None])[0] - target, design.fit(target)[0][0] * 1.05 + 0.01)
    # An irreducible loss next to 0 may be anything next to 0: what is predicted is what the points determine.
    assert squares == pytest.approx(2 * peer.cost, rel=1e-5)
    assert np.allclose(design.predict(found)[0], design.predict(peer.x[None])[0], atol=1e-4)


def test_prediction_says_where_new_saes_lie_and_where_the_law_does():
    fit = fit_scaling(sweep(0.02), n_draws=400)
    inside = fit.predict(1500)
    assert inside.low < inside.curve_low < inside.value < inside.curve_high < inside.high and inside.extrapolates == ""
    rows = fit.curve(np.array([1500.0]))
    assert rows[0].tolist() == pytest.approx(list(inside[:5]))
    with pytest.warns(UserWarning, match=r"extrapolates: n=65536 is 16 times above the SAEs fitted \(256 to 4096\)"):
        far = fit.predict(65536)
    assert (far.curve_high - far.curve_low) / far.value > (inside.curve_high - inside.curve_low) / inside.value
    with pytest.warns(UserWarning, match="n=64 is 4 times below"):
        fit.predict(64)
    assert fit.predict(65536 / 16).extrapolates == ""


def test_prediction_outside_of_the_ks_warns_too(published):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert published.predict(2**14, 40).value == pytest.approx(gao(2**14, 40), rel=1e-4)
    assert published.outside(2**22, 8) == (
        "n=4.1943e+06 is 8 times above the SAEs fitted (2048 to 524288); "
        "k=8 is 2 times below the SAEs fitted (16 to 128)"
    )


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    names, hits = PARAMETERS["n"], []
    for seed in range(120):
        fit = fit_scaling(sweep(0.01, seed), n_draws=120, seed=seed)
        row = fit.curve(np.array([700.0, 8192.0]))
        new = planted(8192) * math.exp(0.01 * np.random.default_rng(10_000 + seed).standard_normal())
        held = [each.low <= PLANTED[each.name] <= each.high for each in fit.parameters]
        hits.append([*held, row[0, 3] <= planted(700) <= row[0, 4], row[1, 1] <= new <= row[1, 2]])
    share = dict(zip((*names, "law", "new SAE"), np.mean(hits, axis=0).tolist(), strict=True))
    # 120 sweeps tell a share of 0.95 to within 0.04 (two standard errors).
    assert all(0.88 <= each <= 0.99 for each in share.values()), share


def test_irreducible_loss_that_points_do_not_show_may_still_be_there():
    # Their best law has none; draws around it must not all be stuck there.
    widths = (256, 512, 1024, 2048, 4096, 8192)
    points = [{"n": n, "loss": 3 * n**-0.3 * math.exp(0.02 * (-1) ** i)} for i, n in enumerate(widths)]
    floor = fit_scaling(points, n_draws=200).irreducible()
    assert floor.low < 1e-3 and floor.high > 0.02


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (sweep()[:4], {}, r"3 parameters and needs at least 5 SAEs, there are 4; 4 different n, there are 2"),
        ([{"n": 512, "loss": 0.1}] * 9, {}, "4 different n, there are 1"),
        (grid()[:8], {}, r"L\(n, k\) has 6 parameters and needs at least 9 SAEs, there are 8"),
        ([point for point in grid() if point["k"] < 64], {}, "3 k at least a tenth apart, there are 2"),
        ([{"n": n, "k": n / 64, "loss": 1 / n} for n in range(100, 2000, 100)], {}, "n and k vary together"),
        (grid(), {"law": "n"}, "these points have k from 16 to 128"),
        (grid(), {"law": "k"}, "law must be 'n' or 'nk', got 'k'"),
        ([*sweep(), {"n": 64, "loss": -0.1}], {}, "the loss must be positive and finite"),
        ([*sweep(), {"n": 64, "loss": math.nan}], {}, "the loss must be positive and finite"),
        ([*sweep(), {"n": 0, "loss": 0.1}], {}, "n must be positive and finite"),
        ([*sweep(), {"n": 64}], {}, "point 10 has no loss; it has n"),
        (sweep(), {"loss": "mse"}, "point 0 has no mse"),
        (sweep(), {"n_draws": 5}, "n_draws must be at least 100"),
        ("points", {}, "points must be a SAEComparison, a frame, or a list of dicts"),
    ],
)  # fmt: skip
def test_points_that_cannot_tell_are_refused(points, options, message):
    with pytest.raises(ConfigError, match=message):
        fit_scaling(points, **options)


def test_what_makes_no_sense_to_predict_is_refused(published):
    fit = fit_scaling(sweep(), n_draws=100)
    with pytest.raises(ConfigError, match="fitted at one k and says nothing of k=8"):
        fit.predict(512, 8)
    with pytest.raises(ConfigError, match="n is a number of latents, got 0"):
        fit.predict(0)
    with pytest.raises(ConfigError, match=r"L\(n, k\) needs k"):
        published.predict(2**14)
    with pytest.raises(ConfigError, match="no table 'parameter'; did you mean 'parameters'"):
        fit.to_frame("parameter")


def test_reader_is_told_what_the_points_do_not_show():
    drawn = np.random.default_rng(0)
    flat = [{"n": n, "loss": 0.3 * math.exp(0.05 * drawn.normal())} for n in (256, 300, 400, 500, 600, 700)]
    notes = " ".join(fit_scaling(flat, n_draws=200).notes)
    assert "That more latents help is not certain" in notes and "within a factor of 4" in notes
    power = [{"n": n, "loss": 3 * n**-0.3} for n in (256, 512, 1024, 2048, 4096, 8192)]
    assert "do not show an irreducible loss" in " ".join(fit_scaling(power, n_draws=100).notes)


def test_fit_is_saved_compared_and_printed(tmp_path, published):
    assert ScalingFit.load(published.save(tmp_path / "fit.safetensors")) == published
    assert fit_scaling(grid(), n_draws=100) == published, "the same seed draws the same"
    assert repr(published) == "ScalingFit(L(n, k) of loss, 20 SAEs, n 2048 to 524288, k 16 to 128)"
    assert repr(fit_scaling(sweep(), n_draws=100)) == "ScalingFit(L(n) of loss, 10 SAEs, n 256 to 4096)"
    assert list(published.to_frame("parameters")["name"]) == list(PARAMETERS["nk"])
