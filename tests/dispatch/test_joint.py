"""一件事: one case, several units by a template, at once or in order, through the one writer on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.actors import Scope
from dispatch.categories import Catalogue
from dispatch.errors import NotAllowed
from dispatch.joint import JointTemplates
from dispatch.model import Category
from dispatch.tasks import is_open
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from tests.dispatch.test_teamwork import Team, error_codes, task_of
from tests.dispatch.town import (
    CLERK,
    DISPATCHER,
    OPERATOR,
    START,
    SUPERVISOR,
    TEMPLATES,
    WALKER,
    Clock,
    actor,
    clerk_of,
    event,
    new_key,
    open_service,
    whole,
)  # fmt: skip

URBAN, WATER, TOWN, ROOT = clerk_of("urban1"), clerk_of("water1"), clerk_of("town1"), clerk_of("root")


async def filed(database: Database, clock: Clock | None = None, **values: Any) -> Team:
    """Return a player of a case that waits for the dispatcher, in a town with templates."""
    service = await open_service(database, clock)
    service.rules.joint_templates = TEMPLATES
    report = event(**{"category": "0501", **values})
    return Team(service, (await service.report(actor=WALKER, present=whole, report=report, key=new_key())).id)


async def together(database: Database, template: str, clock: Clock | None = None, **fields: Any) -> Team:
    """Return a player of a case that was dispatched by a template."""
    team = await filed(database, clock)
    await team.do(DISPATCHER, "dispatch_joint", template=template, **fields)
    return team


async def states(team: Team) -> list[str]:
    return [task["state"] for task in (await team.stored())["tasks"]]


async def hand_in(team: Team, who: Any, task_id: str) -> Any:
    await team.task(who, task_id, "task_sign")
    return await team.task(who, task_id, "task_submit", note="本单位的部分已经办完")


# -- what is offered


async def test_template_when_the_category_has_some_is_offered_with_its_steps(database: Database) -> None:
    team = await filed(database)
    case = await team.service.get(actor=DISPATCHER, case_id=team.id)
    field = next(one for one in case.actions if one["name"] == "dispatch_joint")["fields"][0]
    assert (field["options"], field["value"], field["labels"]["T2"]) == (["T1", "T2", "T3"], "T1", "依次办")
    steps = field["templates"]["T2"]["steps"]
    assert [(one["step"], one["kind"], one["unit"]["code"], one["limit"]) for one in steps] == [
        (1, "lead", "urban1", "8wd"), (1, "joint", "water1", "2wd"), (2, "joint", "town1", "1wd"), (3, "assist", "root", "60wd"),
    ]  # fmt: skip
    assert field["templates"]["T3"]["steps"][-1] == {
        "step": 2, "kind": "joint", "unit": None, "named": "fire@district", "limit": None, "task": "缺单位：fire@district",
    }  # fmt: skip


async def test_template_when_none_fits_is_not_offered(database: Database) -> None:
    team = await filed(database)
    team.service.rules.joint_templates = JointTemplates()
    case = await team.service.get(actor=DISPATCHER, case_id=team.id)
    assert "dispatch_joint" not in [one["name"] for one in case.actions]
    with pytest.raises(NotAllowed) as refused:
        await team.try_case(DISPATCHER, "dispatch_joint", template="T1")
    assert refused.value.data["reason"] == "has_template"


async def test_category_with_a_template_waits_for_a_person_unless_there_is_danger(database: Database) -> None:
    service = await open_service(database)
    fits = TEMPLATES.all()[0]
    service.rules.joint_templates = JointTemplates([type(fits)(code="T", name="路灯", categories=("0202",), steps=fits.steps)])
    calm = await service.report(actor=WALKER, present=whole, report=event(category="0202"), key=new_key())
    case = await service.get(actor=DISPATCHER, case_id=calm.id)
    assert (case.state, case.match["decided"], case.match["doubt"]) == ("filed", "manual", ["joint_template"])
    danger = event(category="0202", description="路灯杆漏电，有燃气味")
    urgent = await service.report(actor=WALKER, present=whole, report=danger, key=new_key())
    assert (await service.get(actor=DISPATCHER, case_id=urgent.id)).state == "dispatched"


async def test_template_when_another_role_or_district_tries_is_refused(database: Database) -> None:
    team = await filed(database)
    for who in (OPERATOR, SUPERVISOR, WALKER):
        with pytest.raises(Forbidden):
            await team.try_case(who, "dispatch_joint", template="T1")
    elsewhere = actor("dispatcher", "elsewhere", scope=Scope(areas=frozenset({"522"})), areas=frozenset({"522"}))
    with pytest.raises(NotFound):
        await team.try_case(elsewhere, "dispatch_joint", template="T1")


async def test_template_when_it_cannot_be_carried_out_then_nothing_is_written(database: Database) -> None:
    team = await filed(database)
    before = await team.stored()
    for fields, expected in (
        ({"template": "T9"}, ("template", "choice")),
        ({"template": "T3"}, ("template", "no_unit")),
        ({"template": "T1", "limit": "90wd"}, ("limit", "too_long")),
        ({"template": "T1", "coordinator": "water1"}, ("coordinator", "has_part")),
    ):
        with pytest.raises(Invalid) as wrong:
            await team.try_case(DISPATCHER, "dispatch_joint", **fields)
        assert error_codes(wrong) == [expected], fields
    with pytest.raises(Invalid, match="some fields") as wrong:
        await team.try_case(DISPATCHER, "dispatch_joint", template="T3")
    assert wrong.value.errors[0].message.startswith("step 2 (缺单位：fire@district): no fire@district")
    assert await team.stored() == before


async def test_template_when_two_steps_come_to_one_unit_is_refused(database: Database) -> None:
    team, parallel = await filed(database), TEMPLATES.all()[0]
    twice = (*parallel.steps, type(parallel.steps[0])(number=1, unit="water@district", kind="assist", task="再来一次"))
    team.service.rules.joint_templates = JointTemplates([type(parallel)(code="T", name="重", categories=("0501",), steps=twice)])
    with pytest.raises(Invalid) as wrong:
        await team.try_case(DISPATCHER, "dispatch_joint", template="T")
    assert error_codes(wrong) == [("template", "unit_twice")]


# -- at once


async def test_parallel_steps_when_dispatched_are_all_given_in_one_write(database: Database) -> None:
    team = await together(database, "T1")
    case = await team.stored()
    assert [(task["kind"], task["unit"]["code"], task["state"], task["limit"]) for task in case["tasks"]] == [
        ("lead", "urban1", "pending", "10wd"), ("joint", "water1", "pending", "2wd"), ("assist", "town1", "pending", "6wd"),
    ]  # fmt: skip
    assert (case["live"]["state"], case["lead"]["code"], case["tasks"][0]["template"]["code"]) == ("dispatched", "urban1", "T1")
    assert case["tasks"][1]["coordinator"] == "town1" and case["tasks"][1]["note"] == "同时办：water1"
    entry = case["timeline"][-1]
    assert entry["data"] == {"template": "T1", "unit": "urban1", "units": ["water1", "town1"]}
    assert await team.told(database, "dispatch_joint") == [{"u:urban1", "u:water1", "u:town1", "u:*"}]
    assert case["facts"]["dispatchers"] == ["dispatcher"] and [clock["kind"] for clock in case["clocks"]] == [
        "dispatch",
        "case",
        "sign_in",
    ]
    assert all([await team.sees(who) for who in (URBAN, WATER, TOWN)])


async def test_parallel_steps_when_all_are_handed_in_are_closed_once_by_the_lead(database: Database) -> None:
    team = await together(database, "T1")
    await team.do(URBAN, "sign_in")
    await hand_in(team, WATER, "t2")
    assert task_of(await team.task(TOWN, "t2", "task_accept"), "t2")["state"] == "accepted"
    with pytest.raises(Invalid) as wrong:
        await team.do(URBAN, "submit_result", waive_reason="")
    assert error_codes(wrong) == [("waive_reason", "required")]
    await hand_in(team, TOWN, "t3")
    submitted = await team.do(URBAN, "submit_result")
    assert (submitted.state, [task["state"] for task in submitted.tasks]) == ("handled", ["submitted", "accepted", "accepted"])


async def test_coordinator_when_named_is_asked_in_place_of_the_township(database: Database) -> None:
    team = await together(database, "T1", coordinator="root")
    assert (await team.stored())["tasks"][1]["coordinator"] == "root" and await team.sees(ROOT)


async def test_limit_when_the_case_has_less_is_that_of_the_case(database: Database) -> None:
    team = await together(database, "T1", limit="1wd")
    case = await team.service.get(actor=DISPATCHER, case_id=team.id)
    assert [task["limit"] for task in case.tasks] == ["1wd", "2wd", "4wh"]
    assert all(task["due_at"] <= case.due_at for task in case.tasks)


# -- in order


async def test_danger_when_dispatched_by_a_template_brings_the_township_in_at_once(database: Database) -> None:
    team = await filed(database)
    await team.do(DISPATCHER, "reclassify", category="0501", urgency="emergency")
    await team.do(DISPATCHER, "dispatch_joint", template="T2")
    case = await team.stored()
    assert [(task["kind"], task["unit"]["code"], task["state"]) for task in case["tasks"]] == [
        ("lead", "urban1", "pending"), ("joint", "water1", "pending"), ("joint", "town1", "waiting"),
        ("assist", "root", "waiting"), ("assist", "town1", "pending"),
    ]  # fmt: skip
    told = (await team.told(database, "dispatch_joint"))[0]
    assert {"p:walker", "dispatcher:*", "u:town1"} <= told and case["facts"]["alarms"] == 0
    await hand_in(team, WATER, "t2")
    assert task_of(await team.service.get(actor=TOWN, case_id=team.id), "t3")["state"] == "pending"


async def test_later_steps_when_dispatched_wait_unseen_and_untold(database: Database) -> None:
    team = await together(database, "T2")
    case = await team.stored()
    assert [(task["state"], task["due_at"] is None, task["dispatched_at"] is None) for task in case["tasks"]] == [
        ("pending", False, False), ("pending", False, False), ("waiting", True, True), ("waiting", True, True),
    ]  # fmt: skip
    assert case["tasks"][0]["limit"] == "8wd", "the template's own limit, shorter than the case's"
    assert case["live"]["units"] == ["urban1", "water1", "town1"], (
        "the township coordinates; whose turn has not come is not there"
    )
    assert await team.told(database, "dispatch_joint") == [{"u:urban1", "u:water1", "u:*"}]
    assert not await team.sees(ROOT)
    shown = task_of(await team.service.get(actor=DISPATCHER, case_id=team.id), "t4")
    assert [unit["code"] for unit in shown["waits_for"]] == ["water1", "town1"]
    assert sorted(one["name"] for one in shown["actions"]) == ["task_waive", "task_withdraw"]
    with pytest.raises(NotAllowed):
        await team.try_task(TOWN, "t3", "task_sign")


async def test_next_step_when_its_turn_comes_is_given_with_a_limit_that_begins_then(database: Database) -> None:
    clock = Clock()
    team = await together(database, "T2", clock)
    await team.do(URBAN, "sign_in")
    clock.forward(days=1)
    await hand_in(team, WATER, "t2")
    case = await team.stored()
    begun = case["timeline"][-1]
    assert (begun["action"], begun["actor"]["role"], begun["data"]) == (
        "begin_parts", "system", {"step": 2, "tasks": ["t3"], "units": ["town1"]},
    )  # fmt: skip
    third = case["tasks"][2]
    assert (third["state"], third["dispatched_at"], third["entry"]) == ("pending", clock.now, begun["seq"])
    assert third["due_at"] == START + timedelta(days=2, hours=7), "the end of the working day after: 1 wd from then"
    assert await team.told(database, "begin_parts") == [{"u:town1", "u:*"}] and not await team.sees(ROOT)
    assert await team.told(database, "task_submit") == [{"u:urban1", "u:town1", "u:*"}]
    await hand_in(team, TOWN, "t3")
    last = task_of(await team.service.get(actor=ROOT, case_id=team.id), "t4")
    assert (last["state"], last["due_at"]) == ("pending", (await team.service.get(actor=ROOT, case_id=team.id)).due_at)


@pytest.mark.parametrize(("who", "action"), [(URBAN, "task_waive"), (DISPATCHER, "task_waive"), (DISPATCHER, "task_withdraw")])
async def test_step_when_lifted_lets_the_next_begin(database: Database, who: Any, action: str) -> None:
    team = await together(database, "T2")
    lifted = await team.task(who, "t2", action, reason="水务没有要办的")
    assert [task["state"] for task in lifted.tasks[2:]] == ["pending", "waiting"]


async def test_waiting_step_when_lifted_tells_nobody_and_leaves_the_order_whole(database: Database) -> None:
    team = await together(database, "T2")
    await team.task(DISPATCHER, "t3", "task_waive", reason="街道已经到过现场")
    assert await states(team) == ["pending", "pending", "waived", "waiting"]
    assert await team.told(database, "task_waive") == [] and await team.told(database, "begin_parts") == []
    await hand_in(team, WATER, "t2")
    assert await states(team) == ["pending", "submitted", "waived", "pending"], "the last one waited for nobody else any more"
    assert await team.sees(ROOT)


async def test_step_when_sent_back_holds_up_what_has_not_begun(database: Database) -> None:
    team = await together(database, "T2")
    await hand_in(team, WATER, "t2")
    await team.task(URBAN, "t2", "task_reject", reason="照片看不清")
    await hand_in(team, TOWN, "t3")
    assert await states(team) == ["pending", "signed", "submitted", "waiting"]
    await team.task(WATER, "t2", "task_submit", note="重新拍过照片了")
    assert await states(team) == ["pending", "submitted", "submitted", "pending"]


# -- endings


async def test_lead_when_it_submits_must_say_why_waiting_steps_are_waived(database: Database) -> None:
    team = await together(database, "T2")
    await team.do(URBAN, "sign_in")
    with pytest.raises(Invalid) as wrong:
        await team.do(URBAN, "submit_result", waive_reason="")
    assert error_codes(wrong) == [("waive_reason", "required")]
    done = await team.do(URBAN, "submit_result", waive_reason="业主已自行拆除")
    assert [task["state"] for task in done.tasks] == ["submitted", "waived", "waived", "waived"]
    assert "begin_parts" not in [entry["action"] for entry in (await team.stored())["timeline"]]


async def test_lead_when_its_return_is_approved_leaves_nothing_and_the_template_may_be_taken_again(database: Database) -> None:
    team = await together(database, "T2")
    await team.do(URBAN, "request_return", unit="water1")
    back = await team.decide(DISPATCHER, approve=True)
    assert (back.state, [task["state"] for task in back.tasks]) == ("filed", ["returned", "withdrawn", "withdrawn", "withdrawn"])
    again = await team.do(DISPATCHER, "dispatch_joint", template="T2")
    assert [task["state"] for task in again.tasks[4:]] == ["pending", "pending", "waiting", "waiting"]
    await hand_in(team, WATER, "t6")
    assert (await states(team))[4:] == ["pending", "submitted", "pending", "waiting"]


@pytest.mark.parametrize("ending", ["cancel", "special", "coordination"])
async def test_case_when_it_ends_another_way_leaves_nothing_open(database: Database, ending: str) -> None:
    team = await together(database, "T2")
    if ending == "cancel":
        await team.do(DISPATCHER, "cancel", reason="withdrawn")
    elif ending == "special":
        await team.do(URBAN, "sign_in")
        await team.do(SUPERVISOR, "propose_special_close")
        await team.do(actor("supervisor", "second"), "special_close")
    else:
        await team.do(URBAN, "sign_in")
        await team.do(SUPERVISOR, "coordinate", trigger="dispute")
        assert not await team.sees(ROOT)
        await team.do(SUPERVISOR, "decide_coordination", unit="water1")
    case = await team.stored()
    left = [task["unit"]["code"] for task in case["tasks"] if is_open(task)]
    assert left == (["water1"] if ending == "coordination" else [])
    assert all(task["state"] != "waiting" for task in case["tasks"])


async def test_case_when_joined_to_another_leaves_nothing_open(database: Database) -> None:
    team = await together(database, "T2")
    other = await team.service.report(actor=WALKER, present=whole, report=event(category="0101"), key=new_key())
    await team.try_case(DISPATCHER, "merge", main=other.id, reason="同一件事")
    assert set(await states(team)) == {"withdrawn"}


async def test_case_when_it_stands_still_keeps_the_order(database: Database) -> None:
    clock = Clock()
    team = await together(database, "T2", clock)
    await team.do(URBAN, "sign_in")
    await team.do(URBAN, "request_suspension")
    await team.decide(actor("unit_leader"), "sign_request")
    await team.decide(SUPERVISOR, approve=True)
    clock.forward(days=3)
    resumed = await team.do(URBAN, "resume")
    assert [task["state"] for task in resumed.tasks] == ["signed", "pending", "waiting", "waiting"]
    await hand_in(team, WATER, "t2")
    assert (await states(team))[2:] == ["pending", "waiting"]


async def test_part_when_a_unit_waits_for_its_turn_is_not_given_twice(database: Database) -> None:
    team = await together(database, "T2")
    with pytest.raises(Invalid) as wrong:
        await team.try_case(DISPATCHER, "add_unit", unit="root", kind="assist")
    assert error_codes(wrong) == [("unit", "takes_part")]
    assert "sign_in" in [one["name"] for one in (await team.service.get(actor=CLERK, case_id=team.id)).actions]


async def test_grid_worker_when_it_is_dealt_with_at_once_lifts_what_waits_too(database: Database) -> None:
    team = await together(database, "T2")
    rules = team.service.rules
    rules.catalogue = Catalogue([Category(code="0501", name="小事", urgency="normal", limit="10wd", self_handle=True)])
    closed = await team.do(WALKER, "self_handle", note="已当场处理完毕")
    assert (closed.state, {task["state"] for task in closed.tasks}) == ("closed", {"withdrawn"})
    assert await team.told(database, "self_handle") == [{"u:urban1", "u:water1", "u:*"}], "whose turn never came hears nothing"
