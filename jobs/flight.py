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


class ByteGate:
    """Holds new slices back while too many bytes wait to be written. The oldest part always gets through."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
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

    async def enter(self, ticket: int) -> None:
        """Wait until the part may begin another slice."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held < self._limit or ticket == self._tickets[0])

    async def hold(self, n_bytes: int) -> None:
        """So many bytes more (or fewer, when negative) wait to be written."""
        async with self._changed:
            self._held += n_bytes
            self._changed.notify_all()
