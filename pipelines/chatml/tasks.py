"""Tasks: what a row is turned into. Deciding and writing are two steps, for the decision is committed first.

`decide` answers which conversations a caption and its regions give, and why others were not made; `converse` writes
one of them. A conversation is plain data; samples.py writes it in the shard's two forms.

* **caption**: an image and a request to describe it, answered by the caption.
* **grounded_caption**: the same, with each referring expression followed by its boxes (GRIT, CogVLM GC).
* **rec**, referring expression comprehension: where is …? One question for each expression, answered by its box.
* **reg**, referring expression generation: what is at …? One question for each box, answered by its expression.

Of expressions that a source gives, `rec` and `reg` are made in expressions.py; a conversation that it holds is told
again in turns.py; what is made of the text in an image, in ocr.py.
"""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from pipelines.captions import Caption
from pipelines.chatml.ambiguity import ambiguous, is_judged
from pipelines.chatml.conversation import Conversation, Turn
from pipelines.chatml.dialects.protocol import Dialect, Grounded
from pipelines.chatml.neutralise import neutralise, neutralise_with_spans
from pipelines.chatml.phrasings import AskedTask, TaskName, is_chinese, phrasing
from pipelines.chatml.regions import Region, Span

Coordinates = tuple[int, ...]
"""A box on the dialect's grid."""

GROUNDED_TASKS: frozenset[TaskName] = frozenset({"grounded_caption", "rec", "reg"})
"""Tasks that are made of regions."""


class Planned(NamedTuple):
    """A conversation to be written: a task, for a caption, with these of the row's regions in the order of use."""

    task: TaskName
    caption: int | None
    """None: the row's own turns, or its lines of text."""
    regions: tuple[int, ...]
    lines: tuple[int, ...] = ()
    """Which of the row's lines of text, in reading order."""


class Refused(NamedTuple):
    """Why a task was not made of a caption, or not of one region of it."""

    task: TaskName
    caption: int | None
    region: int | None
    reason: str
    """One of `schemas.reasons.REFUSALS`."""
    value: float | None = None
    line: int | None = None


class Limits(NamedTuple):
    """When a phrase is visually ambiguous, and how long a conversation may be."""

    runner_up: float
    """A second-best box scoring at least this share of the best makes a phrase ambiguous."""
    max_turns: int
    """Questions that one rec or reg conversation may ask."""


def decide(
    tasks: Sequence[TaskName], caption: Caption, regions: Sequence[Region], boxes: Sequence[Coordinates], limits: Limits
) -> tuple[list[Planned], list[Refused]]:
    """What `caption` gives, with all regions of its row and their boxes on the dialect's grid.

    Spans that lie in a longer one are left out (GRIT, step 8, applied on use). Raises ValueError for a span that is
    not one of the caption's.
    """
    planned: list[Planned] = []
    refused: list[Refused] = []
    mine = [at for at, region in enumerate(regions) if region.caption == caption.place]
    for at in mine:
        check_spans(at, regions[at], caption.text)
    flaws = {at: flaw(caption.text, regions[at], boxes[at]) for at in mine}
    usable = [at for at in mine if flaws[at] is None]
    outer = _outermost({regions[at].span for at in usable})
    flaws |= {at: "contained_span" for at in usable if regions[at].span not in outer}
    usable = [at for at in usable if flaws[at] is None]
    for task in tasks:
        if task == "caption":
            planned.append(Planned(task, caption.place, ()))
            continue
        refused += [Refused(task, caption.place, at, reason) for at, reason in flaws.items() if reason]
        if task == "grounded_caption":
            chosen = sorted(usable, key=lambda at: (regions[at].span, at))
        else:
            chosen = []
            for at, refusal in _referring(task, caption, regions, mine, usable, limits):
                if refusal is None:
                    chosen.append(at)
                else:
                    refused.append(refusal)
        if chosen:
            planned.append(Planned(task, caption.place, tuple(chosen)))
        else:
            refused.append(Refused(task, caption.place, None, "no_region"))
    return planned, refused


def check_spans(at: int, region: Region, caption: str) -> None:
    """Raise ValueError where a span of region number `at` is not one of its caption's."""
    for start, end in (region.phrase, region.span):
        if not 0 <= start < end <= len(caption):
            raise ValueError(f"region {at} has the span {start}–{end}, but its caption has {len(caption)}")


def flaw(caption: str, region: Region, box: Coordinates) -> str | None:
    """Why no task can use a region, whatever else the caption says."""
    if not neutralise(caption[slice(*region.span)]).strip():
        return "blank_phrase"
    x1, y1, x2, y2 = box
    return None if x1 < x2 and y1 < y2 else "box_too_small"


def _outermost(spans: set[Span]) -> set[Span]:
    """The spans that no longer span contains or overlaps; of two equally long that overlap, the first."""
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        if all(end <= other_start or start >= other_end for other_start, other_end in kept):
            kept.append((start, end))
    return set(kept)


def _referring(
    task: TaskName,
    caption: Caption,
    regions: Sequence[Region],
    mine: Sequence[int],
    usable: Sequence[int],
    limits: Limits,
) -> list[tuple[int, Refused | None]]:
    """Each usable region with why it cannot be referred to, in the order of the caption.

    Those of the best scores come first, up to the limit of turns.
    """
    unclear = dict(
        zip(
            mine,
            ambiguous(
                caption.text,
                [regions[at].phrase for at in mine],
                chinese=is_chinese(caption.text, caption.lang),
            ),
            strict=True,
        )
    )
    boxes_of = {span: sum(regions[at].span == span for at in mine) for span in {regions[at].span for at in usable}}

    def refusal(at: int) -> Refused | None:
        region = regions[at]
        if not is_judged(caption.lang):
            return Refused(task, caption.place, at, "other_language")
        if unclear[at]:
            return Refused(task, caption.place, at, "ambiguous_text")
        reason, value = uncertain(region, boxes_of[region.span], limits)
        return Refused(task, caption.place, at, reason, value) if reason else None

    judged = {at: refusal(at) for at in usable}
    clear = [at for at in usable if judged[at] is None]
    for at in over_max_turns(clear, regions, limits):
        judged[at] = Refused(task, caption.place, at, "over_max_turns", len(clear))
    return [(at, judged[at]) for at in sorted(usable, key=lambda at: (regions[at].span, at))]


def uncertain(region: Region, n_boxes: int, limits: Limits) -> tuple[str | None, float | None]:
    """Why a phrase with `n_boxes` boxes cannot be said to mean the region's, and what was measured; None: it can."""
    if n_boxes > 1:
        return "second_box", n_boxes
    if region.score is None or not 0 < region.score < inf:
        return "unscored", region.score
    if region.runner_up is not None and not region.runner_up < limits.runner_up * region.score:
        return "runner_up", region.runner_up / region.score
    return None, None


def over_max_turns(clear: Sequence[int], regions: Sequence[Region], limits: Limits) -> set[int]:
    """Those of the regions that no question is left for: the ones of the lowest scores, of equal ones the last."""
    return set(sorted(clear, key=lambda at: (-(regions[at].score or 0), at))[limits.max_turns :])


def converse(
    plan: Planned, caption: Caption, regions: Sequence[Region], boxes: Sequence[Coordinates], row: int, dialect: Dialect
) -> Conversation:
    """Write a planned conversation of the row with id `row`; `regions` and `boxes` are all of the row's."""
    chinese = is_chinese(caption.text, caption.lang)
    used = [regions[at] for at in plan.regions]
    text, spans = neutralise_with_spans(caption.text, [region.span for region in used])
    coordinates = [boxes[at] for at in plan.regions]
    pairs: list[Pair]
    if plan.task == "caption":
        pairs = [(phrasing("caption", row, chinese=chinese), text)]
    elif plan.task == "grounded_caption":
        answer = dialect.write_grounded(_pieces(text, spans, coordinates))
        pairs = [(phrasing("grounded_caption", row, chinese=chinese), answer)]
    else:
        expressions = [text[start:end].strip() for start, end in spans]
        pairs = [
            referring_pair(plan.task, expression, box, row, turn, dialect, chinese=chinese)
            for turn, (expression, box) in enumerate(zip(expressions, coordinates, strict=True))
        ]
    return as_turns(pairs, dialect)


Pair = tuple[str, str]
"""A question and its answer."""


def referring_pair(
    task: TaskName, expression: str, box: Coordinates, row: int, turn: int, dialect: Dialect, *, chinese: bool
) -> Pair:
    """The question of `rec` or `reg` about one box, the conversation's `turn`-th, and its answer."""
    asked: AskedTask = "rec" if task == "rec" else "reg"
    wording = phrasing(asked, row, turn, chinese=chinese)
    if asked == "rec":
        return wording.replace("{}", _definite(expression, chinese=chinese)), dialect.write(expression, [box])
    return wording.replace("{}", dialect.write(None, [box])), _sentence(expression, chinese=chinese)


def as_turns(pairs: Sequence[Pair], dialect: Dialect) -> Conversation:
    """Questions and answers as a conversation, the image first."""
    turns = [turn for asked, answer in pairs for turn in (Turn("user", (asked,)), Turn("assistant", (answer,)))]
    turns[0] = Turn("user", (None, dialect.after_image + pairs[0][0]))
    return tuple(turns)


def _pieces(text: str, spans: Sequence[Span], boxes: Sequence[Coordinates]) -> list[str | Grounded]:
    """The text cut at its spans, which are in order and equal or apart; equal ones share a piece."""
    together: dict[Span, list[Coordinates]] = {}
    for span, box in zip(spans, boxes, strict=True):
        together.setdefault(span, []).append(box)
    pieces: list[str | Grounded] = []
    at = 0
    for (start, end), grouped in together.items():
        if start > at:
            pieces.append(text[at:start])
        pieces.append(Grounded(text[start:end], tuple(grouped)))
        at = end
    if at < len(text):
        pieces.append(text[at:])
    return pieces


def _definite(expression: str, *, chinese: bool) -> str:
    """An expression as a question names it: "A man in a hat" becomes "the man in a hat"."""
    if chinese:
        return expression
    first, space, rest = expression.partition(" ")
    return f"the{space}{rest}" if rest and first.lower() in {"a", "an", "the", "one"} else expression


def _sentence(expression: str, *, chinese: bool) -> str:
    """An expression as an answer: "a woman" becomes "A woman."."""
    if chinese:
        return expression.rstrip("。") + "。"
    return expression[:1].upper() + expression[1:].rstrip(".") + "."
