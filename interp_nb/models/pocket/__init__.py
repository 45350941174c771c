"""The pocket model: a small language model, its world of text, and how it was trained.

`checkpoint_folder` is what `load_model("pocket", step=...)` reads. Nothing heavy is imported
here: the world needs no torch, and training and measuring import it themselves.
"""

from __future__ import annotations

from interp_nb.models.pocket.checkpoints import available_steps, checkpoint_folder, pocket_home
from interp_nb.models.pocket.command import cli_main

__all__ = ["available_steps", "checkpoint_folder", "cli_main", "pocket_home"]
