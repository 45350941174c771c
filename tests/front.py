"""The front end's commands with whatever Node there is: `python -m tests.front check | lint | build | watch | format`.

`check` runs the TypeScript tests, types and lint, then rebuilds the bundles and compares them with those that were
there: committed bundles that differ from their source fail here (and, without Node, in tests/house).
"""

import sys
from collections.abc import Callable

from tests.needs import ROOT, install_front_end, npm

STATIC = ROOT / "interp_nb" / "static"


def check() -> int:
    """Test, type-check, lint, and rebuild to the same bytes."""
    return npm("test") or lint() or rebuild()


def lint() -> int:
    """Types and lint of the TypeScript."""
    return npm("run", "typecheck") or npm("run", "lint")


def rebuild() -> int:
    """Build the bundles and fail if one of them changed."""
    before = {path.name: path.read_bytes() for path in STATIC.glob("*.js")}
    code = npm("run", "build")
    after = {path.name: path.read_bytes() for path in STATIC.glob("*.js")}
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        print(f"front: bundles were not current, now rebuilt: {', '.join(changed)}; commit them", file=sys.stderr)
    return code or int(bool(changed))


COMMANDS: dict[str, Callable[[], int]] = {
    "check": check,
    "lint": lint,
    "build": lambda: npm("run", "build"),
    "watch": lambda: npm("run", "watch"),
    "format": lambda: npm("run", "format"),
}


def main(arguments: list[str]) -> int:
    """Run one command after the front end's packages are installed."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m tests.front {' | '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return install_front_end() or COMMANDS[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
