"""COCO's JSON: ``{"images": [...], "annotations": [...], "licenses": [...]}``; here its captions.

An image is a row; of its captions (five, by people) the longest stands last. Where `source.root` is not given, images
that have a ``coco_url`` are fetched from there, and others looked for beside the file. The file is read whole: about
five times its size in memory.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.sources.annotations.json_array import object_in, size_of
from pipelines.sources.annotations.record import (
    Record,
    RecordError,
    batches,
    broken,
    caption,
    image_path,
    longest_last,
    root_of,
)
from pipelines.sources.files import InputError, InputFile, Unit
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents
from pipelines.sources.tables.roles import ANNOTATED

_LISTS = ("images", "annotations")


class Coco:
    """What a COCO file says, by id."""

    def __init__(self, path: str) -> None:
        value = object_in(path)
        if missing := [name for name in _LISTS if not isinstance(value.get(name), list)]:
            raise InputError(f"{path} is not in COCO's layout: it has no list `{'` and no list `'.join(missing)}`")
        self.images = _by_id(value["images"])
        self.annotations: list[Any] = value["annotations"]
        licenses = value.get("licenses")
        self._licenses = _by_id(licenses) if isinstance(licenses, list) else {}

    def record_of(self, image_id: Any, path: str, spec: SourceSpec) -> Record:
        """A row for an image, nothing said of it yet. Raises RecordError where there is none."""
        image = self.images.get(key_of(image_id))
        if image is None:
            raise RecordError(f"no image has the id {image_id}")
        url = image.get("coco_url")
        url = url if isinstance(url, str) and url else None
        fetched = spec.root is None and url is not None
        license_ = self._licenses.get(key_of(image.get("license")), {})
        stated = license_.get("url") or license_.get("name")
        return Record(
            image=None if fetched else image_path(root_of(path, spec), image.get("file_name")),
            url=url,
            license=stated if isinstance(stated, str) else None,
            others={"image_id": image_id, "file_name": image.get("file_name")},
        )


def key_of(value: Any) -> int | str | None:
    """An id as a key; None for what can be none."""
    return value if isinstance(value, int | str) else None


def _by_id(values: list[Any]) -> dict[int | str | None, dict[str, Any]]:
    named = ((key_of(one.get("id")), one) for one in values if isinstance(one, dict))
    return {key: one for key, one in named if key is not None}


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """Its size; what it holds is seen when it is read."""
    size = size_of(file.path)
    return Contents(None, (Unit(0),) if size else (), size)


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every image, then one for every image that is spoken of and not there."""
    yield from batches(_records(file, spec), spec, file, unit.first_row)


def _said(texts: list[Any]) -> list[str]:
    if all(isinstance(text, str) for text in texts):
        return texts
    raise RecordError("an annotation without a caption")


def _records(file: InputFile, spec: SourceSpec) -> Iterator[Record]:
    coco = Coco(file.path)
    texts: defaultdict[int | str | None, list[Any]] = defaultdict(list)
    for one in coco.annotations:
        value = one if isinstance(one, dict) else {}
        texts[key_of(value.get("image_id"))].append(value.get("caption"))
    lang = spec.caption_lang or "en"
    for image_id in dict.fromkeys([*coco.images, *texts]):
        try:
            record = coco.record_of(image_id, file.path, spec)
            said = _said(texts.get(image_id, []))
        except RecordError as error:
            yield broken(error, {"image_id": image_id})
        else:
            record.captions = [caption(text, lang, ANNOTATED) for text in longest_last(said)]
            yield record
