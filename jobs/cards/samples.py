"""Rows to be shown in a card: some that came through, and some that did not, with their images."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data_cards.facts_measured import Rule
from data_cards.sheet import Samples, Tile
from jobs.cards.rules import rules
from jobs.reports.sampling import Drawn, ranks
from jobs.reports.tiles import tiles
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import read_layer
from jobs.store.plan import Part
from pipelines.stage import title
from schemas.reasons import Outcome

_EACH = 24
_PARTS = 16
"""Parts that are looked through at most. The input is permuted, so that each is a sample of the whole."""
_SEED = 0

_NOT_SHOWN = frozenset({"nsfw_image", "blocked_hash"})
"""Reasons for which an image is not to be handed on with the set, small or large."""

_SAFETY = frozenset(["nsfw_images", "score", "label"])
"""Stages that judge whether an image may be shown; carried scores and labels are mostly of that."""
_UNFIT = frozenset(
    ["nsfw_image", "score", "label", "profanity", "lexicon", "political", "contaminated_image", "contaminated_text"]
)
"""Reasons for which neither image nor words of a row belong in what is published."""

_Ranked = list[tuple[int, Drawn]]


def samples(state: RunState) -> Samples:
    """At most `_EACH` rows that were kept, and as many that were not, by turns for each reason that there is.

    Every part must have passed every hop. The same run gives the same rows. Of a row that left as unfit, or that no
    stage judged fit because it left before or at the last that judges safety, nothing but the verdict is shown.
    """
    kept: _Ranked = []
    dropped: dict[str, _Ranked] = {}
    numbers = np.array([part.number for part in state.plan.parts], np.int64)
    for at in np.argsort(ranks(numbers, _SEED), kind="stable")[:_PARTS]:
        part = state.plan.parts[at]
        for hop in state.hops:
            _look(state, part, hop, kept, dropped)
    told = rules(state.recipe)
    return Samples(
        tuple(sorted(tiles(state, _first(kept, _EACH)), key=lambda tile: tile.id)),
        tuple(sorted((_fit(state, told, tile) for tile in tiles(state, _by_turns(dropped))), key=lambda tile: tile.id)),
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


def _fit(state: RunState, told: Sequence[Rule], tile: Tile) -> Tile:
    """A dropped row as it may be published. Paths of files, and what errors say of their time, are left to `show`."""
    names = [title(stage) for stage in state.recipe.stages]
    judging = [at for at, stage in enumerate(state.recipe.stages) if stage.stage in _SAFETY]
    place = names.index(tile.stage) if tile.stage in names else len(names)
    tile = replace(tile, detail=None, thresholds=_without_paths(told, tile))
    if tile.reason in _UNFIT or (judging and place <= judging[-1]):
        return replace(tile, thumbnail=None, captions=(), host="", address="", boxes=(), lines=())
    return tile


def _without_paths(told: Sequence[Rule], tile: Tile) -> tuple[tuple[str, str], ...]:
    """What the row's value was held against, as the card's list of rules has it."""
    bounds = {rule.setting: rule.value for rule in told if rule.stage == tile.stage}
    if not bounds:
        return tile.thresholds  # packing, which is no stage, names tasks and a dialect
    return tuple((name, bounds[name]) for name, _ in tile.thresholds if name in bounds)
