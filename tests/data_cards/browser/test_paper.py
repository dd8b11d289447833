"""Every page on paper: nothing is cut off at the right, and what is only for screens is gone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from data_cards.html import card, review, row
from data_cards.html.story import Judged, Story
from data_cards.reviews import Asked
from data_cards.sheet import Entry, Sheet, render, render_index
from tests.support.cards import FACTS, SAMPLES, scene, small
from tests.support.chromium import Chromium

_STORY = Story(
    *(1, "/runs/demo", "demo", "kept", {"url": "https://example.org/a.png"}),
    steps=(Judged("filter", "aspect_ratio", "kept", thresholds=(("max_ratio", "6.0", "default"),)),),
    captions=scene(1).captions,
    boxes=scene(1).boxes,
)
_ITEMS = tuple(
    review.Item(f"{at}-0", "Is it right?", (("phrase", "a dog"),), small(1), scene(1).boxes) for at in (1, 2)
)
PAGES = {
    "card": card.render(FACTS, SAMPLES),
    "sheet": render(Sheet("Kept", "run", "demo", SAMPLES.kept, 3, 0)),
    "row": row.render(_STORY, small(1)),
    "review": review.render(Asked("key", "ground", "print", 2, 0), "demo", 2, _ITEMS),
}


@pytest.mark.parametrize("name", PAGES)
def test_it_prints_whole(name: str, chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES[name])

    def printed(page: Page) -> tuple[bytes, int]:
        page.emulate_media(media="print")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return page.pdf(format="A4"), beyond

    pdf, beyond = chromium.visit(path, printed, width=794)  # A4 in CSS pixels
    assert beyond == 0
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) <= 8


def test_the_keyboard_leads_from_the_index_to_a_sheet(chromium: Chromium, tmp_path: Path) -> None:
    (tmp_path / "kept.html").write_text(PAGES["sheet"])
    path = tmp_path / "index.html"
    path.write_text(render_index("run", "demo", [Entry("kept", "kept.html", 3, 3)]))

    def follow(page: Page) -> str:
        page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        return page.locator("h1").inner_text()

    title, faults = chromium.look(path, follow)
    assert title == "Kept"
    assert faults.requests == [(tmp_path / "kept.html").as_uri()]
    assert (faults.console, faults.violations) == ([], [])
