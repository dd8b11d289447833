"""Servers that are busy are asked again, later and not often; hosts where nobody is are given up for a while."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pull.engine import PullEngine, Row
from pipelines.pull.patience import FAILURES, DeadHosts, is_busy, may_pass, retry_after_s
from pipelines.pull.slots import Slots
from pipelines.pull.stage import Pull
from pipelines.pull.verdicts import PausedError, RefusedError, cause_of
from pipelines.stage import Verdict
from tests.pipelines.pull.hostile import LOOPBACK, Answer, Hostile, pull, pull_all, response
from tests.pipelines.pull.pictures import file, scene
from tests.support.tables import to_pull

PICTURE = file(scene(), "JPEG")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = {"Retry-After": 1}
MUCH_LATER = {"Retry-After": 3600}


def after(hostile: Hostile, *payloads: bytes) -> str:
    """The URL of a page that gives these answers in turn, the last of them ever after."""
    left = list(payloads)

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return hostile.acting(answer)


# what a server asks for


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thursday, 01-Jan-26 00:01:00 GMT", 60),
        ("Thu, 01 Jan 2015 00:01:00 GMT", 0),
        ("9" * 400, 86_400),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 86_400),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text(max_size=40))
def test_any_header_is_read(header: str) -> None:
    seconds = retry_after_s(header, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


def test_what_may_pass() -> None:
    assert all(map(may_pass, [Verdict("connect"), Verdict("rate_limited", 429), Verdict("http_error", 503)]))
    finals = [Verdict("http_error", 500), Verdict("http_error"), Verdict("timeout"), Verdict("min_side", 429)]
    assert not any(map(may_pass, [*finals, Verdict("dns_not_found"), Verdict("rate_limited", 408)]))
    assert not is_busy(Verdict("connect"))


# a server that is busy


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_is_waited_for(hostile: Hostile, status: int) -> None:
    row = pull(after(hostile, response(status), response(status), response(200, PICTURE)))
    assert (row["reason"], row["attempts"]) == (None, 3)
    assert len(hostile.requests) == 3


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (503, "http_error")])
def test_what_does_not_pass_is_asked_a_bounded_number_of_times(hostile: Hostile, status: int, reason: str) -> None:
    url = hostile.page(status=status)
    row = pull(url)
    assert (row["reason"], row["value"], len(hostile.requests)) == (reason, status, 3)
    pull(url, tries=1)
    assert len(hostile.requests) == 4


@pytest.mark.parametrize("status", [400, 403, 404, 408, 425, 500, 502, 504])
def test_other_answers_are_final(hostile: Hostile, status: int) -> None:
    pull(hostile.page(status=status, headers=SOON))
    assert len(hostile.requests) == 1


def test_no_row_asks_the_host_before_the_time_that_it_named(hostile: Hostile) -> None:
    urls = [after(hostile, response(429, headers=SOON), response(200, PICTURE))]
    urls += [hostile.page(PICTURE) for _ in range(5)]
    rows = pull_all(urls, per_host=1)
    assert [row["reason"] for row in rows] == [None] * 6
    first, second, *_ = hostile.asked_at
    assert second - first >= 1


def test_a_time_may_be_named_as_a_date(hostile: Hostile) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)  # cut to a whole second
    url = after(hostile, response(503, headers={"Retry-After": date}), response(200, PICTURE))
    assert pull(url)["reason"] is None
    first, second = hostile.asked_at
    assert second - first >= 1


def test_robots_txt_is_asked_for_as_patiently(hostile: Hostile) -> None:
    hostile.robots = response(503)
    row = pull(hostile.page(PICTURE))
    assert (row["reason"], row["value"]) == ("robots_unreachable", 503)
    assert hostile.robots_asked == 3
    assert not hostile.requests


def test_a_host_that_is_left_alone_is_not_asked_for_robots_txt_either(hostile: Hostile) -> None:
    port = hostile.blurting(b"")
    urls = [hostile.page(status=429, headers=MUCH_LATER), f"http://127.0.0.1:{port}/"]

    async def go() -> list[Verdict | None]:
        engine = PullEngine(Pull(allow=LOOPBACK))
        verdicts = [(await engine.pull(Row(url))).verdict for url in urls]
        await engine.close()
        return verdicts

    refused, paused = asyncio.run(go())
    assert (refused and refused.reason) == "rate_limited"
    assert paused is not None
    assert (paused.reason, paused.value, cause_of(paused.detail or "")) == ("host_paused", 429, "rate_limited")
    assert not hostile.connections


def test_a_pause_beyond_the_deadline_is_not_waited_for_and_holds_for_all_rows(hostile: Hostile) -> None:
    url = hostile.page(status=429, headers=MUCH_LATER)
    rows = pull_all([url, *(hostile.page(PICTURE) for _ in range(20))], per_host=1)
    assert [(row["reason"], row["value"]) for row in rows] == [("rate_limited", 429)] + 20 * [("host_paused", 429)]
    assert rows[-1]["detail"].startswith("rate_limited: not asked; the host is left alone")
    assert [row["attempts"] for row in rows] == [1] + 20 * [None]
    assert len(hostile.requests) == 1


def test_a_pause_is_remembered_when_nobody_asks_for_the_host(hostile: Hostile) -> None:
    async def go() -> list[str | None]:
        engine = PullEngine(Pull(allow=LOOPBACK))
        urls = [hostile.page(status=503, headers=MUCH_LATER), hostile.page(PICTURE)]
        verdicts = [(await engine.pull(Row(url))).verdict for url in urls]
        await engine.close()
        return [verdict and verdict.reason for verdict in verdicts]

    assert asyncio.run(go()) == ["http_error", "host_paused"]
    assert len(hostile.requests) == 1


def test_rows_that_wait_for_a_host_do_not_keep_others_from_being_fetched(hostile: Hostile) -> None:
    busy = [after(hostile, response(429, headers=SOON), response(200, PICTURE))]
    busy += [hostile.page(PICTURE) for _ in range(5)]
    free = [hostile.page(PICTURE).replace("127.0.0.1", "localhost") for _ in range(5)]
    rows = pull_all([*busy, *free], concurrency=1, per_host=2)
    assert {row["reason"] for row in rows} == {None}
    hosts = [request["host"].partition(":")[0] for request in hostile.requests]
    asked_again = [at for at, host in enumerate(hosts) if host == "127.0.0.1"][1]
    assert hosts[:asked_again].count("localhost") == 5


def test_a_host_that_is_always_busy_is_asked_less_and_less(hostile: Hostile) -> None:
    rows = pull_all([hostile.page(status=503) for _ in range(200)], per_host=2, deadline_s=1)
    assert {row["reason"] for row in rows} == {"http_error", "host_paused"}
    assert len(hostile.requests) < 100


def test_refusals_of_exchanges_that_ran_together_count_once() -> None:
    async def go() -> float:
        slots = Slots(8, 8)
        busy = Verdict("rate_limited", 429)
        async with slots.hold("a", 1):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.01)
            for _ in range(1000):
                slots.refused("a", busy, began, None)
        async with slots.hold("a", 0.5) as paused:
            return paused

    assert asyncio.run(go()) <= 0.55


def test_patience_ends_for_all_who_wait() -> None:
    async def wait(slots: Slots, patience_s: float) -> str:
        try:
            async with slots.hold("a", patience_s):
                return "asked"
        except PausedError as paused:
            return paused.verdict.reason

    async def go() -> list[str]:
        slots = Slots(4, 1)
        async with slots.hold("a", 1):
            slots.refused("a", Verdict("rate_limited", 429), asyncio.get_running_loop().time(), 0.6)
        return await asyncio.gather(*(wait(slots, patience_s) for patience_s in (0.1, 5, 0.1, 5)))

    assert asyncio.run(go()) == ["host_paused", "asked", "asked", "asked"]


# hosts where nobody is


def test_a_dead_host_costs_a_bounded_number_of_tries(hostile: Hostile) -> None:
    port = hostile.blurting(b"")
    rows = pull_all([f"http://127.0.0.1:{port}/{number}" for number in range(200)], per_host=4, robots=False)
    assert {row["reason"] for row in rows} == {"connect", "host_paused"}
    assert hostile.connections <= 2 * (FAILURES + 4)  # aiohttp itself tries twice when a server hangs up
    assert sum(row["attempts"] or 0 for row in rows) <= FAILURES + 4
    assert rows[-1]["reason"] == "host_paused"
    assert rows[-1]["detail"].startswith("connect: not asked after")
    assert cause_of(rows[-1]["detail"]) == "connect"


def test_with_robots_txt_a_dead_host_costs_what_one_url_costs(hostile: Hostile) -> None:
    port = hostile.blurting(b"")
    rows = pull_all([f"http://127.0.0.1:{port}/{number}" for number in range(200)])
    assert {row["reason"] for row in rows} == {"connect"}
    assert hostile.connections <= 2 * 3


def test_a_silent_host_is_given_up_too(hostile: Hostile) -> None:
    async def silence(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    rows = pull_all([hostile.acting(silence) for _ in range(40)], per_host=2, deadline_s=0.1)
    assert {row["reason"] for row in rows} == {"timeout", "host_paused"}
    assert len(hostile.requests) <= FAILURES + 2


A, B = ("a.example", 80), ("a.example", 443)


def fail(hosts: DeadHosts, times: int = FAILURES) -> None:
    for _ in range(times):
        with pytest.raises(TimeoutError), hosts.exchange(A):
            raise TimeoutError


@pytest.mark.parametrize("answer", [None, RefusedError(Verdict("http_gone", 404)), RefusedError(Verdict("body_short"))])
def test_a_host_that_answers_at_times_is_not_given_up(answer: Exception | None) -> None:
    async def go() -> None:
        hosts = DeadHosts()
        for _ in range(10):
            fail(hosts, FAILURES - 1)
            with suppress(RefusedError), hosts.exchange(A):
                if answer:
                    raise answer
        hosts.check(A)

    asyncio.run(go())


def test_a_host_that_is_given_up_is_probed_once_at_a_time() -> None:
    async def go() -> None:
        hosts = DeadHosts(given_up_s=0.05)
        fail(hosts)
        with pytest.raises(RefusedError) as refused:
            hosts.check(A)
        said = "timeout: not asked after 5 failures in a row: silence"
        assert refused.value.verdict == Verdict("host_paused", None, said)
        hosts.check(B)
        await asyncio.sleep(0.06)
        with hosts.exchange(A), pytest.raises(RefusedError), hosts.exchange(A):
            pass
        hosts.check(A)

    asyncio.run(go())


def test_a_probe_that_fails_doubles_the_time_and_one_that_is_dropped_leaves_it_to_another() -> None:
    async def go() -> None:
        hosts = DeadHosts(given_up_s=0.2)
        fail(hosts)
        await asyncio.sleep(0.21)
        with pytest.raises(asyncio.CancelledError), hosts.exchange(A):
            raise asyncio.CancelledError
        fail(hosts, 1)
        await asyncio.sleep(0.3)
        with pytest.raises(RefusedError):
            hosts.check(A)
        await asyncio.sleep(0.11)
        hosts.check(A)

    asyncio.run(go())


# rows that only wait


async def forever(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("answer", [forever, dripping])
def test_what_is_left_when_the_time_of_all_is_up_fails(hostile: Hostile, answer: Answer) -> None:
    slow = [hostile.acting(answer).replace("127.0.0.1", "localhost") for _ in range(10)]
    rows = pull_all([hostile.page(PICTURE), *slow], per_host=2, part_deadline_s=1)
    assert [row["reason"] for row in rows] == [None] + ["deadline"] * 10
    assert sorted(row["attempts"] or 0 for row in rows) == [0] * 8 + [1] * 3
    assert rows[0]["image"] == PICTURE


def test_the_time_of_all_counts_from_when_their_part_began(hostile: Hostile) -> None:
    async def go() -> list[str | None]:
        engine = PullEngine(Pull(allow=LOOPBACK, part_deadline_s=60))
        now, rows = asyncio.get_running_loop().time(), to_pull([{"url": hostile.page(PICTURE)}])
        done = [await engine.process(rows, now - ago) for ago in (0, 61)]
        await engine.close()
        return [reason for answer in done for reason in answer.verdicts.reason.to_pylist()]

    assert asyncio.run(go()) == [None, "deadline"]
    assert len(hostile.requests) == 1


def test_a_pause_beyond_the_end_of_the_part_is_not_waited_for(hostile: Hostile) -> None:
    url = hostile.page(status=429, headers={"Retry-After": 100})
    rows = pull_all([url, *(hostile.page(PICTURE) for _ in range(4))], per_host=1, deadline_s=300, part_deadline_s=60)
    assert "deadline" not in {row["reason"] for row in rows}
    assert len(hostile.requests) == 1
