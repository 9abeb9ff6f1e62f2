"""Tiles that fall off a facade: one call, one dispatch to four units, one of them in its turn, one closure."""

from __future__ import annotations

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:00 file system filed",
    "11-23 10:05 dispatch_joint dispatcher dispatched",
    "11-23 10:30 sign_in unit_clerk handling",
    "11-23 10:30 contact unit_clerk handling",
    "11-23 10:30 task_sign unit_clerk handling",
    "11-23 11:30 task_submit unit_clerk handling",
    "11-24 14:00 task_waive unit_clerk handling",
    "11-24 14:00 begin_parts system handling",
    "11-24 15:00 task_sign unit_clerk handling",
    "11-25 11:00 task_submit unit_clerk handling",
    "11-25 11:00 task_accept unit_clerk handling",
    "11-27 11:00 submit_result unit_clerk handled",
    "11-27 11:30 to_visit dispatcher visiting",
    "11-27 11:30 ask_reporter system visiting",
    "11-28 10:00 visit_ok operator closed",
    "11-28 10:00 ask_rating system closed",
]
WAIVED = "核查为外墙瓷砖脱落，不涉及给排水管"


async def test_tiles_when_they_fall_then_four_units_act_in_order_and_one_of_them_closes(story: Story) -> None:
    await story.report(
        "operator",
        event(
            category="0601", description="楼体外墙瓷砖掉下来，砸到人行道上，还有一大片松动", appeal_type="help", channel="phone",
            caller=caller("陶玉珍", "13608507788"), file=True,
        ),
        door="tickets",
    )  # fmt: skip
    assert (story.case["state"], story.case["match"]["doubt"]) == ("filed", ["joint_template"])
    await story.later(minutes=5)
    offered = next(one for one in (await story.seen_by("dispatcher"))["actions"] if one["name"] == "dispatch_joint")
    steps = offered["fields"][0]["templates"]["FALL"]["steps"]
    assert [(one["step"], one["kind"], one["unit"]["name"]) for one in steps] == [
        (1, "lead", "南明区综合行政执法局"), (1, "joint", "南明区一街道办事处"), (1, "assist", "南明区水务管理局"),
        (2, "joint", "南明区道路养护中心"),
    ]  # fmt: skip
    await story.refused("operator", "dispatch_joint", 403, template="FALL")
    await story.refused("dispatcher", "dispatch_joint", 422, template="OTHER")
    case = await story.does("dispatcher", "dispatch_joint", template="FALL")
    assert (case["state"], case["lead"]["code"]) == ("dispatched", "520102-urban")
    assert await story.clocks() == {"case": "2026-11-30 17:00", "sign_in": "2026-11-23 12:05"}
    assert await story.tasks() == [
        "lead 520102-urban pending", "joint 520102001-town pending", "assist 520102-water pending", "joint 520102-road waiting",
    ]  # fmt: skip
    for who in ("clerk_urban", "clerk_town", "clerk_a"):
        assert await story.heard(who) == ["dispatch_joint"], who
    assert await story.is_hidden_from("clerk_road") and await story.heard("clerk_road") == []
    await story.refused_task("dispatcher", "joint", "task_sign", 403)
    waiting = next(one for one in (await story.seen_by("clerk_urban"))["tasks"] if one["state"] == "waiting")
    assert [unit["name"] for unit in waiting["waits_for"]] == ["南明区一街道办事处", "南明区水务管理局"]
    assert (waiting["due_at"], waiting["dispatched_at"], waiting["note"]) == (None, None, "清理路面碎砖，恢复通行")

    await story.until("2026-11-23 10:30")
    await story.does("clerk_urban", "sign_in")
    await story.does("clerk_urban", "contact")
    await story.works("clerk_town", "joint", "task_sign")
    await story.until("2026-11-23 11:30")
    await story.works("clerk_town", "joint", "task_submit", note="已拉警戒线，楼下人员疏散完毕")
    assert await story.is_hidden_from("clerk_road")
    refused = await story.refused(
        "clerk_urban", "submit_result", 422, result="resolved", handling="外墙空鼓瓷砖已全部铲除重贴，经验收牢固无松动。",
        public_reply="您反映的外墙瓷砖脱落已处理，感谢您的监督。",
    )  # fmt: skip
    assert [one["field"] for one in refused["errors"]] == ["waive_reason"]

    await story.until("2026-11-24 14:00")
    await story.works("clerk_urban", "assist", "task_waive", reason=WAIVED)
    assert await story.heard("clerk_a") == ["dispatch_joint", "task_waive"]
    assert await story.heard("clerk_road") == ["begin_parts"]
    assert (await story.entry("begin_parts"))["data"] == {"step": 2, "tasks": ["t4"], "units": ["520102-road"]}
    road = (await story.seen_by("clerk_road"))["tasks"][-1]
    assert (road["state"], road["due_at"], road["coordinator"]) == ("pending", "2026-11-25T09:00:00.000Z", "520102001-town")
    await story.later(hours=1)
    await story.works("clerk_road", "joint", "task_sign")
    await story.until("2026-11-25 11:00")
    await story.works("clerk_road", "joint", "task_submit", note="碎砖清运完毕，人行道恢复通行")
    assert "task_submit" in await story.heard("clerk_town"), "the township coordinates"
    await story.works("clerk_town", "joint", "task_accept")
    await story.until("2026-11-27 11:00")
    await story.does(
        "clerk_urban", "submit_result", handling="外墙空鼓瓷砖已全部铲除重贴，经验收牢固无松动。",
        public_reply="您反映的外墙瓷砖脱落已修缮完成，人行道已恢复通行。",
    )  # fmt: skip
    assert await story.tasks() == [
        "lead 520102-urban submitted", "joint 520102001-town accepted", "assist 520102-water waived",
        "joint 520102-road accepted",
    ]  # fmt: skip
    await story.later(minutes=30)
    await story.does("dispatcher", "to_visit")
    await story.until("2026-11-28 10:00")
    case = await story.does("operator", "visit_ok", satisfaction="satisfied")
    assert (case["state"], case["outcome"]) == ("closed", "resolved")
    await story.tells(TIMELINE)
