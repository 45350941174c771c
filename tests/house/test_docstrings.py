"""Everything public says what it is: modules, classes, functions, methods, fields of records.

The first line of what users call and hold (the public names, what results share, models, errors) fits an 80-column
help page; elsewhere it fits a line of source.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import dotted, modules

FIRST_LINE, INTERNAL_FIRST_LINE = 80, 110
# Modules whose public things users call or hold.
FACE = ("interp_nb._errors", "interp_nb._show", "interp_nb._jobs", "interp_nb.heads.", "interp_nb.patching.",
        "interp_nb.models.load", "interp_nb.models.prompts", "interp_nb.models.info", "interp_nb.models.edit",
        "interp_nb.models.sites", "interp_nb.widgets.links")  # fmt: skip
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
RECORDS = ("dataclass", "result", "NamedTuple", "TypedDict")


def _public(node: ast.AST, path: str) -> Iterator[tuple[str, Documented]]:
    """Public definitions below a node; functions inside functions are nobody's interface."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield f"{path}.{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from _public(child, f"{path}.{child.name}")


def _is_copy_of_another(node: Documented) -> bool:
    """Overloads and setters are documented at their first definition."""
    decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
    return any(d in {"overload", "typing.overload", "override"} or d.endswith(".setter") for d in decorators)


def faults(source: str, name: str) -> list[str]:
    """Public things of a module without a docstring, or with a first line that is too long or unfinished."""
    tree = ast.parse(source)
    found = []
    for path, node in [(name, tree), *_public(tree, name)]:
        text = ast.get_docstring(node)
        if _is_copy_of_another(node):
            continue
        if not text:
            found.append(f"{path} has no docstring")
            continue
        first = text.splitlines()[0]
        limit = FIRST_LINE if f"{name}.".startswith(FACE) else INTERNAL_FIRST_LINE
        if isinstance(node, ast.Module):
            limit = 120
        if len(first) > limit:
            found.append(f"{path}: first line has {len(first)} characters, {limit} allowed")
        if not isinstance(node, ast.Module) and not first.rstrip().endswith((".", ":", "?")):
            found.append(f"{path}: first line does not end a sentence")
    return found


def undocumented_fields(source: str, name: str) -> list[str]:
    """Public fields of public records that have no sentence under them."""
    found = []
    for path, node in _public(ast.parse(source), name):
        if not isinstance(node, ast.ClassDef):
            continue
        marks = " ".join([*(ast.unparse(d) for d in node.decorator_list), *(ast.unparse(base) for base in node.bases)])
        if not any(mark in marks for mark in RECORDS):
            continue
        if not (node.name.endswith("Config") or f"{name}.".startswith(FACE)):
            continue  # a small record may say it all in its own docstring
        for field, after in zip(node.body, [*node.body[1:], None], strict=True):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if field.target.id.startswith("_") or "ClassVar" in ast.unparse(field.annotation):
                continue
            if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
                found.append(f"{path}.{field.target.id}")
    return found


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_public_things_are_documented(path: Path):
    assert faults(path.read_text(encoding="utf-8"), dotted(path)) == []


@pytest.mark.parametrize("path", [path for path in modules() if not path.stem.startswith("_")], ids=dotted)
def test_fields_of_public_records_are_documented(path: Path):
    assert undocumented_fields(path.read_text(encoding="utf-8"), dotted(path)) == []


def test_check_sees_what_is_missing():
    source = '"""M."""\ndef f(): ...\nclass A:\n    """A."""\n    def g(self): ...\n    def _h(self): ...\n'
    assert faults(source, "m") == ["m.f has no docstring", "m.A.g has no docstring"]
    assert faults('"""M."""\ndef f():\n    """No end"""\n', "m") == ["m.f: first line does not end a sentence"]
    long = f'"""M."""\ndef f():\n    """{"x" * 81}."""\n'
    assert faults(long, "interp_nb.heads.x") == ["interp_nb.heads.x.f: first line has 82 characters, 80 allowed"]
    assert faults(long, "interp_nb.tour") == []
    record = '@dataclass\nclass A:\n    """A."""\n    a: int\n    b: int\n    """Said."""\n    c: ClassVar[int] = 1\n'
    assert undocumented_fields(record, "interp_nb.heads.x") == ["interp_nb.heads.x.A.a"]
    assert undocumented_fields(record.replace("class A", "class AConfig"), "m") == ["m.AConfig.a"]
