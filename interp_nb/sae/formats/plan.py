"""What a reader makes of a folder before it touches the weights: our configuration, and what becomes of each tensor."""

from typing import Any, Final, NamedTuple

from interp_nb.sae.config import SAEConfig

STORED: Final = "stored"
DEFAULT: Final = "default of this family"
MEASURED: Final = "measured"
NAMED: Final = "names of folders"


class Piece(NamedTuple):
    """A tensor of a file, and what becomes of it."""

    name: str
    """In the file."""
    shape: tuple[int, ...]
    """What it has to be."""
    becomes: str
    """Parameter or buffer of our SAE, such as "encoder" or "exact_threshold"; or, in words, what it is used for."""
    transposed: bool = False
    file: str = ""
    """Relative to the SAE's folder; "" = the first of the plan's files."""
    needed: bool = True
    """Whether its absence is an error."""


class Convention(NamedTuple):
    """How the family computes something that others compute otherwise."""

    name: str
    value: str
    known: str
    """How we know: `STORED` in a file, `DEFAULT` of this family, `MEASURED` on the weights, or `NAMED` by a folder."""


class Plan(NamedTuple):
    """What a folder holds, as its small files say it."""

    cfg: SAEConfig
    pieces: tuple[Piece, ...]
    files: tuple[str, ...]
    """Files with tensors, relative to the folder, with "/"."""
    architecture: str
    """As the family calls it."""
    version: str = ""
    """Of the library that wrote it, or of its format; empty where the files do not say."""
    conventions: tuple[Convention, ...] = ()
    metadata: dict[str, Any] = {}  # noqa: RUF012 - a default that nobody changes
    """All that the small files said, plain JSON."""
    configs: tuple[str, ...] = ()
    """Small files that were read."""
    site: str = ""
    """Where it was trained as the files say it, when that is no hook name of ours."""
    fold: bool | None = None
    """Whether the model it was trained on was folded or centered; None where the files do not say."""
    problems: tuple[str, ...] = ()
    """What is odd, in words, and no reason to refuse it."""

    def file_of(self, piece: Piece) -> str:
        """Say which file a tensor is in."""
        return piece.file or self.files[0]
