"""One driver a run: a lock that the system releases with the process, however it ends."""

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

_PATIENCE_S = 1.0
"""How long a driver waits for the lock: `is_held` has it for the moment it looks."""


class RunBusyError(Exception):
    """Another driver holds the run; the message says which."""


class RunFolderError(Exception):
    """The run's folder cannot be made or written to; the message says why."""


class Lease:
    """Holds the exclusive lock on a run's folder while the block lasts.

    Raises `RunBusyError` when it is taken, and `RunFolderError` when the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "Lease":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # opened without truncating: the text belongs to whoever holds the lock
            self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        except OSError as error:
            raise RunFolderError(f"{self._path.parent} cannot be written to: {error.strerror}") from error
        if not self._takes_lock():
            who = self._file.read().strip() or "an unknown process"
            self._file.close()
            raise RunBusyError(
                f"{self._path.parent} is being written by another driver ({who}); wait for it or stop it"
            )
        self._file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, self._file)
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _takes_lock(self) -> bool:
        """Take the lock, trying for `_PATIENCE_S`; whether it was free."""
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    return False
                time.sleep(_PATIENCE_S / 20)
            else:
                return True


def is_held(path: Path) -> bool:
    """Whether some driver holds the run now."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(path: Path) -> int | None:
    """The process that took the run last; None before the first, and while one is about to write itself down."""
    try:
        return int(json.loads(path.read_text("utf-8"))["pid"])
    except (FileNotFoundError, ValueError):
        return None
