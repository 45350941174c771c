"""Refuse NaN and infinity where they first appear, with the name of the place."""

from typing import Final

from torch import Tensor

from interp_nb._errors import NonFiniteError

_WAY_OUT: Final = "check the model's weights for NaN (reload it), or load it in a wider precision (dtype=torch.float32)"


def check_finite(values: Tensor, where: str) -> None:
    """Refuse a tensor that holds NaN or infinity.

    Args:
        where: What the tensor is, for the message: a hook name, or words such as "the clean metric".

    Raises:
        NonFiniteError: naming the place, how many values are wrong and the index of the first one.
    """
    finite = values.isfinite()
    if bool(finite.all()):
        return
    bad = (~finite).nonzero()
    first = tuple(int(index) for index in bad[0])
    raise NonFiniteError(
        f"{where} must be finite, got {len(bad)} NaN or infinite of {values.numel()} values, the first at index "
        f"{first}; {_WAY_OUT}"
    )


def check_pattern(pattern: Tensor, where: str) -> None:
    """Refuse an attention pattern that comes from NaN scores.

    TransformerLens turns the rows that NaN scores give into zeros, as it does for rows with nothing to look at. A
    prompt without padding has none of those: every position sees at least itself.

    Args:
        where: The pattern's hook name.

    Raises:
        NonFiniteError: a row is NaN, infinite or all zeros.
    """
    check_finite(pattern, where)
    blank = int((pattern == 0).all(-1).sum())
    if blank:
        raise NonFiniteError(
            f"{where} must be finite, got {blank} rows of zeros of {pattern.shape[:-1].numel()}, which is what NaN "
            f"attention scores become; {_WAY_OUT}"
        )
