"""A pothole: given to the wrong unit, returned, dispatched to the right one, given more time, mended, checked, closed."""

from __future__ import annotations

from tests.scenarios.story import Story
from tests.service import event

TIMELINE = [
    "11-23 10:00 submit grid_worker reported",
    "11-23 10:05 file operator filed",
    "11-23 10:05 auto_dispatch system dispatched",
    "11-23 10:30 sign_in unit_clerk handling",
    "11-23 11:00 request_return unit_clerk handling",
    "11-23 13:30 light decide_return yellow",
    "11-23 13:30 decide dispatcher filed",
    "11-23 13:40 dispatch dispatcher dispatched",
    "11-23 14:00 sign_in unit_clerk handling",
    "11-25 10:00 request_extension unit_clerk handling",
    "11-25 14:00 light decide_extension yellow",
    "11-25 14:00 decide dispatcher handling",
    "12-03 09:13 light case yellow",
    "12-03 09:13 urge system handling",
    "12-03 15:00 submit_result unit_clerk handled",
    "12-03 15:30 send_check dispatcher checking",
    "12-04 09:30 check_pass grid_worker closed",
]


async def test_pothole_when_returned_and_extended_then_closed_within_the_new_time(story: Story) -> None:
    await story.report("worker_a", event(category="0202", description="新添大道路面坑洞，直径约一米", photos=[]))
    await story.later(minutes=5)
    case = await story.does("operator", "file")
    assert case["lead"]["code"] == "520102-urban" and case["match"]["decided"] == "auto"
    assert await story.clocks() == {"case": "2026-11-30 17:00", "sign_in": "2026-11-23 12:05"}
    assert await story.heard("clerk_urban") == ["auto_dispatch"] and await story.is_hidden_from("clerk_road")

    await story.until("2026-11-23 10:30")
    await story.does("clerk_urban", "sign_in")
    await story.until("2026-11-23 11:00")
    await story.does(
        "clerk_urban", "request_return", reason="not_duty", basis="市政道路养护移交协议第三条", unit="520102-road"
    )  # fmt: skip
    assert await story.clocks() == {"case": "2026-11-30 17:00", "decide_return": "2026-11-23 14:00"}
    assert "request_return" in await story.heard("dispatcher")
    await story.refused("clerk_urban", "request_return", 409, reason="not_area", basis="不在本辖区内", unit="520102-road")
    await story.refused("clerk_urban", "submit_result", 409)
    assert (await story.refused_request("clerk_urban", 403, approve=True, opinion="同意"))["code"] == "forbidden"

    await story.until("2026-11-23 13:30")  # 2 h 25 min of working time after the first dispatch
    case = await story.decides("dispatcher", "return", approve=True, opinion="属道路养护中心职责")
    assert case["state"] == "filed" and case["requests"][0]["counts_as"] == "misdispatched"
    assert case["requests"][0]["rule_proposal"]["to_unit"] == "520102-road"
    assert await story.heard("clerk_urban") == ["auto_dispatch", "decide"] and await story.is_hidden_from("clerk_urban")
    await story.later(minutes=10)
    await story.does("dispatcher", "dispatch", unit="520102-road")
    # the old due time and what the return has cost; this unit works by the city's hours, not day and night
    assert await story.clocks() == {"case": "2026-12-01 11:25", "sign_in": "2026-11-23 15:40"}
    assert await story.tasks() == ["lead 520102-urban returned", "lead 520102-road pending"]

    await story.until("2026-11-23 14:00")
    await story.does("clerk_road", "sign_in")
    await story.until("2026-11-25 10:00")
    await story.refused(
        "clerk_road", "request_extension", 422, reason="沥青到货推迟", limit="6wd", measures="先行围挡并设置警示标志"
    )  # fmt: skip
    await story.does("clerk_road", "request_extension", reason="沥青到货推迟", limit="3wd", measures="先行围挡并设置警示标志")
    assert (await story.clocks())["decide_extension"] == "2026-11-25 15:00"
    await story.until("2026-11-25 14:00")
    await story.decides("dispatcher", "extension", approve=True, opinion="同意延期三日")
    assert await story.clocks() == {"case": "2026-12-04 17:00"}  # three days from the old due time, not from now
    assert await story.heard("clerk_road") == ["dispatch", "decide"] and await story.light() == "green"

    await story.until("2026-12-03 15:00")  # a fifth of the time is left
    assert await story.light() == "yellow"
    assert await story.heard("clerk_road") == ["dispatch", "decide", "urge"]
    assert await story.heard("dispatcher") == ["request_return", "light", "request_extension", "light"]
    await story.does("clerk_road", "submit_result", handling="坑洞已铣刨并用热沥青修补，压实平整，恢复通行。")
    assert story.case["tasks"][-1]["late"] is False
    await story.later(minutes=30)
    await story.refused("dispatcher", "close", 409)  # what is mended in the street is looked at there
    await story.does("dispatcher", "send_check")
    assert await story.clocks() == {"check": "2026-12-04 17:00"}
    assert await story.is_hidden_from("worker_b")
    await story.until("2026-12-04 09:30")
    case = await story.does("worker_a", "check_pass")
    assert (case["state"], case["outcome"], case["light"]) == ("closed", "resolved", "yellow")
    assert (await story.heard("clerk_road"))[-1] == "check_pass"
    await story.tells(TIMELINE)
