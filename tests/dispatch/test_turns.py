"""Turns: one after the other in the order of asking, others meanwhile, and nothing kept of what nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.turns import Turns


async def test_turns_when_many_ask_then_one_after_the_other_in_their_order() -> None:
    turns, inside, order = Turns(), 0, []

    async def ask(number: int) -> None:
        nonlocal inside
        async with turns.at("case"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            order.append(number)
            inside -= 1

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert order == list(range(20)) and turns._queues == {}


async def test_turns_when_of_another_name_then_do_not_wait() -> None:
    turns = Turns()
    async with turns.at("one"), turns.at("two"):
        assert set(turns._queues) == {"one", "two"}
    assert turns._queues == {}


async def test_turns_when_one_goes_away_or_fails_then_the_next_has_its_turn() -> None:
    turns, had = Turns(), []

    async def ask(number: int) -> None:
        async with turns.at("case"):
            had.append(number)

    async with turns.at("case"):
        waiting = [asyncio.ensure_future(ask(number)) for number in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    await asyncio.gather(*waiting[1:])
    with pytest.raises(LookupError):
        async with turns.at("case"):
            raise LookupError
    assert had == [1, 2] and turns._queues == {}
