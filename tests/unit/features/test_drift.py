"""Drift between dictionaries: matching against brute force, and changes that were planted."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.features.drift import compare_dictionaries
from interp_nb.features.drift_report import DictionaryDrift
from interp_nb.features.matching import best_matching
from interp_nb.features.patterns import Correlation, shared_patterns
from tests.unit.features.planted_stores import PlantedStore, planted, rotated


def likeness_of(matrix):
    return lambda start, stop: matrix[start:stop].clone()


def brute_force(matrix):
    """The best sum over every way to give out partners; likenesses of 0 or less count as no partner."""
    clipped = matrix.clamp(min=0).numpy()
    if clipped.shape[0] > clipped.shape[1]:
        clipped = clipped.T
    n, m = clipped.shape
    return max(clipped[np.arange(n), list(order)].sum() for order in permutations(range(m), n))


# Matching


@pytest.mark.parametrize("shape", [(5, 5), (3, 5), (5, 3), (1, 5), (5, 1)])
@pytest.mark.parametrize("dense", [4096, 0])
@pytest.mark.parametrize("seed", range(5))
def test_matching_is_as_good_as_brute_force(shape, dense, seed):
    matrix = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    found = best_matching(likeness_of(matrix), *shape, dense=dense, n_candidates=5)
    has = found.partner >= 0
    assert len(set(found.partner[has])) == has.sum(), "nobody is given out twice"
    torch.testing.assert_close(torch.from_numpy(found.likeness[has]), matrix[has.nonzero()[0], found.partner[has]])
    assert (found.likeness[has] > 0).all() and (found.likeness[~has] == 0).all()
    assert found.likeness.sum() == pytest.approx(brute_force(matrix), abs=1e-5)
    assert found.exact == (dense > 0)


def test_matching_by_candidates_equals_all_pairs_where_partners_are_near():
    generator = torch.Generator().manual_seed(1)
    a = torch.nn.functional.normalize(torch.randn(2500, 32, generator=generator), dim=1)
    order = torch.randperm(2500, generator=generator)
    b = torch.nn.functional.normalize(a[order] + 0.05 * torch.randn(2500, 32, generator=generator), dim=1)
    found = best_matching(lambda start, stop: a[start:stop] @ b.T, 2500, 2500, dense=100, n_candidates=4)
    assert not found.exact
    np.testing.assert_array_equal(found.partner[order.numpy()], np.arange(2500))


def test_matching_of_nothing_alike_has_no_partners():
    for dense in (4096, 0):
        found = best_matching(likeness_of(-torch.ones(4, 3)), 4, 3, dense=dense)
        assert found.partner.tolist() == [-1] * 4


# Patterns


def test_correlation_is_pearsons():
    directions, acts = planted(6, n_tokens=400, density=0.2)
    mixed = acts @ np.abs(np.random.default_rng(0).normal(size=(6, 5))).astype(np.float32)
    a, b = PlantedStore(directions, acts), PlantedStore(directions[:5], mixed)
    patterns = shared_patterns(a.sample(), b.sample(), a.token_strings, b.token_strings, 6, 5)
    expected = np.corrcoef(acts.T, mixed.T)[:6, 6:]
    found = Correlation(patterns)
    np.testing.assert_allclose(found.block(0, 6).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(found.of(np.array([0, 5]), np.array([4, 1])), expected[[0, 5], [4, 1]], atol=1e-5)


def test_correlation_with_a_silent_latent_is_zero_and_between_two_is_unknown():
    directions, acts = planted(3, n_tokens=400)
    silent = acts.copy()
    silent[:, 1] = 0
    a, b = PlantedStore(directions, acts), PlantedStore(directions, silent)
    found = Correlation(shared_patterns(a.sample(), b.sample(), a.token_strings, b.token_strings, 3, 3)).block(0, 3)
    assert found[1, 1] == 0
    both = Correlation(shared_patterns(b.sample(), b.sample(), a.token_strings, b.token_strings, 3, 3)).block(0, 3)
    assert both[1, 1].isnan() and both[0, 0] == pytest.approx(1)


def test_patterns_fall_back_to_token_types_over_other_text():
    directions, acts = planted(4, n_tokens=6000, density=0.3)
    one, other = PlantedStore(directions, acts, text=1), PlantedStore(directions, acts, text=2)
    patterns = shared_patterns(one.sample(), other.sample(), one.token_strings, other.token_strings, 4, 4)
    counts = [np.bincount(each.sample().token_ids, minlength=300) for each in (one, other)]
    often = sorted(f"t{token}" for token in np.flatnonzero((counts[0] >= 10) & (counts[1] >= 10)))
    assert patterns.kind == "token type" and patterns.n_rows == len(often) < 300
    mean = acts[one.sample().token_ids == 7, 2].mean()
    assert patterns.a.toarray()[often.index("t7"), 2] == pytest.approx(mean, rel=1e-5)


def test_over_other_text_statuses_rest_on_directions_and_correlations_are_reported():
    directions, acts = planted(n_tokens=6000)
    other = np.random.default_rng(8).permutation(acts)
    drift = compare_dictionaries(PlantedStore(directions, acts), PlantedStore(directions, other, text=1))
    assert drift.rows == "token type" and set(drift.status_a) == {"kept"}
    assert (np.abs(drift.correlation) < 0.5).all(), "tokens were drawn by chance, so types say nothing"
    assert (drift.direction_partner == np.arange(24)).all() and (drift.activation_partner != np.arange(24)).any()


# Changes


def test_a_permuted_and_slightly_rotated_copy_is_matched_exactly():
    directions, acts = planted()
    order = np.random.default_rng(1).permutation(24)
    noise = 1 + 0.02 * np.random.default_rng(2).normal(size=acts.shape)
    before = PlantedStore(directions, acts)
    after = PlantedStore(3 * rotated(directions, 5)[order], (acts * noise)[:, order].astype(np.float32))
    drift = compare_dictionaries(before, after)
    for partner in (drift.partner, drift.direction_partner, drift.activation_partner):
        np.testing.assert_array_equal(order[partner], np.arange(24))
    assert set(drift.status_a) == set(drift.status_b) == {"kept"}
    assert drift.agreement == 1.0 and drift.rows == "token" and drift.n_rows == 3000
    np.testing.assert_allclose(drift.cosine, np.cos(np.deg2rad(5)), atol=1e-5)


def test_rotation_beyond_the_threshold_is_a_move():
    directions, acts = planted()
    turned = directions.clone()
    turned[4] = rotated(directions, 40)[4]
    drift = compare_dictionaries(PlantedStore(directions, acts), PlantedStore(turned, acts))
    assert drift.of("moved").tolist() == [4] and drift.status_b[4] == "moved"
    assert drift.cosine[4] == pytest.approx(np.cos(np.deg2rad(40)), abs=1e-5)
    assert drift.correlation[4] == pytest.approx(1, abs=1e-5)
    assert (
        compare_dictionaries(PlantedStore(directions, acts), PlantedStore(turned, acts), same=0.7).of("moved").tolist()
        == []
    )


def changed_copy(by_rows):
    """Latent 3 becomes two (3 and 24), 7 dies, 25 appears; all else stays, in another order."""
    directions, acts = planted()
    new = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(3)))[0]
    after, later = directions.clone(), acts.copy()
    half = np.random.default_rng(5).random(len(acts)) < 0.5
    after = torch.cat([after, (directions[3:4] - 0.7 * new[30:31]), new[31:32]])
    after[3] = directions[3] + 0.7 * new[30]
    later = np.concatenate([later, np.where(half, 0, acts[:, 3])[:, None], np.roll(acts[:, 9], 11)[:, None]], axis=1)
    later[:, 3] = np.where(half, acts[:, 3], 0)
    later[:, 7] = 0
    order = np.random.default_rng(6).permutation(26)
    text = 0 if by_rows else 1
    before = PlantedStore(directions, acts, labels={3: "split <b>", 7: "dies"})
    kept = acts if by_rows else acts[:80]
    if not by_rows:
        before = PlantedStore(directions, kept, labels={7: "dies"})
        later = later[:80]
        later[0, [index for index in range(26) if index != 7]] = 1
        before._dead[:] = False
    return before, PlantedStore(after[order], later[:, order].astype(np.float32), text=text), np.argsort(order)


@pytest.mark.parametrize("by_rows", [True, False], ids=["by activations", "by directions"])
def test_planted_split_death_and_appearance_are_found(by_rows):
    before, after, place = changed_copy(by_rows)
    drift = compare_dictionaries(before, after)
    assert drift.rows == ("token" if by_rows else "none")
    assert [(split.latent_idx, split.parts) for split in drift.splits] == [(3, tuple(sorted(place[[3, 24]].tolist())))]
    assert drift.of("split").tolist() == [3]
    assert drift.of("died").tolist() == [7]
    assert drift.of("appeared").tolist() == [place[25]]
    assert drift.status_a.count("kept") == 22 and drift.status_b.count("split") == 2
    assert drift.status_b[place[7]] == "absent"
    back = compare_dictionaries(after, before)
    assert [(merge.latent_idx, merge.parts) for merge in back.merges] == [(3, tuple(sorted(place[[3, 24]].tolist())))]
    assert back.of("died").tolist() == [place[25]] and back.of("appeared").tolist() == [7]


def test_a_feature_that_one_latent_still_covers_is_no_split():
    directions, acts = planted()
    after = torch.cat([directions, directions[3:4] + 0.1 * directions[4:5]])
    part = np.where(np.arange(len(acts)) % 3 == 0, acts[:, 3], 0)
    drift = compare_dictionaries(
        PlantedStore(directions, acts), PlantedStore(after, np.concatenate([acts, part[:, None]], axis=1))
    )
    assert drift.splits == () and drift.status_a[3] == "kept" and drift.of("appeared").tolist() == [24]


def test_widths_may_differ_where_the_text_is_the_same():
    directions, acts = planted()
    other = torch.randn(24, 32, generator=torch.Generator().manual_seed(1))
    rare = acts.copy()
    rare[:, 5] = 0
    rare[:3, 5] = 1
    order = np.random.default_rng(1).permutation(24)
    drift = compare_dictionaries(PlantedStore(directions, rare), PlantedStore(other, rare[:, order]))
    known = np.delete(np.arange(24), 5)
    np.testing.assert_array_equal(order[drift.partner[known]], known)
    assert np.isnan(drift.cosine).all() and drift.status_a[5] == "unknown"
    assert drift.status_a.count("kept") == 23 and np.isnan(drift.agreement)


def test_nothing_in_common_is_refused():
    directions, acts = planted(n_tokens=60)
    one = PlantedStore(directions, acts)
    other = PlantedStore(torch.randn(24, 32), acts, text=1)
    with pytest.raises(ConfigError, match="hardly a token in common: read both over the same text"):
        compare_dictionaries(one, other)


def test_wrong_thresholds_are_refused():
    directions, acts = planted()
    store = PlantedStore(directions, acts)
    with pytest.raises(ConfigError, match="unknown threshold 'founds'; did you mean 'found'"):
        compare_dictionaries(store, store, founds=0.5)
    with pytest.raises(ConfigError, match="found no larger than same"):
        compare_dictionaries(store, store, found=0.99)
    with pytest.raises(ConfigError, match="above 0 and at most 1"):
        compare_dictionaries(store, store, part=0.0)


def test_candidates_give_the_same_drift():
    before, after, _ = changed_copy(True)
    some, every = compare_dictionaries(before, after, dense=4), compare_dictionaries(before, after)
    assert (some.exact, every.exact) == (False, True)
    assert (some.status_a, some.status_b, some.splits) == (every.status_a, every.status_b, every.splits)
    np.testing.assert_array_equal(some.partner[every.of("kept")], every.partner[every.of("kept")])


# The result


def test_measures_have_intervals():
    before, after, _ = changed_copy(True)
    measures = {measure.name: measure for measure in compare_dictionaries(before, after).measures()}
    kept = measures["kept"]
    assert (kept.n, kept.value) == (22, 22 / 24)
    # Wilson 1927: (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).
    p, n, z = 22 / 24, 24, 1.959964
    reach = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = [(p + z**2 / (2 * n) + side * reach) / (1 + z**2 / n) for side in (-1, 1)]
    assert [kept.low, kept.high] == pytest.approx(ends, abs=1e-6)
    assert measures["appeared"].value == 1 / 25, "of the latents of b that are present"
    assert measures["cosine"].n == 22 and measures["cosine"].low <= measures["cosine"].value == pytest.approx(1)


def test_frame_has_a_row_for_every_latent_that_is_present():
    before, after, place = changed_copy(True)
    frame = compare_dictionaries(before, after).to_frame()
    assert len(frame) == 25
    row = frame[frame.latent_a == 3].iloc[0]
    assert (row.status, row.latents_b, row.label_a) == ("split", tuple(sorted(place[[3, 24]].tolist())), "split <b>")
    assert frame.iloc[-1][["latent_a", "latents_b", "status"]].tolist() == [-1, (place[25],), "appeared"]


def test_repr_says_what_happened():
    before, after, _ = changed_copy(True)
    drift = compare_dictionaries(before, after)
    assert repr(drift) == "DictionaryDrift(24 -> 25 latents: 22 kept, 1 split, 1 died, 1 appeared)"


def test_of_refuses_an_unknown_status():
    directions, acts = planted()
    store = PlantedStore(directions, acts)
    with pytest.raises(ConfigError, match="did you mean 'moved'"):
        compare_dictionaries(store, store).of("move")


def test_save_and_load_give_an_equal_result(tmp_path):
    before, after, _ = changed_copy(True)
    drift = compare_dictionaries(before, after)
    assert DictionaryDrift.load(drift.save(tmp_path / "drift")) == drift


HOSTILE = "$\\frac{1}{0}$ </script><img src=x onerror=alert(1)> \u202e\x00\ud83d"


def test_picture_survives_hostile_labels():
    from interp_nb._show import static_bundle

    before, after, _ = changed_copy(True)
    drift = compare_dictionaries(before, after)
    hostile = replace(drift, labels_a=(HOSTILE,) * 24, labels_b=(HOSTILE,) * 26)
    shown = static_bundle(hostile)["text/html"]
    assert shown.startswith("<figure") and "onerror" not in shown
    assert shown != static_bundle(drift)["text/html"], "labels are drawn"


def test_picture_of_nothing_is_drawn():
    from interp_nb._show import static_bundle

    store = PlantedStore(torch.eye(3), np.zeros((200, 3), np.float32))
    drift = compare_dictionaries(store, store)
    assert repr(drift) == "DictionaryDrift(0 -> 0 latents: 0 kept)"
    assert static_bundle(drift)["text/html"].startswith("<figure")
