"""Phrases of a text that are followed into its translation: marked in what is asked, and found in what is answered.

A phrase becomes ``⟦s1⟧a dog⟦/s1⟧``; equal ones share their marks, and one within another lies within its marks. A
translator may change their order.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipelines.translation.protect import CLOSE, OPEN, Span

_MARK = re.compile(rf"{OPEN}\s*(/?)\s*s(\d{{1,6}})\s*{CLOSE}")


class Marked(NamedTuple):
    """A text with marks around phrases."""

    text: str
    spans: tuple[Span, ...]
    """of the text without marks; the first lies between ⟦s1⟧ and ⟦/s1⟧"""


def mark(text: str, spans: Sequence[Span]) -> Marked:
    """Put marks around `spans` of `text`, whose ends are in no other mark.

    Left out are blank ones, and those that overlap a longer one without lying in it.
    """
    chosen = _nested(sorted({trimmed(text, span) for span in spans} - {(0, 0)}))
    return Marked(with_marks(text, dict(enumerate(chosen, 1))), tuple(chosen))


def with_marks(text: str, spans: Mapping[int, Span]) -> str:
    """`text` with marks of these numbers around its spans, none of which crosses another."""
    # where one ends and another begins the end comes first; outer ones open first and close last
    marks = [(start, True, -end, number, f"{OPEN}s{number}{CLOSE}") for number, (start, end) in spans.items()]
    marks += [(end, False, -start, -number, f"{OPEN}/s{number}{CLOSE}") for number, (start, end) in spans.items()]
    pieces, at = [], 0
    for place, _, _, _, mark_text in sorted(marks):
        pieces += [text[at:place], mark_text]
        at = place
    return "".join([*pieces, text[at:]])


def trimmed(text: str, span: Span) -> Span:
    """A span of `text` without blanks at its ends; (0, 0) where nothing is left."""
    start, end = span
    words = text[start:end]
    if not words.strip():
        return (0, 0)
    return start + len(words) - len(words.lstrip()), start + len(words.rstrip())


def _nested(spans: Sequence[Span]) -> list[Span]:
    """Those of `spans` (sorted) of which none crosses a longer one."""
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        crosses = any(
            start < other_start < end < other_end or other_start < start < other_end < end
            for other_start, other_end in kept
        )
        if not crosses:
            kept.append((start, end))
    return sorted(kept)


def unmark(answer: str, marked: Sequence[Span]) -> tuple[str, list[Span] | None]:
    """`answer` without marks of phrases, and where the phrases lie in it, in the order of `marked`.

    None where they cannot be told: a mark is missing, doubled, unknown or out of order, a phrase is blank, or one that
    lay within another does no longer.
    """
    text, found = read_marks(answer)
    if found is None or found.keys() != set(range(1, len(marked) + 1)):
        return text, None
    spans = [found[number] for number in sorted(found)]
    if any(not text[start:end].strip() for start, end in spans):
        return text, None
    return text, spans if _nests_alike(marked, spans) else None


def read_marks(text: str) -> tuple[str, dict[int, Span] | None]:
    """`text` without marks of phrases, and the span between those of each number; None where marks are no pairs."""
    pieces, at, length = [], 0, 0
    ends: dict[tuple[int, bool], int] = {}
    are_pairs = True
    for found in _MARK.finditer(text):
        pieces.append(text[at : found.start()])
        length += len(pieces[-1])
        at = found.end()
        key = (int(found[2]), bool(found[1]))
        are_pairs &= key not in ends
        ends[key] = length
    plain = "".join([*pieces, text[at:]])
    numbers = {number for number, _ in ends}
    if not are_pairs or len(ends) != 2 * len(numbers):
        return plain, None
    return plain, {number: (ends[number, False], ends[number, True]) for number in numbers}


def _nests_alike(before: Sequence[Span], after: Sequence[Span]) -> bool:
    """Whether what lay within another still does, what lay apart too, and nothing crosses."""
    pairs = [*zip(before, after, strict=True)]
    return all(
        _holds(other_after, one_after) if _holds(other, one) else _holds(one, other) or _apart(one_after, other_after)
        for one, one_after in pairs
        for other, other_after in pairs
    )


def _holds(outer: Span, inner: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _apart(one: Span, other: Span) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]
