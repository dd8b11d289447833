"""What img2dataset wrote: every row of its lists, kept ones with their image where it lies, others with our reason.

`img2dataset_shard` says what a shard is. Captions, licence and the columns that were carried come along, as do key,
status and sizes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipelines.paths import located
from pipelines.pull.img2dataset.statuses import verdict_of_row
from pipelines.sources.collections.img2dataset_shard import Shard, handed_out
from pipelines.sources.expand import expand
from pipelines.sources.files import InputError, InputFile, Unit, open_bytes
from pipelines.sources.rows import Cells, batch, carried, sound
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.arrow_text import as_text
from pipelines.sources.tables.columns import Contents, mapped
from pipelines.sources.tables.roles import by_role
from pipelines.stage import Verdict
from schemas.tables import IMAGE_AT


def recognises(path: str) -> bool:
    """Whether `path` tells of a shard that img2dataset wrote, or was to write."""
    return Shard(path).is_one


def as_shards(text: str, paths: Sequence[str]) -> list[str]:
    """`paths`, which the user's `text` stands for, with one for each shard.

    Tars whose rows a list tells go; for shards in a folder that were not begun, what handed their rows out comes.
    """
    found = [path for path in paths if path.endswith(".parquet") and recognises(path)]
    tars = {f"{path.removesuffix('.parquet')}.tar" for path in found}
    return sorted([path for path in paths if path not in tars] + _not_begun(text, found))


def lists(text: str) -> list[str]:
    """The lists of shards that what the user names stands for, and what tells of shards that have none."""
    found = [path for path in expand(text, "parquet") if Shard(path).may_be_one]
    if not found:
        raise InputError("img2dataset wrote nothing here: there is no 00000.parquet of its columns")
    return sorted(found + _not_begun(text, found))


def _not_begun(text: str, lists_: Sequence[str]) -> list[str]:
    """Of a folder: files that hand rows out to shards which have no list among `lists_`, beside these."""
    filesystem, inner = located(text)
    if not filesystem.isdir(inner):
        return []
    numbers: dict[str, set[int]] = {}
    for path in lists_:
        folder, slash, name = path.rpartition("/")
        numbers.setdefault(folder + slash, set()).add(int(name.removesuffix(".parquet")))
    return [
        f"{folder}_tmp/{number}.feather"
        for folder, listed in numbers.items()
        for number in handed_out(folder)
        if number not in listed
    ]


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """Whether anything tells of the shard's rows."""
    shard = Shard(file.path)
    if not shard.is_readable:
        raise InputError("is a shard that was being written, and nothing tells of its rows: leave it out, or pull anew")
    try:
        units = (Unit(0),) if next(shard.rows(), None) is not None else ()
    except pa.ArrowException as error:
        raise InputError(f"is damaged: {error}") from error
    with open_bytes(file.path) as stored:
        return Contents(None, units, bytes=stored.seek(0, 2))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """The rows of the shard, in the order of its list."""
    shard = Shard(file.path)
    row = unit.first_row
    try:
        for rows in shard.rows():
            yield batch(_cells(rows, row, shard, spec), spec, file.name, row)
            row += rows.num_rows
    except pa.ArrowException as error:
        raise InputError(f"is damaged: {error}") from error


def _cells(rows: pa.RecordBatch, first_row: int, shard: Shard, spec: SourceSpec) -> Cells:
    errors: dict[int, str] = {}
    names, n = rows.schema.names, rows.num_rows
    texts = {name: sound(as_text(rows[name]), name, errors) for name in names}
    at = {name: name for name in ("url", "caption") if name in names} | mapped(names, spec)
    others = [name for name in names if name not in at.values()]
    by = {"caption": pa.nulls(n, pa.string())} | {role: texts[name] for role, name in at.items()}
    cells = by_role(by, carried(others, [texts[name] for name in others], n), spec, errors)
    cells.image_at = _images(texts, first_row, shard, cells, refetch=spec.refetch)
    return cells


def _images(
    texts: dict[str, pa.StringArray], first_row: int, shard: Shard, cells: Cells, *, refetch: bool
) -> pa.StructArray:
    """Where images lie; rows without one get their reason in `cells`, or are left to their URL."""
    nothing = pa.nulls(len(texts["key"]), pa.string())
    told = (texts["key"], texts["status"], texts.get("error_message", nothing))
    places: list[dict[str, Any] | None] = []
    for row, (key, status, words) in enumerate(zip(*(column.to_pylist() for column in told), strict=True)):
        verdict = verdict_of_row(status, words)
        place = None if verdict else shard.image(key or "", first_row + row)
        if isinstance(place, str):
            verdict, place = Verdict("file_missing", detail=place), None
        places.append(place)
        if verdict and not refetch and row not in cells.errors:
            cells.errors[row] = verdict.detail or f"img2dataset said {status}"
            cells.reasons[row] = verdict.reason
    return pa.array(places, IMAGE_AT)
