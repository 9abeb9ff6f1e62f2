"""When something is due, how much is left, and which light it shows (domain.md §3.3, §3.4). `dispatch.spans` explains it.

Pure: the calendar and every instant are arguments. Instants are aware datetimes, answers are UTC. A clock runs over the
half-open [start, due): at the due instant itself it is late.

    due = due_at(start, Limit.parse("5wd"), calendar)
    lights = thresholds(start, due, Limit.parse("5wd"), calendar)
    lights.light(now), lights.next_light_at(now)
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from dispatch.calendar import WorkCalendar
from dispatch.limits import Limit, LimitCell, LimitChoice, LimitTable, choose_limit, limit_for

__all__ = [
    "LIGHTS", "Light", "LightRules", "Limit", "LimitCell", "LimitChoice", "LimitTable", "Thresholds", "capped_by_law",
    "choose_limit", "counted",
    "due_after_pause", "due_at", "extended", "light", "limit_for", "moved_by_return", "next_light_at", "remaining", "thresholds",
]  # fmt: skip

Light = Literal["green", "yellow", "red", "deep_red"]
LIGHTS: tuple[Light, ...] = ("green", "yellow", "red", "deep_red")

_NATURAL = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_HOUR = timedelta(hours=1)
_DAY_HOURS = timedelta(hours=24)


def due_at(start: datetime, limit: Limit, calendar: WorkCalendar, hours: str | None = None) -> datetime:
    """Return the instant at which `limit` is used up.

    `hours` are a unit's own working hours (None: the city's). Natural limits run day and night. Working hours end with a
    period, never at the opening of the next. Working days end with the N-th working day after the start's date.

    >>> friday = datetime(2026, 9, 18, 8, tzinfo=UTC)  # 16:00 in Guiyang
    >>> [due_at(friday, Limit.parse(cell), WorkCalendar()).strftime("%d %H:%M") for cell in ("1wh", "1wd", "1h")]
    ['18 09:00', '21 09:00', '18 09:00']
    """
    if limit.unit == "wd":
        return calendar.end_of_workday(start, limit.amount, hours)
    if limit.unit == "wh":
        return calendar.add_worked(start, limit.amount * _HOUR, hours)
    return start.astimezone(UTC) + limit.amount * _NATURAL[limit.unit]


def counted(start: datetime, end: datetime, limit: Limit, calendar: WorkCalendar, hours: str | None = None) -> timedelta:
    """Return the time that counts between two instants: working time for working limits, else all of it. May be negative."""
    return calendar.worked_between(start, end, hours) if limit.is_working else end - start


def remaining(now: datetime, due: datetime, limit: Limit, calendar: WorkCalendar, hours: str | None = None) -> timedelta:
    """Return the counted time left until `due`, negative when it is past."""
    return counted(now, due, limit, calendar, hours)


def due_after_pause(now: datetime, left: timedelta, limit: Limit, calendar: WorkCalendar, hours: str | None = None) -> datetime:
    """Return the new due time when a paused clock goes on at `now` with `left` counted time (rule 5).

    Never less than 1 wd for limits in working days, 4 wh for working hours and 4 h for natural limits.
    """
    if not limit.is_working:
        return now.astimezone(UTC) + max(left, 4 * _HOUR)
    least = due_at(now, Limit(1, "wd") if limit.unit == "wd" else Limit(4, "wh"), calendar, hours)
    return max(least, calendar.add_worked(now, left, hours)) if left > timedelta(0) else least


def extended(due: datetime, extension: Limit, calendar: WorkCalendar, hours: str | None = None) -> datetime:
    """Return the due time after an extension: counted from the old due time, not from now (rule 7)."""
    return due_at(due, extension, calendar, hours)


def moved_by_return(due: datetime, lost: timedelta, limit: Limit, calendar: WorkCalendar, *, most: Limit) -> datetime:
    """Return the citizen's due time after approved returns: the first due time, later by all counted time lost (rule 6).

    `lost` is the sum over the returns of the time from dispatch to approval; the whole move is at most `most` (2 wd).
    """
    moved = _shifted(due, max(lost, timedelta(0)), limit, calendar, None)
    return min(moved, due_at(due, most, calendar))


def capped_by_law(choice: LimitChoice, law: Limit, start: datetime, calendar: WorkCalendar) -> LimitChoice:
    """Return the limit that is fixed by law where it is over earlier than the choice (compared as days on the calendar).

    >>> long, law = LimitChoice(Limit.parse("20wd"), "appeal_type"), Limit.parse("15d")
    >>> capped_by_law(long, law, datetime(2026, 11, 23, 2, tzinfo=UTC), WorkCalendar()).source
    'law'
    """
    return LimitChoice(law, "law") if due_at(start, law, calendar) < due_at(start, choice.limit, calendar) else choice


class LightRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The thresholds of the lights as data (`[lights]` in params.toml); the defaults are those of domain.md §3.4."""

    yellow_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.20
    short_hours: Annotated[int, msgspec.Meta(ge=0)] = 24
    short_yellow_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25
    day_before_from_wd: Annotated[int, msgspec.Meta(ge=1)] = 3
    deep_red_share: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    deep_red_after: LimitCell = "3wd"


DEFAULT_LIGHTS = LightRules()


class Thresholds(msgspec.Struct, frozen=True):
    """When a clock changes its light. Stored with the clock, so that the sweep only compares."""

    yellow_at: datetime
    red_at: datetime
    deep_red_at: datetime

    def light(self, now: datetime) -> Light:
        """Return the light at `now`; at a threshold the new light holds."""
        if now < self.yellow_at:
            return "green"
        if now < self.red_at:
            return "yellow"
        return "red" if now < self.deep_red_at else "deep_red"

    def next_light_at(self, now: datetime) -> datetime | None:
        """Return the next instant after `now` at which the light changes, None when it is deep red."""
        return next((at for at in (self.yellow_at, self.red_at, self.deep_red_at) if now < at), None)

    def passed(self, after: datetime, now: datetime) -> list[tuple[Light, datetime]]:
        """Return the lights that came on in (after, now], in order: what a sweep that was away has to catch up."""
        changes: tuple[tuple[Light, datetime], ...] = (
            ("yellow", self.yellow_at), ("red", self.red_at), ("deep_red", self.deep_red_at),
        )  # fmt: skip
        return [change for change in changes if after < change[1] <= now]


def thresholds(
    start: datetime,
    due: datetime,
    limit: Limit,
    calendar: WorkCalendar,
    hours: str | None = None,
    *,
    total: timedelta | None = None,
    rules: LightRules = DEFAULT_LIGHTS,
) -> Thresholds:
    """Return when the lights of a clock change. Shares are of the counted time of the whole limit.

    `total` is that time where it is not simply what counts between start and due (after a pause: the limit's original total).
    """
    whole = counted(start, due, limit, calendar, hours) if total is None else total
    share = rules.short_yellow_share if _is_short(limit, rules) else rules.yellow_share
    yellow = _shifted(due, -(whole * share), limit, calendar, hours)
    if limit.unit == "wd" and limit.amount >= rules.day_before_from_wd:
        yellow = min(yellow, calendar.end_of_workday_before(due, hours))
    deep_red = min(
        _shifted(due, whole * rules.deep_red_share, limit, calendar, hours),
        due_at(due, Limit.parse(rules.deep_red_after), calendar, hours),
    )
    red = due.astimezone(UTC)
    return Thresholds(min(max(yellow, start.astimezone(UTC)), red), red, max(deep_red, red))


def light(now: datetime, lights: Thresholds) -> Light:
    """Return the light of a clock at `now`."""
    return lights.light(now)


def next_light_at(now: datetime, lights: Thresholds) -> datetime | None:
    """Return when the light of a clock changes next, None when it cannot get worse."""
    return lights.next_light_at(now)


def _is_short(limit: Limit, rules: LightRules) -> bool:
    if limit.unit == "wh":
        return limit.amount <= rules.short_hours
    return limit.unit != "wd" and limit.amount * _NATURAL[limit.unit] <= rules.short_hours * _HOUR


def _shifted(at: datetime, amount: timedelta, limit: Limit, calendar: WorkCalendar, hours: str | None) -> datetime:
    if limit.is_working:
        return calendar.add_worked(at, amount, hours)
    return at.astimezone(UTC) + amount
