"""What the field work has named by a void grid goes to the grid that came after it, or waits for somebody to choose."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from grid.group_store import GROUP_CHANGES, GROUPS
from grid.patrol_store import PLAN_CHANGES, PLANS
from grid.visit_store import PLACE_CHANGES, PLACES
from storage.registers import Act, Register
from tests.service import Answer, Running, open_service
from tests.small_city import GRID_WIDTH, WEST

CHANGES = "/api/v1/territory/changes"
FIRST, SECOND, THIRD, LAST = (f"520102001001{number:03}" for number in (1, 2, 3, 4))
MIDDLE_OF_LAST = WEST + 3.5 * GRID_WIDTH
PATIENCE_SECONDS = 60


@pytest_asyncio.fixture(loop_scope="session")
async def town(mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A service with groups, a patrol plan and a place in its first community."""
    async with open_service(mongodb_uri, tmp_path) as running:
        group = {"name": "一号楼群", "kind": "building", "leaders": ["circle_a"], "size": 80}
        plan = {"name": "周巡", "areas": [FIRST, THIRD], "begins": "09:00", "ends": "10:00", "weekdays": [1]}
        place = {"area_code": FIRST, "grade": "red", "address": "中山路7号2单元301"}
        for path, body in (
            *((f"groups/G-{number}", group | {"area": area}) for number, area in ((1, FIRST), (3, THIRD), (4, LAST))),
            ("patrol-plans/week", plan | {"worker": "worker_a"}), ("visit-places/P-1", place),
        ):  # fmt: skip
            answer = await running.call("PUT", f"/api/v1/{path}", user="lead_a", body=body)
            assert answer.status == 200, answer.body
        yield running


async def made(town: Running, order: dict[str, Any], version: int, **more: Any) -> str:
    """Make a change; returns its id when the process has taken it up."""
    body = {"order": order, "dry_run": False, "version": version, "reason": "调整", **more}
    answer = await town.post(CHANGES, body, "sys_admin")
    assert answer.status == 201, answer.body
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not more and town.services.territory.snapshot.version != str(version + 1):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return str(answer.json["change"]["id"])


async def follow(town: Running, change: str, user: str = "sys_admin", **body: Any) -> Answer:
    return await town.post(f"{CHANGES}/{change}:follow", body, user)


async def registers(town: Running) -> dict[str, list[Any]]:
    names = (PLANS, PLAN_CHANGES, GROUPS, GROUP_CHANGES, PLACES, PLACE_CHANGES)
    return {name: await town.services.database.find(name, {}, sort=[("_id", 1)]) for name in names}


async def test_follow_when_one_grid_came_after_then_all_that_named_the_void_one_names_it_with_its_history(town: Running) -> None:
    change = await made(town, {"kind": "merge", "codes": [FIRST, SECOND], "into": SECOND}, 1)
    before = await registers(town)
    look = (await follow(town, change)).json
    assert await registers(town) == before, "a dry run"
    assert (look["moved_count"], look["choices"]) == (3, [])
    assert {(one["what"], one["id"]): (one["before"], one["after"]) for one in look["moved"]} == {
        ("patrol_plan", "week"): ([FIRST, THIRD], [SECOND, THIRD]),
        ("group", "G-1"): ([FIRST], [SECOND]),
        ("visit_place", "P-1"): ([FIRST], [SECOND]),
    }
    done = await follow(town, change, dry_run=False)
    assert (done.status, done.json) == (200, look)
    database = town.services.database
    place, plan = await database.find_one(PLACES, {"_id": "P-1"}), await database.find_one(PLANS, {"_id": "week"})
    assert place is not None and plan is not None
    assert place["area"] == place["codes"][-1] == SECOND and FIRST not in plan["codes"]
    assert place["sealed"] == before[PLACES][0]["sealed"] and place["rev"] == before[PLACES][0]["rev"] + 1
    listed = (await town.get(f"/api/v1/groups?area={SECOND}", "sys_admin")).json["items"]
    assert [one["code"] for one in listed] == ["G-1"]
    (kept,) = await database.find(GROUP_CHANGES, {"of": "G-1", "by": "sys_admin"})
    assert (kept["before"]["area"], kept["after"]["area"]) == (FIRST, SECOND)
    after = await registers(town)
    again = (await follow(town, change, dry_run=False)).json
    assert (again["moved_count"], again["choices_count"]) == (0, 0) and await registers(town) == after


async def test_follow_when_several_or_none_came_after_then_it_waits_and_is_told_among_which_to_choose(town: Running) -> None:
    cut = {
        "kind": "split", "code": LAST, "crs": "WGS-84",
        "line": {"type": "LineString", "coordinates": [[MIDDLE_OF_LAST, 26], [MIDDLE_OF_LAST, 27]]},
    }  # fmt: skip
    halved, ended = await made(town, cut, 1), await made(town, {"kind": "void", "code": THIRD}, 2)
    before = await registers(town)
    several = (await follow(town, halved, dry_run=False)).json
    heirs = [f"520102001001{number:03}" for number in (5, 6)]
    assert (several["moved"], [(one["id"], one["after"]) for one in several["choices"]]) == ([], [("G-4", heirs)])
    none = (await follow(town, ended, dry_run=False)).json
    assert {one["id"]: one["after"] for one in none["choices"]} == {"week": [], "G-3": []}
    assert await registers(town) == before
    await made(town, {"kind": "merge", "codes": heirs, "into": heirs[0]}, 3)  # now one grid is left of the two
    later = (await follow(town, halved, dry_run=False)).json
    assert [(one["id"], one["after"]) for one in later["moved"]] == [("G-4", heirs[:1])]


async def test_follow_when_somebody_changes_an_entry_meanwhile_then_theirs_stays_and_the_next_call_sees_it(
    town: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = await made(town, {"kind": "merge", "codes": [FIRST, SECOND], "into": SECOND}, 1)
    plain, act = Register.put, Act(by="other", role="sys_admin", at=datetime.now(UTC))

    async def beaten(self: Register, id: str, content: Any, *arguments: Any, **options: Any) -> Any:
        if id == "G-1" and options.get("rev") == 1:
            await plain(self, id, {**content, "name": "改过的", "area": FIRST, "codes": [FIRST]}, act)
        return await plain(self, id, content, *arguments, **options)

    monkeypatch.setattr(Register, "put", beaten)
    first = (await follow(town, change, dry_run=False)).json
    assert {one["id"] for one in first["moved"]} == {"week", "P-1"}
    second = (await follow(town, change, dry_run=False)).json
    assert [(one["id"], one["name"]) for one in second["moved"]] == [("G-1", "改过的")]


async def test_follow_when_the_change_does_not_hold_or_is_unknown_or_of_another_role_then_refused(town: Running) -> None:
    at = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    planned = await made(town, {"kind": "void", "code": LAST}, 1, effective_at=at)
    early = await follow(town, planned, dry_run=False)
    assert (early.status, early.code) == (409, "change_not_in_force")
    assert (await follow(town, "unknown")).status == 404
    assert (await follow(town, planned, "dispatcher")).status == 403
    assert (await follow(town, planned, what="all")).json["errors"][0]["field"] == "what"


async def test_entries_of_void_grids_when_explained_then_an_index_is_walked(town: Running) -> None:
    wanted = {"codes": {"$in": [f"520102001002{number:03}" for number in range(500)]}}
    for collection in (PLANS, GROUPS, PLACES):
        explained = await town.services.database.explain(collection, wanted)
        plan = str(explained["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan and "COLLSCAN" not in plan, (collection, plan)
