"""CogVLM-SFT-311K's folders: ``images/00000001.jpg`` and ``labels/00000001.json``, for each of its three parts.

A label file holds ``{"captions": [{"role": "caption", "content"}]}`` or ``{"conversations": [{"role": "user" |
"assistant", "content"}]}``. Beside ``labels/`` there may be ``labels_en/``: then the former are Chinese and the latter
English. Every label file is a row; so an image with labels in two languages is two rows.
"""

import json
import posixpath
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.sources.annotations.dialogue import turns_of
from pipelines.sources.annotations.folder import content, digest_of, folders_with, listing
from pipelines.sources.annotations.record import Record, RecordError, batches, broken, caption, image_path
from pipelines.sources.files import InputFile, Unit
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents
from pipelines.sources.tables.roles import GENERATED

LICENSE = "CC-BY-NC-4.0"
_LABELS, _LABELS_EN = "labels", "labels_en"
_MODEL = "CogVLM-SFT-311K"


def expand(text: str) -> list[str]:
    """The parts: `text` itself, or the folders in it."""
    return folders_with(text, "images", _LABELS)


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """How many labels there are, by their names."""
    labels = [listing(posixpath.join(file.path, name), ".json") for name in (_LABELS, _LABELS_EN)]
    units = (Unit(0),) if any(labels) else ()
    return Contents(None, units, sum(sum(sizes.values()) for sizes in labels), digest_of(labels))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every label file, those of ``labels/`` first."""
    yield from batches(_records(file.path, spec), spec, file, unit.first_row)


def _records(part: str, spec: SourceSpec) -> Iterator[Record]:
    images = {name.rpartition(".")[0]: name for name in listing(posixpath.join(part, "images"))}
    english = listing(posixpath.join(part, _LABELS_EN), ".json")
    first = spec.caption_lang or ("zh" if english else None)
    for folder, names, lang in (
        (_LABELS, listing(posixpath.join(part, _LABELS), ".json"), first),
        (_LABELS_EN, english, "en"),
    ):
        for name in names:
            stem = name.removesuffix(".json")
            others = {"label": f"{folder}/{name}"}
            try:
                image = image_path(posixpath.join(part, "images"), images.get(stem, f"{stem}.jpg"))
                captions, turns = _label(content(posixpath.join(part, folder, name)), lang)
            except RecordError as error:
                yield broken(error, others)
            else:
                yield Record(image, captions=captions, turns=turns, license=LICENSE, others=others)


def _label(body: bytes, lang: str | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}") from error
    if type(value) is dict and "conversations" in value:
        return [], turns_of(value["conversations"], lang)
    captions = value.get("captions") if type(value) is dict else None
    if not isinstance(captions, list) or not captions:
        raise RecordError("neither `captions` nor `conversations`")
    texts = [one.get("content") if isinstance(one, dict) and one.get("role") == "caption" else None for one in captions]
    if not all(isinstance(text, str) for text in texts):
        raise RecordError("a caption is not `{role: caption, content}`")
    return [caption(str(text), lang, GENERATED, _MODEL) for text in texts], None
