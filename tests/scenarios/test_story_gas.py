"""A gas leak at midnight: all are called at once, more of them every five minutes; it is made safe, repaired and reviewed."""

from __future__ import annotations

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-24 00:10 submit operator reported",
    "11-24 00:10 file system filed",
    "11-24 00:10 auto_dispatch system dispatched",
    "11-24 00:15 alarm system dispatched",
    "11-24 00:20 alarm system dispatched",
    "11-24 00:21 light sign_in yellow",
    "11-24 00:25 light sign_in red",
    "11-24 00:25 alarm system dispatched",
    "11-24 00:25 hand_over operator dispatched",
    "11-24 00:26 sign_in unit_clerk handling",
    "11-24 00:26 arrive grid_worker handling",
    "11-24 00:30 task_sign unit_clerk handling",
    "11-24 00:30 arrive unit_clerk handling",
    "11-24 00:30 contact unit_clerk handling",
    "11-24 00:50 report_situation unit_clerk handling",
    "11-24 00:50 task_submit unit_clerk handling",
    "11-24 01:40 light case yellow",
    "11-24 01:40 urge system handling",
    "11-24 01:40 light safe yellow",
    "11-24 01:45 made_safe unit_clerk handling",
    "11-24 08:30 submit_result unit_clerk handled",
    "11-24 09:00 send_check dispatcher checking",
    "11-24 10:00 check_pass grid_worker visiting",
    "11-24 10:00 ask_reporter system visiting",
    "11-24 11:00 visit_ok operator closed",
    "11-24 11:00 ask_rating system closed",
]


async def test_gas_leak_at_midnight_when_nobody_signs_then_more_and_more_hear_of_it_until_it_is_safe(story: Story) -> None:
    story.clock.now = story.moment("2026-11-24 00:10")
    case = await story.report(
        "operator",
        event(
            category="0301", description="三单元楼道燃气味很浓，有人头晕", appeal_type="help", channel="phone",
            caller=caller("李春梅", "13985012345"), file=False,
        ),
        door="tickets",
    )  # fmt: skip
    assert (case["state"], case["urgency"], case["lead"]["code"]) == ("dispatched", "emergency", "520102-urban")
    assert case["emergency_words"] == ["燃气味"] and [unit["code"] for unit in case["assists"]] == ["520102001-town"]
    assert await story.clocks() == {
        "case": "2026-11-24 02:10", "sign_in": "2026-11-24 00:25", "arrive": "2026-11-24 00:40",
        "first_report": "2026-11-24 01:10", "safe": "2026-11-24 02:10",
    }  # fmt: skip
    assert (await story.entry("auto_dispatch"))["data"]["called"] == ["worker_a"]
    for who in ("worker_a", "clerk_urban", "clerk_town", "dispatcher", "duty_a"):
        assert await story.heard(who) == ["auto_dispatch"], who
    assert await story.heard("worker_b") == [] and await story.heard("leader_urban") == ["auto_dispatch"]

    for called in (("leader_urban",), ("leader_urban", "duty_a"), ("leader_urban", "duty_a", "dispatcher", "supervisor")):
        await story.later(minutes=5)  # nobody has signed
        for who in ("leader_urban", "duty_a", "dispatcher", "supervisor"):
            assert ("alarm" in await story.heard(who)) == (who in called), (who, called)
    assert (await story.heard("clerk_urban")).count("alarm") == 3
    assert await story.light() == "red"
    await story.refused("clerk_urban", "request_return", 409, reason="not_duty", basis="不属于本单位职责", unit="520102-water")
    await story.refused("clerk_town", "hand_over", 403, agency="119", way="three_way")
    await story.does("operator", "hand_over", agency="119", way="three_way", receipt="贵消字20261124-07")
    assert story.case["hand_overs"][0]["receipt"] == "贵消字20261124-07" and story.case["state"] == "dispatched"
    await story.later(minutes=1)
    await story.does("clerk_urban", "sign_in")
    await story.does("worker_a", "arrive")  # the nearest grid worker, called at once, is there first
    await story.refused("worker_b", "arrive", 404)
    assert await story.clocks() == {
        "case": "2026-11-24 02:10", "safe": "2026-11-24 02:10", "first_report": "2026-11-24 01:10", "contact": "2026-11-24 00:41",
    }  # fmt: skip
    await story.refused("clerk_urban", "request_return", 409, reason="not_duty", basis="不属于本单位职责", unit="520102-water")
    await story.refused("clerk_urban", "request_extension", 409, reason="人手不足", limit="1h", measures="增派人员到场处置")
    await story.refused("clerk_urban", "request_suspension", 409)
    await story.later(minutes=4)
    await story.works("clerk_town", "assist", "task_sign")
    await story.does("clerk_urban", "arrive")
    await story.does("clerk_urban", "contact", way="visit")
    assert [one["role"] for one in story.case["scene"]["arrivals"]] == ["grid_worker", "unit_clerk"]
    await story.later(minutes=20)
    await story.does("clerk_town", "report_situation", note="三单元已疏散，两人头晕送医，阀门锈死正在抢修", injured=2)
    assert "report_situation" in await story.heard("supervisor") and (await story.clocks())["next_report"] == "2026-11-24 02:50"
    await story.works("clerk_town", "assist", "task_submit", note="已疏散三单元住户，设置警戒线")
    await story.until("2026-11-24 01:45")
    assert await story.light() == "yellow" and "urge" in await story.heard("clerk_urban")
    await story.refused("clerk_road", "made_safe", 404, note="阀门已关闭")
    await story.does("clerk_urban", "made_safe", note="阀门已关闭，浓度降至安全值")
    assert await story.clocks() == {"case": "2026-11-25 00:10"} and await story.light() == "green"  # the repair has its own time
    assert (await story.entry("made_safe"))["data"]["repair_limit"] == "24h"
    await story.until("2026-11-24 08:30")
    await story.does(
        "clerk_urban", "submit_result", handling="会同消防关闭阀门，更换老化软管，检测无泄漏后恢复供气。",
        public_reply="您反映的燃气泄漏已处置，老化软管已更换，检测合格后恢复供气。",
    )  # fmt: skip
    assert await story.tasks() == ["lead 520102-urban submitted", "assist 520102001-town accepted"]
    await story.until("2026-11-24 09:00")
    await story.does("dispatcher", "send_check")
    assert await story.clocks() == {"check": "2026-11-25 17:00"}
    await story.until("2026-11-24 10:00")
    await story.does("worker_a", "check_pass")
    await story.until("2026-11-24 11:00")
    await story.refused("dispatcher", "visit_ok", 403, contacted=True, solved=True, satisfaction="satisfied")
    case = await story.does("operator", "visit_ok", satisfaction="very_satisfied", note="复盘：签收超时，已提醒承办单位值班")
    assert (case["state"], case["outcome"], case["supervisions"]) == ("closed", "resolved", [])
    assert (await story.entry("visit_ok"))["note"].startswith("复盘")
    assert (await story.heard("clerk_urban"))[-1] == "visit_ok"
    await story.tells(TIMELINE)
