"""What a killed driver leaves half done: its workers, its files, its counts."""

from pathlib import Path

import pytest

from jobs.launch import saved_recipe
from jobs.packing.pack import SHARDS
from jobs.running.flight import Flight
from jobs.running.part import PartRunner
from jobs.running.second_pass import plan_second_pass
from jobs.running.state import RunState
from jobs.store.driver import TakenOverError
from jobs.store.manifest import Manifest
from jobs.store.plan import Plan
from schemas.layout import RunLayout
from tests.support.runs import Case, files, is_sound, urls
from tests.support.web import Web


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, image=40, broken=5))


def state_of(case: Case) -> RunState:
    layout = RunLayout(case.run_folder)
    state = RunState(layout, saved_recipe(layout), Plan.load(layout.plan_json))
    state.claim()
    return state


def test_a_worker_of_a_driver_that_was_replaced_publishes_nothing(case: Case) -> None:
    case.run()
    before = files(case.run_folder / "layers")
    old = state_of(case)
    hop = old.hops[1]
    job = old.job(hop, old.plan.parts[0])
    hop.path(old.layout, 0).unlink()
    state_of(case)
    with pytest.raises(TakenOverError):
        PartRunner(hop, Flight()).run(job)
    del before["filter/part-000000.parquet"]
    assert files(case.run_folder / "layers") == before


def test_finished_shards_survive_a_kill_while_others_are_packed(case: Case) -> None:
    case.run()
    layout = RunLayout(case.run_folder)
    layout.card.unlink()
    manifest = Manifest(layout, SHARDS)
    (shard,) = layout.shards.iterdir()
    written = shard.stat().st_mtime_ns
    assert len(manifest) == 1
    case.run()
    assert shard.stat().st_mtime_ns == written
    assert layout.card.exists()


def test_a_kill_between_retry_plan_and_counts_is_made_good_whatever_the_next_run_says(case: Case) -> None:
    case.run("run.second_pass=false")
    state = state_of(case)
    plan, rows = plan_second_pass(state.plan, state.layout, state.hops[:2], state.manifests)
    assert rows == 5
    plan.save(state.layout.plan_json)
    assert case.run("run.second_pass=false") == 0
    assert case.status()["undecided"] == 0
    assert is_sound(case.run_folder)


def test_a_data_set_that_is_out_of_date_has_no_card(case: Case) -> None:
    case.run()
    assert case.status()["complete"]
    case.run("stages.min_side.pixels=65", until="exact_duplicates")
    assert not case.status()["complete"]


def test_temporary_files_are_swept_wherever_they_were_left(case: Case) -> None:
    case.run()
    for folder in (".", "input", "dataset", "dataset/data", "manifest", "layers/pull", "sets/exact_duplicates"):
        (case.run_folder / folder / ".tmp-99-left").write_text("torn")
    case.run()
    assert list(case.run_folder.rglob(".tmp-*")) == []
