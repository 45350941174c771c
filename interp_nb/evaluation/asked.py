"""What an evaluation was asked for, checked: groups, labels, and the text as documents that can be read."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import torch

from interp_nb._errors import ConfigError, nearest
from interp_nb.evaluation.names import ABLATIONS, GROUPS
from interp_nb.models.info import model_info
from interp_nb.models.pocket.document import Document
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.records import check_count
from interp_nb.sae.vocabulary import Vocabulary

N_TOKENS: Final = 40_960
"""Tokens read unless said otherwise: some 2,400 documents of the pocket world, enough for its rarer concepts."""
WORLD_SEED: Final = "evaluate_sae"
"""Seed of the held-out pocket documents; always the same, so that SAEs are compared on the same text."""

NO_REPEATS: Final = "each text once, without the documents of random tokens that repeat"
"""What is left out of them, in words."""


class Texts(NamedTuple):
    """Text to read, and what is known of it."""

    data: Any
    """What `harvest` takes."""
    documents: list[Document] | None
    """Documents of the pocket world, as far as they were read; None for other text."""
    source: str
    """Where it is from, in words."""


class Asked(NamedTuple):
    """What was asked for."""

    groups: tuple[str, ...]
    """Groups to measure, in order."""
    ablation: str
    """What the headline's loss recovered is measured against."""
    n_tokens: int | None
    """Counted tokens that are read, to the end of a window; None = all."""
    n_causal: int
    """Latents that are taken out."""
    seed: int
    """Draws latents, halves of the documents, random directions and resamples."""
    labels: dict[str, Any] | None
    """Labels of documents or tokens."""
    max_bytes: int | None
    """Memory that may be used."""


def check_asked(
    groups: Sequence[str] | None, ablation: str, n_tokens: int | None, n_causal: int, seed: int,
    labels: dict[str, Any] | None, max_bytes: int | None,
) -> Asked:  # fmt: skip
    """Refuse what makes no sense.

    Raises:
        ConfigError: an unknown group or ablation, or a count below 1.
    """
    chosen = GROUPS if groups is None else (groups,) if isinstance(groups, str) else tuple(groups)
    for group in chosen:
        if group not in GROUPS:
            raise ConfigError(f"no group {group!r}; {nearest(group, GROUPS)}")
    if not chosen:
        raise ConfigError(f"groups must name at least one of {', '.join(GROUPS)}")
    if ablation not in ABLATIONS:
        raise ConfigError(f"ablation must be 'mean' or 'zero', got {ablation!r}")
    check_count("n_causal", n_causal)
    if n_tokens is not None:
        check_count("n_tokens", n_tokens)
    if isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be a whole number from 0, got {seed!r}")
    ordered = tuple(group for group in GROUPS if group in chosen)
    return Asked(ordered, ablation, n_tokens, n_causal, seed, labels, max_bytes)


def held_out_world() -> Iterator[Document]:
    """Yield the pocket world's held-out documents without end, always the same ones, and each text once.

    Those made of random tokens that repeat are left out: they are no text, and SAEs are trained on text. The world says
    some of its short texts again and again: a copy in the other half would be scored by what was chosen on it.
    """
    from interp_nb.models.pocket.world import documents

    seen: set[str] = set()
    for document in documents(WORLD_SEED, split="heldout"):
        if not document.token_ids and document.text not in seen:
            seen.add(document.text)
            yield document


def texts_of(model: HookedModel, data: Any) -> Texts:
    """See the text in what a caller gave; None is the pocket model's held-out world.

    Raises:
        ConfigError: no text, for another model than the pocket model.
    """
    if data is None:
        if model_info(model).name != "pocket":
            raise ConfigError(
                f"give data=, some text to evaluate on: only the pocket model has its own, this is "
                f"{model_info(model).name}"
            )
        return _recorded(model, held_out_world(), f"the pocket world, held out, seed {WORLD_SEED!r}, {NO_REPEATS}")
    if isinstance(data, Iterator):
        first = next(data, None)
        data = chain([] if first is None else [first], data)
        return _recorded(model, data, "pocket documents") if isinstance(first, Document) else Texts(data, None, "given")
    if isinstance(data, Sequence) and not isinstance(data, str) and data and isinstance(data[0], Document):
        return _recorded(model, data, "pocket documents")
    return Texts(data, None, "given")


def _recorded(model: HookedModel, documents: Iterable[Document], source: str) -> Texts:
    """Give documents as text, or as token ids where they are made of these, and keep those that are read."""
    kept: list[Document] = []
    prefix = list(Vocabulary.of(model).prefix)

    def read() -> Iterator[Any]:
        for document in documents:
            kept.append(document)
            # Token ids are run as they are, and the model expects its begin-of-text token before them too.
            yield torch.tensor([*prefix, *document.token_ids]) if document.token_ids else document.text

    return Texts(read(), kept, source)
