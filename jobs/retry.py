"""`shardmill retry`: rows that left for given reasons become parts of their own, one generation later."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.text import Text

from jobs import launch
from jobs.commands import answers, saved
from jobs.driving import RunOptions, check, drive
from jobs.reports.frequent import hosts_in
from jobs.reports.naming import unknown_names
from jobs.running.second_pass import plan_retry, recount, settled_by_source
from jobs.running.state import RunState
from jobs.store.commit import KEPT, read_layer
from jobs.store.lease import Lease
from jobs.store.plan import Part, read_input
from pipelines.recipe_text import RecipeError, did_you_mean
from schemas.reasons import REASONS

_MOST_HOSTS = 10_000
"""So many are remembered to suggest one from."""


@dataclass(frozen=True)
class RetryOptions:
    """What `retry` was asked for. No reasons: every failure that may pass; no hosts: all; no stage: any."""

    folder: Path
    reasons: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    stage: str | None = None
    run: bool = False
    engine: str = "ray"
    address: str | None = None


@dataclass
class Found:
    """Rows to retry: their ids in ascending order, and how many by reason. `hosts` that were met on the way."""

    ids: "np.ndarray[Any, np.dtype[np.int64]]"
    reasons: Counter[str]
    hosts: Counter[str]


@answers
def retry(options: RetryOptions, *, as_json: bool = False) -> int:
    """Plan rows anew that left for some reasons, and run them if asked to."""
    layout = launch.layout_of(options.folder)
    out = Console(highlight=False, soft_wrap=True, stderr=as_json)
    recipe = launch.saved_recipe(layout, with_files=options.run)
    run_options = RunOptions(recipe.name, options.folder, engine=options.engine, address=options.address)
    check(run_options, recipe)
    with Lease(layout.lease):
        state = saved(options.folder)
        _check_names(state, options)
        found = find(state, options)
        waiting = _waiting(state)
        unknown = [host for host in options.hosts if host.lower() not in found.hosts]
        if unknown and not waiting:
            raise RecipeError("shardmill retry", [_no_such_host(host, found.hosts) for host in unknown])
        generation = 1 + max(window.generation for window in state.plan.windows)
        if len(found.ids):
            state.adopt(plan_retry(state.plan, layout, found.ids, generation))
            recount(state.plan, layout, state.hops, state.manifests)
            for manifest in state.manifests.values():
                manifest.compact()
        facts = {
            "run": str(layout.root),
            "rows": len(found.ids),
            "reasons": dict(found.reasons.most_common()),
            "generation": generation if len(found.ids) else None,
            "waiting": waiting + len(found.ids),
        }
        if not (options.run and as_json):
            _show(facts, options, out, as_json=as_json)
        if options.run and facts["waiting"]:
            return drive(RunState(layout, recipe, state.plan), run_options, out, as_json=as_json)
    return 0


def find(state: RunState, options: RetryOptions) -> Found:
    """The rows that left for one of the reasons, at the stage and of the hosts asked for; latest generations alone."""
    wanted = set(options.reasons) or {name for name, reason in REASONS.items() if reason.retriable}
    hosts = pa.array([host.lower() for host in options.hosts], pa.string())
    found = Found(np.empty(0, np.int64), Counter(), Counter())
    ids = [found.ids]
    for part, rows in _leaving(state, wanted, options.stage):
        if options.hosts:
            urls = read_input(state.layout, part, ["id", "url"])
            theirs = urls.filter(pc.is_in(urls["id"], rows["id"].combine_chunks()))
            host = hosts_in(theirs["url"])
            wanted_hosts = set(hosts.to_pylist())
            found.hosts.update(
                name for name in host.to_pylist() if name and (name in wanted_hosts or len(found.hosts) < _MOST_HOSTS)
            )
            rows = rows.filter(pc.is_in(rows["id"], theirs.filter(pc.is_in(host, hosts))["id"].combine_chunks()))
        found.reasons.update(rows["reason"].to_pylist())
        ids.append(rows["id"].to_numpy())
    found.ids = np.sort(np.concatenate(ids))
    return found


def _leaving(state: RunState, wanted: set[str], stage: str | None) -> Iterator[tuple[Part, pa.Table]]:
    """Id and reason of rows that left for a wanted reason, part by part and hop by hop."""
    for part in state.plan.parts:
        for hop in state.hops:
            if not state.is_valid(hop, part):
                break
            keys = (what.rpartition("/") for what in state.manifests[hop.name][part.number].counts if what != KEPT)
            if not any(reason in wanted and stage in (None, at) for at, _, reason in keys):
                continue
            rows = read_layer(hop.path(state.layout, part.number), ["id", "stage", "reason"])
            rows = rows.filter(pc.is_in(rows["reason"], pa.array(sorted(wanted))))
            if stage is not None:
                rows = rows.filter(pc.equal(rows["stage"], stage))
            settled = np.union1d(state.superseded(part), settled_by_source(state.layout, part))
            yield part, rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(settled, pa.int64()))))


def _waiting(state: RunState) -> int:
    """Rows of earlier retries that have not been through all hops."""
    last = state.hops[-1]
    later = [part for part in state.plan.parts if part.generation and not state.is_valid(last, part)]
    return sum(part.rows - len(state.superseded(part)) for part in later)


def _check_names(state: RunState, options: RetryOptions) -> None:
    known = f"known: {', '.join(REASONS)}"
    if problems := unknown_names(state, options.reasons, options.stage, there_are=known):
        raise RecipeError("shardmill retry", problems)


def _no_such_host(host: str, known: Counter[str]) -> str:
    most = ", ".join(name for name, _ in known.most_common(5)) or "none"
    return f"--host {host}: no such row is of this host{did_you_mean(host.lower(), known)}; most are of: {most}"


def _show(facts: dict[str, Any], options: RetryOptions, console: Console, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
        return
    if facts["rows"]:
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in facts["reasons"].items())
        console.print(Text(f"{facts['rows']:,} rows will be tried again: {reasons}"))
    else:
        narrowed = options.reasons or options.stage or options.hosts
        what = "no such row is left to be tried again" if narrowed else "no row is left to be tried again"
        console.print(Text(f"{what}; for what rows left: shardmill status {options.folder} --reasons"))
    if facts["waiting"] and not options.run:
        console.print(
            Text(
                f"{facts['waiting']:,} rows wait for it; to do so, run as before, or the same with --run: "
                f"shardmill retry {options.folder} --run"
            )
        )
