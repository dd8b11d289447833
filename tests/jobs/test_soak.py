"""A long list with failures of every kind: rows end as planned, and workers hold no more at the end than at first."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.layout import RunLayout
from tests.support.runs import SHARDMILL, reasons, shardmill
from tests.support.soak_web import ENDS, planned

ROOT = Path(__file__).parents[2]
ROWS = int(os.environ.get("SOAK_ROWS", "200000"))
RECIPE = """\
name: soak
stages:
  - stage: pull
    allow: ["127.0.0.0/8"]
    deadline_s: 5
    nameservers: ["127.0.0.1:{names}"]
run: {{min_free_gb: 0, mb_in_flight: 64}}
"""
_MOST_DESCRIPTORS = 2 * 64 + 300
"""Connections in use by `concurrency` and as many kept open for the next row, and what a worker has open besides."""


class Sample(NamedTuple):
    """What the workers that pull held at one moment."""

    progress: float
    pss_mb: float
    descriptors: int


class Soak(NamedTuple):
    """A finished run."""

    folder: Path
    kinds: Counter[str]
    samples: list[Sample]
    command: list[str]


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soak]:
    folder = tmp_path_factory.mktemp("soak")
    serving = [sys.executable, "-m", "tests.support.soak_web"]
    with subprocess.Popen(serving, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port, names = map(int, server.stdout.readline().split())
        plan = planned(ROWS, port)
        urls = [url for _, url in plan]
        pq.write_table(pa.table({"url": urls, "caption": ["a picture"] * len(urls)}), folder / "pairs.parquet")
        (folder / "soak.yaml").write_text(RECIPE.format(names=names))
        where = ["--input", str(folder / "pairs.parquet"), "--output", str(folder / "run"), "--until", "pull"]
        command = [SHARDMILL, "run", str(folder / "soak.yaml"), *where]
        with (folder / "said").open("w") as said:
            driver = psutil.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            samples = list(watch(driver, folder / "run"))
        assert driver.returncode == 0, (folder / "said").read_text()[-3000:]
        yield Soak(folder, Counter(kind for kind, _ in plan), samples, command)
        server.communicate()


def watch(driver: Any, run: Path) -> Iterator[Sample]:
    """Look at the workers once a second until the driver ends."""
    while driver.poll() is None:
        time.sleep(1)
        workers = []
        for process in driver.children(recursive=True):
            try:
                if " ".join(process.cmdline()).startswith("ray::_HopActor"):
                    workers.append((process.memory_full_info().pss / 1e6, process.num_fds()))
            except psutil.Error:
                continue
        if workers:
            yield Sample(progress(run), sum(pss for pss, _ in workers), max(open_ for _, open_ in workers))


def progress(run: Path) -> float:
    """The share of rows that are committed."""
    try:
        beat = json.loads(RunLayout(run).heartbeat.read_text())
    except (OSError, ValueError):
        return 0.0
    return float(beat["hops"].get("pull", {"entered": 0})["entered"]) / ROWS


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_rows_add_up_to_what_was_planned(soak: Soak) -> None:
    told = reasons(soak.folder / "run")
    assert told.total() == ROWS
    for kind, ends in ENDS.items():
        if ends == ("kept",) or kind in ("dead", "silent"):
            continue
        (end,) = [end for end in ends if end in told]
        assert (kind, told.pop(end)) == (kind, soak.kinds[kind])
    kept = soak.kinds["image"] + soak.kinds["moved"]
    assert told.pop("kept") == kept == 7 * ROWS // 10
    assert told.total() == soak.kinds["dead"] + soak.kinds["silent"]
    assert told["connect"] <= soak.kinds["dead"]
    assert told["timeout"] <= soak.kinds["silent"]
    assert told.keys() <= {"connect", "timeout", "host_paused"}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_memory_stays_flat_and_descriptors_few(soak: Soak) -> None:
    samples = soak.samples
    end_of_first_pass = max(range(len(samples)), key=lambda at: samples[at].progress)
    first = median(sample.pss_mb for sample in samples if 0.05 <= sample.progress <= 0.15)
    last = median(sample.pss_mb for sample in samples[: end_of_first_pass + 1] if sample.progress >= 0.9)
    assert last < 1.1 * first, samples
    assert max(sample.pss_mb for sample in samples[end_of_first_pass:]) < 1.1 * first, samples
    assert max(sample.descriptors for sample in samples) <= _MOST_DESCRIPTORS, samples


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_finished_run_is_found_finished_at_once(soak: Soak) -> None:
    """Nothing is left to do, so no cluster is started: what it takes is the scan."""
    seconds = []
    for _ in range(3):  # the machine may be busy with something else
        started = time.monotonic()
        done = subprocess.run(soak.command, capture_output=True, text=True, timeout=120, check=False)
        seconds.append(time.monotonic() - started)
        assert done.returncode == 0, done.stderr
    assert min(seconds) < 5
    assert shardmill("status", str(soak.folder / "run"), "--json", timeout=60).returncode == 0
