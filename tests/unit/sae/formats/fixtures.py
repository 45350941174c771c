"""The committed folders of all families: what peers wrote, and what they compute with it."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).parents[3] / "fixtures" / "saes"
EXPECTED = "expected.safetensors"


def cases(family: str | None = None) -> list[str]:
    """Folders of SAEs, by family and case, as paths below the root."""
    found = sorted(file.parent.relative_to(ROOT).as_posix() for file in ROOT.rglob(EXPECTED))
    return [case for case in found if family is None or case.split("/")[0] == family]


def expected(case: str) -> dict[str, Tensor]:
    """What the peer computes."""
    return load_file(ROOT / case / EXPECTED)
