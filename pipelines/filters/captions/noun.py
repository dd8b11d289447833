"""Captions that name nothing: COYO-700M asks for a noun."""

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.rule import CAPTIONS_COLUMN, Judgement, process_captions
from pipelines.filters.filter import Filter
from pipelines.grounding.models import SHIPPED, ModelName, check_model, load_model
from pipelines.stage import AS_SAVED, SPEC, Processed

_NOT_NEEDED = ("parser", "ner", "lemmatizer", "entity_linker", "senter")
_MOST_CHARACTERS = 10_000
_BATCH = 256


@dataclass(frozen=True, kw_only=True, config=SPEC)
class NeedsNoun(Filter):
    """Refuses captions without a noun or proper noun, as a spaCy `model` tags them. Published: COYO-700M.

    `model` is ``caption_sm``, which is ours and English, an installed package (``en_core_web_sm``) or a model's folder.
    Captions that are known to be in another language than the model's are not judged. Of a very long caption the first
    10,000 characters are read.
    """

    stage: Literal["needs_noun"] = "needs_noun"
    name: str | None = None
    model: ModelName = SHIPPED

    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    @field_validator("model")
    @classmethod
    def _there(cls, model: str, info: ValidationInfo) -> str:
        return model if info.context == AS_SAVED else check_model(model)

    def load(self) -> "NounEngine":  # type: ignore[override]
        """Load the model."""
        return NounEngine(self.model)


class NounEngine:
    """The loaded model."""

    def __init__(self, model: str) -> None:
        self._nlp: Any = load_model(model, _NOT_NEEDED)
        if not {"tagger", "morphologizer", "attribute_ruler"} & set(self._nlp.pipe_names):
            raise ValueError(f"the spaCy model {model} does not tag parts of speech")

    def process(self, rows: pa.Table) -> Processed:
        return process_captions(rows["captions"], self._judge, "no_noun", self._nlp.lang)

    def _judge(self, texts: pa.StringArray) -> Judgement:
        documents = self._nlp.pipe((text[:_MOST_CHARACTERS] for text in texts.to_pylist()), batch_size=_BATCH)
        nouns = (any(token.pos_ in {"NOUN", "PROPN"} for token in document) for document in documents)
        return Judgement(~np.fromiter(nouns, bool, len(texts)))
