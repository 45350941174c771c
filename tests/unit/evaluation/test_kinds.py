"""Every architecture and wiring is evaluated: targets are what is written, and what has no meaning says why."""

import pytest
import torch

from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from tests.unit.evaluation.cases import SITE, ids_of, random_sae, texts

MID, OUT = "blocks.1.hook_resid_mid", "blocks.1.hook_mlp_out"
K = {"architecture": "topk", "k": 4}
CASES = {
    "topk": {**K, "sites": (SITE,)},
    "batch_topk": {"architecture": "batch_topk", "k": 4, "sites": (SITE,)},
    "matryoshka": {"architecture": "matryoshka", "k": 4, "sites": (SITE,)},
    "jumprelu": {"architecture": "jumprelu", "sites": (SITE,)},
    "gated": {"architecture": "gated", "sites": (SITE,)},
    "abs_topk": {"architecture": "abs_topk", "k": 4, "sites": (SITE,)},
    "heads": {**K, "sites": ("blocks.0.attn.hook_z",), "n_heads": 4},
    "transcoder": {**K, "kind": "transcoder", "sites": (MID, OUT)},
    "skip_transcoder": {**K, "kind": "skip_transcoder", "sites": (MID, OUT)},
    "crosscoder": {**K, "kind": "crosscoder", "d_in": 64, "n_sites": 2, "sites": (SITE, "blocks.1.hook_resid_post")},
    "clt": {**K, "kind": "clt", "d_in": 64, "d_out": 64, "n_sites": 2,
            "sites": ("blocks.0.hook_resid_mid", MID, "blocks.0.hook_mlp_out", OUT)},
}  # fmt: skip


def made(name):
    sae = SAE(SAEConfig(**({"d_in": 32, "d_sae": 24} | CASES[name])), seed=1)
    with torch.no_grad():
        sae.b_enc.add_(0.1)
        sae.b_dec.add_(torch.randn(sae.cfg.output_width) * 0.1)
    return sae


@pytest.mark.parametrize("name", CASES)
def test_errors_are_of_what_is_written_and_latents_fire_as_encode_says(tiny_model, name):
    documents, sae = texts(), made(name)
    report = evaluate_sae(sae, tiny_model, documents, n_causal=4, packing="separate")
    n_read = sae.cfg.n_sites
    reads, writes = sae.cfg.sites[:n_read], sae.cfg.sites[-n_read:]
    caches = [tiny_model.run_with_cache(torch.tensor([each]))[1] for each in ids_of(tiny_model, documents)]
    acts, targets = (
        torch.cat([torch.cat([cache[site][0, 1:].flatten(1) for site in sites], 1) for cache in caches])
        for sites in (reads, writes)
    )
    with torch.no_grad():
        latents = sae.encode(acts)
        error = targets - sae.decode(latents, acts)
    assert report["mse"].value == pytest.approx(float(error.square().mean()), rel=1e-4)
    spread = (targets - targets.mean(0)).square().sum()
    assert report.explained_variance == pytest.approx(1 - float(error.square().sum() / spread), rel=1e-4)
    assert report.l0 == pytest.approx(float((latents != 0).sum(1).float().mean()), rel=1e-4)
    assert len(report.causal) == 4
    # Nothing is left without a number or a reason.
    groups = {info["group"] for info in report.to_frame().to_dict("records")} | set(report.skipped)
    assert {"reconstruction", "sparsity", "causal", "truth"} <= groups


def test_sites_that_are_written_together_are_replaced_together(tiny_model):
    report = evaluate_sae(made("clt"), tiny_model, texts(), groups="reconstruction")
    assert any("2 sites are written" in note for note in report.notes)
    alone = evaluate_sae(random_sae(), tiny_model, texts(), groups="reconstruction")
    assert not any("sites are written" in note for note in alone.notes)
