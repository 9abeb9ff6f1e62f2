"""Timers: lights change once, in order, whoever sweeps; notices reach each inbox once."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.chain import verify
from dispatch.jobs import Jobs
from dispatch.relay import NOTICES
from dispatch.store import CASES
from storage.client import Database
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
)  # fmt: skip


async def test_lights_when_time_passes_change_once_and_in_order(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, report=event(category="0203"), key=new_key())).case  # 24 h, sign in within 30 m
    clock.forward(minutes=25)
    assert await service.sweep_lights() == 1 and await service.sweep_lights() == 0
    assert (await service.get(actor=CLERK, case_id=case.id)).light == "yellow"
    clock.forward(hours=60)
    assert await service.sweep_lights() == 1
    seen = await service.get(actor=CLERK, case_id=case.id)
    assert (seen.light, seen.rev) == ("deep_red", case.rev)
    stored = await service.store.find_whole(case.id)
    assert stored is not None and verify(stored["timeline"], case.id) == []
    lights = [(entry["data"]["clock"], entry["data"]["light"]) for entry in stored["timeline"] if entry["action"] == "light"]
    assert lights == [
        ("sign_in", "yellow"), ("sign_in", "red"), ("sign_in", "deep_red"),
        ("case", "yellow"), ("case", "red"), ("case", "deep_red"),
    ]  # fmt: skip
    assert stored["next_light_at"] is None


async def test_lights_when_two_sweep_at_once_are_changed_by_one(database: Database) -> None:
    clock = Clock()
    one, other = await open_service(database, clock), await open_service(database, clock)
    for _ in range(12):
        await one.report(actor=WALKER, report=event(category="0203"), key=new_key())
    clock.forward(minutes=25)
    await asyncio.gather(one.sweep_lights(), other.sweep_lights())
    counts = [sum(entry["action"] == "light" for entry in case["timeline"]) for case in await database.find(CASES, {})]
    assert counts == [1] * 12


async def test_action_when_light_changed_meanwhile_is_not_stale(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, report=event(category="0203"), key=new_key())).case
    clock.forward(minutes=25)
    await service.sweep_lights()
    signed = await service.act(actor=CLERK, case_id=case.id, action="sign_in", rev=case.rev, fields={}, key=None)
    assert (signed.state, signed.light) == ("handling", "green")


async def test_sweep_when_explained_walks_the_index_of_lights(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    await service.report(actor=WALKER, report=event(), key=new_key())
    due = {"next_light_at": {"$lte": clock.now, "$type": "date"}}
    plan = str((await database.explain(CASES, due, [("next_light_at", 1)], 200))["queryPlanner"]["winningPlan"])
    assert "next_light_at" in plan and "COLLSCAN" not in plan and "SORT" not in plan
    plan = await database.explain(CASES, {"outbox.id": {"$gt": ""}}, None, 500)
    assert "outbox.id" in str(plan["queryPlanner"]["winningPlan"])


async def test_notices_when_relayed_twice_arrive_once_and_leave_the_rev(database: Database) -> None:
    service = await open_service(database)
    filed = [(await service.report(actor=WALKER, report=event(), key=new_key())).case for _ in range(5)]
    left = await database.find(CASES, {}, projection={"outbox": 1})
    await asyncio.gather(service.relay.sweep(), service.relay.sweep())
    assert await service.relay.sweep() == 0
    for case in left:  # the process died after the first half: what lies in the outbox again is moved again
        await database.update_one(CASES, {"_id": case["_id"]}, {"$set": {"outbox": case["outbox"]}})
    await service.relay.sweep()
    assert await database.count(NOTICES, {}) == 5
    assert {(await service.get(actor=CLERK, case_id=case.id)).rev for case in filed} == {1}
    assert await database.count(CASES, {"outbox.id": {"$gt": ""}}) == 0


async def test_inbox_when_asked_holds_what_is_addressed_to_the_actor(database: Database) -> None:
    service = await open_service(database)
    case = (await service.report(actor=WALKER, report=event(), key=new_key())).case
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

    assert await one.run("lights", lambda: work("one")) == 1
    assert await other.run("lights", lambda: work("other")) == 0
    one.start()
    await one.stop()
    assert done == ["one"]


async def test_stop_when_jobs_are_at_work_lets_each_finish(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    for _ in range(8):
        await service.report(actor=WALKER, report=event(category="0203"), key=new_key())
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


async def test_relay_when_closed_moves_nothing_more_and_leaves_the_outbox(database: Database) -> None:
    service = await open_service(database)
    await service.close()
    await service.report(actor=WALKER, report=event(), key=new_key())
    assert await service.relay.sweep() == 0
    await (await open_service(database)).relay.sweep()
    assert await database.count(NOTICES, {}) == 1
