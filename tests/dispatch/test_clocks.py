"""Due times to the vectors of the domain, their arithmetic, pauses, returns, and lights."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.calendar import CalendarDay, WorkCalendar
from dispatch.clocks import (
    LightRules,
    Limit,
    counted,
    due_after_pause,
    due_at,
    extended,
    light,
    moved_by_return,
    next_light_at,
    remaining,
    thresholds,
)
from dispatch.spans import arithmetic

ZONE = ZoneInfo("Asia/Shanghai")
UNIT_HOURS = "08:30-12:00,14:00-18:00"


def days_of_2026() -> list[CalendarDay]:
    """The list of the State Council of 2025-11-04."""
    off = {"元旦": (1, 1, 3), "春节": (2, 15, 23), "清明节": (4, 4, 6), "劳动节": (5, 1, 5), "端午节": (6, 19, 21)}
    off |= {"中秋节": (9, 25, 27), "国庆节": (10, 1, 7)}
    days = [
        CalendarDay(date(2026, month, day), "holiday", name)
        for name, (month, first, last) in off.items()
        for day in range(first, last + 1)
    ]
    work = ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))
    return days + [CalendarDay(date(2026, month, day), "workday", "调休") for month, day in work]


CALENDAR = WorkCalendar(days_of_2026())


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def shown(instant: datetime) -> str:
    return instant.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


VECTORS = [
    ("2026-09-18 16:00", "5wd", "2026-09-24 17:00"),
    ("2026-09-30 10:00", "5wd", "2026-10-13 17:00"),
    ("2026-02-13 10:00", "3wd", "2026-02-25 17:00"),
    ("2026-02-13 18:30", "1wd", "2026-02-14 17:00"),
    ("2026-02-13 16:00", "4wh", "2026-02-14 12:00"),
    ("2026-09-24 16:30", "2wh", "2026-09-28 10:30"),
    ("2026-10-03 11:00", "4wh", "2026-10-08 14:00"),
    ("2026-05-08 12:30", "8wh", "2026-05-09 14:00"),
    ("2026-10-01 20:00", "24h", "2026-10-02 20:00"),
]


@pytest.mark.parametrize(("start", "limit", "due"), VECTORS)
def test_due_at_when_vector_of_the_domain_then_exact(start: str, limit: str, due: str) -> None:
    assert shown(due_at(local(start), Limit.parse(limit), CALENDAR)) == due


def test_calendar_2026_when_counted_then_248_working_days() -> None:
    first = date(2026, 1, 1)
    assert sum(CALENDAR.is_workday(first + timedelta(days=n)) for n in range(365)) == 248


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31, 23, 59, 59)).map(lambda at: at.replace(tzinfo=ZONE))
hours = st.sampled_from([None, "24x7", UNIT_HOURS])
natural = st.sampled_from(["m", "h", "d"])


@given(instants, st.integers(1, 200), st.integers(1, 200), hours)
def test_due_at_when_working_hours_are_added_in_two_steps_then_same(
    start: datetime, one: int, two: int, hours: str | None
) -> None:
    middle = due_at(start, Limit(one, "wh"), CALENDAR, hours)
    assert due_at(middle, Limit(two, "wh"), CALENDAR, hours) == due_at(start, Limit(one + two, "wh"), CALENDAR, hours)


@given(instants, st.integers(1, 60), st.integers(1, 60), hours)
def test_due_at_when_working_days_are_added_in_two_steps_then_same(
    start: datetime, one: int, two: int, hours: str | None
) -> None:
    middle = due_at(start, Limit(one, "wd"), CALENDAR, hours)
    assert due_at(middle, Limit(two, "wd"), CALENDAR, hours) == due_at(start, Limit(one + two, "wd"), CALENDAR, hours)


@given(instants, st.integers(1, 200), natural)
def test_due_at_when_natural_then_holidays_and_nights_count(start: datetime, amount: int, unit: str) -> None:
    step = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[unit]
    assert due_at(start, Limit(amount, unit), CALENDAR) - start == amount * step


@given(instants, instants, st.integers(1, 99), st.sampled_from(["m", "h", "d", "wh", "wd"]), hours)
def test_due_at_when_start_is_later_then_due_is_not_earlier(
    one: datetime, two: datetime, amount: int, unit: str, hours: str | None
) -> None:
    first, second = sorted((one, two))
    limit = Limit(amount, unit)
    assert due_at(first, limit, CALENDAR, hours) <= due_at(second, limit, CALENDAR, hours)
    assert due_at(first, limit, CALENDAR, hours) > first
    assert due_at(first, Limit(amount + 1, unit), CALENDAR, hours) > due_at(first, limit, CALENDAR, hours)


@given(instants, st.integers(1, 99), hours)
def test_due_at_when_working_hours_then_exactly_that_much_was_worked_and_not_before(
    start: datetime, amount: int, hours: str | None
) -> None:
    due = due_at(start, Limit(amount, "wh"), CALENDAR, hours)
    assert CALENDAR.worked_between(start, due, hours) == timedelta(hours=amount)
    assert CALENDAR.worked_between(start, due - timedelta(microseconds=1), hours) < timedelta(hours=amount)


@given(instants, st.integers(1, 99), hours)
def test_due_at_when_working_days_then_end_of_work_of_that_many_working_days(
    start: datetime, amount: int, hours: str | None
) -> None:
    due = due_at(start, Limit(amount, "wd"), CALENDAR, hours).astimezone(ZONE)
    assert due.strftime("%H:%M") == ("18:00" if hours == UNIT_HOURS else "17:00")
    first = start.date() + timedelta(days=1)
    span = (first + timedelta(days=n) for n in range((due.date() - first).days + 1))
    assert CALENDAR.is_workday(due.date()) and sum(map(CALENDAR.is_workday, span)) == amount


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-11-20 16:59", "2026-11-23 09:59"),
        ("2026-11-20 17:00", "2026-11-23 10:00"),
        ("2026-11-21 09:00", "2026-11-23 10:00"),
        ("2026-11-20 12:00", "2026-11-20 14:00"),
        ("2026-11-20 11:00", "2026-11-20 12:00"),
        ("2026-11-20 08:00", "2026-11-20 10:00"),
    ],
)
def test_due_at_when_start_is_at_an_edge_then_periods_are_half_open(start: str, due: str) -> None:
    assert shown(due_at(local(start), Limit(1, "wh"), CALENDAR)) == due


def test_due_at_when_unit_works_round_the_clock_then_holidays_count_for_hours() -> None:
    assert shown(due_at(local("2026-10-03 23:00"), Limit(4, "wh"), CALENDAR, "24x7")) == "2026-10-04 03:00"
    assert shown(due_at(local("2026-10-03 23:00"), Limit(1, "wd"), CALENDAR, "24x7")) == "2026-10-08 17:00"


def test_due_at_when_city_changes_its_clocks_then_local_working_hours_hold() -> None:
    calendar = WorkCalendar([], "America/New_York", "09:00-17:00")
    zone = ZoneInfo("America/New_York")
    friday = datetime(2026, 3, 6, 16, tzinfo=zone)  # summer time begins on Sunday
    assert due_at(friday, Limit(2, "wh"), calendar).astimezone(zone).strftime("%d %H:%M") == "09 10:00"


def test_due_at_when_far_ahead_then_table_grows() -> None:
    assert due_at(local("2026-01-05 10:00"), Limit(9999, "wh"), WorkCalendar(hours="09:00-10:00")).year > 2060


@given(instants, st.integers(1, 60), st.sampled_from(["m", "h", "d", "wh", "wd"]), hours)
def test_arithmetic_when_asked_then_spans_touch_and_add_up(start: datetime, amount: int, unit: str, hours: str | None) -> None:
    limit = Limit(amount, unit)
    due = due_at(start, limit, CALENDAR, hours)
    spans = arithmetic(start, due, limit, CALENDAR, hours).spans
    assert spans[0].start == start and spans[-1].end == due
    assert all(earlier.end == later.start for earlier, later in pairwise(spans))
    if unit == "wd":
        assert sum(span.days for span in spans) == amount
    else:
        seconds = sum((span.end - span.start).total_seconds() for span in spans if span.counted)
        assert seconds == pytest.approx(counted(start, due, limit, CALENDAR, hours).total_seconds())


def test_arithmetic_when_holiday_lies_between_then_reason_and_name_are_given() -> None:
    start = local("2026-09-30 10:00")
    said = arithmetic(start, due_at(start, Limit(5, "wd"), CALENDAR), Limit(5, "wd"), CALENDAR)
    assert [(span.reason, span.name, span.days) for span in said.spans] == [
        ("start_day", "", 0), ("holiday", "国庆节", 0), ("workday", "", 2), ("makeup_workday", "调休", 1), ("weekend", "", 0),
        ("workday", "", 2),
    ]  # fmt: skip
    assert said.warning is None


def test_arithmetic_when_hours_cross_the_noon_break_then_break_is_skipped() -> None:
    start = local("2026-05-08 12:30")
    said = arithmetic(start, due_at(start, Limit(8, "wh"), CALENDAR), Limit(8, "wh"), CALENDAR)
    assert [(span.reason, span.seconds // 3600) for span in said.spans] == [
        ("off_hours", 0), ("work", 4), ("off_hours", 0), ("work", 3), ("off_hours", 0), ("work", 1),
    ]  # fmt: skip


def test_arithmetic_when_next_year_is_not_listed_then_warning() -> None:
    start = local("2026-12-30 10:00")
    said = arithmetic(start, due_at(start, Limit(5, "wd"), CALENDAR), Limit(5, "wd"), CALENDAR)
    assert said.warning == "calendar_missing:2027"


def test_remaining_when_friday_evening_then_only_working_time_is_left() -> None:
    due = due_at(local("2026-11-20 16:00"), Limit(4, "wh"), CALENDAR)
    assert remaining(local("2026-11-20 18:00"), due, Limit(4, "wh"), CALENDAR) == timedelta(hours=3)
    assert remaining(local("2026-11-23 13:30"), due, Limit(4, "wh"), CALENDAR) == timedelta(minutes=-30)


@given(instants, st.integers(1, 40), hours)
def test_due_after_pause_when_nothing_had_run_then_hours_are_as_new(start: datetime, amount: int, hours: str | None) -> None:
    limit = Limit(max(amount, 4), "wh")
    left = remaining(start, due_at(start, limit, CALENDAR, hours), limit, CALENDAR, hours)
    assert due_after_pause(start, left, limit, CALENDAR, hours) == due_at(start, limit, CALENDAR, hours)


@pytest.mark.parametrize(
    ("limit", "left", "due"),
    [("5wd", timedelta(hours=1), "2026-11-24 17:00"), ("5wd", timedelta(hours=20), "2026-11-25 17:00"),
     ("8wh", timedelta(hours=-3), "2026-11-23 15:00"), ("24h", timedelta(hours=10), "2026-11-23 20:00"),
     ("24h", timedelta(0), "2026-11-23 14:00")],
)  # fmt: skip
def test_due_after_pause_when_little_is_left_then_never_less_than_the_least(limit: str, left: timedelta, due: str) -> None:
    assert shown(due_after_pause(local("2026-11-23 10:00"), left, Limit.parse(limit), CALENDAR)) == due


def test_extended_when_asked_then_counts_from_old_due() -> None:
    assert shown(extended(local("2026-11-20 17:00"), Limit(2, "wd"), CALENDAR)) == "2026-11-24 17:00"


def test_moved_by_return_when_much_was_lost_then_bounded() -> None:
    due, limit, most = local("2026-11-20 17:00"), Limit(5, "wd"), Limit(2, "wd")
    assert shown(moved_by_return(due, timedelta(hours=3), limit, CALENDAR, most=most)) == "2026-11-23 12:00"
    assert shown(moved_by_return(due, timedelta(hours=30), limit, CALENDAR, most=most)) == "2026-11-24 17:00"
    assert moved_by_return(due, timedelta(0), limit, CALENDAR, most=most) == due


@pytest.mark.parametrize(
    ("start", "limit", "yellow", "deep_red"),
    [
        ("2026-09-18 16:00", "5wd", "2026-09-23 16:48", "2026-09-30 17:00"),  # a fifth comes before one working day
        ("2026-11-16 10:00", "3wd", "2026-11-18 17:00", "2026-11-24 17:00"),  # one working day before
        ("2026-11-16 09:00", "15wd", "2026-12-02 15:36", "2026-12-10 17:00"),
        ("2026-11-20 16:00", "4wh", "2026-11-23 11:00", "2026-11-23 17:00"),  # short: a quarter
        ("2026-10-01 20:00", "24h", "2026-10-02 14:00", "2026-10-03 20:00"),
        ("2026-10-01 20:00", "15m", "2026-10-01 20:11", "2026-10-01 20:30"),
        ("2026-11-16 10:00", "10d", "2026-11-24 10:00", "2026-12-01 17:00"),
    ],
)
def test_thresholds_when_limit_is_given_then_lights_of_the_domain(start: str, limit: str, yellow: str, deep_red: str) -> None:
    begins, parsed = local(start), Limit.parse(limit)
    due = due_at(begins, parsed, CALENDAR)
    lights = thresholds(begins, due, parsed, CALENDAR)
    assert (shown(lights.yellow_at), lights.red_at, shown(lights.deep_red_at)) == (yellow, due, deep_red)


def test_thresholds_when_share_is_small_then_one_working_day_before_wins() -> None:
    begins, limit = local("2026-11-16 10:00"), Limit(3, "wd")
    lights = thresholds(begins, due_at(begins, limit, CALENDAR), limit, CALENDAR, rules=LightRules(yellow_share=0.05))
    assert shown(lights.yellow_at) == "2026-11-18 17:00"


@given(instants, st.integers(1, 60), st.sampled_from(["m", "h", "d", "wh", "wd"]), hours, st.floats(0, 3))
def test_light_when_time_passes_then_never_gets_better(
    start: datetime, amount: int, unit: str, hours: str | None, at: float
) -> None:
    limit = Limit(amount, unit)
    due = due_at(start, limit, CALENDAR, hours)
    lights = thresholds(start, due, limit, CALENDAR, hours)
    assert start <= lights.yellow_at <= lights.red_at < lights.deep_red_at
    now = start + (due - start) * at
    upcoming = next_light_at(now, lights)
    order = ["green", "yellow", "red", "deep_red"]
    if upcoming is None:
        assert light(now, lights) == "deep_red"
    else:
        assert upcoming > now and order.index(light(upcoming, lights)) > order.index(light(now, lights))
        assert light(upcoming - timedelta(microseconds=1), lights) == light(now, lights)


def test_light_when_due_is_reached_then_red_at_that_instant() -> None:
    begins, limit = local("2026-11-16 10:00"), Limit(2, "h")
    lights = thresholds(begins, due_at(begins, limit, CALENDAR), limit, CALENDAR)
    assert lights.light(local("2026-11-16 11:59")) == "yellow" and lights.light(local("2026-11-16 12:00")) == "red"
    assert [name for name, _ in lights.passed(begins, local("2026-11-17 10:00"))] == ["yellow", "red", "deep_red"]


def test_due_at_when_called_often_then_fast() -> None:
    start, limit = datetime(2026, 11, 21, 8, 30, tzinfo=UTC), Limit(5, "wd")
    due_at(start, limit, CALENDAR)
    best = min(_timed(start, limit) for _ in range(5))
    assert best < 30e-6, f"{best * 1e6:.1f} µs"


def _timed(start: datetime, limit: Limit) -> float:
    began = time.perf_counter()
    for _ in range(2000):
        due_at(start, limit, CALENDAR)
    return (time.perf_counter() - began) / 2000
