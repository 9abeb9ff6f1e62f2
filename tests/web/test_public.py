"""The reporter's word without an account, over HTTP: what a link shows, takes and refuses."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, get_args, get_type_hints

import pytest

from dispatch.fields import GRADES, LINK_PURPOSES
from dispatch.links import LINKS, Links
from orgs.throttle import Throttle
from storage.errors import StorageUnavailable
from tests.dispatch.town import fill
from tests.service import Answer, Running, event
from web.api.public import BODY_LIMIT, LinkBody, VisitBody

GOOD = {"contacted": True, "solved": True, "satisfaction": "very_satisfied", "note": "谢谢"}
BAD = {"contacted": True, "solved": False, "satisfaction": "dissatisfied", "note": "还是老样子，请打13912345678"}
GRADED = {"efficiency": 5, "quality": 5, "attitude": 4, "text": "很快"}
WHY = {"reason": "第二天夜里又开始施工"}
CALLER = {"name": "李四光", "phone": "13900139123", "anonymous": False, "confidential": False}
PRIVATE = (
    "李", "13900139123", "139****", "13912345678", "一街道5号", "operator", "dispatcher", "unit_clerk", "坐席", "派遣员", "link:",
)  # fmt: skip
SHOWN = {
    "case_no", "line", "state", "purpose", "reported_at", "closed_at", "public_reply", "refusal", "appeal", "answered_at",
    "expires_at", "actions", "token", "helpers",
}  # fmt: skip


async def do(service: Running, case_id: str, user: str, action: str, **fields: Any) -> dict[str, Any]:
    """Take an offered action with naive values."""
    case = (await service.get(f"/api/v1/cases/{case_id}", user)).json
    offered = next(one for one in case["actions"] if one["name"] == action)
    body = fill(offered) | fields | ({"rev": case["rev"]} if offered["needs_rev"] else {})
    done = await service.post(f"/api/v1/cases/{case_id}/actions/{action}", body, user)
    assert done.status == 200, done.body
    found: dict[str, Any] = done.json
    return found


async def visiting(service: Running, **changes: Any) -> str:
    """Return the id of a caller's case that waits for the call back."""
    body = event(category="0401", description="夜间施工噪声扰民", appeal_type="help", channel="phone", caller=CALLER, file=True)
    case = (await service.post("/api/v1/tickets", body | changes, "operator")).json
    if case["state"] == "filed":
        await do(service, case["id"], "dispatcher", "dispatch")
    await do(service, case["id"], "unit_clerk", "sign_in")
    await do(service, case["id"], "unit_clerk", "contact")
    await do(service, case["id"], "unit_clerk", "submit_result")
    await do(service, case["id"], "duty_a", "to_visit")
    return str(case["id"])


async def link_of(service: Running, case_id: str, purpose: str = "visit") -> str:
    """Read a link out at the desk; returns its address in the API."""
    answer = await service.post(f"/api/v1/cases/{case_id}/link", {"purpose": purpose}, "operator")
    assert answer.status == 200, answer.body
    assert answer.json["url"].startswith(service.url + "/public/cases/") and set(answer.json) == {"url", "expires_at"}
    return "/api/v1" + str(answer.json["url"]).removeprefix(service.url)


@pytest.fixture(autouse=True)
def patience(service: Running) -> None:
    """No test waits for what another one tried."""


def test_bodies_when_compared_have_the_choices_of_the_table() -> None:
    assert get_args(get_type_hints(VisitBody)["satisfaction"]) == GRADES
    assert get_args(get_type_hints(LinkBody)["purpose"]) == LINK_PURPOSES


async def test_link_when_read_out_shows_the_case_and_closes_it(service: Running) -> None:
    case_id = await visiting(service)
    path = await link_of(service, case_id)
    shown = await service.get(path)
    assert shown.status == 200 and set(shown.json) == SHOWN and shown.headers["Cache-Control"] == "no-store"
    assert shown.json["state"] == "visiting" and shown.json["public_reply"] and shown.json["actions"][0]["name"] == "visit"
    done = await service.post(path + "/visit", GOOD)
    assert done.status == 200 and done.json["state"] == "closed" and done.json["actions"] == []
    again = await service.post(path + "/visit", GOOD)
    assert again.json == done.json == (await service.get(path)).json
    other = await service.post(path + "/visit", BAD)
    assert (other.status, other.code) == (409, "link_used")
    graded = await service.post(await link_of(service, case_id, "rate") + "/rate", GRADED)
    assert graded.status == 200 and graded.json["answered_at"]
    case = (await service.get(f"/api/v1/cases/{case_id}", "operator")).json
    assert case["rating"]["attitude"] == 4 and case["visit"]["satisfaction"] == "very_satisfied"


async def test_link_when_not_solved_leaves_it_to_the_operators(service: Running) -> None:
    case_id = await visiting(service)
    path = await link_of(service, case_id)
    assert (await service.post(path + "/visit", BAD)).json["state"] == "visiting"
    case = (await service.get(f"/api/v1/cases/{case_id}", "operator")).json
    assert case["visit_answer"]["solved"] is False
    timeline = (await service.get(f"/api/v1/cases/{case_id}/timeline", "operator")).body.decode()
    assert "还是老样子" in timeline and "13912345678" not in timeline
    await do(service, case_id, "operator", "visit_redo")
    assert (await service.get(path)).code == "link_unknown"


async def test_link_when_shown_tells_nothing_personal_and_nobody_of_the_staff(service: Running) -> None:
    case_id = await visiting(service, description="我叫李四光，家住一街道5号，夜间施工噪声扰民")
    path = await link_of(service, case_id)
    for answer in (await service.get(path), await service.post(path + "/visit", BAD)):
        body = answer.body.decode()
        for word in (
            "李四光",
            "李",
            "139",
            "一街道5号",
            "operator",
            "dispatcher",
            "unit_clerk",
            "坐席",
            "派遣员",
            "link:",
            case_id,
        ):
            assert word not in body, word
        assert case_id not in body


async def test_link_when_unknown_run_out_or_overtaken_has_one_answer(service: Running) -> None:
    used, late, other = [await visiting(service) for _ in range(3)]
    overtaken, expired, wrong = [await link_of(service, one) for one in (used, late, other)]
    await do(service, used, "operator", "visit_ok", contacted=True, solved=True)
    case = {"case": late}
    await service.services.database.update_one(LINKS, case, [{"$set": {"expires_at": "$issued_at"}}])
    made_up = "/api/v1/public/cases/" + "A" * 43
    answers: list[Answer] = [
        await service.get(path) for path in (overtaken, expired, made_up, "/api/v1/public/cases/x", made_up.replace("A", "%00"))
    ]
    answers += [await service.post(path + "/visit", GOOD) for path in (overtaken, expired, made_up)]
    answers += [await service.post(wrong + "/rate", GRADED)]
    assert {(one.status, one.body) for one in answers} == {(404, answers[0].body)} and answers[0].code == "link_unknown"
    english = await service.get(made_up, headers={"Accept-Language": "en"})
    assert english.json["title"] == "This link does not work any more"
    assert (await service.get(f"/api/v1/cases/{other}", "operator")).json["state"] == "visiting"


async def test_links_when_guessed_are_refused_for_a_while(service: Running) -> None:
    path = await link_of(service, await visiting(service))
    service.services.guesses = Throttle(limit=5)
    for number in range(5):
        assert (await service.get(f"/api/v1/public/cases/{number:043}")).status == 404
    refused = await service.get(path)
    assert (refused.status, refused.code) == (429, "too_many") and 1 <= int(refused.headers["Retry-After"]) <= 601
    assert (await service.post(path + "/visit", GOOD)).status == 429


async def test_link_when_two_answer_at_once_one_counts(service: Running) -> None:
    case_id = await visiting(service)
    path = await link_of(service, case_id)
    found = await asyncio.gather(*(service.post(path + "/visit", one) for one in (GOOD, BAD) * 4))
    assert sorted(one.status for one in found) == [200] * 4 + [409] * 4
    timeline = (await service.get(f"/api/v1/cases/{case_id}/timeline", "operator")).json["items"]
    assert len([one for one in timeline if one["action"] in ("visit_ok", "visit_answer")]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**GOOD, "satisfaction": "unrated"}, "satisfaction"),
        ({**GOOD, "rev": 3}, "rev"),
        ({**GOOD, "note": "很" * 2001}, "note"),
        ({"contacted": True, "solved": "yes", "satisfaction": "satisfied"}, "solved"),
        ({"contacted": True, "satisfaction": "satisfied"}, "solved"),
    ],
)
async def test_answer_when_it_has_another_shape_is_refused_by_field(service: Running, body: Any, field: str) -> None:
    answer = await service.post("/api/v1/public/cases/x/visit", body)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


async def test_answer_when_too_large_is_refused(service: Running) -> None:
    answer = await service.post("/api/v1/public/cases/x/visit", {**GOOD, "note": "x" * BODY_LIMIT})
    assert answer.status == 413


async def test_link_when_asked_for_by_others_is_not_read_out(service: Running) -> None:
    case_id = await visiting(service)
    path = f"/api/v1/cases/{case_id}/link"
    assert (await service.post(path, {"purpose": "visit"})).status == 401
    for user in ("dispatcher", "unit_clerk", "supervisor", "leader", "grid_worker"):
        assert (await service.post(path, {"purpose": "visit"}, user)).status == 403
    assert (await service.post(path, {"purpose": "peek"}, "operator")).status == 422
    first = await service.post(path, {"purpose": "visit"}, "operator", key="one")
    assert (await service.post(path, {"purpose": "visit"}, "operator", key="one")).json == first.json
    refused = await service.post(path, {"purpose": "visit"}, "operator")
    assert refused.status == 422 and refused.json["errors"][0]["code"] == "read_before"
    token = first.json["url"].rpartition("/")[2]
    timeline = (await service.get(f"/api/v1/cases/{case_id}/timeline", "operator")).body.decode()
    assert "issue_link" in timeline and token not in timeline


async def test_token_when_the_database_is_away_stands_in_no_log(
    service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(self: Links, token: str) -> None:
        raise StorageUnavailable("no primary")

    monkeypatch.setattr(Links, "show", away)
    with caplog.at_level(logging.WARNING, logger="heyun.web"):
        answer = await service.get("/api/v1/public/cases/" + "B" * 43)
    assert answer.status == 503 and "public/cases" in caplog.text and "BBB" not in caplog.text
    caplog.clear()


async def test_appeal_of_who_joined_when_sent_by_their_link_is_decided_on_the_main_case(service: Running) -> None:
    main = await visiting(service, caller=CALLER | {"phone": "13900139001"})
    other = event(category="0401", appeal_type="help", channel="phone", caller=CALLER, file=False)
    joined = (await service.post("/api/v1/tickets", other, "operator")).json
    await do(service, joined["id"], "operator", "merge", main=main, reason="同一处噪声")
    await do(service, main, "operator", "visit_ok", contacted=True, solved=True)
    path = await link_of(service, joined["id"], "appeal")
    shown = await service.get(path)
    assert shown.json["case_no"] == joined["case_no"] and [one["name"] for one in shown.json["actions"]] == ["appeal"]
    done = await service.post(path + "/appeal", WHY)
    assert (done.status, done.json["appeal"]) == (200, "pending")
    assert (await service.post(path + "/appeal", WHY)).json == done.json
    assert not [word for word in (*PRIVATE, main, WHY["reason"]) if word in done.body.decode()]
    case = (await service.get(f"/api/v1/cases/{main}", "supervisor")).json
    (request,) = case["requests"]
    assert request["voices"][0] | {"at": ""} == {"at": "", "case": joined["id"], "case_no": joined["case_no"], **WHY}
    body = {"rev": case["rev"], "approve": False, "opinion": "已核实，噪声已停"}
    decided = await service.post(f"/api/v1/cases/{main}/requests/{request['id']}/actions/decide", body, "supervisor")
    assert decided.status == 200 and (await service.get(path)).json["appeal"] == "rejected"
    own = (await service.get(f"/api/v1/cases/{joined['id']}", "operator")).json["matter"]
    assert own["appeal"]["state"] == "rejected" and own["appeal"]["opinion"] == body["opinion"]
