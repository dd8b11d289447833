import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.stage import EndRunError
from pipelines.translation.cache import AnswerCache
from pipelines.translation.client import Client
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.protocol import Answer, Request
from tests.support.llm_faults import MODEL, Reply, always, serving


def requests(texts: list[str]) -> list[Request]:
    return [Request("echo@1", (("user", text),), "en", "zh") for text in texts]


def ask(spec: LlmSpec, texts: list[str], cache: Path) -> list[Answer | BaseException]:
    async def run() -> list[Answer | BaseException]:
        client = Client(spec, AnswerCache(cache), "run")
        try:
            return await asyncio.gather(*map(client.ask, requests(texts)), return_exceptions=True)
        finally:
            await client.close()

    return asyncio.run(run())


def spent(cache: Path) -> tuple[int, int]:
    async def run() -> tuple[int, int]:
        opened = AnswerCache(cache)
        try:
            return opened.spent("run")
        finally:
            await opened.close()

    return asyncio.run(run())


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=25),
    st.integers(1, 1500),
    st.sampled_from([{"max_spent_tokens": True}, {"max_cost": True, "price_in": 1e6, "price_out": 1e6}]),
)
def test_a_limit_is_never_passed_and_all_that_came_is_kept(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], limit: int, kind: dict[str, Any]
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    texts = [f"{n} " + "word " * words for n, words in enumerate(lengths)]
    chosen = {name: limit if value is True else value for name, value in kind.items()}
    with serving() as server:
        spec = LlmSpec(url=server.url, model=MODEL, max_tokens=20, concurrency=4, **chosen)
        found = ask(spec, texts, cache)
        received = len(server.asked)
    assert sum(spent(cache)) <= limit
    assert received == sum(isinstance(one, Answer) for one in found)
    assert all(isinstance(one, Answer | EndRunError) for one in found)


def test_a_raised_limit_goes_on_without_asking_again(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(30)]
    with serving(always(Reply(delay_s=0.005))) as server:
        spec = LlmSpec(url=server.url, model=MODEL, max_tokens=20, max_spent_tokens=120)
        found = ask(spec, texts, tmp_path)
        assert any("max_spent_tokens 120" in str(one) for one in found)
        before = len(server.asked)
        again = ask(LlmSpec(url=server.url, model=MODEL, max_tokens=20, max_spent_tokens=120), texts, tmp_path)
        assert len(server.asked) == before  # what was spent counts on
        assert sum(isinstance(one, Answer) for one in again) == before
        assert all(
            isinstance(one, Answer) for one in ask(LlmSpec(url=server.url, model=MODEL, max_tokens=20), texts, tmp_path)
        )
        assert len(server.asked) == 30


def test_an_endpoint_that_does_not_count_cannot_be_held_to_a_limit(tmp_path: Path) -> None:
    uncounted = b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}'
    with serving(always(Reply(raw=uncounted))) as server:
        spec = LlmSpec(url=server.url, model=MODEL, concurrency=2, max_spent_tokens=10_000)
        found = ask(spec, [f"text {n}" for n in range(20)], tmp_path)
        assert all("does not say what an answer takes" in str(one) for one in found)
        received = len(server.asked)
        assert received <= 3  # one may have gone out just then
        assert isinstance(ask(LlmSpec(url=server.url, model=MODEL), ["text 0"], tmp_path)[0], Answer)
        assert len(server.asked) == received


def test_a_limit_that_cannot_be_held_is_refused() -> None:
    with pytest.raises(ValueError, match="price_in"):
        LlmSpec(max_cost=1.0)
    with pytest.raises(ValueError, match="max_tokens"):
        LlmSpec(max_spent_tokens=10, max_tokens=None)
