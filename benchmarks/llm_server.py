"""An endpoint on loopback that answers captions of a few words after a fixed time, and tells when it was busy.

    python -m benchmarks.llm_server PORT SECONDS

``GET /spans`` gives the start and end of each exchange since the last time it was asked, in seconds.
"""

import asyncio
import sys
import time

from aiohttp import web

from tests.support.llm_faults import Asked, completion
from tests.support.wordbook import word_by_word


class Endpoint:
    """Answers everything `latency_s` after it came, however many come at once."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._spans: list[tuple[float, float]] = []

    async def chat(self, request: web.Request) -> web.Response:
        """One answer."""
        began = time.monotonic()
        body = await request.json()
        asked = Asked(body["messages"][-1]["content"], 0, body, "", began)
        said = completion(asked, word_by_word(asked))
        await asyncio.sleep(began + self._latency_s - time.monotonic())
        self._spans.append((began, time.monotonic()))
        return web.json_response(said)

    async def spans(self, _: web.Request) -> web.Response:
        """When it was busy."""
        spans, self._spans = self._spans, []
        return web.json_response(spans)


def main(port: int, latency_s: float) -> None:
    """Serve for ever."""
    endpoint, app = Endpoint(latency_s), web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/chat/completions", endpoint.chat)
    app.router.add_get("/spans", endpoint.spans)
    web.run_app(app, host="127.0.0.1", port=port, print=lambda *_: None)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
