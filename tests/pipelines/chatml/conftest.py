import hashlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from schemas.tables import INPUT, PULLED, READ, TRANSLATED

RowMaker = Callable[..., pa.Table]


def picture(size: tuple[int, int] = (32, 24), format_: str = "JPEG", shade: int = 0) -> bytes:
    """A small real image file: a horizontal ramp, so that every pixel of a row differs."""
    width, height = size
    ramp = bytes((column * 255 // width + shade) % 256 for column in range(width)) * height
    file = io.BytesIO()
    Image.frombytes("L", size, ramp).convert("RGB").save(file, format_)
    return file.getvalue()


def make_rows(captions: Sequence[list[dict[str, Any]] | str | None] = ("a dog",), **columns: Sequence[Any]) -> pa.Table:
    """Rows as packing receives them, one for each of `captions`; a string is one English caption from the web."""
    n = len(captions)
    images = list(columns.get("image", [picture(shade=row) for row in range(n)]))
    values: dict[str, Sequence[Any]] = {
        "id": range(n),
        "url": [f"http://example.org/{row}.jpg" for row in range(n)],
        "captions": [
            [{"text": caption, "lang": "en", "role": "web"}] if isinstance(caption, str) else caption
            for caption in captions
        ],
        "license": [None] * n,
        "source_file": ["pairs.parquet"] * n,
        "source_row": range(n),
        "image": images,
        "image_bytes": [len(image) for image in images],
        "format": ["jpeg"] * n,
        "width": [32] * n,
        "height": [24] * n,
        "image_sha256": [hashlib.sha256(image).digest() for image in images],
        "sha256": [hashlib.sha256(image).digest() for image in images],
        "phash": range(n),
        "canonical": [""] * n,
        **columns,
    }
    types = {field.name: field.type for schema in (INPUT, PULLED, READ, TRANSLATED) for field in schema}
    return pa.table({name: pa.array(list(column), types[name]) for name, column in values.items()})


@pytest.fixture(scope="session")
def rows() -> RowMaker:
    return make_rows


@pytest.fixture(scope="session")
def image_file() -> Callable[..., bytes]:
    return picture
