"""Quadrilaterals of lines: from an engine's pixels to fractions of the image. Pure, over arrays.

A quad is four corners, clockwise as the line is read, the first at the text's own top left. Arrays are (n, 4, 2), x
before y, y growing downwards.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_LEAST_SIDE = 1.0
"""Pixels: what is thinner shows no character."""


class Quads(NamedTuple):
    """The quads of an image's lines."""

    corners: npt.NDArray[np.float32]
    """shape (n, 4, 2), fractions of width and height, 0–1"""
    sound: Bools
    """shape (n,): which have an extent in the image"""


def normalised(pixels: npt.ArrayLike, width: int, height: int) -> Quads:
    """Quads in pixels of an image of `width` × `height` as fractions of it, cut at its edges and turned clockwise.

    The first corner stays where it is. Not sound are quads with a number that is none, with sides that cross, or
    less than a pixel wide or high, as where they lie outside of the image; their corners are within it all the same.
    """
    given: Floats = np.asarray(pixels, np.float64).reshape(-1, 4, 2)
    finite = np.isfinite(given).all((1, 2))
    inside = np.nan_to_num(given, posinf=0.0, neginf=0.0).clip(0.0, (width, height))
    inside = np.where((area(inside) < 0)[:, None, None], inside[:, [0, 3, 2, 1]], inside)
    sound = finite & _is_simple(inside) & (_extent(inside) >= _LEAST_SIDE)
    return Quads((inside / (width, height)).clip(0.0, 1.0).astype(np.float32), sound)


def area(quads: Floats) -> Floats:
    """Signed area of each, positive where the corners go round clockwise as one sees them."""
    x, y = quads[..., 0], quads[..., 1]
    doubled: Floats = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(1)
    return doubled / 2


def along(quads: Floats) -> Floats:
    """The mean of top and bottom side of each as a vector, (n, 2): the way upright characters follow one another."""
    found: Floats = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]) / 2
    return found


def down(quads: Floats) -> Floats:
    """The mean of left and right side of each as a vector, (n, 2): from the characters' head to their foot."""
    found: Floats = (quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1]) / 2
    return found


def _extent(quads: Floats) -> Floats:
    """The area over the longest side: how thin it is, in pixels."""
    sides = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2).max(1)
    extent: Floats = np.divide(area(quads), sides, out=np.zeros(len(quads)), where=sides > 0)
    return extent


def _is_simple(quads: Floats) -> Bools:
    """Which have no two opposite sides that cross."""
    crossing = [_cross(*(quads[:, at] for at in order)) for order in ((0, 1, 2, 3), (1, 2, 3, 0))]
    return ~(crossing[0] | crossing[1])


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> Bools:
    """Where the segments a–b and c–d cross."""
    crossing: Bools = (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)
    return crossing


def _side(a: Floats, b: Floats, c: Floats) -> Floats:
    """On which side of a–b each of `c` is."""
    found: Floats = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return found
