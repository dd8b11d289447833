"""The gate bounds the bytes that wait, and never locks itself up."""

import asyncio

import pytest

from jobs.running.flight import ByteGate


async def enters(gate: ByteGate, ticket: int, rows: int = 1) -> float | None:
    """The bytes reserved, or None when the gate is closed to the ticket."""
    try:
        return await asyncio.wait_for(gate.enter(ticket, rows), 0.05)
    except TimeoutError:
        return None


def test_later_parts_wait_for_what_others_will_hold_and_the_oldest_goes_on() -> None:
    async def play() -> None:
        gate = ByteGate(1_000_000)
        async with gate.ticket() as oldest, gate.ticket() as later:
            reserved = await enters(gate, later, 128)
            assert reserved is not None
            assert reserved > 1_000_000
            assert await enters(gate, later) is None
            assert await enters(gate, oldest) is not None
            await gate.settle(reserved, 500, 128)
            assert await enters(gate, later) is not None

    asyncio.run(play())


def test_it_learns_how_large_rows_are() -> None:
    async def play() -> None:
        gate = ByteGate(10**12)
        async with gate.ticket() as ticket:
            for _ in range(100):
                await gate.settle(await gate.enter(ticket, 10), 10 * 7_000, 10)
            assert round(await gate.enter(ticket, 1)) == 7_000

    asyncio.run(play())


@pytest.mark.timeout(20)
def test_who_waits_is_let_in_when_the_oldest_leaves() -> None:
    async def play() -> None:
        gate = ByteGate(100)
        async with gate.ticket() as first:
            await gate.enter(first, 128)
            is_waiting = asyncio.Event()

            async def later() -> None:
                async with gate.ticket() as ticket:
                    is_waiting.set()
                    await gate.enter(ticket, 1)

            waiting = asyncio.ensure_future(later())
            await is_waiting.wait()
        await waiting

    asyncio.run(play())
