"""Units over HTTP: found by every name, shown with their duties, kept by administrators; who is dissolved hands over at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from dispatch.service import utc_now
from orgs.store import UNIT_CHANGES, UNITS
from tests.service import Answer, Running

NEW: dict[str, Any] = {
    "rev": 0, "name": "云岩区噪声管理所（试点）", "short_name": "噪声所", "aliases": ["静安办"], "type": "noise",
    "level": "district", "parent": "520103-govt", "area_codes": ["520103"], "hours": "09:00-17:00", "duty_phone": "0851-12319",
}  # fmt: skip
AT = "/api/v1/match?lon=106.675&lat=26.62&crs=WGS-84&category=0401"


async def put(service: Running, code: str, user: str = "sys_admin", **fields: Any) -> Answer:
    return await service.call("PUT", f"/api/v1/units/{code}", user=user, body=NEW | fields)


async def known(service: Running, code: str, *, there: bool = True) -> None:
    """Wait until the directory has the unit (or has it no more)."""
    for _ in range(200):
        if (service.services.parties.unit(code) is not None) is there:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{code}: the snapshot was not swapped")


async def test_unit_when_founded_is_found_by_each_name_and_written_down(service: Running) -> None:
    made = await put(service, "N1")
    assert made.status == 200, made.body
    assert (made.json["rev"], made.json["origin"], made.json["above"][0]["code"]) == (1, "editor", "520103-govt")
    await known(service, "N1")
    for name in ("N1", "噪声所", "静安办", "云岩区噪声管理所(试点)", "云岩区噪声管理所"):
        found = (await service.get(f"/api/v1/units?name={name}", "clerk_a")).json["items"]
        assert [one["code"] for one in found] == ["N1"], name
    changed = await put(service, "N1", rev=1, hours="24x7")
    assert changed.json["rev"] == 2 and (await put(service, "N1", rev=2, hours="24x7")).json["rev"] == 2, "again: nothing to do"
    history = (await service.get("/api/v1/units/N1/history", "sys_admin")).json["items"]
    assert [(one["by"], one["before"] and one["before"]["hours"], one["after"]["hours"]) for one in history] == [
        ("sys_admin", None, "09:00-17:00"), ("sys_admin", "09:00-17:00", "24x7"),
    ]  # fmt: skip
    stale = await put(service, "N1", rev=1, hours="")
    assert (stale.status, stale.json["rev"]) == (412, 2)


async def test_unit_when_looked_at_tells_its_duties_and_its_phone_only_to_who_works_with_units(service: Running) -> None:
    shown = (await service.get("/api/v1/units/520102-water", "dispatcher")).json
    duties = shown["responsible"]
    assert {"R-0201-A", "R-0203-A"} <= set(duties["rules"]) and duties["leads"] >= 2
    assert {"0201", "0203"} <= set(duties["categories"]) and "520102" in duties["areas"]
    assert [one["username"] for one in shown["duty"]["on_duty"]] == ["clerk_a"]
    assert (await service.get("/api/v1/units/520102-water", "grid_worker")).json["duty"] is None
    town = (await service.get("/api/v1/units/520102-govt", "dispatcher")).json
    assert {one["code"] for one in town["below"]} >= {"520102-water", "520102-urban"}
    assert (await service.get("/api/v1/units/none", "dispatcher")).status == 404


async def test_unit_when_dissolved_then_its_successor_answers_by_its_rules_and_sees_its_cases(service: Running) -> None:
    await put(service, "N2")
    version = (await service.get("/api/v1/rules/versions?limit=1", "dispatcher")).json["items"][0]["version"]
    await known(service, "N2")
    rule = {"category": "0401", "area_code": "520103001001004", "lead": "N2"}
    body = {"version": version, "reason": "试点归口", "changes": [{"op": "add", "rule": rule}]}
    added = await service.post("/api/v1/rules:apply", body, "dispatcher")
    assert added.status == 200, added.body
    id = added.json["changes"][0]["rule"]
    assert (await lead_at(service, id)) == "N2"
    yesterday = (utc_now() + timedelta(hours=8) - timedelta(days=1)).date().isoformat()
    body = {"rev": 1, "last_day": yesterday, "successor": "520103-water"}
    ended = await service.post("/api/v1/units/N2:dissolve", body, "sys_admin")
    assert ended.status == 200 and ended.json["successor"] == "520103-water", ended.body
    again = await service.post("/api/v1/units/N2:dissolve", body | {"rev": 2}, "sys_admin")
    assert again.status == 200 and again.json["rev"] == 2
    await known(service, "N2", there=False)
    assert (await lead_at(service, id)) == "520103-water", "by the very same rule"
    shown = (await service.get("/api/v1/units/520103-water", "dispatcher")).json
    assert shown["predecessors"] == ["N2"] and id in shown["responsible"]["rules"]
    assert (await service.get("/api/v1/units/N2", "clerk_a")).json["acting"]["code"] == "520103-water"
    findings = (await service.get("/api/v1/rules/findings?kind=dangling", "dispatcher")).json["items"]
    assert ("succeeded_unit", id) in {(one["reason"], one["rule"]) for one in findings}
    refused = await service.post("/api/v1/rules:apply", {"version": version + 1, "reason": "再来", "changes": [
        {"op": "add", "rule": rule}]}, "dispatcher")  # fmt: skip
    assert refused.json["errors"][0]["code"] == "unknown_unit", "nothing new is given to it"
    undo = {"version": version + 1, "reason": "收尾"}
    assert (await service.post(f"/api/v1/rules/versions/{version + 1}:undo", undo, "dispatcher")).status == 200


async def lead_at(service: Running, rule: str) -> str:
    """Return who comes first by this rule, once it decides."""
    for _ in range(200):
        best = (await service.get(AT, "dispatcher")).json["candidates"][0]
        if best["rule"] == rule:
            found: str = best["unit"]["code"]
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(rule)


async def test_unit_when_wrong_is_refused_by_column_and_nothing_is_left(service: Running) -> None:
    database = service.services.database
    before = (await database.count(UNITS, {}), await database.count(UNIT_CHANGES, {}))
    wrong = await put(service, "N9", parent="N9", area_codes=["999"], hours="9-17", successor="none", valid_to="2020-01-01",
                      valid_from="2020-01-02")  # fmt: skip
    columns = [(one["field"], one["code"]) for one in wrong.json["errors"]]
    assert columns == [
        ("area_codes", "unknown_code"), ("hours", "not_allowed"), ("parent", "cycle"), ("successor", "unknown_unit"),
        ("valid_to", "days"),
    ]  # fmt: skip
    assert (await put(service, "N9", parent="520102001-town")).json["errors"][0]["code"] == "level"
    assert (await put(service, "N9", level="village")).status == 422 == (await put(service, "a;b")).status
    assert (await put(service, "N9", rev=4)).status == 412
    dissolve = "/api/v1/units/520102-road:dissolve"
    assert (await service.post(dissolve, {"rev": 1, "last_day": "2020-01-01"}, "sys_admin")).json["errors"][0]["code"] == "past"
    own = {"rev": 1, "last_day": "2999-01-01", "successor": "520102-road"}
    assert (await service.post(dissolve, own, "sys_admin")).json["errors"][0]["field"] == "successor"
    assert (await service.post("/api/v1/units/none:dissolve", own, "sys_admin")).status == 404
    for user in ("dispatcher", "clerk_a", "supervisor"):
        assert (await put(service, "N9", user)).status == 403 == (await service.post(dissolve, own, user)).status
    assert (await database.count(UNITS, {}), await database.count(UNIT_CHANGES, {})) == before


async def test_table_of_units_when_sent_is_looked_at_first_then_taken_over_whole(service: Running) -> None:
    header = "code,name,type,level,parent,area_codes,aliases\n"
    table = (
        header + "N5,垃圾分类中心,sanit,district,520103-govt,520103,分类办;环卫二所\nN6,N5 的下属,sanit,township,N5,520103001,\n"
    )
    looked = await service.post("/api/v1/units:import", {"csv": table}, "sys_admin")
    assert looked.json == {"new": 2, "changed": 0, "same": 0, "dry_run": True}
    assert (await service.get("/api/v1/units/N5", "dispatcher")).status == 404
    done = await service.post("/api/v1/units:import", {"csv": table, "dry_run": False}, "sys_admin")
    assert done.json["new"] == 2
    again = await service.post("/api/v1/units:import", {"csv": table, "dry_run": False}, "sys_admin")
    assert again.json == {"new": 0, "changed": 0, "same": 2, "dry_run": False}
    await known(service, "N6")
    assert (await service.get("/api/v1/units?name=环卫二所", "dispatcher")).json["items"][0]["code"] == "N5"
    wrong = header + "N7,甲,sanit,district,nobody,520103,\nN8,乙,sanit,planet,,999,\n"
    refused = await service.post("/api/v1/units:import", {"csv": wrong, "dry_run": False}, "sys_admin")
    assert [(one["row"], one["field"]) for one in refused.json["errors"]] == [(3, "level"), (2, "parent")]
    assert (await service.get("/api/v1/units/N7", "dispatcher")).status == 404
    assert (await service.post("/api/v1/units:import", {"csv": table}, "dispatcher")).status == 403
