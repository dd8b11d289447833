"""Pictures with what was found in them, as a parser sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cards.html.overlays import COLOURS, STYLE, legend, picture
from data_cards.marks import BoxMark, LineMark
from data_cards.page import page
from data_cards.thumbnail import Thumbnail
from tests.support.hostile import HOSTILE
from tests.support.html import Element, check_offline

SMALL = Thumbnail(b"jpeg", 200, 100)


def body(*pieces: str) -> Element:
    return check_offline(page("p", "".join(pieces), STYLE))


def test_without_marks_it_is_an_image() -> None:
    (image,) = body(picture(SMALL, "a dog & a cat")).all("img")
    assert (image.attributes["alt"], image.attributes["width"]) == ("a dog & a cat", "200")


def test_boxes_and_quads_are_in_pixels_of_the_picture_and_numbered() -> None:
    boxes = (BoxMark("a dog", (0.1, 0.2, 0.5, 1.0), 0.9), BoxMark("a cat", (0, 0, 1, 1)))
    lines = (LineMark("STOP", (0.5, 0.5, 0.75, 0.5, 0.75, 0.6, 0.5, 0.6), 0.87, "low_score"),)
    (svg,) = body(picture(SMALL, "Image", boxes, lines)).all("svg")
    assert svg.attributes["viewbox"] == "0 0 200 100"
    assert svg.attributes["aria-label"] == "Image; drawn over it: 2 boxes and 1 line of text"
    assert [mark.attributes["points"] for mark in svg.all("polygon", **{"class": "mark"})] == [
        "20,20 100,20 100,100 20,100",
        "0,0 200,0 200,100 0,100",
        "100,50 150,50 150,60 100,60",
    ]
    assert [number.text for number in svg.all("text")] == ["1", "2", "3"]
    assert [item.text for item in body(legend(boxes, lines)).all("li")] == [
        *("a dog 0.90", "a cat", "“STOP” 0.87 left out: low_score"),
    ]


def test_boxes_of_one_phrase_share_a_colour() -> None:
    boxes = [BoxMark(label, (0, 0, 1, 1 / at)) for at, label in enumerate(("dog", "cat", "dog"), 1)]
    marks = body(picture(SMALL, "Image", boxes)).all("polygon", **{"class": "mark"})
    assert [mark.attributes["stroke"] for mark in marks] == [COLOURS[0], COLOURS[1], COLOURS[0]]


def test_one_place_that_is_named_in_two_languages_is_one_box() -> None:
    here, there = (0.1, 0.1, 0.5, 0.5), (0.5, 0.5, 0.9, 0.9)
    boxes = [
        BoxMark("a dog", here, 0.7),
        BoxMark("a cat", there),
        BoxMark("狗", here, 0.9),
        BoxMark("a dog", here, 0.1),
    ]
    assert len(body(picture(SMALL, "Image", boxes)).all("polygon", **{"class": "mark"})) == 2
    assert [item.text for item in body(legend(boxes, [])).all("li")] == ["a dog · 狗 0.90", "a cat"]


@pytest.mark.parametrize("colour", [*COLOURS, "#555"])
def test_numbers_can_be_read(colour: str) -> None:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_a_long_list_says_how_much_more_there_is() -> None:
    found = body(legend([BoxMark("dog", (0, 0, 1, 1 / at)) for at in range(1, 31)], [], most=4))
    assert len(found.all("li")) == 4
    assert found.all("p")[0].text == "and 26 more"


@given(st.lists(st.floats(), min_size=8, max_size=8), st.sampled_from(HOSTILE))
def test_whatever_the_numbers_and_texts_are_marks_stay_within_the_picture(numbers: list[float], text: str) -> None:
    finite = [0.0 if number != number else number for number in numbers]
    lines = [LineMark(text, tuple(finite), None, text)]
    boxes = [BoxMark(text, (finite[0], finite[1], finite[2], finite[3]))]
    found = body(picture(SMALL, text, boxes, lines), legend(boxes, lines))
    for mark in found.all("polygon"):
        for point in mark.attributes["points"].split(" "):
            x, y = map(float, point.split(","))
            assert 0 <= x <= 200
            assert 0 <= y <= 100
