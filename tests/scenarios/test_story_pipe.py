"""A burst pipe that fifty people report: one matter, one repair, one closure, and every one of them is told."""

from __future__ import annotations

from typing import Any

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:02 file operator filed",
    "11-23 10:02 auto_dispatch system dispatched",
    "11-23 10:10 sign_in unit_clerk handling",
    "11-23 10:10 absorb system handling",
    "11-23 10:15 absorb system handling",
    "11-23 10:30 absorb system handling x47",
    "11-23 10:40 let_go system handling",
    "11-23 10:40 contact unit_clerk handling",
    "11-23 16:00 submit_result unit_clerk handled",
    "11-23 16:30 to_visit dispatcher visiting",
    "11-24 09:30 visit_ok operator closed",
]
WALKERS = ("worker_a", "worker_b", "grid_worker")  # the last three who report it


def _call(number: int) -> dict[str, Any]:
    """What one of the callers says."""
    return event(
        category="0203", description=f"第{number}栋楼下水管爆了，水漫到路面上", appeal_type="help", channel="phone",
        caller=caller(f"住户{number}", f"139{number:08}"), file=False,
    )  # fmt: skip


async def _joins(story: Story, who: str, door: str, body: dict[str, Any]) -> str:
    """Somebody else reports it; the operator sees that it is the same and joins it. Returns the id of what was joined."""
    service = story.service
    answer = await service.post(f"/api/v1/{door}", body, who)
    assert answer.status == 201, answer.body
    case = (await service.get(f"/api/v1/cases/{answer.json['id']}", "operator")).json
    assert story.case["id"] in [one["id"] for one in case["duplicates"]]
    merge = {"rev": case["rev"], "main": story.case["id"], "reason": "同一处水管爆裂"}
    merged = await service.post(f"/api/v1/cases/{case['id']}/actions/merge", merge, "operator")
    assert merged.status == 200 and merged.json["state"] == "merged", merged.body
    return str(case["id"])


async def test_pipe_when_fifty_report_it_then_one_matter_for_all_of_them_and_one_closure(story: Story) -> None:
    await story.report("operator", _call(1), door="tickets")
    await story.later(minutes=2)
    case = await story.does("operator", "file")
    assert (case["state"], case["lead"]["code"], case["urgency"]) == ("dispatched", "520102-water", "priority")
    assert (await story.clocks())["case"] == "2026-11-25 17:00"
    await story.later(minutes=8)
    await story.does("clerk_a", "sign_in")

    joined = [await _joins(story, "operator", "tickets", _call(2))]
    assert (await story.seen_by("supervisor"))["flags"] == [] and await story.heard("leader") == []
    await story.later(minutes=5)
    joined.append(await _joins(story, "operator", "tickets", _call(3)))
    case = await story.seen_by("supervisor")  # three households within a day
    assert (case["flags"], case["urgency"]) == (["group_attention"], "urgent")
    assert (await story.clocks())["case"] == "2026-11-24 10:02"  # a day, from the first start
    assert await story.heard("leader") == ["absorb"] and await story.heard("supervisor") == ["absorb"]
    await story.later(minutes=15)
    joined += [await _joins(story, "operator", "tickets", _call(number)) for number in range(4, 48)]
    joined += [await _joins(story, who, "events", event(category="0203", description="路面大量涌水")) for who in WALKERS]
    case = await story.seen_by("dispatcher")
    assert len(case["followers"]) == 49 and case["urgency"] == "urgent" and await story.heard("leader") == ["absorb"]

    await story.later(minutes=10)  # the seventh caller means another pipe
    other = (await story.service.get(f"/api/v1/cases/{joined[5]}", "dispatcher")).json
    body = {"rev": other["rev"], "reason": "经核实为楼内分户管漏水"}
    path = f"/api/v1/cases/{other['id']}/actions/unmerge"
    assert (await story.service.post(path, body, "operator")).status == 403
    taken_out = await story.service.post(path, body, "dispatcher")
    assert (taken_out.json["state"], taken_out.json["merged_into"]) == ("reported", None)
    case = await story.seen_by("dispatcher")
    assert len(case["followers"]) == 48 and other["id"] not in [one["id"] for one in case["followers"]]
    assert case["urgency"] == "urgent"

    await story.does("clerk_a", "contact")
    await story.until("2026-11-23 16:00")
    await story.does(
        "clerk_a", "submit_result", handling="已关阀抢修，更换爆裂管段六米，恢复供水并清理路面。",
        public_reply="您反映的水管爆裂已抢修完毕，现已恢复正常供水。",
    )  # fmt: skip
    await story.later(minutes=30)
    await story.does("dispatcher", "to_visit")
    await story.until("2026-11-24 09:30")
    case = await story.does("operator", "visit_ok", satisfaction="satisfied")
    assert (case["state"], case["outcome"]) == ("closed", "resolved")
    for who in WALKERS:
        assert await story.heard(who) == ["visit_ok"], who
    for one in joined:
        seen = (await story.service.get(f"/api/v1/cases/{one}", "operator")).json
        assert seen["state"] == ("reported" if one == other["id"] else "merged")
    await story.tells(TIMELINE)
