"""On the scene of danger (domain.md §2.8, §3.2): who came, what they found, when it was safe, and the clocks of all that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.categories import Catalogue
from dispatch.chain import verify
from dispatch.errors import NotAllowed
from dispatch.model import Category
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.town import (
    CATEGORIES,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    clerk_of,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

COVER = Category(code="0299", name="井盖坠人隐患", urgency="emergency", limit="36h", safe_limit="2h")
GAS = event(photos=(), description="路口有燃气味很浓")
FAR = {"lon": 106.605, "lat": 26.635, "crs": "WGS-84"}


async def danger(database: Database, clock: Clock, report: Any = GAS) -> Player:
    """Return an emergency that has just been dispatched."""
    service = await open_service(database, clock)
    service.rules.catalogue = Catalogue((*CATEGORIES.all(), COVER))
    case = (await service.report(actor=WALKER, present=whole, report=report, key=new_key())).case
    return Player(service, case.id)


async def cover(database: Database, clock: Clock) -> Player:
    """Return one whose category tells making safe from repairing."""
    return await danger(database, clock, event(category="0299", description="人行道井盖缺失"))


async def seen(player: Player) -> Any:
    return await player.service.get(actor=DISPATCHER, case_id=player.id)


async def running(player: Player) -> dict[str, str]:
    """Return the clocks that run, each with its limit."""
    return {one.kind: one.limit for one in (await seen(player)).clocks if one.done_at is None}


async def offered(player: Player, who: Any) -> list[str]:
    return [one["name"] for one in (await player.service.get(actor=who, case_id=player.id)).actions]


async def told(database: Database, player: Player, kind: str) -> set[str]:
    """Return the addresses of the newest notice of a kind."""
    stored = await database.find_one(CASES, {"_id": player.id})
    assert stored is not None and verify(stored["timeline"], player.id) == []
    return set(next(item for item in reversed(stored["outbox"]) if item["kind"] == kind)["keys"])


# -- the clocks, one after the other


async def test_danger_when_dispatched_is_waited_for_on_the_scene(database: Database) -> None:
    player = await danger(database, Clock())
    assert await running(player) == {
        "case": "2h", "sign_in": "15m", "safe": "2h", "arrive": "30m", "first_report": "1h",
    }  # fmt: skip


async def test_case_when_ordinary_has_no_clock_on_the_scene(database: Database) -> None:
    player = await danger(database, Clock(), event(category="0202"))
    assert set(await running(player)) == {"case", "sign_in"}
    assert not {"arrive", "report_situation", "made_safe"} & {*await offered(player, CLERK), *await offered(player, WALKER)}
    with pytest.raises(NotAllowed) as refused:
        await player.service.act(actor=CLERK, case_id=player.id, action="arrive", rev=None, fields={})
    assert refused.value.data["reason"] == "hurried"


async def test_case_when_urgent_is_waited_for_two_hours_and_needs_no_report(database: Database) -> None:
    player = await danger(database, Clock(), event(category="0203"))
    assert (await running(player))["arrive"] == "2h" and not {"safe", "first_report"} & set(await running(player))
    assert "arrive" in await offered(player, CLERK) and "report_situation" not in await offered(player, CLERK)
    await player.do(CLERK, "arrive")
    assert "arrive" not in await running(player)


async def test_arrival_when_first_stops_the_clock_and_others_follow(database: Database) -> None:
    clock = Clock()
    player = await danger(database, clock)
    clock.forward(minutes=12)
    came = await player.do(WALKER, "arrive")
    assert "arrive" not in await running(player) and "first_report" in await running(player)
    assert [one["role"] for one in came.scene["arrivals"]] == ["grid_worker"]
    assert {"u:water1", "dispatcher:*"} <= await told(database, player, "arrive")
    assert "arrive" not in await offered(player, WALKER), "everybody comes once"
    with pytest.raises(NotAllowed):
        await player.service.act(actor=WALKER, case_id=player.id, action="arrive", rev=None, fields={})
    await player.do(clerk_of("town1"), "arrive")
    after = await player.do(clerk_of("water1"), "arrive")
    assert [one["unit"] for one in after.scene["arrivals"]] == [None, "town1", "water1"]
    entry = (await player.service.timeline(actor=DISPATCHER, case_id=player.id))[-1]
    assert entry.data["unit"] == "water1" and entry.data["arrived_at"] and len(entry.data["position"]) == 3


async def test_arrival_when_far_away_says_why_and_never_in_the_future(database: Database) -> None:
    clock = Clock()
    player = await danger(database, clock)
    with pytest.raises(Invalid) as wrong:
        await player.do(CLERK, "arrive", position=FAR)
    assert [error.field for error in wrong.value.errors] == ["reason"]
    with pytest.raises(Invalid) as wrong:
        await player.do(CLERK, "arrive", at=(clock.now + timedelta(hours=1)).isoformat())
    assert [(error.field, error.code) for error in wrong.value.errors] == [("at", "in_future")]
    assert (await player.do(CLERK, "arrive", position=FAR, reason="道路封闭，在外围警戒")).scene["arrivals"]


@pytest.mark.parametrize("action", ["arrive", "report_situation", "made_safe"])
async def test_unit_when_it_has_no_part_does_nothing_on_the_scene(database: Database, action: str) -> None:
    player = await danger(database, Clock())
    stranger = clerk_of("urban2", "unit_clerk")
    open_eyes = type(stranger)(id=stranger.id, role=stranger.role, units=stranger.units, scope=CLERK.scope, source="account")
    with pytest.raises(Forbidden):
        await player.service.act(actor=open_eyes, case_id=player.id, action=action, rev=None, fields={})


async def test_reports_when_made_follow_each_other_until_it_is_safe(database: Database) -> None:
    clock = Clock()
    player = await danger(database, clock)
    clock.forward(minutes=40)
    first = await player.do(clerk_of("town1"), "report_situation", note="两人头晕已送医", injured=2)
    assert (first.scene["reports"], (await running(player))["next_report"]) == (1, "2h")
    assert "first_report" not in await running(player)
    assert {"u:water1", "dispatcher:*", "supervisor:*"} <= await told(database, player, "report_situation")
    clock.forward(minutes=90)
    second = await player.do(WALKER, "report_situation", note="浓度下降，继续警戒")
    due = next(one for one in second.clocks if one.kind == "next_report" and one.done_at is None)
    assert second.scene["reports"] == 2 and due.started_at == second.scene["reported_at"]
    entry = await player.service.timeline(actor=DISPATCHER, case_id=player.id)
    assert [one.data["count"] for one in entry if one.action == "report_situation"] == [1, 2]
    assert not [one for one in entry if one.action == "report_situation" and one.public], "for those who work on it"


async def test_safety_when_nobody_has_come_is_not_believed(database: Database) -> None:
    player = await danger(database, Clock())
    assert "made_safe" not in await offered(player, CLERK)
    with pytest.raises(NotAllowed) as refused:
        await player.service.act(actor=CLERK, case_id=player.id, action="made_safe", rev=None, fields={})
    assert refused.value.data["reason"] == "somebody_there"
    await player.do(WALKER, "arrive")
    safe = await player.do(CLERK, "made_safe", note="阀门已关，检测合格")
    assert set(await running(player)) == {"case", "sign_in"} and safe.scene["safe_at"] is not None
    assert {"p:grid_worker", "u:water1", "supervisor:*"} <= await told(database, player, "made_safe")
    assert not {"arrive", "made_safe", "report_situation"} & set(await offered(player, CLERK))


async def test_safety_when_there_is_a_repair_leaves_its_own_time_from_the_dispatch(database: Database) -> None:
    clock = Clock()
    player = await cover(database, clock)
    assert (await running(player))["case"] == (await running(player))["safe"] == "2h"
    began = clock.now
    clock.forward(minutes=50)
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "arrive")
    safe = await player.do(CLERK, "made_safe", note="已设围挡和警示灯")
    assert (await running(player))["case"] == "36h"
    due = (began + timedelta(hours=36)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert safe.due_at == due == safe.tasks[0]["due_at"] and safe.tasks[0]["limit"] == "36h"
    counted = await player.service.due(actor=DISPATCHER, case_id=player.id)
    assert (counted.source, counted.limit, counted.start) == ("repair", "36h", began)
    assert (await player.service.due(actor=DISPATCHER, case_id=player.id, clock="safe")).limit == "2h"
    kept = await player.do(DISPATCHER, "reclassify", category="0299", reason="补充说明")
    assert kept.due_at == due, "what was made safe stays so"


async def test_repair_when_late_too_is_supervised_again(database: Database) -> None:
    clock = Clock()
    player = await cover(database, clock)
    await player.do(CLERK, "arrive")
    clock.forward(hours=3)
    await player.service.sweep()
    assert [one["level"] for one in (await seen(player)).supervisions] == [1]
    await player.do(CLERK, "made_safe")
    assert {one.kind: one.light for one in (await seen(player)).clocks}["case"] == "green"
    clock.forward(hours=34)
    await player.service.sweep()
    assert [one["level"] for one in (await seen(player)).supervisions] == [1, 1]


# -- what nobody does


async def test_scene_when_nobody_comes_is_told_to_leader_duty_and_supervisors(database: Database) -> None:
    clock = Clock()
    player = await danger(database, clock)
    clock.forward(minutes=31)
    await player.service.sweep()
    case = await seen(player)
    assert {one.kind: one.light for one in case.clocks}["arrive"] == "red"
    assert {"head:water1", "u:water1", "supervisor:*", "p:duty1"} <= await told(database, player, "light")
    assert case.supervisions == [], "only the time of the case itself is supervised by rule"


# -- the result


async def test_result_when_safety_was_not_said_says_it(database: Database) -> None:
    clock = Clock()
    player = await cover(database, clock)
    await player.do(CLERK, "sign_in")
    clock.forward(minutes=30)
    with pytest.raises(Invalid) as wrong:
        await player.do(CLERK, "submit_result", safe_at=None)
    assert [(error.field, error.code) for error in wrong.value.errors] == [("safe_at", "required")]
    with pytest.raises(Invalid) as wrong:
        await player.do(CLERK, "submit_result", safe_at=(clock.now + timedelta(hours=1)).isoformat())
    assert [(error.field, error.code) for error in wrong.value.errors] == [("safe_at", "in_future")]
    done = await player.do(CLERK, "submit_result")
    assert (done.state, set(await running(player))) == ("handled", {"review"}) and done.scene["safe_at"] is not None


async def test_result_when_nothing_was_reported_is_not_held_up(database: Database) -> None:
    player = await danger(database, Clock())
    await player.do(CLERK, "sign_in")
    assert "safe_at" not in [field["name"] for field in await _fields(player, "submit_result")]
    assert (await player.do(CLERK, "submit_result")).state == "handled" and set(await running(player)) == {"review"}
    back = await player.do(DISPATCHER, "send_back", defect="no_photo")
    assert back.state == "handling" and not {"arrive", "safe", "first_report"} & set(await running(player))


async def _fields(player: Player, action: str) -> list[dict[str, Any]]:
    case = await player.service.get(actor=CLERK, case_id=player.id)
    return next(one for one in case.actions if one["name"] == action)["fields"]


# -- the urgency changes, the case changes hands


async def test_case_when_it_becomes_an_emergency_is_waited_for_from_then_on(database: Database) -> None:
    clock = Clock()
    player = await danger(database, clock, event())
    await player.do(CLERK, "sign_in")
    clock.forward(hours=5)
    raised = await player.do(DISPATCHER, "reclassify", category="0201", urgency="emergency", reason="有人掉进井里")
    started = {one.kind: one.started_at for one in raised.clocks if one.done_at is None and one.kind != "case"}
    assert set(started) == {"arrive", "first_report", "safe"} and len(set(started.values())) == 1


async def test_emergency_when_lowered_is_waited_for_no_more(database: Database) -> None:
    clock = Clock()
    player = await danger(database, clock)
    await player.do(SUPERVISOR, "reclassify", category="0201", urgency="normal", reason="虚惊一场")
    assert set(await running(player)) == {"case", "sign_in"}
    clock.forward(minutes=20)
    await player.service.sweep()
    assert "alarm" not in [one.action for one in await player.service.timeline(actor=DISPATCHER, case_id=player.id)]


async def test_emergency_when_lowered_to_urgent_may_come_later(database: Database) -> None:
    player = await danger(database, Clock())
    await player.do(SUPERVISOR, "reclassify", category="0201", urgency="urgent", reason="险情不大")
    assert (await running(player))["arrive"] == "2h" and "safe" not in await running(player)


async def test_scene_when_the_case_is_coordinated_begins_again_with_the_next_dispatch(database: Database) -> None:
    player = await danger(database, Clock())
    await player.do(DISPATCHER, "coordinate")
    assert set(await running(player)) == {"decide_coordination"}
    await player.do(SUPERVISOR, "decide_coordination")
    assert {"arrive", "first_report", "safe"} <= set(await running(player))


async def test_emergency_when_reopened_is_looked_at_anew(database: Database) -> None:
    player = await danger(database, Clock(), event(photos=(), category="0202", description="路口有燃气味很浓"))
    for who, action in ((CLERK, "sign_in"), (CLERK, "submit_result"), (DISPATCHER, "close")):
        await player.do(who, action)
    again = await player.do(SUPERVISOR, "reopen", kind="false_closure")
    assert again.state == "dispatched" and again.scene is None
    assert {"arrive", "first_report", "safe"} <= set(await running(player))


async def test_danger_when_a_citizen_reports_it_is_told_that_it_is_over(database: Database) -> None:
    player = await danger(database, Clock())
    service = player.service
    reported = await service.report(actor=OPERATOR, present=whole, report=ticket(description="楼上有人要坠楼"), key=new_key())
    player = Player(service, reported.case.id)
    for who, action in (
        (CLERK, "sign_in"),
        (CLERK, "arrive"),
        (CLERK, "made_safe"),
        (CLERK, "contact"),
        (LEADER, "submit_result"),
    ):
        case = await player.do(who, action)
    assert case.state == "handled"
