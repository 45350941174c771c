"""Our numbers beside those of SAELens's own evals, of the same SAE on the same tokens.

What SAELens measured is in a fixture (tests/peers/make_sae_lens_evals.py). Where a definition differs, the test shows
what turns one number into the other: the same model, SAE and tokens must lie behind both.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from interp_nb._measures import ce_loss, kl
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.features.geometry import encoder_decoder_cosine
from interp_nb.features.latents import SAELatents
from interp_nb.models.edit import capture
from interp_nb.models.load import load_model
from interp_nb.sae.recovery import replaced, share_recovered
from interp_nb.sae.saving import load_sae

FIXTURE = Path(__file__).parents[2] / "fixtures" / "sae_lens_evals.json"
SITE = "blocks.1.hook_resid_post"
ROUNDING = 2e-5
"""Both compute in float32, in another order; of a difference of losses, a part of it is that of the losses."""
SAME = {
    "explained_variance": "explained_variance", "cossim": "cosine_similarity", "l0": "l0", "l1": "l1",
    "l2_ratio": "shrinkage", "relative_reconstruction_bias": "reconstruction_bias",
    "ce_loss_without_sae": "ce_clean", "ce_loss_with_sae": "ce_recons",
}  # fmt: skip
"""SAELens's name and ours, of what both define alike."""


@pytest.fixture(scope="module")
def peer() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return made


@pytest.fixture(scope="module")
def ours(peer):
    """Model, SAE, tokens, the report, and activations with reconstructions of every token."""
    model, sae, tokens = load_model("pocket", device="cpu"), load_sae("pocket"), torch.tensor(peer["tokens"])
    report = evaluate_sae(sae, model, tokens, groups=("reconstruction", "sparsity"), n_tokens=None)
    acts = capture(model, tokens, [SITE])[SITE]
    with torch.no_grad():
        return model, sae, tokens, report, acts, sae(acts)


def number(report, name, with_bos):
    return report[name].with_bos if with_bos else report[name].value


@pytest.fixture(params=[False, True], ids=["without_bos", "with_bos"])
def with_bos(request) -> bool:
    return bool(request.param)


def test_what_both_define_alike_is_the_same_number(peer, ours, with_bos):
    theirs = peer["with_bos" if with_bos else "without_bos"]
    found = {name: number(ours[3], own, with_bos) for name, own in SAME.items()}
    assert found == pytest.approx({name: theirs[name] for name in SAME}, rel=ROUNDING)


def test_mse_is_theirs_over_the_width(peer, ours, with_bos):
    # SAELens sums over dimensions, ours is a mean over them.
    theirs = peer["with_bos" if with_bos else "without_bos"]["mse"]
    assert number(ours[3], "mse", with_bos) * ours[1].cfg.d_in == pytest.approx(theirs, rel=ROUNDING)


def test_legacy_explained_variance_is_a_mean_of_ratios(peer, ours, with_bos):
    # Ours, as SAELens's newer one, is a ratio of sums: in the legacy one every token has as much say.
    tokens, acts, recons = ours[2], ours[4], ours[5]
    rows = torch.ones_like(tokens, dtype=torch.bool) if with_bos else tokens != 0
    acts, recons = acts[rows], recons[rows]
    errors, spread = (acts - recons).square().sum(1), (acts - acts.mean(0)).square().sum(1)
    theirs = peer["with_bos" if with_bos else "without_bos"]
    assert float((1 - errors / spread).mean()) == pytest.approx(theirs["explained_variance_legacy"], rel=ROUNDING)
    assert float(1 - errors.sum() / spread.sum()) == pytest.approx(
        number(ours[3], "explained_variance", with_bos), 1e-4
    )


def test_loss_recovered_is_theirs_where_begin_of_text_counts(peer, ours):
    # With begin-of-text tokens both replace every token by the reconstruction, and by zero.
    assert ours[3]["loss_recovered_zero"].with_bos == pytest.approx(peer["with_bos"]["ce_loss_score"], rel=ROUNDING)


def test_loss_recovered_is_theirs_once_begin_of_text_is_zeroed_too(peer, ours):
    # Without them SAELens keeps begin-of-text tokens in the run with reconstructions, and zeroes them in the ablation:
    # its score compares with a model that has lost them as well. Ours ablates what it reconstructs, and nothing else.
    model, _, tokens, report, acts, _ = ours
    everything = torch.ones_like(tokens, dtype=torch.bool)
    counted = tokens[:, :-1] != 0
    zeroed = replaced(model, tokens, [SITE], everything, torch.zeros_like(acts).flatten(0, 1))
    ablated = float(ce_loss(zeroed, tokens)[counted].mean())
    assert ablated == pytest.approx(peer["without_bos"]["ce_loss_with_ablation"], rel=ROUNDING)
    theirs = share_recovered(report["ce_clean"].value, report["ce_recons"].value, ablated)
    assert theirs == pytest.approx(peer["without_bos"]["ce_loss_score"], rel=ROUNDING)


def test_kl_is_theirs_once_the_last_prediction_counts(peer, ours, with_bos):
    # SAELens counts what follows the last token, which nothing is known of; ours counts the predictions that CE counts.
    model, _, tokens, report, _, recons = ours
    mask = torch.ones_like(tokens, dtype=torch.bool) if with_bos else tokens != 0
    clean = replaced(model, tokens, [SITE], mask, None)
    moved = kl(clean, replaced(model, tokens, [SITE], mask, recons[mask]))
    ablated_everywhere = torch.zeros_like(recons).flatten(0, 1)
    lost = kl(clean, replaced(model, tokens, [SITE], torch.ones_like(mask), ablated_everywhere))
    theirs = peer["with_bos" if with_bos else "without_bos"]
    # KL is a small difference of large numbers: rounding weighs more.
    assert float(moved[mask].mean()) == pytest.approx(theirs["kl_div_with_sae"], rel=1e-3)
    assert float(lost[mask].mean()) == pytest.approx(theirs["kl_div_with_ablation"], rel=ROUNDING)
    assert share_recovered(0.0, float(moved[mask].mean()), float(lost[mask].mean())) == pytest.approx(
        theirs["kl_div_score"], rel=ROUNDING
    )
    from_counted = (mask[:, :-1] & mask[:, 1:]).nonzero(as_tuple=True)
    assert float(moved[from_counted].mean()) == pytest.approx(number(report, "kl_recons", with_bos), rel=1e-3)


def test_the_same_latents_fire_as_often_and_are_dead(peer, ours, with_bos):
    _, sae, tokens, report, acts, _ = ours
    rows = torch.ones_like(tokens, dtype=torch.bool) if with_bos else tokens != 0
    theirs = torch.tensor(peer["with_bos" if with_bos else "without_bos"]["firings"])
    with torch.no_grad():
        firings = (sae.encode(acts[rows]) > 0).sum(0)
    # A pre-activation within rounding of the threshold may fall to either side.
    assert int((firings - theirs).abs().sum()) <= 2
    assert number(report, "dead_fraction", with_bos) == pytest.approx(float((theirs == 0).float().mean()), abs=1e-3)
    dense = theirs > 0.1 * int(rows.sum())
    assert number(report, "dense_fraction", with_bos) == pytest.approx(float(dense.float().mean()), abs=1e-3)


def test_encoder_and_decoder_rows_have_the_same_cosines(peer, ours):
    source = SAELatents(ours[1])
    found = encoder_decoder_cosine(source, source.rows(torch.arange(ours[1].cfg.d_sae)))
    assert found.tolist() == pytest.approx(peer["encoder_decoder_cosine_sim"], abs=2e-6)
