"""Selections: readable, settable, checked, followed."""

import numpy as np
import pytest

from interp_nb._errors import ConfigError
from interp_nb.widgets.links import _widget, link
from interp_nb.widgets.selection import SelectionError
from tests.contract.made import made_grid, made_patterns, made_roles
from tests.widgets.wire import sent_by


def test_nothing_is_selected_at_first_and_reading_makes_no_widget():
    grid = made_grid()
    assert grid.selected is None
    assert "_shown_ref" not in vars(grid)


@pytest.mark.parametrize("value", [(1, 4), [1, 4], {"pos": 4, "layer": 1}, {"layer": np.int64(1), "pos": np.uint8(4)}])
def test_selection_takes_dicts_and_tuples(value):
    grid = made_grid()
    grid.selected = value
    assert grid.selected == {"layer": 1, "pos": 4}
    assert all(type(index) is int for index in grid.selected.values())
    grid.selected = None
    assert grid.selected is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1,), r"selected needs 'pos', from 0 to 5; got none"),
        ((1, 2, 3), r"must be a dict or tuple of layer, pos, got 3 values"),
        ({"layer": 1, "position": 2}, r"got the key 'position'"),
        ({"layer": 3, "pos": 0}, r"selected\['layer'\] must be from 0 to 2, got 3"),
        ({"layer": 0, "pos": -1}, r"selected\['pos'\] must be from 0 to 5, got -1"),
        ({"layer": 0, "pos": True}, r"got True"),
        ({"layer": 0, "pos": 1.0}, r"must be an int, got 1.0"),
        ({"layer": 0, "pos": "1"}, r"must be an int, got '1'"),
        ("layer", r"got a str"),
        (3, r"got a int"),
    ],
)
def test_wrong_selection_is_refused_and_the_old_one_stays(value, message):
    grid = made_grid()
    grid.selected = (0, 2)
    with pytest.raises(SelectionError, match=message):
        grid.selected = value
    assert grid.selected == {"layer": 0, "pos": 2}


def test_attention_selects_layers_of_the_model_and_positions_may_be_left_out():
    patterns = made_patterns()
    patterns.selected = (2, 1)
    assert patterns.selected == {"layer": 2, "head": 1, "dest": None, "src": None}
    patterns.selected = {"layer": 0, "head": 0, "dest": 3}
    assert patterns.selected == {"layer": 0, "head": 0, "dest": 3, "src": None}
    with pytest.raises(SelectionError, match=r"selected\['layer'\] must be from 0 to 2, got 1"):
        patterns.selected = (1, 0)


def test_selection_of_the_front_end_is_seen_from_python():
    grid, seen = made_grid(), []
    grid.observe(lambda change: seen.append(change.new))
    grid.show().set_state({"selected": {"layer": 2, "pos": 5}})
    assert grid.selected == {"layer": 2, "pos": 5}
    assert seen == [{"layer": 2, "pos": 5}]


def test_wrong_selection_of_the_front_end_is_refused_with_the_reason():
    grid = made_grid()
    grid.selected = (0, 0)
    widget = grid.show()
    returned = []
    widget.send_state = lambda key=None: returned.append(key)
    widget.set_state({"selected": {"layer": 99, "pos": 0}})
    assert grid.selected == {"layer": 0, "pos": 0}
    assert "must be from 0 to 2, got 99" in widget.error
    assert "selected" in returned


def test_show_takes_public_traits_only():
    grid = made_grid()
    assert grid.show(selected=(0, 1)).selected == {"layer": 0, "pos": 1}
    with pytest.raises(ConfigError, match=r"got the option 'selectd'; did you mean 'selected'"):
        grid.show(selectd=(0, 1))
    with pytest.raises(ConfigError, match="got the option '_data'"):
        grid.show(_data=b"")


# Links


def test_linked_grid_and_patterns_follow_each_other():
    grid, patterns = made_grid(), made_patterns()
    made = link(grid, patterns)
    grid.selected = (2, 3)
    assert patterns.selected == {"layer": 2, "head": 0, "dest": 3, "src": None}
    patterns.selected = (0, 1, 1, 0)
    assert grid.selected == {"layer": 0, "pos": 1}
    assert patterns.selected == {"layer": 0, "head": 1, "dest": 1, "src": 0}, "the head must not jump back"
    assert repr(made) == "Link(PatchGridWidget <-> AttentionWidget)"


def test_link_starts_with_what_is_selected():
    grid, patterns = made_grid(), made_patterns()
    patterns.selected = (2, 1, 3)
    link(grid, patterns)
    assert grid.selected == {"layer": 2, "pos": 3}


def test_place_the_other_does_not_have_changes_nothing():
    grid, patterns = made_grid(), made_patterns()
    link(grid, patterns)
    patterns.selected = (0, 1, 2)
    grid.selected = (1, 2)  # layer 1 is not among the patterns' layers
    grid.selected = (0, 5)  # nor is position 5 in their prompt
    assert patterns.selected == {"layer": 0, "head": 1, "dest": 2, "src": None}


def test_clearing_one_selection_leaves_the_other():
    grid, patterns = made_grid(), made_patterns()
    link(grid, patterns)
    grid.selected = (0, 1)
    grid.selected = None
    assert patterns.selected == {"layer": 0, "head": 0, "dest": 1, "src": None}


def test_heads_follow_heads_and_widgets_can_be_linked_too():
    patterns, roles = made_patterns(layers=[0, 1]), made_roles()
    link(patterns.show(), roles)
    roles.selected = (1, 1)
    assert patterns.selected == {"layer": 1, "head": 1, "dest": None, "src": None}


def test_unlinked_selections_go_their_own_ways():
    grid, other = made_grid(), made_grid()
    made = link(grid, other)
    grid.selected = (1, 1)
    made.unlink()
    made.unlink()
    grid.selected = (2, 2)
    assert other.selected == {"layer": 1, "pos": 1}
    assert repr(made) == "Link(unlinked)"


def test_link_refuses_what_cannot_be_linked():
    grid = made_grid()
    with pytest.raises(ConfigError, match="got a str"):
        _widget("patterns")
    with pytest.raises(ConfigError, match="got the same one twice"):
        link(grid, grid.show())


def test_link_refuses_selections_without_a_shared_key(monkeypatch):
    grid, patterns = made_grid(), made_patterns()
    monkeypatch.setattr(type(patterns.show()), "_axes", {"word": True})
    with pytest.raises(ConfigError, match="they share no place"):
        link(grid, patterns)


def test_linking_sends_no_messages_of_its_own():
    grid, patterns = made_grid(), made_patterns()
    link(grid, patterns)
    sent = sent_by(patterns.show())
    grid.selected = (0, 0)
    assert sent == [], "a selection travels as a trait"
