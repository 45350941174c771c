"""The exercise of `11_label_and_score_features`: balanced accuracy, which a lazy label cannot win."""

from collections.abc import Callable, Sequence

Accuracy = Callable[[Sequence[bool], Sequence[bool]], float]

# What a label predicts, and what is true. The first label always says no: right on most tokens, and worthless.
_CASES: list[tuple[list[int], list[int], float]] = [
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], 0.5),
    ([1, 1, 0, 0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1], 0.625),
    ([1, 1, 1, 1], [1, 1, 1, 0], 0.5),
    ([1, 0], [1, 0], 1.0),
]


def check_balanced_accuracy(answer: Accuracy) -> None:
    """Check a learner's `balanced_accuracy(predicted, fires)` on four labels.

    balanced accuracy = (recall + specificity) / 2: the share found of the tokens on which the latent fires, and the
    share left alone of those on which it does not, with equal weight.

    Args:
        answer: Takes what a label predicts and what is true, token by token, and returns a number.

    Raises:
        AssertionError: the function returns nothing, or another number; the message says what it looks like.
    """
    for predicted, fires, right in _CASES:
        got = answer([bool(each) for each in predicted], [bool(each) for each in fires])
        assert got is not None, "balanced_accuracy returned None: replace the `...` with your own code."
        hits = sum(p and t for p, t in zip(predicted, fires, strict=True))
        hint = ""
        if abs(got - sum(p == t for p, t in zip(predicted, fires, strict=True)) / len(fires)) < 1e-6:
            hint = " That is plain accuracy, which a label that always says no wins."
        elif abs(got - hits / sum(fires)) < 1e-6:
            hint = " That is recall alone, which a label that always says yes wins."
        assert abs(got - right) < 1e-6, (
            f"predicted {predicted}, true {fires}: balanced accuracy is {right}, yours is {got:.3f}.{hint}"
        )
    print("balanced_accuracy: correct for four labels.")
