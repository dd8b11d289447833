"""One URL at a time to bytes or a reason: the HTTP exchange, under limits that no server can talk its way around.

Redirects are followed by hand, so that each hop is held to the same rules: scheme, credentials, address. Nothing is
sent that could tell one row from another: no cookies, no Referer. No compression is asked for; a body that comes
compressed all the same is unpacked up to the byte cap.
"""

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import AsyncResolver
from yarl import URL

from pipelines.pull.addresses import (
    AddressPolicy,
    BadHostNameError,
    BlockedAddressError,
    HostNotFoundError,
    PolicedResolver,
)
from pipelines.pull.slots import Slots
from pipelines.stage import Verdict

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({401, 403, 407, 451})
_LATER = frozenset({408, 425, 429})
_HEADER_BYTES = 16_384
_READ_BYTES = 1 << 18
_IDLE_S = 5.0
_DETAIL_CHARS = 2_048
_LAST_REQUEST = {"Connection": "close"}
# URLs that can be sent as they are. Others are normalised first, which also costs ten times as much.
_CLEAN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?(?:/(?!\.)[!$-.0-9:;=@A-Z_a-z~]*)*(?:\?[!$-;=?-Z_a-z~]*)?")


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
    def concurrency(self) -> int: ...
    @property
    def per_host(self) -> int: ...


@dataclass(slots=True)
class Fetched:
    """How an exchange ended, and what was seen on the way: a body, or a verdict."""

    body: bytes | None = None
    verdict: Verdict | None = None
    final_url: str | None = None
    status: int | None = None
    content_type: str | None = None
    ms: int | None = None


class _RefusedError(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class Fetcher:
    """Fetches URLs over one pool of connections. It belongs to the event loop it was made in.

    `make_resolver` builds the DNS resolver whose answers are held to the address policy.
    """

    def __init__(
        self, limits: Limits, user_agent: str, make_resolver: Callable[[], AbstractResolver] = AsyncResolver
    ) -> None:
        self._limits = limits
        self._policy = AddressPolicy(limits.allow)
        self._slots = Slots(limits.concurrency, limits.per_host)
        self._resolver = PolicedResolver(self._policy, make_resolver)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                socket_factory=self._policy.open_socket,
                keepalive_timeout=_IDLE_S,
                limit=0,  # the slots are the limit
            ),
            headers={"User-Agent": user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout_s),
            auto_decompress=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            read_bufsize=_READ_BYTES,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        await self._resolver.close()

    async def fetch(self, address: str | None) -> Fetched:
        """The bytes behind a URL, or why there are none. Nothing is raised but cancellation.

        The deadline counts the time spent with servers, redirects included, and not the wait for a slot.
        """
        seen = Fetched()
        spent = 0.0
        try:
            url = parse_url(address)
            for _ in range(self._limits.max_redirects + 1):
                host = url.raw_host or ""
                self._policy.check_literal(host)
                async with self._slots.hold(host):
                    started = time.perf_counter()
                    try:
                        async with asyncio.timeout(self._limits.deadline_s - spent):
                            location = await self._exchange(url, host, seen)
                    finally:
                        spent += time.perf_counter() - started
                if location is None:
                    break
                url = parse_url(location, base=url)
            else:
                seen.verdict = Verdict("redirect_loop", float(self._limits.max_redirects + 1))
        except Exception as error:  # noqa: BLE001 whatever an HTTP exchange raises is said of the row
            seen.verdict = verdict_of(error)
        seen.ms = round(spent * 1000) if spent else None
        return seen

    async def _exchange(self, url: URL, host: str, seen: Fetched) -> str | None:
        """One request. Fills in `seen`, and answers where to go next, if the server sends us on."""
        # A connection that nobody waits for is not worth the descriptor it would occupy.
        headers = None if self._slots.queued(host) else _LAST_REQUEST
        response = await self._session.get(url, headers=headers, allow_redirects=False)
        try:
            seen.final_url = _text(str(url))
            seen.status = response.status
            seen.content_type = _text(response.headers.get("Content-Type"))
            if response.status in _REDIRECTS and (location := response.headers.get("Location")):
                return location
            if refused := verdict_of_status(response.status):
                raise _RefusedError(refused)
            body = await self._read(response)
            encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
            seen.body = body if encoding in ("identity", "") else unpack(body, encoding, self._limits.max_bytes)
            return None
        finally:
            response.release()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._limits.max_bytes
        declared = response.content_length
        if declared is not None and declared > limit:
            raise _RefusedError(Verdict("body_too_large", float(declared), "as declared"))
        size = 0
        chunks = []
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > limit:
                raise _RefusedError(Verdict("body_too_large", float(size), "read so far"))
            chunks.append(chunk)
        if not size:
            raise _RefusedError(Verdict("empty_body"))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse_url(address: str | None, base: URL | None = None) -> URL:
    """An absolute http or https URL without credentials; `base` is what a redirect's target is relative to.

    Raises a refusal that `verdict_of` reads as ``invalid_url`` or ``blocked_scheme``.
    """
    text = (address or "").strip()
    if not text:
        raise _RefusedError(Verdict("invalid_url", detail="there is none"))
    try:
        url = URL(text, encoded=True) if _CLEAN.fullmatch(text) else URL(text)
        url = base.join(url) if base else url
        port = url.port
    except ValueError as error:
        raise _RefusedError(Verdict("invalid_url", detail=_text(str(error)))) from error
    if url.scheme not in ("http", "https"):
        scheme = (
            Verdict("blocked_scheme", detail=url.scheme) if url.scheme else Verdict("invalid_url", detail=text[:80])
        )
        raise _RefusedError(scheme)
    if "@" in url.raw_authority:
        raise _RefusedError(Verdict("invalid_url", detail="it carries credentials"))
    if not url.raw_host or not port:
        raise _RefusedError(Verdict("invalid_url", detail="it names no host"))
    return url


def unpack(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo a Content-Encoding that nobody asked for, never producing more than `max_bytes`.

    What is called gzip and is not stays as it is: the bytes will speak for themselves. Encodings other than gzip and
    deflate, which a server must not send unasked, are refused as ``http_error``.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _RefusedError(Verdict("http_error", detail=_text(f"Content-Encoding {encoding}, unasked")))
    if encoding != "deflate" and not body.startswith(b"\x1f\x8b"):
        return body
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = stream.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise _RefusedError(Verdict("http_error", detail=f"Content-Encoding {encoding}: {error}")) from error
    if len(unpacked) > max_bytes:
        raise _RefusedError(Verdict("body_too_large", float(len(unpacked)), "unpacked so far"))
    if not stream.eof:
        raise _RefusedError(Verdict("body_short", detail=f"the {encoding} stream ends early"))
    if not unpacked:
        raise _RefusedError(Verdict("empty_body"))
    return unpacked


def verdict_of_status(status: int) -> Verdict | None:
    """What an HTTP status says of the row; None for success. Redirects that lead nowhere are errors."""
    if 200 <= status < 300:
        return None
    if status in _DENIED:
        return Verdict("http_denied", float(status))
    if status in _LATER:
        return Verdict("rate_limited", float(status))
    return Verdict("http_gone" if 400 <= status < 500 else "http_error", float(status))


def verdict_of(error: Exception) -> Verdict:
    """What an exception of the HTTP exchange says of the row. The more particular classes come first."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return _verdict_of_connecting(error, error.os_error)
    match error:
        case _RefusedError():
            return error.verdict
        case BlockedAddressError():
            return Verdict("blocked_address", detail=_text(str(error)))
        case BadHostNameError() | aiohttp.InvalidURL():
            return Verdict("invalid_url", detail=_text(str(error)))
        case aiohttp.ServerTimeoutError():
            return Verdict("connect", detail=_text(str(error)))
        case TimeoutError():
            return Verdict("timeout")
        case ssl.SSLError():
            return _verdict("tls", error)
        case aiohttp.ClientPayloadError():
            return _verdict("body_short", error)
        case aiohttp.ClientConnectionError() | OSError():
            return _verdict("connect", error)
        case _:  # what is left broke the protocol
            return _verdict("http_error", error)


def _verdict_of_connecting(error: aiohttp.ClientConnectorError, cause: OSError) -> Verdict:
    match cause:
        case BlockedAddressError():
            return Verdict("blocked_address", detail=_text(str(cause)))
        case BadHostNameError():
            return Verdict("invalid_url", detail=_text(str(cause)))
        case HostNotFoundError():
            return Verdict("dns_not_found", detail=_text(str(cause)))
        case _ if isinstance(error, aiohttp.ClientConnectorDNSError):
            return _verdict("dns_error", cause)
        case _ if isinstance(error, aiohttp.ClientSSLError):
            return _verdict("tls", cause)
        case _:
            return _verdict("connect", cause)


def _verdict(reason: str, error: Exception) -> Verdict:
    return Verdict(reason, detail=_text(f"{type(error).__name__}: {error}"))


def _text(text: str | None) -> str | None:
    """A server's words, fit to be stored: valid Unicode (headers may hold any byte) and not a page long."""
    return text and text[:_DETAIL_CHARS].encode("utf-8", "replace").decode()
