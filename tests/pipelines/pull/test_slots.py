"""What a host is asked at once and in a second holds over all workers, and keeps nobody else waiting."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pull.slots import Slots
from pipelines.pull.stage import Pull
from pipelines.stage import Verdict, semantic_fields
from tests.pipelines.pull.hostile import LOOPBACK, Hostile, pull, pull_all, response
from tests.pipelines.pull.pictures import file, scene
from tests.support.tables import to_pull

PICTURE = file(scene(), "JPEG")
SLACK = 0.2
"""Seconds by which two requests may come closer together than they were sent."""


def with_workers(spec: Pull, workers: int, urls: list[str]) -> list[str | None]:
    """The reasons of URLs dealt out to several engines that run at once, as workers do."""

    async def go() -> list[str | None]:
        engines = [spec.share(workers).load() for _ in range(workers)]
        shares = [urls[at::workers] for at in range(workers)]
        tables = [to_pull([{"url": url} for url in share]) for share in shares]
        done = await asyncio.gather(*(engine.process(table) for engine, table in zip(engines, tables, strict=True)))
        for engine in engines:
            await engine.close()
        return [reason for answer in done for reason in answer.verdicts.reason.to_pylist()]

    return asyncio.run(go())


def closest(hostile: Hostile) -> float:
    return min(later - earlier for earlier, later in pairwise(hostile.asked_at))


async def slow_picture(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    writer.write(response(200, PICTURE))


@pytest.mark.parametrize(("per_host", "workers"), [(4, 2), (5, 2), (3, 3), (2, 2)])
def test_two_workers_together_ask_a_host_no_more_at_once_than_allowed(
    hostile: Hostile, per_host: int, workers: int
) -> None:
    urls = [hostile.acting(slow_picture) for _ in range(24)]
    assert set(with_workers(Pull(allow=LOOPBACK, per_host=per_host), workers, urls)) == {None}
    assert 1 < hostile.most_open <= per_host


@given(st.integers(1, 64), st.integers(1, 64), st.floats(0.01, 100))
def test_shares_add_up_to_the_limit(per_host: int, workers: int, rate: float) -> None:
    spec = Pull(per_host=per_host, per_host_rate=rate)
    assert spec.max_workers == per_host
    if workers > per_host:
        with pytest.raises(ValueError, match="cannot be shared"):
            spec.share(workers)
        return
    share = spec.share(workers)
    assert workers <= workers * share.per_host <= per_host
    assert share.per_host_rate is not None
    assert workers * share.per_host_rate == pytest.approx(rate)
    assert share.workers == workers
    assert (spec.share(1).per_host, spec.share(1).per_host_rate) == (per_host, rate)
    assert semantic_fields(spec).items() <= semantic_fields(share).items()


def test_a_host_is_asked_no_faster_than_the_rate(hostile: Hostile) -> None:
    rows = pull_all([hostile.page(PICTURE) for _ in range(5)], per_host_rate=4)
    assert {row["reason"] for row in rows} == {None}
    assert closest(hostile) >= 0.25 - SLACK
    assert hostile.asked_at[-1] - hostile.asked_at[0] >= 1 - SLACK


def test_the_rate_holds_over_workers(hostile: Hostile) -> None:
    urls = [hostile.page(PICTURE) for _ in range(8)]
    assert set(with_workers(Pull(allow=LOOPBACK, per_host_rate=8, robots=False), 2, urls)) == {None}
    assert hostile.asked_at[-1] - hostile.asked_at[0] >= 3 / 4 - SLACK


def test_a_crawl_delay_is_the_time_between_two_requests(hostile: Hostile) -> None:
    hostile.robots = response(200, b"User-agent: shardmill\nCrawl-delay: 0.4\nDisallow: /no\n")
    rows = pull_all([hostile.page(PICTURE) for _ in range(4)], per_host_rate=100)
    assert {row["reason"] for row in rows} == {None}
    assert closest(hostile) >= 0.4 - SLACK
    assert pull(hostile.page(PICTURE), robots=False)["reason"] is None


def test_a_host_with_a_rate_keeps_no_other_waiting(hostile: Hostile) -> None:
    slow = [hostile.page(PICTURE) for _ in range(4)]
    quick = [hostile.page(PICTURE).replace("127.0.0.1", "localhost")]
    pull_all([*slow, *quick], per_host_rate=2, concurrency=1)
    hosts = [request["host"].partition(":")[0] for request in hostile.requests]
    assert hosts.index("localhost") <= 2


def test_hosts_that_nobody_asks_for_are_forgotten_but_for_those_to_be_left_alone() -> None:
    async def go() -> tuple[int, int]:
        slots = Slots(8, 2)
        for number in range(12_000):
            async with slots.hold(f"fine{number}", 1):
                slots.answered(f"fine{number}")
        fine = len(slots._resting)
        for number in range(12_000):
            async with slots.hold(f"busy{number}", 1):
                slots.refused(f"busy{number}", Verdict("rate_limited", 429), asyncio.get_running_loop().time(), 60)
        return fine, len(slots._resting)

    assert asyncio.run(go()) == (0, 10_000)


def test_a_row_that_is_dropped_while_it_waits_gives_everything_back() -> None:
    async def hold(slots: Slots) -> None:
        async with slots.hold("a", 60, 0.05):
            await asyncio.sleep(0)

    async def go() -> None:
        slots = Slots(1, 2)
        for _ in range(20):
            tasks = [asyncio.ensure_future(hold(slots)) for _ in range(6)]
            await asyncio.sleep(0.01)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(5):
            await asyncio.gather(*(hold(slots) for _ in range(4)))
        assert not slots._hosts

    asyncio.run(go())


def test_who_is_connected_already_goes_first() -> None:
    turns = []

    async def go() -> None:
        slots = Slots(1, 1)

        async def row(host: str, *, connected: bool) -> None:
            async with slots.hold(host, 1, connected=connected):
                turns.append(host)
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(row(f"other{number}", connected=False))
            for number in range(2):
                group.create_task(row(f"connected{number}", connected=True))

    asyncio.run(go())
    assert turns == ["other0", "connected0", "connected1", "other1", "other2"]
