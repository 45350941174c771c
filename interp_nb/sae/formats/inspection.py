"""`SAEInspection`: what `inspect_sae` found out about a folder."""

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from interp_nb._show import Showable, result
from interp_nb.sae.formats.plan import Convention

if TYPE_CHECKING:
    import pandas


class TensorNote(NamedTuple):
    """A tensor of a file."""

    name: str
    """In the file."""
    file: str
    shape: tuple[int, ...]
    dtype: str
    becomes: str
    """Our name for it, or what it is used for; "not read" where nothing is made of it."""
    transposed: bool


@result
class SAEInspection(Showable):
    """What an SAE on disk is, by its small files and the shapes of its tensors; made by `inspect_sae`."""

    _picture: ClassVar[str] = "sae_inspection"

    path: str
    """As it was given."""
    sae_id: str
    """Which of several SAEs in the folder; "" = the folder itself."""
    family: str
    """Format, as `sae.save(format=...)` takes it."""
    version: str
    """Of the library that wrote it, or of its format; empty where the files do not say."""
    architecture: str
    """As the family calls it."""
    ours: str
    """As we call it."""
    kind: str
    """What is reconstructed from what: "sae", "transcoder", "skip_transcoder", "crosscoder" or "clt"."""
    d_in: int
    d_sae: int
    d_out: int
    dtype: str
    """Precision of the encoder in the file."""
    model: str
    """Name of the model, or "unknown"."""
    sites: tuple[str, ...]
    """Hook names; empty where the files say no such name, see `site_as_said`."""
    site_as_said: str
    """Where it was trained as the files say it; empty where that is a hook name."""
    tensors: list[TensorNote]
    conventions: list[Convention]
    """How it computes, and how we know."""
    problems: list[str]
    """What stands in the way of loading it, or is odd; empty = nothing."""
    ids: list[str]
    """All SAEs in the folder, to give as `sae_id`."""
    is_first: bool = False
    """Whether nobody said which of several: then this is the first, and `load_sae` asks for `sae_id`."""

    def to_frame(self, table: str = "conventions") -> "pandas.DataFrame":
        """Return "conventions" or "tensors" as a table.

        Raises:
            ConfigError: there is no such table.
        """
        import pandas as pd

        from interp_nb.sae.records import check_one_of

        check_one_of("table", table, ("conventions", "tensors"))
        rows: list[Any] = self.conventions if table == "conventions" else self.tensors
        columns = Convention._fields if table == "conventions" else TensorNote._fields
        return pd.DataFrame(rows, columns=list(columns))

    def _summary(self) -> str:
        parts = [f"{self.family} {self.architecture}"]
        parts += [] if self.kind == "sae" else [self.kind]
        parts += [f"d_in={self.d_in}"] + ([f"d_out={self.d_out}"] if self.kind not in ("sae", "crosscoder") else [])
        parts += [f"d_sae={self.d_sae}", self.dtype, " -> ".join(self.sites) or self.site_as_said or "site unknown"]
        parts += [f"{len(self.problems)} problem{'s' if len(self.problems) > 1 else ''}"] if self.problems else []
        which = f"first of {len(self.ids)}: give sae_id=" if self.is_first else f"one of {len(self.ids)}"
        parts += [which] if len(self.ids) > 1 else []
        return f"SAEInspection({', '.join(parts)})"
