"""PaddleOCR 3.7 or later (the extra `paddle`): its own detection and recognition modules.

With the models that rapidocr's wheel carries they run on ONNX Runtime, without paddlepaddle, and reach no host. A
model in Paddle's own layout, or one that PaddleOCR publishes, runs on paddlepaddle.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.ocr.crops import Pixels
from pipelines.ocr.paddle_models import MODEL, cache_folder, detector_folder, name_of, recogniser_folder
from pipelines.ocr.reader import Reader, Reading
from pipelines.ocr.recognition import HEIGHT, ROOM
from pipelines.ocr.settings import OcrSettings

_WANTED, _HEADLESS = "opencv-contrib-python", "opencv-python-headless"
_GREY = 128
"""What PaddleOCR itself fills the rest of a line with."""

_ON_GPU = 16


def lacking(settings: OcrSettings) -> str | None:
    """What to install before the engine can be loaded; None when all is here."""
    if find_spec("paddleocr") is None:
        return "the engine paddle needs PaddleOCR: pip install 'shardmill[paddle]', or take the engine rapid"
    if settings.det_name or settings.rec_name:
        return _lacks_paddlepaddle()
    return None


def load_paddle(settings: OcrSettings, device: str) -> Reader:
    """The engine, weights included. `device` is ``cpu``, ``cuda`` or ``cuda:1``.

    Raises ImportError where a package is not installed, and ValueError for files that are no models.
    """
    if (missing := lacking(settings)) is not None:
        raise ImportError(missing)
    cache = cache_folder(settings.cache)
    # both are read when the library is imported
    os.environ["PADDLE_PDX_CACHE_HOME"] = str(cache)
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    batch = settings.batch or (1 if device == "cpu" else _ON_GPU)
    with _headless_counts():
        library: Any = import_module("paddleocr")
        logging.getLogger("paddlex").setLevel(logging.ERROR)  # it would tell of each image that it reduces
        finder = library.TextDetection(
            **_given(settings.det_name, lambda: detector_folder(settings.det_path, settings, cache), device),
            limit_side_len=settings.det_side,
            limit_type=settings.det_side_type,
            thresh=settings.det_threshold,
            box_thresh=settings.box_threshold,
            unclip_ratio=settings.unclip,
        )
        recogniser = library.TextRecognition(
            **_given(settings.rec_name, lambda: recogniser_folder(settings.rec_path, cache), device)
        )
    return Reader(_Finder(finder, settings.det_max_side, batch), _Recogniser(recogniser, batch), settings.turn_below)


class _Finder:
    """See `pipelines.ocr.reader.Finder`."""

    def __init__(self, module: Any, most: int, batch: int) -> None:
        self._module, self._most, self._batch = module, most, batch

    def find(self, images: Sequence[Pixels]) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = []
        for _, alike in groupby(images, key=lambda image: image.shape):
            answers = self._module.predict(list(alike), batch_size=self._batch, max_side_limit=self._most)
            found += [np.asarray(answer["dt_polys"]).reshape(-1, 4, 2) for answer in answers]
        return found


class _Recogniser:
    """See `pipelines.ocr.reader.Recogniser`."""

    def __init__(self, module: Any, batch: int) -> None:
        self._module, self._batch = module, batch

    def recognise(self, crops: Sequence[Pixels]) -> list[Reading]:
        order = sorted(range(len(crops)), key=lambda at: crops[at].shape[1] / crops[at].shape[0])
        answers = self._module.predict([_with_room(crops[at]) for at in order], batch_size=self._batch)
        found = {
            at: Reading(str(answer["rec_text"]), float(answer["rec_score"]))
            for at, answer in zip(order, answers, strict=True)
        }
        return [found[at] for at in range(len(crops))]


def _with_room(crop: Pixels) -> Pixels:
    room = -(-ROOM * crop.shape[0] // HEIGHT)
    return np.pad(crop, ((0, 0), (0, room), (0, 0)), constant_values=_GREY)


def _given(name: str | None, folder: Callable[[], Path], device: str) -> dict[str, Any]:
    """The arguments that say which model runs on what."""
    where = device.replace("cuda", "gpu")
    if name is not None:
        return {"model_name": name, "engine": "paddle", "device": where, "cpu_threads": 1}
    place = folder()
    named = {"model_name": name_of(place), "model_dir": str(place), "device": where}
    if (place / MODEL).is_file():
        return {**named, "engine": "onnxruntime", "engine_config": {"intra_op_num_threads": 1}}
    if (missing := _lacks_paddlepaddle()) is not None:
        raise ImportError(missing)
    return {**named, "engine": "paddle", "cpu_threads": 1}


def _lacks_paddlepaddle() -> str | None:
    if find_spec("paddle") is not None:
        return None
    return "this model runs on paddlepaddle: pip install paddlepaddle, or paddlepaddle-gpu, as its own site says"


@contextmanager
def _headless_counts() -> Iterator[None]:
    """Where paddlex asks for the distribution `opencv-contrib-python`, the headless OpenCV answers.

    The two hold the same `cv2` for all that is used here, overwrite each other's files when both are installed, and the
    former needs libGL.
    """
    version = metadata.version

    def answer(name: str) -> str:
        try:
            return version(name)
        except metadata.PackageNotFoundError:
            if name != _WANTED:
                raise
            return version(_HEADLESS)

    metadata.version = answer  # type: ignore[assignment]
    try:
        yield
    finally:
        metadata.version = version
