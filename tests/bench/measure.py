"""What a measurement is, how it is repeated and how it prints.

Repetitions during which other processes took part of the machine are left out of the median when enough quiet ones
are there: on a shared machine an undisturbed minority says more than a disturbed average.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

QUIET_CORES = 0.15
PACKAGES = ("interp_nb", "torch", "transformer_lens", "anywidget", "circuitsvis", "jupyterlab")


class Row(NamedTuple):
    """One measurement: `value` in `unit`; `ratio` says how many times better than `against` it is."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    target: str = ""
    ok: bool | None = None
    spread: float = 0.0
    """(largest - smallest) / median of the repetitions that were kept."""
    n: int = 1


class Times(NamedTuple):
    """Seconds of the repetitions that were kept."""

    kept: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.kept)

    @property
    def spread(self) -> float:
        return (max(self.kept) - min(self.kept)) / self.median


class Repetition(NamedTuple):
    """One timed call, and how many cores other processes used meanwhile."""

    seconds: float
    foreign: float


def timed(call: Callable[[], object]) -> Repetition:
    """Time one call."""
    busy, own, began = _busy(), _own(), time.perf_counter()
    call()
    seconds = time.perf_counter() - began
    # /proc/stat counts in ticks of 10 ms: what one tick could hide is not held against the repetition.
    foreign = ((_busy() - busy) - (_own() - own) - 0.02) / max(seconds, 1e-3)
    return Repetition(seconds, max(0.0, foreign))


def kept(repetitions: Sequence[Repetition]) -> Times:
    """Keep the quiet repetitions if there are at least two, else all."""
    quiet = [one.seconds for one in repetitions if one.foreign <= QUIET_CORES]
    return Times(quiet if len(quiet) >= 2 else [one.seconds for one in repetitions])


def alternate(calls: dict[str, Callable[[], object]], n: int = 5) -> dict[str, Times]:
    """Time several calls in turn, n rounds, so that a change of the machine's load meets all of them."""
    done: dict[str, list[Repetition]] = {name: [] for name in calls}
    for _ in range(n):
        for name, call in calls.items():
            done[name].append(timed(call))
    return {name: kept(repetitions) for name, repetitions in done.items()}


def header() -> dict[str, Any]:
    """Return the machine and the versions that the rows belong to."""
    return {
        "what": "machine",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def as_json(rows: Iterable[Row]) -> Iterable[str]:
    """Return one JSON line a row."""
    for row in rows:
        yield json.dumps({**row._asdict(), "value": _short(row.value), "spread": _short(row.spread)})


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows as an aligned table."""
    lines = [("what", "value", "ratio", "against", "target", "ok", "spread", "n")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
        verdict = {None: "", True: "yes", False: "NO"}[row.ok]
        value = f"{_short(row.value):g} {row.unit}"
        lines.append((row.what, value, ratio, row.against, row.target, verdict, f"{row.spread:.0%}", str(row.n)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _busy() -> float:
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except OSError:
        return _own()
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
