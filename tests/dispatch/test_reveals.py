"""Looks at callers are counted by person, over all processes, for an hour."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.reveals import PER_HOUR, Reveals
from storage.client import Database
from storage.errors import TooMany
from tests.dispatch.town import OPERATOR, SUPERVISOR, Clock, new_key, open_service, ticket, whole


async def test_looks_when_the_hour_is_used_up_are_refused_until_one_is_an_hour_old(database: Database) -> None:
    clock = Clock()
    one, other = Reveals(database, limit=3), Reveals(database, limit=3)
    for _ in range(3):
        await one.take("operator", clock.now)
        clock.forward(minutes=10)
    with pytest.raises(TooMany) as refused:
        await other.take("operator", clock.now)
    assert refused.value.data["retry_after"] == 30 * 60 + 1
    await other.take("somebody", clock.now)
    clock.forward(minutes=30)
    await other.take("operator", clock.now)
    with pytest.raises(TooMany):
        await one.take("operator", clock.now)


async def test_looks_when_many_at_once_are_counted_exactly(database: Database) -> None:
    clock = Clock()
    desks = [Reveals(database, limit=5) for _ in range(4)]
    await desks[0].take("operator", clock.now)  # two that make the document at once are tried again by the storage
    asks = [desk.take("operator", clock.now) for desk in desks for _ in range(5)]
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert sum(answer is None for answer in answers) == 4 and all(isinstance(one, TooMany) for one in answers if one)


async def test_reveal_when_too_often_is_refused_and_leaves_no_entry(database: Database) -> None:
    service = await open_service(database)
    case = (await service.report(actor=OPERATOR, present=whole, report=ticket(), key=new_key())).case
    for _ in range(PER_HOUR):
        await service.reveal(actor=OPERATOR, case_id=case.id, reason="回访核实")
    with pytest.raises(TooMany):
        await service.reveal(actor=OPERATOR, case_id=case.id, reason="回访核实")
    assert (await service.reveal(actor=SUPERVISOR, case_id=case.id, reason="督办核实"))["phone"] == "13812341234"
    entries = await service.timeline(actor=OPERATOR, case_id=case.id)
    assert [entry.action for entry in entries].count("reveal") == PER_HOUR + 1
