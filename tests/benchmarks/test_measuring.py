"""The benchmarks' own instruments: nothing a command starts escapes them, and the truth is the same everywhere."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engines import account
from benchmarks.workload import Item, generate

BURN = "import time\nwhile time.process_time() < 0.6: pass\n"
DAEMON = f"""
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", {BURN!r}], {{}})
    os._exit(0)
os.wait()
"""
NEVER_WAITED_FOR = f"""
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    exec({BURN!r})
    os._exit(0)
time.sleep(2)
"""
KILLED = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {BURN.replace("0.6", "60")!r}])
time.sleep(1)
child.kill()
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(BURN, id="itself"),
        pytest.param(DAEMON, id="a-daemon-with-an-empty-environment"),
        pytest.param(NEVER_WAITED_FOR, id="a-child-that-nobody-waits-for"),
        pytest.param(KILLED, id="a-child-that-was-killed"),
    ],
)
def test_cpu_of_everything_a_command_starts_is_counted(program: str) -> None:
    assert cost(program)["cpu_s"] > 0.4


def test_what_outlives_its_time_is_killed_and_said() -> None:
    measured = cost(BURN.replace("0.6", "60"), "--timeout", "0.5")

    assert (measured["timed_out"], measured["exit_code"], measured["killed_after"]) == (True, -9, 1)


def test_an_item_depends_on_seed_and_index_alone(tmp_path: Path) -> None:
    few = generate(tmp_path / "few", 4, processes=1)
    more = generate(tmp_path / "more", 6, processes=2)

    assert more[:4] == few


def test_accounting_tells_lost_spurious_and_altered_rows_apart() -> None:
    items = [item(0, "jpeg"), item(1, "jpeg"), item(2, "html"), item(3, "gif"), item(4, "jpeg")]
    stored = [("http://x/0", b"0"), ("http://x/2", b"2"), ("http://x/3", b"other"), ("http://x/4", b"other")]

    found = account(stored, items)

    assert (found.kept, found.lost, found.spurious, found.altered, found.altered_needlessly) == (4, 1, 1, 2, 1)
    assert not found.exact


def test_a_row_that_is_stored_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        account([("http://x/0", b"0")] * 2, [item(0, "jpeg")])


def item(index: int, kind: str) -> Item:
    body = str(index).encode()
    return Item(index, str(index), kind, 1, 1, len(body), hashlib.sha256(body).hexdigest(), "")


def cost(program: str, *options: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.measure", *options, "--", sys.executable, "-c", program]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
