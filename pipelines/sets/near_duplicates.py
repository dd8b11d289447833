"""Near duplicates: pictures that differ in few bits of their perceptual hash, and chains of such pictures."""

from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.sets.keys import keyed, packed, unpacked
from pipelines.sets.near_groups import MAX_DISTANCE, numbered_groups
from pipelines.stage import SPEC
from schemas.tables import SET_EVIDENCE


@dataclass(frozen=True, kw_only=True, config=SPEC)
class NearDuplicates:
    """Refuses a row when its picture belongs to a group in which a row has a lower id.

    A group is a connected component of "the 64-bit perceptual hashes differ in at most `distance` bits": copies of
    copies are found, however far the first is from the last. The method is in `pipelines.sets.near_groups`; the
    distance is ours, what it finds is measured in docs/quality.md. Rows without a perceptual hash are kept. All hashes
    meet in one place, some 120 bytes a row.
    """

    stage: Literal["near_duplicates"] = "near_duplicates"
    name: str | None = None
    distance: Annotated[int, Field(ge=0, le=MAX_DISTANCE)] = 4
    """In bits of 64. Time doubles with each bit beyond 4; above 8 it is for sets of some 100,000."""

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("id", "phash")
    adds: ClassVar[pa.Schema] = SET_EVIDENCE
    reasons: ClassVar[tuple[str, ...]] = ("near_duplicate",)

    def keys(self, rows: pa.Table) -> pa.Table:
        return keyed(rows["id"], "phash", packed(rows["phash"]))

    def decide(self, bucket: pa.Table) -> pa.Table:
        names, group = numbered_groups(unpacked(bucket["key"]), self.distance)
        ids = bucket["id"].to_numpy()
        lowest = np.full(len(names), np.iinfo(np.int64).max)
        np.minimum.at(lowest, group, ids)
        survivors = lowest[group]
        repeats = survivors < ids
        return pa.table(
            {
                "id": ids[repeats],
                "reason": pa.repeat(pa.scalar("near_duplicate"), int(repeats.sum())),
                "value": survivors[repeats].astype(np.float64),
                "duplicate_of": survivors[repeats],
            }
        )
