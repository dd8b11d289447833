"""Our rules, where urllib lets them be told: img2dataset asks for every URL through `urllib.request.urlopen`.

The address that is connected to, opt-out headers, the byte cap, a clock that runs while a body is read, our User-Agent.
Redirects are not followed but told, so that each hop is asked for anew, under the rules for any URL.
"""

import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPResponse, IncompleteRead
from typing import Any, NoReturn

from pipelines.pull.addresses import AddressPolicy, BlockedAddressError
from pipelines.pull.fetch import AGENT
from pipelines.pull.opt_out import opted_out
from pipelines.pull.verdicts import RefusedError, text_of
from pipelines.stage import Verdict

_CHUNK = 1 << 16
_KEPT_CHARS = 8_192
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of the process that pulls, as it travels there; fields as in `pipelines.pull.stage.Pull`."""

    user_agent: str
    allow: tuple[str, ...]
    deadline_s: float
    max_bytes: int
    opt_out: bool


@dataclass(slots=True)
class Seen:
    """What was seen of an exchange besides what img2dataset tells."""

    status: int | None = None
    content_type: str | None = None
    encoding: str | None = None
    retry_after: str | None = None
    location: str | None = None
    """where a redirect leads"""
    refused: tuple[str, float | None, str | None] | None = None
    """reason, value and detail, where a rule of ours refused"""


class Guard(urllib.request.BaseHandler):
    """A handler of urllib that holds every exchange to `rules`. A row is told from others by its URL's fragment."""

    handler_order = 400  # before those that raise for a status

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._policy = AddressPolicy(rules.allow)
        self._seen: dict[str, Seen] = {}
        self._exchange = threading.local()

    def install(self) -> None:
        """Make `urlopen` obey from now on; it forgets proxies, redirects and schemes other than http and https."""
        opener = urllib.request.OpenerDirector()
        for handler in (
            self,
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        urllib.request.install_opener(opener)
        sys.addaudithook(self._check_connection)

    def take(self, row: str) -> Seen:
        """What was seen of the URL with this fragment; it is forgotten."""
        return self._seen.pop(row, None) or Seen()

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        """Before an exchange."""
        self._exchange.seen = self._seen[request.full_url.rpartition("#")[2]] = Seen()
        self._exchange.end = time.monotonic() + self._rules.deadline_s
        request.add_header("User-agent", self._rules.user_agent)
        return request

    def http_response(self, request: urllib.request.Request, response: HTTPResponse) -> HTTPResponse:  # noqa: ARG002
        """After its headers."""
        headers = response.headers
        seen = self._exchange.seen
        seen.status = response.status
        seen.content_type = _cut(headers.get("Content-Type"))
        seen.encoding = _cut(headers.get("Content-Encoding"))
        seen.retry_after = _cut(headers.get("Retry-After"))
        if response.status in _REDIRECTS:
            seen.location = _cut(headers.get("Location"))
        if 200 <= response.status < 300:
            tags, reservations = headers.get_all("X-Robots-Tag", []), headers.get_all("tdm-reservation", [])
            if self._rules.opt_out and (asked := opted_out(tags, reservations, AGENT, datetime.now(UTC))):
                self._refuse(Verdict("opted_out", detail=text_of(asked)))
            if response.length is not None and response.length > self._rules.max_bytes:
                self._refuse(Verdict("body_too_large", float(response.length), "as declared"))
            response.read = lambda: self._read(response)  # type: ignore[method-assign, assignment, misc]
        return response

    https_request = http_request
    https_response = http_response

    def _read(self, response: HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > self._rules.max_bytes:
                self._refuse(Verdict("body_too_large", float(self._rules.max_bytes + 1), "read so far"))
            if time.monotonic() > self._exchange.end:
                raise TimeoutError("timed out")
        if response.length:
            raise IncompleteRead(bytes(body), response.length)
        return bytes(body)

    def _refuse(self, verdict: Verdict) -> NoReturn:
        self._exchange.seen.refused = (verdict.reason, verdict.value, verdict.detail)
        raise RefusedError(verdict)

    def _check_connection(self, event: str, args: tuple[Any, ...]) -> None:
        """Python asks this before any connection of the process is made."""
        if event == "socket.connect" and isinstance(args[1], tuple) and not self._policy.permits(args[1][0]):
            raise BlockedAddressError(f"{args[1][0]} is not a public address")


def _cut(header: str | None) -> str | None:
    """A header's text; urllib takes every byte for a character of its own."""
    return header and header.encode("latin-1", "replace").decode("utf-8", "replace")[:_KEPT_CHARS]
