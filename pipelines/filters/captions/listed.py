"""Rules that refuse captions for what is on a list: profanity, furniture of web pages, politics, lists of your own."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.lexicon import LISTS, Lexicon, read_entries
from pipelines.filters.captions.rule import CAPTIONS_COLUMN, CaptionEngine
from pipelines.filters.filter import Filter
from pipelines.stage import AS_SAVED, MODEL_FILE, SPEC

Lists = Annotated[tuple[str, ...], MODEL_FILE]
ListLanguage = Literal["en", "zh"]
PoliticalKind = Literal["parties", "offices", "slogans"]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _Listed(Filter):
    lists: Lists = ()
    """files with entries, one a line (`pipelines.filters.captions.lexicon`)"""
    at_most: Annotated[int, Field(ge=0)] = 0
    """as many entries may stand in a caption"""

    reason: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    @field_validator("lists")
    @classmethod
    def _readable(cls, lists: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        paths = [Path(given).expanduser().absolute() for given in lists]
        for path in paths:
            if info.context != AS_SAVED:
                read_entries(path)
        return tuple(str(path) for path in paths)

    def shipped(self) -> tuple[str, ...]:
        """Which lists of ours are used."""
        return ()

    @model_validator(mode="after")
    def _some_list(self) -> Self:
        if not self.lists and not self.shipped():
            raise ValueError("no list to look in: name one in `lists`")
        return self

    def load(self) -> CaptionEngine:  # type: ignore[override]
        """Read the lists."""
        paths = [LISTS / f"{name}.txt" for name in self.shipped()] + [Path(path) for path in self.lists]
        lexicon = Lexicon(entry for path in paths for entry in read_entries(path))
        return CaptionEngine(lambda texts: lexicon.judge(texts, self.at_most), self.reason)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class WordList(_Listed):
    """Refuses captions with an entry of `lists`: sensitive words (Wukong, secondary sources), brands, names."""

    stage: Literal["lexicon"] = "lexicon"
    name: str | None = None

    reason: ClassVar[str] = "lexicon"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _WithOurs(_Listed):
    ours: tuple[ListLanguage, ...] = ("en", "zh")
    """languages whose small lists of our own are used besides `lists`"""

    def shipped(self) -> tuple[str, ...]:
        return tuple(f"{self.reason}.{language}" for language in self.ours)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Profanity(_WithOurs):
    """Refuses captions with a profane word.

    Published: COYO-700M drops captions with a word of a profanity list. The lists here are ours, and small.
    """

    stage: Literal["profanity"] = "profanity"
    name: str | None = None

    reason: ClassVar[str] = "profanity"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Boilerplate(_WithOurs):
    """Refuses captions with a phrase of web pages' furniture: "click here", 查看源网页. Rule and lists are ours."""

    stage: Literal["boilerplate"] = "boilerplate"
    name: str | None = None

    reason: ClassVar[str] = "boilerplate"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Political(_Listed):
    """Refuses captions that name a party, an office of state or a slogan.

    CogVLM removes "political bias" without publishing how. This is ours, and blunt: it finds mentions, of whatever
    side and whatever is said, so it drops news photographs too.
    """

    stage: Literal["political"] = "political"
    name: str | None = None
    kinds: tuple[PoliticalKind, ...] = ("parties", "offices", "slogans")
    ours: tuple[ListLanguage, ...] = ("en", "zh")
    """languages whose lists of our own are used"""

    reason: ClassVar[str] = "political"

    def shipped(self) -> tuple[str, ...]:
        return tuple(f"political.{kind}.{language}" for kind in self.kinds for language in self.ours)
