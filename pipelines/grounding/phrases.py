"""Phrases of captions: noun chunks, the referring expressions they grow into, and why some are not asked for.

Published: spaCy noun chunks without abstract ones, expanded over the dependents of their heads (GRIT, Kosmos-2 §2;
CogVLM-40M follows it). Ours: the lists of what cannot be seen, and that what is negated is dropped.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic import ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from pipelines.grounding.absence import absent
from pipelines.grounding.expressions import expand
from pipelines.grounding.models import SHIPPED, ModelName, check_model, load_model
from pipelines.grounding.noun_chunks import Chunk, ud_noun_chunks
from pipelines.grounding.parses import parse_of
from pipelines.grounding.reading import Reading, is_latin
from pipelines.grounding.unseen import Unseen, unseen
from pipelines.stage import AS_SAVED, SPEC

Span = tuple[int, int]
"""Characters of the caption as stored: start, end (exclusive)."""

_NOT_NEEDED = ("ner", "lemmatizer", "entity_linker", "senter")
_MOST_CHARACTERS = 10_000
_BATCH = 256


class Phrase(NamedTuple):
    """A noun chunk of a caption."""

    caption: int
    """Which of the captions."""
    span: Span
    """The noun chunk."""
    expression: Span
    """The referring expression that it grows into; the chunk itself where it does not grow."""
    contained: bool
    """Whether another phrase's expression contains this one's: not of use for samples, but its box is."""
    dropped: Unseen | Literal["negated"] | None
    """Why no box is asked for; None where one is."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Phrases:
    """How phrases are found: by which spaCy `model`.

    ``caption_sm`` is ours. Others go by an installed package's name (``en_core_web_sm``) or a path; they must
    be English, tag and parse.
    """

    model: ModelName = SHIPPED

    @field_validator("model")
    @classmethod
    def _there(cls, model: str, info: ValidationInfo) -> str:
        return model if info.context == AS_SAVED else check_model(model)

    def load(self) -> "PhraseFinder":
        """Load the model. Raises ValueError for one that cannot find phrases."""
        return PhraseFinder(self.model)


class PhraseFinder:
    """The loaded model."""

    def __init__(self, model: str) -> None:
        self._nlp: Any = load_model(model, _NOT_NEEDED)
        if "parser" not in self._nlp.pipe_names or self._nlp.lang != "en":
            raise ValueError(f"the spaCy model {model} does not parse English")
        labels = self._nlp.get_pipe("parser").labels
        self._universal = "case" in labels and "obl" in labels

    def find(self, captions: Sequence[str]) -> list[list[Phrase]]:
        """The phrases of each caption, left to right, dropped ones included.

        Captions that are not written in Latin letters for the most part have none. Of a very long one the first 10,000
        characters are read.
        """
        latin = [at for at, caption in enumerate(captions) if is_latin(caption)]
        readings = [Reading(captions[at][:_MOST_CHARACTERS]) for at in latin]
        documents = self._nlp.pipe((reading.text for reading in readings), batch_size=_BATCH)
        found: list[list[Phrase]] = [[] for _ in captions]
        for at, reading, document in zip(latin, readings, documents, strict=True):
            found[at] = self._phrases(at, reading, document)
        return found

    def _phrases(self, at: int, reading: Reading, document: Any) -> list[Phrase]:
        parse = parse_of(document)
        if self._universal:
            chunks = ud_noun_chunks(parse)
        else:
            chunks = [Chunk(chunk.start, chunk.end, chunk.root.i) for chunk in document.noun_chunks]
        dropped = [unseen(parse, chunk) or ("negated" if absent(parse, chunk) else None) for chunk in chunks]
        ends = [expand(parse, chunk, universal=self._universal) for chunk in chunks]
        kept = [(chunk.start, end) for chunk, end, reason in zip(chunks, ends, dropped, strict=True) if reason is None]
        phrases = []
        for chunk, end, reason in zip(chunks, ends, dropped, strict=True):
            contained = any(
                start <= chunk.start and end <= other for start, other in kept if (start, other) != (chunk.start, end)
            )
            first = parse.starts[chunk.start]
            span = reading.span(first, parse.end(chunk.end - 1))
            phrases.append(Phrase(at, span, reading.span(first, parse.end(end - 1)), contained, reason))
        return phrases
