"""SAELens's evals of the pocket SAE, in a process of its own: `PYTHON -m tests.bench.evaluate_peer TOKENS`.

TOKENS is a file of a tensor `[doc pos]`, begin-of-text first. Told "run" on a line, it measures all that SAELens's
`run_evals` does, and prints the seconds and two of the numbers. Nothing of interp_nb is imported.
"""

import json
import sys
import time

# Wheels of torchvision that do not fit this torch break the import of transformers; nothing here needs them.
sys.modules.update(torchvision=None, torchaudio=None)  # type: ignore[arg-type]

import torch  # noqa: E402


def main(path: str) -> None:
    """Answer one line of input with one of output."""
    from safetensors.torch import load_file

    from tests.peers.pocket_in_sae_lens import evals, pocket_model, pocket_sae

    torch.set_num_threads(1)
    model, sae, tokens = pocket_model(), pocket_sae(), load_file(path)["tokens"]
    print("=> {}", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        metrics, _ = evals(model, sae, tokens, batch_size=64, with_bos=False)
        seconds = time.process_time() - began
        found = {"seconds": seconds, "l0": metrics["sparsity"]["l0"],
                 "explained_variance": metrics["reconstruction_quality"]["explained_variance"]}  # fmt: skip
        print(f"=> {json.dumps(found)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
