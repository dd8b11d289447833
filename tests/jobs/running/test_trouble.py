"""Collapse, full disk, stop: the run ends or waits as it should, and what is committed stays."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.layout import RunLayout
from tests.support.runs import Case, shardmill, truth, urls
from tests.support.web import Web

HOSTS = 20
COLLAPSE = ("run.collapse_rows=64", "run.collapse_hosts=5", "run.second_pass=false")


def spread(web: Web, kind: str, n: int) -> list[str]:
    """URLs over many hosts, all of them this machine."""
    return [web.url(kind, number, f"127.0.{1 + number % HOSTS}.1") for number in range(n)]


@pytest.fixture
def wide_web() -> Iterator[Web]:
    with Web(HOSTS) as served:
        yield served


def test_one_cause_over_many_hosts_stops_the_run_and_its_parts_are_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Web(HOSTS) as web:
        case = Case(web, tmp_path, spread(web, "image", 200), settings=COLLAPSE)
    assert case.run() == 1
    said = capsys.readouterr().err
    assert "pull/connect" in said
    assert "marked for redoing" in said
    assert case.status()["failed"] == 0
    assert case.status()["undecided"] > 0


def test_one_cause_stops_the_run_though_few_rows_were_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Web(HOSTS) as web:
        listed = [web.url("image", number, f"127.0.{1 + number % 5}.1") for number in range(400)]
    settings = (*COLLAPSE, "stages.pull.robots=false", "stages.pull.tries=1", "stages.pull.per_host=1")
    case = Case(web, tmp_path, listed, settings=settings)
    assert case.run() == 1
    said = capsys.readouterr().err
    assert "many hosts: pull/connect" in said
    assert "host_paused" not in said
    assert case.status()["failed"] == 0


def test_one_cause_on_one_host_is_the_hosts_affair(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [web.url("broken", n) for n in range(200)], settings=COLLAPSE)
    assert case.run() == 0
    assert case.reasons() == {"http_error": 200}


def test_a_second_pass_over_many_failures_of_one_cause_is_no_collapse(wide_web: Web, tmp_path: Path) -> None:
    listed = [url for n in range(100) for url in spread(wide_web, "image", 5 * n + 5)[-5:]] + spread(
        wide_web, "broken", 100
    )
    case = Case(wide_web, tmp_path, listed, settings=COLLAPSE[:2])
    assert case.run() == 0
    assert case.reasons() == {"kept": 500, "http_error": 100}


def test_a_collapse_that_somebody_stops_leaves_no_verdicts(wide_web: Web, tmp_path: Path) -> None:
    wide_web.dead_for = 10_000
    slow = ("stages.pull.concurrency=4", "run.collapse_rows=100000", "run.collapse_hosts=5", "run.second_pass=false")
    case = Case(wide_web, tmp_path, spread(wide_web, "image", 400), settings=slow)
    driver = subprocess.Popen(case.command("--engine", "inline"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while wide_web.counts.total() < 100:
        time.sleep(0.01)
    driver.send_signal(signal.SIGTERM)
    driver.communicate(timeout=60)
    wide_web.dead_for = 0
    assert case.run() == 0
    assert case.reasons() == {"kept": 400}


def test_a_bad_list_has_many_causes_and_goes_on(wide_web: Web, tmp_path: Path) -> None:
    dead = spread(wide_web, "gone", 90) + spread(wide_web, "broken", 60) + spread(wide_web, "image", 50)
    case = Case(wide_web, tmp_path, dead, settings=COLLAPSE)
    assert case.run() == 0
    assert case.reasons() == {"http_gone": 90, "http_error": 60, "kept": 50}


def test_a_collapse_that_passes_is_outlasted(wide_web: Web, tmp_path: Path) -> None:
    wide_web.dead_for = 100
    case = Case(wide_web, tmp_path, spread(wide_web, "image", 200), settings=COLLAPSE[:2])
    assert case.run() == 0
    assert case.reasons() == {"kept": 200}


def test_a_stopped_run_keeps_what_is_committed_and_goes_on(web: Web, tmp_path: Path) -> None:
    mix = {"image": 300, "gone": 40}
    case = Case(web, tmp_path, urls(web, **mix), settings=("stages.pull.concurrency=1",))
    driver = subprocess.Popen(case.command("--engine", "inline"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while web.counts.total() < 60 and driver.poll() is None:
        time.sleep(0.01)
    driver.send_signal(signal.SIGTERM)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 1, said
    assert b"the same command goes on" in said
    asked = web.counts.total()
    assert 0 < asked < 340
    committed = case.status()["hops"]["pull"]["entered"]
    assert case.run() == 0
    assert case.reasons() == truth(**mix)
    assert web.counts.total() <= 340 + (asked - committed)


def test_a_full_disk_pauses_the_run(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=20), settings=("run.min_free_gb=1000000",))
    driver = subprocess.Popen(case.command("--engine", "inline"), stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    lines = iter(driver.stdout.readline, "")
    assert next(line for line in lines if "paused" in line)
    assert "paused" in shardmill("status", str(case.run_folder)).stdout
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=60) == 1
    driver.stdout.close()
    assert web.counts.total() == 0


def test_a_second_driver_is_refused(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=20), settings=("run.min_free_gb=1000000",))
    first = subprocess.Popen(case.command("--engine", "inline"), stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert next(line for line in iter(first.stdout.readline, "") if "paused" in line)
    second = subprocess.run(case.command("--engine", "inline"), capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert str(first.pid) in second.stderr
    first.kill()
    first.wait()
    first.stdout.close()


def test_a_bug_of_ours_stops_the_run_and_names_the_part(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(web, tmp_path, urls(web, image=40))
    case.run(until="pull")
    broken = RunLayout(case.run_folder).layer("pull") / "part-000001.parquet"
    size = broken.stat().st_size
    broken.write_bytes(b"x" * size)  # as long as before: only reading it shows
    assert case.run() == 1
    assert "part 1 of filter" in capsys.readouterr().err
    assert shardmill("verify", str(case.run_folder)).returncode == 1
