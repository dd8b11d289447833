"""One URL at a time to bytes or a reason: the HTTP exchange, under limits that no server can talk its way around.

Redirects are followed by hand, so that each hop is held to the same rules: scheme, credentials, address. Nothing is
sent that could tell one row from another: no cookies, no Referer. No compression is asked for; a body that comes
compressed all the same is unpacked up to the byte cap.
"""

import asyncio
import math
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from pipelines.pull import robots
from pipelines.pull.addresses import AddressPolicy, PolicedResolver
from pipelines.pull.opt_out import opted_out
from pipelines.pull.patience import DeadHosts, is_busy, may_pass, retry_after_s
from pipelines.pull.slots import Slots
from pipelines.pull.urls import parse_url
from pipelines.pull.verdicts import PausedError, RefusedError, text_of, verdict_of, verdict_of_status
from pipelines.stage import Verdict

AGENT = "shardmill"
"""The product token that servers know us by."""

_T = TypeVar("_T")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADER_BYTES = 16_384
_READ_BYTES = 1 << 18
_IDLE_S = 5.0
_LAST_REQUEST = {"Connection": "close"}


class Limits(Protocol):
    """What `Fetcher` holds servers to; `pipelines.pull.stage.Pull` is one."""

    @property
    def deadline_s(self) -> float: ...
    @property
    def connect_timeout_s(self) -> float: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def max_redirects(self) -> int: ...
    @property
    def allow(self) -> tuple[str, ...]: ...
    @property
    def opt_out(self) -> bool: ...
    @property
    def robots(self) -> bool: ...
    @property
    def tries(self) -> int: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def per_host(self) -> int: ...
    @property
    def per_host_rate(self) -> float | None: ...
    @property
    def proxies(self) -> bool: ...
    @property
    def workers(self) -> int: ...


@dataclass(slots=True)
class Fetched:
    """How an exchange ended, and what was seen on the way: a body, or a verdict."""

    body: bytes | None = None
    verdict: Verdict | None = None
    final_url: str | None = None
    status: int | None = None
    content_type: str | None = None
    ms: int | None = None
    attempts: int = 0


class _Clock:
    """The seconds that are left of a deadline, counted while servers are spoken to and before they are asked again.

    `end` is the event loop's time up to which there is any sense in waiting.
    """

    def __init__(self, seconds: float, end: float = math.inf) -> None:
        self._end = end
        self.spent = 0.0
        self.waited = 0.0
        self._seconds = seconds

    @property
    def left(self) -> float:
        return self._seconds - self.spent - self.waited

    @property
    def until_end(self) -> float:
        """Seconds left until `end`."""
        return self._end - asyncio.get_running_loop().time()


class Fetcher:
    """Fetches URLs over one pool of connections. It belongs to the event loop it was made in.

    `make_resolver` builds the DNS resolver whose answers are held to the address policy.
    """

    def __init__(self, limits: Limits, user_agent: str, make_resolver: Callable[[], AbstractResolver]) -> None:
        self._limits = limits
        self._policy = AddressPolicy(limits.allow)
        self._slots = Slots(limits.concurrency, limits.per_host)
        self._interval_s = 1 / limits.per_host_rate if limits.per_host_rate else 0.0
        self._dead = DeadHosts()
        self._robots = robots.RobotsCache(self._load_robots) if limits.robots else None
        self._resolver = PolicedResolver(self._policy, make_resolver)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,  # the resolver has one
                socket_factory=self._policy.open_socket,
                keepalive_timeout=_IDLE_S,
                limit=0,  # the slots are the limit
            ),
            headers={"User-Agent": user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=limits.proxies,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout_s),
            auto_decompress=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            read_bufsize=_READ_BYTES,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._robots:
            await self._robots.close()
        await self._session.close()
        await self._resolver.close()

    async def fetch(self, address: str | None, seen: Fetched, end: float = math.inf) -> None:
        """Fill in `seen` with the bytes behind a URL, or why there are none. Nothing is raised but cancellation.

        The deadline counts the time spent with servers, redirects included, and the pauses before one is asked again;
        not the wait for a slot or for the host's robots.txt. No pause is waited for that lasts beyond the event
        loop's time `end`.
        """
        clock = _Clock(self._limits.deadline_s, end)

        async def counted(url: URL, host: str) -> str | None:
            seen.attempts += 1
            return await self._exchange(url, host, seen)

        try:
            url = parse_url(address)
            for _ in range(self._limits.max_redirects + 1):
                self._policy.check_literal(url.raw_host or "")
                interval_s, connected = self._interval_s, False
                if self._robots:
                    connected = not self._robots.knows(url)  # it will be asked for, and the connection left open
                    asked_s = (await self._robots.check(url)).crawl_delay_s
                    interval_s = max(interval_s, asked_s * self._limits.workers)
                location = await self._ask(url, clock, interval_s, counted, connected=connected)
                if location is None:
                    break
                url = parse_url(location, base=url)
            else:
                seen.verdict = Verdict("redirect_loop", float(self._limits.max_redirects + 1))
        except Exception as error:  # noqa: BLE001 whatever an HTTP exchange raises is said of the row
            seen.verdict = verdict_of(error)
        finally:
            seen.ms = round(clock.spent * 1000) if clock.spent else None

    async def _ask(
        self,
        url: URL,
        clock: _Clock,
        interval_s: float,
        exchange: Callable[[URL, str], Awaitable[_T]],
        *,
        connected: bool = False,
    ) -> _T:
        """One exchange, when it is the host's turn, and again where that may help and the deadline allows it."""
        host = url.raw_host or ""
        patience_s, refusal = min(self._limits.deadline_s, clock.until_end), None
        for tries_left in reversed(range(self._limits.tries)):
            try:
                self._dead.check((host, url.port))
                async with self._slots.hold(host, patience_s, interval_s, connected=connected) as paused_s:
                    clock.waited += paused_s if refusal else 0
                    return await self._try(url, clock, exchange)
            except PausedError as paused:
                raise refusal or paused from None
            except Exception as error:
                if not tries_left or not may_pass(verdict_of(error)):
                    raise
                patience_s, refusal = min(clock.left, clock.until_end), error
        raise AssertionError("there is at least one try")

    async def _try(self, url: URL, clock: _Clock, exchange: Callable[[URL, str], Awaitable[_T]]) -> _T:
        """One exchange with a host whose slot is held, and what is learnt of the host."""
        host = url.raw_host or ""
        with self._dead.exchange((host, url.port)):
            began = asyncio.get_running_loop().time()
            started = time.perf_counter()
            try:
                async with asyncio.timeout(clock.left):
                    answer = await exchange(url, host)
            except Exception as error:
                verdict = verdict_of(error)
                if may_pass(verdict):
                    asked = error.retry_after_s if isinstance(error, RefusedError) else None
                    self._slots.refused(host, verdict, began, asked)
                elif verdict.reason != "timeout":
                    self._slots.answered(host)
                raise
            finally:
                clock.spent += time.perf_counter() - started
            self._slots.answered(host)
            return answer

    async def _exchange(self, url: URL, host: str, seen: Fetched) -> str | None:
        """One request. Fills in `seen`, and answers where to go next, if the server sends us on."""
        # A connection that nobody waits for is not worth the descriptor it would occupy.
        headers = None if self._slots.queued(host) else _LAST_REQUEST
        response = await self._session.get(url, headers=headers, allow_redirects=False)
        try:
            seen.final_url = text_of(str(url))
            seen.status = response.status
            seen.content_type = text_of(response.headers.get("Content-Type"))
            if response.status in _REDIRECTS and (location := response.headers.get("Location")):
                return location
            _check_status(response)
            if self._limits.opt_out:
                _check_consent(response)
            body = await self._read(response)
            encoding = _encoding(response)
            seen.body = unpack(body, encoding, self._limits.max_bytes) if encoding else body
            return None
        finally:
            response.release()

    async def _load_robots(self, root: URL) -> robots.Robots | Verdict:
        """A host's robots.txt, or what its rows leave for. Held to the address policy and a URL's deadline."""
        clock = _Clock(self._limits.deadline_s)
        url, hops = root.with_path("/robots.txt"), 0
        try:
            while hops <= robots.MAX_REDIRECTS:
                self._policy.check_literal(url.raw_host or "")
                answer = await self._ask(url, clock, self._interval_s, self._read_robots)
                if isinstance(answer, robots.Robots):
                    return answer
                hops += 1
                url = parse_url(answer, base=url)
        except Exception as error:  # noqa: BLE001 as for any other URL
            return robots.without_file(verdict_of(error), hops)
        return robots.ALLOW_ALL

    async def _read_robots(self, url: URL, _: str) -> robots.Robots | str:
        """One request for a robots.txt: the file, or where to go next."""
        response = await self._session.get(url, allow_redirects=False)  # the connection is used again: a row waits
        try:
            if response.status in _REDIRECTS and (location := response.headers.get("Location")):
                return location
            _check_status(response)
            body = bytearray()
            while len(body) <= robots.MAX_BYTES and (chunk := await response.content.readany()):
                body += chunk
            encoding = _encoding(response)
            return robots.parse(unpack(bytes(body), encoding, robots.MAX_BYTES) if encoding else bytes(body), AGENT)
        finally:
            response.release()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._limits.max_bytes
        declared = response.content_length
        if declared is not None and declared > limit:
            raise RefusedError(Verdict("body_too_large", float(declared), "as declared"))
        size = 0
        chunks = []
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > limit:
                # not `size`, which is by chance how much came at once
                raise RefusedError(Verdict("body_too_large", float(limit + 1), "read so far"))
            chunks.append(chunk)
        if not size:
            raise RefusedError(Verdict("empty_body"))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_status(response: aiohttp.ClientResponse) -> None:
    if refused := verdict_of_status(response.status):
        rest = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC)) if is_busy(refused) else None
        raise RefusedError(refused, rest)


def _encoding(response: aiohttp.ClientResponse) -> str:
    """The Content-Encoding, empty where there is none."""
    encoding: str = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _check_consent(response: aiohttp.ClientResponse) -> None:
    tags = response.headers.getall("X-Robots-Tag", ())
    reservations = response.headers.getall("tdm-reservation", ())
    if (tags or reservations) and (asked := opted_out(tags, reservations, AGENT, datetime.now(UTC))):
        raise RefusedError(Verdict("opted_out", detail=text_of(asked)))


def unpack(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo a Content-Encoding that nobody asked for, never producing more than `max_bytes`.

    What is called gzip and is not stays as it is: the bytes will speak for themselves. Encodings other than gzip and
    deflate, which a server must not send unasked, are refused as ``http_error``.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise RefusedError(Verdict("http_error", detail=text_of(f"Content-Encoding {encoding}, unasked")))
    if encoding != "deflate" and not body.startswith(b"\x1f\x8b"):
        return body
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = stream.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RefusedError(Verdict("http_error", detail=f"Content-Encoding {encoding}: {error}")) from error
    if len(unpacked) > max_bytes:
        raise RefusedError(Verdict("body_too_large", float(len(unpacked)), "unpacked so far"))
    if not stream.eof:
        raise RefusedError(Verdict("body_short", detail=f"the {encoding} stream ends early"))
    if not unpacked:
        raise RefusedError(Verdict("empty_body"))
    return unpacked
