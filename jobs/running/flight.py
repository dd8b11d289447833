"""How much may be under way at once: parts, and the bytes they hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flight:
    """Limits of one worker of an async hop.

    Many parts, because nearly every part of a web list has a row that takes the whole deadline to fail; and few bytes,
    because meanwhile the others of its rows lie in memory.
    """

    parts: int = 16
    bytes: int = 256_000_000
    workers: int = 1
    """How many such workers there are: limits that hold over all of them are shared out."""


class ByteGate:
    """Holds new slices back while too many bytes are under way. The oldest part always gets through.

    A slice reserves what its rows will probably hold when it enters: one slow row keeps a whole slice in memory, and
    counting what is there only when the slice is done would let all parts in before the first is counted.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0.0
        self._row_bytes = 100_000.0
        self._tickets: list[int] = []
        self._next = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def ticket(self) -> AsyncIterator[int]:
        """A part's place in the order, for as long as it is under way."""
        ticket, self._next = self._next, self._next + 1
        self._tickets.append(ticket)
        try:
            yield ticket
        finally:
            async with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    async def enter(self, ticket: int, rows: int) -> float:
        """Wait until the part may begin another slice of so many rows; the bytes reserved for it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held < self._limit or ticket == self._tickets[0])
            reserved = rows * self._row_bytes
            self._held += reserved
            return reserved

    async def settle(self, reserved: float, held: int, rows: int) -> None:
        """The slice is done and holds so many bytes until they are released."""
        self._row_bytes += 0.2 * (held / max(1, rows) - self._row_bytes)
        await self.release(reserved - held)

    async def release(self, n_bytes: float) -> None:
        """So many bytes were written, or will not come."""
        async with self._changed:
            self._held -= n_bytes
            self._changed.notify_all()
