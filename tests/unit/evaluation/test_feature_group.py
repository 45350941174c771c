"""Probing, absorption, splitting and logit effects on SAEs whose latents are made by hand."""

import numpy as np
import pytest
import torch

from interp_nb import _stats
from interp_nb._errors import ConfigError, DataError
from interp_nb._stats import share_interval
from interp_nb.evaluation.feature_group import LABELLED, measure_features
from interp_nb.evaluation.logit_effects import logit_specificity
from interp_nb.features.latents import SAELatents
from interp_nb.models.readout import Readout
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from tests.unit.evaluation import planted_cities as planted


@pytest.fixture(scope="module")
def model():
    from tests.tiny_models import shared

    return shared("gpt2")


def found(model, sae, **how):
    return measure_features(sae, model, planted.evaluated(sae, **how))


def rates(result):
    return {row.child: row.rate for row in result.tables["absorbed"]}


def test_absorbed_city_is_found_with_the_latent_that_took_over(model):
    result = found(model, planted.absorbing())
    assert rates(result) == {"name=Paris": 1.0, "name=Rome": 0.0, "name=Oslo": 0.0, "name=Kyiv": 0.0}
    first = result.tables["absorbed"][0]
    assert (first.parent, first.parent_latents, first.absorbing_latents) == ("kind=city", (0,), (1,))
    # All documents agree; that is some forty of them, and no certainty.
    n_docs = first.n
    assert (first.low, first.high) == share_interval(n_docs, n_docs)
    assert 0.85 < first.low < 1
    assert result.tables["absorbed"][1].high > 0
    assert result.metrics["absorption"].value == 0.25
    assert result.metrics["absorption"].unit_resampled == "documents"


def test_nothing_is_absorbed_where_the_broader_latent_fires_itself(model):
    """The latent of Paris writes most along "city", but that of "city" fires beside it."""
    sae = planted.honest()
    with torch.no_grad():
        sae.W_dec[1, planted.CITY] = 3
    assert rates(found(model, sae)) == {"name=Paris": 0.0, "name=Rome": 0.0, "name=Oslo": 0.0, "name=Kyiv": 0.0}


def test_many_latents_are_resampled_in_bundles(model, monkeypatch):
    resampled = []
    drawn = _stats._times_drawn

    def spy(n, *rest):
        resampled.append(n)
        return drawn(n, *rest)

    monkeypatch.setattr("interp_nb._stats._times_drawn", spy)
    sae = SAE(SAEConfig(d_in=6, d_sae=5000, architecture="relu"), seed=0)
    result = found(model, sae)
    cosine = result.metrics["encoder_decoder_cosine"]
    assert cosine.n > 2048
    assert max(resampled) <= 2048
    # Still as sure as so many latents make it.
    assert cosine.high - cosine.low < 0.1


def test_honest_latents_neither_absorb_nor_split(model):
    result = found(model, planted.honest())
    assert set(rates(result).values()) == {0.0}
    assert result.metrics["absorption"].value == 0.0
    assert result.metrics["splitting"].value == 1.0


def test_a_concept_that_two_latents_share_is_split_in_two_and_absorbed_by_none(model):
    result = found(model, planted.splitting())
    assert result.metrics["splitting"].value == 2.0
    assert {row.parent_latents for row in result.tables["absorbed"]} == {(0, 5)}
    assert result.metrics["absorption"].value == 0.0


def test_a_concept_that_is_split_into_its_children_is_absorbed_by_none(model):
    result = found(model, planted.scattered())
    assert result.metrics["splitting"].value == 4.0
    assert result.tables["absorbed"] == []
    assert "has latents of its own" in result.skipped["absorption"]


def test_a_silent_parent_is_not_absorbed_by_a_latent_that_writes_nothing_of_it(model):
    sae = planted.absorbing()
    with torch.no_grad():
        sae.W_dec[1, planted.CITY] = -1  # Paris's latent fires in the city latent's place, and writes against it
    assert rates(found(model, sae))["name=Paris"] == 0.0


def test_probes_of_one_latent_tell_what_has_a_latent(model):
    result = found(model, planted.honest())
    rows = {(row.task, row.k): row for row in result.tables["probes"]}
    assert rows["kind=city", 1].latents == (0,)
    assert rows["name=Rome", 1].latents == (2,)
    for row in rows.values():
        assert row.accuracy == row.low == row.high == row.dense_accuracy == row.dense_low == row.dense_high == 1.0
    assert result.metrics["probe_k1"].value == result.metrics["probe_dense"].value == 1.0


def test_two_latents_tell_what_one_cannot(model):
    result = found(model, planted.splitting())
    rows = {(row.task, row.k): row for row in result.tables["probes"]}
    # Half of the cities and all of the words: (1/2 + 1) / 2.
    assert rows["kind=city", 1].accuracy == 0.75
    assert rows["kind=city", 2].accuracy == 1.0
    assert set(rows["kind=city", 2].latents) == {0, 5}


def test_probe_of_noise_is_at_chance_on_documents_it_did_not_see(model):
    generator = np.random.default_rng(1)
    noise = [[int(generator.random() < 0.3) for _ in range(planted.LENGTH)] for _ in range(planted.N_DOCS)]
    result = found(model, planted.honest(), labels={"coin": noise})
    for row in result.tables["probes"]:
        assert row.low < 0.5 < row.high, row
    assert "absorption" in result.skipped


def test_text_without_labels_says_which_numbers_it_lacks(model):
    sae = planted.honest()
    text = planted.evaluated(sae)
    bare = type(text)(**{**vars(text), "labels": None})
    result = measure_features(sae, model, bare)
    assert set(result.metrics) == {"encoder_decoder_cosine"}
    assert set(result.skipped) == {*LABELLED, "logit_specificity"}
    assert "has no labels" in result.skipped["absorption"]
    assert result.metrics["encoder_decoder_cosine"].value == 1.0
    assert int(result.distributions["encoder_decoder_cosine"].counts[-1]) == 5


def test_too_few_documents_of_each_half_are_said(model):
    result = found(model, planted.honest(), n_docs=12)
    assert "ten documents of each half" in result.skipped["probe_k1"]


def test_labels_of_another_number_of_documents_are_refused(model):
    with pytest.raises(DataError, match=r"labels\['topic'\] must have an entry per document: 80 were read, it has 3"):
        found(model, planted.honest(), labels={"topic": [1, 0, 1]})
    short = [[1] * 11 for _ in range(80)]
    with pytest.raises(DataError, match=r"document \d+ was read up to token 11, it has 11"):
        found(model, planted.honest(), labels={"topic": short})


def test_logit_specificity_is_0_of_random_directions_and_1_of_a_token(model, monkeypatch):
    width = int(model.cfg.d_model)
    # Every dimension of the stream is one token's logit: a latent along a dimension moves that token alone.
    readout = Readout(torch.ones(width), None, False, 0.0, torch.eye(width), None, None)
    monkeypatch.setattr("interp_nb.evaluation.logit_effects.read_readout", lambda model: readout)
    sae = SAE(SAEConfig(d_in=width, d_sae=200, sites=("blocks.0.hook_resid_post",)), seed=3)
    with torch.no_grad():
        sae.W_dec[0] = torch.eye(width)[7]
    shares = logit_specificity(model, SAELatents(sae), np.arange(200))
    assert abs(shares[1:].mean()) < 0.03
    # One of 32 tokens has all but a thirtieth, which centering spreads over the others.
    assert 0.85 < shares[0] < 1


def test_logit_specificity_of_what_adds_to_no_stream_is_refused(model):
    width = int(model.cfg.d_model)
    sae = SAE(SAEConfig(d_in=width, d_sae=8, sites=("blocks.0.attn.hook_q",)))
    with pytest.raises(ConfigError, match=r"blocks.0.attn.hook_q does not add to the residual stream"):
        logit_specificity(model, SAELatents(sae), np.arange(8))
