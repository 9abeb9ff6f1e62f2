"""Leases by the database's clock."""

from __future__ import annotations

import asyncio

from storage.client import Database
from storage.lease import LEASES, Lease


async def test_acquire_when_many_ask_at_once_then_one_has_it(database: Database) -> None:
    leases = [Lease(database, "sweep", f"p{n}") for n in range(10)]
    answers = await asyncio.gather(*(lease.acquire() for lease in leases))
    assert answers.count(True) == 1
    holder = leases[answers.index(True)]
    assert [lease.is_held for lease in leases] == answers
    assert await holder.acquire()
    assert not await Lease(database, "sweep", "late").acquire()
    assert await Lease(database, "other job", "late").acquire()


async def test_acquire_when_released_then_the_next_has_it(database: Database) -> None:
    first, second = Lease(database, "sweep", "$first"), Lease(database, "sweep", "$second")
    assert await first.acquire()
    await second.release()  # not its own: nothing happens
    assert not await second.acquire()
    await first.release()
    assert not first.is_held
    assert await second.acquire()


async def test_acquire_when_the_time_is_over_then_the_next_has_it(database: Database) -> None:
    first, second = Lease(database, "sweep", "first"), Lease(database, "sweep", "second")
    assert await first.acquire()
    await database.update_one(LEASES, {"_id": "sweep"}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])
    assert await second.acquire()
    assert not await first.acquire()
    assert not first.is_held
