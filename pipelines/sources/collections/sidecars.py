"""Samples whose texts lie in files beside their image, as in tars of WebDataset and in image folders.

``.txt``, ``.text`` and ``.caption`` are captions, ``.cls`` is a label; ``.json`` holds an object, of which the keys
that the recipe maps are URL, caption (a text, or a list of them) and licence, and the others travel along.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.sources.rows import Cells, batch, captions_of, printable, sound, tell, text_cells
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.json_text import json_object, json_text, json_texts, other_keys
from schemas.tables import IMAGE_AT

IMAGE_EXTENSIONS = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2"}
)
"""Of what people call images; those that cannot be decoded are for pull to refuse."""
CAPTION_EXTENSIONS = frozenset({"txt", "text", "caption"})
TEXT_EXTENSIONS = CAPTION_EXTENSIONS | {"json", "cls"}
TEXT_BYTES = 1 << 24
"""What is read of the sidecars of an image, all together."""

_BATCH_ROWS = 4096
_BATCH_CHARACTERS = 1 << 25
_FAULTS_TOLD = 5


@dataclass(slots=True)
class Described:
    """A row in the making."""

    facts: dict[str, Any]
    """What is said of the image, by name."""
    image_at: dict[str, Any] | None = None
    captions: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    characters: int = 0

    def take(self, name: str, extension: str, content: bytes) -> None:
        """Add what a sidecar says."""
        text = content.decode("utf-8-sig", "surrogateescape")
        self.characters += len(text)
        if extension in CAPTION_EXTENSIONS:
            self.captions.append(text.rstrip("\r\n"))
        elif extension == "cls":
            self.facts["cls"] = text.strip()
        elif isinstance(said := json_object(text), str):
            self.errors.append(f"{name} is {said}")
        else:
            self.facts = said | self.facts

    @property
    def room(self) -> int:
        """Bytes that may still be read of its sidecars."""
        return TEXT_BYTES - self.characters

    def refuse_length(self, name: str, length: int) -> None:
        """Say that a sidecar is too long to be read."""
        self.errors.append(f"{name} has {length} bytes, more than the {TEXT_BYTES} that are read of a sample's texts")


def batches(rows: Iterable[Described], spec: SourceSpec, file_name: str, first_row: int) -> Iterator[pa.RecordBatch]:
    """The rows as readers hand them on, in batches of bounded size."""
    held: list[Described] = []
    characters = 0
    for row in rows:
        held.append(row)
        characters += row.characters
        if len(held) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch(_cells(held, spec), spec, file_name, first_row)
            first_row += len(held)
            held, characters = [], 0
    if held:
        yield batch(_cells(held, spec), spec, file_name, first_row)


def _cells(rows: Sequence[Described], spec: SourceSpec) -> Cells:
    names = {
        "url": spec.columns.url or "url",
        "caption": spec.columns.caption or "caption",
        "license": spec.columns.license or "license",
    }
    errors: dict[int, str] = {}
    for number, row in enumerate(rows):
        for said in row.errors[:_FAULTS_TOLD]:
            tell(errors, number, printable(said))
    texts = {
        role: sound(text_cells([json_text(row.facts.get(names[role])) or None for row in rows]), names[role], errors)
        for role in ("url", "license")
    }
    captions = [_distinct([*row.captions, *json_texts(row.facts.get(names["caption"]))]) for row in rows]
    return Cells(
        url=texts["url"],
        captions=captions_of(captions, names["caption"], spec.caption_lang, errors),
        license=texts["license"],
        source=other_keys([row.facts for row in rows], set(names.values()), errors),
        image_at=pa.array([row.image_at for row in rows], IMAGE_AT),
        errors=errors,
    )


def _distinct(texts: Sequence[str | None]) -> list[str | None]:
    return list(dict.fromkeys(texts))
