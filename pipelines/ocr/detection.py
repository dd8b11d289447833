"""Text detection by DB models (Liao et al., 2020) on ONNX Runtime, prepared as PaddleOCR does it."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr.ch_ppocr_det.utils import DBPostProcess

from pipelines.ocr.crops import Pixels
from pipelines.ocr.settings import OcrSettings

_STRIDE = 32
"""Sides that the network takes are multiples of it."""

_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TABLES = tuple(
    (np.arange(256, dtype=np.float32) * np.float32(1 / 255 / spread) - np.float32(mean / spread))
    for mean, spread in zip(_MEAN, _SPREAD, strict=True)
)
"""What becomes of a channel's values; ImageNet's numbers in the order of the channels, as PaddleOCR applies them."""


def working_size(width: int, height: int, settings: OcrSettings) -> tuple[int, int]:
    """Width and height at which an image is looked at, by PaddleOCR's rule: multiples of 32, at least 32."""
    side = settings.det_side
    if settings.det_side_type == "min":
        ratio = max(1.0, side / min(width, height))
    else:
        ratio = min(1.0, side / max(width, height))
    wide, high = int(width * ratio), int(height * ratio)
    if max(wide, high) > settings.det_max_side:
        ratio = settings.det_max_side / max(wide, high)
        wide, high = int(wide * ratio), int(high * ratio)
    return max(round(wide / _STRIDE) * _STRIDE, _STRIDE), max(round(high / _STRIDE) * _STRIDE, _STRIDE)


class DbFinder:
    """See `pipelines.ocr.reader.Finder`. Images of one working size that follow each other are looked at together."""

    def __init__(self, session: Any, settings: OcrSettings, batch: int) -> None:
        self._session, self._settings, self._batch = session, settings, batch
        self._boxes = DBPostProcess(
            thresh=settings.det_threshold,
            box_thresh=settings.box_threshold,
            max_candidates=settings.max_boxes,
            unclip_ratio=settings.unclip,
        )

    def find(self, images: Sequence[Pixels]) -> list[NDArray[Any]]:
        """The quads in each image, n × 4 × 2, in its pixels."""
        sizes = [working_size(image.shape[1], image.shape[0], self._settings) for image in images]
        found: list[NDArray[Any]] = []
        for size, places in groupby(range(len(images)), key=sizes.__getitem__):
            alike = list(places)
            for start in range(0, len(alike), self._batch):
                found += self._find([images[at] for at in alike[start : start + self._batch]], size)
        return found

    def _find(self, images: list[Pixels], size: tuple[int, int]) -> list[NDArray[Any]]:
        given = np.empty((len(images), 3, size[1], size[0]), np.float32)
        for image, planes in zip(images, given, strict=True):
            for channel, plane, table in zip(cv2.split(_resized(image, size)), planes, _TABLES, strict=True):
                cv2.LUT(channel, table, plane)
        (answer,) = self._session.run(None, {self._session.get_inputs()[0].name: given})
        return [self._quads(image, heat[0]) for image, heat in zip(images, answer, strict=True)]

    def _quads(self, image: Pixels, heat: NDArray[np.float32]) -> NDArray[Any]:
        height, width = image.shape[:2]
        text = (heat > self._settings.det_threshold).astype(np.uint8)
        quads, _ = self._boxes.boxes_from_bitmap(heat, text, width, height)
        return np.asarray(quads, np.int32).reshape(-1, 4, 2)


def _resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = image.shape[:2]
    if width + height < 2 * _STRIDE:  # as PaddleOCR: a stamp is set on black, not blown up
        padded = np.zeros((max(_STRIDE, height), max(_STRIDE, width), 3), np.uint8)
        padded[:height, :width] = image
        image = padded
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(image, size), np.uint8)
