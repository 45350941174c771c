"""The command line: lab's copies, doctor's verdicts, the tour's page, and errors without tracebacks."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interp_nb import _bundles, _tutorials, cli, doctor, headless, tour
from interp_nb._errors import ConfigError, ModelNotFoundError

Check = doctor.Check


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook; a cell that starts with `#md` is text."""
    made = [
        {"cell_type": "markdown", "metadata": {}, "source": cell.removeprefix("#md\n")}
        if cell.startswith("#md\n")
        else {"cell_type": "code", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
        for cell in cells
    ]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


@pytest.fixture
def tutorials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tutorials, as if they were the package's."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "00_quickstart.ipynb", "#md\n# Quickstart", "1 + 1")
    write_notebook(folder / "01_more.ipynb", "2")
    monkeypatch.setattr(cli, "find_notebooks", lambda: folder)
    return folder


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that `lab` would have started."""
    commands: list[list[str]] = []

    def call(command: list[str]) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr(cli.subprocess, "call", call)
    return commands


def test_lab_copies_the_tutorials_and_opens_the_first(
    tutorials: Path, launched: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    assert cli.main(["lab", "--to", str(target), "--no-browser", "--", "--port=9123"]) == 0
    assert (target / "00_quickstart.ipynb").read_bytes() == (tutorials / "00_quickstart.ipynb").read_bytes()
    assert (target / "01_more.ipynb").exists()
    [command] = launched
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={target}" in command
    assert "--LabApp.default_url=/lab/tree/00_quickstart.ipynb" in command
    assert "--no-browser" in command
    assert command[-1] == "--port=9123"
    assert "2 copied" in capsys.readouterr().out


def test_lab_leaves_what_the_learner_changed_and_puts_a_newer_version_beside(
    tutorials: Path, launched: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    cli.main(["lab", "--to", str(target)])
    mine = write_notebook(target / "00_quickstart.ipynb", "my own work")
    before = mine.read_bytes()

    cli.main(["lab", "--to", str(target)])
    assert mine.read_bytes() == before
    assert sorted(path.name for path in target.glob("*.ipynb")) == ["00_quickstart.ipynb", "01_more.ipynb"]
    assert "1 left as you changed them: 00_quickstart.ipynb" in capsys.readouterr().out

    write_notebook(tutorials / "00_quickstart.ipynb", "a new version")
    cli.main(["lab", "--to", str(target)])
    assert mine.read_bytes() == before
    assert (target / "00_quickstart_new.ipynb").read_bytes() == (tutorials / "00_quickstart.ipynb").read_bytes()
    assert "the new version of 00_quickstart.ipynb is beside it: 00_quickstart_new.ipynb" in capsys.readouterr().out

    write_notebook(target / "00_quickstart_new.ipynb", "changed, too")
    write_notebook(tutorials / "00_quickstart.ipynb", "a newer version still")
    cli.main(["lab", "--to", str(target)])
    assert mine.read_bytes() == before
    assert b"changed, too" in (target / "00_quickstart_new.ipynb").read_bytes()
    assert b"newer version still" in (target / "00_quickstart_new2.ipynb").read_bytes()


def test_lab_brings_an_unchanged_copy_up_to_date(
    tutorials: Path, launched: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    cli.main(["lab", "--to", str(target)])
    write_notebook(tutorials / "01_more.ipynb", "a new version")
    cli.main(["lab", "--to", str(target)])
    assert (target / "01_more.ipynb").read_bytes() == (tutorials / "01_more.ipynb").read_bytes()
    assert "1 brought up to date: 01_more.ipynb" in capsys.readouterr().out


def test_lab_overwrites_nothing_when_its_record_is_gone(
    tutorials: Path, launched: list[list[str]], tmp_path: Path
) -> None:
    target = tmp_path / "mine"
    cli.main(["lab", "--to", str(target)])
    mine = write_notebook(target / "01_more.ipynb", "my own work")
    (target / _tutorials.RECORD).write_text("not json", encoding="utf-8")
    cli.main(["lab", "--to", str(target)])
    assert b"my own work" in mine.read_bytes()
    assert (target / "01_more_new.ipynb").exists()


def test_lab_refuses_a_file_as_its_folder(
    tutorials: Path, launched: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert cli.main(["lab", "--to", str(tmp_path / "taken")]) == 1
    assert "is a file: choose another with --to FOLDER" in capsys.readouterr().err
    assert launched == []


def test_lab_says_what_to_install_when_jupyterlab_is_missing(
    tutorials: Path,
    launched: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["lab", "--to", str(tmp_path / "mine")]) == 1
    assert 'pip install "interp_nb[lab]"' in capsys.readouterr().err
    assert launched == []
    assert not (tmp_path / "mine").exists()


def test_find_notebooks_says_that_the_install_is_incomplete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_tutorials, "__file__", str(tmp_path / "interp_nb" / "_tutorials.py"))
    with pytest.raises(ConfigError, match="this install is incomplete"):
        _tutorials.find_notebooks()
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path / "notebooks" / "00_quickstart.ipynb", "1")
    assert _tutorials.find_notebooks() == tmp_path / "notebooks"


@pytest.mark.parametrize(
    "words", [["fly"], [], ["sae"], ["sae", "inspect"], ["tour", "--nonsense"], ["doctor", "--", "--port=1"]]
)
def test_a_wrong_command_line_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main(words)
    except SystemExit as exit_:
        code = exit_.code  # type: ignore[assignment]  # argparse exits with an int
    assert code == 2
    assert "interp-nb" in capsys.readouterr().err


def test_train_pocket_passes_its_arguments_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from interp_nb.models.pocket import command

    seen: list[list[str]] = []

    def cli_main(words: list[str]) -> int:
        seen.append(words)
        return 3

    monkeypatch.setattr(command, "cli_main", cli_main)
    assert cli.main(["train-pocket", "--steps", "5", "--help"]) == 3
    assert seen == [["--steps", "5", "--help"]]


FOLDER = Path(__file__).parents[1] / "fixtures" / "saes" / "circuit_tracer" / "relu_skip"


def test_sae_inspect_says_what_a_folder_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sae", "inspect", str(FOLDER), "--sae-id", "layer_1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "format:       circuit_tracer" in said
    assert "widths:       d_in=6, d_sae=10, d_out=6, float32" in said
    assert "sites:        blocks.1.mlp.hook_in, blocks.1.hook_mlp_out" in said
    assert "  b_dec on the input: not subtracted [default of this family]" in said
    assert "  W_skip [6, 6] float32 in layer_1.safetensors: W_skip" in said
    assert said[-1] == "all 2 here: layer_0, layer_1"


def test_sae_inspect_exits_with_1_where_there_are_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "layer_0.safetensors").write_bytes((FOLDER / "layer_0.safetensors").read_bytes())
    assert cli.main(["sae", "inspect", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "sites:        unknown\n" in said
    assert "problems:\n  config.yaml does not say where it reads and writes" in said
    assert cli.main(["sae", "inspect", str(tmp_path / "nothing")]) == 1
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("interp-nb: ") and "no SAE at" in error


def test_sae_inspect_shows_the_first_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sae", "inspect", str(FOLDER)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "sites:        blocks.0.mlp.hook_in, blocks.0.hook_mlp_out" in said
    assert said[-2:] == ["this is the first, layer_0; --sae-id ID shows another", "all 2 here: layer_0, layer_1"]


def test_sae_convert_writes_another_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from interp_nb.sae.saving import load_sae

    words = ["sae", "convert", str(FOLDER), str(tmp_path / "ours"), "--sae-id", "layer_0", "--dtype", "float16"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path / 'ours'}: relu, skip_transcoder, d_in=6, d_out=6, d_sae=10, "
        "blocks.0.mlp.hook_in -> blocks.0.hook_mlp_out, as interp_nb\n"
    )
    assert load_sae(tmp_path / "ours").cfg == load_sae(FOLDER, sae_id="layer_0").cfg
    assert cli.main(["sae", "convert", str(tmp_path / "ours"), str(tmp_path / "no"), "--format", "sparsify"]) == 1
    assert "the files of sparsify cannot hold" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_sae_formats_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    from interp_nb.sae.formats.registry import FORMATS

    assert cli.main(["sae", "formats"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")] == list(FORMATS)


def test_interrupt_ends_a_command_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> list[Check]:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "interp-nb: stopped\n"


def verdicts(checks: list[Check]) -> dict[str, str]:
    """Return the verdict of each check by its name."""
    return {check.name: check.verdict for check in checks}


def only(monkeypatch: pytest.MonkeyPatch, group: Callable[[], Any]) -> None:
    """Let doctor look at one group only."""
    monkeypatch.setattr(doctor, "_GROUPS", (group,))


def test_doctor_finds_a_missing_package_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, doctor._check_packages)
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "anywidget" else "9999.0")
    monkeypatch.setattr(doctor, "_requirements", lambda: {"torch": ">=2.6"})
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "broken  anywidget" in printed
    assert "fix: pip install" in printed
    assert printed.rstrip().endswith("broken: anywidget")


def test_doctor_finds_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: "1.13.1" if package == "torch" else "9999.0")
    monkeypatch.setattr(doctor, "_requirements", lambda: {"torch": ">=2.6"})
    checks = {check.name: check for check in doctor._check_packages()}
    assert checks["torch"] == Check("torch", "broken", "1.13.1, needs >=2.6", 'pip install "torch>=2.6"')
    assert checks["anywidget"].verdict == "ok"


def test_doctor_reads_the_declared_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["torch>=2.6", "transformer-lens<5,>=4", "numpy", 'jupyterlab>=4.4; extra == "lab"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: declared)
    assert doctor._requirements() == {"torch": ">=2.6", "transformer_lens": "<5,>=4", "jupyterlab": ">=4.4"}


@pytest.mark.parametrize(
    ("version", "verdict", "says"),
    [
        ("6.31.0", "note", "keeps the partial result"),
        ("7.0.1", "ok", "during a cell"),
        ("7.4.0", "ok", "during a cell"),
        ("7.5.0", "note", "newer than the 7.4"),
        ("8.0.0a1", "note", "newer than the 7.4"),
    ],
)
def test_doctor_says_what_an_ipykernel_can_do(version: str, verdict: str, says: str) -> None:
    check = doctor._stop_button(version)
    assert check.verdict == verdict
    assert says in check.found


def test_doctor_reports_a_check_that_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    def _check_gpu() -> Any:
        raise RuntimeError("driver too old")
        yield

    only(monkeypatch, _check_gpu)
    [check] = doctor.examine()
    assert check[:3] == ("gpu", "broken", "the check itself failed: RuntimeError: driver too old")


def test_doctor_says_how_to_get_a_missing_pocket_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from interp_nb.models import load

    def missing(name: str) -> None:
        raise ModelNotFoundError("no weights here")

    monkeypatch.setattr(load, "load_model", missing)
    [check] = doctor._check_pocket_model()
    assert check.verdict == "broken"
    assert check.found == "no weights here"
    assert "interp-nb train-pocket" in check.fix


def test_tour_writes_a_page_of_prose_code_and_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook(
        tmp_path / "00_quickstart.ipynb",
        "#md\n# What a model *knows*\n\n<script>window.bad = 1</script>",
        "print('a < b')\n40 + 2",
        "from IPython.display import display\ndisplay('shown')\nx = 1;",
    )
    monkeypatch.setattr(cli, "find_notebooks", lambda: notebook.parent)
    out = tmp_path / "sub" / "tour.html"
    assert cli.main(["tour", "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert "<em>knows</em>" in page
    assert "<script>window.bad" not in page
    assert "a &lt; b" in page
    assert ">42<" in page
    assert "shown" in page
    printed = capsys.readouterr().out
    assert "2 cells in" in printed
    assert str(out) in printed


def test_tour_page_carries_what_every_cell_predicts(tmp_path: Path) -> None:
    # Only the notebook's own name holds the model, as in a learner's session.
    notebook = write_notebook(
        tmp_path / "lesson.ipynb",
        "from tests import tiny_models as tiny\nimport interp_nb as inb\nmodel = tiny.make('gpt2')",
        "grid = inb.patch_grid(model, inb.Contrast(tiny.CLEAN, tiny.CORRUPTED, tiny.ANSWER, tiny.WRONG))\ngrid",
        "patterns = inb.attention(model, tiny.CLEAN)\npatterns",
        "inb.link(grid, patterns)",
    )
    done = tour.run_tour(notebook, tmp_path / "tour.html")
    page = (tmp_path / "tour.html").read_text(encoding="utf-8")
    state = json.loads(page.split("data-inb-state>")[1].split("</script>")[0])
    grid, patterns = state["widgets"]
    shape = grid["traits"]["_meta"]["arrays"]["effect"]["shape"]
    assert len(grid["replies"]) == shape[0] * shape[1]
    assert all(reply["result"]["patched"] for reply in grid["replies"].values())
    assert len(patterns["replies"]) == 2 * 4
    assert [(each["from"], each["to"]) for each in state["links"]] == [(0, 1), (1, 0)]
    assert [line.split("(")[0] for line in done.results] == ["PatchGrid", "AttentionPatterns"]


def test_tour_names_the_cell_that_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook(tmp_path / "00_quickstart.ipynb", "x = 1", "x / 0")
    monkeypatch.setattr(cli, "find_notebooks", lambda: tmp_path)
    assert cli.main(["tour", "--out", str(tmp_path / "tour.html")]) == 1
    assert "cell 1 of 00_quickstart.ipynb failed with ZeroDivisionError" in capsys.readouterr().err


def test_tour_refuses_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="is a folder: give a name"):
        tour.run_tour(tmp_path / "unread.ipynb", tmp_path)


def test_headless_shell_leaves_the_process_as_it_was() -> None:
    from IPython import get_ipython

    main, shell, hook = sys.modules["__main__"], get_ipython(), sys.excepthook
    with headless.quiet_shell(lambda value: False) as inside:
        assert inside.run("print('x')", "a cell")[0].html == "<pre>x\n</pre>"
        assert inside.run("1;", "a cell") == []
    assert (sys.modules["__main__"], get_ipython(), sys.excepthook) == (main, shell, hook)


def make_checkout(root: Path) -> Path:
    """A checkout with three bundles, all built from the sources beside them; returns its package folder."""
    widgets, static = root / "widgets", root / "interp_nb" / "static"
    (widgets / "src" / "shared").mkdir(parents=True)
    static.mkdir(parents=True)
    for name in ("src/shared/a.ts", "src/b.ts", "build.mjs", "package-lock.json"):
        (widgets / name).write_text(f"// {name}", encoding="utf-8")
    stamp = f"/* generated from widgets/, sha256 {_bundles.source_hash(widgets)}, interp_nb 0.1.0 */\n"
    for name in _bundles.WIDGETS:
        (static / f"{name}.js").write_text(f"{stamp}export default {{}};\n", encoding="utf-8")
    return root / "interp_nb"


def test_source_hash_is_path_and_bytes_of_every_source(tmp_path: Path) -> None:
    import hashlib

    make_checkout(tmp_path)
    names = ["build.mjs", "package-lock.json", "src/b.ts", "src/shared/a.ts"]
    expected = hashlib.sha256("".join(f"{name}\0// {name}\0" for name in names).encode()).hexdigest()
    assert _bundles.source_hash(tmp_path / "widgets") == expected


def test_bundles_match_the_sources_they_were_built_from(tmp_path: Path) -> None:
    package = make_checkout(tmp_path)
    assert [bundle.matches for bundle in _bundles.installed_bundles(package)] == [True] * len(_bundles.WIDGETS)
    (tmp_path / "widgets" / "src" / "b.ts").write_text("// changed", encoding="utf-8")
    assert {bundle.reason for bundle in _bundles.installed_bundles(package)} == {
        "built from other sources than those in widgets/"
    }


def test_doctor_finds_a_bundle_that_is_missing_or_has_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_checkout(tmp_path)
    (package / "static" / "attention.js").unlink()
    (package / "static" / "patch_grid.js").write_text("export default {};", encoding="utf-8")
    monkeypatch.setattr(doctor, "installed_bundles", lambda: _bundles.installed_bundles(package))
    only(monkeypatch, doctor._check_bundles)
    checks = doctor.examine()
    assert verdicts(checks) == {"bundle attention": "broken", "bundle patch_grid": "broken"}
    assert all("npm run build" in check.fix for check in checks)
    assert "broken: bundle attention, bundle patch_grid" in doctor.report(checks)


def test_bundle_of_a_wheel_is_compared_with_what_the_installer_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64
    import hashlib

    package = make_checkout(tmp_path)
    (tmp_path / "widgets" / "build.mjs").unlink()
    recorded = {}
    for path in (package / "static").iterdir():
        digest = hashlib.sha256(path.read_bytes()).digest()
        recorded[path.name] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    monkeypatch.setattr(_bundles, "_recorded", lambda: recorded)
    assert all(bundle.matches for bundle in _bundles.installed_bundles(package))
    (package / "static" / "attention.js").write_text("tampered", encoding="utf-8")
    [bad] = [bundle for bundle in _bundles.installed_bundles(package) if not bundle.matches]
    assert (bad.name, bad.reason) == ("attention", "changed since it was installed")
