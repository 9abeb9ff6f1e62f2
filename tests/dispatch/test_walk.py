"""Random walks: whatever the roles try in whatever order, the answers and the database agree."""

from __future__ import annotations

import random
from typing import Any

import pytest

from dispatch.chain import verify
from dispatch.clockwork import light_at
from dispatch.errors import NotAllowed
from dispatch.keys import case_keys
from dispatch.states import ALIVE, ENDED, STATES, TABLE
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    clerk_of,
    event,
    fill,
    is_fillable,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

ROLES = (OPERATOR, DISPATCHER, CLERK, LEADER, WALKER, CITIZEN, SUPERVISOR, clerk_of("water1"), clerk_of("water2"))
ACTIONS = sorted({row.action for row in TABLE if row.subject == "case"} - {"reveal", "merge"})
REPORTS = ((WALKER, event()), (OPERATOR, ticket()), (OPERATOR, ticket(appeal_type="complaint", file=False)), (CITIZEN, event()))


async def _try(service: Any, who: Any, case_id: str, dice: random.Random) -> None:
    try:
        case = await service.get(actor=who, case_id=case_id)
    except NotFound:
        with pytest.raises(NotFound):
            await service.act(actor=who, case_id=case_id, action="progress", rev=None, fields={}, key=None)
        return
    offered = {action["name"]: action for action in case.actions if action["name"] != "merge"}
    name = dice.choice(ACTIONS) if not offered or dice.random() < 0.3 else dice.choice(sorted(offered))
    if name in offered:
        if not is_fillable(offered[name]):
            return
        rev = case.rev if offered[name]["needs_rev"] else None
        after = await service.act(actor=who, case_id=case_id, action=name, rev=rev, fields=fill(offered[name]), key=new_key())
        assert after.rev == case.rev + 1
    else:
        with pytest.raises((NotAllowed, Forbidden, Invalid)) as refused:
            await service.act(actor=who, case_id=case_id, action=name, rev=case.rev, fields={}, key=None)
        assert not isinstance(refused.value, Invalid), f"{name} was taken by {who.role} although it is not offered"
        if isinstance(refused.value, NotAllowed):
            assert set(refused.value.data["allowed"]) - {"merge"} == set(offered)
    await _try_request(service, who, case_id, dice)


async def _try_request(service: Any, who: Any, case_id: str, dice: random.Random) -> None:
    case = (await service.store.find(case_id)) or {}
    if not case["requests"] or dice.random() < 0.5:
        return
    try:
        seen = await service.get(actor=who, case_id=case_id)
    except NotFound:
        return
    for action in seen.requests[-1]["actions"][:1]:
        await service.act_on_request(
            actor=who, case_id=case_id, request_id=seen.requests[-1]["id"], action=action["name"], rev=seen.rev,
            fields=fill(action) | ({"approve": dice.random() < 0.5} if action["name"] == "decide" else {}), key=new_key(),
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_walk_when_random_keeps_every_promise(database: Database, seed: int) -> None:
    dice, clock = random.Random(seed), Clock()
    service = await open_service(database, clock)
    for who, report in REPORTS:
        case_id = (await service.report(actor=who, present=whole, report=report, key=new_key())).case.id
        for _ in range(25):
            clock.forward(minutes=dice.choice((1, 5, 60)))
            await service.sweep()
            await _try(service, dice.choice(ROLES), case_id, dice)
        await _check(service, case_id, clock)


async def _check(service: Any, case_id: str, clock: Clock) -> None:
    case = await service.store.find_whole(case_id)
    live = case["live"]
    assert verify(case["timeline"], case_id) == [] and case["head"]["hash"] == case["timeline"][-1]["hash"]
    assert live["state"] in STATES and live["open"] == (live["state"] in ALIVE) and live["state"] == case["timeline"][-1]["to"]
    assert case["keys"] == case_keys(case)
    assert live["rev"] <= case["head"]["seq"] == len(case["timeline"])
    assert (case["closed_at"] is not None) == (not live["open"])
    assert (case["lead"] is None) <= (live["state"] in ("reported", "verifying", "filed", "coordinating", *ENDED))
    await service.sweep()
    case = await service.store.find(case_id)
    running = [clock_ for clock_ in case["clocks"] if clock_["done_at"] is None]
    assert all(clock_["light"] == light_at(clock_, clock.now) for clock_ in running)
    assert len({clock_["kind"] for clock_ in running}) == len(running) and (
        live["open"] or live["state"] == "transferred" or not running  # its receipt is waited for
    )
