"""One driver a run, and no lock outlives its driver."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jobs.store.lease import Lease, RunBusyError, RunFolderError, holder, is_held

HOLD = "import sys, time; from pathlib import Path; from jobs.store.lease import Lease\n"
HOLD += "with Lease(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def first(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_driver_is_told_who_is_first(tmp_path: Path, first: subprocess.Popen[str]) -> None:
    with pytest.raises(RunBusyError, match=str(first.pid)), Lease(tmp_path / "lock"):
        pass
    assert is_held(tmp_path / "lock")


def test_kill_releases_it(tmp_path: Path, first: subprocess.Popen[str]) -> None:
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    with Lease(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")


def test_looking_takes_nothing(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_look_at_the_lock_turns_no_driver_away(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        glance = threading.Timer(0.2, fcntl.flock, (looking, fcntl.LOCK_UN))
        glance.start()
        with Lease(tmp_path / "lock"):
            assert holder(tmp_path / "lock") == os.getpid()
        glance.join()


def test_nobody_holds_what_nobody_took(tmp_path: Path) -> None:
    assert holder(tmp_path / "lock") is None
    (tmp_path / "lock").touch()
    assert holder(tmp_path / "lock") is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="file/run cannot be written to"), Lease(tmp_path / "file/run/lock"):
        pass
