"""What `concept_recovery` returns: dictionaries side by side on labelled concepts, as numbers, tables and a picture."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from interp_nb._errors import ConfigError, nearest
from interp_nb._show import Showable, result, two_decimals
from interp_nb.evaluation.rows import Concept

if TYPE_CHECKING:
    import pandas as pd

TABLES: Final = ("summary", "concepts", "differences")
"""What `to_frame` gives."""
LOOKUP: Final = "token look-up"
PROBE: Final = "linear probe"


class Recovered(NamedTuple):
    """What one dictionary recovers; a token look-up and a linear probe have rows of their own, without latents."""

    dictionary: str
    """Its name."""
    kind: str
    """What it is, such as "batch_topk", "raw" or "reference"."""
    d_sae: int
    """Latents; both signs of a direction are two."""
    l0: float
    """Latents that fire on a token; NaN where every latent has a value everywhere."""
    mean_f1: float
    """Mean F1 over the concepts that depend on context."""
    low: float
    """Lower end of its 95 % interval, documents resampled."""
    high: float
    """Upper end."""
    found: float
    """Share of these concepts with an F1 of at least 0.5."""
    found_low: float
    """Lower end of its 95 % interval, documents resampled."""
    found_high: float
    """Upper end."""
    lookup_f1: float
    """Mean F1 over the concepts that a look-up of the token solves."""
    lookup_low: float
    """Lower end of its 95 % interval, documents resampled."""
    lookup_high: float
    """Upper end."""
    monosemantic: float
    """Share of live latents that stand for one concept (`evaluation.monosemantic`)."""
    monosemantic_low: float
    """Lower end of its 95 % interval, over latents."""
    monosemantic_high: float
    """Upper end."""
    n_monosemantic: int
    """How many of them there are."""
    n_own: int
    """How many concepts have such a latent: latents for one and the same concept count once."""


class PairedDifference(NamedTuple):
    """F1 of one dictionary minus that of another on the same documents."""

    dictionary: str
    """The first."""
    against: str
    """The one that is taken off."""
    concept: str
    """A concept, or "" for the mean over those that depend on context."""
    value: float
    """Difference of F1."""
    low: float
    """Lower end of its 95 % interval: both from the same resampled documents."""
    high: float
    """Upper end."""


@result
class ConceptRecovery(Showable):
    """Hold what dictionaries recover of labelled concepts."""

    _picture: ClassVar[str] = "concept_recovery"

    against: str
    """The dictionary that all others are compared with."""
    recovered: list[Recovered]
    """One row per dictionary, then the token look-up, and the linear probe if there is one."""
    concepts: dict[str, list[Concept]]
    """Per dictionary, one row per concept; the same concepts in the same order in all."""
    differences: list[PairedDifference]
    """`against` minus each other dictionary: the mean over concepts that depend on context, then every concept."""
    site: str
    """Where activations are read."""
    model_name: str
    """In which model."""
    data: dict[str, Any]
    """Which text: n_docs, n_tokens, hash, source."""
    notes: list[str]
    """What the reader has to know."""
    settings: dict[str, Any]
    """n_tokens, seed, probe."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""

    def __getitem__(self, dictionary: str) -> Recovered:
        """Return what one dictionary, "token look-up" or "linear probe" recovers.

        Raises:
            ConfigError: there is none of this name.
        """
        for row in self.recovered:
            if row.dictionary == dictionary:
                return row
        names = [row.dictionary for row in self.recovered]
        raise ConfigError(f"no dictionary {dictionary!r}; {nearest(dictionary, names)}")

    @property
    def n_context(self) -> int:
        """Concepts that depend on context."""
        return sum(row.context for row in self.concepts[self.against])

    @property
    def summary(self) -> "pd.DataFrame":
        """One row per dictionary: F1 and share found of concepts that depend on context, monosemantic latents."""
        return self.to_frame("summary")

    def difference(self, other: str, concept: str = "") -> PairedDifference:
        """Return `against` minus another dictionary: the mean over concepts that depend on context, or one concept.

        Raises:
            ConfigError: there is no such dictionary or concept.
        """
        of_other = {row.concept: row for row in self.differences if row.against == other}
        if not of_other:
            others = [name for name in self.concepts if name != self.against]
            raise ConfigError(f"no other dictionary {other!r}; {nearest(other, others)}")
        if concept not in of_other:
            raise ConfigError(f"no concept {concept!r}; {nearest(concept, list(of_other))}")
        return of_other[concept]

    def to_frame(self, table: str = "concepts") -> "pd.DataFrame":
        """Return a table: a row per dictionary, per dictionary and concept, or per difference.

        Raises:
            ConfigError: there is no such table.
        """
        import pandas as pd

        if table not in TABLES:
            raise ConfigError(f"no table {table!r}; {nearest(table, TABLES)}")
        if table == "summary":
            return pd.DataFrame([row._asdict() for row in self.recovered])
        if table == "differences":
            return pd.DataFrame([row._asdict() for row in self.differences], columns=list(PairedDifference._fields))
        rows = [{"dictionary": name, **row._asdict()} for name, rows in self.concepts.items() for row in rows]
        return pd.DataFrame(rows)

    def _summary(self) -> str:
        told = ", ".join(
            f"{row.dictionary} {'-' if math.isnan(row.mean_f1) else two_decimals(row.mean_f1)}"
            for row in self.recovered
        )  # fmt: skip
        return f"ConceptRecovery({self.site}, mean F1 over {self.n_context} context concepts: {told})"
