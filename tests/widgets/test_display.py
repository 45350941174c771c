"""What a notebook gets: text, a static picture, the live view; and what it gets when one of them fails."""

import base64
import gc
import importlib
import io
import re
import sys
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from interp_nb._errors import ConfigError
from interp_nb.widgets import fallback
from tests.contract.made import made_grid, made_patterns, made_roles

VIEW = "application/vnd.jupyter.widget-view+json"
MADE = {"patch_grid": made_grid, "attention": made_patterns, "head_roles": made_roles}


def pixels(html: str) -> Any:
    source = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert source is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.group(1)))).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", MADE)
def test_bundle_has_text_picture_and_live_view(name):
    shown = MADE[name]()
    data, metadata = shown._repr_mimebundle_()
    assert list(data) == ["text/plain", VIEW, "text/html"] and metadata == {}
    assert data["text/plain"] == repr(shown)
    assert data[VIEW]["model_id"] == shown.show().model_id


@pytest.mark.parametrize("name", MADE)
def test_picture_is_one_image_with_its_summary_and_the_same_every_time(name):
    first, second = (MADE[name]()._repr_mimebundle_()[0]["text/html"] for _ in range(2))
    assert first == second
    assert re.fullmatch(
        r'<figure style="margin:0"><img alt="[^"<>]+" width="\d+" style="max-width:100%;height:auto" '
        r'src="data:image/png;base64,[A-Za-z0-9+/=]+"><figcaption>[^<>]+</figcaption></figure>',
        first,
    )
    assert len(first) < 60_000
    image = pixels(first)
    width = int(re.search(r'width="(\d+)"', first).group(1))
    assert abs(image.shape[1] - 2 * width) <= 1, "two pixels for one, so that it is crisp"
    assert (image[0, 0] == 255).all() and image.std() > 5


def test_widget_shows_the_same_bundle_and_a_stable_repr():
    grid = made_grid()
    widget = grid.show()
    assert widget._repr_mimebundle_()[0] == grid._repr_mimebundle_()[0]
    assert repr(widget) == f"PatchGridWidget({grid!r})"
    assert "0x" not in repr(widget)


def test_metadata_of_the_front_end_is_kept(monkeypatch):
    manager = {VIEW: {"colab": {"custom_widget_manager": {"url": "https://example.org"}}}}
    monkeypatch.setattr("anywidget._util.get_repr_metadata", lambda: manager)
    assert made_grid()._repr_mimebundle_()[1] == manager


def test_one_widget_for_every_result_until_it_is_closed():
    grid = made_grid()
    widget = grid.show()
    assert grid.show() is widget and made_grid().show() is not widget
    widget.close()
    assert widget.closed
    again = grid.show()
    assert again is not widget and again._repr_mimebundle_()[0]["text/plain"] == repr(grid)


def test_closed_widget_and_its_result_are_let_go():
    grid = made_grid()
    widget = grid.show()
    references = [weakref.ref(grid), weakref.ref(widget)]
    del grid
    gc.collect()
    assert references[0]() is not None, "the widget holds its result"
    widget.close()
    del widget
    gc.collect()
    assert [reference() for reference in references] == [None, None]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"anywidget": None}, "No live view of PatchGrid.*pip install anywidget"),
        ({"ipywidgets": None}, "No live view of PatchGrid"),
    ],
)
def test_without_a_widget_library_the_picture_shows_and_the_reason_is_told(monkeypatch, broken, reason):
    for name in [name for name in sys.modules if name.startswith(("interp_nb.widgets", "anywidget"))]:
        monkeypatch.delitem(sys.modules, name)
    for name, module in broken.items():
        monkeypatch.setitem(sys.modules, name, module)
    grid = made_grid()
    with pytest.warns(UserWarning, match=reason):
        data, metadata = grid._repr_mimebundle_()
    assert list(data) == ["text/plain", "text/html"] and metadata == {}
    assert "<img" in data["text/html"]
    with pytest.raises(ConfigError, match="No live view here"):
        grid.show()


def test_missing_bundle_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "interp_nb.widgets.head_roles")
    base = importlib.import_module("interp_nb.widgets.base")
    monkeypatch.setattr(base, "STATIC", tmp_path)
    with pytest.raises(ConfigError, match=r"head_roles\.js.* poe front"):
        made_roles().show()


def test_picture_that_fails_becomes_escaped_text(monkeypatch):
    def broken(shown: Any) -> Any:
        raise RuntimeError("no fonts")

    monkeypatch.setattr(fallback, "picture", broken)
    patterns = made_patterns()
    monkeypatch.setattr(type(patterns), "_summary", lambda self: "<b>&")
    with pytest.warns(UserWarning, match="No picture of AttentionPatterns: RuntimeError: no fonts"):
        data, _ = patterns._repr_mimebundle_()
    assert data["text/html"] == "<pre>&lt;b&gt;&amp;</pre>"
    assert VIEW in data


def test_summary_that_fails_leaves_the_class_name(monkeypatch):
    roles = made_roles()

    def broken(self: Any) -> str:
        raise RuntimeError("no headline")

    roles.show()
    monkeypatch.setattr(type(roles), "_summary", broken)
    with pytest.warns(UserWarning, match="No summary of HeadRoles: no headline"):
        data, _ = roles._repr_mimebundle_()
    assert data["text/plain"] == "HeadRoles()"


# What the pictures show


def colors_of(image: Any) -> set[tuple[int, ...]]:
    return set(map(tuple, image.reshape(-1, 3).tolist()))


def near(image: Any, color: tuple[int, int, int], within: int = 12) -> int:
    """Count the pixels of about this color."""
    return int((np.abs(image - np.array(color)).max(-1) <= within).sum())


BLUE, RED = (15, 67, 127), (142, 11, 37)


@pytest.mark.parametrize(("sign", "there", "absent"), [(1.0, BLUE, RED), (-1.0, RED, BLUE)])
def test_positive_effects_are_blue_and_negative_ones_red(sign, there, absent):
    effect = torch.zeros(3, 6)
    effect[1, 1] = sign
    image = pixels(fallback.figure_html(made_grid(effect=effect, state=torch.ones(3, 6, dtype=torch.uint8)), "x"))
    # The color bar has a little of both; a cell is at least 30 x 30 pixels.
    assert near(image, there) - near(image, absent) > 900


def test_pending_and_undefined_cells_are_hatched_and_not_zero():
    ones = torch.ones(3, 6, dtype=torch.uint8)
    zero = pixels(fallback.figure_html(made_grid(effect=torch.zeros(3, 6), state=ones), "x"))
    nan = torch.full((3, 6), float("nan"))
    pending = pixels(fallback.figure_html(made_grid(effect=nan, state=0 * ones), "x"))
    undefined = pixels(fallback.figure_html(made_grid(effect=nan, state=2 * ones), "x"))
    hatching = [near(image, (169, 173, 179), 20) for image in (zero, pending, undefined)]
    assert hatching[0] + 2000 < hatching[1] < hatching[2]


def test_grid_of_infinities_and_no_numbers_still_draws():
    effect = torch.full((3, 6), float("inf"))
    effect[0] = -float("inf")
    html = fallback.figure_html(made_grid(effect=effect, state=torch.ones(3, 6, dtype=torch.uint8)), "x")
    assert pixels(html).std() > 5


def test_layer_0_is_the_top_row():
    effect = torch.zeros(3, 6)
    effect[0] = 1.0
    image = pixels(fallback.figure_html(made_grid(effect=effect, state=torch.ones(3, 6, dtype=torch.uint8)), "x"))
    cells = image[:, 120:600]
    rows = np.nonzero((np.abs(cells - np.array(BLUE)).max(-1) <= 12).sum(1) > 200)[0]
    white_below = (cells[rows.max() + 20] > 235).mean()
    assert len(rows) > 30 and white_below > 0.9


@pytest.mark.parametrize(("n_layers", "n_pos"), [(1, 1), (2, 130), (48, 3)])
def test_grids_of_any_size_draw_within_a_page(n_layers, n_pos):
    tokens = [f" token{index}" for index in range(n_pos)]
    grid = made_grid(
        effect=torch.rand(n_layers, n_pos), state=torch.ones(n_layers, n_pos, dtype=torch.uint8),
        per_contrast=torch.rand(2, n_layers, n_pos), clean_tokens=tokens, corrupted_tokens=[" other", *tokens[1:]],
    )  # fmt: skip
    png, width = fallback.picture(grid)
    assert width < 1500 and len(png) < 200_000


@pytest.mark.parametrize(("n_layers", "n_heads", "n_pos"), [(1, 1, 1), (24, 16, 8), (2, 2, 130)])
def test_attention_of_any_size_draws_within_a_page(n_layers, n_heads, n_pos):
    patterns = torch.rand(n_layers, n_heads, n_pos, n_pos).tril()
    patterns = patterns / patterns.sum(-1, keepdim=True)
    shown = made_patterns(
        patterns=patterns, layers=list(range(n_layers)), tokens=[f" t{index}" for index in range(n_pos)],
        token_ids=list(range(n_pos)), pairs={},
    )  # fmt: skip
    png, width = fallback.picture(shown)
    assert width < 1500 and len(png) < 400_000


def test_signed_roles_are_red_below_zero():
    scores = made_roles().scores.clone()
    scores[1] = torch.tensor([[-1.0, -1.0], [-1.0, 1.0]])
    image = pixels(fallback.figure_html(made_roles(scores=scores), "x"))
    assert near(image, RED) > 2000


def test_settings_of_the_user_do_not_change_the_picture():
    from matplotlib import rc_context

    plain = fallback.picture(made_grid())
    with rc_context(
        {"font.size": 30, "axes.facecolor": "black", "axes.grid": True, "text.usetex": True, "xtick.top": True}
    ):
        assert fallback.picture(made_grid()) == plain


def test_drawing_leaves_pyplot_alone(monkeypatch):
    # None in its place makes every import of it fail.
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert fallback.picture(made_roles())[1] > 0
