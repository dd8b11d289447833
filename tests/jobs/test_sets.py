"""A set rule gives the same verdicts however its keys are bucketed and the set is cut into parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.executor import Call
from jobs.launch import saved_recipe
from jobs.sets import SetRun
from jobs.state import RunState
from jobs.store.plan import Plan
from schemas.layout import RunLayout
from tests.support.runs import Case, files, truth, urls
from tests.support.web import Web

MIX = {"image": 230, "copy": 60, "gone": 10}


def run_calls(calls: Sequence[Call]) -> list[Any]:
    return [call.function(*call.arguments) for call in calls]


@pytest.mark.parametrize("keys_a_bucket", [1, 7, 100])
def test_buckets_change_nothing(web: Web, tmp_path: Path, keys_a_bucket: int) -> None:
    case = Case(web, tmp_path, urls(web, **MIX))
    assert case.run() == 0
    layout = RunLayout(case.run_folder)
    before = files(layout.layer("exact_duplicates", set_rule=True))
    state = RunState(layout, saved_recipe(layout), Plan.load(layout.plan_json))
    state.claim()
    rule = next(hop for hop in state.hops if hop.kind == "set")
    SetRun(layout, tuple(state.job(rule, part) for part in state.plan.parts), 290, keys_a_bucket).run(run_calls)
    assert files(layout.layer("exact_duplicates", set_rule=True)) == before


def test_more_parts_than_one_call_takes(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, **MIX), settings=("run.part_rows=1",))
    assert case.run() == 0
    assert len(list((case.run_folder / "sets/exact_duplicates").glob("part-*"))) == sum(MIX.values())
    assert case.reasons() == truth(**MIX)
