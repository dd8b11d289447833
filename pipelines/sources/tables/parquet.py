"""Parquet tables, streamed: memory does not grow with row groups or files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sources.collections.images import root_of
from pipelines.sources.files import InputError, InputFile, Unit, local_path, open_bytes, open_plain
from pipelines.sources.rows import batch
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.arrow_rows import Held, cells_of, check_types, columns_read, image_cells
from pipelines.sources.tables.columns import Contents

_UNIT_ROWS = 65_536
"""Row groups smaller than this are read together: opening a file costs its whole footer each time."""
_BATCH_ROWS = 16_384
_BATCH_BYTES = 32 << 20
_BUFFER_BYTES = 1 << 20  # read at once of each column: a row group is never in memory whole


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """Columns and units, from the footer alone."""
    with _open(file) as source:
        schema = source.schema_arrow
        check_types(schema, spec)
        if file.gzipped and image_cells(schema, spec):
            raise InputError("is gzipped, and no image in it can be read apart: unpack it once with `gunzip`")
        rows = [source.metadata.row_group(group).num_rows for group in range(source.num_row_groups)]
    return Contents(tuple(schema.names), _units(rows))


def schema_of(file: InputFile) -> pa.Schema:
    """The table's schema, with its metadata."""
    with _open(file) as source:
        return source.schema_arrow


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """The rows of `unit`, in file order."""
    assert unit.row_groups is not None
    row = unit.first_row
    root = root_of(file.path, spec)
    with _open(file) as source:
        image = image_cells(source.schema_arrow, spec)
        held = _held(source.metadata, image, unit.row_groups)
        for rows in _batches(source, columns_read(source.schema_arrow, spec, held), unit.row_groups):
            cells = cells_of(rows, spec, root, path=file.path, image=image, held=held, first_row=row)
            yield batch(cells, spec, file.name, row)
            row += rows.num_rows


def _held(metadata: pq.FileMetaData, image: str | None, row_groups: tuple[int, int]) -> Held:
    """How many images of the row groups are there, as far as the footer tells: reading them would be dear."""
    rows = nulls = 0
    for index in range(*row_groups):
        group = metadata.row_group(index)
        rows += group.num_rows
        for column in (group.column(i) for i in range(group.num_columns)):
            if column.path_in_schema == f"{image}.bytes":
                if column.statistics is None or column.statistics.null_count is None:
                    return "some"
                nulls += column.statistics.null_count
    return "all" if not nulls else "none" if nulls == rows else "some"


def _batches(source: pq.ParquetFile, names: list[str], row_groups: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    size = _batch_rows(source.metadata, row_groups, {name.partition(".")[0] for name in names})
    groups = list(range(*row_groups))
    try:
        yield from source.iter_batches(size, row_groups=groups, columns=names, use_threads=False)
    except pa.ArrowException as error:
        raise InputError(f"row groups {row_groups[0]} to {row_groups[1] - 1} are damaged: {error}") from error


@contextmanager
def _open(file: InputFile) -> Iterator[pq.ParquetFile]:
    if file.gzipped:
        with TemporaryFile() as unpacked:
            with open_plain(file) as content:
                shutil.copyfileobj(content, unpacked, _BUFFER_BYTES)
            yield _parquet(unpacked)
    elif path := local_path(file.path):
        with _parquet(path) as source:
            yield source
    else:
        with open_bytes(file.path) as stored:
            yield _parquet(stored)


def _parquet(source: Any) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False)
    except pa.ArrowException as error:
        raise InputError(f"not readable as Parquet: {error}") from error


def _units(rows: list[int]) -> tuple[Unit, ...]:
    units = []
    start = first = held = 0
    for group, n in enumerate(rows):
        held += n
        if held >= _UNIT_ROWS or (held and group == len(rows) - 1):
            units.append(Unit(first, (start, group + 1)))
            start, first, held = group + 1, first + held, 0
    return tuple(units)


def _batch_rows(metadata: pq.FileMetaData, row_groups: tuple[int, int], names: set[str]) -> int:
    """Rows that make a batch of some 32 MiB."""
    rows = size = 0
    for index in range(*row_groups):
        group = metadata.row_group(index)
        rows += group.num_rows
        columns = (group.column(i) for i in range(group.num_columns))
        size += sum(
            column.total_uncompressed_size for column in columns if column.path_in_schema.partition(".")[0] in names
        )
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))
