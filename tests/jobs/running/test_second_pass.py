"""Retriable failures are tried once more in the same run, and the latest generation of a row counts."""

from pathlib import Path

from jobs.store.plan import Plan
from schemas.layout import RunLayout
from tests.support.runs import Case, is_sound, urls
from tests.support.web import Web


def test_what_failed_in_passing_is_kept_and_what_fails_again_is_accounted_for_once(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=30, flaky=9, broken=5, gone=4))
    assert case.run() == 0
    assert case.reasons() == {"kept": 39, "http_error": 5, "http_gone": 4}
    assert {n for path, n in web.counts.items() if path.startswith("/gone")} == {1}
    assert {n for path, n in web.counts.items() if path.startswith("/broken")} == {2}
    status = case.status()
    assert (status["rows"], status["kept"], status["failed"]) == (48, 39, 5)
    assert [hop["entered"] for hop in status["hops"].values()] == [48, 39, 39, 39]
    assert is_sound(case.run_folder)


def test_it_happens_once(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=3, broken=3))
    case.run()
    asked = web.counts.copy()
    case.run()
    assert web.counts == asked
    assert [window.generation for window in Plan.load(RunLayout(case.run_folder).plan_json).windows] == [0, 1]


def test_it_can_be_left_out(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=3, broken=3))
    case.run("run.second_pass=false")
    assert web.counts.total() == 6


def test_a_retried_row_takes_its_place_in_the_data_set(web: Web, tmp_path: Path) -> None:
    disturbed = Case(web, tmp_path, urls(web, image=20, flaky=20), output="disturbed")
    disturbed.run()
    calm = Case(web, tmp_path, disturbed.urls, output="calm")  # the flaky ones answer at once by now
    calm.run()
    assert len(Plan.load(RunLayout(calm.run_folder).plan_json).windows) == 1
    shards = {name: content for name, content in calm.dataset().items() if name.endswith(".parquet")}
    assert shards.items() <= disturbed.dataset().items()


def test_a_retried_row_of_lower_id_takes_over_from_its_duplicates(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, flaky=12, image=12))
    case.urls += [url for url in case.urls if "flaky" in url]  # the same picture again, under another caption
    case.run()
    assert case.reasons() == {"kept": 24, "duplicate_image": 12}
