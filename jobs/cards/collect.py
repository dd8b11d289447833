"""One pass over a run's layers: what a card counts. Reads the columns it needs, part by part, in bounded memory.

Every row counts in its latest generation alone. Rows *stayed* when the packing decision kept them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.cards import columns
from jobs.cards.measured import Bools, Ints, Measured
from jobs.reports.frequent import Frequent, hosts_in
from jobs.reports.rows import BLOCKED
from jobs.running.executor import Call, RunCalls
from jobs.running.hops import Hop, shard_reader
from jobs.running.part import live_rows
from jobs.running.state import RunState
from jobs.store.commit import KEPT, read_layer
from jobs.store.plan import NO_IDS, Ids, Part, read_input
from pipelines.stage import title
from schemas.layout import RunLayout

_PARTS_A_CALL = 256
_ROWS_AT_ONCE = 65_536
_SHARD = ["task", "n_text_tokens", "n_image_tokens"]
_REPEATS = "duplicate_of"
_FATE = "what"


@dataclass(frozen=True)
class PartSource:
    """A part, the ids that a later generation has taken over, and the hops at which rows of it left."""

    part: Part
    superseded: Ids
    losing: frozenset[str]


@dataclass
class Collected:
    """What was counted of a run."""

    measured: Measured
    hosts: Frequent
    """By ``host`` and ``what``: ``kept`` or ``stage/reason``. Where blocked images lie is told to nobody."""
    repeats: dict[str, Ints]
    """By set rule: for each row that it refused, the row it repeats."""


def collect(state: RunState, run_calls: RunCalls, scratch: Path) -> Collected:
    """Count everything that a card tells. Every part must have passed every hop; shards lie where packing puts them.

    `scratch` is an empty folder that the calls can write to, wherever they run.
    """
    sources = [PartSource(part, state.superseded(part), _losing(state, part)) for part in state.plan.parts]
    groups = [sources[at : at + _PARTS_A_CALL] for at in range(0, len(sources), _PARTS_A_CALL)]
    of_groups = [scratch / f"hosts-{at:06d}.parquet" for at in range(len(groups))]
    calls = [
        Call(measure_parts, (state.layout, state.hops, _reader(state), group, path))
        for group, path in zip(groups, of_groups, strict=True)
    ]
    shards = sorted(state.layout.shards.glob("*.parquet"))
    calls += [Call(measure_shards, (shards[at : at + _PARTS_A_CALL],)) for at in range(0, len(shards), _PARTS_A_CALL)]
    found = Collected(Measured(), Frequent(["host", _FATE]), {})
    for measured, repeats in run_calls(calls, lambda _: None):
        found.measured.add(measured)
        for rule, ids in repeats.items():
            found.repeats[rule] = np.concatenate([found.repeats.get(rule, NO_IDS), ids])
    for path in of_groups:  # in the order of the parts, so that what is forgotten of many hosts is always the same
        found.hosts.add_groups(pq.read_table(path))
    return found


def measure_parts(
    layout: RunLayout, hops: list[Hop], reader: Hop, sources: Sequence[PartSource], hosts: Path
) -> tuple[Measured, dict[str, Ints]]:
    """Count some parts; rows by host and fate are written to `hosts`."""
    measured, frequent = Measured(), Frequent(["host", _FATE])
    repeats: dict[str, list[Ints]] = {}
    at = 0
    while at < len(sources):
        rows, end = 0, at
        while end < len(sources) and (end == at or rows + sources[end].part.rows <= _ROWS_AT_ONCE):
            rows, end = rows + sources[end].part.rows, end + 1
        _measure(layout, hops, reader, sources[at:end], measured, frequent, repeats)
        at = end
    pq.write_table(frequent.groups(), hosts, compression="zstd")
    return measured, {rule: np.concatenate(ids) for rule, ids in repeats.items()}


def measure_shards(paths: Sequence[Path]) -> tuple[Measured, dict[str, Ints]]:
    """Count the samples of some shards."""
    measured = Measured()
    for path in paths:
        with pq.ParquetFile(path, memory_map=True) as shard:
            columns.samples(measured, shard.read(_SHARD))
    return measured, {}


def _measure(
    layout: RunLayout,
    hops: list[Hop],
    reader: Hop,
    sources: Sequence[PartSource],
    measured: Measured,
    frequent: Frequent,
    repeats: dict[str, list[Ints]],
) -> None:
    used = _rows(sources, lambda source: live_rows(layout, reader, source.part))
    stayed = used["id"].combine_chunks()
    columns.captions(measured, used)
    columns.regions(measured, used)
    _count_sources(measured, used)
    given = _rows(sources, lambda source: read_input(layout, source.part, ["id", "url", "captions"]))
    columns.input_captions(measured, given, _among(given["id"], stayed))
    left = [pa.table({"id": pa.array([], pa.int64()), _FATE: pa.array([], pa.string())})]
    for hop in hops:
        here = [source for source in sources if hop.name in source.losing]
        if here:
            left.append(_fates(layout, hop, here))
            if _REPEATS in hop.schema.names:
                evidence = _layer(layout, hop, here, [_REPEATS])[_REPEATS]
                repeats.setdefault(title(hop.stages[0]), []).append(evidence.drop_null().to_numpy())
    for name, (wanted, count) in columns.OF_LAYERS.items():
        if holders := [hop for hop in hops if name in hop.schema.names]:
            rows = _layer(layout, holders[-1], sources, wanted)  # which knows what those before it found
            count(measured, rows, _among(rows["id"], stayed))
    gone = pa.concat_tables(left).combine_chunks()
    fate = gone[_FATE].take(pc.index_in(given["id"], gone["id"].combine_chunks()))
    host = pc.fill_null(hosts_in(given["url"]), "")
    fates = pa.table({"host": host, _FATE: pc.fill_null(fate, KEPT), "id": given["id"]})
    frequent.add(fates.filter(pc.invert(pc.ends_with(fates[_FATE], f"/{BLOCKED}"))))


def _rows(sources: Sequence[PartSource], read: Callable[[PartSource], pa.Table]) -> pa.Table:
    """Rows of several parts that no later generation has taken over."""
    tables = []
    for source in sources:
        rows = read(source)
        if len(source.superseded):
            rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(source.superseded))))
        tables.append(rows)
    return pa.concat_tables(tables)


def _layer(layout: RunLayout, hop: Hop, sources: Sequence[PartSource], names: Sequence[str]) -> pa.Table:
    return _rows(sources, lambda source: read_layer(hop.path(layout, source.part.number), ["id", *names]))


def _fates(layout: RunLayout, hop: Hop, sources: Sequence[PartSource]) -> pa.Table:
    """Which rows left at a hop, and as what."""
    rows = _layer(layout, hop, sources, ["stage", "reason"])
    rows = rows.filter(pc.is_valid(rows["reason"]))
    return pa.table({"id": rows["id"], _FATE: pc.binary_join_element_wise(rows["stage"], rows["reason"], "/")})


def _count_sources(measured: Measured, used: pa.Table) -> None:
    """Rows by the file that they came from and the licence that it states."""
    groups = used.group_by(["source_file", "license"]).aggregate([([], "count_all")]).to_pylist()
    for group in groups:
        measured.sources[group["source_file"] or "", group["license"] or None] += group["count_all"]


def _among(ids: pa.ChunkedArray, others: pa.Array) -> Bools:
    found: Bools = pc.is_in(ids, others).to_numpy()
    return found


def _losing(state: RunState, part: Part) -> frozenset[str]:
    return frozenset(
        hop.name for hop in state.hops if any(what != KEPT for what in state.manifests[hop.name][part.number].counts)
    )


def _reader(state: RunState) -> Hop:
    """What reads the rows that came through, with their captions and regions as packing saw them."""
    return shard_reader(state.hops, state.recipe.pack, ["captions", "regions", "license", "source_file"])
