"""What a store says: columns, orders, searches, frames, its repr; and text of any kind."""

import numpy as np
import pytest
import torch

from tests.tiny_models import CORPUS
from tests.unit.features.store_cases import D_SAE, Rows, make_sae

SMALL = {"n_top": 5, "n_sampled": 8, "n_bands": 4, "n_tokens_kept": 3, "progress": False}
TEXTS = [f"{text} {end}" for text in CORPUS for end in ("Paris", "Rome", "store", "museum drink", "Mary John")]


@pytest.fixture(scope="module")
def plain():
    """Counted rows without a model."""
    from interp_nb.features.building import feature_store

    return feature_store(make_sae(), None, Rows(), **SMALL)


@pytest.fixture(scope="module")
def texts():
    """Counted text of a tiny model."""
    return _of_text(TEXTS)


def _of_text(documents, path=None, **more):
    from interp_nb.features.building import feature_store
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig
    from tests.tiny_models import shared

    sae = SAE(SAEConfig(32, 24, "topk", k=4, sites=("blocks.0.hook_resid_post",)), seed=3).eval()
    settings = {**SMALL, "ctx_len": 16, "packing": "separate", **more}
    return feature_store(sae, shared("gpt2"), documents, path, **settings)


def test_repr_is_one_line(plain, texts):
    assert repr(plain) == "FeatureStore(blocks.0.hook_resid_post, 12 latents, 598 tokens, 9 alive)"
    assert repr(texts).startswith("FeatureStore(GPT2LMHeadModel blocks.0.hook_resid_post, 24 latents, ")


def test_html_escapes_tokens(texts, monkeypatch):
    monkeypatch.setattr(texts, "_strings", ["<script>alert(1)</script>"] * 2000)
    drawn = texts._repr_html_()
    assert "<script>" not in drawn
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawn
    assert drawn.count("<tr>") == 11


def test_columns_agree_with_latents(plain):
    for name in ("count", "density", "mean", "max", "decoder_norm", "encoder_norm", "encoder_decoder_cosine", "bias",
                 "dead", "dense"):  # fmt: skip
        found = [getattr(plain.latent(index), name) for index in range(D_SAE)]
        np.testing.assert_array_equal(plain.column(name), np.array(found).astype(plain.column(name).dtype))
    cosines = [feature.neighbors[0][1] if feature.neighbors else np.nan for feature in plain.latents(range(D_SAE))]
    np.testing.assert_array_equal(plain.column("max_cosine"), np.float32(cosines))


def test_interesting_is_rank_times_medium_density(plain):
    """By the formula, latent by latent."""
    shown = [index for index in range(D_SAE) if 0 < plain.column("density")[index] <= 0.1]
    strength = plain.column("max") * plain.column("decoder_norm")
    for index in range(D_SAE):
        found = plain.column("interesting")[index]
        if index not in shown:
            assert found == 0
            continue
        rank = sum(strength[other] <= strength[index] for other in shown) / len(shown)
        away = (np.log10(plain.column("density")[index]) + 2.5) / 0.75
        assert found == pytest.approx(rank * np.exp(-(away**2) / 2))


def test_order_sorts_and_leaves_out(plain):
    dead = set(np.flatnonzero(plain.column("dead")).tolist())
    assert dead
    order = plain.order("max").tolist()
    assert set(order) == set(range(D_SAE)) - dead
    assert np.all(np.diff(plain.column("max")[order]) <= 0)
    assert plain.order("max", descending=False, alive=False).tolist()[0] in dead
    assert plain.order("mean", alive=False).tolist()[-len(dead) :] == sorted(dead)
    few = plain.order("count", where=lambda column: column("density") < 0.1).tolist()
    assert few == [index for index in plain.order("count").tolist() if plain.column("density")[index] < 0.1]
    assert plain.order("count", where=np.arange(D_SAE) == 1, alive=False).tolist() == [1]


def test_wrong_names_and_numbers_are_refused(plain):
    from interp_nb._errors import ConfigError, ShapeError

    with pytest.raises(ConfigError, match="no column 'densty'; did you mean 'density'"):
        plain.column("densty")
    with pytest.raises(ShapeError, match="latent_idx must be 0 to 11, got 12"):
        plain.latent(12)
    with pytest.raises(ShapeError, match="got -1"):
        plain.latent(-1)
    with pytest.raises(ConfigError, match="by must be one of"):
        plain.search("x", by="sound")
    with pytest.raises(ConfigError, match="must not be empty"):
        plain.search("  ")


def test_search_by_token_ranks_by_share_of_activation(texts):
    found = texts.search("paris").tolist()
    wanted = {index for index, name in enumerate(texts.vocabulary) if "paris" in name.casefold()}
    expected = []
    for index in range(texts.d_sae):
        hits = [each for each in texts.latent(index).top_tokens if each.token_id in wanted]
        total = texts.column("count")[index] * texts.column("mean")[index]
        firings = sum(each.count for each in hits)
        if hits:
            score = sum(each.count * each.mean for each in hits) / total * firings / (firings + 5)
            expected.append((-score, index))
    assert expected
    held = texts._whole("tokens", "token")
    if not np.isin(held[:, 3:], list(wanted)).any():
        assert found == [index for _, index in sorted(expected)]
    assert {index for _, index in expected} <= set(found)


def test_search_by_text_looks_into_windows(texts):
    found = texts.search("MUSEUM is in", by="text").tolist()
    expected = []
    for index in range(texts.d_sae):
        windows = ["".join(texts.token_strings(each.token_ids)).casefold() for each in texts.latent(index).examples]
        hits = sum("museum is in" in window for window in windows)
        if hits:
            expected.append((-hits / len(windows), index))
    assert expected
    assert found == [index for _, index in sorted(expected)]
    assert texts.search("no such words", by="text").tolist() == []


def test_top_token_ids_are_the_heaviest_tokens(texts):
    ids = texts.top_token_ids(range(texts.d_sae), 2)
    for index in range(texts.d_sae):
        stats = [each.token_id for each in texts.latent(index).top_tokens[:2]]
        assert ids[index].tolist() == stats + [-1] * (2 - len(stats))


def test_frames_have_a_row_for_each(texts):
    frame = texts.to_frame()
    assert frame.index.name == "latent_idx"
    assert len(frame) == texts.d_sae
    np.testing.assert_array_equal(frame["density"], texts.column("density"))
    assert (frame["label"] == "").all()
    index = int(texts.order("count")[0])
    examples = texts.examples_frame(index)
    assert len(examples) == len(texts.latent(index).examples)
    assert examples["band"].iloc[0] == "top"
    assert all(row.token in row.text for row in examples.itertuples())


def test_vocabulary_names_tokens(texts, plain):
    from tests.tiny_models import tokenizer

    ids = tokenizer()(" Paris")["input_ids"]
    assert texts.token_strings(ids) == [" Paris"]
    assert texts.token_strings([10**6]) == ["<1000000>"]
    assert plain.vocabulary == []
    assert plain.token_strings([5]) == ["<5>"]


def test_windows_begin_with_a_bos_that_has_no_activation(texts):
    examples = [each for index in range(texts.d_sae) for each in texts.latent(index).examples if each.pos < 11]
    assert examples
    for example in examples:
        assert texts.token_strings(example.token_ids[:1]) == ["<|end|>"]
        assert np.isnan(example.values[0])
        assert not np.isnan(example.values[1:]).any()


def test_packed_windows_show_no_activations_of_another_document():
    store = _of_text(["Paris Rome", "the Louvre Museum is in Rome", "Mary went to the store"] * 5, packing="packed")
    seen = 0
    for index in range(store.d_sae):
        for example in store.latent(index).examples:
            before = example.token_ids[: example.at]
            if 0 < example.pos < len(before) - 1:
                seen += 1
                assert np.isnan(example.values[: example.at - example.pos]).all()
                assert not np.isnan(example.values[example.at - example.pos : example.at + 1]).any()
    assert seen


@pytest.mark.parametrize("text", ["Paris", "a", "\x00", "<b>&amp;</b>", "\u202e\ufeff\U0001f600"])
def test_one_document_of_anything(text):
    store = _of_text([text])
    assert store.n_docs == 1
    for index in range(store.d_sae):
        store.latent(index)
    assert store.column("count").sum() > 0
    assert isinstance(store._repr_html_(), str)


def test_text_of_one_token_has_windows_of_itself():
    store = _of_text(["Paris"])
    index = int(store.order("max")[0])
    example = store.latent(index).examples[0]
    assert len(example.token_ids) - example.at <= 5
    assert store.n_tokens == len(store.sample().token_ids)


def test_one_long_document_is_read_whole():
    store = _of_text([" ".join(CORPUS) * 300], packing="packed")
    assert store.n_docs == 1
    assert store.n_tokens > 5000
    index = int(store.order("count")[0])
    top = [example.pos // 128 for example in store.latent(index).examples if example.band == -1]
    assert len(set(top)) == len(top) == 5


def test_empty_data_are_refused():
    from interp_nb._errors import DataError

    with pytest.raises(DataError, match="the data are empty"):
        _of_text([])
    with pytest.raises(DataError, match="no tokens that count"):
        _of_text([""])


def test_another_model_is_refused(tmp_path):
    from interp_nb._errors import StoreMismatchError
    from interp_nb.features.store import load_store
    from tests.tiny_models import make, shared

    _of_text(TEXTS, tmp_path / "store")
    other = make("gpt2")
    with torch.no_grad():
        other.original_model.transformer.h[0].mlp.c_fc.weight[0, 0] += 1
    with pytest.raises(StoreMismatchError, match=r"another model: model weights was '\w+', is '\w+'"):
        load_store(tmp_path / "store", model=other)
    assert load_store(tmp_path / "store", model=shared("gpt2")).n_tokens > 0


def test_edited_model_is_refused(tmp_path):
    from interp_nb._errors import ConfigError
    from interp_nb.models.edit import edit
    from tests.tiny_models import shared

    with (
        edit(shared("gpt2"), [("blocks.0.hook_resid_post", lambda acts, hook: acts * 0)]),
        pytest.raises(ConfigError, match="being edited"),
    ):
        _of_text(TEXTS, tmp_path / "store")


def test_rows_without_text_are_counted():
    """Tensors have no tokens: no contexts, no token statistics, and all else."""
    from interp_nb.features.building import feature_store
    from interp_nb.sae.tensors import TensorSource

    acts = torch.randn(200, 6)
    sae = make_sae()
    store = feature_store(sae, None, TensorSource(acts), **SMALL)
    np.testing.assert_array_equal(store.column("count"), (sae.encode(acts) > 0).sum(0).numpy())
    index = int(store.order("count")[0])
    feature = store.latent(index)
    assert feature.top_tokens == ()
    assert feature.examples[0].token_ids.tolist() == [-1]
    assert feature.examples[0].value == pytest.approx(feature.max)
