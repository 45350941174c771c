"""`SAEReport`: what an SAE is worth, in numbers with intervals, and what to change about it in plain words.

What each number is stands in `names`, the rows of its tables are in `rows`, how they are measured in `evaluate`.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from jaxtyping import Float64
from torch import Tensor

from interp_nb._errors import ConfigError, nearest
from interp_nb._show import Showable, result, two_decimals
from interp_nb.evaluation.contexts import top_contexts
from interp_nb.evaluation.names import GROUPS, METRICS
from interp_nb.evaluation.rows import AbsorptionRow as AbsorptionRow
from interp_nb.evaluation.rows import CausalRow as CausalRow
from interp_nb.evaluation.rows import Concept as Concept
from interp_nb.evaluation.rows import Distribution as Distribution
from interp_nb.evaluation.rows import Metric as Metric
from interp_nb.evaluation.rows import ProbeRow as ProbeRow
from interp_nb.sae.top_tokens import TopToken

if TYPE_CHECKING:
    import pandas as pd

TABLES: Final = ("metrics", "concepts", "probes", "absorption", "causal")
"""What `to_frame` gives."""
FOUND_FROM: Final = 0.5
"""F1 from which a concept counts as found (`concepts_found`)."""


class ConceptCounts(NamedTuple):
    """How many concepts that depend on context a latent stands for."""

    found: int
    """Those with a latent of F1 >= 0.5."""
    n: int
    """All of them."""


@result
class SAEReport(Showable):
    """Hold what was measured of one SAE on one text."""

    _widget: ClassVar[str] = "interp_nb.widgets.sae_report:SAEReportWidget"
    _awaited: ClassVar[tuple[str, ...]] = (
        "data", "metrics", "distributions", "concepts", "probes", "absorbed", "causal", "skipped", "advice", "notes",
        "summed", "sums",
    )  # fmt: skip

    name: str
    """Its name beside others."""
    sae: dict[str, Any]
    """Which SAE: architecture, kind, d_in, d_out, d_sae, k, sites, model, format, sha256 of its content."""
    model_name: str
    """The model it was evaluated in."""
    data: dict[str, Any]
    """Which text: n_docs, n_tokens, n_tokens_with_bos, hash, source."""
    metrics: dict[str, Metric]
    """Numbers, by the names of `METRICS`; those that were not measured are missing."""
    distributions: dict[str, Distribution]
    """Histograms: cosine_similarity, l0, density, encoder_decoder_cosine, latent_effect."""
    concepts: list[Concept]
    """Every labelled concept with its best latent."""
    probes: list[ProbeRow]
    """Probes of few latents."""
    absorbed: list[AbsorptionRow]
    """Broader concepts whose latents were taken over by narrower ones."""
    causal: list[CausalRow]
    """Latents that were taken out, each beside a random direction."""
    skipped: dict[str, str]
    """Groups, or numbers, that were not measured, and why, in words."""
    advice: list[str]
    """What to change, in words."""
    notes: list[str]
    """What the reader has to know, such as too little text for intervals."""
    settings: dict[str, Any]
    """What was asked for: ablation, groups, n_tokens, n_causal, seed."""
    summed: list[str]
    """Metrics that are ratios of sums over documents."""
    sums: Float64[Tensor, "metric doc 2"]
    """Their numerators and denominators, by document in reading order. See `by_document`."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _text: Any = dataclasses.field(default=None, compare=False)
    """The text and what fires on it, for `contexts`; never saved."""
    _live: Any = dataclasses.field(default=None, compare=False)
    _headless: bool = dataclasses.field(default=False, compare=False)
    """Whether the repr leaves the numbers out, because how far a background job is depends on the moment."""

    def __getitem__(self, name: str) -> Metric:
        """Return one of the numbers; all NaN if it was not measured.

        Raises:
            ConfigError: there is no number of this name.
        """
        if name not in METRICS:
            raise ConfigError(f"no metric {name!r}; {nearest(name, METRICS)}")
        return self.metrics.get(name, Metric(math.nan, math.nan, math.nan, 0, "documents", math.nan))

    @property
    def explained_variance(self) -> float:
        """Share of the activations' variance that is reconstructed."""
        return self["explained_variance"].value

    @property
    def l0(self) -> float:
        """Latents that fire on a token, on average."""
        return self["l0"].value

    @property
    def loss_recovered(self) -> float:
        """Share of the loss that is kept, beside the ablation that was asked for."""
        return self[f"loss_recovered_{self.settings['ablation']}"].value

    @property
    def pending(self) -> list[str]:
        """Groups that were asked for and are not there yet, in order; none once the work has ended."""
        job = self._job()
        if job is None or job.ended:
            return []
        there = {METRICS[name].group for name in tuple(self._now("metrics"))} | set(self._now("skipped"))
        return [group for group in GROUPS if group in self.settings["groups"] and group not in there]

    @property
    def by_document(self) -> dict[str, Float64[Tensor, "doc 2"]]:
        """Numerators and denominators of metrics by document: their sums give the metric. For paired comparisons.

        Explained variance is around the mean over all documents here; its own interval takes each resample's own.
        Losses are 0 over 0 in documents beyond the first tokens that they are measured on.
        """
        return dict(zip(self.summed, self.sums, strict=True))

    def contexts(self, latent_idx: int, n: int = 8) -> list[TopToken]:
        """List the tokens of the evaluated text on which a latent fires most, one of a window at most.

        Raises:
            ConfigError: the text or the model is gone (a report that was loaded), or there is no such latent.
        """
        text = self._now("_text")
        if text is None or self._live is None:
            raise ConfigError("the text is not kept with a saved report: evaluate again to see what a latent fires on")
        return top_contexts(text, self._live.model(), latent_idx, n)

    def wait(self) -> "SAEReport":
        """Wait until every group is measured, and return the report.

        Raises:
            Exception: what the measuring raised, when it failed.
        """
        super().wait()
        object.__setattr__(self, "_headless", False)
        return self

    def to_frame(self, table: str = "metrics") -> "pd.DataFrame":
        """Return a table: one row per number, concept, probe, pair of concepts, or latent.

        Raises:
            ConfigError: there is no such table.
        """
        import pandas as pd

        if table not in TABLES:
            raise ConfigError(f"no table {table!r}; {nearest(table, TABLES)}")
        if table == "metrics":
            rows = [
                {
                    "metric": name,
                    "group": info.group,
                    **self[name]._asdict(),
                    "unit": info.unit,
                    "meaning": info.meaning,
                }
                for name, info in METRICS.items()
                if name in self.metrics
            ]
            columns = ("metric", "group", *Metric._fields, "unit", "meaning")
            return pd.DataFrame(rows, columns=columns)
        kept: dict[str, tuple[Any, list[Any]]] = {
            "concepts": (Concept, self.concepts), "probes": (ProbeRow, self.probes),
            "absorption": (AbsorptionRow, self.absorbed), "causal": (CausalRow, self.causal),
        }  # fmt: skip
        made, found = kept[table]
        return pd.DataFrame(found, columns=made._fields)

    def card_metrics(self) -> dict[str, Any]:
        """Return what belongs into an SAE's card: plain JSON, unknown numbers as None."""
        return {
            "metrics": {
                name: {field: _plain(value) for field, value in metric._asdict().items()}
                for name, metric in self.metrics.items()
            },
            "model": self.model_name,
            "data": self.data,
            "settings": self.settings,
            "skipped": self.skipped,
            "advice": self.advice,
            "notes": self.notes,
            "found": self.concept_counts()._asdict() if self.concepts else None,
            # What the SAE's own provenance says stands in the card already.
            "provenance": {name: value for name, value in self.provenance.items() if name != "sae"},
        }

    def concept_counts(self) -> ConceptCounts:
        """Count the concepts that depend on context, and those of them that a latent stands for."""
        context = [concept for concept in self.concepts if concept.context]
        return ConceptCounts(sum(concept.f1 >= FOUND_FROM for concept in context), len(context))

    def _now(self, name: str) -> Any:
        return vars(self)[name]

    def _summary(self) -> str:
        sae = self.sae
        kind = "" if sae["kind"] == "sae" else f" {sae['kind'].replace('_', ' ')}"
        what = f"{sae['architecture']}{kind} on {_where(sae) or 'unknown site'}, {sae['d_sae']} latents"
        parts = [] if self._headless else self._headline()
        return f"SAEReport({what}{': ' if parts else ''}{', '.join(parts)})"

    def _headline(self) -> list[str]:
        shown = {
            "l0": "L0", "explained_variance": "explained variance",
            f"loss_recovered_{self.settings['ablation']}": "loss recovered",
        }  # fmt: skip
        parts = []
        for name, words in shown.items():
            if name in self.metrics and not math.isnan(self.metrics[name].value):
                value = self.metrics[name].value
                parts.append(f"{words} {value:.1f}" if name == "l0" else f"{words} {two_decimals(value)}")
        if self.concepts:
            counts = self.concept_counts()
            parts.append(f"{counts.found} of {counts.n} context concepts found")
        return parts


def _where(sae: dict[str, Any]) -> str:
    """Write the sites in one line: what is read, and what is written where that is elsewhere."""
    sites, n_read = sae["sites"], len(sae["sites"])
    if sae["kind"] not in ("sae", "crosscoder"):
        n_read = (n_read + 1) // 2
    read, written = " + ".join(sites[:n_read]), " + ".join(sites[n_read:])
    return f"{read} -> {written}" if written else read


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
