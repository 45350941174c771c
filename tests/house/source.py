"""The package's source as the house tests read it: files, modules, imports."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "interp_nb"
WIDGETS = ROOT / "widgets"
STATIC = PACKAGE / "static"
NOTEBOOKS = ROOT / "notebooks"


class Import(NamedTuple):
    """One import statement's target."""

    target: str
    """Dotted name: for `from a import b` both `a` and, if it may be a module, `a.b`."""
    line: int
    top: bool
    """Whether it runs when the module is imported."""
    typing_only: bool
    """Whether it stands under `if TYPE_CHECKING`."""


def modules() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """interp_nb/models/load.py -> interp_nb.models.load."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, is_package: bool = False) -> list[Import]:
    """Find the imports of a module at any depth, relative ones and `import_module("...")` resolved."""
    return list(_walk(ast.parse(source), module if is_package else module.rpartition(".")[0], True, False))


def _walk(node: ast.AST, package: str, top: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, top, typing_only)
        elif isinstance(child, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
            base = ".".join([*up, *([child.module] if child.module else [])])
            for alias in child.names:
                yield Import(f"{base}.{alias.name}", child.lineno, top, typing_only)
        elif isinstance(child, ast.Call) and _name(child.func) == "import_module":
            for named in child.args[:1]:
                if isinstance(named, ast.Constant):
                    yield Import(str(named.value), child.lineno, top, typing_only)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        guarded = isinstance(child, ast.If) and _name(child.test) == "TYPE_CHECKING"
        yield from _walk(child, package, top and not inside, typing_only or guarded)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def tracked_files() -> list[Path]:
    """Every file that is or will be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    skipped = {".git", "node_modules", "__pycache__", ".venv"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)]
