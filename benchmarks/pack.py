"""What packing costs beside bare pyarrow: the same columns, read and written at the same settings, on two CPUs.

    python -m benchmarks.pack [--rows N] [--rounds R]

A run over the benchmark's web is made first and kept. Then each round writes its shards in turns: with our shard jobs
in two processes, and with bare pyarrow in two processes, each of which reads finished shards by row group and writes
them again, once as pyarrow leaves them and once synced to disk, as ours are before they get their names. Told are MB of
shards a second from the first job to the last, and MB a second of CPU time. In the end `shardmill pack` runs on a Ray
cluster of its own, and is told as a whole command, with its peak memory above that of an idle cluster.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import Measurement
from benchmarks.web import serving
from jobs.cards.write import run_in_processes
from jobs.launch import saved_recipe
from jobs.packing.cut import cut
from jobs.packing.groups import validation_rows
from jobs.packing.pack import SHARDS, shard_jobs
from jobs.packing.shards import write_shard
from jobs.running.state import RunState
from jobs.store.manifest import Manifest
from jobs.store.plan import Plan
from schemas.chatml import ROW_GROUP_ROWS, parquet_options
from schemas.layout import RunLayout

_HERE = Path(__file__).parent
_RUN = _HERE / ".data" / "pack"
_PROGRAM = Path(sys.executable).parent / "shardmill"
_PROCESSES = 2
_WEB_ITEMS = 5000
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def make_run(rows: int) -> None:
    """A run of `rows` pulled images, packed once; one that is there is kept."""
    stamp = _RUN / "rows"
    if stamp.exists() and stamp.read_text() == str(rows):
        return
    shutil.rmtree(_RUN, ignore_errors=True)
    _RUN.mkdir(parents=True)
    with serving(_WEB_ITEMS) as web:
        urls = web.url_table(_WEB_ITEMS)
        found = [urls.slice(0, min(_WEB_ITEMS, rows - at)) for at in range(0, rows, _WEB_ITEMS)]
        table = pa.concat_tables(
            part.set_column(0, "url", pa.array([f"{url}?{number}" for url in part["url"].to_pylist()]))
            for number, part in enumerate(found)
        )
        pq.write_table(table, _RUN / "urls.parquet")
        command = [_PROGRAM, "run", _HERE / "pull.yaml", "--input", _RUN / "urls.parquet", "--output", _RUN / "run"]
        subprocess.run([*command, "--engine", "inline"], env=_ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    stamp.write_text(str(rows))


class Speed(NamedTuple):
    """MB of shards a second."""

    wall: float
    cpu: float


def ours() -> Speed:
    """Our shard jobs."""
    layout = RunLayout(_RUN / "run")
    state = RunState(layout, saved_recipe(layout), Plan.load(layout.plan_json))
    state.claim()
    whole = cut(state, validation_rows(state, run_in_processes))
    return _timed([(write_shard, job) for job in shard_jobs(state, whole)])


def bare(copy: Callable[[tuple[Path, Path]], None]) -> Speed:
    """Pyarrow alone."""
    target = _RUN / "bare"
    target.mkdir(exist_ok=True)
    shards = sorted(RunLayout(_RUN / "run").shards.iterdir())
    return _timed([(copy, (path, target / path.name)) for path in shards])


def copied(job: tuple[Path, Path]) -> None:
    """Read a shard by row group and write it again."""
    source, target = job
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, **parquet_options()) as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group, use_threads=False), row_group_size=ROW_GROUP_ROWS)


def copied_and_synced(job: tuple[Path, Path]) -> None:
    """The same, lasting through a power cut."""
    copied(job)
    with job[1].open("rb") as file:
        os.fsync(file.fileno())


def _timed(jobs: list[tuple[Callable[[Any], object], Any]]) -> Speed:
    """Do `jobs` in two warm processes."""
    size = sum(path.stat().st_size for path in RunLayout(_RUN / "run").shards.iterdir()) / 1e6
    with get_context("spawn").Pool(_PROCESSES) as pool:
        pool.map(_warm, range(_PROCESSES), chunksize=1)
        started = time.perf_counter()
        cpu = sum(pool.starmap(_cpu_s, jobs, chunksize=1))
        return Speed(size / (time.perf_counter() - started), size / cpu)


def _cpu_s(work: Callable[[Any], object], job: Any) -> float:
    before = time.process_time()
    work(job)
    return time.process_time() - before


def _warm(_: int) -> None:
    time.sleep(1.0)  # both processes have imported everything by the end of it


def command_on_ray() -> Measurement:
    """The whole command; every shard is written anew."""
    layout = RunLayout(_RUN / "run")
    layout.card.unlink(missing_ok=True)
    for commit in list(manifest := Manifest(layout, SHARDS)):
        manifest.forget(commit.part)
    manifest.compact()
    return _measure("pack", [str(_PROGRAM), "pack", str(layout.root)])


def _measure(label: str, command: list[str]) -> Measurement:
    log = _RUN / f"{label}.log"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", "--label", label, "--log", log, "--", *command],
        cwd=_HERE.parent,
        env=_ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measurement(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    make_run(options.rows)
    size = sum(path.stat().st_size for path in RunLayout(_RUN / "run").shards.iterdir())
    print(f"{options.rows} rows, {size / 1e6:,.0f} MB of shards; load {os.getloadavg()[0]:.1f}")
    ratios: dict[str, list[float]] = {}
    for round_ in range(options.rounds):
        mine = ours()
        print(f"round {round_}: ours {mine.wall:,.0f} MB/s, {mine.cpu:,.0f} MB per CPU second")
        for name, copy in (("bare", copied), ("bare, synced", copied_and_synced)):
            theirs = bare(copy)
            print(f"  {name}: {theirs.wall:,.0f} MB/s, {theirs.cpu:,.0f} MB per CPU second")
            ratios.setdefault(f"wall, {name}", []).append(mine.wall / theirs.wall)
            ratios.setdefault(f"CPU, {name}", []).append(mine.cpu / theirs.cpu)
    for what, found in ratios.items():
        print(f"ratio of {what}: median {statistics.median(found):.2f} of {', '.join(f'{one:.2f}' for one in found)}")
    idle = _measure("idle", [sys.executable, "-m", "benchmarks.idle_cluster"])
    ray = command_on_ray()
    print(
        f"shardmill pack on Ray: {ray.wall_s:.1f} s, {ray.cpu_s:.1f} CPU s (idle cluster {idle.wall_s:.1f}, "
        f"{idle.cpu_s:.1f}); peak {ray.peak_pss_mb - idle.peak_pss_mb:,.0f} MB PSS above it"
    )


if __name__ == "__main__":
    main()
