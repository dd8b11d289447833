import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.stage import EndRunError
from pipelines.translation.cache import AnswerCache
from pipelines.translation.client import Client
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.protocol import Answer, Request, Unanswered
from tests.support.llm_faults import KEY, MODEL, Asked, LlmServer, Reply, always, first, serving


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with serving() as running:
        yield running


def endpoint(server: LlmServer, **chosen: Any) -> LlmSpec:
    quick = {"backoff_s": 0.01, "timeout_s": 5.0, "pause_s": 0.01, "tries": 3}
    return LlmSpec(url=server.url, model=MODEL, **(quick | chosen))


def request(text: str = "a dog", attempt: int = 0) -> Request:
    return Request("echo@1", (("user", text),), "en", "zh", attempt)


def ask(spec: LlmSpec, *requests: Request, cache: Path | None = None) -> list[Answer | BaseException]:
    """All at once."""

    async def run() -> list[Answer | BaseException]:
        client = Client(spec, AnswerCache(cache) if cache else None)
        try:
            return await asyncio.gather(*(client.ask(one) for one in requests), return_exceptions=True)
        finally:
            await client.close()

    return asyncio.run(run())


def verdict(spec: LlmSpec) -> str:
    """The reason for which a single request has no answer."""
    [found] = ask(spec, request())
    assert isinstance(found, Unanswered)
    return found.reason


def ended(spec: LlmSpec, n: int = 1) -> str:
    """What the run ends with, for each of `n` requests."""
    found = ask(spec, *(request(f"text {at}") for at in range(n)))
    assert all(isinstance(one, EndRunError) for one in found)
    return str(found[0])


def test_an_answer_comes_with_what_the_endpoint_says_of_it(server: LlmServer) -> None:
    [answer] = ask(endpoint(server), request("a small dog"))
    assert answer == Answer("re: a small dog", "stop", 3, 4, "echo-1", cached=False)


def test_the_request_says_how_the_model_is_sampled(server: LlmServer) -> None:
    ask(
        endpoint(server, temperature=0.3, top_p=0.9, max_tokens=77, extra={"chat_template_kwargs": {"x": 1}}), request()
    )
    sent = server.asked[0].body
    assert sent["messages"] == [{"role": "user", "content": "a dog"}]
    del sent["messages"]
    assert sent == {
        "model": MODEL,
        "temperature": 0.3,
        "top_p": 0.9,
        "seed": 0,
        "max_tokens": 77,
        "chat_template_kwargs": {"x": 1},
    }


def test_as_many_requests_are_in_flight_as_there_are_slots(server: LlmServer) -> None:
    server.behaviour = always(Reply(delay_s=0.05))
    ask(endpoint(server, concurrency=5), *(request(str(n)) for n in range(20)))
    assert server.most_at_once == 5


@pytest.mark.parametrize(
    ("reply", "reason", "requests"),
    [
        (Reply(429), "llm_rate_limited", 3),
        (Reply(429, headers={"Retry-After": "0"}), "llm_rate_limited", 3),
        (Reply(429, headers={"Retry-After": "86400"}), "llm_rate_limited", 1),
        (Reply(500), "llm_unavailable", 3),
        (Reply(503), "llm_unavailable", 3),
        (Reply(503, headers={"Retry-After": "0"}), "llm_unavailable", 3),
        (Reply(cut=True), "llm_unavailable", 3),
        (Reply(raw=b"{"), "llm_bad_answer", 3),
        (Reply(raw=b'{"choices": []}'), "llm_bad_answer", 3),
        (Reply(raw=b'{"choices": [{"message": {"content": [1]}}]}'), "llm_bad_answer", 3),
        (Reply(raw=b"\xff\xfe\x00"), "llm_bad_answer", 3),
        (Reply(raw=b"[" * 200_000), "llm_bad_answer", 3),
        (
            Reply(raw=b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": Infinity}}'),
            "llm_bad_answer",
            3,
        ),
        (
            Reply(raw=b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": -1}}'),
            "llm_bad_answer",
            3,
        ),
        (
            Reply(raw=b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": 1e20}}'),
            "llm_bad_answer",
            3,
        ),
        (Reply(400, error="maximum context length exceeded"), "llm_bad_request", 1),
        (Reply(422), "llm_bad_request", 1),
        (Reply(400, error="content_filter: the prompt was filtered"), "llm_content_filter", 1),
        (Reply(403, error="the model requires moderation, and your input was flagged"), "llm_content_filter", 1),
        (Reply(finish_reason="content_filter", text=""), "llm_content_filter", 1),
    ],
)
def test_a_failing_endpoint_is_a_verdict_after_few_requests(
    server: LlmServer, reply: Reply, reason: str, requests: int
) -> None:
    server.behaviour = always(reply)
    assert (verdict(endpoint(server)), len(server.asked)) == (reason, requests)


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drip_s=0.05)])
def test_an_endpoint_that_hangs_or_drips_is_left_after_its_time(server: LlmServer, reply: Reply) -> None:
    server.behaviour = always(reply)
    assert verdict(endpoint(server, timeout_s=0.2, tries=2)) == "llm_timeout"
    assert len(server.asked) == 2


def test_the_deadline_holds_over_all_exchanges(server: LlmServer) -> None:
    server.behaviour = always(Reply(hang=True))
    assert verdict(endpoint(server, timeout_s=0.2, deadline_s=0.5, tries=20)) == "llm_timeout"
    assert len(server.asked) <= 4


@pytest.mark.parametrize("reply", [Reply(429), Reply(500), Reply(cut=True), Reply(raw=b"<html>")])
def test_what_passes_is_outlasted(server: LlmServer, reply: Reply) -> None:
    server.behaviour = first(2, reply)
    [answer] = ask(endpoint(server), request())
    assert isinstance(answer, Answer)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("after", ["0.3", "Mon, 01 Jan 2001 00:00:00 GMT", "soon"])
def test_a_rest_that_the_endpoint_asks_for_holds_for_all(server: LlmServer, after: str, status: int) -> None:
    server.behaviour = lambda asked: Reply(status, headers={"Retry-After": after}) if not asked.nth else Reply()
    answers = ask(endpoint(server, concurrency=1), request("a"), request("b"))
    assert all(isinstance(answer, Answer) for answer in answers)
    times = [asked.at for asked in server.asked]
    assert after != "0.3" or times[1] - times[0] >= 0.3


@pytest.mark.parametrize(
    ("reply", "say"),
    [
        (Reply(401, error=f"Incorrect API key provided: {KEY}"), "refuses the key in SHARDMILL_TEST_KEY"),
        (Reply(403, error="no"), "refuses the key in SHARDMILL_TEST_KEY"),
        (Reply(404, error="The model echo does not exist"), "no such model or path: model echo"),
        (Reply(301, headers={"Location": "http://127.0.0.1:9/"}), "no such model or path"),
        (Reply(429, error="insufficient_quota"), "used up"),
    ],
)
def test_what_holds_for_every_row_ends_the_run_at_once(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch, reply: Reply, say: str
) -> None:
    monkeypatch.setenv("SHARDMILL_TEST_KEY", KEY)
    server.behaviour = always(reply)
    message = ended(endpoint(server, key_env="SHARDMILL_TEST_KEY", concurrency=4), 1000)
    assert say in message
    assert KEY not in message
    assert len(server.asked) <= 4


def test_a_wrong_key_and_a_wrong_model_are_told(server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDMILL_TEST_KEY", "sk-another-secret")
    server.keys = frozenset({KEY})
    spec = endpoint(server, key_env="SHARDMILL_TEST_KEY")
    assert "sk-another-secret" not in ended(spec)
    monkeypatch.setenv("SHARDMILL_TEST_KEY", KEY)
    assert isinstance(ask(spec, request())[0], Answer)
    assert "no such model" in ended(LlmSpec(url=server.url, model="nobody", key_env="SHARDMILL_TEST_KEY"))


def test_an_endpoint_is_lacking_without_url_model_or_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHARDMILL_TEST_KEY", raising=False)
    assert "--llm-url" in (LlmSpec().lacking or "")
    assert "SHARDMILL_TEST_KEY" in (LlmSpec(url="http://h/v1", model="m", key_env="SHARDMILL_TEST_KEY").lacking or "")
    assert LlmSpec(url="http://h/v1", model="m").lacking is None
    monkeypatch.setenv("SHARDMILL_TEST_KEY", f"{KEY}\n")
    lacking = LlmSpec(url="http://h/v1", model="m", key_env="SHARDMILL_TEST_KEY").lacking or ""
    assert "blanks" in lacking
    assert KEY not in lacking


@pytest.mark.parametrize("said", [f'{{"choices": [{{"message": {{"content": "{KEY}"}}}}]}}', "x" * 70 + KEY, KEY])
def test_an_answer_that_says_the_key_back_is_none(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    monkeypatch.setenv("SHARDMILL_TEST_KEY", KEY)
    server.behaviour = always(Reply(raw=said.encode()))
    [found] = ask(endpoint(server, key_env="SHARDMILL_TEST_KEY"), request(), cache=tmp_path)
    assert isinstance(found, Unanswered)
    assert (found.reason, KEY[:5] in found.detail) == ("llm_bad_answer", False)
    assert not [path for path in tmp_path.iterdir() if KEY.encode() in path.read_bytes()]


def test_an_endpoint_that_is_not_there_is_probed_and_ends_the_run() -> None:
    with serving() as server:
        spec = endpoint(server, probes=3)
    assert "probes: no answer" in ended(spec, 200)


def test_an_endpoint_that_is_down_costs_few_requests(server: LlmServer) -> None:
    server.behaviour = always(Reply(500))
    assert "probes: 500" in ended(endpoint(server, concurrency=8, probes=3, tries=10), 1000)
    assert len(server.asked) <= 8 + 8 + 3


def test_a_setting_that_the_endpoint_refuses_with_every_request_ends_the_run(server: LlmServer) -> None:
    server.behaviour = always(Reply(422, error="Unexpected fields in the request: seed"))
    requests = [request(f"text {n}") for n in range(1000)]
    found = ask(endpoint(server, concurrency=4, probes=2), *requests)
    assert len(server.asked) <= 64 + 4 + 2
    assert "Unexpected fields" in str(found[-1])
    assert isinstance(found[-1], EndRunError)
    assert {type(one) for one in found} == {EndRunError, Unanswered}


def test_texts_that_the_endpoint_refuses_are_no_setting_that_is_wrong(server: LlmServer) -> None:
    server.behaviour = lambda asked: Reply() if asked.text == "text 40" else Reply(422)
    found = ask(endpoint(server, concurrency=4), *(request(f"text {n}") for n in range(200)))
    assert [type(one) for one in found].count(Unanswered) == 199


def test_an_endpoint_that_comes_back_costs_no_row(server: LlmServer) -> None:
    down = iter(range(10))  # as many as are in flight, and two probes

    def behaviour(_: Asked) -> Reply:
        return Reply(503) if next(down, None) is not None else Reply()

    server.behaviour = behaviour
    answers = ask(endpoint(server, concurrency=8), *(request(f"text {n}") for n in range(50)))
    assert all(isinstance(answer, Answer) for answer in answers)


def test_one_text_that_always_fails_is_no_endpoint_that_is_down(server: LlmServer) -> None:
    server.behaviour = lambda asked: Reply(500) if asked.text == "poison" else Reply()
    *others, poison = ask(
        endpoint(server, concurrency=1), *(request(f"text {n}") for n in range(30)), request("poison")
    )
    assert all(isinstance(answer, Answer) for answer in others)
    assert isinstance(poison, Unanswered)


def test_an_answer_is_asked_for_once(server: LlmServer, tmp_path: Path) -> None:
    spec = endpoint(server)
    assert [answer.cached for answer in answers(ask(spec, request(), cache=tmp_path))] == [False]
    assert answers(ask(spec, request(), cache=tmp_path)) == [Answer("re: a dog", "stop", 2, 3, "echo-1", cached=True)]
    assert len(server.asked) == 1


def test_what_decides_the_answer_is_asked_for_apart(server: LlmServer, tmp_path: Path) -> None:
    spec = endpoint(server)
    ask(spec, request(), request(attempt=1), request()._replace(target="de"), cache=tmp_path)
    ask(endpoint(server, temperature=0.5), request(), cache=tmp_path)
    assert len(server.asked) == 4


def test_operational_settings_ask_for_nothing_again(server: LlmServer, tmp_path: Path) -> None:
    ask(endpoint(server), request(), cache=tmp_path)
    ask(endpoint(server, tries=7, concurrency=2, price_in=3.0), request(), cache=tmp_path)
    assert len(server.asked) == 1


@pytest.mark.parametrize("cached", [True, False])
def test_the_same_request_twice_at_once_is_made_once(server: LlmServer, tmp_path: Path, cached: bool) -> None:
    server.behaviour = always(Reply(delay_s=0.05))
    found = answers(ask(endpoint(server), request(), request(), cache=tmp_path if cached else None))
    assert [answer.cached for answer in found] == [False, True]
    assert len(server.asked) == 1


def test_an_answer_whose_asker_has_gone_is_kept(server: LlmServer, tmp_path: Path) -> None:
    server.behaviour = always(Reply(delay_s=0.1))

    async def leave() -> None:
        client = Client(endpoint(server), AnswerCache(tmp_path))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.ask(request())
        await client.close()

    asyncio.run(leave())
    assert answers(ask(endpoint(server), request(), cache=tmp_path))[0].cached
    assert len(server.asked) == 1


def test_what_nobody_waits_for_any_more_is_not_asked(server: LlmServer, tmp_path: Path) -> None:
    server.behaviour = lambda asked: Reply(503) if asked.text == "text 1" else Reply(delay_s=0.1)

    async def leave() -> None:
        client = Client(endpoint(server, concurrency=3, backoff_s=0.2), AnswerCache(tmp_path))
        asking = [asyncio.create_task(client.ask(request(f"text {n}"))) for n in (*range(20), 19)]
        while len(server.asked) < 3:  # noqa: ASYNC110 — in another thread, which sets no event of this loop
            await asyncio.sleep(0.001)
        for task in asking[:-1]:
            task.cancel()
        assert (await asking[-1]).text == "re: text 19"
        await client.close()

    asyncio.run(leave())
    assert sorted(asked.text for asked in server.asked) == ["text 0", "text 1", "text 19", "text 2"]


def test_a_text_that_is_no_unicode_is_still_kept(server: LlmServer, tmp_path: Path) -> None:
    server.behaviour = always(Reply(raw=b'{"choices": [{"message": {"content": "\\ud83d"}, "finish_reason": "stop"}]}'))
    assert answers(ask(endpoint(server), request(), cache=tmp_path))[0].text == "?"


def test_a_model_whose_name_is_no_unicode_is_still_noted(server: LlmServer, tmp_path: Path) -> None:
    choice = b'{"message": {"content": "x"}, "finish_reason": "\\ud83d"}'
    server.behaviour = always(Reply(raw=b'{"model": "m\\ud83d", "choices": [' + choice + b"]}"))
    [answer] = answers(ask(endpoint(server), request(), cache=tmp_path))
    assert (answer.model, answer.finish_reason) == ("m?", "?")


def test_a_packed_answer_is_unpacked(server: LlmServer) -> None:
    packed = gzip.compress(b'{"choices": [{"message": {"content": "unpacked"}, "finish_reason": "stop"}]}')
    server.behaviour = always(Reply(raw=packed, headers={"Content-Encoding": "gzip"}))
    assert answers(ask(endpoint(server), request()))[0].text == "unpacked"


def test_an_answer_is_measured_unpacked(server: LlmServer) -> None:
    said = b'{"choices": [{"message": {"content": "' + b"a" * (17 << 20) + b'"}}]}'
    server.behaviour = always(Reply(raw=gzip.compress(said), headers={"Content-Encoding": "gzip"}))
    [found] = ask(endpoint(server, tries=1), request())
    assert isinstance(found, Unanswered)
    assert "16,777,216 bytes" in found.detail


def test_a_url_with_a_key_in_it_is_refused() -> None:
    for url in ("http://user:pass@host/v1", "https://host/v1?api-key=x", "ftp://host", "host:80"):
        with pytest.raises(ValueError, match="URL"):
            LlmSpec(url=url, model="m")


def test_a_folder_for_answers_is_meant_where_it_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert LlmSpec(cache="answers").cache == str(tmp_path / "answers")
    assert LlmSpec(cache="~/answers").cache == "/home/somebody/answers"
    with pytest.raises(ValueError, match="shardmill answers"):
        LlmSpec(cache="s3://bucket/answers")


def answers(found: list[Answer | BaseException]) -> list[Answer]:
    assert all(isinstance(one, Answer) for one in found), found
    return [one for one in found if isinstance(one, Answer)]
