"""Silence while a model loads, and global state put back afterwards.

Loading imports TransformerLens and transformers, which log, print progress bars, add warning filters, set environment
variables and may draw random numbers. None of that is the user's business: inside `quiet` only errors are heard, and on
the way out the process is as it was.
"""

import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch


@contextmanager
def quiet(*, downloads: bool = False) -> Iterator[None]:
    """Let only errors through, and leave global state as it was.

    Kept: random number generators (Python, NumPy, torch), gradient mode, environment, warning filters, logging levels
    and handlers, progress bar switches.

    Args:
        downloads: Keep download bars, because a download takes minutes.
    """
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        for put_back in _snapshot():
            stack.callback(put_back)
        warnings.simplefilter("ignore")
        # `disable` rather than levels: it reaches loggers that the import below is about to create.
        logging.disable(max(logging.WARNING, logging.root.manager.disable))
        _silence_bars(stack, downloads)
        yield


def _snapshot() -> list[Callable[[], object]]:
    """Remember global state; each function returned puts one part of it back."""
    environment, handlers, disabled = dict(os.environ), list(logging.root.handlers), logging.root.manager.disable
    put_back: list[Callable[[], object]] = [
        partial(_restore_environment, environment),
        partial(_restore_handlers, handlers),
        partial(logging.disable, disabled),
        partial(torch.set_grad_enabled, torch.is_grad_enabled()),
        partial(torch.set_default_dtype, torch.get_default_dtype()),
        partial(torch.random.set_rng_state, torch.random.get_rng_state()),
        partial(random.setstate, random.getstate()),
        partial(np.random.set_state, np.random.get_state()),
    ]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        put_back.append(partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    return put_back


def _silence_bars(stack: ExitStack, downloads: bool) -> None:
    """Switch off progress bars, and TransformerLens's own change of transformers' log level."""
    from transformers.utils import logging as transformers_logging

    logger = logging.getLogger("transformers")
    stack.callback(logger.setLevel, logger.level)
    hub_bars: Any = sys.modules["huggingface_hub.utils"]
    hub_bars_were_on = not hub_bars.are_progress_bars_disabled()
    if transformers_logging.is_progress_bar_enabled():
        stack.callback(transformers_logging.enable_progress_bar)
        transformers_logging.disable_progress_bar()
    # transformers' switch turns the hub's bars with it, so these are set after it and put back before it.
    if downloads and hub_bars_were_on:
        hub_bars.enable_progress_bars()


def _restore_environment(before: dict[str, str]) -> None:
    for key in [key for key in os.environ if key not in before]:
        del os.environ[key]
    for key, value in before.items():
        if os.environ.get(key) != value:
            os.environ[key] = value


def _restore_handlers(before: list[logging.Handler]) -> None:
    # `logging.warning()` puts a handler on the root logger when there is none, which would print twice ever after.
    for handler in list(logging.root.handlers):
        if handler not in before:
            logging.root.removeHandler(handler)
