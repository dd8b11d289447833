"""Fuzzed rows on every kind of page: nothing is run, nothing is loaded, and no policy is even tried."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from data_cards.html import card, review, row
from data_cards.html.story import Judged, Sample, Story, Translated
from data_cards.marks import BoxMark, LineMark
from data_cards.page import shown
from data_cards.reviews import Asked
from data_cards.sheet import Samples, Sheet, Tile, TileCaption, render
from tests.support.cards import hostile, small
from tests.support.chromium import Chromium
from tests.support.hostile import HOSTILE, fuzzed
from tests.support.html import check_offline

ROWS = 500
SMALL = small(1)


def marks(text: str) -> dict[str, Any]:
    return {
        "boxes": (BoxMark(text, (0.1, 0.1, 0.5, 0.5), 0.5),),
        "lines": (LineMark(text, (0.5, 0.5, 0.9, 0.5, 0.9, 0.6, 0.5, 0.6), 0.5, text),),
    }


def tile(number: int) -> Tile:
    text = fuzzed(number)
    return Tile(
        *(number, ("kept", "rejected", "failed", text)[number % 4], text, text, 1.5, text, ((text, text),)),
        captions=(TileCaption(text, text, text, text),),
        host=text,
        address=text,
        thumbnail=SMALL if number % 5 else None,
        size=(9, 9),
        **marks(text),
    )


def story(text: str) -> Story:
    turns = ((text, text),)
    return Story(
        *(1, text, text, text, {text: text}),
        steps=(Judged(text, text, text, text, 1.5, text, ((text, text, text),), {text: text, "list": [text]}),),
        captions=(TileCaption(text, text, text, text),),
        ungrounded=turns,
        translations=(Translated(text, text, text, text, text, (text,), 1.5, text),),
        turns=turns,
        untold=turns,
        samples=(Sample(text, text, text, text, turns, 1, 1),),
        earlier=((0, Judged(text, text, text)),),
        **marks(text),
    )


def alive(page: Page) -> str:
    """Wait as long as a script that slipped through would need, and say what the page is called."""
    page.wait_for_timeout(100)
    return page.locator("h1").inner_text()


def test_fuzzed_rows_on_a_sheet(chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    tiles = tuple(tile(number) for number in range(ROWS))
    path.write_text(render(Sheet("fuzzed", fuzzed(1), fuzzed(2), tiles, ROWS, 0, rules=((fuzzed(3),) * 4,))))
    check_offline(path.read_text())

    def captions(page: Page) -> list[str]:
        alive(page)
        return page.locator("tbody bdi[dir=auto]").all_text_contents()

    said = chromium.visit(path, captions, axe=False)
    assert len(said) >= ROWS


def test_fuzzed_rows_in_a_review(chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "review.html"
    items = tuple(
        review.Item(
            f"{number:012d}-0", "Is it right?", ((fuzzed(number), fuzzed(number)),), SMALL, **marks(fuzzed(number))
        )
        for number in range(ROWS)
    )
    asked = Asked("key", "</script><script>alert(1)</script>\u2028", "print", ROWS, 0)
    path.write_text(review.render(asked, fuzzed(1), ROWS, items))
    check_offline(path.read_text(), script=True)

    def mark(page: Page) -> str:
        page.keyboard.press("y")
        alive(page)
        return page.locator("#state").inner_text()

    assert chromium.visit(path, mark, axe=False) == f"1 of {ROWS} marked"


def test_fuzzed_rows_in_a_card(chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "card.html"
    facts, _ = hostile(fuzzed(7))
    tiles = tuple(tile(number) for number in range(ROWS))
    path.write_text(card.render(facts, Samples(tiles[: ROWS // 2], tiles[ROWS // 2 :], 0)))
    check_offline(path.read_text())
    chromium.visit(path, alive, axe=False)


@pytest.mark.parametrize("text", [*HOSTILE, *map(fuzzed, range(20))], ids=range(len(HOSTILE) + 20))
def test_the_story_of_a_hostile_row(text: str, chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "row.html"
    path.write_text(row.render(story(text), SMALL))
    page = check_offline(path.read_text())
    assert [one.tag for one in page.every()] == [
        one.tag for one in check_offline(row.render(story("a"), SMALL)).every()
    ]
    assert chromium.visit(path, alive, width=390, axe=False).startswith("Row 000000000001: ")
    assert len(path.read_text()) < 1_000_000
    assert shown(text, 20)[:10] in path.read_text()
