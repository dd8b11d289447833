"""A loopback web whose every answer is known and depends on the URL alone (save for the paths that say otherwise).

There is no robots.txt: those who ask for one are told so and not counted.
"""

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image, ImageDraw

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
    "silent": "timeout",
}
"""What a URL's first folder stands for, and the reason its row ends with (the first ``copy`` survives)."""


GRAPHIC = 500_000
"""Pictures of higher numbers are graphic ones."""


def picture(number: int, width: int = 120, height: int = 90, *, quality: int = 90, shrink: int = 1) -> bytes:
    """A JPEG that no other number gives; `shrink` makes it smaller after it was drawn."""
    noise = np.random.default_rng(number)
    if number >= GRAPHIC:
        image = graphic(number, width, height)
    else:
        small = noise.integers(0, 256, (8, 8, 3), np.uint8)
        image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.resize((width // shrink, height // shrink), Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
    return out.getvalue()


def graphic(number: int, width: int, height: int) -> Image.Image:
    """A picture of flat colours: a centred circle, a gradient or a logo of bars; no other number gives it."""
    draw = np.random.default_rng(number)
    colours = [tuple(draw.integers(0, 256, 3).tolist()) for _ in range(2)]
    image = Image.new("RGB", (width, height), "white" if number % 3 == 0 else colours[0])
    pen = ImageDraw.Draw(image)
    if number % 3 == 0:
        radius = int(draw.integers(8, min(width, height) // 2))
        pen.circle((width / 2, height / 2), radius, fill=colours[1])
    elif number % 3 == 1:
        mask = Image.linear_gradient("L").rotate(90 * int(draw.integers(4))).resize((width, height))
        image.paste(Image.new("RGB", (width, height), colours[1]), mask=mask)
    else:
        for left in range(0, width, 2 * int(draw.integers(6, 30))):
            pen.rectangle((left, height // 4, left + 5, 3 * height // 4), fill=colours[1])
    return image


class Web:
    """Serves while the block lasts, at 127.0.0.1 and at 127.0.1.1 … 127.0.`hosts`.1; `counts` has requests by path."""

    def __init__(self, hosts: int = 0, port: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self.dead_for = 0
        """So many requests are answered with 500."""
        self.down: set[str] = set()
        """Addresses at which all is answered with 500."""
        self.pause_s = 0.0
        """An answer takes so long."""
        self.most_at_once = 0
        """So many requests were being answered at once, at most."""
        self._at_once = 0
        self._counting = threading.Lock()
        self._once: set[str] = set()
        handler = type("Handler", (_Handler,), {"web": self})
        self._servers = [_Server(("127.0.0.1", port), handler)]
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

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a request is being answered."""
        with self._counting:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.pause_s)
        yield
        with self._counting:
            self._at_once -= 1

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        self.counts[path] += 1
        _, kind, name = path.split("/")
        number = int(name.partition(".")[0])
        if self.counts.total() <= self.dead_for:
            return 500, b""  # which is not asked again at once, as 503 is
        if kind == "flaky" and path not in self._once:  # the first time only
            self._once.add(path)
            return 500, b""
        bodies = {
            "image": lambda: picture(number),
            "q60": lambda: picture(number, quality=60),  # of the picture with the same number
            "half": lambda: picture(number, shrink=2),
            "flaky": lambda: picture(100_000 + number),
            "copy": lambda: picture(400_000),
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
        if self.path.startswith("/silent/"):
            self.web.counts[self.path] += 1
            self.rfile.read(1)  # until the client is tired of it
            self.close_connection = True
            return
        with self.web.at_work():
            status, body = (404, b"") if self.path == "/robots.txt" else self.web.answer(self.path)
            if status == 200 and self.server.server_address[0] in self.web.down:
                status, body = 500, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
