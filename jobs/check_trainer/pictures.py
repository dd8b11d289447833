"""The processor's own pixels: patches put together again, and boxes drawn where the model would see them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Pixels = npt.NDArray[np.uint8]
_COLOURS = ("#ff2ad4", "#00b7ff", "#ff8c00", "#37d67a", "#b388ff", "#ffd600")


class Drawn(NamedTuple):
    """A box in pixels of the picture, and its label."""

    box: tuple[float, float, float, float]
    label: str | None


def pictures(patches: npt.NDArray[np.float32], grid: npt.NDArray[np.int64], processor: dict[str, Any]) -> list[Pixels]:
    """What Qwen's image processor made of each image: RGB pixels of shape (height, width, 3).

    `patches` has shape (n, 3 · temporal · patch²), the images' patches one after the other, as `grid` (frames, rows,
    columns of patches for each) tells them apart; `processor` names patch, temporal, merge, image_mean and image_std.
    Patches lie in blocks of merge × merge, and are normalised.
    """
    size, depth, merge = processor["patch"], processor["temporal"], processor["merge"]
    made, start = [], 0
    for frames, rows, columns in grid.tolist():
        count = frames * rows * columns
        blocks = patches[start : start + count].reshape(
            frames, rows // merge, columns // merge, merge, merge, 3, depth, size, size
        )
        start += count
        still = blocks[0, :, :, :, :, :, 0]  # a still image is repeated `depth` times
        planes = still.transpose(0, 2, 5, 1, 3, 6, 4).reshape(rows * size, columns * size, 3)
        levels = (planes * np.array(processor["image_std"]) + np.array(processor["image_mean"])) * 255
        made.append(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    return made


def difference(seen: Pixels, stored: Image.Image) -> float:
    """Mean difference, in levels of 255, between what the processor made and the stored picture resized alike.

    Resizing kernels differ by a level or so; another picture, or the same one turned, differs by dozens.
    """
    height, width, _ = seen.shape
    resized = np.asarray(stored.convert("RGB").resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return float(np.abs(resized - seen).mean())


def overlay(seen: Pixels, boxes: Sequence[Drawn]) -> Image.Image:
    """The picture with boxes and labels."""
    picture = Image.fromarray(seen)
    draw = ImageDraw.Draw(picture)
    for number, (box, label) in enumerate(boxes):
        colour = _COLOURS[number % len(_COLOURS)]
        x1, y1, x2, y2 = box
        draw.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=2)
        if label:
            draw.text((x1 + 4, y1 + 3), label[:60], fill=colour)
    return picture
