"""The driver: segment, set rule, segment, …, shards. All state that matters is in commits, so it may die anywhere."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from jobs.packing.pack import pack_shards
from jobs.running.executor import Call, Executor
from jobs.running.hops import Hop, hop_index
from jobs.running.second_pass import plan_second_pass, recount
from jobs.running.segment import Segment
from jobs.running.sets import SetRun
from jobs.running.state import Control, RunState
from jobs.running.tally import HopTally
from jobs.running.trouble import PartError, StoppedError, WaitingError, disk_is_full
from jobs.store.files import sweep

OpenExecutor = Callable[[ExitStack], Executor]
"""Opens an executor that the stack closes."""

_TICK_S = 0.2
_TRIES = 3


class Engine:
    """Runs a recipe over a plan. The caller holds the lease.

    `until` and `start` name the last and the first hop (or a stage in it) to do; shards are packed only by a run that
    goes to the end.
    """

    def __init__(
        self,
        state: RunState,
        open_executor: OpenExecutor,
        control: Control,
        *,
        until: str | None = None,
        start: str | None = None,
    ) -> None:
        self._state, self._control = state, control
        self._open_executor = open_executor
        self._opened: Executor | None = None
        self._stack = ExitStack()
        self._last = hop_index(state.hops, until) if until else len(state.hops) - 1
        self._first = hop_index(state.hops, start) if start else 0

    def run(self) -> None:
        """Run to the end. Raises `StoppedError`, `WaitingError`, `CollapseError` or `PartError` when it cannot."""
        state = self._state
        state.claim()
        for folder in _folders(state):
            sweep(folder)
        # a kill may have come between a retry's plan and the counts that follow from it
        recount(state.plan, state.layout, state.hops, state.manifests, self._tick)
        with self._stack:
            try:
                while self._second_pass_follows():
                    pass
                if self._last == len(self._state.hops) - 1:
                    pack_shards(self._state, self._calls, self._tick)
            finally:
                for manifest in self._state.manifests.values():
                    manifest.compact()

    def _second_pass_follows(self) -> bool:
        """Take every part through every hop; True when failures were planned anew and must go the same way."""
        for hops in _segments(self._state.hops[: self._last + 1]):
            if hops[0].kind == "set":
                self._judge_set(hops[0])
                continue
            Segment(self._state, hops, self._executor, self._control, self._first).run()
            if self._opened:
                for hop in hops:
                    self._opened.release(hop)
            if hops[0].index >= self._first and self._plan_second_pass(hops):
                return True
        return False

    def _judge_set(self, hop: Hop) -> None:
        state = self._state
        jobs = tuple(state.job(hop, part) for part in state.plan.parts)
        entering = state.tally[hop.previous].kept if hop.previous else state.plan.planned_rows
        rule = SetRun(state.layout, jobs, entering)
        tally = state.tally[hop.name] = HopTally(parts=len(jobs))
        if not (rule.is_complete() and all(state.is_valid(hop, part) for part in state.plan.parts)):
            if hop.index < self._first:
                raise WaitingError(f"{hop.name} has not judged these rows, and this run starts after it")
            self._control.note = f"{hop.name}: judging the whole set"
            for part in state.plan.parts:  # a kill while files are replaced must not leave old commits for new files
                state.manifests[hop.name].forget(part.number)
            for commit in rule.run(self._calls):
                state.manifests[hop.name].record(commit)
                state.stopwatch.done(hop.name, commit.rows)
            self._control.note = ""
        for part in state.plan.parts:
            tally.add(state.manifests[hop.name][part.number])

    def _plan_second_pass(self, hops: list[Hop]) -> bool:
        state = self._state
        if not state.recipe.run.second_pass:
            return False
        plan, rows = plan_second_pass(state.plan, state.layout, hops, state.manifests, self._tick)
        if rows:
            state.adopt(plan)
            recount(state.plan, state.layout, state.hops, state.manifests, self._tick)
            self._control.note = f"second pass over {rows:,} rows that failed and may be retried"
        return rows > 0

    def _calls(self, calls: Sequence[Call], on_result: Callable[[Any], None] = lambda _: None) -> list[Any]:
        """Run calls; their results in order, each told to `on_result` as it comes.

        A dead worker's call runs again, any error stops the run.
        """
        results: dict[int, Any] = {}
        tries = [0] * len(calls)
        waiting, running = deque(range(len(calls))), 0
        while waiting or running:
            if self._control.stop:
                raise StoppedError
            full = disk_is_full(self._state.layout.root, self._state.recipe.run.min_free_gb)
            if full:
                self._control.note = full
                time.sleep(_TICK_S)
            while waiting and not full and self._executor().room(calls[waiting[0]]):
                number = waiting.popleft()
                self._executor().submit(number, calls[number])
                tries[number] += 1
                running += 1
            for done in self._executor().wait(_TICK_S):
                assert isinstance(done.key, int)
                running -= 1
                if done.died and tries[done.key] < _TRIES:
                    waiting.append(done.key)
                elif done.error:
                    name = calls[done.key].function.__name__
                    raise PartError(f"{name}: {type(done.error).__name__}: {done.error}") from done.error
                else:
                    results[done.key] = done.value
                    on_result(done.value)
            self._control.tick()
        return [results[number] for number in range(len(calls))]

    def _tick(self) -> None:
        """Show that the run is alive, and stop where nothing is half done."""
        if self._control.stop:
            raise StoppedError
        self._control.tick()

    def _executor(self) -> Executor:
        """Opened by the first job: a run that finds everything committed starts no cluster."""
        if self._opened is None:
            self._state.layout.card.unlink(missing_ok=True)  # until all is done again, the data set is not finished
            self._opened = self._open_executor(self._stack)
        return self._opened


def _folders(state: RunState) -> list[Path]:
    """Every folder in which a killed driver may have left temporary files."""
    layout = state.layout
    hops = [hop.path(layout, 0).parent for hop in state.hops]
    packed = [layout.dataset, layout.shards, layout.trainers, layout.layer("split", set_rule=True)]
    return [layout.root, layout.input, layout.manifest, layout.report, *packed, *hops]


def _segments(hops: list[Hop]) -> list[list[Hop]]:
    """Runs of hops between set rules; every set rule by itself."""
    segments: list[list[Hop]] = []
    for hop in hops:
        if segments and hop.kind != "set" and segments[-1][-1].kind != "set":
            segments[-1].append(hop)
        else:
            segments.append([hop])
    return segments
