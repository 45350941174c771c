"""SAEs of a release: only their own files are downloaded, and only when they are not on this machine yet.

The cache is looked at first. The hub is asked once, briefly, what is in the repository, because the libraries behind it
retry an unreachable hub for half a minute before they give up.
"""

import dataclasses
import warnings
from pathlib import Path, PurePosixPath
from typing import Final

from interp_nb._errors import ModelNotFoundError, OfflineError, SaveFormatError, nearest
from interp_nb.sae.coder import SAE
from interp_nb.sae.formats import registry
from interp_nb.sae.formats.processing import fold_of, note_fold_, said_of
from interp_nb.sae.formats.registry import Found
from interp_nb.sae.formats.releases import Release, resolve_release

_HUB_SECONDS: Final = 8.0
_SMALL: Final = (".json", ".yaml")
_WEIGHTS: Final = (".safetensors", ".npz", ".pt")
_NOT_READ: Final = frozenset(
    {"sparsity.safetensors", "activations_store_state.safetensors", "trainer_state.pt", "state.pt"}
)
"""What training leaves beside the weights, often much larger than they are."""
_NOT_READ_BEGINNINGS: Final = ("optimizer", "lr_scheduler", "rank_")
_OFFLINE: Final = (
    "on a machine that is online, download its folder (hf download {repo} --include '{path}' --local-dir FOLDER), copy "
    "it here and call load_sae('FOLDER'); 'pocket' comes with the package"
)


def load_release(release: str, sae_id: str | None) -> SAE:
    """Load one SAE of a release, from the cache or the hub; its files, cache and commit go into the provenance.

    Raises:
        ModelNotFoundError: no such release or SAE; the message gives the nearest.
        OfflineError: its files are not here and the hub cannot be reached.
        SaveFormatError: the files are not what they should be.
    """
    meant = resolve_release(release, sae_id)
    root, found = _cached(meant) or _downloaded(meant, release)
    with warnings.catch_warnings():
        if meant.norm_scale is not None:
            warnings.filterwarnings("ignore", message=".*no file says the factor")  # the release's list says it
        sae = found.family.load(found.folder, found.inner)
    _check_family(meant, found, release)
    known = {"release": release, "sae_id": sae_id, "repo_id": meant.repo_id, "path": meant.path, "commit": root.name}
    sae.provenance["release"] = known | {"list": meant.metadata}
    model = meant.metadata.get("model_name")
    if sae.cfg.model is None and isinstance(model, str):
        sae.cfg = dataclasses.replace(sae.cfg, model=model)
    # The list corrects what the files say, as it does in SAELens.
    note_fold_(sae, fold_of(said_of(meant.metadata)))
    if meant.norm_scale is not None and _unscaled(sae):
        sae.set_scales(meant.norm_scale)
    return sae


def _check_family(meant: Release, found: Found, asked: str) -> None:
    family = found.family.name.removesuffix("_legacy")
    if meant.family not in (None, family):
        raise SaveFormatError(
            f"release {asked!r} should be in files of {meant.family}, found those of {family} in {found.folder}; give "
            f"the repository itself, release={meant.repo_id!r}, to read what is there"
        )


def _unscaled(sae: SAE) -> bool:
    """Say whether the files say that activations were scaled, and not by what."""
    said = sae.provenance["format"]["metadata"].get("cfg.json", {})
    return said.get("normalize_activations") in ("expected_average_only_in", True) and bool((sae.norm_scale == 1).all())


def _cached(meant: Release) -> tuple[Path, Found] | None:
    """Find the SAE in the cache, if all of its files are there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        root = Path(snapshot_download(meant.repo_id, local_files_only=True))
    except HFValidationError as error:
        raise ModelNotFoundError(f"{meant.repo_id!r} is no repository's name: {error}") from error
    except (LocalEntryNotFoundError, OSError):
        return None
    try:
        return root, _locate(root, meant.path)
    except ModelNotFoundError:
        return None


def _locate(root: Path, path: str) -> Found:
    place = root / path
    return registry.locate(place) if place.is_file() else registry.locate(root, path or None)


def _downloaded(meant: Release, asked: str) -> tuple[Path, Found]:
    from huggingface_hub import errors, hf_hub_download

    there = _ask_hub(meant, asked)
    files = files_of(meant.path, there)
    if not any(file.endswith(_WEIGHTS) for file in files):
        folders = sorted({str(PurePosixPath(file).parent) for file in there if _is_read(file, _WEIGHTS)} - {"."})
        raise ModelNotFoundError(
            f"{meant.repo_id} has no SAE {meant.path!r}: give sae_id=; {nearest(meant.path, folders)}"
        )
    try:
        for file in files:
            placed = Path(hf_hub_download(meant.repo_id, file))
            root = Path(*placed.parts[: len(placed.parts) - len(PurePosixPath(file).parts)])
    except (OSError, errors.HTTPError) as error:
        raise OfflineError(_offline(meant, asked, error)) from error
    return root, _locate(root, meant.path)


def files_of(path: str, there: list[str]) -> list[str]:
    """Choose the files of one SAE from those of a repository: its own, and the settings in the folders above it.

    Args:
        path: Folder in the repository, a file, or a file without its ending; "" = the repository itself.
        there: All files.
    """
    wanted = PurePosixPath(path)
    chosen: list[str] = []
    if ".." in wanted.parts:
        return chosen
    for file in there:
        name = PurePosixPath(file)
        if ".." in name.parts or name.is_absolute():
            continue
        own = name.parent == wanted or name == wanted or (bool(path) and name.with_suffix("") == wanted)
        above = name.parent in wanted.parents and file.endswith(_SMALL)
        if (own and _is_read(file, (*_SMALL, *_WEIGHTS))) or above:
            chosen.append(file)
    return chosen


def _is_read(file: str, endings: tuple[str, ...]) -> bool:
    name = PurePosixPath(file).name
    return name.endswith(endings) and name not in _NOT_READ and not name.startswith(_NOT_READ_BEGINNINGS)


def _ask_hub(meant: Release, asked: str) -> list[str]:
    """Ask the hub once, briefly, for the names of a repository's files."""
    from huggingface_hub import HfApi, errors

    try:
        info = HfApi().model_info(meant.repo_id, timeout=_HUB_SECONDS)
    except errors.GatedRepoError as error:
        raise ModelNotFoundError(
            f"{meant.repo_id!r} is gated: accept its terms on its hub page, then log in here (hf auth login)"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"the hub has no repository {meant.repo_id!r}, or it is private") from error
    except (OSError, errors.HTTPError) as error:
        raise OfflineError(_offline(meant, asked, error)) from error
    return [sibling.rfilename for sibling in info.siblings or []]


def _offline(meant: Release, asked: str, error: Exception) -> str:
    advice = _OFFLINE.format(repo=meant.repo_id, path=f"{meant.path}/*" if meant.path else "*")
    what = f"{asked!r} {meant.path!r}".replace(" ''", "")
    return f"{what} is not on this machine and the hub cannot be reached ({type(error).__name__}); {advice}"
