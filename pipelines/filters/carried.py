"""Filters on what the source itself says of a row: scores, labels, licences. They travel in the `source` column."""

import math
from typing import Annotated, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.filter import Filter, Missing
from pipelines.stage import SPEC, Processed, Verdicts

Bound = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Score(Filter):
    """Keeps rows whose carried number `column` lies within the bounds given.

    `at_least` and `at_most` let the bound itself pass, `above` and `below` do not. Published: LAION-5B asks for a CLIP
    ``similarity`` at_least 0.28 (English; 0.26 otherwise); of LAION's joined tables ``punsafe`` below 0.5 and
    ``pwatermark`` below 0.8 are usual; COYO-700M drops a row where ``nsfw_score_opennsfw2`` or ``nsfw_score_gantman``
    is above 0.5, so both at_most 0.5. What is no number counts as missing.
    """

    stage: Literal["score"] = "score"
    name: str | None = None
    column: str
    at_least: Bound | None = None
    above: Bound | None = None
    at_most: Bound | None = None
    below: Bound | None = None
    missing: Missing = "reject"

    reads: ClassVar[tuple[str, ...]] = ("source",)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        lower = [bound for bound in (self.at_least, self.above) if bound is not None]
        upper = [bound for bound in (self.at_most, self.below) if bound is not None]
        if not lower and not upper:
            raise ValueError("no bound: give at_least, above, at_most or below")
        if len(lower) > 1 or len(upper) > 1:
            raise ValueError("two bounds on one side: at_least or above, at_most or below")
        if lower and upper and lower[0] > upper[0]:
            raise ValueError("the lower bound is above the upper: nothing would be left")
        return self

    def process(self, rows: pa.Table) -> Processed:
        values = _numbers(_carried(rows["source"], self.column))
        refused = [
            compare(values, bound)
            for compare, bound in (
                (pc.less, self.at_least),
                (pc.less_equal, self.above),
                (pc.greater, self.at_most),
                (pc.greater_equal, self.below),
            )
            if bound is not None
        ]
        out_of_bounds = refused[0] if len(refused) == 1 else pc.or_(*refused)
        verdicts = Verdicts.refuse_where(out_of_bounds, "score", values, _name(self.column, len(values)))
        return Processed(_with_missing(verdicts, values, self.missing, self.column))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Label(Filter):
    """Keeps rows whose carried word `column` is one of `allowed`, letters of either case alike.

    LAION's ``NSFW`` column has UNLIKELY, UNSURE and NSFW.
    """

    stage: Literal["label"] = "label"
    name: str | None = None
    column: str
    allowed: Annotated[tuple[str, ...], Field(min_length=1)]
    missing: Missing = "reject"

    reads: ClassVar[tuple[str, ...]] = ("source",)

    def process(self, rows: pa.Table) -> Processed:
        values = _carried(rows["source"], self.column)
        words = pc.utf8_lower(pc.utf8_trim_whitespace(values))
        allowed = pa.array([word.strip().lower() for word in self.allowed])
        refused = pc.and_(pc.is_valid(words), pc.invert(pc.is_in(words, allowed)))
        verdicts = Verdicts.refuse_where(refused, "label", detail=values)
        return Processed(_with_missing(verdicts, values, self.missing, self.column))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class License(Filter):
    """Keeps rows whose licence is one of `allowed`, letters of either case alike; a final ``*`` stands for any end.

    A licence is what the source states (`source.columns.license`), unchecked; ``missing`` is what becomes of rows
    without one.
    """

    stage: Literal["license"] = "license"
    name: str | None = None
    allowed: Annotated[tuple[str, ...], Field(min_length=1)]
    missing: Missing = "reject"

    reads: ClassVar[tuple[str, ...]] = ("license",)

    def process(self, rows: pa.Table) -> Processed:
        values = rows["license"].combine_chunks()
        words = pc.utf8_lower(pc.utf8_trim_whitespace(values))
        patterns = [word.strip().lower() for word in self.allowed]
        kept = pc.is_in(words, pa.array([word for word in patterns if not word.endswith("*")], pa.string()))
        for pattern in patterns:
            if pattern.endswith("*"):
                kept = pc.or_(kept, pc.starts_with(words, pattern[:-1]))
        verdicts = Verdicts.refuse_where(pc.and_(pc.is_valid(words), pc.invert(kept)), "license", detail=values)
        return Processed(_with_missing(verdicts, values, self.missing, "license"))


def _carried(source: pa.ChunkedArray, key: str) -> pa.StringArray:
    """The value under `key` of each row's map; null where there is none."""
    return pc.map_lookup(source.combine_chunks(), pa.scalar(key), "first")


def _numbers(texts: pa.StringArray) -> pa.DoubleArray:
    """Texts as numbers; null for what is none, infinite ones included."""
    try:
        numbers = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        numbers = pa.array([_number(text) for text in texts.to_pylist()], pa.float64())
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _with_missing(verdicts: Verdicts, values: pa.Array, missing: Missing, column: str) -> Verdicts:
    if missing == "keep":
        return verdicts
    absent = Verdicts.refuse_where(pc.is_null(values), "missing_value", detail=_name(column, len(values)))
    return verdicts.or_else(absent)


def _name(column: str, n: int) -> pa.StringArray:
    return pa.repeat(column, n)
