"""Bytes for the front end: every value arrives, aligned, little-endian, in a dtype it reads."""

import base64
import json
import struct
import zlib

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.widgets import codec


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (torch.tensor([1.5, -2.0]), "float32"),
        (torch.tensor([1.5], dtype=torch.float64), "float32"),
        (torch.tensor([1.5, -0.375], dtype=torch.bfloat16), "float32"),
        (torch.tensor([1.5], dtype=torch.float16), "float16"),
        (torch.tensor([2**31 - 1, -(2**31)]), "int32"),
        (torch.tensor([3], dtype=torch.int16), "int32"),
        (torch.tensor([True, False]), "uint8"),
        (np.array([1, 255], np.uint8), "uint8"),
        (np.array([1.5], ">f8"), "float32"),
    ],
)
def test_arrays_travel_in_a_dtype_the_front_end_reads(array, dtype):
    specs, data = codec.pack({"a": array})
    assert specs == {"a": {"dtype": dtype, "shape": [len(array)], "offset": 0}}
    np.testing.assert_array_equal(codec.unpack(specs, data)["a"], np.asarray(array.tolist(), dtype))


def test_bytes_are_little_endian_and_contiguous():
    matrix = torch.arange(6.0).reshape(2, 3).T
    specs, data = codec.pack({"a": matrix})
    assert struct.unpack("<6f", data) == (0, 3, 1, 4, 2, 5)
    assert specs["a"]["shape"] == [3, 2]


def test_every_array_starts_at_a_multiple_of_eight():
    arrays = {"a": np.zeros(3, np.uint8), "b": np.ones(1, np.float32), "c": torch.ones(2, 2), "d": np.zeros((0, 4))}
    specs, data = codec.pack(arrays)
    assert [spec["offset"] for spec in specs.values()] == [0, 8, 16, 32]
    assert {name: array.shape for name, array in codec.unpack(specs, data).items()} == {
        "a": (3,), "b": (1,), "c": (2, 2), "d": (0, 4),
    }  # fmt: skip


def test_scalars_and_values_that_are_not_finite_survive():
    values = torch.tensor([float("nan"), float("inf"), -float("inf")])
    specs, data = codec.pack({"a": values, "b": torch.tensor(2.0)})
    read = codec.unpack(specs, data)
    np.testing.assert_array_equal(read["a"], values.numpy())
    assert read["b"].shape == () and float(read["b"]) == 2.0


def test_the_caller_s_tensor_is_left_alone():
    tensor = torch.ones(2, requires_grad=True)
    codec.pack({"a": tensor})
    assert tensor.requires_grad and tensor.dtype == torch.float32


def test_pack_refuses_what_would_not_arrive():
    with pytest.raises(ConfigError, match="must be numbers, got dtype complex64"):
        codec.pack({"a": torch.ones(1, dtype=torch.complex64)})
    with pytest.raises(ConfigError, match="must fit in 32 bits, got up to 2147483648"):
        codec.pack({"a": torch.tensor([2**31])})


@pytest.mark.parametrize("n_pos", [1, 2, 7])
def test_causal_pattern_travels_as_its_lower_triangle(n_pos):
    pattern = torch.rand(n_pos, n_pos).tril()
    packed = codec.encode_pattern(pattern)
    assert packed.spec == {"dtype": "float32", "encoding": "tril+deflate", "shape": [n_pos, n_pos]}
    assert len(zlib.decompress(packed.data)) == 4 * n_pos * (n_pos + 1) // 2
    np.testing.assert_array_equal(codec.decode_pattern(packed), pattern.numpy())


def test_rows_of_the_triangle_come_one_after_the_other():
    packed = codec.encode_pattern(torch.tensor([[1.0, 0.0], [0.25, 0.75]]))
    assert struct.unpack("<3f", zlib.decompress(packed.data)) == (1.0, 0.25, 0.75)


def test_pattern_that_looks_ahead_travels_whole():
    pattern = torch.full((3, 3), 0.25)
    packed = codec.encode_pattern(pattern, dtype="float16")
    assert packed.spec == {"dtype": "float16", "encoding": "raw", "shape": [3, 3]}
    np.testing.assert_array_equal(codec.decode_pattern(packed), pattern.numpy())


def test_long_patterns_travel_in_half_precision():
    pattern = torch.rand(300, 300).tril()
    packed = codec.encode_pattern(pattern)
    assert packed.spec["dtype"] == "float16"
    np.testing.assert_allclose(codec.decode_pattern(packed), pattern.numpy(), atol=5e-4)


def test_pattern_must_be_square():
    with pytest.raises(ShapeError, match="must be square"):
        codec.encode_pattern(torch.ones(2, 3))


def test_thumbnails_of_short_prompts_are_the_patterns():
    patterns = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]]]])
    assert codec.thumbnails(patterns).tolist() == [[[[255, 0], [128, 128]]]]


def test_thumbnails_keep_the_largest_attention_of_every_cell():
    pattern = torch.zeros(1, 1, 96, 96)
    pattern[0, 0, 95, 0] = 1.0
    pattern[0, 0, 0, 1] = 0.2
    small = codec.thumbnails(pattern)[0, 0]
    assert small.shape == (48, 48)
    assert (small[47, 0], small[0, 0], int(small.sum())) == (255, 51, 306)


@pytest.mark.parametrize(("n_layers", "n_heads", "n_pos"), [(12, 12, 512), (48, 25, 64), (1, 1, 3)])
def test_thumbnails_fit_in_one_trait(n_layers, n_heads, n_pos):
    patterns = torch.eye(n_pos).expand(n_layers, n_heads, n_pos, n_pos)
    small = codec.thumbnails(patterns)
    assert small.nbytes <= codec.MAX_TRAIT_BYTES
    assert small.shape[2] == small.shape[3] <= min(48, n_pos)
    assert (small.diagonal(axis1=2, axis2=3) == 255).all()


def test_packed_arrays_survive_json_and_base64():
    specs, data = codec.pack({"a": torch.rand(3, 4)})
    again = json.loads(json.dumps(specs))
    read = codec.unpack(again, base64.b64decode(base64.b64encode(data)))
    np.testing.assert_array_equal(read["a"], codec.unpack(specs, data)["a"])
