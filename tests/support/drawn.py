"""Drawn scenes that are hard to ground: things behind each other, of one colour, twins, things that are not there.

Every noun chunk of a caption is known with the objects that it names; a chunk that names several twins, or one of
them, is not to be asked for. Boxes are those of what can be seen.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.demo.scenes import COLOURS, GROUNDS, SHAPES, Box, Pixels, draw, paint

NUMBERS = {2: "two", 3: "three", 4: "four"}
RELATIONS = {
    (0, -1): ["above", "on top of"],
    (0, 1): ["below", "under"],
    (-1, 0): ["to the left of", "beside"],
    (1, 0): ["to the right of", "next to"],
}
WITHOUT = [" without {}", " but no {bare}", " and no {bare}", ", not {}", " with no {bare}"]


@dataclass(frozen=True)
class Thing:
    shape: str
    colour: str
    box: Box
    """x1 y1 x2 y2 in pixels, of what can be seen"""


@dataclass(frozen=True)
class Named:
    """A noun chunk of the caption."""

    start: int
    end: int
    things: tuple[int, ...]
    """all that the chunk's words fit; none for what the caption says is not there"""


@dataclass(frozen=True)
class Drawn:
    pixels: Pixels
    caption: str
    things: tuple[Thing, ...]
    named: tuple[Named, ...]


Piece = str | tuple[str, tuple[int, ...]]
Plan = tuple[list[tuple[str, str, Box]], list[Piece]]


def drawn(seed: int) -> Drawn:
    """The scene of a seed; every fourth is one of the demo's."""
    rng = random.Random(seed)
    if seed % 4 == 0:
        scene = draw(f"grounding/{seed}")
        things = tuple(Thing(one.shape, one.colour, one.box) for one in scene.objects)
        named = tuple(Named(one.start, one.end, one.objects) for one in scene.phrases)
        return Drawn(scene.pixels, scene.caption, things, named)
    width, height = rng.randrange(320, 561, 8), rng.randrange(240, 481, 8)
    shapes, pieces = FAMILIES[seed % len(FAMILIES)](rng, width, height)
    pixels = np.full((height, width, 3), rng.choice(tuple(GROUNDS.values())), np.uint8)
    for shape, colour, box in shapes:
        paint(pixels, shape, colour, box)
    things = tuple(Thing(shape, colour, _seen(pixels, colour, box)) for shape, colour, box in shapes)
    caption, named = "", []
    for piece in pieces:
        words, which = (piece, None) if isinstance(piece, str) else piece
        if caption == "":
            words = words[:1].upper() + words[1:] if rng.random() < 0.7 else words
        if which is not None:
            named.append(Named(len(caption), len(caption) + len(words), which))
        caption += words
    return Drawn(pixels, caption + rng.choice(["", "."]), things, tuple(named))


def _seen(pixels: Pixels, colour: str, box: Box) -> Box:
    x1, y1, x2, y2 = box
    mine = (pixels[y1:y2, x1:x2] == COLOURS[colour]).all(axis=2)
    columns, rows = np.flatnonzero(mine.any(0)), np.flatnonzero(mine.any(1))
    return x1 + int(columns[0]), y1 + int(rows[0]), x1 + int(columns[-1]) + 1, y1 + int(rows[-1]) + 1


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def _many(shape: str) -> str:
    return "crosses" if shape == "cross" else f"{shape}s"


def _kinds(rng: random.Random, n: int) -> list[tuple[str, str]]:
    return rng.sample([(colour, shape) for colour in COLOURS for shape in SHAPES], n)


def _fit(rng: random.Random, shape: str, cell: Box, share: float = 0.0) -> Box:
    """A place for a shape in a cell, at least 8 pixels from its edge; `share` of the room, or by lot."""
    x1, y1, x2, y2 = cell
    room = min(x2 - x1, y2 - y1) - 16
    side = max(36, round(room * (share or rng.uniform(0.55, 0.95))))
    width, height = (side, side // 2) if shape == "rectangle" else (side, side)
    left, top = rng.randint(x1 + 8, x2 - 8 - width), rng.randint(y1 + 8, y2 - 8 - height)
    return left, top, left + width, top + height


def _cells(width: int, height: int) -> list[Box]:
    w, h = width // 3, height // 2
    return [(c * w, r * h, (c + 1) * w, (r + 1) * h) for r in range(2) for c in range(3)]


def _behind(rng: random.Random, width: int, height: int) -> Plan:
    """One thing covers up to a fifth of another's sides, at a corner."""
    (back, back_shape), (front, front_shape) = _kinds(rng, 2)
    while front == back:
        ((front, front_shape),) = _kinds(rng, 1)
    side = min(width, height) // 3
    x, y = rng.randint(10, width - 2 * side - 10), rng.randint(10, height - 2 * side - 10)
    size = {"rectangle": (side + side // 2, side // 2)}
    bw, bh = size.get(back_shape, (side, side))
    fw, fh = size.get(front_shape, (side, side))
    overlap = round(min(bw, bh) * rng.uniform(0.05, 0.2))
    first = (x, y, x + bw, y + bh)
    second = (min(x + bw - overlap, width - fw), y + bh - overlap, 0, 0)
    second = (second[0], second[1], second[0] + fw, second[1] + fh)
    words = rng.choice([" partly behind ", " under ", " next to "])
    pieces: list[Piece] = [(_a(f"{back} {back_shape}"), (0,)), words, (_a(f"{front} {front_shape}"), (1,))]
    return [(back_shape, back, first), (front_shape, front, second)], pieces


def _one_colour(rng: random.Random, width: int, height: int) -> Plan:
    """Several things of one colour."""
    colour = rng.choice(tuple(COLOURS))
    shapes = rng.sample(SHAPES, rng.randint(2, 4))
    things = [
        (shape, colour, _fit(rng, shape, cell))
        for shape, cell in zip(shapes, rng.sample(_cells(width, height), len(shapes)), strict=True)
    ]
    pieces: list[Piece] = []
    for at, shape in enumerate(shapes):
        pieces += ["" if at == 0 else " and " if at == len(shapes) - 1 else ", ", (_a(f"{colour} {shape}"), (at,))]
    return things, pieces


def _counted(rng: random.Random, width: int, height: int) -> Plan:
    """So many of a kind, one of another, and something that nobody speaks of."""
    (many, other, silent) = _kinds(rng, 3)
    n = rng.randint(2, 4)
    cells = rng.sample(_cells(width, height), n + 2)
    things = [(shape, colour, _fit(rng, shape, cell)) for (colour, shape), cell in zip([many] * n, cells, strict=False)]
    things += [
        (kind[1], kind[0], _fit(rng, kind[1], cell)) for kind, cell in zip((other, silent), cells[n:], strict=True)
    ]
    pieces: list[Piece] = [(f"{NUMBERS[n]} {many[0]} {_many(many[1])}", tuple(range(n))), " and "]
    pieces += [(_a(" ".join(other)), (n,))]
    return things, pieces


def _related(rng: random.Random, width: int, height: int) -> Plan:
    """Where one thing is from another; often with a twin of it elsewhere, which its words fit as well."""
    first, second = _kinds(rng, 2)
    step, words = rng.choice([(step, word) for step, words in RELATIONS.items() for word in words])
    cells = _cells(width, height)
    at = {(0, -1): (1, 4), (0, 1): (4, 1), (-1, 0): (0, 1), (1, 0): (1, 0)}[step]
    things = [
        (kind[1], kind[0], _fit(rng, kind[1], cells[cell])) for kind, cell in zip((first, second), at, strict=True)
    ]
    mine = (0,)
    if rng.random() < 0.5:
        things.append((first[1], first[0], _fit(rng, first[1], cells[5])))
        mine = (0, 2)
    return things, [(_a(" ".join(first)), mine), f" {words} ", (_a(" ".join(second)), (1,))]


def _silent(rng: random.Random, width: int, height: int) -> Plan:
    """Things that nobody speaks of, some of the colour or the shape of what somebody does."""
    ((colour, shape),) = _kinds(rng, 1)
    others = [(colour, rng.choice([one for one in SHAPES if one != shape]))]
    others.append((rng.choice([one for one in COLOURS if one != colour]), shape))
    others += [kind for kind in _kinds(rng, 2) if kind != (colour, shape)]
    cells = rng.sample(_cells(width, height), 1 + len(others))
    kinds = [(colour, shape), *others]
    things = [(kind[1], kind[0], _fit(rng, kind[1], cell)) for kind, cell in zip(kinds, cells, strict=True)]
    return things, [(_a(f"{colour} {shape}"), (0,))]


def _absent(rng: random.Random, width: int, height: int) -> Plan:
    """Something that the caption says is not there, and that sometimes is."""
    here, gone = _kinds(rng, 2)
    cells = rng.sample(_cells(width, height), 2)
    things = [(here[1], here[0], _fit(rng, here[1], cells[0]))]
    if rng.random() < 0.5:
        things.append((gone[1], gone[0], _fit(rng, gone[1], cells[1])))
    before, bare, after = rng.choice(WITHOUT).partition("{bare}")
    if bare:
        before, words = before, " ".join(gone)
        before, words = before[: before.rindex("no ")], "no " + words
    else:
        before, _, after = before.partition("{}")
        words = _a(" ".join(gone))
    return things, [(_a(" ".join(here)), (0,)), before, (words, ()), after]


def _sized(rng: random.Random, width: int, height: int) -> Plan:
    """A small one and a large one of a kind."""
    ((colour, shape),) = _kinds(rng, 1)
    halves = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
    rng.shuffle(halves)
    things = [(shape, colour, _fit(rng, shape, halves[0], 0.3)), (shape, colour, _fit(rng, shape, halves[1], 0.85))]
    pieces: list[Piece] = [(f"a small {colour} {shape}", (0,)), " and ", (f"a large {colour} {shape}", (1,))]
    return things, pieces


FAMILIES: Sequence[Callable[[random.Random, int, int], Plan]] = (
    *(_behind, _one_colour, _counted, _related, _silent, _absent, _sized),
)
