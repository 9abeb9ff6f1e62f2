"""One matter, many reporters: joined to the end of a chain, taken out again, an ended main confirmed, the attention of many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.actors import Actor
from dispatch.chain import verify
from dispatch.errors import NotAllowed
from dispatch.reports import Caller
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_verification import actions, notices, reported
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
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

LAMP = event(category="0202", photos=())


def call(number: int, **values: Any) -> Any:
    """Return a ticket of a caller of their own about the street lamp."""
    return ticket(file=False, caller=Caller(name="李四", phone=f"1381234{number:04d}"), **values)


async def join(service: CaseService, case_id: str, main: str, who: Actor = OPERATOR, **more: Any) -> Any:
    """Merge a case into another as somebody who has just looked at it."""
    rev = (await service.get(actor=who, case_id=case_id)).rev
    fields = {"main": main, "reason": "同一盏灯"} | more
    return await service.act(actor=who, case_id=case_id, action="merge", rev=rev, fields=fields, key=None)


async def stored(database: Database, case_id: str) -> dict[str, Any]:
    found = await database.find_one(CASES, {"_id": case_id})
    assert found is not None and verify(found["timeline"], case_id) == []
    return found


async def test_merge_when_the_main_was_merged_goes_to_the_end_of_the_chain(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service, WALKER, LAMP)
    second, joined = await reported(service, OPERATOR, call(1))
    third, last = await reported(service, OPERATOR, call(2))
    await join(service, second.id, main.id)
    merged = await join(service, third.id, joined.id)
    assert merged.merged_into == main.id
    assert [one["case"] for one in (await stored(database, main.id))["followers"]] == [joined.id, last.id]
    with pytest.raises(NotAllowed):
        await join(service, joined.id, last.id)
    with pytest.raises(Invalid) as wrong:
        await join(service, main.id, joined.id)
    assert [error.code for error in wrong.value.errors] == ["itself"]


async def test_main_when_citizens_joined_is_visited_and_tells_all_of_them(database: Database) -> None:
    service = await open_service(database)
    player, main = await reported(service, WALKER, LAMP)
    other, joined = await reported(service, CITIZEN, event(category="0202", channel="app"))
    await join(service, other.id, main.id)
    await player.do(CLERK, "sign_in")
    handled = await player.do(CLERK, "submit_result")  # whom the unit cannot call need not have been called
    assert handled.state == "handled"
    seen = await service.get(actor=DISPATCHER, case_id=main.id)
    assert {"to_visit"} <= {action["name"] for action in seen.actions} and "close" not in [one["name"] for one in seen.actions]
    await player.do(DISPATCHER, "to_visit")
    visiting = await service.get(actor=OPERATOR, case_id=main.id)
    (follower,) = visiting.followers
    assert (follower["id"], follower["case_no"], follower["kind"]) == (joined.id, joined.case_no, "citizen")
    assert "reporter" not in follower and "who" not in follower
    assert (await service.get(actor=CLERK, case_id=main.id)).followers == []
    await player.do(OPERATOR, "visit_ok")
    (told,) = await notices(service, database, "visit_ok")
    assert (told["case"], "p:" + WALKER.id in told["keys"], "p:" + CITIZEN.id in told["keys"]) == (main.id, True, False)
    (told,) = await notices(service, database, "joined_closed")
    assert (told["case"], told["case_no"], told["keys"]) == (joined.id, joined.case_no, ["p:" + CITIZEN.id])


async def test_unmerge_when_it_was_another_matter_opens_the_case_and_leaves_the_main_its_urgency(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service, WALKER, LAMP)
    player, case = await reported(service, OPERATOR, call(1, urgency="urgent"))
    await join(service, player.id, main.id)
    assert (await service.get(actor=OPERATOR, case_id=main.id)).urgency == "urgent"
    assert "unmerge" not in [one["name"] for one in (await service.get(actor=OPERATOR, case_id=case.id)).actions]
    back = await player.do(DISPATCHER, "unmerge", reason="不是同一盏灯")
    assert (back.state, back.merged_into, back.outcome, back.closed_at) == ("reported", None, None, None)
    assert [clock.kind for clock in back.clocks if clock.done_at is None] == ["intake"]
    left = await stored(database, main.id)
    assert left["followers"] == [] and left["live"]["urgency"] == "urgent"
    assert (await actions(service, main.id))[-2:] == ["absorb", "let_go"]
    assert (await actions(service, case.id)) == ["submit", "merge", "unmerge"]
    assert left["timeline"][-1]["data"] == {"released": case.id}
    assert "operator:*" in (await notices(service, database, "unmerge"))[0]["keys"]
    assert (await player.do(OPERATOR, "file")).state == "dispatched"


async def test_unmerge_when_the_case_had_been_dispatched_starts_from_the_desk(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service, WALKER, LAMP)
    player, case = await reported(service, WALKER, LAMP)
    assert case.state == "dispatched"
    await join(service, player.id, main.id, DISPATCHER)
    back = await player.do(DISPATCHER, "unmerge")
    assert (back.state, back.lead, [task["state"] for task in back.tasks]) == ("reported", None, ["withdrawn"])
    assert (await stored(database, case.id))["live"]["units"] == []
    assert (await player.do(OPERATOR, "file")).state == "dispatched"


async def test_unmerge_when_in_a_chain_is_taken_out_of_every_case_above(database: Database) -> None:
    service = await open_service(database)
    cases = [await reported(service, OPERATOR, call(number)) for number in range(3)]
    (first, a), (second, b), (_, c) = cases
    await join(service, first.id, b.id)
    await join(service, second.id, c.id)
    assert [one["case"] for one in (await stored(database, c.id))["followers"]] == [b.id, a.id]
    await first.do(DISPATCHER, "unmerge")
    assert [one["case"] for one in (await stored(database, c.id))["followers"]] == [b.id]
    assert (await stored(database, b.id))["followers"] == []
    await second.do(DISPATCHER, "unmerge")
    assert (await stored(database, c.id))["followers"] == []


async def test_unmerge_when_the_main_is_archived_is_refused(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service, WALKER, LAMP)
    player, case = await reported(service, OPERATOR, call(1))
    merged = await join(service, player.id, main.id)
    await database.update_one(CASES, {"_id": main.id}, {"$set": {"live.state": "archived"}})
    with pytest.raises(NotAllowed) as refused:
        await service.act(
            actor=DISPATCHER, case_id=case.id, action="unmerge", rev=merged.rev, fields={"reason": "不是同一件"}, key=None
        )
    assert refused.value.data["reason"] == "main_archived"


async def test_merge_when_the_main_has_ended_asks_for_confirmation_for_a_week(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, main = await reported(service, WALKER, LAMP)
    for who, action in ((CLERK, "sign_in"), (CLERK, "submit_result"), (DISPATCHER, "close")):
        await player.do(who, action)
    clock.forward(days=6)
    late, case = await reported(service, OPERATOR, call(1))
    with pytest.raises(Invalid) as wrong:
        await join(service, late.id, main.id)
    assert [(error.field, error.code) for error in wrong.value.errors] == [("main", "ended")]
    assert (await join(service, late.id, main.id, confirm=True)).state == "merged"
    kept = await stored(database, main.id)
    assert kept["live"]["state"] == "closed" and [one["case"] for one in kept["followers"]] == [case.id]
    clock.forward(days=2)
    later, _ = await reported(service, OPERATOR, call(2))
    with pytest.raises(Invalid) as wrong:
        await join(service, later.id, main.id, confirm=True)
    assert [error.code for error in wrong.value.errors] == ["not_open"]


async def test_attention_when_three_call_within_a_day_raises_the_urgency_and_tells_the_leaders(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    _, main = await reported(service, WALKER, LAMP)
    due = main.due_at
    for number in (1, 1, 2):  # the second is the same caller again
        clock.forward(hours=1)
        player, _ = await reported(service, OPERATOR, call(number))
        await join(service, player.id, main.id)
    many = await service.get(actor=SUPERVISOR, case_id=main.id)
    assert (many.flags, many.urgency) == (["group_attention"], "priority") and many.due_at <= due
    told = await notices(service, database, "absorb")
    assert [{"supervisor:*", "leader:*"} <= set(one["keys"]) for one in told] == [False, False, True]
    player, _ = await reported(service, OPERATOR, call(3))
    await join(service, player.id, main.id)
    assert (await service.get(actor=OPERATOR, case_id=main.id)).urgency == "priority"  # once


async def test_attention_when_many_join_is_told_to_each_leader_once(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service, WALKER, LAMP)
    for number in range(12):
        player, _ = await reported(service, OPERATOR, call(number))
        await join(service, player.id, main.id)
    await Player(service, player.id).do(DISPATCHER, "unmerge", reason="不是同一盏灯")
    await join(service, player.id, main.id)
    await service.relay.sweep()  # on a busy machine some are still on their way
    for who in (actor("leader"), actor("leader", "another"), SUPERVISOR):
        heard = [one.kind for one in await service.relay.inbox(who) if one.case == main.id]
        assert heard.count("absorb") == 1, who.id


async def test_attention_when_few_or_far_between_is_not_raised(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    _, main = await reported(service, WALKER, LAMP)
    clock.now += timedelta(days=2)
    for who, report in ((OPERATOR, call(1)), (OPERATOR, call(1)), (OPERATOR, call(2))):
        player, _ = await reported(service, who, report)
        await join(service, player.id, main.id)
    assert (await service.get(actor=OPERATOR, case_id=main.id)).flags == []
    clock.now += timedelta(days=2)
    for number in (3, 4):  # the fifth reporter in all
        player, _ = await reported(service, OPERATOR, call(number))
        await join(service, player.id, main.id)
    assert (await service.get(actor=OPERATOR, case_id=main.id)).flags == ["group_attention"]


async def test_reveal_when_the_case_is_merged_joins_nothing_again(database: Database) -> None:
    service = await open_service(database)
    _, main = await reported(service, WALKER, LAMP)
    player, case = await reported(service, OPERATOR, call(1))
    await join(service, player.id, main.id)
    assert (await service.reveal(actor=OPERATOR, case_id=case.id, reason="回访"))["name"] == "李四"
    assert len((await stored(database, main.id))["followers"]) == 1
