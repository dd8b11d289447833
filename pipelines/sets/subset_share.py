"""A property of the set as a whole: so large a share of its images must have several boxes."""

import math
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.mixing import mixed
from pipelines.sets.keys import keyed
from pipelines.stage import SPEC


@dataclass(frozen=True, kw_only=True, config=SPEC)
class SubsetShare:
    """Refuses as few rows as needed for the share of rows with at least `boxes` distinct boxes to be over `over`.

    CogVLM-40M: "over 75 % of its images have at least two boxes". The property is published; which rows are given up is
    ours: of those with fewer boxes, the ones whose id has the lowest hash with `seed`. Where no row has enough boxes,
    none is left.
    """

    stage: Literal["subset_share"] = "subset_share"
    name: str | None = None
    boxes: Annotated[int, Field(ge=1)] = 2
    over: Annotated[float, Field(ge=0, lt=1)] = 0.75
    seed: int = 0

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("id", "regions")
    adds: ClassVar[pa.Schema] = pa.schema([])
    reasons: ClassVar[tuple[str, ...]] = ("subset_share",)

    def keys(self, rows: pa.Table) -> pa.Table:
        enough = _distinct_boxes(rows["regions"].combine_chunks()) >= self.boxes
        return keyed(rows["id"], "row", pa.repeat(pa.scalar(b""), len(rows)), enough.astype(np.int64))

    def decide(self, bucket: pa.Table) -> pa.Table:
        ids, enough = bucket["id"].to_numpy(), bucket["weight"].to_numpy() == 1
        lacking = ids[~enough]
        order = np.argsort(mixed(lacking.astype(np.uint64), f"subset share/{self.seed}"))
        dropped = lacking[order[: len(ids) - self._most(int(enough.sum()), len(ids))]]
        share = enough.mean() if len(ids) else 0.0
        return pa.table(
            {
                "id": dropped,
                "reason": pa.repeat(pa.scalar("subset_share"), len(dropped)),
                "value": np.full(len(dropped), share),
            }
        )

    def _most(self, enough: int, rows: int) -> int:
        """The most of `rows` that can stay when so many have enough boxes: enough / most > over, in exact numbers."""
        over = Fraction(str(self.over))
        if not over:
            return rows if enough else 0
        return max(0, min(rows, math.ceil(enough / over) - 1))


def _distinct_boxes(regions: pa.ListArray) -> NDArray[np.int64]:
    """Different boxes of each row; 0 where there are none."""
    boxes = regions.flatten().field("box")
    known = np.asarray(boxes.is_valid())
    row = np.asarray(pc.list_parent_indices(regions))[known]
    corners = boxes.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, 4)
    different = np.unique(np.column_stack([row.astype(np.float64), corners]), axis=0)
    return np.bincount(different[:, 0].astype(np.int64), minlength=len(regions))
