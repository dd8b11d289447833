"""Coloured shapes in drawings: the detector that comes with the package, for its demo and its tests.

It knows upright shapes in one flat, strong colour on a pale, grey or dark ground, and nothing else. On a photograph it
finds nothing worth having: take a real detector there (`pipelines.grounding.detectors.pretrained`).
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.filters.scoring import Picture
from pipelines.grounding.boxes import Bools, Candidates
from pipelines.grounding.detectors.protocol import Offer
from pipelines.stage import SPEC

_HUES = {"red": 357, "orange": 31, "yellow": 50, "green": 138, "blue": 224, "purple": 284}
"""Degrees; a coloured pixel has the name of the nearest."""
_COLOURS = tuple(_HUES)
_CHROMA = 80
"""Largest less smallest channel, of 255, from which a pixel is coloured: pale grounds stay below."""
_LONGEST = 1024
"""Pixels a side that are looked at."""
_LEAST_AREA = 60
"""Pixels that a shape has at least: smaller ones are fringes of compression."""
_SIDE = 64
"""Shapes are compared at this size."""
_OBLONG = 1.3
"""Ratio of the sides from which a square is a rectangle, and a circle an ellipse."""
_SHAPES = {
    "circle": "circle",
    "disc": "circle",
    "disk": "circle",
    "dot": "circle",
    "ball": "circle",
    "ellipse": "ellipse",
    "oval": "ellipse",
    "square": "square",
    "rectangle": "rectangle",
    "bar": "rectangle",
    "triangle": "triangle",
    "diamond": "diamond",
    "rhombus": "diamond",
    "star": "star",
    "cross": "cross",
    "plus": "cross",
}
_ANY_SHAPE = frozenset({"shape", "object", "figure", "thing", "form", "one"})
_SMALL = frozenset({"small", "smaller", "smallest", "little", "tiny"})
_LARGE = frozenset({"large", "larger", "largest", "big", "bigger", "biggest", "huge"})
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Shapes:
    """Coloured shapes in drawings, by colour and outline; no model, no photographs. For the demo and for tests.

    Circles, ellipses, squares, rectangles, triangles, diamonds, stars and crosses, each upright and in one strong
    colour: red, orange, yellow, green, blue or purple. For photographs take a real detector, with one line:
    ``detector: {kind: transformers, hub: IDEA-Research/grounding-dino-tiny}``
    """

    kind: Literal["shapes"] = "shapes"
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """share of its outline that a shape must fill and keep to; drawn shapes reach 0.9 and more"""

    @property
    def source(self) -> str:
        """What regions call it."""
        return "shapes"

    @property
    def lacking(self) -> None:
        """Nothing has to be installed."""

    @property
    def window(self) -> int:
        """Images that are decoded at once."""
        return 8

    @property
    def on_gpu(self) -> bool:
        """It runs on the CPU alone."""
        return False

    def load(self) -> "ShapeDetector":
        """There is nothing to load."""
        return ShapeDetector()


class ShapeDetector:
    """See `Shapes`."""

    def detect(self, images: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[Offer]:
        return [_offer(shapes_in(np.asarray(image)), asked) for image, asked in zip(images, phrases, strict=True)]


class Shape(NamedTuple):
    """Something in an image that has a colour and an outline."""

    colour: str
    shape: str
    """the outline it comes nearest to"""
    box: tuple[float, float, float, float]
    score: float
    """share of that outline that it fills and keeps to, 0–1"""
    area: float
    """share of the image, of its box"""


class Kind(NamedTuple):
    """What a phrase asks for; None where it does not say."""

    colour: str | None
    shape: str | None
    size: Literal["small", "large"] | None


def kind_of(phrase: str) -> Kind | None:
    """What a phrase asks for; None where it ends neither in a shape's name nor in a coloured "shape"."""
    words = _WORD.findall(phrase.lower())
    if not words:
        return None
    head = _singular(words[-1])
    colours = [word for word in words[:-1] if word in _HUES]
    # "many shapes" may be anything, a red one is a shape of paint
    if len(colours) > 1 or not (head in _SHAPES or (head in _ANY_SHAPE and colours)):
        return None
    size: Literal["small", "large"] | None = None
    if _SMALL.intersection(words):
        size = "small"
    elif _LARGE.intersection(words):
        size = "large"
    return Kind(colours[0] if colours else None, _SHAPES.get(head), size)


def shapes_in(pixels: npt.NDArray[np.uint8]) -> list[Shape]:
    """The coloured shapes of an image (height × width × RGB)."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    colour = _colours(pixels)
    found: list[Shape] = []
    for place, name in enumerate(_COLOURS):
        mask = (colour == place).astype(np.uint8)
        n, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        large = [label for label in range(1, n) if stats[label, cv2.CC_STAT_AREA] >= _LEAST_AREA]
        found += [_shape(name, labels == label, stats[label], colour) for label in large]
    return found


def _colours(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """The colour of each pixel as a place in `_COLOURS`; −1 where it has none."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL)
    chroma = pixels.max(2).astype(np.int16) - pixels.min(2)
    apart = np.abs(np.arange(256)[:, None] * (360 / 256) - np.array(list(_HUES.values()))[None, :])
    nearest = np.minimum(apart, 360 - apart).argmin(1).astype(np.int8)
    return np.where(chroma >= _CHROMA, nearest[hsv[:, :, 0]], np.int8(-1))


def _shape(name: str, member: Bools, stats: npt.NDArray[np.int32], colour: npt.NDArray[np.int8]) -> Shape:
    left, top, width, height = (int(stats[which]) for which in range(4))
    window = np.s_[top : top + height, left : left + width]
    mine = _scaled(member[window])
    # what another shape covers may be part of this one or not
    known = ~_scaled((colour[window] >= 0) & ~member[window]) | mine
    names, outlines = _outlines()
    both = (outlines & mine & known).sum((1, 2))
    either = ((outlines | mine) & known).sum((1, 2))
    filled = both / np.maximum(either, 1)
    best = int(filled.argmax())
    shape = names[best]
    if max(width, height) >= _OBLONG * min(width, height):
        shape = {"square": "rectangle", "circle": "ellipse"}.get(shape, shape)
    all_height, all_width = colour.shape
    box = (left / all_width, top / all_height, (left + width) / all_width, (top + height) / all_height)
    return Shape(name, shape, box, float(filled[best]), width * height / (all_width * all_height))


def _scaled(mask: Bools) -> Bools:
    scaled = cv2.resize(mask.astype(np.uint8) * 255, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled > 127)


@cache
def _outlines() -> tuple[tuple[str, ...], Bools]:
    """Names, and the outlines in their boxes: shape (n, side, side). A triangle may point up or down."""
    x = ((np.arange(_SIDE) + 0.5) * 2 / _SIDE - 1)[None, :]
    y = ((np.arange(_SIDE) + 0.5) * 2 / _SIDE - 1)[:, None]
    drawn = {
        "circle": x**2 + y**2 <= 1,
        "square": np.ones((_SIDE, _SIDE), np.bool_),
        "triangle": np.abs(x) <= (y + 1) / 2,
        "triangle, point down": np.abs(x) <= (1 - y) / 2,
        "diamond": np.abs(x) + np.abs(y) <= 1,
        "star": _star(),
        "cross": (np.abs(x) <= 0.36) | (np.abs(y) <= 0.36),
    }
    return tuple(name.split(",")[0] for name in drawn), np.stack(list(drawn.values()))


def _star() -> Bools:
    """A star of five points, one of them up, stretched to its box."""
    angles = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.4)
    corners = np.stack([radii * np.sin(angles), -radii * np.cos(angles)], axis=1)
    low, high = corners.min(0), corners.max(0)
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillPoly(canvas, [np.rint((corners - low) / (high - low) * (_SIDE - 1)).astype(np.int32)], 1)
    return canvas.astype(np.bool_)


def _offer(shapes: Sequence[Shape], phrases: Sequence[str]) -> Offer:
    entries: list[tuple[Shape, int]] = []
    unasked = {}
    for place, phrase in enumerate(phrases):
        kind = kind_of(phrase)
        if kind is None:
            unasked[place] = "unknown_to_detector"
        else:
            entries += [(shape, place) for shape in _fitting(shapes, kind)]
    if not entries:
        return Offer(Candidates.none(), unasked)
    boxes = np.array([shape.box for shape, _ in entries], np.float64)
    scores = np.array([shape.score for shape, _ in entries], np.float64)
    return Offer(Candidates(boxes, scores, np.array([place for _, place in entries], np.int64)), unasked)


def _fitting(shapes: Sequence[Shape], kind: Kind) -> list[Shape]:
    """The shapes of a kind. "Small" and "large" compare those that would fit without, and are void for one alone."""
    fit = [shape for shape in shapes if kind.colour in (None, shape.colour) and (kind.shape in (None, shape.shape))]
    if kind.size is None or len(fit) < 2:
        return fit
    middle = (max(shape.area for shape in fit) * min(shape.area for shape in fit)) ** 0.5
    return [shape for shape in fit if (shape.area < middle) == (kind.size == "small")]


def _singular(word: str) -> str:
    if word == "crosses":
        return "cross"
    return word[:-1] if word.endswith("s") and word not in _SHAPES else word
