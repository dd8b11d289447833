"""Ray: a connection to a cluster, or a local one of our own that listens on loopback only."""

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.running.identity import CodeIdentity

_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what makes every Ray process bind to loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # its hook starts a uv for every worker
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "token",
    "TOKENIZERS_PARALLELISM": "false",  # a task has one CPU
}
_SESSION = "shardmill-"
_OBJECT_STORE_BYTES = 80 * 1024 * 1024
_LONGEST_FOLDER = 30
_START_TRIES = 2  # Ray gives a node 30 s to start, which a busy machine may miss once


def set_environment() -> None:
    """What a local cluster needs in the environment. Ray reads it when it is first imported: call this before."""
    os.environ.update(_ENVIRONMENT)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def cluster(address: str | None, cpus: int | None = None) -> Iterator[CodeIdentity]:
    """A connection to the cluster at `address`, or to a fresh local one that ends with the block.

    The process moves to an empty folder first: Ray puts the driver's folder on its workers' import path, where a
    ``pipelines/`` of the user's would win over ours.
    """
    if address is None:
        set_environment()
    import ray

    _sweep_sessions()
    before = Path.cwd()
    session = Path(tempfile.mkdtemp(prefix=f"{_SESSION}{os.getpid()}-", dir=_short_folder()))
    os.chdir(session)
    try:
        if address is None:
            _start(cpus or len(os.sched_getaffinity(0)), session)
        else:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        here = CodeIdentity.here()
        yield here if address is None else CodeIdentity(here.version, None)
    finally:
        ray.shutdown()
        os.chdir(before)
        shutil.rmtree(session, ignore_errors=True)


def _short_folder() -> str:
    """The folder for temporary files, or /tmp where that is too long: Ray's socket paths must fit 107 bytes."""
    folder = tempfile.gettempdir()
    return folder if len(folder) <= _LONGEST_FOLDER else "/tmp"  # noqa: S108 — a folder of our own is made in it


def _sweep_sessions() -> None:
    """Remove the session folders of drivers that were killed before they could."""
    for folder in Path(_short_folder()).glob(f"{_SESSION}*"):
        owner = folder.name.removeprefix(_SESSION).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _start(cpus: int, session: Path) -> None:
    import ray

    for last in range(_START_TRIES):
        try:
            ray.init(
                address="local",  # whatever RAY_ADDRESS says
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=str(session / "ray"),
                _node_ip_address="127.0.0.1",
            )
        except (RuntimeError, TimeoutError):
            ray.shutdown()
            if last == _START_TRIES - 1:
                raise
        else:
            return
