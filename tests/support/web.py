"""A loopback web whose every answer is known and depends on the URL alone (save for the paths that say otherwise)."""

import io
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

KINDS = {
    "image": None,
    "copy": "duplicate_image",
    "gone": "http_gone",
    "broken": "http_error",
    "wide": "aspect_ratio",
    "small": "min_side",
    "page": "not_an_image",
}
"""What a URL's first folder stands for, and the reason its row ends with (the first ``copy`` survives)."""


def picture(number: int, width: int = 120, height: int = 90) -> bytes:
    """A JPEG that no other number gives."""
    noise = np.random.default_rng(number)
    small = noise.integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


class Web:
    """Serves while the block lasts; `counts` has the requests of each path."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.dead = False
        self._once: set[str] = set()
        handler = type("Handler", (_Handler,), {"web": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "Web":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, kind: str, number: int, host: str = "127.0.0.1") -> str:
        """The URL of a kind of answer."""
        return f"http://{host}:{self._server.server_address[1]}/{kind}/{number}.jpg"

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        self.counts[path] += 1
        _, kind, name = path.split("/")
        number = int(name.partition(".")[0])
        if self.dead:
            return 503, b""
        if kind == "flaky" and path not in self._once:  # the first time only
            self._once.add(path)
            return 503, b""
        bodies = {
            "image": lambda: picture(number),
            "flaky": lambda: picture(100_000 + number),
            "copy": lambda: picture(1_000_000),
            "wide": lambda: picture(number, 2000, 100),
            "small": lambda: picture(number, 40, 30),
            "page": lambda: b"<!doctype html><title>no image</title>",
        }
        if kind in bodies:
            return 200, bodies[kind]()
        return {"gone": 404, "broken": 500}[kind], b""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self) -> None:
        status, body = self.web.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
