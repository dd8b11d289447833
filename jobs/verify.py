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
from jobs.plan import NO_IDS, Ids, Part, read_input
from jobs.state import RunState
from schemas.chatml import SHARD
from schemas.layout import shard_name
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
    """Every shard by itself, then its samples against the rows kept in its range of ids; one shard in memory."""
    manifest = Manifest(state.layout, SHARDS)
    if not state.layout.card.exists():
        return
    pack = state.hops[-1]
    comparable = all(state.is_valid(pack, part) for part in state.plan.parts)
    first = 0  # the id after the last one that a shard held
    for commit in sorted(manifest, key=lambda commit: commit.part):
        path = state.layout.shards / shard_name(commit.part, len(manifest))
        if not _check_file(report, path, commit.bytes, commit.digest):
            comparable = False  # where the shard after it should begin is not known
            continue
        with pq.ParquetFile(path) as shard:
            if not shard.schema_arrow.equals(SHARD):
                report.problems.append(f"{path}: its schema is not a training shard's")
            ids = shard.read(columns=["id"])["id"]
        report.samples += len(ids)
        rows = _rows_of(ids, state.plan.key)
        if rows is None:
            report.problems.append(f"{path}: sample ids that are not this run's")
            comparable = False
            continue
        if pc.count_distinct(ids).as_py() < len(ids):
            report.problems.append(f"{path}: a sample stands twice")
        if len(rows) and (rows[0] < first or (np.diff(rows) < 0).any()):
            report.problems.append(f"{path}: its samples do not ascend, or stand in a shard before it too")
            comparable = False
        end = int(rows[-1]) + 1 if len(rows) else first
        if comparable and not np.array_equal(rows, _expected_rows(state, first, end)):
            report.problems.append(f"{path}: its samples' rows are not the rows kept")
        first = end
    if comparable and len(_expected_rows(state, first, state.plan.planned_rows)):
        report.problems.append(f"{state.layout.shards}: rows that were kept are missing at the end")


def _expected_rows(state: RunState, first: int, end: int) -> Ids:
    """Ids in ``first ≤ id < end`` that the packing decision kept, ascending, each as often as it becomes a sample."""
    pack = state.hops[-1]
    found = [NO_IDS]
    for part in state.parts_with(first, end):
        layer = read_layer(pack.path(state.layout, part.number), ["id", "outcome", "n_samples"])
        layer = layer.filter(pc.equal(layer["outcome"], KEPT))
        ids = layer["id"].to_numpy()
        mine = (ids >= first) & (ids < end) & ~np.isin(ids, state.superseded(part))
        found.append(np.repeat(ids[mine], layer["n_samples"].to_numpy()[mine]))
    return np.sort(np.concatenate(found))


def _rows_of(samples: pa.ChunkedArray, key: str) -> Ids | None:
    """The rows of sample ids ``key-row-task``; None when one is not made so."""
    if not pc.all(pc.match_substring_regex(samples, f"^{key}-[0-9]{{12}}-"), min_count=0).as_py():
        return None
    rows: Ids = pc.utf8_slice_codeunits(samples, len(key) + 1, len(key) + 13).cast(pa.int64()).to_numpy()
    return rows
