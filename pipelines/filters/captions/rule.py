"""What caption rules share: a rule is a frozen spec and one pure function over a batch of texts.

A rule judges every caption of a row that counts (`pipelines.captions`). Where it refuses all of them the row is
rejected, with the measure of the first; where it refuses some, those are marked with the reason and the row stays.
A row in which no caption counts is rejected with ``no_caption``: there is nothing to train on, whatever a rule asks.
Expressions (`pipelines.captions.EXPRESSION`) are not judged, and a row that has some stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.captions.entries import Counting, Entries
from pipelines.filters.filter import Filter
from pipelines.stage import Processed, Verdicts
from schemas.reasons import REASONS
from schemas.tables import INPUT

CAPTIONS_COLUMN = pa.schema([INPUT.field("captions")])

_NO_REASON = pa.scalar(None, pa.string())

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a batch of texts, text for text."""

    refused: Mask
    values: Values | None = None
    """What was measured; None where the rule measures nothing."""
    details: Sequence[str | None] | None = None
    """What was found, for people; None where there is no more to say."""


Judge = Callable[[pa.StringArray], Judgement]
"""Pure; the texts have no nulls."""


class CaptionRule(Filter):
    """The base of caption rules."""

    reason: ClassVar[str]
    """For which it refuses."""
    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    def judge(self, texts: pa.StringArray) -> Judgement:
        """Which of `texts` the rule refuses, and what it measured of each."""
        raise NotImplementedError

    def process(self, rows: pa.Table) -> Processed:
        return process_captions(rows["captions"], self.judge, self.reason)


@dataclass(frozen=True, slots=True)
class CaptionEngine:
    """A rule that had something to build first."""

    judge: Judge
    reason: str

    def process(self, rows: pa.Table) -> Processed:
        return process_captions(rows["captions"], self.judge, self.reason)


def process_captions(captions: pa.ChunkedArray, judge: Judge, reason: str, language: str | None = None) -> Processed:
    """Verdicts on rows, and their captions: the very same column where none has to be marked.

    Captions that are known to be in another language than `language` pass unjudged.
    """
    entries = Entries(captions)
    counting = entries.counting()
    judgement = judge(counting.texts) if language is None else _judge_language(entries, counting, judge, language)
    return decided(captions, entries, counting, judgement, reason)


def decided(
    captions: pa.ChunkedArray,
    entries: Entries,
    counting: Counting,
    judgement: Judgement,
    reason: str,
    filled: Mapping[str, pa.Array] = MappingProxyType({}),
) -> Processed:
    """What follows from a judgement; `filled` are fields of all captions that were filled in on the way."""
    fields = dict(filled)
    if counting.one_each:
        verdicts = _verdicts_one_each(judgement, reason)
    else:
        left = rows_left(entries.rows, counting, judgement.refused)
        verdicts = row_verdicts(left, counting, judgement, reason)
        if (judgement.refused & left[counting.row]).any():
            fields["refused"] = marks(entries, counting, judgement.refused, reason)
    if fields:
        captions = entries.with_fields(fields)
    return Processed(verdicts, pa.Table.from_arrays([captions], CAPTIONS_COLUMN.names))


def _verdicts_one_each(judgement: Judgement, reason: str) -> Verdicts:
    """Where each row has one caption, what is said of the caption is said of the row."""
    refused, values, details = judgement.refused, judgement.values, judgement.details
    n = len(refused)
    if not refused.any():
        return Verdicts.kept(n)
    kept = ~refused
    return Verdicts(
        pc.if_else(pa.array(refused), pa.scalar(REASONS[reason].name), _NO_REASON),
        pa.nulls(n, pa.float64()) if values is None else pa.array(values, mask=kept),
        pa.nulls(n, pa.string()) if details is None else pa.array(details, pa.string(), mask=kept),
    )


def _judge_language(entries: Entries, counting: Counting, judge: Judge, language: str) -> Judgement:
    """The verdict alone on captions of `language`, or of one that is not known."""
    langs = entries.fields["lang"].take(pa.array(counting.at))
    primary = pc.utf8_lower(pc.replace_substring_regex(langs, "[-_].*", ""))  # en of en-GB
    judged = pc.or_(pc.is_null(primary), pc.is_in(primary, pa.array([language, ""])))
    refused = np.zeros(len(counting.texts), bool)
    refused[judged.to_numpy(zero_copy_only=False)] = judge(counting.texts.filter(judged)).refused
    return Judgement(refused)


def rows_left(rows: int, counting: Counting, refused: Mask) -> Mask:
    """In which rows a caption or an expression is left."""
    left = np.zeros(rows, bool)
    left[counting.row[~refused]] = True
    left[counting.elsewhere] = True
    return left


def row_verdicts(left: Mask, counting: Counting, judgement: Judgement, reason: str) -> Verdicts:
    """Verdicts on rows that are `left` or not."""
    firsts = np.flatnonzero(np.diff(counting.row, prepend=-1))
    # place of each row's first caption among those that count, -1 where it has none
    first = np.full(len(left), -1)
    first[counting.row[firsts]] = firsts
    unmeasured = left | (first < 0)
    names = pa.array([REASONS[reason].name, REASONS["no_caption"].name])
    values, details = judgement.values, judgement.details
    return Verdicts(
        names.take(pa.array((first < 0).astype(np.int8), mask=left)),
        pa.nulls(len(left), pa.float64())
        if values is None
        else pa.array(np.append(values, 0.0)[first], mask=unmeasured),
        pa.nulls(len(left), pa.string())
        if details is None
        else pa.array([None if skip else details[at] for skip, at in zip(unmeasured, first, strict=True)], pa.string()),
    )


def marks(entries: Entries, counting: Counting, refused: Mask, reason: str) -> pa.StringArray:
    """Why each caption is refused, with `reason` for those that now are."""
    names: Any = entries.fields["refused"].to_numpy(zero_copy_only=False).astype(object)
    names[counting.at[refused]] = reason
    return pa.array(names, pa.string())
