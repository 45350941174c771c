"""What is not evaluated, and what the error says: another model, site or folding, too little text or memory."""

import itertools
import re

import pytest
import torch

from interp_nb._errors import ConfigError, DataError, MemoryBudgetError
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.models.edit import edit
from interp_nb.models.info import model_info
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.trained_on import other_model
from tests.tiny_models import shared
from tests.unit.evaluation.cases import LAST, SITE, exact_sae, random_sae, texts

TEXT = texts(6)


def trained_on(model, **differing):
    """An SAE that knows which model it was trained on."""
    sae = random_sae()
    sae.provenance = {"model": model_info(model)._asdict() | differing}
    return sae


def refused(sae, model, message, **settings):
    with pytest.raises(ConfigError, match=re.escape(message)):
        evaluate_sae(sae, model, TEXT, groups="sparsity", **settings)


def test_sae_of_another_model_is_refused_and_both_are_named(tiny_model):
    name = model_info(tiny_model).name
    sae = random_sae(model="pocket")
    refused(sae, tiny_model, f"this SAE was trained on model pocket, this is {name}")
    report = evaluate_sae(sae, tiny_model, TEXT, groups="sparsity", allow_mismatch=True)
    assert f"this SAE was trained on model pocket, this is {name}" in report.notes


def test_sae_of_another_folding_is_refused_and_both_are_named():
    folded = shared("gpt2", fold=True)
    sae = trained_on(folded, fold=False)
    refused(sae, folded, "loaded with fold=False, this one was loaded with fold=True")
    assert evaluate_sae(sae, folded, TEXT, groups="sparsity", allow_mismatch=True).notes


def test_sae_of_another_step_of_training_is_refused(tiny_model):
    refused(trained_on(tiny_model, step=512), tiny_model, "training step 512")


def test_sae_that_does_not_say_its_model_or_a_model_its_folding_is_noted(tiny_model):
    report = evaluate_sae(random_sae(), tiny_model, TEXT, groups="sparsity")
    name = model_info(tiny_model).name
    assert f"this SAE does not say which model it was trained on: that it is {name} was taken on trust" in report.notes
    sae = trained_on(tiny_model)
    assert not any("trained on" in note for note in evaluate_sae(sae, tiny_model, TEXT, groups="sparsity").notes)
    unknown = tiny_model.interp_nb
    try:
        tiny_model.interp_nb = unknown._replace(fold=None)
        notes = evaluate_sae(trained_on(tiny_model, fold=True), tiny_model, TEXT, groups="sparsity").notes
    finally:
        tiny_model.interp_nb = unknown
    assert f"this SAE was trained on {name} loaded with fold=True; how this one was loaded is not known" in notes


def test_same_model_under_the_hubs_or_the_short_name_is_no_mismatch(tiny_model, monkeypatch):
    info = model_info(tiny_model)
    for trained, here in (
        ("gpt2-small", "gpt2"),
        ("gpt2", "openai-community/gpt2"),
        ("gemma-2-2b", "google/gemma-2-2b"),
    ):
        monkeypatch.setattr("interp_nb.sae.trained_on.model_info", lambda model, here=here: info._replace(name=here))
        assert other_model(random_sae(model=trained), tiny_model) == []


def test_other_site_is_refused_and_both_are_named(tiny_model):
    sae = random_sae(SITE)
    refused(sae, tiny_model, f"trained on {SITE}, site= asks for {LAST}", site="resid_post", layer=1)
    report = evaluate_sae(sae, tiny_model, TEXT, site=LAST, groups="sparsity", allow_mismatch=True)
    assert report.sae["sites"] == [LAST]
    own = evaluate_sae(sae, tiny_model, TEXT, site="resid_post", layer=0, groups="sparsity")
    assert not any("trained on blocks" in note for note in own.notes)


def test_sae_that_names_no_site_needs_one(tiny_model):
    sae = SAE(SAEConfig(d_in=32, d_sae=8, architecture="relu"))
    refused(sae, tiny_model, "does not say where it reads and writes (no site); give site=")
    assert evaluate_sae(sae, tiny_model, TEXT, site=SITE, groups="sparsity").sae["sites"] == [SITE]
    refused(sae, tiny_model, "layer=1 needs site= as well", layer=1)


def test_sae_of_another_width_is_refused_whatever_is_allowed(tiny_model):
    sae = exact_sae(SITE, width=16)
    refused(sae, tiny_model, "reads rows of width 16, blocks.0.hook_resid_post of", allow_mismatch=True)


def test_sae_that_reads_whole_documents_is_refused(tiny_model, monkeypatch):
    sae = random_sae()
    monkeypatch.setattr(type(sae.architecture), "reads_sequences", True)
    refused(sae, tiny_model, "reads whole documents")


def test_edited_model_is_refused(tiny_model):
    with edit(tiny_model, [(SITE, lambda activation, hook: activation * 2)]):
        refused(random_sae(), tiny_model, "this model is being edited")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": ("sparse",)}, "no group 'sparse'; did you mean 'sparsity'?"),
        ({"groups": ()}, "groups must name at least one of"),
        ({"ablation": "random"}, "ablation must be 'mean' or 'zero', got 'random'"),
        ({"n_causal": 0}, "n_causal must be"),
        ({"n_tokens": -1}, "n_tokens must be"),
        ({"seed": -1}, "seed must be a whole number from 0, got -1"),
        ({"skip_bos": True}, "skip_bos is no choice here"),
        ({"ctx_length": 5}, "there is no setting 'ctx_length'; did you mean 'ctx_len'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tiny_model, settings, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        evaluate_sae(random_sae(), tiny_model, TEXT, **{"groups": "sparsity", **settings})


def test_other_models_have_no_text_of_their_own(tiny_model):
    with pytest.raises(ConfigError, match="give data="):
        evaluate_sae(random_sae(), tiny_model)


@pytest.mark.parametrize("data", [[], [""], torch.zeros(2, 5, dtype=torch.long)])
def test_text_without_a_token_that_counts_is_refused(tiny_model, data):
    with pytest.raises(DataError):
        evaluate_sae(random_sae(), tiny_model, data, groups="sparsity")


def test_too_little_text_gives_numbers_without_intervals_and_says_so(tiny_model):
    report = evaluate_sae(random_sae(), tiny_model, TEXT[:2], groups=("reconstruction", "sparsity"))
    assert report["l0"].value > 0
    assert report["l0"].low != report["l0"].low
    assert report["explained_variance"].low != report["explained_variance"].low
    assert any("too little text for intervals: 2 documents" in note for note in report.notes)
    assert report.advice


def test_text_that_does_not_fit_into_memory_is_refused_with_a_number_that_does(tiny_model):
    with pytest.raises(MemoryBudgetError, match=r"evaluating on 100000000 tokens needs about .* use n_tokens=\d+"):
        evaluate_sae(random_sae(), tiny_model, TEXT, n_tokens=100_000_000, max_bytes=300_000_000)


def test_text_without_an_end_is_refused_once_it_does_not_fit_instead_of_filling_the_memory(tiny_model):
    endless = (text for seed in itertools.count() for text in texts(50, seed))
    with pytest.raises(MemoryBudgetError, match=r"keeping (\d+) tokens, with more to come, needs .*; use n_tokens=\1"):
        evaluate_sae(random_sae(), tiny_model, endless, n_tokens=None, groups="sparsity", max_bytes=10**7)
