"""Contact sheets in a real browser."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page

from data_cards.sheet import Entry, Sheet, Tile, TileCaption, render, render_index
from data_cards.thumbnail import thumbnail
from tests.support.chromium import Chromium
from tests.support.hostile import HOSTILE

HOW: tuple[dict[str, Any], ...] = ({}, {"dark": True}, {"width": 390})


def drawn(colour: str) -> Any:
    out = io.BytesIO()
    Image.new("RGB", (120, 90), colour).save(out, "PNG")
    return thumbnail(out.getvalue())


def tile(number: int, text: str) -> Tile:
    captions = (TileCaption(text, "en", text, text),)
    return Tile(
        *(number, "rejected", text, text, 1.5, text, ((text, text),), captions, text, text),
        *(drawn("#00863d"), (120, 90)),
    )


@pytest.mark.parametrize("how", HOW, ids=str)
def test_sheets_have_no_fault(chromium: Chromium, tmp_path: Path, how: dict[str, Any]) -> None:
    tiles = (tile(1, "aspect_ratio"), replace(tile(2, "http_gone"), thumbnail=None, captions=()))
    path = tmp_path / "sheet.html"
    path.write_text(render(Sheet("Left for aspect_ratio", "run", "demo", tiles, 2, 0, ("aspect_ratio",))))
    shown = chromium.visit(path, lambda page: page.locator("img").bounding_box(), **how)
    assert (shown["width"], shown["height"]) == (120, 90)
    path.write_text(render_index("run", "demo", [Entry("aspect_ratio", "sheet.html", 2, 2, ("aspect_ratio",))]))
    chromium.visit(path, lambda page: None, **how)


def test_hostile_sheets_run_nothing_and_load_nothing(chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    tiles = tuple(tile(number, text) for number, text in enumerate(HOSTILE))
    path.write_text(render(Sheet(HOSTILE[0], HOSTILE[4], HOSTILE[5], tiles, 99, 0)))

    def said(page: Page) -> list[str]:
        return page.locator("tbody bdi[dir=auto]").all_inner_texts()

    captions = chromium.visit(path, said)
    assert captions[:4] == [*HOSTILE[:4]]
    assert captions[5] == "⟨U+202E⟩gpj.exe"
