"""`python -m tests.bench [NAME ...] [--json] [--full]`; without a name, every entry."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from tests.bench.measure import Row, as_json, as_table, header

ENTRIES = {
    "import": "import_time",
    "attention": "attention_payload",
    "patching": "patching_speed",
    "harvest": "harvest_speed",
    "sae": "sae_speed",
    "sae-quality": "sae_quality",
    "store": "store_speed",
    "steering": "steering_speed",
    "evaluate": "evaluate_speed",
}


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 even where a target is missed, since a benchmark reports and a test refuses."""
    parser = argparse.ArgumentParser(prog="poe bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(ENTRIES)}")
    parser.add_argument("--json", action="store_true", help="one JSON line a measurement")
    parser.add_argument("--full", action="store_true", help="also what takes minutes or gigabytes")
    chosen = parser.parse_args(argv)
    unknown = [name for name in chosen.names if name not in ENTRIES]
    if unknown:
        parser.error(f"no entry {', '.join(unknown)}; there are {', '.join(ENTRIES)}")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    print(json.dumps(header()) if chosen.json else _title(), flush=True)
    for name in chosen.names or ENTRIES:
        run: Callable[[bool], Iterator[Row]] = import_module(f"tests.bench.{ENTRIES[name]}").run
        if chosen.json:
            for line in as_json(run(chosen.full)):
                print(line, flush=True)
        else:
            print(f"\n{name}\n{as_table(list(run(chosen.full)))}", flush=True)
    return 0


def _title() -> str:
    machine = header()
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, python {machine['python']}, {versions}"


if __name__ == "__main__":
    sys.exit(main())
