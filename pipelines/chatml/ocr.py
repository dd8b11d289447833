"""Tasks made of the text in an image: its lines, as a stage that reads left them (`schemas.tables.READ`).

* **read_text**: which text is in the image? All of it, joined as it is read.
* **spot_text**: the same, each line with its box or quad (Qwen-VL and NVLM: OCR with grounding).
* **read_region**: which text is at …? One question for each line, answered by its text (NVLM: grounded OCR).
* **find_text**: where does it say …? One question for each line, answered by its box or quad.

Published are the names of the sets and the layouts of the dialects; which lines are used, and how they are asked about,
is ours. A line that a rule dropped is never asked about nor answered with, but it stands in the picture all the same:
a question that it would answer as well is not asked.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.chatml.arrays import grouped
from pipelines.chatml.conversation import Conversation
from pipelines.chatml.dialects.protocol import Budget, Dialect, Grounded, Ints, Shape
from pipelines.chatml.neutralise import neutralise
from pipelines.chatml.phrasings import AskedTask, TaskName, phrasing
from pipelines.chatml.tasks import Coordinates, Pair, Planned, Refused, as_turns
from pipelines.ocr.joining import join

LINE_TASKS: frozenset[TaskName] = frozenset({"read_text", "spot_text", "read_region", "find_text"})
"""Tasks that are made of lines of text; of these, …"""
PLACED_TASKS: frozenset[TaskName] = LINE_TASKS - {"read_text"}
"""… those that say where a line is."""

SOURCE = "ocr"
"""What the shard's regions of lines name as their source."""

Fractions = npt.NDArray[np.float64]
_TALL = 1.5
"""A first side so many times shorter than the second is that of a vertical column of upright characters."""


class Line(NamedTuple):
    """One line of text of a row."""

    text: str
    """As it was read."""
    quad: tuple[float, ...]
    """x1 y1 … x4 y4, 0–1, clockwise as one reads, from the text's own top left."""
    score: float
    script: str | None
    block: int | None
    dropped: str | None


class Measured(NamedTuple):
    """A row's lines in the dialect's terms: sequences of one entry a line."""

    coordinates: Sequence[Coordinates]
    """Box or quad on the dialect's grid."""
    px: Sequence[float | None]
    """Height as the dialect resizes the image, in pixels; None where it does not say."""


class LineLimits(NamedTuple):
    """Which lines are used, and how long a conversation may be."""

    min_px: float
    """A line lower than so many pixels, as the dialect resizes the image, is illegible."""
    max_turns: int
    """Questions that one conversation may ask."""


def lines_of(column: pa.ChunkedArray) -> list[Sequence[Line]]:
    """The lines of each row, in their order; a null list is empty."""
    array = column.combine_chunks()
    entries = array.flatten()
    fields = dict(zip([field.name for field in entries.type], entries.flatten(), strict=True))
    columns = zip(*(fields[name].to_pylist() for name in Line._fields), strict=True)
    lines = [Line(text or "", tuple(quad), *rest) for text, quad, *rest in columns]
    return grouped(lines, array.value_lengths().fill_null(0).to_pylist())


def measure(
    lines: Sequence[Sequence[Line]], width: Ints, height: Ints, dialect: Dialect, budget: Budget, shape: Shape | None
) -> list[Measured]:
    """The lines of each row on the dialect's grid, as boxes or quads, and as high as it sees them.

    Sizes have shape (rows,), in pixels. Where `shape` is None, nothing has coordinates.
    """
    counts = [len(row) for row in lines]
    if not any(counts):
        return [Measured((), ()) for _ in lines]
    flat = [line for row in lines for line in row]
    quads = np.array([line.quad for line in flat], np.float64)
    of_row = np.repeat(np.arange(len(lines)), counts)
    width, height = width[of_row], height[of_row]
    resized = dialect.resized(width, height, budget)
    px: list[float | None] = [None] * len(flat)
    if resized is not None:
        sides = np.stack([width, height], axis=1)
        px = [*heights(quads, [line.text for line in flat], sides, np.stack(resized, axis=1))]
    coordinates: list[Coordinates] = [()] * len(flat)
    if shape is not None:
        grid = dialect.to_grid(quads if shape == "quad" else boxes_around(quads), width, height, budget)
        coordinates = [tuple(one) for one in grid.tolist()]
    return [Measured(*row) for row in zip(grouped(coordinates, counts), grouped(px, counts), strict=True)]


def heights(quads: Fractions, texts: Sequence[str], sides: Ints, resized: Ints) -> list[float]:
    """How high lines are in resized pixels: `quads` of shape (n, 8), 0–1, `sides` and `resized` (n, 2), in pixels.

    The height is across the line as it is read: in a vertical column, the width of its characters.
    """
    corners = quads.reshape(-1, 4, 2)
    across, along = (_extents(corners * size[:, None, :]) for size in (sides, resized))
    upright = across[0] * _TALL > across[1]
    vertical = ~upright & np.array([len(text) > 1 for text in texts], np.bool_)
    return [float(px) for px in np.where(vertical, along[0], along[1])]


def _extents(corners: Fractions) -> tuple[Fractions, Fractions]:
    """Mean length of a quad's first and third, and of its second and fourth side; corners of shape (n, 4, 2)."""
    lengths = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
    return (lengths[:, 0] + lengths[:, 2]) / 2, (lengths[:, 1] + lengths[:, 3]) / 2


def boxes_around(quads: Fractions) -> Fractions:
    """The smallest upright boxes x1 y1 x2 y2 around quads of shape (n, 8); shape (n, 4)."""
    corners = quads.reshape(-1, 4, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def decide_lines(
    tasks: Sequence[TaskName], lines: Sequence[Line], measured: Measured, limits: LineLimits
) -> tuple[list[Planned], list[Refused]]:
    """What the lines of a row give."""
    planned: list[Planned] = []
    refused: list[Refused] = []
    counting = [at for at, line in enumerate(lines) if line.dropped is None]
    flaws = {at: _flaw(lines[at], measured.px[at], limits) for at in counting}
    for task in tasks:
        left = dict(flaws)
        if task != "read_text":
            left |= {
                at: ("box_too_small", None) for at in counting if not left[at][0] and _is_flat(measured.coordinates[at])
            }
        if task in ("read_region", "find_text"):
            unclear = _has_company if task == "read_region" else _stands_elsewhere
            left |= {at: unclear(at, lines) for at in counting if not left[at][0]}
            clear = sorted((at for at in counting if not left[at][0]), key=lambda at: (-lines[at].score, at))
            left |= {at: ("over_max_turns", len(clear)) for at in clear[limits.max_turns :]}
        refused += [Refused(task, None, None, reason, value, at) for at, (reason, value) in left.items() if reason]
        if used := tuple(at for at in counting if not left[at][0]):
            planned.append(Planned(task, None, (), used))
        else:
            refused.append(Refused(task, None, None, "no_line"))
    return planned, refused


_Flaw = tuple[str | None, float | None]


def _flaw(line: Line, px: float | None, limits: LineLimits) -> _Flaw:
    """Why no task can use a line, and what was measured."""
    if not neutralise(line.text).strip():
        return "blank_phrase", None
    return ("illegible", px) if px is not None and px < limits.min_px else (None, None)


def _is_flat(coordinates: Coordinates) -> bool:
    """Whether a box or quad has no extent on the grid."""
    xs, ys = coordinates[::2], coordinates[1::2]
    return min(xs) == max(xs) or min(ys) == max(ys)


def _stands_elsewhere(at: int, lines: Sequence[Line]) -> _Flaw:
    """Whether another line says what this one does, or holds it, and how many do; letters and digits alone count."""
    said = _plain(lines[at].text)
    others = sum(said in _plain(line.text) for place, line in enumerate(lines) if place != at)
    return ("repeated_text", others) if others else (None, None)


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))).casefold()


def _has_company(at: int, lines: Sequence[Line]) -> _Flaw:
    """Whether the middle of another line lies in the box around this one, and how many do."""
    x1, y1, x2, y2 = boxes_around(np.array([lines[at].quad]))[0].tolist()
    middles = [(sum(line.quad[::2]) / 4, sum(line.quad[1::2]) / 4) for place, line in enumerate(lines) if place != at]
    others = sum(x1 <= x <= x2 and y1 <= y <= y2 for x, y in middles)
    return ("crowded_box", others) if others else (None, None)


def converse_lines(
    plan: Planned, lines: Sequence[Line], coordinates: Sequence[Coordinates], row: int, dialect: Dialect
) -> Conversation:
    """Write a planned conversation of the row with id `row`; `lines` and `coordinates` are all of the row's."""
    used = [lines[at] for at in plan.lines]
    chinese = language(used) == "zh"
    texts = [neutralise(line.text).strip() for line in used]
    places = [coordinates[at] for at in plan.lines]
    if plan.task == "read_text":
        return as_turns([(phrasing("read_text", row, chinese=chinese), joined(used))], dialect)
    if plan.task == "spot_text":
        items = [Grounded(text, (place,)) for text, place in zip(texts, places, strict=True)]
        return as_turns([(phrasing("spot_text", row, chinese=chinese), dialect.write_list(items))], dialect)
    asked: AskedTask = "read_region" if plan.task == "read_region" else "find_text"
    pairs: list[Pair] = []
    for turn, (text, place) in enumerate(zip(texts, places, strict=True)):
        wording = phrasing(asked, row, turn, chinese=chinese)
        if asked == "read_region":
            pairs.append((wording.replace("{}", dialect.write(None, [place])), text))
        else:
            pairs.append((wording.replace("{}", text), dialect.write(text, [place])))
    return as_turns(pairs, dialect)


def joined(lines: Sequence[Line]) -> str:
    """The text of lines in reading order, harmless."""
    entries: list[Mapping[str, object]] = [line._asdict() for line in lines]
    return neutralise(join(entries)).strip()


def language(lines: Sequence[Line]) -> str | None:
    """The language of lines: zh where most characters are in lines of Han script, else None: scripts tell no more."""
    han = sum(len(line.text) for line in lines if line.script == "Hani")
    return "zh" if 2 * han > sum(len(line.text) for line in lines) else None
