"""Migrations run once, in order, by one process."""

from __future__ import annotations

import asyncio

import pytest

from storage.client import Database
from storage.errors import Invalid
from storage.migrations import MIGRATIONS, DatabaseTooNew, Migration, pending, run


async def add_flag(database: Database, dry_run: bool) -> int:
    if dry_run:
        return await database.count("things", {"flag": None})
    return await database.update_many("things", {"flag": None}, {"$set": {"flag": 1}})


async def raise_flag(database: Database, dry_run: bool) -> int:
    if dry_run:
        return await database.count("things", {})
    return await database.update_many("things", {}, {"$inc": {"flag": 1}})


FIRST, SECOND = Migration(1, "add_flag", add_flag), Migration(2, "raise_flag", raise_flag)


async def test_run_when_dry_then_counts_and_writes_nothing(database: Database) -> None:
    await database.insert_many("things", [{"_id": n} for n in range(3)])
    assert [applied.changed for applied in await run(database, [SECOND, FIRST], dry_run=True)] == [3, 3]
    assert await database.count("things", {"flag": 1}) == 0
    assert [migration.number for migration in await pending(database, [SECOND, FIRST])] == [1, 2]


async def test_run_when_several_processes_start_then_each_runs_once_in_order(database: Database) -> None:
    await database.insert_many("things", [{"_id": n} for n in range(3)])
    done = await asyncio.gather(*(run(database, [SECOND, FIRST]) for _ in range(4)))
    assert sorted(applied.number for applied_by_one in done for applied in applied_by_one) == [1, 2]
    assert await database.count("things", {"flag": 2}) == 3
    assert await run(database, [FIRST, SECOND]) == []
    assert await pending(database, [FIRST, SECOND]) == []


async def test_run_when_one_fails_then_earlier_stay_and_it_runs_again(database: Database) -> None:
    tries: list[int] = []

    async def shaky(database: Database, dry_run: bool) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("broken off")
        return 0

    with pytest.raises(RuntimeError):
        await run(database, [FIRST, Migration(2, "shaky", shaky)])
    assert [found["_id"] for found in await database.find(MIGRATIONS, {})] == [1]
    assert [applied.number for applied in await run(database, [FIRST, Migration(2, "shaky", shaky)])] == [2]


async def test_pending_when_database_is_newer_or_numbers_repeat_then_refused(database: Database) -> None:
    await run(database, [FIRST, SECOND])
    with pytest.raises(DatabaseTooNew, match="raise_flag"):
        await pending(database, [FIRST])
    with pytest.raises(Invalid):
        await pending(database, [FIRST, Migration(1, "other", add_flag)])
