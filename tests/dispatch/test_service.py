"""The life of cases through the one writer, on a real database."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.actors import Scope
from dispatch.chain import verify
from dispatch.errors import IdempotencyMismatch, NotAllowed
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound, StaleRev
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    WALKER,
    Clock,
    Player,
    actor,
    clerk_of,
    event,
    fill,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip


async def reported(service, who=WALKER, report=None):
    filed = await service.report(actor=who, present=whole, report=report or event(), key=new_key())
    return Player(service, filed.case.id), filed.case


async def test_grid_event_when_clear_is_filed_dispatched_and_carried_to_closure(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service)
    assert (case.state, case.lead) == ("dispatched", {"code": "water1", "name": "甲区水务局"})
    assert sorted(clock.kind for clock in case.clocks if clock.done_at is None) == ["case", "sign_in"]
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "progress")
    await player.do(CLERK, "submit_result")
    await player.do(DISPATCHER, "send_check")
    closed = await player.do(WALKER, "check_pass")
    assert (closed.state, closed.outcome, closed.due_at is not None) == ("closed", "resolved", True)
    stored = await service.store.find_whole(case.id)
    assert stored is not None and verify(stored["timeline"], case.id) == []
    told = (await database.find_one(CASES, {"_id": case.id}) or {})["outbox"][-1]["keys"]
    assert {"p:grid_worker", "u:water1"} <= set(told), "both hear that it is closed"
    assert [entry["action"] for entry in stored["timeline"]] == [
        "submit", "file", "auto_dispatch", "sign_in", "progress", "submit_result", "send_check", "check_pass",
    ]  # fmt: skip


async def test_ticket_when_citizen_reported_needs_contact_and_visit(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, OPERATOR, ticket())
    assert case.state == "dispatched" and case.caller == {
        "name": "张**", "phone": "138****1234", "anonymous": False, "confidential": False,
    }  # fmt: skip
    signed = await player.do(CLERK, "sign_in")
    assert "submit_result" not in [action["name"] for action in signed.actions]
    with pytest.raises(NotAllowed) as refused:
        await service.act(actor=CLERK, case_id=case.id, action="submit_result", rev=signed.rev, fields={}, key=None)
    assert refused.value.data["reason"] == "contacted" and "contact" in refused.value.data["allowed"]
    await player.do(CLERK, "contact")
    await player.do(CLERK, "submit_result")
    await player.do(DISPATCHER, "to_visit")
    closed = await player.do(OPERATOR, "visit_ok")
    assert closed.state == "closed" and closed.visit["satisfaction"] == "very_satisfied"
    rated = await player.do(OPERATOR, "rate")
    assert rated.rating["quality"] == 5 and "rate" not in [action["name"] for action in rated.actions]


async def test_complaint_when_submitted_needs_the_leaders_signature(database: Database) -> None:
    service = await open_service(database)
    player, _ = await reported(service, OPERATOR, ticket(appeal_type="complaint"))
    await player.do(CLERK, "sign_in")
    contacted = await player.do(CLERK, "contact")
    assert "submit_result" not in [action["name"] for action in contacted.actions]
    await player.do(LEADER, "sign_off")
    assert (await player.do(CLERK, "submit_result")).state == "handled"


async def test_redo_when_citizen_is_not_helped_starts_again_with_signature(database: Database) -> None:
    service = await open_service(database)
    player, _ = await reported(service, OPERATOR, ticket())
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "contact")
    await player.do(CLERK, "submit_result")
    await player.do(DISPATCHER, "to_visit")
    with pytest.raises(Invalid) as wrong:
        await player.do(OPERATOR, "visit_ok", solved=False)
    assert [error.code for error in wrong.value.errors] == ["redo"]
    again = await player.do(OPERATOR, "visit_redo", reason="not_solved")
    assert again.state == "handling"
    (task,), clock = again.tasks, again.clocks[-1]
    assert (task["limit"], task["due_at"]) == (clock.limit, clock.due_at), "the unit's time is that of the redo"
    assert (await player.do(LEADER, "submit_result")).state == "handled"


async def test_check_when_failed_gives_half_the_limit(database: Database) -> None:
    service = await open_service(database)
    player, _ = await reported(service)
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "submit_result")
    await player.do(DISPATCHER, "send_check")
    failed = await player.do(WALKER, "check_fail")
    assert failed.state == "handling" and failed.clocks[-1].limit == "3wd" and failed.clocks[-1].kind == "case"


async def test_check_when_far_from_the_place_needs_a_reason(database: Database) -> None:
    service = await open_service(database)
    player, _ = await reported(service)
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "submit_result")
    await player.do(DISPATCHER, "send_check")
    far = {"lon": 106.62, "lat": 26.62, "crs": "WGS-84"}
    with pytest.raises(Invalid) as wrong:
        await player.do(WALKER, "check_pass", position=far)
    assert [error.field for error in wrong.value.errors] == ["reason"]
    assert (await player.do(WALKER, "check_pass", position=far, reason="道路封闭")).state == "closed"


async def test_return_when_approved_goes_back_to_the_queue_and_on_to_another_unit(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, case = await reported(service)
    asked = await player.do(clerk_of("water1"), "request_return")
    assert asked.state == "dispatched" and asked.requests[0]["state"] == "pending"
    assert not [
        item for item in (await service.get(actor=CLERK, case_id=case.id)).requests[0]["actions"] if item["name"] == "decide"
    ]
    clock.forward(hours=1)
    back = await player.decide(DISPATCHER, approve=True)
    assert (back.state, back.lead) == ("filed", None)
    with pytest.raises(NotFound):
        await service.get(actor=clerk_of("water1"), case_id=case.id)
    sent = await player.do(DISPATCHER, "dispatch")
    assert sent.lead["code"] == "urban1" and sent.due_at >= case.due_at
    own = next(clock for clock in sent.clocks if clock.kind == "case")
    assert own.started_at == next(clock for clock in case.clocks if clock.kind == "case").started_at


async def test_return_when_rejected_is_not_asked_twice(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service)
    await player.do(CLERK, "request_return")
    stays = await player.decide(DISPATCHER, approve=False)
    assert (stays.state, stays.requests[0]["state"]) == ("dispatched", "rejected")
    with pytest.raises(NotAllowed) as refused:
        await service.act(actor=CLERK, case_id=case.id, action="request_return", rev=stays.rev, fields={}, key=None)
    assert refused.value.data["reason"] == "first_return"


async def test_return_when_late_or_emergency_is_refused(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    _, case = await reported(service)
    clock.forward(days=3)
    names = [action["name"] for action in (await service.get(actor=CLERK, case_id=case.id)).actions]
    assert "request_return" not in names
    _, danger = await reported(service, WALKER, event(description="有燃气味，井盖处很浓"))
    assert danger.state == "dispatched" and danger.urgency == "emergency"
    names = [action["name"] for action in (await service.get(actor=CLERK, case_id=danger.id)).actions]
    assert "sign_in" in names and "request_return" not in names


async def test_dispatcher_when_dispatched_may_not_check_or_visit(database: Database) -> None:
    service = await open_service(database)
    both = actor("dispatcher", "two_hats")
    player, case = await reported(service, OPERATOR, ticket(category="0501", file=True))
    assert case.state == "filed"
    await player.do(both, "dispatch")
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "contact")
    await player.do(CLERK, "submit_result")
    visiting = await player.do(both, "to_visit")
    same_person = actor("operator", "two_hats")
    with pytest.raises(Forbidden):
        await service.act(actor=same_person, case_id=case.id, action="visit_ok", rev=visiting.rev, fields={}, key=None)


async def test_operator_when_reported_refuses_answers_or_cancels(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, OPERATOR, ticket(appeal_type="consult", file=False))
    assert case.state == "reported"
    assert (await player.do(OPERATOR, "direct_answer")).state == "answered"
    player, _ = await reported(service, OPERATOR, ticket(file=False))
    refused = await player.do(OPERATOR, "refuse")
    assert (refused.state, refused.outcome) == ("refused", "refused")
    player, _ = await reported(service, CITIZEN, event(file=False, channel="app"))
    assert (await player.do(CITIZEN, "cancel")).state == "cancelled"


async def test_merge_when_main_is_open_joins_reporters_in_one_transaction(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service)
    player, second = await reported(service, OPERATOR, ticket(category="0201", file=False))
    assert [item["id"] for item in second.duplicates] == [main.id]
    merged = await player.do(OPERATOR, "merge")
    assert (merged.state, merged.merged_into, merged.outcome) == ("merged", main.id, "duplicate")
    stored = await service.store.find_whole(main.id)
    assert stored is not None and stored["followers"][0]["case"] == second.id
    assert verify(stored["timeline"], main.id) == [] and stored["timeline"][-1]["action"] == "absorb"
    third, _ = await reported(service, OPERATOR, ticket(category="0201", file=False))
    assert (await third.do(OPERATOR, "merge", main=second.id)).merged_into == main.id  # the end of the chain
    fourth, refused = await reported(service, OPERATOR, ticket(category="0201", file=False))
    await fourth.do(OPERATOR, "refuse")
    fifth, _ = await reported(service, OPERATOR, ticket(category="0201", file=False))
    with pytest.raises(Invalid) as wrong:
        await fifth.do(OPERATOR, "merge", main=refused.id)
    assert wrong.value.errors[0].code == "not_open"


async def test_action_when_key_is_repeated_answers_from_the_case_as_it_is(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service)
    asked = {"actor": CLERK, "case_id": case.id, "action": "sign_in", "rev": case.rev, "fields": {}, "key": "k1"}
    first = await service.act(**asked)
    await player.do(CLERK, "progress")
    again = await service.act(**asked)
    assert (first.rev, again.rev, again.state) == (2, 3, "handling")
    with pytest.raises(IdempotencyMismatch):
        await service.act(**(asked | {"action": "progress", "fields": {"note": "别的内容"}}))


async def test_action_when_rev_is_stale_tells_rev_and_state(database: Database) -> None:
    service = await open_service(database)
    _, case = await reported(service)
    await service.act(actor=CLERK, case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=None)
    with pytest.raises(StaleRev) as stale:
        await service.act(actor=CLERK, case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=None)
    assert stale.value.data == {"rev": 2, "state": "handling"}


async def test_action_when_role_never_may_is_forbidden_and_unseen_is_not_found(database: Database) -> None:
    service = await open_service(database)
    _, case = await reported(service)
    with pytest.raises(Forbidden):
        await service.act(actor=OPERATOR, case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=None)
    with pytest.raises(NotFound):
        await service.act(actor=clerk_of("water2"), case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=None)
    with pytest.raises(NotAllowed):
        await service.act(actor=OPERATOR, case_id=case.id, action="nonsense", rev=case.rev, fields={}, key=None)


async def test_action_when_fields_are_wrong_names_every_one(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service)
    await player.do(CLERK, "sign_in")
    fields = {"result": "magic", "handling": "短", "public_reply": "请联系13812341234的王先生，他会为您处理的，谢谢", "x": 1}
    with pytest.raises(Invalid) as wrong:
        await service.act(actor=CLERK, case_id=case.id, action="submit_result", rev=2, fields=fields, key=None)
    assert {(error.field, error.code) for error in wrong.value.errors} == {
        ("result", "choice"), ("handling", "length"), ("public_reply", "personal_data"), ("photos", "required"), ("x", "unknown"),
    }  # fmt: skip


async def test_deciding_action_when_200_race_has_one_winner(database: Database) -> None:
    service = await open_service(database)
    _, case = await reported(service)

    async def sign(number: int) -> str:
        try:
            await service.act(actor=CLERK, case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=f"race-{number}")
        except StaleRev:
            return "stale"
        return "won"

    answers = await asyncio.gather(*(sign(number) for number in range(200)))
    stored = await service.store.find_whole(case.id)
    assert answers.count("won") == 1 and stored is not None and stored["live"]["rev"] == 2
    assert [entry["action"] for entry in stored["timeline"]].count("sign_in") == 1 and verify(stored["timeline"], case.id) == []


async def test_adding_actions_when_many_at_once_all_land(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service)
    await player.do(CLERK, "sign_in")

    async def add(number: int) -> None:
        fields = {"note": f"第{number}次进展"}
        await service.act(actor=CLERK, case_id=case.id, action="progress", rev=None, fields=fields, key=f"p{number}")

    await asyncio.gather(*(add(number) for number in range(12)))
    stored = await service.store.find_whole(case.id)
    assert stored is not None and stored["live"]["rev"] == 14 and verify(stored["timeline"], case.id) == []
    notes = {entry["texts"]["note"]["value"] for entry in stored["timeline"] if entry["action"] == "progress"}
    assert len(notes) == 12


async def test_two_groups_when_on_the_same_cases_answer_as_the_database_holds(database: Database) -> None:
    one, other = await open_service(database), await open_service(database)
    cases = [(await reported(one, WALKER, event(description=f"第{number}处井盖缺失")))[1] for number in range(20)]

    async def sign(service, case) -> bool:
        try:
            await service.act(actor=CLERK, case_id=case.id, action="sign_in", rev=1, fields={}, key=new_key())
        except StaleRev:
            return False
        return True

    won = await asyncio.gather(*(sign(service, case) for service in (one, other) for case in cases))
    assert sum(won) == 20
    assert {(await other.get(actor=CLERK, case_id=case.id)).rev for case in cases} == {2}


async def test_reporter_when_accusation_is_hidden_from_units(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, OPERATOR, ticket(appeal_type="report"))
    seen = await service.get(actor=clerk_of("urban1" if case.lead["code"] == "urban1" else case.lead["code"]), case_id=case.id)
    assert seen.reporter is None and seen.caller is None and seen.sensitive
    revealed = await service.reveal(actor=OPERATOR, case_id=case.id, reason="回访核实")
    assert revealed == {"name": "张三丰", "phone": "13812341234"}
    with pytest.raises(Forbidden):
        await service.reveal(actor=clerk_of(case.lead["code"]), case_id=case.id, reason="想知道是谁")
    stored = await service.store.find_whole(case.id)
    assert stored is not None and "13812341234" not in str(stored["timeline"]) and "张三丰" not in str({**stored, "caller": None})
    assert stored["timeline"][-1]["action"] == "reveal" and player.id == case.id


@pytest.mark.parametrize("role", ["operator", "dispatcher", "unit_clerk", "unit_leader", "grid_worker", "citizen", "supervisor"])
async def test_offered_actions_when_filled_by_type_are_accepted(database: Database, role: str) -> None:
    service = await open_service(database)
    for report, who in (
        (event(), WALKER),
        (ticket(), OPERATOR),
        (ticket(file=False), OPERATOR),
        (event(category="0203"), WALKER),
    ):
        made = (await service.report(actor=who, present=whole, report=report, key=new_key())).case
        tried = (
            {action["name"] for action in (await service.get(actor=actor(role), case_id=made.id)).actions}
            if role != "citizen"
            else set()
        )
        for name in sorted(tried - {"merge"}):
            again = (await service.report(actor=who, present=whole, report=report, key=new_key())).case
            offered = next(
                item for item in (await service.get(actor=actor(role), case_id=again.id)).actions if item["name"] == name
            )
            rev = again.rev if offered["needs_rev"] else None
            after = await service.act(actor=actor(role), case_id=again.id, action=name, rev=rev, fields=fill(offered), key=None)
            assert after.rev == again.rev + 1, name


async def test_organizations_when_chosen_are_invited_and_see_the_case(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, WALKER, event(category="0501"))
    assert [item["task_state"] for item in case.organizations] == [None]
    coordinator = actor("org_coordinator", organization="vol1", scope=Scope(organizations=frozenset({"vol1"})))
    with pytest.raises(NotFound):
        await service.get(actor=coordinator, case_id=case.id)
    sent = await player.do(DISPATCHER, "dispatch", organizations=["vol1", "vol2"])
    assert [(item["code"], item["task_state"], item["distance_m"]) for item in sent.organizations] == [
        ("vol1", "invited", 120), ("vol2", "invited", None),
    ]  # fmt: skip
    await player.do(CLERK, "sign_in")
    assert (await player.do(coordinator, "progress")).state == "handling"


async def test_assists_when_open_are_done_or_waived_before_the_result(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, WALKER, event(category="0203"))
    assert [(task["kind"], task["unit"]["code"]) for task in case.tasks] == [("lead", "water1"), ("assist", "urban1")]
    helper = clerk_of("urban1")
    await player.do(CLERK, "sign_in")
    for who, action in ((helper, "task_sign"), (helper, "task_submit"), (clerk_of("water1"), "task_accept")):
        seen = await service.get(actor=who, case_id=case.id)
        offered = next(item for item in seen.tasks[1]["actions"] if item["name"] == action)
        await service.act_on_task(
            actor=who, case_id=case.id, task_id="t2", action=action, rev=seen.rev, fields=fill(offered), key=new_key()
        )
    offered = (await service.get(actor=CLERK, case_id=case.id)).actions
    submit = next(item for item in offered if item["name"] == "submit_result")
    assert "waive_reason" not in fill(submit)
    other, second = await reported(service, WALKER, event(category="0203"))
    await other.do(CLERK, "sign_in")
    done = await other.do(CLERK, "submit_result")  # fills the reason, since an assist is open
    assert [task["state"] for task in done.tasks] == ["submitted", "waived"] and second.id != case.id


async def test_location_when_corrected_matches_anew_and_keeps_the_unit(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service)
    moved = await player.do(DISPATCHER, "correct_location", location={"lon": 106.665, "lat": 26.62, "crs": "WGS-84"})
    assert moved.lead == case.lead and moved.match["candidates"][0]["unit"]["code"] == "water2"
    assert moved.area_path[-1]["code"] == "5223" and moved.line.endswith("区5223")
    unplaced, _ = await reported(service, OPERATOR, ticket(location=None, address="不知道在哪"))
    assert "file" not in [action["name"] for action in (await service.get(actor=OPERATOR, case_id=unplaced.id)).actions]
    await unplaced.do(OPERATOR, "correct_location", location={"lon": 106.605, "lat": 26.62, "crs": "WGS-84"})
    assert (await unplaced.do(OPERATOR, "file")).state == "dispatched"


async def test_category_when_changed_counts_the_limit_from_the_first_start(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, case = await reported(service)
    clock.forward(hours=1)
    changed = await player.do(DISPATCHER, "reclassify", category="0202")
    before, after = (next(item for item in one.clocks if item.kind == "case") for one in (case, changed))
    assert (after.limit, after.started_at) == ("2wd", before.started_at) and after.due_at < before.due_at
    with pytest.raises(Invalid) as wrong:
        await player.do(DISPATCHER, "reclassify", category="0202", urgency="complex")
    assert wrong.value.errors[0].code == "supervisor_only"


async def test_urge_when_repeated_reaches_the_leader_and_citizens_once_a_day(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, case = await reported(service, CITIZEN, event(channel="app"))
    await player.do(OPERATOR, "file")
    await player.do(CITIZEN, "urge")
    assert "urge" not in [action["name"] for action in (await service.get(actor=CITIZEN, case_id=case.id)).actions]
    clock.forward(days=1)
    await player.do(CITIZEN, "urge")
    await player.do(DISPATCHER, "urge")
    await service.relay.sweep()
    told = await database.find("notices", {"kind": "urge"}, sort=[("at", 1)])
    assert ["head:water1" in notice["keys"] for notice in told] == [False, False, True]
