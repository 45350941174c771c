"""Schedules: shares of a run."""

import pytest


def config(**fields):
    from interp_nb.sae.train_config import TrainConfig

    return TrainConfig(**fields)


def test_lr_rises_stays_and_falls():
    from interp_nb.sae.schedules import lr_share

    made = config(lr_warmup=0.1, lr_decay=0.2)
    shares = [lr_share(step, 100, made) for step in range(100)]
    assert shares[:10] == pytest.approx([0.1 * (n + 1) for n in range(10)])
    assert shares[10:80] == [1.0] * 70
    assert shares[80:] == pytest.approx([(100 - step) / 20 for step in range(80, 100)])
    assert min(shares) > 0


def test_lr_without_warmup_or_decay_is_constant():
    from interp_nb.sae.schedules import lr_share

    assert {lr_share(step, 7, config(lr_warmup=0.0, lr_decay=0.0)) for step in range(7)} == {1.0}


def test_lr_never_exceeds_one_where_rise_and_fall_overlap():
    from interp_nb.sae.schedules import lr_share

    made = config(lr_warmup=1.0, lr_decay=1.0)
    assert all(0 < lr_share(step, 10, made) <= 0.6 for step in range(10))


def test_sparsity_coefficient_rises_from_zero():
    from interp_nb.sae.schedules import sparsity_share
    from interp_nb.sae.train_config import SparsityConfig

    made = SparsityConfig(warmup=0.5)
    assert [sparsity_share(step, 8, made) for step in (0, 1, 2, 4, 7)] == [0.0, 0.25, 0.5, 1.0, 1.0]
    assert sparsity_share(0, 8, SparsityConfig(warmup=0.0)) == 1.0


def test_k_falls_from_its_start_to_k():
    from interp_nb.sae.schedules import k_at
    from interp_nb.sae.train_config import SparsityConfig

    made = SparsityConfig(k_start=64, k_anneal=0.5)
    assert [k_at(step, 8, 8, made) for step in range(8)] == [64, 50, 36, 22, 8, 8, 8, 8]
    assert k_at(0, 8, 8, SparsityConfig()) == 8
