"""Entry `sae`: our training step against each library's own, and against one float32 product with the encoder.

Every trainer runs in a process of its own and takes a step when told to, so that ours, the peer's and the product
alternate. A library is measured where a variable names the interpreter of an environment that has it:
INTERP_NB_BENCH_SAELENS, INTERP_NB_BENCH_DICTIONARY_LEARNING, INTERP_NB_BENCH_SPARSIFY. Our step is all that `train_sae`
does with a batch. "x GEMM" in a row's value: step / product, which no method that computes all pre-activations in
float32 can bring below 1. The last rows train small SAEs on the same data for the same number of steps and compare what
came out. `--full` measures every architecture at every size.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from interp_nb.sae.proposals import fast_bfloat16
from tests.bench.measure import Repetition, Row, Times, kept

ROOT = Path(__file__).parents[2]
ROUNDS = 5
PEERS = {
    "sae_lens": "INTERP_NB_BENCH_SAELENS",
    "dictionary_learning": "INTERP_NB_BENCH_DICTIONARY_LEARNING",
    "sparsify": "INTERP_NB_BENCH_SPARSIFY",
}
SIZES = [(6144, 1024), (6144, 4096), (24576, 1024), (24576, 4096)]
BIG = (24576, 4096)


class Goal(NamedTuple):
    """Ours, the peers it is compared to, and what it is to reach: times the product, and against each peer."""

    ours: str
    peers: tuple[str, ...]
    at_most: dict[int, float]
    """By d_sae; times the product."""
    at_least: dict[str, float]
    """By library; "" = every one."""
    everywhere: bool = False
    """Whether it is measured at every size even without `--full`."""


def _goals() -> list[Goal]:
    topk = ("sae_lens.topk", "dictionary_learning.topk", "sparsify.adam", "sparsify.signum")
    relu = ("sae_lens.standard", "dictionary_learning.standard")
    goals = [Goal("topk", topk, {24576: 1.3, 6144: 1.5}, {"sae_lens": 6, "sparsify": 1.5}, True)]
    if _low_precision():
        goals.append(Goal("topk+bf16", topk, {24576: 0.8}, {"sae_lens": 10, "sparsify": 2.5}, True))
    goals += [
        Goal(each, (f"sae_lens.{each}", f"dictionary_learning.{each}"), {24576: 2, 6144: 2}, {"": 4})
        for each in ("batch_topk", "matryoshka")
    ]
    for ours, peers in (
        ("relu", relu),
        ("jumprelu", ("sae_lens.jumprelu", "dictionary_learning.jumprelu")),
        ("gated", ("sae_lens.gated", "dictionary_learning.gated")),
    ):
        goals += [Goal(ours, peers, {}, {"": 1.3}), Goal(f"{ours}+sparse", peers, {}, {"": 4})]
    return goals


def _low_precision() -> bool:
    import torch

    return fast_bfloat16(torch.device("cpu"))


def run(full: bool) -> Iterator[Row]:
    """Yield, for every goal and size, time, ratio to each peer and memory; then quality at equal tokens."""
    missing = [f"{library} ({name})" for library, name in PEERS.items() if not os.environ.get(name)]
    if missing:
        print(f"not measured, no environment given: {', '.join(missing)}", file=sys.stderr)
    for size in SIZES:
        chosen = [goal for goal in _goals() if full or goal.everywhere or size == BIG]
        for peers in dict.fromkeys(goal.peers for goal in chosen):
            yield from _family([goal for goal in chosen if goal.peers == peers], peers, *size)
    yield from _quality(3 if full else 1)


class Stepper:
    """A trainer in a process of its own."""

    def __init__(self, method: str, d_sae: int = 0, batch: int = 0) -> None:
        library = method.split(".")[0]
        python = os.environ[PEERS[library]] if library in PEERS else sys.executable
        self.method, self.steps, self.peak = method, [], 0.0  # type: ignore[var-annotated]
        self._process = subprocess.Popen(
            [python, "-m", "tests.bench.sae_steps", method, str(d_sae), str(batch)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=None if os.environ.get("BENCH_LOUD") else subprocess.DEVNULL,
        )  # fmt: skip
        self._answer()

    def step(self) -> Repetition:
        """Take one step."""
        found = self.ask("step")
        self.steps.append(Repetition(found["seconds"], found["foreign"]))
        self.peak = max(self.peak, found["peak"])
        return self.steps[-1]

    def ask(self, line: str) -> dict[str, float]:
        """Send a line, wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def __enter__(self) -> "Stepper":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("=> "):
                found: dict[str, float] = json.loads(line[3:])
                return found
        raise RuntimeError(f"{self.method} ended; BENCH_LOUD=1 shows what it said")


def _family(goals: list[Goal], peers: tuple[str, ...], d_sae: int, batch: int) -> Iterator[Row]:
    """Compare ours with one peer after another: all of them at once would not fit into memory."""
    name = f"d_sae {d_sae}, batch {batch}"
    with ExitStack() as stack:
        start = stack.enter_context
        product = start(Stepper("product.float32", d_sae, batch))
        ours = [start(Stepper(f"interp_nb.{goal.ours}", d_sae, batch)) for goal in goals]
        ratios: list[Row] = []
        for method in [peer for peer in peers if os.environ.get(PEERS[peer.split(".")[0]])] or [None]:
            with ExitStack() as one:
                peer = None if method is None else one.enter_context(Stepper(method, d_sae, batch))
                began = len(product.steps)
                for _ in range(ROUNDS):
                    for each in (product, *ours, *([peer] if peer else [])):
                        each.step()
                if peer is not None:
                    for goal, own in zip(goals, ours, strict=True):
                        ratios += _against(goal, own, peer, product, began, name)
        for goal, own in zip(goals, ours, strict=True):
            yield _times_product(goal, own, product, d_sae, name)
        yield from ratios


def _times_product(goal: Goal, own: Stepper, product: Stepper, d_sae: int, name: str) -> Row:
    times, one = kept(own.steps), kept(product.steps)
    found, most = times.median / one.median, goal.at_most.get(d_sae)
    return Row(
        f"{goal.ours}, {name}", found, "x GEMM", None,
        f"GEMM {one.median * 1e3:.0f} ms, step {times.median * 1e3:.0f} ms",
        "" if most is None else f"<= {most:g}", None if most is None else found <= most, times.spread, len(times.kept),
    )  # fmt: skip


def _against(goal: Goal, own: Stepper, peer: Stepper, product: Stepper, began: int, name: str) -> Iterator[Row]:
    times, theirs, one = kept(own.steps[began:]), kept(peer.steps), kept(product.steps[began:])
    library = peer.method.split(".")[0]
    least = goal.at_least.get(library, goal.at_least.get(""))
    # The ratios were set for the widest dictionary and the largest batch; elsewhere they are reported.
    judged = least is not None and name == f"d_sae {BIG[0]}, batch {BIG[1]}"
    ratio = theirs.median / times.median
    yield Row(
        f"{goal.ours}, {name}", times.median, "s", ratio,
        f"{peer.method} ({theirs.median:.3g} s, {theirs.median / one.median:.1f} x GEMM)",
        f">= {least:g}x" if judged else "", ratio >= least if judged and least is not None else None,
        _spread(times, theirs), len(theirs.kept),
    )  # fmt: skip
    if library == "sparsify":
        yield Row(
            f"{goal.ours}, {name}: peak memory", own.peak / 2**30, "GiB", peer.peak / own.peak,
            f"{peer.method} ({peer.peak / 2**30:.2f} GiB)", "below", own.peak < peer.peak,
        )  # fmt: skip


def _spread(*times: Times) -> float:
    return max(each.spread for each in times)


def _quality(n_seeds: int) -> Iterator[Row]:
    """Train small SAEs on the same rows in the same order, and measure them on other rows.

    Ours clips gradients to norm 1 by default, as sae_lens and dictionary_learning do.
    """
    n_steps = 3000
    for kind in ("topk", "batch_topk"):
        found: dict[str, dict[str, float]] = {}
        for library in ("interp_nb", "sae_lens", "dictionary_learning", "sparsify"):
            if (library in PEERS and not os.environ.get(PEERS[library])) or (library, kind) == (
                "sparsify",
                "batch_topk",
            ):
                continue
            with Stepper(f"{library}.{'adam' if library == 'sparsify' else kind}") as trainer:
                runs = [trainer.ask(f"train {n_steps} {seed}") for seed in range(n_seeds)]
            found[library] = {key: statistics.mean(each[key] for each in runs) for key in runs[0]}
        own = found.pop("interp_nb")
        for library, theirs in found.items() or [("", own)]:
            ok: Any = own["fvu"] <= theirs["fvu"] and own["dead"] <= theirs["dead"]
            told = f"{library}.{kind} (L0 {theirs['l0']:.2f}, dead {theirs['dead']:.1%}, FVU {theirs['fvu']:.4f})"
            how = f"quality of {kind}, gradients clipped to 1, after {n_steps} steps"
            what = f"{how}: FVU at L0 {own['l0']:.2f}, dead {own['dead']:.1%}"
            yield Row(
                what, own["fvu"], "", theirs["fvu"] / own["fvu"], told if library else "", "not worse",
                ok if library else None, n=n_seeds,
            )  # fmt: skip
