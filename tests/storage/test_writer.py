"""Grouped writes answer each caller exactly: races, bad entries, lost answers, outages."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from fault_proxy import FaultProxy

from storage.client import Database
from storage.errors import DuplicateValue, HeyunError, Invalid, StorageFailure, StorageUnavailable
from storage.indexes import Index, ensure
from storage.writer import GroupInserter, GroupUpdater


def push(entry_id: str, **more: Any) -> dict[str, Any]:
    """An update that raises the revision and pushes the entry that proves it."""
    return {"$inc": {"rev": 1}, "$push": {"timeline": {"id": entry_id}}, **more}


async def timeline(database: Database, document_id: str = "case") -> list[str]:
    found = await database.find_one("cases", {"_id": document_id})
    assert found is not None
    assert found["rev"] == len(found["timeline"]) + 1
    return [entry["id"] for entry in found["timeline"]]


async def test_insert_when_many_at_once_then_each_is_there_once(database: Database) -> None:
    inserter = GroupInserter(database, "cases", max_group=50)
    answers = await asyncio.gather(*(inserter.insert({"_id": str(n), "n": n}) for n in range(300)))
    assert all(answers)
    assert await database.count("cases", {}) == 300


async def test_insert_when_one_id_many_times_then_one_true(database: Database) -> None:
    inserter = GroupInserter(database, "cases", lanes=4, max_group=7)
    answers = await asyncio.gather(*(inserter.insert({"_id": "same", "n": n}) for n in range(40)))
    assert answers.count(True) == 1
    stored = await database.find_one("cases", {"_id": "same"})
    assert stored == {"_id": "same", "n": answers.index(True)}
    assert not await inserter.insert({"_id": "same"})


async def test_insert_when_another_unique_value_exists_then_only_that_one_fails(database: Database) -> None:
    await ensure(database, {"cases": [Index([("number", 1)], unique=True)]})
    inserter = GroupInserter(database, "cases")
    numbers = [1, 2, 2, 3]
    answers = await asyncio.gather(
        *(inserter.insert({"_id": str(n), "number": number}) for n, number in enumerate(numbers)), return_exceptions=True
    )
    assert [answer for answer in answers if answer is True] == [True] * 3
    (failed,) = [answer for answer in answers if answer is not True]
    assert isinstance(failed, DuplicateValue)


@pytest.mark.parametrize("bad", [{"x": object()}, {"x": 2**70}, {1: 2}, {"x": "y" * (17 * 1024 * 1024)}, {"a\0b": 1}])
async def test_insert_when_one_cannot_be_stored_then_only_that_one_fails(database: Database, bad: dict[Any, Any]) -> None:
    inserter = GroupInserter(database, "cases")
    answers = await asyncio.gather(
        inserter.insert({"_id": "1"}),
        inserter.insert({"_id": "bad"} | bad),
        inserter.insert({"_id": "2"}),
        return_exceptions=True,
    )
    assert answers[0] is answers[2] is True
    assert isinstance(answers[1], Invalid)


async def test_insert_when_answers_are_lost_then_still_exact(database: Database, proxied: Database, proxy: FaultProxy) -> None:
    await database.insert_one("cases", {"_id": "7", "n": "of another"})
    inserter = GroupInserter(proxied, "cases", lanes=1)
    proxy.lose_answers("insert", 3)
    answers = await asyncio.gather(*(inserter.insert({"_id": str(n), "n": n}) for n in range(10)), inserter.insert({"_id": "3"}))
    assert proxy.lost == 3
    assert answers == [True] * 7 + [False] + [True] * 2 + [False]
    assert await database.count("cases", {}) == 10


async def test_insert_when_answers_are_lost_and_changed_since_then_the_mark_tells(
    database: Database, proxied: Database, proxy: FaultProxy
) -> None:
    inserter = GroupInserter(proxied, "cases", mark="number", lanes=1)
    proxy.lose_answers("insert", 1_000)
    mine = asyncio.ensure_future(inserter.insert({"_id": "a", "number": 5}))
    async with asyncio.timeout(20):
        while True:
            if await database.update_one("cases", {"_id": "a"}, {"$set": {"state": "filed"}}):
                break
    proxy.heal()
    assert await mine
    assert not await inserter.insert({"_id": "a", "number": 6})


async def test_insert_when_database_is_away_then_unavailable_at_the_deadline(proxied: Database, proxy: FaultProxy) -> None:
    inserter = GroupInserter(proxied, "cases", deadline_seconds=0.5)
    proxy.go_down()
    with pytest.raises(StorageUnavailable):
        await inserter.insert({"_id": "a"})


async def test_insert_when_database_comes_back_in_time_then_nobody_notices(
    database: Database, proxied: Database, proxy: FaultProxy
) -> None:
    inserter = GroupInserter(proxied, "cases")
    proxy.go_down()
    waiting = [asyncio.ensure_future(inserter.insert({"_id": str(n)})) for n in range(20)]
    asyncio.get_running_loop().call_later(0.3, proxy.heal)
    assert all(await asyncio.gather(*waiting))
    assert await database.count("cases", {}) == 20


async def test_apply_when_200_hold_one_revision_then_one_wins(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "rev": 1, "timeline": []})
    updater = GroupUpdater(database, "cases")
    answers = await asyncio.gather(*(updater.apply("case", {"rev": 1}, push(f"e{n}"), f"e{n}") for n in range(200)))
    assert [f"e{n}" for n, won in enumerate(answers) if won] == await timeline(database)
    assert answers.count(True) == 1


async def test_apply_when_200_hold_different_revisions_then_answers_equal_the_database(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "rev": 1, "timeline": []})
    updaters = [GroupUpdater(database, "cases") for _ in range(3)]  # as three processes would
    chance = random.Random(7)
    revisions = [chance.randint(1, 20) for _ in range(200)]
    answers = await asyncio.gather(
        *(updaters[n % 3].apply("case", {"rev": rev}, push(f"e{n}"), f"e{n}") for n, rev in enumerate(revisions))
    )
    assert {f"e{n}" for n, won in enumerate(answers) if won} == set(await timeline(database))
    winners = [revisions[n] for n, won in enumerate(answers) if won]
    assert sorted(winners) == list(range(1, len(winners) + 1))


async def test_apply_when_users_fight_over_documents_then_answers_equal_the_database(database: Database) -> None:
    await database.insert_many("cases", [{"_id": f"c{n}", "rev": 1, "timeline": []} for n in range(8)])
    updaters = [GroupUpdater(database, "cases"), GroupUpdater(database, "cases", lanes=4, max_group=3)]
    acknowledged: set[str] = set()
    refused: set[str] = set()

    async def user(name: int) -> None:
        chance = random.Random(name)
        for turn in range(6):
            case, entry = f"c{chance.randrange(8)}", f"{name}-{turn}"
            found = await database.find_one("cases", {"_id": case}, projection={"rev": 1})
            assert found is not None
            won = await updaters[name % 2].apply(case, {"rev": found["rev"]}, push(entry), entry)
            (acknowledged if won else refused).add(entry)

    await asyncio.gather(*(user(name) for name in range(32)))
    stored = [entry for n in range(8) for entry in await timeline(database, f"c{n}")]
    assert len(stored) == len(set(stored))
    assert set(stored) == acknowledged
    assert len(acknowledged) + len(refused) == 32 * 6
    assert refused


async def test_apply_when_entry_is_there_already_then_true_and_not_twice(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "rev": 1, "timeline": []})
    updater = GroupUpdater(database, "cases")
    assert all(await asyncio.gather(*(updater.apply("case", {}, push("one"), "one") for _ in range(5))))
    assert await timeline(database) == ["one"]


async def test_apply_when_adding_without_revision_then_all_are_there_in_order(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "rev": 1, "timeline": []})
    updater = GroupUpdater(database, "cases", lanes=4)
    assert all(await asyncio.gather(*(updater.apply("case", {}, push(f"e{n}"), f"e{n}") for n in range(30))))
    assert await timeline(database) == [f"e{n}" for n in range(30)]


async def test_apply_when_guard_names_the_entries_then_both_conditions_hold(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "rev": 2, "timeline": [{"id": "first"}]})
    updater = GroupUpdater(database, "cases")
    assert await updater.apply("case", {"timeline.id": "first"}, push("second"), "second")
    assert not await updater.apply("case", {"timeline.id": "missing"}, push("third"), "third")
    assert await timeline(database) == ["first", "second"]


async def test_apply_when_one_is_refused_by_the_server_then_only_that_one_fails(database: Database) -> None:
    await database.insert_many("cases", [{"_id": "good", "rev": 1, "timeline": []}, {"_id": "bad", "rev": 1, "timeline": 7}])
    updater = GroupUpdater(database, "cases", lanes=1)
    answers = await asyncio.gather(
        updater.apply("good", {"rev": 1}, push("a"), "a"),
        updater.apply("bad", {"rev": 1}, push("b"), "b"),
        updater.apply("absent", {"rev": 1}, push("c"), "c"),
        updater.apply("good", {"rev": 1}, push("d"), "d"),
        return_exceptions=True,
    )
    assert answers[0] is True
    assert isinstance(answers[1], StorageFailure)
    assert answers[2:] == [False, False]


async def test_apply_when_update_cannot_be_stored_then_only_that_one_fails(database: Database) -> None:
    await database.insert_one("cases", {"_id": "case", "rev": 1, "timeline": []})
    updater = GroupUpdater(database, "cases")
    answers = await asyncio.gather(
        updater.apply("case", {}, push("a"), "a"),
        updater.apply("case", {}, push("b", **{"$set": {"x": object()}}), "b"),
        updater.apply("case", {}, {"no operator": 1}, "c"),
        updater.apply("case", {}, {}, "d"),
        return_exceptions=True,
    )
    assert answers[0] is True
    assert all(isinstance(answer, HeyunError) for answer in answers[1:])
    assert await timeline(database) == ["a"]


async def test_apply_when_answers_are_lost_then_still_exact(database: Database, proxied: Database, proxy: FaultProxy) -> None:
    await database.insert_many("cases", [{"_id": f"c{n}", "rev": 1 if n else 5, "timeline": []} for n in range(10)])
    updater = GroupUpdater(proxied, "cases", lanes=1)
    proxy.lose_answers("update", 3)
    answers = await asyncio.gather(*(updater.apply(f"c{n}", {"rev": 1}, push(f"e{n}"), f"e{n}") for n in range(10)))
    assert proxy.lost == 3
    assert answers == [False] + [True] * 9
    assert [await timeline(database, f"c{n}") for n in range(1, 10)] == [[f"e{n}"] for n in range(1, 10)]


async def test_drain_when_writes_wait_then_all_are_answered(database: Database) -> None:
    inserter = GroupInserter(database, "cases", lanes=1, max_group=2)
    tasks = [asyncio.ensure_future(inserter.insert({"_id": str(n)})) for n in range(9)]
    await asyncio.sleep(0)
    await inserter.drain()
    assert all(await asyncio.gather(*tasks))
