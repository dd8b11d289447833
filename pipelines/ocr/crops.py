"""Lines cut out of an image, level, as recognisers want them."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Height × width × 3, blue, green, red: the order that PP-OCR models are trained on."""

Corners = NDArray[np.float32]
"""4 × 2: x and y in pixels of the image."""

_TALL = 1.5
"""Height over width from which PaddleOCR takes a crop for vertical text, and turns it a quarter to the left."""

_WARPED = 2**15 - 2
"""Pixels a side that OpenCV warps at most."""

_EXACT = 1e-3
"""Pixels that a corner may be off and count as whole."""


class Crop(NamedTuple):
    """A line, and where it lies."""

    pixels: Pixels
    corners: Corners
    """of the image, clockwise, beginning with what became the crop's top left corner"""
    tall: bool
    """it stood upright in the image, and lies on its left side here"""

    def turned(self) -> "Crop":
        """The same line, upside down."""
        return Crop(np.ascontiguousarray(self.pixels[::-1, ::-1]), np.roll(self.corners, 2, axis=0), self.tall)


def cut(image: Pixels, box: NDArray[Any]) -> Crop:
    """The part of an image in a quad, as PaddleOCR cuts it: the smallest rectangle about it, warped to be level.

    `box` holds the quad's four corners, 4 × 2, in pixels. A crop has at least a pixel a side.
    """
    rectangle = level(cv2.boxPoints(cv2.minAreaRect(box.astype(np.int32))))
    pixels = _straight(image, rectangle)
    if pixels is None:
        pixels = _warped(image, rectangle)
    height, width = pixels.shape[:2]
    corners = _from_corner(box.astype(np.float32), rectangle)
    if height < _TALL * width:
        return Crop(pixels, corners, tall=False)
    return Crop(np.ascontiguousarray(np.rot90(pixels)), np.roll(corners, -1, axis=0), tall=True)


def _straight(image: Pixels, rectangle: Corners) -> Pixels | None:
    """The pixels in a rectangle that lies along the image's edges, within it; None for others."""
    whole = np.rint(rectangle)
    (left, top), (right, bottom) = whole[0].astype(int).tolist(), whole[2].astype(int).tolist()
    along = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    inside = 0 <= left < right <= image.shape[1] and 0 <= top < bottom <= image.shape[0]
    return image[top:bottom, left:right] if inside and np.abs(rectangle - along).max() < _EXACT else None


def _warped(image: Pixels, rectangle: Corners) -> Pixels:
    if max(image.shape[:2]) > _WARPED:
        image, rectangle = _around(image, rectangle)
    width = max(1, int(max(_between(rectangle, 0, 1), _between(rectangle, 2, 3))))
    height = max(1, int(max(_between(rectangle, 0, 3), _between(rectangle, 1, 2))))
    to = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warped = cv2.warpPerspective(
        image,
        cv2.getPerspectiveTransform(rectangle, to),
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
        flags=cv2.INTER_CUBIC,
    )
    return np.asarray(warped, np.uint8)


def _around(image: Pixels, rectangle: Corners) -> tuple[Pixels, Corners]:
    """The part of an image that a warp looks at, two pixels more for the cubic, and the rectangle in it."""
    left, top = np.maximum(np.floor(rectangle.min(axis=0)) - 2, 0).astype(int).tolist()
    right, bottom = np.ceil(rectangle.max(axis=0)).astype(int).tolist()
    return image[top : bottom + 3, left : right + 3], rectangle - np.array([left, top], np.float32)


def side_by_side(pixels: Pixels, characters: int) -> Pixels:
    """A column of characters that lies on its left side, cut into so many cells, each set upright beside the other."""
    cells = [
        np.ascontiguousarray(np.rot90(cell, -1)) for cell in np.array_split(pixels, characters, axis=1) if cell.size
    ]
    side = pixels.shape[0]
    return np.hstack([np.asarray(cv2.resize(cell, (side, side)), np.uint8) for cell in cells])


def level(points: NDArray[Any]) -> Corners:
    """The corners of a rectangle clockwise, beginning with the upper of the two that lie furthest left."""
    left, right = np.split(points[np.argsort(points[:, 0], kind="stable")], 2)
    (top_left, bottom_left), (top_right, bottom_right) = (
        side[np.argsort(side[:, 1], kind="stable")] for side in (left, right)
    )
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32)


def _between(corners: Corners, one: int, other: int) -> float:
    return float(np.linalg.norm(corners[one] - corners[other]))


def _from_corner(box: Corners, rectangle: Corners) -> Corners:
    """The box's own corners in the order of the rectangle's."""
    box = level(box)
    shifts = [np.roll(box, shift, axis=0) for shift in range(4)]
    return min(shifts, key=lambda corners: float(np.abs(corners - rectangle).sum()))
