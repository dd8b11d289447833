"""InternVL's JSON lines, and the meta file that lists sets of them.

A line is ``{id, image, width, height, conversations: [{from: human | gpt, value}]}``; the meta file is
``{set: {root, annotation, data_augment, repeat_time, length}}``. Its `root` and `annotation` are the user's own words,
as a recipe is, and relative ones are meant from where the meta file lies. How often a set is to be repeated is carried
along, not applied: proportions are the mixture's matter.
"""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.sources.annotations.json_array import object_in, size_of
from pipelines.sources.annotations.llava import conversation_record
from pipelines.sources.annotations.record import Record, RecordError, annotation_files, batches, broken, root_of
from pipelines.sources.files import InputError, InputFile, Unit, content_digest, open_text
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents

_LINES = (".jsonl", ".ndjson")
_IN_META = "#"
_CARRIED = ("data_augment", "repeat_time", "length")


class _Set(NamedTuple):
    annotation: str
    root: str
    others: dict[str, Any]


def expand(text: str) -> list[str]:
    """Files of lines, and for a meta file one path a set: ``meta.json#set``."""
    paths = []
    for path in annotation_files(text):
        paths += [path] if path.endswith(_LINES) else [f"{path}{_IN_META}{name}" for name in object_in(path)]
    return paths


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """Whether the set's file is there."""
    annotation = _set(file.path, spec).annotation
    size = size_of(annotation)
    return Contents(None, (Unit(0),) if size else (), size, content_digest(annotation, size))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every line that is not blank."""
    yield from batches(_records(file, spec), spec, file, unit.first_row)


def _records(file: InputFile, spec: SourceSpec) -> Iterator[Record]:
    found = _set(file.path, spec)
    with open_text(replace(file, path=found.annotation), newline="\n") as text:
        for line in text:
            if line.isspace():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield broken(RecordError(f"not JSON: {error}"), dict(found.others))
                continue
            record = conversation_record(value, found.root, spec.caption_lang)
            record.others |= found.others
            yield record


def _set(path: str, spec: SourceSpec) -> _Set:
    if path.endswith(_LINES):
        return _Set(path, root_of(path, spec), {})
    meta, _, name = path.partition(_IN_META)
    entry = object_in(meta).get(name)
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("root", "annotation")):
        raise InputError(f"the set {name} has no `root` and `annotation`")
    folder = posixpath.dirname(meta)
    root = entry["root"] if "://" in entry["root"] else posixpath.join(spec.root or folder, entry["root"])
    annotation = entry["annotation"]
    annotation = annotation if "://" in annotation else posixpath.join(folder, annotation)
    others = {key: entry[key] for key in _CARRIED if key in entry}
    return _Set(annotation, root, {"set": name, **others})
