"""What is set in a playground: the prompt, a slider per vector, and how text is generated.

Plain values that are checked here and nowhere else, whoever sets them: a cell, or the widget's sliders.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Final

from interp_nb._errors import ConfigError, nearest
from interp_nb.steering.recipe import NEUTRAL
from interp_nb.steering.vectors import SteeringVector

DIRECTED: Final = ("add", "ablate", "clamp", "ablate_add")
"""Operators that any vector has."""
OF_LATENTS: Final = ("add", "set", "scale", "ablate", "clamp", "ablate_add")
"""Operators of a latent whose SAE is at hand."""
POSITIONS: Final = ("all", "prompt", "generated")
MAX_NEW: Final = 200
"""New tokens that one generation of a playground may ask for."""
MAX_SLIDERS: Final = 16
MAX_SEED: Final = 2**31 - 1
MAX_TEMPERATURE: Final = 5.0
MAX_CHARS: Final = 100_000


@dataclasses.dataclass(frozen=True)
class Slider:
    """How one vector acts."""

    strength: float
    """1 = the vector as it is."""
    layer: int | str
    """Where; "all" = at every layer the vector has."""
    operator: str = "add"
    """What is done there, see `Steering`."""
    muted: bool = False
    """Whether it is left out."""

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return not self.muted and NEUTRAL.get(self.operator) != self.strength


@dataclasses.dataclass(frozen=True)
class PlaygroundSettings:
    """All that a playground's text follows from, beside model and vectors."""

    prompt: str
    """What the model goes on with."""
    sliders: dict[str, Slider]
    """One per vector, by its name."""
    positions: str = "all"
    """Tokens that are steered: "all", "prompt" or "generated"."""
    n_new: int = 30
    """New tokens."""
    seed: int = 0
    """Of the sampling."""
    temperature: float = 0.0
    """Of the sampling; 0 = the likeliest token."""

    @property
    def acting(self) -> dict[str, Slider]:
        """The sliders that change anything."""
        return {name: slider for name, slider in self.sliders.items() if slider.acts}

    def as_json(self) -> dict[str, Any]:
        """Write it as plain values."""
        return dataclasses.asdict(self)


def operators_of(vector: SteeringVector) -> tuple[str, ...]:
    """List what can be done with a vector."""
    return OF_LATENTS if vector.latent_idx is not None and vector.sae is not None else DIRECTED


def first_slider(vector: SteeringVector, choice: tuple[int, float] | None, strength: float | None = None) -> Slider:
    """Place a vector's slider where it starts: at 0, or where a sweep found it best.

    Args:
        choice: Layer and strength that a sweep chose.
    """
    layer, best = (vector.layer, 0.0) if choice is None else choice
    return Slider(best if strength is None else _number("strength", strength), layer)


def checked_settings(values: Mapping[str, Any], vectors: Mapping[str, SteeringVector]) -> PlaygroundSettings:
    """Make settings of plain values.

    Raises:
        ConfigError: a value is missing, unknown or out of its range; what it may be is said.
    """
    fields = [field.name for field in dataclasses.fields(PlaygroundSettings)]
    _check_keys("settings", values, fields)
    prompt = values["prompt"]
    if not isinstance(prompt, str) or len(prompt) > MAX_CHARS:
        raise ConfigError(f"prompt must be a text of at most {MAX_CHARS:,} characters, got {_said(prompt)}")
    if values["positions"] not in POSITIONS:
        raise ConfigError(f"positions must be one of {', '.join(POSITIONS)}, got {values['positions']!r}")
    temperature = _number("temperature", values["temperature"])
    if not 0.0 <= temperature <= MAX_TEMPERATURE:
        raise ConfigError(f"temperature must be from 0 (the likeliest token) to {MAX_TEMPERATURE:g}, got {temperature}")
    sliders = values["sliders"]
    if not isinstance(sliders, Mapping):
        raise ConfigError(f"sliders must be a dict, got {type(sliders).__name__}")
    _check_keys("sliders", sliders, list(vectors))
    return PlaygroundSettings(
        prompt=prompt,
        sliders={name: checked_slider(sliders[name], vector, name) for name, vector in vectors.items()},
        positions=values["positions"],
        n_new=_whole("n_new", values["n_new"], 1, MAX_NEW),
        seed=_whole("seed", values["seed"], 0, MAX_SEED),
        temperature=temperature,
    )


def checked_slider(values: Any, vector: SteeringVector, name: str) -> Slider:
    """Make a slider of plain values.

    Raises:
        ConfigError: a value is missing, unknown or does not go with the vector.
    """
    if isinstance(values, Slider):
        values = dataclasses.asdict(values)
    if not isinstance(values, Mapping):
        raise ConfigError(f"a slider must be a dict, got {type(values).__name__} for {name!r}")
    _check_keys(f"the slider {name!r}", values, [field.name for field in dataclasses.fields(Slider)])
    strength = _number(f"the strength of {name!r}", values["strength"])
    known = operators_of(vector)
    operator, layer = values["operator"], values["layer"]
    if operator not in known:
        raise ConfigError(f"the operator of {name!r} must be one of {', '.join(known)}, got {operator!r}")
    several = len(vector.layers) > 1 and operator not in ("set", "scale")
    layers: list[int | str] = [*vector.layers, *(["all"] if several else [])]
    if isinstance(layer, bool) or layer not in layers:
        raise ConfigError(f"the layer of {name!r} must be one of {', '.join(map(str, layers))}, got {layer!r}")
    if not isinstance(values["muted"], bool):
        raise ConfigError(f"muted of {name!r} must be true or false, got {values['muted']!r}")
    return Slider(strength, layer, operator, values["muted"])


def _check_keys(what: str, values: Mapping[Any, Any], known: list[str]) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{what}: there is no {str(key)!r}; {nearest(str(key), known)}")
    missing = [key for key in known if key not in values]
    if missing:
        raise ConfigError(f"{what}: {missing[0]!r} is missing; needed are {', '.join(known)}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, got {value!r}")
    return value


def _said(value: Any) -> str:
    return f"{len(value):,}" if isinstance(value, str) else type(value).__name__
