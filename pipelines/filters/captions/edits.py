"""Edits of a caption's text: pure functions, and chains of them that change nothing when they are applied again."""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import ftfy

from pipelines.filters.captions.characters import ALONE
from pipelines.placeholders import PERSON, TAG

EditName = Literal["unicode", "html", "tags", "persons", "patterns", "whitespace"]

_ROUNDS = 8
"""A chain is repeated until nothing changes: what one edit uncovers is for another that stands before it."""
_BRACKETS = re.compile(r"[<>&\[\]{}]")

_REPAIR = ftfy.TextFixerConfig(
    unescape_html=False,  # an edit of its own
    uncurl_quotes=False,  # “ ” is what Chinese writes
    fix_character_width=False,  # and ， ！ too
    normalization="NFC",
    explain=False,
)
_NARROW = {code: code - 0xFEE0 for first, last in ("０９", "ＡＺ", "ａｚ") for code in range(ord(first), ord(last) + 1)}

_INLINE = (
    "a abbr b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var"
)
_BLOCK = (
    "address article aside audio blockquote body br button canvas caption center col dd details div dl dt embed "
    "fieldset figcaption figure footer form frame h1 h2 h3 h4 h5 h6 head header hr html iframe img input label legend "
    "li link main map meta nav noscript object ol option p param picture pre script section select source style "
    "summary svg table tbody td textarea tfoot th thead title tr track ul video wbr"
)
_NAMES = f"{_INLINE} {_BLOCK}".replace(" ", "|")
# none looks beyond the next <, so that a text of nothing but beginnings costs no more than another
_SCRIPT = re.compile(r"<(script|style)(?=[\s>])[^<>]*>[^<]*</\1\s*>|<!--[^<>]*-->", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE.replace(' ', '|')})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_OTHER_TAG = re.compile(
    rf"</?(?:{_BLOCK.replace(' ', '|')})(?=[\s/>])[^<>]*>"
    rf"|<(?:{_NAMES})\s+[a-z-]+\s*=[^<>]*(?=<|$)",  # one that was cut off
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_SHORTCODE = re.compile(r"\[/?(?:caption|gallery|embed|video|audio|img|url)(?=[\s\]=])[^\[\]]*\]", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}")

_RUN = re.compile(r"([!?,;:~*_=+#|\-–—•·★☆！？，。、～])\1{2,}")
_DOTS = re.compile(r"\.{4,}")
_ELLIPSES = re.compile(r"…{3,}")
_EMPTY_BRACKETS = re.compile(r"\(\s?\)|\[\s?\]|\{\s?\}|（\s?）|【\s?】")
_SIZE = re.compile(r"[(\[]\s?\d{2,5}\s?[x×*]\s?\d{2,5}\s?(?:px|pixels)?\s?[)\]]", re.IGNORECASE)
_CAMERA = re.compile(r"\b(?:IMG|DSC[NF]?|PXL|MVIMG)[_-]?\d{3,}(?:[_-]\d+){0,3}(?:\.[A-Za-z]{3,4})?\b")
_SEPARATORS = "-–—_|~*•·=,;:"
_STOPS = "!?.！？。"
_NO_WIDTH = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_HAN = re.compile(f"[{ALONE}]")


def repair_unicode(text: str) -> str:
    """Mojibake, ligatures, control characters and odd line ends mended; NFC; full-width letters and digits narrow."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", ftfy.fix_text(text, _REPAIR).translate(_NARROW))


def remove_html(text: str) -> str:
    """Comments, scripts and tags of HTML gone, a blank in place of those that break a line; entities spelled out."""
    if "<" not in text and "&" not in text:
        return text
    text = _SCRIPT.sub(" ", text)
    text = _OTHER_TAG.sub(" ", _INLINE_TAG.sub("", text))
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)


def remove_tags(text: str) -> str:
    """Placeholders of data sets, shortcodes (``[caption id=…]``) and templates (``{{title}}``) gone."""
    for pattern in (TAG, _SHORTCODE, _TEMPLATE):
        text = pattern.sub(" ", text)
    return text


def name_persons(text: str) -> str:
    """Persons' placeholders become words: "person", as in CC3M, or 某人 where the caption is Chinese."""
    if not PERSON.search(text):
        return text
    word = "某人" if _HAN.search(PERSON.sub("", text)) else "person"
    return PERSON.sub(word, text)


def mend_patterns(text: str) -> str:
    """Runs of marks, empty brackets, sizes, camera names and separators at the ends gone; white space collapsed."""
    text = _RUN.sub(r"\1", _ELLIPSES.sub("……", _DOTS.sub("...", text)))
    text = _EMPTY_BRACKETS.sub("", _SIZE.sub(" ", _CAMERA.sub(" ", text)))
    parts = text.split()
    first, last = 0, len(parts)
    while first < last and not parts[first].strip(_SEPARATORS + _STOPS):
        first += 1
    while last > first and not parts[last - 1].strip(_SEPARATORS):
        last -= 1
    return " ".join(parts[first:last])


def collapse_whitespace(text: str) -> str:
    """Runs of white space become one space, none is left at the ends; characters without width go."""
    return " ".join((text if text.isascii() else text.translate(_NO_WIDTH)).split())


EDITS: Mapping[EditName, Callable[[str], str]] = MappingProxyType(
    {
        "unicode": repair_unicode,
        "html": remove_html,
        "tags": remove_tags,
        "persons": name_persons,
        "patterns": mend_patterns,
        "whitespace": collapse_whitespace,
    }
)
"""By name, in the order in which they are best applied."""


def edited(text: str, edits: Sequence[EditName]) -> str:
    """`text` after `edits` in their order, again and again until nothing changes."""
    for _ in range(_ROUNDS):
        if (after := _once(text, edits)) == text:
            return text
        text = after
    # mark-up within mark-up within mark-up: nothing is lost with its brackets
    text = _BRACKETS.sub(" ", text)
    for _ in range(_ROUNDS):
        text = _once(text, edits)
    return text


def _once(text: str, edits: Sequence[EditName]) -> str:
    for name in edits:
        text = EDITS[name](text)
    return text
