"""Where jobs run: in this process, or on Ray (`jobs.running.ray_executor`). The engine does not know which."""

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.running.flight import Flight
from jobs.running.hops import Hop
from jobs.running.part import PartJob, PartRunner


@dataclass(frozen=True, slots=True)
class Call:
    """A module-level function and its arguments: set rules' buckets, shards."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


RunCalls = Callable[[Sequence[Call], Callable[[Any], None]], list[Any]]
"""Runs calls anywhere; their results in order, each told as it comes."""


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a job: its value, or the error it raised, or `died` when its worker process did."""

    key: Hashable
    value: Any = None
    error: BaseException | None = None
    died: bool = False


class Executor(Protocol):
    """Runs jobs under keys of the engine's choosing. At most as many are taken as `room` allows."""

    def room(self, job: PartJob | Call) -> bool:
        """Whether a job of this kind would start soon."""
        ...

    def submit(self, key: Hashable, job: PartJob | Call, *, alone: bool = False) -> None:
        """Start a job; `alone` gives a part a worker process that runs nothing else."""
        ...

    def wait(self, timeout: float) -> list[Done]:
        """The jobs that ended, after at most `timeout` seconds."""
        ...

    def release(self, hop: Hop) -> None:
        """No more jobs of this hop will come: its workers may go."""
        ...

    def close(self) -> None:
        """Stop the workers; jobs still running are dropped whole."""
        ...


class InlineExecutor:
    """Runs everything in this process: for debugging, unit tests and small jobs.

    Async hops run on an event loop in a thread of its own; tasks run at once in the calling thread. A row that kills
    its process kills the run here: finding such rows takes Ray's workers.
    """

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._runners: dict[str, PartRunner] = {}
        self._running: dict[Future[Any], Hashable] = {}
        self._done: list[Done] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="async hops", daemon=True)
        self._thread.start()

    def room(self, job: PartJob | Call) -> bool:
        if isinstance(job, PartJob) and job.hop.kind == "async":
            return len(self._running) < self._flight.parts
        return not self._done

    def submit(self, key: Hashable, job: PartJob | Call, *, alone: bool = False) -> None:  # noqa: ARG002
        if isinstance(job, PartJob) and job.hop.kind == "async":
            future = asyncio.run_coroutine_threadsafe(self._runner(job.hop).run_async(job), self._loop)
            self._running[future] = key
            return
        try:
            value = self._runner(job.hop).run(job) if isinstance(job, PartJob) else job.function(*job.arguments)
        except Exception as error:  # noqa: BLE001 — not handled here: the engine stops the run and names the part
            self._done.append(Done(key, error=error))
        else:
            self._done.append(Done(key, value))

    def wait(self, timeout: float) -> list[Done]:
        if not self._done and self._running:
            wait(self._running, timeout, FIRST_COMPLETED)
        for future in [future for future in self._running if future.done()]:
            key, error = self._running.pop(future), future.exception()
            self._done.append(Done(key, error=error) if error else Done(key, future.result()))
        done, self._done = self._done, []
        return done

    def release(self, hop: Hop) -> None:
        runner = self._runners.pop(hop.name, None)
        if runner and hop.kind == "async":
            asyncio.run_coroutine_threadsafe(runner.close(), self._loop).result()

    def close(self) -> None:
        for future in self._running:
            future.cancel()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        """Let what was cancelled clean up after itself, then close the connections."""
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)
        for runner in self._runners.values():
            if runner.is_async:
                await runner.close()
        await self._loop.shutdown_default_executor()

    def _runner(self, hop: Hop) -> PartRunner:
        if hop.name not in self._runners:
            self._runners[hop.name] = PartRunner(hop, self._flight)
        return self._runners[hop.name]
