"""Held-out quality: against loops, what splits keep together, few pairs, which layer is suggested."""

import math

import pytest
import torch

from interp_nb.steering.estimators import estimate
from interp_nb.steering.quality import agreement, auc, consistency, measure, separability, split_pairs, suggested
from tests.unit.steering.vector_cases import loop_auc, loop_separability, random_classes

LETTERS = [(f"{index} yes", f"{index} no") for index in range(20)]


def measured(yes, no, split, seed=0, n_folds=4):
    return measure(
        yes, no, split, lambda which: estimate("mean", yes[which], no[which]), n_folds=n_folds, seed=seed
    )  # fmt: skip


def flat(groups):
    return [pair for group in groups for pair in group]


def test_numbers_equal_plain_loops():
    yes, no = random_classes(20, 2, 5)
    split = split_pairs(LETTERS, 0.4, seed=0)
    found = measured(yes, no, split)
    train, held = flat(split.train), flat(split.held_out)
    assert (found.n_train, found.n_held_out) == (12, 8)
    for layer in range(2):
        vector = (yes[train] - no[train]).mean(0)[layer]
        unit = vector / vector.norm()
        scores = [[float(acts[pair, layer] @ unit) for pair in held] for acts in (yes, no)]
        middle = float((yes[train].mean(0) + no[train].mean(0))[layer] @ unit) / 2
        right = sum(s > middle for s in scores[0]) + sum(s < middle for s in scores[1])
        assert float(found.auc[layer]) == pytest.approx(loop_auc(*scores))
        assert float(found.separability[layer]) == pytest.approx(loop_separability(*scores), rel=1e-5)
        assert float(found.accuracy[layer]) == pytest.approx(right / 16)
        assert 0 <= float(found.auc_low[layer]) <= float(found.auc[layer]) <= float(found.auc_high[layer]) <= 1


def test_auc_on_paper():
    yes, no = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [3.0]])
    # 1 > 0, 1 < 3, 3 > 0, 3 = 3: 2.5 of 4.
    assert auc(torch.ones(2), yes, no).tolist() == [0.625]
    # The second pair alone is a tie; drawn twice it is the same.
    assert auc(torch.tensor([[0.0, 1.0], [0.0, 2.0]]), yes, no).tolist() == [[0.5], [0.5]]


def test_interval_narrows_with_more_pairs_and_holds_the_truth():
    widths = []
    for n in (10, 160):
        pairs = [(f"{index} yes", f"{index} no") for index in range(2 * n)]
        yes, no = random_classes(2 * n, 1, 3, seed=4)
        found = measured(yes, no, split_pairs(pairs, 0.5, seed=1))
        widths.append(float(found.auc_high - found.auc_low))
    assert widths[1] < widths[0] / 2


def test_interval_covers_the_true_auc_as_often_as_it_says():
    """Two normal classes a known distance apart along a known vector: the AUC is known."""
    true = float(torch.special.ndtr(torch.tensor(0.7 / 2**0.5)))
    hits = 0
    for seed in range(100):
        yes, no = torch.randn(2, 40, 1, 1, generator=torch.Generator().manual_seed(seed))
        yes = yes + 0.7
        split = split_pairs([(f"{i} yes", f"{i} no") for i in range(40)], 0.95, seed=seed)
        fit = estimate("mean", torch.ones(1, 1, 1), torch.zeros(1, 1, 1))
        found = measure(yes, no, split, lambda which, fit=fit: fit, n_folds=2, seed=seed)
        hits += float(found.auc_low) <= true <= float(found.auc_high)
    assert 88 <= hits <= 100


def test_separability_on_paper():
    # Means 2 and 0, variances 2 and 2: two apart in units of sqrt(2).
    found = separability(torch.tensor([[1.0], [3.0]]), torch.tensor([[-1.0], [1.0]]))
    assert found.tolist() == [pytest.approx(2 / 2**0.5)]
    assert separability(torch.ones(2, 1), torch.zeros(2, 1)).tolist() == [math.inf]
    assert math.isnan(separability(torch.ones(1, 1), torch.zeros(1, 1)).item())


def test_split_keeps_pairs_that_share_a_text_together():
    pairs = [*LETTERS, ("0 yes", "other"), ("other", "1 no"), LETTERS[5], LETTERS[5]]
    for seed in range(20):
        split = split_pairs(pairs, 0.3, seed)
        groups = [*split.train, *split.held_out]
        assert sorted(flat(groups)) == list(range(len(pairs)))
        assert [0, 1, 20, 21] in groups
        assert [5, 22, 23] in groups
        seen = [{text for pair in flat(side) for text in pairs[pair]} for side in split]
        assert not seen[0] & seen[1]
        assert split.train
        assert split.held_out


def test_split_of_pairs_with_one_negative_keeps_equal_pairs_together():
    pairs = [*((f"{index} yes", "no") for index in range(10)), ("0 yes", "no")]
    split = split_pairs(pairs, 0.3, seed=0)
    assert len(flat(split.held_out)) in (3, 4)
    assert [0, 10] in [*split.train, *split.held_out]


def test_split_is_a_function_of_the_seed_and_holds_out_the_share():
    assert split_pairs(LETTERS, 0.2, 3) == split_pairs(LETTERS, 0.2, 3)
    assert len({tuple(flat(split_pairs(LETTERS, 0.2, seed).held_out)) for seed in range(10)}) > 5
    assert [len(flat(split_pairs(LETTERS, share, 0).held_out)) for share in (0.0, 0.01, 0.2, 0.5)] == [0, 1, 4, 10]


def test_agreement_is_the_mean_cosine_of_disjoint_folds():
    yes, no = random_classes(9, 1, 4)
    groups = [[index] for index in range(9)]
    found = agreement(groups, lambda which: estimate("mean", yes[which], no[which]), 3, 1)
    folds = [torch.stack([(yes - no)[i, 0] for i in range(start, 9, 3)]).mean(0) for start in range(3)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = sum(float(torch.cosine_similarity(folds[a], folds[b], dim=0)) for a, b in pairs) / 3
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_agreement_is_one_without_noise_and_none_without_signal():
    generator = torch.Generator().manual_seed(0)
    base, noise = torch.randn(200, 1, 64, generator=generator), torch.randn(200, 1, 64, generator=generator)
    groups = [[index] for index in range(200)]
    same = agreement(groups, lambda which: estimate("mean", base[which] + 1, base[which]), 5, 1)
    none = agreement(groups, lambda which: estimate("mean", noise[which], base[which]), 5, 1)
    assert float(same) == pytest.approx(1.0, abs=1e-4)
    assert abs(float(none)) < 0.2


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_too_few_pairs_are_said_so_and_nothing_crashes(n):
    yes, no = random_classes(n, 2, 4)
    found = measured(yes, no, split_pairs(LETTERS[:n], 0.2, 0), n_folds=5)
    assert found.note.startswith("too few pairs are held out")
    for name in ("separability", "auc", "auc_low", "auc_high", "accuracy"):
        assert bool(getattr(found, name).isnan().all()), name
    assert not any(found.suggests(row) for row in range(2))


def test_ten_pairs_are_few_and_two_of_them_have_no_interval():
    yes, no = random_classes(10, 1, 4)
    found = measured(yes, no, split_pairs(LETTERS[:10], 0.2, 0))
    assert found.note == "10 pairs are few: what is measured on 2 of them says little"
    assert not bool(found.auc.isnan().any())
    assert bool(found.auc_low.isnan().all())


def test_all_in_the_right_order_is_not_certain():
    yes, no = random_classes(20, 1, 4)
    right = measured(yes + 50, no, split_pairs(LETTERS, 0.5, 0))
    # Ten of ten: as often as in one of forty draws with a chance of 0.69.
    assert (float(right.auc), float(right.auc_high)) == (1.0, 1.0)
    assert float(right.auc_low) == pytest.approx(0.025**0.1)


def test_suggestion_is_the_most_separable_layer_whose_folds_agree():
    yes, no = random_classes(20, 4, 5)
    quality = measured(yes, no, split_pairs(LETTERS, 0.4, 0))._replace(
        separability=torch.tensor([9.0, 2.0, 3.0, math.nan]), agreement=torch.tensor([0.4, 0.9, 0.6, 1.0])
    )
    otherwise = torch.tensor([0.0, 0.0, 0.0, 1.0])
    assert suggested(quality, otherwise) == 2
    assert suggested(quality._replace(agreement=torch.tensor([0.46, 0.9, 0.6, 1.0])), otherwise) == 2
    # What agrees half as well as the best does agree; what hardly agrees at all does not, even if it is the best.
    assert suggested(quality._replace(agreement=torch.tensor([0.46, 0.64, 0.6, 0.58])), otherwise) == 0
    assert suggested(quality._replace(agreement=torch.tensor([0.19, 0.1, 0.1, 0.1])), otherwise) == 3
    infinite = quality._replace(separability=torch.tensor([9.0, math.inf, 3.0, 1.0]))
    assert suggested(infinite, otherwise) == 1
    assert suggested(quality._replace(agreement=torch.full((4,), math.nan)), otherwise) == 3


def test_consistency_on_paper():
    # Differences (1, 0) and (0, 1): their mean is sqrt(1/2) long, each is 1.
    found = consistency(torch.eye(2).unsqueeze(1), torch.zeros(2, 1, 2))
    assert found.tolist() == [pytest.approx(0.5**0.5)]
