"""What a run's report says of its speed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.runs import Case, urls
from tests.support.web import Web


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, image=20, wide=3, gone=2))


def told(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((case.run_folder / "report/speed.json").read_text())
    assert all(0 <= hop["seconds"] <= found["seconds"] for hop in found["hops"].values())
    return {name: hop["rows"] for name, hop in found["hops"].items()}


def test_every_hop_is_told_with_the_rows_that_it_took(case: Case) -> None:
    assert case.run() == 0
    entered = {name: hop["entered"] for name, hop in case.status()["hops"].items()}
    assert told(case) == entered == {"pull": 25, "filter": 23, "exact_duplicates": 20, "pack": 20}


def test_only_what_was_done_this_time_is_told_and_doing_nothing_tells_nothing(case: Case) -> None:
    assert case.run(until="filter") == 0
    assert told(case) == {"pull": 25, "filter": 23}
    for _ in range(2):
        assert case.run() == 0
        assert told(case) == {"exact_duplicates": 20, "pack": 20}


def test_nothing_of_it_is_in_the_data_set(case: Case) -> None:
    assert case.run() == 0
    assert not any(b"rows_per_s" in content for content in case.dataset().values())
