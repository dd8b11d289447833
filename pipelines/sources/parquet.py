"""Parquet tables, streamed: memory does not grow with row groups or files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sources.arrow_text import as_text, holds_bytes, plain
from pipelines.sources.columns import Contents, mapped
from pipelines.sources.files import InputError, InputFile, Unit, local_path, open_bytes, open_plain
from pipelines.sources.named import OF_LISTS
from pipelines.sources.roles import by_role
from pipelines.sources.rows import Cells, batch, carried, sound
from pipelines.sources.spec import SourceSpec

_UNIT_ROWS = 65_536
"""Row groups smaller than this are read together: opening a file costs its whole footer each time."""
_BATCH_ROWS = 16_384
_BATCH_BYTES = 32 << 20
_BUFFER_BYTES = 1 << 20  # read at once of each column: a row group is never in memory whole


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """Columns and units, from the footer alone."""
    with _open(file) as source:
        schema = source.schema_arrow
        for role, name in mapped(schema.names, spec).items():
            if role not in OF_LISTS and pa.types.is_nested(plain(schema.field(schema.names.index(name)).type)):
                type_ = schema.field(schema.names.index(name)).type
                raise InputError(
                    f"column `{name}` is {type_}, not text: map another with `--set source.columns.{role}=COLUMN`"
                )
        rows = [source.metadata.row_group(group).num_rows for group in range(source.num_row_groups)]
    return Contents(tuple(schema.names), _units(rows))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """The rows of `unit`, in file order."""
    assert unit.row_groups is not None
    row = unit.first_row
    with _open(file) as source:
        for rows in _batches(source, _names_read(source.schema_arrow, spec), unit.row_groups):
            yield batch(_cells(rows, spec), spec, file.name, row)
            row += rows.num_rows


def _batches(source: pq.ParquetFile, names: list[str], row_groups: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    size = _batch_rows(source.metadata, row_groups, set(names))
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


def _names_read(schema: pa.Schema, spec: SourceSpec) -> list[str]:
    needed = set(mapped(schema.names, spec).values())
    return [column.name for column in schema if column.name in needed or not holds_bytes(column.type)]


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


def _cells(rows: pa.RecordBatch, spec: SourceSpec) -> Cells:
    errors: dict[int, str] = {}
    texts = [sound(as_text(column), name, errors) for name, column in zip(rows.schema.names, rows.columns, strict=True)]
    at = {role: rows.schema.names.index(name) for role, name in mapped(rows.schema.names, spec).items()}
    others = [i for i in range(len(texts)) if i not in at.values()]
    source = carried([rows.schema.names[i] for i in others], [texts[i] for i in others], rows.num_rows)
    return by_role({role: texts[i] for role, i in at.items()}, source, spec, errors)
