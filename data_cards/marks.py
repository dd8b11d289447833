"""What was found in an image, to be drawn over it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoxMark:
    """A grounded phrase of an image; `corners` are x1 y1 x2 y2 in 0–1 of its sides."""

    label: str
    corners: tuple[float, float, float, float]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class LineMark:
    """A line of text read in an image; `quad` is x1 y1 … x4 y4 in 0–1, clockwise from the text's own top left."""

    text: str
    quad: tuple[float, ...]
    score: float | None = None
    dropped: str | None = None
    """Why a rule leaves it out; None where it counts."""


def merged(boxes: Sequence[BoxMark]) -> list[BoxMark]:
    """One mark for each place, in order; where several phrases name it, as in two languages, all of them.

    The score is that of the surest.
    """
    places: dict[tuple[float, float, float, float], list[BoxMark]] = {}
    for box in boxes:
        places.setdefault(box.corners, []).append(box)
    return [
        BoxMark(
            " · ".join(dict.fromkeys(box.label for box in same)),
            corners,
            max((box.score for box in same if box.score is not None), default=None),
        )
        for corners, same in places.items()
    ]
