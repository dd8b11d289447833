"""Quads as fractions of the image: clockwise, within it, the first corner where it was."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.ocr.quads import along, area, down, normalised

LEVEL = [(10.0, 20.0), (110.0, 20.0), (110.0, 40.0), (10.0, 40.0)]


def turned(quad: list[tuple[float, float]], degrees: float, about: tuple[float, float]) -> list[tuple[float, float]]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x0, y0 = about
    return [(x0 + (x - x0) * cos - (y - y0) * sin, y0 + (x - x0) * sin + (y - y0) * cos) for x, y in quad]


def test_corners_are_fractions_of_width_and_height() -> None:
    found = normalised([LEVEL], 200, 400)
    assert found.corners.dtype == np.float32
    assert found.corners[0] == pytest.approx(np.array([(0.05, 0.05), (0.55, 0.05), (0.55, 0.1), (0.05, 0.1)]))
    assert found.sound.tolist() == [True]


def test_no_quads() -> None:
    found = normalised([], 200, 400)
    assert found.corners.shape == (0, 4, 2)
    assert found.sound.shape == (0,)


def test_upside_down_text_keeps_its_first_corner_at_the_bottom_right() -> None:
    found = normalised([turned(LEVEL, 180, (60, 30))], 100, 100)
    assert found.corners[0, 0].tolist() == pytest.approx([1.0, 0.4])
    assert found.corners[0, 2].tolist() == pytest.approx([0.1, 0.2])
    assert found.sound.tolist() == [True]


def test_a_quad_that_goes_round_the_other_way_is_turned_about_its_first_corner() -> None:
    anticlockwise = [LEVEL[at] for at in (0, 3, 2, 1)]
    assert normalised([anticlockwise], 200, 100).corners.tolist() == normalised([LEVEL], 200, 100).corners.tolist()


def test_what_reaches_over_the_edge_is_cut() -> None:
    found = normalised([[(-5, -5), (250, -5), (250, 30), (-5, 30)]], 200, 100)
    assert found.corners[0] == pytest.approx(np.array([[0, 0], [1, 0], [1, 0.3], [0, 0.3]]))
    assert found.sound.tolist() == [True]


@pytest.mark.parametrize(
    "quad",
    [
        pytest.param([(10, 10)] * 4, id="a point"),
        pytest.param([(10, 10), (90, 10), (90, 10), (10, 10)], id="a line"),
        pytest.param([(10, 10), (90, 10), (90, 10.9), (10, 10.9)], id="thinner than a pixel"),
        pytest.param([(10, 10), (90, 10), (10, 40), (90, 40)], id="a bow-tie"),
        pytest.param([(10, 10), (90, 40), (90, 10), (10, 40)], id="a bow-tie on its side"),
        pytest.param([(300, 10), (390, 10), (390, 40), (300, 40)], id="outside"),
        pytest.param([(10, 10), (math.nan, 10), (90, 40), (10, 40)], id="no number"),
        pytest.param([(10, 10), (math.inf, 10), (90, 40), (10, 40)], id="without end"),
    ],
)
def test_what_is_no_quad_is_not_sound_but_has_corners_in_the_image(quad: list[tuple[float, float]]) -> None:
    found = normalised([LEVEL, quad], 200, 100)
    assert found.sound.tolist() == [True, False]
    assert ((found.corners >= 0) & (found.corners <= 1)).all()


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(*[st.floats(allow_subnormal=False)] * 2), min_size=4, max_size=4), max_size=5),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
)
def test_whatever_comes_the_answer_is_in_the_image_and_sound_quads_go_clockwise(
    quads: list[list[tuple[float, float]]], width: int, height: int
) -> None:
    found = normalised(quads, width, height)
    assert ((found.corners >= 0) & (found.corners <= 1)).all()
    assert (area(found.corners[found.sound].astype(np.float64)) > 0).all()


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(20, 300), st.floats(8, 60), st.booleans())
def test_a_line_at_any_angle_begins_where_it_began(degrees: float, long: float, high: float, mirrored: bool) -> None:
    middle = (500.0, 500.0)
    level = [(500 - long / 2, 500 - high / 2), (500 + long / 2, 500 - high / 2)]
    level += [(500 + long / 2, 500 + high / 2), (500 - long / 2, 500 + high / 2)]
    quad = turned(level, degrees, middle)
    assume(abs(long - high) > 1)
    found = normalised([[quad[at] for at in (0, 3, 2, 1)] if mirrored else quad], 1000, 1000)
    assert found.sound.tolist() == [True]
    pixels = found.corners.astype(np.float64) * 1000
    assert pixels[0] == pytest.approx(np.array(quad), abs=1e-3)
    way = math.degrees(math.atan2(*along(pixels)[0, ::-1]))
    assert (way - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.1)
    assert np.linalg.norm(down(pixels)[0]) == pytest.approx(high, abs=0.01)
