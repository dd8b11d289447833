"""Lists of words and phrases looked for in many texts at once (Aho–Corasick).

Texts and entries are compared in NFKC, without regard to case, white space collapsed. Where an entry begins or ends
with a letter or digit of a script that writes words apart, no such character may stand next to it: "ass" is not in
"class". Han and kana have no such bounds: 版权所有 is found wherever it stands.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import ahocorasick
import numpy as np
import pyarrow as pa

from pipelines.filters.captions.characters import ALONE
from pipelines.filters.captions.rule import Judgement

LISTS = Path(__file__).parent / "lists"
"""The lists that ship: ``<name>.<language>.txt``."""

_ALONE = re.compile(f"[{ALONE}]")


class LexiconError(ValueError):
    """A list that is not one; the message names the file."""


def read_entries(path: Path) -> list[str]:
    """The entries of a list: UTF-8, one a line; blank lines and those that begin with ``#`` are left out.

    Raises `LexiconError`.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise LexiconError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LexiconError(f"{path} is not UTF-8 text") from None
    entries = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not entries:
        raise LexiconError(f"{path} holds no entries")
    return entries


class Lexicon:
    """Finds entries in texts."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for entry in entries:
            if form := _form(entry):
                self._automaton.add_word(form, (entry, len(form), _joins(form[0]), _joins(form[-1])))
        self._automaton.make_automaton()

    def judge(self, texts: pa.StringArray, at_most: int) -> Judgement:
        """Refuses texts with more than `at_most` entries; those that overlap count each. The detail is the first."""
        forms = [_form(text) for text in texts.to_pylist()]
        ends = np.cumsum([len(form) + 1 for form in forms])
        # line feeds keep matches within a text: no form and no entry holds one
        joined = "\n".join(["", *forms, ""])
        places, entries = [], []
        for last, (entry, length, joins_before, joins_after) in self._automaton.iter(joined):
            apart_before = not (joins_before and _joins(joined[last - length]))
            if apart_before and not (joins_after and _joins(joined[last + 1])):
                places.append(last)
                entries.append(entry)
        found = np.searchsorted(ends, np.array(places, np.int64), side="left")
        counts = np.bincount(found, minlength=len(forms)).astype(np.float64)
        details: list[str | None] = [None] * len(forms)
        for text, entry in zip(found[::-1].tolist(), entries[::-1], strict=True):
            details[text] = entry
        return Judgement(counts > at_most, counts, details)


def _form(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(1 << 14)
def _joins(char: str) -> bool:
    """Whether a character is part of the word that its neighbour belongs to."""
    return (char.isalnum() or unicodedata.category(char)[0] == "M") and not _ALONE.match(char)
