"""The phrasebook is asked like a model, over HTTP, by the client of the program and by our prompts."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from jobs.demo.phrasebook import MODEL, UnknownTextError, answer, serving
from jobs.demo.scenes import draw
from pipelines.chatml.turns import Spoken
from pipelines.translation.agreement import agreement
from pipelines.translation.client import Client
from pipelines.translation.conversations import translate_turns
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.protocol import Translator, Unanswered
from pipelines.translation.texts import TextOptions, correct_text, translate_text

OPTIONS = TextOptions()
_T = TypeVar("_T")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as url:
        yield url


def asking(url: str, call: Callable[[Translator], Awaitable[_T]]) -> _T:
    async def ask() -> _T:
        client = Client(LlmSpec(url=url, model=MODEL))
        try:
            return await call(client)
        finally:
            await client.close()

    return asyncio.run(ask())


def test_drawn_captions_come_back_in_chinese_with_their_phrases_and_home_again(url: str) -> None:
    async def call(ask: Translator) -> None:
        for number in range(40):
            scene = draw(f"phrasebook {number}")
            spans = [(phrase.start, phrase.end) for phrase in scene.phrases] + [(0, len(scene.caption))]
            done = await translate_text(scene.caption, "en", "zh", ask, OPTIONS, spans)
            assert (done.outcome, done.checks, done.requests) == ("translated", (), 1)
            assert done.text is not None
            assert all(done.spans)
            better = await correct_text(scene.caption, done.text, "en", "zh", ask, OPTIONS)
            assert better.text == done.text
            back = await translate_text(done.text, "zh", "en", ask, OPTIONS)
            assert back.text == scene.caption
            assert agreement(scene.caption, back.text) == pytest.approx(100)

    asking(url, call)


def test_what_it_does_not_know_is_a_verdict_of_one_request(url: str) -> None:
    with pytest.raises(Unanswered, match="not_in_phrasebook") as error:
        asking(url, lambda ask: translate_text("a dog on the grass", "en", "zh", ask, OPTIONS))
    assert error.value.reason == "llm_bad_request"


def test_conversations_about_drawn_scenes_are_translated(url: str) -> None:
    turns = [
        Spoken("user", "<image>\nWhat does this image show?", "en"),
        Spoken("assistant", "The image shows a red circle above a blue square.", "en"),
    ]
    done = asking(url, lambda ask: translate_turns(turns, "en", "zh", ask, OPTIONS))
    assert done.turns == (
        Spoken("user", "<image>\n这张图片里有什么？", "zh"),
        Spoken("assistant", "图中有：一个红色圆形在一个蓝色正方形上方。", "zh"),
    )


def test_it_answers_the_text_between_the_marks_and_keeps_marks_of_phrases() -> None:
    said = "whatever else ⟦text⟧\n⟦s1⟧a red circle⟦/s1⟧ in the ⟦s2⟧top left corner⟦/s2⟧\n⟦/text⟧"
    assert answer(said) == "⟦s2⟧左上角⟦/s2⟧有⟦s1⟧一个红色圆形⟦/s1⟧"
    with pytest.raises(UnknownTextError):
        answer("a red circle")


def test_it_lists_itself_as_the_only_model(url: str) -> None:
    with urllib.request.urlopen(f"{url}/models") as response:
        assert [one["id"] for one in json.load(response)["data"]] == [MODEL]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"model": "phrasebook"}', 400),
        (b'{"model": "phrasebook", "messages": []}', 400),
        (b'{"model": "another", "messages": [{"role": "user", "content": "x"}]}', 404),
        (b'{"model": "phrasebook", "messages": [{"role": "user", "content": "x"}]}', 422),
    ],
)
def test_a_request_that_is_none_gets_an_error_of_the_protocol(url: str, body: bytes, status: int) -> None:
    request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == status
    assert "message" in json.load(error.value)["error"]


def test_it_is_started_by_hand_and_says_how_it_is_asked() -> None:
    command = [sys.executable, "-m", "jobs.demo.phrasebook"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as book:
        assert book.stdout is not None
        _, url, _, model = book.stdout.readline().split()
        with urllib.request.urlopen(f"{url}/models") as told:
            assert [one["id"] for one in json.load(told)["data"]] == [model] == [MODEL]
        book.send_signal(signal.SIGINT)
        assert book.communicate(timeout=30) == ("", "")
        assert book.returncode == 0
