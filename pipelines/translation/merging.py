"""Answers of several caches in one, and to and from object storage.

On object storage a cache is a folder of Parquet segments, each written whole and named for what it holds; merging
reads all of them.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.translation.cache import FILE, Stored, batches, insert, opened

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(32)),
        pa.field("text", pa.string()),
        pa.field("finish_reason", pa.string()),
        pa.field("tokens_in", pa.int64()),
        pa.field("tokens_out", pa.int64()),
        *(pa.field(name, pa.string()) for name in ("model", "prompt", "target", "account")),
        pa.field("tries", pa.int32()),
        pa.field("ms", pa.float64()),
        pa.field("at", pa.float64()),
    ]
)
_BATCH = 1000


def merge(sources: Sequence[str], into: Path) -> int:
    """Take the answers of other caches in; how many were new.

    A source is a folder that holds a cache, or one of segments, by path or fsspec URL. An answer that is here already
    stays as it is. Raises `FileNotFoundError` for a source without answers.
    """
    with closing(opened(into)) as connection:
        before = connection.total_changes
        for source in sources:
            for batch in _read(source):
                insert(connection, batch)
        return connection.total_changes - before


def export(folder: Path, url: str) -> str | None:
    """Write a cache as one segment into a folder of object storage; its name, or None where there is no answer.

    The name is made of the keys: a cache that has not grown is the same segment again.
    """
    names = hashlib.sha256()
    with closing(opened(folder)) as connection, tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        with pq.ParquetWriter(file.name, _SCHEMA, compression="zstd") as writer:
            for batch in batches(connection):
                names.update(b"".join(answer.key for answer in batch))
                columns = [
                    pa.array(column, field.type)
                    for column, field in zip(zip(*batch, strict=True), _SCHEMA, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
        if names.digest() == hashlib.sha256().digest():
            return None
        name = f"answers-{names.hexdigest()[:16]}.parquet"
        files, root = fsspec.core.url_to_fs(url)
        files.makedirs(root, exist_ok=True)
        files.put_file(file.name, f"{root}/{name}")
        return name


def _read(source: str) -> Iterator[list[Stored]]:
    if "://" not in source and (Path(source) / FILE).exists():
        with closing(opened(Path(source))) as connection:
            yield from batches(connection)
        return
    files, root = fsspec.core.url_to_fs(source)
    segments = sorted(files.glob(f"{root}/answers-*.parquet"))
    if not segments:
        raise FileNotFoundError(f"{source} holds no answers: neither {FILE} nor answers-*.parquet")
    for segment in segments:
        with files.open(segment, "rb") as file, pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(_BATCH):
                yield [Stored(**row) for row in batch.to_pylist()]
