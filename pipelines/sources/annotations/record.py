"""A record of an annotation file on its way to a row. A broken one is a row with an error; none is lost."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.sources.collections.inside import leads_out
from pipelines.sources.expand import expand
from pipelines.sources.files import InputError, InputFile, filesystem_of
from pipelines.sources.rows import Cells, batch, printable
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.json_text import other_keys
from schemas.tables import IMAGE_AT, INPUT

_BATCH_ROWS = 2048
_BATCH_CHARACTERS = 1 << 25
_CAPTIONS, _REGIONS, _TURNS = (INPUT.field(name).type for name in ("captions", "regions", "turns"))


class RecordError(ValueError):
    """Why a record is no row that can be used, in words, with a reason of the closed list where it has one."""

    def __init__(self, said: str, reason: str | None = None) -> None:
        super().__init__(said)
        self.reason = reason


@dataclass(slots=True)
class Record:
    """What a record says; regions and turns as `schemas.tables` has them."""

    image: str | None = None
    """Where the image lies: an absolute path or URL that `image_path` made."""
    url: str | None = None
    captions: list[dict[str, Any]] = field(default_factory=list)
    regions: list[dict[str, Any]] | None = None
    turns: list[dict[str, Any]] | None = None
    license: str | None = None
    others: dict[str, Any] = field(default_factory=dict)
    """What travels along in `source`."""
    error: RecordError | None = None


def broken(error: RecordError, others: dict[str, Any] | None = None) -> Record:
    """The row that stands for a record that cannot be used."""
    return Record(others=others or {}, error=error)


def image_path(root: str, name: Any) -> str:
    """The image that a record names, below `root`. Raises RecordError for a name that is none or leads out."""
    if not isinstance(name, str) or not name.strip():
        raise RecordError("no image is named", "no_image")
    if said := leads_out(name, root):
        raise RecordError(f"the image's name {said}: {printable(name)[:120]}")
    return posixpath.join(root, name)


def root_of(path: str, spec: SourceSpec) -> str:
    """Where the images that a file names lie: the recipe's `source.root`, else beside the file."""
    return spec.root or posixpath.dirname(path)


def caption(text: str, lang: str | None, role: str, model: str | None = None) -> dict[str, Any]:
    """A caption as `schemas.tables.CAPTION` has it."""
    return {"text": text, "lang": lang, "role": role, "model": model}


def longest_last(captions: Sequence[str]) -> list[str]:
    """Several captions of one image with the longest last, where it counts.

    Of several academic captions Qwen-VL keeps the longest; of equally long ones the last stays last.
    """
    return sorted(captions, key=len)


def annotation_files(text: str) -> list[str]:
    """The files that `text`, a file or a glob, stands for. A folder is refused: images lie in it too."""
    filesystem, path = filesystem_of(text)
    if filesystem.isdir(path):
        raise InputError("is a folder: name the annotation file in it")
    return expand(text, "jsonl")


def batches(
    records: Iterable[Record], spec: SourceSpec, file: InputFile, first_row: int = 0
) -> Iterator[pa.RecordBatch]:
    """`records` as readers hand them on, in batches of bounded size."""
    held: list[Record] = []
    characters = 0
    for record in records:
        characters += _settle(record)
        held.append(record)
        if len(held) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch(_cells(held), spec, file.name, first_row)
            first_row += len(held)
            held, characters = [], 0
    if held:
        yield batch(_cells(held), spec, file.name, first_row)


def _settle(record: Record) -> int:
    """Make `record` writable, as a broken one if need be; the characters of its texts."""
    texts = [one["text"] for one in (*record.captions, *(record.turns or ()))]
    texts += [text for text in (record.image, record.url, record.license) if text is not None]
    for text in texts:
        if "\0" in text:
            record.error = RecordError("a NUL character in a text")
        elif not text.isascii() and printable(text) != text:
            record.error = RecordError("a text that is not UTF-8")
    if record.error is not None:
        record.image = record.url = record.license = record.regions = record.turns = None
        record.captions = []
    return sum(map(len, texts))


def _cells(records: Sequence[Record]) -> Cells:
    errors = {row: printable(str(record.error)) for row, record in enumerate(records) if record.error is not None}
    reasons = {row: record.error.reason for row, record in enumerate(records) if record.error and record.error.reason}
    others = other_keys([record.others for record in records], set(), errors)
    places = [None if record.image is None else {"path": record.image} for record in records]
    return Cells(
        url=pa.array([record.url for record in records], pa.string()),
        captions=pa.array([record.captions for record in records], _CAPTIONS),
        regions=pa.array([record.regions for record in records], _REGIONS),
        turns=pa.array([record.turns for record in records], _TURNS),
        license=pa.array([record.license for record in records], pa.string()),
        source=others,
        image_at=pa.array(places, IMAGE_AT),
        errors=errors,
        reasons=reasons,
    )
