"""A dangling cable that nobody owns: two units give it back, the supervisor gets them to one table, and then it stays."""

from __future__ import annotations

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:05 file operator filed",
    "11-23 10:20 dispatch dispatcher dispatched",
    "11-23 11:00 request_return unit_clerk dispatched",
    "11-23 11:20 decide dispatcher filed",
    "11-23 11:30 dispatch dispatcher dispatched",
    "11-23 13:00 light sign_in yellow",
    "11-23 13:20 sign_in unit_clerk handling",
    "11-23 14:00 request_return unit_clerk handling",
    "11-23 15:00 decide dispatcher filed",
    "11-23 15:00 coordinate system coordinating",
    "11-25 10:00 decide_coordination supervisor dispatched",
    "11-25 11:00 sign_in unit_clerk handling",
    "11-25 11:00 task_sign unit_clerk handling",
    "11-25 11:00 contact unit_clerk handling",
    "11-25 15:00 task_submit unit_clerk handling",
    "11-25 15:00 task_accept unit_clerk handling",
    "11-26 10:00 submit_result unit_clerk handled",
    "11-26 10:00 to_visit dispatcher visiting",
    "11-26 10:00 ask_reporter system visiting",
    "11-26 14:00 visit_ok operator closed",
    "11-26 14:00 ask_rating system closed",
]
MINUTES = "经现场会商：线缆权属不明，由南明城管牵头拆除，道路养护中心配合围挡，费用另行认定。"


async def test_cable_when_two_units_give_it_back_then_coordinated_and_kept_by_whom_the_supervisor_names(story: Story) -> None:
    await story.report(
        "operator",
        event(
            category="0205", description="路口有线缆垂落，离地不到两米，不知道是谁家的", appeal_type="help", channel="phone",
            caller=caller("吴晓敏", "13765432109"), file=False,
        ),
        door="tickets",
    )  # fmt: skip
    await story.later(minutes=5)
    case = await story.does("operator", "file")
    assert (case["state"], case["lead"], case["match"]["decided"]) == ("filed", None, "manual")
    assert await story.clocks() == {"dispatch": "2026-11-23 10:35"} and await story.heard("dispatcher") == []
    await story.until("2026-11-23 10:20")
    await story.does("dispatcher", "dispatch", unit="520102-urban")
    assert (await story.clocks())["case"] == "2026-11-25 17:00"

    await story.until("2026-11-23 11:00")
    await story.does("clerk_urban", "request_return", reason="not_duty", basis="通信线缆不属城管职责", unit="520102-water")
    await story.until("2026-11-23 11:20")
    await story.decides("dispatcher", "return", approve=True, opinion="同意退单", dispatch_wrong=False)
    assert story.case["requests"][0]["counts_as"] is None
    await story.until("2026-11-23 11:30")
    await story.does("dispatcher", "dispatch", unit="520102-water")
    assert (await story.clocks())["case"] == "2026-11-26 10:00"  # one hour later
    await story.until("2026-11-23 13:20")
    await story.does("clerk_a", "sign_in")
    await story.until("2026-11-23 14:00")
    await story.does("clerk_a", "request_return", reason="not_duty", basis="现场无供水设施", unit="520102-road")
    await story.until("2026-11-23 15:00")
    case = await story.decides("dispatcher", "return", approve=True, opinion="同意退单", dispatch_wrong=False)
    assert case["state"] == "coordinating"
    assert (await story.entry("coordinate"))["data"]["trigger"] == "returns"
    # half past one on Thursday was due by then: 19 h 30 min of working time are left, and stand still
    paused = next(clock for clock in (await story.seen_by("supervisor"))["clocks"] if clock["kind"] == "case")
    assert (paused["left_seconds"], paused["paused_at"]) == (19.5 * 3600, "2026-11-23T07:00:00.000Z")
    assert await story.clocks() == {"decide_coordination": "2026-11-26 17:00"}
    assert await story.heard("supervisor") == ["coordinate"]
    assert await story.is_hidden_from("clerk_urban") and await story.is_hidden_from("clerk_a")
    await story.refused("dispatcher", "dispatch", 409, unit="520102-road")
    await story.refused("dispatcher", "decide_coordination", 403, minutes=MINUTES, unit="520102-urban")

    await story.until("2026-11-25 10:00")
    case = await story.does("supervisor", "decide_coordination", minutes=MINUTES, unit="520102-urban", assists=["520102-road"])
    assert case["state"] == "dispatched" and await story.heard("clerk_road") == ["decide_coordination"]
    assert await story.clocks() == {"case": "2026-11-27 16:30", "sign_in": "2026-11-25 12:00"}
    assert await story.tasks() == [
        "lead 520102-urban returned", "lead 520102-water returned", "lead 520102-urban pending", "assist 520102-road pending",
    ]  # fmt: skip
    await story.refused(
        "clerk_urban", "request_return", 409, reason="not_duty", basis="通信线缆不属城管职责", unit="520102-water"
    )
    await story.until("2026-11-25 11:00")
    await story.does("clerk_urban", "sign_in")
    await story.works("clerk_road", "assist", "task_sign")
    await story.refused(
        "clerk_urban", "request_return", 409, reason="not_duty", basis="通信线缆不属城管职责", unit="520102-water"
    )
    await story.does("clerk_urban", "contact")
    await story.until("2026-11-25 15:00")
    await story.works("clerk_road", "assist", "task_submit", note="已完成围挡并封闭半幅车道")
    await story.works("clerk_urban", "assist", "task_accept")
    await story.until("2026-11-26 10:00")
    assert await story.light() == "green"
    await story.does(
        "clerk_urban", "submit_result", handling="已会同道路养护中心拆除垂落线缆，清理现场，恢复通行。",
        public_reply="您反映的路口垂落线缆已经拆除，道路恢复通行。",
    )  # fmt: skip
    assert (await story.tasks())[-2:] == ["lead 520102-urban submitted", "assist 520102-road accepted"]
    await story.does("dispatcher", "to_visit")
    await story.until("2026-11-26 14:00")
    case = await story.does("operator", "visit_ok", satisfaction="satisfied")
    assert (case["state"], case["outcome"]) == ("closed", "resolved")
    await story.tells(TIMELINE)
