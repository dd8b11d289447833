"""Pages with a few lines of text at known places."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LATIN = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
CHINESE = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"


@dataclass(frozen=True)
class Written:
    text: str
    box: tuple[float, float, float, float]
    """x1 y1 x2 y2 of the ink, in pixels"""


PAGE = (
    ("Fresh coffee every day", 20, 14, 28),
    ("欢迎光临本店", 300, 56, 32),
    ("The quick brown fox jumps over a lazy dog", 20, 116, 24),
    ("营业时间上午九点至晚上十点", 20, 160, 28),
    ("Total 1234.50", 380, 210, 32),
    ("small print at the bottom of a page", 20, 262, 18),
)


def write(lines: tuple[tuple[str, int, int, int], ...] = PAGE, size: tuple[int, int] = (640, 300)) -> Image.Image:
    """Black on a light ground; a line is text, left, top and size in pixels."""
    return draw(lines, size)[0]


def draw(
    lines: tuple[tuple[str, int, int, int], ...] = PAGE, size: tuple[int, int] = (640, 300)
) -> tuple[Image.Image, list[Written]]:
    """The page and what stands where."""
    page = Image.new("RGB", size, (246, 244, 238))
    brush = ImageDraw.Draw(page)
    written = []
    for text, left, top, pixels in lines:
        font = ImageFont.truetype(LATIN if text.isascii() else CHINESE, pixels)
        brush.text((left, top), text, font=font, fill=(20, 20, 30))
        written.append(Written(text, brush.textbbox((left, top), text, font=font)))
    return page, written


def column(text: str, left: int, top: int, pixels: int, size: tuple[int, int]) -> Image.Image:
    """Characters below each other."""
    page = Image.new("RGB", size, (246, 244, 238))
    font = ImageFont.truetype(CHINESE, pixels)
    for number, character in enumerate(text):
        ImageDraw.Draw(page).text((left, top + number * pixels * 1.1), character, font=font, fill=(20, 20, 30))
    return page


def corners(box: tuple[float, float, float, float]) -> np.ndarray:
    """Clockwise from the top left, 4 × 2."""
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
