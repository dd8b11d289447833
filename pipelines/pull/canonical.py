"""From the bytes that a server sent to the image that every decoder reads alike.

Trainers differ on EXIF orientation, alpha, CMYK, 16 bits and animation. An image that leaves no room for that (8-bit
RGB or grey JPEG, PNG or WebP, upright, opaque, one frame) keeps its bytes. Any other is decoded here, once and for
all, and written anew: as PNG, or as JPEG of quality 95 without chroma subsampling where the source was itself lossy.
`Canonical.steps` says what was done. (A lossless rotation of JPEGs would be better still; no maintained Python
package brings one along.)

Truncation is never let pass. A JPEG must decode without libjpeg having to make anything up, which includes its end
marker: a file that lacks only that has lost something, and nobody can say that it was only that. Bytes *after* the
end are harmless and stay.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from pipelines.pull import headers, signals
from pipelines.pull.orientation import ORIENTATION, exif_orientation, xmp_orientation
from pipelines.pull.pixels import (
    Pixels,
    UnknownPixelsError,
    encoded,
    grey_of,
    grey_of_file,
    ordinary,
    rgb_of_cmyk,
    scaled_colour,
    turned,
    turns,
)
from pipelines.stage import Verdict

cv2.setNumThreads(1)  # parallelism is over images
warnings.filterwarnings("ignore", module=r"PIL\.")  # a verdict says it better, and once a row

Animation = Literal["first_frame", "reject"]

MAX_SIDE = 65_500
"""Pixels; what libjpeg can write."""
MAX_JPEG_SCANS = 100
"""Each scan is a pass over all pixels, and an empty one costs its sender ten bytes. Encoders write about ten."""

_CHEAP_BYTES = 1 << 19
_CHEAP_PIXELS = 1 << 24
_HARMLESS = re.compile(r"Corrupt JPEG data: \d+ extraneous bytes before marker 0xd9")
_ODD_SUBSAMPLING = "Could not determine subsampling level"
_BOMB = re.compile(r"\((\d+) pixels\)")
_BITS_PER_SAMPLE = 0x0102


@dataclass(frozen=True, slots=True)
class Found:
    """An image whose header is read."""

    format: str
    jpeg: headers.JpegHeader | None
    cheap: bool
    """decoding takes a few milliseconds at most"""


@dataclass(frozen=True, slots=True)
class Canonical:
    """An image with canonical pixels, and what was seen while decoding it; fields as in ``schemas.tables.PULLED``."""

    image: bytes
    format: str
    width: int
    height: int
    frames: int
    steps: str
    phash: int
    sharpness: float
    uniformity: float


def identify(body: bytes, max_pixels: int) -> Found | Verdict:
    """Judge the format by the bytes, and the size by the header; nothing is decoded.

    Decoding takes up to 10 bytes a pixel. Images that take up to twice that may have half of `max_pixels`: 16 bits in
    colour, CMYK JPEGs, WebPs with alpha or animation, AVIFs. The size of a TIFF, BMP or AVIF takes more than a look:
    `canonicalise` holds it against `max_pixels`.
    """
    kind = headers.sniff(body)
    if kind is None:
        return Verdict("not_an_image", detail=f"it begins with {body[:16]!r}")
    if kind not in headers.READABLE:
        return Verdict("unsupported_format", detail=kind)
    try:
        if kind == "jpeg":
            return _identify_jpeg(body, max_pixels)
        size = _announced_size(kind, body)
    except headers.HeaderError as error:
        return Verdict("truncated_image", detail=str(error))
    cap = max_pixels // 2 if _is_heavy(kind, body) else max_pixels
    return (size and _oversize(*size, cap)) or Found(kind, jpeg=None, cheap=False)


def _identify_jpeg(body: bytes, max_pixels: int) -> Found | Verdict:
    header = headers.read_jpeg_header(body)
    if header.process > 2 or header.precision != 8 or header.components not in (1, 3, 4):
        what = f"JPEG process {header.process}, {header.precision} bits, {header.components} components"
        return Verdict("unsupported_format", detail=what)
    scans = headers.count_jpeg_scans(body) if header.many_scans else 1
    if scans > MAX_JPEG_SCANS:
        return Verdict("truncated_image", detail=f"{scans} scans, more than any encoder writes")
    cheap = len(body) <= _CHEAP_BYTES and header.width * header.height * scans <= _CHEAP_PIXELS
    cap = max_pixels // 2 if header.components == 4 else max_pixels
    return _oversize(header.width, header.height, cap) or Found("jpeg", header, cheap)


def _announced_size(kind: str, body: bytes) -> tuple[int, int] | None:
    match kind:
        case "png":
            return headers.read_png_size(body)
        case "gif":
            return headers.read_gif_size(body)
        case "webp":
            webp = headers.read_webp_header(body)
            return webp.width, webp.height
        case _:
            return None


def _is_heavy(kind: str, body: bytes) -> bool:
    """Whether decoding takes more than 10 bytes a pixel, as far as the header of a sound file says so."""
    match kind:
        case "png":
            return headers.is_deep_png(body)
        case "webp":
            return not headers.read_webp_header(body).plain
        case _:
            return kind == "avif"


def _oversize(width: int, height: int, max_pixels: int) -> Verdict | None:
    if min(width, height) < 1:
        return Verdict("truncated_image", detail=f"the header announces {width} × {height} pixels")
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        return Verdict("too_many_pixels", float(width * height), f"{width} × {height}")
    return None


def canonicalise(body: bytes, found: Found, *, max_pixels: int, animation: Animation) -> Canonical | Verdict:
    """Decode `body`, once, and make its pixels canonical. Whatever a decoder raises is a verdict."""
    try:
        if found.jpeg is not None:
            return _from_jpeg(body, found.jpeg)
        return _from_other(body, found.format, max_pixels, animation)
    except UnknownPixelsError as error:
        return Verdict("unsupported_format", detail=f"{found.format} with pixels of mode {error}")
    except Image.DecompressionBombError as error:
        pixels = _BOMB.search(str(error))
        return Verdict("too_many_pixels", float(pixels[1]) if pixels else None, str(error))
    except Exception as error:  # noqa: BLE001 decoders raise a dozen classes; all say the same of these bytes
        return Verdict("truncated_image", detail=f"{type(error).__name__}: {error}"[:300])


def _from_jpeg(body: bytes, header: headers.JpegHeader) -> Canonical:
    steps: list[str] = []
    orientation, disputed = _jpeg_orientation(header)
    if disputed:
        for segment in disputed:
            body = body[: segment.start] + body[segment.end :]
        steps.append("exif_dropped")
    if header.components == 4:
        inks = _decode_jpeg(body, colorspace="CMYK")
        pixels = rgb_of_cmyk(inks, Image.open(io.BytesIO(body), formats=("JPEG",)).info, steps)
        return _rewritten(turned(pixels, orientation, steps), 1, steps, lossy=True)
    try:
        if not turns(orientation):
            side = signals.WORKING_SIDE
            grey = _decode_jpeg(body, colorspace="GRAY", min_height=side, min_width=side)[..., 0]
            return _canonical(body, "jpeg", (header.width, header.height), 1, steps, grey)
        pixels = _decode_jpeg(body, colorspace="GRAY" if header.components == 1 else "RGB")
        pixels = pixels[..., 0] if header.components == 1 else pixels
    except ValueError as error:
        if _ODD_SUBSAMPLING not in str(error):
            raise
        steps.append("subsampling")  # legal, but beyond TurboJPEG, and so beyond some trainers
        pixels = ordinary(Image.open(io.BytesIO(body), formats=("JPEG",)), steps)
    return _rewritten(turned(pixels, orientation, steps), 1, steps, lossy=True)


def _decode_jpeg(body: bytes, **wanted: Any) -> Pixels:
    """Decode strictly: every warning is an error but one, which the encoders of some cameras cause in sound files."""
    try:
        return np.asarray(simplejpeg.decode_jpeg(body, **wanted), np.uint8)
    except ValueError as error:
        if not _HARMLESS.fullmatch(str(error)):
            raise
        return np.asarray(simplejpeg.decode_jpeg(body, strict=False, **wanted), np.uint8)


def _jpeg_orientation(header: headers.JpegHeader) -> tuple[int, list[headers.Segment]]:
    """EXIF's, else XMP's, which is Pillow's order; and the segments that readers would disagree on, last first."""
    said = exif_orientation(header.exif.payload) if header.exif else 0
    disputed = [*header.surplus]
    if said is None:
        assert header.exif is not None
        disputed.append(header.exif)
    disputed.sort(key=lambda segment: segment.start, reverse=True)
    return said or (xmp_orientation(header.xmp.payload) if header.xmp else 0), disputed


def _from_other(body: bytes, kind: str, max_pixels: int, animation: Animation) -> Canonical | Verdict:
    plain, bare, lossy, deep, end = False, False, kind == "avif", False, len(body)
    if kind == "png":
        png = headers.read_png_header(body)
        plain, bare, deep = png.plain, png.bare, headers.is_deep_png(body)
    elif kind == "webp":
        webp = headers.read_webp_header(body)
        plain, bare, lossy, end = webp.plain, webp.bare, not webp.lossless, webp.end

    image = Image.open(io.BytesIO(body), formats=(kind.upper(),))
    if plain and bare:
        return _canonical(body, kind, image.size, 1, [], grey_of_file(body[:end]))
    if kind == "tiff":
        lossy = image.info.get("compression") == "jpeg"
        deep = image.mode in ("RGB", "RGBA", "RGBX") and 16 in _bits_per_sample(image)
    frames = _count_frames(image, kind, body)
    if frames > 1 and animation == "reject":
        return Verdict("animated", float(frames))
    # asked last: counting frames may have told Pillow of a larger canvas
    if oversize := _oversize(*image.size, max_pixels // 2 if deep or _is_heavy(kind, body) else max_pixels):
        return oversize

    steps = ["first_frame"] if frames > 1 else []
    if (exif := image.info.get("exif")) and exif_orientation(exif) is None:
        steps.append("exif_dropped")
    orientation = image.getexif().get(ORIENTATION, 1)
    pixels = scaled_colour(body, steps) if deep else ordinary(image, steps)
    if kind == "tiff" and turns(orientation):
        steps.append("exif_transpose")  # both decoders turn a TIFF while they load it
        orientation = 1
    if plain and not turns(orientation) and not steps:
        return _canonical(body, kind, image.size, 1, steps, grey_of(pixels))
    return _rewritten(turned(pixels, orientation, steps), frames, steps, lossy=lossy)


def _bits_per_sample(image: Image.Image) -> tuple[int, ...]:
    bits = image.getexif().get(_BITS_PER_SAMPLE, ())
    return bits if isinstance(bits, tuple) else (bits,)


def _count_frames(image: Image.Image, kind: str, body: bytes) -> int:
    """Frames in the file. Pillow's own count walks GIFs and TIFFs at a pace that a hostile file turns into minutes."""
    match kind:
        case "gif":
            return max(1, headers.count_gif_frames(body))
        case "tiff":
            return headers.count_tiff_pages(body)
        case _:
            return int(getattr(image, "n_frames", 1))


def _rewritten(pixels: Pixels, frames: int, steps: list[str], *, lossy: bool) -> Canonical:
    file, kind = encoded(pixels, lossy=lossy)
    steps.append("jpeg_q95" if lossy else "png")
    height, width = pixels.shape[:2]
    return _canonical(file, kind, (width, height), frames, steps, grey_of(pixels))


def _canonical(file: bytes, kind: str, size: tuple[int, int], frames: int, steps: list[str], grey: Pixels) -> Canonical:
    working = signals.at_working_size(grey)
    return Canonical(
        image=file,
        format=kind,
        width=size[0],
        height=size[1],
        frames=frames,
        steps=",".join(steps),
        phash=signals.perceptual_hash(working),
        sharpness=signals.sharpness(working),
        uniformity=signals.uniformity(working),
    )
