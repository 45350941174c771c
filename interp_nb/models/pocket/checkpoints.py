"""Where the pocket model's weights lie: the committed ones, and those kept on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

WEIGHTS = Path(__file__).parent / "weights"
"""The last step's weights, as installed."""


def pocket_home() -> Path:
    """The local folder of training runs: `$INTERP_NB_HOME/pocket`, else the user's cache."""
    home = os.environ.get("INTERP_NB_HOME")
    return (Path(home) if home else user_cache_path("interp_nb")) / "pocket"


def step_folder(out: Path, step: int) -> Path:
    """The folder in which a run keeps the weights of `step`."""
    return out / f"step_{step:06d}"


def available_steps(out: Path | None = None) -> list[int]:
    """List the training steps whose weights are kept in `out` (default: `pocket_home()`)."""
    folders = (out or pocket_home()).glob("step_*")
    return sorted(
        int(folder.name.removeprefix("step_"))
        for folder in folders
        if folder.name.removeprefix("step_").isdigit() and (folder / "config.json").exists()
    )


def checkpoint_folder(step: int | None = None) -> Path:
    """Give the Hugging Face folder with the weights of `step`; the installed ones by default.

    Raises:
        FileNotFoundError: this step is not kept here; the message lists those that are.
    """
    if step is None:
        return WEIGHTS
    folder = step_folder(pocket_home(), step)
    if not (folder / "config.json").exists():
        kept = available_steps()
        raise FileNotFoundError(
            f"Expected a kept step of the pocket model, got step={step}. Kept in {pocket_home()}: "
            f"{kept or 'none'}. Leave out `step` for the final weights, or run "
            "`interp-nb train-pocket` to make the checkpoints."
        )
    return folder
