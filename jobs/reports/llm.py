"""What a run asked of a language model: requests, tokens, cost, and how long answers took."""

import json
from collections import Counter
from contextlib import closing
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.text import Text

from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import read_footer
from jobs.store.files import write_atomically
from jobs.store.plan import read_input
from pipelines.translation.cache import FILE, account_of, opened, spent
from pipelines.translation.stage import Translate
from schemas.tables import INPUT, READ

_PERCENTILES = (50, 90, 99, 100)
_SAMPLE_ROWS = 2000
_ENOUGH = 100
"""Answers that say what one takes."""


def asking_hops(state: RunState) -> list[tuple[Hop, Translate]]:
    """The hops that ask a language model, each with its stage: such a stage stands alone."""
    found = [(hop, [stage for stage in hop.stages if isinstance(stage, Translate)]) for hop in state.hops]
    return [(hop, stages[0]) for hop, stages in found if stages]


def cache_of(state: RunState, stage: Translate) -> Path:
    """The folder where a stage's answers are."""
    return Path(stage.endpoint.cache) if stage.endpoint.cache else state.layout.llm_cache


def write(state: RunState) -> None:
    """Bring the report up to date; none is written for a run that asks nothing."""
    hops = asking_hops(state)
    if hops:
        write_atomically(state.layout.llm_report, json.dumps(facts(state), indent=1))


def facts(state: RunState) -> dict[str, Any]:
    """By hop: what its committed parts took, what this run has paid for, and percentiles of the answers' times."""
    return {hop.name: _of_hop(state, hop, stage) for hop, stage in asking_hops(state)}


def expected(state: RunState) -> dict[str, Any]:
    """By hop that asks: the requests, tokens and cost to come, from a sample of its rows as the input has them.

    Rows that earlier stages will refuse are counted in until parts of them are committed. Where the run has had answers
    already, their tokens say what one takes.
    """
    return {hop.name: _expected_of_hop(state, hop, stage) for hop, stage in asking_hops(state)}


def _expected_of_hop(state: RunState, hop: Hop, stage: Translate) -> dict[str, Any]:
    from pipelines.translation import estimate  # brings openai, whose types take most of a second

    before = [tally for tally in (state.tally[one.name] for one in state.hops[: hop.index]) if tally.entered]
    share = prod(tally.kept / tally.entered for tally in before)
    entering = state.plan.planned_rows * share - state.tally[hop.name].entered
    sample = _sample(state, stage)
    guess = estimate.expected(sample, stage).times(entering / max(1, len(sample)))
    paid = _of_hop(state, hop, stage).get("paid", {"answers": 0})
    measured = paid["answers"] >= _ENOUGH
    if measured:
        each = (paid[name] / paid["answers"] for name in ("tokens_in", "tokens_out"))
        guess = estimate.Expected(guess.requests, *(guess.requests * one for one in each))
    spec = stage.endpoint
    return {
        "rows": round(entering),
        "requests": round(guess.requests),
        "tokens_in": round(guess.tokens_in),
        "tokens_out": round(guess.tokens_out),
        "cost": round(spec.cost(round(guess.tokens_in), round(guess.tokens_out)), 4),
        "measured": measured,
        "sample": len(sample),
    }


def show_expected(found: dict[str, Any], console: Console) -> None:
    """For people."""
    for name, hop in found.items():
        basis = "measured on this run's answers" if hop["measured"] else f"from a sample of {hop['sample']:,} rows"
        cost = f"at the given prices {hop['cost']:,}" if hop["cost"] else "llm.price_in and price_out tell the cost"
        console.print(
            Text(
                f"{name}, if every first answer passes: about {hop['requests']:,} requests for {hop['rows']:,} rows, "
                f"{hop['tokens_in']:,} tokens in and {hop['tokens_out']:,} out; {cost} ({basis})"
            )
        )


def _sample(state: RunState, stage: Translate) -> pa.Table:
    """Rows of the input, which is permuted, so that its first rows are a random sample; no text has been read yet."""
    tables, rows = [], 0
    for part in state.plan.parts:
        if rows >= _SAMPLE_ROWS:
            break
        tables.append(read_input(state.layout, part, [name for name in stage.reads if name in INPUT.names]))
        rows += len(tables[-1])
    sample = pa.concat_tables(tables)
    for name in set(stage.reads) - set(sample.column_names):
        sample = sample.append_column(name, pa.nulls(len(sample), READ.field(name).type))
    return sample


def _of_hop(state: RunState, hop: Hop, stage: Translate) -> dict[str, Any]:
    committed: Counter[str] = Counter()
    for commit in state.manifests[hop.name]:
        committed.update(read_footer(hop.path(state.layout, commit.part)).get("translations", {}))
    spec = stage.endpoint
    folder = cache_of(state, stage)
    told: dict[str, Any] = {"model": spec.model, "committed": dict(committed)}
    if not (folder / FILE).exists():
        return told
    account = account_of(state.layout.llm_cache)
    with closing(opened(folder)) as connection:
        tokens_in, tokens_out = spent(connection, account)
        rows = connection.execute("SELECT ms, tries FROM answers WHERE account = ?", (account,)).fetchall()
    times = np.array([ms for ms, _ in rows])
    told["paid"] = {
        "answers": len(rows),
        "exchanges": sum(tries for _, tries in rows),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": round(spec.cost(tokens_in, tokens_out), 6),
    }
    told["ms"] = {f"p{at}": round(float(np.percentile(times, at)), 1) for at in _PERCENTILES} if len(times) else {}
    return told
