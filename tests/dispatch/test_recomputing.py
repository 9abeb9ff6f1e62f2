"""After a change of the calendar: which cases are due at another time, and moving them once, whole, by whoever goes on."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import recomputing, shifting
from dispatch.calendar import CalendarDay, WorkCalendar
from dispatch.clocks import Limit, LimitChoice, due_at
from dispatch.importing import write_calendar
from dispatch.recounting import counted_again, moved_dues
from dispatch.service import CaseService
from dispatch.snapshots import mark_changed
from dispatch.spans import explain
from dispatch.store import CASES
from storage.client import Database
from tests.dispatch.town import (
    DISPATCHER,
    LEADER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    clerk_of,
    event,
    new_key,
    open_service,
    rules,
    whole,
)

ADMIN, WATER = actor("sys_admin"), clerk_of("water1")
OFF = [CalendarDay(date(2026, 11, 25), "holiday", "示例节"), CalendarDay(date(2026, 11, 26), "holiday", "示例节")]
SHIFTED = WorkCalendar(OFF)
CITY = rules()


async def change(service: CaseService, days: Sequence[CalendarDay] = OFF) -> None:
    """Change the calendar in the database; this service has not heard of it yet."""
    await write_calendar(service.store.database, days)
    await mark_changed(service.store.database, "calendar")


async def reported(service: CaseService, **values: Any) -> Player:
    filed = await service.report(actor=WALKER, report=event(**values), present=whole, key=new_key())
    return Player(service, filed.id)


async def stored(service: CaseService, player: Player) -> dict[str, Any]:
    found = await service.store.database.find_one(CASES, {"_id": player.id})
    assert found is not None
    return found


def due(cell: str, start: datetime = START) -> datetime:
    return due_at(start, Limit.parse(cell), SHIFTED)


# -- a dry run


async def test_look_when_a_holiday_was_put_in_then_which_dues_would_move_and_nothing_does(database: Database) -> None:
    service = await open_service(database, indexed=True)
    player = await reported(service)
    before = await stored(service, player)
    await change(service)
    seen = await service.recomputing.look()
    assert seen.looked_at == 1 and seen.next is None
    (case,) = seen.items
    assert (case.id, case.case_no, case.state) == (player.id, before["case_no"], "dispatched")
    assert [(one.clock, one.due_at) for one in case.dues] == [("case", due("5wd")), ("task", due("5wd"))]
    assert await stored(service, player) == before


async def test_look_when_there_are_more_than_are_asked_for_then_page_by_page(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    players = []
    for _ in range(5):
        clock.forward(seconds=1)
        players.append(await reported(service))
    await change(service)
    found, cursor = list[str](), None
    while True:
        seen = await service.recomputing.look(cursor=cursor, limit=2)
        found += [one.id for one in seen.items]
        cursor = seen.next
        if cursor is None:
            break
    assert found == [player.id for player in reversed(players)]


# -- moving them


async def test_apply_when_asked_then_each_case_is_moved_told_and_explained(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    player = await reported(service)
    assert (await service.recomputing.count()).moved == 0
    await change(service)
    counted = await service.recomputing.count()
    assert (counted.kind, counted.state, counted.looked_at, counted.moved) == ("count", "done", 1, 1)
    run = await service.recomputing.apply(actor=ADMIN, key="k1")
    assert (run.state, run.moved, run.failed) == ("done", 1, 0)
    case = await stored(service, player)
    main = shifting.case_clock(case["clocks"])
    assert main is not None and main["due_at"] == due("5wd") == case["live"]["due_at"] == case["tasks"][0]["due_at"]
    assert main["recomputed"] == {"at": clock.now, "before": due_at(START, Limit.parse("5wd"), WorkCalendar())}
    entry = case["timeline"][-1]
    assert (entry["action"], entry["actor"]["role"], entry["public"]) == ("recompute", "system", False)
    assert entry["data"]["clocks"] == ["case", "task"] and entry["data"]["due_at"] == due("5wd")
    assert next(one for one in case["outbox"] if one["kind"] == "recompute")["keys"] == ["u:water1", "u:*"]
    assert (await service.recomputing.count()).moved == 0
    assert (await service.recomputing.look()).items == []


async def test_apply_when_twice_or_under_the_same_key_then_once(database: Database) -> None:
    service = await open_service(database, indexed=True)
    player = await reported(service)
    await change(service)
    first = await service.recomputing.apply(actor=ADMIN, key="k1")
    after = await stored(service, player)
    assert await service.recomputing.apply(actor=ADMIN, key="k1") == first
    assert (await service.recomputing.apply(actor=ADMIN, key="k2")).moved == 0
    assert await stored(service, player) == after


async def test_apply_when_the_process_ends_in_between_then_another_one_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    for _ in range(5):
        clock.forward(seconds=1)
        await reported(service)
    await change(service)
    monkeypatch.setattr(recomputing, "PAGE", 2)
    monkeypatch.setattr(recomputing, "PAGES_AT_ONCE", 1)
    run = await service.recomputing.apply(actor=ADMIN, key="k1")
    assert (run.state, run.moved) == ("running", 2)
    service.recomputing.close()
    assert await service.recomputing.run() == 0, "this one is ending"
    other = await open_service(database, clock)
    assert await other.recomputing.run() == 3
    done = await service.recomputing.applied()
    assert done is not None and (done.state, done.looked_at, done.moved) == ("done", 5, 5)
    assert (await other.recomputing.count()).moved == 0 and await other.recomputing.run() == 0


async def test_apply_when_somebody_acts_meanwhile_then_looked_at_again(database: Database) -> None:
    service = await open_service(database, indexed=True)
    player = await reported(service)
    await change(service)
    find, update = service.store.find, service.store.update
    acted = False

    async def overtaken(case: Any, what: Any, entry: Any, **more: Any) -> bool:
        nonlocal acted
        if not acted:
            acted = True
            await player.do(WATER, "sign_in")
        return await update(case, what, entry, **more)

    service.store.update = overtaken  # type: ignore[method-assign]
    run = await service.recomputing.apply(actor=ADMIN, key="k1")
    case = await find(player.id)
    assert run.moved == 1 and case is not None
    assert case["live"]["state"] == "handling" and case["live"]["due_at"] == due("5wd")


async def test_apply_when_the_case_has_ended_then_left_alone(database: Database) -> None:
    service = await open_service(database, indexed=True)
    player = await reported(service)
    await player.do(DISPATCHER, "cancel")
    before = await stored(service, player)
    await change(service)
    assert (await service.recomputing.apply(actor=ADMIN, key="k1")).looked_at == 0
    assert await stored(service, player) == before


async def test_apply_when_late_by_the_old_calendar_only_then_the_light_gets_better(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    player = await reported(service, category="0202")  # 2 wd: due on the 25th
    clock.now = datetime(2026, 11, 25, 9, 1, tzinfo=UTC)
    await service.sweep()
    late = shifting.case_clock((await stored(service, player))["clocks"])
    assert late is not None and late["light"] == "red"
    await change(service)
    await service.recomputing.apply(actor=ADMIN, key="k1")
    main = shifting.case_clock((await stored(service, player))["clocks"])
    assert main is not None and (main["due_at"], main["light"]) == (due("2wd"), "green")


# -- everything that hangs on a due time


async def test_apply_when_paused_extended_and_returned_then_all_of_it_is_kept(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    clock.forward(hours=2)
    await player.do(WATER, "request_return", reason="not_duty", unit="urban1")
    await player.decide(DISPATCHER)
    await player.do(DISPATCHER, "dispatch", unit="urban1")
    urban = clerk_of("urban1")
    await player.do(urban, "sign_in")
    await player.do(urban, "request_extension", limit="2wd")
    await player.decide(DISPATCHER)
    before = shifting.case_clock((await stored(service, player))["clocks"])
    await change(service)
    await service.recomputing.apply(actor=ADMIN, key="k1")
    after = shifting.case_clock((await stored(service, player))["clocks"])
    assert before is not None and after is not None
    assert [move["kind"] for move in after["moves"]] == [move["kind"] for move in before["moves"]] == ["return", "extension"]
    assert after["due_at"] == before["due_at"] + timedelta(days=4), "two working days that became holidays"
    said = explain(after, SHIFTED)
    assert said.spans[-1].end == said.due == after["due_at"] and said.recomputed is not None
    assert said.recomputed.before == before["due_at"]


async def test_apply_when_a_request_waits_then_its_timers_move_with_it(database: Database) -> None:
    clock = Clock()
    clock.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # Tuesday 16:00
    service = await open_service(database, clock, indexed=True)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(WATER, "request_extension", limit="2wd")
    await change(service)
    await service.recomputing.apply(actor=ADMIN, key="k1")
    case = await stored(service, player)
    (request,) = case["requests"]
    timers = {timer["name"]: timer["at"] for timer in case["timers"]}
    decide = next(clock for clock in case["clocks"] if clock["kind"] == "decide_extension")
    assert request["due_at"] == decide["due_at"] == timers["escalate:q1"] == due(decide["limit"], clock.now)
    assert timers["expire:q1"] == case["live"]["due_at"] == due("5wd", clock.now)


async def test_apply_when_suspended_then_what_is_left_is_what_the_calendar_leaves(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(LEADER, "request_suspension", planned_at=(START + timedelta(days=20)).isoformat())
    await player.decide(SUPERVISOR)
    before = shifting.case_clock((await stored(service, player))["clocks"])
    await change(service)
    await service.recomputing.apply(actor=ADMIN, key="k1")
    after = shifting.case_clock((await stored(service, player))["clocks"])
    assert before is not None and after is not None and after["due_at"] == due("5wd")
    assert after["left_seconds"] == before["left_seconds"], "the same days, later"


# -- by the calendar that it was counted by, nothing moves

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pause", "extend", "recount"]), st.integers(0, 9_000), st.integers(0, 9_000),
        st.sampled_from(["1h", "4wh", "1wd", "3wd"]),
    ),
    max_size=5,
)  # fmt: skip
CELLS = st.sampled_from(["30m", "24h", "4wh", "20wh", "1wd", "5wd", "15d"])
LISTED = st.dictionaries(st.dates(date(2026, 11, 20), date(2027, 1, 20)), st.sampled_from(["workday", "holiday"]), max_size=12)


def moved_about(cell: str, begun: int, steps: list[tuple[str, int, int, str]], hours: str | None, paused: bool) -> Any:
    city, now = CITY, START + timedelta(minutes=begun, milliseconds=begun % 1000)
    clock = city.clock("case", Limit.parse(cell), now, hours=hours)
    for kind, before, during, limit in steps:
        now += timedelta(minutes=before, milliseconds=7)
        if kind == "pause":
            shifting.pause(clock, now, city)
            now += timedelta(minutes=during, milliseconds=3)
            shifting.go_on(clock, now, city)
        elif kind == "extend":
            shifting.extend(clock, Limit.parse(limit), now, city)
        else:
            shifting.recount(clock, LimitChoice(Limit.parse(limit), "special_group"), now, city)
    if paused:
        shifting.pause(clock, now + timedelta(minutes=1), city)
    return clock


@given(cell=CELLS, begun=st.integers(0, 30_000), steps=STEPS, hours=st.sampled_from([None, "24x7"]), paused=st.booleans())
def test_counted_again_when_the_calendar_is_the_same_then_nothing_moves(
    cell: str, begun: int, steps: Any, hours: Any, paused: bool
) -> None:
    clock = moved_about(cell, begun, steps, hours, paused)
    assert counted_again(deepcopy(clock), CITY)[0] == clock


@settings(max_examples=40)  # each has a calendar of its own
@given(cell=CELLS, begun=st.integers(0, 30_000), steps=STEPS, days=LISTED, paused=st.booleans())
def test_counted_again_when_twice_then_as_once_and_back_by_the_old_calendar(
    cell: str, begun: int, steps: Any, days: dict[date, Any], paused: bool
) -> None:
    clock, other = moved_about(cell, begun, steps, None, paused), rules()
    other.calendar = WorkCalendar([CalendarDay(day, kind) for day, kind in days.items()])
    once = counted_again(clock, other)[0]
    assert counted_again(once, other)[0] == once
    assert counted_again(once, CITY)[0] == clock
    said = explain(once, other.calendar)
    assert (said.spans[-1].end if said.spans and not paused else once["due_at"]) == once["due_at"]


@given(begun=st.integers(0, 30_000), cell=st.sampled_from(["30m", "2h", "4wh", "1wd"]))
def test_duty_clock_when_counted_again_then_the_same(begun: int, cell: str) -> None:
    clock = CITY.duty_clock("verify", Limit.parse(cell), START + timedelta(minutes=begun))
    assert counted_again(clock, CITY)[0] == clock


async def test_dues_when_played_through_then_nothing_differs_on_the_way(database: Database) -> None:
    """Reports of all kinds, parts, a sub-task, a suspension, rework: none is due at another time than the calendar says."""
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    player = await reported(service, category="0201")

    async def nothing_differs() -> None:
        assert moved_dues(await stored(service, player), service.rules) == []

    root = clerk_of("water1")
    for who, action, fields in (
        (root, "sign_in", {}),
        (DISPATCHER, "add_unit", {"unit": "urban1", "kind": "assist"}),
        (root, "request_extension", {"limit": "2wd"}),
        (DISPATCHER, "decide", {}),
        (DISPATCHER, "add_unit", {"unit": "town1", "kind": "joint", "limit": "6wd"}),
        (LEADER, "request_suspension", {"planned_at": "2026-12-20T01:00:00Z"}),
        (SUPERVISOR, "decide", {}),
        (root, "resume", {}),
        (DISPATCHER, "reclassify", {"category": "0202"}),
        (OPERATOR, "mark_special_group", {"group": "elder"}),
    ):
        clock.forward(hours=5)
        if action == "decide":
            await player.decide(who)
        else:
            await player.do(who, action, **fields)
        await nothing_differs()


async def test_look_when_a_step_of_the_unit_is_due_then_its_clock_moves_too(database: Database) -> None:
    clock = Clock()
    clock.now = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)  # Tuesday 16:30
    service = await open_service(database, clock, indexed=True)
    await reported(service)
    await change(service)
    seen = await service.recomputing.look()
    dues = {one.clock: one.due_at for one in seen.items[0].dues}
    assert dues["sign_in"] == datetime(2026, 11, 27, 2, 30, tzinfo=UTC), "half an hour on Tuesday, the rest on Friday"


async def test_apply_when_a_result_is_looked_at_then_the_stopped_clock_moves_too_and_goes_on_right(database: Database) -> None:
    service = await open_service(database, indexed=True)
    player = await reported(service)
    await player.do(WATER, "sign_in")
    await player.do(WATER, "submit_result")
    await change(service)
    assert (await service.recomputing.apply(actor=ADMIN, key="k1")).moved == 1
    await player.do(DISPATCHER, "send_back")
    assert (await stored(service, player))["live"]["due_at"] == due("5wd")
    assert (await service.recomputing.look()).items == []
