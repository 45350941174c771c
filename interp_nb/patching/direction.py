"""Which of the two runs is patched with the other's activations."""

from typing import Literal

Direction = Literal["denoise", "noise", "ablate"]
"""Patched is the corrupted run ("denoise": clean activations bring the behavior back), or the clean one ("noise":
corrupted activations take it away; "ablate": ablated ones do)."""
