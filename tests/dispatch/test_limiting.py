"""How long a case may take where more is known than its category: special groups, limits set by hand, hours of a unit's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.clocks import choose_limit, due_at
from dispatch.errors import NotAllowed
from dispatch.limits import Limit
from dispatch.model import URGENCIES
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_separation import refused
from tests.dispatch.town import (
    CATEGORIES,
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    TownDirectory,
    clerk_of,
    event,
    new_key,
    open_service,
    rules,
    ticket,
    whole,
)

CITY = rules()
FIVE_DAYS, THREE_DAYS = datetime(2026, 11, 30, 9, 0, tzinfo=UTC), datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


class RoundTheClock(TownDirectory):
    """A town whose water works in the west never close."""

    def unit_hours(self, code: str) -> str:
        return "24x7" if code == "water1" else ""


async def reported(service: CaseService, who: Any = WALKER, **values: Any) -> Player:
    filed = await service.report(actor=who, report=(event if who is WALKER else ticket)(**values), present=whole, key=new_key())
    return Player(service, filed.id)


def clock_of(case: Any, kind: str = "case") -> Any:
    return next(clock for clock in reversed(case.clocks) if clock.kind == kind)


# -- special groups


async def test_report_when_for_a_special_group_then_half_the_limit_and_the_source_is_explained(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, special_group="elder")
    case = await service.get(actor=CLERK, case_id=player.id)
    assert case.special_group == "elder" and clock_of(case).limit == "3wd"
    said = await service.due(actor=CLERK, case_id=player.id)
    assert (said.limit, said.source, said.due) == ("3wd", "special_group", THREE_DAYS)


async def test_report_when_for_nobody_in_particular_then_nothing_is_stored_of_it(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    stored = await service.store.find(player.id)
    assert stored is not None and "special_group" not in stored and stored["clocks"][-2]["source"] == "category"
    assert (await service.due(actor=CLERK, case_id=player.id)).source == "category"


async def test_report_when_the_group_is_not_known_is_refused(database: Database) -> None:
    service = await open_service(database)
    with pytest.raises(Invalid) as caught:
        await reported(service, special_group="rich")
    assert [error.field for error in caught.value.errors] == ["special_group"]


@pytest.mark.parametrize("who", [OPERATOR, DISPATCHER, WALKER])
async def test_mark_when_under_way_then_half_from_the_first_start(database: Database, who: Any) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    assert (await service.due(actor=CLERK, case_id=player.id)).due == FIVE_DAYS
    clock.forward(days=1)
    marked = await player.do(who, "mark_special_group", group="disabled", reason="独居，行动不便")
    assert marked.special_group == "disabled"
    said = await service.due(actor=CLERK, case_id=player.id)
    assert (said.start, said.due, said.source) == (START, THREE_DAYS, "special_group")
    assert "mark_special_group" not in {action["name"] for action in marked.actions}, "once"
    entry = (await service.timeline(actor=SUPERVISOR, case_id=player.id))[-1]
    assert entry.data == {"group": "disabled"} and not entry.public


@pytest.mark.parametrize("who", [OPERATOR, SUPERVISOR])
async def test_mark_when_a_mistake_then_taken_back_by_who_set_it_or_a_supervisor(database: Database, who: Any) -> None:
    service = await open_service(database)
    player = await reported(service)
    await player.do(OPERATOR, "mark_special_group", group="disabled")
    plain = await player.do(who, "unmark_special_group", reason="看错了，不是残疾人")
    assert plain.special_group is None and clock_of(plain).limit == "5wd"
    said = await service.due(actor=CLERK, case_id=player.id)
    assert (said.start, said.due, said.source) == (START, FIVE_DAYS, "category")
    entry = (await service.timeline(actor=SUPERVISOR, case_id=player.id))[-1]
    assert (entry.data, entry.note, entry.public) == ({"group": "disabled"}, "看错了，不是残疾人", False)
    assert "unmark_special_group" not in {action["name"] for action in plain.actions}
    assert (await player.do(OPERATOR, "mark_special_group", group="elder")).special_group == "elder", "and set again"


async def test_mark_when_anothers_or_time_is_short_is_not_taken_back(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    await player.do(OPERATOR, "mark_special_group")
    assert await refused(player, DISPATCHER, "unmark_special_group") == "marked_it_or_supervises"
    clock.forward(days=2, hours=5)
    await service.sweep()
    with pytest.raises(NotAllowed) as late:
        rev = (await service.get(actor=OPERATOR, case_id=player.id)).rev
        await service.act(actor=OPERATOR, case_id=player.id, action="unmark_special_group", rev=rev, fields={}, key=None)
    assert late.value.data["reason"] == "limit_may_grow"
    assert (await player.do(SUPERVISOR, "unmark_special_group")).special_group is None


async def test_mark_when_taken_back_leaves_a_limit_that_was_set_by_hand(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    await player.do(DISPATCHER, "set_limit", limit="2wd")
    await player.do(OPERATOR, "mark_special_group")
    assert clock_of(await player.do(OPERATOR, "unmark_special_group")).limit == "2wd"


@pytest.mark.parametrize("who", [CITIZEN, CLERK, LEADER])
async def test_mark_when_neither_desk_nor_grid_is_not_offered(database: Database, who: Any) -> None:
    service = await open_service(database)
    player = await reported(service)
    stored = await service.store.find(player.id)
    assert stored is not None
    offered = {action["name"] for action in (await service.get(actor=SUPERVISOR, case_id=player.id)).actions}
    assert "mark_special_group" not in offered and "set_limit" in offered
    if who is not CITIZEN:
        assert "mark_special_group" not in {a["name"] for a in (await service.get(actor=who, case_id=player.id)).actions}


async def test_mark_when_the_reporter_is_hidden_then_units_see_the_limit_only(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, OPERATOR, appeal_type="report", special_group="elder", category="0201")
    await player.do(DISPATCHER, "dispatch", unit="water1") if (await state(service, player)) == "filed" else None
    case = await service.get(actor=clerk_of("water1"), case_id=player.id)
    assert case.special_group is None and clock_of(case).limit == "3wd"


async def state(service: CaseService, player: Player) -> str:
    return str((await service.get(actor=SUPERVISOR, case_id=player.id)).state)


# -- limits set by hand


async def test_dispatch_when_a_limit_is_named_then_only_shorter_than_the_special_groups(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, OPERATOR, category="0501", special_group="minor")  # 10 wd, not clear: waits for a dispatcher
    with pytest.raises(Invalid) as caught:
        await player.do(DISPATCHER, "dispatch", limit="6wd")
    assert [(error.field, error.code) for error in caught.value.errors] == [("limit", "too_long")]
    case = await player.do(DISPATCHER, "dispatch", limit="4wd")
    said = await service.due(actor=CLERK, case_id=player.id)
    assert clock_of(case).limit == "4wd" and said.source == "override"


async def test_set_limit_when_by_the_dispatcher_only_shorter_by_the_supervisor_longer(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service)
    with pytest.raises(Invalid):
        await player.do(DISPATCHER, "set_limit", limit="6wd")
    shorter = await player.do(DISPATCHER, "set_limit", limit="3wd")
    assert datetime.fromisoformat(shorter.due_at) == THREE_DAYS
    longer = await player.do(SUPERVISOR, "set_limit", limit="8wd", reason="管线复杂")
    assert clock_of(longer).limit == "8wd" and datetime.fromisoformat(longer.due_at) > FIVE_DAYS
    assert (await service.due(actor=CLERK, case_id=player.id)).source == "override"
    marked = await player.do(OPERATOR, "mark_special_group")
    assert clock_of(marked).limit == "8wd", "what was set by hand comes first"


@pytest.mark.parametrize(("by_hand", "after"), [("1wd", ("1wd", "override")), ("4wd", ("2wd", "category"))])
async def test_reclassify_when_a_limit_was_set_then_it_holds_while_it_is_shorter(
    database: Database, by_hand: str, after: tuple[str, str]
) -> None:
    service = await open_service(database)
    player = await reported(service)
    await player.do(DISPATCHER, "set_limit", limit=by_hand)
    await player.do(DISPATCHER, "reclassify", category="0202")
    said = await service.due(actor=CLERK, case_id=player.id)
    assert (said.limit, said.source) == after


async def test_reclassify_when_a_return_had_cost_time_then_it_is_added_again(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await reported(service)
    water = clerk_of("water1")
    await player.do(water, "sign_in")
    clock.forward(hours=2)
    await player.do(water, "request_return", reason="not_duty", unit="urban1")
    await player.decide(DISPATCHER)
    await player.do(DISPATCHER, "dispatch", unit="urban1")
    moved = await service.due(actor=CLERK, case_id=player.id)
    assert moved.due > FIVE_DAYS and moved.spans[-1].added == "returned"
    await player.do(DISPATCHER, "reclassify", category="0202")
    said = await service.due(actor=CLERK, case_id=player.id)
    lost = CITY.calendar.worked_between(FIVE_DAYS, moved.due)
    assert said.due == CITY.calendar.add_worked(due_at(START, Limit.parse("2wd"), CITY.calendar), lost)


@given(
    category=st.sampled_from([None, *CATEGORIES.all()]), urgency=st.sampled_from(URGENCIES),
    appeal=st.sampled_from(["none", "consult", "help", "complaint"]), minutes=st.integers(0, 30 * 24 * 60),
)  # fmt: skip
def test_special_group_when_marked_then_never_due_later_and_at_least_four_hours(
    category: Any, urgency: str, appeal: str, minutes: int
) -> None:
    start = START + timedelta(minutes=minutes)
    usual, special = (
        choose_limit(category, urgency, appeal, table=CITY.limits, special_group=marked).limit for marked in (False, True)
    )
    due = due_at(start, special, CITY.calendar)
    assert due <= due_at(start, usual, CITY.calendar)
    least = Limit(4, "wh" if special.is_working else "h")
    assert due >= min(due_at(start, least, CITY.calendar), due_at(start, usual, CITY.calendar))


# -- the unit's own hours


async def test_clocks_of_a_unit_when_it_never_closes_then_count_by_its_hours(database: Database) -> None:
    clock = Clock()
    clock.now = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)  # Saturday 23:00 in Guiyang
    service = await open_service(database, clock)
    service.rules.directory = RoundTheClock()
    player = await reported(service, OPERATOR, category="0201", special_group="elder")
    case = await service.get(actor=CLERK, case_id=player.id)
    assert case.lead is not None and case.lead["code"] == "water1"
    sign_in = await service.due(actor=CLERK, case_id=player.id, clock="sign_in")
    assert sign_in.hours == "24x7" and sign_in.due == clock.now + timedelta(hours=2)
    assert [span.reason for span in sign_in.spans] == ["work"]
    assert (await service.due(actor=CLERK, case_id=player.id)).hours == "", "the citizen's clock stays on the city's hours"
    await player.do(clerk_of("water1"), "sign_in")
    assert (await service.due(actor=CLERK, case_id=player.id, clock="contact")).hours == "24x7"


async def test_task_when_the_unit_never_closes_then_due_by_its_hours_and_put_off_by_them(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    service.rules.directory = RoundTheClock()
    player = await reported(service, OPERATOR, category="0201", special_group="elder")
    water, leader = clerk_of("water1"), clerk_of("water1", "unit_leader")
    await player.do(water, "sign_in")
    await player.do(water, "contact", result="reached", at=clock.now.isoformat())
    added = await player.do(DISPATCHER, "add_unit", unit="urban1", kind="assist", limit="4wh")
    assert datetime.fromisoformat(added.tasks[-1]["due_at"]) == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    await player.do(leader, "request_suspension", planned_at=(START + timedelta(days=9)).isoformat(), told=True)
    await player.decide(SUPERVISOR)
    clock.forward(days=1)
    resumed = await player.do(water, "resume")
    assert datetime.fromisoformat(resumed.tasks[-1]["due_at"]) == datetime(2026, 11, 24, 7, 0, tzinfo=UTC), "seven hours later"
    said = await service.due(actor=CLERK, case_id=player.id)
    assert "paused" in [span.reason for span in said.spans]
    contact = next(one for one in (await service.store.find(player.id))["clocks"] if one["kind"] == "contact")  # type: ignore[index]
    assert contact["hours"] == "24x7"
