"""card.html in a real browser: no fault, on a phone, in the dark, on paper, and with the keyboard alone."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from data_cards.html.card import render
from data_cards.html.overlays import COLOURS
from tests.support.cards import FACTS, SAMPLES, hostile
from tests.support.chromium import Chromium
from tests.support.drawn import drawn
from tests.support.hostile import HOSTILE

HOW: tuple[dict[str, Any], ...] = ({}, {"dark": True}, {"width": 390}, {"width": 390, "dark": True})


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.html"
    path.write_text(render(FACTS, SAMPLES))
    return path


@pytest.mark.parametrize("how", HOW, ids=str)
def test_the_card_has_no_fault(card: Path, chromium: Chromium, how: dict[str, Any]) -> None:
    def background(page: Page) -> str:
        for summary in page.locator("summary").all():
            summary.click()
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert chromium.visit(card, background, **how) == ("rgb(18, 18, 18)" if how.get("dark") else "rgb(255, 255, 255)")


@pytest.mark.parametrize("width", [390, 1280])
def test_boxes_of_the_samples_frame_what_was_drawn(tmp_path: Path, chromium: Chromium, width: int) -> None:
    card = tmp_path / "card.html"
    card.write_text(render(FACTS, replace(SAMPLES, kept=tuple(replace(tile, lines=()) for tile in SAMPLES.kept))))

    def shots(page: Page) -> list[bytes]:
        return [picture.screenshot() for picture in page.locator("#samples .picture").all()]

    for seed, shot in zip((1, 2, 6), chromium.visit(card, shots, width=width), strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
        height, side = drawn(seed).pixels.shape[:2]
        names = list(dict.fromkeys((thing.colour, thing.shape) for thing in drawn(seed).things))
        for thing in drawn(seed).things:
            name = names.index((thing.colour, thing.shape)) % len(COLOURS)
            colour = np.array([int(COLOURS[name][at : at + 2], 16) for at in (1, 3, 5)])
            x1, y1, x2, y2 = (
                at * of / total
                for at, of, total in zip(
                    thing.box, (pixels.shape[1], pixels.shape[0]) * 2, (side, height) * 2, strict=True
                )
            )
            middle_x, middle_y = round((x1 + x2) / 2), round((y1 + y2) / 2)
            for x, y in ((middle_x, round(y1)), (middle_x, round(y2)), (round(x1), middle_y), (round(x2), middle_y)):
                near = pixels[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
                assert np.abs(near - colour).sum(axis=1).min() < 150, (seed, thing, x, y)


def test_every_link_leads_to_its_section(card: Path, chromium: Chromium) -> None:
    def follow(page: Page) -> int:
        links = page.locator("nav a").all()
        for link in links:
            link.focus()
            page.keyboard.press("Enter")
            target = page.locator(link.get_attribute("href") or "").bounding_box()
            assert target is not None
            assert target["y"] < 844
        return len(links)

    assert chromium.visit(card, follow) == 12


def test_the_keyboard_reaches_every_link_table_and_number(card: Path, chromium: Chromium) -> None:
    def walk(page: Page) -> tuple[int, set[str]]:
        reached, tags = 0, set()
        for _ in range(200):
            page.keyboard.press("Tab")
            tag = page.evaluate("document.activeElement.tagName")
            if tag == "BODY":
                break
            reached, tags = reached + 1, tags | {tag}
        wanted = page.locator("a, summary, [tabindex='0']")
        assert reached == sum(one.is_visible() for one in wanted.all())
        return reached, tags

    _, tags = chromium.visit(card, walk, width=390)
    assert tags == {"A", "SUMMARY", "DIV"}


def test_it_prints(card: Path, chromium: Chromium) -> None:
    def printed(page: Page) -> tuple[bytes, bool]:
        page.emulate_media(media="print")
        hidden = not page.locator("nav").is_visible()
        return page.pdf(format="A4"), hidden

    pdf, hidden = chromium.visit(card, printed)
    assert pdf.startswith(b"%PDF-")
    assert 1 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 12
    assert hidden


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_cards_run_nothing_and_load_nothing(tmp_path: Path, chromium: Chromium, text: str) -> None:
    path = tmp_path / "card.html"
    path.write_text(render(*hostile(text)))

    def heading(page: Page) -> str:
        page.wait_for_timeout(50)
        return page.locator("h1").inner_text()

    said = chromium.visit(path, heading, width=390)
    assert said[:4] == text.replace("\u202e", "⟨U+202E⟩").replace("\n", "⏎ ").replace("\x00", "⟨U+0000⟩")[:4]
