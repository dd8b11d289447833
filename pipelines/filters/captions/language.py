"""Which language a caption is in: by script where that says it, else by py3langid, or not known."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.characters import ALONE
from pipelines.filters.captions.entries import Entries
from pipelines.filters.captions.rule import CAPTIONS_COLUMN, Judgement, decided
from pipelines.filters.filter import Filter
from pipelines.stage import SPEC, Processed

UNKNOWN = "und"
"""ISO 639's code for a language that is not known."""

CANDIDATES = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu hy id it ja ka kk km ko lo lt lv mk mn ms my ne nl no pl pt "
    "ro ru si sk sl sq sr sv sw ta te th tl tr uk ur vi zh"
)
"""What py3langid chooses from: languages with much text on the web. Its other 80 win short captions by chance."""

_NO_LANGUAGE = re.compile(
    r"(?i)https?://\S+|www\.\S+|\S+@\S+|[#@]\w+|&\w+;|<[^<>]{0,200}>"  # addresses, handles, mark-up
    rf"|[^\s{ALONE}]*[\d_][^\s{ALONE}]*"  # codes and measures
)
_ALONE = re.compile(f"[{ALONE}]")
_KANA = re.compile(r"[\u3041-\u30fa\u30fc-\u30ff]")
_WORD = re.compile(rf"[^\W\d_{ALONE}]+")


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Language(Filter):
    """Fills in the language of captions that have none stated, and refuses those that are in none of `languages`.

    A language that the source states stands as it is. Where as many characters are Han or kana as there are other words
    the language is ``ja`` with kana, ``zh`` without; else py3langid says, among `CANDIDATES`. Captions of fewer than
    `min_letters` letters besides codes, numbers, addresses and mark-up (a Han character is worth two), and guesses
    below `min_confidence`, are not known: their language stays null, and `unknown` says what becomes of them.

    Published: COYO-700M and DataComp keep English. From secondary sources: Qwen-VL English and Chinese. How, and the
    guard, are ours.
    """

    stage: Literal["language"] = "language"
    name: str | None = None
    languages: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """ISO 639 codes (``en``, ``zh``); none: refuse nothing, only fill in"""
    unknown: Literal["keep", "reject"] = "keep"
    min_letters: Annotated[int, Field(ge=1)] = 4
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.35

    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for language in languages or ():
            if not re.fullmatch(r"[a-z]{2,3}", language):
                raise ValueError(f"{language!r} is no ISO 639 code, such as en and zh")
        return languages

    def load(self) -> "LanguageEngine":  # type: ignore[override]
        """Load py3langid's model."""
        return LanguageEngine(self)


class LanguageEngine:
    """The loaded model."""

    def __init__(self, spec: Language) -> None:
        self._spec = spec
        self._model = _model()

    def process(self, rows: pa.Table) -> Processed:
        entries = Entries(rows["captions"])
        counting = entries.counting()
        langs: Any = entries.fields["lang"].to_numpy(zero_copy_only=False).astype(object)
        stated = langs[counting.at]
        found = [
            _primary(lang) if lang else self.identify(text)
            for lang, text in zip(stated, counting.texts.to_pylist(), strict=True)
        ]
        refused = np.fromiter(self._refused(found), bool, len(found))
        filled = {}
        new = [at for at, lang in enumerate(found) if not stated[at] and lang != UNKNOWN]
        if new:
            langs[counting.at[new]] = [found[at] for at in new]
            filled["lang"] = pa.array(langs, pa.string())
        judgement = Judgement(refused, details=found)
        return decided(rows["captions"], entries, counting, judgement, "language", filled)

    def identify(self, text: str) -> str:
        """The ISO 639 code of the language of `text`, or `UNKNOWN`."""
        plain = _NO_LANGUAGE.sub(" ", text)
        alone = len(_ALONE.findall(plain))
        words = _WORD.findall(plain)
        if 2 * alone + sum(map(len, words)) < self._spec.min_letters:
            return UNKNOWN
        if alone >= max(len(words), 1):
            return "ja" if _KANA.search(plain) else "zh"
        language, confidence = self._model.classify(" ".join(words))
        return language if confidence >= self._spec.min_confidence else UNKNOWN

    def _refused(self, found: list[str]) -> Iterator[bool]:
        allowed = self._spec.languages
        for language in found:
            if language == UNKNOWN:
                yield self._spec.unknown == "reject"
            else:
                yield allowed is not None and language not in allowed


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # takes a second, and most recipes do without

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(CANDIDATES.split())
    return model


def _primary(lang: str) -> str:
    """``zh`` of ``zh-Hans``."""
    return re.split("[-_]", lang, maxsplit=1)[0].lower()
