"""Making pixels ordinary: 8-bit RGB or grey, opaque, upright. Each function appends what it did to `steps`."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
"""Height × width for grey, height × width × 3 for RGB."""

JPEG_QUALITY = 95
# The filters that libpng tries by default take twice as long, to make photographs a tenth smaller and drawings nothing.
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),  # the usual 6 takes five times as long to save a sixth
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),  # or OpenCV's own, which triples pages of text
)
_ORDINARY_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
_CLOCKWISE, _HALF, _COUNTERCLOCKWISE = cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE
_UPRIGHT: dict[object, Callable[[Any], Any]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, _HALF),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, _CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), _HALF),
    8: lambda pixels: cv2.rotate(pixels, _COUNTERCLOCKWISE),
}
"""How pixels stored with an EXIF orientation are turned to be looked at."""


class UnknownPixelsError(Exception):
    """Samples without a known black and white, such as 32-bit integers."""


def ordinary(image: Image.Image, steps: list[str]) -> Pixels:
    """The picture as grey or RGB: 16-bit grey scaled, CMYK through its profile, palettes looked up, alpha on white.

    Raises `UnknownPixelsError` when the mode has no agreed meaning as a picture, and whatever Pillow raises on damaged
    data.
    """
    if image.mode.startswith("I;16"):
        return _scaled_grey(image, steps)
    if image.mode not in _ORDINARY_MODES:
        raise UnknownPixelsError(image.mode)
    image.load()
    if image.mode == "CMYK":
        return _rgb_of_cmyk(image, image.info.get("icc_profile"), steps)
    if image.mode in ("P", "PA"):
        steps.append("palette")
    if image.has_transparency_data:
        return _on_white(_in_mode(image, "RGBA"), steps)
    return _array(_in_mode(image, "L" if image.mode in ("1", "L") else "RGB"))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in another mode; what it was converted from is let go, since large images are held only once."""
    if image.mode == mode:
        return image
    converted = image.convert(mode)
    image.close()
    return converted


def _array(image: Image.Image) -> Pixels:
    pixels = np.asarray(image)
    image.close()
    return pixels


def _on_white(image: Image.Image, steps: list[str]) -> Pixels:
    steps.append("alpha_on_white")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    image.close()
    return _array(page)


def _scaled_grey(image: Image.Image, steps: list[str]) -> Pixels:
    steps.append("scaled_16_bit")
    transparent = image.info.get("transparency")
    samples = _array(image)
    grey = _scaled(samples)
    if transparent is not None:  # a PNG may declare one grey level transparent
        steps.append("alpha_on_white")
        grey[samples == transparent] = 255
    return grey


def scaled_colour(body: bytes, steps: list[str]) -> Pixels:
    """A file of 16-bit RGB, RGBA or grey with alpha, scaled to 8 bits; Pillow would cut the lower bits off.

    Raises `ValueError` when OpenCV cannot decode it.
    """
    samples = _decoded_by_cv2(body)
    if samples.dtype != np.uint16 or samples.ndim != 3:
        raise ValueError("these are not 16-bit samples")
    samples = _scaled(samples)
    steps.append("scaled_16_bit")
    if samples.shape[2] == 3:
        return np.asarray(cv2.cvtColor(samples, cv2.COLOR_BGR2RGB), np.uint8)
    cv2.cvtColor(samples, cv2.COLOR_BGRA2RGBA, dst=samples)
    return _on_white(Image.fromarray(samples), steps)


def _scaled(samples: NDArray[Any]) -> Pixels:
    """16 bits to 8: ``v × 255 / 65535``, rounded; 65535 / 255 is 257 exactly."""
    scaled = np.empty(samples.shape, np.uint8)
    for row, out in zip(samples, scaled, strict=True):  # row by row: the wide sums never exist for the whole image
        out[...] = (row.astype(np.uint32) + 128) // 257
    return scaled


def rgb_of_cmyk(inks: Pixels, info: Mapping[str | tuple[int, int], Any], steps: list[str]) -> Pixels:
    """RGB of a CMYK JPEG's samples; `info` is what Pillow reads in its header. Adobe writes ink as its absence."""
    if "adobe" in info:
        np.subtract(255, inks, out=inks)
    return _rgb_of_cmyk(Image.fromarray(inks, "CMYK"), info.get("icc_profile"), steps)


def _rgb_of_cmyk(image: Image.Image, profile: bytes | None, steps: list[str]) -> Pixels:
    """Ink to light: through the profile to sRGB (perceptual), or by Pillow's formula when there is none that works."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            steps.append("cmyk_icc")
            image.close()
            return _array(converted)
    steps.append("cmyk")
    return _array(_in_mode(image, "RGB"))


def turned(pixels: Pixels, orientation: object, steps: list[str]) -> Pixels:
    """The picture upright, given its EXIF orientation; values that do not exist turn nothing."""
    if not turns(orientation):
        return pixels
    steps.append("exif_transpose")
    return np.asarray(_UPRIGHT[orientation](pixels), np.uint8)


def turns(orientation: object) -> bool:
    """Whether an EXIF orientation asks for a rotation or a mirror."""
    return isinstance(orientation, int) and orientation in _UPRIGHT


def grey_of(pixels: Pixels) -> Pixels:
    """Luma (BT.601) of RGB or grey pixels."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def grey_of_file(body: bytes) -> Pixels:
    """Luma of a plain PNG or WebP file, several times faster than through Pillow.

    Raises `ValueError` when OpenCV cannot decode it.
    """
    samples = _decoded_by_cv2(body)
    if samples.dtype != np.uint8 or not (samples.ndim == 2 or samples.shape[2] == 3):
        raise ValueError("the file is not as plain as its header says")
    return samples if samples.ndim == 2 else np.asarray(cv2.cvtColor(samples, cv2.COLOR_BGR2GRAY), np.uint8)


def _decoded_by_cv2(body: bytes) -> NDArray[Any]:
    """Samples as they are stored, channels in the order blue, green, red, alpha."""
    samples: NDArray[Any] | None = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("the image data do not decode")
    return samples


def encoded(pixels: Pixels, *, lossy: bool) -> tuple[bytes, str]:
    """A file of these pixels and its format: JPEG of quality 95 without chroma subsampling, or PNG."""
    if not lossy:
        stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".png", stored, _PNG_OPTIONS)[1].tobytes(), "png"
    if pixels.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(pixels[..., None], JPEG_QUALITY, "GRAY", "Gray")), "jpeg"
    return bytes(simplejpeg.encode_jpeg(pixels, JPEG_QUALITY, "RGB", "444")), "jpeg"
