"""The photographs that lie inside scikit-image's wheel.

Only files of the installed package are read: nothing is downloaded, and scikit-image itself is never imported.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from jobs.demo.catalogue import PHOTOGRAPHS, Photograph

_HOW = "pip install 'shardmill[demo]'"


class MissingPhotographsError(RuntimeError):
    """scikit-image is not installed, or lacks a file."""


@dataclass(frozen=True, slots=True)
class CaptionedView:
    """One caption of one view, with the picture it speaks of."""

    photograph: Photograph
    view: int
    variant: int
    """which of the view's captions"""
    caption: str
    image: Image.Image
    """RGB or L"""


def folder() -> Path:
    """Where the installed scikit-image keeps its pictures. Raises `MissingPhotographsError`."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise MissingPhotographsError(
            f"the demo serves the photographs bundled with scikit-image, which is not installed: {_HOW}"
        )
    return Path(package.origin).parent / "data"


def opened(file: str) -> Image.Image:
    """A picture of the package, decoded. Raises `MissingPhotographsError`."""
    path = folder() / file
    if not path.exists():
        raise MissingPhotographsError(f"the installed scikit-image lacks {path}; get a whole one: {_HOW}")
    image = Image.open(path)
    image.load()
    return image


def captioned_views() -> Iterator[CaptionedView]:
    """Every caption with its picture; no two texts are equal. Raises `MissingPhotographsError`."""
    for photograph in PHOTOGRAPHS:
        whole = opened(photograph.file)
        for index, view in enumerate(photograph.views):
            image = whole.crop(view.box) if view.box else whole
            for variant, text in enumerate(view.captions):
                yield CaptionedView(photograph, index, variant, text, image)
