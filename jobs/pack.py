"""Cutting the kept rows into shards, and writing each as a job of its own.

A shard is a run of ids. Where it ends follows from the sizes that the packing decision left in its layer, so that the
cut is known before an image is read, every shard can be written anywhere and again, and a killed run loses at most the
shards under way. `dataset/` gets its card last: a folder without one is not finished.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_cards.facts import CardFacts, Refusal, Split, Step
from data_cards.hub_card import render
from jobs.commit import KEPT, Commit, read_layer
from jobs.driver import check_driver
from jobs.executor import Call
from jobs.files import digest, publish, sweep, temporary_of, write_atomically
from jobs.hops import Hop, shard_reader
from jobs.manifest import Manifest
from jobs.part import live_rows
from jobs.plan import Ids, Part
from jobs.state import RunState
from jobs.tally import HopTally
from pipelines.chatml.pack import PackSpec, samples
from pipelines.chatml.shard_writer import ShardWriter
from pipelines.recipe import fingerprint
from schemas.layout import RunLayout, shard_name
from schemas.reasons import Outcome

SHARDS = "shards"
_SAMPLES, _BYTES, _LANGUAGE, _LICENSE = "samples", "bytes", "language/", "license/"
_VERSIONED = ("shardmill", "pyarrow", "pillow", "opencv-python-headless")

RunCalls = Callable[[Sequence[Call], Callable[[Commit], None]], list[Any]]
"""Runs calls anywhere, telling each result as it comes."""


@dataclass(frozen=True)
class ShardJob:
    """One shard: the rows with ``first ≤ id < end`` that the packing decision kept.

    `sources` are the parts that hold such rows, each with the ids that a later generation has taken over.
    """

    layout: RunLayout
    reader: Hop
    spec: PackSpec
    key: str
    index: int
    count: int
    first: int
    end: int
    sources: tuple[tuple[Part, Ids], ...]
    fingerprint: str
    attempt: str

    @property
    def path(self) -> Path:
        """Where the shard is published."""
        return self.layout.shards / shard_name(self.index, self.count)


def pack_shards(state: RunState, run_calls: RunCalls, tick: Callable[[], None] = lambda: None) -> None:
    """Write the shards that are missing or outdated, then the card. Every part must have passed every hop.

    `tick` is called between the files that are read to cut the shards.
    """
    layout = state.layout
    manifest = Manifest(layout, SHARDS)
    jobs = _shard_jobs(state, tick)
    missing = [job for job in jobs if not _is_valid(job, manifest.get(job.index))]
    stray = set(layout.shards.glob("*")) - {job.path for job in jobs}
    if missing or stray:
        layout.card.unlink(missing_ok=True)
        layout.shards.mkdir(parents=True, exist_ok=True)
        sweep(layout.shards)
    for job in missing:  # a kill while a shard is replaced must not leave the old commit for the new file
        manifest.forget(job.index)
    run_calls([Call(write_shard, (job,)) for job in missing], manifest.record)
    for path in stray:
        path.unlink(missing_ok=True)
    for part in [commit.part for commit in manifest if commit.part >= len(jobs)]:
        manifest.forget(part)
    manifest.compact()
    card = render(card_facts(state, manifest))
    if not layout.card.exists() or layout.card.read_text("utf-8") != card:
        write_atomically(layout.card, card)


def write_shard(job: ShardJob) -> Commit:
    """Write and publish one shard. The same rows give the same bytes."""
    counts: Counter[str] = Counter()
    temporary = temporary_of(job.path, job.attempt)
    with ShardWriter(temporary, job.spec.shard_metadata()) as writer:
        for rows in _rows(job):
            batch = samples(rows, job.spec, key=job.key)
            writer.write(batch)
            counts.update(_LANGUAGE + (code or "") for code in batch["language"].to_pylist())
            counts.update(_LICENSE + (license_ or "") for license_ in batch["license"].to_pylist())
    counts[_SAMPLES], counts[_BYTES] = writer.num_samples, writer.num_bytes
    size, content = temporary.stat().st_size, digest(temporary)
    check_driver(job.layout, job.attempt)
    publish(temporary, job.path)
    return Commit(job.index, size, content, job.fingerprint, {}, dict(sorted(counts.items())))


def card_facts(state: RunState, shards: Manifest) -> CardFacts:
    """What the card tells, from the tallies of the hops and the counts of the shards."""
    totals: Counter[str] = Counter()
    for commit in shards:
        totals.update(commit.counts)
    spec = state.recipe.pack
    return CardFacts(
        recipe=state.recipe.name,
        description=state.recipe.description,
        dialect=spec.dialect,
        tasks=spec.tasks,
        pixel_budget=spec.pixel_budget,
        rows=state.plan.planned_rows,
        steps=tuple(step(hop.name, state.tally[hop.name]) for hop in state.hops),
        splits=(Split("train", totals[_SAMPLES], totals[_BYTES]),),
        shards=len(shards),
        download_size=sum(commit.bytes for commit in shards),
        languages=_with_prefix(totals, _LANGUAGE),
        licenses=_with_prefix(totals, _LICENSE),
        versions={name: version(name) for name in _VERSIONED},
    )


def step(name: str, tally: HopTally) -> Step:
    """A hop's tally as the card's funnel has it."""
    refusals = [
        Refusal(what.partition("/")[0], what.partition("/")[2], rows)
        for what, rows in sorted(tally.counts.items(), key=lambda item: (-item[1], item[0]))
        if what != KEPT and rows
    ]
    return Step(name, tally.entered, tally.kept, tuple(refusals))


def _shard_jobs(state: RunState, tick: Callable[[], None]) -> list[ShardJob]:
    """Every shard of the set, cut greedily: one ends before the row that would take it past the target size."""
    reader, spec = shard_reader(state.hops), state.recipe.pack
    bounds = _cut(state, spec.shard_mb * 1_000_000, tick)
    jobs = []
    for index, (first, end) in enumerate(bounds):
        sources = tuple((part, state.superseded(part)) for part in state.parts_with(first, end))
        layers = [[state.manifests[layer][part.number].digest for layer in reader.inputs] for part, _ in sources]
        identity = fingerprint(reader.fingerprint, state.plan.key, index, len(bounds), first, end, layers)
        jobs.append(
            ShardJob(
                state.layout,
                reader,
                spec,
                state.plan.key,
                index,
                len(bounds),
                first,
                end,
                sources,
                identity,
                state.token,
            )
        )
    return jobs


def _cut(state: RunState, target: int, tick: Callable[[], None]) -> list[tuple[int, int]]:
    """The id ranges of the shards; one empty range when nothing was kept."""
    bounds, first, filled = [], 0, 0
    for ids, sizes in _sizes(state):
        tick()
        for row, size in zip(ids.tolist(), sizes.tolist(), strict=True):
            if filled and filled + size > target:
                bounds.append((first, row))
                first, filled = row, 0
            filled += size
    return [*bounds, (first, state.plan.planned_rows)]


def _sizes(state: RunState) -> Iterator[tuple[Ids, Ids]]:
    """Ids and bytes of the kept rows, ascending, a part of the input at a time."""
    pack = state.hops[-1]

    def read(part: Part) -> tuple[Ids, Ids]:
        layer = read_layer(pack.path(state.layout, part.number), ["id", "outcome", "sample_bytes"])
        layer = layer.filter(pc.equal(layer["outcome"], Outcome.KEPT.value))
        ids = layer["id"].to_numpy()
        current = ~np.isin(ids, state.superseded(part))
        return ids[current], layer["sample_bytes"].to_numpy()[current]

    retried = [read(part) for part in state.plan.parts if part.generation]
    retried_ids = np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in retried)])
    retried_sizes = np.concatenate([np.empty(0, np.int64), *(sizes for _, sizes in retried)])
    order = np.argsort(retried_ids)
    retried_ids, retried_sizes = retried_ids[order], retried_sizes[order]
    for part in state.plan.parts:
        if part.first_id is None:
            continue
        low, high = np.searchsorted(retried_ids, [part.first_id, part.first_id + part.rows])
        ids, sizes = read(part)
        ids, sizes = np.concatenate([ids, retried_ids[low:high]]), np.concatenate([sizes, retried_sizes[low:high]])
        order = np.argsort(ids)
        yield ids[order], sizes[order]


def _rows(job: ShardJob) -> Iterator[pa.Table]:
    """The shard's rows in id order, a part of the input at a time, retried rows in their places."""
    retried = [_read(job, part, gone) for part, gone in job.sources if part.generation]
    again = pa.concat_tables(retried).sort_by("id") if retried else None
    for part, superseded in job.sources:
        if part.first_id is None:
            continue
        rows = _read(job, part, superseded)
        if again is not None:
            after, before = part.first_id, part.first_id + part.rows
            mine = again.filter(pc.and_(pc.greater_equal(again["id"], after), pc.less(again["id"], before)))
            if len(mine):
                rows = pa.concat_tables([rows, mine]).sort_by("id")
        if len(rows):
            yield rows


def _read(job: ShardJob, part: Part, superseded: Ids) -> pa.Table:
    rows = live_rows(job.layout, job.reader, part)
    inside = pc.and_(pc.greater_equal(rows["id"], job.first), pc.less(rows["id"], job.end))
    if len(superseded):
        inside = pc.and_not(inside, pc.is_in(rows["id"], pa.array(superseded)))
    return rows.filter(inside)


def _is_valid(job: ShardJob, commit: Commit | None) -> bool:
    if commit is None or commit.fingerprint != job.fingerprint or not job.path.exists():
        return False
    return job.path.stat().st_size == commit.bytes


def _with_prefix(counts: Counter[str], prefix: str) -> dict[str | None, int]:
    found = {key.removeprefix(prefix) or None: n for key, n in counts.items() if key.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0] or "")))
