"""LLaVA's JSON: an array of ``{"id", "image", "conversations": [{"from": "human" | "gpt", "value"}]}``.

Streamed. The image lies below `source.root`. A record without an image is a row with the reason ``no_image``, one with
several images has ``several_images``: a row is one image.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from pipelines.sources.annotations.dialogue import turns_of
from pipelines.sources.annotations.json_array import array_in, size_of
from pipelines.sources.annotations.record import Record, RecordError, batches, broken, image_path, root_of
from pipelines.sources.files import InputError, InputFile, Unit
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents

_SET_APART = frozenset({"image", "conversations"})


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """The first element."""
    first = list(islice(array_in(file), 1))
    if first and not (isinstance(first[0], dict) and "conversations" in first[0]):
        raise InputError("is not in LLaVA's layout: its first element has no `conversations`")
    return Contents(None, (Unit(0),) if first else (), size_of(file.path))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every element."""
    root = root_of(file.path, spec)
    records = (conversation_record(one, root, spec.caption_lang) for one in array_in(file))
    yield from batches(records, spec, file, unit.first_row)


def conversation_record(value: Any, root: str, lang: str | None) -> Record:
    """The row of one record of LLaVA's layout, which InternVL's JSON lines have too."""
    if type(value) is not dict:
        return broken(RecordError("not a JSON object"))
    others = {key: other for key, other in value.items() if key not in _SET_APART}
    try:
        return Record(
            image=image_path(root, _only_image(value)),
            turns=turns_of(value.get("conversations"), lang),
            others=others,
        )
    except RecordError as error:
        return broken(error, others)


def _only_image(value: dict[str, Any]) -> Any:
    if value.get("video"):
        raise RecordError("a conversation about a video", "no_image")
    image = value.get("image")
    if isinstance(image, list):
        if len(image) > 1:
            raise RecordError(f"{len(image)} images", "several_images")
        return image[0] if image else None
    return image
