"""Entry `store`: a store of 16,384 latents, against the bare encode pass and against its own promises.

The rows are synthetic: a token's embedding, tokens drawn by Zipf's law, plus noise; about 32 latents fire on each, some
a hundred times as often as others. Source and rows are the same for both: bare is `sae.encode` on every batch, of the
size at which that is fastest, and nothing kept. Then one large store is built (10 million tokens with `--full`) and
opened and browsed in a process of its own. The peer is sae-dashboard, in the environment that INTERP_NB_BENCH_SAELENS
names: 256 features of an SAE on a small model, against our stores of as many latents, and of all, on the same model.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.bench import store_peer
from tests.bench.measure import Row, alternate
from tests.bench.random_models import Shape, make

D_IN, D_SAE, D_VOCAB = 128, 16384, 32000
N_COMPARED = 1_000_000
N_LARGE, N_FULL = 1_000_000, 10_000_000
BARE_BATCHES = (128, 256, 512, 2048)
AT_MOST, OPENS, BROWSES = 1.3, 1.0, 200e6
PEER_AT_LEAST = 10
PEER_FEATURES = 256


def run(full: bool) -> Iterator[Row]:
    """Yield how building compares with encoding, and what the large store takes to build, open and browse."""
    yield from _ratio()
    with tempfile.TemporaryDirectory() as folder:
        yield from _large(Path(folder) / "store", N_FULL if full else N_LARGE)
    yield from _peer()


class Synthetic:
    """Rows that cost almost nothing to make: a function of their number."""

    sites = target_sites = ("synthetic",)
    nbytes = 0

    def __init__(self, n_rows: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.d_in = self.d_out = D_IN
        self.n_rows = n_rows
        self.provenance: dict[str, Any] = {"seed": seed, "n_rows": n_rows}
        self._embedding = 0.8 * torch.randn(D_VOCAB, D_IN, generator=generator)
        self._noise = 0.6 * torch.randn(2**16, D_IN, generator=generator)
        weights = 1 / np.arange(1, D_VOCAB + 1)
        self._up_to = np.cumsum(weights / weights.sum())
        self._at = 0

    def next(self, n_rows: int) -> Any:
        from interp_nb.sae.batches import CONTEXT, CONTEXT_BEFORE, Batch

        first, n_rows = self._at, min(n_rows, self.n_rows - self._at)
        if n_rows < 1:
            return None
        self._at += n_rows
        drawn = np.random.default_rng([1, first]).random(n_rows)
        tokens = torch.from_numpy(np.minimum(np.searchsorted(self._up_to, drawn), D_VOCAB - 1))
        begin = first * 7919 % (len(self._noise) - n_rows)
        acts = self._embedding[tokens] + self._noise[begin : begin + n_rows]
        places = torch.arange(first, first + n_rows)
        padded = torch.nn.functional.pad(tokens, (CONTEXT_BEFORE, CONTEXT - 1 - CONTEXT_BEFORE), value=-1)
        return Batch(acts, acts, tokens, places // 256, places % 256, padded.unfold(0, CONTEXT, 1))

    def count_rows(self, at_most: int, *, one_pass: bool = False) -> int:
        return min(at_most, self.n_rows)

    def hold_out(self, n_rows: int) -> Any:
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {"at": self._at}

    def load_state(self, state: dict[str, Any]) -> None:
        self._at = state["at"]


def make_sae() -> Any:
    """A ReLU SAE, the architecture whose encode is cheapest, whose biases make 1 in 10,000 to 1 in 100 rows fire."""
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig

    sae = SAE(SAEConfig(D_IN, D_SAE, "relu", decoder_norm="unit"))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        directions = torch.nn.functional.normalize(torch.randn(D_SAE, D_IN, generator=generator), dim=1)
        sae.encoder.copy_(directions)
        sae.W_dec.copy_(directions)
        drawn = torch.rand(D_SAE, generator=generator)
        sae.b_enc.copy_(torch.special.ndtri(torch.exp(np.log(1e-4) + drawn * np.log(1e2))))
    return sae.eval()


def _ratio() -> Iterator[Row]:
    """Time building against encoding, in turn."""
    from interp_nb.features.building import feature_store

    sae = make_sae()
    with torch.no_grad():
        trials = alternate({str(size): lambda size=size: _encode(sae, 32768, size) for size in BARE_BATCHES}, 3)
    size = min(BARE_BATCHES, key=lambda batch: trials[str(batch)].median)
    calls = {
        "ours": lambda: feature_store(sae, None, Synthetic(N_COMPARED), progress=False).close(),
        "bare": lambda: _encode(sae, N_COMPARED, size),
    }
    times = alternate(calls, 3)
    ours = times["ours"]
    ratio = ours.median / times["bare"].median
    title = f"building, {D_SAE} latents, width {D_IN}, {N_COMPARED} tokens"
    yield Row(title, N_COMPARED / ours.median, "tokens/s", 1 / ratio, f"sae.encode, {size} rows at a time",
              f"<= {AT_MOST}x its time", ratio <= AT_MOST, ours.spread, len(ours.kept))  # fmt: skip


def _encode(sae: Any, n_rows: int, size: int) -> None:
    source = Synthetic(n_rows)
    with torch.no_grad():
        while (batch := source.next(size)) is not None:
            sae.encode(batch.acts)


def _large(path: Path, n_tokens: int) -> Iterator[Row]:
    """Build one store in a process of its own, then open and browse it in another."""
    title = f"{D_SAE} latents x {n_tokens} tokens"
    built = _in_process("build", path, n_tokens)
    yield Row(f"{title}: build", built["seconds"], "s", None, "", "", None)
    needed, allowed = built["peak_bytes"], built["stated_bytes"]
    yield Row(f"{title}: peak memory", needed / 1e6, "MB", needed / allowed, "what the preflight states", "<= 1x",
              needed <= allowed)  # fmt: skip
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    yield Row(f"{title}: on disk", size / 1e6, "MB", None, "", "", None)
    seen = _in_process("browse", path, n_tokens)
    yield Row(f"{title}: open", seen["open_seconds"], "s", None, "", f"< {OPENS:g} s", seen["open_seconds"] < OPENS)
    yield Row(f"{title}: memory added by opening and browsing 200 latents, all columns and three searches",
              seen["added_bytes"] / 1e6, "MB", None, "", f"< {BROWSES / 1e6:g} MB",
              seen["added_bytes"] < BROWSES)  # fmt: skip
    yield Row(f"{title}: a latent", seen["latent_seconds"] * 1e3, "ms", None, "", "", None)


def _in_process(what: str, path: Path, n_tokens: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.store_speed", what, str(path), str(n_tokens)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _build(path: Path, n_tokens: int) -> dict[str, Any]:
    from interp_nb.features.building import feature_store
    from interp_nb.features.estimating import preflight
    from interp_nb.features.latents import SAELatents
    from interp_nb.features.manifest import VOCABULARY
    from interp_nb.features.statistics import Settings
    from interp_nb.features.tables import write_table

    sae, source = make_sae(), Synthetic(n_tokens)
    source.next(512)
    source.load_state({"at": 0})
    stated = preflight(SAELatents(sae), Settings(), n_tokens).bytes
    import pyarrow.parquet  # noqa: F401
    import scipy.sparse  # noqa: F401 - what is imported is not what building takes

    before, began = _peak(), time.perf_counter()
    feature_store(sae, None, source, path, progress=False)
    seconds = time.perf_counter() - began
    # No model made these rows; words, so that there is something to search.
    words = np.array([f" w{index}" for index in range(D_VOCAB)], dtype=object)
    write_table(path / VOCABULARY, {"string": words}, D_VOCAB)
    return {"seconds": seconds, "peak_bytes": _peak() - before, "stated_bytes": stated}


def _browse(path: Path) -> dict[str, Any]:
    """Open a store as a notebook would that has imported the package and torch."""
    import interp_nb  # noqa: F401

    before = _resident()
    began = time.perf_counter()
    from interp_nb.features.pages import COLUMNS
    from interp_nb.features.store import load_store

    store = load_store(path)
    shown = repr(store)
    open_seconds = time.perf_counter() - began
    for name in COLUMNS:
        store.column(name)
    store.top_token_ids(store.order())
    began = time.perf_counter()
    for index in np.random.default_rng(0).integers(0, store.d_sae, 200).tolist():
        store.latent(index)
    latent_seconds = (time.perf_counter() - began) / 200
    for by in ("token", "text"):
        assert len(store.search("w7", by=by))
    assert len(store.search("w12 w3", by="text"))
    return {"open_seconds": open_seconds, "latent_seconds": latent_seconds, "added_bytes": _resident() - before,
            "repr": shown}  # fmt: skip


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _peak() -> int:
    """Most memory so far; not getrusage's, which begins with that of the process that started this one."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _peer() -> Iterator[Row]:
    """Time 256 features of sae-dashboard, where its environment is given."""
    python = os.environ.get("INTERP_NB_BENCH_SAELENS")
    if not python:
        yield Row("sae-dashboard: not there, INTERP_NB_BENCH_SAELENS names no environment", 0, "s")
        return
    command = [python, "-m", "tests.bench.store_peer", str(PEER_FEATURES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield Row(f"sae-dashboard: failed, {done.stderr.strip().splitlines()[-1][:100]}", 0, "s")
        return
    theirs = json.loads(done.stdout.splitlines()[-1])
    ran, written = theirs["run_seconds"], theirs["write_seconds"]
    text = f"{store_peer.N_TEXTS} x {store_peer.CTX_LEN} tokens, model included"
    # The peer computes the latents it is asked for only, so ours is given an SAE of those, and then all of them.
    for n_latents, target in ((PEER_FEATURES, PEER_AT_LEAST), (store_peer.D_SAE, None)):
        ours = _in_process("peer", Path(), n_latents)["seconds"]
        title, ratio = f"{n_latents} latents, {text}", (ran + written) / ours
        yield Row(title, ours, "s", ratio, f"sae-dashboard, {PEER_FEATURES} latents, run and page written",
                  f">= {target}x" if target else "", ratio >= target if target else None)  # fmt: skip
        yield Row(title, ours, "s", ran / ours, f"sae-dashboard, {PEER_FEATURES} latents, run alone")


def _like_peer(n_latents: int) -> dict[str, Any]:
    """Build a store of the peer's model and text, and of an SAE like the peer's with so many latents."""
    from interp_nb.features.building import feature_store
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig
    from interp_nb.sae.harvesting import harvest

    sizes = {"n_layer": store_peer.N_LAYERS, "n_head": 4, "n_embd": store_peer.D_MODEL}
    model = make(Shape("peer", "GPT2", sizes | {"n_positions": store_peer.CTX_LEN}, store_peer.D_VOCAB))
    text, reading = store_peer.tokens(), {"ctx_len": store_peer.CTX_LEN, "batch_size": 64}
    sae = SAE(SAEConfig(store_peer.D_MODEL, n_latents, "relu", decoder_norm="unit", sites=(store_peer.HOOK,)))
    rows = harvest(model, store_peer.HOOK, text[:16], **reading).next(10_000)
    assert rows is not None
    with torch.no_grad():
        sae.encoder.copy_(sae.W_dec)
        sae.b_enc.copy_(store_peer.biases(sae.encoder, rows.acts))
    began = time.perf_counter()
    store = feature_store(sae.eval(), model, text, progress=False, **reading)
    seconds = time.perf_counter() - began
    store.close()
    return {"seconds": seconds}


def _main() -> None:
    what, folder, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    parts = {"build": lambda: _build(folder, size), "browse": lambda: _browse(folder), "peer": lambda: _like_peer(size)}
    print(json.dumps(parts[what]()))


if __name__ == "__main__":
    _main()
