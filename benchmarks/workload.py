"""A deterministic set of web images: many kinds of good ones, and what the web answers instead of an image.

The images are textures with roughly the spectrum of photographs, shapes over them and sensor-like noise, so that
file sizes (20–150 kB, log-uniform) and decoding times are those of web photographs. Each item is a function of
(seed, index) alone: the number of processes and of items changes nothing about an item.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SHARES = {
    "jpeg": 0.79,
    "jpeg_progressive": 0.08,
    "jpeg_grey": 0.02,
    "jpeg_rotated": 0.02,  # EXIF orientation 3, 6 or 8
    "jpeg_cmyk": 0.005,
    "missing": 0.03,  # 404
    "html": 0.01,
    "truncated": 0.01,  # a JPEG cut at 20–90 %
    "empty": 0.005,
    "panorama": 0.01,  # 13:1 and beyond, upright too
    "png": 0.006,
    "webp": 0.007,
    "gif": 0.004,  # four frames
    "png_16_bit": 0.001,
    "png_transparent": 0.002,
}
NOT_IMAGES = frozenset({"missing", "html", "truncated", "empty"})
"""Kinds that no engine should keep."""
AMBIGUOUS = frozenset({"jpeg_rotated", "jpeg_cmyk", "gif", "png_16_bit", "png_transparent"})
"""Kinds whose pixels decoders read differently; any other image should keep its bytes."""

_TEXTURES = 24
_TEXTURE_SIDE = 1400
_OCTAVES = ((4, 90), (12, 45), (40, 25), (120, 12), (400, 6))  # grid cells a side, amplitude

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Item:
    """The truth about one URL. `width` and `height` are as encoded, before EXIF rotation."""

    index: int
    path: str
    kind: str
    width: int
    height: int
    n_bytes: int | None
    sha256: str | None
    caption: str
    orientation: int = 1

    @property
    def ok(self) -> bool:
        """Whether the URL serves an image that decodes."""
        return self.kind not in NOT_IMAGES


def generate(folder: Path, n: int, seed: int = 7, processes: int = 2) -> list[Item]:
    """Write `n` items below ``folder/www`` and their truth to ``folder/manifest.jsonl``; existing ones are reused."""
    manifest = folder / "manifest.jsonl"
    wanted = {"n": n, "seed": seed, "code": hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}
    stamp = folder / "workload.json"
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return read_manifest(folder)
    stamp.unlink(missing_ok=True)
    (folder / "www").mkdir(parents=True, exist_ok=True)
    with Pool(processes) as pool:
        items = pool.map(partial(_write_item, folder / "www", seed), range(n), chunksize=50)
    manifest.write_text("".join(json.dumps(asdict(item)) + "\n" for item in items))
    stamp.write_text(json.dumps(wanted))
    return items


def read_manifest(folder: Path) -> list[Item]:
    """The truth, in index order."""
    return [Item(**json.loads(line)) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def _write_item(www: Path, seed: int, index: int) -> Item:
    draw = np.random.default_rng([seed, index])
    kind = str(draw.choice(list(SHARES), p=list(SHARES.values())))
    width, height = _panorama_size(draw) if kind == "panorama" else _photo_size(draw)
    orientation = int(draw.choice([3, 6, 8])) if kind == "jpeg_rotated" else 1
    body = _body(draw, seed, index, kind, width, height, orientation)
    path = f"{index // 1000:03d}/{index:06d}.jpg"
    if body is not None:
        file = www / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body)
    return Item(
        index=index,
        path=path,
        kind=kind,
        width=width,
        height=height,
        n_bytes=None if body is None else len(body),
        sha256=None if body is None else hashlib.sha256(body).hexdigest(),
        caption=f"caption {index}: a {kind} picture of {width} by {height} pixels",
        orientation=orientation,
    )


def _photo_size(draw: np.random.Generator) -> tuple[int, int]:
    longer = int(np.exp(draw.uniform(np.log(300), np.log(1200))))
    ratio = float(draw.choice([1, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3]))
    width, height = (longer, int(longer / ratio)) if ratio >= 1 else (int(longer * ratio), longer)
    return max(200, width), max(200, height)


def _panorama_size(draw: np.random.Generator) -> tuple[int, int]:
    longer, shorter = int(draw.integers(1200, 3000)), int(draw.integers(20, 90))
    return (longer, shorter) if draw.random() < 0.5 else (shorter, longer)


def _body(
    draw: np.random.Generator, seed: int, index: int, kind: str, width: int, height: int, orientation: int
) -> bytes | None:
    if kind == "missing":
        return None
    if kind == "empty":
        return b""
    if kind == "html":
        return f"<!doctype html><h1>Not an image {index}</h1>".encode() + b"<p>lorem ipsum</p>" * 200
    image = _picture(draw, seed, width, height)
    if kind.startswith("png"):
        return _png(image, kind)
    if kind == "webp":
        return _encoded([image], "WEBP", quality=80, method=1)
    if kind == "gif":
        small = image.resize((width // 2, height // 2))
        return _encoded([small.rotate(9 * turn).quantize(64) for turn in range(4)], "GIF", duration=50)
    return _jpeg(draw, image, kind, orientation)


def _png(image: Image.Image, kind: str) -> bytes:
    if kind == "png_16_bit":
        return _encoded([Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)], "PNG")
    if kind == "png_transparent":
        image.putalpha(Image.new("L", image.size, 128))
    return _encoded([image], "PNG", compress_level=1)


def _jpeg(draw: np.random.Generator, image: Image.Image, kind: str, orientation: int) -> bytes:
    if kind != "panorama":
        image = _with_noise(draw, image)
    if kind == "jpeg_grey":
        image = image.convert("L")
    if kind == "jpeg_cmyk":
        image = image.convert("CMYK")
    options: dict[str, object] = {"quality": int(draw.integers(70, 93)), "progressive": kind == "jpeg_progressive"}
    if image.mode == "RGB" and draw.random() < 0.1:
        options["subsampling"] = 0
    if orientation != 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    body = _encoded([image], "JPEG", **options)
    return body[: int(len(body) * draw.uniform(0.2, 0.9))] if kind == "truncated" else body


def _encoded(frames: list[Image.Image], image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:]}
    frames[0].save(file, image_format, **options)
    return file.getvalue()


def _with_noise(draw: np.random.Generator, image: Image.Image) -> Image.Image:
    """Grey sensor noise, as much as brings the file near a size drawn from 20–150 kB at a sane quality."""
    target_bytes = np.exp(draw.uniform(np.log(20e3), np.log(150e3)))
    bits_per_pixel = target_bytes * 8 / (image.width * image.height)
    reach = int(2 * min(14.0, max(0.5, bits_per_pixel * 3))) + 1
    noise = draw.integers(-reach, reach + 1, (image.height, image.width, 1), dtype=np.int16)
    return Image.fromarray((np.asarray(image).astype(np.int16) + noise).clip(0, 255).astype(np.uint8))


def _picture(draw: np.random.Generator, seed: int, width: int, height: int) -> Image.Image:
    """Two textures blended, a few coloured shapes over them."""
    crop_width, crop_height = min(width, _TEXTURE_SIDE), min(height, _TEXTURE_SIDE)
    weight = int(draw.integers(64, 192))
    first, second = (_crop(draw, seed, crop_width, crop_height) for _ in range(2))
    blend = (first.astype(np.uint16) * weight + second.astype(np.uint16) * (256 - weight)) >> 8
    image = Image.fromarray(blend.astype(np.uint8)).resize((width, height))
    canvas = ImageDraw.Draw(image)
    for x, y, side, red, green, blue, round_ in _shapes(draw, width, height):
        shape = canvas.ellipse if round_ else canvas.rectangle
        shape((x, y, x + side, y + side // 2 + 1), fill=(red, green, blue))
    return image


def _crop(draw: np.random.Generator, seed: int, width: int, height: int) -> Pixels:
    texture = _texture(seed, int(draw.integers(_TEXTURES)))
    top, left = (int(draw.integers(0, _TEXTURE_SIDE - side + 1)) for side in (height, width))
    window = texture[top : top + height, left : left + width]
    return window[:, ::-1] if draw.random() < 0.5 else window


def _shapes(draw: np.random.Generator, width: int, height: int) -> Iterator[list[int]]:
    largest = max(9, min(width, height) // 2)
    high = [width, height, largest, 256, 256, 256, 2]
    for _ in range(int(draw.integers(3, 14))):
        yield draw.integers([0, 0, 8, 0, 0, 0, 0], high).tolist()


@lru_cache(maxsize=_TEXTURES)
def _texture(seed: int, index: int) -> Pixels:
    """Colour noise summed over octaves, 1/f-like as photographs are."""
    draw = np.random.default_rng([seed, 999, index])  # a stream that no item has: theirs are two numbers long
    total = np.zeros((_TEXTURE_SIDE, _TEXTURE_SIDE, 3), np.float32)
    for cells, amplitude in _OCTAVES:
        grid = (draw.random((cells, cells, 3), np.float32) - 0.5) * 2 * amplitude
        for channel in range(3):
            plane = Image.fromarray(np.ascontiguousarray(grid[..., channel]))
            total[..., channel] += np.asarray(plane.resize((_TEXTURE_SIDE, _TEXTURE_SIDE), Image.Resampling.BICUBIC))
    pixels: Pixels = (total + draw.integers(90, 165)).clip(0, 255).astype(np.uint8)
    return pixels
