"""Train, patch and steer small language models in a notebook, and see it live.

The public names are looked up when first used, so `import interp_nb` costs nothing: no torch, no output.
"""

from importlib import import_module
from typing import Any

from interp_nb._public import HOME

__version__ = "0.1.0"

__all__ = ["__version__", "errors", *HOME]


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name, and remember the name."""
    if name == "errors":
        value: Any = import_module("interp_nb._errors")
    elif name in HOME:
        value = getattr(import_module(HOME[name]), name)
    else:
        raise AttributeError(f"module 'interp_nb' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, for completion."""
    return sorted(__all__)
