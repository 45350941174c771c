"""Activations out of a model as it reads text: one forward per batch of windows, stopped at the last site asked for.

What `harvest` returns is an `ActivationSource`: rows in reading order. Shuffling is the `buffer`'s business, files the
`cache`'s, windows of text the `windows`'.
"""

import time
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Int
from torch import Tensor

from interp_nb._errors import ConfigError, DataError
from interp_nb._preflight import Estimate, available_bytes, budget, refuse_beyond
from interp_nb.models.edit import capture
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.batches import (
    CONTEXT,
    ActivationSource,
    Batch,
    HeldOut,
    check_rows,
    check_same_settings,
    concatenate,
    described,
)
from interp_nb.sae.documents import Documents
from interp_nb.sae.reading import Reading, context_length, packing_of, site_names, site_widths
from interp_nb.sae.rows import contexts, moved, side_by_side, stack_windows, take_rows
from interp_nb.sae.vocabulary import Vocabulary, separator_token
from interp_nb.sae.windows import Windows, WindowStream

NO_ROWS: Final = "the data hold no tokens that count; give documents with text, or skip fewer tokens"
_WIDE: Final = 12
"""Activations of one block, in units of a residual stream, that are there at once during a forward; about right."""


class Harvested:
    """Rows of a model's activations, in reading order."""

    def __init__(
        self, model: HookedModel, sites: tuple[str, ...], target_sites: tuple[str, ...], data: Any, *,
        reading: Reading, epochs: int | None = 1, n_rows: int | None = None,
    ) -> None:  # fmt: skip
        self.model, self.sites, self.target_sites = model, sites, target_sites
        self.reading, self.n_rows = reading, n_rows
        self.ctx_len = context_length(model, reading)
        vocabulary = Vocabulary.of(model)
        if self.ctx_len <= len(vocabulary.prefix):
            raise ConfigError(f"ctx_len={self.ctx_len} leaves no room for text after the begin-of-text token; use more")
        skipped: set[int] = set(vocabulary.special) if reading.skip_special else set()
        if vocabulary.bos is not None:
            (skipped.add if reading.skip_bos else skipped.discard)(vocabulary.bos)
        separator, packing = separator_token(vocabulary, reading.separator), packing_of(model, reading)
        self.stream = WindowStream(
            Documents(data, text_column=reading.text_column, epochs=epochs), vocabulary, ctx_len=self.ctx_len,
            batch_size=reading.batch_size, packing=packing, separator=separator, skipped=frozenset(skipped),
            keeps_prefix=not reading.skip_bos,
        )  # fmt: skip
        self._dtype = reading.torch_dtype
        self._device = torch.device(getattr(model.cfg, "device", None) or "cpu")
        self._widths = site_widths(model, (*sites, *target_sites))
        self.d_in, self.d_out = (sum(self._widths[site] for site in which) for which in (sites, target_sites))
        self._pending: list[Batch] = []
        self._served = self._held = 0
        # What changes the rows, and not only their rounding.
        self.settings = {
            "sites": list(sites), "target_sites": list(target_sites), "ctx_len": self.ctx_len,
            "packing": packing, "separator": separator, "skip_bos": reading.skip_bos,
            "skip_special": reading.skip_special, "dtype": reading.dtype,
            "text_column": reading.text_column,
        }  # fmt: skip
        self.provenance = {"model": model_info(model)._asdict(), "settings": self.settings}

    @property
    def row_bytes(self) -> int:
        """Bytes of one row with its tokens."""
        width = self.d_in + (0 if self.target_sites == self.sites else self.d_out)
        return width * self._dtype.itemsize + 8 * (3 + CONTEXT)

    @property
    def nbytes(self) -> int:
        """Bytes of activations held at most: the rows of two forwards."""
        return 2 * self.reading.batch_size * self.ctx_len * self.row_bytes

    def __repr__(self) -> str:
        return described(self)

    def next(self, n_rows: int) -> Batch | None:
        """Return the next rows in reading order, see `ActivationSource.next`."""
        if self.n_rows is not None:
            n_rows = min(n_rows, self.n_rows - self._served)
        waiting = sum(batch.n_rows for batch in self._pending)
        while waiting < n_rows and (found := self.next_windows()) is not None:
            self._pending.append(found[0])
            waiting += found[0].n_rows
        if not waiting or n_rows < 1:
            self._check_not_empty()
            return None
        taken: list[Batch] = []
        left = n_rows
        while left and self._pending:
            first = self._pending.pop(0)
            taken.append(first.take(slice(0, left)))
            if first.n_rows > left:
                self._pending.insert(0, first.take(slice(left, None)))
            left -= taken[-1].n_rows
        batch = concatenate(taken)
        self._served += batch.n_rows
        return batch

    def next_windows(self, *, in_order: bool = False) -> tuple[Batch, Windows] | None:
        """Run the next forward that gives any rows; return them with the windows they are from."""
        while (windows := self.stream.next(in_order=in_order)) is not None:
            kept = windows.keep.flatten().nonzero()[:, 0]
            if len(kept):
                return check_rows(self._rows(windows, kept), self.sites), windows
        return None

    def hold_out(self, n_rows: int) -> HeldOut:
        """Set aside the first windows, see `ActivationSource.hold_out`."""
        if self._served or self._held:
            raise ConfigError("rows must be held out before any are served; make the source anew")
        found: list[tuple[Batch, Windows]] = []
        left = n_rows
        # The windows are read ahead of the rows: not into a pass that is to leave these documents out.
        self.stream.documents.may_restart = False
        while left > 0 and (more := self.next_windows(in_order=True)) is not None:
            batch, windows = more
            counts = windows.keep.sum(1).cumsum(0)
            n_windows = min(int((counts < left).sum()) + 1, len(counts))
            n_held = int(counts[n_windows - 1])
            found.append((batch.take(slice(0, n_held)), Windows(*(column[:n_windows] for column in windows))))
            if n_held < batch.n_rows:
                self._pending.append(batch.take(slice(n_held, None)))
            left -= n_held
        if not found:
            raise DataError(NO_ROWS)
        self.stream.documents.may_restart = True
        self.stream.documents.skip_on_restart(1 + max(int(windows.doc.max()) for _, windows in found))
        batch = concatenate([batch for batch, _ in found])
        self._held = batch.n_rows
        tokens, mask = (stack_windows([getattr(windows, name) for _, windows in found]) for name in ("tokens", "keep"))
        return HeldOut(tokens, mask, batch.acts, batch.targets)

    def count_rows(self, at_most: int, *, one_pass: bool = False) -> int | None:
        """Count the rows it will serve by their tokens, see `ActivationSource.count_rows`."""
        self.stream.documents.may_restart = not one_pass
        counted, waiting = self.stream.count_rows(at_most), sum(batch.n_rows for batch in self._pending)
        self.stream.documents.may_restart = True
        limits = [at_most] if self.n_rows is None else [at_most, self.n_rows]
        return None if counted is None else min(*limits, waiting + counted)

    def state(self) -> dict[str, Any]:
        """Return the position, rows that were computed and not served included."""
        return {
            "settings": self.settings,
            "stream": self.stream.state(),
            "pending": [batch.columns() for batch in self._pending],
            "served": self._served,
            "held": self._held,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go to a saved position, see `ActivationSource.load_state`."""
        check_same_settings(state["settings"], self.settings)
        self.stream.load_state(state["stream"])
        self._pending = [moved(Batch.of(columns), self._device) for columns in state["pending"]]
        self._served, self._held = state["served"], state["held"]

    def _rows(self, windows: Windows, kept: Int[Tensor, " row"]) -> Batch:
        """Run the model on windows; return the activations of the tokens that are kept."""
        tokens = windows.tokens.to(self._device)
        take = partial(take_rows, shape=tokens.shape, kept=kept.to(self._device), dtype=self._dtype)
        found = capture(self.model, tokens, list(self._widths), take=take)
        acts = side_by_side(found, self.sites)
        targets = acts if self.target_sites == self.sites else side_by_side(found, self.target_sites)
        tokens, doc, pos = (column.flatten()[kept] for column in (windows.tokens, windows.doc, windows.pos))
        return Batch(acts, targets, tokens, doc, pos, contexts(windows)[kept])

    def _check_not_empty(self) -> None:
        if not self._served and self._held:
            raise DataError(
                f"all {self._held} rows of the data are held out for evaluation; give more text, or hold out fewer"
            )
        if not self._served and self.n_rows != 0:
            raise DataError(NO_ROWS)


def harvest(
    model: HookedModel,
    site: str | Sequence[str],
    data: Any,
    *,
    layer: int | Sequence[int] | None = None,
    target: str | Sequence[str] | None = None,
    target_layer: int | Sequence[int] | None = None,
    n_rows: int | None = None,
    path: str | PathLike[str] | None = None,
    max_bytes: int | None = None,
    **reading: Any,
) -> ActivationSource:
    """Stream a model's activations at one or more sites as it reads text.

    The forward stops at the last site; padding, separators and (by default) begin-of-text tokens give no rows. With
    `path`, the rows are on disk before this returns: written, continued where a killed process left them, or read
    again if they are those that were asked for.

    Args:
        site: Short names with `layer`, or full hook names; the rows of several are put side by side. Heads likewise.
        data: A string, strings, a `datasets` stream or any iterable of strings, of token ids `[pos]` or of dicts that
            hold either, a function that makes such an iterable, or token ids `[doc pos]`, run as they are.
        target: Sites of `Batch.targets`, for transcoders; None = the same as `site`.
        n_rows: Rows at most; None = all the data.
        path: Folder of a disk cache.
        max_bytes: Memory that may be used; None = half of what is available.
        **reading: Fields of `Reading`: ctx_len, batch_size, packing, separator, skip_bos, skip_special, dtype,
            text_column.

    Returns:
        Rows in reading order: `next(n)` gives the next batch, `batches_of(source, n)` iterates.

    Raises:
        HookNameError: no such site, or one whose activations are not one row per token.
        DataError: the data are empty, or are no documents.
        NonFiniteError: NaN or infinity, naming document and position.
        MemoryBudgetError: one forward does not fit; the message gives a batch size that does.
        StaleCacheError: the folder holds other rows than those asked for; the message says what differs.
        DiskError: the disk is full. What was written stays usable.

    Example:
        >>> source = harvest(model, "resid_post", texts, layer=2)  # doctest: +SKIP
        >>> source.next(1024).acts.shape  # doctest: +SKIP
        torch.Size([1024, 128])
    """
    sites = site_names(model, site, layer)
    targets = sites if target is None else site_names(model, target, target_layer)
    source = Harvested(model, sites, targets, data, reading=Reading.of(**reading), n_rows=n_rows)
    check_memory(source, max_bytes)
    if path is None:
        return source
    from interp_nb.sae.cache import cached  # it imports this module

    return cached(source, Path(path))


def estimate(source: Harvested, n_rows: int) -> Estimate:
    """Say what harvesting rows will take: bytes, and seconds from one forward on dummy tokens."""
    tokens = torch.zeros(source.reading.batch_size, source.ctx_len, dtype=torch.long, device=source._device)
    began = time.perf_counter()
    capture(source.model, tokens, list(source._widths), take=lambda activation: activation[:1, :1].clone())
    seconds = (time.perf_counter() - began) / tokens.numel() * n_rows
    return Estimate(source.nbytes + _forward_bytes(source), seconds, available_bytes(source._device))


def check_memory(source: Harvested, max_bytes: int | None, beside: int = 0) -> None:
    """Refuse a harvest whose forwards and rows do not fit into memory.

    Args:
        beside: Bytes that are needed besides, such as a shuffling buffer's.

    Raises:
        MemoryBudgetError: naming a batch size that fits.
    """
    allowed = budget(source._device, max_bytes)
    forwards = source.nbytes + _forward_bytes(source)
    fits = int(source.reading.batch_size * max(0, allowed - beside) / max(1, forwards))
    mixed = max(0, allowed - forwards) // source.row_bytes
    if fits:
        way_out = f"use batch_size={fits} (windows_per_forward in train_sae)"
    elif beside and mixed:
        way_out = f"use shuffle_rows={mixed} (buffer_tokens in train_sae)"
    else:
        way_out = "use a shorter ctx_len" + (", and fewer shuffle_rows (buffer_tokens in train_sae)" if beside else "")
    what = f"harvesting {source.reading.batch_size} windows at once" + (" into a shuffling buffer" if beside else "")
    refuse_beyond(forwards + beside, allowed, what, way_out)


def _forward_bytes(source: Harvested) -> int:
    cfg, n_tokens = source.model.cfg, source.reading.batch_size * source.ctx_len
    scores = 3 * source.ctx_len * int(cfg.n_heads)
    return 4 * n_tokens * (_WIDE * int(cfg.d_model) + scores)


def data_read(source: Any) -> dict[str, Any] | None:
    """Say which data a source served: the documents read, or what it says of its rows."""
    inner = getattr(source, "source", source)  # what a shuffling buffer draws from
    if isinstance(inner, Harvested):
        return inner.stream.documents.read_so_far()
    found: dict[str, Any] | None = inner.provenance.get("data")
    return found
