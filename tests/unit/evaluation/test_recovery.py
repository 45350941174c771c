"""Several dictionaries on ground truth: the pocket SAE's advantage, and the table of made-up results."""

import math

import pytest
import torch

from interp_nb._errors import ConfigError, DataError
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.evaluation.recovery import concept_recovery
from interp_nb.evaluation.recovery_table import LOOKUP, PROBE, ConceptRecovery, PairedDifference, Recovered
from interp_nb.evaluation.rows import Concept
from interp_nb.models.load import load_model
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.saving import load_sae

N_TOKENS = 16_000


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def found(model):
    return concept_recovery(load_sae("pocket"), model, n_tokens=N_TOKENS)


@pytest.mark.parametrize("other", ["raw", "pca", "random"])
def test_pocket_sae_beats_plain_directions_on_concepts_that_depend_on_context(found, other):
    sae, plain = found["batch_topk"], found[other]
    assert found.n_context >= 30
    assert found.difference(other).low > 0.1
    assert sae.low > plain.high
    assert sae.found_low > plain.found_high
    # Two shares of independent latents: the interval of their difference (Newcombe 1998, method 10) is above 0.
    half = math.hypot(sae.monosemantic - sae.monosemantic_low, plain.monosemantic_high - plain.monosemantic)
    assert sae.monosemantic - plain.monosemantic > half
    if other == "random":
        assert (plain.d_sae, plain.l0) == (sae.d_sae, round(sae.l0))


def test_probe_is_the_ceiling_and_look_up_solves_what_it_is_said_to_solve(found):
    assert found[PROBE].low > found["batch_topk"].high
    for row in found.concepts["batch_topk"]:
        assert row.n_docs >= 10
        assert row.lookup_low <= row.lookup_f1 <= row.lookup_high
        assert row.probe_low <= row.probe_f1 <= row.probe_high
    # Decided on the other half, so that some come out on the other side of the mark.
    same = [row.context == (row.lookup_f1 < 0.8) for row in found.concepts["batch_topk"]]
    assert 0.85 < sum(same) / len(same) < 1
    assert any("random directions are one draw" in note for note in found.notes)
    assert found[LOOKUP].lookup_f1 > 0.9
    # Whole families of text have no single latent: on average the token alone says more than the best one.
    assert found[LOOKUP].low > found["batch_topk"].high


def test_roles_that_no_token_gives_away_have_a_latent(found):
    rows = {row.name: row for row in found.concepts["batch_topk"]}
    for name in ("role=indirect_object", "entity_type=income"):
        plain = [row.f1 for other in ("raw", "pca", "random") for row in found.concepts[other] if row.name == name]
        assert rows[name].low > max(rows[name].lookup_f1, *plain), name


def test_report_and_comparison_say_the_same_of_one_sae(model, found):
    report = evaluate_sae(load_sae("pocket"), model, groups=["truth"], n_tokens=N_TOKENS)
    assert report.concepts == found.concepts["batch_topk"]
    mean, row = report["mean_f1_context"], found["batch_topk"]
    assert (mean.value, mean.low, mean.high) == (row.mean_f1, row.low, row.high)
    assert report["concepts_found"].value == row.found
    assert report["monosemantic_share"].value == row.monosemantic
    assert report["mean_f1_probe"].value == found[PROBE].mean_f1
    assert mean.unit_resampled == "documents"


def test_text_too_short_for_concepts_is_refused(model):
    with pytest.raises(DataError, match="ten documents of each half"):
        concept_recovery(load_sae("pocket"), model, n_tokens=200)
    with pytest.raises(DataError, match="the text has no labels"):
        concept_recovery(load_sae("pocket"), model, ["The Eiffel Tower is in Paris."] * 3)


@pytest.mark.parametrize(
    ("dictionaries", "message"),
    [
        ({"raw": "raw"}, "give at least one SAE"),
        ({"a": "rawest"}, r"dictionaries\['a'\] must be an SAE or one of raw, pca, random, random_free"),
        ({"a": load_sae, "raw": "raw"}, r"dictionaries\['a'\] must be"),
    ],
)
def test_what_is_no_dictionary_is_refused(model, dictionaries, message):
    with pytest.raises(ConfigError, match=message):
        concept_recovery(dictionaries, model)


def test_saes_of_two_sites_and_unknown_names_are_refused(model):
    ours = load_sae("pocket")
    other = SAE(SAEConfig(d_in=128, d_sae=16, sites=("blocks.2.hook_resid_post",), model="pocket"))
    with pytest.raises(ConfigError, match=r"'a' reads blocks\.1\.hook_resid_post, 'b' reads blocks\.2"):
        concept_recovery({"a": ours, "b": other}, model)
    with pytest.raises(ConfigError, match="against='best' is no dictionary"):
        concept_recovery(ours, model, against="best")
    with pytest.raises(ConfigError, match="name of a row that is always there"):
        concept_recovery({"linear probe": ours}, model)


def made() -> ConceptRecovery:
    """A result on paper: two dictionaries, two concepts."""
    nan = float("nan")

    def concept(name: str, f1: float, *, context: bool) -> Concept:
        field, _, value = name.partition("=")
        return Concept(name, field, value, 20, 10, 3, 0.5, f1, f1, f1, f1 - 0.1, f1 + 0.1, 0.25, context, 0.75)

    def row(name: str, kind: str, mean: float) -> Recovered:
        return Recovered(
            name, kind, 8, 2.0, mean, mean - 0.1, mean + 0.1, 0.5, 0.25, 0.75, 1.0, 1.0, 1.0, 0.5, 0.25, 0.75, 4, 2
        )

    concepts = {
        name: [concept("role=giver", f1, context=True), concept("pos=NOUN", 1.0, context=False)]
        for name, f1 in (("ours", 0.5), ("raw", 0.25))
    }
    differences = [PairedDifference("ours", "raw", "", 0.25, 0.125, 0.375),
                   PairedDifference("ours", "raw", "role=giver", 0.25, 0.125, 0.375),
                   PairedDifference("ours", "raw", "pos=NOUN", 0.0, 0.0, 0.0)]  # fmt: skip
    return ConceptRecovery(
        against="ours", recovered=[row("ours", "topk", 0.5), row("raw", "raw", 0.25), row(LOOKUP, "reference", nan)],
        concepts=concepts, differences=differences, site="blocks.0.hook_resid_post", model_name="pocket",
        data={"n_docs": 20, "n_tokens": 200, "hash": "ab", "source": "made"}, notes=["on paper"],
        settings={"seed": 0}, provenance={},
    )  # fmt: skip


def test_repr_tables_and_file_of_a_result(tmp_path):
    result = made()
    assert repr(result) == (
        "ConceptRecovery(blocks.0.hook_resid_post, mean F1 over 1 context concepts: ours 0.50, raw 0.25, "
        "token look-up -)"
    )
    assert list(result.summary["dictionary"]) == ["ours", "raw", LOOKUP]
    assert result["raw"].mean_f1 == 0.25
    assert result.difference("raw").value == 0.25
    assert result.difference("raw", "pos=NOUN").value == 0.0
    frame = result.to_frame()
    assert list(frame["dictionary"]) == ["ours", "ours", "raw", "raw"]
    assert list(frame["f1"]) == [0.5, 1.0, 0.25, 1.0]
    assert len(result.to_frame("differences")) == 3
    assert ConceptRecovery.load(result.save(tmp_path / "found.safetensors")) == result
    with pytest.raises(ConfigError, match="no dictionary 'row'"):
        result["row"]
    with pytest.raises(ConfigError, match="no other dictionary 'ours'"):
        result.difference("ours")
    with pytest.raises(ConfigError, match="no concept 'role=taker'"):
        result.difference("raw", "role=taker")
    with pytest.raises(ConfigError, match="no table 'concept'"):
        result.to_frame("concept")


def test_picture_is_drawn_of_few_concepts_and_of_many(found):
    for result in (made(), found):
        bundle = result._repr_mimebundle_()[0]
        assert bundle["text/plain"] == repr(result)
        assert bundle["text/html"].startswith("<figure")
    assert made()._repr_mimebundle_() == made()._repr_mimebundle_()


def test_the_model_is_left_as_it_was(model):
    assert not any(point.fwd_hooks for point in model.hook_dict.values())
    assert not torch.is_grad_enabled() or all(not p.requires_grad for p in model.original_model.parameters())
