"""Tables on disk: Parquet files of columns, written a few rows at a time, read a row group at a time.

A column is an array with a row per latent (or token); rows of more than one number are lists of a fixed length, and the
shape of a row is in the file's metadata. Files are memory-mapped; what is read of them is decompressed in pages, and a
few row groups are kept.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from interp_nb._atomic import write_atomically
from interp_nb._errors import SaveFormatError

_SHAPES: Final = b"interp_nb"
_KEPT: Final = 4
"""Row groups that are kept, of all columns: browsing goes back and forth."""
_COMPRESSION: Final = "zstd"
_LEVEL: Final = 1
"""Higher levels take longer to write than the text takes to read."""


def write_table(path: Path, columns: dict[str, np.ndarray], row_group: int) -> None:
    """Write columns of equal length, whole or not at all.

    Args:
        row_group: Rows that are read together.

    Raises:
        DiskError: the disk is full.
    """
    n_rows = len(next(iter(columns.values())))
    shapes = {name: list(column.shape[1:]) for name, column in columns.items()}
    kinds = {name: column.dtype.str for name, column in columns.items()}
    fields = [
        pa.field(name, _type(column), nullable=False) for name, column in columns.items() if 0 not in column.shape[1:]
    ]
    schema = pa.schema(fields, metadata={_SHAPES: json.dumps({"shapes": shapes, "kinds": kinds, "n_rows": n_rows})})
    # A dictionary pays for token ids, which repeat; activations do not.
    repeated = [name for name, column in columns.items() if column.dtype.kind in "iOU"]

    def write(part: Path) -> None:
        with pq.ParquetWriter(part, schema, compression=_COMPRESSION, compression_level=_LEVEL,
                              use_dictionary=repeated, write_statistics=False) as writer:  # fmt: skip
            for start in range(0, n_rows, row_group):
                arrays = [_array(columns[field.name][start : start + row_group], field.type) for field in fields]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=row_group)

    write_atomically(path, write)


class Table:
    """Columns of a file, read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
            about = json.loads(self._file.schema_arrow.metadata[_SHAPES])
        except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
            raise SaveFormatError(f"{path} is not a whole table of a store ({error}): build the store again") from error
        self._shapes: dict[str, list[int]] = about["shapes"]
        self._kinds: dict[str, str] = about["kinds"]
        self.n_rows: int = about["n_rows"]
        groups = self._file.metadata
        self._ends = np.cumsum([groups.row_group(index).num_rows for index in range(groups.num_row_groups)])
        self._kept: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._shapes)

    @property
    def n_groups(self) -> int:
        """Number of row groups."""
        return len(self._ends)

    def column(self, name: str) -> np.ndarray:
        """Read a whole column."""
        parts = [self.group(index, name, keep=False) for index in range(self.n_groups)]
        pa.default_memory_pool().release_unused()
        return np.concatenate(parts) if parts else self._shaped(self._none(name), name, 0)

    def group(self, index: int, name: str, *, keep: bool = True) -> np.ndarray:
        """Read a column of a row group.

        Args:
            keep: Hold on to it for the next call.
        """
        found = self._kept.get((index, name))
        if found is None:
            n_rows = int(self._ends[index] - (self._ends[index - 1] if index else 0))
            found = self._shaped(self._read(index, name), name, n_rows)
            if keep:
                self._kept[index, name] = found
                while len(self._kept) > _KEPT * len(self._shapes):
                    self._kept.popitem(last=False)
        else:
            self._kept.move_to_end((index, name))
        return found

    def row(self, index: int, names: Sequence[str]) -> dict[str, Any]:
        """Read some columns of a row."""
        group = int(np.searchsorted(self._ends, index, side="right"))
        within = index - (int(self._ends[group - 1]) if group else 0)
        return {name: self.group(group, name)[within] for name in names}

    def start_of(self, group: int) -> int:
        """Give the first row of a row group."""
        return int(self._ends[group - 1]) if group else 0

    def close(self) -> None:
        """Let go of the file and of what was read."""
        self._kept.clear()
        self._file.close()

    def _read(self, index: int, name: str) -> np.ndarray:
        if 0 in self._shapes[name]:
            return self._none(name)
        try:
            read = self._file.read_row_group(index, columns=[name], use_threads=False).column(0).combine_chunks()
        except (OSError, pa.ArrowInvalid) as error:
            raise SaveFormatError(f"{self.path} is damaged ({error}): build the store again") from error
        array = read.chunk(0) if isinstance(read, pa.ChunkedArray) else read
        while pa.types.is_fixed_size_list(array.type):
            array = array.flatten()
        if pa.types.is_string(array.type):
            return np.array(array.to_pylist(), dtype=object)
        # Not to_numpy, which imports pandas for half a second. A copy: a view holds on to all that was decompressed.
        start = array.offset * array.type.byte_width
        return np.frombuffer(array.buffers()[1], array.type.to_pandas_dtype(), len(array), start).copy()

    def _none(self, name: str) -> np.ndarray:
        return np.zeros(0, np.dtype(self._kinds[name]))

    def _shaped(self, flat: np.ndarray, name: str, n_rows: int) -> np.ndarray:
        return flat.reshape(n_rows, *self._shapes[name])


def _type(column: np.ndarray) -> pa.DataType:
    value = pa.string() if column.dtype.kind in "OU" else pa.from_numpy_dtype(column.dtype)
    return value if column.ndim == 1 else pa.list_(pa.field("item", value, nullable=False), _width(column))


def _array(rows: np.ndarray, kind: pa.DataType) -> pa.Array:
    if rows.ndim == 1:
        return pa.array(rows, type=kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).reshape(-1)), type=kind)


def _width(column: np.ndarray) -> int:
    return int(np.prod(column.shape[1:]))
