"""What CogVLM-SFT-311K was made of, as its makers downloaded it: LLaVA-Instruct-150K's files and MiniGPT-4's captions.

``filter_cap.json`` is read as `minigpt4` reads it, its images in ``image/`` beside it. Any other file is LLaVA's, its
images below `source.root`. Of a file that `source.descriptions` names, ``detail_23k.json``, each conversation is one
detailed description: the answer becomes a caption, and the question is left out.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from pipelines.sources.annotations import llava, minigpt4
from pipelines.sources.annotations.json_array import array_in
from pipelines.sources.annotations.llava import conversation_record
from pipelines.sources.annotations.record import Record, batches, caption, root_of
from pipelines.sources.files import InputFile, Unit, open_text
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents
from pipelines.sources.tables.roles import GENERATED

_MODEL = "LLaVA-Instruct-150K"
_CHARACTERS_SEEN = 4096


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """As the file's own format has it."""
    if _is_object(file):
        return minigpt4.inspect(file, _beside_the_file(spec))
    return llava.inspect(file, spec)


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every annotation, conversation or description."""
    if _is_object(file):
        yield from minigpt4.read(file, _beside_the_file(spec), unit)
    elif posixpath.basename(file.path) in spec.descriptions:
        root = root_of(file.path, spec)
        records = (_described(one, root, spec.caption_lang or "en") for one in array_in(file))
        yield from batches(records, spec, file, unit.first_row)
    else:
        yield from llava.read(file, spec, unit)


def _described(value: Any, root: str, lang: str) -> Record:
    """A record of LLaVA's whose last answer is the image's description."""
    record = conversation_record(value, root, lang)
    answers = [turn["text"] for turn in record.turns or () if turn["role"] == "assistant"]
    if not answers:
        return record
    return replace(record, turns=None, captions=[caption(answers[-1], lang, GENERATED, _MODEL)])


def _beside_the_file(spec: SourceSpec) -> SourceSpec:
    return replace(spec, root=None)


def _is_object(file: InputFile) -> bool:
    """Whether a JSON file holds an object, as MiniGPT-4's does, and no array."""
    with open_text(file, newline="") as text:
        return text.read(_CHARACTERS_SEEN).lstrip().startswith("{")
