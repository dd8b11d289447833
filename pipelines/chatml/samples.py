"""The samples themselves: the shard's rows around the image bytes where they lie."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer

from pipelines.captions import EXPRESSION, Caption, all_captions
from pipelines.chatml.arrays import flat, ints, lists, narrow, one_each, struct
from pipelines.chatml.captions import UNKNOWN_LANGUAGE
from pipelines.chatml.conversation import Conversation
from pipelines.chatml.dialects.protocol import Dialect
from pipelines.chatml.expressions import converse_expressions
from pipelines.chatml.ocr import SOURCE, Line, boxes_around, converse_lines
from pipelines.chatml.pack import Told, optional_reads, row_boxes, row_lines, row_places, row_regions, row_turns
from pipelines.chatml.pack_spec import PackSpec, encode
from pipelines.chatml.regions import Region
from pipelines.chatml.tasks import Coordinates, Planned, converse
from pipelines.chatml.token_labels import count_tokens, load_tokenizer
from pipelines.chatml.turns import retell
from schemas.chatml import IMAGE, IMAGE_META, IMAGE_PLACEHOLDER, MESSAGE, PART, SHARD, SHARD_REGION, TAGGED_MESSAGE
from schemas.layout import row_id

_SUFFIX = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_PLANNED = ("task", "caption_index", "regions", "lines")
Indices = npt.NDArray[np.int64]


class Samples(NamedTuple):
    """Samples in `schemas.chatml.SHARD`, and how many of each one's tokens bear loss."""

    table: pa.Table
    supervised_tokens: npt.NDArray[np.int64] | None
    """Shape (samples,); None where no tokenizer counts them."""


def sample_reads(spec: PackSpec) -> tuple[str, ...]:
    """Columns that `make_samples` reads."""
    return (
        *("id", "url", "captions", "license", "source_file", "source_row"),
        *("image", "format", "width", "height", "sha256", "image_sha256", "phash", "canonical"),
        *("samples", *optional_reads(spec)),
    )


def make_samples(rows: pa.Table, spec: PackSpec, *, key: str, chosen: npt.NDArray[np.bool_] | None = None) -> Samples:
    """The samples that `judge` planned for `rows`, in order of rows and, in a row, of plans.

    `rows` holds `sample_reads` of rows that `judge` used (ValueError otherwise). `chosen`, of shape (planned samples,),
    says which of them are made; left out, all. `key` is the run's and prefixes every id. Where each row becomes one
    sample the image column is not copied, and the samples keep `rows` alive.
    """
    plans, langs, of_row = _plans(rows)
    if chosen is not None:
        wanted = np.flatnonzero(chosen).tolist()
        plans, langs = [plans[at] for at in wanted], [langs[at] for at in wanted]
        of_row = of_row[chosen]
    captions, regions, turns = all_captions(rows["captions"]), row_regions(rows, spec), row_turns(rows, spec)
    lines, (width, height) = row_lines(rows, spec), (ints(rows["width"]), ints(rows["height"]))
    boxes, places = row_boxes(regions, width, height, spec), row_places(lines, width, height, spec)
    ids = rows["id"].to_pylist()
    planned = list(zip(of_row.tolist(), plans, strict=True))
    trained = [None if plan.caption is None else captions[row][plan.caption] for row, plan in planned]
    conversations = [
        converse_lines(plan, lines[row], places[row].coordinates, ids[row], spec.model)
        if plan.lines
        else _conversation(plan, captions[row], regions[row], boxes[row], turns[row], ids[row], spec.model)
        for row, plan in planned
    ]
    shown = [
        [_of_region(regions[row][at], captions[row]) for at in plan.regions]
        + [_of_line(lines[row][at]) for at in plan.lines]
        for row, plan in planned
    ]
    if len(plans) != rows.num_rows or len(set(of_row.tolist())) != rows.num_rows:
        rows = rows.take(pa.array(of_row))

    messages, tagged = _messages(conversations)
    tokens = _count(conversations, spec)
    columns = {
        "id": pa.array(
            [
                f"{key}-{row_id(row)}-{plan.task}-{lang or UNKNOWN_LANGUAGE}"
                for row, plan, lang in zip(rows["id"].to_pylist(), plans, langs, strict=True)
            ],
            pa.string(),
        ),
        "messages": messages,
        "messages_tagged": tagged,
        "images": _images(rows),
        "image_meta": one_each(_image_meta(rows)),
        "regions": _regions(shown, rows),
        "task": pa.array([plan.task for plan in plans], pa.string()),
        "source": rows["source_file"],
        "license": rows["license"],
        "language": pa.array(langs, pa.string()),
        "provenance": pa.array(_provenance(rows, plans, trained), pa.string()),
        "n_text_tokens": pa.nulls(len(plans), pa.int32()) if tokens is None else pa.array(tokens[0], pa.int32()),
        "n_image_tokens": _image_tokens(rows, spec),
    }
    return Samples(pa.table(columns, schema=SHARD), None if tokens is None else tokens[1])


def _conversation(
    plan: Planned,
    captions: Sequence[Caption],
    regions: Sequence[Region],
    boxes: Sequence[Coordinates],
    turns: Told,
    row: int,
    dialect: Dialect,
) -> Conversation:
    """What `plan` says of the row with id `row`, of which all else is."""
    if plan.caption is None:
        return retell(turns[plan.task], dialect)
    caption = captions[plan.caption]
    if caption.role == EXPRESSION:
        return converse_expressions(plan, captions, regions, boxes, row, dialect)
    return converse(plan, caption, regions, boxes, row, dialect)


def _plans(rows: pa.Table) -> tuple[list[Planned], list[str | None], Indices]:
    """The planned samples of all rows, the language of each, and which row it is of."""
    column = flat(rows["samples"])
    if column.null_count:
        raise ValueError("a row without a planned sample cannot become one: only rows that judge used belong here")
    entries = column.flatten()
    tasks, captions, regions, lines = (entries.field(name).to_pylist() for name in _PLANNED)
    plans = [Planned(*plan) for plan in zip(tasks, captions, map(tuple, regions), map(tuple, lines), strict=True)]
    return (
        plans,
        entries.field("language").to_pylist(),
        np.repeat(np.arange(rows.num_rows), column.value_lengths().to_numpy()),
    )


def _messages(conversations: Sequence[Conversation]) -> tuple[pa.Array, pa.Array]:
    """The conversations in typed parts, and the same as one string a turn."""
    turns = [turn for conversation in conversations for turn in conversation]
    parts = [part for turn in turns for part in turn.parts]
    roles = pa.array([turn.role for turn in turns], pa.string())

    types = pa.array(["image" if part is None else "text" for part in parts], pa.string())
    typed_parts = struct(PART, types, pa.array(parts, pa.string()))
    content = lists([len(turn.parts) for turn in turns], typed_parts)
    joined = ["".join(IMAGE_PLACEHOLDER if part is None else part for part in turn.parts) for turn in turns]

    of_rows = [len(conversation) for conversation in conversations]
    typed = lists(of_rows, struct(MESSAGE, roles, content))
    return typed, lists(of_rows, struct(TAGGED_MESSAGE, roles, pa.array(joined, pa.string())))


def _images(rows: pa.Table) -> pa.ChunkedArray:
    sha256, formats = rows["sha256"].to_pylist(), rows["format"].to_pylist()
    names = [f"{digest.hex()[:16]}.{_SUFFIX[format_]}" for digest, format_ in zip(sha256, formats, strict=True)]
    paths = pa.array(names, pa.string())
    pieces, start = [], 0
    for chunk in rows["image"].chunks:
        for files in narrow(chunk):
            pieces.append(one_each(struct(IMAGE, files, paths.slice(start, len(files)))))
            start += len(files)
    return pa.chunked_array(pieces, SHARD.field("images").type)


def _image_meta(rows: pa.Table) -> pa.StructArray:
    return struct(
        IMAGE_META,
        flat(rows["width"]),
        flat(rows["height"]),
        flat(rows["format"]),
        pa.array([digest.hex() for digest in rows["sha256"].to_pylist()], pa.string()),
        pa.array([None if phash is None else f"{phash:016x}" for phash in rows["phash"].to_pylist()], pa.string()),
        flat(rows["url"]),
        flat(rows["license"]),
    )


class _Shown(NamedTuple):
    """What a sample says is in its image."""

    label: str
    box: Sequence[float]
    """x1 y1 x2 y2, 0–1."""
    score: float | None
    source: str | None


def _of_region(region: Region, captions: Sequence[Caption]) -> _Shown:
    return _Shown(captions[region.caption].text[slice(*region.span)], region.box, region.score, region.source)


def _of_line(line: Line) -> _Shown:
    return _Shown(line.text, boxes_around(np.array([line.quad]))[0].tolist(), line.score, SOURCE)


def _regions(shown: Sequence[Sequence[_Shown]], rows: pa.Table) -> pa.Array:
    """What each sample speaks of, in pixels of the canonical image."""
    counts = [len(regions) for regions in shown]
    flattened = [region for regions in shown for region in regions]
    of_sample = np.repeat(np.arange(len(shown)), counts)
    sizes = np.stack([ints(rows["width"]), ints(rows["height"])] * 2, axis=1)[of_sample]
    pixels = np.array([region.box for region in flattened], np.float32).reshape(-1, 4) * sizes
    fields = [
        pa.array(np.zeros(len(flattened)), pa.int32()),
        pa.array([region.label for region in flattened], pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(pixels.ravel(), pa.float32()), 4),
        pa.array([region.score for region in flattened], pa.float32()),
        pa.array([region.source for region in flattened], pa.string()),
    ]
    fields[2] = fields[2].cast(SHARD_REGION.field("bbox").type)
    return lists(counts, struct(SHARD_REGION, *fields))


def _provenance(rows: pa.Table, plans: Sequence[Planned], captions: Sequence[Caption | None]) -> list[str]:
    """Where each sample comes from, as JSON with sorted keys: the same row always gives the same text."""
    columns = ("id", "source_file", "source_row", "canonical", "image_sha256")
    ids, files, file_rows, treatments, digests = (rows[column].to_pylist() for column in columns)
    texts = []
    for at, (plan, caption) in enumerate(zip(plans, captions, strict=True)):
        facts: dict[str, Any] = {
            "row": ids[at],
            "source_file": files[at],
            "source_row": file_rows[at],
            "canonical": treatments[at] or "",
        }
        if plan.lines:
            facts["lines"] = plan.lines
        elif caption is not None:  # else the turns are the source's own
            facts["caption"] = {"index": caption.place, "model": caption.model, "role": caption.role}
        if treatments[at]:  # image_meta has the served file's digest, which these bytes no longer have
            facts["stored_sha256"] = digests[at].hex()
        texts.append(encode(facts))
    return texts


def _image_tokens(rows: pa.Table, spec: PackSpec) -> pa.Array:
    tokens = spec.model.image_tokens(ints(rows["width"]), ints(rows["height"]), spec.budget)
    return pa.nulls(rows.num_rows, pa.int32()) if tokens is None else pa.array(tokens, pa.int32())


def _count(conversations: Sequence[Conversation], spec: PackSpec) -> tuple[Indices, Indices] | None:
    """Text tokens and supervised tokens of each conversation; None where no tokenizer is given."""
    if spec.tokenizer is None:
        return None
    # no tokens for the images: what is left is the text, marks around images included
    texts = [spec.model.training_text(one, [0] * _n_images(one)) for one in conversations]
    changed = Path(spec.tokenizer).stat()
    return count_tokens(texts, _tokenizer(spec.tokenizer, changed.st_mtime_ns, changed.st_size))


def _n_images(conversation: Conversation) -> int:
    return sum(part is None for turn in conversation for part in turn.parts)


@lru_cache(maxsize=1)
def _tokenizer(path: str, modified: int, size: int) -> Tokenizer:  # noqa: ARG001 a file may be replaced
    return load_tokenizer(path)
