"""Cutting the planned samples into shards: which split a row is in, which samples the mixture takes, where shards end.

All of it follows from what the packing decision left in its layer, so that the cut is known before an image is read,
every shard can be written anywhere and again, and a killed run loses at most the shards under way.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.running.state import RunState
from jobs.store.commit import KEPT, read_layer
from jobs.store.plan import NO_IDS, Ids, Part
from pipelines.chatml.captions import UNKNOWN_LANGUAGE
from pipelines.chatml.mixture import Kind, priorities, shares, thresholds
from pipelines.chatml.pack_spec import TRAIN, VALIDATION, PackSpec

Thresholds = dict[Kind, int]
"""The highest priority that is taken, for each kind."""
_KEPT_SAMPLES = ("id", "outcome", "samples")


@dataclass(frozen=True)
class PlannedSamples:
    """The samples of some rows: one entry each in three arrays of shape (samples,), rows ascending."""

    rows: Ids
    kinds: npt.NDArray[np.int16]
    """Places in `names`."""
    bytes: Ids
    names: tuple[Kind, ...]


@dataclass(frozen=True)
class Piece:
    """One shard to be: the chosen samples of a split whose row has ``first ≤ id < end``."""

    split: str
    index: int
    count: int
    first: int
    end: int


@dataclass(frozen=True)
class Cut:
    """How the whole set is cut."""

    pieces: tuple[Piece, ...]
    held_out: Ids
    """Rows of the validation split, ascending."""
    thresholds: dict[str, Thresholds]
    """By split; empty where the mixture takes everything."""
    planned: Counter[Kind] = field(default_factory=Counter)
    """Samples that the packing decision planned, both splits together."""
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often a task was refused for a reason."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have shards, training first."""
        return tuple(dict.fromkeys(piece.split for piece in self.pieces))


def cut(state: RunState, held_out: Ids, tick: Callable[[], None] = lambda: None) -> Cut:
    """Cut the set greedily: a shard ends before the row that would take it past the target size.

    `held_out` are the rows of the validation split, ascending. The driver holds 18 bytes a sample, and 8 more where
    the mixture weighs. Raises `MixtureError` when the mixture cannot be realised.
    """
    spec = state.recipe.pack
    refusals: Counter[tuple[str, str]] = Counter()
    everything = _read(state, refusals, tick)
    counts = np.bincount(everything.kinds, minlength=len(everything.names))
    planned = Counter(dict(zip(everything.names, counts.tolist(), strict=True)))
    in_validation = contains(held_out, everything.rows)
    splits = {TRAIN: ~in_validation, VALIDATION: in_validation} if spec.split.validation else {TRAIN: ~in_validation}
    of_split = {name: _where(everything, mask) for name, mask in splits.items()}
    limits = _thresholds(of_split, spec)
    pieces: list[Piece] = []
    for name, samples in of_split.items():
        chosen = _where(samples, chosen_samples(samples, limits.get(name), spec))
        if name == VALIDATION and not len(chosen.rows):
            continue  # a split without rows is one that readers cannot load
        bounds = _bounds(chosen, spec.shard_mb * 1_000_000, state.plan.planned_rows)
        pieces += [Piece(name, at, len(bounds), first, end) for at, (first, end) in enumerate(bounds)]
    return Cut(tuple(pieces), held_out, limits, planned, refusals)


def planned_samples(column: pa.ChunkedArray, rows: Ids) -> PlannedSamples:
    """The planned samples of a table's rows, without nulls: its column `samples`, and the rows' ids."""
    array = column.combine_chunks()
    task, language, size = (array.flatten().field(name) for name in ("task", "language", "bytes"))
    both = pa.StructArray.from_arrays([task, pc.fill_null(language, UNKNOWN_LANGUAGE)], ["task", "language"])
    encoded = pc.binary_join_element_wise(*both.flatten(), "/").dictionary_encode()
    names = tuple(Kind(*name.split("/", 1)) for name in encoded.dictionary.to_pylist())
    of_row = np.repeat(rows, array.value_lengths().to_numpy())
    return PlannedSamples(of_row, encoded.indices.to_numpy().astype(np.int16), size.to_numpy(), names)


def chosen_samples(samples: PlannedSamples, limits: Thresholds | None, spec: PackSpec) -> npt.NDArray[np.bool_]:
    """Which samples the mixture takes, shape (samples,)."""
    chosen = np.ones(len(samples.rows), np.bool_)
    if limits is None:
        return chosen
    for place, kind in enumerate(samples.names):
        mine = samples.kinds == place
        limit = limits.get(kind, -1)
        below = priorities(samples.rows[mine], kind, spec.mixture.seed) <= np.uint64(max(limit, 0))
        chosen[mine] = below if limit >= 0 else False
    return chosen


def contains(ascending: Ids, values: Ids) -> npt.NDArray[np.bool_]:
    """Which of `values` are among `ascending`."""
    at = np.searchsorted(ascending, values)
    return np.asarray((at < len(ascending)) & (np.append(ascending, -1)[at] == values), np.bool_)


def _thresholds(of_split: dict[str, PlannedSamples], spec: PackSpec) -> dict[str, Thresholds]:
    """What the mixture takes of each split: the shares that fit the training split, of the other too."""
    if not (spec.mixture.tasks or spec.mixture.languages):
        return {}
    pooled = {
        name: {
            kind: [priorities(samples.rows[samples.kinds == place], kind, spec.mixture.seed)]
            for place, kind in enumerate(samples.names)
        }
        for name, samples in of_split.items()
    }
    available = {kind: len(array) for kind, (array,) in pooled[TRAIN].items()}
    taken = shares(available, spec.mixture)
    return {name: thresholds(arrays, taken, spec.mixture) for name, arrays in pooled.items()}


def _where(samples: PlannedSamples, mask: npt.NDArray[Any]) -> PlannedSamples:
    return PlannedSamples(samples.rows[mask], samples.kinds[mask], samples.bytes[mask], samples.names)


def _bounds(samples: PlannedSamples, target: int, end: int) -> list[tuple[int, int]]:
    """The id ranges of a split's shards; one, empty, when it has no samples."""
    rows, starts = np.unique(samples.rows, return_index=True)
    filled = np.concatenate([[0], np.cumsum(np.add.reduceat(samples.bytes, starts))]) if len(rows) else np.zeros(1)
    bounds: list[tuple[int, int]] = []
    first = at = 0
    while True:
        after = max(int(np.searchsorted(filled, filled[at] + target, side="right")) - 1, at + 1)
        if after >= len(rows):
            return [*bounds, (first, end)]
        bounds.append((first, int(rows[after])))
        first, at = int(rows[after]), after


def _read(state: RunState, refusals: Counter[tuple[str, str]], tick: Callable[[], None]) -> PlannedSamples:
    """All planned samples, by id; counts the refusals on the way."""
    names: dict[Kind, int] = {}
    rows, kinds, sizes = [NO_IDS], [np.zeros(0, np.int16)], [NO_IDS]
    for part in state.plan.parts:
        tick()
        found = _read_part(state, part, refusals)
        places = np.array([names.setdefault(kind, len(names)) for kind in found.names], np.int16)
        rows.append(found.rows)
        kinds.append(places[found.kinds] if len(places) else found.kinds)
        sizes.append(found.bytes)
    everything = PlannedSamples(np.concatenate(rows), np.concatenate(kinds), np.concatenate(sizes), tuple(names))
    if (np.diff(everything.rows) < 0).any():  # retried rows lie in parts of their own
        order = np.argsort(everything.rows, kind="stable")
        everything = PlannedSamples(
            everything.rows[order], everything.kinds[order], everything.bytes[order], tuple(names)
        )
    return everything


def _read_part(state: RunState, part: Part, refusals: Counter[tuple[str, str]]) -> PlannedSamples:
    pack = state.hops[-1]
    spec = state.recipe.pack
    columns = [*_KEPT_SAMPLES, *(["refusals"] if spec.grounded or spec.of_lines else [])]
    layer = read_layer(pack.path(state.layout, part.number), columns)
    kept = pc.equal(layer["outcome"], KEPT)
    if len(gone := state.superseded(part)):
        kept = pc.and_not(kept, pc.is_in(layer["id"], pa.array(gone)))
    layer = layer.filter(kept)
    if "refusals" in columns:
        refusals.update(_refusals(layer["refusals"]))
    return planned_samples(layer["samples"], layer["id"].to_numpy())


def _refusals(column: pa.ChunkedArray) -> Iterator[tuple[str, str]]:
    entries = column.combine_chunks().flatten()
    yield from zip(entries.field("task").to_pylist(), entries.field("reason").to_pylist(), strict=True)
