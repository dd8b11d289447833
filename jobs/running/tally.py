"""How far a run is: parts and rows by hop, for displays, `status` and the card."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.store.commit import KEPT, Commit
from schemas.reasons import REASONS, Outcome


@dataclass
class HopTally:
    """Of one hop: how many parts it has, how many are done, and its rows by ``kept`` or ``stage/reason``."""

    parts: int = 0
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, commit: Commit) -> None:
        """Count a part in."""
        self.done += 1
        self.counts.update(commit.counts)

    @property
    def entered(self) -> int:
        """Rows that entered."""
        return self.counts.total()

    @property
    def kept(self) -> int:
        """Rows that left it alive."""
        return self.counts[KEPT]

    @property
    def rejected(self) -> int:
        """Rows a rule refused."""
        return self._of(Outcome.REJECTED)

    @property
    def failed(self) -> int:
        """Rows that could not be decided."""
        return self._of(Outcome.FAILED)

    def _of(self, outcome: Outcome) -> int:
        return sum(n for what, n in self.counts.items() if what != KEPT and outcome_of(what) is outcome)


def outcome_of(what: str) -> Outcome:
    """The outcome of a count's key, ``kept`` or ``stage/reason``."""
    return Outcome.KEPT if what == KEPT else REASONS[what.partition("/")[2]].outcome


def top_reasons(tallies: Mapping[str, HopTally], n: int = 5) -> list[tuple[str, int]]:
    """The `n` most frequent ``stage/reason`` over all hops."""
    counts: Counter[str] = Counter()
    for tally in tallies.values():
        counts.update({what: rows for what, rows in tally.counts.items() if what != KEPT})
    return counts.most_common(n)
