"""Named metrics and a caller's own."""

import pytest
import torch

from interp_nb._errors import ConfigError, NonFiniteError, ShapeError
from interp_nb.models.prompts import ContrastTokens
from interp_nb.patching.metrics import make_metric, metric_name

TOKENS = ContrastTokens(
    clean=torch.tensor([[1, 2]]),
    corrupted=torch.tensor([[1, 3]]),
    answer=torch.tensor([0]),
    wrong=torch.tensor([1]),
    str_tokens=[(["a", "b"], ["a", "c"])],
)
# Probabilities 1/2, 1/4, 1/4 at the last position; the first position must not matter.
CLEAN = torch.log(torch.tensor([[[0.1, 0.8, 0.1], [0.5, 0.25, 0.25]]]))
OTHER = torch.log(torch.tensor([[[0.8, 0.1, 0.1], [0.25, 0.5, 0.25]]]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logit_diff", -0.69314718),  # ln 0.25 - ln 0.5
        ("prob", 0.25),
        ("kl", 0.5 * 0.69314718 - 0.25 * 0.69314718),  # 0.5 ln 2 + 0.25 ln 1/2 + 0
    ],
)
def test_named_metric_is_what_paper_says(name, expected):
    metric = make_metric(name, TOKENS, CLEAN)
    assert metric.measure(OTHER, "a run").tolist() == pytest.approx([expected], abs=1e-6)
    assert metric.last_position
    assert metric_name(name) == name


def test_kl_of_the_clean_run_is_zero():
    assert make_metric("kl", TOKENS, CLEAN).measure(CLEAN, "a run").tolist() == [0.0]


def test_own_metric_is_named_after_its_function_and_sees_all_positions():
    def first_position(logits):
        return logits[:, 0, 0]

    metric = make_metric(first_position, TOKENS, CLEAN)
    assert metric.name == "first_position"
    assert not metric.last_position
    assert metric.measure(OTHER, "a run").tolist() == pytest.approx([-0.22314355])


def test_own_metric_without_a_name_gets_its_class():
    class Score:
        def __call__(self, logits):
            return logits[:, -1, 0]

    assert make_metric(Score(), TOKENS, CLEAN).name == "Score"


def test_metric_that_averages_over_contrasts_is_refused():
    metric = make_metric(lambda logits: logits[:, -1, 0].mean(), TOKENS, CLEAN)
    with pytest.raises(
        ShapeError, match=r"one number per contrast, a tensor of shape \[1\], got \[\].*must not average"
    ):
        metric.measure(OTHER, "a run")


def test_metric_that_returns_no_tensor_is_refused():
    metric = make_metric(lambda logits: 1.0, TOKENS, CLEAN)
    with pytest.raises(ShapeError, match="got float"):
        metric.measure(OTHER, "a run")


def test_metric_that_gives_nan_is_refused_with_the_run():
    metric = make_metric(lambda logits: logits[:, -1, 0] * torch.nan, TOKENS, CLEAN)
    with pytest.raises(NonFiniteError, match=r"of the run patched at blocks\.1 must be finite, got 1 NaN"):
        metric.measure(OTHER, "the run patched at blocks.1")


def test_unknown_metric_names_the_nearest():
    with pytest.raises(ConfigError, match=r"got 'logit_dif'; did you mean 'logit_diff'\?"):
        make_metric("logit_dif", TOKENS, CLEAN)
