"""Signals of an image's grey pixels: pure functions over a ``uint8`` array of height × width.

All are taken at working size, so that they compare across images: `at_working_size` first.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

WORKING_SIDE = 128
"""Pixels of the shorter side at working size; smaller images stay as they are."""


def at_working_size(grey: Grey) -> Grey:
    """The image shrunk until its shorter side is `WORKING_SIDE`; never enlarged.

    Whole multiples are averaged away first; less than a halving is left to linear interpolation, which is then as good
    as an area average and three times as fast.
    """
    height, width = grey.shape
    shorter = min(height, width)
    if shorter <= WORKING_SIDE:
        return grey
    size = (round(width * WORKING_SIDE / shorter), round(height * WORKING_SIDE / shorter))
    if (multiple := shorter // WORKING_SIDE) > 1:
        grey = cv2.resize(grey, (width // multiple, height // multiple), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return _uint8(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR_EXACT))


# Cosines as whole numbers: every product and sum below is then exact in float64, in whatever order and on whatever
# processor it is computed, and terms that should be zero are zero instead of noise with a random sign.
_COSINES = np.rint(4096 * np.cos(np.pi / 64 * np.outer(np.arange(8), 2 * np.arange(32) + 1)))


_DEAD_ZONE = 200 * 4096**2
"""A term counts as above the median from here on: 0.8 grey levels of amplitude, in the terms' whole numbers."""


def perceptual_hash(grey: Grey) -> int:
    """64 bits that near-identical pictures share, but for a few.

    The image is shrunk to 32 × 32 (area average) and its 8 × 8 lowest cosine (DCT-II) terms are compared with their
    median; a bit is set where a term is clearly above. In symmetric and flat pictures many terms lie on the median, and
    compared with nothing between they would follow the noise: of centred circles, nine in ten copies at quality 60 or
    half size were more than four bits away. The most significant bit is the constant term, then the terms follow row
    by row, horizontal frequency running fastest.
    """
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    terms = (_COSINES @ small @ _COSINES.T).ravel()
    low, high = np.partition(terms, (31, 32))[31:33]
    return int.from_bytes(np.packbits(2 * (terms - _DEAD_ZONE) > low + high).tobytes(), "big")


def sharpness(grey: Grey) -> float:
    """Variance of the Laplacian (3 × 3): 0 for a flat image, below some tens for a blurred one."""
    return _deviation(cv2.Laplacian(grey, cv2.CV_16S)) ** 2


def uniformity(grey: Grey) -> float:
    """Standard deviation of the grey values: 0 for a flat image, at most 127.5."""
    return _deviation(grey)


def _deviation(values: Any) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


def _uint8(values: Any) -> Grey:
    return np.asarray(values, np.uint8)
