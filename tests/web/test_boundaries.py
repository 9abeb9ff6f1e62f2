"""Changes of the territory over HTTP: looked at, made, withdrawn; two processes take one up; old cases stay as they were."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import shapely

from grid import store
from grid.areas import Zone
from orgs.rules import Rule
from orgs.store import document_of, mark_changed
from storage.client import Database
from tests.service import Running, load_small_city, serving
from tests.small_city import GRID_WIDTH, INSIDE, WEST
from web.settings import Settings

CHANGES = "/api/v1/territory/changes"
GRID, NEXT, LAST = "520102001001001", "520102001001002", "520102001001004"
MIDDLE = WEST + GRID_WIDTH / 2 + 0.001
CUT = {
    "kind": "split",
    "code": GRID,
    "crs": "WGS-84",
    "line": {"type": "LineString", "coordinates": [[MIDDLE, 26], [MIDDLE, 27]]},
}
POINT = f"/api/v1/locate?lon={INSIDE[0]}&lat={INSIDE[1]}&crs=WGS-84"
PATIENCE_SECONDS = 60


@pytest_asyncio.fixture(loop_scope="session")
async def two(mongodb_uri: str, tmp_path: Path) -> AsyncIterator[tuple[Running, Running]]:
    """One database, two whole services on it, each with its own snapshots and feed."""
    name = f"heyun_test_{secrets.token_hex(6)}"
    database = await Database.connect(mongodb_uri, name)
    try:
        tokens = await load_small_city(database, tmp_path)
        settings = Settings(mongodb_uri=mongodb_uri, database=name, data=tmp_path)
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(serving(settings, tokens))
            yield first, await stack.enter_async_context(serving(replace(settings), tokens))
    finally:
        await database.drop_database()
        await database.close()


async def until_version(service: Running, version: str) -> None:
    """Ask until the process answers from this version."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (await service.get(POINT, "dispatcher")).json["version"] != version:
        assert time.monotonic() < deadline, f"version {version} did not come"
        await asyncio.sleep(0.02)


async def look(service: Running, order: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await service.post(CHANGES, {"order": order}, "sys_admin", headers=headers)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json["look"]
    return found


def making(order: dict[str, Any], version: int, **more: Any) -> dict[str, Any]:
    return {"order": order, "dry_run": False, "version": version, "reason": "网格太大", **more}


async def make(service: Running, order: dict[str, Any], version: int, **more: Any) -> dict[str, Any]:
    answer = await service.post(CHANGES, making(order, version, **more), "sys_admin")
    assert answer.status == 201, answer.body
    change: dict[str, Any] = answer.json["change"]
    return change


async def test_split_when_made_in_one_process_then_both_place_by_it_and_an_old_case_stays(two: tuple[Running, Running]) -> None:
    first, second = two
    case = await first.report()
    seen = await look(first, CUT)
    assert (seen["version"], seen["possible"], seen["findings"]) == (1, True, [])
    assert [form["code"] for form in seen["now"]] == ["520102001001005", "520102001001006"]
    assert seen["now"][0]["geometry"]["type"] == "Polygon" and seen["now"][0]["area_m2"] > 1e6
    counted = {one["what"]: (one["count"], [item["id"] for item in one["items"]]) for one in seen["mentions"]}
    assert "worker_a" in counted["person"][1]
    assert counted["case"] == (1, [case["id"]])
    old = (await second.get(f"/api/v1/cases/{case['id']}", "worker_a")).json
    change = await make(first, CUT, seen["version"])
    assert (change["state"], change["version"], change["by"]) == ("in_force", 2, "sys_admin")
    for service in two:
        await until_version(service, "2")
        place = (await service.get(POINT, "dispatcher")).json
        assert place["area_path"][-1]["code"] == "520102001001005"
    still = (await second.get(f"/api/v1/cases/{case['id']}", "worker_a")).json
    assert {**still, "actions": None} == {**old, "actions": None}  # these propose the present time
    assert old["area_path"][-1]["code"] == GRID
    newer = await second.report()
    shown = await first.get(f"/api/v1/cases/{newer['id']}", "worker_a")  # whose area was split
    assert shown.status == 200 and shown.json["area_path"][-1]["code"] == "520102001001005"
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    assert (await first.get(f"/api/v1/areas/{GRID}?at={now}", "dispatcher")).status == 404
    path = await first.get(f"/api/v1/areas/{GRID}?at={change['made_at']}", "dispatcher")
    assert path.status == 404  # from the very instant on
    versions = (await second.get(f"/api/v1/areas/{GRID}/versions?geometry=true", "dispatcher")).json["items"]
    assert [(one["void"], one["reason"], one["heirs"]) for one in versions] == [
        (True, "split", ["520102001001005", "520102001001006"])
    ]
    assert versions[0]["geometry"]["type"] == "Polygon" and versions[0]["valid_to"] == change["effective_at"]
    before = (await first.get(f"/api/v1/areas/{GRID}?at={versions[0]['valid_from']}", "dispatcher")).json["items"]
    assert [area["code"] for area in before][-1] == GRID


@pytest.mark.slow
async def test_change_when_its_moment_comes_then_both_processes_switch_together(two: tuple[Running, Running]) -> None:
    at = datetime.now(UTC) + timedelta(seconds=15)
    change = await make(two[0], CUT, 1, effective_at=at.isoformat())
    assert change["state"] == "in_force"  # so near that it is written already, and waits for its moment
    early = [(await service.get(POINT, "dispatcher")).json["version"] for service in two]
    assert early == ["1", "1"]

    async def switched(service: Running) -> float:
        await until_version(service, "2")
        return (datetime.now(UTC) - at).total_seconds()

    late = await asyncio.gather(*(switched(service) for service in two))
    assert all(0 <= seconds < 2 for seconds in late), late
    for service in two:
        snapshot = service.services.parties.snapshot
        assert snapshot.after.heirs(GRID) == ("520102001001005", "520102001001006")


async def test_change_when_planned_then_listed_and_withdrawn(two: tuple[Running, Running]) -> None:
    first, second = two
    at = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    change = await make(first, CUT, 1, effective_at=at)
    listed = (await second.get(f"{CHANGES}?state=planned&area={GRID}", "sys_admin")).json["items"]
    assert [one["id"] for one in listed] == [change["id"]]
    again = await first.post(
        CHANGES, making({"kind": "rename", "code": GRID, "name": "别的"}, 1), "sys_admin"
    )  # fmt: skip
    assert (again.status, again.code, again.json["change"]) == (409, "change_planned", change["id"])
    taken = await second.post(f"{CHANGES}/{change['id']}:withdraw", {"reason": "另议"}, "sys_admin")
    assert (taken.status, taken.json["state"]) == (200, "withdrawn")
    assert (await first.get(f"{CHANGES}?state=planned", "sys_admin")).json["items"] == []


async def test_changes_when_paged_then_those_of_one_millisecond_come_once_each(two: tuple[Running, Running]) -> None:
    first, second = two
    for number, code in enumerate((GRID, NEXT, LAST), start=1):
        await make(first, {"kind": "rename", "code": code, "name": f"名字{number}"}, number)
    await first.services.database.update_many("territory_changes", {}, {"$set": {"made_at": datetime(2026, 11, 22, tzinfo=UTC)}})
    everything = (await first.get(CHANGES, "sys_admin")).json["items"]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await second.get(f"{CHANGES}?limit=1{cursor and f'&cursor={cursor}'}", "sys_admin")).json
        seen, cursor = seen + page["items"], page["next"]
    assert len(everything) == 3 and seen == everything
    wrong = await first.get(f"{CHANGES}?cursor=2026", "sys_admin")
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "cursor")


async def test_change_when_stale_or_sent_again_or_incomplete_then_said(two: tuple[Running, Running]) -> None:
    first, second = two
    rename = {"kind": "rename", "code": NEXT, "name": "新名字"}
    done = await first.post(CHANGES, making(rename, 1), "sys_admin", key="same")
    assert done.status == 201
    assert (await second.post(CHANGES, making(rename, 1), "sys_admin", key="same")).status == 200
    other = await second.post(CHANGES, making({**rename, "name": "又一个"}, 1), "sys_admin", key="same")
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    stale = await second.post(CHANGES, making(CUT, 1), "sys_admin")
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale_territory", 2)
    for missing in ("version", "reason"):
        body = {key: value for key, value in making(CUT, 2).items() if key != missing}
        refused = await first.post(CHANGES, body, "sys_admin")
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, missing)
    keyless = await first.call("POST", CHANGES, user="sys_admin", body=making(CUT, 2))
    assert (keyless.status, keyless.code) == (400, "idempotency_key_required")
    assert (await first.post(CHANGES, {"order": CUT}, "dispatcher")).status == 403
    naive = await first.post(CHANGES, making(CUT, 2, effective_at="2027-01-01T00:00:00"), "sys_admin")
    assert (naive.status, naive.json["errors"][0]["field"]) == (422, "effective_at")
    unknown = await first.post(CHANGES, {"order": {"kind": "shrink"}}, "sys_admin")
    assert (unknown.status, unknown.json["errors"][0]["field"]) == (422, "order.kind")


async def test_merge_when_not_adjacent_then_named_in_the_language_asked_for(two: tuple[Running, Running]) -> None:
    order = {"kind": "merge", "codes": [GRID, LAST], "into": GRID}
    seen = await look(two[0], order, **{"Accept-Language": "zh-CN"})
    assert not seen["possible"]
    assert [(one["code"], one["area"], one["message"]) for one in seen["findings"]] == [("not_adjacent", LAST, "单元网格不相邻")]
    refused = await two[0].post(CHANGES, making(order, 1), "sys_admin", headers={"Accept-Language": "en"})
    assert (refused.status, refused.code) == (422, "change_refused")
    assert refused.json["errors"][0]["field"] == LAST


async def test_void_when_a_person_has_the_area_then_orphaned_and_listed_until_mended(two: tuple[Running, Running]) -> None:
    seen = await look(two[0], {"kind": "void", "code": GRID})
    assert seen["gone"] == [{"code": GRID, "heirs": []}]
    await make(two[0], {"kind": "void", "code": GRID}, 1)
    await until_version(two[1], "2")
    orphans = (await two[1].get("/api/v1/territory/orphans", "sys_admin")).json["items"]
    assert [one["what"] for one in orphans] == ["person"]
    assert ("worker_a", GRID) in [(item["id"], item["area"]) for item in orphans[0]["items"]]
    beside = (await two[1].get(POINT, "dispatcher")).json
    assert beside["area_path"][-1]["code"] == "520102001001" and beside["doubt"] == ["gap:>50"]


async def test_report_when_in_a_management_area_then_its_unit_leads_and_the_case_says_so(two: tuple[Running, Running]) -> None:
    first, second = two
    database, before = first.services.database, await first.report()
    outline = shapely.to_wkb(shapely.box(INSIDE[0] - 0.003, INSIDE[1] - 0.003, INSIDE[0] + 0.003, INSIDE[1] + 0.003))
    park = Zone(code="GX", name="高新区", kind="management", owner="520103-water", wkb=outline)
    await database.insert_one("zones", {"_id": "GX", **msgspec.structs.asdict(park)})
    await database.update_one("units", {"_id": "520103-water"}, {"$push": {"area_codes": "GX"}})
    managed = document_of("R-GX", Rule(id="R-GX", category="0201", area="GX", lead="water@district"))
    await database.insert_one("rules", managed)
    await mark_changed(database, datetime.now(UTC))
    await store.mark_changed(database, datetime.now(UTC))
    for service in two:
        await until_version(service, "2")
    asked = (await second.get(POINT.replace("locate", "match") + "&category=0201", "dispatcher")).json
    assert asked["place"]["management"]["code"] == "GX"
    assert (asked["candidates"][0]["unit"]["code"], asked["candidates"][0]["rule"]) == ("520103-water", "R-GX")
    assert "高新区" in asked["candidates"][0]["reason"]
    case = await second.report()
    assert case["location"]["management"] == {"code": "GX", "name": "高新区", "level": "management", "name_en": ""}
    assert case["lead"]["code"] == "520103-water"
    assert [area["code"] for area in case["area_path"]] == [area["code"] for area in before["area_path"]]
    assert before["location"]["management"] is None
    listed = (await first.get("/api/v1/cases?area=GX", "dispatcher")).json["items"]
    assert [one["id"] for one in listed] == [case["id"]]
    assert (await first.get("/api/v1/territory/orphans", "sys_admin")).json["items"] == []


async def test_merge_when_made_then_what_named_the_void_grid_leads_to_the_survivor(two: tuple[Running, Running]) -> None:
    first, second = two
    await make(first, {"kind": "merge", "codes": [GRID, NEXT], "into": NEXT}, 1)
    for service in two:
        await until_version(service, "2")
    case = await second.report()
    assert case["area_path"][-1]["code"] == NEXT
    assert (await first.get(f"/api/v1/cases/{case['id']}", "worker_a")).status == 200
    assert (await first.get(f"/api/v1/cases/{case['id']}", "worker_b")).status == 404
    assert (await first.get("/api/v1/territory/orphans", "sys_admin")).json["items"] == []
