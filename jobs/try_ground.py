"""`try ground`: one picture and one caption through the stage `ground`, and a picture of what it finds."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image, ImageDraw

from jobs.commands import answers
from jobs.try_picture import canonical_picture, check_png
from pipelines.chatml.regions import Region, regions_of
from pipelines.filters.scoring import decoded
from pipelines.grounding.detectors.pretrained import MissingWeightsError
from pipelines.grounding.detectors.shapes import Shapes
from pipelines.grounding.stage import Ground
from pipelines.pull.canonical import Canonical
from pipelines.recipe_text import RecipeError, load
from pipelines.stage import Verdict
from schemas.tables import INPUT

_COLOURS = ("#e4002b", "#0057d9", "#00863d", "#a400c4", "#d05a00", "#00758f")


@dataclass(frozen=True)
class GroundOptions:
    """What `try ground` was asked for."""

    image: Path
    caption: str
    out: Path | None = None
    recipe: str | None = None
    settings: tuple[str, ...] = ()


@answers
def try_ground(options: GroundOptions) -> int:
    """Print one JSON object, and draw the boxes where that is asked for."""
    spec = _spec(options.recipe, options.settings)
    check_png(options.out)
    if spec.detector.lacking:
        raise RecipeError("the stage ground", [spec.detector.lacking])
    image = canonical_picture(options.image)
    try:
        engine = replace(spec, without_boxes="keep").load()
    except (MissingWeightsError, ValueError, OSError) as error:
        raise RecipeError("the stage ground", [str(error)]) from None
    done = engine.process(_row(image, options.caption))
    assert done.columns is not None
    if (detail := done.verdicts.detail[0].as_py()) is not None:
        raise RecipeError(str(options.image), [f"the detector failed on it: {detail}"])
    (regions,) = regions_of(done.columns["regions"])
    sys.stdout.write(json.dumps(_facts(options.image, image, regions), ensure_ascii=False) + "\n")
    if not regions and isinstance(spec.detector, Shapes):
        sys.stderr.write("the detector shapes knows coloured shapes in drawings only; for photographs, --set another\n")
    if options.out is not None:
        _overlay(image, options.caption, regions).save(options.out, "PNG")
    return 0


def _spec(recipe: str | None, settings: Sequence[str]) -> Ground:
    if recipe is None:
        if settings:
            raise RecipeError("--set", ["name the recipe whose settings these are with --recipe"])
        return Ground()
    found = [stage for stage in load(recipe, settings).stages if isinstance(stage, Ground)]
    if not found:
        raise RecipeError("--recipe", [f"{recipe} has no stage `ground`"])
    return found[0]


def _row(image: Canonical, caption: str) -> pa.Table:
    return pa.table(
        {
            "image": pa.array([image.image], pa.large_binary()),
            "width": pa.array([image.width], pa.int32()),
            "height": pa.array([image.height], pa.int32()),
            "captions": pa.array([[{"text": caption, "role": "web"}]], INPUT.field("captions").type),
            "regions": pa.nulls(1, INPUT.field("regions").type),
        }
    )


def _facts(path: Path, image: Canonical, regions: Sequence[Region]) -> dict[str, Any]:
    said = [
        {"phrase": one.phrase, "expression": one.span, "box": [round(v, 6) for v in one.box], "score": one.score}
        for one in regions
    ]
    return {"image": str(path), "width": image.width, "height": image.height, "regions": said}


def _overlay(image: Canonical, caption: str, regions: Sequence[Region]) -> Image.Image:
    """The picture with its boxes, each phrase in a colour of its own, and phrase and score in the box's corner."""
    picture = decoded(image.image)
    if isinstance(picture, Verdict):
        raise RecipeError("the picture", [picture.detail or picture.reason])
    width, height = picture.size
    line = max(2, round(min(width, height) / 150))
    draw = ImageDraw.Draw(picture)
    spans = sorted({one.phrase for one in regions})
    for one in regions:
        colour = _COLOURS[spans.index(one.phrase) % len(_COLOURS)]
        x1, y1, x2, y2 = (
            round(value * side) for value, side in zip(one.box, (width, height, width, height), strict=True)
        )
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=line)
        label = f"{caption[slice(*one.phrase)]} {one.score:.2f}"
        _, _, right, bottom = draw.textbbox((0, 0), label)
        at = (max(0, min(x1 + line, width - 2 - right)), max(0, min(y1 + line, height - 2 - bottom)))
        draw.rectangle(draw.textbbox(at, label), fill="white")
        draw.text(at, label, fill=colour)
    return picture
