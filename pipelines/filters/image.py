"""Filters on an image's shape, size and look, by the signals computed at pull. Nothing is decoded here."""

from typing import Annotated, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.filter import Filter
from pipelines.stage import SPEC, Processed, Verdicts

ServedFormat = Literal["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class AspectRatio(Filter):
    """Refuses images whose longer side exceeds `max_ratio` times the shorter.

    The default 6 is CogVLM's published rule (pre-training data: aspect ratio > 6 or < 1/6 is removed; exactly 6 stays).
    COYO-700M, DataComp and Wukong use 3.
    """

    stage: Literal["aspect_ratio"] = "aspect_ratio"
    name: str | None = None
    max_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 6.0

    reads: ClassVar[tuple[str, ...]] = ("width", "height")

    def process(self, rows: pa.Table) -> Processed:
        width, height = _float(rows["width"]), _float(rows["height"])
        longer, shorter = pc.max_element_wise(width, height), pc.min_element_wise(width, height)
        # longer > r × shorter, not longer / shorter > r: a division would round 600 × 100 to either side of 6
        refused = pc.greater(longer, pc.multiply(shorter, self.max_ratio))
        return Processed(Verdicts.refuse_where(refused, "aspect_ratio", pc.divide(longer, shorter)))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MinSide(Filter):
    """Refuses images whose shorter side is below `pixels`.

    COYO-700M and DataComp: ≥ 200; Wukong: > 200, which is 201 here; LAION-115M: > 256, which is 257.
    """

    stage: Literal["min_side"] = "min_side"
    name: str | None = None
    pixels: Annotated[int, Field(ge=1)] = 64

    reads: ClassVar[tuple[str, ...]] = ("width", "height")

    def process(self, rows: pa.Table) -> Processed:
        shorter = pc.min_element_wise(rows["width"], rows["height"])
        return Processed(Verdicts.refuse_where(pc.less(shorter, self.pixels), "min_side", shorter))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MaxSide(Filter):
    """Refuses images whose longer side is above `pixels`. Ours: no system publishes one."""

    stage: Literal["max_side"] = "max_side"
    name: str | None = None
    pixels: Annotated[int, Field(ge=1)] = 16_384

    reads: ClassVar[tuple[str, ...]] = ("width", "height")

    def process(self, rows: pa.Table) -> Processed:
        longer = pc.max_element_wise(rows["width"], rows["height"])
        return Processed(Verdicts.refuse_where(pc.greater(longer, self.pixels), "max_side", longer))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Area(Filter):
    """Refuses images of fewer than `min_pixels` or more than `max_pixels` (width × height). Ours."""

    stage: Literal["area"] = "area"
    name: str | None = None
    min_pixels: Annotated[int, Field(ge=0)] = 0
    max_pixels: Annotated[int, Field(ge=1)] | None = None

    reads: ClassVar[tuple[str, ...]] = ("width", "height")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.max_pixels is not None and self.max_pixels < self.min_pixels:
            raise ValueError("max_pixels is below min_pixels: nothing would be left")
        return self

    def process(self, rows: pa.Table) -> Processed:
        area = pc.multiply(rows["width"].cast(pa.int64()), rows["height"].cast(pa.int64()))
        verdicts = Verdicts.refuse_where(pc.less(area, self.min_pixels), "min_area", area)
        if self.max_pixels is not None:
            verdicts = verdicts.or_else(Verdicts.refuse_where(pc.greater(area, self.max_pixels), "max_area", area))
        return Processed(verdicts)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MinBytes(Filter):
    """Refuses images whose file, as served, is smaller than `bytes`. LAION-5B and COYO-700M ask for ≥ 5 KB."""

    stage: Literal["min_bytes"] = "min_bytes"
    name: str | None = None
    bytes: Annotated[int, Field(ge=1)] = 5000

    reads: ClassVar[tuple[str, ...]] = ("n_bytes",)

    def process(self, rows: pa.Table) -> Processed:
        refused = pc.less(rows["n_bytes"], self.bytes)
        return Processed(Verdicts.refuse_where(refused, "min_bytes", rows["n_bytes"]))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MaxBytes(Filter):
    """Refuses images whose file, as served, is larger than `bytes`. Ours; pull has a cap of its own, `max_bytes`."""

    stage: Literal["max_bytes"] = "max_bytes"
    name: str | None = None
    bytes: Annotated[int, Field(ge=1)] = 10_000_000

    reads: ClassVar[tuple[str, ...]] = ("n_bytes",)

    def process(self, rows: pa.Table) -> Processed:
        refused = pc.greater(rows["n_bytes"], self.bytes)
        return Processed(Verdicts.refuse_where(refused, "max_bytes", rows["n_bytes"]))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Format(Filter):
    """Keeps images that were served in one of `allowed` formats, judged by their bytes."""

    stage: Literal["format"] = "format"
    name: str | None = None
    allowed: Annotated[tuple[ServedFormat, ...], Field(min_length=1)] = ("jpeg", "png", "webp")

    reads: ClassVar[tuple[str, ...]] = ("served_format",)

    def process(self, rows: pa.Table) -> Processed:
        formats = rows["served_format"]
        refused = pc.invert(pc.is_in(formats, pa.array(self.allowed)))
        return Processed(Verdicts.refuse_where(refused, "format", detail=formats))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Still(Filter):
    """Refuses images of several frames, of which pull kept the first. The value is their number."""

    stage: Literal["still"] = "still"
    name: str | None = None

    reads: ClassVar[tuple[str, ...]] = ("frames",)

    def process(self, rows: pa.Table) -> Processed:
        return Processed(Verdicts.refuse_where(pc.greater(rows["frames"], 1), "animated", rows["frames"]))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class NearUniform(Filter):
    """Refuses images that look blank: standard deviation of the grey values below `min_deviation` (0–127.5).

    Ours: 3 grey levels is what is left of a flat area with JPEG noise.
    """

    stage: Literal["near_uniform"] = "near_uniform"
    name: str | None = None
    min_deviation: Annotated[float, Field(ge=0, le=127.5)] = 3.0

    reads: ClassVar[tuple[str, ...]] = ("uniformity",)

    def process(self, rows: pa.Table) -> Processed:
        deviation = _float(rows["uniformity"])
        return Processed(Verdicts.refuse_where(pc.less(deviation, self.min_deviation), "near_uniform", deviation))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Blur(Filter):
    """Refuses blurred images: variance of the Laplacian at working size (shorter side 128) below `min_variance`.

    Ours. The measure falls with any smoothness, so drawings with large flat areas score low as well: look at what it
    refuses (`shardmill sheet`) before raising it.
    """

    stage: Literal["blur"] = "blur"
    name: str | None = None
    min_variance: Annotated[float, Field(ge=0)] = 20.0

    reads: ClassVar[tuple[str, ...]] = ("sharpness",)

    def process(self, rows: pa.Table) -> Processed:
        variance = _float(rows["sharpness"])
        return Processed(Verdicts.refuse_where(pc.less(variance, self.min_variance), "blurred", variance))


def _float(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float64())
