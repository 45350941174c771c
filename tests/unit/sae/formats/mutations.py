"""What can be wrong with a folder: each mutation changes one in place, and says whether it had something to change.

Numbers and places are drawn from a generator that the test seeds. `Hostile` runs code when it is unpickled.
"""

import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file

from interp_nb.sae.formats.own import content_hash_of
from interp_nb.sae.formats.tensor_files import read_metadata
from tests.unit.sae.formats.fixtures import EXPECTED

WEIGHTS = (".safetensors", ".npz", ".pt")
SMALL = (".json", ".yaml")
CANARY = "canary"
"""Written, beside the mutated folder, by whatever code runs."""

Mutation = Callable[[Path, random.Random], bool]


class Hostile:
    """An object whose unpickling makes a folder."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.canary,)


def weights(folder: Path) -> list[Path]:
    # What SAELens's training leaves beside its weights is not read.
    not_read = (EXPECTED, "trainer_state.pt")
    return sorted(file for file in folder.rglob("*") if file.suffix in WEIGHTS and file.name not in not_read)


def small(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in SMALL)


def each_weights(change: Callable[[Path, random.Random], None]) -> Mutation:
    """Change all files of weights."""

    def mutate(folder: Path, rng: random.Random) -> bool:
        for file in weights(folder):
            change(file, rng)
        return bool(weights(folder)) or change is _removed

    return mutate


def each_small(change: Callable[[Path, random.Random], None]) -> Mutation:
    """Change all small files."""

    def mutate(folder: Path, rng: random.Random) -> bool:
        there = small(folder)
        for file in there:
            change(file, rng)
        return bool(there)

    return mutate


def _cut(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data))])


def _cut_a_byte(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _emptied(file: Path, rng: random.Random) -> None:
    file.write_bytes(b"")


def _removed(file: Path, rng: random.Random) -> None:
    file.unlink()


def _flipped_early(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[rng.randrange(min(200, len(data)))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def _flipped_anywhere(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(8):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def _noise(file: Path, rng: random.Random) -> None:
    file.write_bytes(rng.randbytes(len(file.read_bytes())))


def _huge_header(file: Path, rng: random.Random) -> None:
    file.write_bytes((2 ** rng.choice([31, 40, 62, 63])).to_bytes(8, "little") + file.read_bytes()[8:])


def _nested(file: Path, rng: random.Random) -> None:
    file.write_text("[" * 20_000 + "]" * 20_000 if file.suffix == ".yaml" else '{"a":' * 20_000 + "1" + "}" * 20_000)


def _long(file: Path, rng: random.Random) -> None:
    file.write_text('{"d_in": ' + "9" * 100_000 + "}")


def _enormous(file: Path, rng: random.Random) -> None:
    file.write_text('{"d_in": "' + "a" * (9 * 2**20) + '"}')


def _a_list(file: Path, rng: random.Random) -> None:
    file.write_text("[1, 2, 3]")


def _not_text(file: Path, rng: random.Random) -> None:
    file.write_bytes(b'\xff\xfe{"d_in": 6}')


def _aliases(file: Path, rng: random.Random) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True)]
    file.write_text("\n".join(lines))


def _python_tag(file: Path, rng: random.Random) -> None:
    file.write_text(f"model_name: !!python/object/apply:os.mkdir ['{file.parent.parent / CANARY}']\n")


def _values(new: Callable[[object, random.Random, Path], object]) -> Mutation:
    """Replace every value of a kind in all small files."""

    def walk(value: object, rng: random.Random, file: Path) -> object:
        if isinstance(value, dict):
            return {name: walk(each, rng, file) for name, each in value.items()}
        if isinstance(value, list):
            return [walk(each, rng, file) for each in value]
        return new(value, rng, file)

    def mutate(folder: Path, rng: random.Random) -> bool:
        changed = False
        for file in small(folder):
            read, dump = (yaml.safe_load, yaml.safe_dump) if file.suffix == ".yaml" else (json.loads, json.dumps)
            values = read(file.read_text())
            made = walk(values, rng, file)
            file.write_text(dump(made))
            changed |= made != values
        return changed

    return mutate


def _numbers(to: object) -> Callable[[object, random.Random, Path], object]:
    def new(value: object, rng: random.Random, file: Path) -> object:
        return to if isinstance(value, int | float) and not isinstance(value, bool) else value

    return new


def _strings(to: Callable[[Path], str]) -> Callable[[object, random.Random, Path], object]:
    def new(value: object, rng: random.Random, file: Path) -> object:
        # What says the family stays, or nothing would be read at all.
        names = ("standard", "topk", "jump_relu", "AutoEncoderTopK", "6.54.12", "relu", "transcoder_set")
        return to(file) if isinstance(value, str) and value not in names else value

    return new


def _some_to_other_kinds(value: object, rng: random.Random, file: Path) -> object:
    others = [None, True, "x", -1, 0, 1.5, [], {}, "NaN", 10**30]
    return rng.choice(others) if rng.random() < 0.4 else value


def tensors_of(file: Path) -> dict[str, torch.Tensor]:
    if file.suffix == ".safetensors":
        return load_file(file)
    if file.suffix == ".npz":
        return {name: torch.from_numpy(value) for name, value in np.load(file, allow_pickle=False).items()}
    return torch.load(file, weights_only=True)


def write_tensors(file: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors into a file of its kind; safetensors keep their metadata."""
    if file.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
        save_file({name: value.contiguous() for name, value in tensors.items()}, file, metadata)
    elif file.suffix == ".npz":
        np.savez(file, **{name: value.numpy() for name, value in tensors.items()})
    else:
        torch.save(tensors, file)


def _tensors(change: Callable[[dict[str, torch.Tensor], random.Random], dict[str, torch.Tensor]]) -> Mutation:
    return each_weights(lambda file, rng: write_tensors(file, change(tensors_of(file), rng)))


def _with_nan(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    floats = [name for name, value in held.items() if value.is_floating_point() and value.ndim]
    name = rng.choice(sorted(floats))
    bad = held[name].clone(memory_format=torch.contiguous_format)
    bad.view(-1)[rng.randrange(bad.numel())] = rng.choice([float("nan"), float("inf"), -float("inf")])
    return held | {name: bad}


def _turned(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    return {name: value.T if value.ndim == 2 else value for name, value in held.items()}


def _longer(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    name = rng.choice(sorted(held))
    return held | {name: torch.cat([held[name].reshape(-1)] * 2) if held[name].ndim else held[name].reshape(1)}


def _one_less(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    gone = rng.choice(sorted(held))
    return {name: value for name, value in held.items() if name != gone}


def _one_more(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    return held | {"W_surprise": torch.ones(3)}


def _renamed(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    return {f"{name}_": value for name, value in held.items()}


def _bytes(held: dict[str, torch.Tensor], rng: random.Random) -> dict[str, torch.Tensor]:
    return {name: value.to(torch.uint8) for name, value in held.items()}


def _pickled(file: Path, rng: random.Random) -> None:
    file.write_bytes(pickle.dumps({"W_enc": Hostile(file.parent.parent / CANARY)}))


def _torch_pickled(file: Path, rng: random.Random) -> None:
    held = {"encoder.weight": torch.ones(16, 6), "k": Hostile(file.parent.parent / CANARY)}
    torch.save(held, file, _use_new_zipfile_serialization=rng.random() < 0.7)


def _numpy_pickled(file: Path, rng: random.Random) -> None:
    objects = np.array([Hostile(file.parent.parent / CANARY)], dtype=object)
    held = io.BytesIO()
    np.savez(held, W_enc=objects, W_dec=objects, b_enc=objects, b_dec=objects, threshold=objects)
    file.write_bytes(held.getvalue())


def _array_bomb(file: Path, rng: random.Random) -> None:
    """An archive of kilobytes whose arrays say that they are gigabytes, and one whose arrays are many megabytes."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("W_enc", "W_dec", "b_enc", "b_dec", "threshold"):
            size = len(header).to_bytes(2, "little")
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + size + header + bytes(2**16))


def _repeated_rows(file: Path, rng: random.Random) -> None:
    torch.save({name: torch.zeros(1).expand(2**20, 2**20) for name in ("encoder.weight", "decoder.weight")}, file)


def _compressed(file: Path, rng: random.Random) -> None:
    """An archive as torch writes it, deflated, whose pickle unpacks to a thousand times its size."""
    held = io.BytesIO()
    torch.save({"encoder.weight": torch.ones(16, 6)}, held)
    with zipfile.ZipFile(held) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[:2] + b"N0" * 2**23 + data[2:] if name.endswith(".pkl") else data)


def _other_widths(folder: Path, rng: random.Random) -> bool:
    """A header of ours with other widths and a hash that is right: anybody can compute it."""
    changed = False
    for file in weights(folder):
        metadata = read_metadata(file) if file.suffix == ".safetensors" else {}
        if "interp_nb" not in metadata:
            continue
        header, tensors = json.loads(metadata["interp_nb"]), load_file(file)
        name = rng.choice(["d_in", "d_sae", "d_out"])
        header["config"][name] = 2 ** rng.choice([5, 20, 39])
        if name == "d_in" and header["config"]["kind"] == "sae":
            header["config"]["d_out"] = header["config"]["d_in"]
        header["sha256"] = content_hash_of(header["config"], tensors)
        save_file(tensors, file, {"interp_nb": json.dumps(header)})
        changed = True
    return changed


def _is_a_folder(file: Path, rng: random.Random) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path, rng: random.Random) -> None:
    file.unlink()
    os.mkfifo(file)


def _endless(file: Path, rng: random.Random) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def _link_to_itself(file: Path, rng: random.Random) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _looped(folder: Path, rng: random.Random) -> bool:
    """A folder that is found in itself: searching must end, and the SAE is still there."""
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    return True


def _strangers(folder: Path, rng: random.Random) -> bool:
    """Files that belong to nobody: the SAE is still there."""
    for name in ("README.md", "notes.txt", "unknown.bin", ".hidden"):
        (folder / name).write_text("mine")
    return True


HARMLESS = ("strange_files", "looped_folder")
"""After these it loads as before."""

MUTATIONS: dict[str, Mutation] = {
    "weights_cut": each_weights(_cut),
    "weights_cut_by_a_byte": each_weights(_cut_a_byte),
    "weights_empty": each_weights(_emptied),
    "weights_gone": each_weights(_removed),
    "weights_flipped_early": each_weights(_flipped_early),
    "weights_flipped_anywhere": each_weights(_flipped_anywhere),
    "weights_noise": each_weights(_noise),
    "weights_huge_header": each_weights(_huge_header),
    "weights_a_folder": each_weights(_is_a_folder),
    "weights_a_pipe": each_weights(_pipe),
    "weights_endless": each_weights(_endless),
    "weights_link_to_itself": each_weights(_link_to_itself),
    "weights_pickle": each_weights(_pickled),
    "weights_torch_pickle": each_weights(_torch_pickled),
    "weights_numpy_pickle": each_weights(_numpy_pickled),
    "weights_array_bomb": each_weights(_array_bomb),
    "weights_repeated_rows": each_weights(_repeated_rows),
    "weights_compressed": each_weights(_compressed),
    "own_header_of_other_widths": _other_widths,
    "tensors_with_nan": _tensors(_with_nan),
    "tensors_turned": _tensors(_turned),
    "tensor_longer": _tensors(_longer),
    "tensor_gone": _tensors(_one_less),
    "tensor_more": _tensors(_one_more),
    "tensors_renamed": _tensors(_renamed),
    "tensors_bytes": _tensors(_bytes),
    "config_cut": each_small(_cut),
    "config_empty": each_small(_emptied),
    "config_gone": each_small(_removed),
    "config_noise": each_small(_noise),
    "config_flipped": each_small(_flipped_anywhere),
    "config_nested": each_small(_nested),
    "config_long_number": each_small(_long),
    "config_enormous": each_small(_enormous),
    "config_a_list": each_small(_a_list),
    "config_not_text": each_small(_not_text),
    "config_aliases": each_small(_aliases),
    "config_python_tag": each_small(_python_tag),
    "config_a_folder": each_small(_is_a_folder),
    "config_endless": each_small(_endless),
    "config_numbers_huge": _values(_numbers(2**39)),
    "config_numbers_negative": _values(_numbers(-3)),
    "config_numbers_infinite": _values(_numbers(float("inf"))),
    "config_numbers_words": _values(_numbers("six")),
    "config_paths_up": _values(_strings(lambda file: "../outside/secret.safetensors")),
    "config_paths_absolute": _values(_strings(lambda file: str(file.parent.parent / "outside" / "secret.safetensors"))),
    "config_other_kinds": _values(_some_to_other_kinds),
    "strange_files": _strangers,
    "looped_folder": _looped,
}
