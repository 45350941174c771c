"""The Python that a playground's text comes from, written out: model, vectors, strengths, one call of `generate`."""

import re
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any, Final

from interp_nb._recipes import call, model_lines, script
from interp_nb.sae.saving import EMBEDDED
from interp_nb.steering.playground_settings import PlaygroundSettings, Slider
from interp_nb.steering.vectors import SteeringVector

FUNCTIONS: Final = ("Steering", "generate", "load_model", "load_sae", "load_store", "steering_vector")
"""What the code may call; no vector is named so."""


def playground_code(
    settings: PlaygroundSettings,
    vectors: Mapping[str, SteeringVector],
    origins: Mapping[str, Mapping[str, Any]],
    *,
    model_name: str,
    provenance: Mapping[str, Any],
) -> str:
    """Write the Python that generates the text of these settings again, with no playground.

    Args:
        origins: How each vector came into the playground; see `SteeringPlayground.origins`.
    """
    acting = settings.acting
    names = _variables(list(acting))
    lines = [*model_lines(model_name, provenance)]
    for name in acting:
        lines += _vector_lines(names[name], name, vectors[name], origins.get(name, {}))
    options: dict[str, Any] = {"n_new": settings.n_new, "seed": settings.seed}
    if settings.temperature:
        options["temperature"] = settings.temperature
    arguments = ["model", repr(settings.prompt)]
    if acting:
        given = [_steering(names[name], vectors[name], slider, settings) for name, slider in acting.items()]
        lines += ["steering = [", *(f"    {each}," for each in given), "]"]
        arguments.append("steering=steering")
    lines += [f"generation = {call('generate', *arguments, **options)}", "generation"]
    body = "\n".join(lines)
    return script([name for name in FUNCTIONS if re.search(rf"\b{name}\(", body)], *lines)


def _steering(variable: str, vector: SteeringVector, slider: Slider, settings: PlaygroundSettings) -> str:
    options: dict[str, Any] = {}
    if slider.operator != "add":
        options["operator"] = slider.operator
    if settings.positions != "all":
        options["positions"] = settings.positions
    if slider.layer != vector.layer:
        options["layers"] = slider.layer if isinstance(slider.layer, str) else [slider.layer]
    return call("Steering", variable, f"{slider.strength:g}" if _short(slider.strength) else repr(slider.strength),
                **options).replace("\n", "\n    ")  # fmt: skip


def _vector_lines(variable: str, name: str, vector: SteeringVector, origin: Mapping[str, Any]) -> list[str]:
    """Write the lines that make one vector again."""
    if origin.get("kind") == "pairs":
        pairs = [tuple(pair) for pair in origin["pairs"]]
        written = ["pairs = [", *(f"    {pair!r}," for pair in pairs), "]"]
        options = {"method": origin["method"], "name": name}
        return [*written, f"{variable} = {call('steering_vector', 'model', 'pairs', **options)}"]
    place = _sae_line(vector, origin)
    if place:
        options = {"acts_p99": vector.provenance["settings"]["acts_p99"], "name": vector.name}
        return [place, f"{variable} = {call('sae.feature_vector', repr(vector.latent_idx), **options)}"]
    # Given from outside: nobody can make it again from what is known of it here.
    return [f"{variable} = playground.vectors[{name!r}]  # of the playground; or load_vector(...) once it is saved"]


def _sae_line(vector: SteeringVector, origin: Mapping[str, Any]) -> str:
    """Write the line that loads the SAE of a latent; empty where it is of none, or nobody can load it again."""
    settings = vector.provenance.get("settings") or {}
    if vector.sae is None or vector.method != "latent" or "acts_p99" not in settings:
        return ""
    recipe = vector.sae.provenance.get("recipe")
    if recipe in EMBEDDED:
        return f"sae = load_sae({recipe!r})"
    return f"sae = load_store({origin['store']!r}).sae" if origin.get("store") else ""


def _variables(names: list[str]) -> dict[str, str]:
    """Give each vector a name that Python takes, all different."""
    taken = {"model", "pairs", "sae", "steering", "generation", "playground", *FUNCTIONS}
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
        plain = plain if plain and not plain[0].isdigit() and not iskeyword(plain) else f"vector_{plain}".strip("_")
        number = next(n for n in range(1, len(names) + 9) if (plain if n == 1 else f"{plain}_{n}") not in taken)
        found[name] = plain if number == 1 else f"{plain}_{number}"
        taken.add(found[name])
    return found


def _short(strength: float) -> bool:
    return float(f"{strength:g}") == strength
