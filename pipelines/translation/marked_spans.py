"""Phrases of a text that are followed into its translation: marked in what is asked, and found in what is answered.

A phrase becomes ``⟦s1⟧a dog⟦/s1⟧``; equal ones share their marks, and one within another lies within its marks. A
translator may change their order.
"""

import re
from collections.abc import Sequence
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
    opening = [(start, -end, number, f"{OPEN}s{number}{CLOSE}") for number, (start, end) in enumerate(chosen, 1)]
    closing = [(end, -start, -number, f"{OPEN}/s{number}{CLOSE}") for number, (start, end) in enumerate(chosen, 1)]
    pieces, at = [], 0
    # where one ends and another begins the end comes first; outer ones open first and close last
    for place, _, _, mark_text in sorted(closing + opening, key=_order):
        pieces += [text[at:place], mark_text]
        at = place
    return Marked("".join([*pieces, text[at:]]), tuple(chosen))


def _order(mark: tuple[int, int, int, str]) -> tuple[int, bool, int]:
    place, other_end, _, text = mark
    return place, text[1] != "/", other_end


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
    pieces, at, length = [], 0, 0
    ends: dict[tuple[str, int], int] = {}
    are_whole = True
    for found in _MARK.finditer(answer):
        pieces.append(answer[at : found.start()])
        length += len(pieces[-1])
        at = found.end()
        key = (found[1], int(found[2]))
        are_whole &= key not in ends
        ends[key] = length
    text = "".join([*pieces, answer[at:]])
    expected = {(slash, number) for number in range(1, len(marked) + 1) for slash in ("", "/")}
    if not are_whole or ends.keys() != expected:
        return text, None
    spans = [(ends["", number], ends["/", number]) for number in range(1, len(marked) + 1)]
    if any(not text[start:end].strip() for start, end in spans):
        return text, None
    return text, spans if _nests_alike(marked, spans) else None


def _nests_alike(before: Sequence[Span], after: Sequence[Span]) -> bool:
    """Whether what lay within another still does, and nothing crosses."""
    if _nested(sorted(set(after))) != sorted(set(after)):
        return False
    return all(
        other_after[0] <= start_after and end_after <= other_after[1]
        for (start, end), (start_after, end_after) in zip(before, after, strict=True)
        for other, other_after in zip(before, after, strict=True)
        if other[0] <= start and end <= other[1]
    )
