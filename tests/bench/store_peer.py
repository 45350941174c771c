"""sae-dashboard on a small random model, in a process of its own: `PYTHON -m tests.bench.store_peer N_FEATURES`.

Prints a JSON line with the seconds that its run took, and those that writing its page took. Nothing of interp_nb is
imported. The peer reloads its tokenizer from a folder, so one is written first.
"""

import json
import os
import sys
import tempfile
import time

# Wheels of torchvision that do not fit this torch break the import of transformers; nothing here needs them.
sys.modules.update(torchvision=None, torchaudio=None)  # type: ignore[arg-type]
os.environ.update(WANDB_MODE="disabled", HF_HUB_OFFLINE="1")

import torch  # noqa: E402

N_LAYERS, D_MODEL, D_VOCAB, D_SAE = 4, 256, 8192, 4096
N_TEXTS, CTX_LEN = 400, 128
HOOK = "blocks.2.hook_resid_pre"
DENSITY = 0.02


def biases(encoder: torch.Tensor, acts: torch.Tensor) -> torch.Tensor:
    """Encoder biases `[d_sae]` at which every latent fires on about 2 % of some activations."""
    products: torch.Tensor = acts @ encoder.T
    return -products.quantile(1 - DENSITY, dim=0)


def tokens() -> torch.Tensor:
    """The text: random tokens, the first of each window the begin-of-text token."""
    drawn = torch.randint(1, D_VOCAB, (N_TEXTS, CTX_LEN), generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = 0
    return drawn


def main(n_features: int) -> None:
    """Make model and SAE, and time the peer."""
    from sae_dashboard.data_writing_fns import save_feature_centric_vis
    from sae_dashboard.sae_vis_data import SaeVisConfig
    from sae_dashboard.sae_vis_runner import SaeVisRunner
    from sae_lens import HookedSAETransformer
    from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
    from transformer_lens import HookedTransformerConfig
    from transformers import AutoTokenizer

    folder = tempfile.mkdtemp()
    _tokenizer().save_pretrained(folder)
    model = HookedSAETransformer(
        HookedTransformerConfig(
            n_layers=N_LAYERS, d_model=D_MODEL, n_ctx=CTX_LEN, d_head=64, n_heads=4, d_mlp=4 * D_MODEL, d_vocab=D_VOCAB,
            act_fn="gelu_new", normalization_type="LN", device="cpu", seed=0,
        ),
        tokenizer=AutoTokenizer.from_pretrained(folder),
    )  # fmt: skip
    sae = StandardSAE(StandardSAEConfig(d_in=D_MODEL, d_sae=D_SAE, device="cpu", dtype="float32"))
    with torch.no_grad():
        sae.W_dec.copy_(torch.nn.functional.normalize(torch.randn(D_SAE, D_MODEL), dim=1))
        sae.W_enc.copy_(sae.W_dec.T)
        acts = model.run_with_cache(tokens()[:16], names_filter=HOOK, stop_at_layer=3)[1][HOOK].reshape(-1, D_MODEL)
        sae.b_enc.copy_(biases(sae.W_enc.T, acts))
    for name, value in {"hook_name": HOOK, "model_name": "local", "prepend_bos": True}.items():
        setattr(sae.cfg.metadata, name, value)
    cfg = SaeVisConfig(
        hook_point=HOOK, features=list(range(n_features)), minibatch_size_features=64, minibatch_size_tokens=64,
        device="cpu", verbose=False,
    )  # fmt: skip
    began = time.perf_counter()
    found = SaeVisRunner(cfg).run(encoder=sae, model=model, tokens=tokens())
    ran = time.perf_counter()
    save_feature_centric_vis(found, os.path.join(folder, "page.html"))
    print(json.dumps({"run_seconds": ran - began, "write_seconds": time.perf_counter() - ran}))


def _tokenizer() -> object:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<|endoftext|>", *alphabet]
    names += [f"<w{index}>" for index in range(D_VOCAB - len(names))]
    made = Tokenizer(models.BPE(vocab={name: index for index, name in enumerate(names)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=end, eos_token=end, pad_token=end)


if __name__ == "__main__":
    main(int(sys.argv[1]))
