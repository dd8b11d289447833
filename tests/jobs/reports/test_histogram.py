"""Who lost how many rows, and why: by stage and by host, in agreement with the accounting."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from jobs import commands
from tests.support.runs import Case, shardmill, urls
from tests.support.web import Web

LAME = "127.0.1.1"


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(hosts=2) as served:
        yield served


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    web.down = {LAME}
    there = [web.url("q60", n, "127.0.2.1") for n in range(5)]
    return Case(
        web, tmp_path, [*urls(web, image=20, gone=9, wide=4), *(web.url("half", n, LAME) for n in range(7)), *there]
    )


@pytest.fixture
def status(case: Case, capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, Any]]:
    """What `status --reasons --hosts --json` says."""

    def told() -> dict[str, Any]:
        capsys.readouterr()
        assert commands.status(case.run_folder, reasons=True, hosts=True, as_json=True) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return told


Status = Callable[[], dict[str, Any]]


def test_reasons_by_stage(case: Case, status: Status) -> None:
    case.run()
    told = [(row["stage"], row["reason"], row["outcome"], row["retriable"], row["rows"]) for row in status()["reasons"]]
    assert told == [
        ("pull", "http_gone", "rejected", False, 9),
        ("pull", "http_error", "failed", True, 7),
        ("aspect_ratio", "aspect_ratio", "rejected", False, 4),
    ]
    assert status()["reasons"][0]["share"] == 9 / 45


def test_hosts_by_the_rows_that_left(case: Case, status: Status) -> None:
    case.run()
    hosts = status()["hosts"]
    assert hosts == [
        {
            "host": "127.0.0.1",
            "rows": 33,
            "kept": 20,
            "undecided": 0,
            "reasons": {"pull/http_gone": 9, "aspect_ratio/aspect_ratio": 4},
        },
        {"host": LAME, "rows": 7, "kept": 0, "undecided": 0, "reasons": {"pull/http_error": 7}},
    ]
    assert Counter(urlsplit(url).hostname for url in case.urls)["127.0.0.1"] == 33
    said = shardmill("status", str(case.run_folder), "--reasons", "--hosts").stdout
    assert "http_gone 9, aspect_ratio 4" in said
    assert said.count("http_gone") == 2
    assert "20.0%" in said


def test_rows_that_are_under_way_are_undecided(case: Case, status: Status) -> None:
    case.run(until="pull")
    found = status()
    assert [(row["host"], row["kept"], row["undecided"]) for row in found["hosts"]] == [
        ("127.0.0.1", 0, 24),
        (LAME, 0, 0),
    ]


def test_a_run_without_any_commit(case: Case, status: Status) -> None:
    assert commands.plan(commands.RunOptions(str(case.recipe_path), case.run_folder, (str(case.table),))) == 0
    found = status()
    assert (found["hosts"], found["reasons"], found["suspects"]) == ([], [], [])
