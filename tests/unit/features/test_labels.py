"""The label book: whose label counts, and what survives concurrent writers, kills and hostile text."""

import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from interp_nb._errors import ConfigError, DiskError, ShapeError
from interp_nb.features.building import feature_store
from interp_nb.features.labels import FILE, HUMAN, Label, LabelBook
from tests.unit.features.store_cases import D_SAE, Rows, make_sae

ROOT = Path(__file__).parents[3]
HOSTILE = ["<script>alert(1)</script>", "a\nb\r\n\u2028c", '{"latent_idx": 1}', "\x00\x1b[31m", "‮abc", "\ud800", "=1+1"]


def machine(latent: int, text: str, method: str = "tokens", **more) -> Label:
    return Label(latent, text, method, method, **more)


def test_newest_label_of_a_machine_counts(tmp_path):
    book = LabelBook(tmp_path)
    book.add_all([machine(3, "old"), machine(3, "new", "local"), machine(5, "other")])
    assert book.of(3).text == "new"
    assert book.machine(3, "tokens").text == "old"
    assert book.texts() == {3: "new", 5: "other"}
    assert [label.text for label in book.history(3)] == ["old", "new"]
    assert book.of(4) is None and book.latents() == [3, 5]


def test_persons_label_is_never_overwritten_by_a_machine(tmp_path):
    book = LabelBook(tmp_path)
    book.add(machine(3, "before"))
    made = book.write(3, "  cities ", author="ada")
    book.add(machine(3, "after"))
    assert (made.text, made.human, made.method, made.author) == ("cities", True, HUMAN, "ada")
    assert made.time.endswith("+00:00")
    assert book.of(3) == made
    assert len(book.history(3)) == 3
    assert LabelBook(tmp_path).of(3) == made
    assert repr(book) == "LabelBook(1 latents labelled, 1 by people)"


def test_newest_of_people_counts_and_an_empty_text_takes_back(tmp_path):
    book = LabelBook(tmp_path)
    book.add(machine(3, "the machine's"))
    book.write(3, "ada's", author="ada")
    book.write(3, "bob's", author="bob")
    assert book.of(3).text == "bob's"
    book.write(3, "", author="bob")
    assert book.of(3).text == "ada's", "taking one's own label back leaves the others'"
    book.write(3, "", author="ada")
    assert book.of(3).text == "the machine's"


def test_verdict_on_a_machines_label(tmp_path):
    book = LabelBook(tmp_path)
    book.add_all([machine(1, "right one"), machine(2, "wrong one")])
    assert book.judge(1, True, author="ada").text == "right one"
    assert book.judge(2, False, author="ada").reliable is False
    assert book.of(1).human and book.of(1).reliable
    # It is no longer trusted, though nobody has a better one.
    assert book.of(2) == replace(book.machine(2), reliable=False), "nobody has a better one"
    book.write(2, "ada's", author="ada")
    book.judge(2, False, author="ada")
    assert book.of(2).text == "ada's", "a verdict on the machine's label does not take one's own back"
    book.add(machine(4, "old"))
    book.judge(4, False, author="ada")
    book.add(machine(4, "new"))
    assert book.of(4) == book.machine(4), "the verdict was on the old label"
    with pytest.raises(ConfigError, match="latent 9 has no label of a machine"):
        book.judge(9, True, author="ada")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(tmp_path, text):
    book = LabelBook(tmp_path)
    book.add_all([machine(1, text), machine(2, "after", explanation={"rule": text}, score={"x": float("nan")})])
    book = LabelBook(tmp_path)
    assert book.of(1).text == text
    assert book.of(2).explanation == {"rule": text} and book.of(2).score == {"x": None}
    assert len((tmp_path / FILE).read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda book: book.write(1, "x", author=" "), "needs an author"),
        (lambda book: book.write(1, "x" * 2001, author="a"), "2000 characters, got 2001"),
        (lambda book: book.add(machine(-1, "x")), "latent_idx must be at least 0"),
        (lambda book: book.add(Label(1, "x", "tokens", human=True)), "does not go with method='tokens'"),
        (lambda book: book.add(Label(1, "x", HUMAN)), "human=False does not go"),
    ],
)
def test_label_that_makes_no_sense_is_refused(tmp_path, act, match):
    book = LabelBook(tmp_path)
    with pytest.raises(ConfigError, match=match):
        act(book)
    assert not (tmp_path / FILE).exists()


def test_label_of_a_latent_that_is_not_there_is_refused(tmp_path):
    book = LabelBook(tmp_path, d_sae=4)
    with pytest.raises(ShapeError, match="latents are from 0 to 3, got 4"):
        book.write(4, "x", author="ada")
    with pytest.raises(ShapeError, match="got 9"):
        book.add_all([machine(3, "x"), machine(9, "y")])
    assert not (tmp_path / FILE).exists(), "of a batch with such a label nothing is written"
    assert book.write(3, "the last", author="ada") == book.of(3)


def test_labels_of_another_store_are_passed_over_where_they_do_not_fit(tmp_path):
    LabelBook(tmp_path).add_all([machine(3, "here"), machine(4, "beyond"), machine(99_999, "far beyond")])
    book = LabelBook(tmp_path, d_sae=4)
    assert book.texts() == {3: "here"} and book.n_damaged == 2


def test_store_knows_its_latents_labels(tmp_path):
    store = feature_store(make_sae(), None, Rows(), tmp_path / "store", n_top=5, n_sampled=8, progress=False)
    LabelBook(store.path).add(machine(D_SAE, "fires on beyond"))
    assert store.search("beyond", by="label").tolist() == [] and store.labels.n_damaged == 1
    with pytest.raises(ShapeError, match=f"from 0 to {D_SAE - 1}"):
        store.labels.write(D_SAE, "x", author="ada")


def test_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ConfigError, match="live in the folder of a store"):
        LabelBook(tmp_path / "x")


def test_disk_that_refuses_is_said_and_nothing_is_lost(tmp_path, monkeypatch):
    import interp_nb.features.labels as labels

    book = LabelBook(tmp_path)
    book.add(machine(1, "kept"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(labels.os, "fsync", full)
    with pytest.raises(DiskError, match="No space left"):
        book.add(machine(1, "lost"))
    monkeypatch.undo()
    assert LabelBook(tmp_path).history(1)[0].text == "kept"


@pytest.mark.parametrize("left", [b'{"latent_idx": 1, "te', b"\xff\xfe", b'{"latent_idx": 1, "text": "cut'])
def test_half_written_last_line_is_passed_over_and_the_next_label_is_whole(tmp_path, left):
    book = LabelBook(tmp_path)
    book.add(machine(1, "whole"))
    with (tmp_path / FILE).open("ab") as file:
        file.write(left)
    assert LabelBook(tmp_path).texts() == {1: "whole"}
    book.add(machine(2, "next"))
    again = LabelBook(tmp_path)
    assert again.texts() == book.texts() == {1: "whole", 2: "next"}
    assert again.n_damaged == book.n_damaged == 1


@pytest.mark.parametrize(
    "line",
    [
        "[]", "3", '{"latent_idx": "1", "text": "x", "method": "m"}', '{"latent_idx": 1, "text": 2, "method": "m"}',
        '{"latent_idx": -1, "text": "x", "method": "m"}', '{"latent_idx": 1, "text": "x", "method": "m", "evil": 1}',
        "[" * 100_000, json.dumps({"latent_idx": 1, "text": "x" * 3000, "method": "m"}),
    ],
)  # fmt: skip
def test_line_that_is_no_label_is_passed_over(tmp_path, line):
    (tmp_path / FILE).write_text(line + "\n")
    book = LabelBook(tmp_path)
    assert book.current() == {} and book.n_damaged == 1


def test_label_added_elsewhere_is_seen(tmp_path):
    here, there = LabelBook(tmp_path), LabelBook(tmp_path)
    assert here.of(1) is None
    there.add(machine(1, "from there"))
    assert here.of(1).text == "from there"


def test_threads_and_processes_lose_no_label(tmp_path):
    """Four processes and four threads append at once; every line is whole."""
    code = (
        "import sys\nfrom interp_nb.features.labels import Label, LabelBook\n"
        "book = LabelBook(sys.argv[1])\n"
        "for i in range(40): book.add(Label(i, 'x' * 500 + sys.argv[2], 'tokens'))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)], cwd=ROOT) for n in range(2)]
    book = LabelBook(tmp_path)

    def add(name: str) -> None:
        for i in range(40):
            book.add(machine(i, "y" * 500 + name))

    threads = [threading.Thread(target=add, args=(f"thread {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in running] == [0, 0]
    whole = LabelBook(tmp_path)
    assert sum(len(whole.history(i)) for i in range(40)) == 40 * 6
    assert whole.n_damaged == 0


def test_kill_in_the_middle_of_an_append_loses_at_most_that_label(tmp_path):
    code = (
        "import sys\nfrom interp_nb.features.labels import Label, LabelBook\n"
        "book = LabelBook(sys.argv[1])\n"
        "for i in range(10**6):\n"
        "    book.add(Label(i, str(i) * 300, 'tokens'))\n"
        "    print(i, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for _ in range(20):
        process.stdout.readline()
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in process.stdout.read().split()]
    process.wait(10)
    book = LabelBook(tmp_path)
    last = max([19, *said])
    assert all(book.of(i).text == (str(i) * 300)[:2000] for i in range(last + 1))
    book.add(machine(0, "goes on"))
    assert LabelBook(tmp_path).of(0).text == "goes on"
