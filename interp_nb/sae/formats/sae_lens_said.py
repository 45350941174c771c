"""What an SAELens folder's small files say, of version 6 and of those before: their names, values and defaults."""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from interp_nb._errors import SaveFormatError
from interp_nb.sae.formats.small_files import Fields, is_file
from interp_nb.sae.formats.tensor_files import read_headers

CONFIG: Final = "cfg.json"
WEIGHTS: Final = "sae_weights.safetensors"
RUN: Final = "runner_cfg.json"
SCALER: Final = "activation_scaler.json"
WHITENING: Final = "activation_whitening.safetensors"
SPARSITY: Final = "sparsity.safetensors"

FINETUNED: Final = ("scaling_factor", "finetuning_scaling_factor")
"""The latents' own scales before version 6: as they were read, and as they were written."""
TOPK: Final = ("topk", "abstopk", "batchtopk", "matryoshka_batchtopk")
BATCH: Final = ("batchtopk", "matryoshka_batchtopk")
TRANSCODERS: Final = ("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder")
ARCHITECTURES: Final[dict[str, str]] = {
    "standard": "relu",
    "topk": "topk",
    "abstopk": "abs_topk",
    "batchtopk": "batch_topk",
    "matryoshka_batchtopk": "matryoshka",
    "jumprelu": "jumprelu",
    "gated": "gated",
    "matching_pursuit": "matching_pursuit",
    "temporal": "temporal",
    "transcoder": "relu",
    "skip_transcoder": "relu",
    "jumprelu_transcoder": "jumprelu",
    "jumprelu_skip_transcoder": "jumprelu",
}
"""SAELens's architectures, with ours."""
NORMS: Final[dict[str, str]] = {
    "none": "none",
    "expected_average_only_in": "none",
    "covariance_whitening": "none",
    "constant_scalar_rescale": "none",
    "layer_norm": "layer_norm",
    "constant_norm_rescale": "constant_norm",
}
"""SAELens's `normalize_activations`, with our `input_norm`; what is not per row is folded."""
UNKNOWN_FACTOR: Final = "activations times one factor, which no file says"
DTYPES: Final = tuple(f"{torch}{name}" for name in ("float32", "float64", "float16", "bfloat16")
                      for torch in ("", "torch."))  # fmt: skip
HOOK: Final = re.compile(r"blocks\.\d+\.(\w+\.)?hook_\w+|hook_\w+|(ln_final|unembed)\.hook_\w+")
"""Hook names as TransformerLens writes them; what a file says otherwise is passed on as it stands."""


class Said(NamedTuple):
    """What an SAELens folder's small files say."""

    fields: Fields
    """Of `cfg.json`, with the names of version 6."""
    metadata: Fields
    """What it says of model, site and training."""
    scaler: Fields
    """Of `activation_scaler.json`; empty where there is none."""
    there: frozenset[str]
    """Files with tensors that lie in the folder."""
    names: frozenset[str]
    """Tensors of the weights file; empty where it cannot be read, which loading reports."""

    @classmethod
    def of(cls, values: dict[str, Any], scaler: dict[str, Any], folder: Path) -> "Said":
        """Put together what files say with what lies beside them.

        Args:
            values: Of `cfg.json`, with the names of version 6.
        """
        fields = Fields(values, folder / CONFIG)
        try:
            names = frozenset(read_headers(folder / WEIGHTS))
        except SaveFormatError:
            names = frozenset()
        there = frozenset(name for name in (WEIGHTS, WHITENING, SPARSITY) if is_file(folder / name))
        return cls(fields, fields.inner("metadata"), Fields(scaler, folder / SCALER), there, names)

    @property
    def architecture(self) -> str:
        """As SAELens calls it."""
        found: str = self.fields.one_of("architecture", tuple(ARCHITECTURES), "standard")
        return found

    @property
    def is_training(self) -> bool:
        """Whether it is what is saved while training, and not what is exported at the end."""
        return "decoder_init_norm" in self.fields.values or self.architecture in BATCH

    @property
    def norm(self) -> str:
        """How activations were normalized."""
        found: str = self.fields.one_of("normalize_activations", tuple(NORMS), "none")
        return found

    @property
    def subtracts(self) -> bool:
        """Whether the decoder's bias is taken off the input."""
        found: bool = self.fields.flag("apply_b_dec_to_input", self.architecture not in TRANSCODERS)
        return found

    @property
    def rescales(self) -> bool:
        """Whether latents are ranked and counted in units of their decoder norms."""
        found: bool = self.fields.flag("rescale_acts_by_decoder_norm", self.is_training)
        return found and self.architecture in TOPK

    @property
    def scale(self) -> float | None:
        """What activations were multiplied by while training; None where nothing says so."""
        if self.norm == "constant_scalar_rescale":
            return float(self.fields.number("activation_normalization_factor", 1.0))
        found: float | None = self.scaler.number("scaling_factor", None)
        if found is not None and found <= 0:
            raise SaveFormatError(f"{self.scaler.file}: scaling_factor must be positive, found {found}")
        return found

    @property
    def finetuned(self) -> bool | None:
        """Whether latents have scales that were trained last; None of versions that have no such thing."""
        found: bool | None = self.fields.flag("finetuning_scaling_factor", None)
        return found

    @property
    def whitened(self) -> bool:
        """Whether a whitening is to be folded."""
        return WHITENING in self.there and bool(self.scaler.flag("has_whitening", True))
