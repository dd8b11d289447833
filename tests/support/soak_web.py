"""A large, cheap web in a process of its own, its name server included; what each URL must end with is planned.

    python -m tests.support.soak_web        # prints the web's port and the name server's, serves until its input ends

Names stand for hosts: ``h….example`` answer, ``shut….example`` disallow everything in their robots.txt, at
``dead….example`` nobody listens, and ``silent….example`` say nothing.
"""

import asyncio
import random
import sys
from collections import defaultdict
from typing import Any

from tests.pipelines.pull.hostile import NameServer, response
from tests.support.web import picture

HOSTS = 4000
_OTHER_HOSTS = {"dead": 200, "silent": 100, "shut": 40}
_IN_200 = {
    "image": 136, "moved": 4, "gone": 12, "broken": 8, "denied": 4, "page": 6, "cut": 6, "empty": 4, "short": 4,
    "loop": 2, "reserved": 2, "huge": 2, "dead": 4, "silent": 2, "shut": 2, "inward": 1, "secret": 1,
}  # fmt: skip
ENDS = {
    "image": ("kept",),
    "moved": ("kept",),
    "gone": ("http_gone",),
    "broken": ("http_error",),
    "denied": ("http_denied",),
    "page": ("not_an_image",),
    "cut": ("truncated_image",),
    "empty": ("empty_body",),
    "short": ("body_short",),
    "loop": ("redirect_loop",),
    "reserved": ("opt_out", "opted_out"),
    "huge": ("too_many_pixels",),
    "dead": ("connect", "host_paused"),
    "silent": ("timeout", "host_paused"),
    "shut": ("robots_disallowed", "robots"),
    "inward": ("blocked_address",),
    "secret": ("invalid_url",),
}
"""The reasons that a kind's rows may end with: of hosts where nobody is, some are not asked again."""


def planned(n: int, port: int) -> list[tuple[str, str]]:
    """Kind and URL of `n` rows, a multiple of 200, in a fixed random order."""
    draw = random.Random(1)
    kinds = [kind for kind, share in _IN_200.items() for _ in range(share * n // 200)]
    draw.shuffle(kinds)
    return [(kind, _url(kind, number, draw.randrange(HOSTS), port)) for number, kind in enumerate(kinds)]


def _url(kind: str, number: int, host: int, port: int) -> str:
    if kind == "inward":
        return f"http://10.0.{number % 250}.1/{number}"
    if kind == "secret":
        return f"http://me:word@h{host}.example:{port}/image/{number}"
    name = f"{kind}{number % _OTHER_HOSTS[kind]}" if kind in _OTHER_HOSTS else f"h{host}"
    return f"http://{name}.example:{port}/{'image' if kind in _OTHER_HOSTS else kind}/{number}"


def _answers() -> dict[bytes, list[bytes]]:
    """What a path's first folder is answered with, in turns."""
    pictures = [picture(number, 48, 36) for number in range(50)]
    huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\2\0\0\0" + bytes(64)
    first = pictures[0]
    return {
        b"image": [response(200, body) for body in pictures],
        b"moved": [response(302, headers={"Location": "/image/1"})],
        b"gone": [response(404, b"gone"), response(410)],
        b"broken": [response(500), response(502, b"bad gateway")],
        b"denied": [response(403), response(401), response(451)],
        b"page": [response(200, b"<!doctype html><title>no image</title>")],
        b"cut": [response(200, body[: len(body) // 2]) for body in pictures],
        b"empty": [response(200)],
        b"short": [response(200, first, {"Content-Length": len(first) + 9, "Connection": "close"})],
        b"loop": [response(302, headers={"Location": "?again"})],
        b"reserved": [response(200, first, {"X-Robots-Tag": "noai"})],
        b"huge": [response(200, huge)],
    }


class _Web(asyncio.Protocol):
    answers = _answers()
    shut = response(200, b"User-agent: *\nDisallow: /\n")
    no_robots = response(404)

    def connection_made(self, transport: Any) -> None:
        self._transport, self._read = transport, b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head, self._read = self._read[:end], self._read[end + 4 :]
            _, kind, *rest = head[: head.index(b" ", 4)].split(b"/")
            if kind == b"robots.txt":
                self._transport.write(self.shut if b"\r\nHost: shut" in head else self.no_robots)
            else:
                of_kind = self.answers[kind]
                self._transport.write(of_kind[int(rest[0].partition(b"?")[0]) % len(of_kind)])
            if kind == b"short" or b"\r\nConnection: close" in head:
                self._transport.close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    web = await loop.create_server(_Web, "127.0.0.1", 0, backlog=1024)
    port = web.sockets[0].getsockname()[1]
    silent = await loop.create_server(asyncio.Protocol, "127.0.0.3", port, backlog=1024)
    names, _ = await loop.create_datagram_endpoint(lambda: NameServer(_Names(), ttl=600), ("127.0.0.1", 0))
    sys.stdout.write(f"{port} {names.get_extra_info('sockname')[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    web.close()
    silent.close()


class _Names(defaultdict[str, "list[str] | int"]):
    def __missing__(self, name: str) -> list[str]:
        return ["127.0.0.2" if name.startswith("dead") else "127.0.0.3" if name.startswith("silent") else "127.0.0.1"]


if __name__ == "__main__":
    asyncio.run(_serve())
