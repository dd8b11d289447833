"""CSV and TSV with a header line: quotes, embedded newlines, any line ends, a byte order mark.

An empty field is null, as the format has no other way to say so. A record that does not fit the header is kept as a
broken row. Where it spans several lines, its first line alone is broken and the next one starts afresh, so that a
quote which is never closed costs one row and not the rest of the file.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TextIO

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.collections.images import in_files, root_of
from pipelines.sources.files import InputError, InputFile, Unit, open_text
from pipelines.sources.rows import Cells, batch, carried, printable, sound, text_cells
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents, mapped
from pipelines.sources.tables.roles import by_role

_FIELD_CHARACTERS = 1 << 24
"""The longest field. A quote left open is noticed here at the latest."""
_BATCH_ROWS = 16_384
_BATCH_CHARACTERS = 1 << 25
_EXCERPT = 120

Record = list[str] | str
"""The fields of a record, or what is wrong with it."""


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """The header, and whether a record follows."""
    with open_text(file, newline="") as text:
        records = _Records(text, file.format)
        units = (Unit(0),) if next(records.read(), None) is not None else ()
    return Contents(tuple(records.header), units)


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """All rows of the file, in its order; blank lines are none."""
    row = unit.first_row
    root = root_of(file.path, spec)
    with open_text(file, newline="") as text:
        records = _Records(text, file.format)
        held: list[Record] = []
        held_from = 0
        for record in records.read():
            held.append(record)
            if len(held) == _BATCH_ROWS or records.characters - held_from >= _BATCH_CHARACTERS:
                yield batch(_cells(held, records.header, spec, root), spec, file.name, row)
                row += len(held)
                held, held_from = [], records.characters
        if held:
            yield batch(_cells(held, records.header, spec, root), spec, file.name, row)


class _Records:
    """The records below the header of a text, each with as many fields as the header or a word on what is wrong."""

    def __init__(self, text: TextIO, format_: str) -> None:
        csv.field_size_limit(_FIELD_CHARACTERS)
        self._text = text
        self._delimiter = "\t" if format_ == "tsv" else ","
        self._again: deque[str] = deque()  # lines handed back, to be read before the rest of the text
        self._taken: list[str] = []  # lines of the record being read
        self._ended = False
        self.characters = 0
        try:
            self.header = [printable(name.strip()) for name in next(self._reader(), [])]
        except csv.Error as error:
            raise InputError(f"the header line cannot be read: {error}") from error

    def read(self) -> Iterator[Record]:
        while not self._ended or self._again:
            self._ended = False
            self._taken.clear()
            yield from self._until_broken_lines()

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter)

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._again.popleft() if self._again else next(self._text, "")
            if not line:
                self._ended = True
                return
            self._taken.append(line)
            self.characters += len(line)
            yield line

    def _until_broken_lines(self) -> Iterator[Record]:
        """Records up to one after which lines were handed back, or to the end of the text."""
        reader = self._reader()
        while True:
            wrong: str | None
            try:
                fields = next(reader, None)
            except csv.Error as error:
                wrong = str(error)
            else:
                if fields is None:
                    return
                wrong = self._fault(fields)
                if wrong is None:
                    self._taken.clear()
                    if fields:
                        yield fields
                    continue
            first, *rest = self._taken
            self._taken.clear()
            yield f"{wrong}: {first.rstrip()[:_EXCERPT]}"
            if rest or self._ended:
                self._again.extendleft(reversed(rest))
                return

    def _fault(self, fields: list[str]) -> str | None:
        """Why `fields`, read from the lines taken, are not a record; a blank line is none, and no fault."""
        if self._ended:  # the reader answers without end of line only at the end of the text, inside a quote
            return "a quote is never closed"
        if fields and len(fields) != len(self.header):
            count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
            return f"{count} where the header has {len(self.header)}"
        if len(self._taken) > 1:
            # Within a line, stray quotes are harmless. Over several, they may join records that were apart.
            try:
                next(csv.reader(self._taken, delimiter=self._delimiter, strict=True))
            except csv.Error as error:
                return f"stray quotes over {len(self._taken)} lines ({error})"
        return None


def _cells(records: Sequence[Record], header: list[str], spec: SourceSpec, root: str) -> Cells:
    nothing = [""] * len(header)
    errors = {row: record for row, record in enumerate(records) if isinstance(record, str)}
    columns = zip(*(nothing if isinstance(record, str) else record for record in records), strict=True)
    texts = [_null_if_empty(sound(text_cells(c), name, errors)) for name, c in zip(header, columns, strict=True)]
    at = {role: header.index(name) for role, name in mapped(header, spec).items()}
    others = [i for i in range(len(header)) if i not in at.values()]
    source = carried([header[i] for i in others], [texts[i] for i in others], len(records))
    errors = {row: printable(said) for row, said in errors.items()}
    cells = by_role({role: texts[i] for role, i in at.items()}, source, spec, errors)
    if "image" in at:
        in_files(cells, texts[at["image"]], root)
    return cells


def _null_if_empty(texts: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
