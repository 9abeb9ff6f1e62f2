"""Those whose cases were joined to another: each is told of the matter by their own case, is asked when it is done, may rate."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from dispatch.actors import Actor
from dispatch.errors import LinkUnknown, NotAllowed
from dispatch.links import INDEXES, GivenLink, Links
from dispatch.relay import NOTICES, Relay
from dispatch.reports import Caller
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from storage.indexes import ensure
from tests.dispatch.test_joining import LAMP, call, join, stored
from tests.dispatch.test_links import BAD, GOOD, GRADED
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
    event,
    open_service,
    ticket,
)  # fmt: skip

NEIGHBOUR = actor("citizen", "neighbour")
MINE = event(category="0202", channel="app")
SECRET = secrets.token_bytes(32)
POOR = {"efficiency": 2, "quality": 1, "attitude": 3}
STEPS = ("joined_dispatched", "joined_contacted", "joined_result", "joined_closed")


async def matter(service: CaseService, *joined: tuple[Actor, Any]) -> tuple[Player, list[Any]]:
    """Return a caller's case that waits to be dispatched, and the cases that were joined to it."""
    player, main = await reported(service, OPERATOR, ticket(file=False))
    cases = []
    for who, report in joined:
        other, case = await reported(service, who, report)
        await join(service, other.id, main.id)
        cases.append(case)
    return player, cases


async def worked(player: Player) -> None:
    """Bring the case to its result."""
    await player.do(OPERATOR, "file")
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "contact", result="unreachable")
    for _ in range(2):
        await player.do(CLERK, "contact", result="reached")
    await player.do(CLERK, "submit_result")


async def told(service: CaseService, *kinds: str) -> list[tuple[str, str, list[str]]]:
    """Return the notices of some kinds as they lie in the inboxes: kind, case, addresses; first one first."""
    await service.relay.sweep()
    found = await service.store.database.find(NOTICES, {"kind": {"$in": list(kinds)}}, sort=[("at", 1), ("_id", 1)])
    return [(one["kind"], one["case"], one["keys"]) for one in found]


async def test_joined_when_the_matter_goes_on_hear_of_each_step_once_by_their_own_case(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, (caller, citizen, walker) = await matter(service, (OPERATOR, call(1)), (CITIZEN, MINE), (WALKER, LAMP))
    await worked(player)
    clock.forward(minutes=5)
    await player.do(DISPATCHER, "to_visit")
    clock.forward(minutes=5)
    await player.do(OPERATOR, "visit_ok")
    heard = await told(service, *STEPS, "ask_reporter")
    for case, key in ((caller, "c:" + caller.id), (citizen, "p:citizen"), (walker, "p:grid_worker")):
        asked = () if case is walker else ("ask_reporter",)  # only citizens are asked
        assert sorted(kind for kind, of, keys in heard if of == case.id and keys == [key]) == sorted((*STEPS, *asked))
    assert [keys for _, of, keys in heard if of == player.id] == [["c:" + player.id]], "of the main case only who called about it"
    for who, case in ((CITIZEN, citizen), (WALKER, walker)):
        (last, *_) = await service.relay.inbox(who)
        assert (last.kind, last.case, last.case_no, last.line) == ("joined_closed", case.id, case.case_no, case.line)
        assert (await service.get(actor=who, case_id=last.case)).state == "merged"


async def test_joined_when_the_same_person_joined_twice_is_told_once_and_nobody_without_a_number(database: Database) -> None:
    service = await open_service(database)
    player, (first, again, unknown, own) = await matter(
        service, (OPERATOR, call(1)), (OPERATOR, call(1)), (OPERATOR, ticket(file=False, caller=Caller(anonymous=True))),
        (OPERATOR, ticket(file=False)),
    )  # fmt: skip
    await player.do(OPERATOR, "file")
    assert [of for _, of, _ in await told(service, "joined_dispatched")] == [first.id]
    assert {one["case"] for one in (await stored(database, player.id))["followers"]} == {first.id, again.id, unknown.id, own.id}


async def test_joined_when_they_came_later_or_were_taken_out_hear_nothing_of_the_rest(database: Database) -> None:
    service = await open_service(database)
    player, (early, gone) = await matter(service, (CITIZEN, MINE), (NEIGHBOUR, MINE))
    await player.do(OPERATOR, "file")
    await Player(service, gone.id).do(DISPATCHER, "unmerge", reason="不是同一盏灯")
    late, later = await reported(service, OPERATOR, call(3))
    await join(service, late.id, player.id)
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "contact", result="reached")
    heard = {(kind, of) for kind, of, _ in await told(service, *STEPS)}
    before, after = ("joined_dispatched", "joined_contacted")
    assert heard == {(before, early.id), (before, gone.id), (after, early.id), (after, later.id)}


async def test_joined_when_the_process_died_before_it_told_them_are_told_by_another(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, cases = await matter(service, *((OPERATOR, call(number)) for number in range(12)))
    service.relay.tell = lambda notices: None  # type: ignore[method-assign]
    clock.forward(minutes=1)
    await player.do(OPERATOR, "file")
    other = Relay(database, clock)
    for _ in range(2):  # the second time there is nothing left to make up
        made = await other._make_up(clock())
    assert made == 0
    assert sorted(of for _, of, _ in await told(service, "joined_dispatched")) == sorted(case.id for case in cases)


async def test_step_when_fifty_joined_is_one_write_no_bigger_for_them(database: Database) -> None:
    service = await open_service(database)
    player, _ = await matter(service, *((OPERATOR, call(number)) for number in range(50)))
    before = (await database.find_one(CASES, {"_id": player.id}) or {})["outbox"]
    await player.do(OPERATOR, "file")
    after = (await database.find_one(CASES, {"_id": player.id}) or {})["outbox"]
    assert len(after) - len(before) <= 2
    assert len(await told(service, "joined_dispatched")) == 50


async def visited(database: Database, *joined: tuple[Actor, Any]) -> tuple[CaseService, Links, Player, list[Any]]:
    """Return a matter whose reporters are asked: service, links, the main case, those that were joined to it."""
    clock = Clock()
    service = await open_service(database, clock)
    await ensure(database, INDEXES)
    player, cases = await matter(service, *joined)
    await worked(player)
    await player.do(DISPATCHER, "to_visit")
    return service, Links(service, database, SECRET, clock), player, cases


async def link_of(service: CaseService, links: Links, case_id: str, purpose: str = "visit") -> GivenLink:
    case = await service.store.find(case_id)
    given = None if case is None else await links.give(case, purpose)
    assert given is not None
    return given


async def test_joined_when_asked_answer_by_their_own_links_and_the_visit_counts_them(database: Database) -> None:
    service, links, player, (caller, citizen, walker) = await visited(
        database, (OPERATOR, call(1)), (CITIZEN, MINE), (WALKER, LAMP)
    )  # fmt: skip
    token = (await link_of(service, links, caller.id)).token
    shown = await links.show(token)
    assert (shown.case_no, shown.state, [one["name"] for one in shown.actions]) == (caller.case_no, "visiting", ["visit"])
    assert shown.public_reply is not None
    assert (await links.visit(token, GOOD)).answered_at is not None
    assert await links.path_for(citizen.id, CITIZEN.id) is not None
    await links.visit((await link_of(service, links, citizen.id)).token, BAD)
    assert await links.give(await service.store.find(walker.id) or {}, "visit") is None, "only citizens are asked"

    main = await service.get(actor=OPERATOR, case_id=player.id)
    assert [one["answer"] and one["answer"]["solved"] for one in main.followers] == [True, False, None]
    assert await actions(service, citizen.id) == ["submit", "merge", "visit_answer"]
    assert (await actions(service, player.id))[-2:] == ["hear_answer", "hear_answer"]
    heard = await told(service, "hear_answer")
    assert [("operator:*" in keys, of) for _, of, keys in heard] == [(True, player.id)], "the desk hears of what is not settled"
    done = await player.do(OPERATOR, "visit_ok")
    assert done.visit["joined"] == {"asked": 2, "answered": 2, "contacted": 2, "solved": 1, "satisfied": 1}
    assert "note" not in str(main.followers)


async def test_joined_when_called_by_the_desk_are_put_down_but_not_by_who_dispatched(database: Database) -> None:
    service, _, player, (caller,) = await visited(database, (OPERATOR, call(1)))
    await service.store.database.update_one(CASES, {"_id": player.id}, {"$set": {"facts.dispatchers": [OPERATOR.id]}})
    with pytest.raises(Forbidden):
        await service.act(actor=OPERATOR, case_id=caller.id, action="visit_answer", rev=None, fields=GOOD, key=None)
    other = actor("operator", "other_desk")
    await Player(service, caller.id).do(other, "visit_answer", **GOOD)
    with pytest.raises(NotAllowed) as refused:
        await service.act(actor=other, case_id=caller.id, action="visit_answer", rev=None, fields=GOOD, key=None)
    assert refused.value.data["reason"] == "asked_with_main"


async def test_link_of_the_main_reporter_when_others_are_asked_closes_nothing(database: Database) -> None:
    service, links, player, _ = await visited(database, (CITIZEN, MINE))
    assert (await links.visit((await link_of(service, links, player.id)).token, GOOD)).state == "visiting"
    assert (await service.get(actor=OPERATOR, case_id=player.id)).visit_answer["solved"] is True


async def test_joined_when_done_again_are_asked_again(database: Database) -> None:
    service, links, player, (citizen,) = await visited(database, (CITIZEN, MINE))
    first = await link_of(service, links, citizen.id)
    await links.visit(first.token, BAD)
    await player.do(OPERATOR, "visit_redo")
    with pytest.raises(LinkUnknown):
        await links.show(first.token)
    await player.do(LEADER, "submit_result")
    await player.do(DISPATCHER, "to_visit")
    second = await link_of(service, links, citizen.id)
    assert second.token != first.token
    await links.visit(second.token, GOOD)
    assert (await player.do(OPERATOR, "visit_ok")).visit["joined"]["solved"] == 1
    assert [kind for kind, of, _ in await told(service, "ask_reporter") if of == citizen.id] == ["ask_reporter"] * 2


async def test_joined_when_closed_rate_once_and_a_bad_rating_is_put_right_on_the_main(database: Database) -> None:
    service, links, player, (citizen, caller) = await visited(database, (CITIZEN, MINE), (OPERATOR, call(1)))
    with pytest.raises(NotAllowed):
        await service.act(actor=CITIZEN, case_id=citizen.id, action="rate", rev=None, fields=POOR, key=None)
    await player.do(OPERATOR, "visit_ok")
    token = (await link_of(service, links, caller.id, "rate")).token
    assert (await links.rate(token, GRADED)).answered_at is not None
    await Player(service, citizen.id).do(CITIZEN, "rate", **POOR)
    assert "rate" not in [one["name"] for one in (await service.get(actor=CITIZEN, case_id=citizen.id)).actions]
    main = await service.get(actor=SUPERVISOR, case_id=player.id)
    assert [one["rating"]["quality"] for one in main.followers] == [1, 4]
    assert main.rectification is not None and main.rectification["case"] == citizen.id and main.rating is None
    heard = [("u:*" in keys, "supervisor:*" in keys) for _, _, keys in await told(service, "hear_rating")]
    assert sorted(heard) == [(True, False), (True, True)]


async def test_answers_when_given_at_the_same_time_are_all_heard(database: Database) -> None:
    service, links, player, cases = await visited(database, *((OPERATOR, call(number)) for number in range(6)))
    tokens = [(await link_of(service, links, case.id)).token for case in cases]
    await asyncio.gather(*(links.visit(token, GOOD) for token in tokens))
    assert (await player.do(OPERATOR, "visit_ok")).visit["joined"]["answered"] == 6
    await stored(database, player.id)


async def test_merged_case_when_seen_by_its_reporter_tells_how_the_matter_stands_and_of_nobody_else(database: Database) -> None:
    service, _, player, (citizen, _) = await visited(database, (CITIZEN, MINE), (OPERATOR, call(1)))
    main = await service.get(actor=OPERATOR, case_id=player.id)
    seen = await service.get(actor=CITIZEN, case_id=citizen.id)
    assert seen.matter is not None
    assert (seen.matter["id"], seen.matter["case_no"], seen.matter["state"]) == (None, main.case_no, "visiting")
    assert (seen.matter["public_reply"], seen.matter["lead"]) == (main.result["public_reply"], main.lead["name"])
    assert [step["action"] for step in seen.matter["steps"]] == ["dispatch", "sign_in", "submit_result"]
    told_of_others = str((seen.matter, seen.followers, seen.caller))
    assert not any(word in told_of_others for word in ("张", "138", main.id, "operator"))
    desk = await service.get(actor=OPERATOR, case_id=citizen.id)
    assert desk.matter is not None and desk.matter["id"] == player.id == desk.merged_into
    await player.do(OPERATOR, "visit_ok")
    assert (await service.get(actor=CITIZEN, case_id=citizen.id)).matter["steps"][-1]["action"] == "close"
    assert main.matter is None


async def test_matter_before_it_is_reviewed_tells_no_reply(database: Database) -> None:
    service = await open_service(database)
    player, (citizen,) = await matter(service, (CITIZEN, MINE))
    await worked(player)
    assert (await service.get(actor=CITIZEN, case_id=citizen.id)).matter["public_reply"] is None


async def test_unmerged_when_taken_out_goes_its_own_way_and_hears_of_itself_again(database: Database) -> None:
    service, links, player, (citizen, _) = await visited(database, (CITIZEN, MINE), (OPERATOR, call(1)))
    given = await link_of(service, links, citizen.id)
    await links.visit(given.token, BAD)
    own = Player(service, citizen.id)
    await own.do(DISPATCHER, "unmerge", reason="不是同一盏灯")
    with pytest.raises(LinkUnknown):
        await links.show(given.token)
    back = await service.get(actor=CITIZEN, case_id=citizen.id)
    assert (back.state, back.matter, back.merged_into, back.visit_answer) == ("reported", None, None, None)
    await player.do(OPERATOR, "visit_ok")
    await own.do(OPERATOR, "file")
    await own.do(CLERK, "sign_in")
    await own.do(CLERK, "contact")
    await own.do(CLERK, "submit_result")
    await own.do(DISPATCHER, "to_visit")
    mine = await link_of(service, links, citizen.id)
    assert mine.token != given.token and (await links.visit(mine.token, GOOD)).state == "closed"
    assert (await links.rate((await link_of(service, links, citizen.id, "rate")).token, GRADED)).answered_at is not None
    heard = await told(service, "unmerge", "joined_closed", "visit_ok", "ask_reporter")
    own_notices = sorted(kind for kind, of, keys in heard if of == citizen.id and "p:citizen" in keys)
    assert own_notices == ["ask_reporter", "ask_reporter", "unmerge", "visit_ok"]  # asked with the main one, then of its own


async def test_joined_when_others_try_to_speak_for_them_are_refused(database: Database) -> None:
    service, links, player, (citizen, caller) = await visited(database, (CITIZEN, MINE), (OPERATOR, call(1)))
    for who, case in ((NEIGHBOUR, citizen), (CITIZEN, caller)):
        with pytest.raises(NotFound):
            await service.act(actor=who, case_id=case.id, action="visit_answer", rev=None, fields=GOOD, key=None)
    handler = actor("operator", CLERK.id)  # whoever worked on the matter, in another post
    for action, fields in (("visit_answer", GOOD), ("rate", GRADED)):
        with pytest.raises((Forbidden, NotAllowed)):
            await service.act(actor=handler, case_id=caller.id, action=action, rev=None, fields=fields, key=None)
    with pytest.raises(Forbidden):
        await links.read_out(actor=handler, case_id=caller.id, purpose="visit")
    assert (await links.read_out(actor=OPERATOR, case_id=caller.id, purpose="visit")).token
    with pytest.raises(Invalid):
        await links.read_out(actor=OPERATOR, case_id=caller.id, purpose="visit")
    assert "answer" not in str((await stored(database, player.id))["followers"])


@pytest.mark.parametrize(("days", "is_open"), [(14, True), (16, False)])
async def test_joined_when_the_time_to_rate_is_over_rate_no_more(database: Database, days: int, is_open: bool) -> None:
    service, links, player, (citizen,) = await visited(database, (CITIZEN, MINE))
    await player.do(OPERATOR, "visit_ok")
    service._clock.forward(days=days)  # type: ignore[attr-defined]
    seen = await service.get(actor=CITIZEN, case_id=citizen.id)
    assert ("rate" in [one["name"] for one in seen.actions]) == is_open
    assert (await links.give(await service.store.find(citizen.id) or {}, "rate") is not None) == is_open


async def test_joined_when_reopened_are_asked_and_rate_anew(database: Database) -> None:
    service, links, player, (citizen,) = await visited(database, (CITIZEN, MINE))
    await links.visit((await link_of(service, links, citizen.id)).token, GOOD)
    await player.do(OPERATOR, "visit_ok")
    await Player(service, citizen.id).do(CITIZEN, "rate", **GRADED)
    await player.do(SUPERVISOR, "reopen", kind="false_closure")
    (left,) = (await service.get(actor=OPERATOR, case_id=player.id)).followers
    assert (left["answer"], left["rating"]) == (None, None)
    await player.do(CLERK, "sign_in")
    await player.do(LEADER, "submit_result")
    await player.do(DISPATCHER, "to_visit")
    await links.visit((await link_of(service, links, citizen.id)).token, GOOD)
    await player.do(OPERATOR, "visit_ok")
    await Player(service, citizen.id).do(CITIZEN, "rate", **GRADED)
    heard = [kind for kind, of, _ in await told(service, *STEPS, "reopen") if of == citizen.id]
    assert sorted(heard).count("joined_closed") == 2 and "reopen" in heard
