"""A small run in a process of its own, for tests that kill it: `python -m tests.killed_run FOLDER CASE`.

Prints a line per step, so that whoever watches can kill it at any of them, and at the end one with a hash of everything
that training changed.
"""

import hashlib
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

CASES: dict[str, dict[str, Any]] = {
    "batch_topk": {"architecture": "batch_topk", "k": 3, "dead_after_tokens": 400},
    "jumprelu": {"architecture": "jumprelu", "sparsity_coefficient": 0.1},
    "resampling": {"architecture": "relu", "l1_coefficient": 40.0, "resample_every": 512, "dead_after_tokens": 256},
    "text": {"architecture": "topk", "k": 4, "ctx_len": 16, "packing": "separate", "n_eval_tokens": 50},
}
SETTINGS = {
    "d_sae": 24, "n_tokens": 1920, "batch_size": 64, "checkpoint_every": 3, "eval_every": 10, "n_eval_tokens": 128,
    "buffer_tokens": 256, "lr": 3e-3, "record_every": 4,
}  # fmt: skip


def rows() -> torch.Tensor:
    """Sparse combinations of a few directions, always the same ones."""
    generator = torch.Generator().manual_seed(5)
    directions = torch.randn(24, 8, generator=generator)
    used = torch.rand(2500, 24, generator=generator) < 0.1
    return (torch.rand(2500, 24, generator=generator) * used) @ directions


def texts() -> list[str]:
    """Sentences, always the same ones."""
    from random import Random

    words = ["the", "tower", "store", "drink", "museum", "Paris", "Rome", "John", "Mary", "gave", "went", "is", "in"]
    draw = Random(7)
    return [" ".join(draw.choices(words, k=draw.randint(5, 30))) for _ in range(400)]


def start(folder: Path, case: str, **more: Any) -> Any:
    """Start the run, or go on with it."""
    import interp_nb

    settings = SETTINGS | CASES[case]
    if case == "text":
        from tests.tiny_models import shared

        return interp_nb.train_sae(
            shared("gpt2"), "resid_post", texts, settings, layer=0, checkpoint_dir=folder, resume=True,
            background=False, epochs=None, **more,
        )  # fmt: skip
    return interp_nb.train_sae(
        None, "acts", rows(), settings, checkpoint_dir=folder, resume=True, background=False, **more
    )


def digest(run: Any) -> str:
    """Hash weights, buffers, optimizer, counters, and the history without its times."""
    state = run._trainer.learners[0].state()
    made = hashlib.sha256()
    for name in ("weights", "adam", "tokens_since_fired", "firings"):
        _add(made, state[name])
    _add(made, [{k: v for k, v in record.items() if "second" not in k} for record in run.history])
    _add(made, run.changes)
    return made.hexdigest()


def _add(made: Any, value: Any) -> None:
    if isinstance(value, dict):
        for key in sorted(value):
            made.update(key.encode())
            _add(made, value[key])
    elif isinstance(value, list):
        for item in value:
            _add(made, item)
    elif isinstance(value, torch.Tensor):
        made.update(value.detach().cpu().contiguous().numpy().tobytes())
    else:
        made.update(repr(value).encode())


def _slow_saves() -> None:
    """Say when a checkpoint is being written, and take long enough over it to be killed inside."""
    import time

    from interp_nb.sae import checkpoint

    save = checkpoint.save_file

    def save_slowly(tensors: Any, path: Any, metadata: Any = None) -> None:
        save(tensors, path, metadata)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
        _tell("saving")
        time.sleep(0.03)
        Path(path).write_bytes(whole)
        _tell("renaming")
        time.sleep(0.03)

    checkpoint.save_file = save_slowly


def main() -> None:
    """Train until the end, or until killed."""
    warnings.simplefilter("ignore")  # only the lines it tells are read
    torch.set_num_threads(1)
    folder, case = Path(sys.argv[1]), sys.argv[2]
    if "--slow-saves" in sys.argv:
        _slow_saves()
    run = start(folder, case, callbacks=[lambda record: _tell(f"step {record['step']}")])
    _tell(f"done {digest(run)}")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
