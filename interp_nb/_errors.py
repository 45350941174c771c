"""The errors users meet. Every message says what was expected, what came and what to do.

They all derive from `InterpError`, so one `except` catches what this package refuses. What stays a bare Python error is
a bug of ours.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class InterpError(Exception):
    """Anything this package refuses to do, with the reason and the way out."""


class ModelNotFoundError(InterpError):
    """No model of this name, or no model in this folder."""


class OfflineError(InterpError):
    """The files are not on this machine and the hub cannot be reached."""


class DeviceError(InterpError):
    """The device asked for is not there, or a tensor is on another one."""


class HookNameError(InterpError):
    """The model has no such site or hook point."""


class PromptError(InterpError):
    """The prompt is empty, or longer than the model's context."""


class TokenAlignmentError(InterpError):
    """Two prompts do not line up token by token."""


class AnswerTokenError(InterpError):
    """An answer is not a single token of this model."""


class ShapeError(InterpError):
    """A tensor has the wrong shape, or an index lies outside of it."""


class NonFiniteError(InterpError):
    """A model produced NaN or infinity where a number was needed."""


class SaveFormatError(InterpError):
    """A file is not one of ours, of another class, or of a newer version."""


class DiskError(InterpError):
    """A file could not be written: the disk is full, or the folder is not ours."""


class DataError(InterpError):
    """Training data are empty, end where they must not, or are not what they were."""


class StaleCacheError(InterpError):
    """A disk cache holds other rows than those asked for."""


class StoreMismatchError(InterpError):
    """A feature store was built with another SAE, model, settings or data."""


class VectorMismatchError(InterpError):
    """A steering vector is of another model, site, layer or width than asked for."""


class MemoryBudgetError(InterpError):
    """What was asked for does not fit into the memory there is."""


class ConfigError(InterpError):
    """An argument has a value that makes no sense here."""


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """Say which known names come closest to a wrong one.

    Args:
        known: The names that would have been right, in order of preference.
        n: How many to offer at most.

    Returns:
        A clause that ends an error message: "did you mean 'resid_pre'?", or the first few names when none is close.
    """
    options = list(dict.fromkeys(known))
    by_lower = {option.lower(): option for option in reversed(options)}
    close = [by_lower[match] for match in get_close_matches(name.lower(), by_lower, n=n, cutoff=0.6)]
    if close:
        return f"did you mean {' or '.join(repr(match) for match in close)}?"
    if not options:
        return "there are none to choose from"
    shown = ", ".join(repr(option) for option in options[:8])
    return f"known are {shown}" + (f" and {len(options) - 8} more" if len(options) > 8 else "")
