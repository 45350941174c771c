"""Entry `steering`: a new token with steering against one without, and our loop beside the libraries' own.

The pocket model is the hard case: its forward is mostly Python, so what steering adds weighs most. Two streams take
their steps in turn, and a step's time is this thread's processor time, so that another process's load meets both; a
generation's share is the sum of its first step, its last and the median of those between. `bridge` is TransformerLens's
`generate`, `hf` the Hugging Face model's, both greedy with a cache.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from tests.bench.measure import Row, Times, alternate

PROMPT = "After the lecture on Monday, we felt"
N_NEW = 64
ROUNDS = 8
AT_MOST = 1.05


def run(full: bool) -> Iterator[Row]:
    """Measure; `full` also measures every operator and kind of positions."""
    from interp_nb.models.load import load_model
    from interp_nb.steering.recipe import FromMarker, Steering
    from interp_nb.steering.vectors import SteeringVector

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = load_model("pocket", device="cpu")
        vector = SteeringVector.of(torch.randn(1, int(model.cfg.d_model), generator=torch.Generator()), [3])
        kinds = {"steered": Steering(vector)}
        if full:
            kinds |= {f"steered, {name}": Steering(vector, operator=name) for name in ("ablate", "clamp")}
            kinds |= {"steered, generated": Steering(vector, positions="generated")}
            kinds |= {"steered, after a marker": Steering(vector, positions=FromMarker("we"))}
        for name, recipe in kinds.items():
            plain, steered = _streams(model, {}, {"steering": recipe, "baseline": False})
            yield _row(f"a token, {name}", steered, plain, "unsteered, one row each")
        one, plain, both = _streams(model, {}, {"n_samples": 4}, {"steering": kinds["steered"]})
        yield _row("a token, baseline and steered together", both, plain, "unsteered, four rows each")
        yield _row("a token, baseline and steered together", both, one, "unsteered, one row")._replace(
            target="", ok=None
        )
        yield from _beside_libraries(model)
    finally:
        torch.set_num_threads(threads)


def _row(what: str, ours: Times, plain: Times, against: str) -> Row:
    ratio = plain.median / ours.median
    return Row(
        what, 1e3 * ours.median / N_NEW, "ms", ratio, against, f"<= {AT_MOST} of its time", 1 / ratio <= AT_MOST,
        ours.spread, len(ours.kept),
    )  # fmt: skip


def _streams(model: Any, *options: dict[str, Any]) -> list[Times]:
    """Seconds of whole generations, made of steps that were taken in turn."""
    from interp_nb.steering.generate import generate_stream

    steps: list[list[list[float]]] = [[] for _ in options]
    for turn in range(ROUNDS + 1):
        streams = [generate_stream(model, PROMPT, n_new=N_NEW, stop_at_end=False, **each) for each in options]
        taken: list[list[float]] = [[] for _ in options]
        for step in range(N_NEW + 1):
            order = range(len(streams)) if (step + turn) % 2 else reversed(range(len(streams)))
            for at in order:
                taken[at].append(_timed(streams[at]))
        if turn:  # the first round warms up
            for at, seconds in enumerate(taken):
                steps[at].append(seconds)
    return [Times([each[0] + each[-1] + (N_NEW - 1) * statistics.median(each[1:-1]) for each in one]) for one in steps]


def _timed(stream: Iterator[Any]) -> float:
    began = time.thread_time()
    next(stream, None)
    return time.thread_time() - began


def _beside_libraries(model: Any) -> Iterator[Row]:
    from interp_nb.steering.generate import generate

    ids = model.to_tokens(PROMPT)
    options = {"do_sample": False, "max_new_tokens": N_NEW}

    def below() -> None:
        model.original_model.generate(
            ids, attention_mask=torch.ones_like(ids), pad_token_id=0, eos_token_id=None, **options
        )

    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: generate(model, PROMPT, n_new=N_NEW, stop_at_end=False),
        "bridge": lambda: model.generate(ids, verbose=False, stop_at_eos=False, **options),
        "hf": below,
    }
    for call in calls.values():
        call()
    times = alternate(calls, n=ROUNDS)
    for name in ("bridge", "hf"):
        ratio = times[name].median / times["ours"].median
        ours = times["ours"]
        yield Row(
            "a token, unsteered", 1e3 * ours.median / N_NEW, "ms", ratio, name, "", None, ours.spread, len(ours.kept)
        )
