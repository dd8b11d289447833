"""Text recognition by CTC models on ONNX Runtime, prepared as PaddleOCR does it."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.ocr.crops import Pixels
from pipelines.ocr.reader import Reading

HEIGHT = 48
_MAX_WIDTH = 3200
"""Pixels that a level line is resized to; a longer one is squeezed."""

ROOM = 8
"""Pixels left free after the end of a line: without them a full stop that touches the edge is lost."""

_TABLE = (np.arange(256, dtype=np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)


class CtcRecogniser:
    """See `pipelines.ocr.reader.Recogniser`.

    A line is given as wide as it is, with a little room after its end. PaddleOCR pads every line to 320 pixels and to
    the widest of six, which costs time and reads no more (docs/ocr.md).
    """

    def __init__(self, session: Any, batch: int, step: int) -> None:
        """Lines are padded to a multiple of `step`, and as many as `batch` of one width are read together.

        Raises ValueError for a model that does not say which characters it knows.
        """
        known = session.get_modelmeta().custom_metadata_map.get("character")
        if known is None:
            raise ValueError("the recognition model does not name its characters: its metadata lacks `character`")
        self._characters = ["", *known.split("\n"), " "]
        self._session, self._batch, self._step = session, batch, step

    def recognise(self, crops: Sequence[Pixels]) -> list[Reading]:
        """One reading for each crop."""
        lines = [_resized(crop) for crop in crops]
        widths = [math.ceil((line.shape[1] + ROOM) / self._step) * self._step for line in lines]
        order = sorted(range(len(lines)), key=widths.__getitem__)
        found: dict[int, Reading] = {}
        while order:
            together = [at for at in order[: self._batch] if widths[at] == widths[order[0]]]
            found |= dict(zip(together, self._read([lines[at] for at in together], widths[order[0]]), strict=True))
            order = order[len(together) :]
        return [found[at] for at in range(len(lines))]

    def _read(self, lines: list[Pixels], width: int) -> list[Reading]:
        given = np.zeros((len(lines), 3, HEIGHT, width), np.float32)
        for line, planes in zip(lines, given, strict=True):
            for channel, plane in zip(cv2.split(line), planes, strict=True):
                plane[:, : line.shape[1]] = cv2.LUT(channel, _TABLE)
        (answer,) = self._session.run(None, {self._session.get_inputs()[0].name: given})
        return [self._decoded(steps) for steps in answer]

    def _decoded(self, steps: NDArray[np.float32]) -> Reading:
        """Collapse repeats and drop blanks (Graves et al., 2006); `steps` is time × characters, probabilities."""
        best = steps.argmax(axis=1)
        said = best != 0
        said[1:] &= best[1:] != best[:-1]
        sure = steps[said, best[said]]
        return Reading("".join(self._characters[at] for at in best[said]), float(sure.mean()) if len(sure) else 0.0)


def _resized(crop: Pixels) -> Pixels:
    height, width = crop.shape[:2]
    wide = min(math.ceil(HEIGHT * width / height), _MAX_WIDTH)
    return np.asarray(cv2.resize(crop, (wide, HEIGHT)), np.uint8)
