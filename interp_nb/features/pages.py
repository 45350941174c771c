"""Reading a generation of a store, a page at a time: columns, single latents, tokens, the sample.

Tables are opened and columns read when they are asked for. What is computed from several columns, such as which latents
are interesting, is computed here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float64, Int32, Int64

from interp_nb._errors import ConfigError, SaveFormatError, ShapeError, nearest
from interp_nb.features.manifest import GEOMETRY, VOCABULARY, generation_folder, read_manifest
from interp_nb.features.records import TOP_BAND, Example, Feature, TokenStat
from interp_nb.features.tables import Table
from interp_nb.features.token_sample import TokenSample
from interp_nb.sae.batches import CONTEXT_BEFORE

DENSE: Final = 0.1
"""Density above which a latent counts as dense."""
_STATED: Final = ("decoder_norm", "encoder_norm", "encoder_decoder_cosine", "bias")
_COMPUTED: Final = ("count", "density", "mean", "max", "dead", "dense", "interesting", "max_cosine")
COLUMNS: Final = (*_COMPUTED[:4], *_STATED, *_COMPUTED[4:])
"""Names of the scalar columns."""
_COUNTED: Final = ("count", "sum", "max", "histogram", "cofiring", "cofiring_share")
_SHAPES: Final = (
    *_STATED, "decoder_max", "decoder_histogram", "neighbour", "neighbour_cosine", "up", "up_logit", "down",
    "down_logit",
)  # fmt: skip
_HEADS: Final = "head_share"
"""A column that only stores of latents at hook_z have."""
_FIRINGS: Final = ("doc", "pos", "value", "context", "around")
_MEDIUM: Final = (-2.5, 0.75)
"""Center and width, in powers of ten, of the densities that are interesting: about 1 token in 300, most between 1 in
10,000 and 1 in 10. Ours."""


class Pages:
    """A store's tables: what `FeatureStore` reads."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.path = folder
        self._open(manifest)

    def _open(self, manifest: dict[str, Any]) -> None:
        """Begin to read a generation."""
        self._manifest = manifest
        self._tables: dict[str, Table] = {}
        self._columns: dict[str, np.ndarray] = {}
        self._strings: list[str] | None = None
        self.d_sae: int = manifest["d_sae"]
        self.n_tokens: int = manifest["n_tokens"]
        self.n_docs: int = manifest["n_docs"]
        self.generation: int = manifest["generation"]
        self.sites: tuple[str, ...] = tuple(manifest["sites"])
        self.model_name: str = manifest["model_name"]
        self.n_bands: int = manifest["identity"]["settings"]["n_bands"]
        self.complete: bool = manifest["complete"]
        self.edges: Float64[np.ndarray, " edge"] = np.array(manifest["edges"])

    @property
    def site(self) -> str:
        """The first site that is read; "" where it has no name."""
        return self.sites[0] if self.sites else ""

    @property
    def kind(self) -> str:
        """What has the latents: "sae", "neurons" or "directions"."""
        return str(self._manifest["identity"]["latents"]["kind"])

    @property
    def provenance(self) -> dict[str, Any]:
        """Say which SAE, model, data and settings it was built with: plain JSON."""
        identity = self._manifest["identity"]
        return {
            "model": identity["model"], "sae": identity["latents"], "reading": identity["reading"],
            "settings": identity["settings"], "data": [part["data"] for part in self._manifest["parts"]],
            "version": self._manifest["version"],
        }  # fmt: skip

    def column(self, name: str) -> np.ndarray:
        """Return one number per latent: `density`, `max`, `interesting` and others (`COLUMNS`).

        "interesting" is a latent's rank by how much it adds to activations at most (`max` times `decoder_norm`), 0 to
        1, times exp(-((log10(density) + 2.5) / 0.75)^2 / 2); 0 for dead and dense latents.

        Raises:
            ConfigError: there is no such column; names the nearest.
        """
        if name not in COLUMNS:
            raise ConfigError(f"there is no column {name!r}; {nearest(name, COLUMNS)}")
        if name not in self._columns:
            self._columns[name] = self._compute(name)
        return self._columns[name]

    def latent(self, latent_idx: int) -> Feature:
        """Return all that is kept of one latent.

        Raises:
            ShapeError: there is no latent of this number.
        """
        index = self._checked(latent_idx)
        counted = self._table("latents").row(index, _COUNTED)
        geometry = self._table_of(GEOMETRY)
        shape = geometry.row(index, (*_SHAPES, _HEADS) if _HEADS in geometry.names else _SHAPES)
        most = float(shape["decoder_max"])
        return Feature(
            latent_idx=index,
            count=int(counted["count"]),
            density=float(self.column("density")[index]),
            mean=float(self.column("mean")[index]),
            max=float(counted["max"]),
            histogram=counted["histogram"],
            examples=self.examples(index),
            top_tokens=self._token_stats(index),
            logits_up=_pairs(shape["up"], shape["up_logit"]),
            logits_down=_pairs(shape["down"], shape["down_logit"]),
            neighbors=_pairs(shape["neighbour"], shape["neighbour_cosine"]),
            cofiring=_pairs(counted["cofiring"], counted["cofiring_share"]),
            **{name: float(shape[name]) for name in _STATED},
            decoder_histogram=shape["decoder_histogram"],
            decoder_edges=np.linspace(-most, most, len(shape["decoder_histogram"]) + 1),
            dead=bool(self.column("dead")[index]),
            dense=bool(self.column("dense")[index]),
            head_shares=tuple(float(share) for share in shape.get(_HEADS, ())),
        )

    def latents(self, indices: Sequence[int] | np.ndarray) -> list[Feature]:
        """Return several latents."""
        return [self.latent(int(index)) for index in indices]

    def examples(self, latent_idx: int) -> tuple[Example, ...]:
        """Return one latent's examples: the strongest, then those of the quantile bands, strongest band first.

        A band is a part of the firings that were drawn uniformly, sorted by activation; all parts are as large.
        """
        index = self._checked(latent_idx)
        top = self._table("top").row(index, _FIRINGS)
        drawn = self._table("sampled").row(index, _FIRINGS)
        found = [_example(top, slot, TOP_BAND) for slot in np.flatnonzero(top["doc"] >= 0).tolist()]
        slots = np.flatnonzero(drawn["doc"] >= 0)
        slots = slots[np.lexsort((drawn["pos"][slots], drawn["doc"][slots], -drawn["value"][slots]))]
        for rank, slot in enumerate(slots.tolist()):
            found.append(_example(drawn, slot, self.n_bands - 1 - rank * self.n_bands // len(slots)))
        return tuple(found)

    def top_token_ids(self, latents: Sequence[int] | np.ndarray, n: int = 3) -> Int32[np.ndarray, "latent n"]:
        """Return the tokens with the largest sums of activations, of several latents; -1 beyond the last."""
        held = self._whole("tokens", "token")[:, :n][np.asarray(latents, np.int64)]
        made = np.full((len(held), n), -1, np.int32)
        made[:, : held.shape[1]] = held
        return made

    @property
    def vocabulary(self) -> list[str]:
        """The model's tokens as strings; empty where the store was built without a model."""
        if self._strings is None:
            has_strings = (self.path / VOCABULARY).is_file()
            self._strings = self._table_of(VOCABULARY).column("string").tolist() if has_strings else []
        return self._strings

    def token_strings(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Name tokens; one that the model does not have is named by its number."""
        names = self.vocabulary
        return [names[token] if 0 <= token < len(names) else f"<{token}>" for token in map(int, ids)]

    def occurrences(self) -> Int64[np.ndarray, " token"]:
        """Count how often each token was read, up to the largest that was."""
        return self._whole("occurrences", "count")

    def sample(self) -> TokenSample:
        """Return tokens drawn uniformly from the text, with everything that fires on them.

        Cost: up to 100 MB, read at every call; keep what is returned as long as it is used.
        """
        rows, pairs = self._table("sample"), self._table("pairs")
        row_of = np.repeat(np.arange(rows.n_rows), rows.column("n_firing"))
        token, context, doc, pos = (rows.column(name) for name in ("token", "context", "doc", "pos"))
        return TokenSample(token, context, doc, pos, row_of, pairs.column("latent"), pairs.column("value"))

    def _compute(self, name: str) -> np.ndarray:
        if name in _STATED:
            return self._table_of(GEOMETRY).column(name)
        if name in ("count", "max"):
            return self._table("latents").column(name)
        if name == "max_cosine":
            cosines: np.ndarray = self._table_of(GEOMETRY).column("neighbour_cosine")[:, 0]
            return cosines.copy()
        count = self.column("count")
        if name == "density":
            return count / max(1, self.n_tokens)
        if name == "mean":
            sums = self._table("latents").column("sum")
            return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        if name == "dead":
            return np.asarray(count == 0)
        if name == "dense":
            return np.asarray(self.column("density") > DENSE)
        return self._interesting()

    def _interesting(self) -> np.ndarray:
        strength = self.column("max") * np.nan_to_num(self.column("decoder_norm"), nan=1.0)
        shown = ~(self.column("dead") | self.column("dense"))
        center, width = _MEDIUM
        away = (np.log10(np.maximum(self.column("density"), 1e-30)) - center) / width
        # Latents of equal strength share a rank.
        rank = np.searchsorted(np.sort(strength[shown]), strength, side="right") / max(1, int(shown.sum()))
        return np.where(shown, rank * np.exp(-(away**2) / 2), 0.0)

    def _token_stats(self, index: int) -> tuple[TokenStat, ...]:
        held = self._table("tokens").row(index, ("token", "count", "sum"))
        times, kept = self.occurrences(), self._manifest["identity"]["settings"]["n_tokens_kept"]
        return tuple(
            TokenStat(int(token), int(count), float(total / count), float(count / times[token]))
            for token, count, total in zip(held["token"], held["count"], held["sum"], strict=True)
            if token >= 0
        )[:kept]

    def _checked(self, latent_idx: int) -> int:
        if not 0 <= latent_idx < self.d_sae:
            raise ShapeError(f"latent_idx must be 0 to {self.d_sae - 1}, got {latent_idx}")
        return int(latent_idx)

    def _whole(self, table: str, name: str) -> np.ndarray:
        key = f"{table}.{name}"
        if key not in self._columns:
            self._columns[key] = self._table(table).column(name)
        return self._columns[key]

    def _table(self, name: str) -> Table:
        """Open a table of the current generation."""
        folder = generation_folder(self.path, self._manifest)
        if not folder.is_dir():
            self.refresh()  # somebody appended: the generation this one read is gone
            folder = generation_folder(self.path, self._manifest)
        return self._table_of(f"{folder.name}/{name}.parquet")

    def refresh(self) -> None:
        """Read the current generation: what was built or appended since, by any process."""
        manifest = read_manifest(self.path)
        if manifest is None:
            raise SaveFormatError(f"{self.path} holds no store any more: build it again")
        if manifest != self._manifest:
            self._close_tables()
            self._open(manifest)

    def _table_of(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = Table(self.path / name)
        return self._tables[name]

    def _close_tables(self) -> None:
        for table in self._tables.values():
            table.close()
        self._tables = {}


def _example(firings: dict[str, np.ndarray], slot: int, band: int) -> Example:
    """Cut a firing's window to the tokens that there are."""
    context, around = firings["context"][slot], firings["around"][slot]
    there = context >= 0
    there[CONTEXT_BEFORE] = True
    return Example(
        doc=int(firings["doc"][slot]),
        pos=int(firings["pos"][slot]),
        token_ids=context[there],
        values=around[there],
        at=int(there[:CONTEXT_BEFORE].sum()),
        value=float(firings["value"][slot]),
        band=band,
    )


def _pairs(indices: np.ndarray, values: np.ndarray) -> tuple[tuple[int, float], ...]:
    return tuple((int(index), float(value)) for index, value in zip(indices, values, strict=True) if index >= 0)
