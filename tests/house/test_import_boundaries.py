"""Who may import whom, read from the source; and what `import interp_nb` brings in, seen in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

from tests.house.source import PACKAGE, ROOT, dotted, imports, modules

COMPUTE = {"heads", "lens", "patching", "sae", "features", "steering", "evaluation"}
# What belongs to no layer stands above all of them: commands, tours, lessons.
LAYERS: dict[str, set[str]] = {
    "_": {"_"},
    "models": {"_", "models"},
    **{name: {"_", "models", name} for name in COMPUTE},
    "features": {"_", "models", "features", "sae"},
    "steering": {"_", "models", "steering", "sae"},
    "evaluation": {"_", "models", "evaluation", "sae", "features"},
    "remote": {"_", "models", "remote", *COMPUTE},
    # Result classes only; a widget that needs the model receives a callable.
    "widgets": {"_", "widgets", *COMPUTE},
}
DRAWING = {"anywidget", "ipywidgets", "IPython", "matplotlib", "circuitsvis"}
NEVER_AT_TOP: dict[str, set[str]] = {
    "_": {*DRAWING, "pandas", "transformers", "transformer_lens", "huggingface_hub"},
    "models": {*DRAWING, "pandas", "transformers", "transformer_lens", "huggingface_hub"},
    **{name: {*DRAWING, "pandas", "transformers", "transformer_lens"} for name in COMPUTE},
    "remote": {*DRAWING, "transformer_lens"},
    "widgets": {"matplotlib", "circuitsvis", "transformers", "transformer_lens"},
}
HEAVY = {*DRAWING, "torch", "numpy", "pandas", "transformers", "transformer_lens", "traitlets", "jaxtyping"}
# The one look-up upwards that the plan allows: a result finds its widget when it is displayed.
LOOKUPS = {"interp_nb._show"}
# Drawn pictures are imported by the fallback when it draws, so they may import what they draw with.
PICTURES = "interp_nb.widgets.pictures"


def layer(module: str) -> str | None:
    """The layer of a module of ours; None for the programs above them and for the facade."""
    part = module.split(".")[1] if "." in module else ""
    return "_" if part.startswith("_") else part if part in LAYERS else None


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module of a layer imports that it may not."""
    own = layer(module)
    if own is None:
        return []
    found = []
    for item in imports(source, module, is_package):
        first = item.target.split(".")[0]
        where = f"{module}:{item.line} imports {item.target}"
        if item.target in {"interp_nb", "interp_nb.__version__"}:
            continue
        if first == "interp_nb":
            target = layer(item.target)
            if target not in LAYERS[own] and not (module in LOOKUPS and target == "widgets"):
                found.append(f"{where}, but {own!r} may import {sorted(LAYERS[own])} only")
        elif module.startswith(PICTURES):
            continue
        elif item.top and not item.typing_only and first in NEVER_AT_TOP[own]:
            found.append(f"{where} at its top; import it inside the function that needs it")
    return found


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_module_imports_only_what_its_layer_may(path):
    assert violations(dotted(path), path.read_text(encoding="utf-8"), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("interp_nb.heads.x", "from interp_nb.widgets.base import Widget"),
        ("interp_nb.heads.x", "def f():\n    from interp_nb.patching import grid"),
        ("interp_nb.heads.x", "from ..patching import grid"),
        ("interp_nb.models.x", "import interp_nb.heads"),
        ("interp_nb.models.x", "import transformer_lens"),
        ("interp_nb.widgets.x", "from interp_nb.models.load import load_model"),
        ("interp_nb._x", "from interp_nb.models import sites"),
        ("interp_nb._x", "from importlib import import_module\nimport_module('interp_nb.heads')"),
        ("interp_nb.heads.x", "class A:\n    import matplotlib"),
    ],
)
def test_check_sees_a_forbidden_import(module, source):
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("interp_nb.heads.x", "import torch\nfrom interp_nb.models.edit import forward"),
        ("interp_nb.heads.x", "def f():\n    import matplotlib"),
        ("interp_nb.models.x", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import transformer_lens"),
    ],
)
def test_check_lets_an_allowed_import_pass(module, source):
    assert violations(module, source) == []


PROBE = """
import json, random, sys, warnings
before = (list(warnings.filters), random.getstate(), sys.excepthook)
{code}
same = before == (list(warnings.filters), random.getstate(), sys.excepthook)
print(json.dumps([sorted({{name.split(".")[0] for name in sys.modules}}), same]))
"""


def _probe(code: str) -> tuple[set[str], bool, str]:
    """Run code in a fresh interpreter: modules there afterwards, global state unchanged, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=code)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *printed, last = done.stdout.splitlines()
    names, same = json.loads(last)
    return set(names), same, "\n".join(printed) + done.stderr


def test_import_brings_in_nothing_heavy_and_says_nothing():
    names, same, printed = _probe("import interp_nb\ndir(interp_nb)\ninterp_nb.errors")
    assert names & HEAVY == set()
    assert same
    assert printed == ""


def test_probe_sees_what_it_looks_for():
    names, same, printed = _probe("import numpy, warnings\nwarnings.simplefilter('error')\nprint('hello')")
    assert "numpy" in names
    assert not same
    assert printed == "hello"


def test_only_the_facade_hides_imports_under_type_checking():
    """A name that exists for the type checker alone is a dependency the layers do not see."""
    for path in modules():
        if path == PACKAGE / "__init__.py":
            continue
        hidden = [i.target for i in imports(path.read_text(encoding="utf-8"), dotted(path)) if i.typing_only]
        ours = [target for target in hidden if target.startswith("interp_nb")]
        allowed = LAYERS.get(layer(dotted(path)) or "", {layer(target) for target in ours})
        assert all(layer(target) in allowed for target in ours), f"{dotted(path)}: {ours}"
