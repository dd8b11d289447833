"""What is tried again, when, and which hosts are given up for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from pipelines.pull.opt_out import parse_date
from pipelines.pull.verdicts import PausedError, verdict_of
from pipelines.stage import Verdict

FAILURES = 5
"""So many failures in a row, and a host is given up."""
GIVEN_UP_S = 60.0
MAX_GIVEN_UP_S = 600.0

_DAY_S = 86_400.0
_REMEMBERED = 10_000
_NOBODY_THERE = frozenset({"connect", "tls", "timeout", "dns_error"})
_BUSY = frozenset({429, 503})

Endpoint = tuple[str, int | None]
"""Host and port."""


def is_busy(verdict: Verdict) -> bool:
    """Whether a server says that it will not be asked now: 429 or 503."""
    return verdict.value in _BUSY and verdict.reason in ("rate_limited", "http_error")


def may_pass(verdict: Verdict) -> bool:
    """Whether asking again in a moment may help."""
    return verdict.reason == "connect" or is_busy(verdict)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` asks for, in seconds or as a date; at most a day. None where it says nothing."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), _DAY_S)
    date = parse_date(text)
    return None if date is None else min(max((date - now).total_seconds(), 0.0), _DAY_S)


@dataclass(slots=True)
class _Record:
    failures: int = 0
    verdict: Verdict | None = None
    until: float = 0.0
    given_up_s: float = 0.0
    probing: bool = False


class DeadHosts:
    """Gives a host up (at a port) for a while after five failures in a row: no connection, no TLS, silence.

    After `given_up_s` seconds one exchange is let through. If that fails as well, twice as long a time begins, ten
    minutes at most. The latest 10,000 that failed are remembered.
    """

    def __init__(self, given_up_s: float = GIVEN_UP_S) -> None:
        self._given_up_s = given_up_s
        self._records: OrderedDict[Endpoint, _Record] = OrderedDict()

    def check(self, endpoint: Endpoint) -> None:
        """Raises `PausedError`, with the last failure as its cause, while the host is given up."""
        record = self._records.get(endpoint)
        if record is None or record.failures < FAILURES:
            return
        left = record.until - asyncio.get_running_loop().time()
        if left > 0 or record.probing:
            assert record.verdict is not None
            said = record.verdict.detail or "silence"
            raise PausedError(record.verdict, f"not asked after {record.failures} failures in a row: {said}")

    @contextmanager
    def exchange(self, endpoint: Endpoint) -> Iterator[None]:
        """Watch an exchange. Raises `PausedError` as `check` does."""
        self.check(endpoint)
        record = self._records.get(endpoint)
        probe = record if record and record.failures >= FAILURES else None
        if probe:
            probe.probing = True
        try:
            yield
        except Exception as error:
            verdict = verdict_of(error)
            if verdict.reason in _NOBODY_THERE:
                self._failed(endpoint, verdict, is_probe=probe is not None)
            else:
                self._records.pop(endpoint, None)
            raise
        else:
            self._records.pop(endpoint, None)
        finally:
            if probe:
                probe.probing = False

    def _failed(self, endpoint: Endpoint, verdict: Verdict, *, is_probe: bool) -> None:
        record = self._records.setdefault(endpoint, _Record(given_up_s=self._given_up_s))
        self._records.move_to_end(endpoint)
        record.failures += 1
        record.verdict = verdict
        if is_probe:
            record.given_up_s = min(2 * record.given_up_s, MAX_GIVEN_UP_S)
        if is_probe or record.failures == FAILURES:
            record.until = asyncio.get_running_loop().time() + record.given_up_s
        if len(self._records) > _REMEMBERED:
            self._records.popitem(last=False)
