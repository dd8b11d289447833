"""A server on loopback that speaks the OpenAI chat protocol, answers what it is told to, and fails as it is told to."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "echo"
KEY = "sk-a-key-that-nobody-may-see"


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    text: str
    """of its last message"""
    nth: int
    """how many requests had this text before"""
    body: dict[str, Any]
    authorization: str
    at: float


@dataclass(frozen=True)
class Reply:
    """What the server does: by default it answers ``re: TEXT`` at once."""

    status: int = 200
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay_s: float = 0.0
    hang: bool = False
    cut: bool = False
    drip_s: float = 0.0
    """seconds between the bytes of the answer"""
    text: str | None = None
    finish_reason: str = "stop"


Behaviour = Callable[[Asked], Reply]


def well(_: Asked) -> Reply:
    """Answers everything."""
    return Reply()


def always(reply: Reply) -> Behaviour:
    """Does the same with every request."""
    return lambda _: reply


def first(n: int, reply: Reply) -> Behaviour:
    """Does this with the first `n` requests of a text, and answers from then on."""
    return lambda asked: reply if asked.nth < n else Reply()


class LlmServer:
    """Use `serving`. `behaviour` may be changed at any time."""

    def __init__(self, behaviour: Behaviour = well, keys: frozenset[str] = frozenset()) -> None:
        self.behaviour, self.keys = behaviour, keys
        self.asked: list[Asked] = []
        self.answered: Counter[str] = Counter()
        """texts whose answer was sent whole"""
        self.most_at_once = 0
        self.url = ""
        self._at_once = 0
        self._seen: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        text = body["messages"][-1]["content"]
        asked = Asked(text, self._seen[text], body, request.headers.get("Authorization", ""), time.monotonic())
        self._seen[text] += 1
        self.asked.append(asked)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._reply(request, asked)
        except ConnectionError:  # the client has gone
            return web.Response()
        finally:
            self._at_once -= 1

    async def _reply(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        key = asked.authorization.removeprefix("Bearer ")
        if self.keys and key not in self.keys:
            return _error(401, f"Incorrect API key provided: {key}", {})
        if asked.body["model"] != MODEL:
            return _error(404, f"The model {asked.body['model']} does not exist", {})
        reply = self.behaviour(asked)
        await asyncio.sleep(3600 if reply.hang else reply.delay_s)
        if reply.cut:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if reply.status != 200:
            return _error(reply.status, reply.error or "out of order", reply.headers)
        sent = reply.raw if reply.raw is not None else json.dumps(completion(asked, reply)).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(sent))}
        response = web.StreamResponse(headers=own | reply.headers)
        await response.prepare(request)
        for at in range(0, len(sent), 1 if reply.drip_s else len(sent)):
            await response.write(sent[at : at + (1 if reply.drip_s else len(sent))])
            await asyncio.sleep(reply.drip_s)
        await response.write_eof()
        self.answered[asked.text] += 1
        return response


def completion(asked: Asked, reply: Reply) -> dict[str, Any]:
    """An answer; its tokens are words."""
    text = f"re: {asked.text}" if reply.text is None else reply.text
    words = sum(len(message["content"].split()) for message in asked.body["messages"])
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": f"{MODEL}-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reply.finish_reason}
        ],
        "usage": {
            "prompt_tokens": words,
            "completion_tokens": len(text.split()),
            "total_tokens": words + len(text.split()),
        },
    }


def _error(status: int, message: str, headers: dict[str, str]) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "error"}}, status=status, headers=headers)


@contextmanager
def serving(behaviour: Behaviour = well, keys: frozenset[str] = frozenset(), port: int = 0) -> Iterator[LlmServer]:
    """The server on a port of loopback, in a thread, while the block lasts."""
    server, loop, started = LlmServer(behaviour, keys), asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def run() -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/chat/completions", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
