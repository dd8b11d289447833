"""Writes one training shard: row groups of bounded size, in bounded memory, the same bytes for the same samples."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.chatml import ROW_GROUP_BYTES, ROW_GROUP_ROWS, SHARD, parquet_options, row_bytes


class ShardWriter:
    """Streams samples into the Parquet file `path`, which must lie in an existing local folder.

    Where a row group ends depends on the samples alone and not on the tables they came in: at `group_rows` samples, or
    before the one that would take it past `group_bytes`. At most one row group of samples, and the tables they are
    views of, is held. Leaving the block writes the footer; leaving it by an exception removes the file. Renaming it
    into place is the caller's.
    """

    def __init__(
        self,
        path: Path,
        metadata: Mapping[str, str] | None = None,
        *,
        group_rows: int = ROW_GROUP_ROWS,
        group_bytes: int = ROW_GROUP_BYTES,
    ) -> None:
        self._path = path
        self._schema = SHARD.with_metadata({**SHARD.metadata, **(metadata or {})})
        self._group_rows, self._group_bytes = group_rows, group_bytes
        self._held: list[pa.Table] = []
        self._held_rows = self._held_bytes = 0
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(self._sink, self._schema, **parquet_options())
        self.num_samples = 0
        """Samples taken so far."""
        self.num_bytes = 0
        """Bytes they hold in memory, as a data card states them; the file is smaller."""

    def write(self, samples: pa.Table) -> None:
        """Append `samples`; ValueError when they are not in the shard's schema."""
        if not samples.schema.equals(SHARD):
            raise ValueError(f"these columns are not a shard's:\n{samples.schema.to_string(show_field_metadata=False)}")
        start = 0
        for row, size in enumerate(row_bytes(samples).tolist()):
            if self._held_rows == self._group_rows or (self._held_rows and self._held_bytes + size > self._group_bytes):
                self._held.append(samples.slice(start, row - start))
                self._flush()
                start = row
            self._held_rows += 1
            self._held_bytes += size
            self.num_bytes += size
        self._held.append(samples.slice(start))
        self.num_samples += samples.num_rows

    def _flush(self) -> None:
        # One chunk a column: page boundaries, and so the file's bytes, would otherwise follow the incoming tables
        group = pa.concat_tables(self._held).combine_chunks()
        self._held.clear()
        self._writer.write_table(group.replace_schema_metadata(self._schema.metadata), row_group_size=self._group_rows)
        self._held_rows = self._held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if kind is None and self._held_rows:
                self._flush()
            self._writer.close()
        finally:
            self._sink.close()
            if kind is not None:
                self._path.unlink(missing_ok=True)
