"""The Python that reproduces what is on screen, written out for the reader to copy."""

from collections.abc import Mapping
from typing import Any


def model_lines(name: str, provenance: Mapping[str, Any]) -> list[str]:
    """Write the lines that load the model of a result.

    Args:
        provenance: Its "model" entry, if any, says how `load_model` was called.
    """
    info = provenance.get("model")
    info = info if isinstance(info, Mapping) else {}
    if info.get("fold") is None:
        return [f"model = ...  # the model this was computed with: {_comment(name)}"]
    options = [repr(name)] if name != "pocket" or info.get("step") is not None or info["fold"] else []
    if info.get("step") is not None:
        options.append(f"step={info['step']!r}")
    if info["fold"]:
        options.append("fold=True")
    return [f"model = load_model({', '.join(options)})"]


def call(function: str, *arguments: str, **options: Any) -> str:
    """Write a call, on one line if it fits and one argument a line if not.

    Args:
        *arguments: Written as they are.
        **options: Written as `name=repr(value)`.
    """
    parts = [*arguments, *(f"{name}={value!r}" for name, value in options.items())]
    one_line = f"{function}({', '.join(parts)})"
    if len(one_line) <= 88:
        return one_line
    return "\n".join([f"{function}(", *(f"    {part}," for part in parts), ")"])


def script(imports: list[str], *lines: str) -> str:
    """Put imports and lines together."""
    return "\n".join([f"from interp_nb import {', '.join(sorted(imports, key=str.lower))}", "", *lines])


def _comment(text: str) -> str:
    """Keep a name inside its comment: a newline in it would start a line of code."""
    return repr(text)[1:-1]
