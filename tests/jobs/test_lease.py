"""One driver a run, and no lock outlives its driver."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.lease import Lease, RunBusyError, is_held

HOLD = "import sys, time; from pathlib import Path; from jobs.lease import Lease\n"
HOLD += "with Lease(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_driver_is_told_who_is_first(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(RunBusyError, match=str(holder.pid)), Lease(tmp_path / "lock"):
        pass
    assert is_held(tmp_path / "lock")


def test_kill_releases_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with Lease(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")


def test_looking_takes_nothing(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []
