"""The detector of drawn shapes, held to what was drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.demo.scenes import COLOURS, SHAPES, draw, paint
from pipelines.grounding.detectors.protocol import Detector, DetectorSpec
from pipelines.grounding.detectors.shapes import Kind, ShapeDetector, Shapes, kind_of, shapes_in

GROUND = (246, 240, 222)


def canvas(width=300, height=200, ground=GROUND):
    return np.full((height, width, 3), ground, np.uint8)


def in_pixels(box, pixels):
    height, width = pixels.shape[:2]
    return tuple(round(value) for value in np.array(box) * (width, height, width, height))


def offer(pixels, *phrases):
    (found,) = ShapeDetector().detect([Image.fromarray(pixels)], [phrases])
    by_phrase = {phrase: [] for phrase in phrases}
    for box, place in zip(found.candidates.boxes, found.candidates.phrases, strict=True):
        by_phrase[phrases[place]].append(in_pixels(box, pixels))
    return by_phrase, found


@given(st.integers(0, 10**9).map(str))
@settings(max_examples=40, deadline=None)
def test_a_scene_is_found_as_it_was_drawn(seed):
    scene = draw(seed)
    found = {(shape.colour, shape.shape, in_pixels(shape.box, scene.pixels)) for shape in shapes_in(scene.pixels)}
    assert found == {(thing.colour, thing.shape, thing.box) for thing in scene.objects}
    assert all(shape.score > Shapes().threshold for shape in shapes_in(scene.pixels))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_shape_that_another_covers_in_part_keeps_its_name(shape, colour):
    pixels = canvas()
    box = (40, 40, 200, 120) if shape == "rectangle" else (40, 40, 140, 140)
    paint(pixels, shape, colour, box)
    paint(pixels, "square", "blue" if colour != "blue" else "red", (80, 80, 110, 110))
    assert (colour, shape) in {(found.colour, found.shape) for found in shapes_in(pixels)}


def test_phrases_are_answered_by_what_fits_them():
    pixels = canvas()
    red = paint(pixels, "circle", "red", (20, 20, 80, 80)).box
    blue = paint(pixels, "circle", "blue", (120, 20, 180, 80)).box
    star = paint(pixels, "star", "red", (200, 100, 260, 160)).box
    by_phrase, found = offer(
        pixels, "a red circle", "two circles", "Blue Discs", "a green circle", "the red shape", "shapes", "a dog", ""
    )
    assert by_phrase["a red circle"] == [red]
    assert set(by_phrase["two circles"]) == {red, blue}
    assert by_phrase["Blue Discs"] == [blue]
    assert by_phrase["a green circle"] == []
    assert set(by_phrase["the red shape"]) == {red, star}
    assert found.unasked == dict.fromkeys((5, 6, 7), "unknown_to_detector")


def test_small_and_large_are_told_by_comparison():
    pixels = canvas()
    small = paint(pixels, "circle", "red", (20, 20, 60, 60)).box
    large = paint(pixels, "circle", "red", (120, 20, 260, 160)).box
    by_phrase, _ = offer(pixels, "a small red circle", "the largest circle", "a red circle")
    assert by_phrase["a small red circle"] == [small]
    assert by_phrase["the largest circle"] == [large]
    assert set(by_phrase["a red circle"]) == {small, large}


@pytest.mark.parametrize(
    ("phrase", "kind"),
    [
        ("a red circle", Kind("red", "circle", None)),
        ("three orange crosses", Kind("orange", "cross", None)),
        ("a tiny plus", Kind(None, "cross", "small")),
        ("a large red object", Kind("red", None, "large")),
        ("many shapes", None),
        ("a red and blue circle", None),
        ("a circle of light", None),
        ("red", None),
        ("", None),
    ],
)
def test_what_a_phrase_asks_for(phrase, kind):
    assert kind_of(phrase) == kind


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (1500, 1400)])
def test_any_image_is_looked_at(size):
    (found,) = ShapeDetector().detect([Image.new("RGB", size, GROUND)], [["a red circle"]])
    assert len(found.candidates.boxes) == 0


def test_large_drawings_are_found_within_a_pixel_of_what_is_looked_at():
    pixels = canvas(3000, 2000)
    box = paint(pixels, "circle", "green", (500, 400, 1100, 1000)).box
    (found,) = shapes_in(pixels)
    assert np.array(found.box) * (3000, 2000, 3000, 2000) == pytest.approx(np.array(box), abs=3.5)


def test_shapes_are_a_detector():
    spec: DetectorSpec = Shapes()
    detector: Detector = spec.load()
    assert isinstance(spec, DetectorSpec)
    assert detector.detect([], []) == []
