"""Small versions of images, for pages that show many."""

import io
import warnings
from dataclasses import dataclass

from PIL import Image

_QUALITIES = (80, 60, 40, 20)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG, width and height in pixels."""

    jpeg: bytes
    width: int
    height: int


def thumbnail(image: bytes, side: int = 192, room: int = 10_000) -> Thumbnail | None:
    """A JPEG of at most `side` pixels a side and, where any quality allows it, `room` bytes; never enlarged.

    None for bytes that do not decode.
    """
    opened = _opened(image, side)
    return None if opened is None else _jpeg(opened, side, room)


def cut_out(
    image: bytes, quad: tuple[float, ...], side: int = 192, room: int = 10_000
) -> tuple[Thumbnail, tuple[float, ...]] | None:
    """The surroundings of `quad`, x1 y1 … in 0–1, as `thumbnail` makes them, and where it lies in them, in 0–1.

    None for bytes that do not decode.
    """
    opened = _opened(image, None)
    if opened is None:
        return None
    xs, ys = ([at * of for at in quad[start::2]] for start, of in ((0, opened.width), (1, opened.height)))
    around = max(24.0, 0.4 * max(max(xs) - min(xs), max(ys) - min(ys)))
    left, top = max(0, int(min(xs) - around)), max(0, int(min(ys) - around))
    right = max(left + 1, min(opened.width, int(max(xs) + around) + 1))
    bottom = max(top + 1, min(opened.height, int(max(ys) + around) + 1))
    inside = [
        share
        for x, y in zip(xs, ys, strict=True)
        for share in ((x - left) / (right - left), (y - top) / (bottom - top))
    ]
    return _jpeg(opened.crop((left, top, right, bottom)), side, room), tuple(inside)


def _opened(image: bytes, side: int | None) -> Image.Image | None:
    """The picture in RGB, decoded no larger than is needed for `side`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # pull's cap let it through
            with Image.open(io.BytesIO(image), formats=("JPEG", "PNG", "WEBP")) as opened:
                if side is not None:
                    opened.thumbnail((side, side), Image.Resampling.LANCZOS)
                return opened.convert("RGB")
    except Exception:  # noqa: BLE001 Pillow raises a dozen classes for damaged files
        return None


def _jpeg(small: Image.Image, side: int, room: int) -> Thumbnail:
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality, optimize=True)
        out = buffer.getvalue()
        if len(out) <= room:
            break
    return Thumbnail(out, *small.size)
