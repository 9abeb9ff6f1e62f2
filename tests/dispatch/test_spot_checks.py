"""Closed cases that are looked at once more: drawn by nobody's choice, told to somebody who had no part, seen when overdue."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.categories import Catalogue
from dispatch.draws import Sampling, draw_of, is_drawn
from dispatch.service import CaseService
from dispatch.store import CASES, CaseQuery
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_endings import closed, visiting
from tests.dispatch.test_oversight import offered, reported, stored
from tests.dispatch.test_separation import refused
from tests.dispatch.test_verification import SEEN_FIRST, notices
from tests.dispatch.town import (
    CATEGORIES,
    CLERK,
    DISPATCHER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    clerk_of,
    event,
    open_service,
    ticket,
)  # fmt: skip

ON_DUTY = ("walker", "walker2", "walker3")


async def drawing(database: Database, clock: Clock | None = None, closed: float = 1.0, **sampling: Any) -> CaseService:
    """Return a service of a city that draws, with three grid workers on duty everywhere."""
    service = await open_service(database, clock, indexed=True)
    service.rules.sampling, service.rules.draw_secret = Sampling(closed=closed, **sampling), b"of this installation"
    service.rules.directory.on_duty = lambda role, place, at, **_: ON_DUTY  # type: ignore[method-assign]
    return service


async def drawn_case(service: CaseService, clock: Clock) -> Player:
    """Return a closed case that was drawn a working day later."""
    player = await closed(service)
    clock.forward(days=2)
    await service.sweep()
    return player


# -- the draw


def test_draws_when_made_of_many_cases_fall_evenly_and_differ_with_the_secret() -> None:
    drawn = [draw_of(b"one", {"_id": f"{number:032x}"}) for number in range(4000)]
    assert 320 < sum(is_drawn(draw, 0.1) for draw in drawn) < 480
    assert drawn[0] != draw_of(b"two", {"_id": f"{0:032x}"})


def test_rate_when_a_category_has_its_own_holds_instead() -> None:
    sampling = Sampling(self_handled=0.1, closed=0.05, by_category={"0201": 0.5, "0501": 0.0})
    rates = [sampling.rate(code, is_self_handled=False) for code in ("0201", "0501", "0101", None)]
    assert rates == [0.5, 0.0, 0.05, 0.05]
    assert sampling.rate("0501", is_self_handled=True) == 0.1


# -- from the closing to the checker


async def test_case_when_closed_and_drawn_is_given_to_somebody_of_the_place_a_working_day_later(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    player = await closed(service)
    assert (await stored(player)).get("spot_check") is None and "sampled" not in (await stored(player))["facts"]
    clock.forward(days=2)
    await service.sweep()
    case = await stored(player)
    check, entry = case["spot_check"], case["timeline"][-1]
    assert (check["drawn_by"], check["rate"], check["draw"]) == ("system", 1.0, draw_of(b"of this installation", case))
    assert check["checker"] in ON_DUTY and check["due_at"] > clock.now and entry["action"] == "draw_spot_check"
    assert entry["data"].keys() == {"draw", "rate", "checker", "due_at"} and not entry["public"]
    (told,) = await notices(service, database, "draw_spot_check")
    assert told["keys"] == [f"p:{check['checker']}"]


async def test_case_when_not_drawn_or_reopened_meanwhile_gets_no_check(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock, closed=0.0)
    quiet = await drawn_case(service, clock)
    service.rules.sampling = Sampling(closed=1.0)
    again = await closed(service)
    await again.do(SUPERVISOR, "reopen", kind="false_closure")
    clock.forward(days=2)
    await service.sweep()
    assert [(await stored(player)).get("spot_check") for player in (quiet, again)] == [None, None]


@pytest.mark.parametrize("report", [ticket(category="0901"), ticket(location=None, address="不知何处", file=False)])
async def test_case_when_sensitive_or_without_a_place_is_never_drawn(database: Database, report: Any) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    player = await reported(service, OPERATOR, report)
    if report.file:
        if "dispatch" in await offered(player, DISPATCHER):
            await player.do(DISPATCHER, "dispatch")
        for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "to_visit")):
            await player.do(who, action)
        await player.do(OPERATOR, "visit_ok")
    clock.forward(days=3)
    await service.sweep()
    assert (await stored(player)).get("spot_check") is None


async def test_check_when_drawn_never_goes_to_who_reported_or_passed_it(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    walkers = [actor("grid_worker", name) for name in ON_DUTY]
    for _ in range(6):
        player = await reported(service, walkers[0], event())
        for who, action in ((CLERK, "sign_in"), (CLERK, "submit_result"), (DISPATCHER, "send_check")):
            await player.do(who, action)
        assert (await player.do(walkers[1], "check_pass")).state == "closed"
        clock.forward(days=3)
        await service.sweep()
        check = (await stored(player))["spot_check"]
        assert check["checker"] == "walker3"
        assert await refused(player, walkers[1], "spot_check") == "checks_no_own_verdict"


async def test_self_handled_case_when_drawn_is_told_at_once_and_never_to_who_did_it(database: Database) -> None:
    service = await drawing(database, closed=0.0, self_handled=1.0)
    service.rules.catalogue = Catalogue((*CATEGORIES.all(), *SEEN_FIRST))
    player = await reported(service, actor("grid_worker", "walker"), event(category="0403"))
    done = await player.do(actor("grid_worker", "walker"), "self_handle")
    assert (done.state, done.flags) == ("closed", ["self_handled", "sampled"])
    assert done.spot_check["checker"] in ("walker2", "walker3") and done.spot_check["draw"]
    service.rules.directory.on_duty = lambda role, place, at, **_: ("walker",)  # type: ignore[method-assign]
    alone = await reported(service, actor("grid_worker", "walker"), event(category="0403"))
    assert (await alone.do(actor("grid_worker", "walker"), "self_handle")).spot_check["checker"] is None
    assert await refused(alone, actor("grid_worker", "walker"), "spot_check") == "not_of_lead"
    assert "spot_check" in await offered(alone, actor("grid_worker", "another"))


# -- when nobody goes


async def test_check_when_overdue_is_open_to_all_of_the_place_and_kept_from_the_archive(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    player = await drawn_case(service, clock)
    clock.forward(days=30)
    await service.sweep()
    case = await stored(player)
    assert (case["live"]["state"], case["spot_check"]["checker"], case["spot_check"]["late"]) == ("closed", None, True)
    (told,) = await notices(service, database, "spot_check_late")
    assert {"supervisor:*", "grid_worker:*"} <= set(told["keys"])
    assert "spot_check" in await offered(player, WALKER)
    with pytest.raises(Invalid):
        await player.do(SUPERVISOR, "assign_spot_check", checker=CLERK.id)
    again = await player.do(SUPERVISOR, "assign_spot_check", checker="walker2")
    assert (again.spot_check["checker"], again.spot_check["late"]) == ("walker2", False)
    done = await player.do(actor("grid_worker", "walker2"), "spot_check", result="pass")
    assert done.spot_check["result"] == "pass" and "assign_spot_check" not in await offered(player, SUPERVISOR)
    clock.forward(days=20)
    await service.sweep()
    assert (await stored(player))["live"]["state"] == "archived"


async def test_drawn_check_when_failed_reopens_and_the_next_closing_is_drawn_anew(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    player = await drawn_case(service, clock)
    first = (await stored(player))["spot_check"]
    await player.do(actor("grid_worker", first["checker"]), "spot_check", result="fail")
    await player.do(SUPERVISOR, "reopen", kind="spot_check")
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (actor("unit_leader"), "submit_result"),
                        (DISPATCHER, "to_visit"), (OPERATOR, "visit_ok")):  # fmt: skip
        if action in await offered(player, who):
            await player.do(who, action)
    clock.forward(days=2)
    await service.sweep()
    case = await stored(player)
    assert case["closures"][0]["spot_check"]["draw"] == first["draw"] != case["spot_check"]["draw"]


async def test_drawn_case_when_reopened_and_not_drawn_again_is_not_marked(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    player = await drawn_case(service, clock)
    assert (await stored(player))["facts"].keys() >= {"draw", "sampled"}
    again = await player.do(SUPERVISOR, "reopen", kind="false_closure")
    assert "sampled" not in again.flags and "draw" not in (await stored(player))["facts"]


# -- lists


async def test_list_of_todos_when_asked_for_holds_what_waits_in_the_order_of_its_due_time(database: Database) -> None:
    clock = Clock()
    service = await drawing(database, clock)
    first = await drawn_case(service, clock)
    later = await drawn_case(service, clock)
    rated = await visiting(service)
    await rated.do(OPERATOR, "visit_ok")
    await rated.do(OPERATOR, "rate", quality=1)

    async def listed(who: Any, todo: str, **query: Any) -> list[str]:
        return [case.id for case in (await service.list(actor=who, query=CaseQuery(todo=todo, **query))).items]

    assert await listed(SUPERVISOR, "spot_check") == [first.id, later.id]
    assert await listed(SUPERVISOR, "spot_check", sort="-due_at", limit=1) == [later.id]
    assert await listed(SUPERVISOR, "rectification") == [rated.id]
    assert set(await listed(SUPERVISOR, "spot_check,rectification", sort="reported_at")) == {first.id, later.id, rated.id}
    page = await service.list(actor=SUPERVISOR, query=CaseQuery(todo="spot_check", limit=1))
    assert await listed(SUPERVISOR, "spot_check", cursor=page.next) == [later.id]
    assert await listed(clerk_of("water1"), "rectification") == [rated.id]
    assert await listed(clerk_of("water2"), "rectification") == []
    citizen = actor("citizen", OPERATOR.id)  # whoever reported is not told that it will be checked
    assert await listed(citizen, "spot_check") == [] and (await service.get(actor=citizen, case_id=first.id)).todo is None
    checker = (await stored(first))["spot_check"]["checker"]
    others = [name for name in ON_DUTY if name != checker]
    assert first.id in await listed(actor("grid_worker", checker), "spot_check")
    assert first.id not in await listed(actor("grid_worker", others[0]), "spot_check")
    await first.do(actor("grid_worker", checker), "spot_check", result="pass")
    assert await listed(SUPERVISOR, "spot_check") == [later.id]
    documents = await database.find(CASES, {"todo.kinds": {"$exists": True}})
    assert {case["_id"] for case in documents} == {later.id, rated.id}
