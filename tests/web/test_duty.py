"""Who is on duty, over HTTP: asked by place and time; rosters kept by who leads the areas, written down, in force at once."""

from __future__ import annotations

import asyncio
from typing import Any

from orgs.store import ROSTER_CHANGES
from tests.service import Running, event
from tests.small_city import INSIDE

DUTY = f"/api/v1/duty?lon={INSIDE[0]}&lat={INSIDE[1]}&crs=WGS-84"
GRID = "520102001001001"
HEADER = "id,username,area_codes,weekdays,hours,first_day,last_day,substitute,kind"


async def on_duty(service: Running, at: str, role: str = "grid_worker") -> list[dict[str, Any]]:
    answer = await service.get(f"{DUTY}&role={role}&at={at}", "operator")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["roles"][0]["on_duty"]
    return found


async def put(service: Running, id: str, user: str = "lead_a", **row: Any) -> Any:
    return await service.call("PUT", f"/api/v1/rosters/{id}", user=user, body={"username": "worker_a"} | row)


async def renewed(service: Running) -> None:
    """Wait for the snapshot of what has just been written."""
    await service.services.parties.reload()


async def changes_of(service: Running, id: str) -> list[dict[str, Any]]:
    return await service.services.database.find(ROSTER_CHANGES, {"of": id}, sort=[("at", 1)])


async def test_duty_when_asked_then_everybody_around_nearest_first(service: Running) -> None:
    await renewed(service)
    answer = await service.get(DUTY, "worker_a")
    assert answer.status == 200
    roles = {one["role"]: [who["username"] for who in one["on_duty"]] for one in answer.json["roles"]}
    assert roles["grid_worker"] == ["worker_a", "grid_worker"] and roles["grid_lead"] == ["lead_a"]
    assert roles["dispatcher"][0] == "duty_a" and answer.json["area_path"][-1]["code"] == GRID
    by_area = (await service.get(f"/api/v1/duty?area={GRID}&role=grid_lead", "operator")).json
    assert by_area["roles"] == [one for one in answer.json["roles"] if one["role"] == "grid_lead"]


async def test_duty_when_asked_wrongly_is_refused_and_citizens_are_not_told(service: Running) -> None:
    assert [e["field"] for e in (await service.get("/api/v1/duty?lon=106.6", "operator")).json["errors"]] == ["lat", "crs"]
    assert (await service.get("/api/v1/duty?area=999", "operator")).code == "unknown_area"
    assert (await service.get(f"{DUTY}&at=2026-11-22T08:00:00", "operator")).status == 422, "a time without zone means nothing"
    assert (await service.get(f"{DUTY}&role=mayor", "operator")).json["errors"][0]["field"] == "role"
    assert (await service.get(DUTY)).status == 401


async def test_leave_when_put_then_only_the_substitute_is_on_duty_and_sees_the_grid(service: Running) -> None:
    case = (await service.post("/api/v1/events", event(), "worker_a")).json
    assert (await service.get(f"/api/v1/cases/{case['id']}", "worker_c")).status == 404
    row = {"kind": "leave", "first_day": "2020-01-01", "last_day": "2099-12-31", "substitute": "worker_c"}
    assert (await put(service, "away-1", **row)).status == 200
    await renewed(service)
    try:
        there = await on_duty(service, "2026-12-01T04:00:00Z")
        assert [(who["username"], who["instead_of"]) for who in there] == [("worker_c", "worker_a"), ("grid_worker", None)]
        assert (await service.get(f"/api/v1/cases/{case['id']}", "worker_c")).status == 200, "who stands in sees what is there"
    finally:
        assert (await service.call("DELETE", "/api/v1/rosters/away-1", user="lead_a")).status == 204
        await renewed(service)
    assert [who["username"] for who in await on_duty(service, "2026-12-01T04:00:00Z")] == ["worker_a", "grid_worker"]
    assert (await service.get(f"/api/v1/cases/{case['id']}", "worker_c")).status == 404


async def test_row_when_put_then_written_down_once_and_the_rev_settles_who_was_first(service: Running) -> None:
    row = {"area_codes": [GRID], "hours": "08:00-18:00", "first_day": "2031-01-01", "last_day": "2031-01-31"}
    first = await put(service, "day-1", rev=0, **row)
    again = await put(service, "day-1", **row)
    assert first.status == again.status == 200 and first.json == again.json and first.json["rev"] == 1
    stale = await put(service, "day-1", rev=0, **row | {"hours": "09:00-18:00"})
    assert stale.status == 412 and stale.code == "stale_rev"
    second = await put(service, "day-1", rev=1, **row | {"hours": "09:00-18:00"})
    assert (second.json["rev"], second.json["hours"]) == (2, "09:00-18:00")
    changes = await changes_of(service, "day-1")
    assert [(one["by"], one["role"], one["before"] is None) for one in changes] == [
        ("lead_a", "grid_lead", True), ("lead_a", "grid_lead", False),
    ]  # fmt: skip
    listed = (await service.get("/api/v1/rosters?username=worker_a&on=2031-01-31", "lead_a")).json["items"]
    assert second.json in listed
    late = (await service.get("/api/v1/rosters?username=worker_a&on=2031-02-01", "lead_a")).json["items"]
    assert second.json not in late
    assert (await service.call("DELETE", "/api/v1/rosters/day-1", user="lead_a")).status == 204
    assert (await service.call("DELETE", "/api/v1/rosters/day-1", user="lead_a")).status == 204
    assert len(await changes_of(service, "day-1")) == 3


async def test_row_when_two_put_it_at_once_then_both_are_written_down_in_turn(service: Running) -> None:
    row = {"first_day": "2032-01-01", "last_day": "2032-01-01"}
    answers = await asyncio.gather(*(put(service, "at-once", hours=f"0{hour}:00-12:00", **row) for hour in range(4)))
    assert {answer.status for answer in answers} == {200}
    assert sorted(answer.json["rev"] for answer in answers) == [1, 2, 3, 4]
    assert len(await changes_of(service, "at-once")) == 4
    await service.call("DELETE", "/api/v1/rosters/at-once", user="lead_a")


async def test_row_when_it_is_of_other_areas_is_forbidden(service: Running) -> None:
    assert (await put(service, "other", "lead_b")).status == 403
    assert (await put(service, "other", username="dispatcher")).status == 403
    assert (await put(service, "other", area_codes=["520103001001003"])).status == 403
    assert (await put(service, "other", "worker_a")).status == 403
    assert (await put(service, "other", "sys_admin", username="dispatcher", hours="00:00-24:00")).status == 200
    assert (await service.call("DELETE", "/api/v1/rosters/other", user="lead_a")).status == 403
    assert "other" not in [one["id"] for one in (await service.get("/api/v1/rosters?limit=500", "lead_a")).json["items"]]
    assert (await service.call("DELETE", "/api/v1/rosters/other", user="sys_admin")).status == 204


async def test_row_when_it_is_wrong_then_every_field_is_named(service: Running) -> None:
    answer = await put(service, "bad", "sys_admin", username="nobody", area_codes=["1"], hours="9-5", substitute="nobody")
    assert answer.status == 422
    assert {error["field"] for error in answer.json["errors"]} == {"username", "area_codes", "hours", "substitute"}
    assert (await put(service, "bad", weekdays=[8])).json["errors"][0]["field"] == "weekdays[0]"
    assert (await put(service, "b$d")).json["errors"][0]["field"] == "id"


async def test_table_when_imported_then_looked_at_first_and_the_same_table_again_changes_nothing(service: Running) -> None:
    table = f"{HEADER}\nT-1,worker_b,520103001001003,1;2,08:00-12:00,2033-01-01,2033-01-31,,\n"
    table += ",worker_b,,,,2033-02-01,2033-02-02,worker_c,leave\n"
    looked = await service.post("/api/v1/rosters:import", {"csv": table}, "lead_b")
    assert looked.json == {"new": 2, "changed": 0, "same": 0, "dry_run": True}
    assert await changes_of(service, "T-1") == []
    done = await service.post("/api/v1/rosters:import", {"csv": table, "dry_run": False}, "lead_b")
    assert done.json == {"new": 2, "changed": 0, "same": 0, "dry_run": False}
    again = await service.post("/api/v1/rosters:import", {"csv": table, "dry_run": False}, "lead_b")
    assert again.json == {"new": 0, "changed": 0, "same": 2, "dry_run": False}
    assert len(await changes_of(service, "T-1")) == 1
    changed = table.replace("08:00-12:00", "08:00-13:00")
    assert (await service.post("/api/v1/rosters:import", {"csv": changed}, "lead_b")).json["changed"] == 1


async def test_table_when_rows_are_wrong_then_each_is_named_and_nothing_is_written(service: Running) -> None:
    table = f"{HEADER}\nW-1,worker_a,,,,,,,\nW-2,nobody,,9,,,,,\nW-3,worker_b,,,,,,,\nW-4,worker_a,,,25:00-26:00,,,,away\n"
    answer = await service.post("/api/v1/rosters:import", {"csv": table, "dry_run": False}, "lead_a")
    assert answer.status == 422 and answer.code == "pack_invalid"
    named = {(error["row"], error["field"]) for error in answer.json["errors"]}
    assert named == {(3, "weekdays"), (4, "username"), (5, "kind")}
    assert await changes_of(service, "W-1") == []


async def test_my_duty_when_asked_then_says_where_and_while_away_who_stands_in(service: Running) -> None:
    await renewed(service)
    mine = (await service.get("/api/v1/duty/mine", "worker_a")).json
    assert mine["on_duty"] is True and mine["posts"][0]["area"]["code"] == GRID and mine["posts"][0]["instead_of"] is None
    assert (await put(service, "mine-1", kind="leave", first_day="2020-01-01", substitute="worker_c")).status == 200
    await renewed(service)
    try:
        away = (await service.get("/api/v1/duty/mine", "worker_a")).json
        assert (away["on_duty"], [one["username"] for one in away["replaced_by"]]) == (False, ["worker_c"])
        stands_in = (await service.get("/api/v1/duty/mine", "worker_c")).json
        assert (GRID, "worker_a") in [
            (post["area"]["code"], post["instead_of"] and post["instead_of"]["username"]) for post in stands_in["posts"]
        ]
    finally:
        assert (await service.call("DELETE", "/api/v1/rosters/mine-1", user="lead_a")).status == 204
        await renewed(service)
    assert (await service.get("/api/v1/duty/mine", "worker_a")).json["on_duty"] is True
    assert (await service.get("/api/v1/duty/mine")).status == 401
