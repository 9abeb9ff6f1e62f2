"""Indexes are created, changed and left alone as declared."""

from __future__ import annotations

import asyncio

import pytest

from storage.client import Database
from storage.errors import Invalid
from storage.indexes import Index, ensure


async def names(database: Database, collection: str) -> set[str]:
    return {found["name"] for found in await database.list_indexes(collection)}


async def test_ensure_when_run_twice_and_at_once_then_the_same_indexes(database: Database) -> None:
    wanted = {
        "things": [Index([("a", 1), ("b", -1)]), Index([("at", 1)], expire_after_seconds=60), Index([("p", "2dsphere")])],
        "bare": [],
    }
    await asyncio.gather(*(ensure(database, wanted) for _ in range(3)))
    await ensure(database, wanted)
    assert await names(database, "things") == {"_id_", "a_1_b_-1", "at_1", "p_2dsphere"}
    assert "bare" in await database.list_collections()


async def test_ensure_when_options_change_then_made_anew_and_others_stay(database: Database) -> None:
    await ensure(database, {"things": [Index([("a", 1)]), Index([("b", 1)])]})
    await ensure(database, {"things": [Index([("a", 1)], unique=True, partial={"a": {"$gt": 5}})]})
    found = {index["name"]: index for index in await database.list_indexes("things")}
    assert found["a_1"]["unique"] is True
    assert found["a_1"]["partialFilterExpression"] == {"a": {"$gt": 5}}
    assert "b_1" in found


async def test_ensure_when_declared_twice_then_invalid(database: Database) -> None:
    with pytest.raises(Invalid):
        await ensure(database, {"things": [Index([("a", 1)]), Index([("a", 1)], unique=True)]})
