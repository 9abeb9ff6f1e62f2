"""What units have to do follows the case: reclassified, marked, joined, worked on again; by their own hours, within the case."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.clocks import Limit, due_at
from dispatch.service import CaseService
from storage.client import Database
from tests.dispatch.town import (
    DISPATCHER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    TownDirectory,
    clerk_of,
    event,
    new_key,
    open_service,
    rules,
    whole,
)

CITY = rules()
WATER = clerk_of("water1")


class RoundTheClock(TownDirectory):
    """Water works that never close."""

    def unit_hours(self, code: str) -> str:
        return "24x7" if code == "water1" else ""


async def reported(service: CaseService, **values: Any) -> Player:
    filed = await service.report(actor=WALKER, report=event(**values), present=whole, key=new_key())
    return Player(service, filed.id)


async def tasks_of(service: CaseService, player: Player) -> list[dict[str, Any]]:
    stored = await service.store.find(player.id)
    assert stored is not None
    return list(stored["tasks"])


def due(cell: str, start: datetime = START, hours: str | None = None) -> datetime:
    return due_at(start, Limit.parse(cell), CITY.calendar, hours)


async def test_reclassify_when_shorter_then_lead_and_assists_follow(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(DISPATCHER, "add_unit", unit="urban1", kind="assist", limit="4wd")
    await player.do(DISPATCHER, "reclassify", category="0202")
    lead, assist = await tasks_of(service, player)
    assert (lead["limit"], lead["due_at"]) == ("2wd", due("2wd"))
    assert (assist["limit"], assist["due_at"]) == ("4wd", due("2wd")), "within the case"
    await player.do(SUPERVISOR, "reclassify", category="0501")
    lead, assist = await tasks_of(service, player)
    assert (lead["limit"], lead["due_at"], assist["due_at"]) == ("10wd", due("10wd"), due("4wd")), "and back, as far as its own"


async def test_mark_when_a_special_group_then_the_lead_has_half_by_its_own_hours(database: Database) -> None:
    service = await open_service(database)
    service.rules.directory = RoundTheClock()
    player = await reported(service, category="0201")
    await player.do(OPERATOR, "mark_special_group", group="elder")
    (lead,) = await tasks_of(service, player)
    assert (lead["limit"], lead["due_at"]) == ("3wd", due("3wd", hours="24x7"))


async def test_set_limit_when_by_hand_then_the_lead_has_it_too(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    clock.forward(hours=3)
    await player.do(DISPATCHER, "set_limit", limit="4wh")
    (lead,) = await tasks_of(service, player)
    assert (lead["limit"], lead["due_at"]) == ("4wh", due("4wh")), "from its own start"


async def test_extension_that_waits_runs_out_when_the_case_is_due_by_its_new_category(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(WATER, "request_extension", limit="2wd")
    for category, limit in (("0202", "2wd"), ("0501", "10wd")):
        await player.do(SUPERVISOR, "reclassify", category=category)
        stored = await service.store.find(player.id)
        assert stored is not None
        assert [one["at"] for one in stored["timers"] if one["name"] == "expire:q1"] == [due(limit)]
    clock.now = due("10wd")
    await service.sweep()
    case = await service.get(actor=DISPATCHER, case_id=player.id)
    assert [request["state"] for request in case.requests] == ["expired"]


async def test_reclassify_when_given_to_another_unit_after_a_return_then_from_its_own_dispatch(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    clock.forward(hours=5)
    await player.do(WATER, "request_return", reason="not_duty", unit="urban1")
    await player.decide(DISPATCHER)
    clock.forward(days=1)
    again = clock.now
    await player.do(DISPATCHER, "dispatch", unit="urban1")
    await player.do(DISPATCHER, "reclassify", category="0202")
    lead = (await tasks_of(service, player))[-1]
    assert (lead["unit"]["code"], lead["limit"], lead["due_at"]) == ("urban1", "2wd", due("2wd", again))


async def test_rework_when_the_unit_never_closes_then_due_by_its_hours(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    service.rules.directory = RoundTheClock()
    player = await reported(service, category="0201")
    await player.do(DISPATCHER, "set_limit", limit="8wh")
    await player.do(WATER, "sign_in")
    await player.do(WATER, "submit_result")
    await player.do(DISPATCHER, "send_check")
    clock.forward(hours=5)
    await player.do(WALKER, "check_fail")
    (lead,) = await tasks_of(service, player)
    assert (lead["limit"], lead["due_at"]) == ("4wh", due("4wh", clock.now, "24x7")) != ("4wh", due("4wh", clock.now))
    await player.do(SUPERVISOR, "reclassify", category="0501")
    (lead,) = await tasks_of(service, player)
    assert lead["limit"] == "4wh", "what is done again is not given the whole time once more"
