"""kill -9 at random moments, then the same command again: nothing lost, nothing doubled, nothing fetched twice."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tests.support.runs import Case, is_sound, truth, urls
from tests.support.web import Web

MIX = {"image": 220, "copy": 12, "gone": 20, "broken": 8, "wide": 10, "small": 10, "page": 6, "flaky": 0}
ROWS = sum(MIX.values())
SETTINGS = ("pack.split.validation=0.2",)


def committed_urls(case: Case) -> Counter[str]:
    """URLs of the rows in committed parts of the pull layer: times they were committed."""
    windows = [pq.read_table(path, columns=["id", "url"]) for path in (case.run_folder / "input").glob("*.parquet")]
    path_of = {row["id"]: "/" + row["url"].split("/", 3)[3] for window in windows for row in window.to_pylist()}
    layers = (case.run_folder / "layers/pull").glob("part-*.parquet")
    ids = [row for layer in layers for row in pq.read_table(layer, columns=["id"])["id"].to_pylist()]
    return Counter(path_of[row] for row in ids)


def victim(driver: psutil.Process, whom: str, chance: random.Random) -> list[int]:
    """The processes to kill."""
    if whom == "driver":
        return [driver.pid]
    names = ("ray::_HopActor", "ray::_run_task", "ray::IDLE")
    workers = [child for child in driver.children(recursive=True) if " ".join(child.cmdline()).startswith(names)]
    return [chance.choice(workers).pid] if workers else []


def run_killed(case: Case, engine: str, whom: str, seed: int) -> None:
    """Start a run and kill somebody once so many requests were answered, as `seed` says."""
    chance = random.Random(seed)
    moment = chance.randrange(1, ROWS)
    asked = case.web.counts.total()
    driver = psutil.Popen(
        case.command("--engine", engine), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while driver.poll() is None and case.web.counts.total() - asked < moment:
        time.sleep(0.005)
    time.sleep(chance.random() * 0.3)
    if whom == "group":
        os.killpg(driver.pid, signal.SIGKILL)
    else:
        for pid in victim(driver, whom, chance) if driver.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
    driver.wait(timeout=200)


def check(web: Web, tmp_path: Path, engine: str, whom: str, seed: int) -> None:
    calm = Case(web, tmp_path, urls(web, **MIX), output="calm", settings=SETTINGS)
    assert calm.run() == 0
    case = Case(web, tmp_path, calm.urls, output="killed", settings=SETTINGS)
    web.counts.clear()
    run_killed(case, engine, whom, seed)
    before, asked = committed_urls(case), web.counts.copy()
    again = subprocess.run(case.command("--engine", engine), capture_output=True, text=True, timeout=250, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert case.reasons() == truth(**MIX)
    assert case.dataset() == calm.dataset()
    assert is_sound(case.run_folder)
    fetched_again = web.counts - asked
    twice = {path: n for path, n in before.items() if fetched_again[path] > (n == 1 and path.startswith("/broken"))}
    assert {path for path in twice if not path.startswith("/copy")} == set()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
def test_inline(web: Web, tmp_path: Path, seed: int) -> None:
    check(web, tmp_path, "inline", "driver", seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("whom", ["driver", "worker", "group"])
@pytest.mark.parametrize("seed", range(10, 14))
def test_on_ray(web: Web, tmp_path: Path, whom: str, seed: int) -> None:
    check(web, tmp_path, "ray", whom, seed)
