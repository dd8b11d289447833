"""The accounting of a run as tables and as JSON: what `run` ends with and `status` shows."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.running.progress import hop_facts
from jobs.running.state import RunState
from jobs.running.tally import outcome_of
from jobs.store.lease import holder, is_held


def facts(state: RunState) -> dict[str, Any]:
    """The accounting as plain values. `state`'s tallies must be up to date."""
    layout, tallies = state.layout, state.tally
    hops = {name: hop_facts(tally) for name, tally in tallies.items()}
    last = tallies[state.hops[-1].name]
    shards = sorted(layout.shards.glob("*.parquet")) if layout.card.exists() else []
    rejected, failed = (sum(hop[what] for hop in hops.values()) for what in ("rejected", "failed"))
    rows = state.plan.planned_rows
    return {
        "run": str(layout.root),
        "recipe": state.recipe.name,
        "key": state.plan.key,
        "rows": rows,
        "input_rows": state.plan.input_rows,
        "kept": last.kept,
        "rejected": rejected,
        "failed": failed,
        "undecided": rows - last.kept - rejected - failed,
        "complete": last.done == len(state.plan.parts) and layout.card.exists(),
        "hops": hops,
        "shards": len(shards),
        "shard_bytes": sum(shard.stat().st_size for shard in shards),
    }


def show(found: dict[str, Any], console: Console, *, reasons: bool = True) -> None:
    """Print `facts` for people: the funnel, then the reasons unless they are shown otherwise."""
    funnel = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("hop", "parts", "entered", "kept", "rejected", "failed"):
        funnel.add_column(heading, justify="left" if heading == "hop" else "right")
    for name, hop in found["hops"].items():
        rows = (f"{hop[what]:,}" for what in ("entered", "kept", "rejected", "failed"))
        funnel.add_row(name, f"{hop['done']}/{hop['parts']}", *rows)
    console.print(funnel)
    listed = [
        (hop_name, *what.split("/"), outcome_of(what).value, rows)
        for hop_name, hop in found["hops"].items()
        for what, rows in sorted(hop["reasons"].items(), key=lambda item: -item[1])
    ]
    if listed and reasons:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("stage", "reason", "outcome"):
            table.add_column(heading)
        table.add_column("rows", justify="right")
        for _, stage, reason, outcome, rows in listed:
            table.add_row(stage, reason, outcome, f"{rows:,}")
        console.print()
        console.print(table)
    console.print()
    undecided = f" + {found['undecided']:,} undecided" if found["undecided"] else ""
    console.print(
        Text(
            f"{found['rows']:,} rows = {found['kept']:,} kept + {found['rejected']:,} rejected "
            f"+ {found['failed']:,} failed{undecided}"
        )
    )
    if found["input_rows"] > found["rows"]:
        console.print(Text(f"of {found['input_rows']:,} rows of input; run without --limit for the rest"))


def driver(state: RunState) -> str:
    """What the heartbeat says of a driver at work; empty when none is."""
    path = state.layout.heartbeat
    if not is_held(state.layout.lease):
        return ""
    beat = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if beat.get("pid") != holder(state.layout.lease):  # the heartbeat is that of a driver before
        return "a driver is starting"
    left = "" if beat["eta_s"] is None else f", about {beat['eta_s']:,} s left"
    note = f"; {beat['note']}" if beat["note"] else ""
    return f"running: process {beat['pid']} on {beat['host']}, {beat['rows_per_s']:,.0f} rows/s{left}{note}"
