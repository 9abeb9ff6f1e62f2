"""An elder who lives alone: a neighbour calls, the street office leads, a volunteer team comes by."""

from __future__ import annotations

from tests.scenarios.story import Story, caller
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:06 file operator filed",
    "11-23 10:06 auto_dispatch system dispatched",
    "11-23 10:20 invite dispatcher dispatched",
    "11-23 11:00 sign_in unit_clerk handling",
    "11-23 11:30 contact unit_clerk handling",
    "11-23 14:00 claim org_coordinator handling",
    "11-24 09:30 serve org_coordinator handling",
    "11-24 11:30 task_submit org_coordinator handling",
    "11-24 15:00 task_confirm unit_clerk handling",
    "11-24 16:00 submit_result unit_clerk handled",
    "11-25 09:30 to_visit dispatcher visiting",
    "11-25 09:30 ask_reporter system visiting",
    "11-25 10:30 visit_ok operator closed",
    "11-25 10:30 ask_rating system closed",
    "11-26 10:00 rate operator closed",
]


async def test_elder_when_a_volunteer_team_claims_then_served_confirmed_visited_and_rated(story: Story) -> None:
    await story.report(
        "operator",
        event(
            category="0701", description="隔壁独居老人行动不便，买菜就医困难，希望有人探访", appeal_type="help", channel="phone",
            caller=caller("周国强", "13885098765"), file=False,
        ),
        door="tickets",
    )  # fmt: skip
    await story.later(minutes=6)
    case = await story.does("operator", "file")
    assert (case["state"], case["lead"]["code"]) == ("dispatched", "520102001-town")
    assert [(one["code"], one["task_state"]) for one in case["organizations"]] == [("ORG-1", None)]
    assert await story.clocks() == {"case": "2026-11-30 17:00", "sign_in": "2026-11-23 12:06"}
    assert await story.is_hidden_from("team_a")

    await story.until("2026-11-23 10:20")
    await story.does("dispatcher", "invite", organizations=["ORG-1"], note="请于本周内上门探访")
    assert await story.heard("team_a") == ["invite"] and await story.tasks() == [
        "lead 520102001-town pending",
        "org ORG-1 invited",
    ]
    assert story.case["tasks"][-1]["expires_at"] == "2026-11-24T02:20:00.000Z"  # a day, by night too
    await story.until("2026-11-23 11:00")
    await story.does("clerk_town", "sign_in")
    await story.until("2026-11-23 11:30")
    await story.does("clerk_town", "contact")

    seen = await story.seen_by("team_a")
    assert seen["caller"] is None and "13885098765" not in str(seen) and seen["requests"] == []
    await story.refused("team_a", "submit_result", 403)
    await story.until("2026-11-23 14:00")
    await story.works("team_a", "org", "claim")
    await story.until("2026-11-24 09:30")
    await story.works("team_a", "org", "serve", people="志愿者小陈、小吴")
    assert await story.heard("clerk_town") == ["auto_dispatch", "claim", "serve"]
    await story.refused_task("team_a", "org", "task_confirm", 403, rating=5)
    await story.until("2026-11-24 11:30")
    await story.works("team_a", "org", "task_submit", note="上门探访，代购米油，登记每周三例行探访", hours=2)
    await story.until("2026-11-24 15:00")
    await story.works("clerk_town", "org", "task_confirm", rating=5, text="感谢志愿服务队")
    assert await story.heard("team_a") == ["invite", "task_confirm"]
    assert await story.tasks() == ["lead 520102001-town signed", "org ORG-1 confirmed"]
    task = (await story.seen_by("supervisor"))["tasks"][-1]
    assert (task["result"]["hours"], task["confirmation"]["rating"]) == (2, 5)

    await story.until("2026-11-24 16:00")
    await story.does(
        "clerk_town", "submit_result", handling="已与志愿服务队上门，建立每周探访和应急联系制度。",
        public_reply="您反映的独居老人已纳入每周探访，社区将持续关注。",
    )  # fmt: skip
    await story.until("2026-11-25 09:30")
    await story.does("dispatcher", "to_visit")
    assert await story.clocks() == {"visit": "2026-11-30 17:00"}
    await story.until("2026-11-25 10:30")
    await story.refused("clerk_town", "visit_ok", 403, contacted=True, solved=True, satisfaction="satisfied")
    case = await story.does("operator", "visit_ok", satisfaction="very_satisfied")
    assert (case["state"], case["visit"]["satisfaction"], case["light"]) == ("closed", "very_satisfied", "green")
    await story.until("2026-11-26 10:00")
    case = await story.does("operator", "rate", efficiency=5, quality=5, attitude=4, text="老人很高兴")
    assert (case["rating"]["attitude"], case["rectification"]) == (4, None)
    await story.refused("operator", "rate", 409, efficiency=1, quality=1, attitude=1)
    assert (await story.heard("clerk_town"))[-2:] == ["visit_ok", "rate"]
    await story.tells(TIMELINE)
