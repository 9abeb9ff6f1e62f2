"""The working calendar: listed and unlisted days, hours of units, warnings about lists that are missing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.calendar import CalendarDay, WorkCalendar, parse_hours

LISTED = [CalendarDay(date(2026, 10, 1), "holiday", "国庆节"), CalendarDay(date(2026, 10, 10), "workday", "调休")]
CALENDAR = WorkCalendar(LISTED)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "text", ["", "9-17", "09:00-09:00", "10:00-09:00", "09:00-25:00", "09:60-10:00", "13:00-14:00,09:00-10:00"]
)
def test_parse_hours_when_wrong_then_error_says_what(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|must"):
        parse_hours(text)


def test_kind_when_day_is_listed_then_list_wins_over_weekday() -> None:
    kinds = [CALENDAR.kind(date(2026, 10, day)) for day in (1, 2, 3, 10)]
    assert kinds == ["holiday", "workday", "weekend", "workday"]


@given(instants, instants, instants)
def test_worked_between_when_split_then_parts_add_up(one: datetime, two: datetime, three: datetime) -> None:
    whole = CALENDAR.worked_between(one, three)
    assert whole == CALENDAR.worked_between(one, two) + CALENDAR.worked_between(two, three)


@given(instants)
def test_next_working_when_asked_then_inside_working_hours(at: datetime) -> None:
    upcoming = CALENDAR.next_working(at)
    assert upcoming >= at and CALENDAR.is_working(upcoming) and CALENDAR.worked_between(at, upcoming) == timedelta(0)


def test_warning_when_november_has_come_without_next_list_then_said() -> None:
    assert CALENDAR.warning(datetime(2026, 10, 31, 15, tzinfo=UTC)) is None
    assert CALENDAR.warning(datetime(2026, 10, 31, 16, tzinfo=UTC)) == "calendar_missing:2027"  # midnight in Guiyang
    assert CALENDAR.warning(datetime(2025, 5, 1, tzinfo=UTC)) == "calendar_missing:2025"
