"""When an exchange may begin: how many run at once, in all and with one host, and when a host is to be left alone."""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipelines.pull.verdicts import PausedError
from pipelines.stage import Verdict

BACKOFF_S = 0.5
MAX_BACKOFF_S = 60.0
_REMEMBERED_HOSTS = 10_000


class _Places:
    """A semaphore with two queues: who has a connection open already goes before those who have none.

    With thousands of hosts, a row would else wait for all rows before it once its host's robots.txt is read, and find
    the connection closed by then.
    """

    def __init__(self, free: int) -> None:
        self._free = free
        self._connected: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, connected: bool) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        (self._connected if connected else self._others).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        for queue in (self._connected, self._others):
            while queue:
                if not (turn := queue.popleft()).done():
                    turn.set_result(None)
                    return
        self._free += 1


class _Host:
    __slots__ = ("cause", "door", "free", "next_at", "paused_s", "refusals", "refused_at", "until", "users")

    def __init__(self, limit: int) -> None:
        self.free = asyncio.Semaphore(limit)
        self.door = asyncio.Lock()
        self.users = 0
        self.until = 0.0
        self.cause: Verdict | None = None
        self.refusals = 0
        self.refused_at = 0.0
        self.paused_s = 0.0
        self.next_at = 0.0


class Slots:
    """At most `total` holders at once and at most `per_host` of one host; first come, first served at each host.

    A host's slot is taken first, and pauses and intervals are waited for before one of all: rows that wait for a host
    must not keep others from being fetched. Of hosts that nobody asks for, only those are remembered that are to be
    left alone or have refused of late, and of these the latest 10,000.
    """

    def __init__(self, total: int, per_host: int) -> None:
        self._total = _Places(total)
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}
        self._resting: OrderedDict[str, _Host] = OrderedDict()
        self._random = random.Random()

    @asynccontextmanager
    async def hold(
        self, host: str, patience_s: float, interval_s: float = 0.0, *, connected: bool = False
    ) -> AsyncIterator[float]:
        """Wait for a slot of `host`, and give it back. Yields the seconds waited for the host's pauses.

        The next holder of this host begins no sooner than `interval_s` seconds after this one. Who is `connected` to
        it already gets one of all slots before those who are not.

        Raises `PausedError`: the pauses would take more than `patience_s` seconds. The wait for others to finish, and
        for the interval after them, has no limit.
        """
        state = self._hosts.get(host)
        if state is None:
            resting = host in self._resting
            state = self._hosts[host] = self._resting.pop(host) if resting else _Host(self._per_host)
        state.users += 1
        try:
            await asyncio.sleep(0)  # rows handed in together are all counted before the first of them asks `queued`
            paused_before = state.paused_s
            async with state.free:
                async with state.door:
                    await self._pass(state, paused_before, patience_s, interval_s, connected=connected)
                try:
                    yield state.paused_s - paused_before
                finally:
                    self._total.release()
        finally:
            state.users -= 1
            if not state.users:
                self._leave(host, state)

    async def _pass(
        self, state: _Host, paused_before: float, patience_s: float, interval_s: float, *, connected: bool
    ) -> None:
        """Sit out the host's pauses and the interval since its last exchange, then take a slot of all."""
        clock = asyncio.get_running_loop().time
        while True:
            while (pause := state.until - (now := clock())) > 0:
                if state.paused_s - paused_before + pause > patience_s:
                    assert state.cause is not None
                    raise PausedError(state.cause, f"not asked; the host is left alone for {pause:.1f} s")
                try:
                    await asyncio.sleep(pause)
                finally:
                    state.paused_s += clock() - now
            if (interval := state.next_at - now) > 0:
                await asyncio.sleep(interval)
                continue
            await self._total.acquire(connected=connected)
            now = clock()
            if state.until <= now and state.next_at <= now:
                state.next_at = now + interval_s
                return
            self._total.release()

    def refused(self, host: str, cause: Verdict, began: float, retry_after_s: float | None) -> None:
        """The host, whose slot is held, is left alone from now on.

        For `retry_after_s` seconds and no less, and for a random time (full jitter) of up to half a second, which
        doubles with each refusal in a row to a minute at most.

        `began` is the event loop's time when the exchange began: those that were under way when the host last refused
        are told the same, which makes it no worse.
        """
        state = self._hosts[host]
        now = asyncio.get_running_loop().time()
        if began >= state.refused_at:
            state.refusals = min(state.refusals + 1, 16)
            state.refused_at = now
        backoff = self._random.uniform(0, min(MAX_BACKOFF_S, BACKOFF_S * 2 ** (state.refusals - 1)))
        until = now + max(backoff, retry_after_s or 0.0)
        if until > state.until:
            state.until, state.cause = until, cause

    def answered(self, host: str) -> None:
        """The host, whose slot is held, answers."""
        self._hosts[host].refusals = 0

    def queued(self, host: str) -> bool:
        """Whether more exchanges with `host` are wanted than may run: a connection to it will be of use again."""
        state = self._hosts.get(host)
        return state is not None and state.users > self._per_host

    def _leave(self, host: str, state: _Host) -> None:
        del self._hosts[host]
        if state.refusals or max(state.until, state.next_at) > asyncio.get_running_loop().time():
            self._resting[host] = state
            if len(self._resting) > _REMEMBERED_HOSTS:
                self._resting.popitem(last=False)
