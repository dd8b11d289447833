"""Parts through the hops between two set rules, each at its own pace."""

import dataclasses
import time
from collections import deque
from collections.abc import Callable

from jobs.running.collapse import Collapse, CollapseError, causes_of, histogram
from jobs.running.executor import Done, Executor
from jobs.running.hops import Hop
from jobs.running.isolation import Isolation
from jobs.running.part import PartJob, live_rows
from jobs.running.state import Control, RunState
from jobs.running.tally import HopTally
from jobs.running.trouble import EndedError, PartError, StoppedError, WaitingError, disk_is_full
from jobs.store.commit import Commit
from jobs.store.plan import Part
from pipelines.stage import EndRunError

_TICK_S = 0.2
_PROBES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class PartKey:
    """What the executor calls a part's job; `alone` when it searches for rows that kill their worker."""

    hop: int
    part: int
    alone: bool = False


class Segment:
    """Runs `hops` over every part that has no valid commit of them. `first` is the first hop this run may do."""

    def __init__(
        self, state: RunState, hops: list[Hop], executor: Callable[[], Executor], control: Control, first: int
    ) -> None:
        self._state, self._hops, self._control, self._first = state, hops, control, first
        self._open_executor = executor
        self._ready: dict[int, deque[Part]] = {}
        self._running: set[PartKey] = set()
        self._dead: deque[tuple[Hop, Part]] = deque()
        self._isolation: Isolation | None = None
        self._fetching = next((hop for hop in hops if hop.kind == "async"), None)
        self._collapse = Collapse(state.recipe.run)
        self._end: EndedError | None = None

    def run(self) -> None:
        """Return when every part has a valid commit of the last hop.

        Raises `StoppedError`, `WaitingError`, `CollapseError`, `EndedError` where a stage can answer for no row, or
        `PartError` for what is a bug or a full disk.
        """
        self._sort()
        while self._has_work():
            if self._control.stop or self._end:
                self._drain()
            note = disk_is_full(self._state.layout.root, self._state.recipe.run.min_free_gb)
            if note:
                self._control.note = note
                time.sleep(_TICK_S)
            else:
                self._submit()
            self._collect()
            if self._fetching and (cause := self._collapse.cause(self._state.layout, self._fetching)):
                self._outlast(self._fetching, cause)
        if self._end:
            raise self._end
        waiting = sum(not self._state.is_valid(self._hops[-1], part) for part in self._state.plan.parts)
        if waiting:
            raise WaitingError(
                f"{waiting} parts have not passed {self._hops[-1].name}, and this run starts after it; "
                "run the hops before first (--until), or leave out --from"
            )

    @property
    def _executor(self) -> Executor:
        return self._open_executor()

    def _has_work(self) -> bool:
        return bool(self._running or self._dead or self._isolation or any(self._ready.values()))

    def _sort(self) -> None:
        """Find out which part waits for which hop, and count what is done."""
        self._ready = {hop.index: deque() for hop in self._hops}
        self._dead.clear()
        for hop in self._hops:
            self._state.tally[hop.name] = HopTally(parts=len(self._state.plan.parts))
        for part in self._state.plan.parts:
            self._advance(part, self._hops)

    def _advance(self, part: Part, hops: list[Hop]) -> None:
        """Queue a part for the first of `hops` that it has no valid commit of."""
        for hop in hops:
            if not self._state.is_valid(hop, part):
                if hop.index >= self._first:
                    self._ready[hop.index].append(part)
                return
            self._state.tally[hop.name].add(self._state.manifests[hop.name][part.number])

    def _submit(self) -> None:
        """Start what there is room for, later hops first: what is nearly done leaves soonest."""
        self._start_isolation()
        for index in sorted(self._ready, reverse=True):
            waiting = self._ready[index]
            while waiting:
                job = self._state.job(self._state.hops[index], waiting[0])
                if not self._executor.room(job):
                    break
                waiting.popleft()
                self._start(job)

    def _start_isolation(self) -> None:
        """Begin the search in one part whose worker died, if there is one and no other search is on."""
        if self._dead and self._isolation is None:
            hop, part = self._dead.popleft()
            ids = live_rows(self._state.layout, dataclasses.replace(hop, origins={}), part)["id"].to_pylist()
            self._isolation = Isolation(self._state.job(hop, part), tuple(ids))
            self._start(self._isolation.next_job(), alone=True)

    def _start(self, job: PartJob, *, alone: bool = False) -> None:
        key = PartKey(job.hop.index, job.part.number, alone)
        self._running.add(key)
        # what is about to be replaced must not be found again under the old commit after a kill
        self._state.manifests[job.hop.name].forget(job.part.number)
        self._executor.submit(key, job, alone=alone)

    def _collect(self) -> None:
        """Take in what has ended."""
        if self._running:
            for done in self._executor.wait(_TICK_S):
                self._finish(done)
        self._control.tick()

    def _finish(self, done: Done) -> None:
        key = done.key
        assert isinstance(key, PartKey)
        self._running.discard(key)
        hop, part = self._state.hops[key.hop], self._state.plan.parts[key.part]
        if done.error and isinstance(ended := _innermost(done.error), EndRunError):
            self._end = self._end or EndedError(str(ended))
            self._isolation = None if key.alone else self._isolation
            return
        if done.error and not done.died:
            raise PartError(f"part {part.number} of {hop.name}: {_words(done.error)}") from done.error
        if self._isolation and key.alone:
            self._finish_alone(self._isolation, done)
        elif done.died:
            self._control.note = f"a worker died on part {part.number} of {hop.name}; trying the part alone"
            self._dead.append((hop, part))
        else:
            self._record(hop, part, done.value)

    def _finish_alone(self, isolation: Isolation, done: Done) -> None:
        if done.died:
            isolation.died()
            if isolation.is_hopeless:
                hop, part = isolation.job.hop, isolation.job.part
                raise PartError(f"part {part.number} of {hop.name}: its worker dies whatever the rows; see Ray's logs")
        elif isolation.survived():
            self._isolation = None
            self._control.note = ""
            self._record(isolation.job.hop, isolation.job.part, done.value)
            return
        self._start(isolation.next_job(), alone=True)

    def _record(self, hop: Hop, part: Part, commit: Commit) -> None:
        self._state.record(hop, commit)
        if hop is self._fetching and part.generation == 0:  # a retry holds failures only: one cause is its nature
            self._collapse.note(part, causes_of(self._state.layout, hop, part, commit))
        self._advance(part, [later for later in self._hops if later.index > hop.index])

    def _drain(self) -> None:
        """Let parts in flight finish for a while; what does not is dropped whole."""
        deadline = time.monotonic() + self._state.recipe.run.drain_s
        while self._running and self._isolation is None and time.monotonic() < deadline:
            self._control.note = f"stopping: {len(self._running)} jobs in flight"
            self._collect()
        if self._fetching and self._collapse.is_suspicious(self._state.layout, self._fetching):
            self._take_back(self._fetching)  # it began to look like a collapse: these verdicts are not to be trusted
        raise self._end or StoppedError

    def _outlast(self, hop: Hop, cause: str) -> None:
        """Pause and probe until the cause of a collapse has passed; its parts are done again either way."""
        while self._running or self._dead or self._isolation:  # nothing may read what is about to be taken back
            self._start_isolation()
            self._collect()
        counts = self._collapse.counts()
        parts: list[Part] = []
        for attempt in range(_PROBES):
            parts = self._take_back(hop) or parts
            self._sort()
            pause = self._state.recipe.run.collapse_pause_s * 2**attempt
            self._control.note = f"one cause for nearly every row, over many hosts: {cause}; probing in {pause:.0f} s"
            self._pause(pause)
            self._ready[hop.index].remove(parts[0])
            self._start(self._state.job(hop, parts[0]))
            while self._running or self._dead or self._isolation:
                self._start_isolation()
                self._collect()
            commit = self._state.manifests[hop.name].get(parts[0].number)
            if commit and self._collapse.has_passed(commit, cause):
                self._control.note = ""
                return
        self._take_back(hop)
        raise CollapseError(
            f"one cause for nearly every row, over many hosts: {cause}. It did not pass in {_PROBES} probes. The parts "
            f"concerned are marked for redoing: mend the cause and run again.\n{histogram(counts)}"
        )

    def _take_back(self, hop: Hop) -> list[Part]:
        parts = self._collapse.take()
        for part in parts:
            self._state.take_back(hop, part)
        return parts

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._control.stop:
                raise StoppedError
            time.sleep(min(_TICK_S, seconds))
            self._control.tick()


def _words(error: BaseException) -> str:
    error = _innermost(error)
    return f"{type(error).__name__}: {error}"


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):  # of rows that were worked on together; its own words say nothing
        error = error.exceptions[0]
    return error
