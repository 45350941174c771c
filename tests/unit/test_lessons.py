"""Every lesson has an exercise whose check fails on the stub and on a near miss, and passes on the hidden solution."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from interp_nb import lessons

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9]*.ipynb"))


def defined_by(path: Path, tag: str) -> Callable[..., Any]:
    """The function that the notebook's cell with this tag defines."""
    (cell,) = (each for each in nbformat.read(path, as_version=4).cells if tag in each.metadata.get("tags", ()))
    names: dict[str, Any] = {}
    exec(cell.source, {"torch": torch}, names)
    (function,) = names.values()
    return function


def check_of(path: Path) -> Callable[..., None]:
    return getattr(lessons, f"check_{defined_by(path, 'exercise').__name__}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_check_fails_on_the_unfilled_stub(path: Path) -> None:
    with pytest.raises(AssertionError, match=r"returned None: replace the `\.\.\.`"):
        check_of(path)(defined_by(path, "exercise"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_check_passes_on_the_hidden_solution(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_of(path)(defined_by(path, "solution"))
    assert "correct" in capsys.readouterr().out


def test_handover_layer_check_fails_on_the_last_layer() -> None:
    with pytest.raises(AssertionError, match="yours gave"):
        lessons.check_handover_layer(lambda effect: len(effect) - 1)


def test_induction_check_knows_the_duplicate_token_diagonal() -> None:
    with pytest.raises(AssertionError, match="duplicate-token diagonal"):
        lessons.check_induction_score(lambda pattern, period: pattern.diagonal(-period)[1:].mean())


def mean_of_ratios(clean: torch.Tensor, corrupted: torch.Tensor, patched: torch.Tensor) -> torch.Tensor:
    return ((patched - corrupted) / (clean - corrupted)).mean()


def noising(clean: torch.Tensor, corrupted: torch.Tensor, patched: torch.Tensor) -> torch.Tensor:
    return (clean - patched).mean() / (clean - corrupted).mean()


def one_each(clean: torch.Tensor, corrupted: torch.Tensor, patched: torch.Tensor) -> torch.Tensor:
    return (patched - corrupted) / (clean - corrupted)


@pytest.mark.parametrize(
    ("formula", "hint"),
    [(mean_of_ratios, "outweighs all others"), (noising, "effect of noising"), (one_each, "one number for all")],
)
def test_denoising_effect_check_knows_the_near_misses(formula: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_denoising_effect(formula)


@pytest.mark.parametrize(
    ("formula", "hint"),
    [
        (lambda W: 1 / ((unit(W) @ unit(W).T) ** 2).sum(1), "W_j is not"),
        (lambda W: (W**2).sum(1) / ((W @ W.T) ** 2).sum(1), "must be a unit vector"),
    ],
)
def test_dimensionality_check_knows_the_near_misses(formula: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_dimensionality(formula)


def unit(W: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(W, dim=1)


def by_row(pre: torch.Tensor, k: int) -> torch.Tensor:
    return torch.zeros_like(pre).scatter(1, pre.topk(k).indices, pre.topk(k).values).relu()


def without_relu(pre: torch.Tensor, k: int) -> torch.Tensor:
    return torch.where(pre >= pre.flatten().topk(k * len(pre)).values[-1], pre, 0.0)


@pytest.mark.parametrize(("selector", "hint"), [(by_row, "That is TopK"), (without_relu, "Negative")])
def test_batch_topk_check_knows_the_near_misses(selector: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_batch_topk(selector)


def of_all(active: torch.Tensor, latent: int) -> torch.Tensor:
    return active[active[:, latent]].float().sum(0) / len(active)


def other_way_round(active: torch.Tensor, latent: int) -> torch.Tensor:
    return active[active[:, latent]].float().sum(0) / active.sum(0).clamp_min(1)


def without_zeros(active: torch.Tensor, latent: int) -> torch.Tensor:
    return active[active[:, latent]].float().mean(0)


@pytest.mark.parametrize(
    ("shares", "hint"), [(of_all, "all tokens"), (other_way_round, "other way round"), (without_zeros, "never fires")]
)
def test_cofiring_check_knows_the_near_misses(shares: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_cofiring(shares)


@pytest.mark.parametrize(
    ("accuracy", "hint"),
    [
        (lambda said, fires: sum(p == t for p, t in zip(said, fires, strict=True)) / len(fires), "plain accuracy"),
        (lambda said, fires: sum(p and t for p, t in zip(said, fires, strict=True)) / sum(fires), "recall alone"),
    ],
)
def test_balanced_accuracy_check_knows_the_near_misses(accuracy: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_balanced_accuracy(accuracy)


def largest_first(cosines: Any) -> list[int]:
    left, found = cosines.copy(), [0] * len(cosines)
    for _ in found:
        row, column = divmod(int(left.argmax()), left.shape[1])
        found[row] = column
        left[row], left[:, column] = -2, -2
    return found


@pytest.mark.parametrize(
    ("matcher", "hint"), [(largest_first, "largest cosine first"), (lambda cosines: cosines.argmax(1), "used twice")]
)
def test_matching_check_knows_the_near_misses(matcher: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_matching(matcher)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda positive, negative: (negative - positive).mean(0), "from positive to negative"),
        (lambda positive, negative: (positive - negative).sum(0), "take the mean"),
        (lambda positive, negative: torch.nn.functional.normalize((positive - negative).mean(0), dim=0), "length 1"),
    ],
)
def test_mean_difference_check_knows_near_misses(wrong: Callable[..., torch.Tensor], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_mean_difference(wrong)


def with_another(latent_acts: torch.Tensor, latent: int, value: float) -> torch.Tensor:
    return latent_acts.index_fill(0, torch.tensor(latent), value)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda acts, latent_acts, W_dec, latent, value: acts + value * W_dec[latent], "add the difference"),
        (lambda acts, latent_acts, W_dec, latent, value: with_another(latent_acts, latent, value) @ W_dec, "is lost"),
    ],
)
def test_set_latent_check_knows_near_misses(wrong: Callable[..., torch.Tensor], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_set_latent(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda acts, direction: acts - (acts @ direction).unsqueeze(1) * direction, "not of length 1"),
        (lambda acts, direction: acts - direction, "whatever the activation has"),
        (lambda acts, direction: torch.outer(acts @ direction, direction) / direction.square().sum(), "what is left"),
    ],
)
def test_without_direction_check_knows_near_misses(wrong: Callable[..., torch.Tensor], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_without_direction(wrong)


def f1_of(fires: torch.Tensor, has: torch.Tensor) -> torch.Tensor:
    return 2 * (fires & has[:, None]).sum(0) / (fires.sum(0) + has.sum()).clamp(min=1)


def best_on(fires: torch.Tensor, has: torch.Tensor, tokens: torch.Tensor) -> int:
    return int(f1_of(fires[tokens], has[tokens]).argmax())


def accuracy_of_best(fires: torch.Tensor, has: torch.Tensor, chosen_on: torch.Tensor) -> torch.Tensor:
    return (fires[:, best_on(fires, has, chosen_on)] == has)[~chosen_on].float().mean()


def precision_of_best(fires: torch.Tensor, has: torch.Tensor, chosen_on: torch.Tensor) -> torch.Tensor:
    return has[~chosen_on & fires[:, best_on(fires, has, chosen_on)]].float().mean()


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda fires, has, on: f1_of(fires[~on], has[~on]).max(), "on the tokens that score it"),
        (lambda fires, has, on: f1_of(fires[on], has[on]).max(), "it was chosen on"),
        (lambda fires, has, on: f1_of(fires, has).max(), "on all tokens"),
        (accuracy_of_best, "That is accuracy"),
        (precision_of_best, "precision alone"),
        (lambda fires, has, on: float("nan"), "never fires"),
    ],
)
def test_best_latent_f1_check_knows_near_misses(wrong: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_best_latent_f1(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda e, b, d, c, s: (e, b - c @ e, d / s, c / s), "expects scaled activations"),
        (lambda e, b, d, c, s: (s * e, b, d / s, c / s), "belongs into b_enc"),
        (lambda e, b, d, c, s: (s * e, b + c @ e, d / s, c / s), "and you add it"),
        (lambda e, b, d, c, s: (s * e, b - s * c @ e, d / s, c / s), "scaled already"),
        (lambda e, b, d, c, s: (s * e, b - c @ e, d, c), "still writes scaled activations"),
        (lambda e, b, d, c, s: (s * e, b - c @ e, d / s, c), "b_dec is part of the reconstruction"),
        (lambda e, b, d, c, s: (s * e.T, b - c @ e, d / s, c / s), "the shapes must stay"),
        (lambda e, b, d, c, s: s * e, "must return W_enc, b_enc, W_dec and b_dec"),
    ],
)
def test_folded_check_knows_near_misses(wrong: Callable[..., Any], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        lessons.check_folded(wrong)
