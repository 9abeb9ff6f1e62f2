"""Stages that what came together takes together: order, errors of one, whoever has gone away, groups."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.abreast import MOST, Abreast


class Item:
    def __init__(self, name: str, bad_at: str = "") -> None:
        self.name, self.bad_at = name, bad_at


def rows_of(log: list[str], *stages: str) -> Abreast[Item]:
    def make(stage: str) -> object:
        def take(item: Item) -> None:
            log.append(f"{stage}{item.name}")
            if item.bad_at == stage:
                raise ValueError(item.name)

        return take

    return Abreast(*(make(stage) for stage in stages))  # type: ignore[arg-type]


async def test_items_when_they_come_together_take_each_stage_together() -> None:
    log: list[str] = []
    abreast = rows_of(log, "a", "b")
    await asyncio.gather(*(abreast.through(Item(name)) for name in "123"))
    assert log == ["a1", "a2", "a3", "b1", "b2", "b3"]


async def test_item_when_a_stage_refuses_it_goes_no_further_and_the_others_do() -> None:
    log: list[str] = []
    abreast = rows_of(log, "a", "b", "c")
    bad, good = abreast.through(Item("1", bad_at="b")), abreast.through(Item("2"))
    with pytest.raises(ValueError, match="1"):
        await bad
    await good
    assert log == ["a1", "a2", "b1", "b2", "c2"]


async def test_item_when_nobody_waits_any_more_is_not_worked_for() -> None:
    log: list[str] = []
    abreast = rows_of(log, "a")
    gone, other = abreast.through(Item("1")), abreast.through(Item("2"))
    gone.cancel()
    await other
    assert log == ["a2"]


async def test_items_when_they_are_many_come_in_groups_with_a_turn_for_others_between() -> None:
    log: list[str] = []
    abreast = rows_of(log, "a", "b")
    waiting = [abreast.through(Item(f"-{number}")) for number in range(MOST + 1)]
    asyncio.get_running_loop().call_soon(log.append, "other")
    await asyncio.gather(*waiting)
    assert log.index("other") == 2 * MOST and log[2 * MOST + 1 :] == [f"a-{MOST}", f"b-{MOST}"]
