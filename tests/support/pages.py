"""Pages drawn for reading: their lines are known, in the order in which people read them.

English and Chinese, of 12 to 64 pixels: plain, turned by up to 10°, on curved gradients, faint, in two columns, and in
vertical columns. Fonts are those of Debian's packages fonts-dejavu, fonts-liberation, fonts-noto-cjk, fonts-wqy-zenhei
and fonts-wqy-microhei.
"""

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tests.support.page_texts import lines

Kind = Literal["plain", "turned", "curved", "faint", "columns", "vertical"]
KINDS: tuple[Kind, ...] = ("plain", "turned", "curved", "faint", "columns", "vertical")
SIZES = (12, 16, 20, 24, 32, 48, 64)
LANGUAGES = ("en", "zh")
PIXELS = npt.NDArray[np.uint8]

_FOLDER = Path("/usr/share/fonts")
_FONTS = {
    "en": (
        ("truetype/dejavu/DejaVuSans.ttf", 0),
        ("truetype/dejavu/DejaVuSerif.ttf", 0),
        ("truetype/liberation/LiberationSans-Regular.ttf", 0),
        ("truetype/liberation/LiberationSerif-Regular.ttf", 0),
    ),
    # the collections' second or third faces are those for simplified characters
    "zh": (
        ("opentype/noto/NotoSansCJK-Regular.ttc", 2),
        ("opentype/noto/NotoSerifCJK-Regular.ttc", 2),
        ("truetype/wqy/wqy-zenhei.ttc", 0),
        ("truetype/wqy/wqy-microhei.ttc", 0),
    ),
}


@dataclass(frozen=True)
class Page:
    kind: Kind
    language: str
    size: int
    """pixels of the type"""
    seed: int
    pixels: PIXELS
    """height × width × 3"""
    columns: tuple[tuple[str, ...], ...]
    """the lines of each column, in reading order; a vertical page has one line a column and all in one"""

    @property
    def lines(self) -> list[str]:
        """All lines in reading order."""
        return [line for column in self.columns for line in column]


def missing_fonts() -> list[str]:
    """Files of fonts that are not installed."""
    return [name for fonts in _FONTS.values() for name, _ in fonts if not (_FOLDER / name).exists()]


def all_pages(kinds: Sequence[Kind] = KINDS, sizes: Sequence[int] = SIZES) -> list[tuple[Kind, str, int, int]]:
    """Kind, language, size and seed of every page: 336 of them."""
    found = []
    for kind in kinds:
        languages = ("zh",) if kind == "vertical" else LANGUAGES
        seeds = 6 if kind == "plain" else 4
        found += [(kind, language, size, seed) for language in languages for size in sizes for seed in range(seeds)]
    return found


def page(kind: Kind, language: str, size: int, seed: int) -> Page:
    """The page of these; the same pixels every time with the same fonts."""
    rng = random.Random(f"{kind}/{language}/{size}/{seed}")
    font = _font(*rng.choice(_FONTS[language]), size)
    if kind == "vertical":
        columns = (tuple(lines(rng, "zh", rng.randint(3, 5), rng.randint(6, 9))),)
        mask = _vertical(columns[0], font, size)
    else:
        count, width = rng.randint(3, 6), {"en": 30, "zh": 14}[language]
        each = 2 if kind == "columns" else 1
        columns = tuple(tuple(lines(rng, language, count, width // each)) for _ in range(each))
        mask = _level(columns, font, size)
    if kind == "turned":
        mask = mask.rotate(rng.uniform(2, 10) * rng.choice((-1, 1)), Image.Resampling.BICUBIC, expand=True)
    pixels = _coloured(np.asarray(mask, np.float64) / 255, kind, rng)
    return Page(kind, language, size, seed, pixels, columns)


def rotated(drawn: Page, degrees: float) -> PIXELS:
    """The page turned anticlockwise, on paper of its own colour; by 180° it lies on its head."""
    paper = tuple(drawn.pixels[2, 2].tolist())
    turned = Image.fromarray(drawn.pixels).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    return np.asarray(turned)


@functools.cache
def _font(name: str, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_FOLDER / name), size, index=index)


def _level(columns: Sequence[Sequence[str]], font: ImageFont.FreeTypeFont, size: int) -> Image.Image:
    """Columns of level lines side by side, as a mask."""
    margin, leading, gutter = size, round(size * 1.5), round(size * 2.5)
    widths = [max(font.getlength(line) for line in column) for column in columns]
    width = round(sum(widths) + gutter * (len(columns) - 1) + 2 * margin)
    height = leading * max(map(len, columns)) + 2 * margin
    mask = Image.new("L", (width, height))
    draw, left = ImageDraw.Draw(mask), float(margin)
    for column, wide in zip(columns, widths, strict=True):
        for at, line in enumerate(column):
            draw.text((left, margin + leading * at), line, 255, font)
        left += wide + gutter
    return mask


def _vertical(columns: Sequence[str], font: ImageFont.FreeTypeFont, size: int) -> Image.Image:
    """Columns of upright characters, the first on the right, as a mask."""
    margin, apart, step = size, round(size * 1.8), round(size * 1.1)
    height = step * max(map(len, columns)) + 2 * margin
    mask = Image.new("L", (apart * len(columns) + 2 * margin, height))
    draw = ImageDraw.Draw(mask)
    for at, column in enumerate(columns):
        left = mask.width - margin - size - apart * at
        for down, character in enumerate(column):
            # punctuation stands in the upper right of its place in vertical text
            shift = round(size * 0.55) if character in "，。" else 0
            draw.text((left + shift, margin + step * down - shift), character, 255, font)
    return mask


def _coloured(mask: npt.NDArray[np.float64], kind: Kind, rng: random.Random) -> PIXELS:
    """The mask as text on paper, light or dark, plain or curved, faint or not."""
    height, width = mask.shape
    paper = np.array([rng.uniform(215, 255) for _ in range(3)])
    ink = np.array([rng.uniform(0, 70) for _ in range(3)])
    if kind == "faint":
        paper, ink = np.full(3, rng.uniform(150, 200)), np.full(3, rng.uniform(95, 115))
    ground = np.broadcast_to(paper, (height, width, 3))
    if kind == "curved":
        other = np.array([rng.uniform(140, 215) for _ in range(3)])
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        turns, bend = rng.uniform(1, 3), rng.uniform(0.1, 0.4)
        waves = 0.5 + 0.5 * np.sin(2 * np.pi * (turns * x + bend * np.sin(2 * np.pi * turns * y) + rng.random()))
        share = (0.6 * waves + 0.4 * (x + y) / (x + y).max())[..., None]
        ground = paper * (1 - share) + other * share
    if kind == "plain" and rng.random() < 0.3:
        ground, ink = np.broadcast_to(ink, (height, width, 3)), paper
    shown = ground * (1 - mask[..., None]) + ink * mask[..., None]
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 2, shown.shape)
    return (shown + noise).round().clip(0, 255).astype(np.uint8)
