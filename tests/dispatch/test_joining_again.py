"""What the same person or device sends twice is joined by the system; what was joined goes to the archive with its main case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.reports import Caller, Location
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from tests.dispatch.test_joining import LAMP, call, join, stored
from tests.dispatch.test_verification import actions, notices, offered, reported
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    HERE,
    LEADER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    event,
    open_service,
    ticket,
)  # fmt: skip

DEVICE, OTHER = actor("device", "sensor"), actor("grid_worker", "colleague")
ALARM = event(category="0202", photos=(), channel="device")
NEAR = Location(lon=106.60503, lat=26.62, crs="WGS-84", accuracy_m=8)  # three metres away
PHOTO, ANOTHER = event(category="0202"), event(category="0202", photos=("c" * 64,))


async def twice(service: CaseService, clock: Clock, *reports: tuple[Any, Any]) -> tuple[Player, Player]:
    """Report one after the other, and let the system look at what was sent again."""
    players = []
    for who, report in reports:
        players.append((await reported(service, who, report))[0])
        clock.forward(minutes=2)
        await service.sweep()
    first, second = players
    return first, second


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        ((WALKER, PHOTO), (WALKER, PHOTO), "same_photo"),
        ((CITIZEN, event(category="0202", channel="app")), (CITIZEN, event(category="0202", channel="app")), "same_photo"),
        ((OPERATOR, ticket(photos=("a" * 64,))), (OPERATOR, ticket(photos=("a" * 64,))), "same_photo"),
        ((DEVICE, ALARM), (DEVICE, ALARM), "same_device"),
        ((WALKER, PHOTO), (WALKER, ANOTHER), None),
        ((WALKER, LAMP), (WALKER, LAMP), None),
        ((WALKER, PHOTO), (OTHER, PHOTO), None),
        ((OPERATOR, ticket(photos=("a" * 64,))), (OPERATOR, call(7, photos=("a" * 64,))), None),
        ((DEVICE, ALARM), (DEVICE, event(category="0202", photos=(), channel="device", location=NEAR)), None),
    ],
    ids=["walker", "citizen", "caller", "device", "other photo", "no photo", "other person", "other caller", "other spot"],
)
async def test_report_when_only_sent_again_is_joined_by_the_system(
    database: Database, first: Any, second: Any, rule: str | None
) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    main, again = await twice(service, clock, first, second)
    case = await stored(database, again.id)
    assert (case.get("merged_into"), case["live"]["state"] == "merged") == ((main.id, True) if rule else (None, False))
    if rule:
        entry = case["timeline"][-1]
        assert (entry["action"], entry["actor"]["role"], entry["data"]["same"]) == ("join_same", "system", rule)
        assert "absorb" in await actions(service, main.id)
    assert await service.sweep() == 0


async def test_report_when_joined_by_the_system_is_told_and_can_be_taken_out(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    main, again = await twice(service, clock, (WALKER, PHOTO), (WALKER, PHOTO))
    (told,) = await notices(service, database, "join_same")
    assert told["case"] == again.id and {"p:" + WALKER.id, "u:water1"} <= set(told["keys"])
    assert (await again.do(DISPATCHER, "unmerge", reason="两处路灯")).state == "reported"
    clock.forward(minutes=2)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=again.id)).state == "reported", "what a person took out stays out"
    assert (await stored(database, main.id))["followers"] == []


async def test_report_when_the_first_has_ended_meanwhile_stays_a_case_of_its_own(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    main, _ = await reported(service, WALKER, PHOTO)
    again, _ = await reported(service, WALKER, PHOTO)
    await main.do(CLERK, "sign_in")
    await main.do(CLERK, "submit_result")
    await main.do(DISPATCHER, "close")
    clock.forward(minutes=2)
    assert await service.sweep() == 1
    assert (await service.get(actor=OPERATOR, case_id=again.id)).state == "dispatched"


async def test_report_when_ordinary_sets_no_timer(database: Database) -> None:
    service = await open_service(database)
    for who, report in ((WALKER, PHOTO), (OTHER, PHOTO), (OPERATOR, ticket()), (WALKER, LAMP)):
        player, _ = await reported(service, who, report)
        assert not (await stored(database, player.id)).get("timers")


async def test_possible_duplicates_when_many_are_hidden_are_still_the_nearest_that_may_be_seen(database: Database) -> None:
    service = await open_service(database)
    for number in range(6):
        await reported(service, OPERATOR, ticket(caller=Caller(name="李四", phone=f"1390000{number:04d}")))
    _, mine = await reported(service, CITIZEN, event(category="0202", channel="app", location=NEAR))
    _, again = await reported(service, CITIZEN, event(category="0202", channel="app", location=HERE))
    assert [one["id"] for one in again.duplicates] == [mine.id]
    found = await service.duplicates(actor=CITIZEN, lon=HERE.lon, lat=HERE.lat, crs="WGS-84", category="0202")
    assert [one["id"] for one in found][-1:] == [mine.id] and len(found) == 2


async def test_joined_when_its_main_is_still_open_is_not_archived_before_it(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    main, _ = await reported(service, WALKER, LAMP)
    other, case = await reported(service, OPERATOR, call(1))
    await join(service, other.id, main.id)
    clock.forward(days=20)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=case.id)).state == "merged"
    rev = (await stored(database, case.id))["live"]["rev"]
    await main.do(CLERK, "sign_in")
    await main.do(LEADER, "submit_result")
    await main.do(DISPATCHER, "to_visit")
    await main.do(OPERATOR, "visit_ok")
    for _ in (await service.get(actor=SUPERVISOR, case_id=main.id)).supervisions:  # late as it was
        if "lift_supervise" in await offered(service, SUPERVISOR, main.id):
            await main.do(SUPERVISOR, "lift_supervise")
    ended = clock.now
    assert await _archived(service, clock, main.id) - ended >= timedelta(days=15)
    first = clock.now
    assert await _archived(service, clock, case.id) - first <= timedelta(hours=2)
    kept = await stored(database, case.id)
    assert [entry["action"] for entry in kept["timeline"]] == ["submit", "merge", "archive"] and kept["live"]["rev"] == rev + 1


async def _archived(service: CaseService, clock: Clock, case_id: str) -> Any:
    """Let time pass until the case is archived; return when."""
    for _ in range(24 * 60):
        found = await service.store.database.find_one(CASES, {"_id": case_id})
        if found is not None and found["live"]["state"] == "archived":
            return clock.now
        clock.forward(hours=1)
        await service.sweep()
    raise AssertionError("never archived")
