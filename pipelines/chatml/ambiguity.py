"""Whether a phrase of a caption can be asked for: whether it is the only such thing that the caption speaks of.

Referring tasks need phrases that single something out (CogVLM §pre-training: in "A man is running, while another man
is looking" nobody may be asked for "another man", nor for "man"). Published is the example alone; the rule is ours.
It judges words, without a parser, and refuses when in doubt:

* a phrase that counts or compares ("two dogs", "another man", "each child", "some dogs") is refused, and so is a plural
  ("dogs", "people"), for one box is not what it means;
* so is one whose words, determiners left out, are all among those of another phrase with the same head: "a dog" beside
  "a big dog" (which itself may be asked for), "a man" beside "a man", "a dog" beside "dogs"; what follows the noun
  ("in red") is not considered;
* so is one whose head is named once more anywhere else in the caption, where no phrase of `phrases` covers it;
* so are all, where "another" or "others" stands uncovered: it leaves out what it is another of.

English and Chinese are covered. Captions of other languages, where that is known, are not asked about.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipelines.chatml.regions import Span

_WORD = re.compile(r"[^\W_]+")
_DETERMINERS = frozenset(
    {"a", "an", "the", "this", "that", "these", "those", "my", "your", "his", "her", "its", "our", "their"}
    | {"one", "what", "which", "whose"}
)
_COUNTING = frozenset(
    {"another", "other", "others", "second", "third", "fourth", "fifth", "last", "next", "remaining", "rest"}
    | {"each", "every", "both", "all", "several", "many", "few", "various", "multiple", "numerous", "more", "most"}
    | {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "hundreds"}
    | {"dozen", "dozens", "pair", "couple", "group", "crowd", "some", "any"}
)
_ELLIPTIC = frozenset({"another", "other", "others"})
_IRREGULAR = {"men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth"}
_IRREGULAR |= {"mice": "mouse", "geese": "goose", "wolves": "wolf", "leaves": "leaf", "knives": "knife"}

_ZH_CLASSIFIER = "个只位名条张辆棵朵座头匹件块片本把间台架艘杯盘碗幅根颗扇栋道顶支株"
_ZH_COUNTING = re.compile(
    rf"[这那]?(?:另|其他|其它|其余|别的|第[二三四五六七八九十]|[两二三四五六七八九十几数多]+[{_ZH_CLASSIFIER}群对双排]"
    r"|一[些群对双排]|许多|很多|所有|全部|每|各[个种位]?)"
)
_ZH_DETERMINER = re.compile(rf"^[一这那某该][{_ZH_CLASSIFIER}]?")


class _Referent(NamedTuple):
    """What a phrase names: its head and all its words, determiners left out, in the singular."""

    head: str
    words: frozenset[str]
    many: bool
    """Whether it counts, compares, or stands in the plural."""


def is_judged(lang: str | None) -> bool:
    """Whether captions of a language can be judged; one that is not known is taken for English or Chinese."""
    return lang is None or lang.lower().replace("_", "-").split("-")[0] in ("en", "zh")


def ambiguous(caption: str, phrases: Sequence[Span], *, chinese: bool) -> list[bool]:
    """For each of `phrases` (spans of `caption`, repeated or not), whether it fails to single something out."""
    if chinese:
        return _ambiguous_chinese(caption, phrases)
    referents = [_referent(caption[start:end]) for start, end in phrases]
    uncovered = {_singular(word) for word in _WORD.findall(_without(caption, phrases).lower())}
    if uncovered & _ELLIPTIC:
        return [True] * len(phrases)
    return [
        one.many
        or not one.head
        or one.head in uncovered
        or any(
            span != other_span and one.head == other.head and one.words <= other.words
            for other, other_span in zip(referents, phrases, strict=True)
        )
        for one, span in zip(referents, phrases, strict=True)
    ]


def _referent(phrase: str) -> _Referent:
    words = [word for word in _WORD.findall(phrase.lower()) if word not in _DETERMINERS]
    kept = [_singular(word) for word in words]
    many = any(word in _COUNTING or (word.isdigit() and word != "1") for word in words) or kept[-1:] != words[-1:]
    return _Referent(kept[-1] if kept else "", frozenset(kept), many)


def _singular(word: str) -> str:
    """Close enough to compare heads: "dogs" and "dog", "boxes" and "box"."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _ambiguous_chinese(caption: str, phrases: Sequence[Span]) -> list[bool]:
    """The same for a language whose heads stand last and whose words are not divided."""
    texts = [caption[start:end].strip() for start, end in phrases]
    cores = [_ZH_DETERMINER.sub("", text) or text for text in texts]
    uncovered = _without(caption, phrases)
    return [
        bool(_ZH_COUNTING.match(text))
        or not core
        or core in uncovered
        or any(span != other_span and other.endswith(core) for other, other_span in zip(cores, phrases, strict=True))
        for text, core, span in zip(texts, cores, phrases, strict=True)
    ]


def _without(caption: str, phrases: Sequence[Span]) -> str:
    """The caption with the phrases blanked out."""
    characters = list(caption)
    for start, end in phrases:
        characters[start:end] = " " * (end - start)
    return "".join(characters)
