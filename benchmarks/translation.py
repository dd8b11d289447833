"""Translate captions through an endpoint of fixed latency: shardmill beside Ray Data's HTTP stage.

    python -m benchmarks.translation [--rounds 3] [--engines inline ray] [--no-peer] [--latency 0.2]

The endpoint answers every request after 200 ms; on a machine that is busy otherwise, ask for more. *Busy* is the share
of 64 slots in use between the first and the last two seconds; *CPU* the slope of the time of driver and worker between
two sizes, without the start; *captions a second* is over the endpoint's first request to its last answer. Only the hop
that translates is measured.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.translated_runs import TranslatedRun

SIZES = (1000, 5000)
PEER_ROWS = {1: 200, 2: 400}
_SLOTS = 64
_EDGE_S = 2.0
_PORT = 8377
_ROOT = Path(__file__).parent.parent

Span = tuple[float, float]


@dataclass(frozen=True)
class Figures:
    """Of one run."""

    rows: int
    cpu_s: float
    spans: list[Span]

    @property
    def rate(self) -> float:
        """Captions a second."""
        return len(self.spans) / (max(end for _, end in self.spans) - min(start for start, _ in self.spans))

    @property
    def busy(self) -> float:
        """Share of the slots that was in use, without the edges; nan where nothing lies between them."""
        since, until = min(self.spans)[0] + _EDGE_S, max(end for _, end in self.spans) - _EDGE_S
        if until <= since:
            return float("nan")
        used = sum(max(0.0, min(end, until) - max(start, since)) for start, end in self.spans)
        return used / (until - since) / _SLOTS


@contextmanager
def endpoint(latency_s: float) -> Iterator[str]:
    """The endpoint in a process of its own."""
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.llm_server", str(_PORT), str(latency_s)], cwd=_ROOT)
    try:
        for _ in range(200):
            try:
                taken_spans()
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield f"http://127.0.0.1:{_PORT}/v1"
    finally:
        server.terminate()
        server.wait()


def taken_spans() -> list[Span]:
    """What the endpoint saw since it was last asked."""
    with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/spans", timeout=60) as response:
        return [(start, end) for start, end in json.load(response)]


def measured(label: str, command: Sequence[str]) -> Figures:
    """Run a command, and look at what the endpoint saw of it."""
    taken_spans()
    measuring = [sys.executable, "-m", "benchmarks.measure", "--label", label, "--"]
    done = subprocess.run([*measuring, *command], cwd=_ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["exit_code"]:
        raise RuntimeError(f"{label}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    spans = taken_spans()
    return Figures(len(spans), found["cpu_s"], spans)


def ours(url: str, rows: int, engine: str) -> Figures:
    """The hop that translates, images pulled before."""
    with tempfile.TemporaryDirectory() as folder:
        case = TranslatedRun(Path(folder), url, rows, part_rows=512)
        subprocess.run(case.command("--engine=inline", "--until=pull"), check=True, capture_output=True, cwd=_ROOT)
        options = (f"--engine={engine}", "--from=translate", "--until=translate")
        return measured(f"{engine}-{rows}", case.command(*options))


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--engines", nargs="+", default=["inline", "ray"])
    options.add_argument("--no-peer", action="store_true")
    options.add_argument("--latency", type=float, default=0.2, help="seconds")
    chosen = options.parse_args()
    rates = {}
    with endpoint(chosen.latency) as url:
        for engine in chosen.engines:
            rounds = [[ours(url, rows, engine) for rows in SIZES] for _ in range(chosen.rounds)]
            cpu = [(large.cpu_s - small.cpu_s) / (large.rows - small.rows) * 1e3 for small, large in rounds]
            rates[engine] = statistics.median(large.rate for _, large in rounds)
            busy = statistics.median(large.busy for _, large in rounds)
            say = f"{rates[engine]:.0f} captions/s of {_SLOTS / chosen.latency:.0f}, {busy:.1%} of the slots busy"
            sys.stdout.write(f"shardmill, {engine}: {say}, {statistics.median(cpu):.2f} ms CPU a caption\n")
        for workers, rows in {} if chosen.no_peer else PEER_ROWS.items():
            command = [sys.executable, "-m", "benchmarks.translation_ray_data", url, str(rows), str(workers)]
            peer = measured(f"ray-data-{workers}", command)
            ratio = max(rates.values()) / peer.rate
            sys.stdout.write(f"Ray Data, {workers} workers: {peer.rate:.1f} captions/s, shardmill {ratio:.0f} ×\n")


if __name__ == "__main__":
    main()
