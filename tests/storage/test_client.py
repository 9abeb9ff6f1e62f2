"""The client over a real replica set: answers, errors, transactions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from storage import drivers
from storage.client import Database
from storage.errors import DuplicateValue, Invalid, StandaloneError, StorageUnavailable
from storage.indexes import Index, ensure
from storage.mongod import find_mongod, free_port, spawn


async def test_insert_one_when_id_exists_then_false(database: Database) -> None:
    assert await database.insert_one("things", {"_id": "a", "n": 1})
    assert not await database.insert_one("things", {"_id": "a", "n": 2})
    assert await database.find_one("things", {"_id": "a"}) == {"_id": "a", "n": 1}


async def test_insert_many_when_some_ids_exist_then_their_positions(database: Database) -> None:
    await database.insert_one("things", {"_id": 2})
    assert await database.insert_many("things", [{"_id": 1}, {"_id": 2}, {"_id": 3}, {"_id": 3}]) == {1, 3}
    assert await database.insert_many("things", []) == set()
    assert await database.count("things", {}) == 3


async def test_insert_when_another_unique_value_exists_then_duplicate_value(database: Database) -> None:
    await ensure(database, {"things": [Index([("number", 1)], unique=True)]})
    await database.insert_one("things", {"_id": 1, "number": 7})
    with pytest.raises(DuplicateValue) as caught:
        await database.insert_one("things", {"_id": 2, "number": 7})
    assert caught.value.data["keys"] == ["number"]
    with pytest.raises(DuplicateValue):
        await database.insert_many("things", [{"_id": 3, "number": 7}, {"_id": 4, "number": 8}])


async def test_times_when_read_back_then_aware_utc(database: Database) -> None:
    at = datetime(2026, 11, 21, 8, 30, 0, 123_000, tzinfo=UTC)
    await database.insert_one("things", {"_id": 1, "at": at, "raw": b"\x00\x01"})
    found = await database.find_one("things", {"_id": 1})
    assert found is not None
    assert found["at"] == at
    assert found["at"].utcoffset() == timedelta(0)
    assert found["raw"] == b"\x00\x01"


async def test_find_when_sorted_limited_and_projected_then_just_that(database: Database) -> None:
    await database.insert_many("things", [{"_id": n, "a": n, "b": -n} for n in range(10)])
    found = await database.find("things", {"a": {"$gt": 2}}, projection={"b": 1}, sort=[("a", -1)], limit=2)
    assert found == [{"_id": 9, "b": -9}, {"_id": 8, "b": -8}]
    assert await database.find_one("things", {}, sort=[("a", -1)], projection={"a": 1}) == {"_id": 9, "a": 9}
    walked = [document["_id"] async for document in database.iterate("things", {}, sort=[("_id", 1)], batch_size=3)]
    assert walked == list(range(10))
    assert await database.count("things", {}, limit=4) == 4


async def test_updates_when_they_fit_then_counted_and_returned(database: Database) -> None:
    await database.insert_many("things", [{"_id": n, "a": 0} for n in range(3)])
    assert await database.update_one("things", {"_id": 0}, {"$set": {"a": 1}}) == 1
    assert await database.update_one("things", {"_id": 99}, {"$set": {"a": 1}}) == 0
    assert await database.update_one("things", {"_id": 99}, {"$set": {"a": 1}}, upsert=True) == 1
    assert await database.update_many("things", {}, {"$inc": {"a": 1}}) == 4
    assert await database.find_one_and_update("things", {"_id": 0}, {"$inc": {"a": 5}}) == {"_id": 0, "a": 7}
    assert await database.find_one_and_update("things", {"_id": 50}, {"$inc": {"a": 5}}) is None
    assert await database.replace_one("things", {"_id": 7}, {"x": 1}, upsert=True) == 1
    assert await database.bulk_update("things", [({"_id": n, "a": 1}, {"$set": {"b": 1}}) for n in range(3)]) == 2
    assert await database.delete_one("things", {"_id": 7}) == 1
    assert await database.delete_many("things", {"a": 1}) == 2


async def test_upsert_when_many_meet_on_one_key_then_one_document(database: Database) -> None:
    await ensure(database, {"things": [Index([("name", 1)], unique=True)]})
    await asyncio.gather(
        *(database.find_one_and_update("things", {"name": "x"}, {"$inc": {"n": 1}}, upsert=True) for _ in range(20))
    )
    assert [found["n"] for found in await database.find("things", {})] == [20]


async def test_bulk_replace_when_only_then_others_aregone(database: Database) -> None:
    await database.bulk_replace("things", [{"_id": n, "v": 1} for n in range(5)])
    await database.bulk_replace("things", [{"_id": 3, "v": 2}, {"_id": 9, "v": 2}], only=True)
    assert await database.find("things", {}, sort=[("_id", 1)]) == [{"_id": 3, "v": 2}, {"_id": 9, "v": 2}]
    await database.bulk_replace("things", [])


async def test_transaction_when_callback_raises_then_nothing_is_written(database: Database) -> None:
    async def write(session: Any) -> None:
        await database.insert_one("things", {"_id": 1}, session=session)
        await database.update_one("others", {"_id": 1}, {"$set": {"a": 1}}, upsert=True, session=session)
        raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError):
        await database.run_transaction(write)
    assert await database.count("things", {}) == await database.count("others", {}) == 0


async def test_transaction_when_two_conflict_then_both_happen(database: Database) -> None:
    await database.insert_one("things", {"_id": 1, "n": 0})

    async def add(session: Any) -> int:
        found = await database.find_one("things", {"_id": 1}, session=session)
        assert found is not None
        await database.update_one("things", {"_id": 1}, {"$set": {"n": found["n"] + 1}}, session=session)
        return int(found["n"])

    seen = await asyncio.gather(*(database.run_transaction(add) for _ in range(6)))
    assert sorted(seen) == list(range(6))
    assert (await database.find_one("things", {"_id": 1}) or {})["n"] == 6


async def test_transaction_when_id_exists_then_duplicate_value_at_once(database: Database) -> None:
    await database.insert_one("things", {"_id": 1})
    with pytest.raises(DuplicateValue):
        await database.run_transaction(lambda session: database.insert_one("things", {"_id": 1}, session=session))


async def test_aggregate_and_explain_when_indexed_then_no_scan(database: Database) -> None:
    await ensure(database, {"things": [Index([("a", 1)])]})
    await database.insert_many("things", [{"_id": n, "a": n % 3} for n in range(30)])
    totals = await database.aggregate("things", [{"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}])
    assert totals == [{"_id": 0, "n": 10}, {"_id": 1, "n": 10}, {"_id": 2, "n": 10}]
    plan = await database.explain("things", {"a": 1}, [("a", 1)], 5)
    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] == 5


async def test_server_time_when_asked_then_near_ours(database: Database) -> None:
    assert abs(await database.server_time() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_connect_when_nobody_listens_then_says_so_without_password(driver: str) -> None:
    port = free_port()
    with pytest.raises(StorageUnavailable) as caught:
        await Database.connect(f"mongodb://me:hidden@127.0.0.1:{port}/?serverSelectionTimeoutMS=200", "x", driver=driver)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "hidden" not in str(caught.value)


async def test_connect_when_bad_uri_or_driver_then_invalid(driver: str) -> None:
    with pytest.raises(Invalid):
        await Database.connect("postgres://x", "x", driver=driver)
    with pytest.raises(Invalid):
        await Database.connect("mongodb://127.0.0.1:1", "x", driver="other")


async def test_connect_when_standalone_then_refused_with_remedy(tmp_path: Path, driver: str) -> None:
    port, folder = free_port(), tmp_path / "db"
    folder.mkdir()
    arguments = ["--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    process = spawn(find_mongod(), [*arguments, "--logpath", str(tmp_path / "log")], tmp_path / "out")
    try:
        await asyncio.to_thread(_wait_for, port)
        with pytest.raises(StandaloneError, match="--replSet"):
            await Database.connect(f"mongodb://127.0.0.1:{port}", "x", driver=driver)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


def _wait_for(port: int) -> None:
    with MongoClient[Any](f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=20_000) as client:
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            raise AssertionError("the standalone did not start") from error


def test_options_when_uri_weakens_writes_then_majority_and_journal_stay() -> None:
    options = drivers.options_for("mongodb://h/?w=1&journal=false&maxPoolSize=3&serverSelectionTimeoutMS=100", 8)
    assert (options["w"], options["journal"], options["readConcernLevel"]) == ("majority", True, "majority")
    assert "maxPoolSize" not in options
    assert "serverSelectionTimeoutMS" not in options
