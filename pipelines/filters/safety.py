"""Whether an image may be shown at work: a narrow protocol for scorers, and NudeNet behind it.

Scores that the source carries (`punsafe`, `nsfw_score_opennsfw2`, …) are judged by the `score` filter, which needs no
pixels and no model (`pipelines.filters.carried`).
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image
from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.scoring import Picture, failures, score_rows
from pipelines.stage import AS_SAVED, MODEL_FILE, SPEC, Operational, Processed, Verdict, Verdicts, Worker
from schemas.tables import NSFW_SCORED

Score = Annotated[float, Field(ge=0, le=1)]
BodyPart = Literal[
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "BUTTOCKS_EXPOSED",
    "ANUS_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "BELLY_EXPOSED",
    "ARMPITS_EXPOSED",
    "FEET_EXPOSED",
    "FEMALE_GENITALIA_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
    "ANUS_COVERED",
    "BELLY_COVERED",
    "ARMPITS_COVERED",
    "FEET_COVERED",
    "FACE_FEMALE",
    "FACE_MALE",
]
"""What NudeNet 3.4 detects."""

_EXPOSED: tuple[BodyPart, ...] = (
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "BUTTOCKS_EXPOSED",
    "ANUS_EXPOSED",
)


class ImageScorer(Protocol):
    """Anything that says how unsafe images are."""

    def scores(self, images: Sequence[Picture]) -> Sequence[float]:
        """One number in 0–1 for each image: how sure it is that the image is unsafe."""
        ...


@dataclass(frozen=True, kw_only=True, config=SPEC)
class NsfwImages:
    """Refuses images that a detector finds unsafe, with a score above `at_most`; the score goes into `nsfw_score`.

    Ours: COYO-700M drops rows with a carried score above 0.5, by other models. The engine is NudeNet, an extra that is
    AGPL-3.0 as a whole, model included: pip install 'shardmill[nsfw]', and see whether its terms suit you. An image's
    score is the confidence of the surest of `labels` that NudeNet finds, and 0 where it finds none (it reports none
    below 0.25).
    """

    stage: Literal["nsfw_images"] = "nsfw_images"
    name: str | None = None
    engine: Literal["nudenet"] = "nudenet"
    at_most: Score = 0.5
    labels: Annotated[tuple[BodyPart, ...], Field(min_length=1)] = _EXPOSED
    """body parts that make an image unsafe"""
    model: Annotated[str | None, MODEL_FILE, Field(validate_default=True)] = None
    """an ONNX file of NudeNet's, as 640m.onnx; the one in its package (320n) when left out"""
    resolution: Annotated[int, Field(ge=32, le=2048, multiple_of=32)] = 320
    """pixels a side that the model looks at: 640 for 640m"""
    batch_size: Operational[Annotated[int, Field(ge=1, le=512)]] = 8
    """images that are decoded at once"""

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "model"
    reads: ClassVar[tuple[str, ...]] = ("image",)
    adds: ClassVar[pa.Schema] = NSFW_SCORED

    @field_validator("model")
    @classmethod
    def _there(cls, model: str | None, info: ValidationInfo) -> str | None:
        if info.context == AS_SAVED:
            return model
        package = find_spec("nudenet")
        if package is None or not package.submodule_search_locations:
            raise ValueError("`nsfw_images` needs NudeNet, which is AGPL-3.0: pip install 'shardmill[nsfw]'")
        shipped = Path(package.submodule_search_locations[0]) / "320n.onnx"
        path = Path(model).expanduser().absolute() if model else shipped
        if not path.is_file():
            raise ValueError(f"{path} is not there")
        return str(path)

    @property
    def on_gpu(self) -> bool:
        """NudeNet runs on the CPU."""
        return False

    def load(self) -> "NsfwEngine":
        """Load the model, and try it."""
        assert self.model is not None
        return NsfwEngine(NudeNet(self.model, self.resolution, self.labels), self.at_most, self.batch_size)


class NsfwEngine:
    """Scores images with any `ImageScorer`, and refuses those above `at_most`."""

    def __init__(self, scorer: ImageScorer, at_most: float, batch_size: int) -> None:
        scorer.scores([Image.new("RGB", (64, 64))])  # a model that fails on any image stops the run, and fails no row
        self._scorer, self._at_most, self._batch_size = scorer, at_most, batch_size

    def process(self, rows: pa.Table) -> Processed:
        found = score_rows(rows["image"], self._scores, self._batch_size)
        scores = pa.array([None if isinstance(one, Verdict) else one[0] for one in found], pa.float64())
        unsafe = Verdicts.refuse_where(pc.greater(scores, self._at_most), "nsfw_image", scores)
        return Processed(failures(found).or_else(unsafe), pa.table({"nsfw_score": scores.cast(pa.float32())}))

    def _scores(self, images: list[Picture], places: list[int]) -> list[list[float]]:  # noqa: ARG002
        return [[score] for score in self._scorer.scores(images)]


class NudeNet:
    """NudeNet's detector on CPU, through ONNX Runtime. The package and its model are AGPL-3.0."""

    def __init__(self, model: str, resolution: int, labels: Sequence[str]) -> None:
        self._labels = frozenset(labels)
        self._detector = import_module("nudenet").NudeDetector(
            model_path=model, providers=["CPUExecutionProvider"], inference_resolution=resolution
        )

    def scores(self, images: Sequence[Picture]) -> list[float]:
        """The confidence of the surest of the labels in each image; 0 where there is none.

        One image at a time: a batch is no faster on CPU, and an answer must not depend on its neighbours.
        """
        return [self._score(np.ascontiguousarray(np.asarray(image)[:, :, ::-1])) for image in images]

    def _score(self, bgr: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> float:
        found = self._detector.detect(bgr)
        return max((float(one["score"]) for one in found if one["class"] in self._labels), default=0.0)
