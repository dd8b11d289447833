"""What a run asked of a language model: requests, tokens, cost, and how long answers took."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import read_footer
from jobs.store.files import write_atomically
from pipelines.translation.cache import FILE, account_of, opened, spent
from pipelines.translation.stage import Translate

_PERCENTILES = (50, 90, 99, 100)


def asking_hops(state: RunState) -> list[tuple[Hop, Translate]]:
    """The hops that ask a language model, each with its first such stage."""
    found = [(hop, [stage for stage in hop.stages if isinstance(stage, Translate)]) for hop in state.hops]
    return [(hop, stages[0]) for hop, stages in found if stages]


def write(state: RunState) -> None:
    """Bring the report up to date; none is written for a run that asks nothing."""
    hops = asking_hops(state)
    if hops:
        write_atomically(state.layout.llm_report, json.dumps(facts(state), indent=1))


def facts(state: RunState) -> dict[str, Any]:
    """By hop: what its committed parts took, what this run has paid for, and percentiles of the answers' times."""
    return {hop.name: _of_hop(state, hop, stage) for hop, stage in asking_hops(state)}


def _of_hop(state: RunState, hop: Hop, stage: Translate) -> dict[str, Any]:
    committed: Counter[str] = Counter()
    for commit in state.manifests[hop.name]:
        committed.update(read_footer(hop.path(state.layout, commit.part)).get("translations", {}))
    spec = stage.endpoint
    folder = Path(spec.cache) if spec.cache else state.layout.llm_cache
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
