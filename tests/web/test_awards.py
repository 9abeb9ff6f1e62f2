"""Over HTTP: help that was confirmed stands in the record once, is certified, and anybody can check the certificate."""

from __future__ import annotations

from typing import Any

from orgs.store import CERTIFICATES, LEDGER
from tests.service import Running
from tests.web.test_needs import case_with_need


async def confirmed_help(service: Running, *, hours: float) -> tuple[str, str]:
    """ORG-1 claims, serves and reports; the unit confirms. Returns the case's path and the task."""
    case = await case_with_need(service, kind="VOL")
    claimed = await service.post(f"/api/v1/needs/{case['id']}.n1/claim", {}, "team_a")
    assert claimed.status == 200, claimed.body
    task = next(task["id"] for task in claimed.json["tasks"] if task["state"] == "claimed")
    path = f"/api/v1/cases/{case['id']}"
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("serve", {"people": "志愿者两名", "at": service.services.clock().strftime("%Y-%m-%dT%H:%M:%S.000Z")}, "team_a"),
        ("task_submit", {"note": "陪同就医并代取药品", "hours": hours, "count": 2}, "team_a"),
        ("task_confirm", {"rating": 5, "text": "谢谢张三丰和大家"}, "clerk_town"),
    ]
    for action, fields, user in steps:
        body = {"rev": (await service.get(path, user)).json["rev"]} | fields
        answer = await service.post(f"{path}/tasks/{task}/actions/{action}", body, user)
        assert answer.status == 200, (action, answer.body)
    return path, task


def year(service: Running) -> str:
    """The present year as a period."""
    now = service.services.clock().year
    return f"from={now}-01-01&to={now}-12-31"


async def record(service: Running, user: str = "team_a") -> dict[str, Any]:
    """The record of ORG-1 over all that the tests have made."""
    await service.services.ledger.gather()
    answer = await service.get(f"/api/v1/organizations/ORG-1/record?{year(service)}", user)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def test_record_when_help_is_confirmed_then_counted_once_for_those_who_may_see_it(service: Running) -> None:
    before = await record(service)
    path, task = await confirmed_help(service, hours=2.5)
    service.services.ledger.touch(path.rpartition("/")[2])
    after = await record(service)
    again = await record(service, "sys_admin")
    assert again == after and after["tasks"] == before["tasks"] + 1
    assert after["hours"] == before["hours"] + 2.5 and after["points"] == before["points"] + 5 + 25 + 10
    assert after["by_unit"]["count"] == before["by_unit"]["count"] + 1
    assert after["by_resident"] == before["by_resident"], "nobody has asked the resident yet"
    assert await service.services.database.count(LEDGER, {"_id": f"{path.rpartition('/')[2]}:{task}"}) == 1
    assert (await service.get("/api/v1/organizations/ORG-2/record", "team_a")).status == 404
    assert (await service.get("/api/v1/organizations/ORG-1/record", "clerk_a")).status == 403
    assert (await service.get("/api/v1/organizations/ORG-1/record?from=2026-02-01&to=2026-01-01", "team_a")).status == 422
    evaluated = await service.get(f"/api/v1/organizations:evaluation?{year(service)}", "sys_admin")
    figures = next(one for one in evaluated.json["items"] if one["organization"] == "ORG-1")
    assert figures["confirmed"] == after["tasks"] and figures["claims"] >= figures["confirmed"]
    assert (await service.get("/api/v1/organizations:evaluation", "team_a")).status == 403


async def test_certificate_when_asked_for_then_checked_by_anybody_and_a_change_is_told(service: Running) -> None:
    path, task = await confirmed_help(service, hours=4)
    service.services.ledger.touch(path.rpartition("/")[2])
    said = await record(service)
    url = f"/api/v1/organizations/ORG-1/certificates/{service.services.clock().year}.pdf"
    answer = await service.get(url, "team_a")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/pdf" and answer.body.startswith(b"%PDF-")
    code = answer.headers["Content-Disposition"].partition('"')[2].removesuffix('.pdf"')
    assert len(code) == 16
    again = await service.get(url, "sys_admin")
    assert code in again.headers["Content-Disposition"] and again.body == answer.body, "one and the same"
    assert await service.services.database.count(CERTIFICATES, {"_id": code}) == 1
    checked = await service.get(f"/api/v1/public/certificates/{code.lower()[:4]}-{code[4:]}")
    assert checked.status == 200 and checked.json["holds"] and checked.json["name"] == "南明志愿服务队"
    assert (checked.json["tasks"], checked.json["hours"], checked.json["points"]) == (
        said["tasks"],
        said["hours"],
        said["points"],
    )
    await service.services.database.update_one(
        LEDGER, {"_id": f"{path.rpartition('/')[2]}:{task}"}, {"$set": {"withdrawn_at": service.services.clock()}}
    )
    assert not (await service.get(f"/api/v1/public/certificates/{code}")).json["holds"]
    unknown = await service.get("/api/v1/public/certificates/AAAABBBBCCCCDDDD")
    assert (unknown.status, unknown.code) == (404, "certificate_unknown")
    assert (await service.get("/api/v1/organizations/ORG-2/certificates/2026.pdf", "team_a")).status == 404
    assert (await service.get("/api/v1/organizations/ORG-1/certificates/2021Q1.pdf", "team_a")).code == "nothing_confirmed"
    assert (await service.get("/api/v1/organizations/ORG-1/certificates/sometime.pdf", "team_a")).status == 404
