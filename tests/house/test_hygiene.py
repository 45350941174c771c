"""What must not be in the repository: traces of a workplace, forgotten notes, unexplained exceptions, network calls."""

import ast
import json
import re

import pytest
from nbval.plugin import find_comment_markers

from tests.house.source import NOTEBOOKS, ROOT, dotted, imports, modules, tracked_files

TEXT = {".py", ".ts", ".mjs", ".js", ".json", ".toml", ".md", ".txt", ".cfg", ".css", ".ipynb", ".html", ""}
# Assembled, so that this file does not find itself.
WORKPLACE = re.compile(
    "|".join([r"/ho" + r"me/\w", r"/Us" + r"ers/\w", r"/ro" + r"ot/", r"/wo" + r"rk/", r"/op" + r"t/inb"])
)
NOTES = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"]))
# Cells that nbval does not compare, by notebook; each needs a comment that says why, and a reason to be counted here.
IGNORED_CELLS = {
    "07_train_an_sae.ipynb": 3,
    "08_sae_quality.ipynb": 12,
    "10_feature_dashboard.ipynb": 2,
    "11_label_and_score_features.ipynb": 7,
    "12_feature_dictionaries.ipynb": 3,
}
IGNORING_TAGS = {"nbval-skip", "nbval-ignore-output", "raises-exception"}
# Modules that may speak to a network: the hub by its own client, and programs that start a local server or kernel.
NETWORKED = {"urllib.request", "http.client", "http.server", "requests", "httpx", "socket", "huggingface_hub"}
MAY_NETWORK = {
    "interp_nb.models.hub",
    "interp_nb.sae.formats.hub", "interp_nb.cli", "interp_nb.headless", "interp_nb.features.hosted.sending"
}  # fmt: skip


def _texts() -> list[tuple[str, str]]:
    files = [path for path in tracked_files() if path.suffix in TEXT]
    return [(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8", errors="replace")) for path in files]


def test_no_trace_of_a_workplace():
    found = [f"{name}: {match[0]}" for name, text in _texts() for match in WORKPLACE.finditer(text)]
    assert found == []


def test_check_sees_a_home_folder():
    assert WORKPLACE.search("/ho" + "me/someone/x")


def test_no_forgotten_notes():
    code = [(name, text) for name, text in _texts() if name.endswith((".py", ".ts", ".mjs", ".css"))]
    assert [f"{name}: {match[0]}" for name, text in code for match in NOTES.finditer(text)] == []


def test_ignored_notebook_cells_are_counted_and_explained():
    counts: dict[str, int] = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            tags = set(cell["metadata"].get("tags", []))
            if not tags & IGNORING_TAGS and "NBVAL_" not in source and "PYTEST_VALIDATE_IGNORE" not in source:
                continue
            counts[path.name] = counts.get(path.name, 0) + 1
            assert source.lstrip().startswith("#"), f"{path.name}: a cell that nbval ignores must begin by saying why"
            # nbval overlooks a marker that shares its line with the reason, and compares the cell.
            assert tags & IGNORING_TAGS or any(find_comment_markers(source)), f"{path.name}: {source[:80]}"
    assert counts == IGNORED_CELLS


def test_saved_notebooks_hold_no_widget_state_and_no_foreign_kernel():
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert "widgets" not in notebook["metadata"], f"{path.name} holds widget state"
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        kinds = {kind for cell in notebook["cells"] for out in cell.get("outputs", []) for kind in out.get("data", {})}
        assert "application/vnd.jupyter.widget-view+json" not in kinds, f"{path.name} holds a widget view"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_module_keeps_off_the_network(path):
    targets = {item.target for item in imports(path.read_text(encoding="utf-8"), dotted(path))}
    used = {name for name in NETWORKED for target in targets if f"{target}.".startswith(f"{name}.")}
    assert used == set() or dotted(path) in MAY_NETWORK, used


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_module_neither_pickles_nor_tracks(path):
    targets = {item.target.split(".")[0] for item in imports(path.read_text(encoding="utf-8"), dotted(path))}
    assert targets & {"pickle", "cloudpickle", "dill", "joblib", "wandb", "mlflow"} == set()


def test_no_commented_out_code():
    found = []
    for path in modules():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.strip()
            if text.startswith("# ") and re.match(
                r"# (import |from \w+ import |def |class |return |print\(|if .*:$|\w+ = )", text
            ):
                try:
                    ast.parse(text[2:])
                except SyntaxError:
                    continue
                found.append(f"{dotted(path)}:{number}: {text}")
    assert found == []
