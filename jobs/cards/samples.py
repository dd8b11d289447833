"""Rows to be shown in a card: some that came through, and some that did not, with their images."""

import numpy as np

from data_cards.sheet import Samples
from jobs.reports.sampling import Drawn, ranks
from jobs.reports.tiles import tiles
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import read_layer
from jobs.store.plan import Part
from schemas.reasons import Outcome

_EACH = 24
_PARTS = 16
"""Parts that are looked through at most. The input is permuted, so that each is a sample of the whole."""
_SEED = 0

_NOT_SHOWN = frozenset({"nsfw_image", "blocked_hash"})
"""Reasons for which an image is not to be handed on with the set, small or large."""

_Ranked = list[tuple[int, Drawn]]


def samples(state: RunState) -> Samples:
    """At most `_EACH` rows that were kept, and as many that were not, by turns for each reason that there is.

    Every part must have passed every hop. The same run gives the same rows.
    """
    kept: _Ranked = []
    dropped: dict[str, _Ranked] = {}
    numbers = np.array([part.number for part in state.plan.parts], np.int64)
    for at in np.argsort(ranks(numbers, _SEED), kind="stable")[:_PARTS]:
        part = state.plan.parts[at]
        for hop in state.hops:
            _look(state, part, hop, kept, dropped)
    return Samples(
        tuple(sorted(tiles(state, _first(kept, _EACH)), key=lambda tile: tile.id)),
        tuple(sorted(tiles(state, _by_turns(dropped)), key=lambda tile: tile.id)),
        _SEED,
    )


def _look(state: RunState, part: Part, hop: Hop, kept: _Ranked, dropped: dict[str, _Ranked]) -> None:
    """Take note of the rows that left a part at a hop, and of those that came through the last."""
    rows = read_layer(hop.path(state.layout, part.number), ["id", "outcome", "stage", "reason"])
    ids = rows["id"].to_numpy()
    current = ~np.isin(ids, state.superseded(part))
    ranked = ranks(ids, _SEED).tolist()
    columns = (column.to_pylist() for column in rows.columns)
    for rank, counts, row, outcome, stage, reason in zip(ranked, current.tolist(), *columns, strict=True):
        if not counts or reason in _NOT_SHOWN:
            continue
        drawn = (rank, Drawn(row, part, hop))
        if outcome != Outcome.KEPT:
            dropped.setdefault(f"{stage}/{reason}", []).append(drawn)
        elif hop is state.hops[-1]:
            kept.append(drawn)


def _first(rows: _Ranked, n: int) -> list[Drawn]:
    return [drawn for _, drawn in sorted(rows, key=lambda one: one[0])[:n]]


def _by_turns(dropped: dict[str, _Ranked]) -> list[Drawn]:
    """One row of each reason, then a second of each, as far as there is room."""
    turns = [(turn, name, drawn) for name, rows in dropped.items() for turn, drawn in enumerate(_first(rows, _EACH))]
    return [drawn for _, _, drawn in sorted(turns, key=lambda one: one[:2])[:_EACH]]
