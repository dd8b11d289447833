"""Telling a collapse from a bad list.

65 % dead links of an old list are normal: they have many causes. One cause over distinct hosts (a proxy, a
credential, DNS, the network) is not the list's fault, and a night of it would be written down as failures.
"""

from collections import Counter, deque
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from jobs.reports.frequent import hosts_in
from jobs.running.hops import Hop
from jobs.store.commit import KEPT, Commit, read_layer
from jobs.store.plan import Part, read_input
from pipelines.pull.verdicts import cause_of
from pipelines.recipe import RunSpec
from schemas.layout import RunLayout

_PAUSED = "host_paused"


class CollapseError(Exception):
    """One cause for nearly every row, and it did not pass; the message holds the histogram."""


class Collapse:
    """Watches the latest commits of a hop that fetches."""

    def __init__(self, settings: RunSpec) -> None:
        self._settings, self._hosts = settings, settings.collapse_hosts
        self._window: deque[tuple[Part, Counter[str]]] = deque()
        self._streak: list[Part] = []
        self._streak_cause: str | None = None

    def note(self, part: Part, causes: Counter[str]) -> None:
        """Take in the `causes_of` a fresh commit; what lies further back than the window falls out."""
        self._window.append((part, causes))
        while sum(c.total() for _, c in self._window) - self._window[0][1].total() >= self._settings.collapse_rows:
            self._window.popleft()
        cause = self._dominant(causes)
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
        for _, causes in self._window:
            counts.update(causes)
        return counts

    def take(self) -> list[Part]:
        """The parts of the window and those before it that fared alike without a break; all starts afresh."""
        parts = {part.number: part for part in [*self._streak, *(part for part, _ in self._window)]}
        self._window.clear()
        self._streak, self._streak_cause = [], None
        return list(parts.values())

    def has_passed(self, commit: Commit, cause: str) -> bool:
        """Whether a probe shows that the cause has passed: of rows whose host was paused, nothing new is known."""
        asked = commit.rows - sum(rows for what, rows in commit.counts.items() if _is_paused(what))
        return commit.counts.get(cause, 0) < self._settings.collapse_share * asked

    def _dominant(self, counts: Counter[str]) -> str | None:
        """The reason that explains nearly all rows, if one does."""
        cause, rows = counts.most_common(1)[0] if counts else (KEPT, 0)
        return cause if cause != KEPT and rows >= self._settings.collapse_share * counts.total() else None


def causes_of(layout: RunLayout, hop: Hop, part: Part, commit: Commit) -> Counter[str]:
    """The counts of a commit, with rows whose host was paused under the cause for which it was.

    A host costs a few failures, and all its other rows are paused: what is behind them must be seen.
    """
    causes: Counter[str] = Counter()
    for what, rows in commit.counts.items():
        if not _is_paused(what):
            causes[what] += rows
            continue
        layer = _with_causes(layout, hop, part, ["stage"])
        paused = layer.filter(pc.equal(layer["reason"], _PAUSED)).select(["stage", "cause"]).to_pylist()
        causes.update(f"{row['stage']}/{row['cause']}" for row in paused)
    return causes


def _is_paused(what: str) -> bool:
    return what.endswith(f"/{_PAUSED}")


def _with_causes(layout: RunLayout, hop: Hop, part: Part, columns: list[str]) -> pa.Table:
    """`columns` of a layer, ``reason``, and ``cause``: the reason, or that for which the row's host was paused."""
    layer = read_layer(hop.path(layout, part.number), [*columns, "reason", "detail"])
    pairs = zip(layer["reason"].to_pylist(), layer["detail"].to_pylist(), strict=True)
    causes = [cause_of(detail or "") if reason == _PAUSED else reason for reason, detail in pairs]
    return layer.append_column("cause", pa.array(causes, pa.string()))


def hosts_of(layout: RunLayout, hop: Hop, parts: Iterable[Part], reason: str) -> Counter[str]:
    """Rows by host of those that left `hop` for `reason`, or because their host was paused for it.

    Rows that the input itself gives up tell nothing of the network.
    """
    hosts: Counter[str] = Counter()
    for part in parts:
        layer = _with_causes(layout, hop, part, ["id"])
        ids = layer.filter(pc.equal(layer["cause"], reason))["id"]
        rows = read_input(layout, part, ["id", "url", "input_error"])
        asked = pc.and_(pc.is_in(rows["id"], ids.combine_chunks()), pc.is_null(rows["input_error"]))
        theirs = rows.filter(asked)
        hosts.update(host or "" for host in hosts_in(theirs["url"]).to_pylist())
    return hosts


def histogram(counts: Counter[str]) -> str:
    """Counts as lines for people, most first."""
    total = max(1, counts.total())
    return "\n".join(f"  {rows:>10,}  {rows / total:6.1%}  {what}" for what, rows in counts.most_common(12))
