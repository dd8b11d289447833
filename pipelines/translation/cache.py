"""Every answer ever received, found by what was asked.

One sqlite file in WAL mode: many processes may write to it, on one machine or at least one of them at a time, and a
process that is killed leaves every committed answer. An answer is committed before anybody sees it, so whatever was
made of answers can be made again of the same ones.
"""

import asyncio
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.translation.protocol import Request

FILE = "answers.sqlite"
_BUSY_S = 60.0
_ACCOUNT = "account"
_BATCH = 1000


class Stored(NamedTuple):
    """An answer as it is kept; what decides the key is not kept beside it, save for what names it to people."""

    key: bytes
    """SHA-256 of all that decided the answer"""
    text: str
    finish_reason: str | None
    tokens_in: int
    tokens_out: int
    model: str
    """as the endpoint names it"""
    prompt: str
    """name and version of the prompt"""
    target: str
    """language that was asked for"""
    account: str
    """the run that asked"""
    tries: int
    """exchanges that it took"""
    ms: float
    """of the exchange that brought it"""
    at: float
    """seconds since 1970"""


_CREATE = """
CREATE TABLE IF NOT EXISTS answers (
  key BLOB PRIMARY KEY, text TEXT NOT NULL, finish_reason TEXT, tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, target TEXT NOT NULL,
  account TEXT NOT NULL, tries INTEGER NOT NULL, ms REAL NOT NULL, at REAL NOT NULL
) WITHOUT ROWID
"""
_INSERT = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def key_of(model: str, sampling: dict[str, Any], request: Request) -> bytes:
    """SHA-256 over model, sampling and all of the request."""
    asked = json.dumps([model, sampling, request], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).digest()


class AnswerCache:
    """The answers in one folder, for one event loop. Raises `sqlite3.Error` where the disk fails."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._reading = _connect(folder / FILE)
        self._writing = _connect(folder / FILE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._waiting: list[tuple[Stored, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None

    def get(self, key: bytes) -> Stored | None:
        """The committed answer, if there is one."""
        row = self._reading.execute("SELECT * FROM answers WHERE key = ?", (key,)).fetchone()
        return Stored(*row) if row else None

    async def put(self, answer: Stored) -> Stored:
        """Commit an answer to the disk; the answer that counts, another's where that one was first.

        Answers that come while others are being committed are committed together.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await done
        found = self.get(answer.key)
        assert found is not None
        return found

    def spent(self, account: str) -> tuple[int, int]:
        """Tokens of requests and of answers that a run has had."""
        return spent(self._reading, account)

    async def close(self) -> None:
        """Commit what is waiting, and close the file."""
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()
        self._writing.close()
        self._reading.close()

    async def _commit(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                answers = [answer for answer, _ in batch]
                work = asyncio.get_running_loop().run_in_executor(self._thread, insert, self._writing, answers)
                await asyncio.wait([work])
                error = work.exception()
                for waiting in (done for _, done in batch if not done.done()):  # one that is has been cancelled
                    if error:
                        waiting.set_exception(error)
                    else:
                        waiting.set_result(None)
        finally:
            self._committing = None


def insert(connection: sqlite3.Connection, answers: Iterable[Stored]) -> None:
    """Commit answers in one transaction; those that are there already stay as they are."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, answers)


def opened(folder: Path) -> sqlite3.Connection:
    """The answers in a folder, for whoever looks at them from outside; made where there are none."""
    folder.mkdir(parents=True, exist_ok=True)
    return _connect(folder / FILE)


def spent(connection: sqlite3.Connection, account: str) -> tuple[int, int]:
    """Tokens of requests and of answers that a run has had."""
    query = "SELECT coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) FROM answers WHERE account = ?"
    tokens_in, tokens_out = connection.execute(query, (account,)).fetchone()
    return tokens_in, tokens_out


def batches(connection: sqlite3.Connection) -> Iterator[list[Stored]]:
    """All answers, in the order of their keys, some at a time."""
    rows = connection.execute("SELECT * FROM answers ORDER BY key")
    while batch := rows.fetchmany(_BATCH):
        yield [Stored(*row) for row in batch]


def account_of(folder: Path) -> str:
    """The name under which the run of this folder pays: made once, and taken along where the folder is moved."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _ACCOUNT
    try:
        with path.open("x") as file:
            file.write(secrets.token_hex(8))
    except FileExistsError:
        pass
    return path.read_text("ascii")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_CREATE)
    return connection
