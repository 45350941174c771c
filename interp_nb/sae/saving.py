"""SAEs on disk: save them in any family's format, and load them from wherever they are.

What the files are like is in `formats`, one module a family; here is who is asked.
"""

from pathlib import Path
from typing import Any, Final

import torch

from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError, nearest
from interp_nb.sae.coder import SAE
from interp_nb.sae.formats import registry
from interp_nb.sae.formats.own import InterpNb
from interp_nb.sae.formats.own import content_hash as content_hash
from interp_nb.sae.formats.writing import DTYPES, check_dtype

EMBEDDED: Final = ("pocket", "pocket_transcoder")
"""SAEs that come with the package, each in its folder of `interp_nb/sae/embedded`."""


def save_sae(
    sae: SAE,
    path: str | Path,
    *,
    format: str = "interp_nb",
    dtype: str | None = None,
    report: Any = None,
) -> Path:
    """Write an SAE to a folder, whole or not at all; return the folder.

    Args:
        format: "interp_nb", or the family of another library.
        dtype: Precision in the file, "float16" for half the size; None = as it is. Ours is loaded in its own again.
        report: An `SAEReport` of it, for its card; own format only.

    Raises:
        DiskError: the disk is full or the folder cannot be written; what was there is untouched.
        SaveFormatError: the path is a file, holds an SAE of another family, or the provenance is not plain JSON.
        ConfigError: an unknown format or precision, what the format cannot hold, or a weight that is not finite.
    """
    folder = Path(path)
    family = registry.format_named(format)
    check_dtype(dtype)
    if folder.is_file():
        raise SaveFormatError(f"{folder} is a file; an SAE is a folder: give another path")
    there = registry.in_folder(folder) if folder.is_dir() else None
    if there is not None and there[0].name not in (format, family.read_as):
        raise SaveFormatError(f"{folder} holds an SAE of {there[0].name}; give another path for one of {format}")
    if isinstance(family, InterpNb):
        return family.save(sae, folder, dtype, report)
    if report is not None:
        raise ConfigError(f"the files of {format} have no card for a report; save it as 'interp_nb', or without")
    return family.save(sae, folder, dtype)


def load_sae(
    path: str | Path = "pocket",
    *,
    sae_id: str | None = None,
    release: str | None = None,
    device: str | torch.device | None = None,
    dtype: str | None = None,
) -> SAE:
    """Load an SAE: one that `sae.save` wrote, one of another library, or one that comes with the package.

    Args:
        path: A folder of one SAE, a file in it, a folder of several, or "pocket": a BatchTopK SAE of the pocket model's
            middle layer. `inspect_sae` says what a folder is.
        sae_id: Which of several, by its path in the folder.
        release: Instead of a path, a repository of the hub or a release of SAELens; only that SAE is downloaded.
        device: None = the CPU.
        dtype: Precision to compute in; None = as in our files, float32 for half precision of others.

    Raises:
        ModelNotFoundError: there is no SAE of this name or in this folder, or there are several: the message lists
            them.
        SaveFormatError: a file is damaged, hostile, or not what its family's files are.
        OfflineError: the files of a release are not on this machine and the hub cannot be reached.
    """
    check_dtype(dtype)
    if release is not None:
        from interp_nb.sae.formats import hub

        if path != "pocket":
            raise ConfigError(f"give a path or a release, got {str(path)!r} and {release!r}")
        sae = hub.load_release(release, sae_id)
    else:
        found = registry.locate(embedded(path), sae_id)
        sae = found.family.load(found.folder, found.inner)
    return sae.to(device="cpu" if device is None else device, dtype=None if dtype is None else DTYPES[dtype])


def embedded(path: str | Path) -> Path:
    """Find the folder of an SAE that comes with the package by its name; any other path is itself.

    Raises:
        ModelNotFoundError: no such path, and no such name; the message gives the nearest.
    """
    place = Path(path)
    if place.exists():
        return place
    if str(path) in EMBEDDED:
        return Path(__file__).parent / "embedded" / str(path)
    raise ModelNotFoundError(f"no SAE at {str(path)!r}; {nearest(str(path), EMBEDDED)}")
