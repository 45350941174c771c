"""Several processes take the steps of one: two of them on the CPU, over gloo, against one alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.house.source import ROOT
from tests.parallel_run import CASES, ended, train

# Sums of two halves are rounded otherwise than sums of a whole, in float64.
CLOSE: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-10}


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory) -> Path:
    """A folder with what two processes ended with, for every case."""
    folder: Path = tmp_path_factory.mktemp("parallel")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "tests.parallel_run", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(CASES))
def test_two_processes_agree_with_one(two_processes, case):
    first, second = (load_file(two_processes / f"{case}_{rank}.safetensors") for rank in (0, 1))
    alone = ended(train(case))
    for name, value in alone.items():
        assert torch.equal(first[name], second[name]), f"the processes differ in {name}"
        torch.testing.assert_close(first[name], value, **CLOSE, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.slow
def test_cases_that_are_about_dead_latents_have_some():
    assert max(record["n_dead"] for record in train("auxk").history) > 0
    assert any("loss_auxk" in record for record in train("auxk").history)
    assert sum(entry["new"] for entry in train("topk_resampled").changes) > 0


@pytest.mark.slow
def test_processes_change_settings_stop_and_resume_together(two_processes):
    first, second = (load_file(two_processes / f"steered_{rank}.safetensors") for rank in (0, 1))
    for name, value in first.items():
        assert torch.equal(value, second[name])
    assert first["history"][-1, -1] < 1e-3  # the changed rate, decayed


@pytest.mark.slow
def test_notebook_launcher_of_accelerate_does_the_same(tmp_path):
    pytest.importorskip("accelerate", reason="accelerate is not installed: pip install accelerate")
    code = (
        "from accelerate import notebook_launcher\nfrom tests.parallel_run import launched\n"
        f"notebook_launcher(launched, ({str(tmp_path)!r},), num_processes=2)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
    first, second = (load_file(tmp_path / f"launched_{rank}.safetensors") for rank in (0, 1))
    for name, value in ended(train("batch_topk")).items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, **CLOSE)


def test_rows_are_shared_out_equally_and_once():
    from interp_nb.sae.parallel import Group

    shares = []
    for rank in range(3):
        group = object.__new__(Group)
        group.rank, group.size = rank, 3
        shares.append(list(range(11))[group.my_rows(11)])
    assert shares == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_one_process_is_no_group(monkeypatch):
    from interp_nb.sae.parallel import current_group, local_device

    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert current_group(torch.device("cpu")) is None
    assert local_device(torch.device("cuda")) == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert local_device(torch.device("cuda")) == torch.device("cuda", 1)
    assert local_device(torch.device("cpu")) == torch.device("cpu")


def test_batch_that_does_not_divide_is_refused():
    from types import SimpleNamespace

    from interp_nb._errors import ConfigError
    from interp_nb.sae.question import _check_divides
    from interp_nb.sae.train_config import TrainConfig

    with pytest.raises(ConfigError, match="batch_size must be a multiple of the 3 processes, got 64: 63 would do"):
        _check_divides(TrainConfig(batch_size=64), SimpleNamespace(size=3))
