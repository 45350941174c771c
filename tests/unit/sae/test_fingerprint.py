"""A model's hash that is remembered is the hash, whatever was done to the weights."""

import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from interp_nb.sae import fingerprint
from interp_nb.sae.fingerprint import model_identity, remembered_identity

# Large enough for weights that the hash's sample leaves out, such as the second.
WIDTH = 200


class Below(torch.nn.Module):
    """Two parameters."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(WIDTH, WIDTH, generator=generator))
        self.bias = torch.nn.Parameter(torch.randn(WIDTH, generator=generator))

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


def made() -> Any:
    """A model as the hash sees it."""
    return SimpleNamespace(original_model=Below(), cfg=SimpleNamespace(n_layers=1))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how often weights are read."""
    reads: list[int] = []
    real = fingerprint._hash

    def counted(named: Any) -> str:
        reads.append(1)
        return real(named)

    monkeypatch.setattr(fingerprint, "_hash", counted)
    return reads


def test_remembered_identity_reads_the_weights_once(hashed: list[int]) -> None:
    model, other = made(), made()
    first = remembered_identity(model)
    assert [remembered_identity(model) for _ in range(3)] == [first] * 3
    assert len(hashed) == 1
    assert remembered_identity(other) == first
    assert len(hashed) == 2, "another object"
    assert model_identity(model) == first
    assert len(hashed) == 3, "which is never remembered"


def optimized(below: Below) -> None:
    """One step of training."""
    below(torch.ones(1, WIDTH)).sum().backward()
    torch.optim.Adam(below.parameters()).step()


@torch.no_grad()
def one_written(below: Below) -> None:
    """One weight that no sample has."""
    below.weight[0, 1] += 1.0


def loaded(below: Below) -> None:
    """Other weights in the same tensors."""
    below.load_state_dict({name: value + 1 for name, value in below.state_dict().items()})


def assigned(below: Below) -> None:
    """Other tensors in the same places."""
    below.load_state_dict({name: value + 1 for name, value in below.state_dict().items()}, assign=True)


def put_below(below: Below) -> None:
    """Another storage below the same tensor; one weight differs that no sample has."""
    other = below.weight.detach().clone()
    other[0, 1] += 1.0
    below.weight.data = other


def scaled_unseen(below: Below) -> None:
    """All weights, in a way that PyTorch does not count."""
    below.weight.data.mul_(2.0)


def replaced(below: Below) -> None:
    """Another parameter by the same name."""
    below.bias = torch.nn.Parameter(below.bias.detach() + 1)


CHANGES = [optimized, one_written, loaded, assigned, put_below, scaled_unseen, replaced]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_changed_weights_are_hashed_again(change: Callable[[Below], None]) -> None:
    model = made()
    first = remembered_identity(model)
    change(model.original_model)
    assert remembered_identity(model) == model_identity(model) != first


def test_remembered_identity_is_that_of_weights_that_came_back(hashed: list[int]) -> None:
    model = made()
    first = remembered_identity(model)
    for factor in (2.0, 0.5):
        with torch.no_grad():
            model.original_model.weight.mul_(factor)
        assert (remembered_identity(model) == first) == (factor == 0.5)
    assert len(hashed) == 3


def test_weights_whose_changes_are_not_counted_are_always_read(hashed: list[int]) -> None:
    with torch.inference_mode():
        model = made()
        first = remembered_identity(model)
        model.original_model.weight[0, 1] += 1.0
        assert remembered_identity(model) != first
    assert len(hashed) == 2


def test_model_that_is_gone_is_forgotten() -> None:
    before = len(fingerprint._remembered)
    model = made()
    remembered_identity(model)
    assert len(fingerprint._remembered) == before + 1
    del model
    gc.collect()
    assert len(fingerprint._remembered) == before
