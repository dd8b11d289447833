"""What stages share that ask a model for numbers: pixels for it, batches, and what becomes of rows it fails on."""

import io
import math
import warnings
from collections.abc import Callable, Sequence

import pyarrow as pa
from PIL import Image

from pipelines.stage import Verdict, Verdicts

Picture = Image.Image
"""An image in mode RGB, with the pixels that every trainer decodes."""

Numbers = list[float]
"""What a model says of one row."""

_FORMATS = ("JPEG", "PNG", "WEBP")


def score_rows(
    images: pa.ChunkedArray, score: Callable[[list[Picture], list[int]], Sequence[Numbers]], batch_size: int
) -> list[Numbers | Verdict]:
    """The numbers of each row, or why there are none.

    `images` holds canonical image files; each is decoded once. `score` is handed pictures and the places of their rows,
    a batch at a time, and answers a list for each. Where it raises on a batch it is asked row by row, so that one image
    fails alone; a number that is none fails its row too.
    """
    found: list[Numbers | Verdict] = []
    for start in range(0, len(images), batch_size):
        batch = [_decoded(image.as_py()) for image in images.slice(start, batch_size)]
        at = [start + place for place, picture in enumerate(batch) if isinstance(picture, Picture)]
        pictures = [picture for picture in batch if isinstance(picture, Picture)]
        answers = iter(_answers(score, pictures, at))
        found += [next(answers) if isinstance(picture, Picture) else picture for picture in batch]
    return found


def failures(found: Sequence[Numbers | Verdict]) -> Verdicts:
    """The verdicts among `found`; the other rows are kept."""
    return Verdicts.of([one if isinstance(one, Verdict) else None for one in found])


def _answers(
    score: Callable[[list[Picture], list[int]], Sequence[Numbers]], pictures: list[Picture], at: list[int]
) -> list[Numbers | Verdict]:
    if not pictures:
        return []
    try:
        answers = score(pictures, at)
    except Exception as error:  # noqa: BLE001 libraries of models raise anything
        if len(pictures) == 1:
            return [Verdict("model_error", detail=f"{type(error).__name__}: {error}"[:500])]
        return [_answers(score, [picture], [place])[0] for picture, place in zip(pictures, at, strict=True)]
    checked = zip(answers, pictures, strict=True)
    return [numbers if all(map(math.isfinite, numbers)) else _no_number() for numbers, _ in checked]


def _no_number() -> Verdict:
    return Verdict("model_error", detail="the model's answer is not a number")


def _decoded(image: bytes) -> Picture | Verdict:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # pull's cap let it through
            with Image.open(io.BytesIO(image), formats=_FORMATS) as opened:
                return opened.convert("RGB")
    except Exception as error:  # noqa: BLE001 Pillow raises a dozen classes for damaged files
        return Verdict("truncated_image", detail=f"{type(error).__name__}: {error}"[:500])
