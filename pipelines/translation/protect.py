"""Parts of a text that no translator is to touch: they are replaced by numbered marks, and put back afterwards.

Protected are special tokens, markup, placeholders of data sets, boxes, addresses, numbers with units, quoted words,
text that was read in the image, and the terms of a glossary. Each becomes ``⟦1⟧``, ``⟦2⟧`` …, numbered from 1 in the
order of the text. These brackets are ours: where a text holds one itself, that is protected too, so that nothing in a
text can be taken for a mark.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from pipelines.chatml.neutralise import SPECIAL_TOKEN
from pipelines.placeholders import PERSON, TAG

OPEN, CLOSE = "⟦", "⟧"
Span = tuple[int, int]
"""Characters of a text: start, end (exclusive)."""

_BRACKET = re.compile(f"[{OPEN}{CLOSE}]")
_PLACEHOLDER = re.compile(rf"{OPEN}\s*(\d{{1,6}})\s*{CLOSE}")

_NUMBER = r"\d+(?:[.,]\d+)*"
_PLACE = r"\d+(?:\.\d+)?"
_BOX = re.compile(
    r"<(box|quad)>[^<>]{0,400}</\1>|<\|(box|quad)_start\|>[^<>]{0,400}<\|\2_end\|>"
    rf"|\[\[?\s*{_PLACE}(?:\s*[,;]\s*{_PLACE}){{3,63}}\s*\]\]?"
    rf"|\(\s*{_PLACE}\s*,\s*{_PLACE}\s*\)(?:\s*,\s*\(\s*{_PLACE}\s*,\s*{_PLACE}\s*\))+"
)
_TAGS = (PERSON, TAG, re.compile(r"</?[A-Za-z][^<>\n]{0,300}>"))
_ADDRESS = re.compile(
    r"(?i:https?|ftp)://[^\s<>\"'“”‘’「」，。；！？、）】》]+|(?i:www)\.[\w-]+\.[^\s<>\"'“”，。；、）】》]+"
    r"|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+|(?<![\w/])@[A-Za-z0-9_]{2,30}\b"
)
_TRAILING = ".,;:!?)]"
"""Not the end of an address, where they stand last."""
_UNIT = (
    r"%|‰|°\s?[CF]?|℃|℉|[kKMGT]?Hz|[kKMGT]i?B|[kKMG]bps|[kMG]?W|k?Wh|m?Ah|k?V|[kmcµn]m[²³]?|m[²³]|[kmµ]g"
    r"|lbs?|(?:fl\s?)?oz|m[lL]|c[lL]|km/h|mph|rpm|fps|px|dpi|MP|hp|psi|dB|lm|kcal|kJ|ct"
)
_MEASURE = re.compile(
    rf"(?<![\w.,])[$€£¥₹]\s?{_NUMBER}(?!\d|[.,]\d|\s?(?:[kKmMbB]\b|thousand|[mbtr]+illion|[十百千万亿]))"
    rf"|(?<![\w.,]){_NUMBER}(?:\s?[-–x×*]\s?{_NUMBER}){{0,3}}\s?(?:{_UNIT})(?![A-Za-z])"
    rf"|(?<![\w.,])\d{{1,5}}(?:\s?[x×]\s?\d{{1,5}}){{1,2}}(?!\w)"  # sizes: 1920x1080
    rf"|(?<![\w.,])f/\d+(?:\.\d+)?(?!\w)"  # apertures
)
_QUOTED = re.compile(
    r"(?<![\w\"])\"(?=\S)([^\"\n]{0,119}[^\s\"])\"(?![\w\"])"
    r"|(?<![\w'’])'(?=\S)(?!\d0s\b|(?:em|til|tis|twas|n)\b)([^'\n]{0,119}[^\s'])'(?!\w)"
    r"|“([^“”\n]{1,120})”|(?<![\w‘’])‘([^‘’\n]{1,120})’(?!\w)|「([^「」\n]{1,120})」|『([^『』\n]{1,120})』"
)
_SPEAKS = r"(?:said|says|asked|asks|replied|replies|cried|cries|told|tells|whispered|shouted|thought|thinks)"
_SPEAKER_BEFORE = re.compile(rf"(?i:\b(?:he|she|they|we|i|you|who|man|woman|boy|girl)\s+{_SPEAKS})[\s,:]*$")
_SPEAKER_AFTER = re.compile(
    rf"(?i:[\s,]*(?:{_SPEAKS}\s+(?:the|a|an|he|she|they|i)\b|(?:he|she|they|we|i)\s+{_SPEAKS}))",
)
_FEWEST_READ = 2
"""Characters of text in the image that are worth looking for."""


_PAIRED = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z][\w-]*)(?:\s[^<>]*)?>|<\|(?P<token>\w+)_(?P<end>start|end)\|>")


class Piece(NamedTuple):
    """A protected part of a text."""

    start: int
    end: int
    """exclusive, in the text as it was"""
    number: int
    """of its mark"""


class Protected(NamedTuple):
    """A text with marks in place of its protected parts."""

    text: str
    pieces: tuple[Piece, ...]
    """in the order of the text"""
    values: tuple[str, ...]
    """what the marks 1, 2, … stand for in the translation"""

    def moved(self, spans: Sequence[Span]) -> list[Span]:
        """Where `spans` of the original lie in `text`; an end within a protected part moves to that part's end."""
        return [(self._moved(start, to_end=False), self._moved(end, to_end=True)) for start, end in spans]

    def _moved(self, place: int, *, to_end: bool) -> int:
        shift = 0
        for start, end, number in self.pieces:
            if place <= start:
                break
            mark = len(placeholder(number))
            if place < end:
                return start + shift + (mark if to_end else 0)
            shift += mark - (end - start)
        return place + shift


def placeholder(number: int) -> str:
    """The mark of the protected part of this number, from 1."""
    return f"{OPEN}{number}{CLOSE}"


def placeholders(text: str) -> list[int]:
    """The numbers of the marks in `text`, in its order."""
    return [int(found[1]) for found in _PLACEHOLDER.finditer(text)]


def without_placeholders(text: str) -> str:
    """`text` with blanks where marks are."""
    return _PLACEHOLDER.sub(" ", text)


def protect(text: str, keep: Collection[str] = (), glossary: Mapping[str, str] | None = None) -> Protected:
    """Replace what is protected in `text` by marks.

    `keep`: texts that were read in the image; each stays where `text` has it letter for letter, save single words in
    small letters, which captions use in their own right. `glossary`: terms, found whole and in either case, and what
    each becomes; an empty string leaves it as it is.
    """
    terms = {term.casefold(): becomes for term, becomes in (glossary or {}).items()}
    patterns = [_words([one for one in keep if _is_telling(one)]), _words(terms, re.IGNORECASE)]
    spans = _apart(text, [_BOX, SPECIAL_TOKEN, *_TAGS, _address, _quoted, *patterns, _MEASURE, _BRACKET])
    values = (terms.get(text[start:end].casefold()) or text[start:end] for start, end in spans)
    return _marked(text, spans, (), tuple(values))


def protect_alike(translation: str, original: Protected) -> Protected:
    """Replace in a translation what the marks of its original stand for, and what no text may hold unmarked.

    Equal parts have equal marks; those that the original lacks are numbered after its own.
    """
    values = _words(set(original.values))
    spans = _apart(translation, [values, _BOX, SPECIAL_TOKEN, *_TAGS, _BRACKET])
    return _marked(translation, spans, original.values, tuple(translation[start:end] for start, end in spans))


def are_paired(text: str, values: Sequence[str]) -> bool:
    """Whether marks that stand for something that opens and closes, as ``<ref>`` and ``</ref>``, do so in order."""
    opened: list[str] = []
    for number in placeholders(text):
        found = _PAIRED.fullmatch(values[number - 1]) if 1 <= number <= len(values) else None
        if found is None:
            continue
        name = found["name"] or found["token"]
        if not found["slash"] and found["end"] != "end":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    return True


def restore(text: str, values: Sequence[str]) -> str:
    """`text` with its marks replaced by what they stand for; one of an unknown number stays."""
    return restore_with_spans(text, values, ())[0]


def restore_with_spans(text: str, values: Sequence[str], spans: Sequence[Span]) -> tuple[str, list[Span]]:
    """The same, and where `spans` of `text`, whose ends are in no mark, lie then."""
    pieces, ends, shifts, at = [], [], [0], 0
    for found in _PLACEHOLDER.finditer(text):
        number = int(found[1])
        value = values[number - 1] if 1 <= number <= len(values) else found[0]
        pieces += [text[at : found.start()], value]
        at = found.end()
        ends.append(at)
        shifts.append(shifts[-1] + len(value) - len(found[0]))

    def moved(place: int) -> int:
        return place + shifts[bisect_right(ends, place)]

    return "".join([*pieces, text[at:]]), [(moved(start), moved(end)) for start, end in spans]


def _marked(text: str, spans: Sequence[Span], known: Sequence[str], values: Sequence[str]) -> Protected:
    """`text` with marks at `spans`, which stand for `values`; a value that is `known` has its first free number."""
    free: dict[str, list[int]] = {}
    for number in range(len(known), 0, -1):
        free.setdefault(known[number - 1], []).append(number)
    everything, pieces, marked, at = list(known), [], [], 0
    for (start, end), value in zip(spans, values, strict=True):
        if not (numbers := free.get(value)):
            everything.append(value)
            numbers = [len(everything)]
        pieces.append(Piece(start, end, numbers.pop()))
        marked += [text[at:start], placeholder(pieces[-1].number)]
        at = end
    return Protected("".join([*marked, text[at:]]), tuple(pieces), tuple(everything))


Finder = re.Pattern[str] | Callable[[str], Iterator[Span]]


def _apart(text: str, finders: Sequence[Finder]) -> list[Span]:
    """What the finders find, in the order of the text; of two that overlap the one of the earlier finder."""
    taken = bytearray(len(text))
    spans: list[Span] = []
    for finder in finders:
        found = (one.span() for one in finder.finditer(text)) if isinstance(finder, re.Pattern) else finder(text)
        for start, end in found:
            if start < end and not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                spans.append((start, end))
    return sorted(spans)


def _address(text: str) -> Iterator[Span]:
    for found in _ADDRESS.finditer(text):
        yield found.start(), found.start() + len(found[0].rstrip(_TRAILING))


def _quoted(text: str) -> Iterator[Span]:
    """What stands between quotation marks, and is not what somebody says: that is translated like the rest."""
    for found in _QUOTED.finditer(text):
        start, end = found.span(found.lastindex or 0)
        said = _SPEAKER_BEFORE.search(text, max(0, found.start() - 60), found.start())
        if not said and not _SPEAKER_AFTER.match(text, found.end()):
            yield start, end


def _words(terms: Collection[str], flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Any of `terms`, the longest first, where no word goes on before or after it."""
    longest_first = sorted(filter(None, terms), key=lambda term: (-len(term), term))
    if not longest_first:
        return re.compile(r"(?!)")
    return re.compile("|".join(map(_whole, longest_first)), flags)


def _whole(term: str) -> str:
    before = r"(?<![A-Za-z0-9])" if term[0].isascii() and term[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if term[-1].isascii() and term[-1].isalnum() else ""
    return before + re.escape(term) + after


def _is_telling(text: str) -> bool:
    return len(text) >= _FEWEST_READ and not (text.isalpha() and text.islower())
