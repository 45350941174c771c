"""A store on its way: the pass over the rows, its blocks, its snapshots.

1. Rows come some hundred at a time, and what fires on them is found there and then (`latents`).
2. Some thousand rows make a block, which everything is counted on (`statistics`). Blocks end where they end whatever
   the batches, and a firing waits for the tokens that follow it.
3. Every `snapshot_every` tokens, all tables and the position in the data are written as a new generation (`manifest`).
   A killed build goes on from there, to the same store as one that was not.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from interp_nb._errors import StoreMismatchError
from interp_nb.features.firing import AFTER, HALO, Block, Firing, Rows, join
from interp_nb.features.geometry import geometry
from interp_nb.features.incoming import data_identity, model_name, nothing, places_of, said, vocabulary_of
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.manifest import (
    GEOMETRY,
    VOCABULARY,
    check_folder,
    check_same,
    commit,
    generation_folder,
    new_manifest,
    plain,
    read_manifest,
)
from interp_nb.features.statistics import Settings, Statistics
from interp_nb.features.tables import Table, write_table
from interp_nb.models.protocol import HookedModel
from interp_nb.sae import checkpoint
from interp_nb.sae.batches import ActivationSource

CHUNK: Final = 512
"""Rows whose pre-activations are in memory at once."""
BLOCK_ROWS: Final = 2**14
BLOCK_PAIRS: Final = 2**20
"""A block ends with the chunk that reaches either: enough pairs for sorting to be cheap, few enough to hold."""
ROW_GROUPS: Final = {"latents": 256, "top": 64, "sampled": 64, "tokens": 128, "sample": 2**13, "pairs": 2**18}
_WHOLE: Final = 2**16
"""Rows that are read together of tables that are read whole."""


class Build:
    """A store on its way."""

    def __init__(
        self, folder: Path, latents: LatentSource, model: HookedModel | None, source: ActivationSource,
        settings: Settings, identity: dict[str, Any],
    ) -> None:  # fmt: skip
        self._folder, self._latents, self._model = folder, latents, model
        self._source, self._settings = source, settings
        self._data = plain(data_identity(source))
        found = read_manifest(folder)
        if found is None:
            check_folder(folder)
        else:
            check_same(folder, found, identity)
        self._is_new = found is None
        about = {
            "d_sae": latents.d_sae, "sites": list(latents.reads or source.sites), "n_tokens": 0, "n_docs": 0,
            "model_name": model_name(model, source), "complete": False,
        }  # fmt: skip
        self.manifest = found or new_manifest(identity, about)

    def needs_work(self, n_tokens: int | None, *, append: bool) -> bool:
        """Say whether there is text to read, and go where reading it begins.

        Raises:
            StoreMismatchError: the store is of other data, and those are not to be added to it.
        """
        parts = self.manifest["parts"]
        known = next((part for part in parts if part["data"] == self._data), None)
        if known is not None and (known["ended"] or (n_tokens is not None and known["n_tokens"] >= n_tokens)):
            if append:
                warnings.warn("these data are in the store already; nothing was added", stacklevel=3)
            return False
        if known is not None and known is not parts[-1]:
            raise StoreMismatchError(
                f"{self._folder} has other data after the first {known['n_tokens']} tokens of these; give new data"
            )
        if known is None and parts:
            if not append:
                raise StoreMismatchError(
                    f"{self._folder} was built from other data ({said(parts[-1]['data'])}; these are "
                    f"{said(self._data)}): give append=True to add these to it, or another path"
                )
            if not parts[-1]["complete"]:
                raise StoreMismatchError(
                    f"{self._folder} is not finished: {parts[-1]['n_tokens']} tokens of {said(parts[-1]['data'])} "
                    "were read; call feature_store with those data again, then add others"
                )
        if known is None:
            first = self.manifest["n_docs"]
            parts.append({"data": self._data, "n_tokens": 0, "first_doc": first, "ended": False, "complete": False})
        return True

    def run(self, n_tokens: int | None, snapshot_every: int, at_once: int, progress: bool | None) -> None:
        """Read until the data end or there are enough tokens."""
        from tqdm.auto import tqdm

        statistics = self._statistics()
        part = self.manifest["parts"][-1]
        part["complete"] = self.manifest["complete"] = False
        if self._is_new:
            self._write_once()
        total = n_tokens if n_tokens is not None else self._source.n_rows
        disable = None if progress is None else not progress
        with tqdm(total=total, initial=part["n_tokens"], unit="token", unit_scale=True, disable=disable) as bar:
            for block, ends in self._blocks(part, n_tokens, snapshot_every, at_once):
                statistics.add(block)
                bar.update(part["n_tokens"] - bar.n)
                if ends:
                    self._snapshot(statistics)

    def _statistics(self) -> Statistics:
        made = Statistics(self._latents.d_sae, self._settings)
        if not self.manifest["generation"]:
            return made
        folder = generation_folder(self._folder, self.manifest)
        names = ("latents", "top", "sampled", "tokens", "sample", "pairs", "occurrences")
        tables = {name: Table(folder / f"{name}.parquet") for name in names}
        made.load(
            {name: {column: table.column(column) for column in table.names} for name, table in tables.items()},
            self.manifest["counted"],
        )
        for table in tables.values():
            table.close()
        position = checkpoint.latest(folder)
        if self.manifest["parts"][-1]["n_tokens"] and position is not None:
            self._source.load_state(checkpoint.read(position)["source"])
        return made

    def _blocks(
        self, part: dict[str, Any], n_tokens: int | None, snapshot_every: int, at_once: int
    ) -> Iterator[tuple[Block, bool]]:
        """Yield blocks, and whether a snapshot follows; keep count of what was read in `part`."""
        tail: list[tuple[Rows, Firing]] = []
        unseen = 0
        ended = False
        while not ended:
            before = part["n_tokens"]
            found, ended = self._read(part, n_tokens, at_once)
            part["ended"] = part["ended"] or (ended and (n_tokens is None or part["n_tokens"] < n_tokens))
            part["complete"] = ended
            flush = ended or before // snapshot_every != part["n_tokens"] // snapshot_every
            if not found and not tail:
                yield nothing(), True
                return
            n_tail = sum(rows.doc.size for rows, _ in tail)
            rows, firing = join([*tail, *found])
            n_rows = len(rows.doc)
            # The last rows wait for the tokens after them, unless everything is to be written now.
            stop = n_rows if flush else max(n_tail - unseen, n_rows - AFTER)
            yield Block(rows, firing, slice(n_tail - unseen, stop)), flush
            unseen = n_rows - stop
            start = max(0, n_rows - HALO)
            tail = [] if flush else [(rows.take(slice(start, n_rows)), firing.cut(start, n_rows))]

    def _read(self, part: dict[str, Any], n_tokens: int | None, at_once: int) -> tuple[list[tuple[Rows, Firing]], bool]:
        """Read the rows of a block, and say whether they are the last."""
        found: list[tuple[Rows, Firing]] = []
        n_rows = n_pairs = 0
        while n_rows < BLOCK_ROWS and n_pairs < BLOCK_PAIRS:
            wanted = CHUNK if n_tokens is None else min(CHUNK, n_tokens - part["n_tokens"])
            batch = self._source.next(wanted) if wanted > 0 else None
            if batch is None:
                return found, True
            rows = places_of(batch, part)
            for start in range(0, batch.n_rows, at_once):
                firing = self._latents.find(batch.acts[start : start + at_once])
                found.append((rows.take(slice(start, start + at_once)), firing))
                n_pairs += len(firing.latents)
            n_rows += batch.n_rows
            part["n_tokens"] += batch.n_rows
            self.manifest["n_docs"] = max(self.manifest["n_docs"], int(rows.doc.max()) + 1)
        return found, False

    def _write_once(self) -> None:
        """Write what does not depend on the text."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._latents.save(self._folder)
        write_table(self._folder / GEOMETRY, geometry(self._latents, self._model), ROW_GROUPS["latents"])
        if self._model is not None:
            strings = np.array(vocabulary_of(self._model), dtype=object)
            write_table(self._folder / VOCABULARY, {"string": strings}, _WHOLE)

    def _snapshot(self, statistics: Statistics) -> None:
        """Write a generation, and make it the current one."""
        manifest = self.manifest
        manifest["generation"] += 1
        manifest["n_tokens"] = sum(part["n_tokens"] for part in manifest["parts"])
        manifest["complete"] = manifest["parts"][-1]["complete"]
        folder = generation_folder(self._folder, manifest)
        for name, columns in statistics.tables(ended=manifest["complete"]).items():
            write_table(folder / f"{name}.parquet", columns, ROW_GROUPS.get(name, _WHOLE))
        manifest["counted"] = statistics.state()
        manifest["edges"] = statistics.edges().tolist()
        checkpoint.write(folder, manifest["generation"], {"source": self._source.state()}, keep=1)
        commit(self._folder, manifest)
