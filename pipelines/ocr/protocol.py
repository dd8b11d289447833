"""What reads text: images in, lines with their quadrilaterals out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pipelines.filters.scoring import Picture

Point = tuple[float, float]
"""x and y in pixels of the image, from its top left corner."""

Quad = tuple[Point, Point, Point, Point]
"""Corners of a line, clockwise as it is read: its own top left, top right, bottom right, bottom left.

Of upside-down text the first corner is where the text begins. A vertical column of upright characters begins at the
column's top left corner in the image, so there the first side is the short one.
"""


class RawLine(NamedTuple):
    """A line as an engine reads it, before any rule."""

    text: str
    quad: Quad
    score: float
    """the recogniser's mean confidence over the characters, 0–1"""


class OcrEngine(Protocol):
    """A loaded engine."""

    def read(self, images: Sequence[Picture]) -> list[list[RawLine]]:
        """The lines of each image, in no particular order; an empty list where nothing is read."""
        ...
