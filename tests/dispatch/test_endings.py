"""Endings by the supervisors, spot checks, reopening, the archive, and calls in vain, on a real database."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.errors import NotAllowed
from dispatch.states import TABLE
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.test_oversight import offered, reported, stored
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    event,
    open_service,
    ticket,
)  # fmt: skip

OTHER = actor("supervisor", "second")


async def visiting(service: Any, report: Any = None) -> Player:
    """Return a citizen's case that waits for its visit."""
    player = await reported(service, OPERATOR, report or ticket())
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "to_visit")):
        await player.do(who, action)
    return player


async def closed(service: Any) -> Player:
    """Return a citizen's case that was closed after its visit."""
    player = await visiting(service)
    await player.do(OPERATOR, "visit_ok")
    return player


async def actions_of(player: Player) -> list[str]:
    """Return what was done to the case, in order, without the lights."""
    return [entry["action"] for entry in (await stored(player))["timeline"] if entry["action"] != "light"]


# -- calls in vain


async def test_visit_when_nobody_answers_is_unrated_after_three_tries_on_two_days(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await visiting(service)
    given_up = {"contacted": False, "solved": False, "satisfaction": "unrated"}
    for hours in (0, 1, 1):
        clock.forward(hours=hours)
        await player.do(OPERATOR, "visit_try")
    with pytest.raises(Invalid) as wrong:
        await player.do(OPERATOR, "visit_ok", **given_up)
    assert [(error.field, error.code) for error in wrong.value.errors] == [("satisfaction", "more_tries")]
    assert "3 on 1" in wrong.value.errors[0].message
    clock.forward(days=1)
    await player.do(OPERATOR, "visit_try")
    with pytest.raises(Invalid):
        await player.do(OPERATOR, "visit_ok", **(given_up | {"satisfaction": "satisfied"}))
    done = await player.do(OPERATOR, "visit_ok", **given_up)
    assert (done.state, done.visit["satisfaction"]) == ("closed", "unrated")
    tries = [entry["data"]["count"] for entry in (await stored(player))["timeline"] if entry["action"] == "visit_try"]
    assert tries == [1, 2, 3, 4]


async def test_visit_tries_when_the_case_was_done_again_are_counted_anew(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await visiting(service)
    for _ in range(3):
        await player.do(OPERATOR, "visit_try")
        clock.forward(days=1)
    await player.do(OPERATOR, "visit_redo")
    for who, action in ((LEADER, "submit_result"), (DISPATCHER, "to_visit")):
        await player.do(who, action)
    with pytest.raises(Invalid) as wrong:
        await player.do(OPERATOR, "visit_ok", contacted=False, satisfaction="unrated")
    assert [error.code for error in wrong.value.errors] == ["more_tries"]


# -- endings


async def test_close_when_the_claim_cannot_be_met_is_explained_by_a_supervisor(database: Database) -> None:
    service = await open_service(database)
    player = await visiting(service)
    with pytest.raises(Invalid) as wrong:
        case = await service.get(actor=SUPERVISOR, case_id=player.id)
        await service.act(actor=SUPERVISOR, case_id=player.id, action="close_explained", rev=case.rev, fields={}, key=None)
    assert {error.field for error in wrong.value.errors} == {"reason", "basis", "photos"}
    assert "close_explained" not in await offered(player, OPERATOR)
    done = await player.do(SUPERVISOR, "close_explained", reason="policy_forbids")
    assert (done.state, done.outcome) == ("closed", "explained")
    assert (await stored(player))["closure"]["type"] == "explained"


async def test_special_close_when_one_proposes_another_confirms(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, event(category="0203"))
    await player.do(CLERK, "request_return")
    assert "special_close" not in await offered(player, OTHER)
    proposed = await player.do(SUPERVISOR, "propose_special_close")
    assert proposed.state == "dispatched" and "propose_special_close" not in await offered(player, OTHER)
    with pytest.raises(Forbidden) as refused:
        await service.act(actor=SUPERVISOR, case_id=player.id, action="special_close", rev=proposed.rev, fields={}, key=None)
    assert refused.value.data["reason"] == "not_proposer"
    done = await player.do(OTHER, "special_close")
    assert (done.state, done.outcome) == ("closed", "cannot")
    assert {task["state"] for task in done.tasks} == {"withdrawn"}
    case = await stored(player)
    assert (case["closure"]["type"], case["closure"]["proposed_by"], case["closure"]["by"]) == ("special", "supervisor", "second")
    assert not [request for request in case["requests"] if request["state"] == "pending"]
    assert not [one for one in case["clocks"] if one["done_at"] is None]


async def test_special_close_when_declined_may_be_proposed_again(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    await player.do(SUPERVISOR, "propose_special_close")
    await player.do(OTHER, "decline_special_close")
    assert "special_close" not in await offered(player, SUPERVISOR)
    await player.do(OTHER, "propose_special_close")
    assert (await player.do(SUPERVISOR, "special_close")).state == "closed"
    again = await player.do(SUPERVISOR, "reopen", kind="false_closure")
    assert (again.state, again.closures[0]["type"]) == ("dispatched", "special")
    assert "special_close" not in await offered(player, OTHER) and "sign_in" in await offered(player, CLERK)
    unfiled = await reported(service, OPERATOR, ticket(file=False))
    with pytest.raises(NotAllowed):
        await service.act(actor=SUPERVISOR, case_id=unfiled.id, action="propose_special_close", rev=1, fields={}, key=None)


# -- spot checks and reopening


async def test_reopen_when_the_citizen_appeals_brings_it_back_to_the_lead_once(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await closed(service)
    before = await service.get(actor=OPERATOR, case_id=player.id)
    clock.forward(days=14)
    again = await player.do(SUPERVISOR, "reopen", kind="citizen_appeal")
    assert (again.state, again.closed_at, again.outcome, again.lead) == ("dispatched", None, None, before.lead)
    running = sorted((item.kind, item.limit) for item in again.clocks if item.done_at is None)
    assert running == [("case", "2wd"), ("sign_in", "2wh")] and again.light == "green"
    (earlier,) = again.closures
    assert (earlier["type"], earlier["outcome"], earlier["false"]) == ("normal", "resolved", False)
    assert (
        isinstance(earlier["visit"]["at"], str)
        and earlier["closed_at"] == before.closed_at
        and earlier["visit"]["satisfaction"] == "very_satisfied"
    )
    assert [(task["kind"], task["state"]) for task in again.tasks] == [("lead", "accepted"), ("lead", "pending")]
    assert service.board.get(player.id) is not None
    await player.do(CLERK, "sign_in")
    assert "submit_result" not in await offered(player, CLERK), "the unit's leader signs what is done again"
    for who, action in ((LEADER, "submit_result"), (DISPATCHER, "to_visit"), (OPERATOR, "visit_ok")):
        await player.do(who, action)
    with pytest.raises(Invalid) as wrong:
        await player.do(SUPERVISOR, "reopen", kind="citizen_appeal")
    assert [error.field for error in wrong.value.errors] == ["kind"]
    assert "rate" in await offered(player, OPERATOR)


async def test_reopen_when_the_window_is_over_takes_no_appeal(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await closed(service)
    clock.forward(days=15, seconds=1)
    case = await service.get(actor=SUPERVISOR, case_id=player.id)
    (kind,) = [field for action in case.actions if action["name"] == "reopen" for field in action["fields"][:1]]
    assert kind["options"] == ["false_closure"]


async def test_spot_check_when_failed_lets_the_case_be_reopened_and_marks_the_closure(database: Database) -> None:
    service = await open_service(database)
    player = await closed(service)
    assert "spot_check" not in await offered(player, WALKER)
    with pytest.raises(Invalid):
        await player.do(SUPERVISOR, "reopen", kind="spot_check")
    drawn = await player.do(SUPERVISOR, "draw_spot_check", checker="walker2")
    with pytest.raises(Forbidden):
        await service.act(actor=WALKER, case_id=player.id, action="spot_check", rev=drawn.rev, fields={}, key=None)
    failed = await player.do(actor("grid_worker", "walker2"), "spot_check", result="fail")
    assert failed.spot_check["result"] == "fail" and "spot_check" not in await offered(player, WALKER)
    again = await player.do(SUPERVISOR, "reopen", kind="spot_check")
    assert (again.state, again.closures[0]["false"], again.spot_check) == ("dispatched", True, None)


async def test_spot_check_when_the_case_is_kept_from_grid_workers_is_not_drawn(database: Database) -> None:
    service = await open_service(database)
    player = await visiting(service, ticket(category="0901"))
    await player.do(OPERATOR, "visit_ok")
    assert "draw_spot_check" not in await offered(player, SUPERVISOR)


async def test_reopen_when_no_unit_had_it_goes_to_the_dispatcher(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, event(category="0501"))
    await player.do(SUPERVISOR, "propose_special_close")
    await player.do(OTHER, "special_close")
    again = await player.do(SUPERVISOR, "reopen", kind="false_closure")
    assert again.state == "filed" and [item.kind for item in again.clocks if item.done_at is None] == ["dispatch"]
    assert (await player.do(DISPATCHER, "dispatch")).state == "dispatched"


# -- the archive


async def test_archive_when_fifteen_days_have_passed_refuses_everything(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await closed(service)
    clock.forward(days=14, hours=23)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "closed"
    clock.forward(hours=1)
    await service.sweep()
    case = await service.get(actor=OPERATOR, case_id=player.id)
    assert case.state == "archived" and not case.actions
    document = await database.find_one(CASES, {"_id": player.id})
    assert document is not None and document["next_light_at"] is None
    for row in (row for row in TABLE if row.subject == "case"):
        for role in sorted(row.roles - {"system"}):
            with pytest.raises((NotAllowed, Forbidden)):
                await service.act(
                    actor=actor(role, scope=OPERATOR.scope),
                    case_id=player.id,
                    action=row.action,
                    rev=case.rev,
                    fields={},
                    key=None,
                )
    with pytest.raises((NotAllowed, Forbidden)):
        await service.reveal(actor=OPERATOR, case_id=player.id, reason="回访核实")
    assert len((await stored(player))["timeline"]) == document["head"]["seq"]


@pytest.mark.parametrize("end", ["direct_answer", "refuse", "cancel"])  # what was joined: `test_joining_again`
async def test_archive_when_a_case_ended_early_takes_it_too_but_not_what_was_cancelled(database: Database, end: str) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service, OPERATOR, ticket(appeal_type="consult", file=False))
    await player.do(OPERATOR, end)
    clock.forward(days=15)
    await service.sweep()
    case = await service.get(actor=OPERATOR, case_id=player.id)
    assert case.state == ("cancelled" if end == "cancel" else "archived")


async def test_archive_when_a_supervision_is_open_waits_until_it_is_lifted(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await visiting(service)
    await player.do(SUPERVISOR, "supervise")
    await player.do(OPERATOR, "visit_ok")
    clock.forward(days=20)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "closed"
    await player.do(SUPERVISOR, "lift_supervise")
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "archived"
    assert (await actions_of(player))[-5:] == ["supervise", "visit_ok", "ask_rating", "lift_supervise", "archive"]


async def test_archive_when_two_things_were_open_waits_for_the_longer(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await visiting(service)
    await player.do(SUPERVISOR, "supervise")
    await player.do(OPERATOR, "visit_ok")
    clock.forward(days=10)
    await player.do(SUPERVISOR, "draw_spot_check")
    await player.do(SUPERVISOR, "lift_supervise")
    clock.forward(days=1)
    await player.do(WALKER, "spot_check", result="pass")
    clock.forward(days=14, hours=23)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "closed"
    clock.forward(hours=1)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "archived"


async def test_archive_when_others_have_taken_it_over_waits_for_receipt_and_feedback(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service, OPERATOR, ticket(file=False))
    await player.do(OPERATOR, "transfer_external")
    clock.forward(days=20)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "transferred"
    await player.do(OPERATOR, "record_receipt")
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "archived"


async def test_appeal_when_approved_reopens_the_case(database: Database) -> None:
    service = await open_service(database)
    player = await closed(service)
    await player.do(OPERATOR, "appeal_result")
    again = await player.decide(SUPERVISOR, approve=True)
    assert (again.state, again.closures[0]["reopened"]) == ("dispatched", "citizen_appeal")


async def test_story_when_told_from_the_bad_work_to_the_archive(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service, CITIZEN, event(category="0202", channel="app"))
    for who, action in (
        (OPERATOR, "file"), (CLERK, "sign_in"), (CLERK, "contact"), (SUPERVISOR, "supervise"), (LEADER, "answer_supervise"),
        (LEADER, "submit_result"), (DISPATCHER, "to_visit"), (OPERATOR, "visit_ok"), (SUPERVISOR, "lift_supervise"),
        (SUPERVISOR, "draw_spot_check"),
    ):  # fmt: skip
        await player.do(who, action)
    await player.do(WALKER, "spot_check", result="fail")
    await player.do(SUPERVISOR, "reopen", kind="spot_check")
    for who, action in ((CLERK, "sign_in"), (LEADER, "submit_result"), (DISPATCHER, "to_visit"), (SUPERVISOR, "close_explained")):
        await player.do(who, action)
    clock.forward(days=15)
    await service.sweep()
    assert await actions_of(player) == [
        "submit", "file", "auto_dispatch", "sign_in", "contact", "supervise", "answer_supervise", "submit_result", "to_visit",
        "ask_reporter", "visit_ok", "lift_supervise", "draw_spot_check", "spot_check", "reopen", "sign_in", "submit_result",
        "to_visit", "ask_reporter", "close_explained", "archive",
    ]  # fmt: skip
