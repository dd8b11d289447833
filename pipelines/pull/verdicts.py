"""What the ways in which an HTTP exchange ends say of the row."""

import ssl

import aiohttp

from pipelines.pull.addresses import BadHostNameError, BlockedAddressError, HostNotFoundError
from pipelines.stage import Verdict

_DENIED = frozenset({401, 403, 407, 451})
_LATER = frozenset({408, 425, 429})
_DETAIL_CHARS = 2_048


class RefusedError(Exception):
    """The exchange ends with this verdict; `retry_after_s` is how long the server asks to be left alone."""

    def __init__(self, verdict: Verdict, retry_after_s: float | None = None) -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.retry_after_s = retry_after_s


class PausedError(RefusedError):
    """The host is not asked now, because of the `cause` that it gave last; `why` says so for people."""

    def __init__(self, cause: Verdict, why: str) -> None:
        super().__init__(Verdict("host_paused", cause.value, f"{cause.reason}: {why}"))


def cause_of(detail: str) -> str:
    """The reason that a host gave last, from the detail of a row that is ``host_paused``."""
    return detail.partition(":")[0]


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
        case RefusedError():
            return error.verdict
        case BlockedAddressError():
            return Verdict("blocked_address", detail=text_of(str(error)))
        case BadHostNameError() | aiohttp.InvalidURL():
            return Verdict("invalid_url", detail=text_of(str(error)))
        case aiohttp.ServerTimeoutError():
            return Verdict("connect", detail=text_of(str(error)))
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
            return Verdict("blocked_address", detail=text_of(str(cause)))
        case BadHostNameError():
            return Verdict("invalid_url", detail=text_of(str(cause)))
        case HostNotFoundError():
            return Verdict("dns_not_found", detail=text_of(str(cause)))
        case _ if isinstance(error, aiohttp.ClientConnectorDNSError):
            return _verdict("dns_error", cause)
        case _ if isinstance(error, aiohttp.ClientSSLError):
            return _verdict("tls", cause)
        case _:
            return _verdict("connect", cause)


def _verdict(reason: str, error: Exception) -> Verdict:
    return Verdict(reason, detail=text_of(f"{type(error).__name__}: {error}"))


def text_of(text: str | None) -> str | None:
    """A server's words, fit to be stored: valid Unicode (headers may hold any byte) and not a page long."""
    return text and text[:_DETAIL_CHARS].encode("utf-8", "replace").decode()
