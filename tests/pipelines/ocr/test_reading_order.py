"""Lines in the order in which people read them, on pages whose order is known."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ocr.reading_order import reading_order

Box = tuple[float, float, float, float]

HIGH = 20.0
LEADING = 28.0


def column(x: float, y: float, lines: int, width: float = 200.0, high: float = HIGH) -> list[Box]:
    """Lines below each other, ragged on the right."""
    return [(x, y + LEADING * at, x + width * (1 - 0.1 * (at % 3)), y + LEADING * at + high) for at in range(lines)]


def vertical(x: float, y: float, columns: int, long: float = 200.0) -> list[Box]:
    """Vertical columns, the first one on the right with its right edge at `x`."""
    found = [(x - LEADING * 1.4 * at - HIGH, y, x - LEADING * 1.4 * at, y + long) for at in range(columns)]
    return [(x1, y1, x2, y2 - 40 * (at % 2)) for at, (x1, y1, x2, y2) in enumerate(found)]


def quads(boxes: Sequence[Box], degrees: float = 0.0) -> np.ndarray:
    corners = np.array([[(x1, y1), (x2, y1), (x2, y2), (x1, y2)] for x1, y1, x2, y2 in boxes]).reshape(-1, 4, 2)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return corners @ np.array([[cos, sin], [-sin, cos]])


def read(boxes: Sequence[Box], degrees: float = 0.0, characters: int = 12) -> list[list[int]]:
    """Blocks by the places of the boxes, which have been shuffled before they are looked at."""
    shuffled = np.random.default_rng(0).permutation(len(boxes))
    found = reading_order(quads(boxes, degrees)[shuffled], [characters] * len(boxes))
    return [shuffled[block].tolist() for block in found]


def parts(*sizes: int) -> list[list[int]]:
    """Blocks of so many lines, in order."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [list(range(start, end)) for start, end in pairwise(ends)]


ANGLES = pytest.mark.parametrize("degrees", [0, 3, -3, 10, -10, 30, 90, 180, 270])
"""A page askew, on its side, on its head: its own axes count."""


class TestHorizontal:
    @ANGLES
    def test_one_column(self, degrees: float) -> None:
        assert read(column(10, 10, 8), degrees) == parts(8)

    @ANGLES
    def test_two_columns(self, degrees: float) -> None:
        assert read(column(10, 10, 8) + column(250, 10, 6), degrees) == parts(8, 6)

    @ANGLES
    def test_three_columns(self, degrees: float) -> None:
        assert read(column(10, 10, 5) + column(250, 10, 5) + column(490, 10, 5), degrees) == parts(5, 5, 5)

    @ANGLES
    def test_a_heading_over_columns_and_a_line_below_them(self, degrees: float) -> None:
        page = [(100, 10, 600, 50), *column(10, 70, 5), *column(250, 70, 5), *column(490, 70, 4), (10, 220, 650, 240)]
        assert read(page, degrees) == parts(1, 5, 5, 4, 1)

    def test_a_heading_of_the_same_size_close_to_its_columns(self) -> None:
        assert read([(100, 10, 400, 30), *column(10, 38, 5), *column(250, 38, 5)]) == parts(1, 5, 5)

    def test_columns_whose_lines_stand_at_different_heights(self) -> None:
        assert read(column(10, 10, 8) + column(250, 24, 8)) == parts(8, 8)

    def test_columns_that_begin_and_end_elsewhere(self) -> None:
        assert read(column(10, 150, 8) + column(250, 10, 8)) == parts(8, 8)

    def test_a_column_that_begins_lower_under_a_heading(self) -> None:
        """As where a picture stands at its top."""
        page = [(100, 10, 400, 30), *column(10, 170, 4), *column(250, 60, 8)]
        assert read(page) == parts(1, 4, 8)

    def test_columns_in_two_sections(self) -> None:
        page = column(10, 10, 3) + column(250, 10, 3) + column(10, 200, 3) + column(250, 200, 3)
        assert read(page) == parts(3, 3, 3, 3)

    def test_paragraphs_side_by_side_that_break_at_the_same_height(self) -> None:
        page = column(10, 10, 3) + column(10, 125, 3) + column(260, 10, 3) + column(260, 125, 3)
        assert read(page) == parts(3, 3, 3, 3)

    def test_a_heading_over_two_columns_of_three(self) -> None:
        page = [(60, 10, 420, 30), *column(10, 60, 5), *column(250, 60, 5), *column(490, 10, 7)]
        assert read(page) == parts(1, 5, 5, 7)

    def test_what_is_higher_and_beside_nothing_comes_first(self) -> None:
        assert read([(300, 10, 400, 30), *column(10, 60, 4)]) == parts(1, 4)

    def test_pieces_of_a_line_are_read_on(self) -> None:
        page = [(10, 10, 60, 30), (72, 12, 140, 31), (10, 40, 90, 60), (100, 41, 140, 60)]
        assert read(page) == parts(4)

    def test_pieces_far_apart_in_one_line_only(self) -> None:
        assert read([(10, 10, 90, 30), (200, 10, 260, 30), (10, 40, 260, 60)]) == [[0], [1], [2]]

    def test_boxes_of_lines_may_overlap(self) -> None:
        assert read(column(10, 10, 8, high=34) + column(260, 10, 8, high=34)) == parts(8, 8)

    def test_a_line_that_sags_is_read_from_its_left_end(self) -> None:
        bow = [(10 + 42 * at, 20 + 1.5 * (at - 3) ** 2, 48 + 42 * at, 40 + 1.5 * (at - 3) ** 2) for at in range(7)]
        assert [at for block in read(bow) for at in block] == list(range(7))

    def test_other_sizes_and_wide_gaps_part_paragraphs(self) -> None:
        page = [(10, 10, 300, 50), *column(10, 60, 3), *column(10, 170, 2)]
        assert read(page) == parts(1, 3, 2)


class TestVertical:
    @ANGLES
    def test_columns_are_read_from_the_right(self, degrees: float) -> None:
        assert read(vertical(400, 20, 6), degrees, characters=8) == parts(6)

    def test_two_registers_are_read_one_below_the_other(self) -> None:
        assert read(vertical(400, 20, 5) + vertical(400, 260, 5)) == parts(5, 5)

    def test_a_level_heading_over_vertical_columns(self) -> None:
        assert read([(150, 10, 400, 40), *vertical(400, 60, 6)]) == parts(1, 6)

    def test_a_vertical_title_beside_level_lines(self) -> None:
        assert read([*vertical(60, 20, 2), *column(120, 20, 6)]) == parts(2, 6)

    def test_a_couplet_on_both_sides_of_level_lines(self) -> None:
        assert read([*vertical(40, 20, 1), *column(100, 60, 4), *vertical(400, 20, 1)]) == parts(1, 4, 1)

    def test_a_lone_character_belongs_to_what_is_around_it(self) -> None:
        boxes = [*vertical(400, 20, 3), (260, 20, 280, 40)]
        found = reading_order(quads(boxes), [8, 8, 8, 1])
        assert [at for block in found for at in block] == [0, 1, 2, 3]

    def test_a_tall_quad_of_one_character_is_no_column(self) -> None:
        assert read([(30, 10, 40, 40), (50, 10, 60, 40)], characters=1) == parts(2)


class TestMixedWays:
    def test_what_runs_another_way_comes_after_what_most_characters_run(self) -> None:
        page, side = quads(column(10, 10, 4)), quads([(20, -400, 200, -380)], 90)
        assert reading_order(np.concatenate([side, page]), [30, 12, 12, 12, 12]) == [[1, 2, 3, 4], [0]]


def test_no_lines() -> None:
    assert reading_order(np.zeros((0, 4, 2)), []) == []


_BOXES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(2, 200), st.integers(2, 60), st.integers(1, 9)),
    max_size=25,
    unique_by=lambda box: box[:4],
)


@settings(deadline=None)
@given(_BOXES, st.randoms(use_true_random=False), st.sampled_from([0.0, 7.0, 90.0, 180.0]))
def test_every_line_is_read_once_whatever_order_lines_come_in(
    boxes: list[tuple[int, int, int, int, int]], rng: object, degrees: float
) -> None:
    corners = quads([(x, y, x + w, y + h) for x, y, w, h, _ in boxes], degrees)
    counts = [box[4] for box in boxes]
    blocks = reading_order(corners, counts)
    assert sorted(at for block in blocks for at in block) == list(range(len(boxes)))
    order = list(range(len(boxes)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    again = reading_order(corners[order], [counts[at] for at in order])
    assert [[order[at] for at in block] for block in again] == blocks


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.integers(2, 9), min_size=4, max_size=4),
    st.floats(-10, 10),
    st.integers(8, 64),
)
def test_columns_side_by_side_are_read_one_after_the_other(
    columns: int, lines: list[int], degrees: float, high: int
) -> None:
    scale = high / HIGH
    boxes = [box for at in range(columns) for box in column(10 + 240 * at, 10 + 7 * at, lines[at])]
    scaled = [tuple(scale * number for number in box) for box in boxes]
    assert read(scaled, degrees) == parts(*lines[:columns])  # type: ignore[arg-type]
