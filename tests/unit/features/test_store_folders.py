"""Stores on disk: killed, half written, of something else, appended to, opened again."""

import json
import random
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.house.source import ROOT
from tests.unit.features.store_cases import D_IN, D_SAE, Rows, make_sae, same

SMALL = {"n_top": 5, "n_sampled": 8, "n_bands": 4, "n_tokens_kept": 3, "progress": False}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    from interp_nb.features import build as building

    monkeypatch.setattr(building, "CHUNK", 16)
    monkeypatch.setattr(building, "BLOCK_ROWS", 48)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(source, path=None, sae=None, **more):
    from interp_nb.features.building import feature_store

    return feature_store(make_sae() if sae is None else sae, None, source, path, **(SMALL | more))


def mismatch():
    from interp_nb._errors import StoreMismatchError

    return StoreMismatchError


class Stops(Rows):
    """Breaks off after some rows, as a machine would."""

    def __init__(self, after: int, **how) -> None:
        super().__init__(**how)
        self.after = after

    def next(self, n_rows):
        if self._at >= self.after:
            raise KeyboardInterrupt
        return super().next(n_rows)


@pytest.mark.parametrize("after", [0, 100, 250, 420])
def test_interrupted_build_goes_on_to_the_same_store(tmp_path, after):
    from interp_nb.features.store import load_store

    expected = build(Rows(), snapshot_every=100)
    with pytest.raises(KeyboardInterrupt):
        build(Stops(after), tmp_path / "store", snapshot_every=100)
    if after >= 250:
        half = load_store(tmp_path / "store")
        assert not half.complete
        assert after - 148 <= half.n_tokens <= after + 16
        assert repr(half).endswith(" alive, unfinished)")
        assert half.latent(0).cofiring == ()
    store = build(Rows(), tmp_path / "store", snapshot_every=100)
    assert store.complete
    same(store, expected)
    assert [path.name for path in (tmp_path / "store").glob("gen-*")] == [f"gen-{store._manifest['generation']:06d}"]


@pytest.mark.slow
def test_killed_build_ends_with_the_same_store(tmp_path):
    """SIGKILL at random lines, tables half written included; every time the folder opens with whole snapshots."""
    from interp_nb.features.store import load_store
    from tests.killed_store import build as build_text

    expected = build_text(None)
    draw, folder, kills, done = random.Random(1), tmp_path / "store", 0, False
    while not done:
        command = [sys.executable, "-m", "tests.killed_store", str(folder)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            assert running.stdout is not None
            left = draw.randint(8, 45)
            for line in running.stdout:
                done = line.startswith("done")
                assert done or line.startswith("writing"), line + running.stdout.read()
                left -= 1
                if left == 0 and not done:
                    running.send_signal(signal.SIGKILL)
                    kills += 1
                    break
        if (folder / "store.json").is_file():
            opened = load_store(folder)
            assert opened.column("count").sum() > 0
            assert opened.n_tokens >= 100
    assert kills >= 2, "it was over before it could be killed often enough to mean anything"
    same(build_text(folder), expected)


def test_finished_store_is_returned_as_it_is(tmp_path):
    store = build(Rows(), tmp_path / "store")
    before = (tmp_path / "store" / "store.json").read_bytes()
    again = build(Rows(), tmp_path / "store")
    assert (tmp_path / "store" / "store.json").read_bytes() == before
    same(store, again)


def test_more_tokens_of_the_same_data_are_read_on(tmp_path):
    build(Rows(), tmp_path / "store", n_tokens=96)
    store = build(Rows(), tmp_path / "store", n_tokens=288)
    assert store.n_tokens == 288
    whole = build(Rows(), n_tokens=288)
    for name in ("count", "max", "mean"):
        np.testing.assert_array_equal(store.column(name), whole.column(name))


def test_another_sae_is_refused(tmp_path):
    from interp_nb.features.store import load_store

    build(Rows(), tmp_path / "store")
    with pytest.raises(mismatch(), match=r"was built with another SAE: SAE hash was '\w+', is '\w+'\. Give those"):
        build(Rows(), tmp_path / "store", sae=make_sae(seed=1))
    with pytest.raises(mismatch(), match="another SAE"):
        load_store(tmp_path / "store", sae=make_sae(seed=1))
    same(load_store(tmp_path / "store", sae=make_sae()), build(Rows()))


def test_other_settings_are_refused_by_name(tmp_path):
    build(Rows(), tmp_path / "store")
    with pytest.raises(mismatch(), match="another setting: setting n_top was 5, is 6"):
        build(Rows(), tmp_path / "store", n_top=6)


def test_other_data_are_refused_unless_they_are_to_be_added(tmp_path):
    build(Rows(), tmp_path / "store")
    with pytest.raises(mismatch(), match="give append=True to add these to it, or another path"):
        build(Rows(seed=5), tmp_path / "store")
    store = build(Rows(seed=5), tmp_path / "store", append=True)
    assert store.n_tokens == Rows().n_rows + Rows(seed=5).n_rows
    with pytest.warns(UserWarning, match="in the store already; nothing was added"):
        again = build(Rows(seed=5), tmp_path / "store", append=True)
    assert again.n_tokens == store.n_tokens


def test_unfinished_store_is_finished_before_other_data_come(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build(Stops(200), tmp_path / "store", snapshot_every=100)
    with pytest.raises(mismatch(), match="is not finished: 144 tokens"):
        build(Rows(seed=5), tmp_path / "store", snapshot_every=100, append=True)


def test_interrupted_append_goes_on(tmp_path):
    expected = build(Rows(), tmp_path / "whole", snapshot_every=100).append(Rows(seed=5), progress=False)
    store = build(Rows(), tmp_path / "store", snapshot_every=100)
    with pytest.raises(KeyboardInterrupt):
        store.append(Stops(300, seed=5), progress=False)
    store.refresh()
    assert not store.complete
    store.append(Rows(seed=5), progress=False)
    same(store, expected)


@pytest.mark.parametrize("name", ["top", "latents", "sample"])
def test_half_written_table_is_said(tmp_path, name):
    from interp_nb._errors import SaveFormatError
    from interp_nb.features.store import load_store

    build(Rows(), tmp_path / "store")
    (file,) = (tmp_path / "store").glob(f"gen-*/{name}.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SaveFormatError, match=r"is not a whole table of a store .* build the store again"):
        load_store(tmp_path / "store")._table(name)


def test_damage_inside_a_table_is_said(tmp_path):
    from interp_nb._errors import SaveFormatError
    from interp_nb.features.store import load_store

    build(Rows(n_docs=12), tmp_path / "store").close()
    (table,) = (tmp_path / "store").glob("gen-*/top.parquet")
    content = bytearray(table.read_bytes())
    content[4:400] = bytes(396)
    table.write_bytes(content)
    with load_store(tmp_path / "store") as store, pytest.raises(SaveFormatError, match=r"top\.parquet is damaged"):
        [store.latent(index) for index in range(store.d_sae)]


def test_manifest_that_lacks_something_is_said(tmp_path):
    from interp_nb._errors import SaveFormatError
    from interp_nb.features.store import load_store

    build(Rows(n_docs=12), tmp_path / "store").close()
    file = tmp_path / "store" / "store.json"
    found = json.loads(file.read_text())
    del found["edges"]
    file.write_text(json.dumps(found))
    with pytest.raises(SaveFormatError, match="edges"):
        load_store(tmp_path / "store")


def test_store_that_is_being_built_is_left_to_its_builder(tmp_path):
    from interp_nb._atomic import alone
    from interp_nb._errors import ConfigError

    store = build(Rows(n_docs=12), tmp_path / "store")
    with alone(tmp_path / "store" / ".lock"):
        with pytest.raises(ConfigError, match="is being built by another process or thread"):
            build(Rows(n_docs=12), tmp_path / "store")
        with pytest.raises(ConfigError, match="is being built by another process or thread"):
            store.append(Rows(n_docs=5, seed=3))
    assert build(Rows(n_docs=12), tmp_path / "store").n_tokens == store.n_tokens


def test_open_store_goes_on_when_another_object_appends(tmp_path):
    from interp_nb.features.store import load_store

    store = build(Rows(n_docs=12), tmp_path / "store")
    reader = load_store(tmp_path / "store")
    before = reader.n_tokens
    store.append(Rows(n_docs=5, seed=3), progress=False)
    assert reader.latent(0) is not None
    assert reader.n_tokens == store.n_tokens > before
    same(reader, store)


def test_folder_of_other_things_is_left_alone(tmp_path):
    from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError
    from interp_nb.features.store import load_store

    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="holds other files"):
        build(Rows(), tmp_path)
    with pytest.raises(ModelNotFoundError, match="no feature store at"):
        load_store(tmp_path)
    (tmp_path / "store.json").write_text("{half")
    with pytest.raises(SaveFormatError, match="is not the manifest"):
        load_store(tmp_path)
    (tmp_path / "store.json").write_text(json.dumps({"class": "FeatureStore", "schema": 99, "version": "7"}))
    with pytest.raises(SaveFormatError, match="schema 99"):
        load_store(tmp_path)


def test_temporary_store_goes_with_its_object():
    store = build(Rows())
    path = store.path
    assert path.is_dir()
    with store:
        assert store.latent(0).count > 0
    assert not path.exists()


def test_store_moves_with_its_folder(tmp_path):
    from interp_nb.features.store import load_store

    built = build(Rows(), tmp_path / "here")
    target = tmp_path / "there"
    for name in built.files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built.path / name, target / name)
    moved = load_store(target)
    same(moved, built)
    acts = torch.randn(5, D_IN)
    torch.testing.assert_close(moved.sae.encode(acts), make_sae().encode(acts))


def test_full_disk_keeps_the_last_snapshot(tmp_path, monkeypatch):
    from interp_nb._errors import DiskError
    from interp_nb.features import tables
    from interp_nb.features.store import load_store

    write, calls = tables.pq.ParquetWriter.write_table, []

    def full(self, *args, **how):
        calls.append(1)
        if len(calls) > 14:
            raise OSError(28, "No space left on device")
        return write(self, *args, **how)

    monkeypatch.setattr(tables.pq.ParquetWriter, "write_table", full)
    with pytest.raises(DiskError, match="No space left"):
        build(Rows(), tmp_path / "store", snapshot_every=100)
    monkeypatch.undo()
    assert load_store(tmp_path / "store").n_tokens > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_top": 0}, "n_top must be a whole number from 1"),
        ({"n_bands": 9}, "n_bands must be at most n_sampled=8, got 9"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"batch_tokens": 0}, "batch_tokens must be a whole number from 1"),
        ({"ctx_len": 64}, "ctx_len: settings of reading text"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    from interp_nb._errors import ConfigError

    with pytest.raises(ConfigError, match=message):
        build(Rows(), **settings)


def test_too_little_memory_is_refused_before_anything_is_read():
    from interp_nb._errors import MemoryBudgetError

    source = Rows()
    with pytest.raises(MemoryBudgetError, match=f"a store of {D_SAE} latents needs about"):
        build(source, max_bytes=10_000)
    assert source.state() == {"at": 0}


def test_rows_of_another_width_are_refused():
    from interp_nb._errors import ShapeError

    with pytest.raises(ShapeError, match=f"rows of width {D_IN} .* these latents read 9"):
        build(Rows(), sae=torch.ones(3, 9))
