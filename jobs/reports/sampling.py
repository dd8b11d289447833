"""Seeded samples of a run's rows by what became of them: one pass over the verdicts, a bounded reservoir a sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import Commit, read_layer
from jobs.store.plan import NO_IDS, Ids, Part
from pipelines.stage import title
from schemas.reasons import Outcome

Ranks = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Question:
    """Which rows: those that left for one of `reasons`, of `stage` alone where one is named.

    Without reasons, those that were kept: by `stage`, or to the end of what has been run.
    """

    reasons: frozenset[str] = frozenset()
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """One sampled row: its id, and the part and hop that hold its verdict."""

    id: int
    part: Part
    hop: Hop


@dataclass
class Sample:
    """The rows of lowest rank among all that match: uniform, and the same however the run was cut into parts.

    A larger sample of the same seed holds the smaller one.
    """

    n: int
    matching: int = 0
    """How many rows match in all."""
    stages: set[str] = field(default_factory=set)
    """Stages that refused them."""
    rows: list[tuple[int, int, Part, Hop]] = field(default_factory=list)
    """Rank, id, part, hop."""

    def offer(self, ids: Ids, ranks: Ranks, part: Part, hop: Hop) -> None:
        """Let some matching rows of a part in, if their ranks are low enough."""
        self.matching += len(ids)
        best = np.lexsort((ids, ranks))[: self.n]
        fresh = ((int(ranks[at]), int(ids[at]), part, hop) for at in best)
        self.rows = sorted([*self.rows, *fresh], key=lambda row: row[:2])[: self.n]

    def drawn(self) -> list[Drawn]:
        """The sampled rows, in id order."""
        return [Drawn(row, part, hop) for _, row, part, hop in sorted(self.rows, key=lambda row: row[1])]


def sample(state: RunState, questions: Sequence[Question], n: int, seed: int) -> list[Sample]:
    """A sample of at most `n` rows for each question. Reads verdicts alone, each part of a hop at most once.

    Where a row was tried again, its latest generation counts.
    """
    samples = [Sample(n) for _ in questions]
    last = last_hop(state)
    for hop, part in _committed(state):
        commit = state.manifests[hop.name][part.number]
        asked = [(at, ask) for at, ask in enumerate(questions) if _may_match(ask, hop, commit, last)]
        if not asked:
            continue
        rows = read_layer(hop.path(state.layout, part.number), ["id", "outcome", "stage", "reason"])
        superseded = state.superseded(part)
        if len(superseded):
            rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(superseded))))
        for at, ask in asked:
            found = rows.filter(_matching(ask, hop, rows))
            ids = found["id"].to_numpy() if len(found) else NO_IDS
            samples[at].offer(ids, ranks(ids, seed), part, hop)
            samples[at].stages |= set(found["stage"].unique().to_pylist()) - {None}
    return samples


def ranks(ids: Ids, seed: int) -> Ranks:
    """A number below 2⁶⁴ for each id, by which samples are drawn: SplitMix64 of the id, started by the seed's."""
    start = _mixed(np.array([seed], np.int64).astype(np.uint64))
    return _mixed(ids.astype(np.uint64) ^ start)


def last_hop(state: RunState) -> Hop:
    """The last hop of which any part is done; the first where none is. `state`'s tallies must be up to date."""
    done = [hop for hop in state.hops if state.tally[hop.name].done]
    return done[-1] if done else state.hops[0]


def _committed(state: RunState) -> Iterator[tuple[Hop, Part]]:
    """Every part of every hop that is committed and valid."""
    alive = list(state.plan.parts)
    for hop in state.hops:
        alive = [part for part in alive if state.is_valid(hop, part)]
        for part in alive:
            yield hop, part


def _may_match(ask: Question, hop: Hop, commit: Commit, last: Hop) -> bool:
    """Whether a part can hold matching rows, by its counts."""
    if not ask.reasons:
        return _is_kept_by(ask, hop, last)
    for what in commit.counts:
        stage, _, reason = what.partition("/")
        if reason in ask.reasons and ask.stage in (None, stage):
            return True
    return False


def _is_kept_by(ask: Question, hop: Hop, last: Hop) -> bool:
    return hop is last if ask.stage is None else ask.stage in map(title, hop.stages)


def _matching(ask: Question, hop: Hop, rows: pa.Table) -> pa.ChunkedArray:
    if ask.reasons:
        found = pc.is_in(rows["reason"], pa.array(sorted(ask.reasons)))
        return found if ask.stage is None else pc.and_(found, pc.equal(rows["stage"], ask.stage))
    kept = pc.equal(rows["outcome"], Outcome.KEPT.value)
    titles = [title(stage) for stage in hop.stages]
    later = titles[titles.index(ask.stage) + 1 :] if ask.stage else []
    return pc.or_(kept, pc.is_in(rows["stage"], pa.array(later, pa.string())))


def _mixed(numbers: Ranks) -> Ranks:
    """SplitMix64's output function (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
