"""Shares of kinds of characters in a caption."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.characters import LETTER, MARK, NUMBER, UPPER, Characters, Counts
from pipelines.filters.captions.rule import CaptionRule, Judgement
from pipelines.stage import SPEC

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _Share(CaptionRule):
    at_least: Share = 0.0
    at_most: Share = 1.0

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.at_most < self.at_least:
            raise ValueError("at_most is below at_least: nothing would be left")
        return self

    def parts(self, characters: Characters) -> tuple[Counts, Counts]:
        """For each text, how many characters are counted, and of how many."""
        raise NotImplementedError

    def judge(self, texts: pa.StringArray) -> Judgement:
        part, whole = self.parts(Characters(texts))
        shares = part / np.maximum(whole, 1)
        return Judgement((shares < self.at_least) | (shares > self.at_most), shares)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class AlphanumericShare(_Share):
    """Keeps captions of which a share of `at_least` to `at_most` is letters, their marks, and numbers of any script.

    White space is left out of account; a blank caption has a share of 0. Ours: no system here publishes a bound.
    """

    stage: Literal["alphanumeric_share"] = "alphanumeric_share"
    name: str | None = None
    at_least: Share = 0.6

    reason: ClassVar[str] = "alphanumeric_share"

    def parts(self, characters: Characters) -> tuple[Counts, Counts]:
        return characters.count(characters.are(LETTER | NUMBER | MARK)), characters.visible


@dataclass(frozen=True, kw_only=True, config=SPEC)
class SpecialShare(_Share):
    """Keeps captions of which a share of `at_least` to `at_most` is neither letters, numbers nor white space.

    Punctuation, symbols, emoji, controls and private use are special; white space is left out of account. Ours.
    """

    stage: Literal["special_share"] = "special_share"
    name: str | None = None
    at_most: Share = 0.25

    reason: ClassVar[str] = "special_share"

    def parts(self, characters: Characters) -> tuple[Counts, Counts]:
        ordinary = characters.count(characters.are(LETTER | NUMBER | MARK))
        return characters.visible - ordinary, characters.visible


@dataclass(frozen=True, kw_only=True, config=SPEC)
class DigitShare(_Share):
    """Keeps captions of which a share of `at_least` to `at_most` is numbers (Unicode's category N).

    White space is left out of account. Ours.
    """

    stage: Literal["digit_share"] = "digit_share"
    name: str | None = None
    at_most: Share = 0.3

    reason: ClassVar[str] = "digit_share"

    def parts(self, characters: Characters) -> tuple[Counts, Counts]:
        return characters.count(characters.are(NUMBER)), characters.visible


@dataclass(frozen=True, kw_only=True, config=SPEC)
class UppercaseShare(_Share):
    """Keeps captions of whose letters a share of `at_least` to `at_most` is capital. Ours.

    Letters without a case count among the letters, so that a brand in a Chinese caption is not shouting; a caption
    without letters has a share of 0.
    """

    stage: Literal["uppercase_share"] = "uppercase_share"
    name: str | None = None
    at_most: Share = 0.7

    reason: ClassVar[str] = "uppercase_share"

    def parts(self, characters: Characters) -> tuple[Counts, Counts]:
        return characters.count(characters.are(UPPER)), characters.count(characters.are(LETTER))
