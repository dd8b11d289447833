"""One driver a run: a lock that the system releases with the process, however it ends."""

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType


class RunBusyError(Exception):
    """Another driver holds the run; the message says which."""


class Lease:
    """Holds the exclusive lock on a run's folder while the block lasts. Raises `RunBusyError` when it is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "Lease":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # opened without truncating: the text belongs to whoever holds the lock
        self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._file.read().strip() or "an unknown process"
            self._file.close()
            raise RunBusyError(
                f"{self._path.parent} is being written by another driver ({holder}); wait for it or stop it"
            ) from None
        self._file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, self._file)
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


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
