"""One inspection holds for several units: what it covers is handed in with it, and whoever disagrees has their task back."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.service import CaseService
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_oversight import reported, stored
from tests.dispatch.test_verification import notices
from tests.dispatch.town import DISPATCHER, Clock, Player, clerk_of, fill, new_key, open_service

WATER, URBAN, TOWN = clerk_of("water1"), clerk_of("urban1"), clerk_of("town1")


async def three_parts(service: CaseService) -> Player:
    """Return a case of the water bureau on which the township and urban management inspect as well."""
    player = await reported(service)
    await player.do(WATER, "sign_in")
    for unit, kind in (("urban1", "assist"), ("town1", "joint")):
        await player.do(DISPATCHER, "add_unit", unit=unit, kind=kind)
    return player


async def on_task(player: Player, who: Any, unit: str, action: str, **fields: Any) -> Any:
    """Take an action that is offered on the part of a unit."""
    case = await player.service.get(actor=who, case_id=player.id)
    task = next(one for one in case.tasks if one["unit"] and one["unit"]["code"] == unit and one["kind"] != "lead")
    action_of = next(one for one in task["actions"] if one["name"] == action)
    rev = case.rev if action_of["needs_rev"] else None
    return await player.service.act_on_task(
        actor=who, case_id=player.id, task_id=task["id"], action=action, rev=rev, fields=fill(action_of) | fields, key=new_key()
    )


async def names(player: Player, who: Any, unit: str) -> dict[str, Any]:
    """Return what is offered on the part of a unit, by name, with its fields by name."""
    case = await player.service.get(actor=who, case_id=player.id)
    task = next(one for one in case.tasks if one["unit"] and one["unit"]["code"] == unit and one["kind"] != "lead")
    return {one["name"]: {field["name"]: field for field in one["fields"]} for one in task["actions"]}


def part(case: Any, unit: str) -> dict[str, Any]:
    """Return the part of a unit beside the lead's."""
    found: dict[str, Any] = next(one for one in case["tasks"] if one["unit"]["code"] == unit and one["kind"] != "lead")
    return found


async def covered(service: CaseService) -> Player:
    """Return a case on which urban management has handed in for the township too."""
    player = await three_parts(service)
    await on_task(player, URBAN, "urban1", "task_sign")
    await on_task(player, URBAN, "urban1", "task_submit", note="联合检查：设施完好，无隐患", covers=["town1"])
    return player


async def test_result_when_it_covers_another_hands_in_both_and_tells_who_was_covered(database: Database) -> None:
    service = await open_service(database)
    player = await covered(service)
    case = await stored(player)
    mine, other = part(case, "urban1"), part(case, "town1")
    assert [mine["state"], other["state"]] == ["submitted", "submitted"] and other["late"] is False
    assert other["result"]["covered_by"] == mine["id"] and other["result"]["note"] == "联合检查：设施完好，无隐患"
    submitted, cover = case["timeline"][-2:]
    assert (submitted["action"], cover["action"], cover["actor"]["role"]) == ("task_submit", "cover", "system")
    assert (cover["data"]["unit"], cover["data"]["units"], cover["public"]) == ("urban1", ["town1"], False)
    (told,) = await notices(service, database, "cover")
    assert told["keys"] == ["u:town1", "u:*"]


async def test_result_when_offered_names_the_other_units_at_work_only(database: Database) -> None:
    service = await open_service(database)
    player = await three_parts(service)
    await on_task(player, URBAN, "urban1", "task_sign")
    field = (await names(player, URBAN, "urban1"))["task_submit"]["covers"]
    assert (field["options"], field["labels"], field["required"]) == (["town1"], {"town1": "甲街道办"}, False)
    for wrong in (["water1"], ["urban1"], ["urban2"]):  # the lead, the unit itself, one that is not on the case
        with pytest.raises(Invalid) as refused:
            await on_task(player, URBAN, "urban1", "task_submit", covers=wrong)
        assert [error.field for error in refused.value.errors] == ["covers"]
    await on_task(player, URBAN, "urban1", "task_submit")
    await on_task(player, TOWN, "town1", "task_sign")
    assert "covers" not in (await names(player, TOWN, "town1"))["task_submit"], "nobody else is at work"


async def test_unit_when_it_objects_has_its_task_back_with_time_to_do_it(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await covered(service)
    assert "task_object" not in await names(player, URBAN, "urban1"), "its own result it does not object to"
    before = part(await stored(player), "town1")["due_at"]
    clock.forward(days=20)
    await on_task(player, TOWN, "town1", "task_object", reason="只看了东侧，西侧未查")
    case = await stored(player)
    task = part(case, "town1")
    assert task["state"] == "signed" and task["due_at"] > clock.now > before
    assert case["timeline"][-1]["data"]["covered_by"] == part(case, "urban1")["id"]
    (told,) = await notices(service, database, "task_object")
    assert {"u:water1", "u:urban1"} <= set(told["keys"])
    await on_task(player, TOWN, "town1", "task_submit", note="西侧已查，无隐患")
    assert "covered_by" not in part(await stored(player), "town1")["result"]
    assert "task_object" not in await names(player, TOWN, "town1")


async def test_result_when_rejected_takes_back_what_it_covered(database: Database) -> None:
    service = await open_service(database)
    player = await covered(service)
    await on_task(player, WATER, "urban1", "task_reject", reason="没有照片")
    case = await stored(player)
    assert [part(case, unit)["state"] for unit in ("urban1", "town1")] == ["signed", "signed"]
    assert case["timeline"][-1]["data"]["uncovered"] == [part(case, "town1")["id"]]
    (told,) = await notices(service, database, "task_reject")
    assert {"u:urban1", "u:town1"} <= set(told["keys"])


async def test_unit_when_the_lead_has_submitted_objects_no_more(database: Database) -> None:
    service = await open_service(database)
    player = await covered(service)
    await player.do(WATER, "submit_result")
    case = await stored(player)
    assert [part(case, unit)["state"] for unit in ("urban1", "town1")] == ["accepted", "accepted"]
    assert "task_object" not in await names(player, TOWN, "town1")
