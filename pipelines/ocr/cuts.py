"""Boxes of level lines in the order one reads them: an XY-cut that looks for columns over as many rows as have them.

A recursive XY-cut (Nagy and Seth 1984) splits a page at gaps that go through all of it. Cutting across first tears
columns into rows, cutting down first fails where a heading stands over the columns; so here rows are gathered from the
top for as long as a gutter goes through them, and split at the gutter. All numbers are ours.

Boxes are ``x1 y1 x2 y2``, (n, 4), in any unit, of lines that run to the right and follow each other downwards.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipelines.ocr.quads import Bools, Floats

_OVERHANG = 0.2
"""Of a line's height: what boxes of lines with little leading may overlap, above and below."""
_MIDDLE = 0.45
"""The same for boxes that overlap more, as those of curved lines do: little more than their middle is left."""
_FRAGMENTS_APART = 1.0
"""Heights of a line between pieces of it."""
_GUTTER = 1.0
"""Heights of a line between columns of at least two rows each."""
_WIDE_GUTTER = 2.0
"""Heights of a line between columns one of which has a single row."""
_SECTIONS_APART = 2.5
"""Heights of a line between what stands above and below each other rather than in columns, if wider than the gutter."""
PARAGRAPHS_APART = 0.8
"""Heights of a line between the lines of two paragraphs."""
_SAME_SIZE = 1.6
"""Ratio of the heights of two lines in a paragraph."""

Row = tuple[int, ...]
"""Places of the boxes that make up a line, from left to right."""


def blocks_in_order(boxes: Floats, apart: float = PARAGRAPHS_APART) -> list[list[int]]:
    """Where the boxes stand that one reads first, and so on, in blocks: columns and paragraphs.

    Lines of a paragraph have at most `apart` of their height between them.
    """
    if not len(boxes):
        return []
    rows = _rows(boxes)
    spans = np.array([_around(boxes[list(row)]) for row in rows])
    height = np.sort(spans[:, 3] - spans[:, 1])[(len(rows) - 1) // 2]
    segments = _Cutter(spans, float(height)).segments(list(range(len(rows))), _OVERHANG)
    paragraphs = [paragraph for segment in segments for paragraph in _paragraphs(spans, segment, apart)]
    return [[at for row in paragraph for at in rows[row]] for paragraph in paragraphs]


def _around(boxes: Floats) -> Floats:
    """The box around boxes."""
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _rows(boxes: Floats) -> list[Row]:
    """Boxes that are pieces of one line together."""
    row = np.arange(len(boxes))
    for one, other in np.argwhere(np.triu(_in_one_line(boxes), 1)):
        row[row == row[other]] = row[one]
    found = [np.flatnonzero(row == number) for number in np.unique(row)]
    return [tuple(members[np.argsort(boxes[members, 0], kind="stable")].tolist()) for members in found]


def _in_one_line(boxes: Floats) -> Bools:
    """Which pairs stand side by side, are about as high, and have no more than a little space between them."""
    x1, y1, x2, y2 = boxes.T
    high = y2 - y1
    lower, higher = np.minimum(high[:, None], high), np.maximum(high[:, None], high)
    common = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    apart = np.maximum(x1[:, None], x1) - np.minimum(x2[:, None], x2)
    near = (apart <= _FRAGMENTS_APART * lower) & (apart >= -lower / 2)
    together: Bools = near & (common >= lower / 2) & (higher <= 2 * lower)
    return together


class _Cutter:
    """Cuts rows with these boxes; `height` is that of most of them."""

    def __init__(self, spans: Floats, height: float) -> None:
        self.spans = spans
        self.height = height

    def segments(self, rows: list[int], overhang: float) -> list[list[int]]:
        """Rows in reading order, in segments between which no paragraph goes on."""
        if len(rows) == 1:
            return [rows]
        bands = self._bands(rows, overhang)
        columns, gutter = self._columns(rows, overhang)
        if len(columns) > 1:
            sections = self._sections(bands, max(gutter, _SECTIONS_APART * self.height))
            parts = sections if len(sections) > 1 else columns
            return [segment for part in parts for segment in self.segments(part, overhang)]
        if len(bands) == 1:
            return self._tangle(rows, overhang)
        if len(bands) == len(rows) and self._overlap(rows):
            return [[row for band in bands for row in band]]
        found: list[list[int]] = []
        goes_on, first = False, 0
        while first < len(bands):
            end = self._end_of_columns(bands, first, overhang)
            run = [row for band in bands[first:end] for row in band]
            if len(run) == 1 and goes_on:
                found[-1].extend(run)
            else:
                found += self.segments(run, overhang)
            goes_on, first = len(run) == 1, end
        return found

    def _overlap(self, rows: list[int]) -> bool:
        """Whether no two rows stand so far apart to the side that there could be columns: the usual case, and fast."""
        return bool(self.spans[rows, 0].max() - self.spans[rows, 2].min() <= _GUTTER * self.height)

    def _tangle(self, rows: list[int], overhang: float) -> list[list[int]]:
        """Rows that no straight cut parts."""
        if overhang < _MIDDLE:
            return self.segments(rows, _MIDDLE)
        return [[row] for row in sorted(rows, key=lambda row: tuple(self.spans[row].tolist()))]

    def _inner(self, rows: list[int], overhang: float) -> tuple[Floats, Floats]:
        """Upper and lower edges without what lines may overlap by."""
        low, high = self.spans[rows, 1], self.spans[rows, 3]
        less = overhang * np.minimum(high - low, self.height)
        return low + less, high - less

    def _bands(self, rows: list[int], overhang: float) -> list[list[int]]:
        """Rows between gaps that go across, from the top."""
        return _parted(rows, *self._inner(rows, overhang), 0.0)[0]

    def _sections(self, bands: list[list[int]], apart: float) -> list[list[int]]:
        """Bands together that have no gap wider than `apart` between them."""
        found = [list(bands[0])]
        for above, band in pairwise(bands):
            gap = self.spans[band, 1].min() - max(self.spans[row, 3] for row in above)
            if gap > apart:
                found.append(list(band))
            else:
                found[-1].extend(band)
        return found

    def _columns(self, rows: list[int], overhang: float) -> tuple[list[list[int]], float]:
        """Columns from left to right, and the widest gutter between them; a single one where there is no gutter."""
        spans = self.spans[rows]
        pieces, gaps = _parted(rows, spans[:, 0], spans[:, 2], _GUTTER * self.height)
        columns, widest = [list(pieces[0])], 0.0
        for piece, gap in zip(pieces[1:], gaps, strict=True):
            if self._are_columns(columns[-1], piece, gap, overhang):
                columns.append(list(piece))
                widest = max(widest, gap)
            else:
                columns[-1].extend(piece)
        return columns, widest

    def _are_columns(self, left: list[int], right: list[int], gap: float, overhang: float) -> bool:
        """Whether they stand side by side, and are more than the pieces of a line."""
        (top, bottom), (other_top, other_bottom) = (self._inner(rows, overhang) for rows in (left, right))
        if min(bottom.max(), other_bottom.max()) <= max(top.min(), other_top.min()):
            return False
        least, most = sorted(len(self._bands(rows, overhang)) for rows in (left, right))
        return least > 1 or (most > 1 and gap >= _WIDE_GUTTER * self.height)

    def _end_of_columns(self, bands: Sequence[list[int]], first: int, overhang: float) -> int:
        """Up to which band, exclusive, there are columns from `first` on; the next one where there are none."""
        end, pieces = first, list[tuple[float, float]]()
        for band in bands[first:]:
            before = len(pieces)
            for low, high in self.spans[band][:, [0, 2]].tolist():
                pieces = _merged(pieces, low, high, _GUTTER * self.height)
            if len(pieces) == 1 < before:
                break
            end += 1
        rows = [row for band in bands[first:end] for row in band]
        return end if len(self._columns(rows, overhang)[0]) > 1 else first + 1


def _merged(pieces: list[tuple[float, float]], low: float, high: float, gap: float) -> list[tuple[float, float]]:
    """Intervals with one more, those with no more than `gap` between them as one."""
    near = [piece for piece in pieces if piece[0] - high <= gap and low - piece[1] <= gap]
    apart = [piece for piece in pieces if piece not in near]
    return [*apart, (min([low, *(piece[0] for piece in near)]), max([high, *(piece[1] for piece in near)]))]


def _parted(rows: list[int], low: Floats, high: Floats, gap: float) -> tuple[list[list[int]], list[float]]:
    """Rows whose intervals `low`–`high` have no more than `gap` between them together, and the gaps, ascending."""
    order = np.argsort(low, kind="stable")
    reach = np.maximum.accumulate(high[order])
    gaps = low[order][1:] - reach[:-1]
    cuts = np.flatnonzero(gaps > gap)
    parts = np.split(np.array(rows)[order], cuts + 1)
    return [part.tolist() for part in parts], gaps[cuts].tolist()


def _paragraphs(spans: Floats, segment: list[int], apart: float) -> list[list[int]]:
    """The rows of a segment in paragraphs: lines of one size, close below each other."""
    found = [segment[:1]]
    for above, row in pairwise(segment):
        if _goes_on(spans[above], spans[row], apart):
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _goes_on(above: Floats, below: Floats, apart: float) -> bool:
    lower, higher = sorted((float(above[3] - above[1]), float(below[3] - below[1])))
    side_by_side = min(above[2], below[2]) > max(above[0], below[0])
    gap = below[1] - above[3]
    return bool(side_by_side and -lower / 2 <= gap <= apart * lower and higher <= _SAME_SIZE * lower)
