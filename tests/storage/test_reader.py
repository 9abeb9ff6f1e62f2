"""Grouped reads: each caller gets his document and the element that he asked for, whatever the others of the group ask."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fault_proxy import FaultProxy

from storage.client import Database
from storage.errors import StorageFailure, StorageUnavailable
from storage.reader import GroupReader


def reader_of(database: Database, **more: Any) -> GroupReader:
    return GroupReader(database, "cases", hidden=("outbox",), elements="timeline", mark="key", **more)


async def fill(database: Database, count: int) -> None:
    documents = [
        {"_id": str(n), "n": n, "outbox": ["o"], "timeline": [{"id": "new"}, {"id": f"e{n}", "key": f"k{n}"}, {"id": "last"}]}
        for n in range(count)
    ]
    await database.insert_many("cases", documents)


async def test_read_when_many_at_once_each_gets_his_own_or_none(database: Database) -> None:
    await fill(database, 300)
    reader = reader_of(database, max_group=50)
    found = await asyncio.gather(*(reader.read(str(n)) for n in range(400)))
    assert found == [{"_id": str(n), "n": n} for n in range(300)] + [None] * 100


async def test_read_when_asked_for_a_marked_element_gives_that_one_and_no_other(database: Database) -> None:
    await fill(database, 40)
    reader = reader_of(database)
    marked, unmarked, unknown, of_another = await asyncio.gather(
        reader.read("1", "k1"), reader.read("2"), reader.read("3", "other"), reader.read("4", "k5")
    )
    assert marked == {"_id": "1", "n": 1, "timeline": [{"id": "e1", "key": "k1"}]}
    assert (unmarked, unknown, of_another) == ({"_id": "2", "n": 2}, {"_id": "3", "n": 3}, {"_id": "4", "n": 4})


async def test_read_when_one_document_is_asked_for_many_times_each_has_a_copy_with_his_element(database: Database) -> None:
    keys = [f"k{n}" for n in range(20)]
    await database.insert_one("cases", {"_id": "case", "timeline": [{"id": key, "key": key} for key in keys]})
    reader = reader_of(database)
    found = await asyncio.gather(*(reader.read("case", key) for key in keys))
    assert [one["timeline"][0]["key"] for one in found if one is not None] == keys
    assert len({id(one) for one in found}) == len(keys)


async def test_read_when_it_follows_a_write_is_never_older(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "n": 0})
    reader = reader_of(database)

    async def others() -> None:
        while True:
            await reader.read("case")

    busy = [asyncio.ensure_future(others()) for _ in range(8)]
    for n in range(1, 50):
        await database.update_one("cases", {"_id": "case"}, {"$set": {"n": n}})
        assert (await reader.read("case") or {})["n"] == n
    for task in busy:
        task.cancel()


async def test_read_when_answers_are_lost_or_the_server_is_away_for_a_moment_nobody_notices(
    database: Database, proxied: Database, proxy: FaultProxy
) -> None:
    await fill(database, 20)
    reader = reader_of(proxied)
    proxy.lose_answers("find", 1)
    assert all(await asyncio.gather(*(reader.read(str(n)) for n in range(20))))
    assert proxy.lost == 1
    proxy.go_down()
    waiting = [reader.read(str(n)) for n in range(20)]
    asyncio.get_running_loop().call_later(0.3, proxy.heal)
    assert all(await asyncio.gather(*waiting))


async def test_read_when_the_server_stays_away_everybody_is_told_and_it_works_again_later(
    database: Database, proxied: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.reader.ATTEMPT_SECONDS", 0.5)
    await fill(database, 3)
    reader = reader_of(proxied)
    proxy.go_down()
    refused = await asyncio.gather(*(reader.read(str(n)) for n in range(3)), return_exceptions=True)
    assert [type(one) for one in refused] == [StorageUnavailable] * 3
    proxy.heal()
    assert await reader.read("1") == {"_id": "1", "n": 1}


@pytest.mark.parametrize("bad", ["a\ud800", object(), 2**70])
async def test_read_when_one_cannot_be_asked_only_that_one_fails(database: Database, bad: Any) -> None:
    await fill(database, 3)
    reader = reader_of(database)
    answers = await asyncio.gather(reader.read("1"), reader.read(bad), reader.read("2"), return_exceptions=True)
    assert (answers[0], answers[2]) == ({"_id": "1", "n": 1}, {"_id": "2", "n": 2})
    assert isinstance(answers[1], StorageFailure)


async def test_read_when_its_asker_goes_away_the_others_have_their_answers(database: Database) -> None:
    await fill(database, 3)
    reader = reader_of(database)
    gone, there = reader.read("1"), reader.read("2")
    gone.cancel()
    assert await there == {"_id": "2", "n": 2}
