"""The packing decision: which rows become samples, which, and how large.

It reads the small columns alone, so that splits, mixture and shards can be settled before an image is read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.captions import Caption
from pipelines.chatml.arrays import grouped, ints, lists, struct
from pipelines.chatml.captions import chosen_captions, why_none
from pipelines.chatml.expressions import chosen_expressions, decide_expressions
from pipelines.chatml.ocr import Line, Measured, decide_lines, lines_of, measure
from pipelines.chatml.ocr import language as language_of_lines
from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.phrasings import TaskName
from pipelines.chatml.regions import Region, regions_of
from pipelines.chatml.tasks import Coordinates, Planned, Refused, decide
from pipelines.chatml.turns import Spoken, chosen_turns, flaw, language
from pipelines.stage import Processed, Verdict, Verdicts
from schemas.reasons import REFUSALS
from schemas.tables import PACKED, PLANNED_SAMPLE, REFUSED_TASK

_TEXT_ALLOWANCE = 1024
"""Bytes of a sample besides image, URL and caption: request, hashes, provenance. Rough, as it only cuts shards."""
_REGION_ALLOWANCE = 256
"""Bytes that a region or line adds: its entry in `regions`, its box in both forms of the conversation."""


Told = dict[TaskName, Sequence[Spoken]]
"""The conversations of a row, by the task that tells them again."""


def judge_reads(spec: PackSpec) -> tuple[str, ...]:
    """Columns that `judge` reads."""
    optional = optional_reads(spec)
    return ("captions", "url", "image_bytes", "width", "height", *optional)


def optional_reads(spec: PackSpec) -> tuple[str, ...]:
    """Columns that only some tasks are made of."""
    asked = {"regions": spec.grounded, "lines": spec.of_lines}
    return (*spec.retold.values(), *(column for column, tasks in asked.items() if tasks))


def judge(rows: pa.Table, spec: PackSpec) -> Processed:
    """Which samples each row becomes, and why others were not made of it.

    `rows` holds `judge_reads`. Refused: ``no_caption``; ``unfit_for_dialect`` (value: longer to shorter side);
    ``no_task`` (value: number of refusals). Adds `schemas.tables.PACKED`; a sample's bytes are exact in the image and
    within about a kilobyte in the texts.
    """
    captions = chosen_captions(rows["captions"], spec.languages)
    expressions = chosen_expressions(rows["captions"], spec.languages)
    turns, lines = row_turns(rows, spec), row_lines(rows, spec)
    width, height = ints(rows["width"]), ints(rows["height"])
    unfit = spec.model.unfit(width, height)
    regions = row_regions(rows, spec)
    boxes = row_boxes(regions, width, height, spec)
    measured = row_places(lines, width, height, spec)

    verdicts: list[Verdict | None] = []
    planned: list[list[Planned]] = [[] for _ in range(rows.num_rows)]
    refused: list[list[Refused]] = [[] for _ in range(rows.num_rows)]
    for row, sides in enumerate(zip(width.tolist(), height.tolist(), strict=True)):
        verdict = None
        written = any(line.dropped is None for line in lines[row])
        if not captions[row] and not expressions[row] and not any(turns[row].values()) and not written:
            verdict = Verdict("no_caption", detail=why_none(rows["captions"].slice(row, 1), spec.languages))
        elif unfit[row]:
            verdict = Verdict("unfit_for_dialect", max(sides) / min(sides))
        else:
            said_before: set[str] = set()
            for caption in captions[row]:
                if caption.text.strip() in said_before:  # a name, as a rule, which its translation leaves as it is
                    refused[row] += [Refused(task, caption.place, None, "said_before") for task in spec.of_captions]
                    continue
                said_before.add(caption.text.strip())
                plans, refusals = decide(spec.of_captions, caption, regions[row], boxes[row], spec.limits)
                planned[row] += plans
                refused[row] += refusals
            for group in expressions[row]:
                # a task gives one sample a row and language
                done = {
                    plan.task
                    for plan in planned[row]
                    for caption in captions[row]
                    if caption.place == plan.caption and caption.lang == group[0].lang
                }
                plans, refusals = decide_expressions(spec.of_captions, group, regions[row], boxes[row], spec.limits)
                planned[row] += [plan for plan in plans if plan.task not in done]
                refused[row] += refusals
                refused[row] += [
                    Refused(plan.task, plan.caption, None, "second_conversation") for plan in plans if plan.task in done
                ]
            told: list[list[str]] = []
            for task, said in turns[row].items():
                texts = [turn.text.strip() for turn in said]
                if reason := flaw(said) or ("said_before" if texts in told else None):
                    refused[row].append(Refused(task, None, None, reason))
                else:
                    told.append(texts)
                    planned[row].append(Planned(task, None, ()))
            if spec.of_lines:
                plans, refusals = decide_lines(spec.of_lines, lines[row], measured[row], spec.line_limits)
                planned[row] += plans
                refused[row] += refusals
            if not planned[row]:
                verdict = Verdict("no_task", len(refused[row]), _said(refused[row]))
        verdicts.append(verdict)

    left = pa.array([verdict is not None for verdict in verdicts], pa.bool_())
    chosen = [
        {caption.place: caption for group in (of_row, *groups) for caption in group}
        for of_row, groups in zip(captions, expressions, strict=True)
    ]
    columns = [_samples(planned, chosen, turns, lines, rows, left), _refusals(refused, left)]
    return Processed(Verdicts.of(verdicts), pa.Table.from_arrays(columns, schema=PACKED))


def row_regions(rows: pa.Table, spec: PackSpec) -> list[Sequence[Region]]:
    """The regions of each row; none where no task asks for them."""
    return regions_of(rows["regions"]) if spec.grounded else [[]] * rows.num_rows


def row_turns(rows: pa.Table, spec: PackSpec) -> list[Told]:
    """For each task that tells a conversation again, the turns of each row that are wanted."""
    columns = {task: chosen_turns(rows[column], spec.languages) for task, column in spec.retold.items()}
    return [{task: turns[row] for task, turns in columns.items()} for row in range(rows.num_rows)]


def row_lines(rows: pa.Table, spec: PackSpec) -> list[Sequence[Line]]:
    """The lines of text of each row; none where no task asks for them."""
    return lines_of(rows["lines"]) if spec.of_lines else [[]] * rows.num_rows


def row_places(
    lines: Sequence[Sequence[Line]], width: npt.NDArray[np.int64], height: npt.NDArray[np.int64], spec: PackSpec
) -> list[Measured]:
    """Where the lines of each row stand on the dialect's grid, and how high; sizes have shape (rows,), in pixels."""
    return measure(lines, width, height, spec.model, spec.budget, spec.text_shape)


def row_boxes(
    regions: Sequence[Sequence[Region]],
    width: npt.NDArray[np.int64],
    height: npt.NDArray[np.int64],
    spec: PackSpec,
) -> list[list[Coordinates]]:
    """The boxes of each row's regions on the dialect's grid; sizes have shape (rows,), in pixels."""
    counts = [len(row) for row in regions]
    if not any(counts):
        return [[] for _ in regions]
    fractions = np.array([region.box for row in regions for region in row], np.float64)
    of_row = np.repeat(np.arange(len(regions)), counts)
    grid = spec.model.to_grid(fractions, width[of_row], height[of_row], spec.budget).tolist()
    return [[tuple(box) for box in boxes] for boxes in grouped(grid, counts)]


def _samples(
    planned: Sequence[Sequence[Planned]],
    captions: Sequence[Mapping[int, Caption]],
    turns: Sequence[Told],
    lines: Sequence[Sequence[Line]],
    rows: pa.Table,
    left: pa.Array,
) -> pa.Array:
    """The planned samples of each row; null in the rows that leave. `captions` are those of each row by their place."""
    flat = [(row, plan) for row, plans in enumerate(planned) for plan in plans]
    urls, image_bytes = rows["url"].to_pylist(), rows["image_bytes"].to_pylist()
    told = [_told(plan, captions[row], turns[row], lines[row]) for row, plan in flat]
    sizes = [
        # a text stands in both forms of the conversation
        image_bytes[row]
        + 2 * sum(len(text.encode()) for text in texts)
        + len((urls[row] or "").encode())
        + _TEXT_ALLOWANCE
        + _REGION_ALLOWANCE * (len(plan.regions) + len(plan.lines))
        for (row, plan), (texts, _) in zip(flat, told, strict=True)
    ]
    fields = [
        pa.array([plan.task for _, plan in flat], pa.string()),
        pa.array([lang for _, lang in told], pa.string()),
        pa.array([plan.caption for _, plan in flat], pa.int32()),
        pa.array([plan.regions for _, plan in flat], pa.list_(pa.int32())),
        pa.array([plan.lines for _, plan in flat], pa.list_(pa.int32())),
        pa.array(sizes, pa.int64()),
    ]
    return lists([len(row) for row in planned], struct(PLANNED_SAMPLE, *fields), left)


def _told(
    plan: Planned, captions: Mapping[int, Caption], turns: Told, lines: Sequence[Line]
) -> tuple[list[str], str | None]:
    """The texts that a plan says of its row, and their language."""
    if plan.lines:
        used = [lines[at] for at in plan.lines]
        return [line.text for line in used], language_of_lines(used)
    if plan.caption is None:
        return [turn.text for turn in turns[plan.task]], language(turns[plan.task])
    return [captions[plan.caption].text], captions[plan.caption].lang


def _refusals(refused: Sequence[Sequence[Refused]], left: pa.Array) -> pa.Array:
    """The refusals of each row; null in the rows that leave."""
    flat = [refusal for row in refused for refusal in row]
    if unknown := {refusal.reason for refusal in flat} - REFUSALS.keys():
        raise KeyError(f"not in the closed list of refusals: {', '.join(sorted(unknown))}")
    columns = zip(*flat, strict=True) if flat else ((),) * len(REFUSED_TASK)
    fields = [pa.array(column, field.type) for column, field in zip(columns, REFUSED_TASK, strict=True)]
    return lists([len(row) for row in refused], struct(REFUSED_TASK, *fields), left)


def _said(refusals: Sequence[Refused]) -> str:
    """Refusals for people: ``rec: second_box ×2; reg: no_region``."""
    counts = Counter(f"{refusal.task}: {refusal.reason}" for refusal in refusals)
    return "; ".join(what if n == 1 else f"{what} ×{n}" for what, n in counts.items())
