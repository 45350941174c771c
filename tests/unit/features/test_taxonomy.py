"""The tree of labelled latents, on planted groups."""

import json

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.features.labels import Label
from interp_nb.features.taxonomy import taxonomy_of
from tests.unit.features.label_cases import AFTER_RED, ON_DOG, ON_DOG_AFTER_RED, ON_DOG_TOO, PlantedStore

TEXTS = ["red dogs", "city names", "city names of Spain", "dogs", "city of Rome", "small dogs"]
ANIMALS, CITIES = (0, 3, 5), (1, 2, 4)


@pytest.fixture
def store(tmp_path) -> PlantedStore:
    store = PlantedStore(tmp_path)
    store.labels.add_all(Label(latent, text, "tokens") for latent, text in enumerate(TEXTS))
    rows = torch.tensor([[1.0, 0.1], [0.0, 2.0], [0.1, 1.0], [3.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    store.source = type("Source", (), {"rows": staticmethod(lambda latents: rows[latents])})()
    return store


@pytest.mark.parametrize("by", [("words",), ("decoder",), ("words", "decoder")])
def test_latents_that_are_alike_share_a_branch(store, by):
    tree = taxonomy_of(store, by=by, branches=[2])
    assert {branch.latents for branch in tree.root.branches} == {ANIMALS, CITIES}
    names = {branch.latents: branch.name for branch in tree.root.branches}
    assert "dogs" in names[ANIMALS] and "city" in names[CITIES]
    assert repr(tree) == f"Taxonomy(6 latents by {' and '.join(by)}, 2 branches)"


def test_latents_that_fire_together_share_a_branch(store):
    tree = taxonomy_of(store, by=["cofiring"], latents=[ON_DOG, AFTER_RED, ON_DOG_TOO, ON_DOG_AFTER_RED], branches=[3])
    assert (ON_DOG, ON_DOG_TOO) in {branch.latents for branch in tree.root.branches}


def test_branches_nest(store):
    tree = taxonomy_of(store, by=["words"], branches=[2, 4])
    for branch in tree.root.branches:
        inner = [latent for one in branch.branches for latent in one.latents]
        assert not inner or sorted(inner) == list(branch.latents)
    frame = tree.to_frame()
    assert list(frame.columns) == ["label", "level_1", "level_2"] and list(frame.index) == list(range(6))
    assert frame["label"].tolist() == TEXTS
    assert frame.groupby("level_2")["level_1"].nunique().max() == 1


def test_text_and_html_hold_every_label_as_text(store):
    store.labels.write(3, "</ul><script>x</script>\nall (9)", author="ada")
    tree = taxonomy_of(store, by=["decoder"], branches=[2])
    assert tree.to_text(max_latents=9).splitlines()[0] == "all (6)"
    assert "    3: </ul><script>x</script> all (9)" in tree.to_text(max_latents=9)
    assert "and 2 more" in tree.to_text(max_latents=1)
    page = tree.to_html()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert page.count("<details") == page.count("</details>") == 3 and tree._repr_html_() == page


def test_labels_without_a_word_are_named_by_their_middle(store, tmp_path):
    for latent, text in enumerate(["!", "?", "!", "?", "!", "?"]):
        store.labels.write(latent, text, author="ada")
    tree = taxonomy_of(store, by=["words", "decoder"], branches=[2])
    assert {branch.name for branch in tree.root.branches} <= {"!", "?"}
    assert json.dumps(tree.texts)


def test_tree_is_the_same_every_time(store):
    by = ("words", "decoder", "cofiring")
    assert taxonomy_of(store, by=by) == taxonomy_of(store, by=by)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"by": []}, "by must name parts"),
        ({"latents": [1]}, "2 to 8192 latents, got 1"),
        ({"branches": [4, 2]}, "growing numbers"),
        ({"branches": [0]}, "growing numbers"),
    ],
)
def test_argument_that_makes_no_sense_is_refused(store, how, match):
    with pytest.raises(ConfigError, match=match):
        taxonomy_of(store, **how)


def test_store_without_labels_says_what_makes_them(tmp_path):
    with pytest.raises(ConfigError, match="label_features makes labels"):
        taxonomy_of(PlantedStore(tmp_path))
