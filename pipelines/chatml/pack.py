"""Packing: which rows become samples, and the samples themselves.

Two pure steps. `judge` decides from the small columns alone, so that shards can be cut before an image is read;
`samples` builds the shard's rows around the image bytes where they lie, without copying them.
"""

import hashlib
import json
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.chatml.captions import Caption, chosen_captions
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Dialect
from pipelines.chatml.tasks import Conversation, TaskName, caption_conversation
from pipelines.stage import SPEC, Processed, Verdict, Verdicts
from schemas.chatml import IMAGE, IMAGE_META, IMAGE_PLACEHOLDER, MESSAGE, PART, SHARD, TAGGED_MESSAGE
from schemas.layout import row_id
from schemas.tables import PACKED

JUDGE_READS = ("captions", "url", "image_bytes", "width", "height")
"""Columns that `judge` reads."""
SAMPLE_READS = (
    *("id", "url", "captions", "license", "source_file", "source_row"),
    *("image", "format", "width", "height", "sha256", "phash", "canonical"),
)
"""Columns that `samples` reads."""

_SUFFIX = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_TEXT_ALLOWANCE = 1024
"""Bytes of a sample besides image, URL and caption: request, hashes, provenance. Rough, as it only cuts shards."""
_OFFSET_MAX = 2**31 - 1
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True, config=SPEC)
class PackSpec:
    """How rows become training shards.

    `max_pixels` is the pixel budget that the model's processor will be run with; image tokens are counted under it.
    Left out, it is the family's default (Qwen2-VL: 28² · 1280).
    """

    dialect: Literal["qwen2_vl", "plain"] = "qwen2_vl"
    tasks: Annotated[tuple[TaskName, ...], Field(min_length=1)] = ("caption",)
    shard_mb: Annotated[int, Field(ge=1)] = 256
    """Target size of a shard in MB (10⁶ bytes)."""
    max_pixels: int | None = None

    version: ClassVar[int] = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks names a task twice")
        DIALECTS[self.dialect].pixel_budget(self.max_pixels)
        return self

    @property
    def pixel_budget(self) -> int | None:
        """The budget in force, in pixels; None where the dialect has none."""
        return DIALECTS[self.dialect].pixel_budget(self.max_pixels)

    def shard_metadata(self) -> dict[str, str]:
        """What a shard's footer says of how it was packed, JSON under the key ``shardmill``."""
        facts = {"dialect": self.dialect, "pixel_budget": self.pixel_budget, "tasks": self.tasks}
        return {"shardmill": _encode({**facts, "version": self.version})}


def judge(rows: pa.Table, spec: PackSpec) -> Processed:
    """Which rows become samples, how many, and how many bytes they add to a shard.

    `rows` holds `JUDGE_READS`. Refused: ``no_caption``, and ``unfit_for_dialect`` (value: longer to shorter side). Adds
    `schemas.tables.PACKED`; `sample_bytes` is exact in the image and within about a kilobyte in the texts.
    """
    captions = chosen_captions(rows["captions"])
    width, height = _ints(rows["width"]), _ints(rows["height"])
    unfit = DIALECTS[spec.dialect].unfit(width, height)

    verdicts: list[Verdict | None] = []
    for caption, refused, w, h in zip(captions, unfit.tolist(), width.tolist(), height.tolist(), strict=True):
        if caption is None:
            verdicts.append(Verdict("no_caption"))
        elif refused:
            verdicts.append(Verdict("unfit_for_dialect", max(w, h) / min(w, h)))
        else:
            verdicts.append(None)

    texts = [
        # a caption stands in both forms of the conversation
        2 * len(caption.text.encode()) + len((url or "").encode()) + _TEXT_ALLOWANCE if caption else 0
        for caption, url in zip(captions, rows["url"].to_pylist(), strict=True)
    ]
    refused_rows = np.array([verdict is not None for verdict in verdicts], np.bool_)
    size = _ints(rows["image_bytes"]) + len(spec.tasks) * np.array(texts, np.int64)
    n_samples = np.full(rows.num_rows, len(spec.tasks), np.int32)
    columns = [pa.array(n_samples, mask=refused_rows), pa.array(size, mask=refused_rows)]
    return Processed(Verdicts.of(verdicts), pa.Table.from_arrays(columns, schema=PACKED))


def samples(rows: pa.Table, spec: PackSpec, *, key: str) -> pa.Table:
    """The samples of `rows` in `schemas.chatml.SHARD`, in their order.

    `rows` holds `SAMPLE_READS` of rows that `judge` used (ValueError otherwise); `key` is the run's and prefixes every
    id. The image column is not copied: the samples keep `rows` alive.
    """
    dialect = DIALECTS[spec.dialect]
    (task,) = spec.tasks  # one ships so far
    captions = [_required(caption) for caption in chosen_captions(rows["captions"])]
    ids = rows["id"].to_pylist()
    conversations = [
        caption_conversation(caption.text, caption.lang, row, dialect)
        for caption, row in zip(captions, ids, strict=True)
    ]
    messages, tagged = _messages(conversations)
    columns = {
        "id": pa.array([f"{key}-{row_id(row)}-{task}" for row in ids], pa.string()),
        "messages": messages,
        "messages_tagged": tagged,
        "images": _images(rows),
        "image_meta": _one_each(_image_meta(rows)),
        "regions": pa.array([[]] * len(ids), SHARD.field("regions").type),
        "task": pa.array([task] * len(ids), pa.string()),
        "source": rows["source_file"],
        "license": rows["license"],
        "language": pa.array([caption.lang for caption in captions], pa.string()),
        "provenance": pa.array(_provenance(rows, captions), pa.string()),
        "n_text_tokens": pa.nulls(len(ids), pa.int32()),  # a tokenizer counts them, and none is at hand
        "n_image_tokens": _image_tokens(rows, dialect, spec.max_pixels),
    }
    return pa.table(columns, schema=SHARD)


def _required(caption: Caption | None) -> Caption:
    if caption is None:
        raise ValueError("a row without a caption cannot become a sample: only rows that judge used belong here")
    return caption


def _messages(conversations: list[Conversation]) -> tuple[pa.Array, pa.Array]:
    """The conversations in typed parts, and the same as one string a turn."""
    turns = [turn for conversation in conversations for turn in conversation]
    parts = [part for turn in turns for part in turn.parts]
    roles = pa.array([turn.role for turn in turns], pa.string())

    types = pa.array(["image" if part is None else "text" for part in parts], pa.string())
    typed_parts = _struct(PART, types, pa.array(parts, pa.string()))
    content = _lists(_offsets([len(turn.parts) for turn in turns]), typed_parts)
    joined = ["".join(IMAGE_PLACEHOLDER if part is None else part for part in turn.parts) for turn in turns]

    of_rows = _offsets([len(conversation) for conversation in conversations])
    typed = _lists(of_rows, _struct(MESSAGE, roles, content))
    return typed, _lists(of_rows, _struct(TAGGED_MESSAGE, roles, pa.array(joined, pa.string())))


def _images(rows: pa.Table) -> pa.ChunkedArray:
    sha256, formats = rows["sha256"].to_pylist(), rows["format"].to_pylist()
    names = [f"{digest.hex()[:16]}.{_SUFFIX[format_]}" for digest, format_ in zip(sha256, formats, strict=True)]
    paths = pa.array(names, pa.string())
    pieces, start = [], 0
    for chunk in rows["image"].chunks:
        for narrow in _narrow(chunk):
            pieces.append(_one_each(_struct(IMAGE, narrow, paths.slice(start, len(narrow)))))
            start += len(narrow)
    return pa.chunked_array(pieces, SHARD.field("images").type)


def _narrow(images: pa.Array) -> list[pa.Array]:
    """A large_binary array as binary arrays over the same bytes; several where 32-bit offsets do not reach.

    Arrow's own cast refuses a short slice that lies far out in a long buffer.
    """
    if images.null_count:
        raise ValueError("a row without an image cannot become a sample: only rows that judge used belong here")
    if len(images) == 0:
        return []
    _, offsets_buffer, data = images.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[images.offset : images.offset + len(images) + 1]
    if offsets[-1] - offsets[0] > _OFFSET_MAX:
        if len(images) == 1:
            raise ValueError(f"an image of {offsets[-1] - offsets[0]} bytes does not fit the shard's binary column")
        half = len(images) // 2
        return [*_narrow(images.slice(0, half)), *_narrow(images.slice(half))]
    relative = pa.py_buffer((offsets - offsets[0]).astype(np.int32))
    window = data.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    return [pa.Array.from_buffers(pa.binary(), len(images), [None, relative, window])]


def _image_meta(rows: pa.Table) -> pa.StructArray:
    return _struct(
        IMAGE_META,
        _flat(rows["width"]),
        _flat(rows["height"]),
        _flat(rows["format"]),
        pa.array([digest.hex() for digest in rows["sha256"].to_pylist()], pa.string()),
        pa.array([None if phash is None else f"{phash:016x}" for phash in rows["phash"].to_pylist()], pa.string()),
        _flat(rows["url"]),
        _flat(rows["license"]),
    )


def _provenance(rows: pa.Table, captions: list[Caption]) -> list[str]:
    """Where each sample comes from, as JSON with sorted keys: the same row always gives the same text."""
    ids, files, file_rows, treatments = (
        rows[column].to_pylist() for column in ("id", "source_file", "source_row", "canonical")
    )
    texts = []
    for at, caption in enumerate(captions):
        facts = {
            "row": ids[at],
            "source_file": files[at],
            "source_row": file_rows[at],
            "canonical": treatments[at] or "",
            "caption": {"index": caption.place, "model": caption.model, "role": caption.role},
        }
        if treatments[at]:  # image_meta has the served file's digest, which these bytes no longer have
            facts["stored_sha256"] = hashlib.sha256(rows["image"][at].as_buffer()).hexdigest()
        texts.append(_encode(facts))
    return texts


def _image_tokens(rows: pa.Table, dialect: Dialect, max_pixels: int | None) -> pa.Array:
    tokens = dialect.image_tokens(_ints(rows["width"]), _ints(rows["height"]), max_pixels)
    return pa.nulls(rows.num_rows, pa.int32()) if tokens is None else pa.array(tokens, pa.int32())


def _struct(type_: pa.StructType, *columns: pa.Array) -> pa.StructArray:
    return pa.StructArray.from_arrays(columns, fields=list(type_))


def _lists(offsets: pa.Array, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(offsets, values)


def _one_each(values: pa.Array) -> pa.ListArray:
    """Lists of one value each."""
    return _lists(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)


def _offsets(lengths: list[int]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), pa.int32())


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _ints(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.to_numpy(), np.int64)
