"""A buffer that shuffles rows on their way from a model to a trainer, in memory that is bounded.

1. Fill `n_rows` slots from the source.
2. Draw a random order of the slots that are full, from the seed and the number of the round.
3. Serve the rows in that order; put the next row of the source into each slot that was served.
4. When the order is used up, go to 2. Slots that the source could not fill again are left out, until none is left.

So every row passes the buffer, exactly once. In a round all rows of the round before leave in random order: a row
leaves `n_rows` rows after it came in on average, and never more than `2 * n_rows` later.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.sae.batches import ActivationSource, Batch, HeldOut, check_same_settings, described

_PIECE = 8192
"""Rows taken from the source at once while the buffer fills, so that it is never in memory twice."""


class ShuffleBuffer:
    """Rows of a source in random order.

    Args:
        source: Where rows come from. The buffer takes them as it goes.
        n_rows: Rows in the buffer: how far rows are mixed, see the module.
        seed: Of the orders. The same source and seed give the same rows in the same order.

    Raises:
        ConfigError: less than one row, or a negative seed.
    """

    def __init__(self, source: ActivationSource, n_rows: int, seed: int = 0) -> None:
        if n_rows < 1:
            raise ConfigError(f"a shuffling buffer needs at least one row, got {n_rows}")
        if seed < 0:
            raise ConfigError(f"seed must be 0 or more, got {seed}")
        self.source, self.capacity, self.seed = source, n_rows, seed
        self._columns: dict[str, Tensor] = {}
        self._order = torch.arange(n_rows)
        self._cursor = self._refilled = self._round = 0
        self._filled = False

    @property
    def d_in(self) -> int:
        """Width of `acts`."""
        return self.source.d_in

    @property
    def d_out(self) -> int:
        """Width of `targets`."""
        return self.source.d_out

    @property
    def sites(self) -> tuple[str, ...]:
        """Hook names that `acts` are from."""
        return self.source.sites

    @property
    def target_sites(self) -> tuple[str, ...]:
        """Hook names that `targets` are from."""
        return self.source.target_sites

    def __repr__(self) -> str:
        return described(self)

    @property
    def n_rows(self) -> int | None:
        """How many rows it serves in all: those of its source."""
        return self.source.n_rows

    @property
    def nbytes(self) -> int:
        """Bytes of activations held at most, the source's included."""
        width = self.d_in + (0 if self.target_sites == self.sites else self.d_out)
        own = sum(column.nbytes for column in self._columns.values()) or 4 * width * self.capacity
        return own + self.source.nbytes

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the rows are from, and how they were shuffled."""
        return self.source.provenance | {"shuffled": {"n_rows": self.capacity, "seed": self.seed}}

    def next(self, n_rows: int) -> Batch | None:
        """Return the next rows in random order, see `ActivationSource.next`."""
        while not self.fill_some():
            pass
        served: list[dict[str, Tensor]] = []
        while n_rows > 0:
            if self._cursor == len(self._order) and not self._shuffle():
                break
            slots = self._order[self._cursor : self._cursor + n_rows]
            served.append({name: column[slots.to(column.device)] for name, column in self._columns.items()})
            self._cursor += len(slots)
            n_rows -= len(slots)
            if (fresh := self.source.next(len(slots))) is not None:
                self._put(self._order[self._refilled : self._refilled + fresh.n_rows], fresh)
                self._refilled += fresh.n_rows
        if not served:
            return None
        return Batch.of({name: torch.cat([part[name] for part in served]) for name in served[0]})

    def fill_some(self) -> bool:
        """Take some of the first rows of the source; say whether the buffer is full, or holds all there are.

        `next` does it as well, all at once: this is for callers who want to be asked in between.
        """
        if self._filled:
            return True
        wanted = min(_PIECE, self.capacity - self._refilled)
        fresh = self.source.next(wanted)
        if fresh is not None:
            if not self._columns:
                self._columns = {
                    name: column.new_empty(self.capacity, *column.shape[1:]) for name, column in fresh.columns().items()
                }
            self._put(torch.arange(self._refilled, self._refilled + fresh.n_rows), fresh)
            self._refilled += fresh.n_rows
        if fresh is None or self._refilled == self.capacity:
            # As if a round had just been served that refilled these slots.
            self._cursor, self._order, self._filled = self._refilled, torch.arange(self._refilled), True
        return self._filled

    @property
    def filled(self) -> float:
        """How much of the buffer is full, before it serves its first rows; 1 from then on."""
        return 1.0 if self._filled else self._refilled / self.capacity

    def count_rows(self, at_most: int, *, one_pass: bool = False) -> int | None:
        """Count the rows it will serve, see `ActivationSource.count_rows`."""
        return self.source.count_rows(at_most, one_pass=one_pass)

    def hold_out(self, n_rows: int) -> HeldOut:
        """Set aside the source's first rows, see `ActivationSource.hold_out`."""
        if self._filled or self._refilled:
            raise ConfigError("rows must be held out before any are served; make the source anew")
        return self.source.hold_out(n_rows)

    def state(self) -> dict[str, Any]:
        """Return contents, order and place in it, and the state of the source."""
        return {
            "settings": self._settings(),
            "columns": dict(self._columns),
            "order": self._order,
            "cursor": self._cursor,
            "refilled": self._refilled,
            "round": self._round,
            "filled": self._filled,
            "source": self.source.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go to a saved position, see `ActivationSource.load_state`."""
        check_same_settings(state["settings"], self._settings())
        self.source.load_state(state["source"])
        # Clones: the buffer writes into its columns, and the state is the caller's.
        self._columns = {name: column.clone() for name, column in state["columns"].items()}
        self._order = state["order"].clone()
        self._cursor, self._refilled = state["cursor"], state["refilled"]
        self._round, self._filled = state["round"], state["filled"]

    def _settings(self) -> dict[str, Any]:
        return {"shuffle_rows": self.capacity, "seed": self.seed}

    def _shuffle(self) -> bool:
        """Begin a round with the slots that were filled again; say whether there are any."""
        full = self._order[: self._refilled]
        drawn = np.random.default_rng([self.seed, self._round]).permutation(len(full))
        self._order = full[torch.from_numpy(drawn)]
        self._cursor = self._refilled = 0
        self._round += 1
        return bool(len(self._order))

    def _put(self, slots: Tensor, rows: Batch) -> None:
        for name, column in rows.columns().items():
            self._columns[name].index_copy_(0, slots.to(column.device), column)
