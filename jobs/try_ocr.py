"""`try ocr`: pictures through the stage `ocr`, and a picture of what it reads."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from PIL import Image, ImageDraw
from pydantic import ValidationError

from jobs.commands import answers
from jobs.try_picture import canonical_picture, check_png
from pipelines.filters.scoring import decoded
from pipelines.ocr.stage import Ocr
from pipelines.pull.canonical import Canonical
from pipelines.recipe_text import RecipeError, load, parse
from pipelines.stage import Verdict, Verdicts

_STAGE_ALONE = "{{name: try, stages: [{{stage: pull}}, {{stage: ocr, engine: {}}}]}}"
_ENGINES: dict[str, Literal["rapid", "paddle"]] = {"rapid": "rapid", "paddle": "paddle"}
_LINE, _START = "#e4002b", "#0057d9"


@dataclass(frozen=True)
class OcrOptions:
    """What `try ocr` was asked for."""

    images: tuple[Path, ...]
    engine: str | None = None
    out: Path | None = None
    recipe: str | None = None
    settings: tuple[str, ...] = ()


@answers
def try_ocr(options: OcrOptions) -> int:
    """Print one JSON object an image, and draw the quads where that is asked for."""
    spec = _spec(options)
    check_png(options.out)
    if options.out is not None and len(options.images) > 1:
        raise RecipeError("--out", ["it shows one picture: give one"])
    if spec.lacking:
        raise RecipeError("the stage ocr", [spec.lacking])
    images = [canonical_picture(path) for path in options.images]
    try:
        engine = spec.load()
    except (ImportError, ValueError, OSError) as error:
        raise RecipeError("the stage ocr", [str(error)]) from None
    for path, image in zip(options.images, images, strict=True):
        done = engine.process(_row(image))
        assert done.columns is not None
        (lines,), (text,) = (column.to_pylist() for column in done.columns.columns)
        if lines is None:
            raise RecipeError(str(path), [f"the engine failed on it: {done.verdicts.detail[0].as_py()}"])
        counting = [line for line in lines if line["dropped"] is None]
        sys.stdout.write(json.dumps(_facts(path, image, counting, text), ensure_ascii=False) + "\n")
        sys.stdout.flush()
        for said in _left_out(lines, done.verdicts):
            sys.stderr.write(f"{path}: {said}\n")
        if options.out is not None:
            _overlay(image, counting).save(options.out, "PNG")
    return 0


def _spec(options: OcrOptions) -> Ocr:
    """The stage of the recipe; without a recipe, the stage at its defaults with the settings applied to it."""
    if options.engine is not None and options.engine not in _ENGINES:
        raise RecipeError("--engine", [f"{options.engine!r} is neither rapid nor paddle"])
    if options.recipe is None:
        recipe = parse(_STAGE_ALONE.format(options.engine or Ocr().engine), "--set", options.settings)
    else:
        recipe = load(options.recipe, options.settings)
    found = [stage for stage in recipe.stages if isinstance(stage, Ocr)]
    if not found:
        raise RecipeError("--recipe", [f"{options.recipe} has no stage `ocr`"])
    if options.recipe is None or options.engine is None:
        return found[0]
    try:
        return replace(found[0], engine=_ENGINES[options.engine])
    except ValidationError as error:
        raise RecipeError("--engine", [problem["msg"] for problem in error.errors()]) from None


def _row(image: Canonical) -> pa.Table:
    return pa.table(
        {
            "image": pa.array([image.image], pa.large_binary()),
            "width": pa.array([image.width], pa.int32()),
            "height": pa.array([image.height], pa.int32()),
        }
    )


def _facts(path: Path, image: Canonical, lines: Sequence[dict[str, Any]], text: str) -> dict[str, Any]:
    said = [
        {
            "text": line["text"],
            "score": round(line["score"], 6),
            "quad": [[round(x, 6), round(y, 6)] for x, y in _corners(line)],
        }
        for line in lines
    ]
    return {"image": str(path), "width": image.width, "height": image.height, "lines": said, "text": text}


def _left_out(lines: Sequence[dict[str, Any]], verdicts: Verdicts) -> Iterator[str]:
    """Why lines that were read are not among those printed, and why a run would refuse the picture."""
    dropped = Counter(line["dropped"] for line in lines if line["dropped"] is not None)
    if dropped:
        told = ", ".join(f"{number} {reason}" for reason, number in sorted(dropped.items()))
        yield f"lines that do not count: {told}"
    if (reason := verdicts.reason[0].as_py()) is not None:
        why = verdicts.value[0].as_py(), verdicts.detail[0].as_py()
        yield " ".join(["a run would refuse it:", reason, *(f"{word}" for word in why if word is not None)])


def _corners(line: dict[str, Any]) -> list[tuple[float, float]]:
    return list(zip(line["quad"][::2], line["quad"][1::2], strict=True))


def _overlay(image: Canonical, lines: Sequence[dict[str, Any]]) -> Image.Image:
    """The picture with the quads of its lines, each with its number in reading order where it begins."""
    picture = decoded(image.image)
    if isinstance(picture, Verdict):
        raise RecipeError("the picture", [picture.detail or picture.reason])
    width, height = picture.size
    thick = max(1, round(min(width, height) / 300))
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines, 1):
        corners = [(min(x * width, width - 1), min(y * height, height - 1)) for x, y in _corners(line)]
        draw.line([*corners, corners[0]], fill=_LINE, width=thick)
        x, y = corners[0]
        draw.ellipse((x - 2 * thick, y - 2 * thick, x + 2 * thick, y + 2 * thick), fill=_START)
        at = (x + 3 * thick, max(0, y - 11))
        draw.rectangle(draw.textbbox(at, str(number)), fill="white")
        draw.text(at, str(number), fill=_START)
    return picture
