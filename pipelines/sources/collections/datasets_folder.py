"""Data sets of the `datasets` library: what ``save_to_disk`` wrote, and what lies on the Hub as Parquet.

The images' column is found by the features that the library writes into tables. A cell holds an image, or the name of a
file that starts from the folder of its table.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
from fsspec import AbstractFileSystem

from pipelines.sources.collections.images import image_features, root_of
from pipelines.sources.collections.inside import leads_out
from pipelines.sources.expand import expand, full_path
from pipelines.sources.files import InputError, InputFile, Unit, filesystem_of, local_path, open_bytes
from pipelines.sources.rows import batch
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables import parquet
from pipelines.sources.tables.arrow_rows import cells_of, check_types, columns_read, image_cells
from pipelines.sources.tables.columns import Contents, check_columns

_SPLITS, _STATE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
"""Files by which a saved data set is known: one of several splits, or a single one."""
_BATCH_ROWS = 4096


def tables(text: str) -> list[str]:
    """The Arrow files of a saved data set, all splits of it; else what is Arrow or Parquet at and below `text`."""
    filesystem, path = filesystem_of(text)
    if filesystem.isfile(path) and path.endswith((".arrow", ".parquet")):
        return [full_path(filesystem, path)]
    if is_saved(filesystem, path):
        return sorted(full_path(filesystem, one) for one in _saved(filesystem, path))
    found = [one for one in expand(text, "auto") if one.endswith((".arrow", ".parquet"))]
    if not found:
        raise InputError("no data set of `datasets` is there: neither Arrow nor Parquet")
    return found


def is_saved(filesystem: AbstractFileSystem, folder: str) -> bool:
    """Whether ``save_to_disk`` wrote a folder."""
    has_splits, has_state, has_info = (
        bool(filesystem.isfile(f"{folder.rstrip('/')}/{name}")) for name in (_SPLITS, _STATE, _INFO)
    )
    return has_splits or (has_state and has_info)


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """Which column holds the images, and whether there are rows."""
    if _is_parquet(file):
        contents = parquet.inspect(file, parquet_spec := _with_image(parquet.schema_of(file), spec))
        check_columns(contents.columns or (), parquet_spec)
        return replace(contents, columns=None, bytes=_size(file))
    with _batches(file) as (schema, rows):
        mapping = _with_image(schema, spec)
        check_types(schema, mapping)
        check_columns(schema.names, mapping)
        has_rows = any(some.num_rows for some in rows)
    return Contents(None, (Unit(0),) if has_rows else (), bytes=_size(file))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """The rows of the table, in its order."""
    if _is_parquet(file):
        yield from parquet.read(file, _with_image(parquet.schema_of(file), spec), unit)
        return
    row, root = unit.first_row, root_of(file.path, spec)
    with _batches(file) as (schema, batches):
        mapping = _with_image(schema, spec)
        names, image = columns_read(schema, mapping, "some"), image_cells(schema, mapping)
        for whole in batches:
            for start in range(0, whole.num_rows, _BATCH_ROWS):
                rows = whole.slice(start, _BATCH_ROWS).select(names)
                cells = cells_of(rows, mapping, root, path=file.path, image=image, held="some", first_row=row)
                yield batch(cells, mapping, file.name, row)
                row += rows.num_rows


def _saved(filesystem: AbstractFileSystem, folder: str) -> list[str]:
    folder = folder.rstrip("/")
    if filesystem.isfile(f"{folder}/{_SPLITS}"):
        splits = _listed(filesystem, f"{folder}/{_SPLITS}", lambda content: content["splits"])
        return [one for split in splits for one in _saved(filesystem, f"{folder}/{split}")]
    state = f"{folder}/{_STATE}"
    if _listed(filesystem, state, lambda content: content.get("_indices_data_files") or []):
        raise InputError(f"{state}: its rows are selected by a file of indices: save it anew after `flatten_indices()`")
    files = _listed(filesystem, state, lambda content: [one["filename"] for one in content["_data_files"]])
    return [f"{folder}/{name}" for name in files]


def _listed(filesystem: AbstractFileSystem, path: str, pick: Callable[[Any], list[Any]]) -> list[str]:
    """Names that a file of the library lists."""
    try:
        names = pick(json.loads(filesystem.cat_file(path)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: not as `save_to_disk` writes it: {type(error).__name__}: {error}") from error
    for name in names:
        if not isinstance(name, str) or leads_out(name):
            raise InputError(f"{path}: {name} leads out of the folder")
    return names


def _with_image(schema: pa.Schema, spec: SourceSpec) -> SourceSpec:
    """The mapping with the images' column: the recipe's, else the one that the features name."""
    if spec.columns.image is not None:
        return spec
    images = image_features(schema)
    if len(images) == 1:
        return replace(spec, columns=replace(spec.columns, image=images[0]))
    said = (
        f"{', '.join(images)} all hold images" if images else f"no column of images; it has {', '.join(schema.names)}"
    )
    raise InputError(f"{said}: choose one with `--set source.columns.image={images[0] if images else 'COLUMN'}`")


def _size(file: InputFile) -> int:
    with open_bytes(file.path) as stored:
        return stored.seek(0, 2)


def _is_parquet(file: InputFile) -> bool:
    return file.path.endswith(".parquet")


@contextmanager
def _batches(file: InputFile) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Schema and record batches of an Arrow stream or file; a local one is mapped, so that images are not read."""
    try:
        local = local_path(file.path)
        with pa.memory_map(local) if local else open_bytes(file.path) as stored:
            is_file = stored.read(6) == b"ARROW1"
            stored.seek(0)
            if is_file:
                opened = pa.ipc.open_file(stored)
                yield opened.schema, (opened.get_batch(number) for number in range(opened.num_record_batches))
            else:
                stream = pa.ipc.open_stream(stored)
                yield stream.schema, iter(stream)
    except pa.ArrowException as error:
        raise InputError(f"not readable as Arrow: {error}") from error
