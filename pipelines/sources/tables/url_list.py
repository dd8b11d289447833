"""A list of URLs: a text file with one a line, and no captions; blank lines are none."""

from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from pipelines.sources.files import InputError, InputFile, Unit, open_text
from pipelines.sources.rows import Cells, batch, printable, sound, text_cells
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents

_BATCH_ROWS = 16_384
_EXCERPT = 120


def is_named(path: str) -> bool:
    """Whether a file is called as a list of URLs may be; captions beside images are called so too."""
    return path.lower().removesuffix(".gz").endswith(".txt")


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """Whether there is a line; refuses a file whose first one is no URL."""
    first = next(_lines(file), None)
    if first is not None and "://" not in first.split(maxsplit=1)[0]:
        raise InputError(
            f"not a list of URLs, as its first line is {printable(first[:_EXCERPT])}\n"
            "say what it is with `--set source.format=csv` (parquet, csv, …)"
        )
    return Contents(None, () if first is None else (Unit(0),))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row without captions for each line, in the file's order; whether it is a URL is for pull to judge."""
    row = unit.first_row
    remaining = _lines(file)
    while lines := list(islice(remaining, _BATCH_ROWS)):
        errors: dict[int, str] = {}
        urls = sound(text_cells(lines), "url", errors)
        yield batch(Cells(urls, errors=errors), spec, file.name, row)
        row += len(lines)


def _lines(file: InputFile) -> Iterator[str]:
    with open_text(file, newline="\n") as text:
        for line in text:
            if stripped := line.strip():
                yield stripped
