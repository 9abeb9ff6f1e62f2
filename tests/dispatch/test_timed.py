"""After a change of the calendar: what timers keep is moved too, of requests that wait and of cases that have ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import recomputing
from dispatch.calendar import CalendarDay, WorkCalendar
from dispatch.recounting import moved_dues
from dispatch.service import CaseService
from dispatch.store import CASES, WAITING
from dispatch.timed import expiry, rectification_dues, spot_check_due, timed_dues
from storage.client import Database
from tests.dispatch.test_endings import closed
from tests.dispatch.test_oversight import reported as asked_for
from tests.dispatch.test_recomputing import ADMIN, OFF, SHIFTED, WATER, change, due, reported, stored
from tests.dispatch.test_rectification import rated_badly
from tests.dispatch.test_store import _stages
from tests.dispatch.town import (
    CLERK,
    LEADER,
    OPERATOR,
    START,
    SUPERVISOR,
    Clock,
    Player,
    open_service,
    rules,
    ticket,
)

TUESDAY = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # 10:00 in Guiyang, the day before the holidays
EVENING = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)  # 18:00 of the first of them
CITY, REFUSED = rules(), {"reason": "litigation", "next_door": "请到区法院立案庭", "reply": "该事项已进入诉讼程序，不予受理。"}


@pytest.fixture
def clock() -> Clock:
    found = Clock()
    found.now = TUESDAY
    return found


@pytest.fixture
async def service(database: Database, clock: Clock) -> CaseService:
    return await open_service(database, clock, indexed=True)


async def apply(service: CaseService, key: str = "k1") -> int:
    """Change the calendar, look that nothing moves by that, and move what differs; return how many cases that were."""
    before = await service.store.database.find(CASES, {})
    await change(service)
    seen, counted = await service.recomputing.look(), await service.recomputing.count()
    assert await service.store.database.find(CASES, {}) == before, "never silently"
    run = await service.recomputing.apply(actor=ADMIN, key=key)
    assert run.moved == counted.moved == len(seen.items) and run.failed == 0
    after = await service.store.database.find(CASES, {})
    assert (await service.recomputing.apply(actor=ADMIN, key=key + "-again")).moved == 0
    assert (await service.recomputing.look()).items == [] and await service.store.database.find(CASES, {}) == after
    return run.moved


def timers(case: dict[str, Any], *names: str) -> list[datetime]:
    found = {timer["name"]: timer["at"] for timer in case["timers"]}
    return [found[name] for name in names]


async def last(service: CaseService, player: Player) -> tuple[dict[str, Any], set[str]]:
    """Return the newest entry of a case and who was told of it."""
    case = await stored(service, player)
    return case["timeline"][-1], set(case["outbox"][-1]["keys"])


# -- a bad rating


async def test_apply_when_a_bad_rating_is_put_right_then_all_its_times_move(service: CaseService) -> None:
    player = await rated_badly(service)
    assert await apply(service) == 1
    case = await stored(service, player)
    contact, whole = due("1wd", TUESDAY), due("5wd", TUESDAY)
    assert (case["rectification"]["contact_due_at"], case["rectification"]["due_at"]) == (contact, whole)
    assert timers(case, "rectify_contact", "rectify") == [contact, whole]
    assert case["todo"] == {"kinds": ["rectification"], "at": contact}
    entry, told = await last(service, player)
    assert (entry["action"], entry["public"], entry["data"]["clocks"]) == ("recompute", False, ["rectify_contact", "rectify"])
    assert told == {"u:water1", "u:*"}


async def test_apply_when_it_was_told_too_early_then_told_again(service: CaseService, clock: Clock) -> None:
    player = await rated_badly(service)
    clock.now = EVENING
    await service.sweep()
    assert (await last(service, player))[0]["action"] == "rectify_late"
    await apply(service)
    assert await service.sweep() == 0
    clock.now = due("1wd", TUESDAY)
    await service.sweep()
    assert (await last(service, player))[0]["action"] == "rectify_late"


async def test_apply_when_it_came_back_to_the_unit_then_with_the_day_that_it_was_given(
    service: CaseService, clock: Clock
) -> None:
    player = await rated_badly(service)
    await player.do(CLERK, "rectify_contact")
    await player.do(CLERK, "rectify_submit")
    await apply(service)
    case = await stored(service, player)
    assert case["rectification"]["due_at"] == case["todo"]["at"] == due("5wd", TUESDAY)
    assert not [timer for timer in case["timers"] if timer["name"] == "rectify"], "nothing is waited for"
    clock.now = datetime(2026, 12, 4, 1, 0, tzinfo=UTC)
    service.rules.calendar = SHIFTED
    await player.do(SUPERVISOR, "rectify_close", approve=False)
    await change(service, [*OFF, CalendarDay(date(2026, 12, 7), "holiday")])
    assert (await service.recomputing.apply(actor=ADMIN, key="k2")).moved == 1
    case = await stored(service, player)
    tuesday = datetime(2026, 12, 8, 9, 0, tzinfo=UTC)
    assert [case["rectification"]["due_at"], *timers(case, "rectify")] == [tuesday, tuesday]


# -- a spot check


@pytest.mark.parametrize("is_assigned", [False, True])
async def test_apply_when_a_check_is_to_be_made_then_its_time_moves_and_only_the_checker_is_told(
    service: CaseService, is_assigned: bool
) -> None:
    player = await closed(service)
    await player.do(SUPERVISOR, "draw_spot_check", checker="walker")
    if is_assigned:
        await player.do(SUPERVISOR, "assign_spot_check", checker="walker")
    assert await apply(service) == 1
    case, until = await stored(service, player), due("2wd", TUESDAY)
    assert [case["spot_check"]["due_at"], case["todo"]["at"], *timers(case, "spot_check_late")] == [until, until, until]
    assert (await last(service, player))[1] == {"p:walker"}


async def test_apply_when_a_check_is_late_by_the_old_calendar_only_then_it_is_not(service: CaseService, clock: Clock) -> None:
    player = await closed(service)
    await player.do(SUPERVISOR, "draw_spot_check", checker="walker")
    clock.now = EVENING + timedelta(days=1)
    await service.sweep()
    assert (await stored(service, player))["spot_check"]["late"]
    await apply(service)
    assert not (await stored(service, player))["spot_check"]["late"]
    clock.now = due("2wd", TUESDAY)
    await service.sweep()
    assert (await stored(service, player))["spot_check"]["late"]


# -- appeals, and what others have


@pytest.mark.parametrize(("action", "limit"), [("appeal_result", "2wd"), ("appeal_refusal", "1wd")])
async def test_apply_when_an_appeal_waits_then_its_decision_and_escalation_move(
    service: CaseService, clock: Clock, action: str, limit: str
) -> None:
    if action == "appeal_result":
        player = await closed(service)
    else:
        player = await asked_for(service, OPERATOR, ticket(file=False))
        await player.do(OPERATOR, "refuse", **REFUSED)
    await player.do(OPERATOR, action)
    assert await apply(service) == 1
    case, until = await stored(service, player), due(limit, TUESDAY)
    assert [case["requests"][0]["due_at"], *timers(case, "escalate:q1")] == [until, until]
    entry, told = await last(service, player)
    assert entry["data"]["clocks"] == ["decide_appeal"] and "supervisor:*" in told
    clock.now = until
    await service.sweep()
    assert (await stored(service, player))["requests"][0]["deciders"] == ["supervisor", "leader"]


async def test_apply_when_an_appeal_was_escalated_then_it_is_not_again(service: CaseService, clock: Clock) -> None:
    player = await closed(service)
    await player.do(OPERATOR, "appeal_result")
    clock.now = EVENING + timedelta(days=1)
    await service.sweep()
    await apply(service)
    case = await stored(service, player)
    assert case["requests"][0]["due_at"] == due("2wd", TUESDAY) and case["requests"][0]["deciders"] == ["supervisor", "leader"]
    assert [timer["name"] for timer in case["timers"]] == ["archive"]


async def test_apply_when_a_receipt_is_waited_for_then_its_clock_moves_and_is_explained(service: CaseService) -> None:
    limits = service.rules.limits
    service.rules.limits = msgspec.structs.replace(limits, nodes=limits.nodes | {"receipt": {"default": "2wd"}})
    player = await asked_for(service, OPERATOR, ticket(file=False))
    await player.do(OPERATOR, "transfer_external", agency="power", way="one_key", summary="变压器停运，一片停电")
    assert await apply(service) == 1
    assert {"operator:*", "u:agency:power"} <= (await last(service, player))[1]
    service.rules.calendar = SHIFTED
    said = await service.due(actor=OPERATOR, case_id=player.id, clock="receipt")
    assert said.due == said.spans[-1].end == due("2wd", TUESDAY) and said.recomputed is not None


# -- requests of an open case


async def test_apply_when_a_return_was_escalated_then_it_runs_out_later(service: CaseService, clock: Clock) -> None:
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(WATER, "request_return", reason="not_duty", unit="urban1")
    clock.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # Tuesday 16:00: an hour more on that day
    await service.sweep()
    assert (await stored(service, player))["requests"][0]["deciders"] == ["dispatcher", "supervisor"]
    await apply(service)
    case, friday = await stored(service, player), datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
    assert timers(case, "expire:q1") == [friday] and "expire_return" in case["timeline"][-1]["data"]["clocks"]
    clock.now = EVENING
    await service.sweep()
    assert (await stored(service, player))["requests"][0]["state"] == "pending"
    clock.now = friday
    await service.sweep()
    assert (await stored(service, player))["requests"][0]["state"] == "expired"


async def test_apply_when_a_suspension_was_escalated_and_its_time_is_over_now_then_it_runs_out(
    service: CaseService, clock: Clock
) -> None:
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(LEADER, "request_suspension", planned_at=(TUESDAY + timedelta(days=20)).isoformat())
    clock.now = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)  # Friday evening: until Monday
    await service.sweep()
    await change(service, [CalendarDay(date(2026, 11, 28), "workday", "调休")])
    clock.now = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
    assert await service.sweep() == 0
    await service.recomputing.apply(actor=ADMIN, key="k1")
    await service.sweep()
    assert (await stored(service, player))["requests"][0]["state"] == "expired"


async def test_apply_when_an_extension_was_escalated_then_it_ends_with_the_case(service: CaseService, clock: Clock) -> None:
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(WATER, "request_extension", limit="2wd")
    clock.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    await service.sweep()
    assert (await stored(service, player))["requests"][0]["deciders"] == ["dispatcher", "supervisor"]
    await apply(service)
    case = await stored(service, player)
    assert [case["live"]["due_at"], *timers(case, "expire:q1")] == [due("5wd", TUESDAY)] * 2


# -- all of them, page by page


async def test_look_and_apply_when_some_have_ended_then_each_case_once(
    service: CaseService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    players = [await rated_badly(service) for _ in range(3)]
    for _ in range(3):
        clock.forward(seconds=1)
        players.append(await reported(service))
    await closed(service)
    await change(service)
    monkeypatch.setattr(recomputing, "PAGE", 2)
    found, cursor = list[str](), None
    while True:
        seen = await service.recomputing.look(cursor=cursor, limit=1)
        found += [one.id for one in seen.items]
        if (cursor := seen.next) is None:
            break
    assert sorted(found) == sorted(player.id for player in players) and set(found[:3]) == {one.id for one in players[3:]}
    monkeypatch.setattr(recomputing, "PAGES_AT_ONCE", 1)
    run = await service.recomputing.apply(actor=ADMIN, key="k1")
    assert (run.state, run.moved) == ("running", 2)
    assert await service.recomputing.run() == 4
    done = await service.recomputing.applied()
    assert done is not None and (done.state, done.looked_at, done.moved) == ("done", 6, 6)


async def test_waiting_when_explained_then_by_small_indexes(service: CaseService) -> None:
    await rated_badly(service)
    for filter, index in WAITING:
        found = await service.store.database.explain(CASES, filter | {"_id": {"$gt": ""}}, hint=index)
        assert not set(_stages(found["queryPlanner"]["winningPlan"])) & {"COLLSCAN", "SORT"}, filter


# -- by the calendar that they were counted by, nothing moves

CELLS = st.sampled_from(["30m", "24h", "4wh", "1wd", "5wd"])
BEGUN = st.integers(0, 30_000)
LISTED = st.dictionaries(st.dates(date(2026, 11, 20), date(2027, 1, 20)), st.sampled_from(["workday", "holiday"]), max_size=12)


def waiting(begun: int, back: int | None, contact: str, whole: str) -> dict[str, Any]:
    """Return a case of which everything waits that can, counted by the calendar of the town."""
    at = START + timedelta(minutes=begun, milliseconds=begun % 1000)
    record: dict[str, Any] = {"state": "open", "at": at, "contact_limit": contact, "limit": whole, "closed_at": None}
    if back is not None:
        record["back_at"] = at + timedelta(minutes=back)
    check: dict[str, Any] = {"since": at, "limit": whole, "result": None}
    request: dict[str, Any] = {
        "id": "q1", "kind": "return", "state": "pending", "within": contact, "at": at, "escalated_at": at,
    }  # fmt: skip
    request["due_at"] = until = expiry(request, CITY.calendar)
    return {
        "live": {"open": False}, "clocks": [], "tasks": [], "requests": [request],
        "timers": [{"name": "expire:q1", "at": until}],
        "rectification": record | rectification_dues(record, CITY.calendar),
        "spot_check": check | {"due_at": spot_check_due(check, CITY.calendar)},
    }  # fmt: skip


@given(begun=BEGUN, back=st.none() | st.integers(1, 30_000), contact=CELLS, whole=CELLS)
def test_timed_dues_when_the_calendar_is_the_same_then_nothing_moves(begun: int, back: Any, contact: str, whole: str) -> None:
    case = waiting(begun, back, contact, whole)
    assert len(timed_dues(case, CITY.calendar)) == 5 and moved_dues(case, CITY) == []


@settings(max_examples=40)  # each has a calendar of its own
@given(begun=BEGUN, back=st.none() | st.integers(1, 30_000), contact=CELLS, whole=CELLS, days=LISTED)
def test_timed_dues_when_moved_by_another_calendar_then_once_and_back_by_the_old_one(
    begun: int, back: Any, contact: str, whole: str, days: dict[date, Any]
) -> None:
    case, first = waiting(begun, back, contact, whole), waiting(begun, back, contact, whole)
    other = WorkCalendar([CalendarDay(day, kind) for day, kind in days.items()])
    for calendar in (other, CITY.calendar):
        for one in timed_dues(case, calendar):
            record = case["requests"][0] if one.item else case[one.part]
            record |= {one.field: one.due_at} if one.field else {}
            case["timers"] = [{"name": "expire:q1", "at": one.due_at}] if one.timer == "expire:q1" else case["timers"]
        assert all(one.given == one.due_at for one in timed_dues(case, calendar))
    assert case == first


def test_timed_dues_when_a_record_does_not_say_what_it_was_counted_from_then_left_alone() -> None:
    case = waiting(0, None, "1wd", "5wd")
    del case["rectification"]["limit"], case["spot_check"]["since"], case["requests"][0]["within"]
    assert timed_dues(case, SHIFTED) == []
