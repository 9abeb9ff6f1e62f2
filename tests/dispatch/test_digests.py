"""The daily digest: once a day for each unit, in working hours, however many processes come to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from dispatch.digests import Digests, pressing
from dispatch.outside.templates import SAMPLE, load
from dispatch.relay import NOTICES, TELLINGS
from storage.client import Database
from tests.dispatch.test_oversight import reported
from tests.dispatch.town import CLERK, LEADER, WALKER, Clock, Location, clerk_of, event, open_service

HEAD = clerk_of("water1", "unit_leader")
MORNING = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)  # Thursday 9:00 in Guiyang


async def late_town(database: Database, clock: Clock) -> Any:
    """Return a service with one case of each water bureau that is overdue, and one of urban management that is not."""
    service = await open_service(database, clock)
    for lon in (106.605, 106.645):
        player = await reported(service, WALKER, event(category="0202", location=_at(lon)))
        await player.do(CLERK, "sign_in")
    clock.now = MORNING - timedelta(hours=4)
    await service.sweep()
    await reported(service, WALKER, event(category="0501"))
    return service


def _at(lon: float) -> Any:
    return Location(lon=lon, lat=26.62, crs="WGS-84", accuracy_m=8)


async def told(database: Database) -> list[dict[str, Any]]:
    """Return the digests in the inboxes, by id."""
    return sorted(await database.find(NOTICES, {"kind": "digest"}), key=lambda one: str(one["_id"]))


async def test_digest_when_the_working_day_begins_tells_each_unit_what_presses(database: Database) -> None:
    clock = Clock()
    service = await late_town(database, clock)
    assert await service.digests.run() == 0, "not at five in the morning"
    clock.now = MORNING
    assert await service.digests.run() == 3
    found = await told(database)
    assert [one["_id"] for one in found] == [f"digest:2026-11-26:{unit}" for unit in ("*", "water1", "water2")]
    assert [one["keys"] for one in found] == [["head:*"], ["head:water1"], ["head:water2"]]
    assert [sum(one["counts"].values()) for one in found] == [2, 1, 1]
    (own,) = [one for one in await service.relay.inbox(HEAD) if one.kind == "digest"]
    assert (own.case, own.line) == ("", "甲区水务局") and own.counts is not None and sum(own.counts.values()) == 1
    assert "甲区水务局" in [one.line for one in await service.relay.inbox(HEAD)]
    assert [one.kind for one in await service.relay.inbox(LEADER)].count("digest") == 1, "who leads all units is told once"


async def test_digest_when_many_processes_come_to_it_is_told_once(database: Database) -> None:
    clock = Clock()
    service = await late_town(database, clock)
    clock.now = MORNING
    others = [Digests(service.board, service.rules, service.relay, clock) for _ in range(4)]
    assert sum(await asyncio.gather(*(one.run() for one in others))) == 3
    clock.forward(hours=2)
    assert await Digests(service.board, service.rules, service.relay, clock).run() == 0, "nor after a restart"
    assert await others[0].run() == 0 and len(await told(database)) == 3
    clock.forward(days=1)
    assert await others[0].run() == 3 and len(await told(database)) == 6
    listed = [item["_id"] for telling in await database.find(TELLINGS, {}) for item in telling["items"]]
    assert {one["_id"] for one in await told(database)} <= set(listed), "and the streams hear of it"


async def test_digest_when_nothing_presses_or_on_a_day_off_is_not_told(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    await reported(service, WALKER, event(category="0202"))
    assert pressing(service.board) == {} and await service.digests.run() == 0
    service = await late_town(database, clock)
    clock.now = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)  # a Saturday
    assert await service.digests.run() == 0 and await told(database) == []


def test_digest_when_sent_outside_names_no_case() -> None:
    texts = load()
    for language in ("zh-CN", "en"):
        shown = texts.render("digest", language, {**SAMPLE, "case_no": ""})
        assert "()" not in shown.title and "（）" not in shown.title and "和云" in shown.title and SAMPLE["time"] in shown.text
