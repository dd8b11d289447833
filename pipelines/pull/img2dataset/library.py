"""img2dataset in a process of its own: rows go in, what became of them comes out; its death and its hangs are survived.

The library itself is driven, by its `Downloader`, and not its command: that would start two more processes a shard,
for whose death it waits in vain, and writes what it knows of a row only when a shard is over.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pipelines
from pipelines.pull.img2dataset.child import FRAME
from pipelines.pull.img2dataset.guard import Rules
from pipelines.pull.img2dataset.statuses import verdict_of_row
from pipelines.pull.patience import is_busy, retry_after_s
from pipelines.stage import Verdict

GATHER_S = 0.02
"""Rows that are asked for within this time make a shard."""
MAX_ABANDONED = 256
"""So many rows that nobody waits for any more, and the process is taken for hung."""

_COMMAND = (sys.executable, "-P", "-m", "pipelines.pull.img2dataset.child")
_START_S = 120.0
_STARTS = 3
"""Tries to start it, where somebody kills it while it comes up."""
_EXIT_S = 5.0
_TRIES = 2
_LOG_BYTES = 2_000
_ENVIRONMENT = {
    "NO_ALBUMENTATIONS_UPDATE": "1",  # it calls out when imported, else
    "WANDB_MODE": "disabled",
    "WANDB_ERROR_REPORTING": "false",
    "PYTHONPATH": str(Path(pipelines.__file__ or "").parents[1]),
}


class StartError(RuntimeError):
    """The process did not come up; the message holds the end of what it said."""


class _DiedError(Exception):
    """The process died while it had the row."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a row: its bytes as served, or a verdict; and what was seen of the server."""

    verdict: Verdict | None
    body: bytes = b""
    status: int | None = None
    content_type: str | None = None
    encoding: str | None = None
    retry_after_s: float | None = None
    location: str | None = None
    """where a redirect leads"""


class Library:
    """Rows of many callers, pulled by one process. It belongs to the event loop of its first use."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._process: asyncio.Task[_Process] | None = None
        self._closed = False

    async def start(self) -> None:
        """Have the process running. Raises `StartError`."""
        await self._running()

    async def ask(self, url: str) -> Answer:
        """Pull a URL; asked again once where the process died over it."""
        for _ in range(_TRIES):
            try:
                return await (await self._running()).ask(url)
            except (_DiedError, StartError) as error:
                died = error
        return Answer(Verdict("engine_error", detail=str(died)))

    async def close(self) -> None:
        """End the process, for good."""
        self._closed = True
        if self._process is not None:
            process, self._process = self._process, None
            if not process.done():
                process.cancel()
            with suppress(StartError, asyncio.CancelledError):
                await (await process).end()

    async def _running(self) -> "_Process":
        if self._closed:
            raise StartError("img2dataset was ended")
        if self._process is None or (self._process.done() and not _is_alive(self._process)):
            self._process = asyncio.create_task(_Process.start(self._rules))
        return await asyncio.shield(self._process)  # others wait for it, too


def _is_alive(started: "asyncio.Task[_Process]") -> bool:
    return not started.cancelled() and started.exception() is None and started.result().is_alive


class _Process:
    """One life of the process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._abandoned: set[str] = set()
        self._gathered: list[str] = []
        self._rows = 0
        self._reading: asyncio.Task[None] | None = None
        self.is_alive = True

    @classmethod
    async def start(cls, rules: Rules, starts: int = _STARTS) -> "_Process":
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with TemporaryFile() as log:
            self = cls(
                await asyncio.create_subprocess_exec(
                    *_COMMAND,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    env=environment | _ENVIRONMENT,
                )
            )
            try:
                self._put(asdict(rules))
                async with asyncio.timeout(_START_S):
                    await self._frame()
            except (asyncio.IncompleteReadError, OSError, TimeoutError) as error:
                killed_by_others = isinstance(error, asyncio.IncompleteReadError) and await self._signalled()
                await self.end()
                if killed_by_others and starts > 1:
                    return await cls.start(rules, starts - 1)
                log.seek(max(0, log.seek(0, 2) - _LOG_BYTES))
                raise StartError(f"img2dataset cannot be started:\n{log.read().decode(errors='replace')}") from error
            except BaseException:
                await self.end()
                raise
        self._reading = asyncio.create_task(self._read())
        return self

    async def ask(self, url: str) -> Answer:
        if not self.is_alive:
            raise _DiedError("img2dataset's process died before the row's turn")
        self._rows += 1
        row = str(self._rows)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[row] = answer
        if not self._gathered:
            asyncio.get_running_loop().call_later(GATHER_S, self._send)
        self._gathered.append(f"{url}#{row}")
        try:
            return await answer
        except asyncio.CancelledError:
            self._abandoned.add(row)
            if len(self._abandoned) > MAX_ABANDONED and self.is_alive:
                self._process.kill()
            raise
        finally:
            self._waiting.pop(row, None)

    async def _signalled(self) -> bool:
        """Whether the process, whose output has ended, was ended by a signal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_S):
                return await self._process.wait() < 0
        return False

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        if self._reading is not None:
            await self._reading
        await self._process.wait()

    def _send(self) -> None:
        urls, self._gathered = self._gathered, []
        if self.is_alive:
            self._put(urls)

    def _put(self, what: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def _frame(self) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdout
        head, body = FRAME.unpack(await self._process.stdout.readexactly(FRAME.size))
        told: dict[str, Any] = json.loads(await self._process.stdout.readexactly(head))
        return told, await self._process.stdout.readexactly(body)

    async def _read(self) -> None:
        try:
            while True:
                told, body = await self._frame()
                if "done" in told:
                    self._finish(told["done"])
                else:
                    self._answer(told["row"], _answer(told, body))
        except (asyncio.IncompleteReadError, OSError):
            pass
        self.is_alive = False
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(_DiedError("img2dataset's process died over the row"))
        await self._process.wait()

    def _finish(self, rows: Sequence[str]) -> None:
        for row in rows:  # those without an answer
            self._answer(row, Answer(Verdict("engine_error", detail="img2dataset lost the row")))

    def _answer(self, row: str, answer: Answer) -> None:
        self._abandoned.discard(row)
        waiting = self._waiting.get(row)
        if waiting and not waiting.done():
            waiting.set_result(answer)


def _answer(told: dict[str, Any], body: bytes) -> Answer:
    verdict = Verdict(*told["refused"]) if told["refused"] else verdict_of_row(told["said"], told["words"])
    rest = retry_after_s(told["retry_after"], datetime.now(UTC)) if verdict and is_busy(verdict) else None
    seen = {name: told[name] for name in ("status", "content_type", "encoding", "location")}
    return Answer(verdict, body, **seen, retry_after_s=rest)
