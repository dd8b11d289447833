"""What stages share that ask a model for numbers: pixels for it, batches, and what becomes of rows it fails on."""

import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import pyarrow as pa
from PIL import Image

from pipelines.stage import Verdict, Verdicts

Picture = Image.Image
"""An image in mode RGB, with the pixels that every trainer decodes."""

Numbers = list[float]
"""What a model says of one row."""

_Answer = TypeVar("_Answer")
_FORMATS = ("JPEG", "PNG", "WEBP")


def score_rows(
    images: pa.ChunkedArray, score: Callable[[list[Picture], list[int]], Sequence[Numbers]], batch_size: int
) -> list[Numbers | Verdict]:
    """The numbers of each row, or why there are none: `ask_rows` of a model that answers a list of numbers for each.

    A number that is none fails its row too.
    """
    found = ask_rows(images, range(len(images)), score, batch_size)
    return [_finite(found[place]) for place in range(len(images))]


def ask_rows(
    images: pa.ChunkedArray,
    places: Sequence[int],
    ask: Callable[[list[Picture], list[int]], Sequence[_Answer]],
    batch_size: int,
) -> dict[int, _Answer | Verdict]:
    """What a model answers for the rows at `places`, or why it does not; batches are made in the order of `places`.

    `images` holds canonical image files; each is decoded once. `ask` is handed pictures and the places of their rows,
    a batch at a time, and answers for each. Where it raises on a batch it is asked row by row, so that one image
    fails alone.
    """
    found: dict[int, _Answer | Verdict] = {}
    for start in range(0, len(places), batch_size):
        batch = {place: decoded(images[place].as_py()) for place in places[start : start + batch_size]}
        pictures = {place: picture for place, picture in batch.items() if isinstance(picture, Picture)}
        found |= {place: failed for place, failed in batch.items() if isinstance(failed, Verdict)}
        found |= dict(zip(pictures, _answers(ask, list(pictures.values()), list(pictures)), strict=True))
    return found


def failures(found: Sequence[Numbers | Verdict]) -> Verdicts:
    """The verdicts among `found`; the other rows are kept."""
    return Verdicts.of([one if isinstance(one, Verdict) else None for one in found])


def _answers(
    ask: Callable[[list[Picture], list[int]], Sequence[_Answer]], pictures: list[Picture], at: list[int]
) -> list[_Answer | Verdict]:
    if not pictures:
        return []
    try:
        answers = ask(pictures, at)
    except Exception as error:  # noqa: BLE001 libraries of models raise anything
        if len(pictures) == 1:
            return [Verdict("model_error", detail=f"{type(error).__name__}: {error}"[:500])]
        return [_answers(ask, [picture], [place])[0] for picture, place in zip(pictures, at, strict=True)]
    return [answer for answer, _ in zip(answers, pictures, strict=True)]


def _finite(answer: Numbers | Verdict) -> Numbers | Verdict:
    if isinstance(answer, Verdict) or all(map(math.isfinite, answer)):
        return answer
    return Verdict("model_error", detail="the model's answer is not a number")


def decoded(image: bytes) -> Picture | Verdict:
    """The pixels of a canonical image file, or why there are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # pull's cap let it through
            with Image.open(io.BytesIO(image), formats=_FORMATS) as opened:
                return opened.convert("RGB")
    except Exception as error:  # noqa: BLE001 Pillow raises a dozen classes for damaged files
        return Verdict("truncated_image", detail=f"{type(error).__name__}: {error}"[:500])
