"""Names to addresses: asked for without blocking, few at a time, and remembered as long as they may be."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiodns
from aiodns.error import ARES_ENODATA, ARES_ENOTFOUND, DNSError
from aiohttp.abc import AbstractResolver, ResolveResult

MIN_TTL_S = 10.0
MAX_TTL_S = 600.0
NOT_FOUND_TTL_S = 60.0
"""Seconds for which a name that does not exist is not looked up again."""
FAILED_TTL_S = 10.0
"""The same where the name servers failed."""
AT_ONCE = 64
"""Names that are looked up at the same time."""
REMEMBERED = 10_000
"""Names; the one that was not asked for longest is forgotten."""

RENEWED_AFTER = 5_000
"""Lookups that one channel of c-ares serves. It keeps every record for up to an hour, and that cannot be turned off."""

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


@dataclass(frozen=True, slots=True)
class _Answer:
    addresses: tuple[tuple[socket.AddressFamily, str], ...]
    error: tuple[int, str] | None
    ttl_s: float


class _Channel:
    """A resolver of c-ares, closed when it is no longer the current one and has answered all it was asked."""

    def __init__(self, resolver: aiodns.DNSResolver, now: float) -> None:
        self.resolver = resolver
        self.born = now
        self.asked = 0
        self.open = 0

    def is_worn(self, now: float) -> bool:
        return self.asked >= RENEWED_AFTER or now - self.born >= MAX_TTL_S


class Names(AbstractResolver):
    """The system's name servers, or those of `nameservers` (address, or address:port), behind a cache.

    A name is looked up once however many connections wait for it; its addresses hold as long as its records say, ten
    seconds at least and ten minutes at most. A name server has `timeout_s` seconds to answer (twice as many when it is
    asked again) and is asked `tries` times. The hosts file is read, and ``localhost`` answered without asking anybody.
    It belongs to the event loop it was made in.
    """

    def __init__(self, nameservers: Sequence[str] = (), *, timeout_s: float = 3.0, tries: int = 2) -> None:
        self._nameservers, self._timeout_s, self._tries = list(nameservers) or None, timeout_s, tries
        self._channel = self._make()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._known: OrderedDict[tuple[str, int], tuple[float, _Answer]] = OrderedDict()
        self._asking: dict[tuple[str, int], asyncio.Task[_Answer]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises OSError; its cause is the `DNSError` that says why there are none."""
        key = (host, int(family))
        until, answer = self._known.get(key, (0.0, None))
        if answer is None or until < asyncio.get_running_loop().time():
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = asyncio.create_task(self._look_up(host, family))
            answer = await asyncio.shield(task)  # others wait for it, too, should this one be dropped
        else:
            self._known.move_to_end(key)
        if answer.error:
            raise OSError(None, answer.error[1]) from DNSError(*answer.error)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=_NUMERIC)
            for kind, address in answer.addresses
        ]

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._channel.resolver.close()

    async def _look_up(self, host: str, family: socket.AddressFamily) -> _Answer:
        key = (host, int(family))
        try:
            async with self._gate:
                answer = await self._ask(host, family)
        finally:
            del self._asking[key]
        self._known[key] = (asyncio.get_running_loop().time() + answer.ttl_s, answer)
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return answer

    async def _ask(self, host: str, family: socket.AddressFamily) -> _Answer:
        async with self._current() as resolver:
            try:
                found = await resolver.getaddrinfo(
                    host, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            except DNSError as error:
                code, message = int(error.args[0]), str(error.args[-1])
                return _Answer((), (code, message), _negative_ttl_s(code))
        if not found.nodes:
            return _Answer((), (ARES_ENODATA, "no addresses"), NOT_FOUND_TTL_S)
        addresses = tuple((socket.AddressFamily(node.family), node.addr[0].decode("ascii")) for node in found.nodes)
        ttl_s = min(max(min(node.ttl for node in found.nodes), MIN_TTL_S), MAX_TTL_S)
        return _Answer(addresses, None, ttl_s)

    def _make(self) -> _Channel:
        resolver = aiodns.DNSResolver(self._nameservers, timeout=self._timeout_s, tries=self._tries)
        return _Channel(resolver, asyncio.get_running_loop().time())

    @asynccontextmanager
    async def _current(self) -> AsyncIterator[aiodns.DNSResolver]:
        """The channel to ask: a new one now and then, so that what c-ares remembers is bounded."""
        worn = self._channel if self._channel.is_worn(asyncio.get_running_loop().time()) else None
        if worn:
            self._channel = self._make()
            if not worn.open:
                await worn.resolver.close()
        channel = self._channel
        channel.asked += 1
        channel.open += 1
        try:
            yield channel.resolver
        finally:
            channel.open -= 1
            if not channel.open and channel is not self._channel:
                await channel.resolver.close()


def _negative_ttl_s(code: int) -> float:
    return NOT_FOUND_TTL_S if code in (ARES_ENOTFOUND, ARES_ENODATA) else FAILED_TTL_S
