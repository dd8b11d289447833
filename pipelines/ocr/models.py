"""Weights that read text: those in rapidocr's wheel, or files of the user's."""

from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pipelines.stage import MODEL_FILE, FoundBy

DETECTOR: Final = "PP-OCRv6_small_det"
RECOGNISER: Final = "PP-OCRv6_small_rec"
"""PaddleOCR's own small models of June 2026, under Apache-2.0, as ONNX files in the wheel of rapidocr ≥ 3.10. The
recogniser knows 18,708 characters: Chinese (both scripts), English, Japanese and other languages in Latin letters."""

_FILES: Final = MappingProxyType({DETECTOR: "PP-OCRv6_det_small.onnx", RECOGNISER: "PP-OCRv6_rec_small.onnx"})


def resolve_weights(name: str) -> str:
    """The file that a name of ours stands for, or the file or folder that `name` is. Raises ValueError for neither."""
    if name not in _FILES:
        path = Path(name).expanduser().absolute()
        if path.exists():
            return str(path)
        raise ValueError(f"{name!r} is neither a file or folder of weights nor one of {', '.join(_FILES)}")
    package = find_spec("rapidocr")
    for place in (package and package.submodule_search_locations) or ():
        file = Path(place) / "models" / _FILES[name]
        if file.is_file():
            return str(file)
    raise ValueError(f"{name} is not there: it comes in the wheel of rapidocr 3.10 and later")


def check_weights(name: str) -> str:
    """What a recipe keeps of the name: itself, or an absolute path. Raises as `resolve_weights`."""
    path = resolve_weights(name)
    return name if name in _FILES else path


Weights = Annotated[str, MODEL_FILE, FoundBy(resolve_weights)]
"""A model of ours by name, or a path; what the files hold is fingerprinted."""
