"""Number and query code over HTTP: said once at intake, read out on record, asked without an account, guessed in vain."""

from __future__ import annotations

from typing import Any

import pytest

from orgs.throttle import Throttle
from tests.service import Running, event
from tests.web.test_public import CALLER, GOOD, PRIVATE, do, visiting

QUERY = "/api/v1/public/query"
WHY = {"reason": "夜里又开始施工了，请再处理"}


@pytest.fixture(autouse=True)
def patience(service: Running) -> None:
    """No test waits for what another one tried."""


def body(**changes: Any) -> dict[str, Any]:
    return event(category="0401", description="夜间施工噪声扰民", appeal_type="help", channel="phone", caller=CALLER) | changes


async def told(service: Running, case_id: str) -> dict[str, str]:
    """Read number and code out at the desk."""
    answer = await service.post(f"/api/v1/cases/{case_id}/code", {}, "operator")
    assert answer.status == 200 and set(answer.json) == {"case_no", "code"}
    found: dict[str, str] = answer.json
    return found


async def test_code_when_a_citizen_or_caller_reports_is_said_once(service: Running) -> None:
    sent = body()
    first = await service.post("/api/v1/tickets", sent, "operator", key="code-once")
    code = first.json["query_code"]
    assert (await service.post("/api/v1/tickets", sent, "operator", key="code-once")).json["query_code"] == code
    later = await service.get(f"/api/v1/cases/{first.json['id']}", "operator")
    assert "query_code" not in later.json
    assert (await told(service, first.json["id"]))["code"] == code
    unnamed = await service.post("/api/v1/tickets", body(channel="web", caller=None), "operator")
    assert unnamed.status == 201 and len(unnamed.json["query_code"]) == 9
    assert "query_code" not in await service.report()


async def test_query_when_right_shows_the_case_and_takes_the_answer(service: Running) -> None:
    both = await told(service, await visiting(service))
    shown = await service.post(QUERY, both)
    assert shown.status == 200 and shown.headers["Cache-Control"] == "no-store" and shown.json["state"] == "visiting"
    assert shown.json["steps"][0]["action"] == "submit" and not [word for word in PRIVATE if word in shown.body.decode()]
    path = f"/api/v1/public/cases/{shown.json['token']}"
    closed = await service.post(path + "/visit", GOOD)
    assert closed.json["state"] == "closed" and closed.json["token"]
    appealed = await service.post(f"/api/v1/public/cases/{closed.json['token']}/appeal", WHY)
    assert appealed.json["appeal"] == "pending"
    assert (await service.post(f"/api/v1/public/cases/{closed.json['token']}/appeal", {"reason": "短"})).status == 409
    again = (await service.post(QUERY, both)).json
    assert again["appeal"] == "pending" and [one["name"] for one in again["actions"]] == ["rate"]


async def test_appeal_when_too_short_names_its_field(service: Running) -> None:
    case_id = await visiting(service)
    await do(service, case_id, "operator", "visit_ok", contacted=True, solved=True)
    token = (await service.post(QUERY, await told(service, case_id))).json["token"]
    refused = await service.post(f"/api/v1/public/cases/{token}/appeal", {"reason": "短"})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "reason")
    assert (await service.post(f"/api/v1/public/cases/{token}/visit", GOOD)).code == "link_unknown"


async def test_query_when_number_or_code_is_wrong_has_one_answer_and_is_limited_by_number(service: Running) -> None:
    case = (await service.post("/api/v1/tickets", body(), "operator")).json
    both = {"case_no": case["case_no"], "code": case["query_code"]}
    for number in (case["case_no"], "XG20200101-000001"):
        answers = [await service.post(QUERY, {"case_no": number, "code": f"AAAA-{tried:04}"}) for tried in range(10)]
        assert {(one.status, one.code) for one in answers} == {(404, "query_unknown")} and len({one.body for one in answers}) == 1
        refused = await service.post(QUERY, both | {"case_no": number.lower()})
        assert (refused.status, refused.code) == (429, "too_many") and "Retry-After" in refused.headers
    other = (await service.post("/api/v1/tickets", body(), "operator")).json
    assert (await service.post(QUERY, {"case_no": other["case_no"], "code": other["query_code"]})).status == 200


async def test_query_when_an_address_tries_many_numbers_is_refused(service: Running) -> None:
    service.services.guesses = Throttle(limit=5)
    for number in range(5):
        assert (await service.post(QUERY, {"case_no": f"XG20200101-{number:06}", "code": "AAAA-AAAA"})).status == 404
    assert (await service.post(QUERY, {"case_no": "XG20200101-000009", "code": "AAAA-AAAA"})).status == 429


@pytest.mark.parametrize(
    ("sent", "field"), [({"case_no": "x" * 41, "code": ""}, "case_no"), ({"case_no": "x"}, "code"), ({"case_no": 5}, "case_no")]
)
async def test_query_when_it_has_another_shape_is_refused_by_field(service: Running, sent: Any, field: str) -> None:
    answer = await service.post(QUERY, sent)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


async def test_code_when_asked_for_by_others_is_not_read_out(service: Running) -> None:
    case_id = await visiting(service)
    path = f"/api/v1/cases/{case_id}/code"
    assert (await service.post(path, {})).status == 401
    for user in ("dispatcher", "unit_clerk", "supervisor", "leader", "grid_worker"):
        assert (await service.post(path, {}, user)).status == 403
    code = (await told(service, case_id))["code"]
    timeline = (await service.get(f"/api/v1/cases/{case_id}/timeline", "operator")).body.decode()
    assert "issue_code" in timeline and code not in timeline
