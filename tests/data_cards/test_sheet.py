"""A contact sheet as a parser reads it."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_cards.sheet import Entry, Sheet, Tile, TileCaption, render, render_index
from data_cards.thumbnail import Thumbnail, thumbnail
from tests.support.hostile import HOSTILE
from tests.support.html import Element, check_offline


def small(number: int = 0) -> Thumbnail:
    noise = np.random.default_rng(number).integers(0, 256, (200, 1200, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    made = thumbnail(out.getvalue())
    assert made is not None
    return made


WIDE = Tile(
    17,
    "rejected",
    "aspect_ratio",
    "aspect_ratio",
    7.25,
    thresholds=(("max_ratio", "6.0"),),
    captions=(TileCaption("a wide street", "en", "web"),),
    host="example.org",
    address="https://example.org/street.jpg",
    thumbnail=small(),
    size=(1200, 200),
)
GONE = Tile(18, "rejected", "pull", "http_gone", 404.0, host="example.org", address="https://example.org/gone.jpg")
SHEET = Sheet(
    *("Left for aspect_ratio", "/runs/a", "mine"),
    *((WIDE,), 1234, 7, ("aspect_ratio",)),
    rules=(("aspect_ratio", "max_ratio", "6.0", "published: CogVLM"),),
)


def rows(page: Element) -> list[Element]:
    return page.all("tbody")[0].all("tr")


def test_a_tile_says_what_a_person_must_know() -> None:
    (row,) = rows(check_offline(render(SHEET)))
    image, captions, verdict, value, address = row.all("td")
    assert row.all("th", scope="row")[0].text == "000000000017"
    assert captions.text == "a wide street"
    assert captions.all("bdi", lang="en", dir="auto")
    assert verdict.text == "rejected: aspect_ratio by aspect_ratio"
    assert value.text == "7.25 (max_ratio = 6.0)"
    assert address.text == "example.org1200 × 200 pxhttps://example.org/street.jpg"
    (shown,) = image.all("img")
    assert shown.attributes["alt"] == "Image of row 000000000017, 1200 × 200 pixels"
    assert (shown.attributes["width"], shown.attributes["height"]) == ("192", "32")
    with Image.open(io.BytesIO(base64.b64decode(shown.attributes["src"].partition(",")[2]))) as opened:
        opened.load()
        assert (opened.format, opened.size) == ("JPEG", (192, 32))


def test_the_head_says_what_it_is_a_sample_of() -> None:
    page = check_offline(render(SHEET))
    assert page.all("h1")[0].text == "Left for aspect_ratio"
    said = [paragraph.text for paragraph in page.all("p")]
    assert said[0] == "1 rows, a random sample of 1,234. Run /runs/a, recipe mine, seed 7."
    assert said[1].startswith("aspect_ratio rejected: the longer side exceeds")
    assert page.all("li")[0].text == "aspect_ratio max_ratio = 6.0 (published: CogVLM)"
    assert "All 1 rows." in render(replace(SHEET, matching=1))
    assert "There are no such rows." in render(replace(SHEET, matching=0, tiles=()))


def test_it_is_a_table_to_those_who_hear_it() -> None:
    page = check_offline(render(replace(SHEET, tiles=(WIDE, GONE))))
    (table,) = page.all("table", role="table")
    headings = table.all("th", role="columnheader", scope="col")
    for row in table.all("tbody", role="rowgroup")[0].all("tr", role="row"):
        assert len(row.children) == len(headings)
        assert all(child.attributes["role"] in ("cell", "rowheader") for child in row.children)
    assert all(image.attributes["alt"] for image in page.all("img"))


def test_rows_without_an_image_are_tiles_of_text() -> None:
    (row,) = rows(check_offline(render(replace(SHEET, tiles=(GONE,)))))
    assert row.all("img") == []
    assert [cell.text for cell in row.all("td")] == [
        *("no image", "no caption", "rejected: http_gone by pull", "404", "example.orghttps://example.org/gone.jpg"),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7.0, "7"), (1234567.0, "1,234,567"), (0.123456789, "0.123457"), (float("inf"), "inf"), (float("nan"), "nan")],
)
def test_values_are_numbers_for_people(value: float, expected: str) -> None:
    (row,) = rows(check_offline(render(replace(SHEET, tiles=(replace(WIDE, value=value, thresholds=()),)))))
    assert row.all("td")[3].text == expected


def test_of_many_captions_the_first_three_are_shown_and_refusals_said() -> None:
    captions = (
        TileCaption("one", "en", "web", "too_short"),
        TileCaption("two", None, "edited"),
        *(TileCaption(str(number)) for number in range(4)),
    )
    (row,) = rows(check_offline(render(replace(SHEET, tiles=(replace(WIDE, captions=captions),)))))
    said = [paragraph.text for paragraph in row.all("td")[1].all("p")]
    assert said == ["one refused: too_short", "edited: two", "0", "and 3 more"]


def hostile_tile(number: int, text: str) -> Tile:
    captions = tuple(TileCaption(text, text, text, text) for _ in range(5))
    thresholds = ((text, text),)
    return Tile(number, text, text, text, 1.5, text, thresholds, captions, text, text, small(number), (1, 1))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_anywhere_stays_text(text: str) -> None:
    sheet = Sheet(text, text, text, (hostile_tile(1, text),), 1, 0, rules=((text, text, text, text),))
    page = check_offline(render(sheet))
    benign = check_offline(render(replace(sheet, title="a", run="a", recipe="a", tiles=(hostile_tile(1, "a"),))))
    assert [element.tag for element in page.every()] == [element.tag for element in benign.every()]
    check_offline(render_index(text, text, [Entry("kept", "kept.html", 1, 1, (text,))]))


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=[])), st.text(), st.floats(), st.text())
def test_any_text_stays_text(caption: str, url: str, value: float, detail: str) -> None:
    tile = replace(WIDE, captions=(TileCaption(caption),), address=url, value=value, detail=detail)
    text = render(replace(SHEET, tiles=(tile,)))
    check_offline(text)
    text.encode()


def test_two_hundred_hostile_rows_of_noise_stay_below_five_megabytes() -> None:
    assert len(small().jpeg) <= 10_000
    tile = replace(hostile_tile(0, "\u202e" * 10_000), thumbnail=Thumbnail(bytes(10_000), 192, 192))
    text = render(replace(SHEET, tiles=tuple(replace(tile, id=number) for number in range(200))))
    assert len(text.encode()) <= 5_000_000


def test_the_index_leads_to_every_sheet() -> None:
    entries = [
        Entry("kept", "kept.html", 12345, 100),
        Entry("http_gone", "http_gone.html", 7, 7, ("pull",)),
    ]
    page = check_offline(render_index("/runs/a", "mine", entries))
    kept, gone = page.all("tbody")[0].all("tr")
    assert kept.all("a")[0].attributes["href"] == "kept.html"
    assert [cell.text for cell in kept.all("td")] == ["kept", "", "12,345", "100"]
    assert gone.all("td")[0].text.startswith("rejected: the server says there is nothing here")
    assert [cell.text for cell in gone.all("td")][1:] == ["pull", "7", "7"]
