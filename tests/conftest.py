"""Shared by all tests: seeds, socket rules, a tiny model.

`interp_nb` is imported inside fixtures only: the jaxtyping hook that checks shapes must be installed before it.
"""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open sockets where a marker says so: browser tests reach loopback, network tests everything."""
    for item in items:
        if item.get_closest_marker("network"):
            item.add_marker(pytest.mark.enable_socket)
        elif item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.enable_socket)
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost"]))


@pytest.fixture(autouse=True)
def seed() -> None:
    """Make every test's random numbers its own."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def tiny_model() -> Iterator[Any]:
    """A two-layer GPT-2 that many tests share; fails the test that leaves a hook, a mode or a weight changed."""
    from tests.tiny_models import shared

    model = shared("gpt2")
    before = {name: value.clone() for name, value in model.original_model.state_dict().items()}
    yield model
    left = [name for name, point in model.hook_dict.items() if point.fwd_hooks or point.bwd_hooks]
    assert not left, f"hooks were left on {left}"
    assert not model.training, "the model was left in training mode"
    after = model.original_model.state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    assert not changed, f"weights were changed: {changed}"
