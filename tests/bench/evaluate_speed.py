"""Entry `evaluate`: `evaluate_sae` beside SAELens's evals, of the pocket SAE on the same tokens, in turn in one run.

SAELens measures reconstruction, sparsity and the weights' cosines; ours measures these with a second ablation, with and
without begin-of-text tokens, and with an interval for each. A repetition is the processor time of one thread, so that
another process's load meets both. INTERP_NB_BENCH_SAELENS names the interpreter of an environment that has the peer.
`--full` also times all groups.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from tests.bench.measure import Row, Times

ROOT = Path(__file__).parents[2]
PEER = "INTERP_NB_BENCH_SAELENS"
LENGTH, N_DOCS = 16, 1024
ROUNDS = 3
COMPARED = ("reconstruction", "sparsity")


def run(full: bool) -> Iterator[Row]:
    """Yield our time, and how it compares with the peer's."""
    from interp_nb.models.load import load_model
    from interp_nb.sae.saving import load_sae

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, sae = load_model("pocket", device="cpu"), load_sae("pocket")
        tokens = _tokens(model)
        yield from _compared(model, sae, tokens)
        if full:
            seconds, _ = _ours(model, sae, tokens, None)
            yield Row(f"all groups, {tokens.numel()} tokens", seconds, "s")
    finally:
        torch.set_num_threads(threads)


def _compared(model: Any, sae: Any, tokens: torch.Tensor) -> Iterator[Row]:
    from safetensors.torch import save_file

    what = f"{' and '.join(COMPARED)} of {tokens.numel()} tokens"
    if not os.environ.get(PEER):
        print(f"not compared, no environment given: sae_lens ({PEER})", file=sys.stderr)
        yield Row(what, _ours(model, sae, tokens, COMPARED)[0], "s")
        return
    own, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.safetensors"
        save_file({"tokens": tokens}, path)
        peer = subprocess.Popen(
            [os.environ[PEER], "-m", "tests.bench.evaluate_peer", str(path)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=None if os.environ.get("BENCH_LOUD") else subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _answer(peer)
            for _ in range(ROUNDS):
                seconds, report = _ours(model, sae, tokens, COMPARED)
                own.append(seconds)
                theirs.append(_ask(peer))
        finally:
            peer.terminate()
            peer.wait()
    # The same work: the same numbers, or the ratio says nothing.
    for name in ("l0", "explained_variance"):
        if abs(report[name].value / theirs[-1][name] - 1) > 1e-3:
            raise RuntimeError(f"{name} is {report[name].value} here and {theirs[-1][name]} there")
    ours, peers = Times(own), Times([each["seconds"] for each in theirs])
    yield Row(
        what, ours.median, "s", peers.median / ours.median, f"sae_lens ({peers.median:.3g} s), once, no intervals",
        spread=max(ours.spread, peers.spread), n=ROUNDS,
    )  # fmt: skip


def _ours(model: Any, sae: Any, tokens: torch.Tensor, groups: tuple[str, ...] | None) -> tuple[float, Any]:
    from interp_nb.evaluation.evaluate import evaluate_sae

    began = time.process_time()
    report = evaluate_sae(sae, model, tokens, groups=groups, n_tokens=None, progress=False)
    return time.process_time() - began, report


def _ask(peer: "subprocess.Popen[str]") -> dict[str, float]:
    assert peer.stdin is not None
    peer.stdin.write("run\n")
    peer.stdin.flush()
    return _answer(peer)


def _answer(peer: "subprocess.Popen[str]") -> dict[str, float]:
    assert peer.stdout is not None
    for line in peer.stdout:
        if line.startswith("=> "):
            found: dict[str, float] = json.loads(line[3:])
            return found
    raise RuntimeError("the peer ended; BENCH_LOUD=1 shows what it said")


def _tokens(model: Any) -> torch.Tensor:
    """Held-out text of the pocket world, all rows of one length, so that nothing is padded."""
    from interp_nb.models.pocket.world import documents

    tokenizer = model.tokenizer
    texts = (document.text for document in documents("bench", split="heldout") if document.text)
    encoded = (tokenizer.backend_tokenizer.encode(text).ids for text in texts)
    # The tokenizer writes the one begin-of-text token, first.
    return torch.tensor(list(islice((row[:LENGTH] for row in encoded if len(row) >= LENGTH), N_DOCS)))
