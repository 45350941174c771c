"""Curves of any history: bounded, no spike lost, the same however the records come in."""

import math
from typing import Any

import numpy as np
import pytest

from interp_nb.widgets.codec import MAX_TRAIT_BYTES, pack
from interp_nb.widgets.curves import HAS_MINUS, HAS_NAN, HAS_PLUS, MEASURED, Curves
from interp_nb.widgets.train_series import bucket_limit


def made(n: int, seed: int = 0) -> list[dict[str, Any]]:
    values = np.random.default_rng(seed).normal(size=n)
    return [
        {"step": i, "tokens": 100 * i, "loss": float(value), "rare": float(i) if i % 7 == 0 else None}
        for i, value in enumerate(values)
    ]


def test_short_history_is_kept_record_by_record():
    curves = Curves(["loss", "rare"], 8)
    records = made(8)
    curves.extend(records)
    assert curves.per_bucket == 1
    assert curves.block.last[0].tolist() == [np.float32(record["loss"]) for record in records]
    assert curves.block.flags[1].tolist() == [MEASURED, 0, 0, 0, 0, 0, 0, MEASURED]
    assert curves.block.ends.tolist() == [[0, 100, 200, 300, 400, 500, 600, 700], [0, 1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("n", [9, 17, 100, 1001])
def test_long_history_is_what_a_slow_loop_over_its_buckets_gives(n):
    curves, records = Curves(["loss", "rare"], 8), made(n)
    curves.extend(records)
    size = curves.per_bucket
    buckets = [records[start : start + size] for start in range(0, n, size)]
    assert n / 8 <= size < 2 * n / 8 + 2 and len(buckets) <= 8
    losses = [[np.float32(record["loss"]) for record in bucket] for bucket in buckets]
    assert curves.block.low[0].tolist() == [min(each) for each in losses]
    assert curves.block.high[0].tolist() == [max(each) for each in losses]
    assert curves.block.last[0].tolist() == [each[-1] for each in losses]
    assert curves.block.ends[1].tolist() == [bucket[-1]["step"] for bucket in buckets]
    rare = [[record["rare"] for record in bucket if record["rare"] is not None] for bucket in buckets]
    assert np.array_equal(curves.block.last[1], [each[-1] if each else math.nan for each in rare], equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_records_may_come_in_any_portions(seed):
    rng, records = np.random.default_rng(seed), made(700)
    whole, parts = Curves(["loss", "rare"], 16), Curves(["loss", "rare"], 16)
    whole.extend(records)
    at = 0
    while at < len(records):
        size = int(rng.integers(0, 90))
        parts.extend(records[at : at + size])
        at += size
    assert parts.per_bucket == whole.per_bucket
    for mine, theirs in zip(parts.block, whole.block, strict=True):
        assert np.array_equal(mine, theirs, equal_nan=True)


def test_what_is_no_number_is_flagged_and_touches_no_neighbor():
    curves = Curves(["loss"], 2)
    values = [1.0, math.nan, math.inf, 3.0, -math.inf, 1e300, None, None]
    curves.extend([{"step": i, "tokens": i, "loss": value} for i, value in enumerate(values)])
    assert curves.per_bucket == 4
    assert curves.block.flags[0].tolist() == [MEASURED | HAS_NAN | HAS_PLUS, HAS_MINUS | HAS_PLUS]
    assert curves.block.low[0].tolist()[0] == 1.0 and curves.block.high[0].tolist()[0] == 3.0
    assert math.isnan(curves.block.last[0, 1]) and curves.block.last[0, 0] == 3.0


@pytest.mark.parametrize(("n_series", "n_saes"), [(6, 1), (9, 8), (12, 40)])
def test_history_of_a_million_records_stays_below_the_cap(n_series, n_saes):
    limit = bucket_limit(n_series, n_saes)
    names = [f"loss_{i}" for i in range(n_series)]
    curves = Curves(names, limit)
    portion = [{"step": i, "tokens": 2048 * i, **dict.fromkeys(names, 1.0)} for i in range(1000)]
    # Ten thousand records stand for the rest: only their number decides how many buckets there are.
    for start in range(0, 10_000, 1000):
        curves.extend([record | {"step": start + record["step"]} for record in portion])
    assert limit / 2 <= curves.block.ends.shape[1] <= limit
    block = curves.block
    _, data = pack({"low": block.low, "high": block.high, "last": block.last, "flags": block.flags, "ends": block.ends})
    assert n_saes * (len(data) + block.ends.shape[1] * 4) < MAX_TRAIT_BYTES
