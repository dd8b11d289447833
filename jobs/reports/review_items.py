"""What of a stage's work people are asked to judge: boxes, lines of text, translations, or rows that it refused."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_cards.html.review import Item
from data_cards.marks import BoxMark, LineMark
from data_cards.page import number_said
from data_cards.sheet import Tile
from data_cards.thumbnail import Thumbnail, cut_out, thumbnail
from jobs.reports.rows import box_marks, images, known_rows, line_marks
from jobs.reports.sampling import Question, ranks, sample
from jobs.reports.tiles import tiles
from jobs.running.hops import INPUT_LAYER, Hop, hop_index
from jobs.running.state import RunState
from jobs.store.plan import Ids, Part, read_input
from pipelines.stage import Stage, title
from schemas.layout import row_id
from schemas.reasons import REASONS, Outcome

_SIDE, _ROOM = 640, 50_000
_SPAN = 1 << 20
"""More than a row has of anything."""
_RULED = frozenset(name for name, reason in REASONS.items() if reason.outcome == Outcome.REJECTED)


@dataclass(frozen=True)
class Sampled:
    """Items that were drawn, and of how many."""

    items: tuple[Item, ...]
    of: int


class _One(NamedTuple):
    """One element of a row's list."""

    rank: int
    row: int
    place: int
    part: Part


class _Lists(NamedTuple):
    """How the elements of a list column are sampled and shown."""

    told_by: str
    """A column that only stages add that find such elements."""
    column: str
    leaves: tuple[str, ...]
    counts: Callable[[dict[str, pa.Array]], pa.Array]
    """Which elements count, by their leaves."""
    item: Callable[[str, dict[str, Any], int, bytes | None], Item | None]
    """Key, what is known of the row, the element's place, and the row's image; None where it cannot be shown."""


def review_items(state: RunState, stage: str, n: int, seed: int) -> Sampled:
    """At most `n` items of a stage's work, uniform among all, in the order of the rows; the same for the same seed.

    Of a stage that finds something: what it found, one by one. Of any other: rows that it rejected.
    """
    hop = state.hops[hop_index(state.hops, stage)]
    spec = next(one for one in hop.stages if title(one) == stage)
    kind = next((one for one in _KINDS if isinstance(spec, Stage) and one.told_by in spec.adds.names), None)
    if kind is None:
        (found,) = sample(state, [Question(_RULED, stage)], n, seed)
        shown = sorted(tiles(state, found.drawn(), _SIDE, _ROOM), key=lambda tile: tile.id)
        return Sampled(tuple(_refused(tile) for tile in shown), found.matching)
    drawn: list[_One] = []
    of = 0
    for part in state.plan.parts:
        if state.is_valid(hop, part):
            found_here = _elements(state, hop, part, kind, seed)
            of += len(found_here)
            drawn = sorted([*drawn, *found_here])[:n]
    groups: dict[int, list[_One]] = {}
    for one in drawn:
        groups.setdefault(one.part.number, []).append(one)
    items = [item for ones in groups.values() for item in _shown(state, hop, kind, ones)]
    return Sampled(tuple(item for _, item in sorted(items, key=lambda one: one[0])), of)


def _elements(state: RunState, hop: Hop, part: Part, kind: _Lists, seed: int) -> list[_One]:
    """The elements of a part that count and that the hop itself added, each with its rank."""
    leaves = [f"{kind.column}.list.element.{leaf}" for leaf in kind.leaves]
    with pq.ParquetFile(hop.path(state.layout, part.number), memory_map=True) as file:
        rows = file.read(["id", *leaves])
    lists = rows[kind.column].combine_chunks()
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    ids = np.repeat(rows["id"].to_numpy(), lengths)
    places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    elements = lists.flatten()
    counts = kind.counts({leaf: elements.field(leaf) for leaf in kind.leaves}).to_numpy(zero_copy_only=False)
    wanted = counts & (places >= np.repeat(_before(state, hop, part, kind.column, rows["id"]), lengths))
    wanted &= ~np.isin(ids, state.superseded(part))
    ids, places = ids[wanted], places[wanted]
    return [
        _One(rank, row, place, part)
        for rank, row, place in zip(
            ranks(ids * _SPAN + places, seed).tolist(), ids.tolist(), places.tolist(), strict=True
        )
    ]


def _before(state: RunState, hop: Hop, part: Part, column: str, ids: pa.ChunkedArray) -> Ids:
    """How many elements each row had before the hop."""
    origin = hop.origins.get(column)
    if origin is None:
        return np.zeros(len(ids), np.int64)
    if origin == INPUT_LAYER:
        rows = read_input(state.layout, part, ["id", column])
    else:
        with pq.ParquetFile(hop.path(state.layout, part.number, origin), memory_map=True) as file:
            rows = file.read(["id", column])
    had = dict(zip(rows["id"].to_pylist(), pc.list_value_length(rows[column]).to_pylist(), strict=True))
    return np.array([had.get(row) or 0 for row in ids.to_pylist()], np.int64)


def _shown(state: RunState, hop: Hop, kind: _Lists, ones: Sequence[_One]) -> Iterator[tuple[tuple[int, int], Item]]:
    part, before = ones[0].part, state.hops[: hop.index + 1]
    ids = sorted({one.row for one in ones})
    known = known_rows(state, part, before, ids, _COLUMNS)
    pulls = [other for other in before if "image" in other.schema.names]
    files = dict(images(pulls[-1].path(state.layout, part.number), ids)) if pulls else {}
    for one in ones:
        item = kind.item(f"{row_id(one.row)}-{one.place}", known[one.row], one.place, files.get(one.row))
        if item is not None:
            yield (one.row, one.place), item


def _box(key: str, row: dict[str, Any], place: int, image: bytes | None) -> Item:
    box: BoxMark = box_marks(row)[place]
    said = (("phrase", box.label), ("caption", row["captions"][row["regions"][place]["caption_index"]]["text"]))
    return Item(key, "Does the box show what the phrase names?", said, _small(image), boxes=(box,))


def _line(key: str, row: dict[str, Any], place: int, image: bytes | None) -> Item:
    line = line_marks(row)[place]
    cut = cut_out(image, line.quad, _SIDE, _ROOM) if image is not None else None
    small, quad = cut or (None, line.quad)
    mark = LineMark(line.text, quad, line.score)
    return Item(key, "Is this what stands in the frame?", (("read", line.text),), small, lines=(mark,))


def _translation(key: str, row: dict[str, Any], place: int, image: bytes | None) -> Item:
    one = row["translations"][place]
    source, answer = row["captions"][one["of"]]["text"], row["captions"][one["caption_index"]]["text"]
    said = ((f"{one['pass']} to {one['to']}", answer), ("source", source))
    return Item(key, "Is it right, and is it good language?", said, _small(image))


def _refused(tile: Tile) -> Item:
    value = () if tile.value is None else (("value", number_said(tile.value)),)
    said = (
        ("reason", f"{tile.reason}: {REASONS[tile.reason].meaning}" if tile.reason else ""),
        *value,
        *((name, bound) for name, bound in tile.thresholds),
        *(("detail", text) for text in (tile.detail,) if text),
        *(("caption", caption.text) for caption in tile.captions),
        *(("address", text) for text in (tile.address,) if text),
    )
    question = "Was it right to leave this row out?"
    return Item(f"{row_id(tile.id)}", question, said, tile.thumbnail, tile.boxes, tile.lines)


def _small(image: bytes | None) -> Thumbnail | None:
    return None if image is None else thumbnail(image, _SIDE, _ROOM)


def _answered(leaves: dict[str, pa.Array]) -> pa.Array:
    right = pc.and_(pc.equal(leaves["outcome"], "translated"), pc.is_valid(leaves["caption_index"]))
    return pc.and_(right, pc.is_valid(leaves["of"])).fill_null(False)


_KINDS = (
    _Lists("ungrounded", "regions", ("caption_index",), lambda leaves: leaves["caption_index"].is_valid(), _box),
    _Lists("translations", "translations", ("outcome", "caption_index", "of"), _answered, _translation),
    _Lists("lines", "lines", ("dropped",), lambda leaves: leaves["dropped"].is_null(), _line),
)
_COLUMNS = ("captions", "regions", "lines", "translations")
