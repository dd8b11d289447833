"""Jobs on Ray: tasks for cheap hops, actors for those whose workers stay.

Nothing large travels through the object store: a job is a few hundred bytes, a result a few numbers. Ray retries
nothing (`max_retries=0`): what a dead worker means is for the engine to decide.
"""

import time
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.running.executor import Call, Done
from jobs.running.flight import Flight
from jobs.running.hops import Hop, HopKind
from jobs.running.identity import CodeIdentity
from jobs.running.part import PartJob, PartRunner
from jobs.running.trouble import ClusterLostError, WrongCodeError
from pipelines.stage import AsyncStage, ModelStage

_CHECK_NODES_S = 5.0
_FIRST_WORKER_S = 120.0

_runners: dict[str, PartRunner] = {}


def _run_task(job: PartJob | Call, code: CodeIdentity) -> Any:
    """The body of every Ray task; engines stay loaded from one part to the next."""
    code.check()
    if isinstance(job, Call):
        return job.function(*job.arguments)
    runner = _runners.get(job.hop.fingerprint)
    if runner is None:
        runner = _runners.setdefault(job.hop.fingerprint, PartRunner(job.hop, Flight()))
    return runner.run(job)


_ACTORS: tuple[HopKind, ...] = ("async", "model")
"""Hops whose workers stay."""
_MODEL_PARTS = 2
"""Parts that an actor with a model is given at once: while it works on one, the next waits."""


def _on_gpu(hop: Hop) -> bool:
    return any(stage.on_gpu for stage in hop.stages if isinstance(stage, ModelStage))


class _HopActor:
    """Keeps the engines of one async hop and many parts of it in flight.

    It is made without arguments and loads its engines with the first part: what goes wrong there is then an error of
    that job, and not a dead actor, which would look like a row that kills its worker.
    """

    def __init__(self) -> None:
        self._runner: PartRunner | None = None

    async def run(self, job: PartJob, code: CodeIdentity, flight: Flight) -> Any:
        if self._runner is None:
            code.check()
            self._runner = PartRunner(job.hop, flight)
        return await self._runner.run_async(job)


class _ModelActor:
    """Keeps the engines of one hop of worker kind ``model``, and runs one part of it at a time.

    Made without arguments for the same reason.
    """

    def __init__(self) -> None:
        self._runner: PartRunner | None = None

    def run(self, job: PartJob, code: CodeIdentity, flight: Flight) -> Any:
        if self._runner is None:
            code.check()
            self._runner = PartRunner(job.hop, flight)
        return self._runner.run(job)


@dataclass
class _Slot:
    """An actor and how many parts it works on."""

    actor: Any
    alone: bool = False
    running: int = 0


@dataclass
class _Pool:
    slots: list[_Slot] = field(default_factory=list)


class RayExecutor:
    """Tasks for cheap hops and calls, actors for async hops: one actor a CPU, where the hop can be shared so widely.

    A hop of models has actors too: one a GPU where it needs one, else one a CPU but for the last, which is left to
    what feeds it.

    The actor that runs a part alone is one of them, and takes the place of the one that died: what holds over all
    workers of a hop, like the exchanges at once with a host, must hold while rows that kill are searched for.

    Actors reserve no CPU: a pool as large as the CPUs would starve what feeds and follows it, and two async hops in
    one segment would leave none for the tasks between them.
    """

    def __init__(self, code: CodeIdentity, flight: Flight) -> None:
        import ray

        self._ray = ray
        self._code = code
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._cpus = max(1, int(resources.get("CPU", 1)))
        self._gpus = int(resources.get("GPU", 0))
        self._flight = flight
        task_cpus = 1 if self._cpus > 1 else 0.5
        self._task = ray.remote(num_cpus=task_cpus, max_retries=0)(_run_task)
        self._pools: dict[str, _Pool] = {}
        self._running: dict[Any, tuple[Hashable, _Slot | None]] = {}
        self._tasks = 0
        self._nodes_checked = time.monotonic()
        self._check_code()

    def room(self, job: PartJob | Call) -> bool:
        if isinstance(job, PartJob) and job.hop.kind in _ACTORS:
            pool = self._pools.get(job.hop.name, _Pool())
            shared = [slot for slot in pool.slots if not slot.alone]
            parts = self._flight.parts if job.hop.kind == "async" else _MODEL_PARTS
            return len(pool.slots) < self._workers(job.hop) or any(slot.running < parts for slot in shared)
        return self._tasks < 2 * self._cpus

    def submit(self, key: Hashable, job: PartJob | Call, *, alone: bool = False) -> None:
        if isinstance(job, PartJob) and job.hop.kind in _ACTORS:
            slot = self._slot(job.hop, alone)
            slot.running += 1
            flight = replace(self._flight, workers=self._workers(job.hop))
            self._running[slot.actor.run.remote(job, self._code, flight)] = (key, slot)
        else:
            self._tasks += 1
            self._running[self._task.remote(job, self._code)] = (key, None)

    def wait(self, timeout: float) -> list[Done]:
        refs = list(self._running)
        if not refs:
            return []
        ready, rest = self._ray.wait(refs, num_returns=1, timeout=timeout)
        if not ready:
            self._check_nodes()
        if rest:
            more, _ = self._ray.wait(rest, num_returns=len(rest), timeout=0)
            ready += more
        return [self._collect(ref) for ref in ready]

    def release(self, hop: Hop) -> None:
        for slot in self._pools.pop(hop.name, _Pool()).slots:
            self._ray.kill(slot.actor)

    def close(self) -> None:
        for pool in self._pools.values():
            for slot in pool.slots:
                self._ray.kill(slot.actor)
        self._pools.clear()

    def _check_code(self) -> None:
        """Run nothing on a worker: raises `WrongCodeError` or `ClusterLostError` before any row is at stake.

        It does not load all of the code: the worker that answers may have nothing else to do, and holds what it loads.
        """
        check = self._ray.remote(max_retries=0)(CodeIdentity.check)
        try:
            self._ray.get(check.remote(self._code), timeout=_FIRST_WORKER_S)
        except self._ray.exceptions.GetTimeoutError:
            raise ClusterLostError(f"no Ray worker answered within {_FIRST_WORKER_S:.0f} s") from None
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause if isinstance(error.cause, Exception) else error
            raise WrongCodeError(f"workers cannot run this shardmill: {cause}") from error

    def _check_nodes(self) -> None:
        """Raise `ClusterLostError` when no node lives: Ray would wait for a new one for ever."""
        now = time.monotonic()
        if now - self._nodes_checked < _CHECK_NODES_S:
            return
        self._nodes_checked = now
        nodes: list[dict[str, Any]] = self._ray.nodes()  # type: ignore[no-untyped-call]
        if not any(node["Alive"] for node in nodes):
            raise ClusterLostError("the Ray cluster has no live node left")

    def _collect(self, ref: Any) -> Done:
        key, slot = self._running.pop(ref)
        if slot is None:
            self._tasks -= 1
        else:
            slot.running -= 1
        errors = self._ray.exceptions
        try:
            return Done(key, self._ray.get(ref))
        except (errors.ActorDiedError, errors.ActorUnavailableError, errors.WorkerCrashedError) as error:
            self._bury(slot)
            return Done(key, error=error, died=True)
        except (errors.OutOfMemoryError, errors.NodeDiedError) as error:
            self._bury(slot)
            return Done(key, error=error, died=True)
        except errors.LocalRayletDiedError as error:
            raise ClusterLostError("Ray's node process died") from error
        except errors.RayTaskError as error:
            return Done(key, error=error.cause if isinstance(error.cause, Exception) else error)
        finally:
            if slot and slot.alone and slot.running == 0:
                self._bury(slot)

    def _workers(self, hop: Hop) -> int:
        """How many actors the hop may have. Raises `ClusterLostError` where it needs a GPU and there is none."""
        if hop.kind == "model":
            if not _on_gpu(hop):
                return max(1, self._cpus - 1)
            if not self._gpus:
                say = f"{hop.name} is to run on a GPU, and Ray knows of none"
                raise ClusterLostError(f"{say}; set its device to cpu, or give Ray one")
            return self._gpus
        limits = [stage.max_workers for stage in hop.stages if isinstance(stage, AsyncStage)]
        return min([self._cpus, *(limit for limit in limits if limit is not None)])

    def _slot(self, hop: Hop, alone: bool) -> _Slot:
        pool = self._pools.setdefault(hop.name, _Pool())
        shared = [slot for slot in pool.slots if not slot.alone]
        if not alone and len(pool.slots) >= self._workers(hop):
            return min(shared, key=lambda slot: slot.running)
        is_async = hop.kind == "async"
        actor = self._ray.remote(_HopActor if is_async else _ModelActor).options(
            num_cpus=0,
            num_gpus=1 if _on_gpu(hop) else 0,
            scheduling_strategy="SPREAD",
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=self._flight.parts if is_async else 1,
        )
        slot = _Slot(actor.remote(), alone)
        pool.slots.append(slot)
        return slot

    def _bury(self, slot: _Slot | None) -> None:
        for pool in self._pools.values():
            if slot is not None and slot in pool.slots:
                pool.slots.remove(slot)
                self._ray.kill(slot.actor)  # one that was only out of reach must not go on beside its successor
