"""Pull images: shardmill beside img2dataset and a hand-written loop, on the same loopback web, in the same rounds.

    python -m benchmarks.pull [--rounds 3] [--only ENGINE …] [--webs one many large]

Every round runs every engine on 2,500 and on 10,000 URLs, all on one host and spread over 5,000 (`one`, `many`), and
then the engines that use both CPUs on 50,000 (`large`). *All-in* is the CPU time of everything the command starts, by
the URL; *marginal* is the slope between the two sizes, without the start. An idle Ray cluster is measured in every
round, for memory above it. Each output is checked row by row against what was served. Figures are medians; every
measurement is a line in ``benchmarks/.data/results.jsonl``; the tables and the goals go to stdout.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.engines import ENGINES, ENVIRONMENT, Engine, account
from benchmarks.figures import CPUS, IDLE, LARGE, SIZES, Run, report
from benchmarks.measure import Measurement
from benchmarks.peers import peer
from benchmarks.web import DATA, Web, WebError, serving

WEBS = ("one", "many", "large")
_ITEMS = 5000
_HOSTS = 5000
_WARM_UP = 200
_ROOT = Path(__file__).parent.parent
_RESULTS = DATA / "results.jsonl"
_ON_BOTH_CPUS = ("img2dataset", "img2dataset-raw", "ray")


class RunError(RuntimeError):
    """A measured command failed; the message holds the end of its output."""


def run_rounds(engines: Sequence[Engine], rounds: int, webs: Sequence[str]) -> list[Run]:
    """All measurements; each is appended to the results as soon as it is there."""
    runs: list[Run] = []
    for name in ("img2dataset", "ceiling"):
        peer(name)
    with serving(_ITEMS, hosts=_HOSTS, ttl=(rounds + 1) * len(engines) * len(webs) * 600) as web:
        for engine in engines:  # not recorded: after it, bytecode and files are where they will be
            _run_engine(engine, "one", _WARM_UP, web)
        for round_ in range(rounds):
            shift = round_ % len(engines)  # so that no engine always follows the same one
            for engine in (*engines[shift:], *engines[:shift]):
                for hosts in webs:
                    if hosts != "large":
                        runs += [_record(round_, _run_engine(engine, hosts, size, web)) for size in SIZES]
                    elif engine.name in _ON_BOTH_CPUS:
                        runs.append(_record(round_, _run_engine(engine, "one", LARGE, web)))
            runs.append(_record(round_, _run_idle()))
    return runs


def _run_engine(engine: Engine, hosts: str, size: int, web: Web) -> Run:
    urls = web.write_url_table(size, many_hosts=hosts == "many")
    output = DATA / "output"
    shutil.rmtree(output, ignore_errors=True)
    label = f"{engine.name}-{hosts}-{size}"
    measurement = _measure(label, engine.command(urls, output), first=(output, engine.first))
    accounting = account(engine.stored(output), web.chosen(size))
    shutil.rmtree(output)
    return Run(engine.name, hosts, size, measurement, accounting)


def _run_idle() -> Run:
    return Run(IDLE, "none", 0, _measure("idle", [sys.executable, "-m", "benchmarks.idle_cluster"]), None)


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


def _record(round_: int, run: Run) -> Run:
    line = {"round": round_, **asdict(run), "at": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    with _RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")
    measured = run.measurement
    print(
        f"round {round_ + 1}  {run.engine:16} {run.hosts:4} {run.size:6}  {measured.cpu_s:6.1f} CPU s  "
        f"{measured.wall_s:5.1f} s  {measured.peak_pss_mb:5.0f} MB  load {measured.load}",
        file=sys.stderr,
    )
    return run


def main() -> int:
    names = [engine.name for engine in ENGINES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pull", description="Pull images side by side.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="ENGINE", help=", ".join(names))
    parser.add_argument("--webs", nargs="+", choices=WEBS, default=WEBS, metavar="WEB", help=", ".join(WEBS))
    options = parser.parse_args()
    engines = [engine for engine in ENGINES if engine.name in options.only]
    try:
        runs = run_rounds(engines, options.rounds, options.webs)
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
