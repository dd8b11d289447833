"""Writing a card's forms into `dataset/`: what programs and people read of one set of facts."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from data_cards import card_json, croissant, hub_card
from data_cards.facts import CardFacts
from data_cards.html import card as card_html
from jobs.cards.collect import collect
from jobs.cards.facts import card_facts
from jobs.cards.samples import samples
from jobs.packing.cut import Cut
from jobs.running.executor import Call, RunCalls
from jobs.running.state import RunState
from jobs.store.files import write_atomically
from jobs.store.manifest import Manifest

_CALLS_WORTH_A_PROCESS = 2
"""A process takes a second to start, and so long a few parts take."""


def write_card(state: RunState, whole: Cut, shards: Manifest, run_calls: RunCalls) -> list[Path]:
    """Write every form that is missing or not as it should be, README.md last; those that were written."""
    with _empty(state.layout.layer("card", set_rule=True)) as scratch:
        facts = card_facts(state, whole, shards, collect(state, run_calls, scratch))
    forms = card_forms(state, facts)
    changed = [path for path, text in forms.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in changed:
        write_atomically(path, forms[path])
    return changed


def expected_card(state: RunState, whole: Cut, shards: Manifest) -> dict[Path, str]:
    """What `write_card` would write, path to text; nothing of the run is touched."""
    with tempfile.TemporaryDirectory() as scratch:
        return card_forms(state, card_facts(state, whole, shards, collect(state, run_in_processes, Path(scratch))))


def card_forms(state: RunState, facts: CardFacts) -> dict[Path, str]:
    """Every form of a card, path to text, README.md last."""
    return {
        state.layout.card_json: card_json.render(facts),
        state.layout.croissant: croissant.render(facts),
        state.layout.card_html: card_html.render(facts, samples(state)),
        state.layout.card: hub_card.render(facts),
    }


def _run_here(calls: Sequence[Call], on_result: Callable[[Any], None]) -> list[Any]:
    """Run calls in this process, one after the other."""
    results = []
    for call in calls:
        results.append(call.function(*call.arguments))
        on_result(results[-1])
    return results


def run_in_processes(calls: Sequence[Call], on_result: Callable[[Any], None]) -> list[Any]:
    """Run calls in as many processes as there are processors, where there are enough calls for it."""
    processes = min(len(os.sched_getaffinity(0)), len(calls) // _CALLS_WORTH_A_PROCESS)
    if processes < 2:
        return _run_here(calls, on_result)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        results = [pool.submit(call.function, *call.arguments) for call in calls]
        for result in results:
            on_result(result.result())
        return [result.result() for result in results]


@contextmanager
def _empty(folder: Path) -> Iterator[Path]:
    """A folder that is empty, and gone after the block."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
