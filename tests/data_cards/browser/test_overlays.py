"""Boxes and quads lie on the pixels that they speak of: drawn scenes, by screenshot."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page

from data_cards.html.overlays import COLOURS, STYLE, picture
from data_cards.marks import BoxMark, LineMark
from data_cards.page import page
from data_cards.thumbnail import Thumbnail, thumbnail
from tests.support.chromium import Chromium
from tests.support.drawn import drawn

Pixels = npt.NDArray[np.uint8]


def small(pixels: Pixels) -> Thumbnail:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    made = thumbnail(out.getvalue(), 256, 100_000)
    assert made is not None
    return made


def screenshot(chromium: Chromium, path: Path, of: str, width: int) -> Pixels:
    path.write_text(page("a scene", of, STYLE))

    def take(opened: Page) -> bytes:
        return opened.locator(".picture").screenshot()

    return np.asarray(Image.open(io.BytesIO(chromium.visit(path, take, width=width))).convert("RGB"))


def extent(shot: Pixels, colour: str) -> tuple[float, float, float, float]:
    """Where pixels of a colour lie, as shares of the screenshot's sides."""
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    mine = np.abs(shot.astype(int) - wanted).sum(axis=2) < 150  # where a line is half on a pixel, it is paler
    rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
    height, width = mine.shape
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


@pytest.mark.parametrize("width", [1280, 200])
@pytest.mark.parametrize("seed", [1, 2, 6, 8])
def test_boxes_frame_what_was_drawn(chromium: Chromium, tmp_path: Path, seed: int, width: int) -> None:
    scene = drawn(seed)
    height, side = scene.pixels.shape[:2]
    blank = small(np.full_like(scene.pixels, 255))
    for thing in scene.things:
        x1, y1, x2, y2 = thing.box
        share = (x1 / side, y1 / height, x2 / side, y2 / height)
        shot = screenshot(chromium, tmp_path / "page.html", picture(blank, "blank", [BoxMark("a", share)]), width)
        pixel = 1 / shot.shape[1], 1 / shot.shape[0]  # half the line's width, which lies outside
        found = extent(shot, COLOURS[0])
        for at, (mine, truth) in enumerate(zip(found, share, strict=True)):
            assert abs(mine - truth) <= 2.1 * pixel[at % 2], (found, share)


def test_the_picture_under_the_boxes_is_the_picture(chromium: Chromium, tmp_path: Path) -> None:
    scene = drawn(2)
    made = small(scene.pixels)
    shot = screenshot(chromium, tmp_path / "page.html", picture(made, "a", [BoxMark("a", (0, 0, 0.02, 0.02))]), 1280)
    with Image.open(io.BytesIO(made.jpeg)) as opened:
        expected = np.asarray(opened.convert("RGB")).astype(int)
    assert shot.shape == expected.shape
    assert np.abs(shot.astype(int) - expected)[24:, 24:].mean() < 2


def test_a_turned_quad_is_drawn_turned(chromium: Chromium, tmp_path: Path) -> None:
    blank = small(np.full((200, 200, 3), 255, np.uint8))
    quad = (0.5, 0.1, 0.9, 0.5, 0.5, 0.9, 0.1, 0.5)
    shot = screenshot(chromium, tmp_path / "page.html", picture(blank, "a", lines=[LineMark("A", quad)]), 1280)
    assert extent(shot, COLOURS[1]) == pytest.approx((0.1, 0.1, 0.9, 0.9), abs=0.02)
    for x, y in ((140, 60), (140, 140), (60, 140)):  # middles of three of its sides; the badge lies by the fourth
        assert np.abs(shot[y, x].astype(int) - (0x00, 0x57, 0xD9)).sum() < 150
    assert (shot[100, 100] == 255).all()
