"""A run that is killed and resumed ends with the same bits as one that was not, whenever it is killed."""

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.house.source import ROOT
from tests.killed_run import CASES, SETTINGS, digest, rows, start


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def process(folder: Path, case: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.killed_run", str(folder), case, *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run_and_kill(folder: Path, case: str, draw: random.Random) -> str | None:
    """Run until a random line of output, then SIGKILL; the hash when it got to the end before."""
    left = draw.randint(3, 14)
    running = process(folder, case, "--slow-saves")
    assert running.stdout is not None
    with running:
        for line in running.stdout:
            if line.startswith("done"):
                return line.split()[1]
            assert line.startswith(("step", "saving", "renaming")), line + running.stdout.read()
            left -= 1
            if left == 0:
                running.send_signal(signal.SIGKILL)
                break
    return None


@pytest.mark.slow
@pytest.mark.parametrize("case", ["batch_topk", "text"])
def test_killed_run_ends_with_the_same_bits(tmp_path, case):
    from interp_nb.sae import checkpoint

    whole = start(tmp_path / "whole", case, progress=False)
    assert whole.state == "done"
    folder, draw, kills = tmp_path / "killed", random.Random(case), 0
    ended = None
    while ended is None and kills < 30:
        ended = run_and_kill(folder, case, draw)
        kills += ended is None
        newest = checkpoint.latest(folder)
        if newest is not None:
            assert checkpoint.read(newest)["step"] == int(newest.stem.removeprefix("step_"))
    assert kills >= 3, "the run was over before it could be killed often enough to mean anything"
    assert ended == digest(whole)


@pytest.mark.parametrize("case", sorted(CASES))
def test_stopped_run_goes_on_to_the_same_bits(tmp_path, case):
    """The same within one process: stopped between any two steps, resumed from disk."""
    whole = start(tmp_path / "whole", case, progress=False)
    folder, stops = tmp_path / "parts", 0
    run = None
    while run is None or run.state != "done":
        due = [5 + 7 * stops]
        holder: list[Any] = []

        def stop(record, due=due, holder=holder):
            if record["step"] >= due[0]:
                holder[0].stop()

        run = start_stoppable(folder, case, stop, holder)
        stops += 1
    assert stops > 3
    assert weights_of(run) == weights_of(whole)


def start_stoppable(folder, case, stop, holder):
    """A run whose callback stops it: it is prepared first, so that the callback knows it."""
    from unittest.mock import patch

    from interp_nb.sae import training

    foreground = training.in_foreground

    def remember(run, progress):
        holder.append(run)
        return foreground(run, progress)

    with patch.object(training, "in_foreground", remember):
        return start(folder, case, callbacks=[stop], progress=False)


def weights_of(run) -> dict[str, list[float]]:
    state = run._trainer.learners[0].state()
    moments = {f"{name}.{key}": value for name, each in state["adam"].items() for key, value in each.items()}
    tensors = {**state["weights"], **moments, "since": state["tokens_since_fired"]}
    return {name: value.flatten().tolist() for name, value in tensors.items()}


def test_settings_changed_on_the_way_survive_a_resume(tmp_path):
    import interp_nb

    def settings(**more):
        return SETTINGS | CASES["batch_topk"] | more

    def change(run):
        run.set(lr=1e-4, k=2)

    whole = train_with(change, at=4, folder=None, settings=settings())
    parts = train_with(change, at=4, folder=tmp_path, settings=settings(), stop_at=12)
    assert parts.state == "stopped"
    resumed = interp_nb.TrainingRun.resume_from(tmp_path, None, rows(), background=False, progress=False)
    assert resumed.state == "done"
    assert resumed.sae.cfg.k == 2
    assert resumed.changes == whole.changes
    assert [(entry["setting"], entry["old"], entry["new"]) for entry in resumed.changes] == [
        ("lr", 3e-3, 1e-4),
        ("k", 3, 2),
    ]
    assert weights_of(resumed) == weights_of(whole)
    assert resumed.history[-1]["l0"] == pytest.approx(2, abs=0.5)


def train_with(change, *, at, folder, settings, stop_at=None):
    """Train with something done at one record, and a stop at another."""
    from unittest.mock import patch

    import interp_nb
    from interp_nb.sae import training

    holder: list[Any] = []

    def watch(record):
        if record["step"] == at:
            change(holder[0])
        if record["step"] == stop_at:
            holder[0].stop()

    foreground = training.in_foreground

    def remember(run, progress):
        holder.append(run)
        return foreground(run, progress)

    with patch.object(training, "in_foreground", remember):
        return interp_nb.train_sae(
            None, "acts", rows(), settings, checkpoint_dir=folder, callbacks=[watch], background=False, progress=False
        )


def test_folder_with_a_run_is_not_written_over(tmp_path):
    import interp_nb
    from interp_nb._errors import ConfigError

    start(tmp_path, "batch_topk", progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    settings = SETTINGS | CASES["batch_topk"]
    with pytest.raises(ConfigError, match="holds a run already"):
        interp_nb.train_sae(None, "acts", rows(), settings, checkpoint_dir=tmp_path, background=False)
    other = settings | {"d_sae": 32, "lr": 1e-3}
    with pytest.raises(ConfigError, match="started with another d_sae, lr"):
        interp_nb.train_sae(None, "acts", rows(), other, checkpoint_dir=tmp_path, resume=True, background=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_resume_refuses_other_data(tmp_path):
    import interp_nb
    from interp_nb._errors import DataError

    start(tmp_path, "batch_topk", progress=False)
    with pytest.raises(DataError):
        interp_nb.TrainingRun.resume_from(tmp_path, None, rows()[:, :8] + 1, background=False)


def test_resume_needs_a_checkpoint(tmp_path):
    import interp_nb
    from interp_nb._errors import ConfigError

    with pytest.raises(ConfigError, match="holds no checkpoint"):
        interp_nb.TrainingRun.resume_from(tmp_path, None, rows())
    with pytest.raises(ConfigError, match="needs checkpoint_dir"):
        interp_nb.train_sae(None, "acts", rows(), resume=True)


def test_run_that_was_complete_comes_back_complete(tmp_path):
    import interp_nb

    whole = start(tmp_path, "batch_topk", progress=False)
    again = interp_nb.TrainingRun.resume_from(tmp_path, None, rows(), background=False, progress=False)
    assert again.state == "done"
    assert digest(again) == digest(whole)
