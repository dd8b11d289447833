"""A row's regions as plain values: phrases of its captions, each with a box."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from pipelines.chatml.arrays import grouped

Span = tuple[int, int]
"""Characters of the caption as stored: start, end (exclusive)."""


class Region(NamedTuple):
    """One box for one phrase."""

    caption: int
    """Which of the row's captions the spans point into."""
    phrase: Span
    """The noun chunk."""
    span: Span
    """The referring expression, or the noun chunk where there is none."""
    box: tuple[float, float, float, float]
    """x1 y1 x2 y2, 0–1."""
    score: float | None
    runner_up: float | None
    """Score of the phrase's best other box, kept or not; None when unknown."""
    source: str | None


def regions_of(column: pa.ChunkedArray) -> list[Sequence[Region]]:
    """The regions of each row, in their order; a null list is empty."""
    array = column.combine_chunks()
    entries = array.flatten()
    fields = dict(zip([field.name for field in entries.type], entries.flatten(), strict=True))
    names = ("caption_index", "phrase", "expression", "box", "score", "runner_up", "source")
    everything = [
        Region(caption, tuple(phrase), tuple(expression or phrase), tuple(box), score, runner_up, source)
        for caption, phrase, expression, box, score, runner_up, source in zip(
            *(fields[name].to_pylist() for name in names), strict=True
        )
    ]
    return grouped(everything, array.value_lengths().fill_null(0).to_pylist())
