"""Vectors on disk: what is written is read, damaged and hostile files are refused, nothing is half written."""

import dataclasses
import json
import math
import random

import pytest
import torch

from interp_nb import _save
from interp_nb._errors import DiskError, SaveFormatError, VectorMismatchError
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.records import PairRead, VectorQuality
from interp_nb.steering.saving import CHECKSUM, load_vector
from interp_nb.steering.vectors import SteeringVector
from tests.tiny_models import shared
from tests.unit.steering.vector_cases import many_pairs


def full(n=3):
    """A vector with something in every field."""
    values = [torch.linspace(0.1 * k, 1, n) for k in range(6)]
    values[0][1], values[3][0] = math.inf, math.nan
    return SteeringVector.of(
        torch.randn(n, 4), list(range(n)), layer=1, midpoint=torch.linspace(-1, 1, n), method="mean", read_at="last",
        stream_norm=torch.tensor([math.nan, *[2.0] * (n - 1)]), n_pairs=7, name="Grüße\n$x$", note="a note",
        quality=VectorQuality(*values, n_train=5, n_held_out=2, note="few"), model_name="pocket",
        pairs_read=[PairRead(["a", "b"], ["c"], [1], [0])], provenance={"function": "x", "losses": [0.5, 0.25]},
    )  # fmt: skip


def test_round_trip_keeps_every_field(tmp_path):
    vector = full()
    path = vector.save(tmp_path / "v.safetensors")
    found = load_vector(path)
    assert found == vector
    for field in dataclasses.fields(vector):
        assert type(getattr(found, field.name)) is type(getattr(vector, field.name)), field.name
    assert SteeringVector.load(path) == vector
    assert repr(found) == repr(vector)


def test_round_trip_of_an_extracted_vector(tmp_path, tiny_model):
    vector = steering(tiny_model)
    found = load_vector(vector.save(tmp_path / "v.safetensors"))
    assert found == vector
    check_model(found, tiny_model)
    assert 2 * found == 2 * vector


def steering(model):
    from interp_nb.steering.extract import steering_vector

    return steering_vector(model, many_pairs(12), name="Paris")


def test_a_file_for_another_model_is_refused_when_it_is_used(tmp_path, tiny_model):
    path = steering(tiny_model).save(tmp_path / "v.safetensors")
    with pytest.raises(VectorMismatchError, match=r"of a gpt2 model, .* is a llama"):
        check_model(load_vector(path), shared("llama"))
    with pytest.raises(VectorMismatchError):
        load_vector(path) + dataclasses.replace(steering(tiny_model), model_name="other")


def test_a_latents_vector_comes_back_as_a_direction_and_says_so(tmp_path):
    vector = dataclasses.replace(full(), latent_idx=3, note="", _sae=object())
    found = load_vector(vector.save(tmp_path / "v.safetensors"))
    assert found.sae is None
    assert found.latent_idx == 3
    assert found.note.startswith("read from a file, without its SAE")


def test_writing_the_same_vector_gives_the_same_bytes(tmp_path):
    vector = full()
    one, other = (vector.save(tmp_path / name).read_bytes() for name in ("a.safetensors", "b.safetensors"))
    assert one == other


@pytest.mark.parametrize("name", ["v.safetensors", "v.gguf"])
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch, name):
    path = full().save(tmp_path / name)
    before = path.read_bytes()

    def broken(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("interp_nb._atomic.os.replace", broken)
    with pytest.raises(DiskError, match="what was there before is untouched"):
        (2 * full()).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["v.safetensors", "v.gguf"])
def test_damaged_files_are_refused_with_a_reason(tmp_path, name):
    """Hundreds of mutations: cut, flipped, overwritten. A file is refused in our words, or gives the vector it was."""
    vector = full()
    whole = vector.save(tmp_path / name).read_bytes()
    path = tmp_path / f"bad-{name}"
    rng, refused = random.Random(0), 0
    for trial in range(300):
        data = bytearray(whole)
        if trial % 3 == 0:
            data = data[: rng.randrange(len(data))]
        elif trial % 3 == 1:
            at = rng.randrange(len(data))
            data[at] ^= 1 << rng.randrange(8)
        else:
            at = rng.randrange(len(data))
            data[at : at + 8] = rng.randbytes(8)
        path.write_bytes(bytes(data))
        try:
            found = load_vector(path)
        except SaveFormatError:
            refused += 1
        else:
            # repeng's format has no checksum: what can still be read is a vector.
            assert name.endswith("gguf") or found == vector
            assert bool(found.vectors.isfinite().all())
    assert refused > (295 if name.endswith("safetensors") else 150)


def resealed(path, change):
    """Change the fields of a file and give it a right checksum: what somebody might who knows the format."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    from interp_nb.steering.saving import _checksum

    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[_save.HEADER])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    change(header["fields"], tensors)
    del header[CHECKSUM]
    header[CHECKSUM] = _checksum(tensors, json.dumps(header))
    save_file(tensors, path, metadata={_save.HEADER: json.dumps(header)})


@pytest.mark.parametrize(
    "change",
    [
        lambda fields, tensors: fields.update(layer=9),
        lambda fields, tensors: fields.update(layers=[0, 0, 1]),
        lambda fields, tensors: fields.update(layers=["0", 1, 2]),
        lambda fields, tensors: fields.update(layers=[0, -1, 2]),
        lambda fields, tensors: fields.update(layers=3),
        lambda fields, tensors: fields.update(name=None),
        lambda fields, tensors: fields.update(quality={"a": 1}),
        lambda fields, tensors: fields.update(pairs_read=[1]),
        lambda fields, tensors: fields.update(provenance=[]),
        lambda fields, tensors: fields.pop("note"),
        lambda fields, tensors: tensors.update(vectors=torch.full((3, 4), math.nan)),
        lambda fields, tensors: tensors.update(vectors=torch.zeros(2, 4)),
        lambda fields, tensors: tensors.update(vectors=torch.zeros(3, 4, dtype=torch.int64)),
        lambda fields, tensors: tensors.update(midpoint=torch.zeros(2)),
        lambda fields, tensors: tensors.pop("stream_norm"),
        lambda fields, tensors: fields.update(quality={"__interp_nb__": "object", "class": "os:system", "value": {}}),
    ],
)
def test_fields_that_make_no_vector_are_refused(tmp_path, change):
    path = full().save(tmp_path / "v.safetensors")
    resealed(path, change)
    with pytest.raises(SaveFormatError):
        load_vector(path)


def test_the_seal_itself_is_not_what_refuses(tmp_path):
    path = full().save(tmp_path / "v.safetensors")
    resealed(path, lambda fields, tensors: fields.update(name="other"))
    assert load_vector(path).name == "other"


def test_files_that_are_something_else_are_refused(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(FileNotFoundError, match="No file"):
        load_vector(tmp_path / "none.safetensors")
    save_file({"a": torch.ones(2)}, tmp_path / "plain.safetensors")
    with pytest.raises(SaveFormatError, match="no interp_nb header"):
        load_vector(tmp_path / "plain.safetensors")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x04\x95cos\nsystem\n(S'echo'\ntR.")
    for name in ("empty.safetensors", "pickle.pt"):
        with pytest.raises(SaveFormatError, match="is damaged"):
            load_vector(tmp_path / name)
