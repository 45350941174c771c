"""Runs that several processes train together: `torchrun --nproc-per-node 2 -m tests.parallel_run FOLDER`.

Each process writes what it ends with, one file per case.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.killed_run import SETTINGS, rows

CASES: dict[str, dict[str, Any]] = {
    "batch_topk": {"architecture": "batch_topk", "k": 3},
    # Dead latents soon, so that AuxK and resampling have work to do.
    "auxk": {"architecture": "batch_topk", "k": 1, "dead_after_tokens": 128, "k_aux": 3},
    "topk_resampled": {
        "architecture": "topk", "k": 1, "dead_after_tokens": 128, "resample_every": 512, "auxk_coefficient": 0.0,
    },
    "jumprelu": {"architecture": "jumprelu", "sparsity_coefficient": 0.1, "grad_clip": None},
    "matryoshka": {"architecture": "matryoshka", "k": 3},
}  # fmt: skip


def train(case: str, **more: Any) -> Any:
    """Train a case in double precision, in which rounding is out of the way."""
    import interp_nb

    settings = SETTINGS | {"dtype": "float64", "n_tokens": 1280} | CASES[case]
    return interp_nb.train_sae(None, "acts", rows(), settings, background=False, progress=False, **more)


def ended(run: Any) -> dict[str, torch.Tensor]:
    """Return weights, counters and the numbers of the history."""
    learner = run._trainer.learners[0]
    names = ("loss", "l0", "explained_variance", "dead_fraction", "lr")
    history = torch.tensor([[record[name] for name in names] for record in run.history], dtype=torch.float64)
    tensors = {name: value.detach().clone() for name, value in learner.sae.state_dict().items()}
    return tensors | {"since": learner.tokens_since_fired, "firing": run.firing(), "history": history}


def launched(folder: str) -> None:
    """Train one case in a process that a notebook launched."""
    torch.set_num_threads(1)
    save_file(ended(train("batch_topk")), Path(folder) / f"launched_{os.environ['RANK']}.safetensors")


def main() -> None:
    """Train all cases, with a change of settings that only the first process asks for, and a stop."""
    torch.set_num_threads(1)
    folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    for case in CASES:
        save_file(ended(train(case)), folder / f"{case}_{rank}.safetensors")
    stopped = train("batch_topk", checkpoint_dir=folder / "checkpoints", callbacks=[_steer])
    assert stopped.state == "stopped", stopped.state
    assert [entry["setting"] for entry in stopped.changes] == ["lr"]
    resumed = train("batch_topk", checkpoint_dir=folder / "checkpoints", resume=True)
    assert resumed.state == "done"
    save_file(ended(resumed), folder / f"steered_{rank}.safetensors")


def _steer(record: dict[str, Any]) -> None:
    """Change the learning rate at a record and stop at another; found by the objects that are alive."""
    import gc

    from interp_nb.sae.run import TrainingRun

    (run,) = [each for each in gc.get_objects() if isinstance(each, TrainingRun) and each.state == "running"]
    if record["step"] == 8:
        run.set(lr=1e-3)
    if record["step"] == 12:
        run.stop()


if __name__ == "__main__":
    main()
