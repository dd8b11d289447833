"""PDQ, the perceptual hash in which many block-lists are exchanged.

After "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019), which leaves little
open: luma, two passes of a box filter, 64 × 64 samples, 16 × 16 cosine terms, their median. The library pdqhash gives
the same bits but has no wheels for Linux.
"""

from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pipelines.pull.pixels import Pixels

MIN_QUALITY = 50
"""Below, the authors advise, hashes should not be matched: there is too little in the picture."""

_SIDE = 512
"""Larger pictures are made so large first."""
_SAMPLES, _TERMS = 64, 16
_COSINES = np.sqrt(2 / _SAMPLES) * np.cos(
    np.pi / (2 * _SAMPLES) * np.outer(np.arange(1, _TERMS + 1), 2 * np.arange(_SAMPLES) + 1)
)


def pdq_of_file(body: bytes, kind: str) -> tuple[bytes, int]:
    """PDQ hash and quality of a JPEG, PNG or WebP that is known to decode; JPEGs are decoded no larger than needed."""
    if kind == "jpeg":
        side = {"min_height": _SIDE, "min_width": _SIDE}
        return pdq(simplejpeg.decode_jpeg(body, "GRAY", strict=False, **side)[..., 0])
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return pdq(np.asarray(pixels, np.uint8))


def pdq(grey: Pixels) -> tuple[bytes, int]:
    """The hash of luma (32 bytes, most significant first) and its quality (0–100)."""
    if max(grey.shape) > _SIDE:
        grey = np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    samples = _sampled(grey.astype(np.float32))
    terms = (_COSINES @ samples @ _COSINES.T).ravel()
    bits = terms > np.partition(terms, 127)[127]
    return np.packbits(bits[::-1]).tobytes(), _quality(samples)


def _sampled(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """64 × 64 samples of the picture, smoothed by boxes as wide as half the distance between samples."""
    height, width = luma.shape
    rows, columns = -(-height // (2 * _SAMPLES)), -(-width // (2 * _SAMPLES))
    anchor = ((columns - 1) // 2, (rows - 1) // 2)

    def summed(values: Any) -> Any:
        border = cv2.BORDER_CONSTANT
        return cv2.boxFilter(values, -1, (columns, rows), anchor=anchor, normalize=False, borderType=border)

    inside = summed(np.ones_like(luma))  # at the edge, the average is over what lies in the picture
    for _ in range(2):
        luma = summed(luma) / inside
    at = np.arange(_SAMPLES) + 0.5
    return luma[np.ix_((at * height / _SAMPLES).astype(int), (at * width / _SAMPLES).astype(int))]


def _quality(samples: NDArray[np.float32]) -> int:
    """How much the samples differ from their neighbours."""
    steps = sum(np.abs(np.trunc(np.diff(samples, axis=axis) * 100 / 255)).sum() for axis in (0, 1))
    return min(100, int(steps / 90))
