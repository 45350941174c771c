"""Small enough to read: modules, functions, front-end files, traits, config fields, notebooks."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import NOTEBOOKS, PACKAGE, ROOT, WIDGETS, dotted, modules

MODULE, INIT, FUNCTION, TYPESCRIPT, ENTRY, TRAITS, FIELDS, CELLS = 500, 80, 100, 300, 100, 12, 25, 30

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def body_lines(function: Function) -> int:
    """Lines from the first statement after the docstring to the end."""
    first = function.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    body = function.body[1:] if documented else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def synced_traits(node: ast.ClassDef) -> list[str]:
    """Public attributes declared as `name = Trait(...).tag(sync=True)`."""
    return [
        target.id
        for statement in node.body
        if isinstance(statement, ast.Assign) and ".tag(sync=True" in ast.unparse(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    ]


def _classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path in modules():
        for node in ast.walk(_parsed(path)):
            if isinstance(node, ast.ClassDef):
                yield f"{dotted(path)}.{node.name}", node


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_module_is_small(path):
    limit = INIT if path.name == "__init__.py" else MODULE
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_functions_are_short(path):
    functions = [node for node in ast.walk(_parsed(path)) if isinstance(node, Function)]
    assert [f"{node.name}: {body_lines(node)}" for node in functions if body_lines(node) > FUNCTION] == []


def test_length_of_a_function_leaves_out_its_docstring():
    source = 'def f():\n    """Doc.\n\n    More.\n    """\n    a = 1\n\n    return a\n'
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == 3


def test_front_end_files_are_small():
    files = [path for path in (WIDGETS / "src").rglob("*") if path.suffix in {".ts", ".tsx"}]
    limits = {path: ENTRY if path.name == "widget.ts" else TYPESCRIPT for path in files}
    long = [str(path.relative_to(ROOT)) for path, limit in limits.items() if len(path.read_text().splitlines()) > limit]
    assert files
    assert long == []


def test_widgets_sync_few_public_traits():
    many = {name: synced_traits(node) for name, node in _classes() if name.startswith("interp_nb.widgets.")}
    assert any(many.values()), "no synced traits found: has the way they are declared changed?"
    assert {name: traits for name, traits in many.items() if len(traits) > TRAITS} == {}


def test_configs_have_few_fields():
    configs = {name: node for name, node in _classes() if node.name.endswith("Config")}
    fields = {name: sum(isinstance(part, ast.AnnAssign) for part in node.body) for name, node in configs.items()}
    assert {name: count for name, count in fields.items() if count > FIELDS} == {}


def test_notebooks_are_short():
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
        lengths = sorted(len("".join(cell["source"]).splitlines()) for cell in cells)
        assert len(cells) <= CELLS, path.name
        assert lengths[len(lengths) // 2] <= 10, f"{path.name}: the median code cell is longer than 10 lines"


def test_there_is_no_drawer_of_helpers():
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert names & {"utils", "helpers", "misc", "common", "tools"} == set()
