"""Write small SAELens folders with SAELens's own code, and what SAELens computes with them.

Run by hand, in an environment with sae-lens 6.54.12, from the root of the repository:

    python tests/peers/make_sae_lens.py tests/fixtures/saes/sae_lens

Every case is a folder as SAELens writes it, with `expected.safetensors` beside: `acts` (raw, as the model has them),
`pre` (what the activation function is given, where that is one number per latent), `latent_acts` and `recons`, all as
the peer computes them in float32. Widths differ, biases are not zero, decoder rows have all kinds of norms.
"""

import copy
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sae_lens import (
    SAE,
    AbsTopKSAE,
    AbsTopKSAEConfig,
    AbsTopKTrainingSAE,
    AbsTopKTrainingSAEConfig,
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    GatedSAE,
    GatedSAEConfig,
    GatedTrainingSAE,
    GatedTrainingSAEConfig,
    JumpReLUSAE,
    JumpReLUSAEConfig,
    JumpReLUSkipTranscoder,
    JumpReLUSkipTranscoderConfig,
    JumpReLUTrainingSAE,
    JumpReLUTrainingSAEConfig,
    JumpReLUTranscoder,
    JumpReLUTranscoderConfig,
    LanguageModelSAERunnerConfig,
    LoggingConfig,
    MatchingPursuitSAE,
    MatchingPursuitSAEConfig,
    MatchingPursuitTrainingSAE,
    MatchingPursuitTrainingSAEConfig,
    MatryoshkaBatchTopKTrainingSAE,
    MatryoshkaBatchTopKTrainingSAEConfig,
    SAETrainer,
    SkipTranscoder,
    SkipTranscoderConfig,
    StandardSAE,
    StandardSAEConfig,
    StandardTrainingSAE,
    StandardTrainingSAEConfig,
    TemporalSAE,
    TemporalSAEConfig,
    TopKSAE,
    TopKSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
    TrainingSAE,
    Transcoder,
    TranscoderConfig,
)
from sae_lens.config import SAETrainerConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.training.activation_scaler import ActivationScaler
from safetensors.torch import load_file, save_file

D_IN, D_SAE, D_OUT, K, N_ROWS = 6, 16, 5, 3, 8
METADATA = {
    "model_name": "pythia-70m-deduped",
    "hook_name": "blocks.3.hook_resid_post",
    "hook_head_index": None,
    "context_size": 128,
    "prepend_bos": True,
    "dataset_path": "monology/pile-uncopyrighted",
    "neuronpedia_id": "pythia-70m-deduped/3-res-sm",
    "a_key_of_somebody": {"kept": [1, 2]},
}

warnings.simplefilter("ignore")


def draw(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fill(sae: SAE[Any], seed: int = 1) -> SAE[Any]:
    """Give it weights that hide nothing: no zero, no unit norm, encoder and decoder unlike each other."""
    with torch.no_grad():
        for place, (name, value) in enumerate(sorted(sae.named_parameters())):
            drawn = draw(*value.shape, seed=100 * seed + place)
            if name == "threshold":
                drawn = 0.1 + drawn.abs()
            elif name == "W_dec":
                drawn = drawn * (0.2 + torch.rand(len(value), 1, generator=torch.Generator().manual_seed(seed)))
            elif name.startswith("b_"):
                drawn = 0.4 * drawn
            elif name == "r_mag":
                drawn = 0.3 * drawn
            else:
                drawn = 0.6 * drawn
            value.copy_(drawn)
        if sae.cfg.architecture() == "matching_pursuit":
            # Norms about 1, none of them 1: with much longer rows a step overshoots, and the residual grows.
            norms = 0.6 + 0.5 * torch.rand(len(sae.W_dec), 1, generator=torch.Generator().manual_seed(seed))
            sae.W_dec.mul_(norms / sae.W_dec.norm(dim=1, keepdim=True))
        if hasattr(sae, "topk_threshold"):
            sae.topk_threshold.fill_(0.9)
    return sae


def compute(sae: SAE[Any], acts: torch.Tensor) -> dict[str, torch.Tensor]:
    """Encode and reconstruct; `pre` is what is ranked and stepped, so with decoder norms where those rank."""
    seen: list[torch.Tensor] = []
    with torch.no_grad():
        sae.hook_sae_acts_pre.add_hook(lambda value, hook: seen.append(value.clone()))
        latent_acts = sae.encode(acts)
        sae.reset_hooks()
        recons = sae(acts)
        if getattr(sae.cfg, "rescale_acts_by_decoder_norm", False):
            seen = [value * sae.W_dec.norm(dim=-1) for value in seen]
    found = {"acts": acts, "latent_acts": latent_acts, "recons": recons}
    # A gated SAE hands its hook the magnitude, which is not what opens the gate.
    return found | ({"pre": seen[0]} if seen and sae.cfg.architecture() != "gated" else {})


def keep(folder: Path, found: dict[str, torch.Tensor]) -> None:
    save_file({name: value.detach().contiguous() for name, value in found.items()}, folder / "expected.safetensors")


def inference(
    root: Path,
    case: str,
    make: Callable[..., SAE[Any]],
    config: type,
    acts: torch.Tensor | None = None,
    fold: bool = False,
    metadata: dict[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Write an SAE for use; expectations are those of the folder read back by SAELens, in float32."""
    folder = root / case
    given = SAEMetadata(**(METADATA if metadata is None else metadata))
    sae = fill(make(config(**{"d_in": D_IN, "d_sae": D_SAE, "metadata": given, **settings})))
    if fold:
        sae.fold_W_dec_norm()
    sae.save_model(folder)
    read = SAE.load_from_disk(folder, dtype="float32")
    keep(folder, compute(read, draw(N_ROWS, D_IN, seed=7, scale=1.5) if acts is None else acts))


def all_inference(root: Path) -> None:
    inference(root, "standard", StandardSAE, StandardSAEConfig)
    inference(root, "standard_no_b_dec", StandardSAE, StandardSAEConfig, apply_b_dec_to_input=False)
    inference(root, "standard_folded", StandardSAE, StandardSAEConfig, fold=True)
    inference(root, "standard_no_metadata", StandardSAE, StandardSAEConfig, metadata={})
    inference(root, "standard_float16", StandardSAE, StandardSAEConfig, dtype="float16")
    inference(root, "standard_bfloat16", StandardSAE, StandardSAEConfig, dtype="torch.bfloat16")
    inference(root, "standard_float64", StandardSAE, StandardSAEConfig, dtype="float64")
    for architecture, make, config in (("topk", TopKSAE, TopKSAEConfig), ("abstopk", AbsTopKSAE, AbsTopKSAEConfig)):
        inference(root, architecture, make, config, k=K)
        rescaled = {"k": K, "rescale_acts_by_decoder_norm": True}
        inference(root, f"{architecture}_rescaled", make, config, **rescaled)
        inference(root, f"{architecture}_rescaled_folded", make, config, fold=True, **rescaled)
    inference(root, "jumprelu", JumpReLUSAE, JumpReLUSAEConfig)
    inference(root, "jumprelu_folded", JumpReLUSAE, JumpReLUSAEConfig, fold=True, apply_b_dec_to_input=False)
    inference(root, "gated", GatedSAE, GatedSAEConfig)
    inference(root, "gated_no_b_dec", GatedSAE, GatedSAEConfig, apply_b_dec_to_input=False)

    pursuit: dict[str, Any] = {"residual_threshold": 0.4}
    inference(root, "matching_pursuit", MatchingPursuitSAE, MatchingPursuitSAEConfig, **pursuit)
    inference(
        root, "matching_pursuit_no_b_dec", MatchingPursuitSAE, MatchingPursuitSAEConfig,
        residual_threshold=0.0, max_iterations=4, stop_on_duplicate_support=False, apply_b_dec_to_input=False,
    )  # fmt: skip

    out = {"d_out": D_OUT, "apply_b_dec_to_input": False}
    names = {**METADATA, "hook_name": "blocks.3.ln2.hook_normalized", "hook_name_out": "blocks.3.hook_mlp_out"}
    for name, make, config in (
        ("transcoder", Transcoder, TranscoderConfig),
        ("skip_transcoder", SkipTranscoder, SkipTranscoderConfig),
        ("jumprelu_transcoder", JumpReLUTranscoder, JumpReLUTranscoderConfig),
        ("jumprelu_skip_transcoder", JumpReLUSkipTranscoder, JumpReLUSkipTranscoderConfig),
    ):
        inference(root, name, make, config, metadata=names, **out)
    inference(
        root, "skip_transcoder_layer_norm", SkipTranscoder, SkipTranscoderConfig, metadata=names,
        normalize_activations="layer_norm", **out,
    )  # fmt: skip

    for norm in ("layer_norm", "constant_norm_rescale", "expected_average_only_in"):
        inference(root, f"standard_{norm}", StandardSAE, StandardSAEConfig, normalize_activations=norm)
        rescaled = {"k": K, "rescale_acts_by_decoder_norm": True, "normalize_activations": norm}
        inference(root, f"topk_{norm}", TopKSAE, TopKSAEConfig, **rescaled)
    heads = {**METADATA, "hook_name": "blocks.3.attn.hook_z"}
    inference(
        root, "jumprelu_hook_z", JumpReLUSAE, JumpReLUSAEConfig, draw(N_ROWS, 2, 3, seed=7, scale=1.5),
        metadata=heads, reshape_activations="hook_z",
    )  # fmt: skip
    inference(
        root, "standard_hook_z_layer_norm", StandardSAE, StandardSAEConfig, draw(2, 4, 3, 2, seed=7, scale=1.5),
        metadata=heads, reshape_activations="hook_z", normalize_activations="layer_norm",
    )  # fmt: skip

    documents = draw(2, 5, D_IN, seed=7, scale=6.0)
    attention = {"n_heads": 2, "bottleneck_factor": 2}
    inference(
        root, "temporal", TemporalSAE, TemporalSAEConfig, documents, kval_topk=K,
        normalize_activations="constant_scalar_rescale", activation_normalization_factor=0.7, **attention,
    )  # fmt: skip
    inference(
        root, "temporal_untied", TemporalSAE, TemporalSAEConfig, documents, n_attn_layers=2, sae_diff_type="relu",
        tied_weights=False, apply_b_dec_to_input=False, **attention,
    )  # fmt: skip
    inference(
        root, "temporal_layer_norm", TemporalSAE, TemporalSAEConfig, documents, kval_topk=K,
        normalize_activations="layer_norm", apply_b_dec_to_input=False, **attention,
    )  # fmt: skip


TRAINED: dict[str, tuple[Callable[..., TrainingSAE[Any]], type, dict[str, Any]]] = {
    "standard": (StandardTrainingSAE, StandardTrainingSAEConfig, {}),
    "gated": (GatedTrainingSAE, GatedTrainingSAEConfig, {}),
    "topk": (TopKTrainingSAE, TopKTrainingSAEConfig, {"k": K}),
    "topk_not_rescaled": (TopKTrainingSAE, TopKTrainingSAEConfig, {"k": K, "rescale_acts_by_decoder_norm": False}),
    "abstopk": (AbsTopKTrainingSAE, AbsTopKTrainingSAEConfig, {"k": K}),
    "batchtopk": (BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig, {"k": float(K)}),
    "batchtopk_not_rescaled": (
        BatchTopKTrainingSAE,
        BatchTopKTrainingSAEConfig,
        {"k": 2.5, "rescale_acts_by_decoder_norm": False},
    ),
    "matryoshka_batchtopk": (
        MatryoshkaBatchTopKTrainingSAE,
        MatryoshkaBatchTopKTrainingSAEConfig,
        {"k": float(K), "matryoshka_widths": [4, 8, D_SAE]},
    ),
    "jumprelu": (JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig, {}),
    "matching_pursuit": (MatchingPursuitTrainingSAE, MatchingPursuitTrainingSAEConfig, {"residual_threshold": 0.4}),
}
AVERAGE, WHITENED = "expected_average_only_in", "covariance_whitening"
CHECKPOINTS = [
    # Case, what is trained, how activations are scaled, whether b_dec is taken off the input.
    *[(name, name, AVERAGE, True) for name in TRAINED],
    ("standard_not_scaled", "standard", "none", True),
    ("standard_whitened", "standard", WHITENED, True),
    ("standard_whitened_no_b_dec", "standard", WHITENED, False),
    ("gated_whitened_no_b_dec", "gated", WHITENED, False),
    ("topk_whitened", "topk", WHITENED, True),
    ("batchtopk_whitened", "batchtopk", WHITENED, True),
]


def checkpoint(root: Path, case: str, name: str, norm: str, subtracts: bool) -> None:
    """Train two steps with SAELens's trainer and write its checkpoint, unfolded, then what it exports, folded."""
    make, config, settings = TRAINED[name]
    cfg = config(
        d_in=D_IN, d_sae=D_SAE, normalize_activations=norm, apply_b_dec_to_input=subtracts,
        metadata=SAEMetadata(**METADATA), **settings,
    )  # fmt: skip
    sae = fill(make(cfg))
    mixed = draw(D_IN, D_IN, seed=5)
    rows = (draw(64, D_IN, seed=seed) @ mixed + 2.0 for seed in range(1000))
    trainer = SAETrainer(
        SAETrainerConfig(128, 64, lr=1e-3, lr_end=1e-4, n_batches_for_norm_estimate=4),
        sae,
        data_provider=rows,
    )
    if norm == AVERAGE:
        trainer.activation_scaler.estimate_scaling_factor(D_IN, rows, 4)
    elif norm == WHITENED:
        trainer.activation_scaler.estimate_whitening(D_IN, rows, 4)
    for _ in range(2):
        trainer.step(next(rows))
    trainer.save_checkpoint(case, base_path=root / "checkpoints")
    folder = root / "checkpoints" / case
    if case != "standard":
        # Optimizer, schedules and counts: the largest file, and nothing an SAE needs; one case keeps it.
        (folder / "trainer_state.pt").unlink()
    acts = next(rows)[:N_ROWS]
    if name == "matching_pursuit":
        # SAELens's own export changes what this one computes (it divides a tied matrix): see `computed_scaled`.
        found = computed_scaled(sae, trainer.activation_scaler, acts)
    else:
        # Latents are in the units of what SAELens exports; with decoder norms counted in, a checkpoint's are others.
        there = root / "exports" / case
        found = exported(sae, trainer.activation_scaler, acts, there)
        if name in ("batchtopk", "matryoshka_batchtopk", "topk"):
            keep(there, found)
        else:
            shutil.rmtree(there)
    keep(folder, found)


def exported(
    sae: TrainingSAE[Any], scaler: ActivationScaler, acts: torch.Tensor, folder: Path
) -> dict[str, torch.Tensor]:
    """Fold as SAELens does at the end of a run, write the inference form, and compute with that."""
    folded = copy.deepcopy(sae)
    if scaler.scaling_factor is not None:
        folded.fold_activation_norm_scaling_factor(scaler.scaling_factor)
    if scaler.whitening is not None:
        folded.fold_activation_whitening(
            scaler.whitening.mean, scaler.whitening.matrix, scaler.whitening.inverse_matrix
        )
    folded.save_inference_model(folder)
    return compute(SAE.load_from_disk(folder), acts)


def computed_scaled(sae: TrainingSAE[Any], scaler: ActivationScaler, acts: torch.Tensor) -> dict[str, torch.Tensor]:
    """Compute as training does: on scaled activations, unfolded."""
    found = compute(sae, scaler.scale(acts))
    found.pop("pre", None)
    return found | {"acts": acts, "recons": scaler.unscale(found["recons"])}


def run_extras(root: Path) -> None:
    """Write what a whole run leaves beside its SAE: the run's configuration and how often latents fired."""
    folder = root / "topk_of_a_run"
    cfg = TopKTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, k=K, metadata=SAEMetadata(**METADATA, l0=3.0))
    sae = fill(TopKTrainingSAE(cfg))
    sae.save_inference_model(folder)
    save_file({"sparsity": torch.log10(torch.linspace(0, 0.5, D_SAE) + 1e-10)}, folder / "sparsity.safetensors")
    with tempfile.TemporaryDirectory() as there:
        run = LanguageModelSAERunnerConfig(
            sae=cfg, model_name="pythia-70m-deduped", hook_name="blocks.3.hook_resid_post", training_tokens=1_000_000,
            dataset_path="monology/pile-uncopyrighted", logger=LoggingConfig(log_to_wandb=False), device="cpu",
            checkpoint_path=there,
        )  # fmt: skip
    text = json.dumps(run.to_dict()).replace(there, "checkpoints")
    (folder / "runner_cfg.json").write_text(text)
    keep(folder, compute(SAE.load_from_disk(folder), draw(N_ROWS, D_IN, seed=7, scale=1.5)))


def main(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    all_inference(root)
    for case in CHECKPOINTS:
        checkpoint(root, *case)
    run_extras(root)
    for file in sorted(root.rglob("expected.safetensors")):
        found = load_file(file)
        active = (found["latent_acts"] != 0).float().sum(-1)
        assert all(bool(value.isfinite().all()) for value in found.values()), file
        assert 0 < float(active.mean()) < D_SAE, (file, active)
        sys.stdout.write(f"{file.parent.relative_to(root)}: {float(active.mean()):.1f} latents per row\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
