"""What an image file says of itself before anything is decoded: its format by its first bytes, and its header.

Reading a header never allocates more than the file, so limits on pixels are checked here, before a decoder is asked.
"""

import re
import struct
import zlib
from dataclasses import dataclass

READABLE = frozenset({"jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"})
"""The formats that are decoded; what else `sniff` names is an image that is not read."""

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"8BPS", "psd"),
    (b"\0\0\1\0", "ico"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"DDS ", "dds"),
    (b"qoif", "qoi"),
    (b"v/1\x01", "exr"),
    (b"#?RADIANCE", "hdr"),
)
_BRANDS = {b"avif": "avif", b"avis": "avif"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"), "heic"
)
_NETPBM = re.compile(rb"P[1-7]\s")
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


class HeaderError(ValueError):
    """The header ends early or contradicts itself."""


def sniff(body: bytes) -> str | None:
    """The format of an image file by its first bytes; None when they are not an image's (HTML, SVG, text, …)."""
    for magic, name in _MAGIC:
        if body.startswith(magic):
            return name
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "webp"
    if body[4:8] == b"ftyp":
        return _BRANDS.get(body[8:12]) or _compatible_brand(body)
    if body[:2] == b"BM" and int.from_bytes(body[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    return "netpbm" if _NETPBM.match(body) else None


def _compatible_brand(body: bytes) -> str | None:
    """A file type box may name a family of its own first, and the image format among those it is compatible with."""
    end = min(int.from_bytes(body[:4], "big"), len(body), 256)
    brands = (_BRANDS.get(body[at : at + 4]) for at in range(16, end - 3, 4))
    return next((brand for brand in brands if brand), None)


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment of a JPEG: `body[start:end]` with its marker, `payload` without marker and length."""

    start: int
    end: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """A JPEG up to its first scan."""

    width: int
    height: int
    components: int
    precision: int
    """bits a sample"""
    process: int
    """0 baseline, 1 extended, 2 progressive, 3 lossless, 9 and above arithmetic coding"""
    many_scans: bool
    """the first scan does not hold everything"""
    exif: Segment | None
    xmp: Segment | None
    surplus: tuple[Segment, ...]
    """EXIF blocks and XMP packets after the first of each, of which some readers take the last"""


MAX_SURPLUS = 64
"""EXIF blocks and XMP packets after the first: a segment costs its sender ten bytes, and us a copy of the file."""

_NO_PAYLOAD = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def read_jpeg_header(body: bytes) -> JpegHeader:
    """Walk the markers of a JPEG to its first scan.

    Raises `HeaderError`: it ends before, or has no frame header.
    """
    frame: tuple[int, ...] | None = None
    process = 0
    exif: Segment | None = None
    xmp: Segment | None = None
    surplus: list[Segment] = []
    at = 2
    while True:
        at = body.find(b"\xff", at)
        if at < 0 or at + 4 > len(body):
            raise HeaderError("the JPEG ends before its image data")
        marker = body[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _NO_PAYLOAD:
            at += 2
            continue
        if marker == 0xD9:
            raise HeaderError("the JPEG holds no image data")
        end = at + 2 + int.from_bytes(body[at + 2 : at + 4], "big")
        if end > len(body):
            raise HeaderError("the JPEG ends before its image data")
        if marker in _FRAME_HEADERS:
            if end - at < 10:
                raise HeaderError("the JPEG's frame header is too short")
            process, frame = marker - 0xC0, struct.unpack_from(">BHHB", body, at + 4)
        elif marker == 0xDA:
            break
        elif marker == 0xE1 and body.startswith((_EXIF, _XMP), at + 4):
            segment = Segment(at, end, body[at + 4 : end])
            if exif is None and segment.payload.startswith(_EXIF):
                exif = segment
            elif xmp is None and segment.payload.startswith(_XMP):
                xmp = segment
            elif len(surplus) < MAX_SURPLUS:
                surplus.append(segment)
            else:
                raise HeaderError("the JPEG has more EXIF blocks or XMP packets than anybody writes")
        at = end
    if frame is None:
        raise HeaderError("the JPEG has no frame header")
    precision, height, width, components = frame
    many_scans = process == 2 or body[at + 4] != components
    return JpegHeader(width, height, components, precision, process, many_scans, exif, xmp, tuple(surplus))


def count_jpeg_scans(body: bytes) -> int:
    """Scans of a JPEG. Those of embedded thumbnails are counted too; entropy-coded data never hold the marker."""
    return body.count(b"\xff\xda")


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What the chunks of a PNG say."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    """0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha"""
    chunks: frozenset[bytes]
    """types of all chunks"""

    @property
    def plain(self) -> bool:
        """8-bit RGB or grey, opaque, one frame."""
        return self.bit_depth == 8 and self.colour_type in (0, 2) and not self.chunks & {b"tRNS", b"acTL"}

    @property
    def bare(self) -> bool:
        """Nothing in it could speak of orientation."""
        return not self.chunks & {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}


def read_png_size(body: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its first chunk.

    Raises `HeaderError`: the first chunk is not an image header.
    """
    if len(body) < 33 or body[12:16] != b"IHDR":
        raise HeaderError("the PNG has no header")
    width, height = struct.unpack_from(">II", body, 16)
    return width, height


_LARGE_IDAT = 2 << 20
"""Bytes; less unpacks to 2 GB at most, which takes as long as the largest picture does."""
_PIECE = 1 << 14


def is_deep_png(body: bytes) -> bool:
    """Whether a PNG whose size could be read holds 16 bits in colour, or with alpha."""
    return body[24] == 16 and body[25] != 0


def read_png_header(body: bytes) -> PngHeader:
    """Walk the chunks of a PNG to its end, checking each checksum: other decoders refuse what Pillow lets pass.

    Raises `HeaderError`: it ends before its end chunk, a chunk is damaged, or its image data unpack to much more than
    the pixels that it announces, which libpng would do to the end.
    """
    width, height = read_png_size(body)
    view = memoryview(body)
    kinds = set()
    data = []
    at = 8
    while True:
        if at + 12 > len(body):
            raise HeaderError("the PNG ends early")
        length, kind = struct.unpack_from(">I4s", body, at)
        end = at + 12 + length
        if end > len(body):
            raise HeaderError("the PNG ends early")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise HeaderError(f"the checksum of a PNG chunk ({kind.decode('latin-1')}) is wrong")
        kinds.add(kind)
        if kind == b"IDAT":
            data.append(view[at + 8 : end - 4])
        at = end
        if kind == b"IEND":
            if sum(map(len, data)) > _LARGE_IDAT and _unpacks_beyond(data, 16 * (width + 8) * (height + 8)):
                raise HeaderError("the PNG's image data unpack to more than its pixels")
            return PngHeader(width, height, body[24], body[25], frozenset(kinds))


def _unpacks_beyond(data: list[memoryview], limit: int) -> bool:
    """Whether a zlib stream unpacks to more than `limit` bytes; damage in it is not judged here."""
    unpacker = zlib.decompressobj()
    size = 0
    for piece in data:
        for at in range(0, len(piece), _PIECE):
            try:
                size += len(unpacker.decompress(piece[at : at + _PIECE]))
            except zlib.error:
                return False
            if size > limit:
                return True
    return False


def read_gif_size(body: bytes) -> tuple[int, int]:
    """Width and height of a GIF's canvas.

    Raises `HeaderError`: it ends before.
    """
    if len(body) < 13:
        raise HeaderError("the GIF ends early")
    width, height = struct.unpack_from("<HH", body, 6)
    return width, height


MAX_FRAMES = 65_535
"""Counting stops here: a file of a few megabytes can hold millions of empty frames."""


def count_gif_frames(body: bytes) -> int:
    """Frames of a GIF, walking its blocks without decoding; those before the end when it ends early."""
    frames, at, size = 0, 13 + _colour_table(body[10]), len(body)
    while at + 10 < size and frames < MAX_FRAMES:
        match body[at]:
            case 0x21:  # an extension
                at += 2
            case 0x2C:  # a frame
                frames += 1
                at += 11 + _colour_table(body[at + 9])
            case _:
                break
        while at < size and body[at]:
            at += 1 + body[at]
        at += 1
    return frames


def _colour_table(flags: int) -> int:
    """Bytes of the colour table that a GIF descriptor announces."""
    return 3 << (flags & 0b111) + 1 if flags & 0x80 else 0


def count_tiff_pages(body: bytes) -> int:
    """Pages of a TIFF, following the chain of its directories."""
    order = "<" if body[:2] == b"II" else ">"
    big = 43 in body[2:4]
    count_format, entry_size, offset_format, first = ("Q", 20, "Q", 8) if big else ("H", 12, "L", 4)
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + offset_format, body, first)
        while at and at not in seen and len(seen) < MAX_FRAMES:
            (entries,) = struct.unpack_from(order + count_format, body, at)
            seen.add(at)
            after = at + struct.calcsize(count_format) + entries * entry_size
            (at,) = struct.unpack_from(order + offset_format, body, after)
    except struct.error:  # the chain leaves the file
        pass
    return len(seen)


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """The first chunk of a WebP."""

    width: int
    height: int
    lossless: bool
    plain: bool
    """neither alpha nor animation is announced"""
    bare: bool
    """nothing but the picture is announced"""
    end: int
    """where the file says that it ends"""


def read_webp_header(body: bytes) -> WebpHeader:
    """The size a WebP announces, and whether it is more than one opaque picture.

    Raises `HeaderError`: it ends early, or starts with a chunk that no WebP starts with.
    """
    end = 8 + int.from_bytes(body[4:8], "little")
    if len(body) < max(30, end):
        raise HeaderError("the WebP ends early")
    length = int.from_bytes(body[16:20], "little")
    alone = 20 + length + length % 2 == end
    match body[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", body, 26)
            return WebpHeader(width & 0x3FFF, height & 0x3FFF, lossless=False, plain=True, bare=alone, end=end)
        case b"VP8L":
            bits = int.from_bytes(body[21:25], "little")
            opaque = not bits >> 28 & 1
            return WebpHeader(
                (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, lossless=True, plain=opaque, bare=alone, end=end
            )
        case b"VP8X":
            width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (24, 27))
            alpha_or_animation = body[20] & 0b0001_0010
            return WebpHeader(
                width, height, lossless=b"VP8L" in body, plain=not alpha_or_animation, bare=False, end=end
            )
        case _:
            raise HeaderError("the WebP starts with an unknown chunk")
