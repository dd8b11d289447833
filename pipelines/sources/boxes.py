"""Boxes of annotation files as fractions of the image."""

from collections.abc import Sequence

Box = tuple[float, float, float, float]

_SLACK = 0.01
"""How far beyond the image a box may reach, as a share of its side: annotators' pixels do by one or two."""


def fraction_box(box: Sequence[float]) -> Box:
    """x1 y1 x2 y2 in 0–1, cut at the image's edge. Raises ValueError for what is no box of the image."""
    if len(box) != 4:
        raise ValueError(f"a box has four numbers, not {len(box)}")
    x1, y1, x2, y2 = (float(number) for number in box)
    if not (-_SLACK <= x1 < x2 <= 1 + _SLACK and -_SLACK <= y1 < y2 <= 1 + _SLACK):
        raise ValueError(f"the box {x1:g} {y1:g} {x2:g} {y2:g} is no part of the image, which is 0–1")
    cut = (max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0))
    if not (cut[0] < cut[2] and cut[1] < cut[3]):
        raise ValueError(f"the box {x1:g} {y1:g} {x2:g} {y2:g} is no part of the image, which is 0–1")
    return cut


def pixel_box(box: Sequence[float], width: float, height: float) -> Box:
    """x1 y1 x2 y2 in pixels of an image of that size, as fractions of it. Raises ValueError as `fraction_box` does."""
    if not (width > 0 and height > 0):
        raise ValueError(f"the image's size is given as {width:g} × {height:g}")
    if len(box) != 4:
        raise ValueError(f"a box has four numbers, not {len(box)}")
    x1, y1, x2, y2 = (float(number) for number in box)
    try:
        return fraction_box((x1 / width, y1 / height, x2 / width, y2 / height))
    except ValueError:
        raise ValueError(
            f"the box {x1:g} {y1:g} {x2:g} {y2:g} is no part of an image of {width:g} × {height:g}"
        ) from None
