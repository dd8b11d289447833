"""A server that does what servers do to those who fetch, name servers of the tests' own, and a way to pull one URL."""

import asyncio
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from pipelines.pull.engine import PullEngine
from pipelines.pull.names import Names
from pipelines.pull.stage import Pull
from tests.support.tables import to_pull

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ("127.0.0.0/8",)
NXDOMAIN, SERVFAIL = 3, 2


def response(status: int, body: bytes = b"", headers: Mapping[str, str | int] | None = None) -> bytes:
    """The bytes of an HTTP response; its length is declared unless `headers` say otherwise."""
    fields = {"Content-Length": len(body), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class Hostile:
    """Serves pages that tests define, each at a path of its own; remembers what it was asked."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._answers: dict[str, Answer] = {}
        self._numbers = itertools.count()
        self.requests: list[dict[str, str]] = []
        self.robots: bytes = response(404)
        """what is answered to those who ask for a robots.txt; they are not among the requests"""
        self.robots_asked = 0
        self.connections = 0
        self.asked_at: list[float] = []
        """when each request came, by the monotonic clock"""
        self.open = 0
        self.most_open = 0
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _finish(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def page(self, body: bytes = b"", status: int = 200, headers: Mapping[str, str | int] | None = None) -> str:
        """The URL of a well-behaved page."""
        return self.raw(response(status, body, headers))

    def raw(self, payload: bytes, *, close: bool = False) -> str:
        """The URL of a page that is these very bytes; the connection is closed after them, or stays."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(payload)
            if close:
                await writer.drain()
                writer.close()

        return self.acting(answer)

    def acting(self, answer: Answer) -> str:
        """The URL of a page that a function writes."""
        path = f"/{next(self._numbers)}"
        self._answers[path] = answer
        return f"http://127.0.0.1:{self.port}{path}"

    def redefine(self, url: str, payload: bytes) -> None:
        """Let a URL answer something else from now on."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(payload)

        self._answers[f"/{url.rpartition('/')[2]}"] = answer

    def blurting(self, payload: bytes) -> int:
        """The port of a server that says this to whoever connects, unasked, and hangs up. `connections` counts them."""

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            writer.write(payload)
            writer.close()

        server: asyncio.Server = self._run(asyncio.start_server(answer, "127.0.0.1", 0))
        port: int = server.sockets[0].getsockname()[1]
        return port

    def names(self, answers: Mapping[str, list[str] | int]) -> Callable[[], Names]:
        """Resolvers that ask a name server which knows these names only: addresses, or a DNS error code."""
        address = self.name_server(NameServer(answers))
        return lambda: Names([address], timeout_s=1, tries=1)

    def name_server(self, server: "NameServer") -> str:
        """The address and port of a name server that runs as long as this one."""
        make = self._loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
        transport, _ = self._run(make)
        return f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *lines = head.decode("latin-1").rstrip().split("\r\n")
                path = urlsplit(request.split(" ")[1]).path  # proxies are asked for the whole URL
                if path == "/robots.txt":
                    self.robots_asked += 1
                    writer.write(self.robots)
                    continue
                self.requests.append({"path": path} | dict(line.lower().split(": ", 1) for line in lines))
                self.asked_at.append(time.monotonic())
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                try:
                    await self._answers[path](writer)
                    await writer.drain()
                finally:
                    self.open -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class NameServer(asyncio.DatagramProtocol):
    """Knows these names only: addresses, or a DNS error code. `asked` counts the questions for IPv4 addresses."""

    def __init__(self, answers: Mapping[str, list[str] | int], *, ttl: int = 0, delay_s: float = 0) -> None:
        self._answers, self._ttl, self._delay_s = answers, ttl, delay_s
        self.asked: Counter[str] = Counter()
        self.open = 0
        self.most_open = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, query: bytes, sender: Any) -> None:
        end = query.index(b"\0", 12)
        labels, at = [], 12
        while at < end:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        asked_for_a = query[end + 1 : end + 3] == b"\0\1"
        name = ".".join(labels)
        self.asked[name] += asked_for_a
        self.open += asked_for_a
        self.most_open = max(self.most_open, self.open)
        answer = self._answers[name]
        code = answer if isinstance(answer, int) else 0
        addresses = answer if isinstance(answer, list) and asked_for_a else []
        ttl = self._ttl.to_bytes(4, "big")
        records = b"".join(b"\xc0\x0c\0\1\0\1%b\0\4%b" % (ttl, socket.inet_aton(address)) for address in addresses)
        counts = b"\0\1" + len(addresses).to_bytes(2, "big") + bytes(4)
        reply = query[:2] + bytes((0x81, 0x80 | code)) + counts + query[12 : end + 5] + records
        asyncio.get_running_loop().call_later(self._delay_s, self._reply, reply, sender, asked_for_a)

    def _reply(self, reply: bytes, sender: Any, asked_for_a: bool) -> None:
        self.open -= asked_for_a
        self._transport.sendto(reply, sender)


Row = dict[str, Any]


def pull_all(urls: Sequence[str | None], make_resolver: Any = None, **fields: Any) -> list[Row]:
    """What becomes of URLs that are pulled together: verdict and columns, a dict a row. Loopback is allowed."""

    async def go() -> list[Row]:
        engine = PullEngine(Pull(**{"allow": LOOPBACK, **fields}), make_resolver)
        try:
            done = await engine.process(to_pull([{"url": url} for url in urls]))
        finally:
            await engine.close()
        assert done.columns is not None
        verdicts = done.verdicts
        verdict_columns = {"reason": verdicts.reason, "value": verdicts.value, "detail": verdicts.detail}
        table = pa.table(verdict_columns | {name: done.columns[name] for name in done.columns.column_names})
        rows: list[Row] = table.to_pylist()
        return rows

    return asyncio.run(go())


def pull(url: str | None, make_resolver: Any = None, **fields: Any) -> Row:
    """What becomes of one URL. `seconds` is how long it took."""
    started = time.monotonic()
    (row,) = pull_all([url], make_resolver, **fields)
    return {**row, "seconds": time.monotonic() - started}
