"""Write small dictionary_learning folders with its own code, and what it computes with them.

Run by hand, in an environment with dictionary-learning 0.1.0, from the root of the repository:

    python tests/peers/make_dictionary_learning.py tests/fixtures/saes/dictionary_learning

Every case is a folder as `trainSAE` writes it (`trainer_0/ae.pt`, `config.json`), trained by the library for two steps
so that its own code writes the files, with weights where everything happens put in before the last save, and
`expected.safetensors` beside: `acts`, `latent_acts` and `recons`, of the class's own `encode` and `decode` as
`load_dictionary` loads it. `AutoEncoder` has `latent_acts` of the weights as they are in the file and, as `normalized`,
those after the normalization that `from_pretrained` makes; checkpoints have `ae_2_latent_acts`.
"""

import contextlib
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import torch
from dictionary_learning.dictionary import AutoEncoder, AutoEncoderNew
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
from dictionary_learning.trainers.gdm import GatedSAETrainer
from dictionary_learning.trainers.jumprelu import JumpReluTrainer
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer
from dictionary_learning.trainers.standard import StandardTrainer
from dictionary_learning.trainers.top_k import TopKTrainer
from dictionary_learning.training import trainSAE
from dictionary_learning.utils import load_dictionary
from safetensors.torch import save_file

D_IN, D_SAE, N_ROWS, STEPS = 6, 16, 9, 3
BASE = {"activation_dim": D_IN, "dict_size": D_SAE, "layer": 1, "lm_name": "pythia-14m", "device": "cpu", "seed": 0,
        "submodule_name": "resid_post_layer_1", "steps": STEPS, "warmup_steps": 1}  # fmt: skip
SPARSE = {"sparsity_warmup_steps": None}
CASES: dict[str, tuple[type, dict[str, Any], str | None]] = {
    "autoencoder": (StandardTrainer, SPARSE, None),
    "autoencoder_new": (StandardTrainer, {**SPARSE, "dict_class": AutoEncoderNew}, "AutoEncoderNew"),
    "gated": (GatedSAETrainer, SPARSE, None),
    "jumprelu": (JumpReluTrainer, SPARSE, None),
    "topk": (TopKTrainer, {"k": 3}, None),
    "batch_topk": (BatchTopKTrainer, {"k": 3}, None),
    "batch_topk_unset": (BatchTopKTrainer, {"k": 3}, None),
    "matryoshka": (MatryoshkaBatchTopKTrainer, {"k": 3, "group_fractions": [0.25, 0.25, 0.5]}, None),
}


class Data:
    """Batches of activations, with the settings that an ActivationBuffer says of itself."""

    config: ClassVar = {"d_submodule": D_IN, "io": "out", "n_ctxs": 4, "ctx_len": 8, "refresh_batch_size": 4,
              "out_batch_size": 8, "device": "cpu"}  # fmt: skip

    def __iter__(self):
        generator = torch.Generator().manual_seed(3)
        while True:
            yield torch.randn(8, D_IN, generator=generator)


@torch.no_grad()
def randomize_(state: dict[str, torch.Tensor], name: str, seed: int) -> None:
    """Put weights in where everything happens, in place."""
    generator = torch.Generator().manual_seed(seed)
    for key, value in state.items():
        if key in ("k", "group_sizes"):
            continue
        drawn = torch.randn(value.shape, generator=generator)
        if key == "threshold":
            one = torch.tensor(-1.0 if name == "batch_topk_unset" else 0.7)
            value.copy_(one if value.ndim == 0 else drawn.abs() * 0.6 - 0.1)
        else:
            value.copy_(drawn * (0.4 if value.ndim == 1 else 1.0))


@torch.no_grad()
def expected(folder: Path, name: str, seed: int) -> dict[str, torch.Tensor]:
    """Compute with the library what the folder's SAE makes of some rows."""
    acts = torch.randn(N_ROWS, D_IN, generator=torch.Generator().manual_seed(100 + seed)) * 1.5 + 0.3
    coder, _ = load_dictionary(str(folder), "cpu")
    found = {"acts": acts, "recons": coder.decode(coder.encode(acts)), "latent_acts": coder.encode(acts)}
    if isinstance(coder, AutoEncoder):
        plain = AutoEncoder.from_pretrained(folder / "ae.pt", normalize_decoder=False)
        found |= {"normalized": found["latent_acts"], "latent_acts": plain.encode(acts), "recons": plain(acts)}
    for file in folder.glob("checkpoints/*.pt"):
        found[f"{file.stem}_latent_acts"] = type(coder).from_pretrained(file).encode(acts)
    return {key: value.contiguous().clone() for key, value in found.items()}


def main(root: Path) -> None:
    """Write all cases."""
    for seed, (name, (trainer, more, dict_class)) in enumerate(CASES.items()):
        with tempfile.TemporaryDirectory() as made, contextlib.redirect_stdout(io.StringIO()):
            trainSAE(Data(), [{"trainer": trainer, **BASE, **more}], STEPS, save_dir=made, device="cpu",
                     save_steps=[2] if name == "topk" else None)  # fmt: skip
            folder = Path(made) / "trainer_0"
            for file in folder.rglob("*.pt"):
                state = torch.load(file, weights_only=True)
                randomize_(state, name, seed + 10 * (file.name != "ae.pt"))
                torch.save(state, file)
            if dict_class is not None:  # the trainer says AutoEncoder whatever it trained
                config = (folder / "config.json").read_text().replace('"AutoEncoder"', f'"{dict_class}"')
                (folder / "config.json").write_text(config)
            save_file(expected(folder, name, seed), folder / "expected.safetensors")
            shutil.copytree(folder, root / name, dirs_exist_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
