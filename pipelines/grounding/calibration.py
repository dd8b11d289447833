"""Which threshold a detector needs: its boxes against boxes that people drew for the same phrases. Pure.

A box is right when a labelled box of its phrase, not yet taken by a surer one, overlaps it by `IOU` or more, as in
COCO's evaluation. Non-maximum suppression takes the surest first, so that the boxes taken at one threshold, cut at a
higher one, are those that would have been taken there: one run at a low threshold answers for all above it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.chatml.regions import Region, Span
from pipelines.grounding.boxes import Floats, overlaps

IOU = 0.5


class Judged(NamedTuple):
    """A detector's box of a labelled phrase."""

    score: float
    right: bool


class Point(NamedTuple):
    """What a threshold would do: scores over it are taken."""

    threshold: float
    precision: float
    recall: float
    boxes: int
    """taken"""


def judge(labelled: Sequence[Region], found: Sequence[Region]) -> list[Judged]:
    """The boxes `found` in one image whose phrases are labelled, surest first; of others nobody knows.

    Two phrases are one where they share characters of the same caption: people and parsers cut them differently.
    """
    asked = [region for region in found if any(_same(region, one) for one in labelled)]
    asked.sort(key=lambda region: -(region.score or 0.0))
    near = overlaps(_boxes(asked), _boxes(labelled)) >= IOU
    judged: list[Judged] = []
    taken: set[int | None] = set()
    for at, region in enumerate(asked):
        match = next(
            (to for to, one in enumerate(labelled) if near[at, to] and to not in taken and _same(region, one)), None
        )
        taken.add(match)
        judged.append(Judged(region.score or 0.0, match is not None))
    return judged


def sweep(judged: Sequence[Judged], labelled: int) -> list[Point]:
    """Every threshold that takes other boxes than the next, lowest first; `labelled` boxes could be found.

    A threshold lies halfway between two scores, and the lowest at half the lowest score.
    """
    if not judged:
        return []
    order = sorted(judged, reverse=True)
    scores = np.array([one.score for one in order])
    right = np.cumsum([one.right for one in order])
    last = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))
    below = np.append(scores[last[:-1] + 1], 0.0)
    return [
        Point(
            float(scores[at] + under) / 2,
            float(right[at]) / (int(at) + 1),
            float(right[at]) / max(1, labelled),
            int(at) + 1,
        )
        for at, under in zip(last[::-1], below[::-1], strict=True)
    ]


def lowest(points: Sequence[Point], precision: float) -> Point | None:
    """The lowest threshold at which so large a share of the boxes is right: the one that finds most of them."""
    return next((point for point in points if point.precision >= precision), None)


def _same(one: Region, other: Region) -> bool:
    return one.caption == other.caption and _share(one.phrase, other.phrase)


def _share(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _boxes(regions: Sequence[Region]) -> Floats:
    return np.array([region.box for region in regions], np.float64).reshape(-1, 4)
