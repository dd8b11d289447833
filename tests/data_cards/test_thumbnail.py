import io

import numpy as np
import pytest
from PIL import Image

from data_cards.thumbnail import thumbnail


def encoded(width: int, height: int, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    noise = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(1200, 200, (192, 32)), (200, 1200, (32, 192)), (640, 640, (192, 192)), (40, 30, (40, 30)), (3000, 2, (192, 1))],
)
@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("PNG", "RGB"), ("WEBP", "RGB")])
def test_thumbnails_keep_the_shape(width: int, height: int, expected: tuple[int, int], kind: str, mode: str) -> None:
    small = thumbnail(encoded(width, height, kind, mode))
    assert small is not None
    assert (small.width, small.height) == expected
    with Image.open(io.BytesIO(small.jpeg)) as opened:
        opened.load()
        assert (opened.format, opened.mode, opened.size) == ("JPEG", "RGB", expected)


def test_even_noise_is_small() -> None:
    small = thumbnail(encoded(192, 192, "PNG"))
    assert small is not None
    assert len(small.jpeg) <= 10_000


@pytest.mark.parametrize("damaged", [b"", b"no image", encoded(64, 64)[:200], b"GIF89a" + bytes(50)])
def test_what_does_not_decode_has_no_thumbnail(damaged: bytes) -> None:
    assert thumbnail(damaged) is None
