"""Qwen2-VL: ChatML turns, and images of any size in patches of 14 pixels, four of which make a token."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.chatml.dialects.protocol import Bools, Ints

FACTOR = 28
"""A token's side: patches of 14 × 14 pixels, merged 2 × 2."""
MIN_PIXELS = 56 * 56
MAX_PIXELS = FACTOR * FACTOR * 1280
"""The processor's default budget: at most 1,280 tokens an image."""
MAX_RATIO = 200
"""Longer to shorter side; the processor raises beyond it."""


def smart_resize(width: Ints, height: Ints, max_pixels: int = MAX_PIXELS) -> tuple[Ints, Ints]:
    """Size that Qwen2-VL's processor resizes images to, before it cuts patches: (width, height), multiples of 28.

    Each side is rounded (half to even) to a multiple of 28; where the area leaves [56², `max_pixels`], both sides are
    scaled by one factor instead, and rounded down (up). As transformers' `smart_resize`; sides beyond 1 : 200, which
    it refuses, must not come here.
    """
    w, h = np.asarray(width, np.float64), np.asarray(height, np.float64)
    new_w, new_h = np.rint(w / FACTOR) * FACTOR, np.rint(h / FACTOR) * FACTOR
    area, rounded = w * h, new_w * new_h

    shrink = np.sqrt(area / max_pixels)
    over = rounded > max_pixels
    new_w = np.where(over, np.maximum(FACTOR, np.floor(w / shrink / FACTOR) * FACTOR), new_w)
    new_h = np.where(over, np.maximum(FACTOR, np.floor(h / shrink / FACTOR) * FACTOR), new_h)

    grow = np.sqrt(MIN_PIXELS / area)
    under = rounded < MIN_PIXELS
    new_w = np.where(under, np.ceil(w * grow / FACTOR) * FACTOR, new_w)
    new_h = np.where(under, np.ceil(h * grow / FACTOR) * FACTOR, new_h)
    return new_w.astype(np.int64), new_h.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Qwen2VL:
    """Qwen2-VL and its fine-tunes: the image directly before the text, as `<|vision_start|>…<|vision_end|>`."""

    name: ClassVar[str] = "qwen2_vl"
    special_tokens: ClassVar[tuple[str, ...]] = (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|object_ref_start|>",
        "<|object_ref_end|>",
        "<|box_start|>",
        "<|box_end|>",
        "<|quad_start|>",
        "<|quad_end|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|vision_pad|>",
        "<|image_pad|>",
        "<|video_pad|>",
    )
    after_image: ClassVar[str] = ""

    def pixel_budget(self, max_pixels: int | None) -> int | None:
        if max_pixels is not None and max_pixels < MIN_PIXELS:
            raise ValueError(f"max_pixels is {max_pixels}, but Qwen2-VL enlarges every image to {MIN_PIXELS} pixels")
        return max_pixels or MAX_PIXELS

    def unfit(self, width: Ints, height: Ints) -> Bools:
        return np.asarray(np.maximum(width, height) > MAX_RATIO * np.minimum(width, height))

    def image_tokens(self, width: Ints, height: Ints, max_pixels: int | None) -> Ints | None:
        new_width, new_height = smart_resize(width, height, max_pixels or MAX_PIXELS)
        return new_width // FACTOR * (new_height // FACTOR)
