"""What of a run was refused for a benchmark's sake, and which item each row matched."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.running.state import RunState
from jobs.store.commit import read_layer
from pipelines.filters.contamination.decontaminate import Decontaminate
from schemas.layout import row_id
from schemas.tables import VERDICT

REASONS = ("contaminated_image", "contaminated_text")


def matches(state: RunState) -> Iterator[dict[str, Any]]:
    """Every row that was refused for a benchmark's sake: id, stage, reason, benchmark, item, value."""
    for hop in state.hops:
        if not any(isinstance(stage, Decontaminate) for stage in hop.stages):
            continue
        for part in state.plan.parts:
            if not state.is_valid(hop, part):
                continue
            rows = read_layer(hop.path(state.layout, part.number), VERDICT.names)
            superseded = pa.array(state.superseded(part), pa.int64())
            found = pc.and_not(pc.is_in(rows["reason"], pa.array(REASONS)), pc.is_in(rows["id"], superseded))
            for row in rows.filter(found).to_pylist():
                benchmark, _, item = row["detail"].partition(": ")
                told = {"id": row_id(row["id"]), "stage": row["stage"], "reason": row["reason"]}
                yield {**told, "benchmark": benchmark, "item": item, "value": row["value"]}
