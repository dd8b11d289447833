"""JSON lines: one object a line; blank lines are none. A line that is no object is kept as a broken row."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, TextIO

import pyarrow as pa

from pipelines.sources.collections.images import in_files, root_of
from pipelines.sources.files import InputError, InputFile, Unit, open_text
from pipelines.sources.rows import Cells, batch, captions_of, printable, sound, text_cells
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents, mapped
from pipelines.sources.tables.json_text import json_object, json_text, json_texts, other_keys
from pipelines.sources.tables.roles import by_role

_LOOKED_AT = 1000
"""Records whose keys stand for the columns: a key that none of them has is taken to be missing."""
_BATCH_ROWS = 16_384
_BATCH_CHARACTERS = 1 << 25
_EXCERPT = 120

Record = dict[str, Any] | str
"""The object of a line, or what is wrong with the line."""


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """The keys of the first records; refuses a file that holds no JSON objects."""
    with open_text(file, newline="\n") as text:
        lines = list(islice(_lines(text), _LOOKED_AT))
    records = [json_object(line) for line in lines]
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
    at = mapped(inspect(file, spec).columns or (), spec)
    root = root_of(file.path, spec)
    with open_text(file, newline="\n") as text:
        held: list[Record] = []
        characters = 0
        for line in _lines(text):
            held.append(json_object(line))
            characters += len(line)
            if len(held) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
                yield batch(_cells(held, at, spec, root), spec, file.name, row)
                row += len(held)
                held, characters = [], 0
        if held:
            yield batch(_cells(held, at, spec, root), spec, file.name, row)


def _lines(text: TextIO) -> Iterator[str]:
    return (line for line in text if not line.isspace())


def _cells(records: list[Record], at: dict[str, str], spec: SourceSpec, root: str) -> Cells:
    errors = {row: printable(record) for row, record in enumerate(records) if isinstance(record, str)}
    objects: list[dict[str, Any]] = [{} if isinstance(record, str) else record for record in records]
    texts = {
        role: sound(text_cells([json_text(record.get(name)) for record in objects]), name, errors)
        for role, name in at.items()
    }
    cells = by_role(texts, other_keys(objects, set(at.values()), errors), spec, errors)
    captions = [record.get(at["caption"]) for record in objects]
    if any(type(caption) is list for caption in captions):
        several = [json_texts(caption) for caption in captions]
        cells.captions = captions_of(several, at["caption"], spec.caption_lang, errors)
    if "image" in at:
        in_files(cells, texts["image"], root)
    return cells
