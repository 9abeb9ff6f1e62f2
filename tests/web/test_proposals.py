"""Rules that returned cases propose: listed for those who decide, taken or left by others than who asked, never by themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from dispatch.proposals import MARK
from dispatch.store import CASES
from orgs.rulebook import LEARNED
from orgs.store import RULE_CHANGES, RULES
from tests.service import Running

PROPOSALS = "/api/v1/rule-proposals"


async def act(service: Running, user: str, case: dict[str, Any], path: str, **fields: Any) -> dict[str, Any]:
    answer = await service.post(f"/api/v1/cases/{case['id']}/{path}", {"rev": case["rev"], **fields}, user)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def returned(service: Running, lon: float = 106.605) -> dict[str, Any]:
    """Return a case that its unit has given back, naming another one, as the dispatcher has approved."""
    case = await service.report(location={"lon": lon, "lat": 26.62, "crs": "WGS-84", "accuracy_m": 5})
    asked = {"reason": "not_duty", "basis": "人行道归道路养护中心管护", "unit": "520102-road"}
    case = await act(service, "clerk_a", case, "actions/request_return", **asked)
    request = case["requests"][-1]["id"]
    case = (await service.get(f"/api/v1/cases/{case['id']}", "dispatcher")).json
    return await act(service, "dispatcher", case, f"requests/{request}/actions/decide", approve=True, opinion="确属他家")


async def listed(service: Running, case: dict[str, Any], user: str = "supervisor") -> dict[str, Any] | None:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await service.get(f"{PROPOSALS}?limit=2{cursor}", user)).json
        items += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len({one["id"] for one in items}) == len(items)
    return next((one for one in items if one["case"] == case["id"]), None)


async def stored_rules(service: Running, case: dict[str, Any]) -> list[dict[str, Any]]:
    return await service.services.database.find(RULES, {"_id": f"{LEARNED}{case['case_no']}-q1"})


async def test_proposal_when_taken_becomes_a_rule_by_which_all_match(service: Running) -> None:
    case = await returned(service, lon=106.635)  # in a grid of its own: the rule stays in the snapshot
    shown = await listed(service, case)
    assert shown is not None and await stored_rules(service, case) == [], "never by itself"
    assert (shown["from_unit"]["code"], shown["to_unit"]["code"]) == ("520102-water", "520102-road")
    assert shown["present"]["unit"]["code"] == "520102-water" and shown["present"]["rule"]
    assert (shown["may_decide"], shown["taken"], shown["area"]) == (True, False, shown["areas"][-1]["code"])
    area = shown["areas"][-1]["code"]
    done = await service.post(
        f"{PROPOSALS}/{shown['id']}/accept", {"opinion": "核实无误", "area": area}, "supervisor", key="take1"
    )
    assert done.status == 200 and done.json["accepted"]
    (rule,) = await stored_rules(service, case)
    assert (rule["lead"], rule["area"], rule["category"]) == ("520102-road", area, "0201")
    (change,) = await service.services.database.find(RULE_CHANGES, {"rule": rule["_id"]})
    assert (change["by"], change["before"]) == ("supervisor", None)
    made = (await service.get(f"/api/v1/rules/versions/{change['version']}", "dispatcher")).json
    assert (made["version"]["source"], made["changes"][0]["after"]["lead"]) == ("proposal", "520102-road"), "one history"
    assert await listed(service, case) is None
    entry = (await service.get(f"/api/v1/cases/{case['id']}/timeline", "dispatcher")).json["items"][-1]
    assert (entry["action"], entry["actor"]["role"], entry["note"]) == ("accept_rule", "supervisor", "核实无误")
    for _ in range(100):
        rules = (await service.get("/api/v1/rules?unit=520102-road&limit=500", "dispatcher")).json["items"]
        if rule["_id"] in {one["id"] for one in rules}:
            break
        await asyncio.sleep(0.05)
    assert rule["_id"] in {one["id"] for one in rules}, "the snapshot was swapped"
    same = await service.post(
        f"{PROPOSALS}/{shown['id']}/accept", {"opinion": "核实无误", "area": area}, "supervisor", key="take1"
    )
    assert same.status == 200 and len(await service.services.database.find(RULE_CHANGES, {"rule": rule["_id"]})) == 1
    assert (await service.post(f"{PROPOSALS}/{shown['id']}/dismiss", {"opinion": "不对"}, "dispatcher")).status == 409
    await service.services.database.delete_one(RULES, {"_id": rule["_id"]})


async def test_proposal_when_left_changes_no_rule(service: Running) -> None:
    case = await returned(service)
    shown = await listed(service, case, "dispatcher")
    assert shown is not None
    path = f"{PROPOSALS}/{shown['id']}"
    assert (await service.post(f"{path}/dismiss", {}, "dispatcher")).status == 422, "why is needed"
    assert (await service.post(f"{path}/accept", {"opinion": "同意", "area": "520103"}, "dispatcher")).status == 422
    assert (await service.post(f"{path}/dismiss", {"opinion": "现行分工不变"}, "dispatcher")).status == 200
    assert await listed(service, case) is None and await stored_rules(service, case) == []
    assert (await service.post(f"{path}/accept", {"opinion": "同意"}, "supervisor")).status == 409
    assert await stored_rules(service, case) == []
    marked = await service.services.database.find_one(CASES, {"_id": case["id"]}, projection={MARK: 1})
    assert marked is not None and marked[MARK] is None


async def test_proposal_when_not_for_this_person_is_forbidden(service: Running) -> None:
    case = await returned(service)
    shown = await listed(service, case)
    assert shown is not None
    for user in ("clerk_a", "grid_worker", "sys_admin"):
        assert (await service.get(PROPOSALS, user)).status == 403
        assert (await service.post(f"{PROPOSALS}/{shown['id']}/accept", {"opinion": "同意"}, user)).status == 403
    await service.services.database.update_one(CASES, {"_id": case["id"]}, {"$set": {"requests.0.by": "supervisor"}})
    again = await listed(service, case)
    assert again is not None and not again["may_decide"]
    assert (await service.post(f"{PROPOSALS}/{shown['id']}/accept", {"opinion": "同意"}, "supervisor")).status == 403
    assert (await service.post(f"{PROPOSALS}/nothing-q1/accept", {"opinion": "同意"}, "supervisor")).status == 404
    direct = await service.post(f"/api/v1/cases/{case['id']}/requests/q1/actions/accept_rule", {"opinion": "同意"}, "dispatcher")
    assert direct.status == 403, "one door"
    assert await stored_rules(service, case) == []


async def test_proposal_when_the_rule_could_not_be_written_stays_until_it_is(service: Running) -> None:
    case = await returned(service, lon=106.625)
    shown = await listed(service, case)
    assert shown is not None
    await service.post(f"{PROPOSALS}/{shown['id']}/accept", {"opinion": "同意"}, "supervisor")
    database = service.services.database
    (rule,) = await stored_rules(service, case)
    await database.delete_one(RULES, {"_id": rule["_id"]})  # as if the process had died between the two
    await database.update_one(CASES, {"_id": case["id"]}, {"$set": {MARK: datetime.now(UTC)}})
    again = await listed(service, case)
    assert again is not None and again["taken"]
    assert (await service.post(f"{PROPOSALS}/{shown['id']}/accept", {"opinion": "再写"}, "dispatcher")).status == 200
    assert len(await stored_rules(service, case)) == 1 and await listed(service, case) is None
    await database.delete_one(RULES, {"_id": rule["_id"]})
