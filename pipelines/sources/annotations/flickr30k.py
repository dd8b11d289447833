"""Flickr30K Entities: ``Sentences/1000092795.txt``, ``Annotations/1000092795.xml``, and images below `source.root`.

A line of sentences is a caption with marked phrases, ``[/EN#283585/people A man] rides``; the XML has the boxes of each
numbered entity, in pixels: none where it is a scene or cannot be seen, several where it is many. Every file of
sentences is a row; of its captions the longest stands last.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import pyarrow as pa

from pipelines.sources.annotations.folder import content, digest_of, folders_with, listing
from pipelines.sources.annotations.record import Record, RecordError, batches, broken, caption, image_path
from pipelines.sources.boxes import Box, pixel_box
from pipelines.sources.files import InputError, InputFile, Unit
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents
from pipelines.sources.tables.roles import ANNOTATED

SOURCE = "flickr30k_entities"
_SENTENCES, _ANNOTATIONS = "Sentences", "Annotations"
_PHRASE = re.compile(r"\[/EN#(\d+)/(\S+) ([^\]]*)\]")
_DEPTH = 32


class Sentence(NamedTuple):
    """A caption without its marks, and its phrases: number of the entity, start, end (exclusive)."""

    text: str
    phrases: list[tuple[str, int, int]]


def expand(text: str) -> list[str]:
    """The folder that holds both folders of annotations: `text` itself, or one in it."""
    return folders_with(text, _SENTENCES, _ANNOTATIONS)


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """How many files of sentences there are, by their names."""
    if spec.root is None:
        raise InputError("the images lie elsewhere: say where with `--set source.root=FOLDER`")
    listings = [listing(posixpath.join(file.path, _SENTENCES), ".txt")]
    listings.append(listing(posixpath.join(file.path, _ANNOTATIONS), ".xml"))
    size = sum(sum(sizes.values()) for sizes in listings)
    return Contents(None, (Unit(0),) if listings[0] else (), size, digest_of(listings))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every file of sentences."""
    names = listing(posixpath.join(file.path, _SENTENCES), ".txt")
    records = (_record(file.path, name.removesuffix(".txt"), spec) for name in names)
    yield from batches(records, spec, file, unit.first_row)


def _record(folder: str, stem: str, spec: SourceSpec) -> Record:
    others = {"image_id": stem}
    try:
        image = image_path(spec.root or folder, f"{stem}.jpg")
        sentences = _sentences(content(posixpath.join(folder, _SENTENCES, f"{stem}.txt")))
        boxes = _boxes(content(posixpath.join(folder, _ANNOTATIONS, f"{stem}.xml")))
    except RecordError as error:
        return broken(error, others)
    lang = spec.caption_lang or "en"
    return Record(
        image=image,
        captions=[caption(one.text, lang, ANNOTATED) for one in sentences],
        regions=[
            _region(place, (start, end), box)
            for place, one in enumerate(sentences)
            for number, start, end in one.phrases
            for box in boxes[number]
        ],
        others=others,
    )


def _region(place: int, span: tuple[int, int], box: Box) -> dict[str, Any]:
    return {"caption_index": place, "phrase": span, "expression": None, "box": box, "score": 1.0, "source": SOURCE}


def _sentences(body: bytes) -> list[Sentence]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError("sentences that are not UTF-8") from error
    found = [parse_sentence(line.strip()) for line in text.split("\n") if line.strip()]
    return sorted(found, key=lambda one: len(one.text))


def parse_sentence(line: str) -> Sentence:
    """A marked line as plain text and spans of it. Raises RecordError for marks that do not close or hold nothing."""
    text = ""
    phrases = []
    end = 0
    for match in _PHRASE.finditer(line):
        text += line[end : match.start()]
        number, _, phrase = match.groups()
        if not phrase:
            raise RecordError("a marked phrase is empty")
        phrases.append((number, len(text), len(text) + len(phrase)))
        text += phrase
        end = match.end()
    text += line[end:]
    if "[/EN#" in text:
        raise RecordError("a marked phrase does not end")
    return Sentence(text, phrases)


def _boxes(body: bytes) -> defaultdict[str, list[Box]]:
    """The boxes of each entity, by its number."""
    root = _parse(body)
    width, height = (_number(root, f"size/{name}") for name in ("width", "height"))
    boxes: defaultdict[str, list[Box]] = defaultdict(list)
    for thing in root.iterfind("object"):
        drawn = thing.find("bndbox")
        if drawn is None:
            continue
        try:
            box = pixel_box([_number(drawn, side) for side in ("xmin", "ymin", "xmax", "ymax")], width, height)
        except RecordError:
            raise
        except ValueError as error:
            raise RecordError(str(error)) from None
        for name in thing.iterfind("name"):
            boxes[(name.text or "").strip()].append(box)
    return boxes


def _number(element: Element, path: str) -> float:
    try:
        return float(element.findtext(path) or "")
    except ValueError:
        raise RecordError(f"the annotation has no number {path}") from None


def _parse(body: bytes) -> Element:
    """An XML document. One with a document type is refused, and with it every entity that could expand."""
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise RecordError("the annotation is nested too deeply")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> None:
        raise RecordError("the annotation declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"the annotation is not XML: {error}") from error
    return builder.close()
