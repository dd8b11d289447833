"""Some rows of a part, joined from its layers by id: what is read of a part is what is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_cards.marks import BoxMark, LineMark
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import read_layer
from jobs.store.plan import Part, read_input
from schemas.tables import INPUT

BLOCKED = "blocked_hash"
"""Of a row that left for this reason nothing leaves the input but id and reason, not even to be looked at."""
_IMAGES_AT_ONCE = 8

Rows = dict[int, dict[str, Any]]


def layer_rows(path: Path, ids: Sequence[int], columns: Sequence[str]) -> Rows:
    """Small columns of those of some rows that a layer file holds, by id."""
    return _of(read_layer(path, ["id", *columns]), ids)


def known_rows(state: RunState, part: Part, before: Sequence[Hop], ids: Sequence[int], columns: Sequence[str]) -> Rows:
    """What is known of some rows of a part after some hops: each column as the input or the last of them gave it.

    Columns that neither has are None.
    """
    given = read_input(state.layout, part, ["id", *(name for name in columns if name in INPUT.names)])
    known = {row: dict.fromkeys(columns) | found for row, found in _of(given, ids).items()}
    for hop in before:
        if added := [name for name in columns if name in hop.schema.names]:
            for row, found in layer_rows(hop.path(state.layout, part.number), ids, added).items():
                known[row] |= {name: value for name, value in found.items() if value is not None}
    return known


def images(path: Path, ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Id and image of those rows that have one, from the row groups that hold them and a few at a time."""
    wanted = pa.array(ids, pa.int64())
    with pq.ParquetFile(path, memory_map=True) as file:
        groups = range(file.metadata.num_row_groups)
        held = [g for g in groups if pc.any(pc.is_in(file.read_row_group(g, ["id"])["id"], wanted)).as_py()]
        for batch in file.iter_batches(_IMAGES_AT_ONCE, held, ["id", "image"]):
            found = batch.filter(pc.and_(pc.is_in(batch["id"], wanted), pc.is_valid(batch["image"])))
            yield from zip(found["id"].to_pylist(), found["image"].to_pylist(), strict=True)


def box_marks(row: Mapping[str, Any]) -> tuple[BoxMark, ...]:
    """A row's regions to be drawn, each with the words of its caption that it shows."""
    captions = row["captions"] or ()
    return tuple(
        BoxMark(
            (captions[one["caption_index"]]["text"] or "")[slice(*(one["expression"] or one["phrase"]))],
            tuple(one["box"]),
            one["score"],
        )
        for one in row["regions"] or ()
    )


def line_marks(row: Mapping[str, Any]) -> tuple[LineMark, ...]:
    """A row's lines of text to be drawn."""
    return tuple(LineMark(one["text"], tuple(one["quad"]), one["score"], one["dropped"]) for one in row["lines"] or ())


def _of(table: pa.Table, ids: Sequence[int]) -> Rows:
    wanted = table.filter(pc.is_in(table["id"], pa.array(ids, pa.int64())))
    return {row.pop("id"): row for row in wanted.to_pylist()}
