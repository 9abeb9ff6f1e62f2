"""Urging and supervising by rule and by hand, on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dispatch.chain import verify
from dispatch.errors import NotAllowed
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid
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
    clerk_of,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

HEAD = actor("leader")


async def reported(service: Any, who: Any = WALKER, report: Any = None) -> Player:
    """Return a player of a case that was dispatched by itself."""
    filed = await service.report(actor=who, present=whole, report=report or event(category="0202"), key=new_key())
    return Player(service, filed.case.id)


async def stored(player: Player) -> dict[str, Any]:
    """Return the whole document, its chain unbroken."""
    case = await player.service.store.find_whole(player.id)
    assert case is not None and verify(case["timeline"], player.id) == []
    return case


def steps(case: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the ladder did, with the light that was the reason."""
    return [(entry["action"], entry["data"]["rule"]) for entry in case["timeline"] if "rule" in entry.get("data", {})
            and entry["action"] in ("urge", "supervise")]  # fmt: skip


async def offered(player: Player, who: Any) -> list[str]:
    """Return the names of the actions open to `who`."""
    return [action["name"] for action in (await player.service.get(actor=who, case_id=player.id)).actions]


# -- the ladder


async def test_ladder_when_the_case_clock_changes_urges_supervises_and_writes(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)  # 2 wd: due on Wednesday at 17:00
    await player.do(CLERK, "sign_in")
    clock.forward(days=2, hours=4)
    await service.sweep()
    assert steps(await stored(player)) == [("urge", "yellow")]
    clock.forward(hours=3)
    await service.sweep()
    assert steps(await stored(player)) == [("urge", "yellow"), ("supervise", "red")]
    clock.forward(days=6)
    await service.sweep()
    await service.sweep()
    case = await stored(player)
    assert steps(case) == [("urge", "yellow"), ("supervise", "red"), ("supervise", "deep_red")]
    assert [(item["level"], item["by"], item["rule"]) for item in case["supervisions"]] == [
        (1, "system", "red"), (2, "system", "deep_red"),
    ]  # fmt: skip
    urge = next(entry for entry in case["timeline"] if entry["action"] == "urge")
    assert urge["data"]["count"] == 1 and urge["data"]["reply_by"] > urge["at"]


async def test_ladder_when_the_sweep_was_away_catches_up_in_order_once(database: Database) -> None:
    clock = Clock()
    one, other = await open_service(database, clock), await open_service(database, clock)
    player = await reported(one)
    await player.do(CLERK, "sign_in")
    clock.forward(days=12)
    await asyncio.gather(one.sweep(), other.sweep())
    await one.sweep()
    case = await stored(player)
    assert steps(case) == [("urge", "yellow"), ("supervise", "red"), ("supervise", "deep_red")]
    assert case["live"]["rev"] == 2, "what the system puts beside a case makes nobody's rev stale"
    running = [item for item in case["clocks"] if item["kind"] == "supervise" and item["done_at"] is None]
    assert len(running) == 1 and case["next_light_at"] == running[0]["yellow_at"]


async def test_ladder_when_only_sign_in_is_late_tells_clerk_and_leader_and_supervises_nobody(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    clock.forward(hours=4)
    await service.sweep()
    case = await stored(player)
    assert steps(case) == [] and "supervisions" not in case
    told = [notice for notice in case_outbox(await database.find_one(CASES, {"_id": player.id})) if notice["kind"] == "light"]
    lead = case["lead"]["code"]
    assert ["u:" + lead in notice["keys"] for notice in told] == [True] * len(told)
    assert ["head:" + lead in notice["keys"] for notice in told][:2] == [False, True]


def case_outbox(case: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the notices born with a case."""
    assert case is not None
    return list(case["outbox"])


async def test_ladder_when_it_steps_tells_once_in_one_notice(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    await player.do(CLERK, "sign_in")
    clock.forward(days=2, hours=7)
    await service.sweep()
    kinds = [notice["kind"] for notice in case_outbox(await database.find_one(CASES, {"_id": player.id}))]
    assert kinds[-2:] == ["urge", "supervise"] and "light" not in kinds
    supervised = case_outbox(await database.find_one(CASES, {"_id": player.id}))[-1]
    assert {"u:water1", "head:water1", "supervisor:*", "supervisor:521", "leader:521"} <= set(supervised["keys"])


async def test_ladder_when_the_due_time_moves_does_nothing_twice(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    await player.do(CLERK, "sign_in")
    clock.forward(days=2, hours=4)
    await service.sweep()
    await player.do(SUPERVISOR, "reclassify", category="0201")  # 5 wd from the same start
    clock.forward(days=5)
    await service.sweep()
    assert steps(await stored(player)) == [("urge", "yellow")]
    clock.forward(days=2)
    await service.sweep()
    assert steps(await stored(player)) == [("urge", "yellow"), ("supervise", "red")]


async def test_ladder_when_nobody_holds_the_case_urges_nobody_but_supervises(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service, WALKER, event(category="0203"))  # 24 h
    await player.do(CLERK, "request_return")
    await player.decide(DISPATCHER, approve=True)
    clock.forward(hours=30)
    await service.sweep()
    assert steps(await stored(player)) == [("supervise", "red")]
    told = case_outbox(await database.find_one(CASES, {"_id": player.id}))
    assert "dispatcher:521" in told[-1]["keys"] and told[-1]["kind"] == "supervise"
    await player.do(DISPATCHER, "dispatch")
    await service.sweep()
    assert steps(await stored(player)) == [("supervise", "red")]
    assert "answer_supervise" in await offered(player, CLERK)


# -- by hand


async def test_supervision_when_given_by_hand_is_answered_in_writing_and_lifted(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    assert "answer_supervise" not in await offered(player, CLERK)
    given = await player.do(SUPERVISOR, "supervise", level="letter", reason="群众多次反映，请说明进展")
    (made,) = given.supervisions
    assert (made["level"], made["by"], made["rule"]) == (2, "supervisor", None)
    assert [(item.limit, item.done_at) for item in given.clocks if item.kind == "supervise"] == [("1wd", None)]
    with pytest.raises(Invalid) as wrong:
        await player.do(CLERK, "answer_supervise", text="正在处理中")
    assert [error.field for error in wrong.value.errors] == ["text"]
    answered = await player.do(LEADER, "answer_supervise")
    assert answered.supervisions[0]["answered_at"] and "answer_supervise" not in await offered(player, CLERK)
    assert [item.done_at is not None for item in answered.clocks if item.kind == "supervise"] == [True]
    lifted = await player.do(SUPERVISOR, "lift_supervise")
    assert lifted.supervisions[0]["lifted_at"] and "lift_supervise" not in await offered(player, SUPERVISOR)
    assert [entry["action"] for entry in (await stored(player))["timeline"][-3:]] == [
        "supervise", "answer_supervise", "lift_supervise",
    ]  # fmt: skip


async def test_supervision_when_given_sets_a_deadline_of_its_own_but_no_longer_one(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    with pytest.raises(Invalid) as wrong:
        await player.do(SUPERVISOR, "supervise", limit="3wd")
    assert [error.code for error in wrong.value.errors] == ["too_long"]
    given = await player.do(SUPERVISOR, "supervise", limit="2wh")
    assert given.supervisions[0]["due_at"] == "2026-11-23T04:00:00.000Z"
    more = await player.do(SUPERVISOR, "supervise", level="listed")
    clocks = [item for item in more.clocks if item.kind == "supervise" and item.done_at is None]
    assert [item.limit for item in clocks] == ["2wh"], "the earlier answer is for both"
    assert [item["level"] for item in (await player.do(CLERK, "answer_supervise")).supervisions if item["answered_at"]] == [1, 3]


async def test_supervision_when_the_answer_is_late_gives_way_to_the_next(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service, WALKER, event())
    await player.do(SUPERVISOR, "supervise", limit="1h")
    clock.forward(hours=2)
    again = await player.do(SUPERVISOR, "supervise", level="letter")
    assert [(item.limit, item.light, item.done_at is None) for item in again.clocks if item.kind == "supervise"] == [
        ("1h", "deep_red", False), ("1wd", "green", True),
    ]  # fmt: skip


async def test_supervision_when_asked_of_others_is_refused(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    for who in (CLERK, DISPATCHER, OPERATOR, WALKER):
        with pytest.raises(Forbidden):
            await service.act(actor=who, case_id=player.id, action="supervise", rev=None, fields={}, key=None)
    await player.do(SUPERVISOR, "supervise")
    for who in (HEAD, CLERK):
        with pytest.raises(Forbidden):
            await service.act(actor=who, case_id=player.id, action="lift_supervise", rev=1, fields={}, key=None)
    with pytest.raises(Forbidden):
        stranger = clerk_of("water2")
        wide = actor("unit_clerk", stranger.id, unit="water2", units=frozenset({"water2"}))
        await service.act(actor=wide, case_id=player.id, action="answer_supervise", rev=None, fields={}, key=None)
    unfiled = await reported(service, OPERATOR, ticket(file=False))
    with pytest.raises(NotAllowed):
        await service.act(actor=SUPERVISOR, case_id=unfiled.id, action="supervise", rev=None, fields={}, key=None)


async def test_comment_when_it_asks_becomes_a_supervision_of_level_one(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, CITIZEN, event(category="0202", channel="app"))
    said = await player.do(HEAD, "comment", text="此类问题要举一反三")
    assert said.supervisions == []
    with pytest.raises(Invalid) as wrong:
        await player.do(HEAD, "comment", text="请核实", asks=True)
    assert [error.code for error in wrong.value.errors] == ["not_filed"]
    await player.do(OPERATOR, "file")
    asked = await player.do(HEAD, "comment", text="请城管局明日前报告进展", asks=True)
    assert [(item["level"], item["by"], item["reason"]) for item in asked.supervisions] == [
        (1, "leader", "请城管局明日前报告进展"),
    ]  # fmt: skip
    assert (await service.get(actor=CITIZEN, case_id=player.id)).supervisions == []


async def test_result_when_supervised_needs_the_leaders_signature(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    await player.do(CLERK, "sign_in")
    assert "submit_result" in await offered(player, CLERK)
    await player.do(SUPERVISOR, "supervise")
    assert "submit_result" not in await offered(player, CLERK) and "sign_off" in await offered(player, LEADER)
    await player.do(LEADER, "sign_off")
    assert (await player.do(CLERK, "submit_result")).state == "handled"
