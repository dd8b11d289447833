"""Pull 5,000 images: shardmill beside img2dataset, on the same loopback web, in the same rounds.

    python -m benchmarks.pull [--rounds 3] [--only ENGINE …]

Every round runs every engine on 2,500 and on 5,000 URLs. *All-in* is the CPU time of everything the command starts,
by the URL; *marginal* is the slope between the two sizes, without the start. An idle Ray cluster is measured in
every round, for memory above it. Each output is checked row by row against what was served. Figures are medians;
every measurement is a line in ``benchmarks/.data/results.jsonl``; the table and the goals go to stdout.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq

from benchmarks.engines import ENGINES, ENVIRONMENT, Accounting, Engine, account
from benchmarks.measure import Measurement
from benchmarks.peers import peer
from benchmarks.web import DATA, Web, WebError, serving

SIZES = (2500, 5000)
CPUS = 2
_WARM_UP = 200
_ROOT = Path(__file__).parent.parent
_IDLE = "idle cluster"
_RESULTS = DATA / "results.jsonl"
_MARGINAL_GOAL = 0.6  # × img2dataset's
_INLINE_GOAL = 0.5  # × img2dataset's
_PSS_GOAL_MB = 800


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds of one engine; `small` and `large` by the size of the URL table."""

    small_cpu_s: float
    large_cpu_s: float
    wall_s: float
    pss_mb: float
    first_s: float
    accounting: Accounting

    @property
    def all_in_ms(self) -> tuple[float, float]:
        return 1e3 * self.small_cpu_s / SIZES[0], 1e3 * self.large_cpu_s / SIZES[1]

    @property
    def marginal_ms(self) -> float:
        return 1e3 * (self.large_cpu_s - self.small_cpu_s) / (SIZES[1] - SIZES[0])


@dataclass(frozen=True, slots=True)
class _Run:
    engine: str
    size: int
    measurement: Measurement
    accounting: Accounting | None


class RunError(RuntimeError):
    """A measured command failed; the message holds the end of its output."""


def run_rounds(engines: Sequence[Engine], rounds: int) -> list[_Run]:
    """All measurements; each is appended to the results as soon as it is there."""
    runs: list[_Run] = []
    for name in ("img2dataset", "ceiling"):
        peer(name)
    with serving(max(SIZES), hosts=1, ttl=(rounds + 1) * len(engines) * len(SIZES) * 180) as web:
        for engine in engines:  # not recorded: after it, bytecode and files are where they will be
            _run_engine(engine, _WARM_UP, web)
        for round_ in range(rounds):
            shift = round_ % len(engines)  # so that no engine always follows the same one
            for engine in (*engines[shift:], *engines[:shift]):
                runs += [_record(round_, _run_engine(engine, size, web)) for size in SIZES]
            if any(engine.name == "ray" for engine in engines):
                runs.append(_record(round_, _run_idle()))
    return runs


def _run_engine(engine: Engine, size: int, web: Web) -> _Run:
    urls = web.write_url_table(size)
    output = DATA / "output"
    shutil.rmtree(output, ignore_errors=True)
    measurement = _measure(f"{engine.name}-{size}", engine.command(urls, output), first=(output, engine.first))
    asked = set(pq.read_table(urls, columns=["uid"])["uid"].to_pylist())
    accounting = account(engine.stored(output), [item for item in web.items if item.index in asked])
    shutil.rmtree(output)
    return _Run(engine.name, size, measurement, accounting)


def _run_idle() -> _Run:
    return _Run(_IDLE, 0, _measure("idle", [sys.executable, "-m", "benchmarks.idle_cluster"]), None)


def _measure(label: str, command: Sequence[str | Path], first: tuple[Path, str] | None = None) -> Measurement:
    """In a process of its own, which must have no other children (see `benchmarks.measure`)."""
    log = DATA / f"{label}.log"
    watching = ["--first", *map(str, first)] if first else []
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.measure", "--label", label, "--cpus", str(CPUS), "--log", log),
            *watching,
            "--",
            *command,
        ],
        cwd=_ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise RunError(f"{label} failed, see {log}:\n{log.read_text(errors='replace')[-2000:]}")
    return Measurement(**json.loads(done.stdout))


def _record(round_: int, run: _Run) -> _Run:
    line = {"round": round_, **asdict(run), "at": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    with _RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")
    measured = run.measurement
    print(
        f"round {round_ + 1}  {run.engine:12} {run.size:5}  {measured.cpu_s:6.1f} CPU s  {measured.wall_s:5.1f} s  "
        f"{measured.peak_pss_mb:5.0f} MB  load {measured.load}",
        file=sys.stderr,
    )
    return run


def figures_of(runs: Sequence[_Run], engine: str) -> Figures:
    """Medians over the rounds. Raises `ValueError` when two rounds' accounting differs: that is no noise."""
    small, large = ([run for run in runs if (run.engine, run.size) == (engine, size)] for size in SIZES)
    accountings = {run.accounting for run in large}
    if len(accountings) != 1 or (accounting := accountings.pop()) is None:
        raise ValueError(f"{engine} kept different rows in different rounds")
    return Figures(
        small_cpu_s=median(run.measurement.cpu_s for run in small),
        large_cpu_s=median(run.measurement.cpu_s for run in large),
        wall_s=median(run.measurement.wall_s for run in large),
        pss_mb=median(run.measurement.peak_pss_mb for run in large),
        first_s=median(run.measurement.first_s or float("nan") for run in large),
        accounting=accounting,
    )


def report(engines: Sequence[Engine], runs: Sequence[_Run]) -> str:
    """The Markdown table, and the goals beside what was measured."""
    figures = {engine.name: figures_of(runs, engine.name) for engine in engines}
    idle = [run.measurement for run in runs if run.engine == _IDLE]
    idle_pss_mb = median(measured.peak_pss_mb for measured in idle) if idle else 0.0
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {CPUS} of {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, load {min(r.measurement.load for r in runs)}–"
        f"{max(r.measurement.load for r in runs)}",
        "",
        "| engine | CPU all-in, 2,500 | CPU all-in, 5,000 | CPU marginal | wall, 5,000 | peak PSS | above idle cluster "
        "| first commit | kept | lost | spurious | altered |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for engine in engines:
        it = figures[engine.name]
        above = f"{it.pss_mb - idle_pss_mb:,.0f} MB" if engine.name == "ray" else "–"
        rows = it.accounting
        lines.append(
            f"| {engine.title} | {it.all_in_ms[0]:.2f} ms | {it.all_in_ms[1]:.2f} ms | {it.marginal_ms:.2f} ms "
            f"| {it.wall_s:.1f} s | {it.pss_mb:,.0f} MB | {above} | {it.first_s:.1f} s "
            f"| {rows.kept:,} | {rows.lost} | {rows.spurious} | {rows.altered} |"
        )
    if idle:
        cpu_s = median(measured.cpu_s for measured in idle)
        lines.append(f"| idle Ray cluster, 5 s | {cpu_s:.1f} s in all | | | | {idle_pss_mb:,.0f} MB | | | | | | |")
    return "\n".join([*lines, "", *_goals(figures, idle_pss_mb)])


def _goals(figures: dict[str, Figures], idle_pss_mb: float) -> list[str]:
    if not {"img2dataset", "inline", "ray"} <= figures.keys():
        return []
    peer_, inline, ray = (figures[name] for name in ("img2dataset", "inline", "ray"))
    goals = [
        (f"{name}: marginal CPU ÷ img2dataset's", it.marginal_ms / peer_.marginal_ms, _MARGINAL_GOAL)
        for name, it in (("inline", inline), ("Ray", ray))
    ]
    goals.append(("inline: all-in CPU at 5,000 ÷ img2dataset's", inline.large_cpu_s / peer_.large_cpu_s, _INLINE_GOAL))
    goals.append(("Ray: PSS above the idle cluster, MB", ray.pss_mb - idle_pss_mb, _PSS_GOAL_MB))
    return [
        "| goal | at most | measured | |",
        "|---|---|---|---|",
        *(
            f"| {what} | {limit:g} | {value:.3g} | {'met' if value <= limit else 'missed'} |"
            for what, value, limit in goals
        ),
    ]


def main() -> int:
    names = [engine.name for engine in ENGINES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pull", description="Pull 5,000 images side by side.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="ENGINE", help=", ".join(names))
    options = parser.parse_args()
    engines = [engine for engine in ENGINES if engine.name in options.only]
    try:
        runs = run_rounds(engines, options.rounds)
    except (WebError, RunError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report(engines, runs))
    wrong = [
        f"{run.engine} at {run.size}: {run.accounting}"
        for run in runs
        if run.accounting and not run.accounting.exact and any(e.ours and e.name == run.engine for e in engines)
    ]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
