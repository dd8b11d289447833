"""Sound images that decoders disagree about: turned, transparent, moving, deep, in printer's inks."""

import io

import cv2
import numpy as np
from PIL import Image

from jobs.demo.photographs import opened
from jobs.demo.scenes import GROUNDS, Phrase, Pixels, paint
from jobs.demo.site import CC0, Site, jpeg, picture, png, sha256

Transpose = Image.Transpose
STORED_AS = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""By EXIF orientation: how an upright picture is turned before it is stored, so that the tag turns it back."""

_ORIENTATION = 0x0112
_LOSSY = 4.0
"""Mean absolute difference, 0–255, that JPEG of quality 95 may leave, written twice and by way of CMYK"""


def add_odd_pixels(site: Site) -> None:
    """Add one row of each kind. All must be kept; all but an upright JPEG must be made canonical."""
    for orientation in STORED_AS:
        _add_oriented(site, orientation)
    _add_deep_colour(site)
    _add_deep_grey(site)
    _add_inks(site)
    _add_transparent(site, "horse.png", CC0, "The black silhouette of a standing horse")
    _add_transparent(site, "logo.png", None, "A round logo in green and orange with the drawing of a snake's head")
    _add_animation(site)


def _add_oriented(site: Site, orientation: int) -> None:
    scene = site.scene()
    upright = picture(scene)
    turn = STORED_AS[orientation]
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stored = upright if turn is None else upright.transpose(turn)
    kind = f"exif_{orientation}"
    site.add_scene(
        f"/misfits/{kind}.jpg",
        jpeg(stored, subsampling=0, exif=exif),
        scene,
        collection="misfits",
        kind=kind,
        as_served=turn is None,
        reference=None if turn is None else site.refer(kind, upright),
        tolerance=0.0 if turn is None else _LOSSY,
    )


def _add_deep_colour(site: Site) -> None:
    scene = site.scene()
    deep = scene.pixels.astype(np.uint16) * 257
    _, body = cv2.imencode(".png", deep[:, :, ::-1])
    site.add_scene(
        "/misfits/deep.png",
        body.tobytes(),
        scene,
        collection="misfits",
        kind="png_16_bit",
        as_served=False,
        reference=site.refer("deep", picture(scene)),
    )


def _add_deep_grey(site: Site) -> None:
    grey = opened("gravel.png").crop((220, 20, 500, 300))
    body = png(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257))
    _add_converted(site, "png_16_bit_grey", "/misfits/deep-grey.png", body, grey, "Sharp little stones, close together")


def _add_inks(site: Site) -> None:
    colour = opened("coffee.png").crop((60, 0, 540, 400))
    body = jpeg(colour.convert("CMYK"))
    _add_converted(
        site, "cmyk", "/misfits/cmyk.jpg", body, colour, "A red cup and saucer on brown wood", tolerance=_LOSSY
    )


def _add_transparent(site: Site, file: str, rights: str | None, caption: str) -> None:
    image = opened(file).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    on_white = Image.alpha_composite(white, image).convert("RGB")
    # half-transparent edges may be rounded either way
    _add_converted(
        site, "transparent", f"/misfits/{file}", png(image), on_white, caption, tolerance=1.0, license=rights
    )


def _add_animation(site: Site) -> None:
    """A star that wanders to the right; the first frame is what counts."""
    frames, boxes = [], []
    for step in range(6):
        pixels: Pixels = np.full((240, 480, 3), GROUNDS["white"], np.uint8)
        boxes.append(paint(pixels, "star", "purple", (24 + 60 * step, 60, 144 + 60 * step, 180)))
        frames.append(Image.fromarray(pixels))
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=120, loop=0)
    caption = "A purple star on the left of a white picture"
    _add_converted(
        site,
        "animated",
        "/misfits/wandering-star.gif",
        file.getvalue(),
        frames[0],
        caption,
        objects=(boxes[0],),
        phrases=(Phrase(0, len("A purple star"), (0,)),),
    )


def _add_converted(
    site: Site, kind: str, path: str, body: bytes, canonical: Image.Image, caption: str, **truth: object
) -> None:
    facts: dict[str, object] = {
        "url": site.put(path, body),
        "caption": caption,
        "license": CC0,
        "width": canonical.width,
        "height": canonical.height,
        "sha256": sha256(body),
        "as_served": False,
        "reference": site.refer(path.rsplit("/", 1)[1].partition(".")[0], canonical),
    }
    site.add(collection="misfits", kind=kind, **facts | truth)
