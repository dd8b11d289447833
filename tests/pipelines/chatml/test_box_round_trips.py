"""Boxes go to the grid and back, and into texts and back, in every dialect that writes boxes."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Budget, Dialect, Found, Grounded

WRITERS = [dialect for dialect in DIALECTS.values() if dialect.writes_boxes]
MARKED = [dialect for dialect in WRITERS if dialect.name != "cogvlm"]  # whose phrases are between marks
UNBUDGETED = ("qwen_vl", "cogvlm", "nvlm", "internvl")  # by pixels
FLOORED = ("qwen_vl", "cogvlm", "nvlm")
each_dialect = pytest.mark.parametrize("dialect", WRITERS, ids=lambda dialect: dialect.name)
each_marked = pytest.mark.parametrize("dialect", MARKED, ids=lambda dialect: dialect.name)

SIDE = st.one_of(st.integers(1, 60), st.integers(1, 2000))
PANORAMA = st.tuples(st.integers(1, 60), st.integers(1, 200)).map(lambda sides: (sides[0], sides[0] * sides[1]))
SIZE = st.one_of(st.tuples(SIDE, SIDE), PANORAMA, PANORAMA.map(lambda size: size[::-1]))
MAX_PIXELS = st.sampled_from([None, 56 * 56, 12_845_056])


@st.composite
def pixel_boxes(draw: st.DrawFn, corners: int = 2) -> tuple[tuple[int, int], list[list[int]]]:
    """An image's size and boxes (or quads) in whole pixels: anywhere, at the edges, a pixel large."""
    width, height = size = draw(SIZE)
    xs = st.one_of(st.integers(0, width), st.sampled_from([0, width - 1, width]))
    ys = st.one_of(st.integers(0, height), st.sampled_from([0, height - 1, height]))
    points = st.tuples(xs, ys)
    anywhere = st.lists(points, min_size=corners, max_size=corners).map(lambda many: [side for p in many for side in p])
    a_pixel = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1)).map(
        lambda p: [*p, p[0] + 1, p[1] + 1] * (corners // 2)
    )
    return size, draw(st.lists(st.one_of(anywhere, a_pixel), min_size=1, max_size=5))


def budget_of(dialect: Dialect, max_pixels: int | None) -> Budget:
    return dialect.budget(Budget() if dialect.name in UNBUDGETED else Budget(max_pixels=max_pixels))


def stored(boxes: list[list[int]], size: tuple[int, int]) -> Any:
    """Pixels as the fractions that a row holds: rounded to float32, then widened."""
    exact = np.array(boxes, np.float64) / np.tile(size, len(boxes[0]) // 2)
    return exact.astype(np.float32).astype(np.float64)


def steps(dialect: Dialect, size: tuple[int, int], budget: Budget) -> tuple[int, int]:
    """Steps of the grid along x and y."""
    if dialect.name != "qwen2_5_vl":
        return 1000, 1000
    (width,), (height,) = dialect.resized(*(np.array([side]) for side in size), budget) or ([0], [0])
    return int(width), int(height)


@each_dialect
@given(drawn=st.one_of(pixel_boxes(), pixel_boxes(corners=4)), max_pixels=MAX_PIXELS)
def test_grid_and_back_is_within_one_step(
    dialect: Dialect, drawn: tuple[tuple[int, int], list[list[int]]], max_pixels: int | None
) -> None:
    size, boxes = drawn
    budget = budget_of(dialect, max_pixels)
    sides = [np.full(len(boxes), side) for side in size]
    fractions = stored(boxes, size)
    grid = dialect.to_grid(fractions, *sides, budget)
    step = np.tile(1 / np.array(steps(dialect, size, budget)), len(boxes[0]) // 2)
    assert grid.shape == fractions.shape
    assert (np.abs(dialect.from_grid(grid, *sides, budget) - fractions) <= step * (1 + 1e-6)).all()


@each_dialect
@given(drawn=pixel_boxes(), max_pixels=MAX_PIXELS)
def test_the_grid_is_never_out_of_range(
    dialect: Dialect, drawn: tuple[tuple[int, int], list[list[int]]], max_pixels: int | None
) -> None:
    size, boxes = drawn
    budget = budget_of(dialect, max_pixels)
    grid = dialect.to_grid(stored(boxes, size), *(np.full(len(boxes), side) for side in size), budget)
    last = np.tile(steps(dialect, size, budget), 2) - (dialect.name != "internvl")
    assert (grid >= 0).all()
    assert (grid <= last).all()


@each_dialect
@given(drawn=pixel_boxes(), max_pixels=MAX_PIXELS)
def test_what_is_on_the_grid_stays_there(
    dialect: Dialect, drawn: tuple[tuple[int, int], list[list[int]]], max_pixels: int | None
) -> None:
    size, boxes = drawn
    budget = budget_of(dialect, max_pixels)
    sides = [np.full(len(boxes), side) for side in size]
    grid = dialect.to_grid(stored(boxes, size), *sides, budget)
    blurred = dialect.from_grid(grid, *sides, budget).astype(np.float32).astype(np.float64)
    assert dialect.to_grid(blurred, *sides, budget).tolist() == grid.tolist()


@each_dialect
@given(drawn=pixel_boxes())
def test_order_is_kept(dialect: Dialect, drawn: tuple[tuple[int, int], list[list[int]]]) -> None:
    size, boxes = drawn
    ordered = [[min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)] for x1, y1, x2, y2 in boxes]
    sides = [np.full(len(boxes), side) for side in size]
    grid = dialect.to_grid(stored(ordered, size), *sides, dialect.budget(Budget()))
    assert (grid[:, :2] <= grid[:, 2:]).all()


def exactly(dialect: Dialect, pixel: int, side: int, n_steps: int) -> int:
    """The grid in whole numbers and fractions, where nothing is blurred."""
    if dialect.name == "internvl":
        return pixel * n_steps // side
    if dialect.name in FLOORED:
        return min(pixel * n_steps // side, n_steps - 1)
    return min(round(Fraction(pixel * n_steps, side)), n_steps - 1)


@each_dialect
@given(drawn=pixel_boxes())
def test_float32_changes_nothing(dialect: Dialect, drawn: tuple[tuple[int, int], list[list[int]]]) -> None:
    size, boxes = drawn
    budget = dialect.budget(Budget())
    n_steps = steps(dialect, size, budget)
    # where pixels are so many that float32 cannot tell a tie from its neighbours, nothing can
    assume(all(side * n < 5e6 for side, n in zip(size, n_steps, strict=True)))
    sides = [np.full(len(boxes), side) for side in size]
    expected = [
        [exactly(dialect, pixel, size[at % 2], n_steps[at % 2]) for at, pixel in enumerate(box)] for box in boxes
    ]
    assert dialect.to_grid(stored(boxes, size), *sides, budget).tolist() == expected
    assert dialect.to_grid(np.array(boxes) / np.tile(size, 2), *sides, budget).tolist() == expected


@each_dialect
@pytest.mark.parametrize("side", [640, 999, 1999, 2000])
def test_every_pixel_of_a_side_goes_where_exact_arithmetic_puts_it(dialect: Dialect, side: int) -> None:
    """Also those next to a tie or a whole number, which must not be taken for one."""
    pixels = np.arange(side + 1)
    boxes = [[pixel] * 4 for pixel in pixels.tolist()]
    sides = np.full(len(boxes), side)
    budget = dialect.budget(Budget())
    n_steps, _ = steps(dialect, (side, side), budget)
    grid = dialect.to_grid(stored(boxes, (side, side)), sides, sides, budget)
    assert grid[:, 0].tolist() == [exactly(dialect, pixel, side, n_steps) for pixel in pixels.tolist()]


NUMBER = st.integers(0, 1000)
BOXES = st.lists(st.tuples(*[NUMBER] * 4), min_size=1, max_size=4).map(tuple)
QUADS = st.lists(st.tuples(*[NUMBER] * 8), min_size=1, max_size=4).map(tuple)
ODD = st.sampled_from(
    ["[", "]", "{", '"', "\\", "\n", "<", ">", "<|", "(1,2),(3,4)", "[[1, 2, 3, 4]]", "狗", "</", " "]
)
LABEL = st.one_of(st.text(max_size=12), st.lists(ODD, max_size=8).map("".join), st.text("一只棕色的狗，", max_size=9))


def holds_marks(dialect: Dialect, text: str) -> bool:
    return any(token in text for token in dialect.special_tokens)


@each_marked
@given(label=st.one_of(st.none(), LABEL), coordinates=st.one_of(BOXES, QUADS), before=LABEL, after=LABEL)
def test_what_is_written_is_read_back(
    dialect: Dialect, label: str | None, coordinates: tuple[tuple[int, ...], ...], before: str, after: str
) -> None:
    assume(not any(holds_marks(dialect, text) for text in (label or "", before, after)))
    assume(len(coordinates[0]) == 4 or "quad" in dialect.text_shapes)
    written = dialect.write(label, coordinates)
    expected = [Found(label, "box" if len(coordinates[0]) == 4 else "quad", coordinates)]
    assert dialect.read(written) == expected
    assert dialect.read(f"{before} {written} {after}") == expected


@each_marked
@given(data=st.data())
def test_a_grounded_text_is_read_back(dialect: Dialect, data: st.DataObject) -> None:
    shapes = st.one_of(BOXES, QUADS) if "quad" in dialect.text_shapes else BOXES
    phrases = data.draw(st.lists(st.builds(Grounded, LABEL, shapes), max_size=5))
    texts = data.draw(st.lists(LABEL, min_size=len(phrases) + 1, max_size=len(phrases) + 1))
    assume(not holds_marks(dialect, "\0".join([*texts, *(phrase.text for phrase in phrases)])))
    # a list of JSON objects does not say where one phrase ends and the next of the same words begins
    assume(all(one.text != other.text for one, other in pairwise(phrases)))
    pieces: list[str | Grounded] = [texts[0]]
    for phrase, text in zip(phrases, texts[1:], strict=True):
        # a bracket would make one object of a running text and the JSON behind it
        pieces += [phrase, text.replace("{", "(")]
    written = dialect.write_grounded(pieces)
    assert dialect.read(written) == [
        Found(text, "box" if len(coordinates[0]) == 4 else "quad", coordinates) for text, coordinates in phrases
    ]


@each_marked
@given(data=st.data())
def test_a_list_of_texts_is_read_back(dialect: Dialect, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(dialect.text_shapes))
    one = (BOXES if shape == "box" else QUADS).map(lambda coordinates: coordinates[:1])
    items = data.draw(st.lists(st.builds(Grounded, LABEL, one), min_size=1, max_size=6))
    assume(not holds_marks(dialect, "\0".join(item.text for item in items)))
    # one JSON list does not say where one text ends and the next, the same, begins
    assume(all(item.text != other.text for item, other in pairwise(items)))
    assert dialect.read(dialect.write_list(items)) == [Found(text, shape, coordinates) for text, coordinates in items]


@each_dialect
@given(text=st.one_of(st.text(), st.lists(ODD).map("".join)))
def test_any_text_can_be_read(dialect: Dialect, text: str) -> None:
    assert all(found.coordinates for found in dialect.read(text))


@each_marked
@pytest.mark.parametrize(
    "piece", ["<ref>", "<|object_ref_start|>a", '{"', '{"a":', "[", "<box>[[1,", "<|box_start|>(1,"]
)
def test_a_long_hostile_text_is_read_to_its_end(dialect: Dialect, piece: str) -> None:
    written = dialect.write("a dog", [(1, 2, 3, 4)])
    assert dialect.read(piece * 20_000 + " " + written)[-1] == Found("a dog", "box", ((1, 2, 3, 4),))
