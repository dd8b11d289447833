"""GRIT's columns `noun_chunks` and `ref_exps` as regions (Kosmos-2 §2).

An item is ``[start, end, x1, y1, x2, y2, score]``: characters of the caption, end exclusive, and a box in 0–1. An
expression has the box of the noun chunk that it was expanded from, so that the two are paired again by box and span.
Nested expressions stay, as in the released files; packing leaves the contained ones out.
"""

from typing import Any, NamedTuple

from pipelines.sources.boxes import fraction_box
from pipelines.sources.tables.named import list_of

SOURCE = "grit"


class _Item(NamedTuple):
    span: tuple[int, int]
    box: tuple[float, ...]
    score: float


def regions(caption: str | None, noun_chunks: str | None, ref_exps: str | None) -> list[dict[str, Any]]:
    """The regions of a row, from the cells of its two columns (JSON, or null).

    Raises ValueError, in words, for an item that is none or does not fit the caption.
    """
    chunks = _items("noun_chunks", noun_chunks, caption or "")
    expressions = _items("ref_exps", ref_exps, caption or "")
    found: list[tuple[tuple[int, int], tuple[int, int] | None, _Item]] = []
    paired: set[int] = set()
    for expression in expressions:
        start, end = expression.span
        inside = [
            at
            for at, chunk in enumerate(chunks)
            if at not in paired and chunk[1:] == expression[1:] and start <= chunk.span[0] and chunk.span[1] <= end
        ]
        # an English expression begins with the chunk that it was expanded from
        first = min(inside, key=lambda at: chunks[at].span, default=None)
        if first is not None:
            paired.add(first)
        found.append((expression.span if first is None else chunks[first].span, expression.span, expression))
    found += [(chunk.span, None, chunk) for at, chunk in enumerate(chunks) if at not in paired]
    return [
        {
            "caption_index": 0,
            "phrase": phrase,
            "expression": expression,
            "box": item.box,
            "score": item.score,
            "source": SOURCE,
        }
        for phrase, expression, item in sorted(found, key=lambda one: one[0])
    ]


def _items(column: str, cell: str | None, caption: str) -> list[_Item]:
    try:
        return [_item(value, caption) for value in list_of(cell)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{column}: {error}") from None


def _item(value: Any, caption: str) -> _Item:
    if not isinstance(value, list) or len(value) != 7:
        raise ValueError(f"not [start, end, x1, y1, x2, y2, score]: {str(value)[:80]}")
    start, end, *box, score = (float(number) for number in value)
    if start % 1 or end % 1 or not 0 <= start < end <= len(caption):
        raise ValueError(f"the span {start:g}–{end:g} does not lie in the caption, which has {len(caption)} characters")
    if not 0 <= score <= 1:
        raise ValueError(f"the score {score:g} is not in 0–1")
    return _Item((int(start), int(end)), fraction_box(box), score)
