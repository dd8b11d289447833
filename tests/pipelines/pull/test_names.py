"""Names are looked up once, few at a time, and remembered within bounds; the name server is a real one."""

import asyncio
import socket
from typing import Any

import pytest
from aiodns.error import ARES_ENOTFOUND

from pipelines.pull import names
from pipelines.pull.names import AT_ONCE, Names
from tests.pipelines.pull.hostile import NXDOMAIN, SERVFAIL, Hostile, NameServer, pull, pull_all
from tests.pipelines.pull.pictures import file, scene

PICTURE = file(scene(), "JPEG")


def ask(address: str, *hosts: str, times: int = 1, wait_s: float = 0) -> list[list[str] | int]:
    """What becomes of lookups that begin together, and of the same again: addresses, or the error's code."""

    async def one(resolver: Names, host: str) -> list[str] | int:
        try:
            return [found["host"] for found in await resolver.resolve(host, 80, socket.AF_INET)]
        except OSError as error:
            return int(error.__cause__.args[0]) if error.__cause__ else -1

    async def go() -> list[list[str] | int]:
        resolver = Names([address], timeout_s=1, tries=1)
        answers: list[Any] = []
        for _ in range(times):
            answers += await asyncio.gather(*(one(resolver, host) for host in hosts))
            await asyncio.sleep(wait_s)
        await resolver.close()
        return answers

    return asyncio.run(go())


def test_a_name_is_looked_up_once_however_often_it_is_wanted(hostile: Hostile) -> None:
    server = NameServer({"a.example": ["127.0.0.1", "127.0.0.2"], "b.example": ["127.0.0.3"]}, delay_s=0.02)
    answers = ask(hostile.name_server(server), *["a.example"] * 5, "b.example", times=3)
    assert [set(answer) for answer in answers if isinstance(answer, list)] == (
        [{"127.0.0.1", "127.0.0.2"}] * 5 + [{"127.0.0.3"}]
    ) * 3
    assert server.asked == {"a.example": 1, "b.example": 1}


def test_what_does_not_exist_is_remembered_too(hostile: Hostile) -> None:
    server = NameServer({"gone.example": NXDOMAIN, "empty.example": [], "broken.example": SERVFAIL})
    answers = ask(hostile.name_server(server), "gone.example", "empty.example", "broken.example", times=2)
    assert answers[:3] == answers[3:]
    assert answers[0] == ARES_ENOTFOUND
    assert set(server.asked.values()) == {1}


@pytest.mark.parametrize(("ttl", "lookups"), [(0, 2), (3600, 1)])
def test_records_hold_for_as_long_as_they_say_within_bounds(
    hostile: Hostile, ttl: int, lookups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MIN_TTL_S", 0.05)
    server = NameServer({"a.example": ["127.0.0.1"]}, ttl=ttl)
    ask(hostile.name_server(server), "a.example", times=2, wait_s=0.1)
    assert server.asked["a.example"] == lookups


def test_not_even_a_year_is_more_than_ten_minutes(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_TTL_S", 0.05)
    monkeypatch.setattr(names, "MIN_TTL_S", 0.01)
    server = NameServer({"a.example": ["127.0.0.1"]}, ttl=31_536_000)
    ask(hostile.name_server(server), "a.example", times=2, wait_s=0.1)
    assert server.asked["a.example"] == 2


def test_the_memory_is_bounded(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "REMEMBERED", 3)
    server = NameServer({f"{number}.example": ["127.0.0.1"] for number in range(5)})
    address = hostile.name_server(server)

    async def go() -> None:
        resolver = Names([address], timeout_s=1, tries=1)
        for number in (0, 1, 2, 0, 3, 0, 1):
            await resolver.resolve(f"{number}.example")
        await resolver.close()

    asyncio.run(go())
    assert server.asked == {"0.example": 1, "1.example": 2, "2.example": 1, "3.example": 1}


def test_what_the_library_remembers_is_dropped_now_and_then(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "RENEWED_AFTER", 7)
    wanted = {f"{number}.example": ["127.0.0.1"] for number in range(100)}
    server = NameServer(wanted, ttl=3600, delay_s=0.01)
    assert ask(hostile.name_server(server), *wanted) == [["127.0.0.1"]] * 100
    monkeypatch.setattr(names, "REMEMBERED", 1)
    server = NameServer(wanted, ttl=3600)
    ask(hostile.name_server(server), *list(wanted)[:10], times=2)
    assert server.asked.total() > 10


def test_few_names_are_looked_up_at_the_same_time(hostile: Hostile) -> None:
    wanted = {f"{number}.example": ["127.0.0.1"] for number in range(3 * AT_ONCE)}
    server = NameServer(wanted, delay_s=0.05)
    assert ask(hostile.name_server(server), *wanted) == [["127.0.0.1"]] * len(wanted)
    assert 1 < server.most_open <= AT_ONCE


def test_a_lookup_that_one_row_drops_goes_on_for_the_others(hostile: Hostile) -> None:
    server = NameServer({"a.example": ["127.0.0.1"]}, delay_s=0.1)
    address = hostile.name_server(server)

    async def go() -> int:
        resolver = Names([address])
        first, second = (asyncio.ensure_future(resolver.resolve("a.example")) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        found = await second
        await resolver.close()
        return len(found)

    assert asyncio.run(go()) == 1
    assert server.asked["a.example"] == 1


def test_a_recipe_names_the_servers_that_are_asked(hostile: Hostile) -> None:
    server = NameServer({"a.example": ["127.0.0.1"], "inner.example": ["10.0.0.1"]})
    nameservers = (hostile.name_server(server),)
    urls = [hostile.page(PICTURE).replace("127.0.0.1", "a.example") for _ in range(10)]
    assert {row["reason"] for row in pull_all(urls, nameservers=nameservers)} == {None}
    assert server.asked["a.example"] == 1
    assert pull("http://inner.example/", nameservers=nameservers)["reason"] == "blocked_address"


def test_a_remembered_name_is_judged_each_time(hostile: Hostile) -> None:
    resolvers = hostile.names({"both.example": ["127.0.0.1"], "inner.example": ["10.0.0.1"]})
    urls = ["http://inner.example/a", hostile.page(PICTURE).replace("127.0.0.1", "both.example")] * 3
    assert [row["reason"] for row in pull_all(urls, resolvers)] == ["blocked_address", None] * 3
