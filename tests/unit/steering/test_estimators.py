"""Estimators: 2 x 2 cases on paper, plain loops, the peers' formulae, and what all of them have in common."""

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.steering.estimators import METHODS, PENALTY, estimate
from tests.unit.steering.vector_cases import PACKAGE, PAIRS, random_classes


def one_layer(rows):
    return torch.tensor(rows).unsqueeze(1)


def test_mean_difference_on_paper():
    found = estimate("mean", one_layer([[2.0, 1.0], [4.0, 3.0]]), one_layer([[1.0, 1.0], [1.0, -1.0]]))
    assert found.vectors.tolist() == [[2.0, 2.0]]
    # Means (3, 2) and (1, 0) project to 5 and 1 on (1, 1), in units of its length sqrt(2).
    assert found.midpoint.tolist() == [pytest.approx(3 / 2**0.5)]


def test_pca_on_paper_is_uncentered_and_points_to_the_positive():
    # Differences (2, 1) and (2, -1): the scatter is diag(8, 2), its axis (1, 0); centered it would be (0, 1).
    found = estimate("pca", one_layer([[2.0, 1.0], [2.0, -1.0]]), one_layer([[0.0, 0.0], [0.0, 0.0]]))
    assert found.vectors.tolist() == [[pytest.approx(2.0), pytest.approx(0.0, abs=1e-6)]]
    # Differences that are all (1, 2): centering would leave nothing, uncentered the axis is theirs.
    alike = estimate("pca", one_layer([[1.0, 2.0], [2.0, 3.0]]), one_layer([[0.0, 0.0], [1.0, 1.0]]))
    assert alike.vectors.tolist() == [[pytest.approx(1.0), pytest.approx(2.0)]]


def test_centered_takes_the_background_off():
    yes, no = one_layer([[4.0, 0.0], [4.0, 0.0]]), one_layer([[0.0, 0.0], [0.0, 2.0]])
    # Mean difference (4, -1). Background (4, -4): the direction is (0, 1), on which the difference is -1 long.
    found = estimate("centered", yes, no, one_layer([[4.0, -4.0]]))
    assert found.vectors.tolist() == [[0.0, -1.0]]
    plain = estimate("centered", yes, no)
    assert torch.allclose(plain.vectors, estimate("mean", yes, no).vectors)


def test_every_method_has_the_raw_projection_of_the_mean_difference():
    yes, no = random_classes(30, 3, 8)
    difference = (yes.mean(0) - no.mean(0)).double()
    for method in METHODS:
        found = estimate(method, yes, no).vectors.double()
        norms = found.norm(dim=1)
        along = (difference * found).sum(1) / norms
        assert torch.allclose(along, norms, rtol=1e-5), method
        assert bool((norms <= difference.norm(dim=1) * (1 + 1e-6)).all()), method


def test_pca_equals_a_loop_of_power_iterations():
    yes, no = random_classes()
    found = estimate("pca", yes, no).vectors
    for layer in range(2):
        differences = (yes - no)[:, layer].double()
        axis = torch.ones(5, dtype=torch.float64)
        for _ in range(2000):
            axis = sum(float(row @ axis) * row for row in differences)
            axis = axis / axis.norm()
        mean = sum(differences) / len(differences)
        assert torch.allclose(found[layer].double(), float(mean @ axis) * axis, atol=1e-5)


@pytest.mark.parametrize("method", ["logistic", "linear"])
def test_probe_is_the_minimum_of_its_stated_loss(method):
    """In the activations' own units: loss of w / scale plus the L2 penalty of the standardized weights."""
    yes, no = random_classes(20, 1, 4)
    yes = yes * torch.tensor([1.0, 10.0, 0.1, 1.0])
    no = no * torch.tensor([1.0, 10.0, 0.1, 1.0])
    rows, labels = torch.cat([yes, no])[:, 0].double(), torch.cat([torch.ones(20), -torch.ones(20)]).double()
    standard = (rows - rows.mean(0)) / rows.std(0, correction=0)
    weights = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-14)

    def closure():
        optimizer.zero_grad()
        scores = standard @ weights[:4] + weights[4]
        if method == "logistic":
            loss = torch.nn.functional.softplus(-labels * scores).sum() + PENALTY / 2 * weights[:4].square().sum()
        else:
            loss = (scores - labels).square().sum() + PENALTY * weights[:4].square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = (weights.detach()[:4] / rows.std(0, correction=0)).float()
    found = estimate(method, yes, no).vectors[0]
    assert float(torch.cosine_similarity(found, expected, dim=0)) > 1 - 1e-5


@pytest.mark.parametrize("method", ["logistic", "linear"])
def test_probe_direction_does_not_depend_on_a_coordinates_unit(method):
    yes, no = random_classes(20, 1, 4)
    scale = torch.tensor([1.0, 100.0, 0.01, 1.0])
    plain, scaled = estimate(method, yes, no).vectors[0], estimate(method, yes * scale, no * scale).vectors[0]
    # What is linear in the activations scales against them.
    ratio = scaled * scale / plain
    assert torch.allclose(ratio, ratio[0].expand(4), rtol=1e-3)


def test_midpoint_lies_between_the_classes_on_the_vector():
    yes, no = random_classes(20, 2, 4)
    backgrounds = (None, yes + 10 * (yes - no).mean(0), no - 10)  # beyond the positive class, and on the far side
    for method in METHODS:
        for background in backgrounds:
            found = estimate(method, yes, no, background)
            unit = found.vectors / found.vectors.norm(dim=1, keepdim=True)
            above, below = ((acts.mean(0) * unit).sum(1) for acts in (yes, no))
            assert bool((below < found.midpoint).all()), method
            assert bool((found.midpoint < above).all()), method


def test_constant_coordinates_say_nothing():
    yes, no = random_classes(10, 1, 3)
    yes[..., 2] = no[..., 2] = 7.0
    for method in METHODS:
        assert abs(float(estimate(method, yes, no).vectors[0, 2])) < 1e-5, method


def test_swapping_the_classes_turns_the_vector_around():
    yes, no = random_classes()
    for method in METHODS:
        assert torch.allclose(estimate(method, yes, no).vectors, -estimate(method, no, yes).vectors, atol=1e-4), method


def test_one_pair_is_enough():
    yes, no = random_classes(1, 1, 3)
    for method in METHODS:
        found = estimate(method, yes, no).vectors[0]
        assert bool(found.isfinite().all())
        assert float(found @ (yes - no)[0, 0]) > 0


@pytest.mark.parametrize("peer", ["mean", "pca"])
def test_same_as_the_steering_vectors_package(peer):
    from interp_nb.steering.extract import steering_vector
    from tests.tiny_models import shared

    vector = steering_vector(shared("gpt2", 4), PAIRS, method=peer)
    found = vector.vectors if peer == "mean" else vector.unit().vectors
    expected = torch.tensor([PACKAGE[peer][str(layer)] for layer in range(4)])
    assert torch.allclose(found, expected, atol=2e-6)


def test_unknown_method_is_refused():
    with pytest.raises(
        ConfigError, match=r"method must be one of mean, pca, .* got 'logistc'; did you mean 'logistic'"
    ):
        estimate("logistc", *random_classes())


def test_inputs_are_left_alone():
    yes, no = random_classes()
    before = yes.clone(), no.clone()
    for method in METHODS:
        estimate(method, yes, no)
    assert torch.equal(before[0], yes)
    assert torch.equal(before[1], no)
