"""Feature dictionaries: versions that are whole or not there, known by their content, and can be gone back to."""

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, DiskError, ModelNotFoundError, SaveFormatError, StoreMismatchError
from interp_nb.features.artifact import part_of
from interp_nb.features.gate import gate_features
from interp_nb.features.labels import Label
from interp_nb.features.versions import FeatureDictionary

ACCURACY = {"balanced_accuracy": 0.9, "n_docs": 9}
HOSTILE = "$\\frac{1}{0}$ </script><img src=x onerror=alert(1)> \u202e\x00"


def rows(seed: int = 0) -> torch.Tensor:
    return torch.randn(400, 6, generator=torch.Generator().manual_seed(seed))


def make_store(folder, *, seed: int = 0, n_rows: int = 400):
    """A store of a small random SAE over rows of activations."""
    from interp_nb.features.building import feature_store
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig
    from interp_nb.sae.tensors import TensorSource

    sae = SAE(SAEConfig(d_in=6, d_sae=12, k=2, architecture="topk", sites=("blocks.0.hook_resid_post",)), seed=seed)
    source = TensorSource(rows()[:n_rows], sites=("blocks.0.hook_resid_post",))
    return feature_store(sae, None, source, folder, progress=False)


@pytest.fixture
def store(tmp_path):
    made = make_store(tmp_path / "store")
    made.labels.add_all(
        [Label(index, f"name {index}", "tokens", score={"detection": ACCURACY | {"low": 0.6 + 0.05 * index}})
         for index in range(4)]
    )  # fmt: skip
    return made


@pytest.fixture
def book(store, tmp_path):
    return FeatureDictionary.create(store, tmp_path / "book", note="first")


def relabelled(store, text="another name", latent=1):
    store.labels.write(latent, text, author="ada")
    return store


def alive(store):
    return np.flatnonzero(~store.column("dead")).tolist()


# Making and reading


def test_created_dictionary_is_the_store_with_its_labels(store, book, tmp_path):
    again = FeatureDictionary.open(tmp_path / "book")
    for each in (book, again):
        assert (each.version, each.parent, each.note, each.current, each.versions) == (
            "v0001", None, "first", "v0001", ("v0001",),
        )  # fmt: skip
        assert each.latents.tolist() == alive(store)
        assert {latent: label.text for latent, label in each.labels.items()} == store.labels.texts()
        assert each.thresholds is None and each.content == book.content
        np.testing.assert_array_equal(each.store.column("count"), store.column("count"))
        torch.testing.assert_close(each.sae.W_dec, store.sae.W_dec)
    assert book.card["of"]["latents"]["hash"] == book.card["sha256"]
    assert book.scores[2]["confidence"] == pytest.approx(0.7) and 5 not in book.scores
    frame = again.to_frame()
    assert frame.latent_idx.tolist() == alive(store) and frame.label[0] == "name 0" and frame.confidence.isna().any()


def test_repr_is_exact(book):
    n = len(book.latents)
    assert repr(book) == f"FeatureDictionary(v0001, blocks.0.hook_resid_post, {n} of 12 latents, {book.content[:8]})"


def test_history_is_drawn_with_hostile_notes_as_text(store, book):
    book = book.add(relabelled(store), note=HOSTILE)
    shown = book._repr_html_()
    assert "<img" not in shown and "&lt;img" in shown and "first" in shown


def test_equal_content_has_an_equal_hash(store, book, tmp_path):
    assert FeatureDictionary.create(store, tmp_path / "other", note="elsewhere").content == book.content
    assert book.add(relabelled(store)).content != book.content


def test_a_version_has_a_copy_that_the_store_cannot_change(store, book):
    before = book.labels
    relabelled(store)
    book.verify()
    assert FeatureDictionary.open(book.path).labels == before


def test_adding_makes_a_new_current_version_and_keeps_the_old(store, book):
    second = book.add(relabelled(store), note="ada's")
    assert (second.version, second.parent, second.current) == ("v0002", "v0001", "v0002")
    assert second.labels[1].text == "another name" and second.labels[1].human
    first = FeatureDictionary.open(book.path, "v0001")
    assert first.labels[1].text == "name 1" and first.current == "v0002"
    assert [(event.action, event.version, event.note) for event in second.history()] == [
        ("create", "v0001", "first"), ("add", "v0002", "ada's"),
    ]  # fmt: skip


def test_versions_share_equal_files(store, book):
    second = book.add(relabelled(store))
    same = [folder.path / folder.version / "store" / "sae" / "sae.safetensors" for folder in (book, second)]
    assert same[0].stat().st_ino == same[1].stat().st_ino
    labels = [folder.path / folder.version / "store" / "labels.jsonl" for folder in (book, second)]
    assert labels[0].stat().st_ino != labels[1].stat().st_ino


def test_checkout_is_a_store_of_its_own(book, tmp_path):
    working = book.checkout(tmp_path / "working")
    relabelled(working)
    book.verify()
    assert book.add(working).labels[1].text == "another name"
    with pytest.raises(ConfigError, match="there already"):
        book.checkout(tmp_path / "working")


def test_more_text_makes_another_version(store, book, tmp_path):
    second = book.add(make_store(tmp_path / "less", n_rows=300), note="less text")
    assert second.store.n_tokens == 300 and second.labels == {}


# Refusals


def test_a_second_dictionary_in_one_place_is_refused(store, book):
    with pytest.raises(ConfigError, match=r"already; to add a version to it, FeatureDictionary\.open\(path\)\.add"):
        FeatureDictionary.create(store, book.path)


def test_nothing_changed_is_refused(store, book):
    with pytest.raises(ConfigError, match="nothing changed since v0001"):
        book.add(store)
    assert book.versions == ("v0001",) and not (book.path / "v0002").exists()


def test_a_store_of_another_sae_is_refused(book, tmp_path):
    with pytest.raises(StoreMismatchError, match=r"another SAE or model than this store \(hash .* there, .* here\)"):
        book.add(make_store(tmp_path / "other", seed=1))
    assert book.current == "v0001"


def test_a_store_of_another_model_is_refused(store, book, monkeypatch):
    provenance = {**store.provenance, "model": {"name": "other", "weights": "abc"}}
    monkeypatch.setattr(type(store), "provenance", property(lambda self: provenance))
    with pytest.raises(StoreMismatchError, match="model weights None there, abc here"):
        book.add(store)


def test_missing_dictionaries_and_versions_are_named(book, tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"no feature dictionary at .*nowhere.*is none"):
        FeatureDictionary.open(tmp_path / "nowhere")
    with pytest.raises(SaveFormatError, match="no version 'v0007'; did you mean 'v0001'"):
        FeatureDictionary.open(book.path, "v0007")


def test_a_file_is_no_place_for_a_dictionary(store, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="is a file"):
        FeatureDictionary.create(store, tmp_path / "file")


def test_a_store_whose_files_are_gone_adds_nothing(store, book):
    relabelled(store)
    (store.path / "geometry.parquet").unlink()
    files = store.files()
    store.files = lambda: [*files, *[store.path.relative_to(store.path) / "geometry.parquet"]]
    with pytest.raises(DiskError, match="the versions before it are untouched"):
        book.add(store)
    assert FeatureDictionary.open(book.path).version == "v0001"
    assert sorted(path.name for path in book.path.iterdir()) == [".lock", "dictionary.json", "v0001"]


def test_a_journal_of_a_newer_version_is_refused(book):
    file = book.path / "dictionary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema": 2}))
    with pytest.raises(SaveFormatError, match=r"has schema 2 .* this version reads schema 1"):
        FeatureDictionary.open(book.path)


# Going back


def test_rollback_makes_the_version_before_current(store, book):
    second = book.add(relabelled(store))
    back = second.rollback(note="worse")
    assert (back.version, back.current, back.versions) == ("v0001", "v0001", ("v0001", "v0002"))
    assert FeatureDictionary.open(book.path).labels[1].text == "name 1"
    assert back.history()[-1][:3] == ("rollback", "v0001", "worse")
    assert FeatureDictionary.open(book.path, "v0002").labels[1].text == "another name"


def test_rollback_of_the_first_version_is_refused(book):
    with pytest.raises(ConfigError, match=r"v0001 is the first version of .*: there is none to go back to"):
        book.rollback()
    assert book.current == "v0001"


def test_rollback_follows_what_was_current_and_can_go_anywhere(store, book):
    second = book.add(relabelled(store))
    third = second.rollback().add(relabelled(store, "third"))
    assert (third.version, third.parent) == ("v0003", "v0001")
    assert third.rollback().version == "v0001"
    assert third.rollback("v0002").version == third.current == "v0002"
    with pytest.raises(SaveFormatError, match="no version 'v9'"):
        third.rollback("v9")


def test_rollback_to_a_damaged_version_is_refused(store, book):
    second = book.add(relabelled(store))
    (book.path / "v0001" / "scores.json").write_text("{}")
    with pytest.raises(SaveFormatError, match=r"its scores changed \(scores.json has other content\)"):
        second.rollback()
    assert second.current == "v0002"


# Tampering

TAMPERED = {
    "store/sae/sae.safetensors": "SAE", "store/sae/card.json": "SAE", "store/store.json": "store",
    "store/geometry.parquet": "store", "store/gen-000001/latents.parquet": "store", "store/labels.jsonl": "labels",
    "scores.json": "scores", "features.json": "features",
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
@pytest.mark.parametrize("how", ["a byte", "missing"])
def test_tampering_is_found_and_named(book, name, how):
    file = book.path / "v0001" / name
    if how == "missing":
        file.unlink()
    else:
        held = bytearray(file.read_bytes())
        held[len(held) // 2] ^= 1
        file.write_bytes(held)
    with pytest.raises(SaveFormatError) as caught:
        FeatureDictionary.open(book.path)
    said = "is missing" if how == "missing" else "has other content"
    assert f"its {TAMPERED[name]} changed ({name} {said})" in str(caught.value)
    assert "verify=False).rollback()" in str(caught.value)


def test_every_file_of_a_version_is_hashed(book):
    inside = {
        path.relative_to(book.path / "v0001").as_posix() for path in (book.path / "v0001").rglob("*") if path.is_file()
    }
    hashed = json.loads((book.path / "v0001" / "version.json").read_text())["files"].keys()
    assert inside == {"version.json", *hashed}
    assert {part_of(name) for name in hashed} == {"SAE", "store", "labels", "scores", "features"}


def test_a_forged_list_of_files_is_found(book):
    file = book.path / "v0001" / "version.json"
    (book.path / "v0001" / "scores.json").write_text("{}")
    forged = json.loads(file.read_text())
    forged["files"].pop("scores.json")
    file.write_text(json.dumps(forged))
    with pytest.raises(SaveFormatError, match=r"its list of files changed \(version.json has other content\)"):
        FeatureDictionary.open(book.path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files": 3}', '{"files": {"../x": "0"}}'])
def test_a_broken_list_of_files_is_found(book, text):
    (book.path / "v0001" / "version.json").write_text(text)
    with pytest.raises(SaveFormatError, match="its list of files changed"):
        FeatureDictionary.open(book.path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1, "current": "v0001", "versions": {}}'])
def test_a_broken_journal_is_said_plainly(book, text):
    (book.path / "dictionary.json").write_text(text)
    with pytest.raises(SaveFormatError, match=r"dictionary\.json is damaged"):
        FeatureDictionary.open(book.path)


def test_a_damaged_current_version_keeps_nobody_from_going_on(store, book):
    second = book.add(relabelled(store))
    (book.path / "v0002" / "store" / "labels.jsonl").write_text("")
    assert FeatureDictionary.open(book.path, verify=False).rollback().version == "v0001"
    second.rollback("v0001")
    assert book.add(relabelled(store, "third")).version == "v0003"


# The gate


def test_only_features_that_pass_the_gate_are_in_a_version(store, tmp_path):
    gate = gate_features(store, confidence=0.68, causal_effect=None, specificity=None)
    book = FeatureDictionary.create(store, tmp_path / "book", gate=gate)
    assert book.latents.tolist() == gate.passing.tolist() == [2, 3]
    assert book.thresholds == {"confidence": 0.68, "causal_effect": None, "specificity": None}
    assert set(book.labels) == {2, 3} and set(book.scores) == {2, 3}
    assert book.gate(confidence=0.74, causal_effect=None, specificity=None).passing.tolist() == [3]


def test_a_gate_that_nothing_passes_leaves_the_current_version_untouched(store, book):
    relabelled(store)
    gate = gate_features(store, confidence=0.99, causal_effect=None, specificity=None)
    with pytest.raises(ConfigError, match=r"GateReport\(0 of 4 features pass: confidence 0.99\): no feature passed"):
        book.add(store, gate=gate)
    assert (book.current, book.versions) == ("v0001", ("v0001",))
    assert FeatureDictionary.open(book.path).content == book.content


def test_a_gate_of_another_state_of_the_store_is_refused(store, book):
    gate = gate_features(store, causal_effect=None, specificity=None)
    with pytest.raises(StoreMismatchError, match="before it was labelled or read further"):
        book.add(relabelled(store), gate=gate)
    assert book.add(store, gate=replace(gate, of=gate_features(store, causal_effect=None, specificity=None).of))


# Killed in the middle

WRITES = ("fsync", "replace", "rename", "link", "mkdir", "unlink")


def killed_at(nth, work) -> bool:
    """Do some work in a process that is killed just before its nth write; say whether it came to an end before."""
    child = os.fork()
    if child == 0:
        left = nth

        def counted(function):
            def call(*args, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return call

        for name in WRITES:
            setattr(os, name, counted(getattr(os, name)))
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work itself failed"
    return not os.WIFSIGNALED(status)


def kill_everywhere(work, check) -> int:
    """Kill some work before each of its writes in turn, and look at what is left; return how many there were."""
    nth = 0
    while not killed_at(nth, work):
        check(False)
        nth += 1
        assert nth < 500
    check(True)
    return nth


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process; run it on Linux or macOS")


@pytest.mark.slow
@needs_fork
def test_killed_while_created_leaves_no_dictionary_or_a_whole_one(store, tmp_path):
    store.column("dead"), store.files()
    folder = tmp_path / "book"
    seen = set()

    def check(finished):
        try:
            found = FeatureDictionary.open(folder)
            assert found.version == "v0001" and found.latents.tolist() == alive(store)
            shutil.rmtree(folder)
            seen.add("whole")
        except ModelNotFoundError as error:
            assert not finished
            seen.add("never finished" if "never finished" in str(error) else "none")
        # What is left is no obstacle to doing it again: the next attempt begins in this folder.

    n_writes = kill_everywhere(lambda: FeatureDictionary.create(store, folder, note="first"), check)
    assert n_writes > 20 and seen == {"none", "never finished", "whole"}


@pytest.mark.slow
@needs_fork
def test_killed_while_a_version_is_added_leaves_the_old_or_the_new(store, book, tmp_path):
    relabelled(store).column("dead")
    current = set()

    def check(finished):
        found = FeatureDictionary.open(book.path)
        current.add(found.version)
        assert found.labels[1].text == {"v0001": "name 1", "v0002": "another name"}[found.version]
        assert finished <= (found.version == "v0002")
        FeatureDictionary.open(book.path, "v0001")
        if found.version == "v0002":
            shutil.rmtree(book.path)
            shutil.copytree(tmp_path / "before", book.path)

    shutil.copytree(book.path, tmp_path / "before")
    n_writes = kill_everywhere(lambda: book.add(store), check)
    assert n_writes > 20 and current == {"v0001", "v0002"}


@needs_fork
def test_killed_while_rolled_back_leaves_one_of_the_two(store, book):
    second = book.add(relabelled(store))
    seen = set()

    def check(finished):
        found = FeatureDictionary.open(book.path)
        seen.add(found.version)
        assert finished <= (found.version == "v0001")
        if found.version == "v0001":
            book.rollback("v0002")

    assert kill_everywhere(lambda: second.rollback("v0001"), check) >= 3
    assert seen == {"v0001", "v0002"}


@needs_fork
def test_two_processes_that_add_at_once_both_add(store, book, tmp_path):
    other = book.checkout(tmp_path / "other")
    relabelled(other, "theirs")
    relabelled(store, "ours")
    for each in (store, other):
        each.column("dead")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.read(read, 1)
            book.add(other)
            status = 0
        finally:
            os._exit(status)
    os.write(write, b"!")
    book.add(store)
    assert os.waitpid(child, 0)[1] == 0
    assert book.versions == ("v0001", "v0002", "v0003")
    texts = {FeatureDictionary.open(book.path, name).labels[1].text for name in ("v0002", "v0003")}
    assert texts == {"ours", "theirs"}


def test_versions_are_compared_by_the_features_that_are_in_them(store, book):
    from interp_nb.features.drift import compare_dictionaries

    gate = gate_features(store, confidence=0.68, causal_effect=None, specificity=None)
    drift = compare_dictionaries(book, book.add(store, gate=gate))
    assert drift.of("kept").tolist() == [2, 3] and drift.labels_b[3] == "name 3"
    assert drift.of("died").tolist() == [latent for latent in alive(store) if latent not in (2, 3)]
    assert drift.a.startswith("FeatureDictionary(v0001") and drift.b.startswith("FeatureDictionary(v0002")


def test_a_checkout_reads_more_text(book, tmp_path):
    from interp_nb.sae.tensors import TensorSource

    working = book.checkout(tmp_path / "working")
    working.append(TensorSource(rows(1), sites=("blocks.0.hook_resid_post",)), progress=False)
    assert book.add(working, note="more text").store.n_tokens == 800
