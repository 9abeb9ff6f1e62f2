"""Sensitive cases: who sees one in which state, by the rule in memory and by the filter of the database alike."""

from __future__ import annotations

import pytest

from dispatch.actors import Actor, Scope
from dispatch.keys import sees
from dispatch.service import CaseService
from dispatch.store import CASES, CaseQuery, visible_to
from storage.client import Database
from storage.errors import NotFound
from tests.dispatch.town import CLERK, DISPATCHER, OPERATOR, WALKER, Player, actor, event, new_key, open_service, ticket, whole

NEAR = actor("grid_worker", "near", areas=frozenset({"52"}), scope=Scope(areas=frozenset({"52"}), reporter="near"))
FAR = actor("grid_worker", "far", areas=frozenset({"522"}), scope=Scope(areas=frozenset({"522"}), reporter="far"))
MANY = Scope(areas=frozenset({"52", *(f"x{number}" for number in range(80))}), reporter="many")  # more keys than an index walks
MAYOR = actor("leader", scope=Scope(city=True, reporter="leader"))


async def _is_seen(service: CaseService, database: Database, who: Actor, case_id: str) -> bool:
    """By a read, by a list and by the rule in memory: all three agree."""
    live = (await database.find(CASES, {"_id": case_id}))[0]["live"]
    listed = case_id in [case.id for case in (await service.list(actor=who, query=CaseQuery())).items]
    try:
        await service.get(actor=who, case_id=case_id)
        read = True
    except NotFound:
        read = False
    assert read == listed == sees(who.scope, live)
    return read


async def test_sensitive_case_when_it_awaits_its_check_is_seen_by_the_workers_of_the_place(database: Database) -> None:
    service = await open_service(database, indexed=True)
    case = (await service.report(actor=OPERATOR, present=whole, report=ticket(category="0902", file=True), key=new_key())).case
    player, seen = Player(service, case.id), dict[str, bool]()
    steps = ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"),
             (DISPATCHER, "send_check"), (NEAR, "check_pass"))  # fmt: skip
    for who, action in steps:
        state = (await player.do(who, action)).state
        seen[state] = await _is_seen(service, database, NEAR, case.id)
        assert not await _is_seen(service, database, FAR, case.id)
        assert not await _is_seen(service, database, MAYOR, case.id)
        live = (await database.find(CASES, {"_id": case.id}))[0]["live"]
        assert bool(await database.find(CASES, {"_id": case.id, **visible_to(MANY)})) == sees(MANY, live)
    assert seen == {"handling": False, "handled": False, "checking": True, "visiting": False}


@pytest.mark.parametrize("who", [OPERATOR, DISPATCHER, CLERK, WALKER], ids=lambda who: who.role)
async def test_sensitive_event_when_reported_is_seen_by_whose_work_it_needs(database: Database, who: Actor) -> None:
    service = await open_service(database, indexed=True)
    case = (await service.report(actor=WALKER, present=whole, report=event(category="0901"), key=new_key())).case
    assert await _is_seen(service, database, who, case.id)


async def test_hidden_reporter_when_unit_submits_need_not_have_been_called(database: Database) -> None:
    service = await open_service(database)
    case = (await service.report(actor=OPERATOR, present=whole, report=ticket(appeal_type="report"), key=new_key())).case
    player = Player(service, case.id)
    signed = await player.do(CLERK, "sign_in")
    assert "contact" not in [clock.kind for clock in signed.clocks]
    await player.do(actor("unit_leader"), "sign_off")
    assert (await player.do(CLERK, "submit_result")).state == "handled"
