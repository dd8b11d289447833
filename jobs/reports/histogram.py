"""Which reasons took how many rows, and of which hosts: read from the layers part by part, in bounded memory."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.reports.frequent import Frequent, hosts_in
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.running.tally import outcome_of
from jobs.store.commit import KEPT, read_layer
from jobs.store.plan import Part, read_input
from schemas.reasons import REASONS

UNDECIDED = "undecided"

_SHOWN_HOSTS = 20
_SHOWN_REASONS = 3
_BAR = 24


def by_reason(state: RunState) -> list[dict[str, Any]]:
    """Rows by stage and reason, in the order of the hops and most first; `state`'s tallies must be up to date.

    Keys: stage, reason, outcome, retriable, rows, share (of the rows that entered the hop).
    """
    return [
        {
            "stage": what.partition("/")[0],
            "reason": (reason := what.partition("/")[2]),
            "outcome": outcome_of(what).value,
            "retriable": REASONS[reason].retriable,
            "rows": rows,
            "share": rows / tally.entered,
        }
        for tally in state.tally.values()
        for what, rows in tally.counts.most_common()
        if what != KEPT and rows
    ]


def by_host(state: RunState) -> list[dict[str, Any]]:
    """The 20 hosts most of whose rows left: host, rows, kept, undecided, reasons (``stage/reason`` to rows).

    Where there are more than some hundred thousand hosts, rare ones are forgotten on the way (`Frequent`).
    """
    seen = Frequent(["host", "what"])
    for part in state.plan.parts:
        seen.add(_fates(state, part))
    groups = seen.groups()
    left = groups.filter(pc.invert(pc.is_in(groups["what"], pa.array([KEPT, UNDECIDED]))))
    totals = left.group_by(["host"]).aggregate([("rows", "sum")])
    order: list[tuple[str, str]] = [("rows_sum", "descending"), ("host", "ascending")]
    names = totals.sort_by(order)["host"].slice(0, _SHOWN_HOSTS).to_pylist()
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    theirs = groups.filter(pc.is_in(groups["host"], pa.array(names, pa.string())))
    for row in theirs.sort_by([("rows", "descending"), ("what", "ascending")]).to_pylist():
        found[row["host"]][row["what"]] = row["rows"]
    return [
        {
            "host": host,
            "rows": sum(fates.values()),
            KEPT: fates.pop(KEPT, 0),
            UNDECIDED: fates.pop(UNDECIDED, 0),
            "reasons": fates,
        }
        for host, fates in found.items()
    ]


def show_reasons(found: list[dict[str, Any]], console: Console) -> None:
    """Print `by_reason` for people."""
    table = Table(box=None, pad_edge=False, header_style="bold", title="reasons", title_justify="left")
    for heading in ("stage", "reason", "outcome", "rows", "of entered", ""):
        table.add_column(heading, justify="right" if heading in ("rows", "of entered") else "left")
    most = max((row["rows"] for row in found), default=1)
    for row in found:
        outcome = f"{row['outcome']}, may pass" if row["retriable"] else row["outcome"]
        bar = "█" * max(1, round(_BAR * row["rows"] / most))
        table.add_row(row["stage"], row["reason"], outcome, f"{row['rows']:,}", f"{row['share']:.1%}", Text(bar))
    console.print()
    console.print(table)


def show_hosts(found: list[dict[str, Any]], console: Console) -> None:
    """Print `by_host` for people."""
    table = Table(box=None, pad_edge=False, header_style="bold", title="hosts whose rows left", title_justify="left")
    for heading in ("host", "rows", "kept", "mostly for"):
        table.add_column(heading, justify="right" if heading in ("rows", "kept") else "left", overflow="fold")
    for row in found:
        first = list(row["reasons"].items())[:_SHOWN_REASONS]
        mostly = ", ".join(f"{what.partition('/')[2]} {rows:,}" for what, rows in first)
        table.add_row(row["host"] or "(none)", f"{row['rows']:,}", f"{row['kept']:,}", mostly)
    console.print()
    console.print(table)


def _fates(state: RunState, part: Part) -> pa.Table:
    """Host, what became of it, and id of each row of a part that no later generation has taken over."""
    rows = read_input(state.layout, part, ["id", "url"])
    rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(state.superseded(part), pa.int64()))))
    done = [hop for hop in state.hops if state.is_valid(hop, part)]
    left = pa.concat_tables([_NONE_LEFT, *_left(state, done, part)]).combine_chunks()
    fate = left["what"].take(pc.index_in(rows["id"], left["id"].combine_chunks()))
    rest = KEPT if len(done) == len(state.hops) else UNDECIDED
    host = pc.fill_null(hosts_in(rows["url"]), "")
    return pa.table({"host": host, "what": pc.fill_null(fate, rest), "id": rows["id"]})


_NONE_LEFT = pa.table({"id": pa.array([], pa.int64()), "what": pa.array([], pa.string())})


def _left(state: RunState, hops: list[Hop], part: Part) -> Iterator[pa.Table]:
    for hop in hops:
        if any(what != KEPT for what in state.manifests[hop.name][part.number].counts):
            layer = read_layer(hop.path(state.layout, part.number), ["id", "stage", "reason"])
            layer = layer.filter(pc.is_valid(layer["reason"]))
            yield pa.table(
                {"id": layer["id"], "what": pc.binary_join_element_wise(layer["stage"], layer["reason"], "/")}
            )
