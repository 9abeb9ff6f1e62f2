"""The feed: order, ids, the ring, interruptions."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fault_proxy import FaultProxy

from storage.client import Database
from storage.feed import GAP, Change, Feed

WATCH = {"cases": ["live"], "notices": ["keys"], "versions": None}


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[Feed]:
    opened = Feed(database, WATCH)
    await opened.start()
    yield opened
    await opened.stop()


async def test_feed_when_documents_change_then_wanted_fields_in_order(database: Database, feed: Feed, collect: Any) -> None:
    seen = collect()
    feed.subscribe("cases", seen)
    feed.subscribe("versions", seen)
    await database.insert_one("cases", {"_id": "a", "live": {"rev": 1}, "secret": "x"})
    await database.update_one("cases", {"_id": "a"}, {"$set": {"live.rev": 2, "secret": "y"}})
    await database.insert_one("others", {"_id": "b"})
    await database.insert_one("versions", {"_id": "territory", "version": "1"})
    await database.delete_many("cases", {})
    changes = await seen.take(4)
    assert [(change.collection, change.operation, change.key) for change in changes] == [
        ("cases", "insert", "a"),
        ("cases", "update", "a"),
        ("versions", "insert", "territory"),
        ("cases", "delete", "a"),
    ]
    assert [change.document for change in changes[2:]] == [None, None]
    assert changes[0].document == {"live": {"rev": 1}}
    assert set(changes[1].document or {}) <= {"live"}
    assert seen.is_empty


async def test_feed_when_announced_then_taken_from_memory(database: Database, feed: Feed, collect: Any) -> None:
    seen, others = collect(), collect()
    other = Feed(database, WATCH)
    await other.start()
    feed.subscribe("cases", seen)
    other.subscribe("cases", others)
    live = {"rev": 1}
    origin = feed.announce({"live": live})
    await database.insert_one("cases", {"_id": "a", "live": live, "origin": origin})
    await database.update_one("cases", {"_id": "a"}, {"$set": {"live.rev": 2}})
    await database.insert_one("cases", {"_id": "b", "live": {"rev": 1}, "origin": feed.announce({"live": {"rev": 1}})})
    changes = await seen.take(3)
    assert changes[0].document is not None and changes[0].document["live"] is live
    assert changes[1].document == {"live": {"rev": 2}} and changes[2].document == {"live": {"rev": 1}}
    assert [change.document for change in await others.take(3)] == [{"live": {"rev": rev}} for rev in (1, 2, 1)]
    assert [change.id for change in feed.since("0.0.0") or changes] == [change.id for change in changes]
    await other.stop()


async def test_feed_when_announced_is_forgotten_then_gap(
    database: Database, feed: Feed, collect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.feed._MOST_ANNOUNCED", 1)
    seen = collect()
    feed.subscribe("cases", seen)
    first, second = feed.announce({"live": {"rev": 1}}), feed.announce({"live": {"rev": 2}})
    await database.insert_one("cases", {"_id": "a", "live": {"rev": 1}, "origin": first})
    await database.insert_one("cases", {"_id": "b", "live": {"rev": 2}, "origin": second})
    assert [change.operation for change in await seen.take(2)] == [GAP, "insert"]


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"$pull": {"outbox": {"id": {"$in": ["n1", "n2"]}}}}, False),
        ({"$pull": {"outbox": {"id": "n2"}}}, False),
        ({"$push": {"timeline": {"id": "e"}}}, False),
        ({"$set": {"outbox": []}, "$unset": {"secret": 1}}, False),
        ({"$set": {"outbox": [], "live.rev": 2}}, True),
        ({"$set": {"live": {"rev": 2}}, "$push": {"outbox": {"id": "n3"}}}, True),
        ({"$unset": {"live.line": 1}}, True),
        ({"$pull": {"live.orgs": "o2"}}, True),
        ([{"$replaceWith": {"_id": "$_id", "live": "$live", "outbox": "$outbox"}}], False),
    ],
)
async def test_feed_when_an_update_touches_no_wanted_field_then_it_is_not_told(
    database: Database, feed: Feed, collect: Any, update: Any, told: bool
) -> None:
    seen = collect()
    feed.subscribe("cases", seen)
    live = {"rev": 1, "line": "x", "orgs": ["o1", "o2"]}
    await database.insert_one(
        "cases", {"_id": "a", "live": live, "outbox": [{"id": "n1"}, {"id": "n2"}], "timeline": [], "secret": "s"}
    )
    assert [change.operation for change in await seen.take(1)] == ["insert"]
    assert await database.update_one("cases", {"_id": "a"}, update) == 1
    await database.insert_one("cases", {"_id": "last", "live": {}})
    operations = [change.operation for change in await seen.take(2 if told else 1)]
    assert operations == (["update", "insert"] if told else ["insert"]) and seen.is_empty


async def test_feed_when_one_transaction_writes_many_then_ids_are_distinct_and_rise(
    database: Database, feed: Feed, collect: Any
) -> None:
    seen = collect()
    feed.subscribe("cases", seen)

    async def write(session: Any) -> None:
        for n in range(5):
            await database.insert_one("cases", {"_id": str(n), "live": n}, session=session)

    await database.insert_one("cases", {"_id": "x", "live": 0})
    await database.run_transaction(write)
    ids = [tuple(map(int, change.id.split("."))) for change in await seen.take(6)]
    assert ids == sorted(set(ids))


async def test_since_when_asked_by_id_then_what_came_after(database: Database, feed: Feed, collect: Any) -> None:
    seen = collect()
    start = feed.last_id
    feed.subscribe("cases", seen)
    await database.insert_many("cases", [{"_id": str(n), "live": n} for n in range(6)])
    changes: list[Change] = await seen.take(6)
    assert feed.since(start) == changes
    assert feed.since(changes[2].id) == changes[3:]
    assert feed.since(changes[-1].id) == []
    assert feed.since(feed.last_id) == []
    for unknown in ("1.1.1", "", "x", "1.2", "1.2.3.4", "-1.2.3", "1.2.٣"):
        assert feed.since(unknown) is None


async def test_since_when_the_ring_is_full_then_none_for_the_old(database: Database, collect: Any) -> None:
    feed, seen = Feed(database, WATCH, ring=3), collect()
    await feed.start()
    start = feed.last_id
    feed.subscribe("cases", seen)
    for n in range(5):
        await database.insert_one("cases", {"_id": str(n), "live": n})
    changes = await seen.take(5)
    await feed.stop()
    assert feed.since(start) is feed.since(changes[0].id) is None
    assert feed.since(changes[1].id) == changes[2:]


async def test_feed_when_two_processes_follow_then_same_ids(database: Database, feed: Feed, collect: Any) -> None:
    other, here, there = Feed(database, WATCH), collect(), collect()
    await other.start()
    feed.subscribe("cases", here)
    other.subscribe("cases", there)
    await database.insert_many("cases", [{"_id": str(n), "live": n} for n in range(20)])
    assert [change.id for change in await here.take(20)] == [change.id for change in await there.take(20)]
    await other.stop()


async def test_subscriber_when_it_raises_then_the_others_go_on(
    database: Database, feed: Feed, collect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen, gone = collect(), collect()

    def broken(change: Change) -> None:
        raise RuntimeError(change.key)

    feed.subscribe("cases", broken)
    unsubscribe = feed.subscribe("cases", gone)
    feed.subscribe("cases", seen)
    unsubscribe()
    unsubscribe()
    await database.insert_one("cases", {"_id": "a"})
    await seen.take(1)
    assert gone.is_empty
    assert "a subscriber of cases failed" in caplog.text
    with pytest.raises(KeyError):
        feed.subscribe("nobody watches", seen)


async def test_feed_when_connections_break_then_nothing_is_lost_or_doubled(
    database: Database, proxied: Database, proxy: FaultProxy, collect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "storage.feed")
    feed, seen = Feed(proxied, WATCH), collect()
    await feed.start()
    feed.subscribe("cases", seen)
    for turn in range(3):
        await database.insert_many("cases", [{"_id": f"{turn}.{n}", "live": n} for n in range(20)])
        proxy.go_down()
        await database.insert_one("cases", {"_id": f"{turn}.down", "live": 0})
        proxy.heal()
    changes = await seen.take(63)
    assert [change.operation for change in changes] == ["insert"] * 63
    assert len({change.key for change in changes}) == 63
    assert seen.is_empty
    await feed.stop()


async def test_feed_when_history_is_lost_then_gap_for_every_collection(
    database: Database, feed: Feed, collect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen = collect()
    for collection in WATCH:
        feed.subscribe(collection, seen)
    await database.insert_one("cases", {"_id": "a", "live": 1})
    (before,) = await seen.take(1)
    await database.drop_database()  # ends the stream for good, as lost history does
    assert GAP in {change.operation for change in await until(seen, "versions", GAP)}
    assert feed.since(before.id) is None
    await database.insert_one("cases", {"_id": "b", "live": 1})
    assert (await until(seen, "cases", "insert"))[-1].key == "b"
    assert "has ended" in caplog.text


async def until(seen: Any, collection: str, operation: str) -> list[Change]:
    """Take changes up to the first of this kind."""
    taken: list[Change] = []
    while not taken or (taken[-1].collection, taken[-1].operation) != (collection, operation):
        taken += await seen.take(1)
    return taken
