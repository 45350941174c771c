"""The live report of SAEs: numbers with intervals in groups, ground truth, the front of several, a scaling law.

One widget shows a report, a comparison of several, and a law: they are sent in one shape (`sae_report_meta`). The page
sorts, filters and draws by itself; the kernel is asked for a latent's contexts and for predictions between the stops.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import traitlets

from interp_nb._errors import ConfigError
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.scaling_fit import ScalingFit
from interp_nb.widgets import sae_report_words as says
from interp_nb.widgets.base import Payload, ResultWidget, bundle
from interp_nb.widgets.codec import pack
from interp_nb.widgets.feature_list import drawable
from interp_nb.widgets.feature_replies import number, numbers
from interp_nb.widgets.requests import Answer, Handler
from interp_nb.widgets.sae_report_meta import can_look, encoded, law_of, names_of, reports_of, stops_of
from interp_nb.widgets.selection import Limits, SelectionError

N_CONTEXTS: Final = 8
"""Contexts of a latent that are shown."""
MAX_RECORDED: Final = 40
"""Latents of each SAE whose contexts an exported page has."""
TABS: Final = (
    "overview", "reconstruction", "sparsity", "features", "causal", "truth", "tradeoff", "scaling",
)  # fmt: skip
SORTS: Final = ("name", "latent_idx", "f1", "precision", "recall", "lookup_f1", "probe_f1", "n_tokens")
LARGEST: Final = 1e15
"""More latents, or active ones, than anybody will predict a loss for."""


class SAEReportWidget(ResultWidget):
    """Show an `SAEReport`, an `SAEComparison` or a `ScalingFit`."""

    _esm = bundle("sae_report")
    _axes: Mapping[str, bool] = {"latent_idx": False, "sae": False}
    _page_traits = ("tab", "with_bos", "sort", "query", "prediction")
    _large_page = True

    tab = traitlets.Enum(TABS, "overview", help="The part that is open.").tag(sync=True)
    with_bos = traitlets.Bool(False, help="Whether begin-of-text tokens are counted in what is shown.").tag(sync=True)
    sort = traitlets.Unicode("-f1", help="Column the concepts are sorted by; '-f1' = largest first.").tag(sync=True)
    query = traitlets.Unicode("", help="What the concepts' names must hold; '' = all.").tag(sync=True)
    prediction = traitlets.Dict(help="Where a scaling law is read: {'n': latents, 'k': active ones or None}.").tag(
        sync=True
    )

    def __init__(self, result: Any, **traits: Any) -> None:
        given: dict[str, Any] = {"tab": "scaling"} if isinstance(result, ScalingFit) else {}
        law = law_of(result)
        if law is not None:
            widths, ks = stops_of(law)
            # The stop next to twice the widest SAE: what one would train next.
            widest = float(law.n.max())
            given["prediction"] = {"n": min(widths, key=lambda n: abs(n - 2 * widest)), "k": ks[-1]}
        super().__init__(result, **given | traits)

    @traitlets.validate("sort")
    def _check_sort(self, proposal: Any) -> str:
        if proposal["value"].removeprefix("-") not in SORTS:
            raise SelectionError(
                f"sort takes a column, with or without -, got {proposal['value']!r}; known are {list(SORTS)}"
            )
        return str(proposal["value"])

    @traitlets.validate("prediction")
    def _check_prediction(self, proposal: Any) -> dict[str, Any]:
        asked = proposal["value"]
        try:
            return self._checked_place(asked.get("n"), asked.get("k")) if asked else {}
        except ConfigError as refusal:
            raise SelectionError(str(refusal)) from None

    def checked_selection(self, value: Any) -> dict[str, int | None]:
        """Return a selection as a complete dict; a latent must be one of the SAE that is chosen."""
        chosen = super().checked_selection(value)
        sae, latent = chosen["sae"], chosen["latent_idx"]
        reports = self._meta["reports"]
        if latent is not None and reports and latent >= reports[sae or 0]["d_sae"]:
            d_sae = reports[sae or 0]["d_sae"]
            raise SelectionError(
                f"selected['latent_idx'] must be from 0 to {d_sae - 1} in SAE {sae or 0}, got {latent}"
            )
        return chosen

    def _encode(self, result: Any) -> Payload:
        meta, arrays = encoded(result)
        specs, data = pack(arrays)
        live = any(can_look(report) for report in reports_of(result))
        return meta | {"arrays": specs, "live": live, "code": self._code(result, {})}, data

    def _code(self, result: Any, options: Mapping[str, Any]) -> str:
        if isinstance(result, ScalingFit):
            return says.scaling_code(result, options.get("prediction", {}))
        if isinstance(result, SAEReport):
            return says.report_code(result, options)
        return says.comparison_code(names_of(result), options)

    def _routes(self) -> dict[str, Handler]:
        routes = super()._routes()
        del routes["tokenize"]
        return routes | {
            "code": self._answer_code, "contexts": self._answer_contexts, "predict": self._answer_predict,
        }  # fmt: skip

    def _limits(self) -> Limits:
        reports = self._meta["reports"]
        n_saes = len(reports) or len((self._meta["scaling"] or {"names": []})["names"])
        return {"latent_idx": range(max((each["d_sae"] for each in reports), default=0)), "sae": range(n_saes)}

    def _fraction(self, result: Any) -> float:
        asked = list(result.settings.get("groups") or ())
        return 1.0 - len(result.pending) / max(1, len(asked))

    # Answers.

    def _answer_contexts(self, *, latent_idx: Any, sae: Any) -> Answer:
        """Send where a latent fires most on the text that was evaluated."""
        reports = reports_of(self.result)
        if isinstance(sae, bool) or sae not in range(len(reports)):
            raise ConfigError(f"sae must be from 0 to {len(reports) - 1}, got {sae!r}")
        report: Any = reports[sae]
        d_sae = int(report.sae["d_sae"])
        if isinstance(latent_idx, bool) or not isinstance(latent_idx, int) or not 0 <= latent_idx < d_sae:
            raise ConfigError(f"latents are from 0 to {d_sae - 1}, got {latent_idx!r}")
        tops = report.contexts(latent_idx, n=N_CONTEXTS)
        return {"latent_idx": latent_idx, "sae": sae, "tops": [_top(each) for each in tops]}

    def _answer_predict(self, *, n: Any, k: Any) -> Answer:
        """Send what the law says of one width, and k."""
        law = law_of(self.result)
        if law is None:
            raise ConfigError("There is no scaling law here: fit_scaling(points) makes one.")
        place = self._checked_place(n, k)
        row = law.curve(np.array([place["n"]]), place["k"])[0]
        names = ("value", "low", "high", "curve_low", "curve_high")
        outside = law.outside(place["n"], place["k"])
        return place | dict(zip(names, numbers(row), strict=True)) | {"extrapolates": outside}

    def _answer_code(self) -> Answer:
        """Write the Python that shows this view again."""
        as_made = {"tab": "overview", "with_bos": False, "sort": "-f1", "query": ""}
        changed = {name: getattr(self, name) for name, value in as_made.items() if getattr(self, name) != value}
        chosen = self.selected
        if chosen is not None:
            changed["selected"] = {key: value for key, value in chosen.items() if value is not None}
        if self.prediction:
            changed["prediction"] = self.prediction
        if not isinstance(self.result, ScalingFit) and law_of(self.result) is None:
            changed.pop("prediction", None)
        return {"code": self._code(self.result, changed)}

    def _checked_place(self, n: Any, k: Any) -> dict[str, Any]:
        law = law_of(self.result)
        needs_k = law is not None and law.law == "nk"
        for name, value, needed in (("n", n, True), ("k", k, needs_k)):
            if value is None and not needed:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < LARGEST:
                raise ConfigError(f"{name} must be a number above 0, got {value!r}")
        if k is not None and not needs_k:
            raise ConfigError(f"this law says nothing of k: leave it out, got {k!r}")
        return {"n": float(n), "k": None if k is None else float(k)}

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        """List the contexts of latents that the page names: those of concepts first, the best ones first."""
        wanted: list[tuple[str, dict[str, Any]]] = []
        for sae, report in enumerate(reports_of(self.result)):
            if not can_look(report):
                continue
            concepts = sorted(report.concepts, key=lambda row: (not row.context, -row.f1))
            named = [row.latent_idx for row in concepts] + [row.latent_idx for row in report.causal]
            latents = list(dict.fromkeys(int(latent) for latent in named if latent >= 0))[:MAX_RECORDED]
            wanted += [("contexts", {"latent_idx": latent, "sae": sae}) for latent in latents]
        return wanted


def _top(each: Any) -> dict[str, Any]:
    """Write a token with its surroundings; `at` is its place among them."""
    return {
        "tokens": [drawable(token) for token in (*each.before, each.token, *each.after)],
        "values": numbers(each.values),
        "at": len(each.before),
        "value": number(each.value),
        "doc": int(each.doc),
        "pos": int(each.pos),
    }
