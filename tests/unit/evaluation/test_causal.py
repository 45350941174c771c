"""Causal use: a planted latent that moves predictions, one that does not, and what is paired with what."""

import math

import numpy as np
import pytest
import torch

from interp_nb.evaluation.causal import _null
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.evaluation.intervals import MIN_DOCS
from interp_nb.evaluation.names import WITHOUT_BOS
from interp_nb.features.effects import Window, _random_like, window_effects
from interp_nb.features.explain import Question
from interp_nb.features.latents import SAELatents
from interp_nb.features.wiring import Wired
from interp_nb.models.edit import forward
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from tests.unit.evaluation.cases import LAST, ids_of, random_sae, texts

SIZE = 6.0


def planted(model):
    """Three latents that fire with 6 on every token, at the end of the model.

    Latent 0 writes the direction along which the logits move most, latent 1 one that the last norm takes away (all
    coordinates alike), latent 2 nothing at all that the model reads: it never fires.
    """
    sae = SAE(SAEConfig(d_in=32, d_sae=3, architecture="relu", sites=(LAST,)))
    below = model.original_model
    gain = below.transformer.ln_f.weight.detach()
    reads = below.lm_head.weight.detach() * gain
    reads = reads - reads.mean(1, keepdim=True)
    with torch.no_grad():
        sae.encoder.zero_()
        sae.b_dec.zero_()
        sae.b_enc.copy_(torch.tensor([SIZE, SIZE, -1.0]))
        sae.W_dec[0] = torch.linalg.svd(reads - reads.mean(0)).Vh[0]
        sae.W_dec[1] = torch.ones(32) / math.sqrt(32)
        sae.W_dec[2] = 0
    return sae


def test_planted_latent_is_beyond_a_random_direction_and_one_that_nobody_reads_is_not(tiny_model):
    report = evaluate_sae(planted(tiny_model), tiny_model, texts(), groups="causal")
    rows = {row.latent_idx: row for row in report.causal}
    assert set(rows) == {0, 1}
    assert rows[0].beyond
    assert rows[0].low > 0
    assert rows[0].effect > rows[0].random > 0
    assert not rows[1].beyond
    assert rows[1].effect == pytest.approx(0, abs=1e-5)
    assert rows[1].high < 0
    assert report["causal_share"].value == 0.5
    assert report["causal_share"].unit_resampled == "latents"
    assert report["causal_effect"].value == pytest.approx((rows[0].effect + rows[1].effect) / 2)
    assert int(report.distributions["latent_effect"].counts.sum()) == 2
    assert any("the 2 that fire in at least 5 documents, of 2 that fire at all" in note for note in report.notes)
    assert any("chance passes 5% of the time" in note for note in report.notes)
    assert WITHOUT_BOS in report.notes
    assert WITHOUT_BOS not in evaluate_sae(planted(tiny_model), tiny_model, texts(), groups="sparsity").notes


def test_a_second_random_direction_is_held_to_the_same_rule(tiny_model):
    report = evaluate_sae(random_sae(LAST), tiny_model, texts(60), groups="causal")
    share, null = report["causal_share"], report["causal_null"]
    assert (null.n, null.unit_resampled) == (share.n, "latents")
    assert null.n > 10
    assert null.low < null.high
    assert 0 <= null.value < 0.5
    apart = np.repeat([[1.0], [-1.0], [0.0]], 10, 1)
    doc, zero = np.arange(10.0), np.zeros(10)
    assert [_null(np.stack([doc, zero, zero, each], 1), 0) for each in apart] == [True, False, False]
    rows = np.stack([doc, zero, zero, apart[0]], 1)
    assert _null(rows[:MIN_DOCS], 0)
    assert not _null(rows[: MIN_DOCS - 1], 0)
    # A second window of the same document says nothing new.
    assert not _null(np.concatenate([rows[: MIN_DOCS - 1]] * 2), 0)


def test_random_directions_that_differ_by_chance_alone_seldom_pass():
    generator = np.random.default_rng(0)
    for n_docs in (5, 9, 24):
        doc = np.arange(float(n_docs))
        # As heavy-tailed as effects are: of one such direction, one window in ten holds most of the sum.
        drawn = np.exp(2 * generator.normal(size=(600, n_docs, 2)))
        passed = [_null(np.column_stack([doc, np.zeros(n_docs), pair]), 0) for pair in drawn]
        assert 0.015 < np.mean(passed) < 0.075


def test_second_random_direction_leaves_the_first_as_it_is(tiny_model):
    windows = [
        Window(latent, Question(np.array(ids[1:], np.int32), (2,), doc, 2, 2))
        for doc, ids in enumerate(ids_of(tiny_model, texts(6)))
        for latent in (0, 1)
    ]
    wired = Wired(SAELatents(planted(tiny_model)))
    one, two = (
        dict(window_effects(tiny_model, wired, windows, seed=3, two_random=more)) for more in (False, True)
    )  # fmt: skip
    for place, measured in one.items():
        assert measured[:2] == two[place][:2]
        assert math.isnan(measured.other_random)
        assert two[place].other_random > 0
        assert two[place].other_random != measured.random


def test_random_directions_have_the_norm_of_what_is_taken_out(tiny_model):
    wired = Wired(SAELatents(planted(tiny_model)))
    written = wired.rows(torch.tensor([0, 1, 0])) * torch.tensor([[SIZE], [0.5], [2 * SIZE]])
    drawn = _random_like(wired, written, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.norm(dim=1), torch.tensor([SIZE, 0.5, 2 * SIZE]))
    assert torch.nn.functional.cosine_similarity(drawn[0], drawn[2], dim=0).abs() < 0.9


def test_effects_have_intervals_of_their_own(tiny_model):
    report = evaluate_sae(planted(tiny_model), tiny_model, texts(), groups="causal")
    row = next(row for row in report.causal if row.latent_idx == 0)
    assert row.effect_low < row.effect < row.effect_high
    assert row.random_low < row.random < row.random_high
    # Paired, the difference is known better than from the two apart.
    assert row.effect_low - row.random_high < row.low


def test_effect_is_the_kl_of_the_predictions_from_there_on(tiny_model):
    """One firing of one latent: the same by running the whole document twice, by hand."""
    documents = texts(MIN_DOCS)
    sae = planted(tiny_model)
    with torch.no_grad():
        # Fires on " Mary" alone, which is the third word of every document here and stands nowhere else.
        documents = [f" Rome gave Mary{text.replace(' Mary', ' John')}"[:60] for text in documents]
        ids = ids_of(tiny_model, documents)
        acts = [tiny_model.run_with_cache(torch.tensor([each]))[1][LAST][0] for each in ids]
        mary = tiny_model.to_tokens(" Mary", prepend_bos=False)[0, 0].item()
        places = [each.index(mary) for each in ids]
        rows = torch.stack([a[at] for a, at in zip(acts, places, strict=True)])
        others = torch.cat([a[[p for p in range(1, len(a)) if p != at]] for a, at in zip(acts, places, strict=True)])
        reads = torch.linalg.lstsq(
            torch.cat([rows, others]), torch.cat([torch.full((len(rows), 1), 9.0), torch.full((len(others), 1), -9.0)])
        ).solution[:, 0]
        sae.encoder[0], sae.b_enc[0], sae.b_enc[1] = reads, 0.0, -1.0
        fires = [(sae.encode(a)[:, 0] > 0).nonzero()[:, 0].tolist() for a in acts]
    expected = []
    for a, each, where in zip(acts, ids, fires, strict=True):
        for at in where:
            if at == 0:
                continue
            tokens = torch.tensor([each[max(0, at - 11) : at + 5]])
            here = min(at, 11)
            changed = -sae.encode(a)[at, 0].detach() * sae.W_dec[0].detach()

            def put(activation, hook, here=here, changed=changed):
                activation[0, here] += changed
                return activation

            before = forward(tiny_model, tokens)[0, here:].double().log_softmax(-1)
            after = forward(tiny_model, tokens, hooks=[(LAST, put)])[0, here:].double().log_softmax(-1)
            expected.append(float((before.exp() * (before - after)).sum()))
    report = evaluate_sae(sae, tiny_model, documents, groups="causal", packing="separate")
    (row,) = report.causal
    assert row.n_docs == len(documents)
    assert row.effect == pytest.approx(np.mean(expected), rel=1e-3)


def test_latents_that_fire_in_too_few_documents_are_not_measured(tiny_model):
    report = evaluate_sae(planted(tiny_model), tiny_model, texts(MIN_DOCS - 1), groups="causal")
    assert report.metrics == {}
    assert "no latent fires in 5 documents" in report.skipped["causal"]


def test_so_many_latents_are_drawn_at_random_and_the_same_ones_again(tiny_model):
    sae, documents = random_sae(LAST), texts()
    drawn = []
    for seed in (0, 0, 1):
        report = evaluate_sae(sae, tiny_model, documents, groups="causal", n_causal=4, seed=seed)
        drawn.append([row.latent_idx for row in report.causal])
    assert len(drawn[0]) == 4
    assert drawn[0] == drawn[1] != drawn[2]
