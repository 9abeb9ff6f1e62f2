"""The registry over HTTP: who sees and changes what, written down, by conditional writes; matched by at once; tables."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from dispatch.model import Place
from dispatch.service import utc_now
from orgs.store import ORGANIZATION_CHANGES, ORGANIZATIONS
from tests.service import Answer, Running
from tests.small_city import INSIDE

PHONE = "13800138000"
_serial = itertools.count(1)
SQUARE = [[106.60, 26.60], [106.61, 26.60], [106.61, 26.63], [106.60, 26.63], [106.60, 26.60]]


async def made(service: Running, **fields: Any) -> dict[str, Any]:
    """A new organization that serves one community."""
    code = f"NEW-{next(_serial)}"
    body = {"code": code, "name": f"示例互助会{code}", "kinds": ["ANI"], "area_codes": ["520102001001"]} | fields
    answer = await service.post("/api/v1/organizations", body, "sys_admin")
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


async def changed(service: Running, code: str, user: str = "sys_admin", **fields: Any) -> Answer:
    """Send a change."""
    return await service.call("PUT", f"/api/v1/organizations/{code}", user=user, body=fields)


async def known(service: Running, code: str, standing: str = "normal", rev: int = 0) -> None:
    """Wait until this process's directory has the organization in this standing, changed so often."""
    parties, renewed = service.services.parties, asyncio.Event()
    parties.on_renewed(renewed.set)
    while (org := parties.snapshot.registry.get(code)) is None or org.standing != standing or org.rev < rev:
        renewed.clear()
        await asyncio.wait_for(renewed.wait(), 10)


async def test_organization_when_registered_then_written_down_found_and_matched(service: Running) -> None:
    found = await made(service, lon=INSIDE[0], lat=INSIDE[1], radius_m=3000, credit_code="91350100M000100Y43")
    code = found["code"]
    assert (found["rev"], found["standing"], found["full"]) == (0, "normal", True)
    again = await service.post("/api/v1/organizations", {"code": code, "name": "另一个", "kinds": ["VOL"]}, "sys_admin")
    assert (again.status, again.code) == (422, "invalid"), "nobody could be served"
    again = await service.post(
        "/api/v1/organizations", {"code": code, "name": "另一个", "kinds": ["VOL"], "area_codes": ["520102"]}, "sys_admin"
    )
    assert (again.status, again.code) == (409, "organization_taken")
    await known(service, code)
    listed = await service.get(f"/api/v1/organizations?kind=ANI&q={code}", "clerk_a")
    assert [item["code"] for item in listed.json["items"]] == [code] and "contact" not in listed.json["items"][0]
    for area, found_there in (("520102001001001", True), ("520103", False)):
        listed = await service.get(f"/api/v1/organizations?kind=ANI&limit=500&area={area}", "clerk_a")
        assert (code in [item["code"] for item in listed.json["items"]]) == found_there
    assert (await service.get("/api/v1/organizations?area=nowhere", "clerk_a")).status == 422
    (change,) = (await service.get(f"/api/v1/organizations/{code}/changes", "sys_admin")).json["items"]
    assert (change["what"], change["by"], change["fields"]["name"]["before"]) == ("created", "sys_admin", None)


async def test_organization_when_registered_again_with_the_same_key_then_once(service: Running) -> None:
    body = {"code": f"KEY-{next(_serial)}", "name": "示例一次会", "kinds": ["VOL"], "area_codes": ["520102"]}
    first = await service.post("/api/v1/organizations", body, "sys_admin", key="once")
    second = await service.post("/api/v1/organizations", body, "sys_admin", key="once")
    assert (first.status, second.status) == (201, 201) and first.json == second.json
    assert await service.services.database.count(ORGANIZATION_CHANGES, {"organization": body["code"]}) == 1


async def test_organization_when_fields_are_wrong_then_each_is_named_and_nothing_is_left(service: Running) -> None:
    body = {
        "code": "BAD-1", "name": "示例", "kinds": ["VOL", "XXX"], "area_codes": ["999"], "hours": "25:00-26:00",
        "credit_code": "91350100M000100Y44", "valid_from": "2026-02-01", "valid_to": "2026-01-01",
    }  # fmt: skip
    answer = await service.post("/api/v1/organizations", body, "sys_admin")
    fields = {(error["field"], error["code"]) for error in answer.json["errors"]}
    assert answer.status == 422 and fields == {
        ("kinds", "kind"), ("area_codes", "unknown_area"), ("hours", "hours"), ("credit_code", "credit_code"),
        ("valid_to", "days"),
    }  # fmt: skip
    assert await service.services.database.count(ORGANIZATIONS, {"_id": "BAD-1"}) == 0
    assert await service.services.database.count(ORGANIZATION_CHANGES, {"organization": "BAD-1"}) == 0


async def test_contact_when_it_is_a_persons_then_sealed_masked_and_revealed_with_a_reason(service: Running) -> None:
    code = (await made(service, contact=f"王小明 {PHONE}"))["code"]
    (stored,) = await service.services.database.find(ORGANIZATIONS, {"_id": code})
    assert PHONE not in str(stored) and "王小明" not in str(stored) and stored["contact"] == "** 138****8000"
    assert (await service.get(f"/api/v1/organizations/{code}", "sys_admin")).json["contact"] == "** 138****8000"
    assert "contact" not in (await service.get(f"/api/v1/organizations/{code}", "clerk_a")).json
    url = f"/api/v1/organizations/{code}:reveal"
    assert (await service.post(url, {"reason": "联系认领"}, "clerk_a")).status == 403
    shown = await service.post(url, {"reason": "联系认领"}, "dispatcher")
    assert shown.json == {"contact": f"王小明 {PHONE}", "people": {}}
    newest = (await service.get(f"/api/v1/organizations/{code}/changes", "supervisor")).json["items"][0]
    assert (newest["what"], newest["by"], newest["reason"]) == ("revealed", "dispatcher", "联系认领")
    changes = await service.services.database.find(ORGANIZATION_CHANGES, {"organization": code})
    assert PHONE not in str(changes) and "王小明" not in str(changes)


async def test_coordinator_when_changing_the_own_organization_then_hours_capacity_and_contact_alone(service: Running) -> None:
    before = (await service.get("/api/v1/organizations/ORG-1", "team_a")).json
    answer = await changed(service, "ORG-1", "team_a", rev=before["rev"], hours="08:00-20:00", contact="0851-85801234")
    assert answer.status == 200 and (answer.json["hours"], answer.json["contact"]) == ("08:00-20:00", "0851-85801234")
    rev = answer.json["rev"]
    for fields in ({"kinds": ["LAW"]}, {"approved": True}, {"name": "改名志愿队"}, {"hours": "", "area_codes": ["520103"]}):
        refused = await changed(service, "ORG-1", "team_a", rev=rev, **fields)
        assert refused.status == 403 and refused.json["errors"][0]["code"] == "keeper_only"
    assert (await changed(service, "ORG-2", "team_a", rev=0, hours="")).status == 403, "another's"
    assert (await service.get("/api/v1/organizations/ORG-2/changes", "team_a")).status == 404
    assert "full" not in (await service.get("/api/v1/organizations/ORG-2", "team_a")).json
    restored = await changed(service, "ORG-1", "sys_admin", rev=rev, hours="", contact="")
    assert restored.status == 200 and restored.json["rev"] == rev + 1


async def test_organization_when_two_change_what_they_saw_then_the_second_hears_of_it(service: Running) -> None:
    code = (await made(service))["code"]
    answers = await asyncio.gather(*(changed(service, code, rev=0, capacity=number) for number in range(2, 7)))
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]
    stale = next(answer for answer in answers if answer.status == 412)
    assert (stale.code, stale.json["rev"]) == ("stale_rev", 1)
    history = (await service.get(f"/api/v1/organizations/{code}/changes", "sys_admin")).json["items"]
    assert [change["what"] for change in history] == ["edited", "created"], "of what failed nothing is written down"


async def test_standing_when_abnormal_then_no_longer_proposed_and_its_open_cases_are_listed(service: Running) -> None:
    found = await made(service, kinds=["VOL"], area_codes=["520102"])
    code = found["code"]
    await known(service, code)
    case = await service.report(category="0101")
    invited = await service.post(
        f"/api/v1/cases/{case['id']}/actions/invite", {"rev": case["rev"], "organizations": [code]}, "dispatcher"
    )
    assert invited.status == 200, invited.body
    body = {"rev": 0, "standing": "abnormal", "list": "activity", "reason": "未按时报送年度报告", "since": "2026-11-20"}
    url = f"/api/v1/organizations/{code}:standing"
    assert (await service.post(url, body | {"list": ""}, "sys_admin")).status == 422
    assert (await service.post(url, body, "dispatcher")).status == 403
    answer = await service.post(url, body, "sys_admin")
    assert answer.status == 200 and answer.json["standing_list"] == "activity"
    assert [(one["case_no"], one["task_state"]) for one in answer.json["engaged"]] == [(case["case_no"], "invited")]
    await known(service, code, "abnormal")
    parties = service.services.parties
    assert parties.organization(code) is None and parties.snapshot.services.parties.get(code) is None
    listed = await service.get("/api/v1/organizations?standing=abnormal", "clerk_a")
    assert code in [item["code"] for item in listed.json["items"]]
    back = await service.post(url, {"rev": 1, "standing": "normal", "reason": "已补报", "since": "2026-11-22"}, "sys_admin")
    assert back.status == 200 and back.json["standing_reason"] == "已补报"
    newest = (await service.get(f"/api/v1/organizations/{code}/changes", "leader")).json["items"][0]
    assert newest["reason"] == "已补报" and newest["fields"]["standing"] == {"before": "abnormal", "after": "normal"}


async def test_person_for_sensitive_matters_when_named_then_sealed_and_the_organization_is_approved(service: Running) -> None:
    code = (await made(service, approved=True, approved_for=["09"]))["code"]
    now, directory = utc_now(), service.services.parties
    await known(service, code)
    assert not directory.is_approved(code, "0901", now), "nobody is named"
    body = {"rev": 0, "name": "李思远", "trained_until": "2099-12-31", "secrecy_on": "2020-01-01"}
    assert (await service.post(f"/api/v1/organizations/{code}/people", body, "dispatcher")).status == 403
    answer = await service.post(f"/api/v1/organizations/{code}/people", body, "sys_admin")
    (person,) = answer.json["qualified"]
    assert answer.status == 201 and person["shown"] == "李**"
    (stored,) = await service.services.database.find(ORGANIZATIONS, {"_id": code})
    assert "李思远" not in str(stored)
    await known(service, code, rev=1)
    assert directory.is_approved(code, "0901", now)
    assert not directory.is_approved(code, "0701", now), "not on the list for it"
    shown = await service.post(f"/api/v1/organizations/{code}:reveal", {"reason": "核对人员"}, "supervisor")
    assert shown.json["people"] == {person["id"]: "李思远"}
    renamed = await changed(service, code, rev=1, name="示例改名会", contact=PHONE)
    assert renamed.json["qualified"] == [person], "sealed names stay with their people"
    shown = await service.post(f"/api/v1/organizations/{code}:reveal", {"reason": "核对人员"}, "supervisor")
    assert shown.json == {"contact": PHONE, "people": {person["id"]: "李思远"}}
    url = f"/api/v1/organizations/{code}/people/{person['id']}:remove"
    assert (await service.post(url, {"rev": 2, "reason": "离职"}, "sys_admin")).json.get("qualified", []) == []
    assert (await service.post(url, {"rev": 3, "reason": "离职"}, "sys_admin")).status == 404


async def test_polygon_when_given_then_it_alone_says_what_is_served(service: Running) -> None:
    polygon = {"type": "Polygon", "coordinates": [SQUARE]}
    code = (await made(service, area_codes=[], polygon=polygon))["code"]
    await known(service, code)
    services = service.services.parties.snapshot.services
    inside = Place(point=service.services.territory.locate(*INSIDE, "WGS-84").point)
    assert code in [helper.code for helper in services.rank(inside.point, (), ("ANI",))]
    crossed = {"type": "Polygon", "coordinates": [[SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]]}
    for bad in (crossed, {"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": 5}):
        answer = await changed(service, code, rev=0, polygon=bad)
        assert answer.status == 422 and answer.json["errors"][0]["field"] == "polygon", answer.body


async def test_table_when_taken_over_then_dry_run_first_errors_by_row_and_only_differences(service: Running) -> None:
    head = "code,name,kinds,area_codes,capacity,contact,approved,qualified_name,trained_until,secrecy_on\n"
    one, two = f"CSV-{next(_serial)}", f"CSV-{next(_serial)}"
    table = f"{head}{one},示例甲,VOL,520102,3,{PHONE},true,赵晓兰,2099-01-01,2024-01-01\n{two},示例乙,ENV,520103,2,,,,,\n"
    url = "/api/v1/organizations:import"
    wrong = await service.post(
        url, {"csv": f"{head}X1,示例,NOPE,520102,x,,,,,\nX2,示例,VOL,999,1,,,,,\n", "apply": True}, "sys_admin"
    )
    assert wrong.status == 422 and {(error["row"], error["field"]) for error in wrong.json["errors"]} == {
        (2, "capacity"), (3, "area_codes"),
    }  # fmt: skip
    assert (await service.post(url, {"csv": table}, "org_coordinator")).status == 403
    dry = await service.post(url, {"csv": table}, "sys_admin")
    assert dry.json == {"created": [one, two], "changed": {}, "unchanged": 0, "applied": False}
    assert await service.services.database.count(ORGANIZATIONS, {"_id": one}) == 0
    assert (await service.post(url, {"csv": table, "apply": True}, "sys_admin")).json["created"] == [one, two]
    assert (await service.post(url, {"csv": table, "apply": True}, "sys_admin")).json["unchanged"] == 2
    other = table.replace(PHONE, "13899998000").replace("示例乙", "示例丙")
    again = await service.post(url, {"csv": other, "apply": True}, "sys_admin")
    assert again.json["changed"] == {one: ["contact", "qualified"], two: ["name"]}, "masked alike, and yet another number"
    shown = await service.post(f"/api/v1/organizations/{one}:reveal", {"reason": "核对"}, "sys_admin")
    assert shown.json == {"contact": "13899998000", "people": {"table": "赵晓兰"}}
    (stored,) = await service.services.database.find(ORGANIZATIONS, {"_id": one})
    assert "13899998000" not in str(stored) and "赵晓兰" not in str(stored)
