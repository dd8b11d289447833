"""How text is found and read: one configuration for every engine."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from pipelines.ocr.models import DETECTOR, RECOGNISER, Weights, check_weights, resolve_weights
from pipelines.stage import AS_SAVED, SPEC, Operational

Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class OcrSettings:
    """Detection (DB: Liao et al., 2020) and recognition (CTC) of PP-OCR models, at PaddleOCR's defaults.

    InternVL 1.5 does not say at which settings it ran PaddleOCR.
    """

    det_side: Annotated[int, Field(ge=32, le=8192)] = 64
    """pixels of the side that `det_side_type` speaks of. 736 finds small text that 64 misses, and takes longer"""
    det_side_type: Literal["min", "max"] = "min"
    """`min`: an image whose shorter side is less is enlarged to it; `max`: one whose longer side is more is reduced"""
    det_max_side: Annotated[int, Field(ge=32, le=8192)] = 4000
    """pixels of the longer side above which an image is reduced for detection; text is read from its own pixels"""
    det_threshold: Share = 0.3
    """probability over which a pixel belongs to text"""
    box_threshold: Share = 0.6
    """mean probability over which a quad is text"""
    unclip: Annotated[float, Field(ge=1, le=4)] = 1.5
    """how far a quad grows: area × unclip / perimeter"""
    max_boxes: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """quads of an image that are looked at; the others are passed over"""
    turn_below: Annotated[float, Field(ge=0, le=1)] = 0.9
    """a line read less surely than this is read upside down too, and the surer reading stands; 0 for never"""
    det_model: Annotated[Weights, Field(validate_default=True)] = DETECTOR
    """`PP-OCRv6_small_det`, an ONNX file, or for `paddle` the folder of a model in Paddle's own layout"""
    rec_model: Annotated[Weights, Field(validate_default=True)] = RECOGNISER
    """`PP-OCRv6_small_rec`, an ONNX file with its characters in the metadata, or for `paddle` a folder"""
    det_name: str | None = None
    """for `paddle`: a model that PaddleOCR publishes, as PP-OCRv5_server_det, and downloads, in place of `det_model`"""
    rec_name: str | None = None
    """the same in place of `rec_model`"""
    width_step: Annotated[int, Field(ge=8, le=640)] = 8
    """pixels to whose multiple a line's width, at a height of 48, is padded: lines of one width are read together"""
    batch: Operational[Annotated[int | None, Field(ge=1, le=512)]] = None
    """images of one size, and lines of one width, that are looked at together; left out: 1 on a CPU, 16 on a GPU"""
    cache: Operational[str | None] = None
    """for `paddle`: the folder for all that it writes; left out, ~/.cache/shardmill/paddleocr"""

    @field_validator("det_model", "rec_model")
    @classmethod
    def _there(cls, weights: str, info: ValidationInfo) -> str:
        return weights if info.context == AS_SAVED else check_weights(weights)

    @property
    def det_path(self) -> Path:
        """The detector's file or folder."""
        return Path(resolve_weights(self.det_model))

    @property
    def rec_path(self) -> Path:
        """The recogniser's file or folder."""
        return Path(resolve_weights(self.rec_model))
