"""What a store counts is what slow loops count, however the rows are cut into batches, blocks and runs."""

import numpy as np
import pytest
import torch

from tests.unit.features.store_cases import D_SAE, Joined, Rows, Slow, content, make_sae, same

SMALL = {"n_top": 5, "n_sampled": 8, "n_bands": 4, "n_tokens_kept": 3, "progress": False}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks, merges and windows small enough that a few hundred rows meet all of them."""
    from interp_nb.features import build as building
    from interp_nb.features import keeping

    monkeypatch.setattr(building, "CHUNK", 16)
    monkeypatch.setattr(building, "BLOCK_ROWS", 48)
    monkeypatch.setattr(keeping, "LEAST_WAITING", 10)
    monkeypatch.setattr(keeping, "WINDOW", 16)


def build(source, path=None, sae=None, **more):
    from interp_nb.features.building import feature_store

    return feature_store(make_sae() if sae is None else sae, None, source, path, **(SMALL | more))


@pytest.fixture
def slow():
    source = Rows()
    return Slow(source, make_sae().encode(source.acts).detach())


def test_counts_are_those_of_a_loop(slow):
    store = build(Rows())
    assert store.n_tokens == len(slow.place)
    assert store.n_docs == 40
    for latent in range(D_SAE):
        firings = slow.firings(latent)
        feature = store.latent(latent)
        assert feature.count == len(firings)
        assert feature.density == len(firings) / len(slow.place)
        assert feature.max == max((value for value, *_ in firings), default=0.0)
        mean = sum(value for value, *_ in firings) / len(firings) if firings else float("nan")
        assert feature.mean == pytest.approx(mean, nan_ok=True)
        assert feature.dead == (not firings)
        assert feature.dense == (len(firings) > 0.1 * len(slow.place))
        assert feature.histogram.tolist() == slow.histogram(latent, store.edges)
    assert store.latent(3).dead


def test_top_examples_are_the_strongest_one_from_each_window(slow):
    store = build(Rows())
    for latent in range(D_SAE):
        found = [example for example in store.latent(latent).examples if example.band == -1]
        assert [(each.value, each.doc, each.pos) for each in found] == slow.top(latent, 5, 16)


def test_bands_divide_a_sample_drawn_by_lot(slow):
    store = build(Rows())
    for latent in range(D_SAE):
        bands = [each for each in store.latent(latent).examples if each.band >= 0]
        drawn = slow.drawn(latent, 8)
        assert sorted((each.value, each.doc, each.pos) for each in bands) == sorted(drawn)
        strength = [each.value for each in bands]
        assert strength == sorted(strength, reverse=True)
        assert [each.band for each in bands] == [3 - rank * 4 // len(drawn) for rank in range(len(drawn))]


def test_windows_hold_the_tokens_of_the_document_and_the_activations_on_them(slow):
    store = build(Rows())
    for latent in range(D_SAE):
        for example in store.latent(latent).examples:
            tokens, values = slow.window(latent, example.doc, example.pos)
            assert example.token_ids.tolist() == tokens
            assert example.values.tolist() == values
            assert example.values[example.at] == example.value


def test_token_statistics_are_exact_while_few_kinds_of_tokens_come(slow):
    store = build(Rows())
    times = np.bincount(slow.source.tokens.numpy())
    assert store.occurrences().tolist() == times.tolist()
    for latent in range(D_SAE):
        expected = [(t, n, pytest.approx(total / n), n / times[t]) for t, n, total in slow.tokens(latent)[:3]]
        found = [(each.token_id, each.count, each.mean, each.share) for each in store.latent(latent).top_tokens]
        assert found == expected


def test_forgotten_tokens_leave_the_heaviest():
    """With many kinds of tokens the heavy ones survive, and no count is more than the truth."""
    source = Rows(n_docs=200)
    generator = torch.Generator().manual_seed(3)
    source.tokens = torch.where(
        torch.rand(len(source.doc), generator=generator) < 0.3,
        torch.zeros_like(source.tokens),
        torch.randint(1, 3000, source.doc.shape, generator=generator),
    )
    slow = Slow(source, make_sae().encode(source.acts).detach())
    store = build(source)
    heavy = 0
    for latent in range(D_SAE):
        truth = {token: (count, total) for token, count, total in slow.tokens(latent)}
        found = store.latent(latent).top_tokens
        assert all(each.count <= truth[each.token_id][0] for each in found)
        if truth.get(0, (0, 0.0))[0] >= 20:
            heavy += 1
            assert len(truth) > 48  # more than four times what is held
            assert found[0].token_id == 0
            assert found[0].count >= 0.9 * truth[0][0]
    assert heavy >= 5


def test_cofiring_is_counted_on_the_sample(slow):
    store = build(Rows())
    for latent in range(D_SAE):
        found = store.latent(latent).cofiring
        expected = slow.cofiring(latent, 10)
        assert [other for other, _ in found] == [other for other, _ in expected]
        assert [share for _, share in found] == pytest.approx([share for _, share in expected])


def test_sample_is_all_tokens_while_they_fit(slow):
    sample = build(Rows()).sample()
    assert sample.token_ids.tolist() == slow.source.tokens.tolist()
    assert sample.doc.tolist() == slow.source.doc.tolist()
    assert sample.contexts.tolist() == slow.source.context.tolist()
    laid_out = np.zeros(slow.values.shape, np.float32)
    laid_out[sample.row_of, sample.latent] = sample.value
    np.testing.assert_array_equal(laid_out, slow.values)


def test_sampler_draws_the_same_tokens_in_any_batches():
    from interp_nb.features.firing import Block, Firing, row_hash
    from interp_nb.features.firing import Rows as Places
    from interp_nb.features.token_sample import Sampler

    generator = np.random.default_rng(0)
    n = 1000
    rows = Places(np.arange(n, dtype=np.int32), np.arange(n) // 30, np.arange(n) % 30, np.zeros((n, 16), np.int32))
    lengths = generator.integers(0, 6, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    firing = Firing(offsets, np.arange(offsets[-1], dtype=np.int32) % 7, np.ones(offsets[-1], np.float32))
    lots = row_hash(rows.place, 5)
    for n_tokens, n_pairs in ((50, 10**6), (10**6, 200), (10**6, 10**6)):
        expected = np.argsort(lots)
        expected = expected[: min(n_tokens, int((np.cumsum(lengths[expected]) <= n_pairs).sum()))]
        for size in (7, 64, 1000):
            sampler = Sampler(5, n_tokens, n_pairs)
            for start in range(0, n, size):
                part = slice(start, min(start + size, n))
                sampler.add(Block(rows.take(part), firing.cut(part.start, part.stop), slice(0, part.stop - start)))
            kept, found = sampler.content()
            assert kept.token.tolist() == sorted(expected.tolist())
            assert np.diff(found.offsets).tolist() == lengths[kept.token].tolist()


@pytest.mark.parametrize("blocks", [16, 33, 64, 10_000])
def test_store_does_not_depend_on_blocks(monkeypatch, blocks):
    from interp_nb.features import build as building

    expected = build(Rows())
    monkeypatch.setattr(building, "BLOCK_ROWS", blocks)
    monkeypatch.setattr(building, "CHUNK", min(blocks, 16))
    same(build(Rows()), expected)


@pytest.mark.parametrize("batch_tokens", [1, 5, 512])
def test_store_does_not_depend_on_the_batch(batch_tokens):
    same(build(Rows(), batch_tokens=batch_tokens), build(Rows()))


def test_appended_store_is_that_of_the_data_one_after_another(tmp_path):
    first, second = Rows(seed=1), Rows(seed=2, n_docs=25)
    store = build(Rows(seed=1), tmp_path / "store")
    store.append(second, progress=False)
    same(store, build(Joined(first, Rows(seed=2, n_docs=25))))
    assert store.n_tokens == first.n_rows + second.n_rows


def test_order_of_appending_changes_which_documents_have_which_numbers_and_no_count(tmp_path):
    one = build(Rows(seed=1), tmp_path / "one").append(Rows(seed=2), progress=False)
    other = build(Rows(seed=2), tmp_path / "other").append(Rows(seed=1), progress=False)
    for name in ("count", "max", "mean", "density"):
        np.testing.assert_array_equal(one.column(name), other.column(name))
    for name in ("latents.histogram", "occurrences.count"):
        np.testing.assert_array_equal(content(one)[name], content(other)[name])


def test_one_seed_draws_one_sample_and_another_another():
    first, again, other = (build(Rows(), seed=seed) for seed in (0, 0, 1))
    same(first, again)
    assert not np.array_equal(content(first)["sampled.pos"], content(other)["sampled.pos"])
    np.testing.assert_array_equal(content(first)["top.pos"], content(other)["top.pos"])


def test_histogram_moves_up_when_stronger_firings_come():
    """Activations over 30 octaves: what is far below the largest is counted in the lowest bin."""
    from interp_nb.features.plain_latents import Directions

    acts = torch.tensor([[2.0**power] for power in (-20, 10, -3, 9, 3)])
    source = Rows(n_docs=5, longest=2)
    source.acts, source.d_in, source.d_out = acts, 1, 1
    store = build(source, sae=torch.ones(1, 1))
    assert isinstance(store.source, Directions)
    histogram = store.latent(0).histogram
    assert histogram.sum() == 5
    assert store.edges[-2] <= 2.0**10 < store.edges[-1]
    assert histogram[0] == 1
    assert histogram[np.searchsorted(store.edges, 8.0, side="right") - 1] == 1
