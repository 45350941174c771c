"""What every result does: print, compare, show itself, wait for its job, save and load."""

import gc
import json
import threading
import warnings
import weakref
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from interp_nb._errors import ConfigError, SaveFormatError
from interp_nb._jobs import Job
from interp_nb._show import Live, Showable, no_waiting, peek, result, two_decimals
from interp_nb.models.info import ModelInfo
from interp_nb.models.prompts import Contrast

NAN = float("nan")


@result
class Made(Showable):
    """A result with a field of every kind."""

    _awaited: ClassVar[tuple[str, ...]] = ("effect",)

    effect: Tensor
    names: list[str] = field(default_factory=lambda: ["a"])
    extra: Any = None
    _live: Any = field(default=None, compare=False, repr=False)

    def _summary(self) -> str:
        return f"Made({two_decimals(float(self.effect.nansum()))})"


@result
class Other(Showable):
    """Another class with the same fields."""

    effect: Tensor
    names: list[str] = field(default_factory=lambda: ["a"])
    extra: Any = None


class Slow:
    """A live result whose job waits for the test before each step."""

    def __init__(self, *, fails: bool = False) -> None:
        self.go = threading.Semaphore(0)
        tensor = torch.full((2,), NAN)

        def steps() -> Iterator[int]:
            for index in range(2):
                assert self.go.acquire(timeout=20)
                if fails:
                    raise ValueError("the model broke")
                yield index

        self.job: Job[int] = Job(steps, on_step=lambda index: tensor.__setitem__(index, float(index + 1)))
        self.result = Made(tensor, _live=Live(None, job=self.job))

    def finish(self) -> None:
        self.go.release(2)


@pytest.mark.parametrize(
    ("number", "sign", "text"),
    [(-0.001, False, "0.00"), (0.0, True, "0.00"), (0.936, True, "+0.94"), (-1.0, True, "-1.00"), (2, False, "2.00")],
)
def test_two_decimals_never_shows_minus_zero(number, sign, text):
    assert two_decimals(number, sign=sign) == text


def test_two_decimals_names_what_is_not_finite():
    assert (two_decimals(NAN), two_decimals(float("-inf"))) == ("nan", "-inf")


def test_result_is_frozen_but_for_its_settable_names():
    made = Made(torch.zeros(2))
    with pytest.raises(FrozenInstanceError):
        made.effect = torch.ones(2)
    with pytest.raises(FrozenInstanceError):
        made.no_such_field = 1
    with pytest.raises(ConfigError, match="has no live view"):
        made.selected = (0, 1)


def test_result_refuses_to_await_what_is_no_field():
    class Wrong(Showable):
        _awaited: ClassVar[tuple[str, ...]] = ("efect",)
        effect: Tensor

    with pytest.raises(TypeError, match="did you mean 'effect'"):
        result(Wrong)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (torch.tensor([1.0, NAN]), torch.tensor([1.0, NAN]), True),
        (torch.tensor([1.0, NAN]), torch.tensor([NAN, 1.0]), False),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), False),
        (torch.zeros(2), torch.zeros(1, 2), False),
        (torch.zeros(2), np.zeros(2, np.float32), False),
        (np.array([1, 2]), np.array([1, 2]), True),
        (np.array([1.0, NAN]), np.array([1.0, NAN]), True),
        (["a", "b"], ["a", "b"], True),
        (["a"], ("a",), False),
        ({"a": [NAN, torch.ones(1)]}, {"a": [NAN, torch.ones(1)]}, True),
        ({"a": 1}, {"b": 1}, False),
        (Contrast("x", "y", "1", "2"), Contrast("x", "y", "1", "2"), True),
    ],
)
def test_results_compare_by_value(a, b, equal):
    first, second = Made(torch.zeros(1), extra=a), Made(torch.zeros(1), extra=b)
    assert (first == second) is equal
    assert (first != second) is not equal


def test_equality_leaves_out_the_live_handle_and_other_classes():
    class Model:
        pass

    model = Model()
    assert Made(torch.zeros(1), _live=Live(model)) == Made(torch.zeros(1))
    assert Made(torch.zeros(1)) != Other(torch.zeros(1))
    made = Made(torch.zeros(1))
    assert len({made, made, Made(torch.zeros(1))}) == 2


def test_reading_a_running_result_waits_and_peeking_does_not():
    slow = Slow()
    assert slow.result.effect.isnan().all(), "a job that was not started is not waited for"
    slow.job.start()
    assert peek(slow.result, "effect").isnan().all()
    with no_waiting():
        assert slow.result.effect.isnan().all()
    assert repr(slow.result) == "Made(0.00)"
    assert slow.result.partial and slow.result.names == ["a"]
    slow.finish()
    assert slow.result.effect.tolist() == [1.0, 2.0]
    assert not slow.result.partial and slow.result.wait() is slow.result


def test_stopped_result_keeps_what_is_there():
    slow = Slow()
    slow.job.start()
    slow.go.release(1)
    slow.result.stop()
    slow.go.release(1)
    assert slow.result.wait().partial
    assert slow.job.state == "stopped"


def test_failed_result_raises_where_it_is_read():
    slow = Slow(fails=True)
    slow.job.start()
    slow.finish()
    with pytest.raises(ValueError, match="the model broke"):
        _ = slow.result.effect
    assert repr(slow.result) == "Made(0.00)"


def test_live_handle_holds_its_model_weakly():
    class Model:
        pass

    model = Model()
    live = Live(model, lambda model, **params: Made(torch.ones(1), extra=params))
    assert live.model() is model and live.alive
    assert live.recompute(prompt="x").extra == {"prompt": "x"}
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None and not live.alive
    with pytest.raises(ConfigError, match="it is gone"):
        live.recompute(prompt="x")


def test_live_handle_without_a_way_back_says_so():
    class Model:
        pass

    model = Model()
    with pytest.raises(ConfigError, match="cannot be computed again"):
        Live(model).recompute()


def test_a_result_without_a_widget_shows_text_and_warns_of_the_missing_picture():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data, metadata = Made(torch.tensor([1.0]))._repr_mimebundle_()
    assert data == {"text/plain": "Made(1.00)", "text/html": "<pre>Made(1.00)</pre>"} and metadata == {}
    assert ["No picture of Made" in str(each.message) for each in caught] == [True]


def test_replace_makes_a_changed_copy():
    made = Made(torch.ones(2), ["a"])
    assert replace(made, names=["b"]) == Made(torch.ones(2), ["b"])


# Saving


class Pair(NamedTuple):
    """A tuple that is not of this package."""

    a: int


@dataclass
class Foreign:
    """A dataclass that is not of this package."""

    a: int


EVERY_KIND = {
    "none": None,
    "flag": True,
    "numbers": [1, -2.5, NAN, float("inf")],
    "tuple": (1, ("a", [None])),
    "nested": {"a": {"b": [1.0]}},
    "text": "Ünïcode \u202e </script> \U0001f600 \ud83d",
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "tensor": torch.tensor([[1.5, NAN]], dtype=torch.float64),
    "contrast": Contrast(["x"], ["y"], [" 1"], [" 2"]),
    "info": ModelInfo("pocket", False, None, "float32", "cpu", "GPT2LMHeadModel"),
}


def test_save_and_load_give_an_equal_result(tmp_path):
    made = Made(torch.tensor([[1.0, NAN]], dtype=torch.bfloat16), [" Paris", "\n"], EVERY_KIND)
    path = made.save(tmp_path / "made.safetensors")
    loaded = Made.load(path)
    assert loaded == made
    assert type(loaded.extra["info"]) is ModelInfo and type(loaded.extra["contrast"]) is Contrast
    assert loaded._live is None


def test_saved_file_is_safetensors_with_a_json_header(tmp_path):
    from safetensors import safe_open

    path = Made(torch.ones(2)[::2]).save(tmp_path / "made.safetensors")
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["interp_nb"])
        assert list(file.keys()) == ["effect"]
    assert (header["class"], header["schema"], header["fields"]["names"]) == ("Made", 1, ["a"])


def test_saving_twice_gives_the_same_bytes(tmp_path):
    made = Made(torch.ones(3), ["b", "a"], {"z": 1, "a": 2})
    assert made.save(tmp_path / "1").read_bytes() == made.save(tmp_path / "2").read_bytes()


@pytest.mark.parametrize("value", [object(), {1: "a"}, Pair(1), Foreign(1), {"a": [lambda: 0]}])
def test_save_refuses_what_json_cannot_keep(tmp_path, value):
    if isinstance(value, Pair):
        # A foreign named tuple is kept as the plain tuple it equals.
        assert Made.load(Made(torch.ones(1), extra=value).save(tmp_path / "x")).extra == (1,)
        return
    with pytest.raises(SaveFormatError, match=r"Made\.extra.* which neither a tensor nor JSON can keep"):
        Made(torch.ones(1), extra=value).save(tmp_path / "x")


def test_load_refuses_what_is_not_its_own(tmp_path):
    from safetensors.torch import save_file

    path = Other(torch.ones(1)).save(tmp_path / "other")
    with pytest.raises(SaveFormatError, match=r"holds a Other, not a Made: load it with Other\.load"):
        Made.load(path)
    save_file({"effect": torch.ones(1)}, tmp_path / "foreign")
    with pytest.raises(SaveFormatError, match="no interp_nb header"):
        Made.load(tmp_path / "foreign")
    (tmp_path / "broken").write_bytes(path.read_bytes()[:40])
    with pytest.raises(SaveFormatError, match="not a whole safetensors file"):
        Made.load(tmp_path / "broken")
    with pytest.raises(FileNotFoundError, match=r"expected one that Made\.save wrote"):
        Made.load(tmp_path / "missing")


NOT_OURS = {"__interp_nb__": "object", "value": {}}


def _rewritten(tmp_path, **changes):
    from safetensors import safe_open
    from safetensors.torch import save_file

    path = Made(torch.ones(1)).save(tmp_path / "made")
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["interp_nb"]) | changes
    save_file({"effect": torch.ones(1)}, tmp_path / "changed", metadata={"interp_nb": json.dumps(header)})
    return tmp_path / "changed"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "has schema 2 .* this version reads schema 1"),
        ({"fields": {"names": ["a"]}}, r"does not hold the fields of Made \(differing: extra\)"),
        ({"fields": {"names": {"__interp_nb__": "new"}, "extra": 1}}, "unknown kind 'new'"),
        ({"fields": {"names": [], "extra": NOT_OURS | {"class": "os:system"}}}, "does not have"),
        ({"fields": {"names": [], "extra": NOT_OURS | {"class": "interp_nb._save:Path"}}}, "does not have"),
    ],
)
def test_load_refuses_a_changed_header_and_runs_nothing_of_it(tmp_path, changes, message):
    with pytest.raises(SaveFormatError, match=message):
        Made.load(_rewritten(tmp_path, **changes))
