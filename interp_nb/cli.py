"""The command line: `interp-nb lab | tour | doctor | train-pocket | train-pocket-sae | sae`.

Each command's work lives in a module of its own, imported when the command is called, so that `interp-nb --help` is
quick. A user's mistake prints one line on stderr and returns 1; only our own bugs show a traceback.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import interp_nb
from interp_nb._errors import ConfigError, InterpError
from interp_nb._tutorials import FIRST, Copied, copy_tutorials, find_notebooks

TUTORIALS = "interp_nb_tutorials"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 something is wrong, 2 a wrong command line."""
    words = list(sys.argv[1:] if argv is None else argv)
    # These have options of their own; argparse would take their --help for ours.
    if words[:1] == ["train-pocket"]:
        return _guarded(lambda: _train_pocket(words[1:]))
    if words[:1] == ["train-pocket-sae"]:
        return _guarded(lambda: _train_pocket_sae(words[1:]))
    if words[:1] == ["sae"]:
        return _guarded(lambda: _sae(words[1:]))
    words, passed_on = _split(words)
    parsed = _parser().parse_args(words)
    if passed_on and parsed.command != "lab":
        print(f"interp-nb {parsed.command}: unexpected arguments after --: {' '.join(passed_on)}", file=sys.stderr)
        return 2
    if parsed.command == "lab":
        return _guarded(lambda: _lab(Path(parsed.to), browser=not parsed.no_browser, more=passed_on))
    if parsed.command == "tour":
        return _guarded(lambda: _tour(Path(parsed.out)))
    return _guarded(_doctor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interp-nb", description="Read, patch and see a language model, live.")
    parser.add_argument("--version", action="version", version=f"interp_nb {interp_nb.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="lab | tour | doctor | train-pocket...")
    lab = commands.add_parser(
        "lab",
        help="copy the tutorials to a folder of yours and open JupyterLab on them",
        usage="interp-nb lab [--to FOLDER] [--no-browser] [-- jupyterlab arguments]",
    )
    lab.add_argument("--to", default=TUTORIALS, metavar="FOLDER", help="where the copies go (default: %(default)s)")
    lab.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    tour = commands.add_parser("tour", help="run the quickstart headless and write one interactive HTML page")
    tour.add_argument("--out", default="tour.html", metavar="FILE", help="the page to write (default: %(default)s)")
    commands.add_parser("doctor", help="say what is installed, what works here and how to fix what does not")
    commands.add_parser("train-pocket", help="train the embedded model again from its committed config")
    commands.add_parser("train-pocket-sae", help="train an embedded SAE of it again from its committed recipe")
    commands.add_parser("sae", help="say what a folder of SAEs is, or convert one: inspect | convert | formats")
    return parser


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    cut = words.index("--")
    return words[:cut], words[cut + 1 :]


def _guarded(command: Callable[[], int]) -> int:
    try:
        return command()
    except KeyboardInterrupt:
        print("interp-nb: stopped", file=sys.stderr)
        return 130
    except InterpError as error:
        print(f"interp-nb: {error}", file=sys.stderr)
    except OSError as error:
        # A folder that cannot be written, a full disk: the user's to solve, and the message names the file.
        print(f"interp-nb: {error}", file=sys.stderr)
    return 1


def _lab(folder: Path, *, browser: bool, more: list[str]) -> int:
    if find_spec("jupyterlab") is None:
        raise ConfigError('JupyterLab is not installed: pip install "interp_nb[lab]", then run interp-nb lab again.')
    folder = folder.expanduser().resolve()
    for line in _told(copy_tutorials(find_notebooks(), folder), folder):
        print(line, flush=True)
    return subprocess.call(_lab_command(folder, browser=browser, more=more))


def _lab_command(folder: Path, *, browser: bool, more: list[str]) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command.append(f"--LabApp.default_url=/lab/tree/{FIRST}")
    if not browser:
        command.append("--no-browser")
    # Jupyter refuses to start for root, which is who a learner is in most containers.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command + more


def _told(copied: Copied, folder: Path) -> list[str]:
    lines = [f"tutorials in {folder}"]
    if copied.new:
        lines.append(f"  {len(copied.new)} copied")
    if copied.updated:
        lines.append(f"  {len(copied.updated)} brought up to date: {', '.join(copied.updated)}")
    if copied.kept:
        lines.append(f"  {len(copied.kept)} left as you changed them: {', '.join(copied.kept)}")
    lines += [f"  the new version of {name} is beside it: {beside}" for name, beside in copied.beside]
    return lines


def _tour(out: Path) -> int:
    from interp_nb.tour import run_tour

    print("\n".join(run_tour(find_notebooks() / FIRST, out.expanduser()).lines()))
    return 0


def _doctor() -> int:
    from interp_nb.doctor import examine, report

    checks = examine()
    print(report(checks))
    return 1 if any(check.verdict == "broken" for check in checks) else 0


def _train_pocket(words: list[str]) -> int:
    from interp_nb.models.pocket.command import cli_main

    return cli_main(words)


def _train_pocket_sae(words: list[str]) -> int:
    from interp_nb.sae.embedded.retrain import cli_main

    return cli_main(words)


def _sae(words: list[str]) -> int:
    from interp_nb.sae.formats.command import cli_main

    return cli_main(words)


if __name__ == "__main__":
    sys.exit(main())
