"""Trying rows again: they become a window of their own, one generation later. Retriable failures once in every run."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.running.hops import Hop
from jobs.store.commit import current_counts, read_layer
from jobs.store.files import digest
from jobs.store.intake import write_window
from jobs.store.manifest import Manifest
from jobs.store.plan import Generations, Ids, Part, Plan, Window, read_input
from schemas.layout import RunLayout
from schemas.reasons import REASONS

_WINDOW_ROWS = 1 << 20

Tick = Callable[[], None]
"""Called between files: shows progress, and raises when the run is to stop. Nothing is half done at a tick."""

_RETRIABLE = frozenset(name for name, reason in REASONS.items() if reason.retriable)


def plan_second_pass(
    plan: Plan, layout: RunLayout, hops: list[Hop], manifests: Mapping[str, Manifest], tick: Tick = lambda: None
) -> tuple[Plan, int]:
    """The plan with retry windows for every retriable failure in `hops` that was not retried yet, and their number.

    The windows are written; saving the plan, which is what makes it so, and the `recount` are left to the caller.
    """
    generations = Generations(plan, layout)
    failed = []
    for _, found in _failures(plan, layout, hops, manifests, generations):
        tick()
        if len(found):
            failed.append(found)
    if not failed:
        return plan, 0
    ids = np.sort(np.concatenate(failed))
    return plan_retry(plan, layout, ids, 1, tick), len(ids)


def plan_retry(plan: Plan, layout: RunLayout, ids: Ids, generation: int, tick: Tick = lambda: None) -> Plan:
    """The plan with retry windows of that `generation` for the rows `ids` (ascending).

    The windows are written; saving the plan and the `recount` are left to the caller.
    """
    for start in range(0, len(ids), _WINDOW_ROWS):
        tick()
        plan = plan.with_retry(_write_window(plan, layout, ids[start : start + _WINDOW_ROWS], generation))
    return plan


def recount(
    plan: Plan, layout: RunLayout, hops: list[Hop], manifests: Mapping[str, Manifest], tick: Tick = lambda: None
) -> None:
    """Bring the manifests' counts up to date after rows of committed parts were taken over by a retry."""
    generations = Generations(plan, layout)
    for part in plan.parts:
        tick()
        superseded = generations.superseded(part)
        first = manifests[hops[0].name].get(part.number)
        if first is None or first.rows == part.rows - len(superseded):
            continue
        for hop in reversed(hops):  # the first hop last: what it says of the part then holds for all
            commit = manifests[hop.name].get(part.number)
            if commit:
                counts = current_counts(hop.path(layout, part.number), superseded)
                manifests[hop.name].record(dataclasses.replace(commit, counts=counts))


def _failures(
    plan: Plan, layout: RunLayout, hops: list[Hop], manifests: Mapping[str, Manifest], generations: Generations
) -> Iterator[tuple[Part, Ids]]:
    for part in plan.parts:
        if part.generation:
            continue  # once, and no more
        for hop in hops:
            commit = manifests[hop.name].get(part.number)
            if commit and any(what.partition("/")[2] in _RETRIABLE for what in commit.counts):
                layer = read_layer(hop.path(layout, part.number), ["id", "reason"])
                failed = layer.filter(pc.is_in(layer["reason"], pa.array(sorted(_RETRIABLE))))["id"].to_numpy()
                settled = np.union1d(generations.superseded(part), settled_by_source(layout, part))
                yield part, np.setdiff1d(failed, settled, assume_unique=True)


def settled_by_source(layout: RunLayout, part: Part) -> Ids:
    """Ids of rows whose reason came with the input: trying them again would say the same."""
    rows = read_input(layout, part, ["id", "input_error"])
    ids: Ids = rows.filter(pc.is_valid(rows["input_error"]))["id"].to_numpy()
    return ids


def _write_window(plan: Plan, layout: RunLayout, ids: Ids, generation: int) -> Window:
    """Copy the input rows of `ids` into a window."""
    pieces, at = [], 0
    while at < len(ids):
        part = plan.part_of(int(ids[at]))
        rows = read_input(layout, part, None)
        wanted = rows.filter(pc.is_in(rows["id"], pa.array(ids[at : at + part.rows])))
        pieces.append(wanted)
        at += len(wanted)
    name = f"retry-{sum(window.generation > 0 for window in plan.windows):06d}.parquet"
    path = layout.window(name)
    write_window(path, pa.concat_tables(pieces), plan.part_rows)
    return Window(name, len(ids), generation, digest(path), None)
