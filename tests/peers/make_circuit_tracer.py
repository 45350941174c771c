"""Make the fixtures of circuit-tracer, and those of Gemma Scope 2's cross-layer transcoders, which it reads.

Run by hand with the Python of an environment that holds circuit-tracer (0.5.0), from the root of the repository:

    PEER/bin/python -m tests.peers.make_circuit_tracer

Its own `to_safetensors` writes transcoder sets and cross-layer transcoders; its loaders read them back, and what they
encode and decode is kept. Files of Gemma Scope 2 are written here, with the names and shapes of the hub's. Of a
set `expected.safetensors` holds a row for each layer (`acts[i]` is what `layer_i` reads); of a cross-layer transcoder a
row for each token, its layers one after another.
"""

import json
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file

from tests.peers.make_gemma_scope import CLEARANCE, FIXTURES

D_MODEL, D_SAE, N_ROWS = 6, 10, 7

# Case: layers, thresholds, skip connection, k, type in the file.
SETS: dict[str, tuple[int, str, bool, int | None, torch.dtype]] = {
    "relu": (2, "none", False, None, torch.float32),
    "relu_skip": (2, "none", True, None, torch.float32),
    "jump_relu": (2, "mixed", False, None, torch.float32),
    "jump_relu_skip": (1, "positive", True, None, torch.float32),
    "topk": (2, "none", False, 5, torch.float32),
    "bfloat16": (1, "mixed", False, None, torch.bfloat16),
}
CLTS = {"clt_relu": "none", "clt_jump_relu": "mixed"}
GEMMA_CLTS = {"clt": False, "skip_clt": True}


def normal(generator: torch.Generator, *shape: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator) * scale


def draw(generator: torch.Generator, *, thresholds: str, skip: bool = False) -> dict[str, torch.Tensor]:
    """One layer's weights as circuit-tracer names them."""
    made = {
        "W_enc": normal(generator, D_SAE, D_MODEL, scale=0.5),
        "W_dec": normal(generator, D_SAE, D_MODEL) * torch.linspace(0.2, 3.0, D_SAE)[:, None],
        "b_enc": normal(generator, D_SAE, scale=0.4),
        "b_dec": normal(generator, D_MODEL, scale=0.7),
    }
    if thresholds != "none":
        made["activation_function.threshold"] = normal(generator, D_SAE, scale=0.6).abs()
        made["activation_function.threshold"][0] = 0.0
    if thresholds == "mixed":
        # Below 0 circuit-tracer, which has no relu here, gives negative activations.
        made["activation_function.threshold"][1] = -0.6
    if skip:
        made["W_skip"] = normal(generator, D_MODEL, D_MODEL, scale=0.5)
    return made


def rows(generator: torch.Generator, weights: dict[str, torch.Tensor], k: int | None = None) -> torch.Tensor:
    """Activations that no rounding can encode otherwise, where thresholds decide, and of which the last fires."""
    threshold = weights.get("activation_function.threshold", torch.zeros(D_SAE)).float()
    while True:
        acts = normal(generator, N_ROWS, D_MODEL, scale=2.0)
        pre = acts @ weights["W_enc"].float().T + weights["b_enc"].float()
        away = (pre - threshold).abs().min()
        if k is not None:
            ranked = pre.sort(descending=True).values
            away = torch.minimum(away, (ranked[:, k - 1] - ranked[:, k]).min())
        fires = bool((pre[-1] > threshold).any())
        decides = not threshold.any() or bool(((pre > 0) & (pre < threshold)).any())
        if (threshold < 0).any():
            decides &= bool(((pre < 0) & (pre > threshold)).any())
        if k is not None:
            decides = bool((ranked[:, k - 1] < 0).any())
        if away > CLEARANCE and fires and decides:
            return acts


def save_expected(case: Path, acts: torch.Tensor, latent_acts: torch.Tensor, recons: torch.Tensor) -> None:
    values = {"acts": acts, "latent_acts": latent_acts, "recons": recons}
    save_file(
        {name: value.detach().float().contiguous().clone() for name, value in values.items()},
        case / "expected.safetensors",
    )


def write_config(case: Path, kind: str, read: str, **more: Any) -> dict[str, Any]:
    config = {
        "model_name": "google/gemma-2-2b",
        "model_kind": kind,
        "feature_input_hook": read,
        "feature_output_hook": "hook_mlp_out",
        **more,
    }
    case.mkdir(parents=True, exist_ok=True)
    (case / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return config


@torch.no_grad()
def transcoder_sets() -> None:
    """Write the sets of per-layer transcoders."""
    from circuit_tracer.transcoder.activation_functions import TopK
    from circuit_tracer.transcoder.single_layer_transcoder import load_transcoder_set

    for seed, (name, (n_layers, thresholds, skip, k, dtype)) in enumerate(SETS.items()):
        generator = torch.Generator().manual_seed(200 + seed)
        case = FIXTURES / "circuit_tracer" / name
        more = {} if k is None else {"activation": "topk", "k": k}
        config = write_config(case, "transcoder_set", "mlp.hook_in", **more)
        acts = []
        for layer in range(n_layers):
            weights = draw(generator, thresholds=thresholds, skip=skip)
            stored = {key: value.to(dtype) for key, value in weights.items()}
            save_file(stored, case / f"layer_{layer}.safetensors")
            acts.append(rows(generator, stored, k))
        made = load_transcoder_set(
            {layer: str(case / f"layer_{layer}.safetensors") for layer in range(n_layers)},
            name, config["feature_input_hook"], config["feature_output_hook"], device=torch.device("cpu"),
            lazy_encoder=False, lazy_decoder=False,
        )  # fmt: skip
        if k is not None:
            # 0.5.0 has TopK; that config.yaml chooses it is of the versions after it.
            for each in made.transcoders:
                each.activation_function = TopK(k)
        read = torch.stack(acts)
        latent_acts = made.encode(read)
        save_expected(case, read, latent_acts, made.decode(latent_acts, read))


def flat(per_layer: torch.Tensor) -> torch.Tensor:
    """[layer row d] as [row layer * d]."""
    return per_layer.transpose(0, 1).flatten(1)


@torch.no_grad()
def cross_layer_transcoders() -> None:
    """Write circuit-tracer's own cross-layer transcoders, by its own writer."""
    from circuit_tracer.transcoder.cross_layer_transcoder import CrossLayerTranscoder, load_clt

    n_layers = 3
    for seed, (name, thresholds) in enumerate(CLTS.items()):
        generator = torch.Generator().manual_seed(300 + seed)
        case = FIXTURES / "circuit_tracer" / name
        write_config(case, "cross_layer_transcoder", "hook_resid_mid")
        layers = [draw(generator, thresholds=thresholds) for _ in range(n_layers)]
        made = CrossLayerTranscoder(
            n_layers, D_SAE, D_MODEL, "relu" if thresholds == "none" else "jump_relu", lazy_decoder=False,
            device=torch.device("cpu"), dtype=torch.float32,
        )  # fmt: skip
        for i, layer in enumerate(layers):
            made.W_enc[i], made.b_enc[i], made.b_dec[i] = layer["W_enc"], layer["b_enc"], layer["b_dec"]
            made.W_dec[i].copy_(normal(generator, D_SAE, n_layers - i, D_MODEL))
            if thresholds != "none":
                made.activation_function.threshold[i, 0] = layer["activation_function.threshold"]
        made.to_safetensors(str(case))
        made = load_clt(str(case), device=torch.device("cpu"), dtype=torch.float32, lazy_decoder=False)
        acts = torch.stack([rows(generator, layer) for layer in layers])
        latent_acts = made.encode(acts)
        save_expected(case, flat(acts), flat(latent_acts), flat(made.decode(latent_acts)))


@torch.no_grad()
def gemma_scope_2() -> None:
    """Write Gemma Scope 2's cross-layer transcoders, and let circuit-tracer's loader of them compute."""
    from circuit_tracer.transcoder.cross_layer_transcoder import load_gemma_scope_2_clt

    n_layers = 3
    for seed, (name, affine) in enumerate(GEMMA_CLTS.items()):
        generator = torch.Generator().manual_seed(400 + seed)
        case = FIXTURES / "gemma_scope_2" / name
        folder = case / "gemma-scope-2-270m-pt" / "clt" / f"width_262k_l0_big{'_affine' if affine else ''}"
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "hf_hook_point_in": "model.layers.{all}.pre_feedforward_layernorm.output",
            "hf_hook_point_out": "model.layers.{all}.post_feedforward_layernorm.output",
            "width": n_layers * D_SAE,
            "model_name": "google/gemma-3-270m-pt",
            "architecture": "jump_relu",
            "l0": 150,
            "affine_connection": affine,
            "type": "clt",
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        layers = [draw(generator, thresholds="positive") for _ in range(n_layers)]
        for i, layer in enumerate(layers):
            later = normal(generator, D_SAE, n_layers, D_MODEL)
            later[:, :i] = 0
            stored = {
                "w_enc": layer["W_enc"].T.contiguous(),
                "w_dec": later,
                "b_enc": layer["b_enc"],
                "b_dec": layer["b_dec"],
                "threshold": layer["activation_function.threshold"],
            }
            if affine:
                stored["affine_skip_connection"] = normal(generator, D_MODEL, D_MODEL, scale=0.5)
            save_file(stored, folder / f"params_layer_{i}.safetensors")
        paths = {i: str(folder / f"params_layer_{i}.safetensors") for i in range(n_layers)}
        # 0.5.0 reads the layers below the largest key, so leaves out the last of them: one more key is given.
        made = load_gemma_scope_2_clt(paths | {n_layers: ""}, device=torch.device("cpu"), dtype=torch.float32)
        acts = torch.stack([rows(generator, layer) for layer in layers])
        latent_acts = made.encode(acts)
        save_expected(case, flat(acts), flat(latent_acts), flat(made.decode(latent_acts, acts)))


@torch.no_grad()
def check_gemma_scope() -> None:
    """See that this peer reads Gemma Scope 1's transcoder as SAELens does; but for a relu below 0, which it has not."""
    from circuit_tracer.transcoder.single_layer_transcoder import load_gemma_scope_transcoder

    case = FIXTURES / "gemma_scope" / "transcoder"
    made = load_gemma_scope_transcoder(str(next(case.rglob("params.npz"))), 5, torch.device("cpu"))
    expected = load_file(case / "expected.safetensors")
    torch.testing.assert_close(made.encode(expected["acts"]).relu(), expected["latent_acts"])
    torch.testing.assert_close(made.decode(expected["latent_acts"]), expected["recons"])


if __name__ == "__main__":
    check_gemma_scope()
    transcoder_sets()
    cross_layer_transcoders()
    gemma_scope_2()
