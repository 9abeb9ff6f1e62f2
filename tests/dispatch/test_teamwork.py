"""Several units and organizations on one case, through the one writer on a real database."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from dispatch.actors import Actor, Scope
from dispatch.chain import verify
from dispatch.clocks import Limit
from dispatch.errors import NotAllowed
from dispatch.states import ENDED, TABLE
from dispatch.tasks import assist_limit, is_open
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    clerk_of,
    event,
    fill,
    is_fillable,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

WATER, URBAN, TOWN = clerk_of("water1"), clerk_of("urban1"), clerk_of("town1")
GRID_LEAD, SECOND = actor("grid_lead"), actor("supervisor", "second")
FAR = {"lon": 106.62, "lat": 26.62, "crs": "WGS-84"}


def coordinator(code: str) -> Actor:
    """Return someone who stands for one organization."""
    return actor("org_coordinator", f"of-{code}", organization=code, scope=Scope(organizations=frozenset({code})))


ONE, TWO = coordinator("vol1"), coordinator("vol2")


class Team(Player):
    """A player who also takes actions on tasks and counts what the timeline says."""

    async def task(self, who: Actor, task_id: str, action: str, **fields: Any) -> Any:
        """Take an action on a task that must be offered to `who`."""
        case = await self.service.get(actor=who, case_id=self.id)
        task = next(item for item in case.tasks if item["id"] == task_id)
        offered = next((item for item in task["actions"] if item["name"] == action), None)
        assert offered is not None, f"{action} is not offered to {who.id}: {[item['name'] for item in task['actions']]}"
        return await self.service.act_on_task(
            actor=who, case_id=self.id, task_id=task_id, action=action, rev=case.rev if offered["needs_rev"] else None,
            fields=fill(offered) | fields, key=new_key(),
        )  # fmt: skip

    async def try_task(self, who: Actor, task_id: str, action: str, **fields: Any) -> Any:
        """Take an action on a task whether it is offered or not."""
        case = await self.service.store.find(self.id)
        assert case is not None
        return await self.service.act_on_task(
            actor=who, case_id=self.id, task_id=task_id, action=action, rev=case["live"]["rev"], fields=fields, key=new_key()
        )

    async def try_case(self, who: Actor, action: str, **fields: Any) -> Any:
        """Take an action on the case whether it is offered or not."""
        case = await self.service.store.find(self.id)
        assert case is not None
        return await self.service.act(
            actor=who, case_id=self.id, action=action, rev=case["live"]["rev"], fields=fields, key=new_key()
        )

    async def stored(self) -> dict[str, Any]:
        """Return the whole document, its chain unbroken."""
        case = await self.service.store.find_whole(self.id)
        assert case is not None and verify(case["timeline"], self.id) == []
        return case

    async def sees(self, who: Actor) -> bool:
        """Tell whether somebody may open the case."""
        try:
            await self.service.get(actor=who, case_id=self.id)
        except NotFound:
            return False
        return True

    async def told(self, database: Database, kind: str) -> list[set[str]]:
        """Return to whom the notices of a kind went, oldest first."""
        await self.service.relay.sweep()
        return [set(item["keys"]) for item in await database.find("notices", {"kind": kind}, sort=[("at", 1)])]


async def reported(database: Database, clock: Clock | None = None, who: Actor = WALKER, **values: Any) -> Team:
    """Return a player of a new case; a missing manhole cover is dispatched to the water bureau at once."""
    service = await open_service(database, clock)
    filed = await service.report(actor=who, present=whole, report=event(**values), key=new_key())
    return Team(service, filed.id)


async def in_hand(database: Database, clock: Clock | None = None, **values: Any) -> Team:
    """Return a player of a case that its lead unit has signed for."""
    team = await reported(database, clock, **values)
    await team.do(CLERK, "sign_in")
    return team


def task_of(case: Any, task_id: str) -> dict[str, Any]:
    return next(task for task in case.tasks if task["id"] == task_id)


def error_codes(wrong: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(error.field, error.code) for error in wrong.value.errors]


# -- parts given by the dispatcher


async def test_dispatch_when_made_gives_each_task_its_own_limit(database: Database) -> None:
    team = await reported(database, category="0203")
    case = await team.stored()
    lead, assist = case["tasks"]
    given = next(entry["seq"] for entry in case["timeline"] if entry["action"] == "auto_dispatch")
    assert lead["entry"] == assist["entry"] == given
    assert {"u:water1", "u:urban1"} <= (await team.told(database, "auto_dispatch"))[0]
    assert (lead["kind"], lead["limit"], lead["due_at"]) == ("lead", "24h", START + timedelta(hours=24))
    assert (assist["kind"], assist["limit"], assist["due_at"]) == ("assist", "14h", START + timedelta(hours=14))


async def test_unit_when_added_has_at_most_three_fifths_of_the_limit_and_sees_the_case(database: Database) -> None:
    team = await in_hand(database)
    assert not await team.sees(URBAN)
    added = await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist", note="请协助围挡")
    assert [(task["kind"], task["limit"], task.get("note")) for task in added.tasks] == [
        ("lead", "5wd", None), ("assist", "3wd", "请协助围挡"),
    ]  # fmt: skip
    assert [(one["code"], one["task_state"], one["kind"]) for one in added.assists] == [("urban1", "pending", "assist")]
    assert await team.sees(URBAN)
    assert await team.told(database, "add_unit") == [{"u:urban1", "u:water1", "u:*"}]


async def test_unit_when_added_takes_part_once_and_within_the_cases_time(database: Database) -> None:
    team = await in_hand(database)
    for fields, expected in (
        ({"unit": "water1"}, ("unit", "takes_part")),
        ({"unit": "urban2"}, ("unit", "outside_area")),
        ({"unit": "urban1", "limit": "6wd"}, ("limit", "too_long")),
        ({"unit": "urban1", "coordinator": "town1"}, ("coordinator", "not_joint")),
    ):
        with pytest.raises(Invalid) as wrong:
            await team.do(DISPATCHER, "add_unit", kind="assist", **fields)
        assert error_codes(wrong) == [expected]
    added = await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist", limit="4wh")
    assert added.tasks[-1]["limit"] == "4wh"


async def test_unit_when_added_late_is_due_with_the_case(database: Database) -> None:
    clock = Clock()
    team = await in_hand(database, clock)
    clock.forward(days=4)
    added = await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
    assert added.tasks[-1]["due_at"] == added.due_at


async def test_unit_when_added_by_a_dispatcher_elsewhere_or_in_review_is_refused(database: Database) -> None:
    team = await in_hand(database)
    elsewhere = actor("dispatcher", areas=frozenset({"522"}), scope=Scope(areas=frozenset({"522"}), reporter="d"))
    with pytest.raises(NotFound):
        await team.try_case(elsewhere, "add_unit")
    with pytest.raises(Forbidden):
        await team.try_case(WATER, "add_unit")
    await team.do(CLERK, "submit_result")
    with pytest.raises(NotAllowed):
        await team.try_case(DISPATCHER, "add_unit")


async def test_lead_when_it_asks_for_a_unit_tells_the_dispatcher(database: Database) -> None:
    team = await in_hand(database)
    await team.do(WATER, "ask_unit", unit="urban1", reason="需要围挡")
    assert all("dispatcher:*" in keys for keys in await team.told(database, "ask_unit"))
    entry = (await team.stored())["timeline"][-1]
    assert (entry["action"], entry["data"], entry["public"]) == ("ask_unit", {"unit": "urban1"}, False)
    await team.do(DISPATCHER, "add_unit", unit="urban1")
    with pytest.raises(Forbidden):
        await team.try_case(URBAN, "ask_unit", reason="不是主办")


async def test_assist_when_carried_out_keeps_its_result_on_the_task(database: Database) -> None:
    team = await in_hand(database)
    await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
    await team.task(URBAN, "t2", "task_sign")
    await team.task(URBAN, "t2", "task_submit", note="围挡已经设好", photos=["c" * 64])
    await team.task(WATER, "t2", "task_reject", reason="还缺警示灯")
    await team.task(URBAN, "t2", "task_submit", note="警示灯也装了")
    done = await team.task(WATER, "t2", "task_accept")
    task = task_of(done, "t2")
    assert (task["state"], task["result"]["note"], task["late"]) == ("accepted", "警示灯也装了", False)
    assert await team.told(database, "task_submit") == [{"u:water1", "u:*"}] * 2
    assert await team.told(database, "task_reject") == [{"u:urban1", "u:*"}]


async def test_assist_when_late_is_counted_to_the_assisting_unit(database: Database) -> None:
    clock = Clock()
    team = await in_hand(database, clock)
    await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist", limit="4wh")
    await team.task(URBAN, "t2", "task_sign")
    clock.forward(days=1)
    await team.task(URBAN, "t2", "task_submit")
    submitted = await team.do(CLERK, "submit_result")
    assert [task["late"] for task in submitted.tasks] == [False, True]
    assert [task["state"] for task in submitted.tasks] == ["submitted", "accepted"]


async def test_lead_when_late_is_late_by_its_own_time_and_the_cases(database: Database) -> None:
    clock = Clock()
    team = await in_hand(database, clock)
    clock.forward(days=30)
    assert (await team.do(CLERK, "submit_result")).tasks[0]["late"] is True


async def test_part_when_the_wrong_people_try_is_refused(database: Database) -> None:
    team = await in_hand(database)
    await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
    with pytest.raises(Forbidden):
        await team.try_task(WATER, "t2", "task_sign")
    with pytest.raises(NotAllowed):
        await team.try_task(URBAN, "t2", "task_submit", note="还没有签收")
    await team.task(URBAN, "t2", "task_sign")
    await team.task(URBAN, "t2", "task_submit")
    with pytest.raises(Forbidden):
        await team.try_task(URBAN, "t2", "task_accept")
    with pytest.raises(NotAllowed) as refused:
        await team.try_task(WATER, "t1", "task_accept")
    assert refused.value.data["reason"] == "state"


async def test_part_when_withdrawn_or_waived_is_no_longer_seen(database: Database) -> None:
    team = await in_hand(database)
    for action, who in (("task_withdraw", DISPATCHER), ("task_waive", WATER)):
        added = await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
        assert await team.sees(URBAN)
        ended = await team.task(who, added.tasks[-1]["id"], action, reason="不再需要")
        assert ended.tasks[-1]["state"] in ("withdrawn", "waived") and not await team.sees(URBAN)
    with pytest.raises(NotAllowed) as refused:
        await team.try_task(DISPATCHER, "t1", "task_withdraw", reason="不能撤主办")
    assert refused.value.data["reason"] in ("part_task", "state")
    assert await team.told(database, "task_withdraw") == [{"u:urban1", "u:*"}]


# -- joint parts


async def test_joint_part_when_handed_in_is_accepted_by_who_coordinates(database: Database) -> None:
    team = await in_hand(database)
    added = await team.do(DISPATCHER, "add_unit", unit="urban1", kind="joint")
    assert added.tasks[-1]["coordinator"] == "town1", "the township of the place, where nobody was named"
    assert await team.sees(TOWN)
    await team.task(URBAN, "t2", "task_sign")
    await team.task(URBAN, "t2", "task_submit")
    with pytest.raises(Forbidden):
        await team.try_task(URBAN, "t2", "task_accept")
    assert task_of(await team.task(TOWN, "t2", "task_accept"), "t2")["state"] == "accepted"


async def test_joint_part_when_the_coordinator_itself_has_it_goes_to_another(database: Database) -> None:
    team = await in_hand(database)
    with pytest.raises(Invalid) as wrong:
        await team.do(DISPATCHER, "add_unit", unit="town1", kind="joint", coordinator="town1")
    assert error_codes(wrong) == [("coordinator", "not_joint")]
    added = await team.do(DISPATCHER, "add_unit", unit="town1", kind="joint")
    assert added.tasks[-1]["coordinator"] is None
    await team.task(TOWN, "t2", "task_sign")
    await team.task(TOWN, "t2", "task_submit")
    assert task_of(await team.task(SUPERVISOR, "t2", "task_reject", reason="再补一份记录"), "t2")["state"] == "signed"


# -- within the lead's own tree


async def led_by_the_root(database: Database, clock: Clock | None = None) -> Team:
    """Return a player of a case whose lead has units below it."""
    team = await reported(database, clock, category="0501")
    await team.do(DISPATCHER, "dispatch", unit="root")
    await team.do(clerk_of("root"), "sign_in")
    return team


async def test_subdispatch_when_made_gives_the_case_to_a_unit_below_and_keeps_the_lead(database: Database) -> None:
    team, root = await led_by_the_root(database), clerk_of("root")
    given = await team.do(root, "subdispatch", unit="town1", note="请现场调解")
    assert (given.lead["code"], given.tasks[1]["kind"], given.tasks[1]["due_at"]) == ("root", "sub", given.due_at)
    assert await team.sees(TOWN) and await team.told(database, "subdispatch") == [{"u:town1", "u:*"}]
    submit = next(item for item in given.actions if item["name"] == "submit_result")
    assert "waive_reason" in fill(submit), "an open part is done or waived before the result"
    await team.task(TOWN, "t2", "task_sign")
    await team.task(TOWN, "t2", "task_submit")
    accepted = await team.task(root, "t2", "task_accept")
    submit = next(item for item in accepted.actions if item["name"] == "submit_result")
    assert "waive_reason" not in fill(submit)


async def test_subdispatch_when_outside_the_tree_or_too_long_is_refused(database: Database) -> None:
    team, root = await led_by_the_root(database), clerk_of("root")
    with pytest.raises(Invalid) as wrong:
        await team.do(root, "subdispatch", unit="town1", limit="60wd")
    assert error_codes(wrong) == [("limit", "too_long")]
    with pytest.raises(Invalid) as wrong:
        await team.do(root, "subdispatch", unit="root")
    assert error_codes(wrong) == [("unit", "not_below"), ("unit", "takes_part")]
    shorter = await team.do(root, "subdispatch", unit="town1", limit="2wd")
    assert shorter.tasks[1]["limit"] == "2wd" and shorter.tasks[1]["due_at"] < shorter.due_at


async def test_subdispatch_when_the_lead_has_nobody_below_is_not_open(database: Database) -> None:
    team = await in_hand(database)
    with pytest.raises(NotAllowed) as refused:
        await team.try_case(WATER, "subdispatch", unit="urban1")
    assert refused.value.data["reason"] == "has_lower_units"


# -- the whistle


async def test_whistle_when_blown_calls_departments_on_site_and_keeps_both_sides(database: Database) -> None:
    clock = Clock()
    team = await in_hand(database, clock)
    called = await team.do(GRID_LEAD, "blow_whistle", units=["urban1"], place="新添大道路口", reason="需要城管现场围挡")
    task = called.tasks[-1]
    assert (task["kind"], task["limit"], task["caller"], task["place"]) == ("whistle", "1wd", "town1", "新添大道路口")
    assert await team.told(database, "blow_whistle") == [{"u:urban1", "u:*"}] and await team.sees(TOWN)
    await team.task(URBAN, "t2", "task_sign")
    with pytest.raises(NotAllowed) as refused:
        await team.try_task(URBAN, "t2", "task_submit", note="人还没有到")
    assert refused.value.data["reason"] == "on_site"
    clock.forward(hours=2)
    arrived = task_of(await team.task(URBAN, "t2", "arrive", at=clock.now), "t2")
    assert (arrived["called_at"], arrived["late"]) == (task["dispatched_at"], False)
    with pytest.raises(NotAllowed) as refused:
        await team.try_task(URBAN, "t2", "arrive", at=clock.now)
    assert refused.value.data["reason"] == "not_arrived"
    await team.task(URBAN, "t2", "task_submit")
    assert task_of(await team.task(GRID_LEAD, "t2", "task_accept"), "t2")["state"] == "accepted"


async def test_whistle_in_danger_is_half_an_hour_and_whoever_comes_later_is_late(database: Database) -> None:
    clock = Clock()
    team = await reported(database, clock, description="有燃气味，井盖处很浓")
    await team.do(CLERK, "sign_in")
    called = await team.do(TOWN, "blow_whistle", units=["urban1"])
    number = called.tasks[-1]["id"]
    assert called.tasks[-1]["limit"] == "30m"
    with pytest.raises(Invalid) as wrong:
        await team.task(URBAN, number, "arrive", at=START - timedelta(minutes=1), position=FAR)
    assert error_codes(wrong) == [("at", "before_call"), ("reason", "required")]
    clock.forward(minutes=31)
    late = await team.task(URBAN, number, "arrive", at=clock.now, position=FAR, reason="桥上封闭，停在桥头")
    assert task_of(late, number)["late"] is True


async def test_whistle_when_not_the_township_or_for_itself_is_refused(database: Database) -> None:
    team = await in_hand(database)
    with pytest.raises(Forbidden):
        await team.try_case(WATER, "blow_whistle")
    for units, code in ((["water1"], "takes_part"), (["town1"], "own_unit")):
        with pytest.raises(Invalid) as wrong:
            await team.do(GRID_LEAD, "blow_whistle", units=units)
        assert error_codes(wrong) == [("units", code)]


async def test_whistle_before_the_dispatch_is_worked_on_and_ends_with_the_case(database: Database) -> None:
    team = await reported(database, category="0501")
    await team.do(GRID_LEAD, "blow_whistle", units=["urban1", "town2"])
    await team.task(URBAN, "t1", "arrive")
    cancelled = await team.do(OPERATOR, "cancel")
    assert [task["state"] for task in cancelled.tasks] == ["withdrawn", "withdrawn"]


async def test_whistle_when_the_called_unit_leads_afterwards_is_accepted_by_the_caller_alone(database: Database) -> None:
    team = await reported(database, category="0501")
    await team.do(GRID_LEAD, "blow_whistle", units=["urban1"])
    await team.do(DISPATCHER, "dispatch", unit="urban1")
    await team.task(URBAN, "t1", "arrive")
    await team.task(URBAN, "t1", "task_submit")
    with pytest.raises(Forbidden):
        await team.try_task(URBAN, "t1", "task_accept")
    assert task_of(await team.task(TOWN, "t1", "task_accept"), "t1")["state"] == "accepted"


# -- organizations


async def with_helpers(database: Database, clock: Clock | None = None, **fields: Any) -> Team:
    """Return a player of a case for which both organizations are invited (t2, t3)."""
    team = await in_hand(database, clock)
    await team.do(DISPATCHER, "invite", organizations=["vol1", "vol2"], **fields)
    return team


async def test_organization_when_it_helps_is_invited_claims_comes_reports_and_is_thanked(database: Database) -> None:
    team = await in_hand(database)
    invited = await team.do(WATER, "invite", note="帮忙疏导行人")
    assert [(item["code"], item["task_state"]) for item in invited.organizations] == [("vol1", "invited")]
    assert await team.told(database, "invite") == [{"o:vol1", "o:*"}]
    for action, state, fields in (
        ("claim", "claimed", {}), ("serve", "serving", {"people": "志愿者两名"}),
        ("task_submit", "submitted", {"note": "疏导行人两小时", "hours": 4}),
    ):  # fmt: skip
        after = await team.task(ONE, "t2", action, **fields)
        assert (after.tasks[-1]["state"], after.organizations[0]["task_state"]) == (state, state)
    back = await team.task(WATER, "t2", "task_return", reason="请补照片")
    assert back.tasks[-1]["state"] == "serving"
    await team.task(ONE, "t2", "task_submit", note="照片补上了", hours=4, photos=["d" * 64])
    done = await team.task(WATER, "t2", "task_confirm", rating=5, text="谢谢你们")
    task = done.tasks[-1]
    assert (task["state"], task["result"]["hours"], task["confirmation"]["rating"]) == ("confirmed", 4, 5)
    assert {task[part]["at"] for part in ("result", "confirmation")} == {task["dispatched_at"]} == {"2026-11-23T02:00:00.000Z"}
    timeline = (await team.stored())["timeline"]
    assert [entry["action"] for entry in timeline][3:] == [
        "sign_in", "invite", "claim", "serve", "task_submit", "task_return", "task_submit", "task_confirm",
    ]  # fmt: skip
    assert "志愿者" not in str([entry.get("data") for entry in timeline])


async def test_organizations_when_they_race_for_the_last_place_one_has_it(database: Database) -> None:
    team = await with_helpers(database, places=1)

    async def claim(who: Actor, number: str) -> str:
        try:
            await team.service.act_on_task(
                actor=who, case_id=team.id, task_id=number, action="claim", rev=None, fields={}, key=new_key()
            )
        except NotAllowed as error:
            return str(error.data["reason"])
        return "won"

    answers = await asyncio.gather(claim(ONE, "t2"), claim(TWO, "t3"))
    assert sorted(answers) == ["place_left", "won"]
    states = [task["state"] for task in (await team.stored())["tasks"][1:]]
    assert sorted(states) == ["claimed", "invited"]


async def test_organization_when_it_gives_up_its_place_another_may_have_it(database: Database) -> None:
    team = await with_helpers(database, places=1)
    await team.task(ONE, "t2", "claim")
    with pytest.raises(NotAllowed):
        await team.try_task(TWO, "t3", "claim")
    released = await team.task(ONE, "t2", "release", reason="人手不够")
    assert released.organizations[0]["task_state"] == "released"
    assert not await team.sees(ONE)
    assert task_of(await team.task(TWO, "t3", "claim"), "t3")["state"] == "claimed"
    assert task_of(await team.task(DISPATCHER, "t3", "release", reason="改由单位处理"), "t3")["state"] == "released"
    assert {"o:vol2", "o:*"} <= (await team.told(database, "release"))[-1]


async def test_organization_when_it_declines_sees_the_case_no_more_and_may_be_asked_again(database: Database) -> None:
    team = await with_helpers(database)
    declined = await team.task(ONE, "t2", "decline")
    assert declined.tasks[1]["state"] == "declined" and not await team.sees(ONE) and await team.sees(TWO)
    with pytest.raises(Invalid) as wrong:
        await team.do(DISPATCHER, "invite", organizations=["vol2"])
    assert error_codes(wrong) == [("organizations", "asked_already")]
    await team.do(DISPATCHER, "invite", organizations=["vol1"])
    assert await team.sees(ONE)
    with pytest.raises(Invalid) as wrong:
        await team.try_case(DISPATCHER, "invite", organizations=["vol1"], places=2)
    assert ("places", "range") in error_codes(wrong)


async def test_invitation_when_nobody_answers_runs_out_by_itself(database: Database) -> None:
    clock = Clock()
    team = await with_helpers(database, clock)
    await team.task(TWO, "t3", "claim")
    assert [timer["name"] for timer in (await team.stored())["timers"]] == ["invitation:t2"]
    clock.forward(hours=24)
    await team.service.sweep()
    case = await team.stored()
    assert [task["state"] for task in case["tasks"][1:]] == ["expired", "claimed"]
    entry = next(entry for entry in case["timeline"] if entry["action"] == "task_expire")
    assert (entry["actor"]["id"], entry["public"]) == ("system", False)
    assert case["live"]["orgs"] == ["vol2"] and not case["timers"] and not await team.sees(ONE)


async def test_invitation_in_a_hurry_runs_out_after_two_hours(database: Database) -> None:
    clock = Clock()
    team = await in_hand(database, clock, category="0203")
    await team.do(DISPATCHER, "invite", organizations=["vol1"])
    clock.forward(minutes=119)
    await team.service.sweep()
    assert (await team.stored())["tasks"][-1]["state"] == "invited"
    clock.forward(minutes=1)
    await team.service.sweep()
    assert (await team.stored())["tasks"][-1]["state"] == "expired"


async def test_organization_when_not_its_own_task_or_not_the_lead_is_refused(database: Database) -> None:
    team = await with_helpers(database)
    with pytest.raises(Forbidden):
        await team.try_task(TWO, "t2", "claim")
    with pytest.raises(Forbidden):
        await team.try_task(TWO, "t2", "decline")
    with pytest.raises(NotAllowed):
        await team.try_task(ONE, "t2", "serve", people="两人", at=START.isoformat())
    with pytest.raises(NotAllowed):
        await team.try_task(WATER, "t1", "task_confirm")
    await team.do(DISPATCHER, "add_unit", unit="urban1")
    with pytest.raises(Forbidden):
        await team.try_case(URBAN, "invite", organizations=["vol1"])
    withdrawn = await team.task(DISPATCHER, "t2", "task_withdraw", reason="请错了")
    assert task_of(withdrawn, "t2")["state"] == "withdrawn" and not await team.sees(ONE)


async def test_sensitive_case_asks_approved_organizations_only(database: Database) -> None:
    team = await reported(database, category="0901")
    await team.do(CLERK, "sign_in")
    with pytest.raises(Invalid) as wrong:
        await team.do(DISPATCHER, "invite", organizations=["vol1"])
    assert error_codes(wrong) == [("organizations", "sensitive")]
    assert (await team.do(DISPATCHER, "invite", organizations=["vol2"])).tasks[-1]["state"] == "invited"


async def test_citizen_when_helped_thanks_and_sees_no_inner_notes(database: Database) -> None:
    service = await open_service(database)
    filed = await service.report(actor=CITIZEN, present=whole, report=event(channel="app", category="0202"), key=new_key())
    team = Team(service, filed.id)
    await team.do(OPERATOR, "file")
    await team.do(CLERK, "sign_in")
    await team.do(DISPATCHER, "add_unit", unit="urban1", note="内部说明")
    await team.do(DISPATCHER, "invite")
    for action in ("claim", "serve", "task_submit"):
        await team.task(ONE, "t3", action)
    seen = await service.get(actor=CITIZEN, case_id=team.id)
    assert "内部说明" not in str(seen.tasks)
    assert task_of(await team.task(CITIZEN, "t3", "task_confirm", rating=5), "t3")["state"] == "confirmed"


# -- whatever ends a case leaves no task open


async def crowded(database: Database, clock: Clock | None = None) -> Team:
    """Return a player of a case with an open task of every kind that the town can have, and handed-in ones."""
    team = await with_helpers(database, clock)
    await team.do(GRID_LEAD, "blow_whistle", units=["urban2"])
    await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
    await team.do(DISPATCHER, "add_unit", unit="town1", kind="joint")
    for action in ("claim", "serve", "task_submit"):
        await team.task(ONE, "t2", action)
    await team.task(URBAN, "t5", "task_sign")
    await team.task(URBAN, "t5", "task_submit")
    return team


async def states_after(team: Team) -> dict[str, str]:
    case = await team.stored()
    assert not [task for task in case["tasks"] if is_open(task)], f"open in {case['live']['state']}"
    assert not [timer for timer in case.get("timers") or () if timer["subject"] == "task"]
    return {task["id"]: task["state"] for task in case["tasks"]}


async def test_closure_when_done_counts_what_was_handed_in_and_withdraws_the_rest(database: Database) -> None:
    team = await crowded(database)
    await team.do(CLERK, "submit_result")
    await team.do(DISPATCHER, "send_check")
    closed = await team.do(WALKER, "check_pass")
    assert closed.state == "closed"
    assert await states_after(team) == {
        "t1": "accepted", "t2": "confirmed", "t3": "withdrawn", "t4": "waived", "t5": "accepted", "t6": "waived",
    }  # fmt: skip
    assert await team.sees(ONE) and not await team.sees(TWO) and await team.sees(URBAN)


async def test_closure_is_not_held_up_by_an_organization(database: Database) -> None:
    team = await with_helpers(database)
    submit = next(
        item for item in (await team.service.get(actor=CLERK, case_id=team.id)).actions if item["name"] == "submit_result"
    )
    assert "waive_reason" not in fill(submit)


async def test_return_when_approved_takes_every_task_back(database: Database) -> None:
    team = await crowded(database)
    await team.do(WATER, "request_return")
    await team.decide(DISPATCHER, approve=True)
    states = await states_after(team)
    assert states["t1"] == "returned" and set(states.values()) == {"returned", "withdrawn"}
    assert not await team.sees(URBAN) and not await team.sees(ONE)
    again = await team.do(DISPATCHER, "dispatch", unit="urban1", organizations=["vol1"])
    assert [(task["kind"], task["state"]) for task in again.tasks[-2:]] == [("lead", "pending"), ("org", "invited")]


async def test_merge_when_made_withdraws_every_task(database: Database) -> None:
    team = await crowded(database)
    main = (await team.service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    await team.try_case(DISPATCHER, "merge", main=main.id, reason="同一个井盖")
    assert set((await states_after(team)).values()) == {"withdrawn"}


async def test_cancel_when_dispatched_withdraws_every_task(database: Database) -> None:
    team = await reported(database, category="0501")
    await team.do(DISPATCHER, "dispatch", organizations=["vol1", "vol2"], assists=["water1"])
    await team.task(TWO, "t4", "claim")
    await team.do(DISPATCHER, "cancel")
    assert set((await states_after(team)).values()) == {"withdrawn"}


async def test_transfer_when_others_take_over_withdraws_every_task(database: Database) -> None:
    team = await reported(database, category="0501")
    await team.do(GRID_LEAD, "blow_whistle", units=["urban1"])
    await team.do(DISPATCHER, "transfer_external", agency="119")
    assert await states_after(team) == {"t1": "withdrawn"}


async def test_special_closure_when_second_supervisor_agrees_withdraws_what_is_open(database: Database) -> None:
    team = await crowded(database)
    await team.do(SUPERVISOR, "propose_special_close")
    assert (await team.do(SECOND, "special_close")).state == "closed"
    assert not {"pending", "signed", "invited", "serving"} & set((await states_after(team)).values())


PEOPLE = (OPERATOR, DISPATCHER, CLERK, WATER, URBAN, TOWN, WALKER, GRID_LEAD, SUPERVISOR, SECOND, ONE, TWO, CITIZEN)
STARTS = ((WALKER, event()), (WALKER, event(category="0203")), (OPERATOR, ticket()), (WALKER, event(category="0501")))


@pytest.mark.parametrize("seed", range(3))
async def test_walk_when_random_leaves_no_task_open_in_a_case_that_has_ended(database: Database, seed: int) -> None:
    dice, clock = random.Random(seed), Clock()
    service = await open_service(database, clock)
    for who, report in STARTS:
        filed = await service.report(actor=who, present=whole, report=report, key=new_key())
        team = Team(service, filed.id)
        for _ in range(40):
            clock.forward(minutes=dice.choice((1, 20, 90)))
            await service.sweep()
            await _step(team, dice.choice(PEOPLE), dice)
        case = await team.stored()
        assert case["live"]["state"] not in ENDED or not [task for task in case["tasks"] if is_open(task)]
        marks = {item["code"]: item["task_state"] for item in case["organizations"]}
        last = {task["organization"]["code"]: task["state"] for task in case["tasks"] if task["kind"] == "org"}
        assert {code: marks[code] for code in last} == last


async def _step(team: Team, who: Actor, dice: random.Random) -> None:
    """Take one of the actions on a task or on the case that are open to somebody."""
    try:
        case = await team.service.get(actor=who, case_id=team.id)
    except NotFound:
        return
    found = [(task["id"], action) for task in case.tasks for action in task["actions"]]
    found += [("", action) for action in case.actions if action["name"] != "merge"]
    found = [(number, action) for number, action in found if is_fillable(action)]
    if not found:
        return
    number, action = dice.choice(found)
    if number:
        await team.task(who, number, action["name"])
    else:
        await team.do(who, action["name"])


def test_limit_when_a_part_has_none_never_passes_three_fifths() -> None:
    for unit in ("m", "h", "d", "wd"):
        for amount in range(2, 60):
            limit = Limit(amount, unit)
            assert assist_limit(limit).nominal_minutes <= 0.6 * limit.nominal_minutes, limit


def test_rows_of_tasks_when_read_say_who_they_are_for() -> None:
    """A task of a unit and one of an organization share actions: each row must tell them apart by a guard."""
    telling = {"own_part", "part_task", "own_help", "help_task", "own_help_or_dispatcher"}
    rows = [row for row in TABLE if row.subject == "task" and row.roles != {"system"} and row.states != ("invited",)]
    assert all(telling & set(row.guards) for row in rows)
