"""The live monitor of a training run: curves, activation densities, controls, and any latent's top tokens."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from interp_nb._errors import ConfigError
from interp_nb._show import Live
from interp_nb.widgets.base import Payload, ResultWidget, bundle
from interp_nb.widgets.codec import pack
from interp_nb.widgets.curves import Curves
from interp_nb.widgets.picks import picked
from interp_nb.widgets.requests import Answer, Handler
from interp_nb.widgets.selection import Limits
from interp_nb.widgets.train_facts import changes, sae_facts, status
from interp_nb.widgets.train_series import described, drawn, extend, made_curves, series
from interp_nb.widgets.train_words import heading, known, note, reproducing_code

SCHEMA: Final = 1
MAX_CHANGES: Final = 100
"""Changes of settings that are marked, the latest ones."""
MAX_TOKENS: Final = 10
"""Top tokens of a latent."""
RECORDED_RANKS: Final = 6
"""How many of the densest, rarest and random latents an exported page can show."""


class TrainMonitorWidget(ResultWidget):
    """Show a `TrainingRun` while it trains, and afterwards; every push is at most `MAX_TRAIT_BYTES`."""

    _esm = bundle("train_monitor")
    _axes: Mapping[str, bool] = {"latent_idx": True, "sae": False}
    _kept_curves: tuple[Any, list[Curves], int, Any] = (None, [], 0, None)
    """Whose curves these are, how many of its records they hold, and the last of them."""

    _told = 0
    """SAEs of which the error strip said that they stay behind."""

    def _encode(self, result: Any) -> Payload:
        curves = self._curves(result)
        arrays, data = pack(drawn(curves, result))
        live = getattr(result, "_live", None)
        alive = isinstance(live, Live) and live.alive
        meta = {
            "schema": SCHEMA,
            "arrays": arrays,
            "subject": f"{result.site} {result.labels}",
            "series": [described(name) for name in curves[0].names],
            "saes": [sae_facts(result, index) for index in range(len(result.labels))],
            "status": status(result),
            "changes": changes(result)[-MAX_CHANGES:],
            "edges": [float(edge) for edge in result.density_edges],
            "labels": {"heading": heading(result), "note": note(result), "model": result.model_name},
            "code": reproducing_code(result),
            "summary": repr(result),
            "live": alive,
        }
        return meta, data

    def _curves(self, result: Any) -> list[Curves]:
        """Return the curves of each SAE, with the records that came since the last time."""
        of, curves, n_read, last = self._kept_curves
        history = list(result.history)
        # A run that went back to a checkpoint has other records than it had.
        same = of is result and 0 < n_read <= len(history) and history[n_read - 1] is last
        if same and series(history[n_read:], curves[0].names) == curves[0].names:
            extend(curves, history[n_read:])
        else:
            # Another run, or a loss term that was not there before: from the beginning.
            curves = made_curves(history, len(result.labels))
        self._kept_curves = (result, curves, len(history), history[-1] if history else None)
        return curves

    def _routes(self) -> dict[str, Handler]:
        routes = super()._routes()
        del routes["tokenize"]
        return routes | {"set": self._answer_set, "peek": self._answer_peek}

    def _limits(self) -> Limits:
        largest = max(sae["d_sae"] for sae in self._meta["saes"])
        return {"latent_idx": range(largest), "sae": range(len(self._meta["saes"]))}

    def follow(self) -> None:
        """Follow the run's job, which is another one after a run that had ended went on."""
        self._forget_job()
        self._follow(self.result)

    def _fraction(self, result: Any) -> float:
        return min(1.0, float(result.tokens / max(1, result.n_tokens)))

    def _answer_control(self, *, action: Any) -> Answer:
        run: Any = self.result
        job = run._job()
        if action == "stop":
            # The run's own way: with several processes they agree on the step.
            run.stop()
            return {}
        if action == "resume" and job is not None and job.ended:
            run.resume()
            return {}
        return super()._answer_control(action=action)

    def _answer_set(self, *, settings: Any, sae: Any = None) -> Answer:
        """Change settings of one SAE, or of all that have them; the run checks the values."""
        if not isinstance(settings, Mapping) or not settings:
            raise ConfigError(f"set needs settings by name, got {settings!r}")
        run: Any = self.result
        run.set(sae=self._checked_sae(sae, none=True), **settings)
        with self._push_lock:
            self._push()
        return {}

    def _answer_peek(
        self, *, pick: Any, sae: Any = 0, latent_idx: Any = None, rank: Any = 0, bin: Any = None
    ) -> Answer:
        """Send one latent's top tokens: one that is named, or one that is picked by how often it fires."""
        run: Any = self.result
        index = self._checked_sae(sae)
        if pick == "index":
            chosen: Any = latent_idx
            d_sae = self._meta["saes"][index]["d_sae"]
            if not isinstance(chosen, int) or isinstance(chosen, bool) or not 0 <= chosen < d_sae:
                raise ConfigError(f"latent must be from 0 to {d_sae - 1}, got {chosen!r}")
        else:
            edges = self._meta["edges"]
            chosen = picked(run.firing(index).float().numpy(), pick, rank, edges, bin)
        tops = run.peek(chosen, n=MAX_TOKENS, sae=index)
        firing = float(run.firing(index)[chosen])
        return {
            "latent_idx": chosen,
            "sae": index,
            "pick": pick,
            "rank": rank,
            "firing": firing if math.isfinite(firing) else None,
            "dead": bool(run.dead(index)[chosen]),
            "tokens": int(run.tokens),
            "tops": [_top(each) for each in tops],
        }

    def _checked_sae(self, sae: Any, *, none: bool = False) -> Any:
        n_saes = len(self._meta["saes"])
        if none and sae is None:
            return None
        if isinstance(sae, bool) or sae not in range(n_saes):
            raise ConfigError(f"sae must be from 0 to {n_saes - 1}, got {sae!r}")
        return sae

    def _push(self) -> None:
        super()._push()
        failures = [text for text in self.result.failures if text]  # type: ignore[attr-defined]  # a TrainingRun
        # Once: an SAE that stays behind does so for good, and the strip is for others, too.
        if len(failures) > self._told:
            self._told, self.error = len(failures), failures[-1]

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        if not self.result.can_peek:  # type: ignore[attr-defined]  # a TrainingRun
            return []
        saes = range(len(self._meta["saes"]))
        picks = [
            ("peek", {"pick": pick, "rank": rank, "sae": sae})
            for rank in range(RECORDED_RANKS)
            for pick in ("densest", "random", "rarest")
            for sae in saes
        ]
        dead = [
            ("peek", {"pick": "index", "latent_idx": latent, "sae": sae})
            for sae in saes
            for latent in self._meta["saes"][sae]["dead_first"][:RECORDED_RANKS]
        ]
        selected = self.selected
        first = [("peek", {"pick": "index", **selected})] if selected and selected["sae"] is not None else []
        bins = [
            ("peek", {"pick": "bin", "bin": int(bin), "rank": 0, "sae": sae})
            for sae in saes
            for bin in np.flatnonzero(self.result.density[sae].numpy())  # type: ignore[attr-defined]  # a TrainingRun
        ]
        return [*first, *picks, *bins, *dead]


def _top(each: Any) -> dict[str, Any]:
    return {
        "before": list(each.before),
        "token": each.token,
        "after": list(each.after),
        "value": known(each.value),
        "values": [known(value) for value in each.values],
        "doc": int(each.doc),
        "pos": int(each.pos),
    }
