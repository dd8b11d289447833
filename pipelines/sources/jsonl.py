"""JSON lines: one object a line; blank lines are none. A line that is no object is kept as a broken row."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from types import NoneType
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from pipelines.sources.columns import Contents, mapped
from pipelines.sources.files import InputError, InputFile, Unit, open_text
from pipelines.sources.rows import Cells, batch, printable, sound, text_cells
from pipelines.sources.spec import SourceSpec

_LOOKED_AT = 1000
"""Records whose keys stand for the columns: a key that none of them has is taken to be missing."""
_BATCH_ROWS = 16_384
_BATCH_CHARACTERS = 1 << 25
_EXCERPT = 120

_WRITTEN: dict[type, Callable[[Any], str | None]] = {
    str: lambda value: value,
    NoneType: lambda _: None,
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: float.__repr__,
}
"""As `json.dumps` writes them, without its cost; objects and arrays go through it."""

Record = dict[str, Any] | str
"""The object of a line, or what is wrong with the line."""


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """The keys of the first records; refuses a file that holds no JSON objects."""
    with open_text(file, newline="\n") as text:
        lines = list(islice(_lines(text), _LOOKED_AT))
    records = [_record(line) for line in lines]
    objects = [record for record in records if isinstance(record, dict)]
    if lines and (not objects or lines[0].strip() == "["):
        raise InputError(
            f"not JSON lines: the first one is {printable(lines[0].strip()[:_EXCERPT])}\n"
            "turn a JSON array into lines with `jq -c '.[]'`"
        )
    keys = dict.fromkeys(printable(key) for record in objects for key in record)
    return Contents(tuple(keys), (Unit(0),) if records else ())


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """All rows of the file, in its order."""
    row = unit.first_row
    with open_text(file, newline="\n") as text:
        held: list[Record] = []
        characters = 0
        for line in _lines(text):
            held.append(_record(line))
            characters += len(line)
            if len(held) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
                yield batch(_cells(held, spec), spec, file.name, row)
                row += len(held)
                held, characters = [], 0
        if held:
            yield batch(_cells(held, spec), spec, file.name, row)


def _lines(text: TextIO) -> Iterator[str]:
    return (line for line in text if not line.isspace())


def _record(line: str) -> Record:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}: {line.strip()[:_EXCERPT]}"
    return value if type(value) is dict else f"not a JSON object: {line.strip()[:_EXCERPT]}"


def _cells(records: list[Record], spec: SourceSpec) -> Cells:
    errors = {row: printable(record) for row, record in enumerate(records) if isinstance(record, str)}
    objects: list[dict[str, Any]] = [{} if isinstance(record, str) else record for record in records]
    texts = {
        role: sound(text_cells([_text(record.get(name)) for record in objects]), name, errors)
        for role, name in mapped(spec).items()
    }
    return Cells(
        url=texts["url"],
        caption=texts["caption"],
        license=texts.get("license", pa.nulls(len(records), pa.string())),
        source=_others(objects, set(mapped(spec).values()), errors),
        errors=errors,
    )


def _others(objects: list[dict[str, Any]], apart: set[str], errors: dict[int, str]) -> pa.MapArray:
    """The keys that a record has besides those set apart: each record may have its own."""
    names: dict[str, str] = {}  # printable names of the keys met
    keys: list[str] = []
    values: list[str | None] = []
    ends = [0]
    for record in objects:
        for key, value in record.items():
            if key not in apart:
                if key not in names:
                    names[key] = printable(key)
                keys.append(names[key])
                values.append(_text(value))
        ends.append(len(keys))
    cell_errors: dict[int, str] = {}
    texts = sound(text_cells(values), "", cell_errors)
    for cell, said in cell_errors.items():
        row = int(np.searchsorted(ends, cell, side="right")) - 1
        said = f"{keys[cell]}{said}"
        errors[row] = f"{errors[row]}; {said}" if row in errors else said
    return pa.MapArray.from_arrays(pa.array(ends, pa.int32()), pa.array(keys, pa.string()), texts)


def _text(value: Any) -> str | None:
    written = _WRITTEN.get(type(value))
    return written(value) if written else json.dumps(value, ensure_ascii=False)
