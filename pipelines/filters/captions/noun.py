"""Captions that name nothing: COYO-700M asks for a noun."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.rule import CAPTIONS_COLUMN, Judgement, process_captions
from pipelines.filters.filter import Filter
from pipelines.stage import SPEC, Processed

_NOT_NEEDED = ("parser", "ner", "lemmatizer", "entity_linker", "senter")
_MOST_CHARACTERS = 10_000
_BATCH = 256


@dataclass(frozen=True, kw_only=True, config=SPEC)
class NeedsNoun(Filter):
    """Refuses captions without a noun or proper noun, as a spaCy `model` tags them. Published: COYO-700M.

    `model` is an installed package (``en_core_web_sm``) or a model's folder; none is shipped with this stage. Captions
    that are known to be in another language than the model's are not judged. Of a very long caption the first 10,000
    characters are read. The fingerprint holds the model's name, not what is in it.
    """

    stage: Literal["needs_noun"] = "needs_noun"
    name: str | None = None
    model: str

    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    @field_validator("model")
    @classmethod
    def _there(cls, model: str) -> str:
        folder = Path(model).expanduser().absolute()
        if (folder / "config.cfg").is_file():
            return str(folder)
        if not model.isidentifier() or find_spec(model) is None:
            raise ValueError(
                f"{model!r} is neither an installed spaCy model nor the folder of one: install it "
                "(`python -m spacy download en_core_web_sm`) or give its path"
            )
        return model

    def load(self) -> "NounEngine":  # type: ignore[override]
        """Load the model."""
        return NounEngine(self.model)


class NounEngine:
    """The loaded model."""

    def __init__(self, model: str) -> None:
        import spacy  # takes a second, and most recipes do without

        self._nlp: Any = spacy.load(model, exclude=_NOT_NEEDED)
        if not {"tagger", "morphologizer", "attribute_ruler"} & set(self._nlp.pipe_names):
            raise ValueError(f"the spaCy model {model} does not tag parts of speech")

    def process(self, rows: pa.Table) -> Processed:
        return process_captions(rows["captions"], self._judge, "no_noun", self._nlp.lang)

    def _judge(self, texts: pa.StringArray) -> Judgement:
        documents = self._nlp.pipe((text[:_MOST_CHARACTERS] for text in texts.to_pylist()), batch_size=_BATCH)
        nouns = (any(token.pos_ in {"NOUN", "PROPN"} for token in document) for document in documents)
        return Judgement(~np.fromiter(nouns, bool, len(texts)))
