"""What the filters share: a cheap rule over columns, whose spec is its own engine."""

from typing import ClassVar, Literal, Self

import pyarrow as pa

from pipelines.stage import Worker

Missing = Literal["keep", "reject"]
"""What becomes of a row that has no value to judge."""


class Filter:
    """A frozen spec (``@dataclass(frozen=True, kw_only=True, config=SPEC)``) with a `process` of its own."""

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    adds: ClassVar[pa.Schema] = pa.schema([])

    def load(self) -> Self:
        """There is nothing to build: the spec is its own engine."""
        return self
