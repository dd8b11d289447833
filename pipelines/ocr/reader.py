"""An engine of two parts: one finds where text is, one reads it."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate, compress, pairwise
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.filters.scoring import Picture
from pipelines.ocr.crops import Crop, Pixels, cut, side_by_side
from pipelines.ocr.protocol import RawLine

_SAME = 0.5
"""Share of characters in common from which two readings are of one text."""


class Reading(NamedTuple):
    """What a recogniser makes of a crop."""

    text: str
    score: float
    """mean probability of the characters, 0–1; 0 where there are none"""


class Finder(Protocol):
    """A loaded text detector."""

    def find(self, images: Sequence[Pixels]) -> list[NDArray[Any]]:
        """The quads in each image, n × 4 × 2, in its pixels."""
        ...


class Recogniser(Protocol):
    """A loaded text recogniser."""

    def recognise(self, crops: Sequence[Pixels]) -> list[Reading]:
        """One reading for each crop; a crop is one level line."""
        ...


class _Read(NamedTuple):
    """A line, the way up that it reads best."""

    crop: Crop
    reading: Reading
    turned: bool


class Reader:
    """Finds text, cuts it out and reads it. An image without any leaves before anything is read.

    The models know no orientation, and read upside-down text as nonsense of low confidence. So a line that is read less
    surely than `turn_below` is read upside down too, and the surer reading stands. Where most characters of an image
    were turned so, its other lines (``op`` is a word both ways) are turned if that reads as surely as `turn_below`.
    """

    def __init__(self, finder: Finder, recogniser: Recogniser, turn_below: float) -> None:
        self._finder, self._recogniser, self._turn_below = finder, recogniser, turn_below

    def read(self, images: Sequence[Picture]) -> list[list[RawLine]]:
        """See `OcrEngine`."""
        pixels = [np.asarray(cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR), np.uint8) for image in images]
        found = self._finder.find(pixels)
        lines = self._recognised(
            [cut(image, box) for image, boxes in zip(pixels, found, strict=True) for box in boxes], turned=False
        )
        lines = self._surer(lines, [line.reading.score < self._turn_below for line in lines])
        ends = accumulate(map(len, found), initial=0)
        pages = [lines[start:end] for start, end in pairwise(ends)]
        return [self._lines([line for line in self._alike(page) if line.reading.text]) for page in pages]

    def _recognised(self, crops: list[Crop], *, turned: bool) -> list[_Read]:
        if not crops:
            return []
        readings = self._recogniser.recognise([crop.pixels for crop in crops])
        return [_Read(crop, reading, turned) for crop, reading in zip(crops, readings, strict=True)]

    def _surer(self, lines: list[_Read], unsure: list[bool]) -> list[_Read]:
        """The lines, those turned that are `unsure` and read more surely so."""
        turned = iter(self._recognised([line.crop.turned() for line in compress(lines, unsure)], turned=True))
        return [
            max(line, next(turned), key=lambda one: one.reading.score) if doubted else line
            for line, doubted in zip(lines, unsure, strict=True)
        ]

    def _alike(self, page: list[_Read]) -> list[_Read]:
        """The lines of one image, all turned where most of its characters are."""
        turned = sum(len(line.reading.text) for line in page if line.turned)
        if 2 * turned <= sum(len(line.reading.text) for line in page):
            return page
        again = iter(self._recognised([line.crop.turned() for line in page if not line.turned], turned=True))
        return [line if line.turned else self._if_sure(next(again), line) for line in page]

    def _if_sure(self, turned: _Read, line: _Read) -> _Read:
        return turned if turned.reading.score >= self._turn_below else line

    def _lines(self, page: list[_Read]) -> list[RawLine]:
        """The lines of one image, those that stand in it taken for columns where most of their characters are of such.

        One that is set loosely can be mistaken by itself.
        """
        standing = [line.crop.tall and _can_stand(line.reading.text) for line in page]
        sizes = [len(line.reading.text) for line in compress(page, standing)]
        columns = sum(size for size, line in zip(sizes, compress(page, standing), strict=True) if self._is_column(line))
        return [
            _line(line, column=stands and 2 * columns > sum(sizes)) for line, stands in zip(page, standing, strict=True)
        ]

    def _is_column(self, line: _Read) -> bool:
        """Whether a line that stands in its image is a column of upright characters, and no level line turned.

        The recogniser reads both. Set side by side, the characters of a column say the same again.
        """
        text = line.reading.text
        (again,) = self._recogniser.recognise([side_by_side(line.crop.pixels, len(text))])
        return SequenceMatcher(None, text, again.text, autojunk=False).ratio() > _SAME


def _line(line: _Read, *, column: bool) -> RawLine:
    # a column begins at its own top left, which is the crop's lower left corner
    corners = np.roll(line.crop.corners, 1, axis=0) if column else line.crop.corners
    a, b, c, d = ((float(x), float(y)) for x, y in corners)
    return RawLine(line.reading.text, (a, b, c, d), line.reading.score)


def _can_stand(text: str) -> bool:
    """Whether most letters are of a script that is set in columns of upright characters."""
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(character >= "\u2e80" for character in letters) > len(letters)
