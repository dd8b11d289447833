"""The plan: which rows there are and how they fall into parts.

`plan.json` pins the input and the part boundaries, and nothing else; it only ever grows, so that a part's number, its
rows and their ids never change. Rows lie in *windows*, files under ``input/`` with one row group a part. A *block* is
a run of a window's rows that was planned in one go; blocks are what makes `--limit` extend to the full run without
redoing anything. Generation 0 is the input itself; a retry is a window of its own that repeats original ids, and the
latest generation of a row wins wherever layers are read.
"""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.store.files import write_atomically
from schemas.layout import RunLayout

Ids = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
NO_IDS: Ids = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Window:
    """A file of rows under ``input/``. `first_id` is the id of its first row; null for retries, which carry any ids."""

    name: str
    rows: int
    generation: int
    digest: str
    first_id: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows ``[first, first + rows)`` of a window, planned in one go as parts `first_part` and following."""

    window: int
    first: int
    rows: int
    first_part: int


@dataclass(frozen=True, slots=True)
class Part:
    """The unit of work, retry and commit: `rows` rows of one row group, from `offset` on."""

    number: int
    generation: int
    window: str
    row_group: int
    offset: int
    rows: int
    first_id: int | None


@dataclass(frozen=True)
class Plan:
    """See the module. Immutable: what changes it returns a new one, which `save` writes in one step."""

    key: str
    seed: int
    part_rows: int
    source: str
    files: tuple[dict[str, Any], ...]
    windows: tuple[Window, ...] = ()
    blocks: tuple[Block, ...] = field(default=())

    @staticmethod
    def load(path: Path) -> "Plan":
        """The plan saved at `path`."""
        data = json.loads(path.read_text("utf-8"))
        windows = tuple(Window(**window) for window in data.pop("windows"))
        blocks = tuple(Block(**block) for block in data.pop("blocks"))
        return Plan(**{**data, "files": tuple(data["files"])}, windows=windows, blocks=blocks)

    def save(self, path: Path) -> None:
        """Replace the plan at `path` in one step."""
        write_atomically(path, json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False))

    @property
    def input_rows(self) -> int:
        """Rows of the whole input, planned or not."""
        return sum(window.rows for window in self.windows if window.generation == 0)

    @property
    def planned_rows(self) -> int:
        """Rows of the input that parts exist for: ids ``0 … planned_rows − 1``."""
        return sum(block.rows for block in self.blocks if self.windows[block.window].generation == 0)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every part, by number."""
        return tuple(part for block in self.blocks for part in self._cut(block))

    def extend(self, limit: int | None) -> "Plan":
        """Parts for the first `limit` rows of the input (all of it for None); those that exist stay as they are."""
        wanted = self.input_rows if limit is None else min(limit, self.input_rows)
        missing = wanted - self.planned_rows
        plan = self
        for index, window in enumerate(self.windows):
            if window.generation == 0 and missing > 0:
                done = sum(block.rows for block in self.blocks if block.window == index)
                rows = min(window.rows - done, missing)
                if rows:
                    block = Block(index, done, rows, len(plan.parts))
                    plan = dataclasses.replace(plan, blocks=(*plan.blocks, block))
                    missing -= rows
        return plan

    def with_windows(self, windows: list[Window], files: list[dict[str, Any]]) -> "Plan":
        """More input at the end; no parts yet."""
        return dataclasses.replace(self, windows=(*self.windows, *windows), files=(*self.files, *files))

    def with_retry(self, window: Window) -> "Plan":
        """A window of retried rows, and its parts."""
        block = Block(len(self.windows), 0, window.rows, len(self.parts))
        return dataclasses.replace(self, windows=(*self.windows, window), blocks=(*self.blocks, block))

    def part_of(self, row: int) -> Part:
        """The generation-0 part that holds a row id."""
        bases, first_ids = self._bases
        return bases[int(np.searchsorted(first_ids, row, side="right")) - 1]

    @cached_property
    def _bases(self) -> tuple[list[Part], Ids]:
        bases = [part for part in self.parts if part.generation == 0]
        return bases, np.array([part.first_id for part in bases], np.int64)

    def _cut(self, block: Block) -> Iterator[Part]:
        """The parts of a block: cut where row groups end."""
        window = self.windows[block.window]
        position, end, number = block.first, block.first + block.rows, block.first_part
        while position < end:
            row_group, offset = divmod(position, self.part_rows)
            rows = min(self.part_rows - offset, end - position)
            first_id = None if window.first_id is None else window.first_id + position
            yield Part(number, window.generation, window.name, row_group, offset, rows, first_id)
            position += rows
            number += 1


class Generations:
    """Which rows of a part a later generation has taken over. Holds the retried ids, 8 bytes each."""

    def __init__(self, plan: Plan, layout: RunLayout) -> None:
        self._plan, self._layout = plan, layout

    @cached_property
    def _retried(self) -> list[tuple[int, Block, Ids]]:
        """Generation, block and ids of every retry."""
        blocks = [(self._plan.windows[block.window], block) for block in self._plan.blocks]
        return [
            (window.generation, block, _ids(self._layout.window(window.name)))
            for window, block in blocks
            if window.generation > 0
        ]

    def superseded(self, part: Part) -> Ids:
        """Ids of `part` that a later generation repeats, ascending."""
        taken = []
        for generation, _, ids in self._retried:
            if generation <= part.generation:
                continue
            if part.first_id is not None:
                low, high = np.searchsorted(ids, [part.first_id, part.first_id + part.rows])
                taken.append(ids[low:high])
            else:
                mine = read_input(self._layout, part, ["id"])["id"].to_numpy()
                taken.append(np.intersect1d(ids, mine, assume_unique=True))
        return np.unique(np.concatenate(taken)) if taken else NO_IDS

    def parts_with(self, first: int, end: int) -> list[Part]:
        """The parts of every generation that hold ids ``first ≤ id < end``."""
        if first >= end:
            return []
        numbers = list(range(self._plan.part_of(first).number, self._plan.part_of(end - 1).number + 1))
        parts = [part for part in self._plan.parts[numbers[0] : numbers[-1] + 1] if part.generation == 0]
        for _, block, ids in self._retried:
            low, high = np.searchsorted(ids, [first, end])
            if low < high:
                rows = self._plan.part_rows
                parts += self._plan.parts[block.first_part + low // rows : block.first_part + (high - 1) // rows + 1]
        return parts


def read_input(layout: RunLayout, part: Part, columns: list[str] | None) -> pa.Table:
    """The input rows of a part, in id order; every column for None."""
    path = layout.window(part.window)
    with pq.ParquetFile(path, memory_map=True, metadata=_footer(path, path.stat().st_mtime_ns)) as window:
        return window.read_row_group(part.row_group, columns=columns).slice(part.offset, part.rows)


@lru_cache(maxsize=4)
def _footer(path: Path, changed: int) -> pq.FileMetaData:  # noqa: ARG001 — part of the cache's key
    """A window's footer, which holds a row group for each of 2,048 parts: parsing it costs more than reading a part."""
    return pq.read_metadata(path)


def _ids(path: Path) -> Ids:
    ids: Ids = pq.read_table(path, columns=["id"])["id"].to_numpy()
    return ids
