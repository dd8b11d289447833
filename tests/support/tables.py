"""Small tables of URLs, written in every format that people bring, and read back."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.pull.stage import Pull
from pipelines.sources.inputs import find, read
from pipelines.sources.spec import SourceSpec
from schemas.tables import INPUT

Row = dict[str, Any]


def to_pull(rows: Sequence[Row]) -> pa.Table:
    """Rows as the pull stage reads them; what a row leaves out is null."""
    return pa.Table.from_pylist(list(rows), pa.schema([INPUT.field(name) for name in Pull.reads]))


def encode(rows: Sequence[Row], suffix: str) -> bytes:
    """`rows` as the content of a file with `suffix`."""
    if suffix.endswith(".gz"):
        return gzip.compress(encode(rows, suffix.removesuffix(".gz")))
    if suffix == ".parquet":
        return parquet(pa.Table.from_pylist(list(rows)))
    if suffix in {".jsonl", ".ndjson"}:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if suffix == ".tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(table: pa.Table, row_group_size: int | None = None) -> bytes:
    """`table` as the content of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=row_group_size)
    return sink.getvalue()


def read_all(inputs: str | Path | Sequence[str | Path], spec: SourceSpec | None = None) -> list[Row]:
    """Every row of `inputs` in file order, `source` as a dict."""
    spec = spec or SourceSpec()
    named = [inputs] if isinstance(inputs, str | Path) else inputs
    rows = [
        row
        for file in find([str(one) for one in named], spec)
        for unit in file.units
        for batch in read(file, spec, unit)
        for row in batch.to_pylist()
    ]
    return [{**row, "source": dict(row["source"])} for row in rows]


def captions(row: Row) -> list[str]:
    """The texts of a row's captions."""
    return [caption["text"] for caption in row["captions"]]
