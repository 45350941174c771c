"""Write small folders with the code of SAELens before version 6, and what that code computes with them.

Run by hand, from the root of the repository, once for each version, in an environment with sae-lens 6.54.12 and with
the older package's files (`pip download --no-deps sae-lens==5.11.0`, unpacked) before it on the path:

    PYTHONPATH=.../sae_lens-5.11.0 python tests/peers/make_sae_lens_legacy.py tests/fixtures/saes/sae_lens_legacy
    PYTHONPATH=.../sae_lens-3.23.4 python tests/peers/make_sae_lens_legacy.py tests/fixtures/saes/sae_lens_legacy

As `make_sae_lens.py`: every case is a folder as that version writes it, with `expected.safetensors` beside.
"""

import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sae_lens
import torch
import wandb
from sae_lens.config import LanguageModelSAERunnerConfig
from sae_lens.sae import SAE, SAEConfig
from sae_lens.training.activations_store import ActivationsStore
from safetensors.torch import load_file, save_file

D_IN, D_SAE, K, N_ROWS = 6, 16, 3, 8
VERSION = sae_lens.__version__

warnings.simplefilter("ignore")


def draw(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fill(sae: SAE, seed: int = 3) -> SAE:
    with torch.no_grad():
        for place, (name, value) in enumerate(sorted(sae.named_parameters())):
            drawn = draw(*value.shape, seed=100 * seed + place)
            if name == "W_dec":
                drawn = drawn * (0.2 + torch.rand(len(value), 1, generator=torch.Generator().manual_seed(seed)))
            elif name in ("threshold", "finetuning_scaling_factor"):
                drawn = 0.1 + drawn.abs()
            else:
                drawn = 0.5 * drawn
            value.copy_(drawn)
    return sae


def config(**more: Any) -> SAEConfig:
    values = {
        "architecture": "standard", "d_in": D_IN, "d_sae": D_SAE, "activation_fn_str": "relu",
        "apply_b_dec_to_input": True, "finetuning_scaling_factor": False, "context_size": 128,
        "model_name": "gpt2-small", "hook_name": "blocks.5.hook_resid_pre", "hook_layer": 5, "hook_head_index": None,
        "prepend_bos": True, "dataset_path": "Skylion007/openwebtext", "dataset_trust_remote_code": True,
        "normalize_activations": "none", "dtype": "float32", "device": "cpu", "sae_lens_training_version": VERSION,
        "neuronpedia_id": "gpt2-small/5-res-jb",
    }  # fmt: skip
    return SAEConfig(**{**values, **more})


def compute(sae: SAE, acts: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        latent_acts = sae.encode(acts)
        recons = sae(acts)
    return {"acts": acts, "latent_acts": latent_acts, "recons": recons}


def keep(folder: Path, found: dict[str, torch.Tensor]) -> None:
    save_file({name: value.detach().contiguous() for name, value in found.items()}, folder / "expected.safetensors")


def write(root: Path, case: str, acts: torch.Tensor | None = None, **more: Any) -> Path:
    folder = root / case
    fill(SAE(config(**more))).save_model(str(folder))
    load = SAE.load_from_disk if VERSION[0] == "5" else SAE.load_from_pretrained
    keep(folder, compute(load(str(folder)), draw(N_ROWS, D_IN, seed=7, scale=1.5) if acts is None else acts))
    return folder


def edit(folder: Path, tensors: dict[str, torch.Tensor] | None = None, **values: Any) -> None:
    """Change settings of a folder that was written, and tensors; None takes a setting out."""
    file = folder / "cfg.json"
    made = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({name: value for name, value in made.items() if value is not None}))
    if tensors is not None:
        save_file({**load_file(folder / "sae_weights.safetensors"), **tensors}, folder / "sae_weights.safetensors")


def of_version_5(root: Path) -> None:
    write(root, "standard_no_b_dec", apply_b_dec_to_input=False)
    write(root, "jumprelu", architecture="jumprelu")
    write(root, "topk", architecture="topk", activation_fn_str="topk", activation_fn_kwargs={"k": K})
    write(root, "topk_as_standard", activation_fn_str="topk", activation_fn_kwargs={"k": K})
    write(root, "layer_norm", normalize_activations="layer_norm")
    write(root, "constant_norm_rescale", normalize_activations="constant_norm_rescale", dtype="torch.float32")
    write(root, "hook_z", draw(N_ROWS, 2, 3, seed=7, scale=1.5), hook_name="blocks.5.attn.hook_z")
    write(root, "average_by_name", normalize_activations="expected_average_only_in")

    # As `gpt2-small-res-jb` is on the hub: names of the first versions, and nothing about how it computes.
    oldest = write(root, "oldest")
    renamed = {"hook_point": "blocks.5.hook_resid_pre", "hook_point_layer": 5, "hook_point_head_index": None,
               "expansion_factor": 4, "lp_norm": 1, "l1_coefficient": 8e-05, "use_ghost_grads": True}  # fmt: skip
    gone = ("architecture", "hook_name", "hook_layer", "activation_fn_str", "activation_fn_kwargs", "prepend_bos",
            "apply_b_dec_to_input", "finetuning_scaling_factor", "sae_lens_training_version", "normalize_activations",
            "neuronpedia_id", "model_from_pretrained_kwargs", "seqpos_slice", "dataset_trust_remote_code")  # fmt: skip
    edit(oldest, {"scaling_factor": torch.ones(D_SAE)}, **renamed, **dict.fromkeys(gone))
    edit(write(root, "average_by_flag"), normalize_activations=True)

    # A scale of the latents that was trained last: it reads "scaling_factor", and writes another name.
    folder = root / "finetuned"
    sae = fill(SAE(config(finetuning_scaling_factor=True)))
    sae.save_model(str(folder))
    found = compute(sae, draw(N_ROWS, D_IN, seed=7, scale=1.5))
    keep(folder, found)
    older = root / "finetuned_read_name"
    shutil.copytree(folder, older)
    tensors = load_file(older / "sae_weights.safetensors")
    tensors["scaling_factor"] = tensors.pop("finetuning_scaling_factor")
    save_file(tensors, older / "sae_weights.safetensors")
    keep(older, compute(SAE.load_from_disk(str(older)), found["acts"]))
    checkpoint(root)


def checkpoint(root: Path) -> None:
    """Write a checkpoint of a run on scaled activations: the run's settings as `cfg.json`, the factor in the store."""
    folder, factor = root / "checkpoint", 0.37
    sae = fill(SAE(config(normalize_activations="expected_average_only_in")))
    with torch.no_grad():
        sae.b_dec.mul_(3)
    sae.save_model(folder, torch.log10(torch.linspace(0, 0.5, D_SAE) + 1e-10))
    store = SimpleNamespace(n_dataset_processed=64, _storage_buffer=None, estimated_norm_scaling_factor=factor)
    store.state_dict = lambda: ActivationsStore.state_dict(store)
    ActivationsStore.save(store, str(folder / "activations_store_state.safetensors"))
    # Later versions of wandb do not have it, and it names the run's folder alone.
    wandb.util.generate_id = lambda: "run"
    with tempfile.TemporaryDirectory() as there:
        run = LanguageModelSAERunnerConfig(
            d_in=D_IN, d_sae=D_SAE, expansion_factor=None, model_name="gpt2-small",
            hook_name="blocks.5.hook_resid_pre", hook_layer=5, dataset_path="Skylion007/openwebtext",
            normalize_activations="expected_average_only_in", training_tokens=100_000, log_to_wandb=False,
            checkpoint_path=there, verbose=False,
        )  # fmt: skip
        text = json.dumps(run.to_dict()).replace(run.checkpoint_path, "checkpoints")
    (folder / "cfg.json").write_text(text)
    acts = draw(N_ROWS, D_IN, seed=7, scale=1.5 / factor)
    found = compute(sae, acts * factor)
    keep(folder, found | {"acts": acts, "recons": found["recons"] / factor})


def main(root: Path) -> None:
    write(root, f"standard_of_{VERSION[0]}")
    write(root, f"gated_of_{VERSION[0]}", architecture="gated")
    if VERSION[0] == "5":
        of_version_5(root)
    for file in sorted(root.rglob("expected.safetensors")):
        active = (load_file(file)["latent_acts"] != 0).float().sum(-1)
        assert 0 < float(active.mean()) < D_SAE, (file, active)
        sys.stdout.write(f"{file.parent.relative_to(root)}: {float(active.mean()):.1f} latents per row\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
