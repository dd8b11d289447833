"""How much of a caption repeats itself, by the n-gram ratios of the ROOTS corpus (Laurençon et al. 2022, appendix)."""

import re
from collections import Counter
from collections.abc import Callable
from math import isqrt
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.characters import ALONE
from pipelines.filters.captions.rule import CaptionRule, Judgement
from pipelines.filters.captions.shares import Share
from pipelines.stage import SPEC

_PUNCTUATION = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2000-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20"
_WORDS = re.compile(rf"[{ALONE}]|[^\s{_PUNCTUATION}{ALONE}]+")


def character_repetition(text: str, n: int) -> float:
    """Of all n-grams of characters, the share that the √k most frequent of the k distinct ones make up.

    N-grams that occur once count as none: a text without repeated ones has 0.
    """
    grams = [text[at : at + n] for at in range(len(text) - n + 1)]
    distinct = len(set(grams))
    if distinct == len(grams):
        return 0.0
    repeated = sorted((count for count in Counter(grams).values() if count > 1), reverse=True)
    return sum(repeated[: isqrt(distinct)]) / len(grams)


def word_repetition(text: str, n: int) -> float:
    """Of all n-grams of words, letters of either case alike, the share that occurs more than once.

    A word here is a run without white space and punctuation, or one Han or kana character.
    """
    words = _WORDS.findall(text.casefold())
    if len(set(words)) == len(words):
        return 0.0
    grams = Counter(zip(*(words[at:] for at in range(n)), strict=False))
    return sum(count for count in grams.values() if count > 1) / max(grams.total(), 1)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class CharacterRepetition(CaptionRule):
    """Refuses captions whose `character_repetition` in n-grams of `n` is above `at_most`.

    The ratio is that of ROOTS, whose bounds are for documents; `n` and the bound here are ours.
    """

    stage: Literal["character_repetition"] = "character_repetition"
    name: str | None = None
    n: Annotated[int, Field(ge=1, le=100)] = 10
    at_most: Share = 0.2

    reason: ClassVar[str] = "character_repetition"

    def judge(self, texts: pa.StringArray) -> Judgement:
        return _above(texts, character_repetition, self.n, self.at_most)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class WordRepetition(CaptionRule):
    """Refuses captions whose `word_repetition` in n-grams of `n` words is above `at_most`.

    The ratio is that of ROOTS; `n` and the bound are ours, for texts as short as captions are.
    """

    stage: Literal["word_repetition"] = "word_repetition"
    name: str | None = None
    n: Annotated[int, Field(ge=1, le=100)] = 2
    at_most: Share = 0.3

    reason: ClassVar[str] = "word_repetition"

    def judge(self, texts: pa.StringArray) -> Judgement:
        return _above(texts, word_repetition, self.n, self.at_most)


def _above(texts: pa.StringArray, ratio: Callable[[str, int], float], n: int, at_most: float) -> Judgement:
    ratios = np.fromiter((ratio(text, n) for text in texts.to_pylist()), np.float64, len(texts))
    return Judgement(ratios > at_most, ratios)
