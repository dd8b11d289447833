"""A phrasebook that is asked like a language model, and is none.

A server on loopback of OpenAI's chat protocol. It translates what `jobs.demo.bilingual` has a grammar of, the captions
of the drawn scenes, from English to Chinese and back; whatever else it is asked it refuses. So the demo and the tests
run every stage without a model. What a prompt says is nothing to it: it reads the text between ``⟦text⟧`` and
``⟦/text⟧``, and keeps the marks in it.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from jobs.demo.bilingual import translate
from pipelines.translation.marked_spans import read_marks, with_marks

MODEL = "phrasebook"
_START_S = 10.0
_LARGEST_BODY = 4 << 20


class UnknownTextError(Exception):
    """The phrasebook has no such sentence."""


def answer(said: str) -> str:
    """What the phrasebook answers to a message. Raises `UnknownTextError`."""
    _, opening, rest = said.rpartition("⟦text⟧")
    text, closing, _ = rest.partition("⟦/text⟧")
    if not opening or not closing:
        raise UnknownTextError("no text stands between ⟦text⟧ and ⟦/text⟧")
    plain, spans = read_marks(text.strip())
    if (found := translate(plain)) is None:
        raise UnknownTextError(f"{plain[:80]!r} is not in the phrasebook")
    if "⟦source⟧" in said:  # a correction: what a grammar wrote has no fault
        return text.strip()
    moved = {number: there for number, span in (spans or {}).items() if (there := found.moved(span))}
    return with_marks(found.text, moved)


def _completion(text: str, asked: str) -> dict[str, Any]:
    # a phrasebook has no tokens: characters stand for them on both sides
    usage = {"prompt_tokens": len(asked), "completion_tokens": len(text), "total_tokens": len(asked) + len(text)}
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "phrasebook", "object": "chat.completion", "model": MODEL, "choices": choices, "usage": usage}


def _error(status: int, code: str, words: str) -> web.Response:
    return web.json_response(
        {"error": {"code": code, "message": words, "type": "invalid_request_error"}}, status=status
    )


async def _chat(request: web.Request) -> web.Response:
    try:
        body = await request.json()
        model, said = body["model"], str(body["messages"][-1]["content"])
    except (ValueError, LookupError, TypeError) as error:
        return _error(400, "invalid_request", f"no chat request: {error}")
    if model != MODEL:
        return _error(404, "model_not_found", f"the only model here is {MODEL}")
    try:
        return web.json_response(_completion(answer(said), said))
    except UnknownTextError as error:
        return _error(422, "not_in_phrasebook", str(error))


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "shardmill"}]})


def application() -> web.Application:
    """The server's routes."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    app.router.add_post("/v1/chat/completions", _chat)
    app.router.add_get("/v1/models", _models)
    return app


@contextmanager
def serving(port: int = 0) -> Iterator[str]:
    """Serve on loopback while the block runs, in a thread; the endpoint's base URL. Port 0: any that is free.

    Raises OSError where the port cannot be had.
    """
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application(), access_log=None)

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    thread = threading.Thread(target=loop.run_forever, name="phrasebook", daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(_START_S)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_START_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def main() -> None:
    """Serve on the port that is given, any free one else, until interrupted or ended."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # shells start what is in the background deaf to interrupts
        signal.signal(number, lambda *_: ended.set())
    with serving(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as url:
        sys.stdout.write(f"--llm-url {url} --llm-model {MODEL}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
