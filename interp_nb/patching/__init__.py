"""Activation patching: move activations between two runs and measure what moves with them.

`grid` is the public call, `result` what it returns, `engine` the batched runs, `metrics` what is measured.
"""

from interp_nb.patching.grid import patch_grid
from interp_nb.patching.result import PatchGrid, Prediction, TokenScore

__all__ = ["PatchGrid", "Prediction", "TokenScore", "patch_grid"]
