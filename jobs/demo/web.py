"""A web server on loopback that misbehaves to order, in a process of its own.

It serves ``FOLDER/www`` and takes the manners of single paths from ``FOLDER/behaviours.json``; the world is data, the
server knows none of it. The process runs this very file by its path and in Python's isolated mode, so it needs
nothing but the standard library and no folder named ``jobs`` in a user's directory can stand in its way.

By hand: ``python -m jobs.demo.web --folder FOLDER --port 8080``.
"""

import argparse
import errno
import http.client
import json
import mimetypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"
COUNTS_PATH = "/.counts"
_BLOCK = 1 << 16
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one path answers; the defaults serve the file of that path as any server would."""

    status: int = 200
    """the HTTP status; one other than 200 comes with a short page in place of the file"""
    content_type: str | None = None
    """what the body is called; by the path's suffix when None"""
    location: str | None = None
    """where a redirect leads"""
    fail_first: int = 0
    """so many requests are answered 503 before the path does what it should"""
    chunked: bool = False
    """no length is declared; the body comes in chunks"""
    size: int | None = None
    """the body is so many zero bytes instead of a file"""
    cut_at: int | None = None
    """the connection is closed after so many bytes of the declared length"""
    drip_s: float | None = None
    """seconds between one byte of the body and the next"""


def write_behaviours(folder: Path, behaviours: dict[str, Behaviour]) -> None:
    """Write ``behaviours.json``: by path, whatever is not a default."""
    defaults = asdict(Behaviour())
    odd = {
        path: {name: value for name, value in asdict(behaviour).items() if value != defaults[name]}
        for path, behaviour in sorted(behaviours.items())
    }
    (folder / "behaviours.json").write_text(json.dumps(odd, indent=1) + "\n", "utf-8")


def read_behaviours(folder: Path) -> dict[str, Behaviour]:
    """Read ``behaviours.json``; a folder without one has none. TypeError: a key is no field of `Behaviour`."""
    file = folder / "behaviours.json"
    raw: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return {path: Behaviour(**options) for path, options in raw.items()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.www = (folder / "www").resolve()
        self.behaviours = read_behaviours(folder)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, path: str) -> int:
        """Count a request; how many there have been to this path, this one included."""
        with self._lock:
            self._counts[path] += 1
            return self._counts[path]

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # a client that hangs up is the point of half of these pages
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of a small answer leave as one packet

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == COUNTS_PATH:
            self._send(HTTPStatus.OK, "application/json", json.dumps(self.server.counts()).encode())
            return
        seen = self.server.count(path)
        self._answer(path, self.server.behaviours.get(path, Behaviour()), seen)

    def _answer(self, path: str, behaviour: Behaviour, seen: int) -> None:
        if seen <= behaviour.fail_first:
            self._send_page(HTTPStatus.SERVICE_UNAVAILABLE)
        elif behaviour.location is not None:
            self._send_page(behaviour.status, ("Location", behaviour.location))
        elif behaviour.status != HTTPStatus.OK:
            self._send_page(behaviour.status)
        elif behaviour.size is not None:
            self._send_zeros(behaviour.size, self._content_type(path, behaviour), chunked=behaviour.chunked)
        else:
            body = self._file(path)
            if body is None:
                self._send_page(HTTPStatus.NOT_FOUND)
            else:
                self._send_file(body, self._content_type(path, behaviour), behaviour)

    def _send_file(self, body: bytes, content_type: str, behaviour: Behaviour) -> None:
        if behaviour.cut_at is not None:
            self._send_head(HTTPStatus.OK, content_type, len(body))
            self.wfile.write(body[: behaviour.cut_at])
            self.close_connection = True
        elif behaviour.drip_s is not None:
            self._send_head(HTTPStatus.OK, content_type, len(body))
            for value in body:
                self.wfile.write(bytes([value]))
                self.wfile.flush()
                time.sleep(behaviour.drip_s)
        elif behaviour.chunked:
            self._send_chunks(_blocks(body), content_type)
        else:
            self._send(HTTPStatus.OK, content_type, body)

    def _send_zeros(self, size: int, content_type: str, *, chunked: bool) -> None:
        blocks = (bytes(min(_BLOCK, size - at)) for at in range(0, size, _BLOCK))
        if chunked:
            self._send_chunks(blocks, content_type)
        else:
            self._send_head(HTTPStatus.OK, content_type, size)
            for block in blocks:
                self.wfile.write(block)

    def _send_chunks(self, blocks: Iterator[bytes], content_type: str) -> None:
        self._send_head(HTTPStatus.OK, content_type, None)
        for block in blocks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
        self.wfile.write(b"0\r\n\r\n")

    def _send_page(self, status: int, *headers: tuple[str, str]) -> None:
        page = f"<!doctype html><title>{status}</title><h1>{status}</h1>\n".encode()
        self._send(status, "text/html; charset=utf-8", page, *headers)

    def _send(self, status: int, content_type: str, body: bytes, *headers: tuple[str, str]) -> None:
        self._send_head(status, content_type, len(body), *headers)
        self.wfile.write(body)

    def _send_head(self, status: int, content_type: str, length: int | None, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _file(self, path: str) -> bytes | None:
        file = (self.server.www / path.lstrip("/")).resolve()
        return file.read_bytes() if file.is_relative_to(self.server.www) and file.is_file() else None

    def _content_type(self, path: str, behaviour: Behaviour) -> str:
        suffix = Path(path).suffix
        guess = "image/webp" if suffix == ".webp" else mimetypes.types_map.get(suffix, "application/octet-stream")
        return behaviour.content_type or guess

    def log_message(self, *args: Any) -> None:
        """Say nothing: the terminal belongs to the run that is being shown."""


def _blocks(body: bytes) -> Iterator[bytes]:
    return (body[at : at + _BLOCK] for at in range(0, len(body), _BLOCK))


class Web:
    """A running server, in a process of its own that ends with this one, whatever ends this one.

    Raises OSError when it cannot start (``errno.EADDRINUSE``: the port is taken; FileNotFoundError: no ``www``).
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        if not (folder / "www").is_dir():
            raise FileNotFoundError(errno.ENOENT, "no folder www to serve", str(folder))
        # A session of its own: Ctrl-C drains a run, and the draining rows still want their pages. The pipe to its
        # standard input is what it lives on: the kernel closes it even after a kill -9.
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, "--folder", folder.absolute(), "--port", str(port), "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            started = json.loads(stdout.readline() or b'{"errno": null, "error": "it ended before it listened"}')
        if "port" not in started:
            self.stop()
            raise OSError(started["errno"], f"the web server did not start on {HOST}:{port}: {started['error']}")
        self.port: int = started["port"]

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def counts(self) -> dict[str, int]:
        """Requests so far by path, decoded and without query; redirects count where they were asked."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_STOP_S)
        try:
            connection.request("GET", COUNTS_PATH)
            counts: dict[str, int] = json.load(connection.getresponse())
        finally:
            connection.close()
        return counts

    def stop(self) -> None:
        """End the server; a second call does nothing."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Web":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(folder: Path, port: int = 0) -> Web:
    """Serve `folder` (see `jobs.demo.world.build`) on `port`, 0 for any free one. Raises what `Web` does."""
    return Web(folder, port)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> int:
    """Serve until told to stop; the first line written is ``{"port": …}`` or ``{"errno": …, "error": …}``."""
    parser = argparse.ArgumentParser(description="Serve FOLDER/www on loopback, as FOLDER/behaviours.json says.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    # a shell without job control starts what it puts in the background with SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server = _Server(options.folder, options.port)
    except OSError as error:
        _say({"errno": error.errno, "error": error.strerror})
        return 1
    if options.with_parent:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    with server, suppress(KeyboardInterrupt):
        _say({"port": server.server_address[1]})
        server.serve_forever()
    return 0


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
