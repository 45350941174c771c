"""`SteeringVector`: directions that change what a model says, one per layer, and arithmetic with them.

Where they come from is in `extract` (contrastive pairs), `latents` (SAEs), `refine` (gradients), `gguf` and `foreign`
(other tools); the arithmetic itself in `arithmetic`; how they act in `apply`; files are `saving`'s.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError, VectorMismatchError
from interp_nb._show import result, two_decimals
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import SHORT_NAMES
from interp_nb.steering.arithmetic import Arithmetic
from interp_nb.steering.mismatch import check_model, layer_words
from interp_nb.steering.records import PairRead, VectorQuality

if TYPE_CHECKING:
    import pandas as pd

METHOD_WORDS: Final = {
    "mean": "mean difference",
    "pca": "PCA of differences",
    "centered": "mean-centered",
    "logistic": "logistic probe",
    "linear": "linear probe",
    "refined": "refined by gradient",
}


@result
class SteeringVector(Arithmetic):
    """Hold one vector per layer, such that strength 1 adds one raw mean difference.

    Vectors of the same model, site and layers add, subtract and scale: `0.5 * happy - formal`.
    """

    _picture: ClassVar[str] = "steering_vector"

    layers: list[int]
    """Layers there are vectors for, from 0, in order."""
    vectors: Float[Tensor, "layer d_model"]
    """One per layer, as it is added at strength 1; sites with heads are laid out in one row."""
    layer: int
    """The layer to steer at: suggested by the scan on held-out pairs, or the only one."""
    site: str
    """Short name of the place in each layer; a full hook name where there is no short one."""
    midpoint: Float[Tensor, " layer"]
    """Projection on the unit vector midway between the two classes; 0 where unknown."""
    stream_norm: Float[Tensor, " layer"]
    """Mean norm of the site's activations in the texts that were read; NaN where unknown."""
    method: str
    """How it was made: "mean", "pca", "centered", "logistic", "linear", "refined", "latent", "file", "direction" or
    "arithmetic"."""
    read_at: str
    """Which tokens it was read from: "last", "mean", "answer" or a position; empty where it was not read."""
    n_pairs: int
    """Pairs it was read from; 0 where there were none."""
    name: str
    """What it is called in pictures and tables."""
    quality: VectorQuality | None
    """How well it tells held-out pairs apart; None where it was not read from pairs."""
    pairs_read: list[PairRead]
    """A few pairs with the tokens that were read."""
    note: str
    """What the reader has to know; else empty."""
    model_name: str
    """The model; empty where unknown."""
    latent_idx: int | None
    """The latent whose decoder row it is; None for all else."""
    provenance: dict[str, Any]
    """What it takes to make it again."""
    _sae: Any = dataclasses.field(default=None, compare=False)

    @classmethod
    def of(
        cls, vectors: Float[Tensor, "layer d_model"], layers: Sequence[int], *, site: str = "resid_post", **known: Any
    ) -> "SteeringVector":
        """Make one of plain directions; what is not told is unknown.

        Args:
            vectors: One row per layer, as added at strength 1.
            **known: Any other field.

        Raises:
            ShapeError: not one row per layer, no layers, or one twice.
            ConfigError: a value is NaN or infinite.
        """
        rows = vectors.detach().float().cpu()
        if len(rows) != len(layers) or 0 in rows.shape or len(set(layers)) < len(layers):
            raise ShapeError(f"vectors must have one row per layer, got {list(rows.shape)} for layers {list(layers)}")
        if not bool(rows.isfinite().all()):
            raise ConfigError("a steering vector must be finite, got NaN or infinity; check where it was read")
        unknown: dict[str, Any] = {
            "layer": layers[-1], "midpoint": torch.zeros(len(rows)), "method": "direction", "read_at": "",
            "stream_norm": torch.full((len(rows),), math.nan), "n_pairs": 0, "name": "direction", "quality": None,
            "pairs_read": [], "note": "", "model_name": "", "latent_idx": None, "provenance": {},
        }  # fmt: skip
        return cls(layers=list(layers), vectors=rows, site=site, **unknown | known)

    @classmethod
    def of_latent(cls, sae: Any, latent_idx: int, **options: Any) -> "SteeringVector":
        """Make one of an SAE's latent, see `feature_vector` in `latents`: what `sae.feature_vector` calls."""
        from interp_nb.steering.latents import feature_vector

        return feature_vector(sae, latent_idx, **options)

    @property
    def sae(self) -> Any:
        """The SAE whose latent it is; None for all else, and once it was saved."""
        return self._sae

    @property
    def d_model(self) -> int:
        """Width of the vectors."""
        return int(self.vectors.shape[1])

    @property
    def hook_names(self) -> list[str]:
        """Full names of the places, one per layer."""
        return [SHORT_NAMES.get(self.site, self.site).format(layer=layer) for layer in self.layers]

    @property
    def norm_share(self) -> Float[Tensor, " layer"]:
        """How long they are, as a share of the mean norm of what they are added to; NaN where unknown."""
        return self.norm / self.stream_norm

    def row(self, layer: int | None = None) -> int:
        """Find a layer's row; None = that of the suggested layer.

        Raises:
            VectorMismatchError: there is no vector for this layer.
        """
        wanted = self.layer if layer is None else layer
        if wanted not in self.layers:
            raise VectorMismatchError(
                f"{self.name!r} has vectors for {layer_words(self.layers)} of {self.site}, none for layer {wanted}"
            )
        return self.layers.index(wanted)

    def at(self, layer: int | None = None) -> "SteeringVector":
        """Return the vector of one layer alone; None = the suggested one.

        Raises:
            VectorMismatchError: there is no vector for this layer.
        """
        row = self.row(layer)
        part = slice(row, row + 1)
        quality = None if self.quality is None else self.quality.at(row)
        return dataclasses.replace(
            self, layers=[self.layers[row]], layer=self.layers[row], vectors=self.vectors[part],
            midpoint=self.midpoint[part], stream_norm=self.stream_norm[part], quality=quality,
        )  # fmt: skip

    def measured_on(self, model: HookedModel, texts: Sequence[str]) -> "SteeringVector":
        """Return it with the norm of what it is added to, so that it knows what share of it strength 1 adds.

        Args:
            texts: What the model reads for that; any will do, a few are enough.

        Raises:
            VectorMismatchError: the vector is of another model.

        Cost: one forward per text.
        """
        from interp_nb.steering.reading import read_activations, read_text

        check_model(self, model)
        found = read_activations(
            model, [read_text(model, text, "mean") for text in texts], self.hook_names, progress=False
        )
        return dataclasses.replace(self, stream_norm=found.norms)

    def save(self, path: str | Path) -> Path:
        """Write it to a file: safetensors with its provenance, or repeng's format where the name ends in .gguf.

        Raises:
            DiskError: the file cannot be written; what was there is untouched.
            ConfigError: what repeng's format cannot hold, such as another site than the residual stream.
        """
        from interp_nb.steering.saving import save_vector

        return save_vector(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "SteeringVector":
        """Read a vector that `save` or repeng wrote, see `load_vector`."""
        from interp_nb.steering.saving import load_vector

        return load_vector(path)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per layer: norm, share of the stream, quality on held-out pairs."""
        import pandas as pd

        columns: dict[str, Any] = {"layer": self.layers, "norm": self.norm.numpy(), "share": self.norm_share.numpy()}
        if self.quality is not None:
            columns |= {name: value.numpy() for name, value in self.quality._asdict().items() if _is_tensor(value)}
        return pd.DataFrame(columns)

    def _summary(self) -> str:
        parts = [self.name]
        if self.method in METHOD_WORDS and METHOD_WORDS[self.method] != self.name:
            parts.append(METHOD_WORDS[self.method])
        parts += [self.site, layer_words(self.layers)]
        row = self.row()
        if len(self.layers) > 1:
            suggested = self.quality is not None and self.quality.suggests(row)
            parts.append(f"{'best' if suggested else 'steers'} {self.layer}")
        if self.quality is not None and not self.quality.auc[row].isnan():
            parts.append(f"AUC {two_decimals(float(self.quality.auc[row]))} {self._interval(row)}")
        if not self.norm_share[row].isnan():
            parts.append(f"share {two_decimals(float(self.norm_share[row]))}")
        return f"SteeringVector({', '.join(parts)})"

    def _interval(self, row: int) -> str:
        assert self.quality is not None
        if bool(self.quality.auc_low[row].isnan()):
            return f"on {self.quality.n_held_out} pairs"
        ends = (two_decimals(float(end[row])) for end in (self.quality.auc_low, self.quality.auc_high))
        return f"[{', '.join(ends)}]"


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
