"""repeng's files: one that repeng wrote, byte for byte and layer for layer; hostile ones end at once."""

import random
import struct
import time

import pytest
import torch

from interp_nb._errors import ConfigError, SaveFormatError
from interp_nb.steering.extract import steering_vector
from interp_nb.steering.gguf import write_gguf
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.saving import load_vector
from interp_nb.steering.vectors import SteeringVector
from tests.tiny_models import shared
from tests.unit.steering.vector_cases import PAIRS, REPENG


def test_reads_what_repeng_wrote_and_writes_the_same_bytes():
    vector = load_vector(REPENG)
    assert vector.layers == [1, 2, 3]
    assert vector.provenance["model_type"] == "gpt2"
    assert vector.norm.tolist() == [pytest.approx(1.0)] * 3
    assert repr(vector) == "SteeringVector(repeng, resid_post, layers 1-3, steers 2)"
    assert write_gguf(vector) == REPENG.read_bytes()


def test_repengs_layers_are_ours():
    """repeng's own PCA on the same pairs is ours at the same layer, and at no other.

    Not at the last one: there repeng reads what transformers calls its hidden state, which is after the final norm.
    """
    model = shared("gpt2", 4)
    theirs, ours = load_vector(REPENG), steering_vector(model, PAIRS, method="pca")
    check_model(theirs, model)
    for layer in (1, 2):
        cosines = [float(torch.cosine_similarity(theirs.at(layer).vectors, ours.at(at).vectors)) for at in range(4)]
        assert cosines[layer] == pytest.approx(1.0, abs=1e-5)
        assert max(cosine for at, cosine in enumerate(cosines) if at != layer) < 0.99


def test_round_trip(tmp_path):
    vector = SteeringVector.of(torch.randn(3, 7), [0, 2, 5], layer=2, model_name="pocket", name="sentiment")
    found = load_vector(vector.save(tmp_path / "sentiment.gguf"))
    assert torch.equal(found.vectors, vector.vectors)
    assert (found.layers, found.name, found.method) == ([0, 2, 5], "sentiment", "file")
    assert "how strong 1 is, its maker chose" in found.note


def test_other_sites_have_no_place_in_it():
    with pytest.raises(ConfigError, match="holds vectors of resid_post alone, this one is of mlp_out"):
        write_gguf(SteeringVector.of(torch.ones(1, 3), [0], site="mlp_out"))


def text(value):
    return struct.pack("<Q", len(value)) + value


def made(*, values=b"", n_values=1, tensors=b"", n_tensors=1, version=3, magic=b"GGUF", data=b"", architecture=None):
    """A file put together by hand."""
    named = text(b"general.architecture") + struct.pack("<I", 8) + text(architecture or b"controlvector")
    head = magic + struct.pack("<IQQ", version, n_tensors, n_values) + named + values + tensors
    return head + bytes(-len(head) % 32) + data


def tensor(name=b"direction.1", sizes=(2,), kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


DATA = struct.pack("<2f", 3.0, 4.0)


@pytest.mark.parametrize(
    ("kind", "data"),
    [(0, DATA), (1, struct.pack("<2e", 3.0, 4.0)), (28, struct.pack("<2d", 3.0, 4.0))],
)
def test_reads_floats_of_all_widths(tmp_path, kind, data):
    path = tmp_path / "v.gguf"
    path.write_bytes(made(tensors=tensor(kind=kind), data=data))
    assert load_vector(path).vectors.tolist() == [[3.0, 4.0]]


def test_reads_other_values_alignments_and_tensors(tmp_path):
    values = text(b"general.alignment") + struct.pack("<II", 4, 64)
    values += text(b"some.list") + struct.pack("<IIQ2f", 9, 6, 2, 1.0, 2.0)
    values += text(b"some.words") + struct.pack("<IIQ", 9, 8, 1) + text("ü".encode())
    both = tensor() + tensor(b"something.else", (3, 3), 2, 999)
    head = made(values=values, n_values=4, tensors=both, n_tensors=2)
    path = tmp_path / "v.gguf"
    path.write_bytes(head.rstrip(b"\0") + bytes(-len(head.rstrip(b"\0")) % 64) + DATA)
    assert load_vector(path).vectors.tolist() == [[3.0, 4.0]]


HUGE = 2**62


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends too early"),
        (made(magic=b"GGML", tensors=tensor(), data=DATA), "does not begin as a .gguf file"),
        (made(version=3 << 24, tensors=tensor(), data=DATA), "2 and 3, written on common machines, can be read"),
        (made(architecture=b"llama", tensors=tensor(), data=DATA), "its architecture is 'llama'"),
        (made(n_values=HUGE, tensors=tensor(), data=DATA), "promises .* entries"),
        (made(n_tensors=HUGE, tensors=tensor(), data=DATA), "promises .* entries"),
        (made(n_tensors=0, data=DATA), "must have directions"),
        (made(tensors=tensor() + tensor(b"direction.2", (1,)), n_tensors=2, data=DATA), "all of one width"),
        (made(tensors=tensor() + tensor(), n_tensors=2, data=DATA), "or two"),
        (made(tensors=tensor(b"direction.-1"), data=DATA), "for the layer '-1'"),
        (made(tensors=tensor(b"direction.one"), data=DATA), "for the layer 'one'"),
        (made(tensors=tensor(kind=8), data=DATA), "has the type 8"),
        (made(tensors=tensor(sizes=(HUGE,)), data=DATA), "ends too early"),
        (made(tensors=tensor(offset=HUGE), data=DATA), "ends too early"),
        (made(tensors=tensor(sizes=(1,) * 9), data=DATA), "9 dimensions"),
        (
            made(values=text(b"x") + struct.pack("<IIQ", 9, 0, HUGE), n_values=2, tensors=tensor()),
            "promises .* entries",
        ),
        (made(values=text(b"x") + struct.pack("<I", 77), n_values=2, tensors=tensor()), "unknown type 77"),
        (made(values=text(b"general.alignment") + struct.pack("<II", 4, 0), n_values=2, tensors=tensor()), "alignment"),
        (made(values=text(b"\xff"), n_values=2, tensors=tensor()), "cannot be read"),
        (made(tensors=tensor(), data=struct.pack("<2f", float("nan"), 1.0)), "must be finite"),
        (made(tensors=tensor(sizes=(0,)), data=DATA), "cannot be read"),
    ],
)
def test_hostile_files_are_refused_at_once(tmp_path, data, said):
    path = tmp_path / "v.gguf"
    path.write_bytes(data)
    began = time.process_time()
    with pytest.raises(SaveFormatError, match=said):
        load_vector(path)
    assert time.process_time() - began < 1.0


def test_mutations_of_repengs_file_are_read_or_refused(tmp_path):
    """Any damage is refused in our words, or leaves a finite vector; nothing hangs or fails in another way."""
    whole = REPENG.read_bytes()
    rng, path, refused = random.Random(1), tmp_path / "v.gguf", 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(260)] = rng.choice((0, 1, 127, 255, rng.randrange(256)))
        path.write_bytes(bytes(data[: rng.choice((len(data), rng.randrange(len(data))))]))
        try:
            assert bool(load_vector(path).vectors.isfinite().all())
        except SaveFormatError:
            refused += 1
    assert 250 < refused < 400
