"""What every result is: frozen data that compares, prints, draws, saves and exports itself.

1. `@result` turns a class with `Showable` as its base into a frozen dataclass.
2. `Showable` gives it a one-line repr, a static picture, a live widget where there is one, `.selected`, `.save`.
3. `Live` and `peek`, for results that a job fills, come from `_live`.

Widgets and pictures are looked up by name when something is shown, so this module imports neither.
"""

import dataclasses
import html
import warnings
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from interp_nb import _save
from interp_nb._errors import ConfigError, nearest
from interp_nb._jobs import Job
from interp_nb._live import Awaited
from interp_nb._live import Live as Live
from interp_nb._live import no_waiting as no_waiting
from interp_nb._live import peek as peek

C = TypeVar("C", bound=type)
# Not typing.Self: the run-time type checker of the tests decorates methods one by one and cannot resolve it.
R = TypeVar("R", bound="Showable")


def two_decimals(x: float | int, *, sign: bool = False) -> str:
    """Write a number with two decimals, never "-0.00".

    Args:
        sign: Put "+" before positive numbers, for differences and effects.
    """
    text = f"{float(x):+.2f}" if sign else f"{float(x):.2f}"
    return "0.00" if text in ("-0.00", "+0.00") else text


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def result(cls: C) -> C:
    """Make a result class: a frozen dataclass without generated equality or repr.

    The names in `cls._settable` (properties such as `selected`) stay assignable, and reading a field named in
    `cls._awaited` waits for the job that fills it.
    """
    made: Any = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    refuse = made.__setattr__

    def assign(self: Any, name: str, value: Any) -> None:
        if name in type(self)._settable:
            object.__setattr__(self, name, value)
        else:
            refuse(self, name, value)

    made.__setattr__ = assign
    names = [field.name for field in dataclasses.fields(made)]
    for name in made._awaited:
        if name not in names:
            raise TypeError(f"{made.__name__}._awaited names {name!r}, which is no field: {nearest(name, names)}")
        setattr(made, name, Awaited(name))
    return cls


class Showable:
    """Base of all results; see the module's docstring."""

    _widget: ClassVar[str] = ""
    """Where the live widget is: "module:class". Its picture is `interp_nb.widgets.pictures.<last part of module>`."""
    _picture: ClassVar[str] = ""
    """Name of the picture's module, of a result that has a picture and no live widget."""
    _settable: ClassVar[frozenset[str]] = frozenset({"selected"})
    """Properties that may be assigned although the result is frozen."""
    _awaited: ClassVar[tuple[str, ...]] = ()
    """Fields that a job fills in place."""
    _schema: ClassVar[int] = 1
    """Version of the saved form; raise it when fields change their meaning."""

    if TYPE_CHECKING:
        _live: Live | None

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        """Compare by value, NaN equal to NaN; the live handle does not count."""
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in dataclasses.fields(self) if field.compare]  # type: ignore[arg-type]
        return all(_save.equal_values(getattr(self, name), getattr(other, name)) for name in names)

    def __repr__(self) -> str:
        """One deterministic line; never waits for a job."""
        with no_waiting():
            return self._summary()

    def _summary(self) -> str:
        """Write the one-line repr; it must not change while a job fills the result."""
        return f"{type(self).__name__}()"

    @property
    def partial(self) -> bool:
        """Whether cells are missing: the job runs, or was stopped, interrupted or failed."""
        job = self._job()
        return job is not None and job.state != "done"

    def wait(self: R) -> R:
        """Wait until the result is complete, and return it.

        Raises:
            Exception: what the computation raised, when it failed.
        """
        job = self._job()
        if job is not None:
            job.wait()
        return self

    def stop(self) -> None:
        """Stop the computation; what is there stays."""
        job = self._job()
        if job is not None:
            job.stop()

    def _job(self) -> Job[Any] | None:
        live = getattr(self, "_live", None)
        return None if live is None else live.job

    def show(self, **options: Any) -> Any:
        """Return the live widget of this result, made once.

        Args:
            **options: Public traits to set on it, such as `selected`.

        Raises:
            ConfigError: there is no live view of this result here; the message says what is missing.
        """
        widget = self._shown()
        if widget is None:
            widget = self._widget_class()(self)
            object.__setattr__(self, "_shown_ref", weakref.ref(widget))
        for name, value in options.items():
            public = [known for known in widget.trait_names(sync=True) if not known.startswith("_")]
            if name not in public:
                raise ConfigError(f"{type(self).__name__}.show got the option {name!r}; {nearest(name, public)}")
            setattr(widget, name, value)
        return widget

    @property
    def selected(self) -> dict[str, int | None] | None:
        """What is selected in the widget, or None; assign a dict or a tuple to select."""
        widget = self._shown()
        return None if widget is None else widget.selected

    @selected.setter
    def selected(self, value: Any) -> None:
        self.show().selected = value

    def observe(self, handler: Callable[[Any], object], names: str = "selected") -> None:
        """Call `handler(change)` when the selection (or another trait) changes."""
        self.show().observe(handler, names=names)

    def to_html(self, path: str | Path | None = None) -> str:
        """Return one page that stays interactive with no kernel; write it to a path."""
        page: str = import_module("interp_nb.widgets.export").page([self], title=repr(self))
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def save(self, path: str | Path) -> Path:
        """Write the result to one safetensors file, with provenance; return its path.

        Raises:
            SaveFormatError: a field holds something that neither a tensor nor JSON can keep.
        """
        self.wait()
        return _save.save_result(self, Path(path))

    @classmethod
    def load(cls: type[R], path: str | Path) -> R:
        """Read a result that `save` wrote; with no model, its widget does not recompute.

        Raises:
            SaveFormatError: the file is not one of ours, of another class, or of a newer version.
        """
        return cls(**_save.load_fields(cls, Path(path)))

    def _shown(self) -> Any:
        reference = vars(self).get("_shown_ref")
        widget = None if reference is None else reference()
        return None if widget is None or widget.closed else widget

    def _widget_class(self) -> Any:
        module, _, name = self._widget.partition(":")
        if not module:
            raise ConfigError(f"{type(self).__name__} has no live view: print it, or use to_frame().")
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise ConfigError(f"No live view here: {error}. Run: pip install anywidget ipywidgets") from error
        except FileNotFoundError as error:
            raise ConfigError(f"No live view here: {error}. Run: poe front, or install the package again.") from error

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the notebook text, a static picture, and the live view when there is one."""
        if self._widget:
            try:
                data, metadata = self.show()._repr_mimebundle_()
            except Exception as error:  # noqa: BLE001 - IPython would swallow it: say why, and show the picture
                warnings.warn(f"No live view of {type(self).__name__}: {error}", stacklevel=2)
            else:
                return dict(data), dict(metadata)
        return static_bundle(self), {}


def static_bundle(shown: Showable) -> dict[str, str]:
    """Return a result's text and static html; a picture that fails becomes text."""
    try:
        summary = repr(shown)
    except Exception as error:  # noqa: BLE001 - a notebook output must not vanish for a headline
        warnings.warn(f"No summary of {type(shown).__name__}: {error}", stacklevel=3)
        summary = f"{type(shown).__name__}()"
    try:
        picture: str = import_module("interp_nb.widgets.fallback").figure_html(shown, summary)
    except Exception as error:  # noqa: BLE001 - as above
        warnings.warn(f"No picture of {type(shown).__name__}: {type(error).__name__}: {error}", stacklevel=3)
        picture = f"<pre>{html.escape(summary)}</pre>"
    return {"text/plain": summary, "text/html": picture}
