"""Registers: every change is written down with it or not at all; a retry changes nothing; two at once come in turn."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from storage.client import Database
from storage.errors import StaleRev
from storage.indexes import ensure
from storage.registers import CHANGES_OF, Act, Register

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
ACT = Act(by="zhao", role="grid_lead", at=NOW)


async def register(database: Database) -> Register:
    await ensure(database, {"things": (), "thing_changes": (CHANGES_OF,)})
    return Register(database, "things", "thing_changes")


async def test_put_when_changed_then_each_change_is_written_down_and_a_retry_is_none(database: Database) -> None:
    things = await register(database)
    assert await things.put("a", {"codes": ("1", "2")}, ACT) == {"_id": "a", "rev": 1, "codes": ["1", "2"]}
    assert (await things.put("a", {"codes": ("1", "2")}, ACT, rev=0))["rev"] == 1, "sent again after the answer was lost"
    assert (await things.put("a", {"codes": ("3",)}, ACT, rev=1))["rev"] == 2
    with pytest.raises(StaleRev):
        await things.put("a", {"codes": ("4",)}, ACT, rev=1)
    assert await things.get("a") == {"_id": "a", "rev": 2, "codes": ["3"]}
    changes = await database.find("thing_changes", {"of": "a"}, sort=[("_id", 1)])
    told = sorted((one["after"]["rev"], one["before"] and one["before"]["rev"], one["by"], one["role"]) for one in changes)
    assert told == [(1, None, "zhao", "grid_lead"), (2, 1, "zhao", "grid_lead")]


async def test_remove_when_it_is_there_then_written_down_else_nothing(database: Database) -> None:
    things = await register(database)
    assert await things.remove("a", ACT, rev=3) is None and await database.count("thing_changes", {}) == 0
    await things.put("a", {"codes": []}, ACT)
    with pytest.raises(StaleRev):
        await things.remove("a", ACT, rev=7)
    assert await things.remove("a", ACT, rev=1) == {"_id": "a", "rev": 1, "codes": []}
    assert await things.get("a") is None and await database.count("thing_changes", {"of": "a", "after": None}) == 1


async def test_put_when_many_make_the_same_entry_at_once_then_each_is_written_down(database: Database) -> None:
    things = await register(database)
    done = await asyncio.gather(*(things.put("a", {"number": number}, ACT) for number in range(6)))
    assert sorted(one["rev"] for one in done) == [1, 2, 3, 4, 5, 6]
    assert await database.count("thing_changes", {"of": "a"}) == 6


async def test_put_when_all_but_one_saw_an_older_rev_then_one_wins(database: Database) -> None:
    things = await register(database)
    await things.put("a", {"number": 0}, ACT)
    done = await asyncio.gather(*(things.put("a", {"number": n}, ACT, rev=1) for n in range(1, 6)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["StaleRev"] * 4 + ["dict"]
    assert await database.count("thing_changes", {"of": "a"}) == 2


async def test_put_when_stamped_then_with_the_change_or_not_at_all(database: Database) -> None:
    await register(database)
    stamped: list[datetime] = []

    async def stamp(at: datetime, session: Any) -> dict[str, int]:
        stamped.append(at)
        await database.update_one("things", {"_id": "count"}, {"$inc": {"n": 1}}, upsert=True, session=session)
        if len(stamped) == 3:
            raise ValueError("the third cannot be stamped")
        return {"version": len(stamped)}

    things = Register(database, "things", "thing_changes", stamp=stamp)
    for name in ("one", "one", "two"):
        await things.put("a", {"name": name}, ACT)
    with pytest.raises(ValueError, match="third"):
        await things.remove("a", ACT)
    assert [one["version"] for one in await database.find("thing_changes", {}, sort=[("version", 1)])] == [1, 2]
    assert (await things.get("a") or {})["name"] == "two" and (await things.get("count") or {})["n"] == 2
    assert stamped == [NOW, NOW, NOW]


async def test_put_when_fields_are_kept_or_hidden_then_neither_is_lost_nor_told(database: Database) -> None:
    await register(database)
    things = Register(database, "things", "thing_changes", keeps=("count",), hides=("secret",))
    await things.put("a", {"count": 0, "secret": "s1", "name": "n"}, ACT)
    await database.update_one("things", {"_id": "a"}, {"$set": {"count": 7}})
    assert await things.put("a", {"count": 0, "secret": "s2", "name": "n"}, ACT) == {
        "_id": "a", "rev": 2, "count": 7, "secret": "s2", "name": "n",
    }  # fmt: skip
    assert "secret" not in str(await database.find("thing_changes", {})) and await database.count("thing_changes", {}) == 2
