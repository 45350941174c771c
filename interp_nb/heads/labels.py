"""From ground-truth labels of tokens to pairs of positions, such as each verb and its subject."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class RoleLabel(Protocol):
    """What is known of one token; only its role is read here."""

    @property
    def role(self) -> str | None:
        """What the token is in its sentence, such as "subject"; None if not known."""


def labelled_pairs(
    labels: Sequence[RoleLabel], dest_role: str = "verb", src_role: str = "subject", *, offset: int = 0
) -> list[list[int]]:
    """Pair every token of one role with the nearest earlier tokens of another.

    A token of `dest_role` at position d is paired with every token of the last unbroken run of `src_role` before d, so
    a verb meets the whole of its own subject and not that of the sentence before.

    Args:
        labels: One label per token, in order.
        offset: Added to both positions; 1 when the labels do not count a begin-of-text token that the prompt has.

    Returns:
        `[dest, src]` positions, as `AttentionPatterns.mass` takes them. Empty when the roles do not occur.
    """
    pairs: list[list[int]] = []
    run: list[int] = []
    for position, label in enumerate(labels):
        if label.role == dest_role:
            pairs += [[position + offset, src + offset] for src in run]
        if label.role == src_role:
            run = [*run, position] if run and run[-1] == position - 1 else [position]
    return pairs
