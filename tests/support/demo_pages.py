"""Draws the demo's pages anew: ``python -m tests.support.demo_pages``, with fonts from Debian's packages.

fonts-noto-cjk and fonts-liberation, both under the SIL Open Font License.
"""

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

from jobs.demo.pages import PAGES, Page

_NOTO = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
_NOTO_SERIF = "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc"
_LIBERATION = "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf"
_SIMPLIFIED = 2
"""Which of a Noto CJK collection's fonts has the forms of mainland China."""


def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=_SIMPLIFIED if path.endswith(".ttc") else 0)


def _rows(
    page: Page,
    size: tuple[int, int],
    at: tuple[int, int],
    step: int,
    font: ImageFont.FreeTypeFont,
    ink: str,
    paper: str,
) -> Image.Image:
    image = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(page.lines):
        pen.text((at[0], at[1] + number * step), line, ink, font)
    return image


def _bakery(page: Page) -> Image.Image:
    return _rows(page, (480, 240), (40, 40), 60, _font(_LIBERATION, 36), "#5a3210", "#fbeed5")


def _library(page: Page) -> Image.Image:
    image = Image.new("RGB", (560, 300), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(page.lines):
        pen.text((30 + 280 * (number // 4), 50 + 50 * (number % 4)), line, "black", _font(_LIBERATION, 30))
    return image


def _concert(page: Page) -> Image.Image:
    upright = _rows(page, (520, 340), (70, 50), 64, _font(_LIBERATION, 40), "#10204a", "#dfe8f5")
    return upright.rotate(3, Image.Resampling.BICUBIC, fillcolor="#dfe8f5")


def _tea(page: Page) -> Image.Image:
    return _rows(page, (480, 300), (50, 40), 80, _font(_NOTO, 44), "#f2f2e6", "#24402f")


def _notice(page: Page) -> Image.Image:
    return _rows(page, (520, 280), (50, 40), 70, _font(_NOTO, 38), "#1a1a1a", "#f4f4f4")


def _poem(page: Page) -> Image.Image:
    image = Image.new("RGB", (360, 360), "#f6efdc")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(page.lines):
        for place, character in enumerate(line):
            pen.text((280 - 76 * number, 40 + 56 * place), character, "#201810", _font(_NOTO_SERIF, 48))
    return image


_DRAWN: dict[str, Callable[[Page], Image.Image]] = {
    "bakery": _bakery,
    "library": _library,
    "concert": _concert,
    "tea": _tea,
    "notice": _notice,
    "poem": _poem,
}


def draw() -> None:
    """Draw all pages where the demo finds them."""
    for page in PAGES:
        _DRAWN[page.name](page).quantize(16).convert("RGB").save(page.file, optimize=True)


if __name__ == "__main__":
    draw()
