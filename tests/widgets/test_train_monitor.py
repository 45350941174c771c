"""The training monitor: what it sends, what it answers, how latents are picked, how it follows a run."""

import json
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job
from interp_nb._show import Live
from interp_nb.sae.learner import Failure
from interp_nb.sae.run import TrainingRun
from interp_nb.widgets import base, fallback
from interp_nb.widgets.codec import MAX_TRAIT_BYTES, unpack
from interp_nb.widgets.export import page
from interp_nb.widgets.picks import picked
from interp_nb.widgets.train_facts import advice, changes
from interp_nb.widgets.train_series import series
from interp_nb.widgets.train_words import overrides, reproducing_code
from tests.contract.made_run import MadeTrainer, made_history, made_run, made_tops
from tests.widgets.wire import ask, wait_for

EDGES = [-4.0, -3.0, -2.0, -1.0, 0.0]
FIRING = np.array([0.5, 0.0, 0.0625, 0.03125, 0.0078125, 0.0])


def arrays_of(run: Any) -> dict[str, Any]:
    widget = run.show()
    with widget._push_lock:  # not between a new layout and its bytes
        return unpack(widget._meta["arrays"], widget._data)


# What is sent.


def test_history_travels_as_curves_of_each_sae():
    run = made_run()
    arrays, meta = arrays_of(run), run.show()._meta
    names = [each["name"] for each in meta["series"]]
    assert names == [
        "loss", "loss_mse", "loss_l1", "l0", "explained_variance", "dead_fraction", "loss_recovered",
    ]  # fmt: skip
    assert arrays["last.0"][0].tolist() == [8.0, 2.0, 1.0, 0.5]
    assert arrays["last.1"][2].tolist() == [8.0, 2.0, 1.0, 0.5] and np.isnan(arrays["last.0"][2]).all()
    assert arrays["flags.1"][4].tolist() == [1, 2, 1, 1], "the NaN is marked"
    assert arrays["flags.0"][6].tolist() == [0, 0, 0, 1], "what was not evaluated is not"
    assert arrays["ends.0"].tolist() == [[0] * 4, [1000, 2000, 3000, 4000], [10, 20, 30, 40]]
    assert arrays["density"].shape == (2, len(meta["edges"]) - 1) and arrays["never_fired"].tolist() == [2, 0]
    json.dumps(meta, allow_nan=False)


def test_tokens_beyond_32_bits_arrive_whole():
    history = [{**record, "tokens": record["tokens"] + 5_000_000_000} for record in made_history()]
    ends = arrays_of(made_run(history=history))["ends.0"].astype(np.int64)
    assert (ends[0] * 1_000_000 + ends[1]).tolist() == [5_000_001_000 + 1000 * i for i in range(4)]


def test_dead_latents_are_named_and_settings_described():
    first, second = made_run().show()._meta["saes"]
    assert (first["dead"], first["dead_first"], second["dead"]) == (2, [1, 7], 0)
    assert first["settings"][1] == {
        "name": "k", "label": "k", "value": 2, "integer": True, "low": 1, "high": 8, "unit": "latents per token",
    }  # fmt: skip
    assert [each["label"] for each in second["settings"]] == ["learning rate", "L1 coefficient"]


def test_advice_for_each_sae_travels_and_is_drawn():
    first, second = made_run().show()._meta["saes"]
    assert len(first["advice"]) == 1 and second["advice"] == []
    assert first["advice"][0].startswith(
        "25 % of the latents (2) fired on none of the last 1,000 tokens: they are dead"
    )
    without = made_run(since_fired=[torch.zeros(8, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)])
    assert without.show()._meta["saes"][0]["advice"] == []
    heights = [fallback.picture(run)[0][20:24] for run in (made_run(), without)]
    assert int.from_bytes(heights[0], "big") > int.from_bytes(heights[1], "big"), "the picture has room for advice"


def test_run_that_is_over_is_told_to_train_again_and_a_failed_sae_nothing():
    over = made_run(_trainer=None, outcome={"state": "done", "step": 40, "tokens": 4_000})
    assert "train it again" in advice(over, 0)[0]
    failed = made_run(_trainer=None, outcome={"state": "failed", "failures": ["at step 41, NaN", ""]})
    assert advice(failed, 0) == []
    assert advice(made_run(n_tokens=1_000_000), 0) == [], "too early to judge"


def test_the_same_change_of_several_saes_is_one_mark():
    found = changes(made_run())
    assert [(each["setting"], each["saes"], each["old"], each["new"]) for each in found] == [
        ("lr", [0, 1], 0.5, 0.25), ("k", [0], 4, 2),
    ]  # fmt: skip


def test_run_without_any_record_is_shown():
    widget = made_run(history=[], changes=[]).show()
    assert arrays_of(widget.result)["last.0"].shape == (5, 0)
    assert fallback.picture(widget.result)[0].startswith(b"\x89PNG")


def test_terms_of_every_sae_are_found_although_they_differ():
    assert series(made_history())[:3] == ["loss", "loss_mse", "loss_l1"]
    assert series([]) == ["loss", "l0", "explained_variance", "dead_fraction", "loss_recovered"]


def test_loss_term_that_comes_later_is_drawn_from_then_on():
    run = made_run()
    widget = run.show()
    last = run.history[-2:]
    run.history.extend({**record, "step": 50, "tokens": 5_000, "loss_auxk": 0.25} for record in last)
    widget._push()
    names = [each["name"] for each in widget._meta["series"]]
    assert names[:4] == ["loss", "loss_mse", "loss_l1", "loss_auxk"]
    arrays = arrays_of(run)
    assert arrays["flags.0"][3].tolist() == [0, 0, 0, 0, 1] and arrays["last.1"][3, 4] == 0.25
    assert arrays["last.0"][0].tolist() == [8.0, 2.0, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("n_saes", [1, 12])
def test_long_histories_stay_below_the_cap_and_keep_their_spikes(n_saes):
    history = [
        {"sae": sae, "step": i, "tokens": 2048 * i, "loss": 1.0 + (i == 4321), "loss_mse": 1.0, "l0": 8.0}
        for i in range(6000)
        for sae in range(n_saes)
    ]
    made: dict[str, Any] = {
        "firing_shares": [torch.full((64,), 0.125)] * n_saes,
        "since_fired": [torch.zeros(64, dtype=torch.int64)] * n_saes,
        "labels": [f"relu {index}" for index in range(n_saes)],
        "dead_window_tokens": [1_000] * n_saes,
        "configs": made_run().configs[:1] * n_saes,
        "_trainer": None,
    }
    run = made_run(history=history, changes=[], **made)
    arrays = arrays_of(run)
    assert len(run.show()._data) < MAX_TRAIT_BYTES
    assert arrays["high.0"][0].max() == 2.0 and 16 <= arrays["last.0"].shape[1] <= 512


# Picking latents.


@pytest.mark.parametrize(
    ("pick", "latents"), [("densest", [0, 2, 3, 4, 0]), ("rarest", [4, 3, 2, 0, 4]), ("random", None)]
)
def test_latents_are_picked_by_how_often_they_fire(pick, latents):
    found = [picked(FIRING, pick, rank, EDGES) for rank in range(5)]
    assert found == latents or (latents is None and sorted(found[:4]) == [0, 2, 3, 4])


@pytest.mark.parametrize(("bin", "latents"), [(-1, [1, 5]), (1, [4]), (2, [2, 3]), (3, [0])])
def test_latents_are_picked_from_a_bar(bin, latents):
    assert sorted({picked(FIRING, "bin", rank, EDGES, bin) for rank in range(4)}) == latents


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("dense", 0, EDGES), "pick a latent by"), (("random", -1, EDGES), "rank counts from 0"),
     (("bin", 0, EDGES, 0), "histogram has moved on"), (("bin", 0, EDGES, 9), "bin must be from -1")],
)  # fmt: skip
def test_what_cannot_be_picked_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        picked(FIRING, *arguments)
    with pytest.raises(ConfigError, match="No latent has fired yet"):
        picked(np.zeros(4), "densest", 0, EDGES)


def test_peek_sends_the_top_tokens_of_what_was_picked(monkeypatch):
    asked: list[Any] = []
    monkeypatch.setattr(TrainingRun, "peek", lambda self, latent, n, sae: asked.append((latent, sae)) or made_tops())
    widget = made_run().show()
    reply = ask(widget, "peek", pick="rarest", rank=0, sae=1)["result"]
    assert asked == [(3, 1)] and (reply["latent_idx"], reply["firing"], reply["dead"]) == (3, 0.00390625, False)
    assert reply["tops"][0]["token"] == " sleep" and reply["tops"][0]["values"][3] == 2.0
    assert ask(widget, "peek", pick="index", latent_idx=1, sae=0)["result"]["dead"] is True
    for params, message in (({"pick": "index", "latent_idx": 8}, "latent must be from 0 to 7"),
                            ({"pick": "index", "latent_idx": True}, "latent must be from 0 to 7"),
                            ({"pick": "index", "latent_idx": 0, "sae": 2}, "sae must be from 0 to 1")):  # fmt: skip
        assert message in ask(widget, "peek", **params)["error"]["message"]


# Steering.


class SlowRun:
    """A run in the background whose steps, one record each, wait for the test."""

    def __init__(self) -> None:
        self.trainer = MadeTrainer()
        self.trainer.step = self.trainer.tokens = 0
        self.steps_left = 3
        self.history: list[dict[str, Any]] = []
        self.run = made_run(history=self.history, changes=[], _trainer=self.trainer, _live=Live(self))
        self.allowed = 0

    def steps(self) -> Iterator[int]:
        while self.steps_left:
            deadline = time.monotonic() + 20
            while not self.allowed:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            self.allowed -= 1
            self.steps_left -= 1
            self.trainer.step += 10
            self.trainer.tokens += 1_000
            self.history.extend(made_history()[2 * (self.trainer.step // 10 - 1) :][:2])
            yield self.trainer.step

    def start(self) -> Job[int]:
        job: Job[int] = Job(self.steps)
        self.run._live.job = job
        return job.start()


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step through to the front end."""
    monkeypatch.setattr(base.ResultWidget, "_push_seconds", 0.0)


def test_curves_grow_while_it_trains_and_buttons_reach_the_job(pushes):
    slow = SlowRun()
    slow.start()
    widget = slow.run.show()
    assert arrays_of(slow.run)["last.0"].shape[1] == 0 and widget.state == "running"
    slow.allowed = 1
    wait_for(lambda: widget._meta["status"]["tokens"] == 1_000)
    assert arrays_of(slow.run)["last.0"][0].tolist() == [8.0] and widget.progress == pytest.approx(0.1)
    assert ask(widget, "control", action="pause")["ok"]
    slow.allowed = 1
    wait_for(lambda: widget.state == "paused")
    assert arrays_of(slow.run)["last.0"][0].tolist() == [8.0, 2.0]
    assert ask(widget, "control", action="resume")["ok"]
    wait_for(lambda: widget.state == "running")
    assert ask(widget, "control", action="stop")["ok"]
    slow.allowed = 1
    wait_for(lambda: widget.state == "stopped")
    assert slow.history[-1]["step"] == 30 and arrays_of(slow.run)["ends.1"][2].tolist() == [10, 20, 30]


def test_run_that_goes_on_after_a_stop_is_followed(pushes):
    slow = SlowRun()
    slow.trainer.steps = slow.steps
    slow.start()
    widget = slow.run.show()
    slow.run.stop()
    slow.allowed = 1
    wait_for(lambda: widget.state == "stopped")
    assert widget._meta["status"]["resumable"]
    assert ask(widget, "control", action="resume")["ok"]
    wait_for(lambda: widget.state == "running")
    slow.allowed = 2
    wait_for(lambda: widget._meta["status"]["tokens"] == 3_000)
    assert arrays_of(slow.run)["ends.0"][2].tolist() == [10, 20, 30]


def test_settings_reach_the_run_and_refusals_come_back():
    run = made_run()
    widget = run.show()
    assert ask(widget, "set", settings={"k": 4}, sae=0)["ok"]
    assert ask(widget, "set", settings={"lr": 0.125}, sae=None)["ok"]
    assert run._trainer.requests == [(0, "k", 4), (0, "lr", 0.125), (1, "lr", 0.125)]
    assert "k must be 1 to 8 here" in ask(widget, "set", settings={"k": -1}, sae=0)["error"]["message"]
    assert "set needs settings by name" in ask(widget, "set", settings={})["error"]["message"]
    assert "sae must be from 0 to 1" in ask(widget, "set", settings={"k": 4}, sae=7)["error"]["message"]


def test_history_that_was_cut_short_is_read_anew():
    run = made_run()
    widget = run.show()
    del run.history[2:]
    widget._push()
    assert arrays_of(run)["last.0"][0].tolist() == [8.0]


def test_history_that_went_back_to_a_checkpoint_is_read_anew_however_long_it_is():
    run = made_run()
    widget = run.show()
    run.history[2:] = [{**record, "loss": 4.0} for record in run.history[2:]]
    widget._push()
    assert arrays_of(run)["last.0"][0].tolist() == [8.0, 4.0, 4.0, 4.0]


def test_filling_of_the_buffer_is_told_until_it_is_full(pushes):
    slow = SlowRun()
    slow.trainer.filling = 0.25
    slow.start()
    widget = slow.run.show()
    assert widget._meta["status"]["filling"] == 0.25
    slow.trainer.filling = None
    slow.allowed = 3
    wait_for(lambda: widget.state == "done")
    assert widget._meta["status"]["filling"] is None


def test_sae_that_stayed_behind_is_told_once():
    run = made_run()
    widget = run.show()
    assert widget.error == ""
    run._trainer.learners[1].failure = Failure(20, 2_000, "SAE 1: at step 30, the loss became NaN")
    widget._push()
    assert widget.error == "SAE 1: at step 30, the loss became NaN"
    assert widget._meta["status"]["reason"] == "stopped after step 40; SAE 1: at step 30, the loss became NaN"
    widget.error = ""
    widget._push()
    assert widget.error == ""


def test_selection_names_a_latent_of_an_sae():
    run = made_run()
    run.selected = {"latent_idx": 3, "sae": 1}
    assert run.selected == {"latent_idx": 3, "sae": 1}
    with pytest.raises(ConfigError, match="from 0 to 7"):
        run.selected = (8, 0)


# Without a kernel.


def test_loaded_run_is_shown_and_refuses_what_it_cannot(tmp_path):
    made_run(_saes=[]).save(tmp_path / "run.safetensors")
    run = TrainingRun.load(tmp_path / "run.safetensors")
    widget = run.show()
    assert arrays_of(run)["last.0"][0].tolist() == [8.0, 2.0, 1.0, 0.5]
    assert widget._meta["status"]["resumable"] is False and widget._meta["saes"][0]["settings"] == []
    assert "was loaded from a file" in ask(widget, "peek", pick="index", latent_idx=0)["error"]["message"]


def test_exported_page_records_latents_to_look_at(monkeypatch):
    monkeypatch.setattr(TrainingRun, "peek", lambda self, latent, n, sae: made_tops())
    owner = type("Owner", (), {})()
    run = made_run(_live=Live(owner))
    run.selected = (3, 1)
    state = json.loads(page([run]).split("data-inb-state>")[1].split("</script>")[0])["widgets"][0]
    assert 'peek {"latent_idx":3,"pick":"index","sae":1}' in state["replies"]
    assert 'peek {"pick":"densest","rank":0,"sae":0}' in state["replies"]
    assert 'peek {"latent_idx":7,"pick":"index","sae":0}' in state["replies"]


def test_picture_is_the_same_twice_and_survives_odd_values():
    history = made_history()
    history[4]["loss"], history[4]["loss_mse"] = math.inf, -math.inf
    one, other = (fallback.picture(made_run(history=history))[0] for _ in range(2))
    assert one == other and one != fallback.picture(made_run())[0]
    text = made_run()._repr_mimebundle_()[0]["text/plain"]
    assert text == "TrainingRun(blocks.2.hook_resid_post, 2 SAEs, d_in=4, n_tokens=10000)"


def test_code_trains_the_same_again():
    run = made_run()
    assert reproducing_code(run).splitlines() == [
        "from interp_nb import load_model, train_sae", "", "model = load_model()",
        "data = ...  # the texts, tokens or activations that this was trained on",
        "run = train_sae(", "    model,", "    'resid_post',", "    data,",
        "    [{'d_sae': 8, 'k': 2}, {'d_sae': 4, 'architecture': 'relu'}],",
        "    n_tokens=10000,", "    layer=2,", "    ctx_len=64,", ")", "run",
    ]  # fmt: skip
    assert overrides(run.configs[0]) == {"d_sae": 8, "k": 2, "n_tokens": 10_000}
    nested = run.configs[1]["train"] | {"sparsity": run.configs[1]["train"]["sparsity"] | {"coefficient": 5.0}}
    assert overrides({"sae": run.configs[1]["sae"], "train": nested})["sparsity_coefficient"] == 5.0
