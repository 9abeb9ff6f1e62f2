"""Noise of works at night: a complaint that is redone twice, solved, rated badly, put right and rated anew."""

from __future__ import annotations

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:00 file system filed",
    "11-23 10:00 auto_dispatch system dispatched",
    "11-23 11:00 sign_in unit_clerk handling",
    "11-24 10:00 contact unit_clerk handling",
    "11-24 10:00 sign_off unit_leader handling",
    "11-24 10:00 submit_result unit_clerk handled",
    "11-24 10:30 to_visit dispatcher visiting",
    "11-24 10:30 ask_reporter system visiting",
    "11-24 11:00 visit_redo operator handling",
    "11-26 10:00 sign_off unit_leader handling",
    "11-26 10:00 submit_result unit_clerk handled",
    "11-26 10:30 to_visit dispatcher visiting",
    "11-26 10:30 ask_reporter system visiting",
    "11-26 11:00 visit_redo operator handling",
    "12-01 10:00 sign_off unit_leader handling",
    "12-01 10:00 submit_result unit_clerk handled",
    "12-01 10:30 to_visit dispatcher visiting",
    "12-01 10:30 ask_reporter system visiting",
    "12-01 11:00 visit_ok operator closed",
    "12-01 11:00 ask_rating system closed",
    "12-02 09:30 rate operator closed",
    "12-02 15:00 rectify_contact unit_clerk closed",
    "12-04 10:00 rectify_submit unit_clerk closed",
    "12-04 14:00 rectify_close supervisor closed",
    "12-07 10:00 rectify_submit unit_clerk closed",
    "12-07 14:00 rectify_close supervisor closed",
    "12-08 10:00 rate operator closed",
]


async def _answers(story: Story, handling: str) -> None:
    """The unit speaks with the caller, its leader signs, the result goes to the visit."""
    await story.refused("clerk_urban", "submit_result", 409)
    await story.does("leader_urban", "sign_off", note="同意上报")
    await story.does("clerk_urban", "submit_result", handling=handling, public_reply="您反映的施工噪声已处理，" + handling)
    await story.later(minutes=30)
    await story.does("dispatcher", "to_visit")
    await story.later(minutes=30)


async def test_noise_when_redone_twice_then_solved_rated_badly_rectified_and_rated_again(story: Story) -> None:
    await story.report(
        "operator",
        event(
            category="0401", description="工地每晚施工到凌晨两点，孩子没法睡觉", appeal_type="complaint", channel="phone",
            caller=caller("郑佳慧", "13511112222"), file=True,
        ),
        door="tickets",
    )  # fmt: skip
    assert (story.case["state"], story.case["lead"]["code"]) == ("dispatched", "520102-urban")
    assert await story.clocks() == {"case": "2026-12-07 17:00", "sign_in": "2026-11-23 12:00"}  # ten working days
    await story.until("2026-11-23 11:00")
    await story.does("clerk_urban", "sign_in")
    await story.until("2026-11-24 10:00")
    await story.does("clerk_urban", "contact")
    await _answers(story, "已到工地口头告知负责人，夜间十点以后不得施工。")
    await story.refused("operator", "visit_ok", 422, contacted=True, solved=False, satisfaction="dissatisfied")
    await story.does("operator", "visit_redo", reason="not_solved", note="当晚仍在施工，未见整改")
    assert await story.clocks() == {"case": "2026-12-01 17:00"}  # five working days, for the unit too
    assert (story.case["tasks"][0]["limit"], story.case["tasks"][0]["due_at"]) == ("5wd", "2026-12-01T09:00:00.000Z")
    assert story.case["state"] == "handling" and (await story.heard("clerk_urban"))[-1] == "visit_redo"

    await story.until("2026-11-26 10:00")
    await _answers(story, "已向工地下达责令改正通知书，限期两日内完成整改。")
    await story.does("operator", "visit_redo", reason="not_solved", note="收到通知书后仍有两晚施工")
    assert story.case["state"] == "handling"  # a third time would be the supervisor's matter
    assert await story.clocks() == {"case": "2026-12-03 17:00"}
    await story.until("2026-12-01 10:00")
    await _answers(story, "已立案处罚，工地加装噪声在线监测，夜间停止施工。")
    await story.refused("leader_urban", "visit_ok", 403, contacted=True, solved=True, satisfaction="satisfied")
    case = await story.does("operator", "visit_ok", satisfaction="basically_satisfied")
    assert (case["state"], case["visit"]["satisfaction"]) == ("closed", "basically_satisfied")

    await story.until("2026-12-02 09:30")
    case = await story.does("operator", "rate", efficiency=1, quality=3, attitude=2, text="拖了三次才解决")
    record = case["rectification"]
    assert (record["contact_due_at"], record["due_at"]) == ("2026-12-03T09:00:00.000Z", "2026-12-09T09:00:00.000Z")
    for who in ("clerk_urban", "leader_urban", "supervisor"):
        assert (await story.heard(who))[-1] == "rate", who
    await story.refused("clerk_urban", "rectify_submit", 409, result="rectified", text="已向群众当面致歉并说明情况")
    await story.refused("clerk_road", "rectify_contact", 404)
    await story.until("2026-12-02 15:00")
    await story.does("clerk_urban", "rectify_contact", way="visit")
    await story.until("2026-12-04 10:00")
    await story.does("clerk_urban", "rectify_submit", result="mistaken", text="群众表示评价时点错了选项")
    await story.refused("clerk_urban", "rectify_close", 403, approve=True, opinion="同意")
    await story.until("2026-12-04 14:00")
    case = await story.does("supervisor", "rectify_close", approve=False, opinion="与评价内容不符，请据实整改")
    assert (case["rectification"]["state"], case["rectification"]["due_at"]) == ("contacted", "2026-12-09T09:00:00.000Z")
    await story.until("2026-12-07 10:00")
    await story.does("clerk_urban", "rectify_submit", result="rectified", text="上门致歉，建立夜间施工提前告知制度")
    await story.until("2026-12-07 14:00")
    case = await story.does("supervisor", "rectify_close", approve=True, opinion="整改属实，请群众再次评价")
    await story.until("2026-12-08 10:00")
    case = await story.does("operator", "rate", efficiency=3, quality=5, attitude=5)
    assert (case["rating"]["again"], case["rating"]["quality"]) == (True, 5)
    await story.refused("operator", "rate", 409, efficiency=5, quality=5, attitude=5)
    assert await story.heard("operator") == ["to_visit", "to_visit", "to_visit", "rectify_close"]
    await story.tells(TIMELINE)
