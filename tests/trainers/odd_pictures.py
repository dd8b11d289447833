"""Upright pictures, each with a dark rectangle at a known place, as files that decoders disagree about."""

import io
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from tests.pipelines.pull.pictures import STORED, Pixels, exif, file

DARK = (24, 16, 72)


class OddPicture(NamedTuple):
    """A file, and where its rectangle is in the upright picture: fractions x1 y1 x2 y2."""

    body: bytes
    box: tuple[float, float, float, float]


def odd_pictures() -> dict[str, OddPicture]:
    """By kind. Sizes differ, so that each has a grid of its own; some are above the tests' budget, some below."""
    made = {f"exif_{orientation}": _turned(orientation) for orientation in STORED}
    for number, (kind, make) in enumerate(_MAKERS.items(), start=len(made)):
        upright, box = _upright(number)
        made[kind] = OddPicture(make(upright), box)
    return made


def rectangle(pixels: Pixels) -> tuple[int, int, int, int] | None:
    """Where it is dark in what a processor made: x1 y1 x2 y2 in pixels, ends exclusive; None where it is nowhere."""
    dark = pixels.max(axis=2) < 110
    columns, rows = np.flatnonzero(dark.mean(axis=0) > 0.1), np.flatnonzero(dark.mean(axis=1) > 0.1)
    if not (len(columns) and len(rows)):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _upright(number: int) -> tuple[Pixels, tuple[float, float, float, float]]:
    width, height = 260 + 37 * number, 560 - 17 * number
    corners = np.random.default_rng(number).integers(170, 240, (3, 4, 3), np.uint8)
    pixels = np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8).copy()
    box = (width // 8, height // 5, width // 8 + width // 4, height // 5 + height // 3)
    pixels[box[1] : box[3], box[0] : box[2]] = DARK
    return pixels, (box[0] / width, box[1] / height, box[2] / width, box[3] / height)


def _turned(orientation: int) -> OddPicture:
    upright, box = _upright(orientation - 1)
    stored = np.ascontiguousarray(STORED[orientation](upright))
    return OddPicture(file(stored, "JPEG", quality=95, exif=exif(orientation)), box)


def _transparent(upright: Pixels) -> bytes:
    """Black lies under what is transparent: whoever drops the alpha channel sees it."""
    height, width, _ = upright.shape
    rgba = np.dstack([upright, np.full((height, width), 255, np.uint8)])
    rgba[height * 2 // 3 :] = 0
    return file(Image.fromarray(rgba), "PNG")


def _palette(upright: Pixels) -> bytes:
    """The same with a transparent colour in a palette."""
    indexed = Image.fromarray(upright).quantize(255)
    indices = np.asarray(indexed).copy()
    indices[: indices.shape[0] // 6] = 255
    image = Image.frombytes("P", indexed.size, indices.tobytes())
    image.putpalette([*(indexed.getpalette() or [])[: 255 * 3], 0, 0, 0])
    return file(image, "PNG", transparency=255)


def _deep_colour(upright: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", upright[:, :, ::-1].astype(np.uint16) * 257)[1])


def _deep_grey(upright: Pixels) -> bytes:
    return file(Image.fromarray(cv2.cvtColor(upright, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257), "PNG")


def _moving(upright: Pixels) -> bytes:
    """The second frame is the first one upside down."""
    frames = [Image.fromarray(upright), Image.fromarray(upright[::-1])]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


_MAKERS = {
    "alpha": _transparent,
    "palette": _palette,
    "cmyk": lambda upright: file(Image.fromarray(upright).convert("CMYK"), "JPEG", quality=95),
    "png_16_bit": _deep_colour,
    "png_16_bit_grey": _deep_grey,
    "gif": _moving,
    "jpeg": lambda upright: file(upright, "JPEG", quality=90),
    "jpeg_grey": lambda upright: file(Image.fromarray(upright).convert("L"), "JPEG", quality=90),
    "png": lambda upright: file(upright, "PNG"),
    "webp": lambda upright: file(upright, "WEBP", quality=90),
}
