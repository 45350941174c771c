"""What a playground starts with: names for its vectors, where their sliders stand, what sweeps chose."""

from collections.abc import Mapping, Sequence
from typing import Any

from interp_nb._errors import ConfigError, nearest
from interp_nb.steering.playground_sliders import MAX_NAME, free_name
from interp_nb.steering.vectors import SteeringVector


def named_vectors(vectors: Any) -> dict[str, SteeringVector]:
    """Name vectors, all differently.

    Raises:
        ConfigError: something is no vector.
    """
    if isinstance(vectors, SteeringVector):
        vectors = [vectors]
    if isinstance(vectors, Mapping):
        return dict(vectors)
    named: dict[str, SteeringVector] = {}
    for vector in vectors:
        if not isinstance(vector, SteeringVector):
            raise ConfigError(f"vectors must be SteeringVectors, got a {type(vector).__name__}")
        named[free_name(vector.name[:MAX_NAME], named)] = vector
    return named


def starting_strengths(given: Any, names: list[str]) -> dict[str, float]:
    """Read where sliders are to start: by name, in order, or one for all.

    Raises:
        ConfigError: a name is unknown, or there is not one strength per vector.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ConfigError(f"strengths: there is no vector {unknown[0]!r}; {nearest(str(unknown[0]), names)}")
        return dict(given)
    values = [given] * len(names) if isinstance(given, (int, float)) else list(given)
    if len(values) != len(names):
        raise ConfigError(f"strengths must be one per vector, {len(names)}, got {len(values)}")
    return dict(zip(names, values, strict=True))


def sweep_choices(sweeps: Sequence[Any], vectors: Mapping[str, SteeringVector]) -> dict[str, tuple[int, float]]:
    """Collect what sweeps chose for the vectors they are of.

    Raises:
        ConfigError: a sweep is of none of them.
    """
    found: dict[str, tuple[int, float]] = {}
    for sweep in sweeps:
        if sweep.name not in vectors:
            raise ConfigError(f"sweeps: there is no vector {sweep.name!r}; {nearest(sweep.name, vectors)}")
        if sweep.choice is not None:
            found[sweep.name] = (int(sweep.choice.layer), float(sweep.choice.strength))
    return found
