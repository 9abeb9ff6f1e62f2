"""Needs over HTTP: what organizations are shown, how they claim, what they are told when they cannot."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.service import Running, event

CALLER = {"name": "张三丰", "phone": "13812341234", "anonymous": False, "confidential": False}
TEXT = "我叫张三丰，住南明区遵义路88号3单元，独居行动不便"
WANTED = {"kind": "ELD", "help": "companionship", "what": "陪独居老人就医", "places": 1}


async def case_with_need(service: Running, **fields: Any) -> dict[str, Any]:
    """Return a signed case of the street office with a need for elders' organizations."""
    body = event(category="0701", description=TEXT, appeal_type="help", channel="phone", caller=CALLER, file=True)
    case = (await service.post("/api/v1/tickets", body, "operator")).json
    path = f"/api/v1/cases/{case['id']}/actions"
    case = (await service.post(f"{path}/sign_in", {"rev": case["rev"]}, "clerk_town")).json
    opened = await service.post(f"{path}/open_need", WANTED | {"rev": case["rev"]} | fields, "clerk_town")
    assert opened.status == 200, opened.body
    return dict(opened.json)


async def found(service: Running, user: str, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the needs of a case that somebody finds. ELD-6 claims nothing: who has their hands full is shown nothing."""
    answer = await service.get("/api/v1/needs?limit=100", user)
    assert answer.status == 200, answer.body
    return [need for need in answer.json["items"] if need["id"].startswith(case["id"])]


async def test_need_when_listed_over_http_then_rounded_and_without_anything_of_the_case(service: Running) -> None:
    case = await case_with_need(service)
    (need,) = await found(service, "elder_6", case)
    assert need == {
        "id": f"{case['id']}.n1", "kind": "ELD", "help": "companionship", "what": "陪独居老人就医", "amount": None, "places": 1,
        "left": 1, "starts_at": None, "ends_at": None, "open_until": need["open_until"], "urgency": "normal", "invited": False,
        "area": [
            {"code": "520100", "name": "小贵阳市", "level": "city"}, {"code": "520102", "name": "南明区", "level": "district"},
            {"code": "520102001", "name": "南明区一街道", "level": "township"},
            {"code": "520102001001", "name": "南明区一社区", "level": "community"},
        ],
        "lon": 106.605, "lat": 26.62, "distance_m": 700,
    }  # fmt: skip
    assert await found(service, "team_a", case) == [], "volunteers are not asked"
    assert (await service.get(f"/api/v1/cases/{case['id']}", "elder_6")).status == 404
    assert (await service.get("/api/v1/needs", "operator")).status == 403
    assert (await service.get("/api/v1/needs")).status == 401


async def test_claim_when_made_over_http_then_the_case_is_seen_without_who_reported_it(service: Running) -> None:
    case = await case_with_need(service)
    path = f"/api/v1/needs/{case['id']}.n1/claim"
    claimed = await service.post(path, {}, "elder_1", key="claim-1")
    assert claimed.status == 200 and claimed.json["organizations"][-1]["code"] == "ELD-1"
    assert claimed.json["caller"] is None
    assert not any(secret in claimed.body.decode() for secret in ("13812341234", "张三丰"))
    assert (await service.post(path, {}, "elder_1", key="claim-1")).json["rev"] == claimed.json["rev"]
    late = await service.post(path, {}, "elder_2", headers={"Accept-Language": "zh-CN"})
    assert (late.status, late.code, late.json["reason"], late.json["title"]) == (409, "not_allowed", "need_filled", "名额已满")
    own = f"/api/v1/cases/{case['id']}/needs/n1/actions"
    closed = await service.post(f"{own}/close_need", {"rev": claimed.json["rev"], "reason": "家属已到"}, "clerk_town")
    assert closed.status == 200 and closed.json["needs"][0]["state"] == "closed"
    over = await service.post(path, {}, "elder_3")
    assert (over.status, over.json["reason"]) == (409, "need_closed")


async def test_claim_when_it_cannot_be_then_a_problem_names_what_stands_against_it(service: Running) -> None:
    case = await case_with_need(service)
    path = f"/api/v1/needs/{case['id']}.n1/claim"
    for user, body, status, wrong in (
        ("team_a", {}, 422, ("organization", "wrong_kind")),
        ("org_coordinator", {}, 422, ("organization", "required")),
        ("org_coordinator", {"organization": "ORG-2"}, 422, ("organization", "wrong_kind")),
        ("elder_1", {"organization": "ELD-2"}, 422, ("organization", "not_yours")),
        ("elder_1", {"phone": "1"}, 422, ("phone", "unknown")),
    ):
        refused = await service.post(path, body, user)
        assert refused.status == status, (user, refused.body)
        first = refused.json["errors"][0]
        assert (first["field"], first["code"]) == wrong, refused.body
    for unknown in (f"{case['id']}.n9", f"{case['id']}", "0" * 32 + ".n1", "x"):
        assert (await service.post(f"/api/v1/needs/{unknown}/claim", {}, "elder_1")).status == 404
    assert (await service.post(path, {}, "clerk_town")).status == 403
    assert [need["left"] for need in await found(service, "elder_6", case)] == [1]


async def test_claims_when_five_organizations_race_over_http_then_two_have_the_two_places(service: Running) -> None:
    case = await case_with_need(service, places=2)
    path = f"/api/v1/needs/{case['id']}.n1/claim"
    answers = await asyncio.gather(*(service.post(path, {}, f"elder_{n}") for n in range(1, 6)))
    assert sorted(answer.status for answer in answers) == [200, 200, 409, 409, 409]
    assert {answer.json["reason"] for answer in answers if answer.status == 409} == {"need_filled"}
    seen = (await service.get(f"/api/v1/cases/{case['id']}", "clerk_town")).json
    assert (seen["needs"][0]["state"], seen["needs"][0]["taken"]) == ("filled", 2)


async def test_stream_when_a_need_is_open_then_tells_organizations_nothing_of_the_case(service: Running) -> None:
    case = await case_with_need(service)
    board = service.services.cases.board
    live = board.get(case["id"])
    assert live is not None and live.orgs == (), "what streams and counts go by knows no organization"
    claimed = await service.post(f"/api/v1/needs/{case['id']}.n1/claim", {}, "elder_5")
    after = board.get(case["id"])
    assert claimed.status == 200 and after is not None and after.orgs == ("ELD-5",)


async def test_number_when_the_reporter_agreed_then_shown_to_who_helps_and_logged(service: Running) -> None:
    case = await case_with_need(service)
    await service.post(f"/api/v1/needs/{case['id']}.n1/claim", {}, "elder_4")
    path = f"/api/v1/cases/{case['id']}"
    assert (await service.post(f"{path}/reveal", {"reason": "约定时间"}, "elder_4")).status == 403
    shared = await service.post(f"{path}/actions/share_contact", {"consent": "oral"}, "operator")
    assert shared.json["contact_shared"]["consent"] == "oral"
    told = await service.post(f"{path}/reveal", {"reason": "约定时间"}, "elder_4")
    assert (told.status, told.json["phone"]) == (200, "13812341234")
    timeline = (await service.get(f"{path}/timeline", "supervisor")).json["items"]
    assert [entry["actor"]["organization"] for entry in timeline if entry["action"] == "reveal"] == ["ELD-4"]
    await service.post(f"{path}/actions/unshare_contact", {}, "operator")
    assert (await service.post(f"{path}/reveal", {"reason": "约定时间"}, "elder_4")).status == 403
