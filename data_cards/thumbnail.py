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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # pull's cap let it through
            with Image.open(io.BytesIO(image), formats=("JPEG", "PNG", "WEBP")) as opened:
                opened.thumbnail((side, side), Image.Resampling.LANCZOS)
                small = opened.convert("RGB")
    except Exception:  # noqa: BLE001 Pillow raises a dozen classes for damaged files
        return None
    out = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality, optimize=True)
        out = buffer.getvalue()
        if len(out) <= room:
            break
    return Thumbnail(out, *small.size)
