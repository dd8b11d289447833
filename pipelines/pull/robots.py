"""robots.txt by RFC 9309: what a file asks of one crawler, and a cache that asks each host once.

The parser is our own because the file is a stranger's: one pass, linear in its length whatever it holds, wildcards
matched without backtracking.
"""

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from yarl import URL

from pipelines.pull.verdicts import RefusedError
from pipelines.stage import Verdict

MAX_BYTES = 512_000
"""What is read of a file: the 500 KiB that RFC 9309 (section 2.5) asks for."""
MAX_REDIRECTS = 5
GOOD_S = 86_400.0
"""Seconds that a file holds; RFC 9309 (section 2.4) allows a day."""
UNREACHABLE_S = 60.0
"""Seconds for which a host that could not answer is not asked again; a second pass comes later than that."""
MAX_CRAWL_DELAY_S = 30.0

_CACHED_BYTES = 1 << 25
_ENTRY_BYTES = 512
_RULE_BYTES = 256
_TOKEN = re.compile(r"[A-Za-z_-]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_STRUCTURAL = frozenset("%*$#/?")
_SAFE = "%!&'()+,-./:;=?@[]_~"


@dataclass(frozen=True, slots=True)
class _Rule:
    parts: tuple[str, ...]
    """what stands between the wildcards, in canonical spelling"""
    anchored: bool
    allows: bool
    length: int
    """octets of the pattern: the longest match wins"""
    text: str

    def matches(self, path: str) -> bool:
        first, *others = self.parts
        if not path.startswith(first):
            return False
        if not others:
            return not self.anchored or path == first
        at = len(first)
        *middle, last = others
        for part in middle:
            at = path.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return path.endswith(last) and len(path) - len(last) >= at if self.anchored else path.find(last, at) >= 0


@dataclass(frozen=True, slots=True)
class Robots:
    """What a robots.txt asks of us."""

    rules: tuple[_Rule, ...] = ()
    """longest first, and of two as long the one that allows"""
    crawl_delay_s: float = 0.0
    """seconds from one request to the next, at most `MAX_CRAWL_DELAY_S`; it is not in the RFC"""

    def forbids(self, path_and_query: str) -> str | None:
        """The rule that disallows a path (with its query, as a request spells it); None where it is allowed."""
        if not self.rules:
            return None
        path = _canonical(path_and_query, pattern=False)
        rule = next((rule for rule in self.rules if rule.matches(path)), None)
        return None if rule is None or rule.allows else rule.text

    @property
    def bytes(self) -> int:
        """About what it takes in memory."""
        return _ENTRY_BYTES + sum(_RULE_BYTES + 3 * len(rule.text) for rule in self.rules)


ALLOW_ALL = Robots()


def parse(body: bytes, agent: str) -> Robots:
    """What a file asks of the crawler whose product token is `agent`; nothing is an error.

    All groups for the token count together; only where there is none, those for ``*``. Of a body longer than
    `MAX_BYTES` the line that is cut off is left out.
    """
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES]
        body = body[: max(body.rfind(b"\n"), body.rfind(b"\r"), 0)]
    ours, everybodys = _Group(), _Group()
    open_groups: list[_Group] = []
    heading = False
    for line in re.split(r"[\r\n]+", body.decode("utf-8-sig", "replace")):
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            if not heading:
                open_groups, heading = [], True
            group = ours if _is_agent(value, agent) else everybodys if value.split()[:1] == ["*"] else None
            if group and group not in open_groups:
                group.present = True
                open_groups.append(group)
        elif key in ("allow", "disallow", "crawl-delay"):
            heading = heading and key == "crawl-delay"  # the RFC knows two kinds of rules; others end no heading
            for group in open_groups:
                group.add(key, value)
    return (ours if ours.present else everybodys).robots()


_NO_FILE = frozenset({"http_gone", "http_denied", "redirect_loop"})
_LED_ASTRAY = frozenset({"invalid_url", "blocked_scheme", "blocked_address"})
_NO_HOST = frozenset({"dns_not_found", "dns_error", "connect", "tls", "timeout"})


def without_file(verdict: Verdict, hops: int) -> Robots | Verdict:
    """What a host's rows are told whose file could not be had, for the reason of `verdict` and after `hops` redirects.

    A file that is not there allows everything (4xx but 408, 425 and 429; RFC 9309, section 2.3.1.3), and so does one
    whose redirects lead where nobody may go. A host that cannot be reached itself gives its rows that very reason, a
    server that fails (section 2.3.1.4) ``robots_unreachable``.
    """
    if verdict.reason in _NO_FILE or (hops and verdict.reason in _LED_ASTRAY):
        return ALLOW_ALL
    if not hops and verdict.reason == "host_paused":
        return verdict
    told = f"robots.txt: {verdict.reason}" + (f": {verdict.detail}" if verdict.detail else "")
    if not hops and verdict.reason in _LED_ASTRAY | _NO_HOST:
        return Verdict(verdict.reason, verdict.value, told)
    return Verdict("robots_unreachable", verdict.value, told)


def _is_agent(value: str, agent: str) -> bool:
    token = _TOKEN.match(value)
    return token is not None and token[0].lower() == agent.lower()


class _Group:
    def __init__(self) -> None:
        self.present = False
        self._rules: list[_Rule] = []
        self._delay = 0.0

    def add(self, key: str, value: str) -> None:
        if key == "crawl-delay":
            try:
                delay = float(value)
            except ValueError:
                return
            if math.isfinite(delay):
                self._delay = max(self._delay, min(delay, MAX_CRAWL_DELAY_S))
        elif value.startswith(("/", "*")):
            self._rules.append(_rule(value, allows=key == "allow"))

    def robots(self) -> Robots:
        return Robots(tuple(sorted(self._rules, key=lambda rule: (-rule.length, not rule.allows))), self._delay)


def _rule(pattern: str, *, allows: bool) -> _Rule:
    anchored = pattern.endswith("$")
    canonical = _canonical(pattern.removesuffix("$"), pattern=True)
    parts = tuple(re.split(r"\*+", canonical))
    text = f"{'Allow' if allows else 'Disallow'}: {pattern[:200]}"
    return _Rule(parts, anchored, allows, len(canonical) + anchored, text)


def _canonical(text: str, *, pattern: bool) -> str:
    """One spelling for all that RFC 9309 (section 2.2.2) takes for the same: what is printable ASCII is not escaped.

    An escaped slash in the path is not a separator and stays. ``*`` and ``$`` are escaped where they are no wildcards.
    """
    path, mark, query = text.partition("?")
    return _respelled(path, _STRUCTURAL, pattern) + mark + _respelled(query, _STRUCTURAL - {"/", "?"}, pattern)


def _respelled(text: str, kept: frozenset[str], pattern: bool) -> str:
    def plain(escape: re.Match[str]) -> str:
        char = chr(int(escape[1], 16))
        return char if " " <= char <= "~" and char not in kept else escape[0].upper()

    return quote(_ESCAPE.sub(plain, text) if "%" in text else text, safe=_SAFE + "*" if pattern else _SAFE)


Key = tuple[str, str | None, int | None]
"""Scheme, host, port."""


class RobotsCache:
    """Asks each host for its file once, however many rows want to know, and remembers the answer for a while.

    `load` gets a host's root URL and answers the file, or the verdict for the host's rows while there is none; it
    raises nothing. What is remembered is bounded in bytes; the host that was not asked for longest is forgotten.
    """

    def __init__(self, load: Callable[[URL], Awaitable[Robots | Verdict]]) -> None:
        self._load = load
        self._known: OrderedDict[Key, tuple[float, int, Robots | Verdict]] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[Robots | Verdict]] = {}
        self._bytes = 0

    def knows(self, url: URL) -> bool:
        """Whether the file that governs `url` is remembered."""
        return self._remembered((url.scheme, url.raw_host, url.port)) is not None

    async def check(self, url: URL) -> Robots:
        """The file that governs `url`. Raises `RefusedError`: it disallows the URL, or could not be had."""
        key = (url.scheme, url.raw_host, url.port)
        answer = self._remembered(key)
        if answer is None:
            task = self._loading.get(key)
            if task is None:
                task = self._loading[key] = asyncio.create_task(self._ask(key, url.origin()))
            answer = await asyncio.shield(task)  # other rows wait for it, too, should this one be dropped
        if isinstance(answer, Verdict):
            raise RefusedError(answer)
        if rule := answer.forbids(url.raw_path_qs):
            raise RefusedError(Verdict("robots", detail=rule))
        return answer

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remembered(self, key: Key) -> Robots | Verdict | None:
        known = self._known.get(key)
        if known is None:
            return None
        if known[0] < asyncio.get_running_loop().time():
            self._forget(key)
            return None
        self._known.move_to_end(key)
        return known[2]

    async def _ask(self, key: Key, root: URL) -> Robots | Verdict:
        try:
            answer = await self._load(root)
        finally:
            del self._loading[key]
        is_good = isinstance(answer, Robots)
        until = asyncio.get_running_loop().time() + (GOOD_S if is_good else UNREACHABLE_S)
        size = answer.bytes if isinstance(answer, Robots) else 2 * _ENTRY_BYTES
        self._known[key] = (until, size, answer)
        self._bytes += size
        while self._bytes > _CACHED_BYTES and len(self._known) > 1:
            self._forget(next(iter(self._known)))
        return answer

    def _forget(self, key: Key) -> None:
        self._bytes -= self._known.pop(key)[1]
