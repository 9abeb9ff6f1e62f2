"""Separation of duties (domain.md §2.2): whoever did one thing to a case may not do the other, whatever post they hold now."""

from __future__ import annotations

from typing import Any

import pytest

from storage.client import Database
from storage.errors import Forbidden
from tests.dispatch.test_oversight import reported
from tests.dispatch.town import (
    CLERK,
    DISPATCHER,
    OPERATOR,
    SUPERVISOR,
    UNITS,
    WALKER,
    Player,
    actor,
    event,
    open_service,
    ticket,
)  # fmt: skip

BOTH = "two_posts"
ASKED = {"check_pass": "grid_worker", "check_fail": "grid_worker", "visit_try": "operator", "visit_ok": "operator",
         "visit_redo": "operator", "close_explained": "supervisor", "rate": "operator", "spot_check": "grid_worker"}  # fmt: skip
TO_THE_CHECK = ("sign_in", "contact", "submit_result", "send_check")
TO_THE_VISIT = ("sign_in", "contact", "submit_result", "to_visit")


async def refused(player: Player, who: Any, action: str) -> str:
    """Return the guard that forbids an action to `who`, who sees the case."""
    case = await player.service.get(actor=who, case_id=player.id)
    assert action not in [item["name"] for item in case.actions]
    with pytest.raises(Forbidden) as error:
        await player.service.act(actor=who, case_id=player.id, action=action, rev=case.rev, fields={}, key=None)
    return str(error.value.data["reason"])


async def walk(player: Player, actions: tuple[str, ...], **instead: Any) -> None:
    """Take the actions, each by whoever usually does it or by whom `instead` names."""
    usual = {"dispatch": DISPATCHER, "send_check": DISPATCHER, "to_visit": DISPATCHER, "visit_ok": OPERATOR,
             "draw_spot_check": SUPERVISOR}  # fmt: skip
    for action in actions:
        await player.do(instead.get(action) or usual.get(action, CLERK), action)


async def manual(service: Any, category: str = "0501") -> Player:
    """Return a citizen's case that a dispatcher has to dispatch."""
    return await reported(service, OPERATOR, ticket(category=category))


@pytest.mark.parametrize("action", ["visit_try", "visit_ok", "visit_redo", "close_explained"])
async def test_dispatcher_when_they_dispatched_may_not_visit_or_explain(database: Database, action: str) -> None:
    player = await manual(await open_service(database))
    await walk(player, ("dispatch", *TO_THE_VISIT), dispatch=actor("dispatcher", BOTH))
    assert await refused(player, actor(ASKED[action], BOTH), action) == "did_not_dispatch"


@pytest.mark.parametrize("action", ["check_pass", "check_fail"])
async def test_dispatcher_when_they_dispatched_may_not_check(database: Database, action: str) -> None:
    player = await reported(await open_service(database), OPERATOR, ticket(category="0201", file=False))
    await player.do(actor("operator"), "reclassify", category="0501")
    await player.do(OPERATOR, "file")
    await player.do(DISPATCHER, "reclassify", category="0201")
    await walk(player, ("dispatch", *TO_THE_CHECK), dispatch=actor("dispatcher", BOTH))
    assert await refused(player, actor("grid_worker", BOTH), action) == "did_not_dispatch"


async def test_dispatcher_when_they_dispatched_may_not_check_again_after_closing(database: Database) -> None:
    player = await manual(await open_service(database))
    await walk(player, ("dispatch", *TO_THE_VISIT, "visit_ok", "draw_spot_check"), dispatch=actor("dispatcher", BOTH))
    assert await refused(player, actor("grid_worker", BOTH), "spot_check") == "did_not_dispatch"


@pytest.mark.parametrize("did", ["sign_in", "contact", "progress", "submit_result"])
@pytest.mark.parametrize("action", ["visit_ok", "visit_redo", "visit_try", "close_explained"])
async def test_handler_when_they_worked_on_it_may_not_visit_or_explain(database: Database, did: str, action: str) -> None:
    player = await manual(await open_service(database), "0202")
    handler = actor("unit_clerk", BOTH)
    await walk(player, ("sign_in", "progress", "contact", "submit_result", "to_visit"), **{did: handler})
    assert await refused(player, actor(ASKED[action], BOTH), action) == "not_of_lead"


async def test_handler_when_they_signed_off_may_not_visit(database: Database) -> None:
    player = await reported(await open_service(database), OPERATOR, ticket(appeal_type="complaint"))
    leader = actor("unit_leader", BOTH)
    await walk(player, ("sign_in", "contact", "sign_off", "submit_result", "to_visit"), sign_off=leader)
    assert await refused(player, actor("operator", BOTH), "visit_ok") == "not_of_lead"


@pytest.mark.parametrize("did", ["sign_in", "contact", "submit_result"])
async def test_handler_when_they_worked_on_it_may_not_rate_or_check_again(database: Database, did: str) -> None:
    player = await manual(await open_service(database), "0202")
    handler = actor("unit_clerk", BOTH)
    await walk(player, (*TO_THE_VISIT, "visit_ok", "draw_spot_check"), **{did: handler})
    for action in ("rate", "spot_check"):
        assert await refused(player, actor(ASKED[action], BOTH), action) == "not_of_lead"


@pytest.mark.parametrize("action", ["check_pass", "check_fail"])
async def test_handler_when_they_worked_on_it_may_not_check(database: Database, action: str) -> None:
    player = await reported(await open_service(database), WALKER, event())
    await walk(player, ("sign_in", "submit_result", "send_check"), sign_in=actor("unit_clerk", BOTH))
    assert await refused(player, actor("grid_worker", BOTH), action) == "not_of_lead"


async def test_unit_when_it_holds_the_case_may_not_send_its_own_people_to_check(database: Database) -> None:
    player = await reported(await open_service(database), WALKER, event())
    await walk(player, ("sign_in", "submit_result", "send_check"))
    colleague = actor("grid_worker", "colleague", unit="water1", units=frozenset({"water1"}))
    assert await refused(player, colleague, "check_pass") == "not_of_lead"


@pytest.mark.parametrize("asker", [{"unit": "water1", "units": frozenset({"water1"})}, {"units": frozenset(UNITS)}])
async def test_unit_when_it_asked_decides_nothing_itself(database: Database, asker: dict[str, Any]) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, event())
    await player.do(CLERK, "request_return")
    own = actor("dispatcher", "own", **asker)
    case = await service.get(actor=own, case_id=player.id)
    with pytest.raises(Forbidden) as error:
        await service.act_on_request(
            actor=own, case_id=player.id, request_id="q1", action="decide", rev=case.rev, fields={}, key=None
        )
    assert error.value.data["reason"] == "not_asking_unit"


async def test_person_when_they_asked_decides_nothing_in_another_post(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, event())
    await player.do(actor("unit_clerk", BOTH), "request_return")
    case = await service.get(actor=DISPATCHER, case_id=player.id)
    with pytest.raises(Forbidden) as error:
        await service.act_on_request(
            actor=actor("dispatcher", BOTH), case_id=player.id, request_id="q1", action="decide", rev=case.rev, fields={},
            key=None,
        )  # fmt: skip
    assert error.value.data["reason"] == "not_asking_unit"


async def test_supervisor_when_they_worked_for_the_unit_may_not_lift_or_close_or_reopen(database: Database) -> None:
    player = await manual(await open_service(database), "0202")
    both = actor("supervisor", BOTH)
    await walk(player, ("sign_in",), sign_in=actor("unit_clerk", BOTH))
    await player.do(SUPERVISOR, "supervise")
    for action in ("lift_supervise", "propose_special_close"):
        assert await refused(player, both, action) == "not_of_lead"
    await player.do(actor("unit_leader"), "answer_supervise")
    await player.do(CLERK, "contact")
    await player.do(actor("unit_leader"), "submit_result")
    await walk(player, ("to_visit", "visit_ok"))
    await player.do(OPERATOR, "rate", quality=1)
    await walk(player, ("rectify_contact", "rectify_submit"))
    for action in ("reopen", "rectify_close"):
        assert await refused(player, both, action) == "not_of_lead"
