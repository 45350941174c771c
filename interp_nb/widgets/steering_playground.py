"""The live playground: a prompt, sliders, and two texts that come side by side while the page stays free.

1. What does not change while text comes is in `_meta`; the text so far in `_run`, sent whole, at most ten times a
   second.
2. What is set is one trait, `settings`, which the sliders and Python both write. A generation has its own copy.
3. What needs the model beside a generation is answered in threads of its own (`aside`), so that Stop and Cancel are
   heard; next tokens come between the forwards of a vector that is being made.
"""

from collections.abc import Mapping
from typing import Any, Final

import traitlets

from interp_nb._errors import ConfigError, InterpError
from interp_nb._show import no_waiting
from interp_nb.features.dashboard import FeatureDashboard
from interp_nb.steering.playground_settings import PlaygroundSettings
from interp_nb.widgets import links
from interp_nb.widgets.aside import Aside
from interp_nb.widgets.base import Payload, ResultWidget, bundle, unpin_comm
from interp_nb.widgets.feature_list import label_text
from interp_nb.widgets.requests import Answer, Handler, Router, read_message
from interp_nb.widgets.selection import Limits, SelectionError
from interp_nb.widgets.steering_replies import SIDES, meta_json, next_json, run_json, slider_json

FASTEST: Final = 0.1
"""Least seconds between two pushes of text."""
TOKENS_PER_PUSH: Final = 200
"""Tokens on both sides up to which text is pushed at that pace; more are sent less often, about 200 kB a second."""
MAKING: Final = ("add_latent", "make_vector")
"""Requests that take long, which are answered one after the other."""


class SteeringPlaygroundWidget(ResultWidget):
    """Show a `SteeringPlayground`."""

    _esm = bundle("steering_playground")
    _axes: Mapping[str, bool] = {"vector": False, "latent_idx": False, "side": False, "token": False}
    _page_traits = ("settings", "_run")

    settings = traitlets.Dict(help="What is set: prompt, sliders by vector, positions, n_new, seed, temperature.").tag(
        sync=True
    )
    _run = traitlets.Dict(help="The generation that runs or ran last, as far as it has come.").tag(sync=True)

    def __init__(self, result: Any, **traits: Any) -> None:
        making, bars = self._beside(), self._beside(newest_only=("next_token",))
        self._asides = {**dict.fromkeys(MAKING, making), "next_token": bars}
        with no_waiting():
            given = {"settings": result.settings.as_json(), "_run": run_json(result)}
        super().__init__(result, **given | traits)

    @traitlets.validate("settings")
    def _check_settings(self, proposal: Any) -> dict[str, Any]:
        playground: Any = self.result
        try:
            checked: dict[str, Any] = playground.checked(proposal["value"]).as_json()
        except ConfigError as refusal:
            raise SelectionError(str(refusal)) from None
        return checked

    @traitlets.observe("settings")
    def _on_settings(self, change: Any) -> None:
        playground: Any = self.result
        if playground.settings.as_json() != change["new"]:
            playground.take(change["new"])

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take trait changes of the front end; settings that are refused go back with the reason."""
        asked = sync_data.get("settings")
        if asked is not None:
            try:
                # Before the trait sees it: traitlets would roll back with it what a job pushes at the same time.
                sync_data = {**sync_data, "settings": self._asked(asked).as_json()}
            except InterpError as refusal:
                self.error = str(refusal)
                sync_data = {name: value for name, value in sync_data.items() if name != "settings"}
        super().set_state(sync_data)
        if asked is not None and self.settings != asked:
            self.send_state("settings")

    def _asked(self, settings: Any) -> PlaygroundSettings:
        """Check settings of the front end, which may not know yet of a vector that has just come or gone."""
        playground: Any = self.result
        if isinstance(settings, Mapping) and isinstance(settings.get("sliders"), Mapping):
            here = playground.settings.as_json()["sliders"]
            settings = {**settings, "sliders": {name: settings["sliders"].get(name, here[name]) for name in here}}
        checked: PlaygroundSettings = playground.checked(settings)
        return checked

    def refresh(self) -> None:
        """Show what is set and which vectors there are by now."""
        playground: Any = self.result
        with self._push_lock:
            self._push()
            self.settings = playground.settings.as_json()

    def follow(self) -> None:
        """Follow the job of a new generation."""
        self._forget_job()
        self.error = ""
        self._follow(self.result)

    def _push(self) -> None:
        with no_waiting():
            run = run_json(self.result)
        n_tokens = sum(len(run[side]["tokens"]) for side in SIDES if run[side] is not None)
        self._push_seconds = FASTEST * max(1.0, n_tokens / TOKENS_PER_PUSH)
        self._run = run
        super()._push()

    def _encode(self, result: Any) -> Payload:
        return meta_json(result, self._offer(), self._dashboard() is not None), b""

    def _fraction(self, result: Any) -> float:
        run = result.run
        if run.generation is None or run.settings is None:
            return 0.0
        n_done = max((len(side[0].tokens) for side in (run.generation.baseline, run.generation.steered) if side),
                     default=0)  # fmt: skip
        return min(1.0, float(n_done) / int(run.settings.n_new))

    def _limits(self) -> Limits:
        playground: Any = self.result
        dashboard = self._dashboard()
        known = [vector.latent_idx for vector in playground.vectors.values() if vector.latent_idx is not None]
        n_latents = dashboard.store.d_sae if dashboard is not None else max(known, default=-1) + 1
        n_tokens = max((len(self._run[side]["tokens"]) for side in SIDES if self._run.get(side)), default=0)
        return {
            "vector": range(len(playground.vectors)),
            "latent_idx": range(n_latents),
            "side": range(len(SIDES)),
            "token": range(n_tokens),
        }

    def checked_selection(self, value: Any) -> dict[str, int | None]:
        """Return a selection as a complete dict; a latent and its slider are selected together.

        Raises:
            SelectionError: a key is unknown, or a value lies outside of what there is.
        """
        chosen = super().checked_selection(value)
        before = self.selected or dict.fromkeys(chosen)
        latents = self._latents()
        if chosen["vector"] is not None and chosen["vector"] != before["vector"]:
            latent = latents[chosen["vector"]]
            return chosen if latent is None else chosen | {"latent_idx": latent}
        if chosen["latent_idx"] != before["latent_idx"] and chosen["latent_idx"] in latents:
            return chosen | {"vector": latents.index(chosen["latent_idx"])}
        return chosen

    def _latents(self) -> list[int | None]:
        """List the latents of the sliders, of the linked dashboard's SAE where there is one."""
        playground: Any = self.result
        dashboard = self._dashboard()
        same = {id(vector) for vector in playground.vectors.values() if dashboard is None or _is_of(vector, dashboard)}
        return [vector.latent_idx if id(vector) in same else None for vector in playground.vectors.values()]

    @traitlets.observe("selected")
    def _on_selected(self, change: Any) -> None:
        with self._push_lock:
            self._push()

    def _links_changed(self) -> None:
        with self._push_lock:
            self._push()

    def _dashboard(self) -> Any:
        """Return the linked dashboard, the first if there are several."""
        found = (other.result for other in links.partners(self) if isinstance(other.result, FeatureDashboard))
        return next(found, None)

    def _offer(self) -> dict[str, Any] | None:
        """Describe the latent that is selected in the linked dashboard."""
        dashboard = self._dashboard()
        latent = None if dashboard is None or self.selected is None else self.selected["latent_idx"]
        if latent is None:
            return None
        return {
            "latent_idx": latent,
            "label": label_text(dashboard.store, latent),
            "name": f"latent {latent}",
            "there": latent in self._latents(),
            "reason": ""
            if dashboard.store.sae is not None
            else "The dashboard shows neurons or directions, not an SAE.",
        }

    def _routes(self) -> dict[str, Handler]:
        own: dict[str, Handler] = {
            "add_latent": self._answer_latent,
            "code": self._answer_code,
            "generate": self._answer_generate,
            "make_vector": self._answer_make,
            "next_token": self._answer_next,
            "remove_vector": self._answer_remove,
        }
        return super()._routes() | own

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        message = read_message(content)
        if message is not None and message.kind == "request" and message.method in self._asides:
            self._asides[message.method].put(message)
        elif message is None or message.kind != "cancel" or not self._cancel_beside(message.id):
            super()._on_message(widget, content, buffers)

    def _beside(self, **options: Any) -> Aside:
        return Aside(Router(type(self).__name__, self._routes, self._tell), self._reply, **options)

    def _cancel_beside(self, identity: str) -> bool:
        return any(aside.cancel(identity) for aside in set(self._asides.values()))

    def _answer_generate(self, *, settings: Any) -> Answer:
        playground: Any = self.result
        playground.start(self._asked(settings))
        self._job_request = self._router.current
        return {"run": playground.run.number}

    def _answer_control(self, *, action: Any) -> Answer:
        if action != "stop":
            raise ConfigError(f"control takes stop, got {action!r}")
        return super()._answer_control(action=action)

    def _answer_next(self, *, settings: Any, side: Any, n: Any) -> Answer:
        """Say what comes next after the prompt and `n` tokens of one side's text."""
        playground: Any = self.result
        if side not in range(len(SIDES)) or isinstance(side, bool):
            raise ConfigError(f"side must be 0 (baseline) or 1 (steered), got {side!r}")
        text = playground.run.generation
        sides = [] if text is None else getattr(text, SIDES[side])
        ids = list(sides[0].token_ids) if sides else []
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= len(ids):
            raise ConfigError(f"n must be from 0 to {len(ids)}, the tokens there are, got {n!r}")
        chosen = self._asked(settings)
        return next_json(playground.next_tokens(chosen, ids[:n]), side, n)

    def _answer_make(self, *, pairs: Any, method: Any, name: Any) -> Answer:
        if not all(isinstance(text, str) for text in (pairs, method, name)):
            raise ConfigError("make_vector takes pairs, a method and a name, each a string")
        playground: Any = self.result
        return self._added(playground.make_vector(pairs, method=method, name=name))

    def _answer_latent(self, *, latent_idx: Any) -> Answer:
        """Add a latent of the linked dashboard's SAE."""
        dashboard = self._dashboard()
        if dashboard is None:
            raise ConfigError("Latents come from a feature dashboard: link(dashboard, playground) first.")
        if isinstance(latent_idx, bool) or not isinstance(latent_idx, int):
            raise ConfigError(f"latent_idx must be a whole number, got {latent_idx!r}")
        if dashboard.store.sae is None:
            raise ConfigError("The linked dashboard shows neurons or directions: only an SAE's latents can be added.")
        playground: Any = self.result
        return self._added(playground.add_latent(dashboard.store.sae, latent_idx, store=dashboard.store))

    def _added(self, vector: Any) -> Answer:
        playground: Any = self.result
        name = next(name for name, each in playground.vectors.items() if each is vector)
        return {"name": name, "slider": slider_json(playground, name)}

    def _answer_remove(self, *, name: Any) -> Answer:
        playground: Any = self.result
        if self.selected is not None:
            # Sliders move up: another one would be selected.
            self.selected = {**self.selected, "vector": None}
        playground.remove_vector(str(name))
        return {}

    def _answer_code(self, *, settings: Any = None) -> Answer:
        playground: Any = self.result
        return {"code": playground.code(None if settings is None else self._asked(settings))}

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        """List what a page can show: what comes next, and the code."""
        settings = dict(self.settings)
        return [("next_token", {"settings": settings, "side": 0, "n": 0}), ("code", {"settings": settings})]

    def _reply(self, reply: dict[str, Any], buffers: list[bytes]) -> None:
        unpin_comm(self)
        self.send(reply, buffers or None)


def _is_of(vector: Any, dashboard: Any) -> bool:
    """Whether a latent's vector is of the SAE that a dashboard shows, which may have read it from the store's copy."""
    known = (vector.provenance.get("settings") or {}).get("sae")
    there = (dashboard.store.provenance.get("sae") or {}).get("hash")
    return vector.sae is not None and (dashboard.store.sae is vector.sae or (known is not None and known == there))
