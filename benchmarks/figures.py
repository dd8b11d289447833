"""What the measurements of `benchmarks.pull` come to: medians, tables, and the goals beside what was measured."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.engines import Accounting, Engine
from benchmarks.measure import Measurement

SIZES = (2500, 10_000)
LARGE = 50_000
CPUS = 2
IDLE = "idle cluster"

_PEER, _CEILING, _OURS = "img2dataset", "ceiling", ("inline", "ray")
_MARGINAL_GOAL = 0.4  # × img2dataset's, skip_reencode
_CEILING_GOAL = 1.35  # × the ceiling's, at its perceptual hash
_WALL_GOAL = 2.0  # × the throughput of img2dataset's best setting
_PSS_GOAL = 0.6  # × img2dataset's


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run; `hosts` is "one" or "many"."""

    engine: str
    hosts: str
    size: int
    measurement: Measurement
    accounting: Accounting | None


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


Goal = tuple[str, str, float, bool]
"""What, its limit in words, what was measured, and whether it is met."""


def report(engines: Sequence[Engine], runs: Sequence[Run]) -> str:
    """Markdown: the setting, a table for each web and one for the large run, and the goals."""
    loads = [run.measurement.load for run in runs]
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M')}, {platform.machine()}, {CPUS} of {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, load {min(loads)}–{max(loads)}",
        "",
    ]
    idle_mb = median([run.measurement.peak_pss_mb for run in runs if run.engine == IDLE] or [float("nan")])
    idle_cpu_s = median([run.measurement.cpu_s for run in runs if run.engine == IDLE] or [float("nan")])
    lines += [f"Idle Ray cluster, 5 s: {idle_cpu_s:.1f} CPU s, {idle_mb:,.0f} MB.", ""]
    goals: list[Goal] = []
    for hosts in ("one", "many"):
        figures = {
            engine.name: found for engine in engines if (found := _figures_of(runs, engine.name, hosts)) is not None
        }
        if figures:
            lines += [f"{hosts} host{'s' * (hosts == 'many')}:", "", *_table(engines, figures, idle_mb), ""]
            goals += _goals(figures, hosts)
    large = {engine.name: _large_of(runs, engine.name) for engine in engines}
    if any(large.values()):
        lines += [*_large_table(engines, large, idle_mb), ""]
        goals += _large_goals(large, idle_mb)
    rows = [f"| {what} | {limit} | {value:.3g} | {'met' if met else 'missed'} |" for what, limit, value, met in goals]
    return "\n".join([*lines, "| goal | | measured | |", "|---|---|---|---|", *rows])


def _figures_of(runs: Sequence[Run], engine: str, hosts: str) -> Figures | None:
    """Medians over the rounds. Raises `ValueError` when two rounds' accounting differs: that is no noise."""
    small, large = ([run for run in runs if (run.engine, run.hosts, run.size) == (engine, hosts, n)] for n in SIZES)
    if not small or not large:
        return None
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


def _table(engines: Sequence[Engine], figures: Mapping[str, Figures], idle_mb: float) -> list[str]:
    small, large = (f"{size:,}" for size in SIZES)
    lines = [
        f"| engine | CPU all-in, {small} | CPU all-in, {large} | CPU marginal | wall, {large} | peak PSS "
        "| above idle cluster | first commit | kept | lost | spurious | altered |",
        "|---" * 12 + "|",
    ]
    for engine in engines:
        if engine.name not in figures:
            continue
        it = figures[engine.name]
        above = f"{it.pss_mb - idle_mb:,.0f} MB" if engine.name == "ray" else "–"
        rows = it.accounting
        lines.append(
            f"| {engine.title} | {it.all_in_ms[0]:.2f} ms | {it.all_in_ms[1]:.2f} ms | {it.marginal_ms:.2f} ms "
            f"| {it.wall_s:.1f} s | {it.pss_mb:,.0f} MB | {above} | {it.first_s:.1f} s "
            f"| {rows.kept:,} | {rows.lost} | {rows.spurious} | {rows.altered} |"
        )
    return lines


def _goals(figures: Mapping[str, Figures], hosts: str) -> list[Goal]:
    goals: list[Goal] = []
    for other, limit in ((_PEER, _MARGINAL_GOAL), (_CEILING, _CEILING_GOAL)):
        for ours in _OURS:
            if other in figures and ours in figures:
                ratio = figures[ours].marginal_ms / figures[other].marginal_ms
                what = f"{hosts} host{'s' * (hosts == 'many')}, {ours}: marginal CPU ÷ {other}'s"
                goals.append((what, f"≤ {limit:g}", ratio, ratio <= limit))
    return goals


def _large_of(runs: Sequence[Run], engine: str) -> Measurement | None:
    """Of several rounds, the one with the median wall time."""
    found = sorted(
        (run.measurement for run in runs if (run.engine, run.size) == (engine, LARGE)), key=lambda it: it.wall_s
    )
    return found[len(found) // 2] if found else None


def _large_table(engines: Sequence[Engine], large: Mapping[str, Measurement | None], idle_mb: float) -> list[str]:
    lines = [
        f"| {LARGE:,} images, one host | wall | images/s | CPU | peak PSS | above idle cluster |",
        "|---" * 6 + "|",
    ]
    for engine in engines:
        if it := large[engine.name]:
            above = f"{it.peak_pss_mb - idle_mb:,.0f} MB" if engine.name == "ray" else "–"
            lines.append(
                f"| {engine.title} | {it.wall_s:.1f} s | {LARGE / it.wall_s:,.0f} | {it.cpu_s:.1f} s "
                f"| {it.peak_pss_mb:,.0f} MB | {above} |"
            )
    return lines


def _large_goals(large: Mapping[str, Measurement | None], idle_mb: float) -> list[Goal]:
    peers = [it for name, it in large.items() if it and name.startswith(_PEER)]
    ray = large.get("ray")
    if not peers or not ray:
        return []
    best = min(peers, key=lambda it: it.wall_s)
    faster, pss = best.wall_s / ray.wall_s, (ray.peak_pss_mb - idle_mb) / best.peak_pss_mb
    return [
        (
            f"{LARGE:,}: throughput ÷ that of img2dataset's best setting",
            f"≥ {_WALL_GOAL:g}",
            faster,
            faster >= _WALL_GOAL,
        ),
        (f"{LARGE:,}: PSS above the idle cluster ÷ img2dataset's", f"≤ {_PSS_GOAL:g}", pss, pss <= _PSS_GOAL),
    ]
