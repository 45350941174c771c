"""SAELens, version 6 and later: a folder with `cfg.json` and `sae_weights.safetensors`.

Final SAEs and training checkpoints, of every architecture; those from before version 6 are in `sae_lens_legacy`.

Source: SAELens 6.54.12, saes/*.py, training/activation_scaler.py, loading/pretrained_sae_loaders.py.
"""

import warnings
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from interp_nb._errors import SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.formats import sae_lens_weights, sae_lens_writing
from interp_nb.sae.formats.base import Format
from interp_nb.sae.formats.plan import Plan
from interp_nb.sae.formats.sae_lens_plan import make_plan
from interp_nb.sae.formats.sae_lens_said import CONFIG, RUN, SCALER, WEIGHTS, WHITENING, Said
from interp_nb.sae.formats.small_files import Fields, is_file, read_json
from interp_nb.sae.formats.writing import Write


class SAELens(Format):
    """SAEs of SAELens 6 and later, for use."""

    name: ClassVar[str] = "sae_lens"
    looks_like: ClassVar[str] = f"{CONFIG} beside {WEIGHTS}"
    holds: ClassVar[str] = "SAEs of all architectures but group_max; transcoders: relu, or with thresholds"

    def find(self, folder: Path) -> list[str]:
        """Find the two files, of a version this reads."""
        if not is_file(folder / CONFIG) or not is_file(folder / WEIGHTS):
            return []
        try:
            return [""] if self.reads(read_json(folder / CONFIG)) else []
        except SaveFormatError:
            # Of a damaged configuration loading says what is wrong with it.
            return [""]

    def reads(self, values: dict[str, Any]) -> bool:
        """Say whether a configuration is of the version that this format reads: only since 6 has it `metadata`."""
        return major(values) >= 6 or (not version_of(values) and isinstance(values.get("metadata"), dict))

    def translate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Give a configuration the names of version 6; here it has them."""
        return values

    def small_files(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Read what says how it computes and where it is from, by file."""
        return {name: read_json(folder / name) for name in (CONFIG, SCALER, RUN) if is_file(folder / name)}

    def scaler(self, everything: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Find how activations were scaled while training; empty where no file says so."""
        return everything.get(SCALER, {})

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read the configuration, and how activations were scaled while training."""
        everything = self.small_files(folder)
        values = everything[CONFIG]
        said = Said.of(self.translate(values), self.scaler(everything), folder)
        return make_plan(said, version_of(values), everything)

    def load(self, folder: Path, sae_id: str = "") -> SAE:
        """Load an SAE; warn of what its files leave open."""
        sae = super().load(folder, sae_id)
        for problem in self.plan(folder, sae_id).problems:
            # Said of the line that called `load_sae`.
            warnings.warn(f"{folder}: {problem}", stacklevel=3)
        return sae

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fold what was done to activations into the weights."""
        fields = Fields(self.translate(plan.metadata[CONFIG]), Path(CONFIG))
        scaler = Fields(self.scaler(plan.metadata), Path(SCALER))
        said = Said(fields, fields.inner("metadata"), scaler, frozenset(plan.files), frozenset(tensors))
        return sae_lens_weights.convert(said, plan, tensors)

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write it as SAELens exports it."""
        return sae_lens_writing.contents(sae, dtype)

    def save(self, sae: SAE, folder: Path, dtype: str | None = None) -> Path:
        """Write an SAE to a folder where nothing of another one would be read with it.

        Raises:
            SaveFormatError: there lies how the activations of another SAE were scaled.
        """
        left = [name for name in (SCALER, WHITENING) if is_file(folder / name)]
        if set(left) - self.contents(sae, dtype).keys():
            raise SaveFormatError(f"{folder} holds {left[0]} of another SAE, which would be read with this one; give "
                                  "another path")  # fmt: skip
        return super().save(sae, folder, dtype)


def version_of(values: dict[str, Any]) -> str:
    """Give the version of SAELens that wrote a configuration; empty where it does not say."""
    metadata = values.get("metadata")
    found = values.get("sae_lens_version") or (metadata.get("sae_lens_version") if isinstance(metadata, dict) else None)
    return found[:40] if isinstance(found, str) else ""


def major(values: dict[str, Any]) -> int:
    """Give that version's first number; 0 where it does not say, as SAELens takes it."""
    start = version_of(values).partition(".")[0]
    return int(start) if start.isascii() and start.isdigit() else 0
