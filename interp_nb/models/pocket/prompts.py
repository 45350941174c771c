"""Held-out prompts of the pocket world, by family: what behaviours are measured on."""

from __future__ import annotations

from collections.abc import Callable

from interp_nb.models.pocket.document import Document
from interp_nb.models.pocket.world import documents


def heldout_prompts(
    family: str,
    n_prompts: int,
    *,
    seed: int = 0,
    keep: Callable[[Document], bool] | None = None,
) -> list[Document]:
    """Draw documents whose combination never occurs in training, each with stem and answer.

    Args:
        family: One of `FAMILIES`; documents without a stem are refused.
        n_prompts: How many at most; a small family has fewer different ones.
        seed: Of the draw.
        keep: Only documents for which this is true.

    Raises:
        ValueError: the family writes no prompts.
    """
    found: dict[str, Document] = {}
    for drawn, document in enumerate(documents(f"prompts:{seed}", split="heldout", weights={family: 1.0})):
        if document.stem is None:
            raise ValueError(f"Expected a family that writes prompts with an answer, got {family!r}.")
        if keep is None or keep(document):
            found.setdefault(document.stem, document)
        # A small family runs out of different prompts: take what there is.
        if len(found) == n_prompts or drawn > 100 * n_prompts:
            return list(found.values())
    raise AssertionError("documents() never ends")
