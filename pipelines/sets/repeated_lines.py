"""A set rule on the text in images: lines that stand in too many of them, as watermarks do."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.filters.contamination.words import words
from pipelines.ocr.joining import join
from pipelines.sets.keys import digested, keyed
from pipelines.stage import SPEC, Processed, Verdict, Verdicts
from schemas.tables import LINE, READ


@dataclass(frozen=True, kw_only=True, config=SPEC)
class RepeatedLines:
    """Leaves out lines of text that stand in more than `at_most` images of the set, as watermarks and logos do. Ours.

    Lines are the same when their words are, after NFKC and without case and punctuation. Looked at are lines that count
    and have a letter, which prices and years have not, and at most `max_characters`. What is found stays among the
    lines of its image as dropped (`repeated`) and leaves `text`. An image of which no line is left leaves, or stays
    with an empty text (`without_text: keep`); so does an image that had none before.
    """

    stage: Literal["repeated_lines"] = "repeated_lines"
    name: str | None = None
    at_most: Annotated[int, Field(ge=1)] = 100
    max_characters: Annotated[int, Field(ge=1)] = 40
    without_text: Literal["reject", "keep"] = "reject"

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("id", "lines")
    adds: ClassVar[pa.Schema] = READ
    found: ClassVar[pa.Schema] = pa.schema([("id", pa.int64()), ("line", pa.int64())])
    reasons: ClassVar[tuple[str, ...]] = ("repeated_lines",)

    def keys(self, rows: pa.Table) -> pa.Table:
        lines = rows["lines"].combine_chunks()
        flat = lines.flatten()
        counting = pc.and_(pc.is_null(pc.struct_field(flat, "dropped")), pc.is_valid(pc.struct_field(flat, "script")))
        texts = pc.if_else(counting, pc.struct_field(flat, "text"), pa.scalar(None, pa.string()))
        keys = pa.array([self._normalised(text) for text in texts.to_pylist()], pa.string())
        row = pc.list_parent_indices(lines)
        return keyed(rows["id"].combine_chunks().take(row), "line", digested(keys), _places(lines))

    def decide(self, bucket: pa.Table) -> pa.Table:
        images = bucket.group_by("key").aggregate([("id", "count_distinct")])
        often = images.filter(pc.greater(images["id_count_distinct"], self.at_most))
        repeated = bucket.join(often, "key", join_type="inner")
        return pa.table({"id": repeated["id"], "line": repeated["weight"]})

    def mark(self, rows: pa.Table, found: pa.Table) -> Processed:
        ids, lines = rows["id"].to_pylist(), rows["lines"].combine_chunks()
        repeated: dict[int, set[int]] = {}
        for row, line in zip(found["id"].to_pylist(), found["line"].to_pylist(), strict=True):
            repeated.setdefault(row, set()).add(line)
        told = [
            _without(entries, repeated.get(row, set())) for row, entries in zip(ids, lines.to_pylist(), strict=True)
        ]
        verdicts = [self._judge(entries, len(repeated.get(row, ()))) for row, entries in zip(ids, told, strict=True)]
        texts = [None if entries is None else join(entries) for entries in told]
        kept = [pa.array(told, pa.list_(LINE)), pa.array(texts, pa.string())]
        return Processed(Verdicts.of(verdicts), pa.Table.from_arrays(kept, schema=READ))

    def _normalised(self, text: str | None) -> str | None:
        """What lines are compared by; null for a line that is not looked at."""
        said = " ".join(words(text)) if text is not None and len(text) <= self.max_characters else ""
        return said or None

    def _judge(self, lines: Sequence[dict[str, Any]] | None, repeated: int) -> Verdict | None:
        left = any(line["dropped"] is None for line in lines or ())
        if left or not repeated or self.without_text == "keep":
            return None
        return Verdict("repeated_lines", repeated)


def _without(lines: list[dict[str, Any]] | None, repeated: set[int]) -> list[dict[str, Any]] | None:
    if lines is None or not repeated:
        return lines
    return [{**line, "dropped": "repeated"} if at in repeated else line for at, line in enumerate(lines)]


def _places(lines: pa.ListArray) -> Any:
    """The place of each line among those of its row."""
    lengths = lines.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
