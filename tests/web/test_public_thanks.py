"""Thanks by the reporter's link: for help that waits to be confirmed, and for help that is confirmed already."""

from __future__ import annotations

import pytest

from dispatch.store import CASES
from tests.service import Running
from tests.web.test_public import do, link_of, visiting


@pytest.fixture(autouse=True)
def patience(service: Running) -> None:
    """No test waits for what another one tried."""


async def helped(service: Running) -> tuple[str, str]:
    """Return id and link of a case that waits for the call back and on which volunteers have handed in what they did."""
    case_id = await visiting(service)
    service_task = {"id": "t9", "kind": "org", "unit": None, "state": "submitted", "entry": 1, "places": 1, "expires_at": None}
    organization = {"organization": {"code": "ORG-1", "name": "南明志愿服务队"}, "note": None}
    given = service_task | organization | {"result": {"note": "陪同就医", "hours": 2, "photos": []}}
    case = await service.services.database.find_one(CASES, {"_id": case_id})
    assert case is not None
    given["dispatched_at"] = case["live"]["reported_at"]
    await service.services.database.update_one(CASES, {"_id": case_id}, {"$push": {"tasks": given}})
    return case_id, await link_of(service, case_id)


async def test_thanks_when_given_by_link_then_confirm_the_help_in_the_residents_name(service: Running) -> None:
    case_id, path = await helped(service)
    shown = (await service.get(path)).json
    assert [(one["task"], one["name"]) for one in shown["helpers"]] == [("t9", "南明志愿服务队")]
    assert [field["name"] for field in shown["helpers"][0]["fields"]] == ["rating", "text"]
    thanked = await service.post(f"{path}/thanks", {"task": "t9", "rating": 5, "text": "谢谢小陈"})
    assert thanked.status == 200 and thanked.json["helpers"] == []
    assert (await service.post(f"{path}/thanks", {"task": "t9", "rating": 5, "text": "谢谢小陈"})).status == 200
    other = await service.post(f"{path}/thanks", {"task": "t9", "rating": 1})
    assert (other.status, other.code) == (409, "link_used")
    task = (await service.get(f"/api/v1/cases/{case_id}", "supervisor")).json["tasks"][-1]
    assert (task["state"], task["confirmation"]["role"], list(task["opinions"])) == ("confirmed", "link", ["resident"])
    assert task["opinions"]["resident"]["rating"] == 5
    await do(service, case_id, "operator", "visit_ok", satisfaction="satisfied")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"task": "t1", "rating": 5}, 404), ({"task": "t99", "rating": 5}, 404), ({"task": "t9", "rating": 6}, 422),
     ({"task": "t9"}, 422), ({"task": "t9", "rating": 5, "unit": "x"}, 422)],
)  # fmt: skip
async def test_thanks_when_for_what_is_no_help_or_out_of_bounds_then_refused(
    service: Running, body: dict[str, object], status: int
) -> None:
    case_id, path = await helped(service)
    assert (await service.post(f"{path}/thanks", body)).status == status
    assert (await service.get(f"/api/v1/cases/{case_id}", "supervisor")).json["tasks"][-1]["state"] == "submitted"


async def test_thanks_when_by_an_unknown_link_then_not_found(service: Running) -> None:
    answer = await service.post(f"/api/v1/public/cases/{'x' * 43}/thanks", {"task": "t9", "rating": 5})
    assert (answer.status, answer.code) == (404, "link_unknown")
