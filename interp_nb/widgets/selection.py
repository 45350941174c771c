"""Selections: which place of a result is meant, checked against the places it has."""

import operator
from collections.abc import Mapping
from typing import Any

import traitlets

from interp_nb._errors import ConfigError, nearest

Limits = dict[str, range | list[int]]
"""The values that each key may have."""


class SelectionError(ConfigError, traitlets.TraitError):
    """A selection names a key that is not there, or a place outside of the result."""


def checked_selection(value: Any, axes: Mapping[str, bool], limits: Limits) -> dict[str, int | None]:
    """Return a selection as a complete dict.

    Args:
        value: A dict, or a tuple in the order of its keys; what may be None may be left out.
        axes: The keys in order; True = needed, False = may be None.

    Raises:
        SelectionError: a key is missing or unknown, or a value lies outside of the result.
    """
    keys = list(axes)
    wanted = f"selected must be a dict or tuple of {', '.join(keys)}"
    if isinstance(value, (tuple, list)):
        if len(value) > len(keys):
            raise SelectionError(f"{wanted}, got {len(value)} values")
        value = dict(zip(keys, value, strict=False))
    if not isinstance(value, Mapping):
        raise SelectionError(f"{wanted}, got a {type(value).__name__}")
    for key in value:
        if key not in keys:
            raise SelectionError(f"{wanted}, got the key {key!r}; {nearest(str(key), keys)}")
    return {key: _checked_index(key, value.get(key), limits[key], needed=axes[key]) for key in keys}


def _checked_index(key: str, index: Any, allowed: range | list[int], *, needed: bool) -> int | None:
    if index is None:
        if needed:
            raise SelectionError(f"selected needs {key!r}, from {min(allowed)} to {max(allowed)}; got none")
        return None
    try:
        number = operator.index(index)
    except TypeError:
        raise SelectionError(f"selected[{key!r}] must be an int, got {index!r}") from None
    if isinstance(index, bool) or number not in allowed:
        raise SelectionError(f"selected[{key!r}] must be from {min(allowed)} to {max(allowed)}, got {index!r}")
    return number
