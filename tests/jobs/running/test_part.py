"""What a part hands to the engines of an async hop."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic.dataclasses import dataclass

from jobs.running.flight import Flight
from jobs.running.hops import Hop
from jobs.running.part import PartJob, PartRunner
from jobs.store.intake import write_window
from jobs.store.plan import Part
from pipelines.stage import SPEC, Processed, Verdicts, Worker
from schemas.layout import RunLayout
from schemas.tables import INPUT


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Noting:
    """Notes down what it is given."""

    stage: str = "noting"
    name: str | None = None

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "async"
    reads: ClassVar[tuple[str, ...]] = ("url",)
    adds: ClassVar[pa.Schema] = pa.schema([])
    max_workers: ClassVar[int | None] = None
    noted: ClassVar[list[tuple[int, float]]] = []

    def load(self) -> "Noting":
        return self

    def share(self, workers: int) -> "Noting":
        return self

    async def process(self, rows: pa.Table, began: float) -> Processed:
        await asyncio.sleep(0)
        self.noted.append((len(rows), began))
        return Processed(Verdicts.kept(len(rows)))

    async def close(self) -> None:
        """There is nothing to close."""


def test_a_part_began_for_all_its_slices_when_the_first_of_them_did(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    layout.input.mkdir()
    write_window(layout.window("window"), pa.Table.from_pylist([{"id": row} for row in range(300)], INPUT), 300)
    stages: tuple[Any, ...] = (Noting(),)
    hop = Hop(0, "noting", "async", stages, "", {"url": "input"}, None, frozenset())
    job = PartJob(tmp_path, hop, Part(0, 0, "window", 0, 0, 300, 0), {}, "", only=tuple(range(300)))

    async def twice() -> None:
        runner = PartRunner(hop, Flight())
        await runner.run_async(job)
        await runner.run_async(job)

    Noting.noted.clear()
    asyncio.run(twice())
    assert [rows for rows, _ in Noting.noted] == [128, 128, 44] * 2
    first, second = ({began for _, began in part} for part in (Noting.noted[:3], Noting.noted[3:]))
    assert len(first) == len(second) == 1
    assert first != second
