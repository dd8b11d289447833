"""Checking a run against itself: hashes, digests between layers, schemas, conservation, unique ids."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.cards.write import expected_card
from jobs.packing.cut import cut
from jobs.packing.groups import saved_validation_rows
from jobs.packing.pack import SHARDS, kit_files, shard_jobs
from jobs.packing.shards import ShardJob, expected_ids
from jobs.running.hops import Hop, shard_reader
from jobs.running.state import RunState
from jobs.store.commit import KEPT, Commit, count, read_footer, read_layer
from jobs.store.files import digest
from jobs.store.manifest import Manifest
from jobs.store.plan import Ids, Part, read_input
from pipelines.chatml.mixture import MixtureError
from pipelines.recipe import names_lost_files
from schemas.chatml import SHARD
from schemas.reasons import REASONS
from schemas.tables import VERDICT


@dataclass
class Report:
    """What was looked at, and what is off. A run is sound when `problems` is empty."""

    files: int = 0
    bytes: int = 0
    rows: int = 0
    samples: int = 0
    undecided: int = 0
    """Rows that the run has yet to judge, under its recipe and this version."""
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
    decided = sum(tally.rejected + tally.failed for tally in state.tally.values())
    report.undecided = state.plan.planned_rows - decided - state.tally[state.hops[-1].name].kept
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
    """Every shard by itself, then its samples against what the packing decision planned; one shard in memory."""
    if not state.layout.card.exists():
        return
    manifest = Manifest(state.layout, SHARDS)
    if any(state.tally[hop.name].done < len(state.plan.parts) for hop in state.hops):
        # rows were added, changed or lost since: what the shards should hold is not known, only that they are intact
        known = {commit.digest for commit in manifest}
        for path in sorted(state.layout.shards.glob("*.parquet")):
            if digest(path) not in known:
                report.problems.append(f"{path}: not the bytes that were committed")
        return
    held_out = saved_validation_rows(state)
    if held_out is None:
        report.problems.append(f"{state.layout.root}: the validation split is not as it was found; pack again")
        return
    try:
        whole = cut(state, held_out)
    except MixtureError as error:
        report.problems.append(f"{state.layout.dataset}: {error}")
        return
    reader = shard_reader(state.hops, state.recipe.pack, ("id", "samples"))
    jobs = shard_jobs(state, whole)
    for job in jobs:
        commit = manifest.get(job.number)
        if commit is None:
            report.problems.append(f"{job.path}: missing")
        elif commit.fingerprint != job.fingerprint:
            report.problems.append(f"{job.path}: packed from other rows or settings than those now there; pack again")
        elif _check_file(report, job.path, commit.bytes, commit.digest):
            report.problems += [f"{job.path}: {problem}" for problem in _shard_problems(report, job, reader)]
    for path in sorted(set(state.layout.shards.glob("*")) - {job.path for job in jobs}):
        report.problems.append(f"{path}: no shard of this run")
    texts = kit_files(state, whole)
    # a card is counted from sound files, and tells lists by what they hold
    if not report.problems and not names_lost_files(state.recipe):
        texts |= expected_card(state, whole, manifest)
    for path, text in texts.items():
        if not path.exists() or path.read_text("utf-8") != text:
            say = (
                "not what the run says; `shardmill card` writes cards anew, `shardmill pack` all else; or keep it aside"
            )
            report.problems.append(f"{path}: {say}")


def _shard_problems(report: Report, job: ShardJob, reader: Hop) -> Iterator[str]:
    with pq.ParquetFile(job.path) as shard:
        if not shard.schema_arrow.equals(SHARD):
            yield "its schema is not a training shard's"
        ids = shard.read(columns=["id"])["id"].to_pylist()
    report.samples += len(ids)
    if len(set(ids)) < len(ids):
        yield "a sample stands twice"
    if ids != expected_ids(job, reader):
        yield "its samples are not those of the rows kept"
