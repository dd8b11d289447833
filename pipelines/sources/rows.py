"""Rows as every reader hands them on: batches of `schemas.tables.INPUT` without ids.

A cell that is no text (bytes that are not UTF-8, a NUL) becomes null and an error of its row; no row is ever lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipelines.captions import original_captions
from pipelines.sources.spec import SourceSpec
from schemas.tables import IMAGE_AT, INPUT

ROWS = pa.schema([column for column in INPUT if column.name != "id"])
"""What readers yield. Ids are given by who lays the rows out."""

_CAPTIONS = INPUT.field("captions").type
_REGIONS, _TURNS = INPUT.field("regions").type, INPUT.field("turns").type


@dataclass(slots=True)
class Cells:
    """Columns of a batch on their way into `ROWS`, all of the same length. What is left out is null."""

    url: pa.StringArray
    caption: pa.StringArray | None = None
    """One caption a row, of role "web" and the recipe's language."""
    license: pa.StringArray | None = None
    source: pa.MapArray | None = None
    errors: dict[int, str] = field(default_factory=dict)
    """What is wrong with a row, by its position in the batch."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Of rows with an error: their reason, where it is another than ``invalid_record``."""
    captions: pa.ListArray | None = None
    """All captions of each row, in place of `caption`."""
    image_at: pa.StructArray | None = None
    regions: pa.ListArray | None = None
    turns: pa.ListArray | None = None


def batch(cells: Cells, spec: SourceSpec, file_name: str, first_row: int) -> pa.RecordBatch:
    """The rows of `cells`, which lie in `file_name` from `first_row` on."""
    n = len(cells.url)
    captions = cells.captions
    if captions is None:
        texts = pa.nulls(n, pa.string()) if cells.caption is None else cells.caption
        captions = original_captions(texts, spec.caption_lang)
    columns = {
        "url": cells.url,
        "image_at": _or_nulls(cells.image_at, n, IMAGE_AT),
        "captions": captions,
        "regions": _or_nulls(cells.regions, n, _REGIONS),
        "turns": _or_nulls(cells.turns, n, _TURNS),
        "license": _or_nulls(cells.license, n, pa.string()),
        "source": carried((), (), n) if cells.source is None else cells.source,
        "source_file": pa.repeat(file_name, n),
        "source_row": pa.array(np.arange(first_row, first_row + n)),
        "input_error": _said(cells.errors, n),
        "input_reason": _said(cells.reasons, n),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in ROWS.names], schema=ROWS)


def _or_nulls(column: pa.Array | None, n: int, type_: pa.DataType) -> pa.Array:
    return pa.nulls(n, type_) if column is None else column


def _said(words: dict[int, str], n: int) -> pa.StringArray:
    return pa.array([words.get(row) for row in range(n)], pa.string()) if words else pa.nulls(n, pa.string())


def captions_of(rows: Sequence[Sequence[str | None]], name: str, lang: str | None, errors: dict[int, str]) -> pa.Array:
    """Lists of captions of the source's own. What is empty or null is none; what is no text is an error of its row."""
    owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    cell_errors: dict[int, str] = {}
    texts = sound(text_cells([text or None for row in rows for text in row]), name, cell_errors)
    for cell, said in cell_errors.items():
        tell(errors, int(owners[cell]), said)
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    ends = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(np.bincount(owners[present], minlength=len(rows)), out=ends[1:])
    return pa.ListArray.from_arrays(pa.array(ends), original_captions(texts, lang).values, type=_CAPTIONS)


def tell(errors: dict[int, str], row: int, said: str) -> None:
    """Add to what is wrong with a row, once."""
    before = errors.get(row)
    if before is None:
        errors[row] = said
    elif said not in before:
        errors[row] = f"{before}; {said}"


def carried(names: Sequence[str], columns: Sequence[pa.StringArray], n: int) -> pa.MapArray:
    """`n` maps with the same keys, one for each of `columns`."""
    k = len(names)
    values = pa.concat_arrays(columns) if columns else pa.array([], pa.string())
    row_by_row = np.arange(n * k, dtype=np.int32).reshape(k, n).T.ravel()
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(k, dtype=np.int32), n)))
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * np.int32(k))
    return pa.MapArray.from_arrays(offsets, keys, values.take(pa.array(row_by_row)))


def text_cells(values: Sequence[str | None]) -> pa.Array:
    """Python strings as Arrow: a string array, or, where lone surrogates stand for broken bytes, a binary one."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([None if value is None else value.encode("utf-8", "surrogatepass") for value in values])


def sound(texts: pa.Array, name: str, errors: dict[int, str]) -> pa.StringArray:
    """`texts` (string or binary) as strings; what is no text becomes null, and an error of its row in `errors`."""
    if _is_sound(texts):
        return texts.cast(pa.string())
    values: list[str | None] = []
    for row, value in enumerate(texts.cast(pa.binary()).to_pylist()):
        fault = None
        try:
            text = None if value is None else value.decode("utf-8")
        except UnicodeDecodeError:
            fault = "bytes that are not UTF-8"
        else:
            if text is not None and "\0" in text:
                fault = "a NUL character"
        if fault:
            tell(errors, row, f"{name}: {fault}")
        values.append(None if fault else text)
    return pa.array(values, pa.string())


def _is_sound(texts: pa.Array) -> bool:
    if not pa.types.is_string(texts.type):
        return False
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return True
    ends = np.frombuffer(offsets, np.int32)
    used = np.frombuffer(data, np.uint8)[ends[texts.offset] : ends[texts.offset + len(texts)]]
    return not used.size or bool(used.min())


def printable(text: str) -> str:
    """`text` without what UTF-8 cannot write and without NUL, for names and messages."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
