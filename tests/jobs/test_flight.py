"""The gate bounds the bytes that wait, and never locks itself up."""

import asyncio

import pytest

from jobs.flight import ByteGate


async def may_enter(gate: ByteGate, ticket: int) -> bool:
    try:
        await asyncio.wait_for(gate.enter(ticket), 0.05)
    except TimeoutError:
        return False
    return True


def test_later_parts_wait_while_bytes_wait_and_the_oldest_goes_on() -> None:
    async def play() -> None:
        gate = ByteGate(100)
        async with gate.ticket() as oldest, gate.ticket() as later:
            assert await may_enter(gate, later)
            await gate.hold(100)
            assert not await may_enter(gate, later)
            assert await may_enter(gate, oldest)
            await gate.hold(-1)
            assert await may_enter(gate, later)

    asyncio.run(play())


@pytest.mark.timeout(20)
def test_who_waits_is_let_in_when_the_oldest_leaves() -> None:
    async def play() -> None:
        gate = ByteGate(100)
        await gate.hold(500)
        async with gate.ticket():
            oldest_stays = asyncio.Event()

            async def later() -> None:
                async with gate.ticket() as ticket:
                    oldest_stays.set()
                    await gate.enter(ticket)

            waiting = asyncio.ensure_future(later())
            await oldest_stays.wait()
        await waiting

    asyncio.run(play())
