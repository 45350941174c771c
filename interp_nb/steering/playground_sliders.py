"""A playground's sliders: what is set, and the vectors that come and go.

What text they make is in `playground`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from interp_nb._cancel import check_cancelled
from interp_nb._errors import ConfigError, PromptError, nearest
from interp_nb._show import Live, Showable
from interp_nb.models.edit import is_edited
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.extract import steering_vector
from interp_nb.steering.latents import feature_vector
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.pair_text import read_pairs
from interp_nb.steering.playground_settings import MAX_SLIDERS, PlaygroundSettings, checked_settings, first_slider
from interp_nb.steering.vectors import SteeringVector

MAX_NAME: Final = 60
"""Characters of a vector's name."""
PER_SLIDER: Final = {"strengths": "strength", "layers": "layer", "operators": "operator", "muted": "muted"}
"""Settings that are given as one value per vector, and the field of a slider that each is."""


class Sliders(Showable):
    """What a `SteeringPlayground` knows of its sliders; the fields are its own."""

    vectors: dict[str, SteeringVector]
    settings: PlaygroundSettings
    shares: dict[str, list[float]]
    choices: dict[str, tuple[int, float]]
    origins: dict[str, dict[str, Any]]
    _guard: Any
    _live: Live | None

    @property
    def model(self) -> Any:
        """The model that is steered.

        Raises:
            ConfigError: there is none, as after loading, or it is gone.
        """
        if self._live is None:
            raise ConfigError(
                "This playground was loaded without its model: call steering_playground(model, prompt, "
                "playground.vectors) to go on with it."
            )
        return self._live.model()

    @property
    def prompt(self) -> str:
        """What the model goes on with."""
        return self.settings.prompt

    @property
    def strengths(self) -> dict[str, float]:
        """Where each slider is."""
        return {name: slider.strength for name, slider in self.settings.sliders.items()}

    @property
    def layers(self) -> dict[str, int | str]:
        """Where each vector acts; "all" = at every layer it has."""
        return {name: slider.layer for name, slider in self.settings.sliders.items()}

    @property
    def positions(self) -> str:
        """Tokens that are steered: "all", "prompt" or "generated"."""
        return self.settings.positions

    def set(self, **changes: Any) -> None:
        """Change what is set; the widget follows.

        Args:
            **changes: `prompt`, `positions`, `n_new`, `seed`, `temperature`; and by the names of vectors `strengths`,
                `layers`, `operators` and `muted`.

        Raises:
            ConfigError: there is no such setting, vector, layer or operator, or a value is out of its range.
        """
        values = self.settings.as_json()
        for name, value in changes.items():
            if name in PER_SLIDER:
                self._set_sliders(values["sliders"], name, value)
            elif name in values and name != "sliders":
                values[name] = value
            else:
                known = [*(each for each in values if each != "sliders"), *PER_SLIDER]
                raise ConfigError(f"a playground has no setting {name!r}; {nearest(name, known)}")
        self.take(values)

    def _set_sliders(self, sliders: dict[str, Any], name: str, given: Any) -> None:
        if not isinstance(given, Mapping):
            raise ConfigError(f"{name} must be a dict by the names of vectors, got {type(given).__name__}")
        for vector, value in given.items():
            if vector not in sliders:
                raise ConfigError(f"{name}: there is no vector {vector!r}; {nearest(str(vector), sliders)}")
            sliders[vector][PER_SLIDER[name]] = value

    def checked(self, values: Mapping[str, Any]) -> PlaygroundSettings:
        """Make settings of plain values; see `checked_settings`."""
        return checked_settings(values, self.vectors)

    def take(self, values: Mapping[str, Any]) -> None:
        """Set everything at once, from plain values.

        Raises:
            ConfigError: a value is missing, unknown or out of its range; nothing changes.
        """
        self._put("settings", self.checked(values))
        self._tell()

    def add_vector(self, vector: SteeringVector, *, name: str = "", strength: float = 0.0, **origin: Any) -> str:
        """Add a slider for a vector, and return the name it has here.

        Args:
            name: None = the vector's own; a number is put behind one that is taken.
            strength: Where its slider starts.
            **origin: Where it comes from, see `origins`; left out = it was given.

        Raises:
            VectorMismatchError: it is of another model.
            ConfigError: there are as many sliders as there may be.
        """
        check_model(vector, self.model)
        # What can fail or be cancelled comes first: a vector is there with all that belongs to it, or not at all.
        shares = _shares(self.model, vector, self.prompt)
        with self._guard:
            if len(self.vectors) >= MAX_SLIDERS:
                raise ConfigError(f"A playground has at most {MAX_SLIDERS} sliders: remove one first.")
            called = free_name((name or vector.name)[:MAX_NAME], self.vectors)
            slider = first_slider(vector, self.choices.get(called), strength)
            check_cancelled()
            self._put("origins", {**self.origins, called: origin or {"kind": "given"}})
            self._put("shares", {**self.shares, called: shares})
            self._put("vectors", {**self.vectors, called: vector})
            self._put("settings", dataclasses.replace(self.settings, sliders={**self.settings.sliders, called: slider}))
        self._tell()
        return called

    def make_vector(
        self, pairs: str | Sequence[tuple[str, str]], *, method: str = "mean", name: str = ""
    ) -> SteeringVector:
        """Make a vector of contrastive pairs and add a slider for it; see `steering_vector`.

        Args:
            pairs: Pairs, or lines of `positive | negative`.

        Raises:
            ConfigError: a line has not two sides, or there are fewer than 2 pairs.
        """
        read = read_pairs(pairs) if isinstance(pairs, str) else [(str(one), str(other)) for one, other in pairs]
        called = free_name((name.strip() or "vector 1")[:MAX_NAME], self.vectors)
        vector = steering_vector(self.model, read, method=method, name=called)
        added = self.add_vector(vector, name=called, kind="pairs", pairs=[list(pair) for pair in read], method=method)
        return self.vectors[added]

    def add_latent(
        self, sae: Any, latent_idx: int, *, strength: float = 0.0, acts_p99: float | None = None, store: Any = None
    ) -> SteeringVector:
        """Add a slider for a latent of an SAE; see `feature_vector`.

        Args:
            strength: Where its slider starts.
            acts_p99: How strongly the latent fires, the 99th percentile of its activations.
            store: A feature store, which knows that.

        Raises:
            ConfigError: the latent never fires, so there is no strength 1.
            ShapeError: there is no such latent.
        """
        vector = feature_vector(sae, latent_idx, model=self.model, acts_p99=acts_p99, store=store)
        # A temporary store cannot be loaded again, so the code must not name it.
        path = None if store is None or store.temporary else str(store.path)
        added = self.add_vector(vector, name=f"latent {latent_idx}", strength=strength, kind="latent", store=path)
        return self.vectors[added]

    def remove_vector(self, name: str) -> None:
        """Take a vector and its slider away.

        Raises:
            ConfigError: there is no such vector.
        """
        with self._guard:
            if name not in self.vectors:
                raise ConfigError(f"there is no vector {name!r}; {nearest(name, self.vectors)}")
            left = {other: slider for other, slider in self.settings.sliders.items() if other != name}
            self._put("settings", dataclasses.replace(self.settings, sliders=left))
            for kept in ("vectors", "origins", "shares", "choices"):
                self._put(kept, {other: value for other, value in getattr(self, kept).items() if other != name})
        self._tell()

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _tell(self) -> None:
        widget = self._shown()
        if widget is not None:
            widget.refresh()


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name that is not taken: a number is put behind it, or the number behind it goes up."""
    if name not in taken:
        return name
    stem, _, last = name.rpartition(" ")
    stem, number = (stem, int(last) + 1) if stem and last.isdecimal() else (name, 2)
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"


def _shares(model: HookedModel, vector: SteeringVector, prompt: str) -> list[float]:
    """Give the share of the residual norm that strength 1 adds, measured on the prompt where the vector knows none."""
    known = [float(share) for share in vector.norm_share]
    if not prompt or all(share == share for share in known) or is_edited(model):
        return known
    try:
        return [float(share) for share in vector.measured_on(model, [prompt]).norm_share]
    except PromptError:
        # Too long a prompt is refused where text is asked for; a vector can be added all the same.
        return known
