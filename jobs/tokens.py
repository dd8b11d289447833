"""What images cost: size and tokens of files under each dialect, from their headers alone."""

import io
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Budget, Dialect
from pipelines.chatml.dialects.tiles import TILE
from pipelines.pull import headers
from pipelines.pull.orientation import ORIENTATION, exif_orientation

_MARKS = 2
"""Tokens around an image: every family puts one before it and one behind."""
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
"""Orientations under which width and height change places."""


class ImageFileError(ValueError):
    """A file whose size cannot be told."""


class Cost(NamedTuple):
    """What one image costs in one dialect."""

    dialect: str
    budget: Budget
    fits: bool
    """False: the family's processor refuses the image's shape."""
    resized: tuple[int, int] | None
    """Width and height in pixels as the processor resizes it; None where unknown or refused."""
    tiles: tuple[int, int] | None
    """Columns and rows, where the family cuts tiles."""
    tokens: int | None
    """Without start and end marks."""


def tokens(paths: Sequence[Path], max_pixels: int | None, max_tiles: int | None, *, as_json: bool) -> int:
    """Print what each image costs in each dialect: a table an image, or one JSON object a line."""
    out, errors = (Console(highlight=False, soft_wrap=True, stderr=stderr) for stderr in (False, True))
    try:
        budgets = {name: _budget(dialect, max_pixels, max_tiles) for name, dialect in DIALECTS.items()}
    except ValueError as error:
        errors.print(Text(str(error)))
        return 2
    sizes, problems = [], []
    for path in paths:
        try:
            sizes.append(upright_size(path))
        except ImageFileError as error:
            problems.append(str(error))
    if problems:
        errors.print(Text("\n".join(problems)))
        return 2
    for path, size in zip(paths, sizes, strict=True):
        costs = [cost(DIALECTS[name], size, budget) for name, budget in budgets.items()]
        if as_json:
            sys.stdout.write(json.dumps(_facts(path, size, costs), ensure_ascii=False) + "\n")
        else:
            out.print(Text(f"{path}: {_by(size)}"))
            out.print(_table(costs), "")
    return 0


def _budget(dialect: Dialect, max_pixels: int | None, max_tiles: int | None) -> Budget:
    """The budget in force, of what is asked that which the dialect knows."""
    known = dialect.budget(Budget())
    return dialect.budget(
        Budget(
            None if known.max_pixels is None else max_pixels,
            None if known.max_tiles is None else max_tiles,
        )
    )


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file as people see it, which is how pull makes it: EXIF orientation applied.

    Only the header is read. Raises `ImageFileError`: there is no such file, or it is no image that pull decodes.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ImageFileError(f"{path}: {error.strerror}") from error
    kind = headers.sniff(body)
    if kind is None:
        raise ImageFileError(f"{path} is no image: it begins with {body[:16]!r}")
    if kind not in headers.READABLE:
        raise ImageFileError(f"{path} is {kind}, which is not read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(body), formats=(kind.upper(),))
            width, height = image.size
            turned = kind != "tiff" and _orientation(image, body) in _ON_ITS_SIDE  # Pillow has turned a TIFF's already
    except Image.DecompressionBombError as error:
        raise ImageFileError(f"{path} has more pixels than are decoded: {error}") from error
    except Exception as error:  # decoders raise a dozen classes; all say the same of these bytes
        raise ImageFileError(f"{path} is a damaged {kind} file: {error}") from error
    return (height, width) if turned else (width, height)


def _orientation(image: Image.Image, body: bytes) -> int:
    block = image.info.get("exif")
    if image.format == "JPEG" and block and exif_orientation(block) is None:
        return 1  # readers disagree on such a block, and pull drops it
    if image.format == "PNG" and not block and b"eXIf" in body:
        return int(image.getexif().get(ORIENTATION, 1))  # it stands behind the pixels: Pillow decodes to get there
    # a PNG's own method decodes always
    return int(Image.Image.getexif(image).get(ORIENTATION, 1))


def cost(dialect: Dialect, size: tuple[int, int], budget: Budget) -> Cost:
    """What an image of `size` (width, height) costs under a budget in force."""
    width, height = (np.array([side]) for side in size)
    if dialect.unfit(width, height)[0]:
        return Cost(dialect.name, budget, fits=False, resized=None, tiles=None, tokens=None)
    sides = dialect.resized(width, height, budget)
    resized = None if sides is None else (int(sides[0][0]), int(sides[1][0]))
    tiles = None if resized is None or budget.max_tiles is None else (resized[0] // TILE, resized[1] // TILE)
    counted = dialect.image_tokens(width, height, budget)
    return Cost(
        dialect.name,
        budget,
        fits=True,
        resized=resized,
        tiles=tiles,
        tokens=None if counted is None else int(counted[0]),
    )


def _facts(path: Path, size: tuple[int, int], costs: Sequence[Cost]) -> dict[str, Any]:
    return {
        "image": str(path),
        "width": size[0],
        "height": size[1],
        "dialects": {
            cost.dialect: {
                **cost.budget._asdict(),
                "fits": cost.fits,
                "resized": cost.resized,
                "tiles": cost.tiles,
                "tokens": cost.tokens,
                "tokens_with_marks": None if cost.tokens is None else cost.tokens + _MARKS,
            }
            for cost in costs
        },
    }


def _table(costs: Sequence[Cost]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("dialect", "budget", "resized to", "tiles"):
        table.add_column(heading, no_wrap=True)
    for heading in ("tokens", "with marks"):
        table.add_column(heading, justify="right", no_wrap=True)
    for cost in costs:
        resized = _by(cost.resized) if cost.resized else "unknown" if cost.fits else "refused"
        tiles = _by(cost.tiles) + (" + thumbnail" if cost.tiles != (1, 1) else "") if cost.tiles else "–"
        counts = ("–", "–") if cost.tokens is None else (f"{cost.tokens:,}", f"{cost.tokens + _MARKS:,}")
        table.add_row(cost.dialect, _limit(cost.budget), resized, tiles, *counts)
    return table


def _limit(budget: Budget) -> str:
    if budget.max_pixels is not None:
        return f"{budget.max_pixels:,} px"
    return "–" if budget.max_tiles is None else f"{budget.max_tiles} tiles"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
