"""Set rules on captions: those that occur too often, and the longest of those of one image."""

from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.entries import Entries
from pipelines.sets.keys import digested, keyed
from pipelines.stage import SPEC
from schemas.tables import SET_EVIDENCE


@dataclass(frozen=True, kw_only=True, config=SPEC)
class CaptionFrequency:
    """Refuses all rows whose caption stands in more than `at_most` rows of the set: 10 with COYO-700M and Wukong.

    Texts are the same when they are so after runs of white space became one space and none is left at the ends; case
    and punctuation count. Of several captions of a row the first that counts is looked at; rows without one are kept.
    """

    stage: Literal["caption_frequency"] = "caption_frequency"
    name: str | None = None
    at_most: Annotated[int, Field(ge=1)] = 10

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("id", "captions")
    adds: ClassVar[pa.Schema] = pa.schema([])
    reasons: ClassVar[tuple[str, ...]] = ("caption_frequency",)

    def keys(self, rows: pa.Table) -> pa.Table:
        counting = Entries(rows["captions"]).counting()
        firsts = np.flatnonzero(np.diff(counting.row, prepend=-1))
        texts = counting.texts.take(pa.array(firsts))
        texts = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"[\s\p{Z}]+", " "))
        return keyed(rows["id"].combine_chunks().take(pa.array(counting.row[firsts])), "caption", digested(texts))

    def decide(self, bucket: pa.Table) -> pa.Table:
        counts = bucket.group_by("key").aggregate([("id", "count")])
        frequent = bucket.join(counts.filter(pc.greater(counts["id_count"], self.at_most)), "key", join_type="inner")
        return pa.table(
            {
                "id": frequent["id"],
                "reason": pa.repeat(pa.scalar("caption_frequency"), len(frequent)),
                "value": frequent["id_count"].cast(pa.float64()),
            }
        )


@dataclass(frozen=True, kw_only=True, config=SPEC)
class LongestOfImage:
    """Of rows with the same image, keeps the one with the longest caption; of equally long ones the lowest id.

    Qwen-VL's rule for academic captions ("of several texts per image keep the longest"), for sets that have a row for
    each caption. `longest_caption` is the same for a row with several. The same image is the same file as served, or,
    where the rule stands before `pull`, the same URL. A caption is as long as it has characters, a row as its longest
    caption that counts, 0 without any.
    """

    stage: Literal["longest_of_image"] = "longest_of_image"
    name: str | None = None
    by: Literal["sha256", "url"] = "sha256"

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = False
    adds: ClassVar[pa.Schema] = SET_EVIDENCE
    reasons: ClassVar[tuple[str, ...]] = ("shorter_caption",)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("id", self.by, "captions")

    def keys(self, rows: pa.Table) -> pa.Table:
        image = digested(rows["url"]) if self.by == "url" else rows["sha256"]
        return keyed(rows["id"], "image", image, _longest(Entries(rows["captions"])))

    def decide(self, bucket: pa.Table) -> pa.Table:
        ordered = bucket.sort_by([("key", "ascending"), ("weight", "descending"), ("id", "ascending")])
        best = ordered.group_by("key", use_threads=False).aggregate([("id", "first"), ("weight", "first")])
        joined = ordered.join(best, "key")
        shorter = joined.filter(pc.not_equal(joined["id"], joined["id_first"]))
        return pa.table(
            {
                "id": shorter["id"],
                "reason": pa.repeat(pa.scalar("shorter_caption"), len(shorter)),
                "value": shorter["weight_first"].cast(pa.float64()),
                "duplicate_of": shorter["id_first"],
            }
        )


def _longest(entries: Entries) -> NDArray[np.int64]:
    """Characters of the longest caption that counts, row by row."""
    counting = entries.counting()
    longest = np.zeros(entries.rows, np.int64)
    np.maximum.at(longest, counting.row, pc.utf8_length(counting.texts).to_numpy())
    return longest
