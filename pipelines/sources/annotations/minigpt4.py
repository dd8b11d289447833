"""MiniGPT-4's ``filter_cap.json``, ``{"annotations": [{"image_id", "caption"}]}``, and ``image/{image_id}.jpg``.

The captions were made by a model and looked through by people. `source.root` is the folder of the images, where it is
another than ``image`` beside the file. The file (3,439 captions) is read whole.
"""

import posixpath
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.sources.annotations.json_array import object_in, size_of
from pipelines.sources.annotations.record import Record, RecordError, batches, broken, caption, image_path
from pipelines.sources.files import InputError, InputFile, Unit
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents
from pipelines.sources.tables.roles import GENERATED

_SET_APART = frozenset({"caption"})


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """Whether it holds annotations."""
    return Contents(None, (Unit(0),) if _annotations(file) else (), size_of(file.path))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every annotation."""
    root = spec.root or posixpath.join(posixpath.dirname(file.path), "image")
    records = (_record(one, root, spec.caption_lang or "en") for one in _annotations(file))
    yield from batches(records, spec, file, unit.first_row)


def _annotations(file: InputFile) -> list[Any]:
    found = object_in(file.path).get("annotations")
    if not isinstance(found, list):
        raise InputError("is not in MiniGPT-4's layout: it has no list `annotations`")
    return found


def _record(value: Any, root: str, lang: str) -> Record:
    if type(value) is not dict:
        return broken(RecordError("not a JSON object"))
    others = {key: other for key, other in value.items() if key not in _SET_APART}
    name, text = value.get("image_id"), value.get("caption")
    if not isinstance(text, str):
        return broken(RecordError("no caption"), others)
    if name is None or isinstance(name, bool | float | list | dict):
        return broken(RecordError("no image is named", "no_image"), others)
    try:
        image = image_path(root, f"{name}.jpg")
    except RecordError as error:
        return broken(error, others)
    return Record(image=image, captions=[caption(text, lang, GENERATED, "MiniGPT-4")], others=others)
