"""The pocket model and its SAE as SAELens has them: for its evals and for the benchmark of ours beside them.

Nothing of interp_nb is imported: this runs in an environment with sae-lens 6.54.12, from the root of the repository.
"""

import json
from pathlib import Path
from typing import Any

import torch
from sae_lens.evals import get_eval_everything_config, run_evals
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
from sae_lens.training.activation_scaler import ActivationScaler
from safetensors import safe_open
from safetensors.torch import load_file
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import AutoTokenizer, GPT2LMHeadModel

PACKAGE = Path(__file__).parents[2] / "interp_nb"
WEIGHTS = PACKAGE / "models" / "pocket" / "weights"
SAE_FILE = PACKAGE / "sae" / "embedded" / "pocket" / "sae.safetensors"
BOS = 0


def pocket_model() -> HookedTransformer:
    """The pocket model, a plain GPT-2, in the class that SAELens runs; nothing folded."""
    gpt2 = GPT2LMHeadModel.from_pretrained(WEIGHTS, dtype=torch.float32)
    found = gpt2.config
    cfg = HookedTransformerConfig(
        n_layers=found.n_layer, d_model=found.n_embd, n_heads=found.n_head, d_head=found.n_embd // found.n_head,
        d_mlp=4 * found.n_embd, n_ctx=found.n_positions, d_vocab=found.vocab_size, eps=found.layer_norm_epsilon,
        act_fn=found.activation_function, normalization_type="LN", device="cpu", default_prepend_bos=False,
    )  # fmt: skip
    model = HookedTransformer(cfg, tokenizer=AutoTokenizer.from_pretrained(WEIGHTS))
    missing = model.load_state_dict(convert_gpt2_weights(gpt2, cfg), strict=False).missing_keys
    # Masks and the unembedding's bias, which GPT-2 has not.
    assert all(name.endswith(("mask", "IGNORE", "b_U")) for name in missing), missing
    with torch.no_grad():
        model.unembed.b_U.zero_()
    return model.eval()


def pocket_sae() -> JumpReLUSAE:
    """The pocket SAE: BatchTopK in use is one threshold for all latents, which SAELens calls JumpReLU.

    Ours scales activations by s on entry: (x s - b_dec) W_enc = (x - b_dec / s) (s W_enc), and divides by s on exit.
    """
    ours = {name: value.float() for name, value in load_file(SAE_FILE).items()}
    with safe_open(SAE_FILE, "pt") as file:
        card = json.loads(file.metadata()["interp_nb"])
    scale = ours["norm_scale"]
    d_sae, d_in = ours["encoder"].shape
    sae = JumpReLUSAE(JumpReLUSAEConfig(d_in=d_in, d_sae=d_sae, dtype="float32", device="cpu"))
    sae.load_state_dict({
        "W_enc": ours["encoder"].T * scale,
        "b_enc": ours["b_enc"],
        "W_dec": ours["W_dec"] / scale,
        "b_dec": ours["b_dec"] / scale,
        "threshold": ours["running_threshold"].expand(d_sae).clone(),
    })  # fmt: skip
    sae.cfg.metadata.hook_name = card["config"]["sites"][0]
    return sae.eval()


class GivenTokens:
    """What `run_evals` asks of a store of activations: the same tokens, every time."""

    def __init__(self, tokens: torch.Tensor, batch_size: int) -> None:
        self.tokens, self.store_batch_size_prompts = tokens, batch_size
        self.context_size = tokens.shape[1]
        self.reset_input_dataset()

    def get_batch_tokens(self, batch_size: int) -> torch.Tensor:
        """The next rows."""
        self._at += batch_size
        return self.tokens[self._at - batch_size : self._at]

    def reset_input_dataset(self) -> None:
        """Begin anew."""
        self._at = 0


def evals(
    model: HookedTransformer, sae: JumpReLUSAE, tokens: torch.Tensor, *, batch_size: int, with_bos: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All that `sae_lens.evals` measures, on given tokens."""
    n_batches = len(tokens) // batch_size
    everything = get_eval_everything_config(
        batch_size_prompts=batch_size,
        n_eval_reconstruction_batches=n_batches,
        n_eval_sparsity_variance_batches=n_batches,
    )
    return run_evals(
        sae, GivenTokens(tokens, batch_size), model, ActivationScaler(), everything,
        exclude_special_tokens=False if with_bos else [BOS],
    )  # fmt: skip
