"""Harvesting against the slow way, one `run_with_cache` per document or window, on every architecture."""

import itertools
import warnings

import pytest
import torch

from interp_nb._errors import (
    ConfigError,
    DataError,
    HookNameError,
    MemoryBudgetError,
    NonFiniteError,
    PromptError,
)
from interp_nb.models.edit import edit, forward
from interp_nb.models.load import load_model
from interp_nb.models.sites import SHORT_NAMES, hook_names
from interp_nb.sae.batches import CONTEXT_BEFORE, batches_of, concatenate
from interp_nb.sae.harvesting import estimate, harvest
from interp_nb.sae.normalize import input_scale, site_scales
from tests.tiny_models import ARCHITECTURES, CORPUS, N_CTX, HandMade, make, shared

TEXTS = [*CORPUS, "Paris", "the store in Rome and the Museum", *CORPUS[::-1], "John and Mary and John"]
SITES = ("resid_pre", "resid_mid", "resid_post", "mlp_out", "attn_out", "z", "q", "k", "v", "mlp_post")


def everything(source, n_rows=13):
    return concatenate(list(batches_of(source, n_rows)))


def by_place(batch):
    """Rows in the order of the documents."""
    return batch.take(torch.tensor(sorted(range(batch.n_rows), key=lambda i: (int(batch.doc[i]), int(batch.pos[i])))))


def slowly(model, name, windows):
    """One cached run per window; rows of the tokens that are no begin-of-text token."""
    rows, tokens = [], []
    for ids in windows:
        with torch.no_grad():
            _, cache = model.run_with_cache(torch.tensor([ids]))
        kept = torch.tensor([token != 0 for token in ids])
        rows.append(cache[name][0].flatten(1)[kept])
        tokens.append(torch.tensor(ids)[kept])
    return torch.cat(rows), torch.cat(tokens)


def ids_of(model, text):
    return model.to_tokens(text, prepend_bos=False)[0].tolist()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_equal_one_cached_run_per_document(architecture):
    model = shared(architecture)
    names = [site_name for site in SITES if (site_name := SHORT_NAMES[site].format(layer=1)) in hook_names(model)]
    assert len(names) >= len(SITES) - 1  # blocks whose two halves run side by side have no resid_mid
    batch = by_place(everything(harvest(model, names, TEXTS, packing="separate", batch_size=3)))
    windows = [model.to_tokens(text)[0].tolist() for text in TEXTS]
    found = [slowly(model, name, windows) for name in names]
    expected = torch.cat([rows for rows, _ in found], 1)
    assert torch.equal(batch.tokens, found[0][1])
    torch.testing.assert_close(batch.acts, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_rows_equal_one_cached_run_per_window(architecture):
    model = shared(architecture)
    joined = []
    for text in TEXTS:
        joined += ([0] if joined else []) + ids_of(model, text)
    before = [0] if model.cfg.default_prepend_bos else []
    length = 9 - len(before)
    windows = [before + joined[start : start + length] for start in range(0, len(joined), length)]
    batch = by_place(everything(harvest(model, "resid_post", TEXTS, layer=0, ctx_len=9, batch_size=2)))
    expected, tokens = slowly(model, "blocks.0.hook_resid_post", windows)
    assert torch.equal(batch.tokens, tokens)
    torch.testing.assert_close(batch.acts, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_documents_positions_and_contexts_say_where_a_row_is_from(tiny_model):
    batch = everything(harvest(tiny_model, "resid_post", TEXTS, layer=0, ctx_len=9, batch_size=2))
    texts = [ids_of(tiny_model, text) for text in TEXTS]
    assert [texts[doc][pos] for doc, pos in zip(batch.doc, batch.pos, strict=True)] == batch.tokens.tolist()
    assert torch.equal(batch.context[:, CONTEXT_BEFORE], batch.tokens)
    assert len({(int(doc), int(pos)) for doc, pos in zip(batch.doc, batch.pos, strict=True)}) == sum(map(len, texts))
    first = next(row for row in range(batch.n_rows) if (batch.doc[row], batch.pos[row]) == (0, 1))
    before = batch.context[first, :CONTEXT_BEFORE].tolist()
    assert before == [-1] * (CONTEXT_BEFORE - 2) + [0, texts[0][0]]
    assert batch.context[first, CONTEXT_BEFORE:].tolist() == texts[0][1:6]


def test_begin_of_text_is_a_row_only_where_asked(tiny_model):
    with_bos = everything(
        harvest(tiny_model, "resid_post", TEXTS, layer=0, packing="separate", skip_bos=False, batch_size=3)
    )
    without = everything(harvest(tiny_model, "resid_post", TEXTS, layer=0, packing="separate", batch_size=3))
    assert int((with_bos.pos == -1).sum()) == len(TEXTS)
    assert torch.equal(with_bos.acts[with_bos.pos >= 0], without.acts)


def test_separators_are_no_rows_even_with_begin_of_text(tiny_model):
    batch = everything(harvest(tiny_model, "resid_post", TEXTS, layer=0, ctx_len=9, skip_bos=False, separator=5))
    n_tokens = sum(len(ids_of(tiny_model, text)) for text in TEXTS)
    n_windows = -(-(n_tokens + len(TEXTS) - 1) // 8)
    assert batch.n_rows == n_tokens + n_windows


def test_special_tokens_are_left_out_on_request(tiny_model):
    texts = ["Paris<|end|>Rome and the store"]
    kept = everything(harvest(tiny_model, "resid_post", texts, layer=0, skip_bos=False))
    skipped = everything(harvest(tiny_model, "resid_post", texts, layer=0, skip_bos=False, skip_special=True))
    # The begin-of-text token is special too, and was asked for.
    assert set(kept.tokens.tolist()) >= set(skipped.tokens.tolist())
    assert 0 in skipped.tokens.tolist()
    default = everything(harvest(tiny_model, "resid_post", texts, layer=0))
    assert 0 not in default.tokens.tolist()


def test_several_sites_stand_side_by_side(tiny_model):
    both = everything(harvest(tiny_model, "resid_post", TEXTS, layer=[0, 1], batch_size=2))
    mixed = everything(harvest(tiny_model, ["blocks.0.hook_mlp_out", "blocks.1.hook_resid_post"], TEXTS, batch_size=2))
    single = [everything(harvest(tiny_model, "resid_post", TEXTS, layer=layer, batch_size=2)) for layer in (0, 1)]
    assert torch.equal(both.acts, torch.cat([one.acts for one in single], 1))
    assert torch.equal(mixed.acts[:, 32:], single[1].acts)
    assert both.targets is both.acts


def test_transcoders_get_targets_of_their_own(tiny_model):
    source = harvest(tiny_model, "resid_mid", TEXTS, layer=0, target="mlp_out", target_layer=1, batch_size=2)
    batch = everything(source)
    plain = everything(harvest(tiny_model, "mlp_out", TEXTS, layer=1, batch_size=2))
    assert torch.equal(batch.targets, plain.acts)
    assert source.target_sites == ("blocks.1.hook_mlp_out",)


def test_token_rows_run_as_they_are_without_their_padding(tiny_model):
    rows = [[0, *ids_of(tiny_model, text)] for text in TEXTS]
    width = max(map(len, rows))
    padded = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    left = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    text = by_place(everything(harvest(tiny_model, "z", TEXTS, layer=1, packing="separate", batch_size=3)))
    for tokens in (padded, left, [torch.tensor(row) for row in rows], [{"ids": row} for row in rows]):
        batch = by_place(everything(harvest(tiny_model, "z", tokens, layer=1, batch_size=3, text_column="ids")))
        assert torch.equal(batch.tokens, text.tokens)
        torch.testing.assert_close(batch.acts, text.acts, rtol=1e-4, atol=1e-5)


def test_the_forward_stops_at_the_last_site(tiny_model):
    ran = []
    watched = [(f"blocks.{at}", lambda a, hook, at=at: ran.append(at)) for at in ("0.hook_mlp_out", "1.hook_resid_pre")]
    source = harvest(tiny_model, "resid_mid", TEXTS, layer=0)
    with edit(tiny_model, watched):
        source.next(4)
    assert ran == []


def test_the_model_is_as_it_was_afterwards(tiny_model):
    tokens = tiny_model.to_tokens(CORPUS[0])
    before = forward(tiny_model, tokens)
    everything(harvest(tiny_model, "resid_post", TEXTS, layer=0))
    assert torch.equal(forward(tiny_model, tokens), before)


def test_a_model_by_hand_needs_no_tokenizer():
    source = harvest(HandMade(), "resid_post", ["123", "45"], layer=0, ctx_len=4, separator=None)
    batch = by_place(everything(source))
    # Windows [1 2 3 4] and [5]: each position adds the earlier ones.
    assert batch.acts[:, 0].tolist() == [1, 3, 6, 10, 5]


def test_rows_come_in_the_precision_asked_for(tiny_model):
    assert harvest(tiny_model, "resid_post", TEXTS, layer=0, dtype=torch.float16).next(3).acts.dtype == torch.float16


def test_n_rows_is_a_limit(tiny_model):
    assert everything(harvest(tiny_model, "resid_post", TEXTS, layer=0, n_rows=17), 5).n_rows == 17


def test_data_of_every_kind_give_the_same_rows(tiny_model):
    datasets = pytest.importorskip("datasets", reason="pip install datasets")
    table = datasets.Dataset.from_dict({"text": TEXTS})
    kinds = [TEXTS, tuple(TEXTS), iter(TEXTS), lambda: (text for text in TEXTS), table, table.to_iterable_dataset(),
             [{"text": text} for text in TEXTS]]  # fmt: skip
    batches = [everything(harvest(tiny_model, "resid_post", data, layer=0, ctx_len=9)) for data in kinds]
    assert all(torch.equal(batch.acts, batches[0].acts) for batch in batches)


def test_held_out_rows_are_whole_windows_and_never_served(tiny_model):
    source = harvest(tiny_model, "resid_post", TEXTS, layer=0, packing="separate", batch_size=4)
    held = source.hold_out(20)
    assert torch.equal(held.acts.shape[0] * torch.ones(1), held.mask.sum() * torch.ones(1))
    with torch.no_grad():
        _, cache = tiny_model.run_with_cache(held.tokens)
    torch.testing.assert_close(cache["blocks.0.hook_resid_post"][held.mask], held.acts, rtol=1e-4, atol=1e-5)
    # In reading order, short documents or long: the first two documents.
    assert held.tokens[0, 1:].tolist()[: len(ids_of(tiny_model, TEXTS[0]))] == ids_of(tiny_model, TEXTS[0])
    rest = everything(source)
    whole = everything(harvest(tiny_model, "resid_post", TEXTS, layer=0, packing="separate"))
    assert rest.n_rows + held.acts.shape[0] == whole.n_rows
    assert set(rest.doc.tolist()) == set(range(len(held.tokens), len(TEXTS)))


def test_position_and_computed_rows_are_restored_to_the_bit(tiny_model):
    for packing, n_rows in itertools.product(("packed", "separate"), (1, 10, 37)):
        source = harvest(tiny_model, "resid_post", TEXTS, layer=0, ctx_len=9, batch_size=2, packing=packing)
        source.next(n_rows)
        state = source.state()
        left = everything(source, 8)
        other = harvest(tiny_model, "resid_post", TEXTS, layer=0, ctx_len=9, batch_size=2, packing=packing)
        other.load_state(state)
        again = everything(other, 8)
        assert all(torch.equal(a, b) for a, b in zip(left, again, strict=True))


def test_state_of_other_settings_is_refused(tiny_model):
    state = harvest(tiny_model, "resid_post", TEXTS, layer=0).state()
    with pytest.raises(ConfigError, match=r"ctx_len was 40, is 9"):
        harvest(tiny_model, "resid_post", TEXTS, layer=0, ctx_len=9).load_state(state)


def test_nan_is_named_with_site_document_and_position(tiny_model):
    def spoil(activation, hook):
        activation = activation.clone()
        activation[1, 3, 5] = float("nan")
        return activation

    source = harvest(tiny_model, "resid_post", TEXTS[:2], layer=0, packing="separate")
    # Windows of a forward are sorted by length; both have the same one here.
    with (
        edit(tiny_model, [("blocks.0.hook_mlp_out", spoil)]),
        pytest.raises(
            NonFiniteError, match=r"blocks\.0\.hook_resid_post must be finite.* document 1, position 2 \(tok"
        ),
    ):
        source.next(4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": []}, DataError, "the data are empty"),
        ({"data": ["", ""]}, DataError, "no tokens that count"),
        ({"data": [1.5]}, DataError, "a document must be a string or token ids"),
        ({"data": [{"txt": "a"}]}, DataError, "no column 'text'; did you mean 'txt'"),
        ({"data": {"train": ["a"]}}, ConfigError, r"choose one of them, such as data\['train'\]"),
        ({"data": 3}, ConfigError, "got int"),
        ({"data": torch.ones(3, N_CTX + 1).long()}, PromptError, "41 tokens, a window holds ctx_len=40"),
        ({"site": "resid_pots"}, HookNameError, "did you mean 'resid_post'"),
        ({"layer": 2}, HookNameError, "layer must be 0 to 1"),
        ({"site": "pattern"}, HookNameError, "not one row per token"),
        ({"site": ["resid_post", "z"], "layer": [0, 1, 1]}, ConfigError, "2 sites and 3 layers"),
        ({"layer": [0, 0]}, ConfigError, "different ones"),
        ({"ctx_len": N_CTX + 1}, ConfigError, "ctx_len must be at most 40"),
        ({"ctx_len": 1}, ConfigError, "no room for text"),
        ({"ctx_len": 0}, ConfigError, "ctx_len must be at least 1"),
        ({"packing": "pack"}, ConfigError, "'packed' or 'separate'"),
        ({"dtype": "int8"}, ConfigError, "dtype must be one of"),
        ({"ctx_length": 8}, ConfigError, "did you mean 'ctx_len'"),
        ({"separator": "Paris and Rome"}, ConfigError, "separator must be one token"),
        ({"max_bytes": 10**6, "batch_size": 64}, MemoryBudgetError, r"use batch_size=\d"),
        ({"max_bytes": 10}, MemoryBudgetError, "shorter ctx_len"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(tiny_model, arguments, error, message):
    given = {"site": "resid_post", "data": TEXTS, "layer": 0} | arguments
    with pytest.raises(error, match=message):
        harvest(tiny_model, given.pop("site"), given.pop("data"), **given).next(5)


def test_the_batch_size_that_a_refusal_offers_fits(tiny_model):
    import re

    with pytest.raises(MemoryBudgetError) as refusal:
        harvest(tiny_model, "resid_post", TEXTS, layer=0, max_bytes=10**7, batch_size=4000)
    offered = int(re.search(r"batch_size=(\d+)", str(refusal.value))[1])
    harvest(tiny_model, "resid_post", TEXTS, layer=0, max_bytes=10**7, batch_size=offered)


def test_estimate_says_bytes_and_seconds(tiny_model):
    source = harvest(tiny_model, "resid_post", TEXTS, layer=0)
    said = estimate(source, 10_000)
    assert said.bytes > source.nbytes > 0
    assert 0 < said.seconds < 100


def test_no_more_rows_are_held_than_is_said(tiny_model):
    source = harvest(tiny_model, "resid_post", TEXTS * 10, layer=0, ctx_len=9, batch_size=3)
    while source.next(11) is not None:
        assert sum(batch.nbytes for batch in source._pending) <= source.nbytes / 2


def test_public_name_is_this_function():
    import interp_nb

    assert interp_nb.harvest is harvest


@pytest.mark.parametrize(("how", "size"), [("mean_square", 32.0), ("unit", 1.0)])
def test_scale_makes_the_mean_squared_norm(how, size):
    acts = torch.randn(500, 32) * 7 + 3
    assert float((acts * input_scale(acts, how)).square().sum(1).mean()) == pytest.approx(size, rel=1e-5)


def test_scales_by_hand():
    acts = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert input_scale(acts) == pytest.approx((2 / 13) ** 0.5)  # mean square (25 + 1) / 2
    assert input_scale(acts, "mean_norm") == pytest.approx(2**0.5 / 3)
    assert input_scale(acts, "unit") == pytest.approx(13**-0.5)
    assert input_scale(acts, "none") == 1.0
    wide = torch.cat([acts, 10 * acts], 1)
    torch.testing.assert_close(site_scales(wide, 2), torch.tensor([1.0, 0.1]).double() * input_scale(acts))


def test_scale_refuses_what_has_no_size():
    with pytest.raises(DataError, match="at least one row"):
        input_scale(torch.zeros(0, 4))
    with pytest.raises(DataError, match="zero in all 3 rows"):
        input_scale(torch.zeros(3, 4))
    with pytest.raises(NonFiniteError):
        input_scale(torch.full((3, 4), float("inf")))
    with pytest.raises(ConfigError, match="did you mean 'mean_norm'"):
        input_scale(torch.ones(3, 4), "mean_norms")
    with pytest.raises(ConfigError, match="do not split into 3"):
        site_scales(torch.ones(3, 4), 3)


def test_no_warning_is_given(tiny_model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        everything(harvest(tiny_model, "resid_post", ["Paris and Rome " * 60], layer=0))


def test_a_model_that_was_spoiled_says_so():
    model = make("gpt2")
    with torch.no_grad():
        model.original_model.transformer.h[0].mlp.c_proj.bias[0] = float("inf")
    with pytest.raises(NonFiniteError, match="in 70 of 70 rows, the first at document"):
        harvest(model, "resid_post", TEXTS, layer=0).next(3)


def test_documents_are_read_as_the_model_was_trained(tiny_model):
    def packing(model, **asked):
        return harvest(model, "resid_post", TEXTS, layer=0, **asked).provenance["settings"]["packing"]

    pocket = load_model()  # it never saw two documents in one window
    assert (packing(tiny_model), packing(pocket)) == ("packed", "separate")
    assert packing(pocket, packing="packed") == "packed"


def test_text_that_is_left_out_is_said_once(tiny_model):
    texts = ["a long text that goes on and on and on and on " * 4] * 3
    with pytest.warns(UserWarning, match="packing='packed' reads everything") as said:
        everything(harvest(tiny_model, "resid_post", texts, layer=0, packing="separate", ctx_len=8))
    assert len([each for each in said if "left out" in str(each.message)]) == 1


def test_half_of_a_surrogate_pair_is_read_as_a_replacement(tiny_model):
    rows = [everything(harvest(tiny_model, "resid_post", [text], layer=0)) for text in ("\ud800 a", "\ufffd a")]
    assert rows[0].tokens.tolist() == rows[1].tokens.tolist()
