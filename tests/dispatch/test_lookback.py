"""What the desk is shown of earlier cases when it opens a new one: the same caller again, the same trouble again."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.lookback import areas_within
from dispatch.reports import Caller, Location
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from tests.dispatch.test_joining import stored
from tests.dispatch.test_verification import reported
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    TownLocator,
    event,
    open_service,
    ticket,
)  # fmt: skip

LAMP = event(category="0202", photos=())


async def test_caller_when_the_same_matter_is_open_is_shown_as_a_repeated_call(database: Database) -> None:
    service = await open_service(database, indexed=True)
    _, mine = await reported(service, OPERATOR, ticket())
    _, other = await reported(service, OPERATOR, ticket(caller=Caller(name="李四", phone="13900000001")))
    _, again = await reported(service, OPERATOR, ticket(file=False))
    seen = await service.get(actor=OPERATOR, case_id=again.id)
    assert {one["id"]: one["same_reporter"] for one in seen.duplicates} == {mine.id: True, other.id: False}
    assert "urge" in [action["name"] for action in (await service.get(actor=OPERATOR, case_id=mine.id)).actions]


async def test_citizen_when_reporting_the_same_again_is_known_by_the_account(database: Database) -> None:
    service = await open_service(database, indexed=True)
    _, mine = await reported(service, CITIZEN, event(category="0202", channel="app"))
    _, again = await reported(service, CITIZEN, event(category="0202", channel="app"))
    (seen,) = (await service.get(actor=OPERATOR, case_id=again.id)).duplicates
    assert (seen["id"], seen["same_reporter"]) == (mine.id, True)
    assert "same_reporter" not in (await service.get(actor=CITIZEN, case_id=again.id)).duplicates[0]


async def test_duplicates_when_the_reporter_may_not_see_them_are_shown_to_the_desk(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    _, first = await reported(service, WALKER, LAMP)
    clock.forward(minutes=5)
    _, mine = await reported(service, CITIZEN, event(category="0202", channel="app"))
    assert mine.duplicates == []
    assert [one["id"] for one in (await service.get(actor=OPERATOR, case_id=mine.id)).duplicates] == [first.id]
    assert (await service.get(actor=OPERATOR, case_id=first.id)).duplicates == [], "what came later is joined to the first"


@pytest.mark.parametrize(
    ("days", "report", "is_again"),
    [
        (29, LAMP, True),
        (31, LAMP, False),
        (1, event(category="0101"), False),
        (1, event(category="0202", photos=(), location=Location(lon=106.607, lat=26.62, crs="WGS-84", accuracy_m=8)), False),
    ],
    ids=["within", "after", "another category", "200 m away"],
)
async def test_trouble_when_back_after_closure_names_the_earlier_case(
    database: Database, days: int, report: object, is_again: bool
) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    player, earlier = await reported(service, WALKER, LAMP)
    for who, action in ((CLERK, "sign_in"), (CLERK, "submit_result"), (DISPATCHER, "close")):
        await player.do(who, action)
    clock.forward(days=days)
    _, case = await reported(service, WALKER, report)
    for who in (DISPATCHER, SUPERVISOR):
        found = (await service.get(actor=who, case_id=case.id)).recurrence
        assert (found is not None and (found["id"], found["case_no"]) == (earlier.id, earlier.case_no)) == is_again
    assert (await service.get(actor=CLERK, case_id=case.id)).recurrence is None
    signed = await Player(service, case.id).do(CLERK, "sign_in")
    assert ("recurrence" in signed.flags, signed.recurrence is not None and signed.recurrence["days"]) == (
        is_again, is_again and days,
    )  # fmt: skip
    assert (await stored(database, case.id)).get("recurrence", {}).get("id") == (earlier.id if is_again else None)
    assert (await service.get(actor=WALKER, case_id=case.id)).recurrence == signed.recurrence


async def closed(service: CaseService, clock: Clock, who: Any, report: Any) -> Any:
    """Report something, have it done and closed, and let a day pass."""
    player, case = await reported(service, who, report)
    if case.state == "reported":
        await player.do(OPERATOR, "file")
    for role, action in ((CLERK, "sign_in"), (CLERK, "submit_result"), (DISPATCHER, "close")):
        await player.do(role, action)
    clock.forward(days=1)
    return case


async def test_trouble_when_back_across_the_edge_of_a_grid_is_known_again(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    there = event(category="0202", photos=(), location=Location(lon=106.60985, lat=26.62, crs="WGS-84", accuracy_m=8))
    here = event(category="0202", photos=(), location=Location(lon=106.61015, lat=26.62, crs="WGS-84", accuracy_m=8))
    earlier = await closed(service, clock, WALKER, there)
    player, case = await reported(service, WALKER, here)
    assert earlier.area_path[-1]["code"] != case.area_path[-1]["code"]
    signed = await player.do(CLERK, "sign_in")
    assert (signed.recurrence["id"], signed.recurrence["days"], signed.flags) == (earlier.id, 1, ["recurrence"])
    entry = (await stored(database, case.id))["timeline"][-1]
    assert (entry["action"], entry["data"]["recurrence"]) == ("sign_in", earlier.case_no)


async def test_trouble_when_filed_by_the_desk_is_marked_under_the_category_it_gets(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    earlier = await closed(service, clock, WALKER, LAMP)
    _, case = await reported(service, OPERATOR, ticket(file=False, category=None, description="夜里一片漆黑不敢出门"))
    assert case.category is None
    filed = await Player(service, case.id).do(OPERATOR, "file", category="0202")
    assert filed.recurrence["id"] == earlier.id
    assert (await service.get(actor=CLERK, case_id=case.id)).flags == ["recurrence"]


async def test_trouble_when_the_earlier_case_is_confidential_is_not_named_to_all(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    earlier = await closed(service, clock, WALKER, LAMP)
    await database.update_one(CASES, {"_id": earlier.id}, {"$set": {"live.sensitive": True}})
    player, _ = await reported(service, WALKER, LAMP)
    assert (await player.do(CLERK, "sign_in")).recurrence is None
    await database.update_one(CASES, {"_id": earlier.id}, {"$set": {"live.sensitive": False, "outcome": "duplicate"}})
    again, _ = await reported(service, WALKER, LAMP)
    assert (await again.do(CLERK, "sign_in")).recurrence is None, "what was joined to another was not handled"


async def test_report_when_taken_in_asks_the_database_for_nothing_earlier(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    await closed(service, clock, WALKER, LAMP)
    monkeypatch.setattr(database, "find", None)
    _, case = await reported(service, WALKER, LAMP)
    assert case.state == "dispatched" and case.recurrence is None


def test_areas_within_reach_when_near_an_edge_are_those_on_both_sides() -> None:
    town = TownLocator()
    assert areas_within(town, 106.605, 26.62, 100) == {"5211"}
    assert areas_within(town, 106.6099, 26.62, 100) == {"5211", "5212"}
    assert areas_within(town, 106.6001, 26.6001, 100) == {"5211"}, "what lies outside the city is no area"


async def test_search_for_earlier_cases_when_explained_walks_an_index(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await open_service(database, indexed=True)
    _, case = await reported(service, WALKER, LAMP)
    asked: list[dict[str, Any]] = []
    find = database.find

    async def listening(collection: str, filter: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        asked.append(filter)
        return await find(collection, filter, **more)

    monkeypatch.setattr(database, "find", listening)
    await service.get(actor=DISPATCHER, case_id=case.id)
    (filter,) = asked
    plan = str((await database.explain(CASES, filter))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan and "COLLSCAN" not in plan
