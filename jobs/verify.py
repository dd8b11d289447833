"""Checking a run against itself: hashes, digests between layers, schemas, conservation, unique ids."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.commit import KEPT, Commit, count, read_footer, read_layer
from jobs.files import digest
from jobs.hops import Hop
from jobs.manifest import Manifest
from jobs.pack import SHARDS
from jobs.plan import Ids, Part, read_input
from jobs.state import RunState
from schemas.chatml import SHARD
from schemas.layout import row_id, shard_name
from schemas.reasons import REASONS
from schemas.tables import VERDICT


@dataclass
class Report:
    """What was looked at, and what is off. A run is sound when `problems` is empty."""

    files: int = 0
    bytes: int = 0
    rows: int = 0
    samples: int = 0
    problems: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {"sound": not self.problems, **vars(self)}


def verify(state: RunState) -> Report:
    """Read and hash everything the run committed. Parts that are not done yet are no problem."""
    report = Report()
    for window in state.plan.windows:
        _check_file(report, state.layout.window(window.name), None, window.digest)
    if report.problems:  # every layer is judged by the input's ids
        return report
    for part in state.plan.parts:
        arriving: Ids | None = read_input(state.layout, part, ["id"])["id"].to_numpy()
        for hop in state.hops:
            commit = state.manifests[hop.name].get(part.number)
            if commit is None or arriving is None:
                break
            arriving = _check_part(report, state, hop, part, commit, arriving)
    report.problems += _conservation(state)
    _check_shards(report, state)
    return report


def _check_file(report: Report, path: Path, size: int | None, content: str) -> bool:
    """Whether a file is there as it was committed."""
    if not path.exists():
        report.problems.append(f"{path}: missing")
        return False
    report.files += 1
    report.bytes += path.stat().st_size
    if (size is not None and path.stat().st_size != size) or digest(path) != content:
        report.problems.append(f"{path}: not the bytes that were committed")
        return False
    return True


def _check_part(report: Report, state: RunState, hop: Hop, part: Part, commit: Commit, arriving: Ids) -> Ids | None:
    """Check one layer file; the ids it kept, or None when it cannot be read."""
    path = hop.path(state.layout, part.number)
    if not _check_file(report, path, commit.bytes, commit.digest):
        return None
    report.problems += [f"{path}: {problem}" for problem in _layer_problems(state, hop, part, commit, arriving)]
    if hop.index == 0 and part.generation == 0:
        report.rows += len(arriving)
    layer = read_layer(path, ["id", "outcome"])
    kept: Ids = layer.filter(pc.equal(layer["outcome"], KEPT))["id"].to_numpy()
    return kept


def _layer_problems(state: RunState, hop: Hop, part: Part, commit: Commit, arriving: Ids) -> Iterator[str]:
    path = hop.path(state.layout, part.number)
    footer = read_footer(path)
    if not pq.read_schema(path).equals(hop.schema):
        yield "its schema is not the hop's"
    if (footer["part"], footer["fingerprint"], footer["inputs"]) != (part.number, commit.fingerprint, commit.inputs):
        yield "its footer is not what the manifest says"
    for layer, content in commit.inputs.items():
        source = state.manifests[layer].get(part.number)
        if source is not None and source.digest != content:
            yield f"computed from another version of layer {layer} (run again to bring it up to date)"
    rows = read_layer(path, VERDICT.names)
    if not np.array_equal(rows["id"].to_numpy(), arriving):
        yield f"{len(rows)} rows do not match the {len(arriving)} that entered"
    counts = count(rows)
    if dict(counts) != {what: n for what, n in footer["counts"].items() if n}:
        yield "its rows are not those its footer counts"
    current = count(rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(state.superseded(part), pa.int64())))))
    if dict(current) != {what: n for what, n in commit.counts.items() if n}:
        yield "its rows are not those the manifest counts"
    for row in rows.group_by(["outcome", "reason"]).aggregate([]).to_pylist():
        reason = REASONS.get(row["reason"])
        if row["outcome"] != (KEPT if row["reason"] is None else reason and reason.outcome):
            yield f"outcome {row['outcome']} with reason {row['reason']}"


def _conservation(state: RunState) -> Iterator[str]:
    """What enters a hop is what the hop before kept, and the first gets the plan's rows."""
    state.count_valid()
    arriving = state.plan.planned_rows
    for hop in state.hops:
        tally = state.tally[hop.name]
        if tally.done < len(state.plan.parts):
            return
        if tally.entered != arriving:
            yield f"{hop.name}: {tally.entered} rows entered where {arriving} were passed on"
        arriving = tally.kept


def _check_shards(report: Report, state: RunState) -> None:
    manifest = Manifest(state.layout, SHARDS)
    if not state.layout.card.exists():
        return
    seen: set[str] = set()
    for commit in sorted(manifest, key=lambda commit: commit.part):
        path = state.layout.shards / shard_name(commit.part, len(manifest))
        if not _check_file(report, path, commit.bytes, commit.digest):
            continue
        with pq.ParquetFile(path) as shard:
            if not shard.schema_arrow.equals(SHARD):
                report.problems.append(f"{path}: its schema is not a training shard's")
            ids = shard.read(columns=["id"])["id"].to_pylist()
        report.samples += len(ids)
        report.problems += [f"{path}: {sample} stands twice" for sample in ids if sample in seen]
        seen.update(ids)
    expected = None if report.problems else _expected_samples(state)
    if expected is not None and expected != _rows_of(seen):
        report.problems.append(f"{state.layout.shards}: the samples' rows are not the rows kept")


def _expected_samples(state: RunState) -> set[str] | None:
    """Row ids that the packing decision kept, latest generation; None while parts are missing."""
    pack = state.hops[-1]
    expected: set[str] = set()
    for part in state.plan.parts:
        if not state.is_valid(pack, part):
            return None
        layer = read_layer(pack.path(state.layout, part.number), ["id", "outcome"])
        ids = layer.filter(pc.equal(layer["outcome"], KEPT))["id"].to_numpy()
        expected.update(row_id(row) for row in np.setdiff1d(ids, state.superseded(part)).tolist())
    return expected


def _rows_of(samples: set[str]) -> set[str]:
    """The rows of sample ids ``key-row-task``."""
    return {sample.split("-")[1] for sample in samples}
