"""Write small sparsify folders with sparsify's own code, and what sparsify computes with them.

Run by hand, in an environment with eai-sparsify 1.3.3, from the root of the repository:

    python tests/peers/make_sparsify.py tests/fixtures/saes/sparsify

Every case is a folder as `SparseCoder.save_to_disk` writes it, with `expected.safetensors` beside: `acts`, `pre` (after
its ReLU), `latent_acts` (its top-k put into all latents) and `recons`. Widths differ, biases are not zero, decoder rows
have all kinds of norms. `run` is a run of two modules, one with two seeds, with the settings of the run at its root.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from sparsify import SparseCoder, SparseCoderConfig, TrainConfig

D_IN, N_ROWS = 6, 9
CASES: dict[str, dict[str, Any]] = {
    "topk_by_factor": {"expansion_factor": 3, "k": 4},
    "topk": {"num_latents": 16, "k": 3, "normalize_decoder": False},
    "topk_bfloat16": {"num_latents": 16, "k": 3},
    "group_max": {"num_latents": 16, "k": 4, "activation": "groupmax"},
    "transcoder": {"num_latents": 16, "k": 3, "transcode": True},
    "skip_transcoder": {"num_latents": 16, "k": 3, "transcode": True, "skip_connection": True},
    "group_max_skip_transcoder": {
        "num_latents": 16, "k": 4, "transcode": True, "skip_connection": True, "activation": "groupmax",
    },
    "skip": {"num_latents": 16, "k": 3, "skip_connection": True, "multi_topk": True},
}  # fmt: skip
RUN = {"layers.1": 0, "layers.1.mlp/seed0": 1, "layers.1.mlp/seed7": 2}


def made(settings: dict[str, Any], seed: int, dtype: torch.dtype = torch.float32) -> SparseCoder:
    """A coder with weights where everything happens."""
    torch.manual_seed(seed)
    coder = SparseCoder(D_IN, SparseCoderConfig(**settings), dtype=dtype)
    for name, parameter in coder.named_parameters():
        size = 0.4 if name in ("encoder.bias", "b_dec", "W_skip") else 1.0
        parameter.data = (torch.randn(parameter.shape) * size).to(dtype)
    return coder


@torch.no_grad()
def write(coder: SparseCoder, folder: Path, seed: int) -> None:
    """Save a coder, and what it computes."""
    coder.save_to_disk(folder)
    torch.manual_seed(100 + seed)
    acts = torch.randn(N_ROWS, D_IN) * 1.5 + 0.3
    coder = SparseCoder.load_from_disk(folder).float()
    top_acts, top_indices, pre = coder.encode(acts)
    latent_acts = torch.zeros_like(pre).scatter(-1, top_indices, top_acts)
    coder.cfg.multi_topk = False  # or forward would return what 4 k latents give, without the skip connection
    recons = coder(acts).sae_out
    values = {"acts": acts, "pre": pre, "latent_acts": latent_acts, "recons": recons}
    save_file({name: value.contiguous() for name, value in values.items()}, folder / "expected.safetensors")


def main(root: Path) -> None:
    """Write all cases."""
    for seed, (name, settings) in enumerate(CASES.items()):
        dtype = torch.bfloat16 if name.endswith("bfloat16") else torch.float32
        write(made(settings, seed, dtype), root / name, seed)
    old = root / "topk_by_factor" / "cfg.json"
    config = json.loads(old.read_text()) | {"signed": False}  # as older versions wrote it
    old.write_text(json.dumps(config))
    for name, seed in RUN.items():
        write(made(CASES["transcoder"] if "mlp" in name else CASES["topk"], 50 + seed), root / "run" / name, seed)
    settings = TrainConfig(
        SparseCoderConfig(**CASES["topk"]), hookpoints=["layers.1", "layers.1.mlp"], init_seeds=[0, 7]
    )
    settings.save_json(root / "run" / "config.json")
    config = json.loads((root / "run" / "config.json").read_text()) | {"model": "EleutherAI/pythia-14m"}
    (root / "run" / "config.json").write_text(json.dumps(config))  # `model` is of the command line's RunConfig


if __name__ == "__main__":
    main(Path(sys.argv[1]))
