"""`FeatureStore`: what `feature_store` wrote, opened; searched, ordered, appended to, given out as frames.

Opening reads a manifest. How its tables are read is in `pages`.
"""

import html
import tempfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from interp_nb._errors import ModelNotFoundError, StoreMismatchError
from interp_nb.features import searching
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.latents import latents_of, load_latents
from interp_nb.features.manifest import (
    GEOMETRY,
    LABELS,
    MANIFEST,
    VOCABULARY,
    check_same,
    generation_folder,
    read_manifest,
)
from interp_nb.features.pages import COLUMNS, Pages
from interp_nb.features.records import TOP_BAND
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.fingerprint import model_identity

if TYPE_CHECKING:
    import pandas as pd

TEMPORARY: Final = "interp_nb_store_"
"""What the names of folders begin with that go when their store does."""


class FeatureStore(Pages):
    """What every latent fires on, read from disk; made by `feature_store` and `load_store`."""

    def __init__(
        self, folder: Path, manifest: dict[str, Any], source: LatentSource | None, model: HookedModel | None,
        held: tempfile.TemporaryDirectory[str] | None,
    ) -> None:  # fmt: skip
        super().__init__(folder, manifest)
        self._source, self._model, self._held = source, model, held
        self._labels: Any = None

    @property
    def source(self) -> LatentSource:
        """What has the latents; read from the store where it was not given."""
        if self._source is None:
            self._source = load_latents(self.path, self._manifest["identity"]["latents"])
        return self._source

    @property
    def sae(self) -> SAE | None:
        """The SAE; None for neurons and directions."""
        return self.source.sae if self.kind == "sae" else None

    @property
    def temporary(self) -> bool:
        """Whether its folder goes when it does: nobody can load it again."""
        return self.path.name.startswith(TEMPORARY)

    @property
    def labels(self) -> Any:
        """The labels of its latents, of people and machines: a LabelBook."""
        if self._labels is None:
            from interp_nb.features.labels import LabelBook

            self._labels = LabelBook(self.path, self.d_sae)
        return self._labels

    def search(self, text: str, by: str = "token") -> Int64[np.ndarray, " found"]:
        """Find latents, the best first.

        Args:
            by: "token": those that fire most on tokens that contain the text; "text": those with the text in an
                example; "label": those with the text in their label.

        Raises:
            ConfigError: an empty text, or another kind of search.
        """
        return searching.search(self, text, by)

    def order(
        self, by: str = "interesting", descending: bool = True, alive: bool = True,
        where: np.ndarray | Callable[[Callable[[str], np.ndarray]], np.ndarray] | None = None,
    ) -> Int64[np.ndarray, " latent"]:  # fmt: skip
        """Sort latents by a column; equal ones by their number, those without a value last.

        Args:
            alive: Leave out those that never fired.
            where: A mask `[d_sae]`, or a function that makes one and is given `column`.
        """
        values = self.column(by).astype(np.float64)
        keep = ~self.column("dead") if alive else np.ones(self.d_sae, np.bool_)
        if where is not None:
            keep = keep & np.asarray(where(self.column) if callable(where) else where, np.bool_)
        values = -values if descending else values
        order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
        found: Int64[np.ndarray, " latent"] = order[keep[order]]
        return found

    def directions(self) -> Float[Tensor, "d_sae d_out"]:
        """Return what each latent writes per unit of activation, in the model's units, site after site."""
        return self.source.rows(torch.arange(self.d_sae))

    def to_frame(self) -> "pd.DataFrame":
        """Return the scalar columns and the labels, a row per latent."""
        import pandas as pd

        frame = pd.DataFrame({name: self.column(name) for name in COLUMNS})
        frame.index.name = "latent_idx"
        current = self.labels.current() if (self.path / LABELS).is_file() else {}
        frame["label"] = [current[index].text if index in current else "" for index in range(self.d_sae)]
        return frame

    def examples_frame(self, latent_idx: int) -> "pd.DataFrame":
        """Return one latent's examples: where, how strong, which band, the token and the text around it."""
        import pandas as pd

        rows = [
            {
                "doc": each.doc, "pos": each.pos, "value": each.value,
                "band": "top" if each.band == TOP_BAND else str(each.band),
                "token": self.token_strings(each.token_ids[each.at : each.at + 1])[0],
                "text": "".join(self.token_strings(each.token_ids)),
            }
            for each in self.examples(latent_idx)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["doc", "pos", "value", "band", "token", "text"])

    def append(self, data: Any, model: HookedModel | None = None, **options: Any) -> "FeatureStore":
        """Read more text into the store, and return it; what it was built with stays as it is.

        Args:
            data: As `feature_store` takes it.
            model: The model it was built with; None = the one this object was given.
            **options: `n_tokens`, `max_bytes`, `batch_tokens`, `progress`.

        Raises:
            StoreMismatchError: another model, or the store is not finished.
        """
        from interp_nb.features.building import append_to

        append_to(self, data, model if model is not None else self._model, **options)
        self.refresh()
        return self

    def files(self) -> list[Path]:
        """List the files it is made of, relative to `path`: without positions in the data and without caches."""
        current = generation_folder(self.path, self._manifest).name
        names = [MANIFEST, GEOMETRY, VOCABULARY, LABELS, "directions.safetensors"]
        found = [self.path / name for name in names]
        found += sorted((self.path / "sae").glob("*")) + sorted((self.path / current).glob("*.parquet"))
        return [file.relative_to(self.path) for file in found if file.is_file()]

    def close(self) -> None:
        """Let go of the files; a temporary store is removed."""
        self._close_tables()
        if self._held is not None:
            self._held.cleanup()

    def __enter__(self) -> "FeatureStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        """One line: model, site, latents, tokens, how many latents are alive."""
        alive = self.d_sae - int(self.column("dead").sum())
        name = " ".join(part for part in (self.model_name, " + ".join(self.sites)) if part)
        what = {"sae": "latents"}.get(self.kind, self.kind)
        state = "" if self.complete else ", unfinished"
        begin = f"{name}, " if name else ""
        return f"FeatureStore({begin}{self.d_sae} {what}, {self.n_tokens} tokens, {alive} alive{state})"

    def _repr_html_(self) -> str:
        """Draw a small table of the most interesting latents."""
        rows = []
        for index in self.order()[:10]:
            tokens = self.top_token_ids([int(index)])[0]
            strings = self.token_strings(tokens[tokens >= 0])
            cells = (
                str(index), f"{self.column('density')[index]:.2%}", f"{self.column('max')[index]:.2f}",
                " | ".join(strings),
            )  # fmt: skip
            rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
        head = "".join(f"<th>{name}</th>" for name in ("latent", "density", "max", "fires on"))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<div><code>{html.escape(repr(self))}</code><table><tr>{head}</tr>{body}</table></div>"


def load_store(
    path: str | PathLike[str], *, sae: SAE | Tensor | str | None = None, model: HookedModel | None = None
) -> FeatureStore:
    """Open a store that `feature_store` wrote, finished or not.

    Args:
        sae: What is expected to have the latents; None = whatever the store was built with.
        model: What is expected to be the model.

    Raises:
        ModelNotFoundError: there is no store in the folder.
        StoreMismatchError: it was built with another SAE or model; says what differs.
        SaveFormatError: it is damaged, or of a newer version.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    if manifest is None:
        raise ModelNotFoundError(f"no feature store at {str(path)!r}: expected {MANIFEST} in it")
    expected: dict[str, Any] = {}
    source = None
    if sae is not None:
        sites = manifest["identity"]["latents"]["sites"]
        source = latents_of(sae, model, sites if sites else None)
        expected["latents"] = source.identity()
    if model is not None:
        if manifest["identity"]["model"] is None:
            raise StoreMismatchError(f"{folder} was built from activations, without a model: leave model= out")
        expected["model"] = model_identity(model)
    check_same(folder, manifest, expected)
    return FeatureStore(folder, manifest, source, model, None)


def open_store(folder: Path, *, latents: LatentSource, model: HookedModel | None, held: Any = None) -> FeatureStore:
    """Open a store that was just built."""
    manifest = read_manifest(folder)
    assert manifest is not None
    return FeatureStore(folder, manifest, latents, model, held)
