"""A burst pipe that fifty people report: one matter, one repair, one closure, and every one of them is told."""

from __future__ import annotations

from typing import Any

from dispatch.relay import NOTICES
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
    "11-23 10:40 arrive unit_clerk handling",
    "11-23 10:40 contact unit_clerk handling",
    "11-23 16:00 submit_result unit_clerk handled",
    "11-23 16:30 to_visit dispatcher visiting",
    "11-23 16:30 ask_reporter system visiting",
    "11-24 09:00 hear_answer system visiting x45",
    "11-24 09:30 visit_ok operator closed",
    "11-24 09:30 ask_rating system closed",
    "11-24 10:00 hear_rating system closed",
]
TOLD = ("joined_contacted", "joined_result", "ask_reporter", "joined_closed")  # of what came after they had joined
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


async def _asked(story: Story, case: str, purpose: str = "visit") -> str:
    """The desk hands on the link of one of the callers; returns the address behind it."""
    answer = await story.service.post(f"/api/v1/cases/{case}/link", {"purpose": purpose}, "operator")
    assert answer.status == 200, answer.body
    return "/api/v1/public/cases/" + str(answer.json["url"]).rpartition("/")[2]


async def _says(story: Story, link: str, *, solved: bool) -> None:
    """A caller follows the link, sees what was done, and answers."""
    shown = (await story.service.get(link)).json
    assert (shown["state"], [one["name"] for one in shown["actions"]]) == ("visiting", ["visit"]), shown
    assert "水管爆裂" in shown["public_reply"] and story.case["case_no"] != shown["case_no"]
    body = {"contacted": True, "solved": solved, "satisfaction": "satisfied" if solved else "dissatisfied"}
    answer = await story.service.post(link + "/visit", body)
    assert answer.status == 200 and answer.json["answered_at"], answer.body


async def _rates(story: Story, case: str) -> None:
    answer = await story.service.post(await _asked(story, case, "rate") + "/rate", {"efficiency": 4, "quality": 3, "attitude": 5})
    assert answer.status == 200, answer.body


async def _heard(story: Story, cases: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Return what was told of each of these cases since they were joined: what, to whom."""
    await story.service.services.cases.relay.sweep()
    found = await story.service.services.database.find(NOTICES, {"case": {"$in": cases}, "kind": {"$in": list(TOLD)}})
    told: dict[str, list[tuple[str, str]]] = {}
    for one in sorted(found, key=lambda one: str(one["kind"])):
        told.setdefault(one["case"], []).extend((one["kind"], key) for key in one["keys"])
    return told


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

    await story.does("clerk_a", "arrive")  # urgent by now: within two hours
    await story.does("clerk_a", "contact")
    await story.until("2026-11-23 16:00")
    await story.does(
        "clerk_a", "submit_result", handling="已关阀抢修，更换爆裂管段六米，恢复供水并清理路面。",
        public_reply="您反映的水管爆裂已抢修完毕，现已恢复正常供水。",
    )  # fmt: skip
    await story.later(minutes=30)
    await story.does("dispatcher", "to_visit")
    await story.until("2026-11-24 09:00")
    callers = [one for one in joined if one != other["id"]][:-3]
    links = [await _asked(story, one) for one in callers]  # everybody is asked, each by a link of their own
    for number, link in enumerate(links):
        await _says(story, link, solved=number > 0)
    await story.until("2026-11-24 09:30")
    case = await story.seen_by("operator")
    said = {one["id"]: one["answer"] and one["answer"]["solved"] for one in case["followers"]}
    assert said == {one: one != callers[0] for one in callers} | dict.fromkeys(joined[-3:])
    case = await story.does("operator", "visit_ok", satisfaction="satisfied")
    assert (case["state"], case["outcome"]) == ("closed", "resolved")
    assert case["visit"]["joined"] == {"asked": 45, "answered": 45, "contacted": 45, "solved": 44, "satisfied": 44}
    await story.until("2026-11-24 10:00")
    await _rates(story, callers[0])

    heard = await _heard(story, joined)
    for one in callers:
        assert heard.pop(one) == [(kind, "c:" + one) for kind in sorted(TOLD)]
    for who, one in zip(WALKERS, joined[-3:], strict=True):  # they work for the city: nobody asks them how it went
        assert heard.pop(one) == [(kind, "p:" + who) for kind in sorted(TOLD) if kind != "ask_reporter"]
        assert await story.heard(who) == [], "of the main case, which is another's"
        mine = (await story.service.get("/api/v1/notices?limit=200", who)).json["items"]
        assert [note["case"] for note in mine if note["kind"] == "joined_closed"] == [one]
        seen = (await story.service.get(f"/api/v1/cases/{one}", who)).json
        assert (seen["matter"]["state"], seen["matter"]["case_no"]) == ("closed", case["case_no"])
        assert seen["matter"]["public_reply"] == "您反映的水管爆裂已抢修完毕，现已恢复正常供水。" and seen["followers"] == []
    assert heard == {}, "whoever was taken out hears nothing of the rest"
    for one in joined:
        seen = (await story.service.get(f"/api/v1/cases/{one}", "operator")).json
        assert seen["state"] == ("reported" if one == other["id"] else "merged")
    await story.tells(TIMELINE)
