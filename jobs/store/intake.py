"""Streaming the input into ``RUN/input/``: once, in constant memory, permuted.

Lists of URLs are mostly sorted by host, which would hammer one host at a time, and whose head is no sample. So units
of reading (row groups, text files) are visited in an order drawn by seed, and rows are permuted within *windows* of
about a million rows. Only where images lie side by side in tars or tables do their rows stay in order: there is no
host to spare, and each would be read from afar. The order depends on the input and the seed alone.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.store.files import publish, temporary_of
from pipelines.sources.files import InputFile
from pipelines.sources.inputs import read
from pipelines.sources.rows import ROWS
from pipelines.sources.spec import SourceSpec
from schemas.tables import INPUT

WINDOW_BYTES = 512 << 20
"""A window closes here even if it has fewer rows than it might: long rows must not cost more memory."""


@dataclass(frozen=True, slots=True)
class Window:
    """A file of `rows` input rows; the first has the id `first_id`, the others follow."""

    name: str
    first_id: int
    rows: int


def stream(
    files: Sequence[InputFile],
    spec: SourceSpec,
    folder: Path,
    *,
    seed: int,
    first_id: int,
    first_window: int,
    part_rows: int = 512,
    window_parts: int = 2048,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[Window]:
    """Write every row of `files` once into windows below `folder`, and say which.

    A window holds `window_parts` × `part_rows` rows, or fewer (still whole parts) where they are long; the last one
    holds what is left. `on_progress` is told how many rows were read so far. Raises an `InputError` when a file
    breaks off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    windows: list[Window] = []
    held = _Held()
    read_rows = 0

    def write(rows: int) -> None:
        number = first_window + len(windows)
        order = np.arange(rows) if held.has_neighbours(rows) else _rng(seed, 1, number).permutation(rows)
        window = Window(f"window-{number:06d}.parquet", first_id + sum(w.rows for w in windows), rows)
        write_window(folder / window.name, held.take(order, window.first_id), part_rows)
        windows.append(window)
        _release()

    for batch in _batches(files, spec, _rng(seed, 0, first_window)):
        held.add(batch)
        read_rows += batch.num_rows
        while held.rows >= window_parts * part_rows:
            write(window_parts * part_rows)
        if held.bytes >= WINDOW_BYTES and held.rows >= part_rows:
            write(held.rows // part_rows * part_rows)
        on_progress(read_rows)
    if held.rows:
        write(held.rows)
    return windows


def write_window(path: Path, rows: pa.Table, part_rows: int) -> None:
    """Write `rows` (of schema `INPUT`) to `path`, whole or not at all: a row group for every `part_rows` of them.

    A part is read by its row group, so the footer, which every reader parses whole, is kept small: no statistics, no
    page index, no dictionaries.
    """
    temporary = temporary_of(path, str(os.getpid()))
    with pq.ParquetWriter(
        temporary, INPUT, compression="zstd", compression_level=1, use_dictionary=False, write_statistics=False
    ) as writer:
        writer.write_table(rows, row_group_size=part_rows)
    publish(temporary, path)


class _Held:
    """Rows that wait for their window to fill, column by column, so that permuting one column frees it."""

    def __init__(self) -> None:
        self._columns: list[list[pa.Array]] = [[] for _ in ROWS]
        self.rows = 0
        self.bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        for chunks, column in zip(self._columns, batch.columns, strict=True):
            chunks.append(column)
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    def has_neighbours(self, n: int) -> bool:
        """Whether images of the first `n` rows lie in files of many, which are read in one pass or at great cost."""
        for chunk in self._columns[ROWS.get_field_index("image_at")]:
            if n <= 0:
                break
            starts = pc.struct_field(chunk.slice(0, n), "start")
            if starts.null_count < len(starts):
                return True
            n -= len(chunk)
        return False

    def take(self, order: np.ndarray[tuple[int], np.dtype[np.int64]], first_id: int) -> pa.Table:
        """Remove the first ``len(order)`` rows; return them in that order with ids from `first_id` on."""
        n = len(order)
        indices = pa.array(order)
        ids = pa.array(np.arange(first_id, first_id + n))
        taken = [ids]
        self.bytes = 0
        for position, chunks in enumerate(self._columns):
            column = pa.concat_arrays(chunks)  # cannot overflow: windows close long before 2 GiB
            chunks.clear()
            _release()
            taken.append(column.slice(0, n).take(indices))
            if len(column) > n:
                rest = pa.concat_arrays([column.slice(n)])
                self._columns[position] = [rest]
                self.bytes += rest.nbytes
        self.rows -= n
        return pa.Table.from_arrays(taken, schema=INPUT)


def _batches(files: Sequence[InputFile], spec: SourceSpec, rng: np.random.Generator) -> Iterator[pa.RecordBatch]:
    units = [(file, unit) for file in files for unit in file.units]
    for position in rng.permutation(len(units)):
        yield from read(units[position][0], spec, units[position][1])


def _rng(seed: int, use: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed % (1 << 64), use, number])


def _release() -> None:
    """Hand freed memory back at once: Arrow's allocator would keep up to a window's worth of it for later."""
    pa.default_memory_pool().release_unused()
