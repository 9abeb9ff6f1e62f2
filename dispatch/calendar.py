"""The working calendar of a city: which days are worked, during which hours, and how much working time lies between instants.

Pure. Days come from data (`calendar.csv`); a day that is not listed is worked from Monday to Friday. Instants are aware
datetimes; all are turned into whole microseconds since 1970 UTC, so that nothing depends on the zone of the machine. Periods
are half-open: 12:00 is not inside 09:00-12:00.

>>> calendar = WorkCalendar([CalendarDay(date(2026, 10, 1), "holiday", "国庆节")])
>>> calendar.kind(date(2026, 10, 1)), calendar.kind(date(2026, 10, 2)), calendar.kind(date(2026, 10, 3))
('holiday', 'workday', 'weekend')
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

__all__ = ["ALWAYS", "DEFAULT_HOURS", "CalendarDay", "DayKind", "HoursTable", "WorkCalendar", "parse_hours"]

DayKind = Literal["workday", "holiday", "weekend"]

ALWAYS = "24x7"
DEFAULT_HOURS = "09:00-12:00,13:00-17:00"  # Guiyang's provincial service centre (domain.md §3.3 rule 2)
_PERIOD = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_SPARE_YEARS = 2  # how far a table reaches past the years asked for


class CalendarDay(msgspec.Struct, frozen=True):
    """One line of `calendar.csv`: what kind of day a date is, by which name and source."""

    date: date
    kind: DayKind
    name: str = ""
    source: str = ""


def parse_hours(text: str) -> tuple[tuple[int, int], ...]:
    """Return working periods as minutes of the local day, in order; `ValueError` says what is allowed.

    >>> parse_hours("09:00-12:00,13:00-17:00"), parse_hours("24x7")
    (((540, 720), (780, 1020)), ((0, 1440),))
    """
    if text == ALWAYS:
        return ((0, 24 * 60),)
    periods = tuple(_parse_period(piece.strip()) for piece in text.split(","))
    if any(later[0] < earlier[1] for earlier, later in pairwise(periods)):
        raise ValueError(f"`{text}`: periods must be in order and must not overlap")
    return periods


def _parse_period(text: str) -> tuple[int, int]:
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}`; allowed: {ALWAYS} or periods like {DEFAULT_HOURS}")
    hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or not 0 <= start < end <= 24 * 60:
        raise ValueError(f"`{text}`: a period must begin before it ends, between 00:00 and 24:00 (split a night at midnight)")
    return start, end


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970 UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the instant (aware, UTC) of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=count)


class HoursTable:
    """Working periods of some years for one set of hours, as sorted arrays with running totals: every question is a bisection.

    `worked(t)` is the working time from the beginning of the table to t; the difference of two is the time between them.
    """

    __slots__ = ("day_ends", "ends", "first", "last", "starts", "totals", "workdays")

    def __init__(self, calendar: WorkCalendar, hours: str, first_year: int, last_year: int) -> None:
        periods = parse_hours(hours)
        closing = parse_hours(calendar.hours)[-1][1] if hours == ALWAYS else periods[-1][1]
        days = [date.fromordinal(day) for day in range(date(first_year, 1, 1).toordinal(), date(last_year + 1, 1, 1).toordinal())]
        worked = [day for day in days if calendar.is_workday(day)]
        self.first, self.last = first_year, last_year
        self.workdays = [day.toordinal() for day in worked]
        self.day_ends = [calendar.instant(day, closing) for day in worked]
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.totals: list[int] = []  # working time up to the end of each period
        total = 0
        for day in days if hours == ALWAYS else worked:
            for opens, closes in periods:
                start, end = calendar.instant(day, opens), calendar.instant(day, closes)
                total += end - start
                self.starts.append(start)
                self.ends.append(end)
                self.totals.append(total)

    def worked(self, at: int) -> int:
        """Return the working microseconds from the beginning of the table to the instant `at`."""
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return 0
        return self.totals[index] - max(self.ends[index] - at, 0)

    def instant_of(self, worked: int) -> int:
        """Return the first instant at which `worked` microseconds are reached: the end of a period, not the next start."""
        index = bisect_left(self.totals, worked)
        return self.ends[index] - (self.totals[index] - worked)

    def end_of_workday(self, ordinal: int, count: int) -> int:
        """Return the end of work of the `count`-th working day after the date `ordinal`."""
        return self.day_ends[bisect_right(self.workdays, ordinal) + count - 1]

    def workday_before(self, ordinal: int) -> int:
        """Return the end of work of the last working day before the date `ordinal`."""
        return self.day_ends[bisect_left(self.workdays, ordinal) - 1]


class WorkCalendar:
    """Working days and hours of one city. Immutable to its users; tables are made once for each set of hours.

    `hours` are the city's; a unit's own go into each question (`24x7` works through nights and holidays).
    """

    def __init__(self, days: Iterable[CalendarDay] = (), timezone: str = "Asia/Shanghai", hours: str = DEFAULT_HOURS) -> None:
        parse_hours(hours)
        self.timezone = timezone
        self.hours = hours
        self.zone = ZoneInfo(timezone)
        self._days = {day.date: day for day in days}
        self._tables: dict[str, HoursTable] = {}

    def day(self, day: date) -> CalendarDay:
        """Return the day as listed, or by its weekday when it is not."""
        return self._days.get(day) or CalendarDay(day, "workday" if day.weekday() < 5 else "weekend")

    def kind(self, day: date) -> DayKind:
        """Return `workday`, `holiday` or `weekend`."""
        return self.day(day).kind

    def is_workday(self, day: date) -> bool:
        """Tell whether the day is worked (make-up weekends are, holidays are not)."""
        listed = self._days.get(day)
        return listed.kind == "workday" if listed else day.weekday() < 5

    def local_date(self, instant: datetime) -> date:
        """Return the date that the instant has in the city."""
        return instant.astimezone(self.zone).date()

    def instant(self, day: date, minute: int) -> int:
        """Return a minute of a local day (0-1440) as microseconds since 1970 UTC."""
        if minute == 24 * 60:
            day, minute = day + timedelta(days=1), 0
        return to_microseconds(datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone))

    def table(self, hours: str | None, first_year: int, last_year: int) -> HoursTable:
        """Return a table of these hours (None: the city's) that covers the years and two more on each side."""
        key = hours or self.hours
        table = self._tables.get(key)
        if table is None or table.first > first_year - 1 or table.last < last_year + 1:
            first, last = (first_year, last_year) if table is None else (min(first_year, table.first), max(last_year, table.last))
            table = HoursTable(self, key, first - _SPARE_YEARS, last + _SPARE_YEARS)
            self._tables[key] = table
        return table

    def worked_between(self, start: datetime, end: datetime, hours: str | None = None) -> timedelta:
        """Return the working time in [start, end); negative when `end` lies before `start`.

        >>> friday = datetime(2026, 11, 20, 8, tzinfo=UTC)  # 16:00 in Guiyang
        >>> WorkCalendar().worked_between(friday, friday + timedelta(days=3))
        datetime.timedelta(seconds=25200)
        """
        table = self.table(hours, min(start, end).year, max(start, end).year)
        return timedelta(microseconds=table.worked(to_microseconds(end)) - table.worked(to_microseconds(start)))

    def is_working(self, instant: datetime, hours: str | None = None) -> bool:
        """Tell whether the instant lies inside working hours (opening included, closing not)."""
        table = self.table(hours, instant.year, instant.year)
        at = to_microseconds(instant)
        index = bisect_right(table.starts, at) - 1
        return index >= 0 and at < table.ends[index]

    def next_working(self, instant: datetime, hours: str | None = None) -> datetime:
        """Return the instant itself inside working hours, else the next opening: when a step for people on duty begins."""
        table = self.table(hours, instant.year, instant.year)
        at = to_microseconds(instant)
        index = bisect_right(table.ends, at)
        return from_microseconds(max(at, table.starts[index]))

    def periods(self, day: date, hours: str | None = None) -> list[tuple[datetime, datetime]]:
        """Return the working periods of one local day, in order; none on a day off (except round the clock)."""
        key = hours or self.hours
        if key != ALWAYS and not self.is_workday(day):
            return []
        return [
            (from_microseconds(self.instant(day, opens)), from_microseconds(self.instant(day, closes)))
            for opens, closes in parse_hours(key)
        ]

    def midnight(self, day: date) -> datetime:
        """Return the beginning of a local day."""
        return from_microseconds(self.instant(day, 0))

    def add_worked(self, start: datetime, amount: timedelta, hours: str | None = None) -> datetime:
        """Return the first instant at which `amount` (may be negative) of working time has passed since `start`."""
        at, worked = to_microseconds(start), amount // _MICROSECOND
        table = self.table(hours, start.year, start.year)
        target = table.worked(at) + worked
        while not 0 < target <= table.totals[-1]:
            span = table.last - table.first
            table = self.table(hours, table.first - span if target <= 0 else start.year, table.last + span)
            target = table.worked(at) + worked
        return from_microseconds(table.instant_of(target))

    def end_of_workday(self, start: datetime, count: int, hours: str | None = None) -> datetime:
        """Return the end of work of the `count`-th working day after the local date of `start` (1: the next working day).

        A unit that works round the clock still counts the city's working days and its end of work.
        """
        table = self.table(hours, start.year, start.year + count // 200 + 1)
        return from_microseconds(table.end_of_workday(self.local_date(start).toordinal(), count))

    def end_of_workday_before(self, instant: datetime, hours: str | None = None) -> datetime:
        """Return the end of work of the last working day before the local date of the instant."""
        table = self.table(hours, instant.year, instant.year)
        return from_microseconds(table.workday_before(self.local_date(instant).toordinal()))

    @cached_property
    def listed_years(self) -> frozenset[int]:
        """The years whose official list is loaded: those with at least one holiday."""
        return frozenset(day.year for day, listed in self._days.items() if listed.kind == "holiday")

    def missing_years(self, start: datetime, end: datetime) -> Sequence[int]:
        """Return the years of [start, end] for which no official list is loaded (weekends off, other days worked)."""
        span = range(self.local_date(start).year, self.local_date(end).year + 1)
        return [year for year in span if year not in self.listed_years]

    def warning(self, now: datetime) -> str | None:
        """Return `calendar_missing:YEAR` when this year's list is missing, or from 1 November on next year's; else None."""
        today = self.local_date(now)
        wanted = (today.year, today.year + 1) if today.month >= 11 else (today.year,)
        missing = next((year for year in wanted if year not in self.listed_years), None)
        return None if missing is None else f"calendar_missing:{missing}"
