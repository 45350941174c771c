"""`train_sae` and what it returns: the history, steering a run, its ends, and what it refuses."""

import math
import threading
import time
from typing import Any

import pytest
import torch

from tests.killed_run import SETTINGS, rows, texts

SITE = "blocks.0.hook_resid_post"


def train(data=None, config=None, **more) -> Any:
    import interp_nb

    settings = SETTINGS | {"k": 3} if config is None else config
    more = {"background": False, "progress": False} | more
    return interp_nb.train_sae(None, "acts", rows() if data is None else data, settings, **more)


class Exploding:
    """A callback that gives SAEs an absurd learning rate at the record of step 12, once, and may stop their run."""

    def __init__(self, saes, stop_at=None) -> None:
        self.saes, self.stop_at, self.armed, self.run = saes or (None,), stop_at, True, None

    def __call__(self, record) -> None:
        assert self.run is not None
        if record["step"] == 12 and self.armed:
            self.armed = False
            for sae in self.saes:
                self.run.set(lr=1e38, sae=sae)
        if record["step"] == self.stop_at:
            self.run.stop()


@pytest.fixture
def exploding(monkeypatch):
    """Train in the foreground, with a callback that makes the loss NaN soon after step 12."""
    from interp_nb.sae import training

    foreground, callbacks = training.in_foreground, []

    def remember(run, progress):
        if callbacks:
            callbacks[-1].run = run
        return foreground(run, progress)

    monkeypatch.setattr(training, "in_foreground", remember)

    def start(*saes, trained=train, stop_at=None, **more):
        callbacks.append(Exploding(saes, stop_at))
        return trained(callbacks=callbacks[-1:], **more)

    return start


def train_text(model, **more) -> Any:
    import interp_nb

    settings = SETTINGS | {"k": 3, "n_eval_tokens": 100, "n_tokens": 1024} | more
    return interp_nb.train_sae(model, SITE, texts(), settings, background=False, progress=False, ctx_len=16)


class Gate:
    """A callback that holds the run at a record until it is opened."""

    def __init__(self, step: int) -> None:
        self.step, self.reached, self.opened = step, threading.Event(), threading.Event()

    def __call__(self, record) -> None:
        if record["step"] == self.step:
            self.reached.set()
            assert self.opened.wait(60)


@pytest.fixture
def held_run():
    """A run in the background that waits at its record of step 4."""
    gate = Gate(4)
    run = train(background=True, callbacks=[gate])
    assert gate.reached.wait(60)
    yield run, gate
    gate.opened.set()
    run.stop()


# What it gives.


def test_training_reconstructs_better_and_better():
    run = train(config=SETTINGS | {"k": 3, "n_tokens": 4096, "lr": 1e-2}, epochs=None)
    assert (run.state, run.reason, run.tokens, run.step) == ("done", "", 4096, 64)
    first, last = run.history[0], run.history[-1]
    assert last["loss"] < 0.5 * first["loss"]
    assert last["explained_variance"] > max(0.5, first["explained_variance"])


def test_history_has_a_record_where_it_was_asked_for():
    run = train()
    steps = [record["step"] for record in run.history]
    # Every 4 steps, at evaluations (every 10), and at the end.
    assert steps == sorted({*range(4, 31, 4), 10, 20, 30})
    record = run.history[-1]
    assert record["tokens"] == 1920 == run.n_tokens
    assert record["l0"] == pytest.approx(3.0)
    assert record["loss"] == pytest.approx(record["loss_mse"] + record.get("loss_auxk", 0.0))
    assert record["loss_recovered"] is None  # no model
    assert set(run.to_frame().columns) >= {"label", "step", "l0", "explained_variance", "dead_fraction"}


def test_history_numbers_are_those_of_the_batches():
    """One record over the whole run, at a learning rate that changes nothing, against the plain definitions."""
    from interp_nb.sae.metrics import explained_variance

    settings = SETTINGS | {"k": 3, "n_tokens": 512, "record_every": 8, "eval_every": 8, "lr": 1e-30}
    data = rows()[:640]
    run = train(data=data, config=settings | {"architecture": "topk"})
    data = data[128:]  # what was not held out
    sae = run.sae
    with torch.no_grad():
        latent_acts = sae.encode(data)
        recons = sae.decode(latent_acts)
    record = run.history[-1]
    assert record["l0"] == pytest.approx(float((latent_acts > 0).sum(1).float().mean()), abs=1e-6)
    assert record["explained_variance"] == pytest.approx(explained_variance(data, recons), abs=1e-5)
    torch.testing.assert_close(run.firing(), (latent_acts > 0).float().mean(0))
    assert int(run.density.sum()) + int(run.never_fired.sum()) == 24
    error = (data - recons).square().sum(1).mean() * sae.norm_scale**2
    assert record["loss_mse"] == pytest.approx(float(error), rel=1e-4)


def test_dead_latents_are_those_silent_for_the_window():
    settings = SETTINGS | {
        "k": 1,
        "architecture": "topk",
        "dead_after_tokens": 128,
        "auxk_coefficient": 0.0,
        "lr": 1e-30,
    }
    run = train(config=settings | {"record_every": 1})
    assert run.dead_window_tokens == [128]
    assert run.history[0]["dead_fraction"] == 0  # nothing can be silent for longer than the run
    assert run.history[-1]["n_dead"] == int(run.dead().sum()) > 0
    assert run.history[-1]["dead_fraction"] == pytest.approx(run.history[-1]["n_dead"] / 24)
    # A latent that is dead now fired on none of the last 128 tokens, so its share is small.
    assert float(run.firing()[run.dead()].max()) < float(run.firing().max())


def test_window_of_a_dead_fraction_is_beside_it():
    """SAEs of one sweep may have windows of their own, and the numbers are not the same then."""
    silent = SETTINGS | {"k": 1, "architecture": "topk", "auxk_coefficient": 0.0, "lr": 1e-30}
    run = train(config=[silent | {"dead_after_tokens": n} for n in (128, 1280)])
    last = run.to_frame().groupby("sae").last()
    assert last.dead_window_tokens.tolist() == [128, 1280] == run.dead_window_tokens
    assert last.dead_fraction[0] > last.dead_fraction[1]
    assert [int(run.dead(sae).sum()) for sae in (0, 1)] == last.n_dead.tolist()
    columns = list(run.to_frame().columns)
    assert columns.index("dead_window_tokens") == columns.index("dead_fraction") + 1


@pytest.mark.parametrize("grad_clip", [1.0, None])
def test_gradients_are_clipped_unless_asked_otherwise(grad_clip):
    run = train(**({} if grad_clip else {"grad_clip": None}))
    assert run.configs[0]["train"]["grad_clip"] == grad_clip
    left = torch.nn.utils.get_total_norm([each.grad for each in run.sae.parameters() if each.grad is not None])
    before = run.history[-1]["grad_norm"]
    assert before > 1.5, "there is something to clip"
    assert float(left) == pytest.approx(grad_clip or before, rel=1e-4)


def test_loss_recovered_is_measured_on_held_out_text(tiny_model):
    from interp_nb.sae.metrics import loss_recovered

    run = train_text(tiny_model)
    evaluated = [record for record in run.history if record["loss_recovered"] is not None]
    assert [record["step"] for record in evaluated] == [10, 16]
    held = run._trainer.held
    found = loss_recovered(run.sae, tiny_model, held.tokens, SITE, ablation="mean", mask=held.mask)
    assert evaluated[-1]["loss_recovered"] == pytest.approx(found.loss_recovered, abs=1e-4)
    assert evaluated[-1]["ce_clean"] == pytest.approx(found.ce_clean, abs=1e-5)


def test_provenance_has_layer_0(tiny_model):
    import interp_nb

    run = interp_nb.train_sae(
        tiny_model, "resid_post", texts(), SETTINGS | {"k": 3, "n_eval_tokens": 50}, layer=0, ctx_len=16,
        background=False, progress=False, epochs=None,
    )  # fmt: skip
    assert run.provenance["arguments"] == {"site": "resid_post", "layer": 0, "reading": {"ctx_len": 16}}


def test_seed_decides_everything():
    a, b, c = train(), train(), train(seed=1)
    assert torch.equal(a.sae.W_dec, b.sae.W_dec)
    assert not torch.equal(a.sae.W_dec, c.sae.W_dec)


def test_global_state_is_left_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    with torch.no_grad():
        run = train()
    assert run.state == "done"
    assert torch.equal(torch.random.get_rng_state(), before)


def test_resampling_starts_dead_latents_anew():
    settings = SETTINGS | {"k": 1, "architecture": "topk", "dead_after_tokens": 128, "auxk_coefficient": 0.0}
    run = train(config=settings | {"resample_every": 512, "lr": 1e-30})
    done = [entry for entry in run.changes if entry["setting"] == "resampled latents"]
    assert [entry["tokens"] for entry in done] == [512, 1024, 1536]
    assert done[0]["new"] > 0


@pytest.mark.parametrize("architecture", ["relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated"])
def test_every_architecture_trains(architecture):
    k = {"k": 3} if architecture in ("topk", "batch_topk", "matryoshka") else {}
    run = train(config=SETTINGS | {"architecture": architecture, "n_tokens": 640} | k)
    assert run.state == "done"
    assert all(math.isfinite(run.history[-1][name]) for name in ("loss", "l0", "explained_variance"))


def test_transcoder_trains_on_its_targets():
    acts = rows()
    run = train(data=(acts, acts @ torch.randn(8, 5)), config=SETTINGS | {"k": 3, "n_tokens": 640})
    assert (run.sae.cfg.kind, run.sae.cfg.d_in, run.sae.cfg.d_out) == ("transcoder", 8, 5)
    assert run.sae(acts[:3]).shape == (3, 5)


def test_transcoder_between_sites_of_a_model_is_evaluated(tiny_model):
    import interp_nb

    run = interp_nb.train_sae(
        tiny_model, "resid_mid", texts(), SETTINGS | {"k": 3, "n_eval_tokens": 100, "n_tokens": 320}, layer=0,
        target="mlp_out", target_layer=0, background=False, progress=False, ctx_len=16,
    )  # fmt: skip
    assert run.site == "blocks.0.hook_resid_mid -> blocks.0.hook_mlp_out"
    assert run.history[-1]["loss_recovered"] <= 1


@pytest.mark.parametrize(("target", "kind"), [(None, "crosscoder"), ("mlp_out", "clt")])
def test_several_sites_train_together(tiny_model, target, kind):
    import interp_nb

    run = interp_nb.train_sae(
        tiny_model, "resid_mid", texts(), SETTINGS | {"k": 3, "n_eval_tokens": 100, "n_tokens": 320}, layer=[0, 1],
        target=target, target_layer=None if target is None else [0, 1], background=False, progress=False, ctx_len=16,
    )  # fmt: skip
    assert (run.sae.cfg.kind, run.sae.cfg.n_sites, run.sae.cfg.d_in) == (kind, 2, 64)
    assert math.isfinite(run.history[-1]["loss_recovered"])


# Several SAEs on one stream.


def test_sweep_trains_each_as_if_alone():
    alone = [train(config=SETTINGS | {"k": k}) for k in (2, 5)]
    run = train(config=[SETTINGS | {"k": 2}, SETTINGS | {"k": 5}])
    assert run.labels == ["batch_topk 24 k=2", "batch_topk 24 k=5"]
    for number, single in enumerate(alone):
        assert torch.equal(run.saes[number].W_dec, single.sae.W_dec)
    assert [record["sae"] for record in run.latest] == [0, 1]
    assert [record["l0"] for record in run.latest] == pytest.approx([2, 5])
    assert run.density.shape[0] == 2


def test_sweep_over_learning_rates_is_named_by_them():
    run = train(config=[SETTINGS | {"k": 2, "lr": 1e-3}, SETTINGS | {"k": 2, "lr": 1e-4}])
    assert run.labels == ["batch_topk 24 k=2 lr=0.001", "batch_topk 24 k=2 lr=0.0001"]
    plain = {name: value for name, value in SETTINGS.items() if name != "lr"} | {"k": 2}
    run = train(config=[plain, plain | {"lr": 0.5}])
    assert run.labels[0] == f"batch_topk 24 k=2 lr={run.settings[0]['lr']['value']:.3g}", "not lr=None"


def test_sweep_refuses_what_one_stream_cannot_serve():
    from interp_nb._errors import ConfigError

    with pytest.raises(ConfigError, match="share batch_size"):
        train(config=[SETTINGS | {"k": 2}, SETTINGS | {"k": 2, "batch_size": 32}])
    with pytest.raises(ConfigError, match="empty list"):
        train(config=[])
    several = train(config=[SETTINGS | {"k": 2}, SETTINGS | {"k": 3}])
    with pytest.raises(ConfigError, match="trained 2 SAEs"):
        _ = several.sae


# Steering a run.


def test_run_in_the_background_can_be_paused_changed_resumed_and_stopped(held_run):
    run, gate = held_run
    assert run.state == "running"
    run.pause()
    gate.opened.set()
    wait_for(lambda: run.state == "paused")
    step = run.step
    run.set(lr=1e-5, k=2)
    assert run.settings[0]["k"]["value"] == 2  # what will hold
    assert run.changes == []  # takes effect between steps
    assert run.sae is run.saes[0]  # does not wait while paused
    time.sleep(0.1)
    assert run.step == step
    run.resume()
    run.wait()
    assert run.state == "done"
    assert [(c["setting"], c["old"], c["new"], c["step"]) for c in run.changes] == [
        ("lr", 3e-3, 1e-5, step),
        ("k", 3, 2, step),
    ]
    assert (run.history[-1]["k"], run.sae.cfg.k) == (2, 2)
    assert run.history[-1]["l0"] == pytest.approx(2.0)


def test_stopped_run_goes_on_in_memory(held_run):
    run, gate = held_run
    run.stop()
    gate.opened.set()
    run.wait()
    assert run.state == "stopped"
    assert "stopped after step" in run.reason
    assert run.step < 30
    run.resume(background=False)
    assert (run.state, run.reason, run.step) == ("done", "", 30)
    assert torch.equal(run.sae.W_dec, train().sae.W_dec)


def test_sae_waits_for_the_end_and_snapshot_does_not(held_run):
    run, gate = held_run
    (now,) = run.snapshot()
    assert run.state == "running"
    threading.Timer(0.2, gate.opened.set).start()
    assert run.sae is run._saes[0]
    assert run.state == "done"
    assert not torch.equal(now.W_dec, run.sae.W_dec)


def test_peek_answers_while_it_trains(tiny_model):
    import interp_nb

    gate = Gate(4)
    run = interp_nb.train_sae(
        tiny_model, SITE, texts(), SETTINGS | {"k": 3, "n_eval_tokens": 100, "n_tokens": 640}, background=True,
        ctx_len=16, callbacks=[gate],
    )  # fmt: skip
    assert gate.reached.wait(60)
    found = [run.peek(latent) for latent in range(24)]
    assert run.state == "running"
    assert any(found)
    gate.opened.set()
    run.wait()


@pytest.mark.parametrize("kernel", [object(), None])
def test_it_trains_in_the_background_in_a_notebook_only(monkeypatch, kernel):
    import sys
    from types import SimpleNamespace

    shell = SimpleNamespace(kernel=kernel)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    gate = Gate(4)
    if kernel is None:
        gate.opened.set()
    run = train(background=None, callbacks=[gate])
    assert run.state == ("done" if kernel is None else "running")
    gate.opened.set()
    run.wait()


def test_coefficients_can_be_changed():
    settings = SETTINGS | {"architecture": "relu", "l1_coefficient": 1.0, "sparsity_warmup": 0.0}
    gate = Gate(4)
    run = train(config=settings, background=True, callbacks=[gate])
    assert gate.reached.wait(60)
    run.set(l1_coefficient=50)
    gate.opened.set()
    run.wait()
    before = [r for r in run.history if r["step"] <= 4][-1]
    assert (before["l1_coefficient"], run.history[-1]["l1_coefficient"]) == (1.0, 50.0)
    # The activations that it weighs become smaller than they would have.
    unchanged = train(config=settings)
    assert run.history[-1]["loss_l1"] / 50 < unchanged.history[-1]["loss_l1"]


def test_coefficient_set_to_zero_can_be_raised_again(held_run):
    run, gate = held_run
    run.set(auxk_coefficient=0)
    run.set(auxk_coefficient=0.5)
    gate.opened.set()
    run.wait()
    assert [(entry["old"], entry["new"]) for entry in run.changes] == [(1 / 32, 0.0), (0.0, 0.5)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k must be 1 to 24"),
        ({"k": 2.5}, "whole number"),
        ({"k": 25}, "k must be 1 to 24"),
        ({"lr": -1}, "lr must be 0 or more"),
        ({"lr": float("nan")}, "must be a number"),
        ({"learning_rate": 1}, "no setting 'learning_rate'"),
        ({"l1_coefficient": 1}, "batch_topk has no setting 'l1_coefficient'"),
        ({"k": 3, "sae": 4}, "sae must be 0 to 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(held_run, settings, message):
    from interp_nb._errors import ConfigError

    run, gate = held_run
    with pytest.raises(ConfigError, match=message):
        run.set(**settings)
    gate.opened.set()
    run.wait()
    assert run.changes == []


def test_run_can_be_stopped_while_its_buffer_fills(tiny_model):
    """Filling it is most of the time before the first step, with a model that is not tiny."""
    import interp_nb
    from interp_nb.sae import buffer

    asked = []

    def endless():
        while True:
            asked.append(1)
            yield from texts()

    run = interp_nb.train_sae(
        tiny_model, SITE, endless, SETTINGS | {"k": 3, "buffer_tokens": 10**6, "n_eval_tokens": 50}, ctx_len=16,
        background=True,
    )  # fmt: skip
    while len(asked) < 5 and run.state == "running":
        time.sleep(0.01)
    assert run.filling is not None and 0 <= run.filling < 0.1
    run.stop()
    run.wait()
    assert (run.state, run.step, run.filling) == ("stopped", 0, None)
    assert len(asked) < 10**6 / len(texts()), "it did not fill"
    assert buffer._PIECE < 10**6
    assert math.isnan(run.tokens_per_second), "filling is not training speed"


def test_nothing_can_be_changed_after_the_end():
    from interp_nb._errors import ConfigError

    run = train()
    with pytest.raises(ConfigError, match="is done"):
        run.set(lr=1.0)
    with pytest.raises(ConfigError, match="cannot go on"):
        run.resume()


def test_peek_shows_the_tokens_a_latent_fires_on_most(tiny_model):
    run = train_text(tiny_model)
    held = run._trainer.held
    with torch.no_grad():
        latent_acts = run.sae.encode(held.acts)
    latent = int(latent_acts.sum(0).argmax())
    found = run.peek(latent, n=3)
    assert found[0].value == pytest.approx(float(latent_acts[:, latent].max()), rel=1e-5)
    assert [each.value for each in found] == sorted([each.value for each in found], reverse=True)
    names = tiny_model.to_str_tokens(held.tokens[found[0].doc], prepend_bos=False)
    assert found[0].token == names[found[0].pos]
    assert [*found[0].before, found[0].token] == names[max(0, found[0].pos - 11) : found[0].pos + 1]
    assert found[0].values[len(found[0].before)] == pytest.approx(found[0].value)
    ends = [int(held.mask[each.doc].nonzero()[-1]) for each in found]
    assert all(each.pos + len(each.after) <= end for each, end in zip(found, ends, strict=True))  # no padding
    silent = [index for index in range(24) if float(latent_acts[:, index].max()) == 0]
    if silent:
        assert run.peek(silent[0]) == []


def test_peek_needs_tokens_and_a_latent(tiny_model):
    from interp_nb._errors import ConfigError

    run = train()
    with pytest.raises(ConfigError, match="without their text"):
        run.peek(0)
    with pytest.raises(ConfigError, match="latent_idx must be 0 to 23"):
        run.peek(24)


def test_callback_that_fails_is_dropped_and_the_run_goes_on():
    calls = []

    def fails(record):
        calls.append(record)
        raise RuntimeError("no connection")

    with pytest.warns(UserWarning, match="no connection"):
        run = train(callbacks=[fails])
    assert run.state == "done"
    assert len(calls) == 1


def test_interrupt_keeps_the_run(monkeypatch):
    """A KeyboardInterrupt of the waiting thread ends the run between steps."""
    from interp_nb._jobs import Job

    waited = Job.wait

    def interrupted(self, timeout=None):
        if timeout is None and not self.ended and not getattr(self, "_was", False):
            self._was = True
            done = self._done.wait

            def once(seconds=None):
                self._done.wait = done
                raise KeyboardInterrupt

            self._done.wait = once
        return waited(self, timeout)

    monkeypatch.setattr(Job, "wait", interrupted)
    with pytest.warns(UserWarning, match="resume\\(\\) goes on"):
        run = train(epochs=None, config=SETTINGS | {"k": 3, "n_tokens": 64 * 100})
    assert run.state == "interrupted"
    monkeypatch.undo()
    run.resume(background=False)
    assert run.state == "done"


# How it can end.


def test_data_that_end_early_end_the_run_with_what_it_has(tmp_path):
    with pytest.warns(UserWarning, match="the data ended after 2372 of 10000 tokens. Give more data, or n_tokens=2372"):
        run = train(config=SETTINGS | {"k": 3, "n_tokens": 10_000}, checkpoint_dir=tmp_path)
    assert run.state == "data ended"
    assert run.tokens == 2500 - 128
    assert run.reason == "the data ended after 2372 of 10000 tokens"
    assert run.sae.encode(rows()[:2]).shape == (2, 24)
    assert run.history[-1]["tokens"] == 2372
    assert list(tmp_path.iterdir())


def test_without_a_number_of_tokens_all_data_are_used():
    settings = {name: value for name, value in SETTINGS.items() if name not in ("n_tokens", "n_eval_tokens")}
    run = train(config=settings | {"k": 3})
    assert (run.state, run.tokens, run.n_tokens) == ("done", 2250, 2250)  # a tenth is held out
    run = train(config=settings | {"k": 3}, epochs=2)
    assert (run.state, run.tokens, run.n_tokens) == ("done", 4500, 4500)
    run = train(config=settings | {"k": 3, "n_tokens": 6000}, epochs=None)
    assert (run.state, run.tokens, len(run._trainer.held.acts)) == ("done", 6000, 250)


@pytest.mark.parametrize(("packing", "epochs"), [("packed", 1), ("separate", 1), ("packed", 2), ("separate", 2)])
def test_without_a_number_of_tokens_text_is_counted_so_that_schedules_fit(tiny_model, packing, epochs):
    """The warm-up of a run of unknown length would be longer than most texts."""
    import interp_nb

    settings = {name: value for name, value in SETTINGS.items() if name not in ("n_tokens", "n_eval_tokens")}
    run = interp_nb.train_sae(
        tiny_model, SITE, texts()[:200], settings | {"k": 3}, background=False, progress=False, ctx_len=16,
        packing=packing, epochs=epochs,
    )  # fmt: skip
    assert (run.state, run.tokens) == ("done", run.n_tokens)
    assert run._trainer.config.n_tokens == run.n_tokens, "schedules are those of this length"
    n_held = len(run._trainer.held.acts)
    assert 0.85 < run.n_tokens / epochs / (9 * n_held) < 1.15, "a tenth of the text is held out"


def test_learning_rate_that_explodes_ends_the_run_at_the_last_good_weights(tmp_path, exploding):
    from interp_nb._errors import NonFiniteError
    from interp_nb.sae.run import TrainingRun

    with pytest.raises(NonFiniteError, match=r"NaN or infinite.*last checkpoint, step_0.*run\.set\(lr=") as caught:
        exploding(checkpoint_dir=tmp_path)
    run = caught.value.run
    assert run.state == "failed"
    assert "NaN or infinite" in run.reason
    (sae,) = run.snapshot()
    assert max(float(value.detach().abs().max()) for value in sae.parameters()) < 100  # from before the change
    with pytest.raises(NonFiniteError):
        _ = run.sae
    loaded = TrainingRun.load(run.save(tmp_path / "history.safetensors"))
    assert loaded.state == "failed"
    assert loaded.reason == run.reason


def test_run_that_exploded_goes_back_as_a_whole_when_resumed(tmp_path, exploding):
    """Weights, data, counters, history and settings: the end is that of a run in which nothing happened."""
    from interp_nb._errors import NonFiniteError

    with pytest.raises(NonFiniteError, match="takes the whole run back there") as caught:
        exploding(checkpoint_dir=tmp_path)
    run, whole = caught.value.run, train()
    assert run.step > 12
    assert [entry["setting"] for entry in run.changes] == ["lr"]
    run.resume(background=False)
    assert (run.state, run.reason, run.step, run.tokens, run.changes) == ("done", "", 30, 1920, [])
    assert torch.equal(run.sae.W_dec, whole.sae.W_dec)
    timeless = [[{k: v for k, v in r.items() if "second" not in k} for r in each.history] for each in (run, whole)]
    assert timeless[0] == timeless[1]


def test_setting_that_is_changed_before_the_resume_holds_from_the_checkpoint_on(tmp_path, exploding):
    from interp_nb._errors import NonFiniteError

    with pytest.raises(NonFiniteError) as caught:
        exploding(checkpoint_dir=tmp_path)
    run = caught.value.run
    run.set(lr=1e-4)
    run.resume(background=False)
    assert run.state == "done"
    assert [(each["old"], each["new"], each["step"]) for each in run.changes] == [(3e-3, 1e-4, 12)]


def test_run_that_exploded_without_a_checkpoint_goes_on_with_the_next_batch(exploding):
    from interp_nb._errors import NonFiniteError

    with pytest.raises(NonFiniteError, match=r"no checkpoint to go back to.*goes on with the next batch") as caught:
        exploding(architecture="topk")
    run, step = caught.value.run, caught.value.run.step
    run.set(lr=1e-4)
    with pytest.raises(NonFiniteError):  # the weights from before that step are those of an absurd one
        run.resume(background=False)
    assert run.step == step


def test_text_that_cannot_be_read_again_is_said_when_a_run_is_to_go_back(tmp_path, tiny_model, exploding):
    import interp_nb
    from interp_nb._errors import DataError, NonFiniteError

    def trained(**more):
        settings = SETTINGS | {"k": 3, "n_eval_tokens": 100, "n_tokens": 1920}
        return interp_nb.train_sae(
            tiny_model, SITE, iter(texts() * 2), settings, background=False, progress=False, ctx_len=16, **more
        )

    with pytest.raises(NonFiniteError) as caught:
        exploding(trained=trained, checkpoint_dir=tmp_path)
    run = caught.value.run
    step = run.step
    for _ in range(2):
        with pytest.raises(DataError, match="cannot go back"):
            run.resume(background=False)
        assert (run.state, run.step) == ("failed", step)
    assert "cannot go back" in run.reason


@pytest.mark.parametrize("folder", [False, True], ids=["in memory", "with checkpoints"])
def test_sae_that_explodes_stays_behind_and_the_others_go_on(tmp_path, exploding, folder):
    from interp_nb._errors import ConfigError

    configs = [SETTINGS | {"k": k} for k in (2, 3, 5)]
    where = {"checkpoint_dir": tmp_path} if folder else {}
    with pytest.warns(UserWarning, match=r"SAE 1: at step 1\d, .*NaN or infinite.*The other SAEs go on"):
        run = exploding(1, config=configs, **where)
    assert (run.state, run.step) == ("done", 30)
    for number, k in ((0, 2), (2, 5)):
        assert torch.equal(run.saes[number].W_dec, train(config=SETTINGS | {"k": k}).sae.W_dec)
    assert [bool(each) for each in run.failures] == [False, True, False]
    assert run.reason == run.failures[1]
    assert run.latest[1]["step"] == 12 and run.latest[2]["step"] == 30
    assert run.settings[1] == {}
    behind = run.saes[1]
    assert all(bool(value.isfinite().all()) for value in behind.parameters())
    assert (behind.provenance["state"], run.saes[0].provenance["state"]) == ("failed", "done")
    if folder:
        assert behind.provenance["tokens"] == 12 * 64
        assert "weights of the last checkpoint, step_000000012" in run.reason
    loaded = type(run).load(run.save(tmp_path / "history.safetensors"))
    assert (loaded.failures, loaded.reason) == (run.failures, run.reason)
    with pytest.raises(ConfigError, match="nothing can be changed"):
        run.set(lr=1.0, sae=1)


def test_sae_that_stayed_behind_stays_so_when_the_run_is_resumed(tmp_path, exploding):
    import interp_nb
    from interp_nb._errors import ConfigError

    configs = [SETTINGS | {"k": k} for k in (2, 3)]
    with pytest.warns(UserWarning, match="SAE 1"):
        run = exploding(1, config=configs, checkpoint_dir=tmp_path, stop_at=20)
    assert (run.state, run.step) == ("stopped", 20)
    with pytest.raises(ConfigError, match=r"learns no more: SAE 1: at step"):
        run.set(lr=1e-3, sae=1)
    resumed = interp_nb.TrainingRun.resume_from(tmp_path, None, rows(), background=False, progress=False)
    assert (resumed.state, resumed.failures) == ("done", run.failures)
    assert torch.equal(resumed.saes[0].W_dec, train(config=configs[0]).sae.W_dec)
    assert torch.equal(resumed.saes[1].W_dec, run.saes[1].W_dec)
    run.set(lr=1e-4)  # of those that learn
    run.resume(background=False)
    assert [(each["sae"], each["step"]) for each in run.changes] == [(1, 12), (0, 20)]


def test_run_fails_when_its_last_sae_explodes(exploding):
    from interp_nb._errors import NonFiniteError

    with (
        pytest.warns(UserWarning, match="SAE 0.*The other SAEs go on"),
        pytest.raises(NonFiniteError, match=r"SAE 1: .*NaN or infinite") as caught,
    ):
        exploding(0, 1, config=[SETTINGS | {"k": k} for k in (2, 5)])
    run = caught.value.run
    assert run.state == "failed"
    assert run.failures[0].startswith("SAE 0") and run.reason.startswith("SAE 1")


def test_data_with_nan_are_refused_with_the_row(tmp_path):
    from interp_nb._errors import NonFiniteError

    data = rows()
    data[1000, 2] = float("nan")
    with pytest.raises(NonFiniteError, match=r"acts.*1000") as caught:
        train(data=data, checkpoint_dir=tmp_path, epochs=None)
    (sae,) = caught.value.run.snapshot()
    assert all(bool(value.isfinite().all()) for value in sae.parameters())


def test_full_disk_fails_the_run_and_loses_nothing(tmp_path, monkeypatch):
    from interp_nb._errors import DiskError
    from interp_nb.sae import checkpoint

    save, full = checkpoint.save_file, [False]

    def save_or_fail(tensors, path, metadata=None):
        save(tensors, path, metadata)
        if full[0]:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", save_or_fail)

    def fill(record):
        full[0] = record["step"] >= 8

    with pytest.raises(DiskError, match=r"No space left.*step_000000006.*untouched.*resume\(\)") as caught:
        train(checkpoint_dir=tmp_path, callbacks=[fill])
    newest = checkpoint.latest(tmp_path)
    assert newest is not None
    assert checkpoint.read(newest)["step"] == 6
    run = caught.value.run
    run._trainer.recorder.callbacks.clear()
    full[0] = False
    run.resume(background=False)
    assert run.state == "done"
    assert torch.equal(run.sae.W_dec, train().sae.W_dec)


def test_empty_data_are_refused(tiny_model):
    import interp_nb
    from interp_nb._errors import DataError

    with pytest.raises(DataError):
        train(data=torch.zeros(0, 8))
    with pytest.raises(DataError):
        interp_nb.train_sae(tiny_model, SITE, [], background=False)


def test_k_larger_than_the_dictionary_and_wrong_widths_are_refused():
    from interp_nb import SAEConfig
    from interp_nb._errors import ConfigError, ShapeError

    with pytest.raises(ConfigError, match="k must be at most d_sae=24, got 25"):
        train(config=SETTINGS | {"k": 25})
    with pytest.raises(ShapeError, match=r"d_in=16 .*width.*8"):
        train(config=SAEConfig(d_in=16, d_sae=24, k=3, sites=("blocks.3.hook_mlp_out",)))


def test_unknown_names_and_refused_methods_are_answered():
    from interp_nb._errors import ConfigError

    with pytest.raises(ConfigError, match=r"no setting 'bacth_size'.*batch_size"):
        train(config={"k": 3, "bacth_size": 5})
    with pytest.raises(ConfigError, match="ghost gradients are not offered"):
        train(config={"k": 3}, use_ghost_grads=True)


def test_run_that_does_not_fit_is_refused_with_a_way_out(monkeypatch):
    from interp_nb._errors import MemoryBudgetError
    from interp_nb.sae import assembly

    monkeypatch.setattr(assembly, "budget", lambda device, most: 100_000)
    settings = {"d_sae": 64, "k": 3, "n_tokens": 1000, "n_eval_tokens": 128}
    with pytest.raises(MemoryBudgetError, match="use batch_size=") as refusal:
        train(config=settings | {"batch_size": 2048})
    offered = int(str(refusal.value).rpartition("=")[2])
    assert 50 < offered < 2048
    assert train(config=settings | {"batch_size": offered}).state == "done"
    with pytest.raises(MemoryBudgetError, match="smaller d_sae"):
        train(config={"d_sae": 4096, "k": 3, "batch_size": 2, "n_tokens": 1000})


def test_run_far_beyond_the_memory_is_refused_before_anything_is_timed():
    from interp_nb._errors import MemoryBudgetError

    with pytest.raises(MemoryBudgetError, match="smaller d_sae"):
        train(config={"d_sae": 10**10, "k": 3, "n_tokens": 1000})


def test_estimate_is_made_before_it_begins():
    run = train()
    # Weights, gradients and two moments at the least.
    assert run.estimate["bytes"] > 4 * 4 * 2 * 24 * 8
    assert run.estimate["seconds"] > 0


# As a result.


def test_repr_has_no_fitted_numbers():
    assert repr(train()) == "TrainingRun(acts, batch_topk 24 k=3, d_in=8, n_tokens=1920)"
    several = train(config=[SETTINGS | {"k": 2}, SETTINGS | {"k": 3}])
    assert repr(several) == "TrainingRun(acts, 2 SAEs, d_in=8, n_tokens=1920)"


def test_history_is_saved_and_loaded(tmp_path):
    import interp_nb
    from interp_nb._errors import ConfigError

    run = train()
    loaded = interp_nb.TrainingRun.load(run.save(tmp_path / "run.safetensors"))
    assert loaded == run
    assert (loaded.state, loaded.step, loaded.tokens) == ("done", 30, 1920)
    assert repr(loaded) == repr(run)
    assert torch.equal(loaded.density, run.density)
    assert loaded.settings == [{}]
    for refused in (lambda: loaded.sae, lambda: loaded.peek(0), loaded.snapshot):
        with pytest.raises(ConfigError, match="loaded from a file"):
            refused()
    with pytest.raises(ConfigError, match="nothing can be changed"):
        loaded.set(lr=1.0)


def test_finished_run_keeps_no_model_alive_and_still_shows_tokens():
    import gc
    import weakref

    import interp_nb
    from tests.tiny_models import make

    model = make("gpt2")
    gone = weakref.ref(model)
    run = interp_nb.train_sae(
        model, SITE, texts(), SETTINGS | {"k": 3, "n_eval_tokens": 100, "n_tokens": 320}, background=False,
        progress=False, ctx_len=16,
    )  # fmt: skip
    assert (run.state, run.filling) == ("done", None)
    found = [run.peek(latent) for latent in range(24)]
    held = run._trainer.held
    top = max((each[0] for each in found if each), key=lambda top: top.value)
    assert top.token == model.to_str_tokens(held.tokens[top.doc])[top.pos]
    del model
    gc.collect()
    assert gone() is None
    assert run.can_peek and [run.peek(latent) for latent in range(24)] == found


def test_sae_knows_how_it_was_trained():
    sae = train().sae
    assert sae.provenance["tokens"] == 1920
    assert sae.provenance["train"]["batch_size"] == 64


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
