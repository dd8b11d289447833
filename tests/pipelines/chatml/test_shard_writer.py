import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.shard_writer import ShardWriter
from schemas.chatml import ROW_GROUP_BYTES, SHARD, row_bytes
from tests.support.packing import packed

RowMaker = Callable[..., pa.Table]


def made(rows: RowMaker, n: int, sizes: list[int] | None = None) -> pa.Table:
    """`n` samples; with `sizes`, their images are that many bytes."""
    images = {"image": [row.to_bytes(4, "big") * (size // 4) for row, size in enumerate(sizes)]} if sizes else {}
    return packed(rows(["a dog"] * n, **images), PackSpec())


def groups(path: Path) -> list[int]:
    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]


def write(path: Path, *tables: pa.Table, **limits: int) -> bytes:
    with ShardWriter(path, **limits) as writer:
        for table in tables:
            writer.write(table)
    return path.read_bytes()


def test_what_is_written_is_read_back(rows: RowMaker, tmp_path: Path) -> None:
    table = made(rows, 3)
    write(tmp_path / "shard.parquet", table)
    read = pq.read_table(tmp_path / "shard.parquet")
    assert read.equals(table)
    assert read.schema.metadata[b"huggingface"] == SHARD.metadata[b"huggingface"]


def test_the_writer_counts_what_the_card_states(rows: RowMaker, tmp_path: Path) -> None:
    table = made(rows, 3)
    with ShardWriter(tmp_path / "shard.parquet") as writer:
        writer.write(table)
        writer.write(table.slice(0, 1))
    assert writer.num_samples == 4
    assert writer.num_bytes == row_bytes(table).sum() + row_bytes(table)[0]


def test_row_groups_hold_at_most_100_rows(rows: RowMaker, tmp_path: Path) -> None:
    table = made(rows, 70)
    write(tmp_path / "shard.parquet", table, table, table, table.slice(0, 0))
    assert groups(tmp_path / "shard.parquet") == [100, 100, 10]


def test_row_groups_end_before_the_sample_that_is_too_much(rows: RowMaker, tmp_path: Path) -> None:
    table = made(rows, 6, [40_000, 40_000, 40_000, 200_000, 40_000, 40_000])
    write(tmp_path / "shard.parquet", table, group_bytes=100_000)
    assert groups(tmp_path / "shard.parquet") == [2, 1, 1, 2]  # the large sample stands alone


def test_large_images_keep_row_groups_within_100_mb(rows: RowMaker, tmp_path: Path) -> None:
    table = made(rows, 13, [20_000_000] * 13)
    write(tmp_path / "shard.parquet", table)
    metadata = pq.ParquetFile(tmp_path / "shard.parquet").metadata
    assert groups(tmp_path / "shard.parquet") == [4, 4, 4, 1]
    assert max(metadata.row_group(i).total_byte_size for i in range(4)) <= ROW_GROUP_BYTES


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([4, 3_000, 700_000, 2_000_000]), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    group_rows=st.integers(1, 12),
)
def test_the_same_samples_give_the_same_bytes_however_they_come(
    rows: RowMaker, tmp_path_factory: pytest.TempPathFactory, sizes: list[int], cuts: list[int], group_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    table = made(rows, len(sizes), sizes)
    edges = [0, *sorted(min(cut, len(sizes)) for cut in cuts), len(sizes)]
    pieces = [table.slice(start, end - start) for start, end in pairwise(edges)]
    limits = {"group_rows": group_rows, "group_bytes": 3_000_000}

    whole = write(folder / "whole.parquet", table, **limits)
    assert write(folder / "pieces.parquet", *pieces, **limits) == whole
    assert write(folder / "chunks.parquet", pa.concat_tables(pieces), **limits) == whole


def test_metadata_reaches_the_footer(tmp_path: Path, rows: RowMaker) -> None:
    with ShardWriter(tmp_path / "shard.parquet", PackSpec().shard_metadata()) as writer:
        writer.write(made(rows, 1))
    metadata = pq.read_schema(tmp_path / "shard.parquet").metadata
    assert json.loads(metadata[b"shardmill"])["dialect"] == "qwen2_vl"
    assert b"huggingface" in metadata


def test_a_shard_that_could_not_be_finished_leaves_no_file(tmp_path: Path, rows: RowMaker) -> None:
    def interrupted() -> None:
        with ShardWriter(tmp_path / "shard.parquet") as writer:
            writer.write(made(rows, 1))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_samples_of_another_schema_are_a_bug(tmp_path: Path, rows: RowMaker) -> None:
    with pytest.raises(ValueError, match="not a shard's"), ShardWriter(tmp_path / "shard.parquet") as writer:
        writer.write(rows(["a"]))
