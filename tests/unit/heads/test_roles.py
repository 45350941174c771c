"""Role scores, badges and the result that holds them."""

import math

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.heads import HeadRoles
from interp_nb.heads.roles import attention_mass, badge, make_roles, normalized_entropy, pattern_scores, role_masks

REPEATED = torch.tensor([9, 1, 2, 3, 1, 2, 3])
"""Begin-of-text, then a block of three tokens twice."""


def planted(offset: int, share: float, n_pos: int = 7) -> torch.Tensor:
    """Put `share` of each position's attention `offset` back, where there is such a position; the rest on the first."""
    pattern = torch.zeros(n_pos, n_pos)
    pattern[:, 0] = 1.0
    for dest in range(1, n_pos):
        if 0 < dest - offset <= dest:
            pattern[dest, 0] -= share
            pattern[dest, dest - offset] += share
    return pattern


@pytest.mark.parametrize(
    ("role", "offset"), [("previous_token", 1), ("duplicate_token", 3), ("induction", 2), ("self", 0)]
)
@pytest.mark.parametrize("share", [0.25, 0.75])
def test_planted_head_has_the_planted_score(role, offset, share):
    scores = pattern_scores(planted(offset, share)[None, None], REPEATED)
    assert float(scores[role]) == pytest.approx(share)
    others = {"previous_token", "duplicate_token", "induction", "self"} - {role}
    assert all(float(scores[other]) == 0.0 for other in others)


def test_scores_of_a_uniform_head_are_what_paper_says():
    n_pos = 7
    uniform = torch.tril(torch.ones(n_pos, n_pos))
    uniform = uniform / uniform.sum(-1, keepdim=True)
    scores = {role: float(value) for role, value in pattern_scores(uniform[None, None], REPEATED).items()}
    assert scores["previous_token"] == pytest.approx(sum(1 / (d + 1) for d in range(2, 7)) / 5)
    assert scores["first_token"] == pytest.approx(sum(1 / (d + 1) for d in range(1, 7)) / 6)
    assert scores["self"] == pytest.approx(scores["first_token"])
    assert scores["duplicate_token"] == pytest.approx((1 / 5 + 1 / 6 + 1 / 7) / 3)
    assert scores["induction"] == pytest.approx((1 / 5 + 1 / 6 + 1 / 7) / 3)
    assert scores["entropy"] == pytest.approx(1.0)


def test_prompt_without_repeats_cannot_tell_duplicates_or_induction():
    scores = pattern_scores(planted(1, 0.5, 4)[None, None], torch.tensor([9, 1, 2, 3]))
    assert math.isnan(float(scores["duplicate_token"]))
    assert math.isnan(float(scores["induction"]))
    assert not math.isnan(float(scores["previous_token"]))


def test_a_token_said_twice_in_a_row_marks_no_induction():
    masks = role_masks(torch.tensor([5, 1, 1]))
    assert masks["duplicate_token"].nonzero().tolist() == [[2, 1]]
    assert not masks["induction"].any()


def test_several_earlier_copies_all_count():
    masks = role_masks(torch.tensor([1, 2, 1, 3, 1]))
    assert masks["duplicate_token"].nonzero().tolist() == [[2, 0], [4, 0], [4, 2]]
    assert masks["induction"].nonzero().tolist() == [[2, 1], [4, 1], [4, 3]]


def test_mass_averages_over_marked_destinations_only():
    pattern = torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.5, 0.25, 0.25]])
    mask = torch.zeros(3, 3, dtype=torch.bool)
    mask[1, 0] = mask[2, 0] = mask[2, 1] = True
    assert float(attention_mass(pattern, mask)) == pytest.approx((0.25 + 0.75) / 2)


def test_entropy_of_a_head_that_looks_at_one_token_is_zero():
    assert float(normalized_entropy(planted(0, 1.0, 4))) == 0.0


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"previous_token": 0.9}, "previous token"),
        ({"induction": 0.5, "duplicate_token": 0.45, "first_token": 0.9}, "induction"),
        ({"duplicate_token": 0.4}, "duplicate token"),
        ({"previous_token": 0.39, "first_token": 0.5, "self": 0.5}, "first token"),
        ({"self": 0.8, "induction": math.nan}, "self"),
        ({"first_token": 0.3, "entropy": 0.7}, "spread"),
        ({"first_token": 0.3, "entropy": 0.69}, "mixed"),
        ({"previous_token": 0.5, "induction": 0.5}, "previous token"),
        ({"induction": math.nan, "entropy": math.nan}, "mixed"),
        ({}, "mixed"),
    ],
)
def test_badge_follows_the_rule(scores, expected):
    assert badge(scores) == expected


def made() -> HeadRoles:
    scores = {
        "previous_token": torch.tensor([[0.1, 0.9], [0.2, 0.3]]),
        "induction": torch.tensor([[math.nan, 0.0], [0.598, 0.6]]),
        "entropy": torch.tensor([[0.8, 0.1], [0.1, 0.1]]),
    }
    return make_roles(scores, layers=[0, 3], model_name="tiny", prompt="", provenance={"function": "made"})


def test_repr_names_the_best_heads_exactly():
    expected = "HeadRoles(layer=2 x head=2, induction 0.60 at layer 3 head 0, previous token 0.90 at layer 0 head 1)"
    assert repr(made()) == expected


def test_badges_follow_the_scores():
    assert made().badges == [["spread", "previous token"], ["induction", "induction"]]


def test_top_ranks_and_leaves_out_heads_without_a_score():
    top = made().top("induction", 10)
    assert [(score.layer, score.head) for score in top] == [(3, 1), (3, 0), (0, 1)]
    assert top[0].score == pytest.approx(0.6)
    assert made().top("previous_token", 1)[0][:2] == (0, 1)


def test_unknown_role_names_the_nearest():
    with pytest.raises(ConfigError, match=r"got 'inducton'; did you mean 'induction'\?"):
        made().top("inducton")


def test_frame_has_a_row_per_head_and_a_column_per_role():
    frame = made().to_frame()
    assert list(frame.columns) == ["layer", "head", "badge", "previous_token", "induction", "entropy"]
    assert frame.layer.tolist() == [0, 0, 3, 3]
    assert frame.badge.tolist() == ["spread", "previous token", "induction", "induction"]
    assert frame.previous_token.tolist() == pytest.approx([0.1, 0.9, 0.2, 0.3])


def test_save_and_load_give_equal_roles(tmp_path):
    roles = made()
    assert HeadRoles.load(roles.save(tmp_path / "roles.safetensors")) == roles
