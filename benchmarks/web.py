"""A web on loopback: nginx serves the workload to whoever is measured.

    python -m benchmarks.web start [--items 5000] [--port P] [--hosts 5000] [--ttl 2400]
    python -m benchmarks.web stop

`start` generates the workload where it is not there yet, writes ``urls_one_N.parquet`` (all URLs on one host) and
``urls_many_N.parquet`` (spread over loopback addresses, so that connections are hardly reused) with the columns url,
caption and uid, and leaves nginx running: with its own configuration and pid file, on 127.0.0.0/8 alone, ending by
itself after `ttl` seconds. Everything lies in ``benchmarks/.data/web``.
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.workload import Item, generate

DATA = Path(__file__).parent / ".data"
WEB = DATA / "web"

_CONFIGURATION = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 60000;
pid {run}/nginx.pid;
error_log {run}/error.log crit;
{user}
events {{ worker_connections 30000; multi_accept on; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 20s;
  keepalive_requests 10000000;
  open_file_cache max=20000 inactive=600s;
  open_file_cache_valid 600s;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;
  default_type image/jpeg;
  server {{
    root {root};
{listens}
  }}
}}
"""


class WebError(RuntimeError):
    """The web could not be brought up; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Web:
    """The served workload."""

    folder: Path
    items: Sequence[Item]
    port: int
    hosts: int

    def chosen(self, n: int) -> list[Item]:
        """The first `n` items in a fixed random order; more than there are come again with a query of their own."""
        order = list(self.items)
        random.Random(1).shuffle(order)
        rounds = range(1, 1 + n // len(order))
        again = [replace(item, path=f"{item.path}?{copy}") for copy in rounds for item in order]
        return [*order, *again][:n]

    def url_table(self, n: int, *, many_hosts: bool = False) -> pa.Table:
        """The URLs of `chosen`: columns url, caption and uid (the item's index)."""
        chosen = self.chosen(n)
        hosts = [_address(item.index % self.hosts) if many_hosts else "127.0.0.1" for item in chosen]
        return pa.table(
            {
                "url": [f"http://{host}:{self.port}/{item.path}" for host, item in zip(hosts, chosen, strict=True)],
                "caption": [item.caption for item in chosen],
                "uid": [item.index for item in chosen],
            }
        )

    def write_url_table(self, n: int, *, many_hosts: bool = False) -> Path:
        """`url_table` as a file beside the workload."""
        path = self.folder / f"urls_{'many' if many_hosts else 'one'}_{n}.parquet"
        pq.write_table(self.url_table(n, many_hosts=many_hosts), path)
        return path


@contextmanager
def serving(n: int, *, port: int | None = None, hosts: int = 1, ttl: int = 2400) -> Iterator[Web]:
    """The workload of `n` items served for as long as the block runs, `ttl` seconds at most."""
    web = start(n, port=port, hosts=hosts, ttl=ttl)
    try:
        yield web
    finally:
        stop(web.folder)


def start(n: int, *, port: int | None = None, hosts: int = 1, ttl: int = 2400, folder: Path = WEB) -> Web:
    """Generate what is missing and start nginx, on a free port unless told which, for `ttl` seconds at most.

    Raises:
        WebError: nginx is not installed, is already running here, or did not come up.
    """
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        raise WebError("nginx is missing: apt-get install nginx-light")
    if _master(folder) is not None:
        raise WebError(f"nginx already serves {folder}: python -m benchmarks.web stop")
    folder.mkdir(parents=True, exist_ok=True)
    web = Web(folder, generate(folder, n), port or _free_port(), hosts)
    run = folder / "run"
    run.mkdir(exist_ok=True)
    configuration = run / "nginx.conf"
    configuration.write_text(_configuration(web, run))
    with (run / "stderr").open("wb") as stderr:
        supervisor = subprocess.Popen(
            ["timeout", "--signal=QUIT", str(ttl), nginx, "-c", configuration, "-p", run],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    _await_master(folder, supervisor, run / "stderr")
    return web


def stop(folder: Path = WEB) -> bool:
    """Stop the nginx that serves `folder`, and no other. Whether there was one."""
    master = _master(folder)
    if master is None:
        return False
    os.kill(master, signal.SIGQUIT)
    deadline = time.monotonic() + 10
    while _master(folder) is not None:
        if time.monotonic() > deadline:
            raise WebError(f"nginx (pid {master}) does not stop")
        time.sleep(0.05)
    return True


def _configuration(web: Web, run: Path) -> str:
    addresses = ["127.0.0.1"] + [_address(index) for index in range(web.hosts if web.hosts > 1 else 0)]
    return _CONFIGURATION.format(
        run=run,
        root=web.folder / "www",
        user="user root;" if os.geteuid() == 0 else "",  # or its workers could not read below a private home
        listens="\n".join(f"    listen {address}:{web.port} backlog=4096;" for address in addresses),
    )


def _address(index: int) -> str:
    """A loopback address of its own for each host, away from 127.0.0.1."""
    return f"127.{10 + index // 62500}.{index // 250 % 250 + 1}.{index % 250 + 1}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _master(folder: Path) -> int | None:
    """The pid of the running nginx master of `folder`: a pid file alone may be stale and its number reused."""
    try:
        pid = int((folder / "run" / "nginx.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(folder / "run" / "nginx.conf") in command else None


def _await_master(folder: Path, supervisor: subprocess.Popen[bytes], stderr: Path) -> None:
    """Wait for the pid file, which nginx writes once it listens; an answer on the port could be someone else's."""
    deadline = time.monotonic() + 15
    while _master(folder) is None:
        if supervisor.poll() is not None or time.monotonic() > deadline:
            supervisor.terminate()
            raise WebError(f"nginx did not come up: {stderr.read_text().strip() or 'no pid file in 15 s'}")
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description="A web on loopback to pull from.")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start", help="generate what is missing and serve it")
    starting.add_argument("--items", type=int, default=5000)
    starting.add_argument("--port", type=int, help="default: a free one")
    starting.add_argument("--hosts", type=int, default=5000, help="loopback addresses of urls_many")
    starting.add_argument("--ttl", type=int, default=2400, help="seconds until nginx ends by itself")
    commands.add_parser("stop", help="stop it")
    options = parser.parse_args()
    try:
        if options.command == "stop":
            print("stopped" if stop() else "nothing was running")
            return 0
        web = start(options.items, port=options.port, hosts=options.hosts, ttl=options.ttl)
    except WebError as error:
        print(error, file=sys.stderr)
        return 1
    for many_hosts in (False, True):
        print(web.write_url_table(options.items, many_hosts=many_hosts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
