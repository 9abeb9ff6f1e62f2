"""Over HTTP: the hours of volunteers by number, the record of one, its certificate, and what others learn of them."""

from __future__ import annotations

from typing import Any

from orgs.store import LEDGER
from tests.service import Answer, Running
from tests.web.test_awards import year
from tests.web.test_needs import case_with_need

FIRST = "/api/v1/organizations/ORG-1/volunteers"


async def handed_in(service: Running, volunteers: Any, *, hours: float = 4) -> tuple[str, str, Answer]:
    """ORG-1 claims, serves and hands in what it did with these volunteers. Returns the case's path, the task and the answer."""
    case = await case_with_need(service, kind="VOL")
    claimed = await service.post(f"/api/v1/needs/{case['id']}.n1/claim", {}, "team_a")
    assert claimed.status == 200, claimed.body
    task = next(task["id"] for task in claimed.json["tasks"] if task["state"] == "claimed")
    path = f"/api/v1/cases/{case['id']}"
    serve = {"people": "志愿者两名", "at": service.services.clock().strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    assert (await service.post(f"{path}/tasks/{task}/actions/serve", serve, "team_a")).status == 200
    result = {"note": "陪同就医并代取药品", "hours": hours, "volunteers": volunteers}
    return path, task, await service.post(f"{path}/tasks/{task}/actions/task_submit", result, "team_a")


async def confirmed(service: Running, path: str, task: str) -> None:
    """The unit confirms, and the ledger takes it in."""
    rev = (await service.get(path, "clerk_town")).json["rev"]
    answer = await service.post(f"{path}/tasks/{task}/actions/task_confirm", {"rev": rev}, "clerk_town")
    assert answer.status == 200, answer.body
    service.services.ledger.touch(path.rpartition("/")[2])
    await service.services.ledger.gather()


async def test_volunteers_when_named_with_the_result_then_listed_recorded_and_certified(service: Running) -> None:
    path, task, answer = await handed_in(service, [{"number": "rec-1", "hours": 2.5}, {"number": "REC-2", "hours": 1}])
    assert answer.status == 200, answer.body
    assert (await service.get(f"{FIRST}/rec-1/record", "team_a")).status == 404, "nothing is confirmed yet"
    await confirmed(service, path, task)
    listed = (await service.get(f"{FIRST}?{year(service)}", "team_a")).json["items"]
    assert {"number": "REC-1", "tasks": 1, "hours": 2.5} in listed
    record = (await service.get(f"{FIRST}/rec-1/record?{year(service)}", "team_a")).json
    assert (record["number"], record["tasks"], record["hours"], record["total_hours"], record["stars"]) == (
        "REC-1",
        1,
        2.5,
        2.5,
        0,
    )
    assert [(one["kind"], one["category"], one["hours"]) for one in record["services"]] == [("VOL", "0701", 2.5)]
    url = f"{FIRST}/rec-1/certificates/{service.services.clock().year}.pdf"
    pdf = await service.get(url, "team_a")
    assert pdf.status == 200 and pdf.body.startswith(b"%PDF-") and (await service.get(url, "team_a")).body == pdf.body
    code = pdf.headers["Content-Disposition"].partition('"')[2].removesuffix('.pdf"')
    checked = (await service.get(f"/api/v1/public/certificates/{code}")).json
    assert checked["holds"] and (checked["volunteer"], checked["tasks"], checked["hours"]) == ("REC-1", 1, 2.5)
    await service.services.database.update_one(
        LEDGER, {"_id": f"{path.rpartition('/')[2]}:{task}"}, {"$set": {"withdrawn_at": service.services.clock()}}
    )
    assert not (await service.get(f"/api/v1/public/certificates/{code}")).json["holds"]


async def test_volunteers_when_asked_for_by_others_then_not_shown(service: Running) -> None:
    path, task, _ = await handed_in(service, [{"number": "HID-1", "hours": 1}])
    await confirmed(service, path, task)
    doors = (FIRST, f"{FIRST}/HID-1/record", f"{FIRST}/HID-1/certificates/2026.pdf")
    for door in doors:
        assert (await service.get(door, "elder_1")).status == 404, door
        assert (await service.get(door, "supervisor")).status == 403, door
        assert (await service.get(door)).status == 401, door
    assert (await service.get(FIRST, "sys_admin")).status == 200
    assert (await service.get(f"{FIRST}/NOBODY/record", "team_a")).status == 404
    assert (await service.get(f"{FIRST}/HID-1/certificates/2021.pdf", "team_a")).code in ("nothing_confirmed", "not_found")
    assert (await service.get(f"{FIRST}/HID-1/record?from=2026-02-01&to=2026-01-01", "team_a")).status == 422


async def test_volunteers_when_rows_are_wrong_then_each_is_named_in_both_languages(service: Running) -> None:
    rows = [{"number": "V-1", "hours": 1}, {"number": "13812341234", "hours": 0}, {"number": "张三丰", "hours": 1}]
    path, task, answer = await handed_in(service, rows)
    assert answer.status == 422
    assert [(one["row"], one["field"], one["code"]) for one in answer.json["errors"]] == [
        (2, "volunteers.number", "personal_data"),
        (2, "volunteers.hours", "range"),
        (3, "volunteers.number", "number"),
    ]
    url, body = f"{path}/tasks/{task}/actions/task_submit", {"note": "陪同就医并代取药品", "hours": 1, "volunteers": rows}
    chinese = await service.post(url, body, "team_a", headers={"Accept-Language": "zh-CN"})
    assert "不能是电话" in chinese.json["errors"][0]["message"] and "13812341234" not in chinese.body.decode()
    done = await service.post(url, body | {"volunteers": rows[:1]}, "team_a")
    assert done.status == 200, "nothing of it was left behind"
