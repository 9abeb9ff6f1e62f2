"""Danger to life (domain.md §2.8): one write brings it to the lead, to whoever has the territory and to the nearest on duty."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.actors import Actor
from dispatch.chain import verify
from dispatch.reports import NewReport
from dispatch.store import CASES
from storage.client import Database
from tests.dispatch.town import CLERK, DISPATCHER, OPERATOR, WALKER, Player, clerk_of, event, new_key, open_service, ticket, whole

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
