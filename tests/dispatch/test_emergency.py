"""Danger to life (domain.md §2.8): one write brings it to the lead, to whoever has the territory and to the nearest on duty."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from dispatch.actors import Actor
from dispatch.calendar import WorkCalendar
from dispatch.chain import verify
from dispatch.outside.choices import Wish
from dispatch.outside.planning import Plan
from dispatch.relay import NOTICES
from dispatch.reports import Location, NewReport
from dispatch.store import CASES
from storage.client import Database
from tests.dispatch.town import (
    CLERK,
    DISPATCHER,
    OPERATOR,
    WALKER,
    Clock,
    Player,
    TownDirectory,
    clerk_of,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

DOORS = [
    (WALKER, event(photos=(), description="路口有燃气味很浓")),
    (OPERATOR, ticket(description="楼上有人要坠楼", file=False)),
]


async def _reported(database: Database, who: Actor, report: NewReport) -> tuple[Any, dict[str, Any], Any]:
    service = await open_service(database)
    case = (await service.report(actor=who, present=whole, report=report, key=new_key())).case
    stored = await database.find_one(CASES, {"_id": case.id})
    assert stored is not None
    return service, stored, case


@pytest.mark.parametrize(("who", "report"), DOORS, ids=["event", "ticket"])
async def test_danger_when_reported_reaches_lead_territory_and_nearest_in_one_write(
    database: Database, who: Actor, report: NewReport
) -> None:
    service, stored, case = await _reported(database, who, report)
    assert (case.rev, case.state, case.urgency) == (1, "dispatched", "emergency")
    assert [entry["action"] for entry in stored["timeline"]] == ["submit", "file", "auto_dispatch"]
    assert "town1" in [unit["code"] for unit in case.assists] and case.lead["code"] != "town1"
    (notice,) = [item for item in stored["outbox"] if item["kind"] == "auto_dispatch"]
    assert {"u:" + case.lead["code"], "u:town1", "dispatcher:*", "p:walker"} <= set(notice["keys"])
    assert not [key for key in notice["keys"] if key.startswith("grid_worker")]
    assert stored["timeline"][-1]["data"]["called"] == ["walker"] and verify(stored["timeline"], case.id) == []
    assert [task["actions"][0]["name"] for task in (await service.get(actor=clerk_of("town1"), case_id=case.id)).tasks[1:]] == [
        "task_sign"
    ]


async def test_danger_when_sensitive_is_told_to_no_grid_worker(database: Database) -> None:
    _, stored, case = await _reported(database, OPERATOR, ticket(category="0901", description="家里有人要坠楼"))
    (notice,) = [item for item in stored["outbox"] if item["kind"] == "auto_dispatch"]
    assert case.sensitive and "u:town1" in notice["keys"] and "dispatcher:*" in notice["keys"]
    assert not [key for key in notice["keys"] if key.startswith("grid_worker") or key == "p:walker"]
    assert "called" not in stored["timeline"][-1]["data"]


async def test_danger_when_dispatched_by_hand_takes_the_territory_along(database: Database) -> None:
    service = await open_service(database)
    case = (await service.report(actor=WALKER, present=whole, report=event(category="0501"), key=new_key())).case
    assert case.state == "filed"
    player = Player(service, case.id)
    await player.do(DISPATCHER, "reclassify", category="0501", urgency="emergency", reason="现场有人受伤")
    after = await player.do(DISPATCHER, "dispatch", assists=["water1"])
    assert [unit["code"] for unit in after.assists] == ["water1", "town1"]


async def test_ordinary_case_when_dispatched_calls_nobody_else(database: Database) -> None:
    _, stored, case = await _reported(database, WALKER, event())
    assert case.assists == [] and "called" not in stored["timeline"][-1]["data"]
    assert (await Player((await open_service(database)), case.id).do(CLERK, "sign_in")).state == "handling"


class Unwatched(TownDirectory):
    """A town whose roster names nobody."""

    def watch(self, areas: Sequence[str], at: datetime) -> tuple[str, ...]:
        return ()


async def _told(database: Database, identity: str) -> list[tuple[str, list[str]]]:
    """Return the alarms of a case: what was told, to whom."""
    stored = await database.find_one(CASES, {"_id": identity})
    assert stored is not None and verify(stored["timeline"], identity) == []
    told = {entry["id"]: entry["data"]["told"] for entry in stored["timeline"] if entry["action"] == "alarm"}
    return [(told[item["id"][1:]], item["keys"]) for item in stored["outbox"] if item["kind"] == "alarm"]


async def test_danger_when_nobody_signs_is_told_to_more_and_more_once(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=DOORS[0][1], key=new_key())).case
    found = []
    for _ in range(5):
        clock.forward(minutes=5)
        await service.sweep()
        found.append([told for told, _ in await _told(database, case.id)])
    levels = ["unit_leader", "district_duty", "city_duty"]
    assert found == [levels[:1], levels[:2], levels, levels, levels]
    keys = [set(keys) for _, keys in await _told(database, case.id)]
    assert f"head:{case.lead['code']}" in keys[0] and "u:" + case.lead["code"] in keys[0]
    assert "p:duty1" in keys[1] and "p:duty" not in keys[1] and "p:duty" in keys[2]
    assert not [key for found in keys for key in found if key.startswith(("dispatcher", "supervisor"))], "who is off duty sleeps"


async def test_alarm_when_it_is_night_goes_out_to_whoever_is_on_duty_at_once(database: Database) -> None:
    clock = Clock()
    clock.now = datetime(2026, 11, 24, 18, 10, tzinfo=UTC)  # 02:10 in the city
    service = await open_service(database, clock)
    await service.report(actor=WALKER, present=whole, report=DOORS[0][1], key=new_key())
    clock.forward(minutes=10)
    await service.sweep()
    await service.relay.sweep()
    wishes = {name: Wish(quiet_hours=True, kinds={"sms": frozenset({"alarm"})}) for name in ("duty1", "duty")}
    plan = Plan(wishes=wishes, targets={}, channels=("sms",), calendar=WorkCalendar(), now=clock.now)
    told = await database.find(NOTICES, {"kind": "alarm"})
    made = [one for notice in told for one in plan.deliveries(notice, {key[2:] for key in notice["keys"] if key[:2] == "p:"})]
    assert [(one.recipient, one.channel, one.next_at) for one in made] == [("duty1", "sms", clock.now)]


async def test_danger_when_the_roster_has_nobody_is_told_to_everybody_who_might_watch(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    service.rules.directory = Unwatched()
    case = (await service.report(actor=WALKER, present=whole, report=DOORS[0][1], key=new_key())).case
    clock.forward(minutes=15)
    await service.sweep()
    keys = [set(keys) for _, keys in await _told(database, case.id)]
    assert {"dispatcher:521", "supervisor:521"} <= keys[1] and {"dispatcher:*", "supervisor:*"} <= keys[2]


async def test_danger_when_its_district_has_nobody_goes_to_the_city_at_once(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    elsewhere = event(photos=(), description="路口有燃气味很浓", location=Location(lon=106.645, lat=26.62, crs="WGS-84"))
    case = (await service.report(actor=WALKER, present=whole, report=elsewhere, key=new_key())).case
    clock.forward(minutes=10)
    await service.sweep()
    assert "p:duty" in (await _told(database, case.id))[1][1]


async def test_danger_when_signed_for_is_told_to_nobody_else(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=DOORS[0][1], key=new_key())).case
    clock.forward(minutes=6)
    await service.sweep()
    await Player(service, case.id).do(CLERK, "sign_in")
    clock.forward(minutes=30)
    await service.sweep()
    assert [told for told, _ in await _told(database, case.id)] == ["unit_leader"]


async def test_danger_when_the_sweep_was_away_is_told_to_all_in_order(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=DOORS[0][1], key=new_key())).case
    clock.forward(hours=1)
    await service.sweep()
    assert [told for told, _ in await _told(database, case.id)] == ["unit_leader", "district_duty", "city_duty"]


@pytest.mark.parametrize("signed", [False, True])
async def test_case_when_it_turns_out_dangerous_after_dispatch_gets_the_same_help(database: Database, signed: bool) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    player = Player(service, case.id)
    if signed:
        await player.do(CLERK, "sign_in")
    clock.forward(minutes=10)
    raised = await player.do(DISPATCHER, "reclassify", category="0201", urgency="emergency", reason="有人掉进井里")
    assert [unit["code"] for unit in raised.assists] == ["town1"]
    assert (await service.get(actor=clerk_of("town1"), case_id=case.id)).tasks[-1]["actions"]
    stored = await database.find_one(CASES, {"_id": case.id})
    assert stored is not None
    assert stored["timeline"][-1]["data"]["called"] == ["walker"] and stored["timeline"][-1]["data"]["raised"]
    assert {"u:water1", "u:town1", "p:walker", "dispatcher:*"} <= set(stored["outbox"][-1]["keys"])
    running = {item.kind: item.limit for item in raised.clocks if item.done_at is None}
    assert running.get("sign_in") == (None if signed else "15m")
    clock.forward(minutes=5)
    await service.sweep()
    assert [told for told, _ in await _told(database, case.id)] == ([] if signed else ["unit_leader"])
    again = await player.do(DISPATCHER, "reclassify", category="0201", urgency="emergency", reason="补充说明")
    assert [unit["code"] for unit in again.assists] == ["town1"], "help is called once"


async def test_case_when_an_emergency_is_merged_into_it_gets_the_same_help(database: Database) -> None:
    service = await open_service(database)
    main = (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    danger = (
        await service.report(actor=WALKER, present=whole, report=event(description="有燃气味，井盖处很浓"), key=new_key())
    ).case
    await Player(service, danger.id).do(OPERATOR, "merge", main=main.id)
    after = await service.get(actor=DISPATCHER, case_id=main.id)
    assert after.urgency == "emergency" and [unit["code"] for unit in after.assists] == ["town1"]
