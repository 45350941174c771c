"""Widgets of a real tiny model: editing recomputes, a job fills the grid, clicks get their turn."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from interp_nb import Contrast, attention, head_roles, patch_grid
from interp_nb._jobs import Job
from interp_nb._show import Live, peek
from interp_nb.widgets import base
from interp_nb.widgets.codec import unpack
from tests.contract.made import made_grid
from tests.tiny_models import ANSWER, CLEAN, CORRUPTED, WRONG
from tests.widgets.wire import ask, wait_for

CONTRAST = Contrast(CLEAN, CORRUPTED, ANSWER, WRONG)
INPUTS = {"clean": [CLEAN], "corrupted": [CORRUPTED], "answer": [ANSWER], "wrong": [WRONG]}


class SlowGrid:
    """A live 3 x 6 grid whose steps, one row each, wait for the test."""

    def __init__(self, model: Any = None) -> None:
        self.go = threading.Semaphore(0)
        full = made_grid().effect.nan_to_num(0.5)
        empty = torch.full((3, 6), torch.nan)
        state = torch.zeros(3, 6, dtype=torch.uint8)

        def steps() -> Iterator[int]:
            for row in range(3):
                assert self.go.acquire(timeout=20)
                yield row

        def fill(row: int) -> None:
            empty[row], state[row] = full[row], 1

        self.job: Job[int] = Job(steps, on_step=fill)
        self.recomputed: list[dict[str, Any]] = []
        live = Live(model or self, self.recompute, self.job)
        self.result = made_grid(effect=empty, state=state, per_contrast=torch.zeros(2, 3, 6), _live=live)

    def recompute(self, model: Any, **params: Any) -> Any:
        self.recomputed.append(params)
        return model.result

    def end(self) -> None:
        self.go.release(3)
        self.job.wait(20)


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step through to the front end."""
    monkeypatch.setattr(base.ResultWidget, "_push_seconds", 0.0)


def states(widget: Any) -> list[list[int]]:
    return unpack(widget._meta["arrays"], widget._data)["state"].tolist()


def test_grid_fills_while_its_job_runs(pushes):
    slow = SlowGrid()
    widget = slow.result.show()
    wait_for(lambda: widget.state == "running")
    assert widget.progress == 0.0 and sum(map(sum, states(widget))) == 0
    slow.go.release(1)
    wait_for(lambda: widget.progress > 0)
    assert states(widget)[0] == [1] * 6 and states(widget)[2] == [0] * 6
    assert widget.progress == pytest.approx(1 / 3)
    slow.end()
    assert (widget.state, widget.progress) == ("done", 1.0)
    assert sum(map(sum, states(widget))) == 18


def test_updates_come_at_most_four_times_a_second(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(base.time, "monotonic", lambda: clock[0])
    slow = SlowGrid()
    slow.job.pause()
    widget = slow.result.show()
    seen: list[float] = []
    widget.observe(lambda change: seen.append(change.new), "progress")
    slow.job.resume()
    wait_for(lambda: widget.state == "running")
    before = len(seen)
    job, widget._last_push = slow.job, 0.0
    for clock[0] in (10.0, 10.1, 10.2, 10.26, 10.4):
        peek(slow.result, "state")[0, len(seen) - before] = 1
        widget._on_job(job)
    assert len(seen) - before == 2
    slow.end()


def test_a_step_that_comes_while_an_update_is_being_sent_is_sent_too(monkeypatch):
    monkeypatch.setattr(base.ResultWidget, "_push_seconds", 0.05)
    slow = SlowGrid()
    widget = slow.result.show()
    wait_for(lambda: widget.state == "running")
    widget._last_push, sent = base.time.monotonic(), []

    def push() -> None:
        sent.append(len(sent))
        if len(sent) == 1:  # the next step, while this one is on its way
            widget._on_job(slow.job)

    monkeypatch.setattr(widget, "_push", push)
    widget._on_job(slow.job)  # too soon after the last: it waits
    assert not sent
    wait_for(lambda: len(sent) == 2)
    slow.end()


def test_stop_and_pause_buttons_reach_the_job(pushes):
    slow = SlowGrid()
    widget = slow.result.show()
    wait_for(lambda: widget.state == "running")
    assert ask(widget, "control", action="pause")["ok"]
    slow.go.release(1)
    wait_for(lambda: widget.state == "paused")
    assert ask(widget, "control", action="resume")["ok"]
    wait_for(lambda: widget.state == "running")
    assert ask(widget, "control", action="stop")["ok"]
    slow.go.release(1)
    wait_for(lambda: widget.state == "stopped")
    assert states(widget)[0] == [1] * 6 and states(widget)[2] == [0] * 6
    assert 0 < widget.progress < 1


def test_failure_of_the_job_reaches_the_strip():
    def steps() -> Iterator[int]:
        raise ValueError("activations are NaN")
        yield 0

    job: Job[int] = Job(steps)
    widget = made_grid(_live=Live(None, job=job)).show()
    wait_for(lambda: widget.state == "failed")
    wait_for(lambda: widget.error)
    assert widget.error == "ValueError: activations are NaN"


def test_click_is_answered_while_the_grid_fills(monkeypatch):
    slow = SlowGrid()
    widget = slow.result.show()
    seen: list[int] = []
    # Reading a result that is being computed would wait for it, from anywhere but a handler.
    monkeypatch.setattr(type(slow.result), "predict", lambda self, layer, pos: seen.append(len(self.effect)) or 1 / 0)
    assert ask(widget, "predict", layer=0, pos=0)["error"]["type"] == "ZeroDivisionError"
    assert seen == [3] and slow.job.busy
    slow.end()


def test_display_does_not_wait_for_a_running_job():
    slow = SlowGrid()
    data, _ = slow.result._repr_mimebundle_()
    assert slow.job.busy and "<img" in data["text/html"]
    slow.end()


def test_recompute_swaps_the_result_and_stops_the_old_job(pushes):
    old, new = SlowGrid(), SlowGrid()
    widget = old.result.show()
    widget.selected = (0, 2)
    widget.result._live._recompute = lambda model, **params: new.result
    assert ask(widget, "recompute", inputs=INPUTS) == {
        "v": 1, "kind": "reply", "id": "r1", "ok": True, "result": {}, "buffers": [],
    }  # fmt: skip
    assert widget.result is new.result and widget.selected == {"layer": 0, "pos": 2}
    assert new.result.show() is widget and old.result.show() is widget
    old.go.release(1)
    wait_for(lambda: old.job.ended)
    assert old.job.state == "stopped"
    wait_for(lambda: widget.state == "running")
    new.end()
    assert (widget.state, widget.progress) == ("done", 1.0)


def test_refused_recompute_leaves_the_running_job_alone():
    slow = SlowGrid()
    widget = slow.result.show()
    inputs = INPUTS | {"clean": "not a list"}
    assert "must be a list of strings" in ask(widget, "recompute", inputs=inputs)["error"]["message"]
    wrong = ask(widget, "recompute", inputs={"clean": []})["error"]["message"]
    assert wrong == "recompute needs inputs with clean, corrupted, answer, wrong, got clean"
    assert "site must be one of" in ask(widget, "recompute", inputs=INPUTS, site="z")["error"]["message"]
    assert "got also steps" in ask(widget, "recompute", inputs=INPUTS, steps=1)["error"]["message"]

    def refuse(model: Any, **params: Any) -> Any:
        raise KeyError("aligned")

    slow.result._live._recompute = refuse
    assert ask(widget, "recompute", inputs=INPUTS)["error"]["type"] == "KeyError"
    assert widget.result is slow.result
    wait_for(lambda: slow.job.state == "running")
    slow.end()
    assert slow.job.state == "done"


def test_cancel_of_a_recompute_stops_its_job(pushes):
    old, new = SlowGrid(), SlowGrid()
    widget = old.result.show()
    widget.result._live._recompute = lambda model, **params: new.result
    ask(widget, "recompute", "mine", inputs=INPUTS)
    widget._handle_custom_msg({"v": 1, "kind": "cancel", "id": "other"}, [])
    assert new.job.busy
    widget._handle_custom_msg({"v": 1, "kind": "cancel", "id": "mine"}, [])
    new.go.release(1)
    wait_for(lambda: new.job.ended)
    assert new.job.state == "stopped"
    old.end()


def test_comm_is_unpinned_for_ipykernel_7_4_where_it_publishes():
    class Comm:
        def __init__(self) -> None:
            self.kernel = None

        def _reply_subshell_for(self, data: Any, default: Any) -> Any:
            return "the shell that published last"

    class Widget:
        comm = Comm()

    base.unpin_comm(Widget())
    assert Widget.comm._reply_subshell_for({}, "the front end's subshell") == "the front end's subshell"
    base.unpin_comm(object())


# With a model


def test_edited_contrast_is_recomputed_in_the_widget(tiny_model):
    grid = patch_grid(tiny_model, CONTRAST)
    widget = grid.show(selected=(1, 5))
    changed = INPUTS | {"answer": [WRONG], "wrong": [ANSWER]}
    assert ask(widget, "recompute", inputs=changed, site="mlp_out", metric="kl", direction="noise")["ok"]
    wait_for(lambda: widget.state == "done")
    assert widget.result.wait() == patch_grid(
        tiny_model, Contrast(*([text] for text in (CLEAN, CORRUPTED, WRONG, ANSWER))), "mlp_out",
        metric="kl", direction="noise",
    )  # fmt: skip
    arrays = unpack(widget._meta["arrays"], widget._data)
    assert torch.equal(torch.from_numpy(arrays["effect"]), widget.result.effect)
    assert widget._meta["labels"]["site"] == "mlp_out" and widget.selected == {"layer": 1, "pos": 5}
    assert grid.effect is not widget.result.effect


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [("clean", "The Eiffel Tower", "same number of tokens"), ("answer", " Zanzibar", "must be one token"),
     ("clean", "", "prompt is empty")],
)  # fmt: skip
def test_wrong_edit_is_refused_in_the_model_s_words(tiny_model, field, text, message):
    widget = patch_grid(tiny_model, CONTRAST).show()
    before = widget._data
    reply = ask(widget, "recompute", inputs=INPUTS | {field: [text]})
    assert reply["ok"] is False and message in reply["error"]["message"]
    assert widget._data == before and widget.state == "done"


def test_edited_prompt_is_recomputed_and_a_selection_outside_of_it_dropped(tiny_model):
    widget = attention(tiny_model, "The Eiffel Tower is in Paris").show()
    widget.selected = (1, 3, 6)
    assert ask(widget, "recompute", prompt="The Louvre")["ok"]
    assert widget.selected is None and len(widget._meta["tokens"]) == 3
    assert widget.result == attention(tiny_model, "The Louvre")
    assert ask(widget, "recompute", prompt="")["error"]["type"] == "PromptError"


def test_tokenize_splits_as_the_model_does(tiny_model):
    widget = attention(tiny_model, "The Eiffel").show()
    assert ask(widget, "tokenize", text="The Eiffel Tower")["result"]["tokens"] == [
        "<|end|>", "The", " Eiffel", " Tower",
    ]  # fmt: skip
    assert ask(widget, "tokenize", text="")["result"]["tokens"] == []


def test_predict_says_what_the_patched_run_predicts(tiny_model):
    grid = patch_grid(tiny_model, CONTRAST)
    result = ask(grid.show(), "predict", layer=0, pos=2)["result"]
    expected = grid.predict(0, 2)
    assert [each["token"] for each in result["patched"]] == [each.token for each in expected.patched]
    assert ask(grid.show(), "predict", layer=0, pos=99)["error"]["type"] == "SelectionError"


def test_dead_model_gives_a_clear_error_and_the_view_stays():
    from tests.tiny_models import make

    model = make("gpt2")
    widget = patch_grid(model, CONTRAST).show()
    roles = head_roles(model, n_prompts=2, seq_len=8).show()
    assert widget._meta["live"] and roles._meta["live"]
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None, "a widget must not keep a model alive"
    for method, params in (
        ("recompute", {"inputs": INPUTS}),
        ("predict", {"layer": 0, "pos": 0}),
        ("tokenize", {"text": "a"}),
    ):
        assert "it is gone" in ask(widget, method, **params)["error"]["message"]
    assert ask(widget, "control", action="stop")["ok"]


def test_two_threads_get_the_numbers_of_one(tiny_model):
    alone = patch_grid(tiny_model, CONTRAST)
    grids = [patch_grid(tiny_model, CONTRAST, live=True) for _ in range(2)]
    widget = grids[0].show()
    predicted = ask(widget, "predict", layer=1, pos=2)["result"]
    assert predicted == ask(alone.show(), "predict", layer=1, pos=2)["result"]
    for grid in grids:
        assert torch.equal(grid.effect, alone.effect)
