"""What a command costs: wall time, CPU of everything it starts, peak memory, time to its first commit.

    python -m benchmarks.measure [--label L] [--timeout S] [--first DIR GLOB] [--log FILE] [--cpus N] -- COMMAND ARGS…

prints one line of JSON. The measuring process makes itself the reaper of orphans (`prctl(2)`,
PR_SET_CHILD_SUBREAPER), so that nothing the command starts escapes: what detaches by a double fork or a session of
its own, as daemons do, becomes a child of this process and is measured and waited for like any other. It must
therefore have no other children: call `measure` in a process of its own.
"""

import argparse
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_S = 0.05
_PSS_EVERY = 5  # polls: reading PSS walks page tables, which the measured process would feel
_LINGER_S = 15.0  # for what outlives the command, before it is killed
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Measurement:
    """The cost of one command. MB are 10⁶ bytes."""

    label: str
    exit_code: int
    timed_out: bool
    wall_s: float
    """From the start to the exit of the command itself."""
    cpu_s: float
    """User and system time of all its processes, to the end of the last one."""
    unwaited_cpu_s: float
    """The part of `cpu_s` used by processes whose parent never waited for them, known to a poll's grain."""
    peak_rss_mb: float
    """Highest sum of resident sets; pages that processes share count in each."""
    peak_pss_mb: float
    """Highest sum of proportional sets; shared pages count once."""
    peak_processes: int
    killed_after: int
    """Processes that outlived the command so long that they were killed."""
    first_s: float | None
    """When the first file matching the glob was there, to a poll's grain."""
    load: float
    """Load average of the machine over the last minute, to tell a quiet run from a disturbed one."""


@dataclass(frozen=True, slots=True)
class _Process:
    cpu_s: float  # its own and of the children it waited for
    rss: int


def measure(
    command: Sequence[str],
    *,
    log: Path,
    label: str = "",
    timeout_s: float = 600,
    first: tuple[Path, str] | None = None,
) -> Measurement:
    """Run `command` to its end, its output into `log`; watch for a `first` file (folder, glob below it)."""
    _adopt_orphans()
    watch = _Watch()
    started = time.monotonic()
    with log.open("wb") as output:
        root = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    first_s: float | None = None
    exited_s: float | None = None
    timed_out = False
    killed: set[int] = set()
    while watch.poll():
        now = time.monotonic() - started
        if first_s is None and first and any(first[0].glob(first[1])):
            first_s = now
        if exited_s is None and root.pid in watch.exit_codes:
            exited_s = now
        timed_out = timed_out or (exited_s is None and now > timeout_s)
        if timed_out or (exited_s is not None and now > exited_s + _LINGER_S):
            killed |= _kill(watch.alive)
        time.sleep(POLL_S)
    root.returncode = watch.exit_codes[root.pid]
    return Measurement(
        label=label,
        exit_code=root.returncode,
        timed_out=timed_out,
        wall_s=round(exited_s if exited_s is not None else time.monotonic() - started, 2),
        cpu_s=round(watch.cpu_s, 3),
        unwaited_cpu_s=round(watch.unwaited_cpu_s, 2),
        peak_rss_mb=round(watch.peak_rss / 1e6, 1),
        peak_pss_mb=round(watch.peak_pss / 1e6, 1),
        peak_processes=watch.peak_processes,
        killed_after=len(killed),
        first_s=None if first_s is None else round(first_s, 2),
        load=round(os.getloadavg()[0], 2),
    )


class _Watch:
    """All processes below this one, polled.

    The sum of the CPU time of living processes, of the children they waited for and of those this process waited for
    can only grow, as long as every process is waited for. Where it falls, a process was reaped unwaited (its parent
    ignores SIGCHLD), and what it had used would be forgotten: the falls are added up.
    """

    def __init__(self) -> None:
        self.alive: dict[int, _Process] = {}
        self.exit_codes: dict[int, int] = {}
        self.peak_rss = self.peak_pss = self.peak_processes = 0
        self.unwaited_cpu_s = 0.0
        self._before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._accounted_s = 0.0
        self._polls = 0

    @property
    def cpu_s(self) -> float:
        return self._accounted_s + self.unwaited_cpu_s

    def poll(self) -> bool:
        """Whether anything is still alive."""
        self._reap()
        alive = _snapshot(os.getpid(), self.alive)
        if alive is None:
            return True
        self.alive = alive
        accounted_s = self._waited_s() + sum(process.cpu_s for process in alive.values())
        self.unwaited_cpu_s += max(0.0, self._accounted_s - accounted_s)
        self._accounted_s = accounted_s
        self.peak_processes = max(self.peak_processes, len(alive))
        self.peak_rss = max(self.peak_rss, sum(process.rss for process in alive.values()))
        if self._polls % _PSS_EVERY == 0:
            self.peak_pss = max(self.peak_pss, sum(_pss(pid) for pid in alive))
        self._polls += 1
        return bool(alive)

    def _waited_s(self) -> float:
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        return now.ru_utime + now.ru_stime - self._before.ru_utime - self._before.ru_stime

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.exit_codes[pid] = os.waitstatus_to_exitcode(status)


def _snapshot(root: int, known: dict[int, _Process]) -> dict[int, _Process] | None:
    """The processes below `root`, or None when one of them went while they were read.

    Then its time might be counted twice or not at all, depending on whether its parent was read before.
    """
    processes: dict[int, _Process] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        stat = _stat(pid)
        if stat is not None:
            parent, processes[pid] = stat
            children[parent].append(pid)
        elif pid in known:
            return None
    below: list[int] = []
    waiting = [root]
    while waiting:
        waiting += (found := children[waiting.pop()])
        below += found
    if not all(Path(f"/proc/{pid}").exists() for pid in below):
        return None
    return {pid: processes[pid] for pid in below}


def _stat(pid: int) -> tuple[int, _Process] | None:
    """Parent and costs of a process; None when it is gone. Fields as in proc_pid_stat(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # from field 3, after the name, which may hold anything
    parent, cpu_ticks, pages = int(fields[1]), sum(map(int, fields[11:15])), int(fields[21])
    return parent, _Process(cpu_ticks / _TICKS, pages * _PAGE)


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # gone, or a zombie
        pass
    return 0


def _adopt_orphans() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _kill(pids: dict[int, _Process]) -> set[int]:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return set(pids)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description="What a command costs.")
    parser.add_argument("--label", default="")
    parser.add_argument("--timeout", type=float, default=600, help="seconds")
    parser.add_argument("--first", nargs=2, metavar=("DIR", "GLOB"), help="tell when the first such file was there")
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="where the command's output goes")
    parser.add_argument("--cpus", type=int, help="let the command use only this many CPUs")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cpus])
    measurement = measure(
        options.command,
        log=options.log,
        label=options.label,
        timeout_s=options.timeout,
        first=(Path(options.first[0]), options.first[1]) if options.first else None,
    )
    print(json.dumps(asdict(measurement)))
    return 0 if measurement.exit_code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
