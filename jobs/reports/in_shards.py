"""The training samples of one row, found in the shards without reading them: samples lie in the order of their rows."""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.store.plan import Plan
from pipelines.chatml.pack_spec import TRAIN, VALIDATION
from schemas.layout import RunLayout, row_id

_COLUMNS = ["id", "task", "language", "messages_tagged", "n_text_tokens", "n_image_tokens"]


def samples_of(layout: RunLayout, plan: Plan, row: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Shard name and small columns of each sample of a row, in the order of the splits."""
    prefix = f"{plan.key}-{row_id(row)}-"
    for split in (TRAIN, VALIDATION):
        shards = sorted(layout.shards.glob(f"{split}-*.parquet"))
        first = bisect_left(shards, prefix, key=lambda path: _bounds(path)[1])
        for path in shards[first:]:
            if _bounds(path)[0] > prefix + "~":
                break
            for found in _read(path, prefix).to_pylist():
                yield path.name, found


def _bounds(path: Path) -> tuple[str, str]:
    """The first and the last id of a shard."""
    found = pq.read_metadata(path)
    groups = [found.row_group(at).column(0).statistics for at in range(found.num_row_groups)]
    return (groups[0].min, groups[-1].max) if groups else ("", "")


def _read(path: Path, prefix: str) -> pa.Table:
    with pq.ParquetFile(path, memory_map=True) as file:
        held = [
            at
            for at in range(file.metadata.num_row_groups)
            if (found := file.metadata.row_group(at).column(0).statistics).min <= prefix + "~" and found.max >= prefix
        ]
        rows = file.read_row_groups(held, _COLUMNS)
    return rows.filter(pc.starts_with(rows["id"], prefix))
