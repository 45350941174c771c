"""What `interp-nb doctor` looks at: each check says what is there, whether it will do, and how to fix it.

Verdicts: `ok`; `note` (works, with a limit worth knowing); `broken` (something the tutorials need does not work).
Nothing here changes anything, and no check asks the network.
"""

import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from interp_nb._bundles import Bundle, installed_bundles
from interp_nb._errors import InterpError
from interp_nb._tutorials import find_notebooks

Verdict = Literal["ok", "note", "broken"]

PACKAGES = ("torch", "transformer_lens", "transformers", "anywidget", "ipywidgets", "ipykernel", "jupyterlab")
FROM_LAB_EXTRA = ("ipykernel", "jupyterlab")
INSTALL = 'pip install -c constraints.txt -e ".[lab]" in a checkout, pip install "interp_nb[lab]" elsewhere'
# The front end of ipywidgets and of anywidget, both prebuilt: without the first a widget shows as plain text, without
# the second as "Click to show javascript error".
EXTENSIONS = {"@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets", "anywidget": "anywidget"}
# Stop and Pause were measured in a real JupyterLab with these; a newer kernel may route messages differently again.
TESTED_KERNEL = (7, 4)
OLD_KERNEL = (
    "a widget's Stop and Pause buttons are heard only after a running cell ends (no subshells before ipykernel 7); "
    "live grids compute in the background and stop at once; the kernel's own interrupt button always works and keeps "
    "the partial result"
)


class Check(NamedTuple):
    """One line of the report; `fix` is empty when there is nothing to do."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


def examine() -> list[Check]:
    """Run every check; one that fails in an unexpected way is itself reported as broken."""
    return [check for group in _GROUPS for check in _safely(group)]


def report(checks: list[Check]) -> str:
    """Return the checks as aligned text, with the fixes under what needs them and a verdict at the end."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.verdict:<7} {check.name:<{width}}  {check.found}")
        if check.fix:
            lines.append(f"{'':<7} {'':<{width}}  fix: {check.fix}")
    broken = [check.name for check in checks if check.verdict == "broken"]
    lines.append("")
    lines.append(f"broken: {', '.join(broken)}" if broken else "everything the tutorials need works here")
    return "\n".join(lines)


def _safely(group: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from group()
    except Exception as error:  # noqa: BLE001 - a doctor that crashes helps nobody; the reason is in the report
        name = group.__name__.removeprefix("_check_").replace("_", " ")
        yield Check(name, "broken", f"the check itself failed: {type(error).__name__}: {error}", INSTALL)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> dict[str, str]:
    """Return the version ranges this package declares, by package name, extras included."""
    try:
        declared = metadata.requires("interp_nb") or []
    except metadata.PackageNotFoundError:
        return {}
    ranges = {}
    for line in declared:
        matched = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)", line)
        if matched and matched[2].strip():
            ranges[matched[1].lower().replace("-", "_")] = matched[2].strip()
    return ranges


def _allowed(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


def _check_python() -> Iterator[Check]:
    # An older Python would not have come this far: the syntax of this package needs 3.11.
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _check_packages() -> Iterator[Check]:
    ranges = _requirements()
    if not ranges:
        yield Check("interp_nb", "note", "not installed, run from its folder: version ranges not checked", INSTALL)
    for package in PACKAGES:
        version, wanted = _version(package), ranges.get(package, "")
        if version is None:
            yield Check(package, "broken", "not installed", INSTALL)
        elif wanted and not _allowed(version, wanted):
            yield Check(package, "broken", f"{version}, needs {wanted}", f'pip install "{package}{wanted}"')
        else:
            yield Check(package, "ok", version + (f" (needs {wanted})" if wanted else ""))


def _check_bundles() -> Iterator[Check]:
    rebuild = "npm ci && npm run build in widgets/ (poe front)"
    bundles = installed_bundles()
    if not bundles:
        yield Check("bundles", "broken", "no front-end bundle in interp_nb/static", rebuild)
    bad = [bundle for bundle in bundles if not bundle.matches]
    for bundle in bad:
        yield Check(f"bundle {bundle.name}", "broken", bundle.reason, _bundle_fix(bundle, rebuild))
    if bundles and not bad:
        names = ", ".join(bundle.name for bundle in bundles)
        yield Check("bundles", "ok", f"{names}: match {bundles[0].reason}")


def _bundle_fix(bundle: Bundle, rebuild: str) -> str:
    return rebuild if bundle.from_checkout else "pip install --force-reinstall --no-deps interp_nb"


def _check_front_end() -> Iterator[Check]:
    from jupyter_core.paths import jupyter_path
    from jupyterlab.commands import get_app_dir
    from jupyterlab_server.config import get_federated_extensions, get_page_config

    folders = jupyter_path("labextensions")
    there = get_federated_extensions(folders)
    disabled = get_page_config(folders, Path(get_app_dir()) / "settings").get("disabledExtensions", [])
    for extension, package in EXTENSIONS.items():
        name = f"front end of {package}"
        if extension not in there:
            fix = f"pip install --force-reinstall {package}"
            yield Check(name, "broken", "JupyterLab does not find it: widgets cannot draw", fix)
        elif any(entry == extension or entry.startswith(f"{extension}:") for entry in disabled):
            yield Check(name, "broken", "disabled", f"jupyter labextension enable {extension}")
        else:
            yield Check(name, "ok", there[extension]["version"])


def _check_kernel() -> Iterator[Check]:
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = spec.argv[0]
    # A relative name means "the Python that runs the server"; an absolute one may belong to another environment.
    if Path(program).is_absolute() and Path(program).resolve() != Path(sys.executable).resolve():
        yield Check(
            "kernel python3",
            "note",
            f"runs {program}, not this Python: notebooks may not find interp_nb",
            f"{sys.executable} -m ipykernel install --sys-prefix, or choose the right kernel in the notebook",
        )
    version = _version("ipykernel")
    if version is not None:
        yield _stop_button(version)
    yield from _subshell_setting()


def _stop_button(version: str) -> Check:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    name = "stop while a cell runs"
    if numbers < (7, 0):
        return Check(name, "note", OLD_KERNEL, 'pip install "ipykernel>=7" for Stop and Pause during a cell')
    if numbers > TESTED_KERNEL:
        tested = ".".join(map(str, TESTED_KERNEL))
        found = f"ipykernel {version} is newer than the {tested} this was tested with; interrupt works in any case"
        return Check(name, "note", found)
    return Check(name, "ok", "the Stop and Pause buttons are heard during a cell (subshells), and in the background")


def _subshell_setting() -> Iterator[Check]:
    from jupyterlab.commands import get_user_settings_dir

    plugin = Path("@jupyterlab") / "apputils-extension" / "kernels-settings.jupyterlab-settings"
    file = Path(get_user_settings_dir()) / plugin
    # The file is JSON with comments; the one value that matters is recognized without parsing it.
    if file.is_file() and re.search(r'"commsOverSubshells"\s*:\s*"disabled"', file.read_text(encoding="utf-8")):
        found = "comms over subshells are disabled in JupyterLab: Stop and Pause are heard only after a cell ends"
        yield Check("subshells", "note", found, "Settings > Kernel > Kernel Comms over subshells: per comm target")


def _check_gpu() -> Iterator[Check]:
    import torch

    if torch.cuda.is_available():
        gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        yield Check("gpu", "ok", ", ".join(f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus))
    elif torch.backends.mps.is_available():
        yield Check("gpu", "ok", "Apple MPS")
    else:
        yield Check("gpu", "ok", f"none; {torch.get_num_threads()} CPU threads, enough for the tutorials")


def _check_pocket_model() -> Iterator[Check]:
    retrain = "install again, or train it here: interp-nb train-pocket"
    began = time.perf_counter()
    try:
        from interp_nb.models.load import load_model

        model = load_model("pocket")
        layers, heads = model.cfg.n_layers, model.cfg.n_heads
    except InterpError as error:
        yield Check("pocket model", "broken", str(error), retrain)
        return
    seconds = time.perf_counter() - began
    yield Check("pocket model", "ok", f"{layers} layers x {heads} heads, loads in {seconds:.1f} s (torch included)")


def _check_tutorials() -> Iterator[Check]:
    try:
        folder = find_notebooks()
    except InterpError as error:
        yield Check("tutorials", "broken", str(error))
        return
    yield Check("tutorials", "ok", f"{len(list(folder.glob('*.ipynb')))} in {folder}")


_GROUPS: tuple[Callable[[], Iterator[Check]], ...] = (
    _check_python,
    _check_packages,
    _check_bundles,
    _check_front_end,
    _check_kernel,
    _check_gpu,
    _check_pocket_model,
    _check_tutorials,
)
