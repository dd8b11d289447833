"""Filters on an image's size, by the signals computed at pull."""

from typing import Annotated, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.stage import SPEC, Processed, Verdicts, Worker

_NOTHING = pa.schema([])


@dataclass(frozen=True, kw_only=True, config=SPEC)
class AspectRatio:
    """Refuses images whose longer side exceeds `max_ratio` times the shorter.

    The default 6 is CogVLM's published rule (pre-training data: aspect ratio > 6 or < 1/6 is removed; exactly 6 stays).
    COYO-700M and Wukong use 3.
    """

    stage: Literal["aspect_ratio"] = "aspect_ratio"
    name: str | None = None
    max_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 6.0

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("width", "height")
    adds: ClassVar[pa.Schema] = _NOTHING

    def load(self) -> "AspectRatio":
        """There is nothing to build: the spec is its own engine."""
        return self

    def process(self, rows: pa.Table) -> Processed:
        width, height = _float(rows["width"]), _float(rows["height"])
        longer, shorter = pc.max_element_wise(width, height), pc.min_element_wise(width, height)
        # longer > r × shorter, not longer / shorter > r: a division would round 600 × 100 to either side of 6
        refused = pc.greater(longer, pc.multiply(shorter, self.max_ratio))
        return Processed(Verdicts.refuse_where(refused, "aspect_ratio", pc.divide(longer, shorter)))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MinSide:
    """Refuses images whose shorter side is below `pixels`. LAION-115M (Kosmos-2): > 256 px; COYO-700M: ≥ 200 px."""

    stage: Literal["min_side"] = "min_side"
    name: str | None = None
    pixels: Annotated[int, Field(ge=1)] = 64

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("width", "height")
    adds: ClassVar[pa.Schema] = _NOTHING

    def load(self) -> "MinSide":
        """There is nothing to build: the spec is its own engine."""
        return self

    def process(self, rows: pa.Table) -> Processed:
        shorter = pc.min_element_wise(rows["width"], rows["height"])
        return Processed(Verdicts.refuse_where(pc.less(shorter, self.pixels), "min_side", shorter))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MinBytes:
    """Refuses images whose file, as served, is smaller than `bytes`. LAION-5B and COYO-700M ask for ≥ 5 KB."""

    stage: Literal["min_bytes"] = "min_bytes"
    name: str | None = None
    bytes: Annotated[int, Field(ge=1)] = 5000

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("n_bytes",)
    adds: ClassVar[pa.Schema] = _NOTHING

    def load(self) -> "MinBytes":
        """There is nothing to build: the spec is its own engine."""
        return self

    def process(self, rows: pa.Table) -> Processed:
        refused = pc.less(rows["n_bytes"], self.bytes)
        return Processed(Verdicts.refuse_where(refused, "min_bytes", rows["n_bytes"]))


def _float(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float64())
