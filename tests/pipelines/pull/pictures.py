"""Pictures whose pixels the tests know, and files of them."""

import io
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def scene(width: int = 72, height: int = 48, seed: int = 0) -> Pixels:
    """A smooth RGB picture that looks different after every turn and mirror: JPEG keeps it within a few levels."""
    corners = np.random.default_rng(seed).integers(30, 226, (3, 4, 3), np.uint8)
    return np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def file(pixels: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def textured(width: int = 500, height: int = 333, seed: int = 0) -> Pixels:
    """An RGB picture with detail at every scale that a perceptual hash looks at."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def decoded(body: bytes) -> Pixels:
    """Pixels of a file, as it lies there: no orientation is applied."""
    return np.asarray(Image.open(io.BytesIO(body)))


def exif(orientation: int) -> bytes:
    """An EXIF block that says nothing else."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}
"""How a camera lays down the pixels of an upright picture under each EXIF orientation (EXIF 2.3, 4.6.4 A)."""


def deep_tiff(samples: NDArray[np.uint16], orientation: int) -> bytes:
    """An uncompressed TIFF of 16-bit RGB, which Pillow cannot write."""
    height, width, _ = samples.shape
    data = samples.astype("<u2").tobytes()
    bits = 8 + len(data)
    directory = bits + 6
    short, long = 3, 4
    entries = [
        (0x0100, short, 1, width), (0x0101, short, 1, height), (0x0102, short, 3, bits), (0x0103, short, 1, 1),
        (0x0106, short, 1, 2), (0x0111, long, 1, 8), (0x0112, short, 1, orientation), (0x0115, short, 1, 3),
        (0x0116, short, 1, height), (0x0117, long, 1, len(data)), (0x011C, short, 1, 1),
    ]  # fmt: skip
    packed = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    count = struct.pack("<H", len(entries))
    return b"II*\0" + struct.pack("<L", directory) + data + struct.pack("<3H", 16, 16, 16) + count + packed + bytes(4)


def profile_of_white_ink() -> bytes:
    """An ICC profile by which every mixture of the inks CMYK is white."""

    def tag(signature: bytes, body: bytes) -> bytes:
        return (signature + bytes(4) + body).ljust((len(body) + 8 + 3) // 4 * 4, b"\0")

    identity = b"".join(struct.pack(">i", 0x10000 * (row == column)) for row in range(3) for column in range(3))
    ramp = bytes(range(256))
    nodes = bytes((255, 128, 128)) * 2**4  # CIE L* a* b*
    table = tag(b"mft1", bytes((4, 3, 2, 0)) + identity + ramp * 4 + nodes + ramp * 3)
    name = tag(b"desc", struct.pack(">I", 5) + b"test\0" + bytes(78))
    white = tag(b"XYZ ", struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D))
    start, entries, bodies = 128 + 4 + 12 * 3, b"", b""
    for signature, body in ((b"desc", name), (b"wtpt", white), (b"A2B0", table)):
        entries += signature + struct.pack(">II", start + len(bodies), len(body))
        bodies += body
    size = start + len(bodies)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + entries + bodies
