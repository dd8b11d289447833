"""RapidOCR: the PP-OCR models that its wheel carries, on ONNX Runtime alone."""

from pipelines.ocr.detection import DbFinder
from pipelines.ocr.reader import Reader
from pipelines.ocr.recognition import CtcRecogniser
from pipelines.ocr.sessions import session
from pipelines.ocr.settings import OcrSettings

_ON_GPU = 16
"""Images and lines that are looked at together on a GPU; on a CPU one at a time is fastest."""


def load_rapid(settings: OcrSettings, device: str) -> Reader:
    """The engine, weights included. `device` is ``cpu``, ``cuda`` or ``cuda:1``.

    Pixels are prepared as PaddleOCR prepares them and not as RapidOCR does by itself: ImageNet's mean and spread,
    PaddleOCR's thresholds, no dilation, no enlargement to 736, no direction classifier. Raises ValueError where the
    device, or a file of weights, cannot be used.
    """
    batch = settings.batch or (1 if device == "cpu" else _ON_GPU)
    for path in (settings.det_path, settings.rec_path):
        if path.is_dir():
            raise ValueError(f"{path} is a folder, and the engine rapid reads ONNX files: take the engine paddle")
    finder = DbFinder(session(settings.det_path, device), settings, batch)
    recogniser = CtcRecogniser(session(settings.rec_path, device), batch, settings.width_step)
    return Reader(finder, recogniser, settings.turn_below)
