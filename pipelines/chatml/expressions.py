"""Referring tasks of expressions that a source gives, one for one thing each (RefCOCO).

An expression is no description of its image, so that it gives `rec` and `reg` alone. All of a row's in one language
share a conversation. They were written to single something out, and read by somebody who found it: so the words are not
judged, and "second from left" may be asked for. Only where two expressions of a row read alike is the question refused.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.captions import EXPRESSION, Caption, all_captions, counting
from pipelines.chatml.captions import UNKNOWN_LANGUAGE
from pipelines.chatml.conversation import Conversation
from pipelines.chatml.dialects.protocol import Dialect
from pipelines.chatml.neutralise import neutralise, neutralise_with_spans
from pipelines.chatml.phrasings import TaskName, is_chinese
from pipelines.chatml.regions import Region
from pipelines.chatml.tasks import (
    Coordinates,
    Limits,
    Planned,
    Refused,
    as_turns,
    check_spans,
    flaw,
    over_max_turns,
    referring_pair,
    uncertain,
)
from pipelines.placeholders import has_person


def chosen_expressions(
    captions: pa.ChunkedArray, languages: Collection[str] | None = None
) -> list[list[list[Caption]]]:
    """For each row, its counting expressions by language, in their order; `languages` restricts what is taken.

    Those in which a placeholder stands for a person are none, as with captions.
    """
    roles = pc.struct_field(captions.combine_chunks().flatten(), "role")
    if not pc.any(pc.equal(roles, EXPRESSION)).as_py():
        return [[] for _ in range(len(captions))]
    chosen = []
    for row in all_captions(captions):
        by_language: dict[str | None, list[Caption]] = {}
        for caption in counting(row):
            wanted = languages is None or (caption.lang or UNKNOWN_LANGUAGE) in languages
            if wanted and caption.role == EXPRESSION and not has_person(neutralise(caption.text)):
                by_language.setdefault(caption.lang, []).append(caption)
        chosen.append(list(by_language.values()))
    return chosen


def decide_expressions(
    tasks: Sequence[TaskName],
    expressions: Sequence[Caption],
    regions: Sequence[Region],
    boxes: Sequence[Coordinates],
    limits: Limits,
) -> tuple[list[Planned], list[Refused]]:
    """What the expressions of one language give, with all regions of their row and their boxes on the grid.

    Raises ValueError for a span that is not one of its expression's.
    """
    planned: list[Planned] = []
    refused: list[Refused] = []
    text_of = {caption.place: caption.text for caption in expressions}
    mine = [at for at, region in enumerate(regions) if region.caption in text_of]
    for at in mine:
        check_spans(at, regions[at], text_of[regions[at].caption])
    first = expressions[0].place
    for task in tasks:
        if task not in ("rec", "reg"):
            refused.append(Refused(task, first, None, "not_a_description"))
            continue
        said = {at: text_of[regions[at].caption][slice(*regions[at].span)].strip().casefold() for at in mine}
        reasons = _refusals(task, mine, said, text_of, regions, boxes, limits)
        refused += [
            Refused(task, regions[at].caption, at, reason, value)
            for at, (reason, value) in reasons.items()
            if reason is not None
        ]
        chosen = [at for at in mine if reasons[at][0] is None]
        late = over_max_turns(chosen, regions, limits)
        refused += [Refused(task, regions[at].caption, at, "over_max_turns", len(chosen)) for at in late]
        if used := tuple(at for at in chosen if at not in late):
            planned.append(Planned(task, regions[used[0]].caption, used))
        else:
            refused.append(Refused(task, first, None, "no_region"))
    return planned, refused


def _refusals(
    task: TaskName,
    mine: Sequence[int],
    said: dict[int, str],
    text_of: dict[int, str],
    regions: Sequence[Region],
    boxes: Sequence[Coordinates],
    limits: Limits,
) -> dict[int, tuple[str | None, float | None]]:
    """Why each region cannot be referred to, and what was measured."""
    of_span = Counter((regions[at].caption, regions[at].span) for at in mine)
    boxes_of: dict[str, set[Coordinates]] = {}
    for at in mine:
        boxes_of.setdefault(said[at], set()).add(boxes[at])
    asked: set[tuple[str | None, Coordinates]] = set()
    found: dict[int, tuple[str | None, float | None]] = {}
    for at in mine:
        region = regions[at]
        n_boxes = of_span[region.caption, region.span]
        # a box asked about has one answer, and a thing asked for is asked for once
        question = (said[at] if task == "rec" else None, boxes[at])
        broken = flaw(text_of[region.caption], region, boxes[at])
        reason, value = (broken, None) if broken else uncertain(region, n_boxes, limits)
        if reason is None and len(boxes_of[said[at]]) > 1:
            reason = "ambiguous_text"
        if reason is None and question in asked:
            reason = "second_expression"
        if reason is None:
            asked.add(question)
        found[at] = (reason, value)
    return found


def converse_expressions(
    plan: Planned,
    captions: Sequence[Caption],
    regions: Sequence[Region],
    boxes: Sequence[Coordinates],
    row: int,
    dialect: Dialect,
) -> Conversation:
    """Write a planned conversation of the row with id `row`; `captions`, `regions` and `boxes` are all of the row's."""
    pairs = []
    for turn, at in enumerate(plan.regions):
        caption = captions[regions[at].caption]
        text, ((start, end),) = neutralise_with_spans(caption.text, [regions[at].span])
        chinese = is_chinese(caption.text, caption.lang)
        pairs.append(referring_pair(plan.task, text[start:end].strip(), boxes[at], row, turn, dialect, chinese=chinese))
    return as_turns(pairs, dialect)
