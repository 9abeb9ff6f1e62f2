"""Timers: lights change once, in order, whoever sweeps; notices reach each inbox once."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from dispatch.chain import verify
from dispatch.jobs import LEASE, LEASE_SECONDS, RENEW_SECONDS, Jobs
from dispatch.relay import MARKS, NOTICES, SLOWEST_WRITE
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from storage.errors import StorageUnavailable
from storage.lease import LEASES
from tests.dispatch.town import (
    CLERK,
    DISPATCHER,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    clerk_of,
    event,
    new_key,
    open_service,
    whole,
)  # fmt: skip


async def test_lights_when_time_passes_change_once_and_in_order(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (
        await service.report(actor=WALKER, present=whole, report=event(category="0203"), key=new_key())
    ).case  # 24 h, sign in within 30 m
    clock.forward(minutes=25)
    assert await service.sweep() == 1 and await service.sweep() == 0
    assert (await service.get(actor=CLERK, case_id=case.id)).light == "yellow"
    clock.forward(hours=60)
    assert await service.sweep() == 1
    seen = await service.get(actor=CLERK, case_id=case.id)
    assert (seen.light, seen.rev) == ("deep_red", case.rev)
    stored = await service.store.find_whole(case.id)
    assert stored is not None and verify(stored["timeline"], case.id) == []
    lights = [(entry["data"]["clock"], entry["data"]["light"]) for entry in stored["timeline"] if entry["action"] == "light"]
    assert lights == [
        ("sign_in", "yellow"), ("sign_in", "red"), ("sign_in", "deep_red"),
        ("arrive", "yellow"), ("arrive", "red"), ("arrive", "deep_red"),
        ("case", "yellow"), ("case", "red"), ("case", "deep_red"),
    ]  # fmt: skip
    answer = stored["clocks"][-1]  # what the unit was asked when the case turned red and deep red
    assert answer["kind"] == "supervise" and stored["next_light_at"] == answer["yellow_at"]


async def test_lights_when_two_sweep_at_once_are_changed_by_one(database: Database) -> None:
    clock = Clock()
    one, other = await open_service(database, clock), await open_service(database, clock)
    for _ in range(12):
        await one.report(actor=WALKER, present=whole, report=event(category="0203", photos=()), key=new_key())
    clock.forward(minutes=25)
    await asyncio.gather(one.sweep(), other.sweep())
    counts = [sum(entry["action"] == "light" for entry in case["timeline"]) for case in await database.find(CASES, {})]
    assert counts == [1] * 12


async def test_action_when_light_changed_meanwhile_is_not_stale(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=event(category="0203"), key=new_key())).case
    clock.forward(minutes=25)
    await service.sweep()
    signed = await service.act(actor=CLERK, case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=None)
    assert (signed.state, signed.light) == ("handling", "green")


async def test_sweep_when_explained_walks_the_index_of_lights(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    await service.report(actor=WALKER, present=whole, report=event(), key=new_key())
    due = {"next_light_at": {"$lte": clock.now, "$type": "date"}}
    plan = str((await database.explain(CASES, due, [("next_light_at", 1)], 200))["queryPlanner"]["winningPlan"])
    assert "next_light_at" in plan and "COLLSCAN" not in plan and "SORT" not in plan
    plan = await database.explain(CASES, {"told_at": {"$gte": clock.now}}, None, 500)
    assert "told_at" in str(plan["queryPlanner"]["winningPlan"])


async def test_notices_when_delivered_twice_arrive_once_and_leave_the_rev(database: Database) -> None:
    service = await open_service(database)
    filed = [(await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case for _ in range(5)]
    assert sum(await asyncio.gather(service.relay.sweep(), service.relay.tend())) == 5
    assert await service.relay.sweep() == 0 and await service.relay.tend() == 0
    assert await database.count(NOTICES, {}) == 5
    assert {(await service.get(actor=CLERK, case_id=case.id)).rev for case in filed} == {1}


async def _let_it_die(database: Database, service: CaseService) -> None:
    """Put the mark of a process so far back as if it had not been renewed for a minute."""
    ago = [{"$set": {"renewed_at": {"$subtract": ["$$NOW", 60_000]}}}]
    assert await database.update_one(MARKS, {"_id": service.relay.process}, ago)


async def test_notices_of_a_process_that_is_gone_are_made_up_by_another(database: Database) -> None:
    clock = Clock()
    gone, other = await open_service(database, clock), await open_service(database, clock)
    told = (await gone.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    await gone.relay.tend()
    clock.forward(minutes=10)
    untold = (await gone.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    await Player(gone, untold.id).do(CLERK, "request_return")
    gone.relay._waiting.clear()  # killed before it delivered
    await other.relay.tend()
    assert await other.relay.sweep() == 0  # its mark is young: it may still deliver by itself
    await _let_it_die(database, gone)
    assert await other.relay.sweep() == 2 and await other.relay.sweep() == 0
    assert sorted([notice["case"], notice["kind"]] for notice in await database.find(NOTICES, {})) == sorted(
        [[told.id, "auto_dispatch"], [untold.id, "auto_dispatch"], [untold.id, "request_return"]]
    )
    assert [mark["_id"] for mark in await database.find(MARKS, {})] == [other.relay.process]


async def test_mark_stays_behind_what_waits_and_what_is_in_doubt(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)

    async def since() -> datetime:
        await service.relay.tend()
        (mark,) = await database.find(MARKS, {})
        found: datetime = mark["since"]
        return found

    assert await since() == clock.now - SLOWEST_WRITE
    born = clock.now
    service.relay.doubt(born)
    clock.forward(seconds=70)
    await service.report(actor=WALKER, present=whole, report=event(), key=new_key())
    service.relay._waiting.clear()  # the write landed, the answer was lost
    assert await database.count(NOTICES, {}) == 0
    assert await since() == clock.now - SLOWEST_WRITE  # looked up, nothing is in doubt any more
    assert await database.count(NOTICES, {}) == 1
    service.relay.doubt(clock.now)
    asked = clock.now
    clock.forward(seconds=50)
    assert await since() == min(asked, clock.now - SLOWEST_WRITE)


async def test_write_that_is_not_confirmed_is_looked_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    insert = service.store.insert

    async def lose_the_answer(case: dict[str, Any]) -> bool:
        await insert(case)
        raise StorageUnavailable

    monkeypatch.setattr(service.store, "insert", lose_the_answer)
    with pytest.raises(StorageUnavailable):
        await service.report(actor=WALKER, present=whole, report=event(), key="k")
    await service.relay.tend()
    assert await database.count(NOTICES, {}) == 0
    clock.forward(seconds=61)
    await service.relay.tend()
    assert await database.count(NOTICES, {}) == 1


async def test_outbox_when_many_are_told_keeps_the_last(database: Database) -> None:
    service = await open_service(database)
    case = (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    old = [{"id": f"old{number}", "kind": "urge", "keys": [], "at": Clock().now, "by": ""} for number in range(60)]
    await database.update_one(CASES, {"_id": case.id}, {"$push": {"outbox": {"$each": old}}})
    await Player(service, case.id).do(CLERK, "request_return")
    stored = await database.find_one(CASES, {"_id": case.id})
    assert stored is not None
    assert len(stored["outbox"]) == 50 and stored["outbox"][-1]["kind"] == "request_return"
    assert stored["told_at"] == stored["outbox"][-1]["at"]


async def test_inbox_when_asked_holds_what_is_addressed_to_the_actor(database: Database) -> None:
    service = await open_service(database)
    case = (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    player = Player(service, case.id)
    await player.do(CLERK, "request_return")
    await service.relay.sweep()
    assert [item.kind for item in await service.relay.inbox(clerk_of("water1"))] == ["auto_dispatch"]
    assert await service.relay.inbox(clerk_of("water2")) == []
    found = await service.relay.inbox(DISPATCHER)
    assert [(item.kind, item.case, item.read) for item in found] == [("request_return", case.id, False)]
    await service.relay.mark_read(DISPATCHER, found[0].id)
    assert [item.read for item in await service.relay.inbox(DISPATCHER)] == [True]
    assert await service.relay.inbox(SUPERVISOR) == []


async def test_jobs_when_two_processes_run_only_the_holder_works(database: Database) -> None:
    service = await open_service(database)
    one, other = Jobs(database, service, holder="one"), Jobs(database, service, holder="other")
    done: list[str] = []

    async def work(name: str) -> int:
        done.append(name)
        return 1

    assert await one.run("lights", lambda: work("one")) == 0  # nobody has asked for the lease yet
    assert (await one.hold(), await other.hold()) == (True, False)
    assert await one.run("lights", lambda: work("one")) == 1
    assert await other.run("lights", lambda: work("other")) == 0
    assert await other.run("own notices", lambda: work("other's own")) == 1
    await one.stop()
    assert await other.hold() and not await other.hold()  # it has just become the other's, and still is
    assert await other.run("lights", lambda: work("other")) == 1
    assert done == ["one", "other's own", "other"]


async def test_jobs_when_the_holder_is_killed_move_within_15_seconds_and_begin_at_once(database: Database) -> None:
    assert LEASE_SECONDS + RENEW_SECONDS < 15
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=event(category="0203"), key=new_key())).case
    killed, other = Jobs(database, service, holder="killed"), Jobs(database, service, holder="other")
    assert await killed.hold()
    clock.forward(minutes=25)
    other.start()
    await asyncio.sleep(0.3)
    assert (await service.get(actor=CLERK, case_id=case.id)).light == "green"  # the work is another's
    await database.update_one(LEASES, {"_id": LEASE}, [{"$set": {"expires_at": "$$NOW"}}])
    for job in other.scheduled():
        await job()
    await asyncio.sleep(0.5)
    assert (await service.get(actor=CLERK, case_id=case.id)).light == "yellow"
    await other.stop()


async def test_stop_when_jobs_are_at_work_lets_each_finish(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    for _ in range(8):
        await service.report(actor=WALKER, present=whole, report=event(category="0203"), key=new_key())
    clock.forward(minutes=25)
    jobs = Jobs(database, service, holder="one")
    jobs.start()
    for job in jobs.scheduled():
        await job()
    await asyncio.sleep(0)  # both jobs have begun
    await jobs.stop()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    for case in await database.find(CASES, {}):
        assert verify(case["timeline"], case["_id"]) == []
    assert await database.count("leases", {}) == 0


async def test_relay_when_closed_has_delivered_and_takes_its_mark_away(database: Database) -> None:
    service = await open_service(database)
    await service.relay.tend()
    await service.report(actor=WALKER, present=whole, report=event(), key=new_key())
    await service.close()
    assert await database.count(NOTICES, {}) == 1 and await database.count(MARKS, {}) == 0
    assert await service.relay.sweep() == 0 and await service.relay.tend() == 0
    assert await database.count(MARKS, {}) == 0


async def test_relay_when_closed_with_a_write_under_way_leaves_its_mark(database: Database) -> None:
    service = await open_service(database)
    await service.relay.tend()
    await service.relay.close(settled=False)
    assert await database.count(MARKS, {}) == 1
