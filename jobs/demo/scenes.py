"""Drawn scenes: coloured shapes on a quiet ground, with captions that are true and boxes that are exact.

Shapes are drawn from pixel masks without smoothing, each in one flat saturated colour that occurs nowhere else in the
picture but on objects of that colour; nothing is hidden, nothing touches. So a box can be checked against the pixels,
and a detector of plain shapes can be held to it.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (218, 28, 36),
    "orange": (245, 130, 10),
    "yellow": (248, 208, 16),
    "green": (24, 152, 62),
    "blue": (28, 78, 216),
    "purple": (132, 36, 168),
}
GROUNDS: dict[str, Colour] = {
    "white": (252, 252, 252),
    "light grey": (214, 214, 214),
    "cream": (246, 240, 222),
    "pale blue": (218, 230, 242),
    "pale green": (222, 238, 222),
    "pale pink": (246, 226, 230),
    "dark grey": (62, 62, 62),
}
_TEXTURES = ("plain", "plain", "gradient", "stripes", "grain")
_GAP = 10
"""Pixels that stay free between two objects, and between an object and the edge."""
_PLACES = {
    (0, 0): "in the top left corner",
    (2, 0): "in the top right corner",
    (0, 2): "in the bottom left corner",
    (2, 2): "in the bottom right corner",
    (1, 1): "in the centre",
}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}


@dataclass(frozen=True, slots=True)
class Object:
    """One drawn shape."""

    shape: str
    colour: str
    box: Box
    """x1 y1 x2 y2 in pixels: the first column and row that hold it, and the first that no longer do"""

    @property
    def label(self) -> str:
        """Colour and shape: ``red circle``."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase of the caption and what it speaks of."""

    start: int
    end: int
    """exclusive, in characters of the caption"""
    objects: tuple[int, ...]
    """indices into the scene's objects"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture (height × width × RGB) and what is true of it."""

    pixels: Pixels
    caption: str
    objects: tuple[Object, ...]
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class _Sketch:
    """An object before it is drawn."""

    shape: str
    colour: str
    box: Box


Piece = str | tuple[str, tuple[int, ...]]
"""Of a caption: plain words, or a noun phrase with the objects it speaks of."""


def draw(seed: str) -> Scene:
    """The scene of this seed; equal seeds give equal pixels. Sides are 240–560 pixels, objects 40 pixels or more."""
    rng = random.Random(seed)
    width, height = rng.randrange(320, 561, 8), rng.randrange(240, 481, 8)
    sketches, pieces = rng.choice(_FAMILIES)(rng, width, height)
    ground = rng.choice(tuple(GROUNDS))
    pixels = _ground(rng, width, height, GROUNDS[ground])
    objects = tuple(paint(pixels, sketch.shape, sketch.colour, sketch.box) for sketch in sketches)
    if rng.random() < 0.4:
        pieces = [*pieces, f" on a {ground} background"]
    caption, phrases = _compose(pieces)
    return Scene(pixels, caption, objects, phrases)


def mask(shape: str, width: int, height: int) -> Mask:
    """The pixels of a shape, height × width: those whose centres lie within its outline.

    Pointed shapes may leave the outermost rows or columns free. KeyError: no such shape.
    """
    x = (np.arange(width) + 0.5) * 2 / width - 1
    y = (np.arange(height) + 0.5) * 2 / height - 1
    return _OUTLINES[shape](x[np.newaxis, :], y[:, np.newaxis])


Outline = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], Mask]


def _everywhere(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
    return np.ones((y.size, x.size), np.bool_)


def _inside(corners: Sequence[tuple[float, float]]) -> Outline:
    """Even–odd rule over a polygon, stretched to -1 … 1 both ways."""
    ring = _stretched(corners)

    def outline(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
        inside = np.zeros((y.size, x.size), np.bool_)
        for (x1, y1), (x2, y2) in pairwise((*ring, ring[0])):
            if y1 != y2:
                crosses = (y1 > y) != (y2 > y)
                inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return inside

    return outline


def _stretched(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    points = np.array(corners, np.float64)
    low, high = points.min(0), points.max(0)
    return [(float(px), float(py)) for px, py in (points - low) / (high - low) * 2 - 1]


def _star() -> list[tuple[float, float]]:
    angles = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return [(float(r * np.sin(a)), float(-r * np.cos(a))) for r, a in zip(radii, angles, strict=True)]


_OUTLINES: dict[str, Outline] = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": _everywhere,
    "rectangle": _everywhere,
    "triangle": _inside([(0, -1), (1, 1), (-1, 1)]),
    "diamond": lambda x, y: np.abs(x) + np.abs(y) <= 1 + 1e-9,
    "star": _inside(_star()),
    "cross": lambda x, y: (np.abs(x) <= 0.36) | (np.abs(y) <= 0.36),
}
SHAPES = tuple(_OUTLINES)


def paint(pixels: Pixels, shape: str, colour: str, box: Box) -> Object:
    """Draw one object into `box`; the box it answers with is measured on what was drawn."""
    x1, y1, x2, y2 = box
    drawn = mask(shape, x2 - x1, y2 - y1)
    pixels[y1:y2, x1:x2][drawn] = COLOURS[colour]
    columns, rows = np.flatnonzero(drawn.any(0)), np.flatnonzero(drawn.any(1))
    tight = (x1 + int(columns[0]), y1 + int(rows[0]), x1 + int(columns[-1]) + 1, y1 + int(rows[-1]) + 1)
    return Object(shape, colour, tight)


def _ground(rng: random.Random, width: int, height: int, colour: Colour) -> Pixels:
    """A background in about one colour: the texture moves all channels alike, by no more than 9 of 255."""
    match rng.choice(_TEXTURES):
        case "gradient":
            shift = np.tile(np.linspace(-8, 2, width).round().astype(np.int16), (height, 1))
        case "stripes":
            period = rng.randrange(12, 40)
            shift = np.tile(-5 * (np.arange(height) // period % 2).astype(np.int16)[:, np.newaxis], (1, width))
        case "grain":
            cells = np.frombuffer(rng.randbytes((height // 4 + 1) * (width // 4 + 1)), np.uint8) % 8
            coarse = cells.reshape(height // 4 + 1, width // 4 + 1).astype(np.int16) - 5
            shift = coarse.repeat(4, 0).repeat(4, 1)[:height, :width]
        case _:
            shift = np.zeros((height, width), np.int16)
    ground = np.array(colour, np.int16) + shift[:, :, np.newaxis]
    return ground.clip(0, 255).astype(np.uint8)


def _compose(pieces: Sequence[Piece]) -> tuple[str, tuple[Phrase, ...]]:
    text, phrases = "", []
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        else:
            words, objects = piece
            phrases.append(Phrase(len(text), len(text) + len(words), objects))
            text += words
    return text, tuple(phrases)


def _a(label: str) -> str:
    return f"{'an' if label[0] in 'aeio' else 'a'} {label}"


def _plural(shape: str) -> str:
    return "crosses" if shape == "cross" else f"{shape}s"


def _kinds(rng: random.Random, n: int) -> list[tuple[str, str]]:
    """`n` distinct (colour, shape) pairs."""
    return rng.sample([(colour, shape) for colour in COLOURS for shape in SHAPES], n)


def _cell(rng: random.Random, shape: str, cell: Box, low: float = 0.55, high: float = 0.95) -> Box:
    """A box for `shape` inside `cell` less its margins: `low` to `high` of what fits, at least 40 pixels a side."""
    x1, y1, x2, y2 = cell
    room_x, room_y = x2 - x1 - 2 * _GAP, y2 - y1 - 2 * _GAP
    side = max(40, round(min(room_x, room_y) * rng.uniform(low, high)))
    width, height = side, side
    if shape == "rectangle":  # never so nearly square that one could argue
        if room_x >= room_y:
            width, height = min(room_x, side * 2), min(side, room_x // 2)
        else:
            width, height = min(side, room_y // 2), min(room_y, side * 2)
    left = x1 + _GAP + rng.randint(0, room_x - width)
    top = y1 + _GAP + rng.randint(0, room_y - height)
    return left, top, left + width, top + height


Plan = tuple[list[_Sketch], list[Piece]]


def _one(rng: random.Random, width: int, height: int) -> Plan:
    """One object, with or without its place."""
    ((colour, shape),) = _kinds(rng, 1)
    column, row = rng.choice(tuple(_PLACES))
    w, h = width // 3, height // 3
    cell = (column * w, row * h, (column + 1) * w, (row + 1) * h)
    sketch = _Sketch(shape, colour, _cell(rng, shape, cell, 0.8, 1.0))
    return [sketch], [(_a(f"{colour} {shape}"), (0,)), f" {_PLACES[column, row]}"]


def _pair(rng: random.Random, width: int, height: int) -> Plan:
    """Two objects and where one is from the other."""
    (first, second) = _kinds(rng, 2)
    relation = rng.choice(("above", "below", "to the left of", "to the right of"))
    if relation in ("above", "below"):
        third = width // 3  # both in the middle column, so that nobody calls them side by side
        near, far = (third, 0, 2 * third, height // 2), (third, height // 2, 2 * third, height)
    else:
        quarter = height // 4
        near, far = (0, quarter, width // 2, 3 * quarter), (width // 2, quarter, width, 3 * quarter)
    cells = (near, far) if relation in ("above", "to the left of") else (far, near)
    sketches = [
        _Sketch(shape, colour, _cell(rng, shape, cell))
        for (colour, shape), cell in zip((first, second), cells, strict=True)
    ]
    return sketches, [(_a(" ".join(first)), (0,)), f" {relation} ", (_a(" ".join(second)), (1,))]


def _count(rng: random.Random, width: int, height: int) -> Plan:
    """Several of a kind, and often one of another."""
    (many, other) = _kinds(rng, 2)
    n = rng.randint(2, 4)
    with_other = rng.random() < 0.7
    cells = rng.sample(_grid(width, height, 3, 2), n + with_other)
    sketches = [_Sketch(many[1], many[0], _cell(rng, many[1], cell)) for cell in cells[:n]]
    pieces: list[Piece] = [(f"{_NUMBERS[n]} {many[0]} {_plural(many[1])}", tuple(range(n)))]
    if with_other:
        sketches.append(_Sketch(other[1], other[0], _cell(rng, other[1], cells[n])))
        pieces += [" and ", (_a(" ".join(other)), (n,))]
    return sketches, pieces


def _list(rng: random.Random, width: int, height: int) -> Plan:
    """Three or four objects, named one after the other."""
    kinds = _kinds(rng, rng.randint(3, 4))
    cells = rng.sample(_grid(width, height, 3, 2), len(kinds))
    sketches = [
        _Sketch(shape, colour, _cell(rng, shape, cell)) for (colour, shape), cell in zip(kinds, cells, strict=True)
    ]
    pieces: list[Piece] = []
    for index, kind in enumerate(kinds):
        before = "" if index == 0 else " and " if index == len(kinds) - 1 else ", "
        pieces += [before, (_a(" ".join(kind)), (index,))]
    return sketches, pieces


def _between(rng: random.Random, width: int, height: int) -> Plan:
    """Three in a row."""
    middle, left, right = _kinds(rng, 3)
    w, top, bottom = width // 3, height // 4, 3 * height // 4
    cells = [(w, top, 2 * w, bottom), (0, top, w, bottom), (2 * w, top, 3 * w, bottom)]
    sketches = [
        _Sketch(shape, colour, _cell(rng, shape, cell))
        for (colour, shape), cell in zip((middle, left, right), cells, strict=True)
    ]
    names = [(_a(" ".join(kind)), (index,)) for index, kind in enumerate((middle, left, right))]
    return sketches, [names[0], " between ", names[1], " and ", names[2]]


def _sizes(rng: random.Random, width: int, height: int) -> Plan:
    """A small one and a large one of the same shape, which only their sizes and colours tell apart."""
    (small, shape), (large, _) = _kinds(rng, 2)
    cells = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
    rng.shuffle(cells)
    sketches = [
        _Sketch(shape, small, _cell(rng, shape, cells[0], 0.28, 0.32)),
        _Sketch(shape, large, _cell(rng, shape, cells[1], 0.8, 0.95)),
    ]
    return sketches, [(f"a small {small} {shape}", (0,)), " and ", (f"a large {large} {shape}", (1,))]


def _grid(width: int, height: int, columns: int, rows: int) -> list[Box]:
    w, h = width // columns, height // rows
    return [(c * w, r * h, (c + 1) * w, (r + 1) * h) for r in range(rows) for c in range(columns)]


_FAMILIES = (_one, _pair, _pair, _count, _list, _between, _sizes)
