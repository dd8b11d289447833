"""How long a caption is, in characters, words and Chinese characters."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.characters import HAN, Characters, Counts
from pipelines.filters.captions.rule import CaptionRule, Judgement
from pipelines.stage import SPEC


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _Length(CaptionRule):
    at_least: Annotated[int, Field(ge=0)] = 0
    at_most: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError("at_most is below at_least: nothing would be left")
        return self

    def measure(self, characters: Characters) -> Counts:
        """The length of each text."""
        raise NotImplementedError

    def judge(self, texts: pa.StringArray) -> Judgement:
        lengths = self.measure(Characters(texts))
        refused = lengths < self.at_least
        if self.at_most is not None:
            refused |= lengths > self.at_most
        return Judgement(refused, lengths.astype(np.float64))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class CaptionCharacters(_Length):
    """Keeps captions of `at_least` to `at_most` characters, a run of white space counted as one and none at the ends.

    Published: LAION-5B at_least 5; COYO-700M "length > 5 and ≤ 1000", so 6 to 1000; DataComp "> 5", so at_least 6. The
    default is COYO-700M's. Qwen-VL refuses too short and too long ones without publishing bounds.
    """

    stage: Literal["caption_characters"] = "caption_characters"
    name: str | None = None
    at_least: Annotated[int, Field(ge=0)] = 6
    at_most: Annotated[int, Field(ge=0)] | None = 1000

    reason: ClassVar[str] = "caption_characters"

    def measure(self, characters: Characters) -> Counts:
        return characters.lengths()


@dataclass(frozen=True, kw_only=True, config=SPEC)
class CaptionWords(_Length):
    """Keeps captions of `at_least` to `at_most` words (`pipelines.filters.captions.characters` says what a word is).

    Published: COYO-700M 3 to 256, the default; DataComp "> 2", so at_least 3. Both are about English: that each Han
    and kana character is a word is ours, so that Chinese captions are not taken for one long word.
    """

    stage: Literal["caption_words"] = "caption_words"
    name: str | None = None
    at_least: Annotated[int, Field(ge=0)] = 3
    at_most: Annotated[int, Field(ge=0)] | None = 256

    reason: ClassVar[str] = "caption_words"

    def measure(self, characters: Characters) -> Counts:
        return characters.words()


@dataclass(frozen=True, kw_only=True, config=SPEC)
class HanCharacters(_Length):
    """Keeps captions of `at_least` to `at_most` Chinese characters: Wukong 1 to 31, the default.

    The figures are from secondary sources. Han characters in Japanese captions count as well; the language is another
    rule's matter.
    """

    stage: Literal["han_characters"] = "han_characters"
    name: str | None = None
    at_least: Annotated[int, Field(ge=0)] = 1
    at_most: Annotated[int, Field(ge=0)] | None = 31

    reason: ClassVar[str] = "han_characters"

    def measure(self, characters: Characters) -> Counts:
        return characters.count(characters.are(HAN))
