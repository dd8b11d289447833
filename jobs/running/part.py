"""What a worker does with one part of one hop: read the live rows, run the stages, commit one file."""

import asyncio
import gc
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.running.flight import ByteGate, Flight
from jobs.running.hops import INPUT_LAYER, Hop
from jobs.store.commit import Commit, LayerWriter, count, read_commit, read_layer
from jobs.store.driver import check_driver
from jobs.store.plan import NO_IDS, Ids, Part, read_input
from pipelines.stage import AsyncStage, Processed, Stage, Verdict, Verdicts, title
from pipelines.translation.totals import totals
from schemas.layout import RunLayout
from schemas.reasons import REASONS, Outcome
from schemas.tables import VERDICT

_SLICE = 128
"""Rows of an async hop that are judged, written and freed together: what bounds the images a part holds at once."""


@dataclass(frozen=True)
class PartJob:
    """One part of one hop. Travels to the worker; holds no data.

    `inputs` are the digests of the layer files it reads. Rows in `poison` are not run: their worker died on them.
    `only` restricts a probe to some rows; a probe commits nothing.
    """

    root: Path
    hop: Hop
    part: Part
    inputs: dict[str, str]
    attempt: str
    superseded: Ids = field(default_factory=lambda: NO_IDS)
    poison: tuple[int, ...] = ()
    only: tuple[int, ...] | None = None

    @property
    def layout(self) -> RunLayout:
        """The run's layout."""
        return RunLayout(self.root)

    @property
    def path(self) -> Path:
        """Where the part is committed."""
        return self.hop.path(self.layout, self.part.number)


class PartRunner:
    """Holds the loaded engines of one hop on one worker, and runs parts of it."""

    def __init__(self, hop: Hop, flight: Flight) -> None:
        self.is_async = hop.kind == "async"
        self._gate = ByteGate(flight.bytes)
        self._stages = [stage for stage in hop.stages if isinstance(stage, Stage)]
        if self.is_async:
            self._stages = [stage.share(flight.workers) for stage in self._stages if isinstance(stage, AsyncStage)]
        self._engines: list[Any] = [stage.load() for stage in self._stages]
        gc.freeze()  # modules and models stay; the collector need not walk them again and again

    def run(self, job: PartJob) -> Commit | None:
        """Commit a part of a ``task`` hop, or find it committed; None for a probe."""
        if found := _committed(job):
            return found
        judged = _Judged(_entering(job), job)
        for stage, engine in zip(self._stages, self._engines, strict=True):
            judged.add(stage, engine.process(judged.live(stage)))
        if job.only is not None:
            return None
        return commit_verdicts(job, judged.table(job.hop.schema))

    async def run_async(self, job: PartJob) -> Commit | None:
        """The same for an ``async`` hop, whose rows are judged concurrently, and written and freed slice by slice."""
        if found := await asyncio.to_thread(_committed, job):
            return found
        rows = await asyncio.to_thread(_entering, job)
        async with self._gate.ticket() as ticket:
            began: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            starts = range(0, max(len(rows), 1), _SLICE)
            slices = deque(
                asyncio.ensure_future(self._judge(rows.slice(at, _SLICE), job, ticket, began)) for at in starts
            )
            held = 0
            try:
                if job.only is not None:
                    await asyncio.gather(*slices)
                    return None
                with LayerWriter(job.path, job.hop.schema, job.attempt) as writer:
                    verdicts = []
                    while slices:
                        judged = await slices[0]
                        # file work runs beside the event loop, which has deadlines to keep
                        verdicts.append(await asyncio.to_thread(_write, writer, judged, job))
                        slices.popleft()
                        await self._gate.release(judged.bytes)
                    return await asyncio.to_thread(_commit, writer, job, pa.concat_tables(verdicts))
            finally:
                for pending in slices:
                    pending.cancel()
                    if pending.done() and not pending.cancelled() and not pending.exception():
                        held += pending.result().bytes
                await self._gate.release(held)

    async def close(self) -> None:
        """Close the engines' connections (``async`` hops)."""
        for engine in self._engines:
            await engine.close()

    async def _judge(self, rows: pa.Table, job: PartJob, ticket: int, began: "asyncio.Future[float]") -> "_Judged":
        """Judge a slice of a part. Deadlines of parts count from when the first of its slices is let in."""
        reserved = await self._gate.enter(ticket, len(rows))
        if not began.done():
            began.set_result(asyncio.get_running_loop().time())
        judged = _Judged(rows, job)
        try:
            for stage, engine in zip(self._stages, self._engines, strict=True):
                judged.add(stage, await engine.process(judged.live(stage), began.result()))
        except BaseException:
            await self._gate.release(reserved)
            raise
        await self._gate.settle(reserved, judged.bytes, len(rows))
        return judged


class _Judged:
    """The rows of a table on their way through a hop's stages: who lives, why the others left, what was added."""

    def __init__(self, rows: pa.Table, job: PartJob) -> None:
        n = len(rows)
        self.ids = rows["id"]
        self._rows = rows
        self._at = np.arange(n)
        self._outcome: list[str] = [Outcome.KEPT.value] * n
        self._stage: list[str | None] = [None] * n
        self._reason: list[str | None] = [None] * n
        self._value: list[float | None] = [None] * n
        self._detail: list[str | None] = [None] * n
        self._added: dict[str, pa.ChunkedArray] = {}
        self._read = {name for stage in job.hop.stages if isinstance(stage, Stage) for name in stage.reads}
        if job.poison:
            dead = [Verdict("worker_died") if row in job.poison else None for row in self.ids.to_pylist()]
            self._refuse(title(job.hop.stages[0]), Verdicts.of(dead))

    @property
    def bytes(self) -> int:
        """What the added columns hold in memory."""
        return sum(column.nbytes for column in self._added.values())

    def live(self, stage: Stage) -> pa.Table:
        """The rows still alive, with the columns that `stage` reads."""
        return self._rows.select(["id", *(name for name in stage.reads if name != "id")])

    def add(self, stage: Stage, processed: Processed) -> None:
        """Take over a stage's verdicts and columns."""
        verdicts = processed.verdicts
        if len(verdicts.reason) != len(self._rows):
            raise ValueError(f"{title(stage)} answered {len(verdicts.reason)} verdicts for {len(self._rows)} rows")
        if processed.columns is not None:
            for name in processed.columns.column_names:
                self._scatter(name, processed.columns[name])
                if name in self._read:  # else there is no need to filter it, and it may be large
                    self._rows = _put(self._rows, name, processed.columns[name])
        self._refuse(title(stage), verdicts)

    def table(self, schema: pa.Schema) -> pa.Table:
        """Every row that entered, in `schema`."""
        verdicts = pa.table(
            {
                "id": self.ids,
                "outcome": self._outcome,
                "stage": pa.array(self._stage, pa.string()),
                "reason": pa.array(self._reason, pa.string()),
                "value": pa.array(self._value, pa.float64()),
                "detail": pa.array(self._detail, pa.string()),
            }
        )
        for name in schema.names[len(VERDICT) :]:
            column = self._added.get(name)
            kind = schema.field(name).type
            verdicts = verdicts.append_column(name, pa.nulls(len(self.ids), kind) if column is None else column)
        return verdicts.select(schema.names).cast(schema)

    def _refuse(self, stage: str, verdicts: Verdicts) -> None:
        if verdicts.reason.null_count == len(verdicts.reason):
            return
        refused = zip(
            self._at, verdicts.reason.to_pylist(), verdicts.value.to_pylist(), verdicts.detail.to_pylist(), strict=True
        )
        for at, reason, value, detail in refused:
            if reason is not None:
                self._outcome[at] = REASONS[reason].outcome.value
                self._stage[at], self._reason[at] = stage, reason
                self._value[at], self._detail[at] = value, detail
        kept = pc.is_null(verdicts.reason)
        self._at = self._at[kept.to_numpy(zero_copy_only=False)]
        self._rows = self._rows.filter(kept)

    def _scatter(self, name: str, column: pa.ChunkedArray) -> None:
        """Lay a column of the live rows out over all rows, null where a row is dead."""
        n = len(self.ids)
        if len(self._at) == n:
            self._added[name] = column
            return
        source = np.full(n, -1)
        source[self._at] = np.arange(len(self._at))
        self._added[name] = column.take(pa.array(source, mask=source < 0))


def live_rows(layout: RunLayout, hop: Hop, part: Part) -> pa.Table:
    """The rows of a part that enter `hop`, with the columns it reads, in id order."""
    wanted: dict[str, list[str]] = {}
    for column, layer in hop.origins.items():
        wanted.setdefault(layer, []).append(column)
    if hop.previous is None:
        return read_input(layout, part, ["id", *wanted.get(INPUT_LAYER, [])])

    def read(layer: str, columns: list[str]) -> pa.Table:
        if layer == INPUT_LAYER:
            return read_input(layout, part, columns)
        return read_layer(hop.path(layout, part.number, layer), columns)

    entered = read(hop.previous, ["id", "outcome", *wanted.pop(hop.previous, [])])
    rows = entered.filter(pc.equal(entered["outcome"], Outcome.KEPT.value)).drop_columns(["outcome"])
    for layer, columns in wanted.items():
        other = read(layer, ["id", *columns])
        if len(other) != len(rows):
            other = where(other, pc.is_in(other["id"], rows["id"].combine_chunks()).to_numpy())
        if not other["id"].equals(rows["id"]):
            raise ValueError(f"layer {layer} of part {part.number} lacks rows that {hop.previous} kept")
        for name in columns:
            rows = rows.append_column(name, other[name])
    return rows


def where(table: pa.Table, mask: npt.NDArray[np.bool_]) -> pa.Table:
    """The rows of `table` where `mask` is true; images are not copied."""
    if mask.all():
        return table
    if "image" not in table.column_names:
        return table.filter(pa.array(mask))
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2).tolist()
    return pa.concat_tables([table.slice(0, 0), *(table.slice(start, end - start) for start, end in edges)])


def _committed(job: PartJob) -> Commit | None:
    """The commit that is already in place for this job, if there is one that answers it."""
    if job.only is not None or not job.path.exists():
        return None
    found = read_commit(job.path, job.superseded)
    return found if found and found.answers(job.hop.fingerprint, job.inputs) else None


def _entering(job: PartJob) -> pa.Table:
    rows = live_rows(job.layout, job.hop, job.part)
    return rows if job.only is None else rows.filter(pc.is_in(rows["id"], pa.array(job.only, pa.int64())))


def _put(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    at = rows.schema.get_field_index(name)
    return rows.append_column(name, column) if at < 0 else rows.set_column(at, name, column)


def commit_verdicts(job: PartJob, layer: pa.Table) -> Commit:
    """Commit a part whose layer is one table at hand."""
    with LayerWriter(job.path, job.hop.schema, job.attempt) as writer:
        writer.write(layer)
        return _commit(writer, job, layer.select(VERDICT.names))


def _write(writer: LayerWriter, judged: _Judged, job: PartJob) -> pa.Table:
    """Write what was judged; its verdict columns come back for counting."""
    layer = judged.table(job.hop.schema)
    writer.write(layer)
    if "translations" in layer.column_names:
        writer.count("translations", totals(layer["translations"]))
    return layer.select(VERDICT.names)


def _commit(writer: LayerWriter, job: PartJob, verdicts: pa.Table) -> Commit:
    check_driver(job.layout, job.attempt)
    total = current = count(verdicts)
    if len(job.superseded):
        current = count(verdicts.filter(pc.invert(pc.is_in(verdicts["id"], pa.array(job.superseded)))))
    return writer.commit(job.part.number, job.hop.fingerprint, job.inputs, total, current)
