"""Rows that left are tried again when somebody asks for it, and the latest generation of a row counts."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import commands
from jobs.retry import RetryOptions
from jobs.retry import retry as retry_rows
from jobs.running.second_pass import plan_retry
from jobs.store.plan import Plan
from schemas.layout import RunLayout
from tests.support.runs import Case, files, shardmill, urls
from tests.support.web import Web

LAME = "127.0.1.1"


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(hosts=1) as served:
        yield served


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    """20 pictures and 3 dead links of a host that works, 12 pictures of one that fails."""
    web.down = {LAME}
    return Case(web, tmp_path, [*urls(web, image=20, gone=3), *(web.url("q60", n, LAME) for n in range(12))])


Retry = Callable[..., dict[str, object]]


@pytest.fixture
def retry(capsys: pytest.CaptureFixture[str]) -> Retry:
    """What `retry --json` says."""

    def told(case: Case, **options: Any) -> dict[str, object]:
        capsys.readouterr()
        assert retry_rows(RetryOptions(case.run_folder, **options), as_json=True) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    return told


def is_sound(case: Case) -> bool:
    return commands.verify(case.run_folder) == 0


def shards(case: Case) -> dict[str, bytes]:
    return {name: content for name, content in case.dataset().items() if name.endswith(".parquet")}


def test_rows_of_a_host_that_was_repaired_come_in(case: Case, retry: Retry) -> None:
    case.run()
    assert case.reasons() == {"kept": 20, "http_gone": 3, "http_error": 12}
    case.web.down.clear()
    found = retry(case, reasons=("http_error",), hosts=(LAME,))
    assert (found["rows"], found["reasons"], found["generation"]) == (12, {"http_error": 12}, 2)

    status = case.status()  # planned and not run yet: whoever is killed here has lost nothing
    assert (status["complete"], status["undecided"], status["kept"]) == (False, 12, 20)
    assert is_sound(case)

    asked = case.web.counts.copy()
    assert case.run() == 0
    assert (case.web.counts - asked).total() == 12
    assert case.reasons() == {"kept": 32, "http_gone": 3}
    assert case.status()["complete"]
    assert is_sound(case)

    calm = Case(case.web, case.folder, case.urls, output="calm")
    calm.run()
    assert shards(case) == shards(calm)


def test_it_may_take_several_times(case: Case, retry: Retry) -> None:
    case.run()
    for generation in (2, 3):
        assert retry(case, hosts=(LAME,))["generation"] == generation
        case.run()
        assert case.reasons()["http_error"] == 12
        assert is_sound(case)
    case.web.down.clear()
    assert retry_rows(RetryOptions(case.run_folder, run=True, engine="inline")) == 0
    assert case.reasons() == {"kept": 32, "http_gone": 3}
    assert case.status()["complete"]
    assert is_sound(case)


def test_what_waits_is_not_planned_twice(case: Case, retry: Retry) -> None:
    case.run()
    assert retry(case, hosts=(LAME,))["rows"] == 12
    again = retry(case, hosts=(LAME,))
    assert (again["rows"], again["waiting"]) == (0, 12)
    assert retry(case)["rows"] == 0
    case.web.down.clear()
    case.run()
    assert retry(case)["waiting"] == 0


def test_a_kill_before_the_counts_were_brought_up_to_date_is_mended_by_the_next_run(case: Case, retry: Retry) -> None:
    case.run()
    case.web.down.clear()
    layout = RunLayout(case.run_folder)
    shutil.copytree(case.run_folder / "manifest", case.folder / "manifest")
    retry(case, hosts=(LAME,))
    shutil.rmtree(case.run_folder / "manifest")
    shutil.copytree(case.folder / "manifest", case.run_folder / "manifest")
    assert case.run() == 0
    assert case.reasons() == {"kept": 32, "http_gone": 3}
    assert is_sound(case)
    assert [window.generation for window in Plan.load(layout.plan_json).windows] == [0, 1, 2]


def test_a_window_without_a_plan_is_of_no_consequence(case: Case, retry: Retry) -> None:
    case.run()
    layout = RunLayout(case.run_folder)
    plan_retry(Plan.load(layout.plan_json), layout, np.array([0, 5]), 2)
    assert case.run() == 0
    assert is_sound(case)
    assert retry(case)["rows"] == 12


def test_rows_that_were_rejected_are_tried_where_their_reason_is_named(case: Case, retry: Retry) -> None:
    case.run()
    asked = case.web.counts.copy()
    assert retry(case, stage="pull", reasons=("http_gone",))["rows"] == 3
    case.run()
    assert {path.split("/")[1] for path in case.web.counts - asked} == {"gone"}
    assert case.reasons() == {"kept": 20, "http_gone": 3, "http_error": 12}
    assert is_sound(case)


def test_a_row_of_lower_id_that_comes_in_late_takes_over_from_its_duplicates(
    web: Web, tmp_path: Path, retry: Retry
) -> None:
    web.down = {LAME}
    case = Case(web, tmp_path, [web.url("copy", n, LAME if n % 2 else "127.0.0.1") for n in range(12)])
    case.run()
    assert case.reasons() == {"kept": 1, "duplicate_image": 5, "http_error": 6}
    web.down.clear()
    retry(case)
    case.run()
    assert case.reasons() == {"kept": 1, "duplicate_image": 11}
    assert case.status()["complete"]
    assert is_sound(case)


def test_second_passes_are_what_they_were(case: Case, retry: Retry) -> None:
    case.run("run.second_pass=false")
    retry(case, hosts=(LAME,))
    assert case.run() == 0
    generations = [window.generation for window in Plan.load(RunLayout(case.run_folder).plan_json).windows]
    assert generations == [0, 1]
    assert case.reasons()["http_error"] == 12
    assert is_sound(case)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reasons": ("timeuot",)}, "did you mean `timeout`?"),
        ({"stage": "pul"}, "did you mean `pull`?"),
        ({"hosts": ("127.0.1.2",)}, f"did you mean `{LAME}`?"),
        ({"engine": "spark"}, "neither ray nor inline"),
    ],
)
def test_names_that_are_none(
    case: Case, capsys: pytest.CaptureFixture[str], options: dict[str, Any], said: str
) -> None:
    case.run()
    before = files(case.run_folder / "input"), (case.run_folder / "plan.json").read_bytes()
    capsys.readouterr()
    assert retry_rows(RetryOptions(case.run_folder, **options)) == 2
    assert said in capsys.readouterr().err
    assert before == (files(case.run_folder / "input"), (case.run_folder / "plan.json").read_bytes())


def test_it_says_what_to_run(case: Case) -> None:
    case.run()
    done = shardmill("retry", str(case.run_folder))
    assert "12 rows will be tried again: http_error 12" in done.stdout
    assert f"shardmill retry {case.run_folder} --run" in done.stdout


def test_where_nothing_fits_it_says_where_to_look(case: Case) -> None:
    case.run()
    done = shardmill("retry", str(case.run_folder), "--reason", "rate_limited")
    assert done.returncode == 0
    assert "no such row is left" in done.stdout
    assert f"shardmill status {case.run_folder} --reasons" in done.stdout
