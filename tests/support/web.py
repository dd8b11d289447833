"""A loopback web whose every answer is known and depends on the URL alone (save for the paths that say otherwise).

There is no robots.txt: those who ask for one are told so and not counted.
"""

import io
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

KINDS = {
    "image": None,
    "q60": None,
    "half": None,
    "copy": "duplicate_image",
    "gone": "http_gone",
    "broken": "http_error",
    "wide": "aspect_ratio",
    "small": "min_side",
    "page": "not_an_image",
}
"""What a URL's first folder stands for, and the reason its row ends with (the first ``copy`` survives)."""


def picture(number: int, width: int = 120, height: int = 90, *, quality: int = 90, shrink: int = 1) -> bytes:
    """A JPEG that no other number gives; `shrink` makes it smaller after it was drawn."""
    noise = np.random.default_rng(number)
    small = noise.integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.resize((width // shrink, height // shrink), Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
    return out.getvalue()


class Web:
    """Serves while the block lasts, at 127.0.0.1 and at 127.0.1.1 … 127.0.`hosts`.1; `counts` has requests by path."""

    def __init__(self, hosts: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self.dead_for = 0
        """So many requests are answered with 503."""
        self._once: set[str] = set()
        handler = type("Handler", (_Handler,), {"web": self})
        self._servers = [_Server(("127.0.0.1", 0), handler)]
        self.port = self._servers[0].server_address[1]
        self._servers += [_Server((f"127.0.{host}.1", self.port), handler) for host in range(1, hosts + 1)]

    def __enter__(self) -> "Web":
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def url(self, kind: str, number: int, host: str = "127.0.0.1") -> str:
        """The URL of a kind of answer."""
        return f"http://{host}:{self.port}/{kind}/{number}.jpg"

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        self.counts[path] += 1
        _, kind, name = path.split("/")
        number = int(name.partition(".")[0])
        if self.counts.total() <= self.dead_for:
            return 503, b""
        if kind == "flaky" and path not in self._once:  # the first time only
            self._once.add(path)
            return 503, b""
        bodies = {
            "image": lambda: picture(number),
            "q60": lambda: picture(number, quality=60),  # of the picture with the same number
            "half": lambda: picture(number, shrink=2),
            "flaky": lambda: picture(100_000 + number),
            "copy": lambda: picture(1_000_000),
            "wide": lambda: picture(number, 2000, 100),
            "small": lambda: picture(number, 40, 30),
            "page": lambda: b"<!doctype html><title>no image</title>",
        }
        if kind in bodies:
            return 200, bodies[kind]()
        return {"gone": 404, "broken": 500}[kind], b""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    web: Web

    def do_GET(self) -> None:
        status, body = (404, b"") if self.path == "/robots.txt" else self.web.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
