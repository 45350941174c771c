"""The documents of a data set, one after another, with a position that can be saved and found again.

A position is a count of documents, the hash of every document before it chained together, and a few documents ahead.
Going back to it takes the first of these ways that works, and checks the hashes on the way:

1. data that can be indexed (a list, a tensor, a `datasets.Dataset`): go there;
2. data that keep a position of their own (`datasets.IterableDataset`): load it. What comes next is compared with what
   came next when it was saved, because streams with a shuffle buffer do not go on where they were;
3. anything else: read from the start, as many documents as were read before.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from typing import Any, Final

import torch
from torch import Tensor

from interp_nb._errors import ConfigError, DataError, nearest

Text = str | Tensor
"""A document: text, or token ids `[pos]`."""

AHEAD: Final = 8
"""Documents that are read ahead to check a position of a stream: a shuffle buffer that was filled anew gives the same
eight in the same order with a chance of one in its size to the eighth."""
FIRST: Final = 16
"""Documents whose hash stands for a stream that cannot be read as a whole beforehand."""


class Documents:
    """Documents in order, for a number of passes over the data.

    Args:
        data: Text, token ids, or an iterable of either or of dicts that hold either under `text_column`; or a function
            that makes such an iterable.
        epochs: Passes over the data; None = without end.

    Raises:
        ConfigError: data that hold no documents, or that can be read once only but are to be read more often.
    """

    def __init__(self, data: Any, *, text_column: str = "text", epochs: int | None = 1) -> None:
        if epochs is not None and epochs < 1:
            raise ConfigError(f"epochs must be at least 1, or None for no end, got {epochs}")
        self._data: Any = _as_documents(data)
        self._column, self._epochs = text_column, epochs
        self._epoch = self._index = self._skipped_on_restart = 0
        self._chain, self._last = "", ""
        self.may_restart = True
        self._iterator: Iterator[Any] | None = None
        self._ahead: deque[Text] = deque()
        self._mark: dict[str, Any] | None = None
        if epochs != 1 and self._once_only():
            raise ConfigError(
                f"a {type(data).__name__} can be read once, epochs={epochs} asked for; give a list, a datasets.Dataset "
                "or a function that makes the iterator"
            )

    @property
    def indexed(self) -> bool:
        """Whether the data can be read at any place, so that their length and content are known."""
        return isinstance(self._data, Tensor) or (
            hasattr(self._data, "__getitem__")
            and hasattr(self._data, "__len__")
            and not isinstance(self._data, Mapping)
        )

    def next(self) -> tuple[int, Text] | None:
        """Return the next document and its index in the data; None at the end of the last pass.

        Raises:
            DataError: there was not a single document, or one is neither text nor tokens.
        """
        found = self._pull()
        while found is None:
            if self._index == 0:
                raise DataError("the data are empty; give at least one document")
            if self._epoch + 1 == self._epochs or not self.may_restart:
                return None
            self._restart()
            for _ in range(self._skipped_on_restart):
                self._read()
            self._index = self._skipped_on_restart
            found = self._read()
            if found is None and self._skipped_on_restart:
                raise DataError(
                    f"all {self._index} documents are held out for evaluation; give more data, or hold out fewer tokens"
                )
        index = self._index
        self._index += 1
        self._last = text_hash(found)
        self._chain = _chained(self._chain, self._last)
        return index, found

    def skip_on_restart(self, n_documents: int) -> None:
        """Leave out the first documents in every later pass: they are held out."""
        self._skipped_on_restart = n_documents

    def read_so_far(self) -> dict[str, Any]:
        """Say which documents were read: how many of this pass, and the hash of all of them one after another."""
        return {"kind": "documents read", "pass": self._epoch, "n_documents": self._index, "hash": self._chain}

    def identity(self) -> dict[str, Any]:
        """Say which data these are: a hash of all of them, or for streams of the first 16.

        Cost: reads data that can be indexed once, unless they know their own fingerprint.
        """
        fingerprint = getattr(self._data, "_fingerprint", None)
        if isinstance(fingerprint, str) and self.indexed:
            return {"kind": "dataset", "n_documents": len(self._data), "hash": fingerprint}
        if self.indexed:
            chain = ""
            for document in self._data:
                chain = _chained(chain, text_hash(self._text(document)))
            return {"kind": "documents", "n_documents": len(self._data), "hash": chain}
        assert self._index == 0, "the beginning of a stream is gone"
        self._mark = {"index": 0, "state": None}
        self._look_ahead(FIRST)
        chain = ""
        for document in self._ahead:
            chain = _chained(chain, text_hash(document))
        return {"kind": "stream", "n_documents": None, "hash": chain}

    def state(self) -> dict[str, Any]:
        """Return the position as plain values."""
        position = {
            "epoch": self._epoch,
            "index": self._index,
            "skipped_on_restart": self._skipped_on_restart,
            "chain": self._chain,
            "last": self._last,
            "stream": None,
        }
        if hasattr(self._data, "state_dict") and not self.indexed and self._iterator is not None:
            if not self._ahead:
                self._mark = {"index": self._index, "state": self._data.state_dict()}
                self._look_ahead(AHEAD)
            assert self._mark is not None
            position["stream"] = self._mark | {"expected": [text_hash(document) for document in self._ahead]}
        return position

    def load_state(self, state: dict[str, Any]) -> None:
        """Go to a saved position.

        Raises:
            DataError: the data are not those that were read, or cannot be read again.
        """
        if not self._once_only():
            self._restart()
        elif (self._epoch, self._index) != (0, 0):
            raise DataError("this iterator was already read from and cannot go back; give a new one, or a function")
        self._epoch, self._index = state["epoch"], state["index"]
        self._skipped_on_restart = state["skipped_on_restart"]
        self._chain, self._last = state["chain"], state["last"]
        if self._index == 0 or (self.indexed and self._goes_to_index()):
            return
        if state["stream"] is not None and self._goes_to_stream(state["stream"]):
            return
        self._reads_up_to(state)

    def _goes_to_index(self) -> bool:
        same = self._index <= len(self._data) and text_hash(self._text(self._data[self._index - 1])) == self._last
        if not same:
            raise DataError(
                f"the data are not what they were: document {self._index - 1} has changed or is gone; give the data "
                "that the saved position belongs to"
            )
        self._iterator = (self._data[index] for index in range(self._index, len(self._data)))
        return True

    def _goes_to_stream(self, saved: dict[str, Any]) -> bool:
        """Load a stream's own position; say whether what follows is what followed."""
        # NOTE: a loaded position stays on the caller's data set for whoever iterates over it next; it is taken off.
        own = getattr(self._data, "_starting_state_dict", None)
        self._data.load_state_dict(saved["state"])
        try:
            self._iterator = iter(self._data)
            for _ in range(self._index - saved["index"]):
                self._read()
            self._look_ahead(AHEAD)
        finally:
            self._data.load_state_dict(own)
        found, expected = [text_hash(document) for document in self._ahead], saved["expected"]
        if found[: len(expected)] == expected and bool(found) == bool(expected):
            self._mark = {"index": saved["index"], "state": saved["state"]}
            return True
        self._iterator = None
        self._ahead.clear()
        return False

    def _reads_up_to(self, state: dict[str, Any]) -> None:
        """Read from the start as many documents as were read before, comparing the hashes."""
        chain = ""
        for epoch in range(self._epoch + 1):
            first, last = self._skipped_on_restart if epoch else 0, epoch == self._epoch
            if epoch:
                self._iterator = None
            for number in islice(count(), self._index if last else None):
                document = self._pull()
                if document is None and last:
                    raise DataError(
                        f"the data are not what they were: they end after {number} documents, {self._index} were read "
                        "before; give the data that the saved position belongs to"
                    )
                if document is None:
                    break
                if number >= first:
                    chain = _chained(chain, text_hash(document))
        if chain != state["chain"]:
            raise DataError(
                f"the data are not what they were: the first {self._index} documents have another hash; give the data "
                "that the saved position belongs to, in the same order"
            )

    def _restart(self) -> None:
        self._epoch += 1
        self._index = 0
        self._iterator, self._mark = None, None
        self._ahead.clear()

    def _look_ahead(self, n_documents: int) -> None:
        while len(self._ahead) < n_documents and (document := self._read()) is not None:
            self._ahead.append(document)

    def _pull(self) -> Text | None:
        return self._ahead.popleft() if self._ahead else self._read()

    def _read(self) -> Text | None:
        if self._iterator is None:
            self._iterator = iter(self._data() if callable(self._data) else self._data)
        try:
            item = next(self._iterator)
        except StopIteration:
            return None
        return self._text(item)

    def _text(self, item: Any) -> Text:
        """Take the text or the tokens out of an item of the data."""
        if isinstance(item, Mapping):
            if self._column not in item:
                raise DataError(f"the data have no column {self._column!r}; {nearest(self._column, list(item))}")
            item = item[self._column]
        if isinstance(item, str):
            return item
        if isinstance(item, Sequence) and all(isinstance(token, int) for token in item):
            item = torch.tensor(item, dtype=torch.long)
        elif hasattr(item, "__array__") and not isinstance(item, Tensor):
            item = torch.as_tensor(item)
        if not isinstance(item, Tensor) or item.is_floating_point() or item.is_complex() or item.ndim != 1:
            what = f"a tensor {list(item.shape)} of {item.dtype}" if isinstance(item, Tensor) else type(item).__name__
            raise DataError(
                f"a document must be a string or token ids [pos], got {what}; name the column that holds it with "
                "text_column="
            )
        return item.cpu().long()

    def _once_only(self) -> bool:
        return not self.indexed and not callable(self._data) and iter(self._data) is self._data


def text_hash(document: Text) -> str:
    """Hash a document."""
    kind, content = ("t", document.encode("utf-8", "surrogatepass")) if isinstance(document, str) else (
        "i", document.numpy().tobytes())  # fmt: skip
    return hashlib.blake2b(kind.encode() + content, digest_size=16).hexdigest()


def _chained(chain: str, last: str) -> str:
    return hashlib.blake2b((chain + last).encode(), digest_size=16).hexdigest()


def _as_documents(data: Any) -> Any:
    """View what the caller gave as documents, or refuse it."""
    if isinstance(data, str):
        return [data]
    if isinstance(data, Tensor):
        if data.ndim not in (1, 2) or data.is_floating_point():
            raise ConfigError(f"token ids must be [doc pos] or [pos], got {list(data.shape)} of {data.dtype}")
        return data if data.ndim == 2 else data[None]
    if isinstance(data, Mapping):
        raise ConfigError(
            f"data must be documents, got a {type(data).__name__} with {', '.join(map(repr, list(data)[:5]))}; "
            "choose one of them, such as data['train']"
        )
    if not callable(data) and not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):
        raise ConfigError(
            f"data must be text, documents, token ids, activations or a folder of shards, got {type(data).__name__}"
        )
    return data
