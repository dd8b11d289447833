"""The training shard: its Arrow schema, its Hugging Face feature metadata, and how it is laid out in Parquet.

What is here was met by trying readers, and is not a matter of taste:

* Feature metadata spells lists ``[ {...} ]``; ``{"_type": "List"}`` fails on datasets 3.6. Arrow's fixed-size lists
  are declared as plain ones: every reader then takes them, and the Arrow type still holds the length.
* Images are declared with ``"decode": false``: a decoding feature makes two trainers re-encode JPEGs silently. The
  README's YAML declares a decoding list for people who load the folder.
* No ``image`` key in a content part, and no column named conversations, image, prompt, completion, chosen, rejected,
  objects, label, channel, tools or solution: trainers guess meanings from these names.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.tables import Column

IMAGE_PLACEHOLDER = "<image>"
"""Stands for an image in `messages_tagged`, and nowhere else in a training text."""


def _documented(name: str, type_: pa.DataType, meaning: str, unit: str = "", range_: str = "") -> pa.Field:
    return Column(name, type_, meaning, unit, range_).field()


PART = pa.struct(
    [
        _documented("type", pa.string(), "what the part is", range_="image, text"),
        _documented("text", pa.string(), "the text; null for an image"),
    ]
)
MESSAGE = pa.struct(
    [
        _documented("role", pa.string(), "who speaks", range_="system, user, assistant"),
        _documented("content", pa.list_(PART), "images and texts in reading order"),
    ]
)
TAGGED_MESSAGE = pa.struct(
    [
        _documented("role", pa.string(), "who speaks", range_="system, user, assistant"),
        _documented("content", pa.string(), f"the parts joined, {IMAGE_PLACEHOLDER} for each image"),
    ]
)
IMAGE = pa.struct(
    [
        _documented("bytes", pa.binary(), "the image file with canonical pixels: JPEG, PNG or WebP"),
        _documented("path", pa.string(), "a file name: 16 digits of the SHA-256 and the format's suffix"),
    ]
)
IMAGE_META = pa.struct(
    [
        _documented("width", pa.int32(), "of the canonical pixels", "pixel", "≥ 1"),
        _documented("height", pa.int32(), "of the canonical pixels", "pixel", "≥ 1"),
        _documented("format", pa.string(), "of `images.bytes`", range_="jpeg, png, webp"),
        _documented("sha256", pa.string(), "SHA-256 of the file as served, 64 hex digits"),
        _documented("phash", pa.string(), "perceptual hash of the canonical pixels, 16 hex digits"),
        _documented("url", pa.string(), "where it was asked for; null when the record holds none"),
        _documented("license", pa.string(), "as the source states it; null when it does not"),
    ]
)
SHARD_REGION = pa.struct(
    [
        _documented("image_index", pa.int32(), "which of `images`", range_="≥ 0"),
        _documented("label", pa.string(), "the phrase that the box shows, or the text in it"),
        _documented("bbox", pa.list_(pa.float32(), 4), "x1 y1 x2 y2 in the canonical pixels", "pixel"),
        _documented("score", pa.float32(), "the confidence of the detector, or of what read", range_="0–1"),
        _documented("source", pa.string(), "which detector or data set; ocr for lines of text"),
    ]
)

_COLUMNS = (
    Column("id", pa.string(), "run key, row id, task and language: unique over all shards of all runs"),
    Column("messages", pa.list_(MESSAGE), "the conversation in typed parts"),
    Column("messages_tagged", pa.list_(TAGGED_MESSAGE), "the same conversation, one string a turn"),
    Column("images", pa.list_(IMAGE), "in order of appearance; empty for text-only samples"),
    Column("image_meta", pa.list_(IMAGE_META), "one entry for each of `images`"),
    Column("regions", pa.list_(SHARD_REGION), "grounded phrases or lines of text; empty where there are none"),
    Column(
        "task",
        pa.string(),
        "what the sample trains",
        range="caption, grounded_caption, rec, reg, conversation, read_text, spot_text, read_region, find_text",
    ),
    Column("source", pa.string(), "name of the input file that the row came from"),
    Column("license", pa.string(), "of the sample as a whole, as the source states it; null when it does not"),
    Column("language", pa.string(), "of the supervised text, ISO 639 code; null when not known"),
    Column("provenance", pa.string(), "JSON: input row, caption or lines, and what was done to the image"),
    Column(
        "n_text_tokens", pa.int32(), "tokens of the conversation without its images; null: not counted", range="≥ 0"
    ),
    Column("n_image_tokens", pa.int32(), "image tokens, without start and end marks; null: not stated", range="≥ 0"),
)


def _feature(type_: pa.DataType) -> Any:
    if type_ == IMAGE:
        return {"decode": False, "_type": "Image"}
    if pa.types.is_list(type_) or pa.types.is_fixed_size_list(type_):
        return [_feature(type_.value_type)]
    if pa.types.is_struct(type_):
        return {field.name: _feature(field.type) for field in type_}
    return {"dtype": "float32" if pa.types.is_float32(type_) else str(type_), "_type": "Value"}


def features() -> dict[str, Any]:
    """The shard's Hugging Face features as they are embedded in its files, images not decoding."""
    return {column.name: _feature(column.type) for column in _COLUMNS}


SHARD: pa.Schema = pa.schema([column.field() for column in _COLUMNS]).with_metadata(
    {"huggingface": json.dumps({"info": {"features": features()}})}
)
"""The training shard. Lists are never null, though they may be empty; every other null has a stated meaning."""

ROW_GROUP_ROWS = 100
"""The Hub's viewer and streaming readers fetch whole row groups: at most so many rows in one …"""
ROW_GROUP_BYTES = 100_000_000
"""… and at most so many bytes, unless a single sample is larger. Far below the 2 GiB that `binary` can address."""

IMAGE_BYTES = "images.list.element.bytes"
_LOW_CARDINALITY = (
    "messages.list.element.role",
    "messages.list.element.content.list.element.type",
    "messages_tagged.list.element.role",
    "image_meta.list.element.format",
    "image_meta.list.element.license",
    "regions.list.element.source",
    "task",
    "source",
    "license",
    "language",
)
_WITH_STATISTICS = ("id", "task", "source", "license", "language", "n_text_tokens", "n_image_tokens")


def _leaves(name: str, type_: pa.DataType) -> list[str]:
    """Parquet's names of the leaf columns below a field."""
    if pa.types.is_list(type_) or pa.types.is_fixed_size_list(type_):
        return _leaves(f"{name}.list.element", type_.value_type)
    if pa.types.is_struct(type_):
        return [leaf for field in type_ for leaf in _leaves(f"{name}.{field.name}", field.type)]
    return [name]


LEAVES = tuple(leaf for field in SHARD for leaf in _leaves(field.name, field.type))
"""Parquet's names of all leaf columns, in file order."""


def parquet_options() -> dict[str, Any]:
    """Keyword arguments of `pyarrow.parquet.ParquetWriter` for a shard.

    Image files do not compress, so they are stored as they are, without statistics (a minimum of JPEGs tells nothing).
    Content-defined chunking keeps unchanged pages identical between versions, which the Hub stores once.
    """
    return {
        "version": "2.6",
        "compression": {leaf: "NONE" if leaf == IMAGE_BYTES else "ZSTD" for leaf in LEAVES},
        "use_dictionary": list(_LOW_CARDINALITY),
        "write_statistics": list(_WITH_STATISTICS),
        "write_page_index": True,
        "use_content_defined_chunking": True,
    }


def row_bytes(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Bytes that each row holds: its values and 4 bytes for each offset, whatever buffers they share.

    Shape (n,). Counts fixed-width values, strings, binaries, lists and structs of these, as the shard has them.
    """
    total = np.zeros(rows.num_rows, np.int64)
    for column in rows.columns:
        start = 0
        for chunk in column.chunks:
            total[start : start + len(chunk)] += _value_bytes(chunk)
            start += len(chunk)
    return total


def _value_bytes(array: pa.Array) -> npt.NDArray[np.int64]:
    type_ = array.type
    if len(array) == 0:
        return np.zeros(0, np.int64)
    if pa.types.is_struct(type_):
        return np.asarray(np.sum([_value_bytes(child) for child in array.flatten()], axis=0), np.int64)
    if pa.types.is_list(type_):
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(_value_bytes(array.values))])
        return _differences(ends[array.offsets.to_numpy()]) + 4
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
        return _differences(offsets) + 4
    width = type_.list_size * type_.value_type.bit_width if pa.types.is_fixed_size_list(type_) else type_.bit_width
    return np.full(len(array), width // 8, np.int64)


def _differences(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.asarray(values[1:] - values[:-1], np.int64)
