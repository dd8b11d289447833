"""Models laid out as PaddleOCR wants them: a folder each, the ONNX file beside a description of how pixels go in."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from pipelines.ocr.models import DETECTOR, RECOGNISER
from pipelines.ocr.sessions import session
from pipelines.ocr.settings import OcrSettings

MODEL: Final = "inference.onnx"
DESCRIPTION: Final = "inference.yml"
Step = dict[str, Any]
_DECODE: Step = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}


def detector_folder(weights: Path, settings: OcrSettings, cache: Path) -> Path:
    """The folder of a detection model in the cache, made where it is not there; a folder of the user's is taken as is.

    The folder goes by what it holds, so that several workers can make it at once. Raises ValueError for a file that is
    no model.
    """
    normal = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255.", "order": "hwc"}
    boxes = {
        "name": "DBPostProcess",
        "thresh": settings.det_threshold,
        "box_thresh": settings.box_threshold,
        "max_candidates": settings.max_boxes,
        "unclip_ratio": settings.unclip,  # unset, PaddleOCR takes 2.0 for a model of one's own
    }
    steps: list[Step] = [_DECODE, {"DetResizeForTest": None}, {"NormalizeImage": normal}, {"ToCHWImage": None}]
    return _folder(weights, DETECTOR, steps, lambda _: boxes, cache, boxes)


def recogniser_folder(weights: Path, cache: Path) -> Path:
    """The same for a recognition model. Raises ValueError also for one that does not name its characters."""

    def characters(model: Any) -> Step:
        known = model.get_modelmeta().custom_metadata_map.get("character")
        if known is None:
            raise ValueError(f"{weights} does not name its characters: its metadata lacks `character`")
        return {"name": "CTCLabelDecode", "character_dict": known.split("\n")}

    # a width of 48 where PaddleOCR says 320: a short line is not padded to it
    return _folder(weights, RECOGNISER, [_DECODE, {"RecResizeImg": {"image_shape": [3, 48, 48]}}], characters, cache)


def name_of(folder: Path) -> str:
    """The name that a model's description gives it, which PaddleOCR wants to be told. Raises ValueError without one."""
    try:
        described = yaml.safe_load((folder / DESCRIPTION).read_text("utf-8"))
        return str(described["Global"]["model_name"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{folder} is not a model as PaddleOCR lays them out: {error!r}") from error


def _folder(
    weights: Path, name: str, steps: list[Step], post: Callable[[Any], Step], cache: Path, chosen: Step | None = None
) -> Path:
    """`post` tells of the loaded model what becomes of its answers; `chosen` is what settings say of that."""
    if weights.is_dir():
        return weights
    told = repr((name, steps, chosen)).encode()
    with weights.open("rb") as file:
        digest = hashlib.sha256(hashlib.file_digest(file, "sha256").digest() + told).hexdigest()[:16]
    folder = cache / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    described = {
        "Global": {"model_name": name},
        "PreProcess": {"transform_ops": steps},
        "PostProcess": post(session(weights, "cpu")),
    }
    cache.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
    shutil.copyfile(weights, making / MODEL)
    (making / DESCRIPTION).write_text(yaml.safe_dump(described, allow_unicode=True, sort_keys=False), "utf-8")
    try:
        making.rename(folder)
    except OSError:  # another worker was first
        shutil.rmtree(making)
        if not folder.is_dir():
            raise
    return folder


def cache_folder(cache: str | None) -> Path:
    """Where models are laid out, and all that PaddleOCR writes goes."""
    if cache is not None:
        return Path(cache).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "shardmill" / "paddleocr"
