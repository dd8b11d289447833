"""Drawn scenes against their own pixels: what the caption and the boxes say is what is there."""

import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.demo.scenes import COLOURS, GROUNDS, SHAPES, Object, Pixels, Scene, draw, mask, paint

seeds = st.integers(0, 10**9).map(str)
quick = settings(max_examples=60, deadline=None)
FILLED = {
    "circle": 0.785,
    "square": 1.0,
    "rectangle": 1.0,
    "triangle": 0.5,
    "diamond": 0.5,
    "star": 0.36,
    "cross": 0.59,
}
"""The share of its box that a shape fills."""
NUMBERS = {"a": 1, "an": 1, "two": 2, "three": 3, "four": 4}


def coloured(pixels: Pixels, colour: str) -> np.ndarray:
    return (pixels == np.array(COLOURS[colour], np.uint8)).all(axis=2)


def centre(thing: Object) -> tuple[float, float]:
    x1, y1, x2, y2 = thing.box
    return (x1 + x2) / 2, (y1 + y2) / 2


def area(thing: Object) -> int:
    x1, y1, x2, y2 = thing.box
    return (x2 - x1) * (y2 - y1)


@given(seeds)
@quick
def test_boxes_are_the_tight_bounds_of_the_drawn_pixels(seed: str) -> None:
    scene = draw(seed)
    for thing in scene.objects:
        x1, y1, x2, y2 = thing.box
        inside = coloured(scene.pixels, thing.colour)[y1:y2, x1:x2]
        assert inside[0].any()
        assert inside[-1].any()
        assert inside[:, 0].any()
        assert inside[:, -1].any()
        assert inside.mean() == pytest.approx(FILLED[thing.shape], abs=0.06)


@given(seeds)
@quick
def test_every_coloured_pixel_belongs_to_an_object_of_that_colour(seed: str) -> None:
    scene = draw(seed)
    for colour in COLOURS:
        left = coloured(scene.pixels, colour)
        for x1, y1, x2, y2 in (thing.box for thing in scene.objects if thing.colour == colour):
            left[y1:y2, x1:x2] = False
        assert not left.any()


@given(seeds)
@quick
def test_nothing_touches_anything(seed: str) -> None:
    scene = draw(seed)
    height, width = scene.pixels.shape[:2]
    taken = np.zeros((height, width), np.bool_)
    for x1, y1, x2, y2 in (thing.box for thing in scene.objects):
        assert x1 >= 5
        assert y1 >= 5
        assert x2 <= width - 5
        assert y2 <= height - 5
        assert min(x2 - x1, y2 - y1) >= 38
        around = taken[y1 - 5 : y2 + 5, x1 - 5 : x2 + 5]
        assert not around.any()
        taken[y1:y2, x1:x2] = True


@given(seeds)
@quick
def test_the_ground_is_pale_or_dark_and_never_colourful(seed: str) -> None:
    scene = draw(seed)
    ground = np.ones(scene.pixels.shape[:2], np.bool_)
    for x1, y1, x2, y2 in (thing.box for thing in scene.objects):
        ground[y1:y2, x1:x2] = False
    rest = scene.pixels[ground].astype(np.int16)
    assert (rest.max(axis=1) - rest.min(axis=1)).max() <= 26
    assert min(max(colour) - min(colour) for colour in COLOURS.values()) >= 100


@given(seeds)
@quick
def test_equal_seeds_draw_equal_scenes(seed: str) -> None:
    one, other = draw(seed), draw(seed)
    assert (one.pixels == other.pixels).all()
    assert (one.caption, one.objects, one.phrases) == (other.caption, other.objects, other.phrases)


@given(seeds)
@quick
def test_phrases_name_their_objects_and_each_object_has_one(seed: str) -> None:
    scene = draw(seed)
    named = [index for phrase in scene.phrases for index in phrase.objects]
    assert sorted(named) == list(range(len(scene.objects)))
    for phrase in scene.phrases:
        number, *words = scene.caption[phrase.start : phrase.end].replace("small ", "").replace("large ", "").split()
        colour, shape = words
        assert NUMBERS[number] == len(phrase.objects)
        assert {(thing.colour, thing.shape) for thing in (scene.objects[i] for i in phrase.objects)} == {
            (colour, re.sub(r"(?<=cross)es$|s$", "", shape) if number not in ("a", "an") else shape)
        }


@given(seeds)
@quick
def test_no_two_phrases_of_a_caption_are_alike(seed: str) -> None:
    scene = draw(seed)
    assert len({scene.caption[phrase.start : phrase.end] for phrase in scene.phrases}) == len(scene.phrases)


@cache
def many_scenes() -> list[Scene]:
    return [draw(f"said:{i}") for i in range(600)]


def scenes_that_say(words: str, n: int = 25) -> list[Scene]:
    found = [scene for scene in many_scenes() if words in scene.caption]
    assert len(found) >= n, f"only {len(found)} captions say {words!r}"
    return found[:n]


class TestCaptionsAreTrue:
    @pytest.mark.parametrize(
        ("words", "axis", "sign"),
        [(" above ", 1, -1), (" below ", 1, 1), (" to the left of ", 0, -1), (" to the right of ", 0, 1)],
    )
    def test_of_relations(self, words: str, axis: int, sign: int) -> None:
        for scene in scenes_that_say(words):
            first, second = scene.objects
            apart = np.subtract(centre(first), centre(second))
            assert apart[axis] * sign > 0, scene.caption
            # clear of each other along the axis, and further apart along it than across
            low, high = (first, second) if sign < 0 else (second, first)
            assert low.box[axis + 2] < high.box[axis]
            assert abs(apart[axis]) > abs(apart[1 - axis])

    def test_of_what_is_between(self) -> None:
        for scene in scenes_that_say(" between "):
            middle, left, right = scene.objects
            assert left.box[2] < middle.box[0]
            assert middle.box[2] < right.box[0]

    def test_of_sizes(self) -> None:
        for scene in scenes_that_say("a small "):
            small, large = scene.objects
            assert area(large) >= 3 * area(small)

    @pytest.mark.parametrize(
        ("place", "column", "row"),
        [
            ("in the top left corner", 0, 0),
            ("in the top right corner", 2, 0),
            ("in the bottom left corner", 0, 2),
            ("in the bottom right corner", 2, 2),
            ("in the centre", 1, 1),
        ],
    )
    def test_of_places(self, place: str, column: int, row: int) -> None:
        for scene in scenes_that_say(place, 5):
            height, width = scene.pixels.shape[:2]
            (thing,) = scene.objects
            x, y = centre(thing)
            assert (int(3 * x / width), int(3 * y / height)) == (column, row)

    @pytest.mark.parametrize("ground", GROUNDS)
    def test_of_the_ground(self, ground: str) -> None:
        for scene in scenes_that_say(f" on a {ground} background", 5):
            corner = scene.pixels[:5, :5].reshape(-1, 3).mean(axis=0)
            np.testing.assert_allclose(corner, GROUNDS[ground], atol=9)

    def test_an_orange_is_written_with_an_n(self) -> None:
        assert not [s.caption for s in many_scenes() if re.search(r"\ba [aeiou]|\ban [^aeiou]", s.caption)]
        assert scenes_that_say("an orange ")


@given(st.sampled_from(SHAPES), st.integers(40, 160))
@quick
def test_a_shape_fills_its_box_to_within_two_pixels(shape: str, side: int) -> None:
    pixels: Pixels = np.zeros((200, 200, 3), np.uint8)
    x1, y1, x2, y2 = paint(pixels, shape, "red", (20, 20, 20 + side, 20 + side)).box
    assert 20 <= min(x1, y1) <= max(x1, y1) <= 22
    assert 18 <= min(x2, y2) - side <= max(x2, y2) - side <= 20


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_symmetric_from_left_to_right(shape: str) -> None:
    drawn = mask(shape, 81, 81)
    assert (drawn ^ drawn[:, ::-1]).mean() < 0.02


def test_painting_measures_what_was_drawn() -> None:
    pixels: Pixels = np.zeros((100, 120, 3), np.uint8)
    assert paint(pixels, "circle", "red", (10, 20, 60, 70)) == Object("circle", "red", (10, 20, 60, 70))
    assert coloured(pixels, "red").sum() == pytest.approx(np.pi * 25**2, rel=0.05)
