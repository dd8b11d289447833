"""The longest of several captions of one row."""

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.entries import Entries
from pipelines.filters.captions.rule import CAPTIONS_COLUMN, Judgement, decided
from pipelines.filters.filter import Filter
from pipelines.stage import SPEC, Processed


@dataclass(frozen=True, kw_only=True, config=SPEC)
class LongestCaption(Filter):
    """Of a row's captions that count, leaves the longest in characters; of equally long ones the first.

    Qwen-VL's rule for academic captions (secondary sources). The set rule `longest_of_image` is the same for sets that
    have a row for each caption.
    """

    stage: Literal["longest_caption"] = "longest_caption"
    name: str | None = None

    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    def process(self, rows: pa.Table) -> Processed:
        entries = Entries(rows["captions"])
        counting = entries.counting()
        lengths = pc.utf8_length(counting.texts).to_numpy()
        order = np.lexsort((np.arange(len(lengths)), -lengths, counting.row))
        shorter = np.ones(len(lengths), bool)
        shorter[order[np.flatnonzero(np.diff(counting.row, prepend=-1))]] = False
        judgement = Judgement(shorter, lengths.astype(np.float64))
        return decided(rows["captions"], entries, counting, judgement, "shorter_caption")
