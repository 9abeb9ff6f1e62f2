"""Confirmed help: who says what it was worth, and what the query of it gives to whoever counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch.actors import Actor
from dispatch.errors import NotAllowed
from dispatch.helped import INDEX, HelpDone, Helped
from dispatch.reports import NewReport
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.test_store import _stages
from tests.dispatch.test_teamwork import ONE, WATER, Team, error_codes
from tests.dispatch.town import (
    DISPATCHER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    actor,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

CLERK = WATER


async def helped_case(database: Database, clock: Clock, report: NewReport | None = None, who: Actor = OPERATOR) -> Team:
    """Return a player of a caller's case on which vol1 has handed in three hours of two people (t2)."""
    service = await open_service(database, clock, indexed=True)
    report = report or ticket(category="0201")
    team = Team(service, (await service.report(actor=who, present=whole, report=report, key=new_key())).id)
    await team.do(CLERK, "sign_in")
    await team.do(CLERK, "invite", organizations=["vol1"])
    await team.task(ONE, "t2", "claim")
    await team.task(ONE, "t2", "serve", people="志愿者两名")
    await team.task(ONE, "t2", "task_submit", note="疏导行人三小时", hours=3, count=2)
    return team


async def found(database: Database, clock: Clock, **options: str) -> list[HelpDone]:
    return await Helped(database).between(START, clock.now + timedelta(seconds=1), **options)


async def test_help_when_unit_confirms_and_resident_rates_then_both_opinions_stand_apart(database: Database) -> None:
    clock = Clock()
    team = await helped_case(database, clock)
    assert await found(database, clock) == []
    clock.forward(hours=1)
    await team.task(CLERK, "t2", "task_confirm", rating=4, text="辛苦")
    confirmed_at = clock.now
    clock.forward(hours=1)
    await team.task(OPERATOR, "t2", "rate_help", rating=5, text="非常感谢，我叫张三丰")
    (done,) = await found(database, clock)
    assert done == HelpDone(
        organization="vol1", case=team.id, case_no=done.case_no, task="t2", category="0201", kind="", hours=3.0, people=2,
        unit_rating=4, resident_rating=5, thanks="非常感谢，我叫张**", confirmed_at=confirmed_at,
    )  # fmt: skip
    seen = await team.service.get(actor=ONE, case_id=team.id)
    assert {side: one["rating"] for side, one in seen.tasks[-1]["opinions"].items()} == {"unit": 4, "resident": 5}


async def test_opinion_when_given_twice_or_by_others_or_in_fractions_then_refused(database: Database) -> None:
    team = await helped_case(database, Clock())
    with pytest.raises(Invalid) as wrong:
        await team.task(CLERK, "t2", "task_confirm", rating=4.5)
    assert error_codes(wrong) == [("rating", "whole")]
    await team.task(CLERK, "t2", "task_confirm", rating=4)
    for who, refused in ((CLERK, NotAllowed), (ONE, Forbidden), (DISPATCHER, Forbidden)):
        with pytest.raises(refused):
            await team.try_task(who, "t2", "rate_help", rating=1)
    await team.task(OPERATOR, "t2", "rate_help", rating=5)
    with pytest.raises(NotAllowed) as twice:
        await team.try_task(OPERATOR, "t2", "rate_help", rating=1)
    assert twice.value.data["reason"] == "opinion_wanted"


@pytest.mark.parametrize("is_done", [True, False])
async def test_help_when_nobody_confirmed_before_the_end_then_counts_unrated_where_the_case_is_done(
    database: Database, is_done: bool
) -> None:
    clock = Clock()
    team = await helped_case(database, clock, event(category="0202"), who=WALKER)
    await team.do(CLERK, "submit_result", result="resolved")
    clock.forward(hours=1)
    if is_done:
        await team.do(DISPATCHER, "close")
    else:  # whatever is under way ends with a special closure
        await team.do(SUPERVISOR, "propose_special_close")
        await team.do(actor("supervisor", "second"), "special_close")
    known = [(done.confirmed_at, done.hours, done.unit_rating) for done in await found(database, clock)]
    assert known == ([(clock.now, 3.0, None)] if is_done else [])
    if is_done:
        await team.task(CLERK, "t2", "rate_help", rating=5)
        assert [done.unit_rating for done in await found(database, clock)] == [5]


async def test_help_when_asked_for_then_of_the_period_and_the_organization_by_its_index(database: Database) -> None:
    clock = Clock()
    for _ in range(3):
        team = await helped_case(database, clock)
        await team.task(CLERK, "t2", "task_confirm", rating=4)
        clock.forward(days=1)
    helped = Helped(database)
    first_two = await helped.between(START, START + timedelta(days=2), organization="vol1")
    assert [done.confirmed_at for done in first_two] == [START, START + timedelta(days=1)]
    assert await helped.between(START, clock.now, organization="vol2") == []
    assert len(await helped.between(START, clock.now)) == 3
    wanted = {"confirmation.at": {"$gte": START, "$lt": clock.now}, "organization.code": "vol1"}
    filter = {"tasks": {"$elemMatch": wanted}, "tasks.confirmation.at": {"$type": "date"}}
    plan = (await database.explain(CASES, filter, hint=INDEX))["queryPlanner"]["winningPlan"]
    assert "IXSCAN" in _stages(plan) and "COLLSCAN" not in _stages(plan)


async def test_help_when_of_an_older_record_then_the_one_opinion_is_of_who_confirmed(database: Database) -> None:
    clock = Clock()
    team = await helped_case(database, clock)
    await team.task(CLERK, "t2", "task_confirm", rating=3)
    await database.update_one(CASES, {"_id": team.id}, {"$unset": {"tasks.1.opinions": ""}})
    (done,) = await found(database, clock)
    assert (done.unit_rating, done.resident_rating) == (3, None)


async def test_opinion_when_later_than_the_case_itself_is_rated_then_refused(database: Database) -> None:
    clock = Clock()
    team = await helped_case(database, clock, event(category="0202"), who=WALKER)
    await team.do(CLERK, "submit_result", result="resolved")
    await team.do(DISPATCHER, "close")
    clock.forward(days=15, seconds=1)
    with pytest.raises(NotAllowed) as late:
        await team.try_task(CLERK, "t2", "rate_help", rating=5)
    assert late.value.data["reason"] == "opinion_wanted"
