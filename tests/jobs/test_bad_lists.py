"""A list may be bad in many ways at once, and the run goes on; where all fails for one cause, it waits to be mended."""

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.pull.hostile import NXDOMAIN, SERVFAIL, Hostile, NameServer
from tests.support.runs import Case, is_sound
from tests.support.web import Web

HOSTS = 40
COLLAPSE = ("run.collapse_rows=64", "run.collapse_hosts=5")
OFTEN = ("timeout", "host_paused")
"""A silent host's rows leave as one or the other, as they are asked or not."""


@pytest.fixture
def names() -> Iterator[Hostile]:
    """Where name servers of the test's own run."""
    server = Hostile()
    yield server
    server.stop()


def bad_list(web: Web, n: int) -> list[str]:
    """35 % gone, 20 % on hosts that do not exist, 10 % on silent hosts, the others pictures; in turns."""
    found = []
    for number in range(n):
        host = f"127.0.{1 + number // 20 % (HOSTS // 2)}.1"
        match number % 20:
            case 1 | 3 | 5 | 8 | 11 | 14 | 17:
                found.append(web.url("gone", number, host))
            case 2 | 7 | 12 | 18:
                found.append(web.url("image", number, f"nowhere{number}.example"))
            case 4 | 15:
                found.append(web.url("silent", number, f"127.0.{1 + HOSTS // 2 + number // 20 % (HOSTS // 2)}.1"))
            case _:
                found.append(web.url("image", number, host))
    return found


def check(case: Case, n: int) -> None:
    told = case.reasons()
    silent = Counter({reason: told.pop(reason, 0) for reason in OFTEN})
    assert silent.total() == n // 10
    assert told == {"kept": 7 * n // 20, "http_gone": 7 * n // 20, "dns_not_found": n // 5}
    status = case.status()
    assert (status["rows"], status["undecided"], status["failed"]) == (n, 0, n // 10)


def test_a_list_that_is_bad_in_many_ways_is_pulled_to_its_end(names: Hostile, tmp_path: Path) -> None:
    asks_for = f'stages.pull.nameservers=["{names.name_server(NameServer(defaultdict(lambda: NXDOMAIN)))}"]'
    with Web(HOSTS) as web:
        case = Case(web, tmp_path, bad_list(web, 200), settings=(*COLLAPSE, asks_for, "stages.pull.deadline_s=1"))
        assert case.run() == 0
        check(case, 200)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_so_is_a_long_one_on_ray(names: Hostile, tmp_path: Path) -> None:
    asks_for = f'stages.pull.nameservers=["{names.name_server(NameServer(defaultdict(lambda: NXDOMAIN)))}"]'
    settings = (*COLLAPSE, asks_for, "stages.pull.deadline_s=2", "run.part_rows=256", "pack.shard_mb=64")
    with Web(HOSTS) as web:
        case = Case(web, tmp_path, bad_list(web, 10_000), settings=settings)
        done = subprocess.run(case.command(), capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        check(case, 10_000)
        assert is_sound(case.run_folder)


def test_where_everything_is_refused_the_run_stops_early_and_is_completed_when_it_is_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Web(HOSTS) as web:
        port = web.port
        urls = [web.url("image", number, f"127.0.{1 + number % HOSTS}.1") for number in range(300)]
    case = Case(web, tmp_path, urls, settings=COLLAPSE)
    assert case.run() == 1
    stopped_early(case, 300, "pull/connect", capsys)
    with Web(HOSTS, port) as web:
        assert case.run() == 0
        assert web.counts.total() == 300
    assert case.reasons() == {"kept": 300}


@pytest.mark.parametrize(("code", "reason"), [(SERVFAIL, "dns_error"), (NXDOMAIN, "dns_not_found")])
def test_where_no_name_is_found_the_run_stops_early_and_is_completed_when_it_is_mended(
    names: Hostile, web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, reason: str
) -> None:
    answers: defaultdict[str, int | list[str]] = defaultdict(lambda: code)
    asks_for = f'stages.pull.nameservers=["{names.name_server(NameServer(answers))}"]'
    urls = [web.url("image", number, f"host{number % 30}.example") for number in range(300)]
    case = Case(web, tmp_path, urls, settings=(*COLLAPSE, asks_for))
    assert case.run() == 1
    stopped_early(case, 300, f"pull/{reason}", capsys)
    assert web.counts.total() == 0
    answers.update({f"host{number}.example": ["127.0.0.1"] for number in range(30)})
    assert case.run() == 0
    assert case.reasons() == {"kept": 300}
    assert web.counts.total() == 300


def stopped_early(case: Case, n: int, cause: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not all rows were tried, and of none that was is a verdict left."""
    said = capsys.readouterr().err
    assert cause in said
    assert "marked for redoing" in said
    status = case.status()
    assert (status["failed"], status["rejected"], status["undecided"]) == (0, 0, n)
