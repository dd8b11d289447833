"""What can be wrong with an answer that should be a translation, each by its name in `schemas.reasons.UNTRANSLATED`.

Texts are judged as they were asked for and answered: with marks (``⟦1⟧``) for what is protected, and without those of
phrases. Rules and bounds are ours; how often they are right is in docs/quality.md.
"""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np

from pipelines.chatml.neutralise import SPECIAL_TOKEN
from pipelines.filters.captions.language import UNKNOWN, Language, LanguageEngine
from pipelines.filters.captions.repetition import word_repetition
from pipelines.grounding.training.lexicon import own_lexicon
from pipelines.translation.chatter import PREAMBLE, REFUSAL
from pipelines.translation.languages import HAN, KANA, LATIN, UNSPACED, letters_of, primary
from pipelines.translation.numerals import differing
from pipelines.translation.protect import placeholders, without_placeholders

_LATIN_WORD = re.compile(rf"[{LATIN}][{LATIN}\d'’&.-]*")
_LETTER = re.compile(r"[^\W\d_]")
_HAN_OR_KANA = re.compile(f"[{HAN}{KANA}]")
_IN_NAMES = frozenset({"of", "the", "and", "in", "de", "la", "le", "du", "von", "van", "el"})
_NEVER_IN_NAMES = frozenset({"a", "an", "at", "by", "for", "from", "is", "on", "to", "with"})
_MOST_WORDS_OF_A_NAME = 8
_UNSPACED_WEIGHT = 3
"""Latin letters that a Han character, or one of another script without blanks, is worth."""
_SLACK, _SLACK_FOR_ACRONYM = 20, 30
"""Letters that a translation may be longer by, however short its original: an acronym becomes its full form."""
_ACRONYM = re.compile(r"\b[A-Z]{2,6}\b")
_FEWEST_FOR_GUESS, _SURE = 20, 0.9
_OWN_SHARE, _LATIN_SHARE = 0.6, 0.75
_LONGEST_PERIOD, _LOOP, _ROUNDS = 80, 16, 4
_MOST_LOOKED_AT = 20_000
_REPEATED, _FEWEST_REPEATED = 0.5, 40

_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>")
_MARKUP = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"```",
        r"\*+[^*\n]+\*",
        r"^\s{0,3}#{1,6}\s",
        r"^\s{0,3}(?:[-*•]|\d{1,2}[.)])\s",
        _TAG.pattern,
        r"[⟦⟧]",
        SPECIAL_TOKEN.pattern,
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]",
        r"^\s*[\[{]\s*\"",
        r"\\[nt]|&[a-z]{2,8};",
        r"\n",
    )
)
_QUOTES = {'"': '"', "“": "”", "'": "'", "「": "」", "‘": "’", "『": "』"}
_NO_WORDS = re.compile(r"[\W_]+")


class Asked(NamedTuple):
    """What an answer is held against."""

    text: str
    """protected, without marks of phrases"""
    target: str
    length_ratio: tuple[float, float]
    """least and most of the answer's length over the text's, in Latin letters"""
    counts: str | None = None
    """the text whose numbers the answer must have, where that is another"""


def failed_checks(asked: Asked, answer: str, finish_reason: str | None) -> tuple[str, ...]:
    """The checks that `answer` fails; none: it is taken for a translation."""
    if not _LETTER.search(answer) and not placeholders(answer):
        return ("empty",)
    found = []
    before, after = Counter(placeholders(asked.text)), Counter(placeholders(answer))
    if before - after:
        found.append("placeholder_lost")
    if after - before:
        found.append("placeholder_added")
    source, words = without_placeholders(asked.text), without_placeholders(answer)
    if is_copied(source, words):
        if not is_name(source) and not is_in(source, asked.target):
            found.append("copied_source")
    elif REFUSAL.search(words) and not REFUSAL.search(source):
        found.append("refusal")
    else:
        if PREAMBLE.search(words) and not PREAMBLE.search(source):
            found.append("preamble")
        if not is_in(words, asked.target):
            found.append("wrong_language")
    if finish_reason == "length":
        found.append("truncated")
    if not _has_length(source, words, asked.length_ratio):
        found.append("length_ratio")
    if _is_loop(source, words):
        found.append("repetition")
    if _has_markup(source, words):
        found.append("markup_added")
    counts = source if asked.counts is None else without_placeholders(asked.counts)
    if differing(counts, words):
        found.append("number_mismatch")
    return tuple(found)


def is_copied(source: str, answer: str) -> bool:
    """Whether an answer is its source again; letter case, blanks and punctuation do not count."""
    return _NO_WORDS.sub("", source.casefold()) == _NO_WORDS.sub("", answer.casefold())


def is_name(text: str) -> bool:
    """Whether a text seems to be a name and nothing else, as "Nike Air Max 90".

    That is a few words, each with a capital or a figure, of which most are no common words of captions.
    """
    words = _LATIN_WORD.findall(text)
    if not 0 < len(words) <= _MOST_WORDS_OF_A_NAME or _HAN_OR_KANA.search(text):
        return False
    telling = [word for word in words if word.lower() not in _IN_NAMES]
    if any(word.lower() in _NEVER_IN_NAMES for word in words):
        return False
    if not all(word[0].isupper() or any(map(str.isdigit, word)) or not word.islower() for word in telling):
        return False
    common = sum(_is_common(word.lower().rstrip(".'’-")) for word in telling)
    return common < len(telling) and 2 * common - (len(telling) < len(words)) < len(telling)


def _is_common(word: str) -> bool:
    return word in _common_words() or (word.endswith("s") and word[:-1] in _common_words())


@cache
def _common_words() -> frozenset[str]:
    lexicon = own_lexicon()
    goods = {word for pair in lexicon.goods for word in " ".join(pair).lower().split()}
    return frozenset({*lexicon.people, *lexicon.things, *lexicon.adjectives} | goods)


def is_in(text: str, language: str) -> bool:
    """Whether a text may be in a language: by its letters, and where those are Latin by py3langid.

    Names, and a single word, in Latin letters may stand in a text of any language.
    """
    target = primary(language)
    text = _TAG.sub(" ", text)
    own = len(re.findall(f"[{letters_of(target)}]", text))
    foreign = len(_LETTER.findall(text)) - own
    if target == "zh":  # kana would not be there
        own -= min(own, 2 * len(re.findall(f"[{KANA}]", text)))
    if letters_of(target) == LATIN:
        return own >= _LATIN_SHARE * (own + 4 * foreign) and not _is_surely_other(text, target)
    latin = _LATIN_WORD.findall(text)
    small = [word for word in latin if word.islower() and word.isalpha() and len(word) > 1]
    foreign -= sum(map(len, map(_letters, latin)))
    if len(small) > 1:
        foreign += sum(map(len, small))
    worth = 2 if UNSPACED.search(text) else 1
    return own > 0 and own * worth >= _OWN_SHARE * (own * worth + foreign)


def _letters(word: str) -> str:
    return "".join(filter(str.isalpha, word))


def _is_surely_other(text: str, target: str) -> bool:
    """Whether py3langid is sure of another language; it is asked about texts of some length only."""
    if len(_LETTER.findall(text)) < _FEWEST_FOR_GUESS:
        return False
    return _guesser().identify(text.lower()) not in {target, UNKNOWN}


@cache
def _guesser() -> LanguageEngine:
    return Language(min_letters=_FEWEST_FOR_GUESS, min_confidence=_SURE).load()


def _has_length(source: str, answer: str, ratio: tuple[float, float]) -> bool:
    before, after = _length(source), _length(answer)
    slack = _SLACK + _SLACK_FOR_ACRONYM * len(_ACRONYM.findall(source))
    return ratio[0] * before - _SLACK / 4 <= after <= ratio[1] * before + slack


def _length(text: str) -> int:
    plain = " ".join(text.split())
    return len(plain) + (_UNSPACED_WEIGHT - 1) * len(UNSPACED.findall(plain))


def _is_loop(source: str, answer: str) -> bool:
    """Whether an answer says something over and over that its source does not."""
    looped = _looped(answer)
    if looped >= _LOOP and looped > 2 * _looped(source):
        return True
    return (
        len(answer) >= _FEWEST_REPEATED
        and word_repetition(answer, 4) > _REPEATED
        and word_repetition(answer, 4) > word_repetition(source, 4) + _REPEATED / 2
    )


def _looped(text: str) -> int:
    """Characters of the longest stretch that says one thing, of at most 80 characters, four times or more in a row."""
    codes = np.frombuffer(text[:_MOST_LOOKED_AT].encode("utf-32-le", "surrogatepass"), np.uint32)
    longest = 0
    for period in range(1, min(_LONGEST_PERIOD, len(codes) // _ROUNDS) + 1):
        differs = np.flatnonzero(codes[period:] != codes[:-period])
        bounds = np.concatenate([[-1], differs, [len(codes) - period]])
        stretch = int(np.diff(bounds).max()) - 1 + period
        if stretch >= _ROUNDS * period:
            longest = max(longest, stretch)
    return longest


def _has_markup(source: str, answer: str) -> bool:
    if any(len(pattern.findall(answer)) > len(pattern.findall(source)) for pattern in _MARKUP):
        return True
    inner, outer = source.strip(), answer.strip()
    return len(outer) > 1 and _QUOTES.get(outer[0]) == outer[-1] and inner[:1] not in _QUOTES
