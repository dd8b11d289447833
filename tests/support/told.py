"""A detector that answers as it was told, and pictures for it."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipelines.filters.scoring import Picture
from pipelines.grounding.boxes import Candidates
from pipelines.grounding.detectors.protocol import Offer


class Told:
    """A detector that answers by a whole phrase, or else by its last word."""

    threshold = 0.5
    source = "told"
    window = 3
    on_gpu = False
    lacking = None

    def __init__(self, boxes: dict[str, list[tuple[tuple[float, ...], float]]]) -> None:
        self.boxes = boxes
        self.asked: list[list[list[str]]] = []

    def load(self) -> "Told":
        return self

    def detect(self, images: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[Offer]:
        self.asked.append([list(one) for one in phrases])
        if any(image.width == 13 for image in images):
            raise RuntimeError("thirteen")
        return [self.offer(one) for one in phrases]

    def offer(self, phrases: Sequence[str]) -> Offer:
        found = [
            (box, score, at)
            for at, phrase in enumerate(phrases)
            for box, score in self.boxes.get(phrase, self.boxes.get(phrase.split()[-1], ()))
        ]
        unasked = {at: "too_long" for at, phrase in enumerate(phrases) if phrase.endswith("longword")}
        boxes = np.array([box for box, _, _ in found]).reshape(-1, 4)
        scores, places = np.array([score for _, score, _ in found]), np.array([at for *_, at in found], np.int64)
        return Offer(Candidates(boxes, scores, places), unasked)


def png(width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (9, 99, 9)).save(out, "PNG")
    return out.getvalue()
