"""Images that lie in files rather than on the web: a file each, a range of bytes of a tar, a cell of a table.

Where an image lies is `schemas.tables.IMAGE_AT`. Only readers of inputs (`pipelines.sources`) say so, never a record's
own text; so a list of URLs cannot make anybody read a file.
"""

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from pipelines.paths import located
from pipelines.pull.verdicts import RefusedError, text_of
from pipelines.stage import Verdict

_OPEN_FILES = 8
_CELLS_READ = 32
"""Cells of a Parquet column that are decoded at a time."""
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageAt:
    """Where an image lies, as `schemas.tables.IMAGE_AT` has it."""

    path: str
    column: str | None = None
    start: int | None = None
    length: int | None = None


class LocalImages:
    """Reads images that lie in files. Belongs to one thread; what holds many images stays open for the next.

    Cells of a table are read forward: neighbours, asked for in their order, cost one pass over their row group.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._open: OrderedDict[tuple[str, str | None], _Holder] = OrderedDict()

    def read(self, at: ImageAt) -> bytes | Verdict:
        """The image's bytes, or why there are none.

        Reasons: ``file_missing``, ``file_unreadable``, ``body_too_large``, ``empty_body``.
        """
        try:
            body = self._bytes(at)
        except RefusedError as refused:
            return refused.verdict
        except Exception as error:
            if not isinstance(error, _OF_FILES) and _is_local(at.path):
                raise
            reason = "file_missing" if _is_absent(error) else "file_unreadable"
            if reason == "file_unreadable":
                self._open.pop((at.path, at.column), None)
            return Verdict(reason, detail=text_of(f"{type(error).__name__}: {error}"))
        return body or Verdict("empty_body")

    def close(self) -> None:
        """Close what is open."""
        self._open.clear()

    def _bytes(self, at: ImageAt) -> bytes:
        if at.column is None and at.start is None:
            with _opened(at.path) as file:
                return self._capped(file, None)
        key = (at.path, at.column)
        holder = self._open.get(key)
        if holder is None:
            holder = self._open[key] = _holder(at)
            if len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        if isinstance(holder, _Range):
            holder.file.seek(at.start or 0)
            return self._capped(holder.file, at.length)
        body = holder.cell(at.start or 0)
        self._check(len(body))
        return body

    def _capped(self, file: BinaryIO, length: int | None) -> bytes:
        if length is not None:
            self._check(length)
        body = file.read(self._max_bytes + 1 if length is None else length)
        self._check(len(body))
        if length is not None and len(body) < length:
            raise EOFError(f"{len(body)} bytes where {length} were announced")
        return body

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise RefusedError(Verdict("body_too_large", float(size)))


class _Cells(Protocol):
    def cell(self, row: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Range:
    file: BinaryIO


_Holder = _Range | _Cells


def _holder(at: ImageAt) -> _Holder:
    if at.column is None:
        return _Range(_opened(at.path))
    is_arrow = at.path.lower().endswith(".arrow")
    return _ArrowCells(at.path, at.column) if is_arrow else _ParquetCells(at.path, at.column)


_GONE = frozenset({404, 410})
_OF_FILES = (OSError, EOFError, LookupError, ValueError, pa.ArrowException)
"""What a file that cannot be read raises; clients of other file systems raise whatever they like."""


def _is_absent(error: Exception) -> bool:
    """Whether an error says that a file, or a row in it, is not there.

    fsspec calls a file on the web missing whatever went wrong, and keeps the cause.
    """
    cause = error.__cause__
    if isinstance(cause, (aiohttp.ClientError, TimeoutError)):
        return getattr(cause, "status", None) in _GONE
    return isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError, LookupError))


def _is_local(path: str) -> bool:
    return isinstance(located(path)[0], LocalFileSystem)


def _opened(path: str) -> BinaryIO:
    filesystem, inner = located(path)
    if isinstance(filesystem, LocalFileSystem):
        if not os.path.isfile(inner):  # noqa: PTH113 a pipe or a device would never end
            raise FileNotFoundError(f"no such file: {path}")
        return Path(inner).open("rb")
    return cast(BinaryIO, filesystem.open(inner, "rb"))


class _ParquetCells:
    """Cells of a column of a Parquet file, decoded a few at a time from the start of their row group."""

    def __init__(self, path: str, column: str) -> None:
        self._file = pq.ParquetFile(_opened(path), buffer_size=_BUFFER_BYTES, pre_buffer=False)
        if column not in self._file.schema_arrow.names:
            raise LookupError(f"{path} has no column {column}")
        self._column = column
        footer = self._file.metadata
        self._ends = list(accumulate(footer.row_group(group).num_rows for group in range(footer.num_row_groups)))
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._group = -1
        self._start, self._held = 0, pa.array([])

    def cell(self, row: int) -> bytes:
        group = bisect_right(self._ends, row)
        if group == len(self._ends):
            raise LookupError(f"row {row} is beyond the table's last")
        if group != self._group or row < self._start:
            self._group, self._start = group, self._ends[group - 1] if group else 0
            self._held = pa.array([])
            self._batches = self._file.iter_batches(
                _CELLS_READ, row_groups=[group], columns=[self._column], use_threads=False
            )
        while row >= self._start + len(self._held):
            self._start += len(self._held)
            if (batch := next(self._batches, None)) is None:
                raise EOFError(f"row group {group} ends before row {row}")
            self._held = batch.column(0)
        return _content(self._held[row - self._start])


class _ArrowCells:
    """Cells of a column of an Arrow IPC file or stream, mapped into memory."""

    def __init__(self, path: str, column: str) -> None:
        with _opened(path) as file:
            is_file = file.read(6) == b"ARROW1"
        opener: Callable[[Any], Any] = pa.ipc.open_file if is_file else pa.ipc.open_stream
        filesystem, inner = located(path)
        source = pa.memory_map(inner) if isinstance(filesystem, LocalFileSystem) else _opened(path)
        table = opener(source).read_all()
        if column not in table.column_names:
            raise LookupError(f"{path} has no column {column}")
        self._cells = table[column]

    def cell(self, row: int) -> bytes:
        if row >= len(self._cells):
            raise LookupError(f"row {row} is beyond the table's last")
        return _content(self._cells[row])


def _content(cell: pa.Scalar) -> bytes:
    """The bytes of a cell: a binary one, or a struct with `bytes` as `datasets` writes images."""
    if isinstance(cell, pa.ExtensionScalar):
        cell = cell.value
    if isinstance(cell, pa.StructScalar):
        cell = cell["bytes"]
    if cell is None or not cell.is_valid:
        raise LookupError("the cell is null")
    return cast(bytes, cell.as_py())
