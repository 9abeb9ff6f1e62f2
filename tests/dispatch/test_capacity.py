"""How many cases an organization takes at once, when several services claim for it at the same instant over one database."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pytest

from dispatch.capacity import CLAIMING, LEASE, Room
from dispatch.claims import Claims
from dispatch.errors import NotAllowed
from dispatch.needed import BusyWith, busy_filter
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_needs import WANTED, WATER, needing
from tests.dispatch.test_store import _stages
from tests.dispatch.test_teamwork import coordinator, error_codes
from tests.dispatch.town import OPERATOR, Clock, Player, actor, new_key, open_service, ticket, whole

THREE, CAPACITY = "three", 3
CASES_OF_A_ROUND, ROUNDS = 20, 6


@pytest.fixture
async def second(database: Database, mongodb_uri: str) -> AsyncIterator[Database]:
    """The same database by connections of its own, as another process has it."""
    opened = await Database.connect(mongodb_uri, database.name, driver=database.driver)
    yield opened
    await opened.close()


async def case_that_asks(service: CaseService, invited: str | None) -> str:
    """Return a case with a need for one organization; for the one that is invited, where there is one."""
    report = ticket(category="0201")
    case = Player(service, (await service.report(actor=OPERATOR, present=whole, report=report, key=new_key())).id)
    await case.do(actor("unit_clerk"), "sign_in")
    await case.do(WATER, "open_need", **WANTED, **({"organizations": [invited]} if invited else {}))
    return case.id


async def answer_of(claim: Awaitable[Any]) -> str:
    """Return how a claim ended."""
    try:
        await claim
    except Invalid as error:
        return error.errors[0].code
    except NotAllowed as error:
        return str(error.data["reason"])
    return "won"


def claim_of(service: CaseService, database: Database, case: str, code: str, *, accepts: bool) -> Awaitable[Any]:
    """Claim the need of a case, or accept the invitation to it."""
    who, key = coordinator(code), secrets.token_hex(8)  # processes count their own
    if accepts:
        return service.act_on_task(
            actor=who, case_id=case, task_id="t2", action="claim", rev=None, fields={}, key=key
        )  # fmt: skip
    claims = Claims(service, database, service.rules.directory, Clock())
    return claims.claim(actor=who, need=f"{case}.n1", fields={}, key=key)


async def test_claims_when_two_services_race_for_one_organization_then_exactly_its_capacity_each_time(
    database: Database, second: Database
) -> None:
    ours, theirs = await open_service(database, indexed=True), await open_service(second)
    busy = BusyWith(database)
    for round_ in range(2):
        cases = [await case_that_asks(ours, THREE if n % 2 else None) for n in range(CASES_OF_A_ROUND)]
        doors = [(ours, database), (theirs, second)]
        answers = await asyncio.gather(
            *(answer_of(claim_of(*doors[(n // 2) % 2], case, THREE, accepts=bool(n % 2))) for n, case in enumerate(cases))
        )
        assert (answers.count("won"), answers.count("no_capacity")) == (CAPACITY, CASES_OF_A_ROUND - CAPACITY), (round_, answers)
        assert await busy.count(THREE) == CAPACITY
        found = await database.find_one(CLAIMING, {"_id": THREE})
        assert found is not None and found["waiting"] == [], "nothing is held any more"
        await give_up(ours, database, THREE)


def claims_of_a_process(uri: str, name: str, cases: list[str]) -> list[str]:
    """Claim all these cases at once, in a process of its own."""

    async def run() -> list[str]:
        database = await Database.connect(uri, name)
        service = await open_service(database)
        try:
            claims = (claim_of(service, database, case, THREE, accepts=bool(n % 2)) for n, case in enumerate(cases))
            return await asyncio.gather(*(answer_of(claim) for claim in claims))
        finally:
            await service.close()
            await database.close()

    return asyncio.run(run())


@pytest.mark.slow
async def test_claims_when_two_processes_race_for_one_organization_then_exactly_its_capacity_each_time(
    database: Database, mongodb_uri: str
) -> None:
    service, loop = await open_service(database, indexed=True), asyncio.get_running_loop()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for _ in range(ROUNDS):
            cases = [await case_that_asks(service, THREE if n % 2 else None) for n in range(CASES_OF_A_ROUND)]
            told = (mongodb_uri, database.name, cases)
            both = await asyncio.gather(*(loop.run_in_executor(pool, claims_of_a_process, *told) for _ in range(2)))
            assert sum(answers.count("won") for answers in both) == CAPACITY, both
            assert {*both[0], *both[1]} <= {"won", "no_capacity", "takes_part", "state"}
            assert await BusyWith(database).count(THREE) == CAPACITY
            await give_up(service, database, THREE)


def die_while_holding(uri: str, name: str) -> None:
    """Hold all the room that there is, and end as by kill -9."""

    async def run() -> None:
        room = Room(await Database.connect(uri, name))
        async with room.held(THREE, "c1"), room.held(THREE, "c2"), room.held(THREE, "c3"):
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run())


@pytest.mark.slow
async def test_claim_when_a_process_is_killed_between_its_two_writes_then_comes_through_within_the_lease(
    database: Database, mongodb_uri: str
) -> None:
    service = await open_service(database, indexed=True)
    case = await case_that_asks(service, None)
    killed = get_context("spawn").Process(target=die_while_holding, args=(mongodb_uri, database.name))
    killed.start()
    await asyncio.to_thread(killed.join)
    found = await database.find_one(CLAIMING, {"_id": THREE})
    assert killed.exitcode == -signal.SIGKILL and found is not None and len(found["waiting"]) == CAPACITY
    assert await answer_of(claim_of(service, database, case, THREE, accepts=False)) == "won"


async def give_up(service: CaseService, database: Database, code: str) -> None:
    """Give all places up, so that the next round begins with nothing in hand."""
    for case in await database.find(CASES, {"keys": f"o:{code}", "live.open": True}):
        for task in case["tasks"]:
            if task["state"] in ("claimed", "invited") and task["kind"] == "org":
                action, fields = ("release", {"reason": "人手不够"}) if task["state"] == "claimed" else ("decline", {})
                await service.act_on_task(
                    actor=coordinator(code), case_id=case["_id"], task_id=task["id"], action=action, rev=None, fields=fields,
                    key=new_key(),
                )  # fmt: skip


async def test_invitation_when_the_organization_has_its_hands_full_then_cannot_be_accepted(database: Database) -> None:
    service = await open_service(database, indexed=True)
    cases = [await case_that_asks(service, THREE) for _ in range(CAPACITY + 1)]
    for case in cases[:-1]:
        await claim_of(service, database, case, THREE, accepts=True)
    with pytest.raises(Invalid) as full:
        await claim_of(service, database, cases[-1], THREE, accepts=True)
    assert error_codes(full) == [("organization", "no_capacity")]
    await service.act_on_task(
        actor=coordinator(THREE), case_id=cases[0], task_id="t2", action="release", rev=None, fields={"reason": "人手不够"},
        key=new_key(),
    )  # fmt: skip
    assert await answer_of(claim_of(service, database, cases[-1], THREE, accepts=True)) == "won"


async def held_by_nobody(database: Database, code: str, seconds: float) -> None:
    """Leave behind what a process leaves that died between saying that it claims and claiming."""
    until = await database.server_time() + timedelta(seconds=seconds)
    left = [{"token": f"dead{n}", "case": f"case{n}", "until": until} for n in range(CAPACITY)]
    await database.update_one(CLAIMING, {"_id": code}, {"$set": {"waiting": left}}, upsert=True)


@pytest.mark.parametrize("seconds", [-0.001, 0.7])
async def test_claim_when_a_process_died_while_it_held_room_then_comes_through_once_that_has_run_out(
    database: Database, seconds: float
) -> None:
    service = await open_service(database, indexed=True)
    case = await case_that_asks(service, None)
    await held_by_nobody(database, THREE, seconds)
    assert await answer_of(claim_of(service, database, case, THREE, accepts=False)) == "won"
    found = await database.find_one(CLAIMING, {"_id": THREE})
    assert found is not None and found["waiting"] == []


async def test_write_when_it_comes_after_its_room_has_run_out_then_is_not_made(database: Database) -> None:
    team = await needing(database)
    await team.opened()
    case = await team.stored()
    entry = {"id": "e" * 16, "seq": case["head"]["seq"] + 1}
    update = {"$push": {"timeline": entry}}
    now = await database.server_time()
    assert not await team.service.store.update(case, update, entry["id"], until=now - timedelta(milliseconds=1))
    assert (await team.stored())["head"] == case["head"]
    assert await team.service.store.update(case, update, entry["id"], until=now + timedelta(minutes=1))


async def test_count_when_an_organization_claims_then_walks_an_index(database: Database) -> None:
    service = await open_service(database, indexed=True)
    for _ in range(4):
        await case_that_asks(service, None)
    case = await case_that_asks(service, THREE)
    await claim_of(service, database, case, THREE, accepts=True)
    assert await BusyWith(database).cases(THREE) == {case}
    plan = await database.explain(CASES, busy_filter(THREE))
    stages = _stages(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages and "COLLSCAN" not in stages and plan["executionStats"]["totalDocsExamined"] == 1, stages


async def test_room_when_held_then_says_who_came_before_and_until_when(database: Database) -> None:
    room = Room(database)
    async with room.held("o1", "c1") as first, room.held("o1", "c2") as later, room.held("o1", "c1") as same:
        assert (first.ahead, later.ahead, same.ahead) == (0, 1, 1), "one case counts once"
        assert datetime.now(UTC) < first.until < datetime.now(UTC) + LEASE
        async with room.held("o2", "c1") as other:
            assert other.ahead == 0
    found = await database.find_one(CLAIMING, {"_id": "o1"})
    assert found is not None and found["waiting"] == []
    with pytest.raises(asyncio.CancelledError):
        async with room.held("o1", "c3"):
            raise asyncio.CancelledError
    found = await database.find_one(CLAIMING, {"_id": "o1"})
    assert found is not None and [one["case"] for one in found["waiting"]] == ["c3"], "it may be written yet"
