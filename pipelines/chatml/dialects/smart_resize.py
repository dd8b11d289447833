"""How the processors of Qwen2-VL and its successors choose a size: near the image's own, within a budget of pixels."""

import numpy as np

from pipelines.chatml.dialects.protocol import Bools, Ints

QWEN2_FACTOR = 28
"""A token's side in Qwen2-VL and Qwen2.5-VL: patches of 14 × 14 pixels, merged 2 × 2."""
MIN_PIXELS = 56 * 56
MAX_PIXELS = QWEN2_FACTOR * QWEN2_FACTOR * 1280
"""The default budget: at most 1,280 tokens an image."""
MAX_RATIO = 200
"""Longer to shorter side; the processors raise beyond it."""


def smart_resize(
    width: Ints,
    height: Ints,
    *,
    factor: int = QWEN2_FACTOR,
    min_pixels: int = MIN_PIXELS,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Ints, Ints]:
    """Size that the processor resizes images to before it cuts patches: (width, height), multiples of `factor`.

    Each side is rounded (half to even) to a multiple of `factor`; where the area then leaves [`min_pixels`,
    `max_pixels`], both sides are scaled by one factor instead, and rounded up (down). As `smart_resize` of
    transformers, in the same arithmetic. Arrays of one shape, sides ≥ 1. Sides that `too_long` names have no size:
    what comes back for them means nothing, but is positive.
    """
    w, h = np.asarray(width, np.float64), np.asarray(height, np.float64)
    new_w, new_h = np.rint(w / factor) * factor, np.rint(h / factor) * factor
    area, rounded = w * h, new_w * new_h

    shrink = np.sqrt(area / max_pixels)
    over = rounded > max_pixels
    new_w = np.where(over, np.maximum(factor, np.floor(w / shrink / factor) * factor), new_w)
    new_h = np.where(over, np.maximum(factor, np.floor(h / shrink / factor) * factor), new_h)

    grow = np.sqrt(min_pixels / area)
    under = rounded < min_pixels
    new_w = np.where(under, np.ceil(w * grow / factor) * factor, new_w)
    new_h = np.where(under, np.ceil(h * grow / factor) * factor, new_h)
    return new_w.astype(np.int64), new_h.astype(np.int64)


def too_long(width: Ints, height: Ints) -> Bools:
    """Which images the processor refuses: one side is more than 200 times the other."""
    return np.asarray(np.maximum(width, height) > MAX_RATIO * np.minimum(width, height))
