"""What the desk is shown of earlier cases when it opens a new one: the same caller again, the same trouble again."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.reports import Caller, Location
from dispatch.store import CASES
from storage.client import Database
from tests.dispatch.test_verification import reported
from tests.dispatch.town import CITIZEN, CLERK, DISPATCHER, OPERATOR, SUPERVISOR, WALKER, Clock, event, open_service, ticket

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
