"""Making pixels ordinary: 8-bit RGB or grey, opaque, upright. Each function appends what it did to `steps`."""

import io
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
"""Height × width for grey, height × width × 3 for RGB."""

JPEG_QUALITY = 95
_ORDINARY_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
_TRANSPOSITIONS: dict[Any, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnknownPixelsError(Exception):
    """Samples without a known black and white, such as 32-bit integers."""


def ordinary(image: Image.Image, steps: list[str]) -> Image.Image:
    """The picture as mode L or RGB: 16-bit grey scaled, CMYK through its profile, palettes looked up, alpha on white.

    Raises `UnknownPixelsError`: the mode has no agreed meaning as a picture.
    Raises `Exception`: whatever Pillow raises on damaged data.
    """
    if image.mode.startswith("I;16"):
        return _scaled_grey(image, steps)
    if image.mode not in _ORDINARY_MODES:
        raise UnknownPixelsError(image.mode)
    image.load()
    if image.mode == "CMYK":
        return _rgb_of_cmyk(image, steps)
    if image.mode in ("P", "PA"):
        steps.append("palette")
    if image.has_transparency_data:
        return on_white(image.convert("RGBA"), steps)
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def on_white(image: Image.Image, steps: list[str]) -> Image.Image:
    """An RGBA picture over a white page."""
    steps.append("alpha_on_white")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page


def _scaled_grey(image: Image.Image, steps: list[str]) -> Image.Image:
    steps.append("scaled_16_bit")
    samples = np.asarray(image)
    grey = _scaled(samples)
    transparent = image.info.get("transparency")
    if transparent is not None:  # a PNG may declare one grey level transparent
        steps.append("alpha_on_white")
        grey[samples == transparent] = 255
    return Image.fromarray(grey)


def scaled_colour(body: bytes, steps: list[str]) -> Image.Image:
    """A file of 16-bit RGB, RGBA or grey with alpha, scaled to 8 bits; Pillow would cut the lower bits off.

    Raises `ValueError`: OpenCV cannot decode it.
    """
    samples = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16 or samples.ndim != 3:
        raise ValueError("16-bit samples could not be decoded")
    steps.append("scaled_16_bit")
    if samples.shape[2] == 4:
        return on_white(Image.fromarray(_scaled(cv2.cvtColor(samples, cv2.COLOR_BGRA2RGBA))), steps)
    return Image.fromarray(_scaled(cv2.cvtColor(samples, cv2.COLOR_BGR2RGB)))


def _scaled(samples: NDArray[Any]) -> Pixels:
    """16 bits to 8: ``v × 255 / 65535``, rounded; 65535 / 255 is 257 exactly."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _rgb_of_cmyk(image: Image.Image, steps: list[str]) -> Image.Image:
    """Ink to light: through the embedded profile to sRGB, or by Pillow's formula when there is none that works."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            steps.append("cmyk_icc")
            return converted
    steps.append("cmyk")
    return image.convert("RGB")


def turned(image: Image.Image, orientation: object, steps: list[str]) -> Image.Image:
    """The picture upright, given its EXIF orientation; values that do not exist turn nothing."""
    if not turns(orientation):
        return image
    steps.append("exif_transpose")
    return image.transpose(_TRANSPOSITIONS[orientation])


def turns(orientation: object) -> bool:
    """Whether an EXIF orientation asks for a rotation or a mirror."""
    return isinstance(orientation, int) and orientation in _TRANSPOSITIONS


def grey_of(pixels: Pixels) -> Pixels:
    """Luma (BT.601) of RGB or grey pixels."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def encoded(pixels: Pixels, *, lossy: bool) -> tuple[bytes, str]:
    """A file of these pixels and its format: JPEG of quality 95 without chroma subsampling, or PNG."""
    if not lossy:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=4)
        return file.getvalue(), "png"
    if pixels.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(pixels[..., None], JPEG_QUALITY, "GRAY", "Gray")), "jpeg"
    return bytes(simplejpeg.encode_jpeg(pixels, JPEG_QUALITY, "RGB", "444")), "jpeg"
