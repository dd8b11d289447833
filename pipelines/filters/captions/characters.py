"""The characters of many texts in one array, and of what kind each is.

*Characters* are code points. A *word* is a run of characters without white space that holds a letter or a number
("don't", "t-shirt" and "4×4" are one, a lone dash is none); each Han and kana character is a word of its own.
Scripts that write without spaces otherwise (Thai, Lao, Khmer, Burmese) are not taken apart.
"""

import unicodedata
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

KNOWN, SPACE, LETTER, NUMBER, MARK, UPPER, HAN, KANA = (1 << bit for bit in range(8))
"""Bits of a character's kind. None of SPACE, LETTER, NUMBER and MARK: punctuation, symbols, controls, private use."""

ALONE = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Han and kana characters, for the brackets of a pattern of Python's."""

_SPACING = frozenset("\u200b\u2060\ufeff")
"""Of no width, and no part of any word."""
_KINDS = np.zeros(0x110000, np.uint8)
"""By code point, filled in as characters turn up."""

Counts = npt.NDArray[np.int64]


class Characters:
    """The characters of `texts` (no nulls), one text after the other."""

    def __init__(self, texts: pa.StringArray) -> None:
        self.codes = _codes(texts)
        lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
        self.ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    @cached_property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """The kind of each character."""
        kinds = _KINDS[self.codes]
        if not kinds.all():
            for code in np.unique(self.codes[kinds == 0]).tolist():
                _KINDS[code] = _kind(chr(code))
            kinds = _KINDS[self.codes]
        return kinds

    def are(self, kind: int) -> npt.NDArray[np.bool_]:
        """Which characters are of `kind`, or of one of several kinds or-ed together."""
        return np.asarray((self.kinds & kind) != 0)

    def count(self, where: npt.NDArray[np.bool_]) -> Counts:
        """How many characters of each text are in `where`."""
        total = np.zeros(len(where) + 1, np.int32)
        np.cumsum(where, out=total[1:])
        counts: Counts = np.diff(total[self.ends]).astype(np.int64)
        return counts

    @cached_property
    def visible(self) -> Counts:
        """Characters of each text that are not white space."""
        return self.count(~self.are(SPACE))

    def lengths(self) -> Counts:
        """Characters of each text, runs of white space counted as one and none at its ends."""
        between: Counts = np.maximum(self.count(self._run_starts(~self.are(SPACE))) - 1, 0)
        return self.visible + between

    def words(self) -> Counts:
        """Words of each text."""
        alone = self.are(HAN | KANA)
        joined = ~(alone | self.are(SPACE))
        run = np.cumsum(self._run_starts(joined))
        at = np.flatnonzero(joined & self.are(LETTER | NUMBER))
        begins = np.zeros(len(self.codes), bool)
        begins[at[np.diff(run[at], prepend=0) != 0]] = True
        return self.count(begins | alone)

    def _run_starts(self, where: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Where runs of characters in `where` begin; no run crosses from one text into the next."""
        follows = np.zeros(len(where), bool)
        follows[1:] = where[:-1]
        follows[self.ends[:-1][self.ends[:-1] < len(where)]] = False
        starts: npt.NDArray[np.bool_] = where & ~follows
        return starts


def _codes(texts: pa.StringArray) -> npt.NDArray[np.uint32]:
    _, ends, data = texts.buffers()
    if data is None or not len(texts):
        return np.zeros(0, np.uint32)
    ends = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    encoded = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    if (encoded < 0x80).all():
        return encoded.astype(np.uint32)
    return np.frombuffer(str(encoded.data, "utf-8").encode("utf-32-le"), np.uint32)


def _kind(char: str) -> int:
    category = unicodedata.category(char)
    kind = KNOWN
    if char.isspace() or char in _SPACING or category[0] == "Z":
        kind |= SPACE
    kind |= {"L": LETTER, "N": NUMBER, "M": MARK}.get(category[0], 0)
    if category in {"Lu", "Lt"}:
        kind |= UPPER
    name = unicodedata.name(char, "")
    if name.startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")) or char in "々〇":
        kind |= HAN
    if category[0] == "L" and name.startswith(("HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")):
        kind |= KANA
    return kind
