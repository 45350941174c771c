"""Activations on their way to a trainer: batches of rows, held-out rows, and what every source of them can do.

A row is one token at one or more sites. Rows of transcoders have targets of their own; for SAEs the targets are the
activations themselves, the same tensor object.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, NonFiniteError

CONTEXT_BEFORE: Final = 11
"""Tokens before a row's own that travel with it, to show where a latent fired: as many as a line holds."""
CONTEXT: Final = 16
"""Tokens that travel with a row: before, itself, after."""


class Batch(NamedTuple):
    """Rows of activations, and where they come from where they come from text."""

    acts: Float[Tensor, "row d_in"]
    targets: Float[Tensor, "row d_out"]
    """What is to be reconstructed: `acts` itself for SAEs."""
    tokens: Int[Tensor, " row"] | None = None
    """Token id of each row."""
    doc: Int[Tensor, " row"] | None = None
    """Index of the document it is from, in reading order."""
    pos: Int[Tensor, " row"] | None = None
    """Index of the token in its document; -1 for a begin-of-text token that was put in."""
    context: Int[Tensor, "row context"] | None = None
    """Token ids around each row, itself at CONTEXT_BEFORE; -1 beyond the window."""

    def take(self, rows: slice | Int[Tensor, " taken"]) -> "Batch":
        """Return some of the rows: views for a slice, copies for indices."""
        acts = self.acts[_on(rows, self.acts)]
        targets = acts if self.targets is self.acts else self.targets[_on(rows, self.targets)]
        others = (None if column is None else column[_on(rows, column)] for column in tuple(self)[2:])
        return Batch(acts, targets, *others)

    def like(self, parameter: Tensor) -> "Batch":
        """Move activations to where a parameter is, in its precision."""
        acts = self.acts.to(parameter)
        return self._replace(acts=acts, targets=acts if self.targets is self.acts else self.targets.to(parameter))

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.acts.shape[0])

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        columns = [column for column in tuple(self) if column is not None]
        return sum({column.data_ptr(): column.nbytes for column in columns}.values())

    def columns(self) -> dict[str, Tensor]:
        """Name the tensors that there are; `targets` only where they are tensors of their own."""
        named = {name: column for name, column in zip(self._fields, tuple(self), strict=True) if column is not None}
        if self.targets is self.acts:
            del named["targets"]
        return named

    @classmethod
    def of(cls, columns: dict[str, Tensor]) -> "Batch":
        """Make a batch of what `columns` returned."""
        return cls(**({"targets": columns["acts"]} | columns))


class HeldOut(NamedTuple):
    """Rows that are never trained on, in reading order, and the text they come from."""

    tokens: Int[Tensor, "doc pos"] | None
    """Whole windows, to run the model on; None where there are only activations."""
    mask: Bool[Tensor, "doc pos"] | None
    """True where a token counts: its activations are the rows, in order. False for padding, separators and BOS."""
    acts: Float[Tensor, "row d_in"]
    """Activations of the tokens that count."""
    targets: Float[Tensor, "row d_out"]
    """What is to be reconstructed there."""

    def columns(self) -> dict[str, Tensor | None]:
        """Name the parts; `targets` only where they are tensors of their own."""
        return {name: value for name, value in self._asdict().items() if name != "targets" or value is not self.acts}


@runtime_checkable
class ActivationSource(Protocol):
    """Rows of activations in a fixed order, with a position that can be saved and found again."""

    @property
    def d_in(self) -> int:
        """Width of `acts`."""

    @property
    def d_out(self) -> int:
        """Width of `targets`."""

    @property
    def sites(self) -> tuple[str, ...]:
        """Hook names that `acts` are from, one after another in every row."""

    @property
    def target_sites(self) -> tuple[str, ...]:
        """Hook names that `targets` are from; the same ones for SAEs."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it serves in all; None where nobody knows beforehand."""

    @property
    def nbytes(self) -> int:
        """Bytes of activations that it holds at most."""

    @property
    def provenance(self) -> dict[str, Any]:
        """Plain values that say which model, data and settings the rows are from."""

    def next(self, n_rows: int) -> Batch | None:
        """Return the next rows: fewer than asked for only at the end, None after it.

        Raises:
            DataError: there was not a single row.
            NonFiniteError: NaN or infinity, with the place it comes from.
        """

    def count_rows(self, at_most: int, *, one_pass: bool = False) -> int | None:
        """Count the rows it will serve, before it serves any, in all its passes or in one; None where nobody knows.

        Text is tokenized for it, without the model.
        """

    def hold_out(self, n_rows: int) -> HeldOut:
        """Set aside the first rows, at least as many as asked for; `next` will not serve them.

        Raises:
            ConfigError: rows were already served.
        """

    def state(self) -> dict[str, Any]:
        """Return all that going on from here needs: a tree of dicts with tensors and plain values.

        Its tensors are the source's own; copy or write them before the next rows are taken.
        """

    def load_state(self, state: dict[str, Any]) -> None:
        """Go to where `state` was taken, on a source made in the same way.

        Raises:
            ConfigError: it was made in another way.
            DataError: the data are not what they were.
        """


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Join batches of the same columns, at least one."""
    if len(batches) == 1:
        return batches[0]
    columns = [batch.columns() for batch in batches]
    return Batch.of({name: torch.cat([one[name] for one in columns]) for name in columns[0]})


def batches_of(source: ActivationSource, n_rows: int) -> Iterator[Batch]:
    """Yield all rows that are left."""
    while (batch := source.next(n_rows)) is not None:
        yield batch


def described(source: ActivationSource) -> str:
    """Write a source in one line: its kind, sites, widths and, where they are known, rows."""
    parts = [" + ".join(source.sites) or "unnamed site", f"d_in={source.d_in}"]
    if source.target_sites != source.sites:
        parts[0] += f" -> {' + '.join(source.target_sites)}"
        parts.append(f"d_out={source.d_out}")
    rows = [] if source.n_rows is None else [f"n_rows={source.n_rows}"]
    return f"{type(source).__name__}({', '.join(parts + rows)})"


def check_rows(batch: Batch, sites: Sequence[str], name_row: Callable[[int], str] | None = None) -> Batch:
    """Return a batch whose activations are all finite.

    Args:
        name_row: Says where a row of the batch is from, for sources that have no documents.

    Raises:
        NonFiniteError: naming the site and the first bad row.
    """
    for part, values in (("", batch.acts), ("target ", batch.targets)):
        # One pass over the data: NaN and infinity survive a sum. A sum that overflows is looked at again.
        if bool(values.sum().isfinite()) or bool(values.isfinite().all()):
            continue
        bad = (~values.isfinite()).any(1).nonzero()[:, 0]
        first = int(bad[0])
        place = name_row(first) if name_row else f"row {first}"
        if batch.doc is not None and batch.pos is not None and batch.tokens is not None:
            where = f"document {int(batch.doc[first])}, position {int(batch.pos[first])}"
            place = f"{where} (token id {int(batch.tokens[first])}{f', {place}' if name_row else ''})"
        raise NonFiniteError(
            f"{part}activations at {' + '.join(sites) or 'unnamed sites'} must be finite, got NaN or infinity in "
            f"{len(bad)} of {batch.n_rows} rows, the first at {place}; leave it out, or, where many are bad, load the "
            "model in a wider precision (dtype=torch.float32) and check its weights"
        )
    return batch


def check_same_settings(saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse a state of a source that was made in another way.

    Raises:
        ConfigError: naming what differs, before and now.
    """
    differing = [name for name in {**saved, **now} if saved.get(name) != now.get(name)]
    if differing:
        listed = "; ".join(f"{name} was {saved.get(name)!r}, is {now.get(name)!r}" for name in differing)
        raise ConfigError(
            f"this position was saved by a source with other settings ({listed}); make it in the same way"
        )


def _on(rows: slice | Tensor, column: Tensor) -> slice | Tensor:
    return rows.to(column.device) if isinstance(rows, Tensor) else rows
