"""Entry `import`: what `import interp_nb` costs in a fresh interpreter."""

import json
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.measure import Row, Times

CODE = """
import json, sys, time
t = time.perf_counter()
import {module}
print(json.dumps([time.perf_counter() - t, "torch" in sys.modules]))
"""


def run(full: bool) -> Iterator[Row]:
    """Yield the import times; `full` adds transformer_lens for comparison."""
    ours = [_fresh("interp_nb") for _ in range(7)]
    times = Times([seconds for seconds, _ in ours])
    peer = Times([_fresh("transformer_lens")[0] for _ in range(3)]) if full else None
    yield Row(
        "import interp_nb",
        times.median,
        "s",
        ratio=peer.median / times.median if peer else None,
        against="import transformer_lens" if peer else "",
        target="< 0.1 s",
        ok=times.median < 0.1,
        spread=times.spread,
        n=len(ours),
    )
    loaded = sum(torch for _, torch in ours)
    yield Row("torch imported by it", loaded, "of 7 runs", target="0", ok=loaded == 0, n=len(ours))


def _fresh(module: str) -> tuple[float, bool]:
    out = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module)], check=True, capture_output=True, text=True
    ).stdout
    seconds, torch = json.loads(out.splitlines()[-1])
    return float(seconds), bool(torch)
