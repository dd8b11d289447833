"""The packing decision as the last stage of every recipe: kept + refused = the rows that reached it."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from pipelines.chatml.pack import judge, judge_reads
from pipelines.chatml.pack_spec import PackSpec
from pipelines.stage import Processed, Worker
from schemas.tables import PACKED


@dataclass(frozen=True)
class Pack:
    """Decides, without reading an image, which rows become samples and how large they are."""

    spec: PackSpec
    stage: str = "pack"
    name: str | None = None

    version: ClassVar[int] = PackSpec.version
    worker: ClassVar[Worker] = "task"
    adds: ClassVar[pa.Schema] = PACKED

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that the decision needs: regions only where a task is made of them."""
        return judge_reads(self.spec)

    def load(self) -> "Pack":
        """There is nothing to build: the stage is its own engine."""
        return self

    def process(self, rows: pa.Table) -> Processed:
        return judge(rows, self.spec)
