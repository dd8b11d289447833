"""Lines joined to the text of an image, by rules that know scripts with and without spaces."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pipelines.filters.captions.characters import ALONE

_UNSPACED = re.compile(rf"[{ALONE}\u3000-\u303f\u3100-\u312f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]")
"""Han, kana, Bopomofo, and the punctuation that is as wide as they are."""
_SYLLABLE = re.compile(r"(?:^|[^\w-])[^\W\d_]*[^\W\d_](?<=[a-zß-ÿ])[-\u2010]$")
"""A word broken off: it has no other hyphen, so "state-of-" is none."""
_SMALL = re.compile(r"[a-zß-ÿ]")
_HYPHENS = ("-", "\u2010")
_OPENING = ("(", "[", "{", "/", "\u2018", "\u201c")
_CLOSING = re.compile(r"[,;:!?)\]}\u2019\u201d]|\.(?:\s|$)")


def join(lines: Sequence[Mapping[str, Any]]) -> str:
    """The text of lines (as `schemas.tables.LINE`) that count, in the order given.

    A line feed stands between lines of different blocks. Within a block lines follow each other as `junction` says.
    """
    counting = [line for line in lines if line["dropped"] is None and line["text"].strip()]
    text = "".join(line["text"].strip() for line in counting[:1])
    for one, other in pairwise(counting):
        following = other["text"].strip()
        text = f"{text}\n{following}" if one["block"] != other["block"] else junction(text, following)
    return text


def junction(text: str, following: str) -> str:
    """Two texts without white space at their ends, the second of which goes on with the first in a new line.

    No space stands where one of the two characters that meet is Han, kana, or punctuation of theirs; nor after an
    opening bracket or a slash, nor before closing punctuation. A hyphen at the end is a broken word's and goes, without
    a space, when small Latin letters stand on both sides and the word has no other hyphen; after any other letter or
    digit it stays, without a space ("well-Known", "2019-2020"). A soft hyphen goes always. Elsewhere stands a space.
    """
    if text.endswith("\u00ad"):
        return text[:-1] + following
    if text.endswith(_HYPHENS):
        if _SYLLABLE.search(text) and _SMALL.match(following):
            return text[:-1] + following
        return text + following if text[-2:-1].isalnum() and following[:1].isalnum() else f"{text} {following}"
    unspaced = _UNSPACED.match(text[-1:]) or _UNSPACED.match(following)
    if unspaced or text.endswith(_OPENING) or _CLOSING.match(following):
        return text + following
    return f"{text} {following}"
