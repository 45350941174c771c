"""Make the fixtures of Gemma Scope 1 and 2: tiny files in the layout of the hub, encoded by SAELens's own loaders.

Run by hand with the Python of an environment that holds sae-lens (6.54.12), from the root of the repository:

    PEER/bin/python -m tests.peers.make_gemma_scope

Google publishes files and no writer, so the files are written here, with the names and shapes of the hub's; what they
mean is said by SAELens: its `gemma_2`, `gemma_2_transcoder` and `gemma_3` loaders read them (their download functions
give the local file), and its own classes encode and decode. Cross-layer transcoders are in `make_circuit_tracer`.
"""

import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

FIXTURES = Path(__file__).parent.parent / "fixtures" / "saes"
D_IN, D_SAE, D_OUT, N_ROWS = 6, 10, 5, 7
CLEARANCE = 1e-3
"""No pre-activation comes nearer to its threshold than this, so that no rounding decides what fires."""

Weights = dict[str, torch.Tensor]

# Case: repository, folder in it, whether the file's names are written in lower case.
SCOPE_1 = {
    "residual": ("google/gemma-scope-2b-pt-res", "layer_3/width_16k/average_l0_71", False),
    "mlp": ("google/gemma-scope-9b-it-mlp", "layer_20/width_131k/average_l0_9", False),
    "attention": ("google/gemma-scope-2b-pt-att", "layer_0/width_16k/average_l0_104", False),
    "embedding": ("google/gemma-scope-2b-pt-res", "embedding/width_4k/average_l0_21", False),
    "transcoder": ("google/gemma-scope-2b-pt-transcoders", "layer_5/width_16k/average_l0_87", False),
    "lower_case": ("google/gemma-scope-27b-pt-res", "layer_22/width_131k/average_l0_24", True),
}
# Case: repository, folder in it, where it reads, where it writes (None: where it reads), type.
SCOPE_2 = {
    "residual": ("google/gemma-scope-2-1b-pt", "resid_post/layer_13_width_16k_l0_medium", "output", None, "sae"),
    "attention": (
        "google/gemma-scope-2-270m-it", "attn_out/layer_9_width_16k_l0_small", "self_attn.o_proj.input", None, "sae",
    ),
    "mlp": (
        "google/gemma-scope-2-4b-pt", "mlp_out/layer_17_width_65k_l0_big", "post_feedforward_layernorm.output", None,
        "sae",
    ),
    "transcoder": (
        "google/gemma-scope-2-1b-pt", "transcoder/layer_7_width_16k_l0_small", "pre_feedforward_layernorm.output",
        "post_feedforward_layernorm.output", "transcoder",
    ),
    "skip_transcoder": (
        "google/gemma-scope-2-1b-it", "transcoder_all/layer_12_width_16k_l0_big_affine",
        "pre_feedforward_layernorm.output", "post_feedforward_layernorm.output", "transcoder",
    ),
}  # fmt: skip


def draw(generator: torch.Generator, d_out: int = D_IN) -> Weights:
    """Weights with biases, decoder rows of all norms, thresholds that decide, one of them 0 and one negative."""

    def normal(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * scale

    threshold = normal(D_SAE, scale=0.6).abs()
    threshold[0], threshold[1] = 0.0, -0.3
    return {
        "W_enc": normal(D_IN, D_SAE, scale=0.5),
        "W_dec": normal(D_SAE, d_out) * torch.linspace(0.2, 3.0, D_SAE)[:, None],
        "b_enc": normal(D_SAE, scale=0.4),
        "b_dec": normal(d_out, scale=0.7),
        "threshold": threshold,
    }


def rows(weights: Weights, generator: torch.Generator, scale: float = 1.0) -> torch.Tensor:
    """Activations none of which is near a threshold; some pre-activations are positive and still below theirs."""
    while True:
        acts = torch.randn(N_ROWS, D_IN, generator=generator) * 2 * scale
        pre = acts / scale @ weights["W_enc"] + weights["b_enc"]
        away = torch.minimum((pre - weights["threshold"]).abs(), pre.abs())
        if away.min() > CLEARANCE and bool(((pre > 0) & (pre < weights["threshold"])).any()):
            return acts


def load(loader: Any, repo: str, folder: str, root: Path, **overrides: Any) -> Any:
    """Let SAELens load from local files what it would download."""
    from sae_lens import SAE
    from sae_lens.loading import pretrained_sae_loaders as module

    def local(repo_id: str, filename: str, subfolder: str | None = None, **_: Any) -> str:
        return str(root / (subfolder or "") / filename)

    def shapes(repo_id: str, filename: str) -> dict[str, list[int]]:
        from safetensors import safe_open

        with safe_open(root / filename, framework="pt") as file:
            return {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118

    module.hf_hub_download, module.get_safetensors_tensor_shapes = local, shapes

    def converter(cfg_overrides: dict[str, Any], **given: Any) -> Any:
        return loader(cfg_overrides=cfg_overrides | overrides, **given)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return SAE.from_pretrained(repo, folder, converter=partial(converter))


@torch.no_grad()
def save_expected(case: Path, sae: Any, acts: torch.Tensor, n_heads: int | None = None) -> None:
    """Write what the peer computes; attention SAEs are given heads and give heads back, kept flat here."""
    given = acts if n_heads is None else acts.unflatten(-1, (n_heads, -1))
    latent_acts = sae.encode(given)
    # forward is decode(encode(acts)) and the skip connection, where there is one.
    recons = sae(given)
    values = {"acts": acts, "latent_acts": latent_acts, "recons": recons.reshape(len(acts), -1)}
    save_file({name: value.detach().contiguous().clone() for name, value in values.items()},
              case / "expected.safetensors")  # fmt: skip


def scope_1() -> None:
    """Write the cases of Gemma Scope 1."""
    from sae_lens.loading import pretrained_sae_loaders as module

    for seed, (name, (repo, folder, lower)) in enumerate(SCOPE_1.items()):
        generator = torch.Generator().manual_seed(seed)
        case = FIXTURES / "gemma_scope" / name
        root = case / repo.split("/")[1]
        weights = draw(generator)
        file = root / folder / "params.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **{(key.lower() if lower else key): value.numpy() for key, value in weights.items()})
        loader = module.gemma_2_sae_huggingface_loader
        widths = {"d_in": D_IN, "d_sae": D_SAE}
        if name == "transcoder":
            loader, widths = module.gemma_2_transcoder_huggingface_loader, widths | {"d_out": D_IN}
        sae = load(loader, repo, folder, root, **widths)
        # The scaled embeddings that an embedding SAE is given are sqrt(d_model) times what its file is for.
        acts = rows(weights, generator, D_IN**0.5 if name == "embedding" else 1.0)
        save_expected(case, sae, acts, 2 if name == "attention" else None)


def scope_2() -> None:
    """Write the single-layer cases of Gemma Scope 2."""
    from sae_lens.loading import pretrained_sae_loaders as module

    for seed, (name, (repo, folder, read, written, kind)) in enumerate(SCOPE_2.items()):
        generator = torch.Generator().manual_seed(100 + seed)
        case = FIXTURES / "gemma_scope_2" / name
        root = case / repo.split("/")[1]
        weights = draw(generator, D_OUT if kind == "transcoder" else D_IN)
        stored = {key.lower(): value for key, value in weights.items()}
        if name.startswith("skip"):
            stored["affine_skip_connection"] = torch.randn(D_IN, D_OUT, generator=generator)
        layer = f"model.layers.{folder.split('layer_')[1].split('_')[0]}"
        (root / folder).mkdir(parents=True, exist_ok=True)
        save_file(stored, root / folder / "params.safetensors")
        config = {
            "hf_hook_point_in": f"{layer}.{read}",
            "hf_hook_point_out": f"{layer}.{written or read}",
            "width": D_SAE,
            "model_name": repo.replace("gemma-scope-2", "gemma-3"),
            "architecture": "jump_relu",
            "l0": 20,
            "affine_connection": name.startswith("skip"),
            "type": kind,
        }
        (root / folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        sae = load(module.gemma_3_sae_huggingface_loader, repo, folder, root)
        save_expected(case, sae, rows(weights, generator))


if __name__ == "__main__":
    scope_1()
    scope_2()
