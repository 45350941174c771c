"""The disk cache: the same rows again, refused when anything differs, usable after a kill or a full disk."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from interp_nb import _atomic
from interp_nb._atomic import write_atomically
from interp_nb._errors import ConfigError, DataError, DiskError, NonFiniteError, SaveFormatError, StaleCacheError
from interp_nb.models.edit import edit
from interp_nb.sae import cache as cache_module
from interp_nb.sae.batches import batches_of, concatenate
from interp_nb.sae.cache import cached
from interp_nb.sae.fingerprint import model_identity
from interp_nb.sae.harvesting import Harvested, harvest
from interp_nb.sae.reading import Reading
from interp_nb.sae.sources import make_source
from tests.tiny_models import CORPUS, HandMade, make, shared

ROOT = Path(__file__).resolve().parents[3]
TEXTS = [f"{text} and {word}" for text in CORPUS for word in ("Paris", "Rome", "John", "Mary", "the store", "a drink")]
HOW = {"layer": 0, "ctx_len": 12, "batch_size": 2}
SITE = ("blocks.0.hook_resid_post",)


def rows_of(source, n_rows=7):
    return concatenate(list(batches_of(source, n_rows)))


def source_of(model, data=TEXTS, n_rows=None, **how):
    return Harvested(model, SITE, SITE, data, reading=Reading(ctx_len=12, batch_size=2, **how), n_rows=n_rows)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_rows_from_disk_are_the_rows_of_the_model(tiny_model, tmp_path):
    for how in ({}, {"target": "mlp_out", "target_layer": 1}, {"packing": "separate"}, {"dtype": "bfloat16"}):
        folder = tmp_path / "-".join(map(str, how.values()))
        plain = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW, **how))
        stored = harvest(tiny_model, "resid_post", TEXTS, **HOW, **how, path=folder / "deep" / "er")
        assert stored.n_rows == plain.n_rows
        assert (stored.sites, stored.d_in, stored.d_out) == (SITE, 32, 32)
        assert same(rows_of(stored), plain)


def test_second_time_nothing_is_computed(tiny_model, tmp_path):
    first = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path))
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    source = source_of(tiny_model)
    source.next_windows = None  # would fail if it ran
    assert same(rows_of(cached(source, tmp_path)), first)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_more_rows_are_added_and_fewer_are_read(tiny_model, tmp_path):
    plain = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW))
    for n_rows in (30, 12, 75, None):
        stored = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path, n_rows=n_rows))
        assert same(stored, plain.take(slice(0, n_rows)))
    assert len(list(tmp_path.glob("rows-*.safetensors"))) == 3


@pytest.mark.parametrize("kind", ["generator", "stream"])
def test_streams_are_continued_too(kind, tiny_model, tmp_path):
    def data():
        if kind == "generator":
            return (text for text in TEXTS)
        datasets = pytest.importorskip("datasets", reason="pip install datasets")
        return datasets.Dataset.from_dict({"text": TEXTS}).to_iterable_dataset(num_shards=2)

    plain = rows_of(harvest(tiny_model, "resid_post", data(), **HOW))
    harvest(tiny_model, "resid_post", data(), **HOW, path=tmp_path, n_rows=40)
    assert same(rows_of(harvest(tiny_model, "resid_post", data(), **HOW, path=tmp_path)), plain)


def other_model():
    model = make("gpt2")
    with torch.no_grad():
        model.original_model.transformer.wte.weight[3, 5] += 1e-3
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": TEXTS[:-1]}, r"data n_documents was 12, is 11; data hash was"),
        ({"data": [*TEXTS[:-1], "other"]}, r"refused: data hash was '\w+', is '\w+'\."),
        ({"data": iter(TEXTS)}, r"data kind was 'documents', is 'stream'"),
        ({"ctx_len": 11}, r"settings ctx_len was 12, is 11"),
        ({"layer": 1}, r"settings sites was \['blocks\.0\.hook_resid_post'\], is \['blocks\.1"),
        ({"target": "mlp_out", "target_layer": 0}, "settings target_sites was"),
        ({"skip_bos": False}, "settings skip_bos was True, is False"),
        ({"dtype": "float16"}, "settings dtype was 'float32', is 'float16'"),
        ({"separator": None}, "settings separator was 0, is None"),
        ({"model": other_model}, r"refused: model weights was '\w+', is '\w+'\."),
        ({"model": lambda: shared("llama")}, "model architecture was 'GPT2LMHeadModel', is 'LlamaForCausalLM'"),
    ],
)
def test_stale_cache_is_refused_with_what_differs(change, message, tiny_model, tmp_path):
    harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = {"data": TEXTS, "model": lambda: tiny_model} | HOW | change
    with pytest.raises(StaleCacheError) as refusal:
        harvest(given.pop("model")(), "resid_post", given.pop("data"), **given, path=tmp_path)
    text = str(refusal.value).replace("holds other rows than those asked for", "refused")
    assert re.search(message, text), text
    assert "Give another path or delete the folder" in text
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_hash_of_the_code_covers_all_that_makes_rows():
    """Every module of ours that `harvesting` needs: one that is split off must be listed, too."""
    import ast

    from interp_nb.sae import fingerprint

    here = Path(fingerprint.__file__).parent
    found, todo = set(), ["harvesting"]
    while todo:
        found.add(name := todo.pop())
        nodes = ast.parse((here / f"{name}.py").read_text()).body
        imported = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        inside = {each.removeprefix("interp_nb.sae.") for each in imported if each.startswith("interp_nb.sae.")}
        todo += sorted(inside - found)
    assert len(found) > 3
    assert {f"{name}.py" for name in found} <= set(fingerprint._CODE)
    assert all((here / name).is_file() for name in fingerprint._CODE)


def test_other_code_is_refused(tiny_model, tmp_path, monkeypatch):
    harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    monkeypatch.setattr(cache_module, "code_identity", lambda: {"version": "0.0.1", "hash": "x"})
    with pytest.raises(StaleCacheError, match=r"code version was '.*', is '0\.0\.1'; code hash was"):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)


def test_what_does_not_change_the_rows_is_not_held_against_a_cache(tiny_model, tmp_path):
    harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    harvest(tiny_model, "resid_post", tuple(TEXTS), **(HOW | {"batch_size": 5}), path=tmp_path)


def test_model_hash_sees_every_weight_and_its_place():
    model = make("gpt2")
    first = model_identity(model)["weights"]
    weight = model.original_model.transformer.h[1].mlp.c_fc.weight
    with torch.no_grad():
        weight[[3, 4]] = weight[[4, 3]]
    swapped = model_identity(model)["weights"]
    with torch.no_grad():
        weight[[3, 4]] = weight[[4, 3]]
    assert model_identity(model)["weights"] == first != swapped


def test_edited_model_is_not_cached(tiny_model, tmp_path):
    with (
        edit(tiny_model, [("blocks.0.hook_mlp_out", lambda activation, hook: activation * 0)]),
        pytest.raises(ConfigError, match="this model is being edited"),
    ):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_folder_with_other_files_is_left_alone(tiny_model, tmp_path):
    save_file({"acts": torch.ones(2, 2)}, tmp_path / "mine.safetensors")
    with pytest.raises(ConfigError, match=r"holds other files \(mine\.safetensors\)"):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)


def test_empty_data_leave_no_cache(tiny_model, tmp_path):
    with pytest.raises(DataError, match="no tokens that count"):
        harvest(tiny_model, "resid_post", ["", ""], **HOW, path=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_cache_is_data_for_training_with_its_held_out_text(tiny_model, tmp_path):
    plain = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path))
    source = make_source(None, "anything", tmp_path, shuffle_rows=20)
    assert source.sites == SITE
    assert source.provenance["settings"]["ctx_len"] == 12
    held = source.hold_out(15)
    assert torch.equal(plain.tokens[: len(held.acts)], held.tokens[held.mask])
    with torch.no_grad():
        _, run = tiny_model.run_with_cache(held.tokens)
    torch.testing.assert_close(run[SITE[0]][held.mask], held.acts, rtol=1e-4, atol=1e-5)
    served = rows_of(source)
    places = {(int(doc), int(pos)): row for row, (doc, pos) in enumerate(zip(plain.doc, plain.pos, strict=True))}
    found = [places[int(doc), int(pos)] for doc, pos in zip(served.doc, served.pos, strict=True)]
    assert sorted(found) == list(range(len(held.acts), plain.n_rows))
    assert same(served, plain.take(torch.tensor(found)))


def test_a_cache_of_other_sites_or_another_model_is_no_data_for_training(tiny_model, tmp_path):
    harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    assert make_source(tiny_model, "resid_post", tmp_path, layer=0).sites == SITE
    with pytest.raises(StaleCacheError, match=r"activations of blocks\.0\.hook_resid_post, blocks\.1\.hook_resid_post"):
        make_source(tiny_model, "resid_post", tmp_path, layer=-1)
    with pytest.raises(StaleCacheError, match=r"of another model \(GPT2LMHeadModel, weights \w{8}; this one is Llama"):
        make_source(shared("llama"), "resid_post", tmp_path, layer=0)
    with pytest.raises(StaleCacheError, match=r"hook_mlp_out asked for"):
        make_source(None, "resid_post", tmp_path, layer=0, target="blocks.0.hook_mlp_out")


class Interrupted(Exception):
    """Stands for a process that was killed."""


def stop_after(source, n_forwards):
    run = source.next_windows

    def counted():
        nonlocal n_forwards
        n_forwards -= 1
        if n_forwards < 0:
            raise Interrupted
        return run()

    source.next_windows = counted
    return source


def test_interrupted_cache_has_a_usable_beginning_and_goes_on(tiny_model, tmp_path):
    plain = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW))
    small = 40 * source_of(tiny_model).row_bytes
    with pytest.raises(Interrupted):
        cached(stop_after(source_of(tiny_model), 5), tmp_path, shard_bytes=small)
    with pytest.warns(UserWarning, match="the beginning of a disk cache, 83 rows"):
        beginning = rows_of(make_source(None, "x", tmp_path, shuffle_rows=0))
    assert same(beginning, plain.take(slice(0, 83)))
    assert same(rows_of(cached(source_of(tiny_model), tmp_path, shard_bytes=small)), plain)


def test_full_disk_is_said_and_loses_nothing(tiny_model, tmp_path, monkeypatch):
    plain = rows_of(harvest(tiny_model, "resid_post", TEXTS, **HOW))
    small = 40 * source_of(tiny_model).row_bytes
    saved, written = cache_module._save_shard, []

    def fills_up(path, found):
        if len(written) == 2:
            path.write_bytes(b"half a fi")
            raise OSError(28, "No space left on device")
        written.append(path)
        saved(path, found)

    monkeypatch.setattr(cache_module, "_save_shard", fills_up)
    with pytest.raises(DiskError, match=r"No space left.*83 rows are on the disk; the same call goes on from there"):
        cached(source_of(tiny_model), tmp_path, shard_bytes=small)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json", "rows-00000.safetensors", "rows-00001.safetensors",
    ]  # fmt: skip
    monkeypatch.setattr(cache_module, "_save_shard", saved)
    assert same(rows_of(cached(source_of(tiny_model), tmp_path, shard_bytes=small)), plain)


def test_a_disk_that_is_too_small_is_refused_before_anything_runs(tiny_model, tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 0, 10_000))
    with pytest.raises(DiskError, match=r"need .* on the disk of .*, 10 kB are free; use n_rows=\d+, dtype='float16'"):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path / "a", n_rows=10**6)
    assert not (tmp_path / "a").exists()


def test_nan_leaves_the_rows_before_it(tiny_model, tmp_path):
    model = make("gpt2")
    rare = int(model.to_tokens(" drink", prepend_bos=False)[0, -1])
    with torch.no_grad():
        model.original_model.transformer.wte.weight[rare] = float("nan")
    small = 20 * source_of(model).row_bytes
    with pytest.raises(NonFiniteError, match="document"):
        cached(source_of(model, [*TEXTS[:5], "a drink"]), tmp_path, shard_bytes=small)
    assert json.loads((tmp_path / "manifest.json").read_text())["n_rows"] > 0


def test_shard_that_was_cut_or_exchanged_is_refused(tiny_model, tmp_path):
    harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    shard = tmp_path / "rows-00000.safetensors"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SaveFormatError, match="is not a whole safetensors file"):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    save_file({"acts": torch.ones(2, 32)}, shard)
    with pytest.raises(SaveFormatError, match=r"has 2 rows, \d+ were written"):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(SaveFormatError, match="not the manifest of a disk cache"):
        harvest(tiny_model, "resid_post", TEXTS, **HOW, path=tmp_path)


DIGITS = ["".join(str((3 * row + column * column) % 10) for column in range(row % 6 + 2)) for row in range(60)]


def by_hand():
    """A source that needs neither transformers nor TransformerLens, so that a process with it starts at once."""
    return Harvested(
        HandMade(), SITE, SITE, DIGITS, reading=Reading(ctx_len=8, batch_size=2, separator=None), n_rows=None
    )


KILLED = """
import sys, time
from pathlib import Path
import safetensors.torch as st
from interp_nb.sae.cache import cached
from tests.unit.sae.test_cache import by_hand

write = st.save_file
def slowly(tensors, path, metadata=None):
    # The first half of the file, a pause in which the kill comes, then all of it.
    write(tensors, path, metadata)
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2])
    print("writing", flush=True)
    time.sleep(0.05)
    Path(path).write_bytes(whole)
st.save_file = slowly
source = by_hand()
cached(source, Path(sys.argv[1]), shard_bytes=30 * source.row_bytes)
"""


@pytest.mark.slow
def test_kill_in_the_middle_of_a_shard_loses_that_shard_only(tmp_path):
    plain = rows_of(by_hand())
    folder = tmp_path / "rows"
    rng = random.Random(5)
    for n_written in (0, 1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        for _ in range(n_written + 1):
            assert process.stdout.readline() == "writing\n"
        time.sleep(rng.random() * 0.04)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if (folder / "manifest.json").exists():
            with pytest.warns(UserWarning, match="the beginning of a disk cache"):
                beginning = rows_of(make_source(None, "x", folder, shuffle_rows=0))
            assert same(beginning, plain.take(slice(0, beginning.n_rows)))
            assert beginning.n_rows >= 30 * n_written
        else:
            assert n_written == 0
    source = by_hand()
    assert same(rows_of(cached(source, folder, shard_bytes=30 * source.row_bytes)), plain)
    assert not list(folder.glob("*.part"))


def test_file_is_the_old_one_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "a" / "file.txt"
    write_atomically(path, lambda part: part.write_text("old"))

    def fails(part):
        part.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskError, match=r"file\.txt could not be written \(.*No space left.*what was there before is"):
        write_atomically(path, fails)
    assert path.read_text() == "old"
    synced = []
    monkeypatch.setattr(_atomic, "flush", lambda at: synced.append((at, path.read_text())))
    write_atomically(path, lambda part: part.write_text("new"))
    (part, before), after = synced
    assert part.parent == path.parent and part.match("file.txt.*.part")
    assert (before, after) == ("old", (path.parent, "new"))
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def test_other_errors_come_through_and_leave_no_part(tmp_path):
    def fails(part):
        part.write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "b", fails)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_a_disk_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not be written"):
        write_atomically(tmp_path / "file" / "b", lambda part: part.write_text("x"))
