"""The ledger: every request that may cost money, written down before it leaves, and every reply before it is used.

One JSON object a line, appended and never changed: "sent" with the worst case, then "reply" with the text and its cost,
or "ended" with what an attempt without a readable reply may have cost. A "sent" without an end is what a killed process
left: it counts as paid in full. Requests are known by a hash, so the file holds replies but no prompts, and no keys.
"""

import hashlib
import json
import logging
import os
import threading
import uuid
from io import FileIO
from pathlib import Path
from typing import Any, Final

from interp_nb._errors import DiskError
from interp_nb.features.hosted.prices import PICO
from interp_nb.features.hosted.records import Completion

NAME: Final = "hosted_requests.jsonl"
_log = logging.getLogger(__name__)


def request_key(url: str, body: dict[str, Any], sample: int) -> str:
    """Hash what a request asks and of whom; equal requests have equal keys."""
    asked = json.dumps([url, body, sample], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()


class Ledger:
    """What was asked and paid for, in a file or, without one, for as long as the object lives.

    Args:
        path: A file, or a folder in which it is called `hosted_requests.jsonl`; None = memory only.

    Raises:
        DiskError: the file cannot be read.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path: Path | None = None
        if path is not None:
            self.path = Path(path) / NAME if Path(path).is_dir() else Path(path)
        self._replies: dict[str, dict[str, Any]] = {}
        self._open: dict[str, int] = {}
        self._closed_cost = 0
        self._guard = threading.Lock()
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def __repr__(self) -> str:
        return f"Ledger({len(self._replies)} replies, ${self.spent / PICO:.4f})"

    @property
    def spent(self) -> int:
        """Picodollars of everything in it; attempts whose end is not known count in full."""
        return self._closed_cost + sum(list(self._open.values()))

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def completion(self, key: str) -> Completion | None:
        """Return a reply that was paid for before; None if there is none."""
        known = self._replies.get(key)
        return None if known is None else Completion(attempts=0, **known)

    def sent(self, worst: int) -> str:
        """Write down that a request is about to leave.

        Args:
            worst: Picodollars it may cost.

        Returns:
            The attempt's name, for what is written when it ended.
        """
        attempt = uuid.uuid4().hex[:16]
        self._append({"event": "sent", "attempt": attempt, "worst": worst})
        return attempt

    def replied(self, attempt: str, key: str, completion: Completion, cost: int) -> None:
        """Write down a reply; once this returns, it is on the disk and is never asked for again."""
        reply = {
            "text": completion.text, "finish": completion.finish, "input_tokens": completion.input_tokens,
            "output_tokens": completion.output_tokens, "cost": completion.cost,
            "usage_doubtful": completion.usage_doubtful,
        }  # fmt: skip
        self._append({"event": "reply", "attempt": attempt, "key": key, "pico": cost, "reply": reply}, flush=True)

    def ended(self, attempt: str, cost: int) -> None:
        """Write down that an attempt brought no reply, and what it may have cost all the same."""
        self._append({"event": "ended", "attempt": attempt, "pico": cost})

    def _append(self, line: dict[str, Any], *, flush: bool = False) -> None:
        with self._guard:
            if self.path is not None:
                self._write(self.path, json.dumps(line, ensure_ascii=True, separators=(",", ":")), flush)
            self._take(line)

    def _write(self, path: Path, text: str, flush: bool) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+", buffering=0) as file:
                # A line that was cut short stays as it is: the next one begins on its own.
                data = (b"" if _ends_whole(file) else b"\n") + text.encode() + b"\n"
                if file.write(data) != len(data):
                    raise OSError("the disk took a part of a line only")
                if flush:
                    os.fsync(file.fileno())
        except OSError as error:
            raise DiskError(
                f"The ledger {path} could not be written ({error}); what it holds is untouched, and nothing more is "
                "sent: make room, or give another path"
            ) from error

    def _read(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DiskError(f"The ledger {path} could not be read ({error})") from error
        bad = 0
        for line in data.split(b"\n"):
            if not line.strip():
                continue
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError):
                bad += 1
        if bad:
            _log.warning("%d lines of the ledger %s are not whole and are left out", bad, path.name)

    def _take(self, line: dict[str, Any]) -> None:
        event, attempt = line["event"], line["attempt"]
        if event == "sent":
            self._open[attempt] = int(line["worst"])
            return
        cost = int(line["pico"])
        if event == "reply":
            Completion(attempts=0, **line["reply"])  # a line of another version raises here
            self._replies[line["key"]] = line["reply"]
        self._open.pop(attempt, None)
        self._closed_cost += cost


def _ends_whole(file: FileIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
