"""Reconstruction and sparsity against slow loops, on paper, and where they are known."""

import math

import pytest
import torch

from interp_nb._stats import bootstrap_counts
from interp_nb.evaluation.asked import texts_of
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.evaluation.losses import COUNT, LOSS_TOKENS, measure_losses
from interp_nb.evaluation.places import places_of
from interp_nb.evaluation.reading import encoded, read, reading_with_bos
from interp_nb.evaluation.row_sums import row_sums
from interp_nb.evaluation.sparsity import measure_sparsity
from interp_nb.evaluation.text import Evaluated
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.harvesting import Harvested
from interp_nb.sae.metrics import explained_variance
from interp_nb.sae.recovery import Recovery
from tests.oracles.evaluation_loops import slow_numbers
from tests.unit.evaluation.cases import LAST, SITE, exact_sae, ids_of, random_sae, texts

GROUPS = ("reconstruction", "sparsity")


@pytest.mark.parametrize(
    "site", [SITE, LAST, "blocks.1.hook_resid_mid", "blocks.0.attn.hook_z", "blocks.1.hook_mlp_out"]
)
def test_numbers_are_those_of_slow_loops_with_and_without_begin_of_text(tiny_model, site):
    documents = texts(4)
    sae = random_sae(site)
    report = evaluate_sae(sae, tiny_model, documents, groups=GROUPS, packing="separate")
    with torch.no_grad():
        without, with_bos = (
            slow_numbers(sae, tiny_model, ids_of(tiny_model, documents), site, 0, with_bos=each)
            for each in (False, True)
        )
    assert report.metrics.keys() == without.keys()
    for name, metric in report.metrics.items():
        assert metric.value == pytest.approx(without[name], rel=2e-4, abs=1e-5), name
        assert metric.with_bos == pytest.approx(with_bos[name], rel=2e-4, abs=1e-5), name
        assert metric.n == (24 if name == "dead_fraction" else 4)


def by_hand():
    """Two documents of one token each, [3, 4] and [0, 2], reconstructed as [3, 0] and [0, 4].

    Latents: x0, 2 x1 - 10 x0, and x1 / 4 - x0, which writes nothing, as far as they are positive; the fourth is dead.
    """
    sae = SAE(SAEConfig(d_in=2, d_sae=4, architecture="relu"))
    with torch.no_grad():
        sae.encoder.copy_(torch.tensor([[1.0, 0.0], [-10.0, 2.0], [-1.0, 0.25], [0.0, 0.0]]))
        sae.W_dec.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]))
        for bias in (sae.b_enc, sae.b_dec):
            bias.zero_()
    acts = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    text = Evaluated(
        tokens_in_windows=torch.tensor([[5], [6]]), row_in_windows=torch.tensor([[0], [1]]), n_counted=2, all_acts=acts,
        all_targets=acts, all_doc=torch.tensor([0, 7]), all_pos=torch.tensor([0, 0]), all_tokens=torch.tensor([5, 6]),
        all_fired=encoded(sae, acts), documents=None, labels=None, writes_what_it_reads=True,
    )  # fmt: skip
    return text, sae


def test_errors_lengths_and_angles_of_two_rows_by_hand():
    text, sae = by_hand()
    found = row_sums(sae, text)
    assert found.squared_error.tolist() == [16, 4]
    assert found.absolute_error.tolist() == [4, 2]
    assert found.cosine.tolist() == [9 / 15, 1]
    assert found.length_ratio.tolist() == [3 / 5, 2]
    # Around their mean [1.5, 3]: 2 * (1.5^2 + 1^2).
    assert found.counted.squares == 6.5
    assert text.n_docs == 2


def test_sparsity_of_two_rows_by_hand():
    text, sae = by_hand()
    metrics = measure_sparsity(text, row_sums(sae, text), 4, seed=0).metrics
    values = {name: metric.value for name, metric in metrics.items()}
    assert values == {
        "l0": 1.5, "active_share": 0.375, "shrinkage": (0.6 + 2) / 2, "reconstruction_bias": 25 / 17, "l1": 3.75,
        "l0_p10": 1, "l0_median": 1, "l0_p90": 2, "dead_fraction": 0.25, "dense_fraction": 0.75,
    }  # fmt: skip


def test_interval_of_dense_latents_is_that_of_resampled_documents_over_all_latents():
    """The same from a table of all latents, with none taken for surely dense or not."""
    n_docs, d_sae = 40, 300
    generator = torch.Generator().manual_seed(0)
    doc = torch.repeat_interleave(torch.arange(n_docs), torch.randint(3, 40, (n_docs,), generator=generator))
    # Latents that fire on 2 % to 40 % of the tokens, in some documents more than in others.
    share = torch.linspace(0.02, 0.4, d_sae) * (0.2 + 1.6 * torch.rand(n_docs, d_sae, generator=generator))[doc]
    acts = (torch.rand(len(doc), d_sae, generator=generator) < share).float()
    sae = SAE(SAEConfig(d_in=d_sae, d_sae=d_sae, architecture="relu"))
    with torch.no_grad():
        sae.encoder.copy_(torch.eye(d_sae))
        sae.W_dec.copy_(torch.eye(d_sae))
        for bias in (sae.b_enc, sae.b_dec):
            bias.zero_()
    rows = torch.arange(len(doc))
    text = Evaluated(
        tokens_in_windows=rows[None], row_in_windows=rows[None], n_counted=len(doc), all_acts=acts, all_targets=acts,
        all_doc=doc, all_pos=rows, all_tokens=rows, all_fired=encoded(sae, acts), documents=None, labels=None,
        writes_what_it_reads=True,
    )  # fmt: skip
    found = measure_sparsity(text, row_sums(sae, text), d_sae, seed=0).metrics["dense_fraction"]
    table = torch.zeros(n_docs, d_sae + 1, dtype=torch.float64)
    table.index_add_(0, doc, torch.cat([acts, torch.ones(len(doc), 1)], 1).double())
    ends = bootstrap_counts(table, lambda sums: (sums[..., :-1] > 0.1 * sums[..., -1:]).double().mean(-1, keepdim=True))
    value = float((acts.mean(0) > 0.1).double().mean())
    assert (found.value, found.low, found.high) == pytest.approx((value, float(ends.low), float(ends.high)), abs=1e-6)
    assert found.high - found.low > 0.01
    assert (found.n, found.unit_resampled) == (n_docs, "documents")


def test_sae_on_which_nothing_fires_has_numbers_too(tiny_model):
    sae = random_sae()
    with torch.no_grad():
        sae.encoder.zero_()
        sae.b_enc.fill_(-1)
    labels = {"odd": [index % 2 for index in range(60)]}
    report = evaluate_sae(sae, tiny_model, texts(60), labels=labels)
    assert (report.l0, report["dead_fraction"].value, report["dense_fraction"].value) == (0, 1, 0)
    assert report["dead_fraction"].low < 1
    assert report.explained_variance <= 0
    assert "no latent fires" in report.skipped["causal"]
    assert report["concepts_found"].value == 0


def test_sae_that_reconstructs_everything_has_the_best_numbers(tiny_model):
    report = evaluate_sae(exact_sae(), tiny_model, texts(), groups=GROUPS)
    for name in ("explained_variance", "cosine_similarity", "loss_recovered_mean", "loss_recovered_zero",
                 "kl_recovered_mean", "kl_recovered_zero", "shrinkage", "reconstruction_bias"):  # fmt: skip
        assert report[name].value == pytest.approx(1, abs=1e-4), name
    assert report["kl_recons"].value == pytest.approx(0, abs=1e-6)
    assert report["ce_recons"].value == pytest.approx(report["ce_clean"].value, abs=1e-6)
    # One of the two latents of each coordinate fires.
    assert report.l0 == 32
    assert report["active_share"].value == 0.5
    assert report["l0_p10"].value == report["l0_p90"].value == 32


def test_mean_ablation_recovers_nothing_of_itself(tiny_model):
    """An SAE that writes the mean whatever it reads: nothing is recovered, and no variance explained."""
    documents = texts()
    sae = random_sae()
    with torch.no_grad():
        ids = ids_of(tiny_model, documents)
        rows = torch.cat([tiny_model.run_with_cache(torch.tensor([each]))[1][SITE][0, 1:] for each in ids])
        sae.W_dec.zero_()
        sae.b_dec.copy_(rows.mean(0))
    report = evaluate_sae(sae, tiny_model, documents, groups="reconstruction", packing="separate")
    assert report["loss_recovered_mean"].value == pytest.approx(0, abs=1e-4)
    assert report["kl_recovered_mean"].value == pytest.approx(0, abs=1e-4)
    assert report.explained_variance == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("ablation", ["mean", "zero"])
def test_loss_recovered_is_that_of_training(tiny_model, ablation):
    documents = texts(12)
    ids = ids_of(tiny_model, documents)
    longest = max(map(len, ids))
    tokens = torch.tensor([each + [0] * (longest - len(each)) for each in ids])
    sae = random_sae()
    trained = Recovery(tiny_model, tokens, (SITE,), ablation=ablation).measure(sae)
    report = evaluate_sae(sae, tiny_model, documents, groups="reconstruction", ablation=ablation, packing="separate")
    assert report.loss_recovered == pytest.approx(trained.loss_recovered, rel=1e-4)
    assert report["ce_clean"].value == pytest.approx(trained.ce_clean, rel=1e-5)
    assert report["ce_recons"].value == pytest.approx(trained.ce_recons, rel=1e-5)


@pytest.mark.parametrize("packing", ["separate", "packed"])
def test_sums_by_document_give_the_numbers(tiny_model, packing):
    documents = texts()
    report = evaluate_sae(random_sae(), tiny_model, documents, groups=GROUPS, packing=packing)
    assert report.data["n_docs"] == len(documents)
    for name, pair in report.by_document.items():
        over, under = pair.sum(0).tolist()
        assert report[name].value == pytest.approx(over / under, rel=1e-6), name
        assert pair.shape == (len(documents), 2)
    words = [len(tiny_model.to_tokens(text, prepend_bos=False)[0]) for text in documents]
    assert report.by_document["l0"][:, 1].tolist() == words
    # A document's first token is predicted from begin-of-text alone, or from another document.
    assert report.by_document["ce_clean"][:, 1].sum() <= sum(words) - (len(words) if packing == "separate" else 0)


def test_losses_are_of_the_first_tokens_only(tiny_model, monkeypatch):
    documents = texts(40)
    for module in ("losses", "reconstruction"):
        monkeypatch.setattr(f"interp_nb.evaluation.{module}.LOSS_TOKENS", 50)
    report = evaluate_sae(random_sae(), tiny_model, documents, groups="reconstruction", packing="separate")
    counts = report.by_document["ce_clean"][:, 1]
    n_measured = int((counts > 0).sum())
    assert 0 < n_measured < len(documents) / 2
    assert bool((counts[:n_measured] > 0).all())
    assert report["ce_clean"].n == n_measured
    assert report["mse"].n == len(documents)
    assert any("CE and KL are of" in note for note in report.notes)
    assert LOSS_TOKENS > 50


def test_documents_of_one_token_predict_nothing(tiny_model):
    sae = random_sae()
    report = evaluate_sae(sae, tiny_model, [" Paris", " Rome"] * 5, groups="reconstruction", packing="separate")
    assert math.isnan(report["ce_clean"].value)
    assert {name for name, words in report.skipped.items() if "nothing is predicted" in words} == {
        "ce_clean", "ce_recons", "kl_recons", "loss_recovered_mean", "loss_recovered_zero", "kl_recovered_mean",
        "kl_recovered_zero",
    }  # fmt: skip
    assert not math.isnan(report["mse"].value)


def test_patched_runs_from_the_middle_give_what_whole_runs_give(tiny_model, monkeypatch):
    sae, documents = random_sae(), texts(8)
    fast = evaluate_sae(sae, tiny_model, documents, groups="reconstruction")
    monkeypatch.setattr("interp_nb.evaluation.losses.start_of", lambda model, sites: (None, None))
    whole = evaluate_sae(sae, tiny_model, documents, groups="reconstruction")
    for name in fast.metrics:
        assert fast[name].value == pytest.approx(whole[name].value, rel=1e-5), name


def test_counts_of_predictions_are_those_of_counted_tokens(tiny_model):
    documents = texts(8)
    sae = random_sae()
    source = Harvested(tiny_model, (SITE,), (SITE,), texts_of(tiny_model, documents).data,
                       reading=reading_with_bos(packing="separate"))  # fmt: skip
    *_, text = read(source, sae, None, None, None, None)
    *_, losses = measure_losses(sae, tiny_model, text, places_of(sae, tiny_model, None, None, allow_mismatch=False))
    lengths = [len(each) for each in ids_of(tiny_model, documents)]
    assert losses.counted[:, COUNT].tolist() == [length - 2 for length in lengths]
    assert losses.with_bos[:, COUNT].tolist() == [length - 1 for length in lengths]


def test_explained_variance_of_a_resample_is_around_the_mean_of_its_own_documents(tiny_model, monkeypatch):
    sae, documents = random_sae(), texts(6)
    taken = {}

    def keep(counts, statistic, *, seed):
        taken.update(counts=counts, statistic=statistic)
        return [(0.0, 0.0, 0.0)]

    monkeypatch.setattr("interp_nb.evaluation.reconstruction.of_sums", keep)
    evaluate_sae(sae, tiny_model, documents, groups="reconstruction", packing="separate")
    times = torch.tensor([0.0, 3.0, 1.0, 0.0, 2.0, 0.0], dtype=torch.float64)
    ids = [each for each, n in zip(ids_of(tiny_model, documents), times.tolist(), strict=True) for _ in range(int(n))]
    acts = torch.cat([tiny_model.run_with_cache(torch.tensor([each]))[1][SITE][0, 1:] for each in ids])
    with torch.no_grad():
        expected = explained_variance(acts, sae(acts))
    assert float(taken["statistic"](times @ taken["counts"])) == pytest.approx(expected, rel=1e-5)
