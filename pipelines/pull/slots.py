"""How many exchanges run at once, in all and with one host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _Host:
    __slots__ = ("free", "users")

    def __init__(self, limit: int) -> None:
        self.free = asyncio.Semaphore(limit)
        self.users = 0


class Slots:
    """At most `total` holders at once and at most `per_host` of one host; first come, first served at each host.

    A host's slot is taken first: rows that wait for a slow host must not keep others from being fetched. Nothing is
    remembered of a host that nobody asks for.
    """

    def __init__(self, total: int, per_host: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def hold(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot of `host`, and give it back."""
        state = self._hosts.get(host)
        if state is None:
            state = self._hosts[host] = _Host(self._per_host)
        state.users += 1
        try:
            await asyncio.sleep(0)  # rows handed in together are all counted before the first of them asks `queued`
            async with state.free, self._total:
                yield
        finally:
            state.users -= 1
            if not state.users:
                del self._hosts[host]

    def queued(self, host: str) -> bool:
        """Whether more exchanges with `host` are wanted than may run: a connection to it will be of use again."""
        state = self._hosts.get(host)
        return state is not None and state.users > self._per_host
