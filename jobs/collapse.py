"""Telling a collapse from a bad list.

65 % dead links of an old list are normal: they have many causes. One cause over distinct hosts (a proxy, a
credential, DNS, the network) is not the list's fault, and a night of it would be written down as failures.
"""

from collections import Counter, deque
from collections.abc import Iterable
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from jobs.hops import Hop
from jobs.store.commit import KEPT, Commit, read_layer
from jobs.store.plan import Part, read_input
from pipelines.recipe import RunSpec
from schemas.layout import RunLayout


class CollapseError(Exception):
    """One cause for nearly every row, and it did not pass; the message holds the histogram."""


class Collapse:
    """Watches the latest commits of a hop that fetches."""

    def __init__(self, settings: RunSpec) -> None:
        self._settings, self._hosts = settings, settings.collapse_hosts
        self._window: deque[tuple[Part, Commit]] = deque()
        self._streak: list[Part] = []
        self._streak_cause: str | None = None

    def note(self, part: Part, commit: Commit) -> None:
        """Take in a fresh commit; what lies further back than the window falls out."""
        self._window.append((part, commit))
        while sum(c.rows for _, c in self._window) - self._window[0][1].rows >= self._settings.collapse_rows:
            self._window.popleft()
        cause = self._dominant(Counter(commit.counts))
        if cause is None or cause != self._streak_cause:
            self._streak, self._streak_cause = [], cause
        if cause:
            self._streak.append(part)

    def cause(self, layout: RunLayout, hop: Hop) -> str | None:
        """The one cause that explains the whole window over distinct hosts, if there is one."""
        counts = self.counts()
        if counts.total() < self._settings.collapse_rows:
            return None
        cause = self._dominant(counts)
        if cause is None:
            return None
        hosts = hosts_of(layout, hop, [part for part, _ in self._window], cause.partition("/")[2])
        return cause if len(hosts) >= self._hosts else None

    def is_suspicious(self, layout: RunLayout, hop: Hop) -> bool:
        """Whether the latest parts all fared alike over many hosts, be they fewer than a window."""
        if self._streak_cause is None:
            return False
        return len(hosts_of(layout, hop, self._streak, self._streak_cause.partition("/")[2])) >= self._hosts

    def counts(self) -> Counter[str]:
        """Rows of the window by ``kept`` or ``stage/reason``."""
        counts: Counter[str] = Counter()
        for _, commit in self._window:
            counts.update(commit.counts)
        return counts

    def take(self) -> list[Part]:
        """The parts of the window and those before it that fared alike without a break; all starts afresh."""
        parts = {part.number: part for part in [*self._streak, *(part for part, _ in self._window)]}
        self._window.clear()
        self._streak, self._streak_cause = [], None
        return list(parts.values())

    def has_passed(self, commit: Commit, cause: str) -> bool:
        """Whether a probe shows that the cause has passed."""
        return commit.counts.get(cause, 0) < self._settings.collapse_share * commit.rows

    def _dominant(self, counts: Counter[str]) -> str | None:
        """The reason that explains nearly all rows, if one does."""
        cause, rows = counts.most_common(1)[0] if counts else (KEPT, 0)
        return cause if cause != KEPT and rows >= self._settings.collapse_share * counts.total() else None


def hosts_of(layout: RunLayout, hop: Hop, parts: Iterable[Part], reason: str) -> Counter[str]:
    """Rows by host of those that left `hop` for `reason`."""
    hosts: Counter[str] = Counter()
    for part in parts:
        layer = read_layer(hop.path(layout, part.number), ["id", "reason"])
        ids = layer.filter(pc.equal(layer["reason"], reason))["id"]
        rows = read_input(layout, part, ["id", "url"])
        urls = rows.filter(pc.is_in(rows["id"], pa.array(ids.to_pylist(), pa.int64())))["url"].to_pylist()
        hosts.update(_host(url) for url in urls if url)
    return hosts


def histogram(counts: Counter[str]) -> str:
    """Counts as lines for people, most first."""
    total = max(1, counts.total())
    return "\n".join(f"  {rows:>10,}  {rows / total:6.1%}  {what}" for what, rows in counts.most_common(12))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
