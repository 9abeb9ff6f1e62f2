"""Cases over HTTP: reading by scope, lists, actions, what conflicts."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from tests.service import Running, event
from tests.small_city import OTHER_DISTRICT


async def test_case_when_outside_the_scope_then_404_everywhere(service: Running) -> None:
    lon, lat = OTHER_DISTRICT
    case = await service.report(location={"lon": lon, "lat": lat, "crs": "WGS-84"})
    base = f"/api/v1/cases/{case['id']}"
    for path in (base, f"{base}/timeline", f"{base}/due"):
        assert (await service.get(path, "clerk_a")).status == 404
        assert (await service.get(path, "clerk_b")).status == 200
    assert (await service.post(f"{base}/actions/sign_in", {"rev": case["rev"]}, "clerk_a")).status == 404
    listed = (await service.get("/api/v1/cases?limit=200", "clerk_a")).json["items"]
    assert case["id"] not in [one["id"] for one in listed]
    box = "106.6,26.6,106.7,26.7"
    points = (await service.get(f"/api/v1/cases/map?bbox={box}&zoom=18", "clerk_a")).json["items"]
    assert case["id"] not in [one["id"] for one in points]
    theirs = (await service.get(f"/api/v1/cases/map?bbox={box}&zoom=18", "clerk_b")).json["items"]
    assert case["id"] in [one["id"] for one in theirs]


async def test_case_when_read_then_etag_is_the_rev(service: Running) -> None:
    case = await service.report()
    answer = await service.get(f"/api/v1/cases/{case['id']}", "dispatcher")
    assert answer.headers["Etag"] == f'"{case["rev"]}"'


async def test_action_when_rev_is_stale_then_412_with_the_present_one(service: Running) -> None:
    case = await service.report()
    path = f"/api/v1/cases/{case['id']}/actions/sign_in"
    assert (await service.post(path, {"rev": case["rev"]}, "clerk_a")).status == 200
    stale = await service.post(path, {"rev": case["rev"]}, "clerk_a")
    assert (stale.status, stale.code) in {(412, "stale_rev"), (409, "not_allowed")}
    if stale.status == 412:
        assert stale.json["rev"] > case["rev"] and stale.json["state"] == "handling"


async def test_action_when_not_possible_now_then_409_with_what_is(service: Running) -> None:
    case = await service.report()
    answer = await service.post(f"/api/v1/cases/{case['id']}/actions/close", {"rev": case["rev"]}, "dispatcher")
    assert (answer.status, answer.code) == (409, "not_allowed") and isinstance(answer.json["allowed"], list)


async def test_action_when_fields_are_missing_then_422_names_them(service: Running) -> None:
    case = await service.report()
    signed = await service.post(f"/api/v1/cases/{case['id']}/actions/sign_in", {"rev": case["rev"]}, "clerk_a")
    answer = await service.post(f"/api/v1/cases/{case['id']}/actions/progress", {}, "clerk_a")
    assert signed.status == 200 and answer.status == 422 and answer.json["errors"][0]["field"] == "note"


@pytest.mark.parametrize("body", [{"rev": "1"}, {"rev": True}, {"rev": 1.5}, {"$set": 1}, {"a.b": 1}, {"note": {"$gt": ""}}])
async def test_action_when_body_is_strange_then_422(service: Running, body: dict) -> None:
    case = await service.report()
    answer = await service.post(f"/api/v1/cases/{case['id']}/actions/sign_in", body, "clerk_a")
    assert (answer.status, answer.code) == (422, "invalid")


async def test_action_when_sent_again_with_its_key_then_done_once(service: Running) -> None:
    case = await service.report()
    path = f"/api/v1/cases/{case['id']}/actions/sign_in"
    first = await service.post(path, {"rev": case["rev"]}, "clerk_a", key="sign-1")
    again = await service.post(path, {"rev": case["rev"]}, "clerk_a", key="sign-1")
    assert (first.status, again.status) == (200, 200) and first.json["rev"] == again.json["rev"]


async def test_actions_when_raced_then_exactly_one_wins(service: Running) -> None:
    case = await service.report()
    path = f"/api/v1/cases/{case['id']}/actions/sign_in"
    answers = await asyncio.gather(*(service.post(path, {"rev": case["rev"]}, "clerk_a") for _ in range(20)))
    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.status for answer in answers} <= {200, 409, 412}


async def test_list_when_paged_then_every_case_once(service: Running) -> None:
    made = {(await service.report())["id"] for _ in range(5)}
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await service.get(f"/api/v1/cases?area=520102&limit=3&cursor={cursor}", "dispatcher")).json
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert made <= set(seen) and len(seen) == len(set(seen))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "sort=nothing", "state=nothing", "cursor=%00", "nonsense=1", "due_before=yesterday"]
)
async def test_list_when_query_is_wrong_then_422(service: Running, query: str) -> None:
    answer = await service.get(f"/api/v1/cases?{query}", "dispatcher")
    assert (answer.status, answer.code) == (422, "invalid")


async def test_timeline_and_due_when_asked_then_chained_entries_and_arithmetic(service: Running) -> None:
    case = await service.report()
    items = (await service.get(f"/api/v1/cases/{case['id']}/timeline", "dispatcher")).json["items"]
    assert [entry["seq"] for entry in items] == list(range(1, len(items) + 1))
    assert all(entry["prev_hash"] == before["hash"] for before, entry in pairwise(items))
    due = (await service.get(f"/api/v1/cases/{case['id']}/due", "dispatcher")).json
    assert due["due_at"] == case["due_at"] and due["spans"] and due["started_at"].endswith("Z")


async def test_summary_when_asked_then_counts_of_the_scope(service: Running) -> None:
    await service.report()
    counts = (await service.get("/api/v1/cases/summary", "dispatcher")).json
    assert counts["states"]["dispatched"] >= 1 and counts["lights"]["green"] >= 1


async def test_summary_when_a_return_waits_then_counted_until_it_is_decided(service: Running) -> None:
    async def waiting(user: str) -> int:
        counts = (await service.get("/api/v1/cases/summary", user)).json
        assert counts["ended"] is None
        return int(counts["requests"].get("return", 0))

    before, other = await waiting("dispatcher"), await waiting("clerk_b")
    case = await service.report()
    asked = {"rev": case["rev"], "reason": "not_duty", "basis": "《市容管理办法》第九条,由属地街道负责", "unit": "520102-urban"}
    case = (await service.post(f"/api/v1/cases/{case['id']}/actions/request_return", asked, "unit_clerk")).json
    assert (await waiting("dispatcher"), await waiting("clerk_b")) == (before + 1, other)
    request = case["requests"][0]["id"]
    decided = {"rev": case["rev"], "approve": False, "opinion": "属于本单位职责,请继续办理"}
    path = f"/api/v1/cases/{case['id']}/requests/{request}/actions/decide"
    answer = await service.post(path, decided, "dispatcher")
    assert answer.status == 200, answer.body
    assert await waiting("dispatcher") == before


async def test_summary_when_ended_is_asked_for_then_counted_in_the_scope(service: Running) -> None:
    async def ended(user: str) -> int:
        return int((await service.get("/api/v1/cases/summary?ended=true", user)).json["ended"])

    before, other = await ended("clerk_a"), await ended("clerk_b")
    case = await service.report()
    fields = {"rev": case["rev"], "reason": "test", "note": "演练"}
    answer = await service.post(f"/api/v1/cases/{case['id']}/actions/cancel", fields, "dispatcher")
    assert answer.status == 200 and answer.json["state"] == "cancelled", answer.body
    assert (await ended("clerk_a"), await ended("clerk_b")) == (before + 1, other)


async def test_reveal_when_asked_with_a_reason_then_caller_and_logged(service: Running) -> None:
    caller = {"name": "李四光", "phone": "13900139000", "anonymous": False, "confidential": False}
    body = event(appeal_type="help", channel="phone", caller=caller, file=True)
    case = (await service.post("/api/v1/tickets", body, "operator")).json
    path = f"/api/v1/cases/{case['id']}/reveal"
    assert (await service.post(path, {"reason": "x"}, "operator")).status == 422
    assert (await service.post(path, {"reason": "回访需要"}, "leader")).status == 403
    answer = await service.post(path, {"reason": "回访需要"}, "operator")
    assert answer.json == {"name": "李四光", "phone": "13900139000"}
    timeline = await service.get(f"/api/v1/cases/{case['id']}/timeline", "dispatcher")
    assert "reveal" in [entry["action"] for entry in timeline.json["items"]] and "13900139000" not in timeline.body.decode()


async def test_case_when_carried_by_different_people_then_closed(service: Running) -> None:
    case = await service.report()
    for user in ("unit_clerk", "dispatcher", "unit_leader", "grid_worker", "operator", "supervisor"):
        shown = await service.get(f"/api/v1/cases/{case['id']}", user)
        assert shown.status == 200, (user, shown.body)
    signed = await service.post(f"/api/v1/cases/{case['id']}/actions/sign_in", {"rev": case["rev"]}, "unit_clerk")
    assert signed.json["state"] == "handling"
    names = [action["name"] for action in signed.json["actions"]]
    result = {
        "rev": signed.json["rev"], "result": "resolved", "handling": "已更换井盖并恢复路面,现场已清理干净,行人可正常通行。",
        "waive_reason": "协办单位无需到场",
        "public_reply": "您反映的井盖缺失问题已处理完毕,新井盖已装好,感谢您的反映。",
    }  # fmt: skip
    assert "submit_result" in names
    done = await service.post(f"/api/v1/cases/{case['id']}/actions/submit_result", result, "unit_clerk")
    assert done.status == 200 and done.json["state"] == "handled", done.body
    closed = await service.post(f"/api/v1/cases/{case['id']}/actions/close", {"rev": done.json["rev"]}, "dispatcher")
    assert closed.status == 200 and closed.json["state"] == "closed", closed.body
