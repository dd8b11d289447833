"""Damaged image files without end, each made from a number alone, and what must be true of the judgement on any."""

import io
import random
import re
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps

from pipelines.pull.canonical import Canonical, canonicalise, identify
from pipelines.stage import Verdict
from tests.pipelines.pull.pictures import Pixels, deep_tiff, exif, file, profile_of_white_ink, scene

MAX_PIXELS = 1_000_000
REASONS = frozenset({"not_an_image", "unsupported_format", "truncated_image", "too_many_pixels"})

_GREY = np.asarray(Image.fromarray(scene()).convert("L"))
_INKS = Image.fromarray(np.dstack([scene(), _GREY]), "CMYK")
_ALPHA = np.dstack([scene(), _GREY])
_FRAMES = [Image.fromarray(scene(seed=seed)) for seed in range(4)]
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def interlaced_png(pixels: Pixels) -> bytes:
    """An RGB PNG in the seven passes of Adam7, which Pillow cannot write."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = (row for x, y, dx, dy in passes for row in pixels[y::dy, x::dx])
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    height, width, _ = pixels.shape
    chunks = ((b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 1)), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _deep_png(pixels: Pixels) -> bytes:
    return cv2.imencode(".png", pixels.astype(np.uint16) * 257)[1].tobytes()


def _animated(kind: str) -> bytes:
    return file(_FRAMES[0], kind, save_all=True, append_images=_FRAMES[1:], duration=40)


_PALETTE = Image.fromarray(scene()).quantize(16)
CORPUS: dict[str, bytes] = {
    "jpeg": file(scene(), "JPEG"),
    "jpeg, progressive": file(scene(), "JPEG", progressive=True),
    "jpeg, restart markers": file(scene(), "JPEG", restart_marker_blocks=2),
    "jpeg, grey": file(_GREY, "JPEG"),
    "jpeg, EXIF": file(scene(), "JPEG", exif=exif(6)),
    "jpeg, XMP and profile": file(scene(), "JPEG", xmp=_XMP, icc_profile=_SRGB),
    "jpeg, CMYK": file(_INKS, "JPEG"),
    "jpeg, CMYK with profile": file(_INKS, "JPEG", icc_profile=profile_of_white_ink()),
    "jpeg, RGB inside": file(scene(), "JPEG", keep_rgb=True),
    "png": file(scene(), "PNG"),
    "png, interlaced": interlaced_png(scene()),
    "png, eXIf": file(scene(), "PNG", exif=exif(6)),
    "png, profile": file(scene(), "PNG", icc_profile=_SRGB),
    "png, alpha": file(_ALPHA, "PNG"),
    "png, palette": file(_PALETTE, "PNG", transparency=3),
    "png, 1 bit": file(Image.fromarray(_GREY).convert("1"), "PNG"),
    "png, 16 bits grey": file(Image.fromarray(_GREY.astype(np.uint16) * 257), "PNG"),
    "png, 16 bits": _deep_png(scene()),
    "png, 16 bits and alpha": _deep_png(_ALPHA),
    "png, animated": _animated("PNG"),
    "gif": file(_PALETTE, "GIF"),
    "gif, animated": _animated("GIF"),
    "webp": file(scene(), "WEBP"),
    "webp, lossless": file(scene(), "WEBP", lossless=True),
    "webp, alpha": file(_ALPHA, "WEBP"),
    "webp, EXIF": file(scene(), "WEBP", exif=exif(6)),
    "webp, animated": _animated("WEBP"),
    "bmp": file(scene(), "BMP"),
    "bmp, palette": file(_PALETTE, "BMP"),
    "tiff": file(scene(), "TIFF"),
    "tiff, LZW": file(scene(), "TIFF", compression="tiff_lzw"),
    "tiff, deflated": file(scene(), "TIFF", compression="tiff_deflate"),
    "tiff, JPEG": file(scene(), "TIFF", compression="jpeg"),
    "tiff, fax": file(Image.fromarray(_GREY).convert("1"), "TIFF", compression="group4"),
    "tiff, pages": file(_FRAMES[0], "TIFF", save_all=True, append_images=_FRAMES[1:]),
    "tiff, turned": file(scene(), "TIFF", tiffinfo={0x0112: 6}),
    "tiff, CMYK": file(_INKS, "TIFF"),
    "tiff, 16 bits": deep_tiff(scene().astype(np.uint16) * 257, 1),
    "tiff, big": file(scene(), "TIFF", big_tiff=True),
    "avif": file(scene(), "AVIF", speed=10),
    "avif, alpha": file(_ALPHA, "AVIF", speed=10),
    "avif, animated": _animated("AVIF"),
}
_NAMES = sorted(CORPUS)
_LIES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 1023, 1024, 0x7FFF, 0x8000, 65_500, 0xFFFF, 1 << 16, 1 << 24)
_LIES += (0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_HEADER = 400


def mutant(seed: int) -> tuple[str, bytes]:
    """The damaged file of this number, and what it was."""
    chance = random.Random(seed)
    name = chance.choice(_NAMES)
    body = bytearray(CORPUS[name])
    for _ in range(chance.randint(1, 4)):
        chance.choice(_DAMAGES)(body, chance)
    if name.startswith("png") and chance.random() < 0.8:  # or the checksums would keep everything from the decoders
        _mend_checksums(body)
    return name, bytes(body)


def _flip(body: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        if body:
            body[_place(body, chance)] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))


def _lie(body: bytearray, chance: random.Random) -> None:
    """Another number where a length, a size, an offset or a count may stand."""
    width = chance.choice((2, 4, 4, 8))
    at = _place(body, chance)
    number = chance.choice((*_LIES, len(body), chance.getrandbits(32))) & (1 << 8 * width) - 1
    body[at : at + width] = number.to_bytes(width, chance.choice(("big", "little")))


def _cut(body: bytearray, chance: random.Random) -> None:
    del body[_place(body, chance) :]


def _drop(body: bytearray, chance: random.Random) -> None:
    at = _place(body, chance)
    del body[at : at + chance.randint(1, 64)]


def _repeat(body: bytearray, chance: random.Random) -> None:
    at, to = _place(body, chance), _place(body, chance)
    body[to:to] = body[at : at + chance.randint(1, 400)] * chance.choice((1, 1, 2, 50))


def _insert(body: bytearray, chance: random.Random) -> None:
    at = _place(body, chance)
    body[at:at] = chance.choice((bytes, chance.randbytes))(chance.randint(1, 64))


def _splice(body: bytearray, chance: random.Random) -> None:
    """The end of another file, as likely as not of the same format."""
    kind = bytes(body[:4])
    alike = [name for name in _NAMES if CORPUS[name].startswith(kind)]
    other = CORPUS[chance.choice(alike if alike and chance.random() < 0.7 else _NAMES)]
    body[_place(body, chance) :] = other[chance.randrange(len(other)) :]


_DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _flip, _flip, _lie, _lie, _lie),
    *(_cut, _drop, _repeat, _insert, _splice),
)


def _place(body: bytearray, chance: random.Random) -> int:
    """A position: every second time among the first bytes, where most is said."""
    size = len(body) if chance.random() < 0.5 else min(len(body), _HEADER)
    return chance.randrange(size) if size else 0


def _mend_checksums(body: bytearray) -> None:
    at = 8
    while at + 12 <= len(body):
        end = at + 12 + int.from_bytes(body[at : at + 4], "big")
        if end > len(body):
            return
        body[end - 4 : end] = zlib.crc32(body[at + 4 : end - 4]).to_bytes(4, "big")
        at = end


def judge(body: bytes) -> Canonical | Verdict:
    """The judgement on a file, as the pull stage asks for it."""
    found = identify(body, MAX_PIXELS)
    if isinstance(found, Verdict):
        return found
    return canonicalise(body, found, max_pixels=MAX_PIXELS, animation="first_frame")


def assert_sound(body: bytes) -> Canonical | Verdict:
    """Judge a file: a verdict that fits, or an image in which Pillow and OpenCV see the size that was declared."""
    outcome = judge(body)
    if isinstance(outcome, Verdict):
        assert outcome.reason in REASONS, outcome
        assert not re.search(r"memory|alloc", outcome.detail or "", re.IGNORECASE), outcome
        return outcome
    assert 0 < outcome.width * outcome.height <= MAX_PIXELS
    assert outcome.frames >= 1
    assert 0 <= outcome.phash < 1 << 64
    image = Image.open(io.BytesIO(outcome.image), formats=("JPEG", "PNG", "WEBP"))
    assert image.format == outcome.format.upper()
    assert image.mode in ("L", "RGB")
    image.load()
    assert ImageOps.exif_transpose(image).size == image.size == (outcome.width, outcome.height)
    seen = cv2.imdecode(np.frombuffer(outcome.image, np.uint8), cv2.IMREAD_COLOR)
    assert seen is not None
    assert seen.shape == (outcome.height, outcome.width, 3)
    return outcome
