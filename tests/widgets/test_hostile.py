"""Hostile strings as tokens, prompts and labels show as text and run nothing, in every form that Python writes."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from interp_nb._recipes import model_lines
from interp_nb.models.prompts import Contrast
from interp_nb.widgets import fallback
from interp_nb.widgets.export import page
from tests.contract.made import PROVENANCE, made_grid, made_patterns, made_roles

HOSTILE = [
    '<img src=x onerror="hacked()">',
    "</script><script>hacked()</script>",
    "<!--<script>",
    "</noscript></figure>",
    "\"'`&amp;",
    "\u202egnirts\u2066\x00\x1b[31m\ud800",
    "x" * 10_000,
]


def hostile_grid() -> Any:
    contrast = Contrast(HOSTILE[0], HOSTILE[1], HOSTILE[4], HOSTILE[2])
    return made_grid(
        clean_tokens=HOSTILE[:6], corrupted_tokens=HOSTILE[1:7], contrast=contrast, site=HOSTILE[0], metric=HOSTILE[1],
        model_name=HOSTILE[3], provenance={},
        per_contrast=made_grid().per_contrast[:1], clean_metric=made_grid().clean_metric[:1],
        corrupted_metric=made_grid().corrupted_metric[:1],
    )  # fmt: skip


def hostile_patterns() -> Any:
    pairs = {HOSTILE[1]: [[3, 2]]}
    return made_patterns(tokens=HOSTILE[:4], prompt="".join(HOSTILE), model_name=HOSTILE[0], pairs=pairs)


def hostile_roles() -> Any:
    return made_roles(roles=HOSTILE[:2], badges=[HOSTILE[:2], HOSTILE[2:4]], model_name=HOSTILE[1], prompt=HOSTILE[6])


HOSTILES = {"patch_grid": hostile_grid, "attention": hostile_patterns, "head_roles": hostile_roles}


class Elements(HTMLParser):
    """The elements and attributes of a piece of HTML, and the text of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts.append(data)

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.found]


@pytest.mark.parametrize("name", HOSTILES)
def test_static_html_holds_a_picture_and_text_only(name):
    data, _ = HOSTILES[name]()._repr_mimebundle_()
    elements = Elements(data["text/html"])
    assert elements.tags() == ["figure", "img", "figcaption"]
    assert list(elements.found[1][1]) == ["alt", "width", "style", "src"]
    assert len(data["text/html"]) < 150_000


def test_exported_page_runs_its_own_script_only():
    text = page([make() for make in HOSTILES.values()], title=HOSTILE[1])
    elements = Elements(text)
    assert elements.tags().count("script") == 2
    assert elements.tags().count("img") == 3
    assert not [name for _, attrs in elements.found for name in attrs if name.startswith("on")]
    assert elements.tags().count("title") == 1
    state = json.loads(elements.scripts[0])
    assert state["widgets"][1]["traits"]["_meta"]["tokens"] == HOSTILE[:4], "nothing is lost on the way"
    assert "<" not in elements.scripts[0]


def test_page_lets_no_other_script_run_and_fetches_nothing():
    text = page([made_roles()])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert "default-src 'none'" in policy and "script-src 'sha256-" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1]
    # Bundles name the SVG namespace, which nobody fetches; nothing else may look like an address.
    assert set(re.findall(r"https?://[\w./-]+", text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}


@pytest.mark.parametrize("name", HOSTILES)
def test_code_that_reproduces_is_still_python_and_does_nothing_else(name):
    import ast

    tree = ast.parse(HOSTILES[name]().show()._meta["code"].replace("\ud800", "?"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called <= {"Contrast", "patch_grid", "attention", "head_roles", "load_model"}


def test_name_of_a_foreign_model_cannot_leave_its_comment():
    assert model_lines("a\nimport os", {}) == ["model = ...  # the model this was computed with: a\\nimport os"]
    assert model_lines("pocket", PROVENANCE) == ["model = load_model()"]
    info = {"model": {"fold": True, "step": 100}}
    assert model_lines("pocket", info) == ["model = load_model('pocket', step=100, fold=True)"]
    assert model_lines("gpt2-small", PROVENANCE) == ["model = load_model('gpt2-small')"]


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (" Paris", "·Paris"),
        ("a b", "a b"),
        ("  ", "··"),
        ("\n\t\r", "↵⇥␍"),
        ("", "∅"),
        ("a\u202eb", "a⟨202E⟩b"),
        ("\ud800", "⟨D800⟩"),
        ("\x00", "⟨0000⟩"),
        ("x" * 10_000, "x" * 13 + "…"),
        ("<b>", "<b>"),
        ("$x^2$", "$x^2$"),
    ],
)
def test_tokens_are_written_so_that_everything_in_them_is_seen(token, shown):
    assert fallback.visible(token) == shown
