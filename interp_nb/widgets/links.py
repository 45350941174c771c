"""`link(a, b)`: two selections that follow each other.

Selections meet in the keys that mean the same place: layer with layer, head with head, a latent with the latent of a
patch grid, a position with the destination of an attention pattern. The same keys tie widgets together on an exported
page.
"""

import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

from interp_nb._errors import ConfigError
from interp_nb._show import Showable
from interp_nb.widgets.base import ResultWidget
from interp_nb.widgets.selection import SelectionError

Selection = dict[str, int | None] | None

ALIKE: Final = (
    ("latent_idx", "latent_idx"),
    ("latent", "latent"),
    ("latent_idx", "latent"),
    ("latent", "latent_idx"),
    ("layer", "layer"),
    ("head", "head"),
    ("pos", "pos"),
    ("dest", "dest"),
    ("pos", "dest"),
    ("dest", "pos"),
)
"""Which key of one selection is which key of the other."""

_PARTNERS: "weakref.WeakKeyDictionary[ResultWidget, weakref.WeakSet[ResultWidget]]" = weakref.WeakKeyDictionary()
"""Who follows whom, for an exported page to do the same."""


class Link:
    """Two linked widgets; end it with `unlink`."""

    def __init__(self, a: ResultWidget, b: ResultWidget) -> None:
        self._undo: list[Callable[[], None]] = [_follow(a, b), _follow(b, a)]
        self.ends = (weakref.ref(a), weakref.ref(b))
        _PARTNERS.setdefault(a, weakref.WeakSet()).add(b)
        _tell(a, b)

    def __repr__(self) -> str:
        names = [type(widget).__name__ if (widget := end()) is not None else "closed" for end in self.ends]
        return f"Link({' <-> '.join(names)})" if self._undo else "Link(unlinked)"

    def unlink(self) -> None:
        """Let both go their own ways again."""
        while self._undo:
            self._undo.pop()()
        a, b = (end() for end in self.ends)
        if a is not None and b is not None:
            _PARTNERS[a].discard(b)
            _tell(a, b)


def link(a: Showable | ResultWidget, b: Showable | ResultWidget) -> Link:
    """Make two results or widgets select the same place: one follows the other.

    Args:
        a: Whose selection, if there is one, the other takes over at once.
        b: The other one.

    Returns:
        A handle whose `unlink()` ends it.

    Raises:
        ConfigError: an argument cannot be selected in, both are the same, or their selections share no key.
    """
    first, second = _widget(a), _widget(b)
    if first is second:
        raise ConfigError("link needs two different results or widgets, got the same one twice.")
    if not shared_keys(first, second):
        raise ConfigError(
            f"{type(first).__name__} selects {', '.join(first._axes)} and {type(second).__name__} selects "
            f"{', '.join(second._axes)}: they share no place, so there is nothing to link."
        )
    made = Link(first, second)
    _carry(first, second) if first.selected is not None else _carry(second, first)
    return made


def partners(widget: ResultWidget) -> list[ResultWidget]:
    """Return the widgets that are linked with one, whichever was named first."""
    named = list(_PARTNERS.get(widget, ()))
    return named + [other for other, others in list(_PARTNERS.items()) if widget in others and other not in named]


def linked_pairs(widgets: Mapping[int, ResultWidget]) -> list[tuple[int, int]]:
    """Return which of some widgets `link` tied together, by their keys."""
    return [
        (i, j)
        for i, one in widgets.items()
        for j, other in widgets.items()
        if i != j and other in _PARTNERS.get(one, ())
    ]


def shared_keys(a: ResultWidget, b: ResultWidget) -> list[tuple[str, str]]:
    """Return which key of `a` is which of `b`; the same name goes before a like one."""
    pairs: list[tuple[str, str]] = []
    for one, other in ALIKE:
        if one in a._axes and other in b._axes and all(one != known and other != taken for known, taken in pairs):
            pairs.append((one, other))
    return pairs


def _tell(*ends: ResultWidget) -> None:
    for end in ends:
        if not end.closed:
            end._links_changed()


def _widget(value: Any) -> ResultWidget:
    widget = value.show() if isinstance(value, Showable) else value
    if not isinstance(widget, ResultWidget):
        raise ConfigError(f"link takes results or widgets of interp_nb, got a {type(value).__name__}.")
    return widget


def _follow(source: ResultWidget, target: ResultWidget) -> Callable[[], None]:
    def carry(change: Any) -> None:
        _carry(source, target)

    source.observe(carry, names="selected")
    return lambda: source.unobserve(carry, names="selected")


def _carry(source: ResultWidget, target: ResultWidget) -> None:
    """Select in the target what it shares with the source; a place that the target does not have changes nothing."""
    here: Selection = source.selected
    if here is None:
        return
    limits = target._limits()
    there = dict(target.selected) if target.selected is not None else {
        key: min(limits[key]) if needed else None for key, needed in target._axes.items()
    }  # fmt: skip
    for one, other in shared_keys(source, target):
        if here[one] is not None:
            there[other] = here[one]
    try:
        target.selected = target.checked_selection(there)
    except SelectionError:
        return
