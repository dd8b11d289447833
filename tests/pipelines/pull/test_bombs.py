"""Small files that ask for much memory, and large ones: each has its reason, in bounded memory and time."""

import gzip
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.pull.stage import Pull
from tests.pipelines.pull.hostile import Answer, Hostile, Row
from tests.pipelines.pull.mutants import png_chunk
from tests.pipelines.pull.pictures import exif, file, scene

MOST_MB = 500
"""What a process that pulls may hold."""
SIDE = 5744
"""Of the largest square that the default cap lets through."""
HEAVY_SIDE = 4062
ROOT = Path(__file__).parents[3]

Ask = Callable[..., Row]


@pytest.fixture(scope="module")
def child() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.pipelines.pull.pulling_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def ask(child: "subprocess.Popen[str]") -> Ask:
    """Pulls a URL in the child, and holds it to the limits on memory and time."""

    def go(url: str, **fields: Any) -> Row:
        assert child.stdin
        assert child.stdout
        child.stdin.write(json.dumps({"url": url, "fields": fields}) + "\n")
        child.stdin.flush()
        row: Row = json.loads(child.stdout.readline())
        assert row["peak_mb"] < MOST_MB
        assert row["seconds"] < Pull().deadline_s + 1
        return row

    return go


def zeros(size: int, level: int = 9) -> bytes:
    """So many zeros, deflated."""
    packer = zlib.compressobj(level)
    parts = [packer.compress(bytes(size % (1 << 20)))]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + packer.flush()


def png(width: int, height: int, depth: int, colour: int, data: bytes, *extra: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def flat_png(side: int, depth: int, colour: int) -> bytes:
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    palette = [png_chunk(b"PLTE", bytes(6)), png_chunk(b"tRNS", b"\0")] if colour == 3 else []
    return png(side, side, depth, colour, zeros(side * (1 + side * samples * depth // 8)), *palette)


def flat(kind: str, side: int, mode: str = "RGB", **options: Any) -> bytes:
    return file(Image.new(mode, (side, side)), kind, **options)


def with_size(body: bytes, old: bytes, new: bytes) -> bytes:
    """A file that says another size than it has."""
    assert old in body
    return body.replace(old, new, 1)


def tiff_of(width: int, height: int) -> bytes:
    """An uncompressed grey TIFF of such a size, with eight bytes of pixels."""
    long = 4
    entries = [
        (0x0100, width), (0x0101, height), (0x0102, 8), (0x0103, 1), (0x0106, 1),
        (0x0111, 8), (0x0115, 1), (0x0116, height), (0x0117, min(width * height, 0xFFFFFFFF)),
    ]  # fmt: skip
    packed = b"".join(struct.pack("<HHLL", tag, long, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<L", 16) + bytes(8) + struct.pack("<H", len(entries)) + packed + bytes(4)


def announced(width: int, height: int) -> dict[str, bytes]:
    """Small files that announce this size."""
    size = struct.pack("<2H", width, height)
    canvas = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    avif = file(scene(), "AVIF", speed=10)
    return {
        "png": png(width, height, 8, 2, zeros(1000)),
        "png, interlaced": with_size(png(width, height, 8, 6, zeros(1000)), b"\x08\x06\0\0\0", b"\x08\x06\0\0\1"),
        "jpeg": with_size(file(scene(), "JPEG"), struct.pack(">2H", 48, 72), struct.pack(">2H", height, width)),
        "gif": with_size(file(Image.fromarray(scene()).quantize(4), "GIF"), struct.pack("<2H", 72, 48), size),
        "webp": with_size(file(scene(), "WEBP", exif=exif(1)), bytes((71, 0, 0, 47, 0, 0)), canvas),
        "tiff": tiff_of(width, height),
        "bmp": with_size(file(scene(), "BMP"), struct.pack("<2L", 72, 48), struct.pack("<2L", width, height)),
        "avif": with_size(avif, struct.pack(">2L", 72, 48), struct.pack(">2L", width, height)),
    }


@pytest.mark.parametrize("kind", announced(72, 48))
def test_a_size_beyond_the_cap_is_judged_by_the_header(hostile: Hostile, ask: Ask, kind: str) -> None:
    width, height = (16_384, 16_000) if kind == "avif" else (65_000, 64_000)
    row = ask(hostile.page(announced(width, height)[kind]))
    if kind == "png, interlaced":  # whose header no longer bears its checksum
        assert row["reason"] in ("too_many_pixels", "truncated_image")
    else:
        assert (row["reason"], row["value"]) == ("too_many_pixels", width * height)


@pytest.mark.parametrize("kind", sorted(announced(72, 48).keys() - {"gif", "avif"}))
def test_a_size_within_the_cap_that_the_file_does_not_have(hostile: Hostile, ask: Ask, kind: str) -> None:
    """A GIF's frame may be smaller than its canvas, and an AVIF's picture is scaled to the size announced."""
    assert ask(hostile.page(announced(4000, 4400)[kind]))["reason"] == "truncated_image"


def test_sizes_that_overflow_are_beyond_any_cap(hostile: Hostile, ask: Ask) -> None:
    most = 0x7FFFFFFF
    row = ask(hostile.page(png(most, most, 8, 2, zeros(1000))))
    assert (row["reason"], row["value"]) == ("too_many_pixels", float(most * most))
    assert ask(hostile.page(tiff_of(most, most)))["reason"] in ("too_many_pixels", "truncated_image")
    assert ask(hostile.page(png(0, 0, 8, 2, zeros(1000))))["reason"] == "truncated_image"


LARGEST: dict[str, Callable[[], bytes]] = {
    "png": lambda: flat_png(SIDE, 8, 2),
    "png, alpha": lambda: flat_png(SIDE, 8, 6),
    "png, 16 bits grey": lambda: flat_png(SIDE, 16, 0),
    "png, palette": lambda: flat_png(SIDE, 8, 3),
    "png, turned": lambda: flat("PNG", SIDE, exif=exif(6)),
    "jpeg, turned": lambda: flat("JPEG", SIDE, exif=exif(6)),
    "jpeg, progressive": lambda: flat("JPEG", SIDE, progressive=True),
    "gif": lambda: flat("GIF", SIDE, "P"),
    "webp": lambda: flat("WEBP", SIDE),
    "tiff, CMYK": lambda: flat("TIFF", SIDE, "CMYK", compression="tiff_lzw"),
    "tiff, JPEG, turned": lambda: flat("TIFF", SIDE, compression="jpeg", tiffinfo={0x0112: 6}),
}
HEAVY: dict[str, Callable[[int], bytes]] = {
    "png, 16 bits": lambda side: flat_png(side, 16, 2),
    "png, 16 bits and alpha": lambda side: flat_png(side, 16, 6),
    "png, 16 bits grey and alpha": lambda side: flat_png(side, 16, 4),
    "jpeg, CMYK": lambda side: flat("JPEG", side, "CMYK"),
    "webp, alpha": lambda side: flat("WEBP", side, "RGBA", lossless=True),
    "webp, animated": lambda side: flat("WEBP", side, save_all=True, append_images=[Image.new("1", (side, side), 1)]),
    "avif": lambda side: flat("AVIF", side, speed=10),
    "avif, alpha": lambda side: flat("AVIF", side, "RGBA", speed=10),
}


@pytest.mark.slow
def test_one_large_picture_after_another_takes_no_more_than_one(hostile: Hostile, ask: Ask) -> None:
    for kind in ("png, alpha", "tiff, CMYK", "gif", "png, turned", "png, alpha"):
        assert ask(hostile.page(LARGEST[kind]()))["reason"] is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_picture_that_is_let_through_fits_into_memory(hostile: Hostile, ask: Ask, kind: str) -> None:
    assert ask(hostile.page(LARGEST[kind]()))["reason"] is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEAVY)
def test_pictures_that_take_more_to_decode_may_be_half_as_large(hostile: Hostile, ask: Ask, kind: str) -> None:
    assert ask(hostile.page(HEAVY[kind](HEAVY_SIDE)))["reason"] is None
    row = ask(hostile.page(HEAVY[kind](HEAVY_SIDE + 1)))
    assert (row["reason"], row["value"]) == ("too_many_pixels", (HEAVY_SIDE + 1) ** 2)


def text_bombs() -> dict[str, bytes]:
    pixels = zeros(48 * (1 + 3 * 72))
    bomb = zeros(400_000_000)
    return {
        "zTXt": png(72, 48, 8, 2, pixels, png_chunk(b"zTXt", b"Comment\0\0" + bomb)),
        "iTXt": png(72, 48, 8, 2, pixels, png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + bomb)),
        "iCCP": png(72, 48, 8, 2, pixels, png_chunk(b"iCCP", b"profile\0\0" + bomb)),
    }


TEXT_BOMBS = text_bombs()


@pytest.mark.parametrize("chunk", TEXT_BOMBS)
def test_a_chunk_that_unpacks_to_hundreds_of_megabytes(hostile: Hostile, ask: Ask, chunk: str) -> None:
    row = ask(hostile.page(TEXT_BOMBS[chunk]))
    assert row["reason"] == "truncated_image", row


def test_image_data_that_unpack_to_much_more_than_the_pixels(hostile: Hostile, ask: Ask) -> None:
    body = png(1000, 1000, 8, 2, zeros(700_000_000, level=1))
    assert 2 << 20 < len(body) < 4_000_000
    row = ask(hostile.page(body))
    assert row["reason"] == "truncated_image"
    assert "more than its pixels" in row["detail"]


def test_frames_and_pages_without_end(hostile: Hostile, ask: Ask) -> None:
    gif = file(Image.fromarray(scene()).quantize(4), "GIF")
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\2\0"
    assert ask(hostile.page(gif[:-1] + frame * 1_500_000 + b";"), animation="reject")["value"] == 65_535
    pages = [Image.new("1", (1, 1))] * 300
    body = bytearray(file(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert ask(hostile.page(bytes(body)), animation="reject")["value"] == 300


@pytest.mark.parametrize("layers", [1, 2])
def test_a_gigabyte_behind_a_content_encoding(hostile: Hostile, ask: Ask, layers: int) -> None:
    body = gzip_bomb(1 << 30)
    for _ in range(layers - 1):
        body = gzip.compress(body)
    reason = ask(hostile.page(body, headers={"Content-Encoding": "gzip"}))["reason"]
    assert reason == ("body_too_large" if layers == 1 else "not_an_image")


def gzip_bomb(size: int) -> bytes:
    """A gzip stream of so many zeros, without the sum at its end, to which nobody comes."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + megabyte * (size >> 20)


def gigabyte(head: bytes) -> Answer:
    async def answer(writer: Any) -> None:
        writer.write(head)
        for _ in range(1 << 10):
            writer.write(bytes(1 << 20))
            await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("head", "detail"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", "as declared"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "read so far"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\nContent-Encoding: gzip\r\n\r\n", "as declared"),
    ],
)
def test_a_gigabyte_of_body(hostile: Hostile, ask: Ask, head: bytes, detail: str) -> None:
    row = ask(hostile.acting(gigabyte(head)))
    assert (row["reason"], row["detail"]) == ("body_too_large", detail)
