"""Writing one training shard: a job of its own, which may run anywhere and again."""

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.packing.cut import Piece, Thresholds, chosen_samples, contains, planned_samples
from jobs.running.hops import Hop
from jobs.running.part import live_rows, where
from jobs.store.commit import Commit
from jobs.store.driver import check_driver
from jobs.store.files import digest, publish, temporary_of
from jobs.store.plan import Ids, Part
from pipelines.chatml.captions import UNKNOWN_LANGUAGE
from pipelines.chatml.pack_spec import VALIDATION, PackSpec
from pipelines.chatml.samples import make_samples
from pipelines.chatml.shard_writer import ShardWriter
from schemas.layout import RunLayout, row_id, shard_name

SAMPLES, BYTES, KIND, SUPERVISED, LANGUAGE, LICENSE = (
    *("samples", "bytes"),
    *("kind/", "supervised/", "language/", "license/"),
)
"""What a shard's commit counts; those with a slash stand before a task and language, a language, a licence."""

_IMAGE = "image"
_HELD_BYTES = 64_000_000
"""Bytes of samples that are made at a time, unless one row makes more."""


@dataclass(frozen=True)
class ShardJob:
    """One shard: the chosen samples of a piece.

    `sources` are the parts that hold such rows, each with the ids that a later generation has taken over; `held_out`
    are the validation split's rows in the piece's range of ids.
    """

    layout: RunLayout
    reader: Hop
    spec: PackSpec
    key: str
    number: int
    """Over all splits."""
    piece: Piece
    held_out: Ids
    thresholds: Thresholds | None
    sources: tuple[tuple[Part, Ids], ...]
    fingerprint: str
    attempt: str

    @property
    def path(self) -> Path:
        """Where the shard is published."""
        return self.layout.shards / shard_name(self.piece.index, self.piece.count, self.piece.split)


def write_shard(job: ShardJob) -> Commit:
    """Write and publish one shard. The same rows give the same bytes."""
    gc.freeze()  # modules need not be walked again and again while samples come and go
    counts: Counter[str] = Counter()
    temporary = temporary_of(job.path, job.attempt)
    with ShardWriter(temporary, job.spec.shard_metadata()) as writer:
        for rows in _bounded(_rows(job, job.reader)):
            rows, chosen = _chosen(job, rows)
            if not len(rows):
                continue
            made = make_samples(rows, job.spec, key=job.key, chosen=chosen)
            writer.write(made.table)
            _count(counts, made.table, made.supervised_tokens)
    counts[SAMPLES], counts[BYTES] = writer.num_samples, writer.num_bytes
    size, content = temporary.stat().st_size, digest(temporary)
    check_driver(job.layout, job.attempt)
    publish(temporary, job.path)
    return Commit(job.number, size, content, job.fingerprint, {}, dict(sorted(counts.items())))


def expected_ids(job: ShardJob, reader: Hop) -> list[str]:
    """The ids of the samples that belong in a shard; `reader` reads the column `samples` alone."""
    found = []
    for rows in _rows(job, reader):
        kept, chosen = _chosen(job, rows)
        samples = planned_samples(kept["samples"], kept["id"].to_numpy())
        made = slice(None) if chosen is None else chosen
        for row, kind in zip(samples.rows[made].tolist(), samples.kinds[made].tolist(), strict=True):
            task, language = samples.names[kind]
            found.append(f"{job.key}-{row_id(row)}-{task}-{language}")
    return found


def _count(counts: Counter[str], samples: pa.Table, supervised: Ids | None) -> None:
    languages = [code or UNKNOWN_LANGUAGE for code in samples["language"].to_pylist()]
    kinds = [f"{task}/{language}" for task, language in zip(samples["task"].to_pylist(), languages, strict=True)]
    counts.update(KIND + kind for kind in kinds)
    counts.update(LICENSE + (license_ or "") for license_ in samples["license"].to_pylist())
    if supervised is not None:
        for kind, tokens in zip(kinds, supervised.tolist(), strict=True):
            counts[SUPERVISED + kind] += tokens


def _chosen(job: ShardJob, rows: pa.Table) -> tuple[pa.Table, npt.NDArray[np.bool_] | None]:
    """The rows that become samples of this shard, and which of their planned samples are made; None: all."""
    in_validation = contains(job.held_out, rows["id"].to_numpy())
    rows = where(rows, in_validation == (job.piece.split == VALIDATION))
    if job.thresholds is None:
        return rows, None
    samples = planned_samples(rows["samples"], rows["id"].to_numpy())
    chosen = chosen_samples(samples, job.thresholds, job.spec)
    wanted = np.isin(rows["id"].to_numpy(), samples.rows[chosen])
    return where(rows, wanted), chosen[np.isin(samples.rows, samples.rows[chosen])]


def _bounded(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables whose planned samples hold a bounded amount of bytes: a row may become many samples."""
    for table in tables:
        if pc.sum(table["samples"].combine_chunks().flatten().field("bytes")).as_py() <= _HELD_BYTES:
            yield table
            continue
        samples = planned_samples(table["samples"], table["id"].to_numpy())
        ids, starts = np.unique(samples.rows, return_index=True)
        sizes = np.add.reduceat(samples.bytes, starts)
        block = (np.cumsum(sizes) - sizes) // _HELD_BYTES
        edges = [*np.flatnonzero(np.diff(block, prepend=-1)).tolist(), len(ids)]
        for start, end in pairwise(edges):
            yield table.slice(start, end - start)


def _rows(job: ShardJob, reader: Hop) -> Iterator[pa.Table]:
    """The shard's rows in id order, a row group of images at a time, retried rows in their places."""
    retried = [_read(job, reader, part, gone) for part, gone in job.sources if part.generation]
    again = pa.concat_tables(retried).sort_by("id") if retried else None
    for part, superseded in job.sources:
        if part.first_id is None:
            continue
        after = part.first_id
        for rows, before in _pieces(job, reader, part, superseded):
            if again is not None:
                ids = again["id"].to_numpy()
                mine = where(again, (ids >= after) & (ids < before))
                if len(mine):
                    rows = pa.concat_tables([rows, mine.select(rows.column_names)]).sort_by("id")
            after = before
            if len(rows):
                yield rows


def _pieces(job: ShardJob, reader: Hop, part: Part, superseded: Ids) -> Iterator[tuple[pa.Table, int]]:
    """The shard's rows of a part piece by piece, each with the id up to which it goes: small buffers are used again."""
    small = _read(job, _without_image(reader), part, superseded)
    after = part.first_id or 0
    end = after + part.rows
    if _IMAGE not in reader.origins:
        yield small, end
        return
    wanted = small["id"].to_numpy()
    path = reader.path(job.layout, part.number, reader.origins[_IMAGE])
    with pq.ParquetFile(path, memory_map=True) as file:
        stored = file.read(["id"])["id"].to_numpy()
        first = 0
        for group in range(file.num_row_groups):
            ids = stored[first : first + file.metadata.row_group(group).num_rows]
            first += len(ids)
            before = int(stored[first]) if first < len(stored) else end
            low, high = np.searchsorted(wanted, [after, before])
            after = before
            rows = small.slice(low, high - low)
            if len(rows):
                images = where(file.read_row_group(group, [_IMAGE]), np.isin(ids, wanted[low:high]))
                rows = rows.append_column(_IMAGE, images[_IMAGE])
            else:
                rows = rows.append_column(_IMAGE, pa.array([], pa.large_binary()))
            yield rows, before
        if after < end:  # no row of the part came as far as the images
            yield small.append_column(_IMAGE, pa.array([], pa.large_binary())), end


def _read(job: ShardJob, reader: Hop, part: Part, superseded: Ids) -> pa.Table:
    rows = live_rows(job.layout, reader, part)
    ids = rows["id"].to_numpy()
    return where(rows, (ids >= job.piece.first) & (ids < job.piece.end) & ~np.isin(ids, superseded))


def _without_image(reader: Hop) -> Hop:
    return replace(reader, origins={name: layer for name, layer in reader.origins.items() if name != _IMAGE})
