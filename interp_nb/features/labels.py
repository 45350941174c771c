"""Labels of latents, in a file that only grows: who said what of which latent, when, and how well it predicts.

    book = LabelBook(folder)
    book.write(3, "names of cities", author="ada")   # a person's
    book.of(3)                                       # the label that counts

A person's label counts before every machine's, however new that is; of each kind the newest counts. Nothing in the file
is ever changed: one line of JSON per label, appended under a lock and on the disk before `add` returns. A line that a
killed process left half written is passed over.
"""

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final

from interp_nb._atomic import alone
from interp_nb._errors import ConfigError, DiskError, ShapeError

FILE: Final = "labels.jsonl"
HUMAN: Final = "human"
"""`Label.method` of what a person typed."""
MAX_TEXT: Final = 2000
"""Longest label, in characters: a label names a concept, and a store is no place for what a broken service sends."""


@dataclass(frozen=True)
class Label:
    """What somebody or something says a latent stands for."""

    latent_idx: int
    """Index of the latent."""
    text: str
    """The label; plain text, whatever it looks like. Empty: no label, or a person's own that was taken back."""
    method: str
    """How it was made: "tokens", "ground_truth", "human", ..."""
    author: str = ""
    """Who made it: a person, or the name of a model."""
    time: str = ""
    """When, in UTC (ISO 8601)."""
    score: dict[str, Any] = field(default_factory=dict)
    """How well it predicts firing on held-out text, see `scoring.Score.to_json`; empty where nobody measured."""
    reliable: bool | None = None
    """Whether it predicts well enough on all strengths of firing; of a person's, the verdict. None: not known."""
    human: bool = False
    """Whether a person said so."""
    explanation: dict[str, Any] = field(default_factory=dict)
    """What predicts: the explainer's rule, plain JSON."""


def utc_now() -> str:
    """Return the time as labels hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class LabelBook:
    """The labels of a store, current and past.

    Args:
        path: The store's folder; it is made when the first label is added.
        d_sae: How many latents the store has; None = not known, and any is taken.

    Raises:
        ConfigError: the path is a file.
    """

    def __init__(self, path: str | Path, d_sae: int | None = None) -> None:
        self.path = Path(path) / FILE
        if Path(path).is_file():
            raise ConfigError(f"labels live in the folder of a store, {path} is a file; give the folder")
        self.d_sae = d_sae
        self.n_damaged = 0
        """Lines that were passed over: half written by a process that died, not labels, or of latents not there."""
        self._read_up_to = 0
        self._labels: dict[int, list[Label]] = {}
        self._reading = Lock()

    def __repr__(self) -> str:
        current = self.current()
        return f"LabelBook({len(current)} latents labelled, {sum(label.human for label in current.values())} by people)"

    def add(self, label: Label) -> Label:
        """Append a label; it is on the disk when this returns.

        Raises:
            ConfigError: the label makes no sense.
            ShapeError: the store has no such latent.
            DiskError: it could not be written; what was there is untouched.
        """
        return self.add_all([label])[0]

    def add_all(self, labels: Iterable[Label]) -> list[Label]:
        """Append labels with one write, so that all of a batch are there or, after a kill, a first part of them."""
        added = [_checked(label, self.d_sae) for label in labels]
        lines = b"".join(_line(label) for label in added)
        if lines:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _append(self.path, lines)
            except OSError as error:
                raise DiskError(
                    f"{self.path} could not be written ({error}); labels that were there are untouched: make room, or "
                    "write to another folder"
                ) from error
        return added

    def write(self, latent_idx: int, text: str, *, author: str, verdict: bool | None = None) -> Label:
        """Add a person's label.

        Args:
            text: What the latent stands for; empty takes the person's own label back.
            verdict: Whether the person finds the machine's label right; None if that was not asked.

        Raises:
            ConfigError: no author, or a text beyond 2,000 characters.
            ShapeError: the store has no such latent.
        """
        if not author.strip():
            raise ConfigError("a person's label needs an author: give a name or initials")
        return self.add(Label(latent_idx, text.strip(), HUMAN, author.strip(), utc_now(), reliable=verdict, human=True))

    def judge(self, latent_idx: int, right: bool, *, author: str) -> Label:
        """Add a person's verdict on the machine's label, which becomes the person's own where it is right.

        Raises:
            ConfigError: there is no machine's label to judge.
        """
        machine = self.machine(latent_idx)
        if machine is None or not machine.text:
            raise ConfigError(f"latent {latent_idx} has no label of a machine to judge; label_features makes them")
        said = [label.text for label in self.history(latent_idx) if label.human and label.author == author.strip()]
        own = said[-1] if said else ""
        # Who finds it wrong keeps the label they gave; the machine's then counts as unreliable.
        return self.write(latent_idx, machine.text if right else own, author=author, verdict=right)

    def of(self, latent_idx: int) -> Label | None:
        """Return the label that counts: a person's before any machine's, the newest of its kind.

        A machine's that a person found wrong since counts as unreliable.
        """
        return _current(self._all().get(int(latent_idx), []))

    def machine(self, latent_idx: int, method: str | None = None) -> Label | None:
        """Return the newest label of a machine, of one method or of any."""
        return _machine(self._all().get(int(latent_idx), []), method)

    def latents(self) -> list[int]:
        """Return the latents that anything was ever said of."""
        return sorted(self._all())

    def history(self, latent_idx: int) -> list[Label]:
        """Return all labels of a latent, oldest first."""
        return list(self._all().get(int(latent_idx), []))

    def current(self) -> dict[int, Label]:
        """Return the labels that count, by latent."""
        found = {latent_idx: _current(labels) for latent_idx, labels in sorted(self._all().items())}
        return {latent_idx: label for latent_idx, label in found.items() if label is not None}

    def texts(self) -> dict[int, str]:
        """Return the texts that count, by latent; latents without one are left out."""
        return {latent_idx: label.text for latent_idx, label in self.current().items() if label.text}

    def _all(self) -> dict[int, list[Label]]:
        """Read what was appended since the last time, by this process or any other."""
        with self._reading:
            try:
                size = self.path.stat().st_size
            except FileNotFoundError:
                size = 0
            if size < self._read_up_to:  # somebody put another file there
                self._read_up_to, self._labels, self.n_damaged = 0, {}, 0
            if size > self._read_up_to:
                with self.path.open("rb") as file:
                    file.seek(self._read_up_to)
                    new = file.read(size - self._read_up_to)
                whole = new[: new.rfind(b"\n") + 1]  # what comes after the last line end is being written, or never was
                self._read_up_to += len(whole)
                for line in whole.splitlines():
                    self._take(line)
            return self._labels

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        label = _parsed(line, self.d_sae)
        if label is None:
            self.n_damaged += 1
        else:
            # A new list: one that a caller is reading does not change under its hands.
            self._labels[label.latent_idx] = [*self._labels.get(label.latent_idx, []), label]


def _current(labels: list[Label]) -> Label | None:
    newest: dict[str, Label] = {}
    for label in labels:
        if label.human:
            newest.pop(label.author, None)  # so that the last one to speak is the last in the order
            newest[label.author] = label
    # An empty text of a person's is no label: it takes their own back, and nobody else's.
    said = [label for label in newest.values() if label.text]
    if said:
        return said[-1]
    machine = _machine(labels, None)
    if machine is None:
        return None
    since = labels[labels.index(machine) + 1 :]
    refused = any(label.human and label.reliable is False for label in since)
    return replace(machine, reliable=False) if refused else machine


def _machine(labels: list[Label], method: str | None) -> Label | None:
    found = (label for label in reversed(labels) if not label.human and method in (None, label.method))
    return next(found, None)


def _checked(label: Label, d_sae: int | None) -> Label:
    if label.latent_idx < 0:
        raise ConfigError(f"latent_idx must be at least 0, got {label.latent_idx}")
    if d_sae is not None and label.latent_idx >= d_sae:
        raise ShapeError(f"latents are from 0 to {d_sae - 1}, got {label.latent_idx}")
    if len(label.text) > MAX_TEXT:
        raise ConfigError(f"a label may have {MAX_TEXT} characters, got {len(label.text)}: name the concept, briefly")
    if label.human != (label.method == HUMAN):
        raise ConfigError(f"human={label.human} does not go with method={label.method!r}; people's are {HUMAN!r}")
    return label


def _line(label: Label) -> bytes:
    # ASCII only: no text, however hostile, can hold a line end, a lone surrogate or a NUL in the file.
    return json.dumps(plain(asdict(label)), ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def plain(value: Any) -> Any:
    """Turn NumPy numbers and containers into what JSON keeps; NaN and infinity into None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parsed(line: bytes, d_sae: int | None) -> Label | None:
    try:
        values = json.loads(line)
        label = Label(**values)
        sound = (
            isinstance(label.latent_idx, int)
            and all(isinstance(text, str) for text in (label.text, label.method, label.author, label.time))
            and isinstance(label.score, dict)
            and isinstance(label.explanation, dict)
            and label.reliable in (None, True, False)
        )
        return _checked(label, d_sae) if sound else None
    except (ValueError, TypeError, RecursionError, ConfigError, ShapeError):
        return None


def _append(path: Path, lines: bytes) -> None:
    with alone(path) as handle:
        if os.lseek(handle, 0, os.SEEK_END):
            os.lseek(handle, -1, os.SEEK_END)
            ended = os.read(handle, 1) == b"\n"
        else:
            ended = True
        if not ended:
            lines = b"\n" + lines  # closes the line that a killed process left, so that this one starts its own
        left = memoryview(lines)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
