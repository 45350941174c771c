"""A store built in a process of its own, for a test that kills it: `python -m tests.killed_store FOLDER`.

Prints a line per snapshot, in the middle of each table that is written, and at the end.
"""

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch

SETTINGS: dict[str, Any] = {
    "n_top": 4, "n_sampled": 6, "n_bands": 3, "n_tokens_kept": 3, "snapshot_every": 100, "progress": False,
    "ctx_len": 16, "packing": "separate", "batch_size": 3,
}  # fmt: skip


def texts() -> list[str]:
    """Sentences, always the same ones."""
    from random import Random

    words = ["the", "tower", "store", "drink", "museum", "Paris", "Rome", "John", "Mary", "gave", "went", "is", "in"]
    draw = Random(7)
    return [" ".join(draw.choices(words, k=draw.randint(5, 30))) for _ in range(60)]


def build(folder: Path | None, **more: Any) -> Any:
    """Build the store, or go on with it, on the embedding of a tiny model."""
    from interp_nb.features import build as building_pass
    from interp_nb.features.building import feature_store
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig
    from tests.tiny_models import shared

    building_pass.CHUNK, building_pass.BLOCK_ROWS = 16, 48
    sae = SAE(SAEConfig(32, 24, "topk", k=4, sites=("blocks.0.hook_resid_post",)), seed=3).eval()
    return feature_store(sae, shared("gpt2"), texts(), folder, **(SETTINGS | more))


def _slow_writes() -> None:
    """Say when a table is half written, and take long enough over it to be killed there."""
    from interp_nb.features import tables

    flush = tables.write_atomically

    def write_slowly(path: Path, write: Any) -> None:
        def halted(part: Path) -> None:
            write(part)
            whole = part.read_bytes()
            part.write_bytes(whole[: len(whole) // 2])
            _tell(f"writing {path.parent.name}/{path.name}")
            time.sleep(0.02)
            part.write_bytes(whole)

        flush(path, halted)

    tables.write_atomically = write_slowly


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Build until the end, or until killed."""
    warnings.simplefilter("ignore")  # only the lines it tells are read
    torch.set_num_threads(1)
    _slow_writes()
    build(Path(sys.argv[1]))
    _tell("done")


if __name__ == "__main__":
    main()
