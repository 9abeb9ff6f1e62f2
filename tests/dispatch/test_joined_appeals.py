"""Those whose cases were joined appeal against how the main one ended: each once, by their own case; all hear the decision."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from dispatch.actors import Actor, Scope
from dispatch.errors import LinkUnknown, LinkUsed, NotAllowed
from dispatch.links import INDEXES, Links
from dispatch.reports import Caller
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, NotFound
from storage.indexes import ensure
from tests.dispatch.test_joined_voices import MINE, NEIGHBOUR, SECRET, link_of, matter, told, visited
from tests.dispatch.test_joining import LAMP, call, join, stored
from tests.dispatch.test_links import GRADED
from tests.dispatch.test_on_behalf import for_resident
from tests.dispatch.test_verification import actions, reported
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
    open_service,
    ticket,
)  # fmt: skip

WHY = {"reason": "第二天灯又不亮了，请再来看看"}
AGAIN = {"reason": "还是不亮，和邻居说的一样"}
OUR_LAMP = {"reason": "这盏灯在本市道路上，请受理"}
REFUSAL = {"reason": "litigation", "next_door": "请到区法院立案庭", "reply": "该事项已进入诉讼程序，不予受理。"}
OTHER_DESK = actor("operator", "other_desk")


async def closed(database: Database, *joined: tuple[Actor, Any]) -> tuple[CaseService, Links, Player, list[Any]]:
    """Return a closed matter: service, links, the main case of a caller, those that were joined to it."""
    service, links, player, cases = await visited(database, *joined)
    await player.do(OPERATOR, "visit_ok")
    return service, links, player, cases


async def refused(database: Database, *joined: tuple[Actor, Any]) -> tuple[CaseService, Links, Player, list[Any]]:
    """Return a matter that was not accepted."""
    clock = Clock()
    service = await open_service(database, clock)
    await ensure(database, INDEXES)
    player, cases = await matter(service, *joined)
    await player.do(OPERATOR, "refuse", **REFUSAL)
    return service, Links(service, database, SECRET, clock), player, cases


async def offered(service: CaseService, who: Actor, case_id: str) -> set[str]:
    return {one["name"] for one in (await service.get(actor=who, case_id=case_id)).actions} & {"appeal_result", "appeal_refusal"}


async def why_not(service: CaseService, who: Actor, case_id: str, action: str = "appeal_result") -> str:
    """Return the guard that keeps somebody from appealing."""
    rev = (await service.get(actor=who, case_id=case_id)).rev
    with pytest.raises((NotAllowed, Forbidden)) as error:
        await service.act(actor=who, case_id=case_id, action=action, rev=rev, fields=WHY, key=None)
    return str(error.value.data["reason"])


async def appeals(service: CaseService, player: Player, who: Actor = SUPERVISOR) -> list[dict[str, Any]]:
    found = (await service.get(actor=who, case_id=player.id)).requests
    return [one for one in found if one["kind"] == "appeal"]


# -- by account, by link, by the desk


async def test_joined_citizen_when_signed_in_appeals_and_the_supervisor_decides_it_on_the_main_case(database: Database) -> None:
    service, _, player, (citizen,) = await closed(database, (CITIZEN, MINE))
    await Player(service, citizen.id).do(CITIZEN, "appeal_result", **WHY)
    assert await actions(service, citizen.id) == ["submit", "merge", "appeal_result"]
    entry = (await stored(database, player.id))["timeline"][-1]
    assert (entry["action"], entry["actor"]["role"], entry["public"]) == ("hear_appeal", "system", False)
    assert entry["data"] == {"request": "q1", "kind": "appeal", "case": citizen.id}
    (request,) = await appeals(service, player)
    assert (request["of"], request["by"], request["unit"], request["reason"]) == ("closed", None, None, WHY["reason"])
    assert [(one["case"], one["case_no"]) for one in request["voices"]] == [(citizen.id, citizen.case_no)]
    ((_, _, keys),) = await told(service, "hear_appeal")
    assert "supervisor:*" in keys and "p:citizen" not in keys
    own = await service.get(actor=CITIZEN, case_id=citizen.id)
    assert own.matter is not None and own.matter["appeal"] == {"state": "pending", "decided_at": None, "opinion": None}
    again = await player.decide(SUPERVISOR, opinion="确实没有修好")
    assert (again.state, again.closures[0]["reopened"]) == ("dispatched", "citizen_appeal")
    assert (await service.get(actor=CITIZEN, case_id=citizen.id)).matter["state"] == "dispatched"


async def test_joined_caller_when_they_have_the_link_appeal_once_and_see_the_decision(database: Database) -> None:
    service, links, player, (caller,) = await closed(database, (OPERATOR, call(1)))
    token = (await link_of(service, links, caller.id, "rate")).token
    assert [one["name"] for one in (await links.show(token)).actions] == ["rate", "appeal"]
    done = await links.appeal(token, WHY)
    assert (done.appeal, [one["name"] for one in done.actions]) == ("pending", ["rate"])
    assert await links.appeal(token, WHY) == done
    with pytest.raises(LinkUsed):
        await links.appeal(token, AGAIN)
    await links.rate(token, GRADED)
    assert await links.of_now(await service.store.find(caller.id) or {}) is None
    await player.decide(SUPERVISOR, approve=False, opinion="已核实，路灯正常")
    assert (await links.show(token)).appeal == "rejected"
    assert await told(service, "joined_decided") == [("joined_decided", caller.id, ["c:" + caller.id])]


async def test_link_to_appeal_when_given_is_good_for_one_ending_and_for_the_window(database: Database) -> None:
    service, links, player, (caller,) = await closed(database, (OPERATOR, call(1)))
    given = await link_of(service, links, caller.id, "appeal")
    assert given.expires_at == service._clock() + timedelta(days=15)
    assert (await links.read_out(actor=OPERATOR, case_id=caller.id, purpose="appeal")).token == given.token
    done = await links.appeal(given.token, WHY)
    assert done.answered_at is not None and done.actions == []
    await player.decide(SUPERVISOR)
    with pytest.raises(LinkUnknown):
        await links.show(given.token)


@pytest.mark.parametrize("approve", [True, False])
async def test_refusal_when_joined_citizens_appeal_tells_why_and_is_lifted_or_stays(database: Database, approve: bool) -> None:
    service, links, player, (caller, citizen) = await refused(database, (OPERATOR, call(1)), (CITIZEN, MINE))
    token = (await link_of(service, links, caller.id, "appeal")).token
    shown = await links.show(token)
    assert shown.state == "refused" and shown.refusal is not None and "立案庭" in shown.refusal["next_door"]
    assert (await links.appeal(token, OUR_LAMP)).appeal == "pending"
    seen = await service.get(actor=CITIZEN, case_id=citizen.id)
    assert seen.matter is not None and seen.matter["refusal"]["reason"] == "litigation" and seen.matter["appeal"] is None
    after = await player.decide(SUPERVISOR, approve=approve)
    assert (after.state, after.refusal is None) == (("reported", True) if approve else ("refused", False))
    heard = {of for _, of, _ in await told(service, "joined_decided")}
    assert heard == {caller.id}, "nobody hears who asked nothing"
    if not approve:
        assert await why_not(service, OPERATOR, caller.id, "appeal_refusal") == "not_appealed"
        assert "appeal_refusal" in await offered(service, CITIZEN, citizen.id)


async def test_operator_when_they_are_called_puts_it_down_but_not_who_dispatched_or_worked_on_it(database: Database) -> None:
    service, links, player, (caller,) = await closed(database, (OPERATOR, call(1)))
    await service.store.database.update_one(CASES, {"_id": player.id}, {"$set": {"facts.dispatchers": [OPERATOR.id]}})
    assert await why_not(service, OPERATOR, caller.id) == "speaks_for_joined"
    assert await why_not(service, actor("operator", CLERK.id), caller.id) == "speaks_for_joined"
    with pytest.raises(Forbidden):
        await links.read_out(actor=OPERATOR, case_id=caller.id, purpose="appeal")
    await Player(service, caller.id).do(OTHER_DESK, "appeal_result", **WHY)
    assert len(await appeals(service, player)) == 1


# -- each once


async def test_appeal_when_one_waits_takes_further_voices_and_all_hear_the_one_decision(database: Database) -> None:
    service, _, player, (citizen, caller, quiet) = await closed(database, (CITIZEN, MINE), (OPERATOR, call(1)), (NEIGHBOUR, MINE))
    await Player(service, citizen.id).do(CITIZEN, "appeal_result", **WHY)
    service._clock.forward(minutes=5)  # type: ignore[attr-defined]
    await Player(service, caller.id).do(OTHER_DESK, "appeal_result", **AGAIN)
    await player.do(OTHER_DESK, "appeal_result", reason="我家门口这盏也不亮")
    (request,) = await appeals(service, player)
    assert [one.get("case") for one in request["voices"]] == [citizen.id, caller.id, None], "the last by the main case itself"
    assert (await stored(database, player.id))["live"]["pending"] == ["appeal"]
    for who, case in ((CITIZEN, citizen.id), (OTHER_DESK, caller.id), (OTHER_DESK, player.id)):
        assert await why_not(service, who, case) == "not_appealed"
    await player.decide(SUPERVISOR, approve=False)
    own = [keys for kind, of, keys in await told(service, "decide") if of == player.id]
    assert own == [["p:operator"]]
    heard = sorted((of, keys) for _, of, keys in await told(service, "joined_decided"))
    assert heard == sorted([(citizen.id, ["p:citizen"]), (caller.id, ["c:" + caller.id])])
    assert "appeal_result" in await offered(service, NEIGHBOUR, quiet.id), "that of others uses up nobody's own"
    assert await why_not(service, CITIZEN, citizen.id) == "not_appealed"


async def test_appeals_when_made_at_the_same_time_are_one_with_all_voices(database: Database) -> None:
    service, links, player, cases = await closed(database, *((OPERATOR, call(number)) for number in range(6)))
    tokens = [(await link_of(service, links, case.id, "appeal")).token for case in cases]
    await asyncio.gather(*(links.appeal(token, WHY) for token in tokens))
    (request,) = await appeals(service, player)
    assert sorted(one["case"] for one in request["voices"]) == sorted(case.id for case in cases)
    await stored(database, player.id)


async def test_appeal_when_decided_leaves_that_of_the_others_to_them(database: Database) -> None:
    service, _, player, (citizen, neighbour) = await closed(database, (CITIZEN, MINE), (NEIGHBOUR, MINE))
    await player.do(OTHER_DESK, "appeal_result", **WHY)
    await player.decide(SUPERVISOR, approve=False)
    assert await told(service, "joined_decided") == []
    await Player(service, citizen.id).do(CITIZEN, "appeal_result", **WHY)
    await player.decide(SUPERVISOR)
    await player.do(CLERK, "sign_in")
    await player.do(LEADER, "submit_result")
    await player.do(DISPATCHER, "to_visit")
    await player.do(OPERATOR, "visit_ok")
    assert await offered(service, CITIZEN, citizen.id) == set() == await offered(service, OTHER_DESK, player.id)
    await Player(service, neighbour.id).do(NEIGHBOUR, "appeal_result", **AGAIN)
    assert [one["state"] for one in await appeals(service, player)] == ["rejected", "approved", "pending"]
    assert (await player.decide(SUPERVISOR)).state == "dispatched"
    assert [kind for kind, of, _ in await told(service, "reopen") if of == citizen.id] == ["reopen"] * 2, "all hear of reopening"


async def test_appeal_when_one_person_reported_twice_is_one(database: Database) -> None:
    nameless = ticket(file=False, caller=Caller(anonymous=True))
    service, _, player, (first, again, unknown, other) = await closed(
        database, (OPERATOR, call(1)), (OPERATOR, call(1)), (OPERATOR, nameless), (OPERATOR, ticket(file=False, caller=None))
    )
    await Player(service, first.id).do(OTHER_DESK, "appeal_result", **WHY)
    assert await why_not(service, OTHER_DESK, again.id) == "not_appealed"
    for case in (unknown, other):  # without a number nobody can tell them apart
        await Player(service, case.id).do(OTHER_DESK, "appeal_result", **WHY)
    assert len((await appeals(service, player))[0]["voices"]) == 3


async def test_main_reporter_when_their_second_case_was_joined_appeals_by_either_once(database: Database) -> None:
    service, _, player, (second,) = await closed(database, (OPERATOR, ticket(file=False)))
    await Player(service, second.id).do(OTHER_DESK, "appeal_result", **WHY)
    assert await why_not(service, OTHER_DESK, player.id) == "not_appealed"
    await player.decide(SUPERVISOR, approve=False)
    assert await told(service, "joined_decided") == [("joined_decided", second.id, ["c:" + second.id])]


async def test_reporter_when_others_appeal_sees_and_takes_back_their_own_alone(database: Database) -> None:
    service = await open_service(database)
    player, main = await reported(service, CITIZEN, MINE)
    other, joined = await reported(service, NEIGHBOUR, MINE)
    await join(service, other.id, main.id)
    await player.do(OPERATOR, "refuse")
    await Player(service, joined.id).do(NEIGHBOUR, "appeal_refusal", **OUR_LAMP)
    assert await appeals(service, player, CITIZEN) == []
    with pytest.raises(NotAllowed) as error:
        await service.act_on_request(
            actor=CITIZEN, case_id=main.id, request_id="q1", action="withdraw_request",
            rev=(await service.get(actor=CITIZEN, case_id=main.id)).rev, fields={}, key=None,
        )  # fmt: skip
    assert error.value.data["reason"] == "asked_alone"
    await player.do(CITIZEN, "appeal_refusal", **WHY)
    (seen,) = await appeals(service, player, CITIZEN)
    assert seen["reason"] == WHY["reason"] and [list(one) for one in seen["voices"]] == [["at", "reason"]]
    assert seen["actions"] == [], "what several have asked none of them takes back"
    text = str(await service.get(actor=CITIZEN, case_id=main.id))
    assert joined.id not in text and OUR_LAMP["reason"] not in text
    (inner,) = await appeals(service, player, CLERK)
    assert [list(one) for one in inner["voices"]] == [["at", "reason"]] * 2, "a unit does not learn by which case"


async def test_desk_when_the_only_one_takes_it_back_withdraws_and_they_may_appeal_again(database: Database) -> None:
    service, _, player, (citizen,) = await closed(database, (CITIZEN, MINE))
    await Player(service, citizen.id).do(CITIZEN, "appeal_result", **WHY)
    await player.decide(OTHER_DESK, "withdraw_request")
    assert (await service.get(actor=CITIZEN, case_id=citizen.id)).matter["appeal"]["state"] == "withdrawn"
    await Player(service, citizen.id).do(CITIZEN, "appeal_result", **AGAIN)
    assert [one["state"] for one in await appeals(service, player)] == ["withdrawn", "pending"]


# -- when, and who not


@pytest.mark.parametrize(("days", "is_open"), [(14, True), (16, False)])
async def test_joined_when_the_window_is_over_appeal_no_more(database: Database, days: int, is_open: bool) -> None:
    service, links, _, (citizen,) = await closed(database, (CITIZEN, MINE))
    service._clock.forward(days=days)  # type: ignore[attr-defined]
    assert bool(await offered(service, CITIZEN, citizen.id)) == is_open
    assert (await links.give(await service.store.find(citizen.id) or {}, "appeal") is not None) == is_open


async def test_joined_when_the_matter_goes_on_or_they_are_no_citizens_do_not_appeal(database: Database) -> None:
    service, links, player, (citizen, walker) = await visited(database, (CITIZEN, MINE), (WALKER, LAMP))
    assert await why_not(service, CITIZEN, citizen.id) == "main_closed"
    await player.do(OPERATOR, "visit_ok")
    assert await why_not(service, CITIZEN, citizen.id, "appeal_refusal") == "main_refused"
    assert await offered(service, OTHER_DESK, walker.id) == set()
    assert await links.give(await service.store.find(walker.id) or {}, "appeal") is None
    for who in (NEIGHBOUR, actor("citizen", "stranger", scope=Scope(reporter="stranger"))):
        with pytest.raises(NotFound):
            await service.act(actor=who, case_id=citizen.id, action="appeal_result", rev=1, fields=WHY, key=None)


async def test_resident_when_a_grid_worker_reported_for_them_appeals_by_link(database: Database) -> None:
    service, links, player, (resident,) = await closed(database, (WALKER, for_resident()))
    assert await offered(service, WALKER, resident.id) == set(), "nobody appeals by proxy"
    await links.appeal((await link_of(service, links, resident.id, "appeal")).token, WHY)
    await player.decide(SUPERVISOR, approve=False)
    assert await told(service, "joined_decided") == [("joined_decided", resident.id, ["p:grid_worker"])]


@pytest.mark.parametrize("alone", [True, False])
async def test_joined_when_taken_out_ask_nothing_of_it_any_more(database: Database, alone: bool) -> None:
    service, _, player, (citizen,) = await closed(database, (CITIZEN, MINE))
    await Player(service, citizen.id).do(CITIZEN, "appeal_result", **WHY)
    if not alone:
        await player.do(OTHER_DESK, "appeal_result", **AGAIN)
    await Player(service, citizen.id).do(DISPATCHER, "unmerge", reason="不是同一盏灯")
    (request,) = await appeals(service, player)
    assert request["state"] == ("withdrawn" if alone else "pending")
    if alone:
        service._clock.forward(days=20)  # type: ignore[attr-defined]
        await service.sweep()
        assert (await stored(database, player.id))["live"]["state"] == "archived"
    else:
        assert [(one.get("case"), one["reason"]) for one in request["voices"]] == [(None, AGAIN["reason"])]
        await player.decide(SUPERVISOR, approve=False)
        assert await told(service, "joined_decided") == []
