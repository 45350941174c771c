"""`SAEComparison`: several reports side by side, what differs between them, and which SAEs no other one beats.

How the differences are measured is in `compare`.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from interp_nb._errors import ConfigError, nearest
from interp_nb._show import Showable, result
from interp_nb.evaluation.names import METRICS
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.scaling_fit import ScalingFit

if TYPE_CHECKING:
    import pandas as pd

TABLES: Final = ("metrics", "pareto", "differences")
"""What `to_frame` gives."""


class ParetoPoint(NamedTuple):
    """An SAE between sparsity and what it keeps of the model's predictions."""

    name: str
    """Of the SAE."""
    row: int
    """Its place among the reports."""
    l0: float
    """Latents per token."""
    l0_low: float
    """Lower end of its interval."""
    l0_high: float
    """Upper end."""
    score: float
    """The metric that `SAEComparison.score` names."""
    score_low: float
    """Lower end of its interval."""
    score_high: float
    """Upper end."""
    on_front: bool
    """Whether no other SAE is at least as sparse and as good, and better in one of the two; False where unknown."""
    dominated_by: str
    """An SAE that is surely better in one of the two and not worse in the other, by their intervals; "" = none is."""


class Difference(NamedTuple):
    """How far two SAEs are apart in one metric."""

    metric: str
    """Which one."""
    first: int
    """Place of one SAE among the reports."""
    second: int
    """Place of the other, a later one."""
    value: float
    """First - second."""
    low: float
    """Lower end of its 95 % interval; NaN where nothing can be said."""
    high: float
    """Upper end."""
    paired: bool
    """Whether the same documents were resampled for both, which is sharper than two intervals beside each other."""
    separate: bool
    """Whether the interval leaves 0 out. Pairs are judged one by one: of 20 that are equal, one may seem to differ."""


@result
class SAEComparison(Showable):
    """Hold several reports, the front of the best among them, and what differs."""

    _widget: ClassVar[str] = "interp_nb.widgets.sae_report:SAEReportWidget"

    reports: list[SAEReport]
    """What is compared."""
    names: list[str]
    """A name for every report, all different."""
    score: str
    """Name of the metric that is held against L0, such as "loss_recovered_mean"."""
    pareto: list[ParetoPoint]
    """One for every report, in their order."""
    differences: list[Difference]
    """Every pair in every metric that both have."""
    notes: list[str]
    """What makes these reports less comparable than they look."""
    provenance: dict[str, Any]
    """What it takes to compare again."""
    scaling: ScalingFit | None = None
    """A scaling law through these SAEs, if one was given."""

    @property
    def front(self) -> list[str]:
        """Names of the SAEs that no other one beats, the sparsest first."""
        return [point.name for point in sorted(self.pareto, key=lambda point: point.l0) if point.on_front]

    def difference(self, metric: str, a: int | str, b: int | str) -> Difference | None:
        """Return a - b with its interval; None where one of them was not measured.

        Args:
            a: Name of an SAE, or its place among the reports.

        Raises:
            ConfigError: there is no such metric, or no such SAE.
        """
        if metric not in METRICS:
            raise ConfigError(f"no metric {metric!r}; {nearest(metric, METRICS)}")
        first, second = self._row(a), self._row(b)
        if first == second:
            raise ConfigError(f"a difference needs two SAEs, got {self.names[first]!r} twice")
        pair = (metric, min(first, second), max(first, second))
        found = next((each for each in self.differences if each[:3] == pair), None)
        if found is None or first < second:
            return found
        return found._replace(first=first, second=second, value=-found.value, low=-found.high, high=-found.low)

    def differs(self, metric: str, a: int | str, b: int | str) -> bool | None:
        """Say whether two SAEs differ in a metric by more than chance; None where nobody can tell.

        Raises:
            ConfigError: there is no such metric, or no such SAE.
        """
        found = self.difference(metric, a, b)
        return None if found is None or math.isnan(found.low) else found.separate

    def to_frame(self, table: str = "metrics") -> "pd.DataFrame":
        """Return one row per number and SAE, per SAE on or behind the front, or per difference.

        Raises:
            ConfigError: there is no such table.
        """
        import pandas as pd

        if table not in TABLES:
            raise ConfigError(f"no table {table!r}; {nearest(table, TABLES)}")
        if table == "metrics":
            frames = [
                report.to_frame().assign(name=name) for name, report in zip(self.names, self.reports, strict=True)
            ]
            long = pd.concat(frames, ignore_index=True)
            return long[["name", *(column for column in long.columns if column != "name")]]
        if table == "pareto":
            return pd.DataFrame(self.pareto, columns=ParetoPoint._fields)
        rows = [
            {**each._asdict(), "first": self.names[each.first], "second": self.names[each.second]}
            for each in self.differences
        ]
        return pd.DataFrame(rows, columns=Difference._fields)

    def with_scaling(self, fit: ScalingFit) -> "SAEComparison":
        """Return this comparison with a scaling law to draw beside it."""
        return dataclasses.replace(self, scaling=fit)

    def _row(self, which: int | str) -> int:
        if isinstance(which, str):
            if which not in self.names:
                raise ConfigError(f"no SAE {which!r} here; {nearest(which, self.names)}")
            return self.names.index(which)
        if not 0 <= which < len(self.reports):
            raise ConfigError(f"there are SAEs 0 to {len(self.reports) - 1}, got {which}")
        return which

    def _summary(self) -> str:
        score = METRICS[self.score].label
        shown = self.front[:4]
        more = f" and {len(self.front) - len(shown)} more" if len(self.front) > len(shown) else ""
        return f"SAEComparison({len(self.reports)} SAEs, L0 against {score}; front: {', '.join(shown) or 'none'}{more})"
