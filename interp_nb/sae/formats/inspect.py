"""`inspect_sae`: say what a folder is, and every convention it follows, without reading its weights."""

from pathlib import Path

from interp_nb.sae.formats.base import relabeled
from interp_nb.sae.formats.inspection import SAEInspection
from interp_nb.sae.formats.registry import ids_in, locate
from interp_nb.sae.saving import embedded


def inspect_sae(path: str | Path = "pocket", sae_id: str | None = None) -> SAEInspection:
    """Say what an SAE on disk is, and every convention it follows.

    Of the weights only names, shapes and small tensors are read; nothing is run or changed.

    Args:
        path: A folder of one SAE, a file in it, a folder of several, or the name of one that comes with the package.
        sae_id: Which of several, by its path in the folder; None = the first stands for all, and `ids` lists them.

    Returns:
        What was found, `problems` that stand in the way of `load_sae` included.

    Raises:
        ModelNotFoundError: there is no SAE.
        SaveFormatError: its small files do not say what it is.
    """
    place = embedded(path)
    ids = ids_in(place)
    is_first = sae_id is None and len(ids) > 1 and "" not in ids
    found = locate(place, ids[0] if is_first else sae_id)
    inspected = found.family.inspect(found.folder, found.inner)
    return relabeled(inspected, str(path), found.sae_id, ids, is_first=is_first)
