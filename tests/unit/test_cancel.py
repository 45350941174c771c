"""The signal by which work is given up: heard before a forward, in the context that set it and in no other."""

import threading
from typing import Any

import pytest
import torch

from interp_nb._cancel import CancelledError, cancelled_by, check_cancelled
from interp_nb.models.edit import capture, forward


def test_forward_that_was_given_up_runs_nothing(tiny_model: Any) -> None:
    tokens, signal = torch.tensor([[1, 2]]), threading.Event()
    ran: list[str] = []
    hooks = [("blocks.0.hook_resid_pre", lambda activation, hook: ran.append("hook"))]
    with cancelled_by(signal):
        forward(tiny_model, tokens, hooks=hooks)
        signal.set()
        with pytest.raises(CancelledError, match="cancelled before it was done"):
            forward(tiny_model, tokens, hooks=hooks)
        with pytest.raises(CancelledError):
            capture(tiny_model, tokens, ["blocks.0.hook_resid_pre"], hooks=hooks)
    assert ran == ["hook"]
    forward(tiny_model, tokens, hooks=hooks)
    assert ran == ["hook", "hook"], "usable again"


def test_signal_is_that_of_the_innermost_block_and_of_this_thread() -> None:
    outer, inner, heard = threading.Event(), threading.Event(), []
    outer.set()
    with cancelled_by(outer):
        with cancelled_by(inner):
            check_cancelled()

        def other() -> None:
            check_cancelled()
            heard.append("nothing")

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(CancelledError):
            check_cancelled()
    check_cancelled()
    assert heard == ["nothing"]
