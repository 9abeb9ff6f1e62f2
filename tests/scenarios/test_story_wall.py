"""A retaining wall that cannot be mended before the frost is over: suspended, reported on monthly, resumed, mended, archived."""

from __future__ import annotations

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:00 file system filed",
    "11-23 10:00 auto_dispatch system dispatched",
    "11-23 11:00 sign_in unit_clerk handling",
    "11-23 14:00 contact unit_clerk handling",
    "11-25 10:00 request_suspension unit_clerk handling",
    "11-25 11:00 sign_request unit_leader handling",
    "11-25 15:00 decide supervisor suspended",
    "12-19 15:00 light suspended_progress yellow",
    "12-21 10:00 progress unit_clerk suspended",
    "01-14 10:00 light suspended_progress yellow",
    "01-19 10:00 progress unit_clerk suspended",
    "02-08 10:00 resume unit_clerk handling",
    "02-11 15:00 submit_result unit_clerk handled",
    "02-11 16:00 to_visit dispatcher visiting",
    "02-11 16:00 ask_reporter system visiting",
    "02-12 10:00 visit_ok operator closed",
    "02-12 10:00 ask_rating system closed",
    "02-27 10:00 archive system archived",
]
PLAN = "冻土期内无法浇筑，先行支护并每月巡查，开春后恢复施工。"


async def test_wall_when_suspended_for_the_winter_then_progress_monthly_and_the_time_left_given_back(story: Story) -> None:
    await story.report(
        "operator",
        event(
            category="0204", description="小区后面挡土墙开裂外鼓，担心下雨垮下来", appeal_type="help", channel="phone",
            caller=caller("冯志远", "13608501234"), file=True,
        ),
        door="tickets",
    )  # fmt: skip
    assert (story.case["state"], story.case["lead"]["code"]) == ("dispatched", "520102-road")
    assert await story.clocks() == {"case": "2026-12-07 17:00", "sign_in": "2026-11-23 12:00"}
    await story.until("2026-11-23 11:00")
    await story.does("clerk_road", "sign_in")
    await story.until("2026-11-23 14:00")
    await story.does("clerk_road", "contact")
    await story.until("2026-11-25 10:00")
    await story.refused("clerk_urban", "request_suspension", 404)
    photo = await story.robot.photo("clerk_road")
    asked = {"reason": "season", "plan": PLAN, "photos": [photo], "told": True}
    await story.refused("clerk_road", "request_suspension", 422, **asked, planned_at="2027-06-30T09:00:00Z")
    await story.does("clerk_road", "request_suspension", **asked, planned_at="2027-02-28T01:00:00.000Z")
    assert await story.heard("leader_road") == ["auto_dispatch", "request_suspension"]
    assert "request_suspension" not in await story.heard("supervisor")
    await story.refused_request("supervisor", 409, approve=True, opinion="同意挂账")  # not before the unit's leader has signed
    await story.until("2026-11-25 11:00")
    await story.decides("leader_road", "suspension", "sign_request")
    assert await story.clocks() == {"case": "2026-12-07 17:00", "decide_suspension": "2026-11-26 17:00"}
    assert "sign_request" in await story.heard("supervisor")
    await story.refused_request("dispatcher", 403, approve=True, opinion="同意挂账")
    await story.until("2026-11-25 15:00")
    case = await story.decides("supervisor", "suspension", approve=True, opinion="同意挂账，每月报告进展")
    paused = next(clock for clock in (await story.seen_by("supervisor"))["clocks"] if clock["kind"] == "case")
    assert (paused["left_seconds"], paused["paused_at"]) == (58 * 3600, "2026-11-25T07:00:00.000Z")
    assert await story.clocks() == {"suspended_progress": "2026-12-25 15:00"}
    assert (case["state"], await story.light()) == ("suspended", "green")

    await story.until("2026-12-21 10:00")
    await story.does("clerk_road", "progress", note="支护完成，位移监测稳定", public=True)
    assert await story.clocks() == {"suspended_progress": "2027-01-20 10:00"} and await story.light() == "green"
    await story.until("2027-01-19 10:00")  # no progress for four weeks
    assert await story.light() == "yellow" and await story.heard("clerk_road") == ["auto_dispatch", "decide", "light", "light"]
    await story.does("clerk_road", "progress", note="监测无异常，材料已备齐", public=True)
    assert await story.light() == "green"
    await story.until("2027-02-08 10:00")
    await story.refused("clerk_road", "submit_result", 409)
    await story.does("clerk_road", "resume", note="气温回升，恢复施工")
    assert await story.clocks() == {"case": "2027-02-18 12:00"}  # 58 working hours on, in the unit's task too
    assert story.case["tasks"][0]["due_at"] == "2027-02-18T04:00:00.000Z"
    await story.until("2027-02-11 15:00")
    await story.does(
        "clerk_road", "submit_result", handling="挡土墙已拆除重砌，增设泄水孔，验收合格。",
        public_reply="您反映的挡土墙已重砌完成并验收合格，排水恢复正常。",
    )  # fmt: skip
    await story.later(hours=1)
    await story.does("dispatcher", "to_visit")
    await story.until("2027-02-12 10:00")
    case = await story.does("operator", "visit_ok", satisfaction="very_satisfied")
    assert case["state"] == "closed"
    await story.until("2027-02-27 09:59")
    assert (await story.seen_by("supervisor"))["state"] == "closed"
    await story.later(minutes=1)
    case = await story.seen_by("supervisor")
    assert case["state"] == "archived" and case["actions"] == []
    await story.refused("operator", "rate", 409, efficiency=5, quality=5, attitude=5)
    await story.tells(TIMELINE)
