"""The pocket world: an endless seeded mixture of documents, and rows of tokens for training.

Everything is a function of (seed, step): no state is kept between batches, so a training run
resumes at any step without replaying the ones before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from random import Random

from interp_nb.models.pocket.document import Document, Split
from interp_nb.models.pocket.families import FAMILIES
from interp_nb.models.pocket.foreign_types import Tokenizer


def documents(
    seed: int | str,
    *,
    split: Split = "train",
    weights: Mapping[str, float] | None = None,
) -> Iterator[Document]:
    """Yield documents without end, the same ones for the same arguments.

    Args:
        seed: Any integer or text; a text is what `batch_rows` uses for its steps.
        split: Which side of the split the combinations come from.
        weights: Share of each family among documents (not tokens); equal by default.

    Raises:
        ValueError: a family in `weights` that does not exist.
    """
    weights = weights if weights is not None else dict.fromkeys(FAMILIES, 1.0)
    unknown = sorted(set(weights) - set(FAMILIES))
    if unknown:
        raise ValueError(f"Families must be among {sorted(FAMILIES)}, got {unknown}.")
    rng = Random(f"pocket:{seed}")
    generators = [FAMILIES[name] for name in weights]
    cumulative = list(accumulate(weights.values()))
    while True:
        (generator,) = rng.choices(generators, cum_weights=cumulative)
        yield generator(rng, split)


def batch_rows(
    tokenizer: Tokenizer,
    *,
    seed: int,
    step: int,
    n_rows: int,
    n_ctx: int,
    weights: Mapping[str, float],
    split: Split = "train",
) -> list[list[int]]:
    """Pack documents into `n_rows` rows of `n_ctx` tokens.

    Each document follows a special token; the last one of a row is cut where the row ends.
    """
    source = documents(f"{seed}:{step}", split=split, weights=weights)
    start = int(tokenizer.bos_token_id)
    rows: list[list[int]] = []
    row: list[int] = []
    while len(rows) < n_rows:
        for ids in _encode([next(source) for _ in range(8 * n_rows)], tokenizer):
            row.append(start)
            row.extend(ids)
            if len(row) >= n_ctx:
                rows.append(row[:n_ctx])
                row = []
    return rows[:n_rows]


def _encode(batch: list[Document], tokenizer: Tokenizer) -> Iterator[tuple[int, ...] | list[int]]:
    # The Rust tokenizer is called directly: the wrapper's bookkeeping costs more than the BPE.
    encoded = tokenizer.backend_tokenizer.encode_batch_fast([document.text for document in batch])
    for document, encoding in zip(batch, encoded, strict=True):
        yield document.token_ids or encoding.ids
