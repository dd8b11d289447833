"""How a set rule runs: keys out of every part, one decision a bucket, verdicts back to every part.

Three rounds of calls, each over files, so that one machine does a hundred million rows in bounded memory:
`collect_keys` spreads a group of parts' keys over buckets, `decide_bucket` asks the rule, `write_verdicts` commits one
file a part as any hop does. The rule is pure and sees the latest generation of each row alone; rows that a later
generation has taken over pass, and bear on nothing.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from jobs.running.executor import Call
from jobs.running.part import PartJob, commit_verdicts, live_rows
from jobs.store.commit import Commit
from jobs.store.files import write_atomically
from pipelines.recipe import fingerprint
from pipelines.sets.keys import KEYS
from pipelines.stage import MarkingRule, SetRule, Verdicts, title
from schemas.layout import RunLayout
from schemas.reasons import REASONS, Outcome

_PARTS_A_CALL = 256
_KEYS_OF_PARTS = pa.schema([*KEYS, ("part", pa.int64())])

RunCalls = Callable[[Sequence[Call]], list[Any]]
"""Runs calls anywhere; their results in order."""


@dataclass(frozen=True)
class SetRun:
    """One run of a set rule over every part. `jobs` are in part order; their hop is the rule's."""

    layout: RunLayout
    jobs: tuple[PartJob, ...]
    rows: int
    keys_a_bucket: int = 1_000_000
    """Rows whose keys are decided upon at once, about: it bounds the memory of a decision, unless the rule gathers."""

    @property
    def _folder(self) -> Path:
        return self.layout.layer(self.jobs[0].hop.name, set_rule=True)

    @property
    def _stamp(self) -> dict[str, Any]:
        """What the rule was run over; the commits of single parts cannot say it."""
        over = [(job.part.number, sorted(job.inputs.items()), len(job.superseded)) for job in self.jobs]
        return {"fingerprint": self.jobs[0].hop.fingerprint, "over": fingerprint(over)}

    def is_complete(self) -> bool:
        """Whether the verdicts in place are of just these inputs."""
        stamp = self._folder / "complete.json"
        return stamp.exists() and json.loads(stamp.read_text("utf-8")) == self._stamp

    def run(self, run_calls: RunCalls) -> list[Commit]:
        """Judge the whole set; the commits of every part."""
        (self._folder / "complete.json").unlink(missing_ok=True)
        scratch = self._folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        rule = _rule(self.jobs[0])
        buckets = 1 if rule.gathers else 1 + self.rows // self.keys_a_bucket
        groups = [self.jobs[at : at + _PARTS_A_CALL] for at in range(0, len(self.jobs), _PARTS_A_CALL)]
        keys = [scratch / f"keys-{at:06d}.arrow" for at in range(len(groups))]
        refused = [scratch / f"refused-{bucket:06d}.arrow" for bucket in range(buckets)]
        run_calls([Call(collect_keys, (group, buckets, path)) for group, path in zip(groups, keys, strict=True)])
        run_calls([Call(decide_bucket, (rule, keys, b, len(groups), path)) for b, path in enumerate(refused)])
        commits = run_calls([Call(write_verdicts, (group, refused, at)) for at, group in enumerate(groups)])
        write_atomically(self._folder / "complete.json", json.dumps(self._stamp))
        shutil.rmtree(scratch)
        return [commit for group in commits for commit in group]


def collect_keys(jobs: Sequence[PartJob], buckets: int, path: Path) -> None:
    """Write the keys of some parts' rows to an Arrow file, one record batch a bucket."""
    tables = []
    for job in jobs:
        rows = live_rows(job.layout, job.hop, job.part)
        if len(job.superseded):
            rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(job.superseded))))
        keys = _rule(job).keys(rows)
        tables.append(keys.append_column("part", pa.repeat(job.part.number, len(keys))).cast(_KEYS_OF_PARTS))
    table = pa.concat_tables(tables)
    bucket = np.zeros(len(table), np.int64)
    if buckets > 1:
        bucket[:] = [xxhash.xxh3_64_intdigest(key) % buckets for key in table["key"].to_pylist()]
    _write_batches(path, table, bucket, buckets)


def decide_bucket(rule: SetRule, keys: Sequence[Path], bucket: int, groups: int, path: Path) -> None:
    """Ask the rule about one bucket; write what it refuses or finds to a file, one record batch a group of parts."""
    table = pa.Table.from_batches([_read_batch(file, bucket) for file in keys], _KEYS_OF_PARTS)
    refused = rule.decide(table.drop_columns(["part"]))
    schema = pa.schema([("id", pa.int64()), ("reason", pa.string()), ("value", pa.float64()), *rule.adds])
    if isinstance(rule, MarkingRule):
        schema = rule.found
    refused = refused.select(schema.names).cast(schema)
    ids = table["id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    at = order[np.searchsorted(ids, refused["id"].to_numpy(), sorter=order)]
    _write_batches(path, refused, table["part"].to_numpy()[at] // _PARTS_A_CALL, groups)


def write_verdicts(jobs: Sequence[PartJob], refused: Sequence[Path], group: int) -> list[Commit]:
    """Commit the rule's verdicts for a group of parts, one file a part."""
    rule = _rule(jobs[0])
    found = pa.Table.from_batches([_read_batch(file, group) for file in refused])
    if isinstance(rule, MarkingRule):
        return [_commit_marked(job, rule, found) for job in jobs]
    decided = _one_each(found, rule)
    return [_commit(job, rule, decided) for job in jobs]


def _commit_marked(job: PartJob, rule: MarkingRule, found: pa.Table) -> Commit:
    rows = live_rows(job.layout, job.hop, job.part)
    latest = np.setdiff1d(rows["id"].to_numpy(), job.superseded)
    marked = rule.mark(rows, found.filter(pc.is_in(found["id"], pa.array(latest))))
    assert marked.columns is not None
    verdicts = marked.verdicts
    kept = {name: _only(marked.columns[name], pc.is_null(verdicts.reason)) for name in rule.adds.names}
    return _commit_columns(job, rule, rows["id"], verdicts, kept)


def _only(column: pa.ChunkedArray, where: pa.Array) -> pa.Array:
    """A column, null elsewhere."""
    places = pc.if_else(where, pa.array(np.arange(len(where))), pa.scalar(None, pa.int64()))
    return column.combine_chunks().take(places)


def _commit(job: PartJob, rule: SetRule, decided: pa.Table) -> Commit:
    ids = live_rows(job.layout, job.hop, job.part)["id"].combine_chunks()
    at = pc.index_in(ids, decided["id"].combine_chunks())
    at = pc.if_else(pc.is_in(ids, pa.array(job.superseded, pa.int64())), pa.scalar(None, pa.int32()), at)
    nothing = pa.nulls(len(ids), pa.string())
    verdicts = Verdicts(decided["reason"].take(at), decided["value"].take(at), nothing)
    return _commit_columns(job, rule, ids, verdicts, {name: decided[name].take(at) for name in rule.adds.names})


def _commit_columns(
    job: PartJob, rule: SetRule, ids: pa.Array, verdicts: Verdicts, columns: dict[str, pa.Array]
) -> Commit:
    outcomes = {name: REASONS[name].outcome.value for name in rule.reasons}
    layer = {
        "id": ids,
        "outcome": pa.array([outcomes[name] if name else Outcome.KEPT.value for name in verdicts.reason.to_pylist()]),
        "stage": pc.if_else(pc.is_valid(verdicts.reason), pa.scalar(title(rule)), pa.scalar(None, pa.string())),
        "reason": verdicts.reason,
        "value": verdicts.value,
        "detail": verdicts.detail,
        **columns,
    }
    return commit_verdicts(job, pa.table(layer).select(job.hop.schema.names).cast(job.hop.schema))


def _one_each(refused: pa.Table, rule: SetRule) -> pa.Table:
    """One refusal a row: of the reason that stands first with the rule, and of that the one with the lowest value."""
    rank = pc.index_in(refused["reason"], pa.array(rule.reasons))
    ordered = refused.append_column("rank", rank).sort_by(
        [("id", "ascending"), ("rank", "ascending"), ("value", "ascending")]
    )
    ids = ordered["id"].to_numpy()
    first = np.ones(len(ids), bool)
    first[1:] = ids[1:] != ids[:-1]
    return ordered.filter(pa.array(first)).drop_columns(["rank"])


def _rule(job: PartJob) -> SetRule:
    rule = job.hop.stages[0]
    assert isinstance(rule, SetRule)
    return rule


def _write_batches(path: Path, table: pa.Table, numbers: NDArray[np.int64], count: int) -> None:
    """Write rows to an Arrow file of `count` record batches, each into that of its number."""
    order = np.argsort(numbers, kind="stable")
    table = table.take(pa.array(order))
    edges = np.searchsorted(numbers[order], np.arange(count + 1)).tolist()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for start, end in pairwise(edges):
            batches = table.slice(start, end - start).combine_chunks().to_batches()
            writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema))


def _read_batch(path: Path, number: int) -> pa.RecordBatch:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).get_batch(number)
