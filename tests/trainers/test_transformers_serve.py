"""Against a server that is not ours: transformers' own, with a tiny model behind it."""

import asyncio
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.stage import EndRunError
from pipelines.translation.cache import AnswerCache
from pipelines.translation.client import Client
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.protocol import Answer, Request, Unanswered
from tests.trainers.conftest import OFFLINE, python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_START_S = 240.0


class Served:
    """A model behind `transformers serve`."""

    def __init__(self, folder: Path) -> None:
        self.model = str(folder)
        subprocess.run([python("swift"), "-I", str(Path(__file__).parent / "tiny_chat.py"), self.model], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        command = [str(Path(python("swift")).with_name("transformers")), "serve", self.model, "--device", "cpu"]
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **OFFLINE},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait(f"http://127.0.0.1:{port}/health")

    def _wait(self, health: str) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(health, timeout=5).close()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
            else:
                return
        pytest.fail("transformers serve did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("tiny_chat"))
    yield running
    running.stop()


def spec(served: Served, **chosen: Any) -> LlmSpec:
    settings = {
        "model": served.model,
        "backoff_s": 0.05,
        "pause_s": 0.05,
        "tries": 2,
        "max_tokens": 12,
        "timeout_s": 50.0,
        "concurrency": 4,
    }
    return LlmSpec(url=served.url, **(settings | chosen))


def ask(spec: LlmSpec, texts: list[str], cache: Path) -> list[Answer | BaseException]:
    async def run() -> list[Answer | BaseException]:
        client = Client(spec, AnswerCache(cache), "run")
        requests = [Request("tiny@1", (("system", "Say it."), ("user", text)), "en", "zh") for text in texts]
        try:
            return await asyncio.gather(*map(client.ask, requests), return_exceptions=True)
        finally:
            await client.close()

    return asyncio.run(run())


def test_answers_come_with_the_numbers_of_tokens_and_are_kept(served: Served, tmp_path: Path) -> None:
    texts = ["a dog", "Straße 狗", "x" * 500]
    first = ask(spec(served), texts, tmp_path)
    prompts = [f"system: Say it.<|end|>user: {text}<|end|>assistant: " for text in texts]
    expected = [len(prompt.replace("<|end|>", "\0").encode()) for prompt in prompts]  # a token a byte, and one a mark
    assert [one.tokens_in for one in first if isinstance(one, Answer)] == expected
    assert [(one.tokens_out, one.finish_reason) for one in first if isinstance(one, Answer)] == [(12, "length")] * 3
    again = ask(spec(served), texts, tmp_path)
    assert [one.text for one in again if isinstance(one, Answer)] == [
        one.text for one in first if isinstance(one, Answer)
    ]
    assert all(one.cached for one in again if isinstance(one, Answer))


def test_what_the_server_refuses_is_a_verdict_for_one_request_and_the_end_for_all(
    served: Served, tmp_path: Path
) -> None:
    unknown = spec(served, extra={"whatever": 1}, probes=2)
    [one] = ask(unknown, ["a dog"], tmp_path)
    assert isinstance(one, Unanswered)
    assert (one.reason, "whatever" in one.detail) == ("llm_bad_request", True)
    assert any(isinstance(one, EndRunError) for one in ask(unknown, [f"text {n}" for n in range(100)], tmp_path))


def test_another_model_than_it_serves_ends_the_run(served: Served, tmp_path: Path) -> None:
    found = ask(spec(served, model="nobody/nothing", probes=2), [f"text {n}" for n in range(100)], tmp_path)
    assert any(isinstance(one, EndRunError) and "pinned" in str(one) for one in found)


def test_a_server_that_dies_ends_the_run_and_what_came_is_kept(tmp_path: Path) -> None:
    running = Served(tmp_path / "model")
    try:
        assert isinstance(ask(spec(running), ["a dog"], tmp_path / "cache")[0], Answer)
    finally:
        running.stop()
    found = ask(spec(running, probes=2), ["a dog", *(f"text {n}" for n in range(40))], tmp_path / "cache")
    assert isinstance(found[0], Answer)
    assert found[0].cached
    assert isinstance(found[-1], EndRunError)
