"""How a due time came about, as stretches of time that counted or did not: for a limit alone, and for a stored clock with all
that moved it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from dispatch.calendar import WorkCalendar
from dispatch.limits import Limit

__all__ = ["Arithmetic", "Recomputed", "Span", "arithmetic", "explain"]

Clock = dict[str, Any]

_NEEDS_NO_LIST = frozenset({"natural", "paused", "late"})


class Span(msgspec.Struct, frozen=True):
    """A stretch of time and whether it counted.

    `reason` is `natural`, `work`, `workday`, `makeup_workday` where it counted, else `off_hours`, `weekend`, `holiday`,
    `start_day`, `paused`, or `late` (past due before it was paused); `name` is the holiday's. `seconds` and `days` are what it
    added to the count. `added` is empty inside the limit itself, the extension (`2wd`) or `returned` behind it.
    """

    start: datetime
    end: datetime
    counted: bool
    reason: str
    name: str = ""
    seconds: int = 0
    days: int = 0
    added: str = ""


class Recomputed(msgspec.Struct, frozen=True):
    """When a change of the calendar was applied to a clock last, and what its due time was until then."""

    at: datetime
    before: datetime


class Arithmetic(msgspec.Struct, frozen=True):
    """How a due time came about: spans without gap or overlap from start to due, and what is doubtful about the calendar.

    `source` says which rule gave the limit, `zone` names the campaign zone that did, `hours` are the unit's own working hours
    (empty: the city's). While a clock is paused (`paused_at`, `left_seconds`) the spans end there: when it will be due is not
    known. `recomputed` is there where a change of the calendar has moved it.
    """

    start: datetime
    due: datetime
    limit: str
    spans: tuple[Span, ...]
    warning: str | None = None
    hours: str = ""
    source: str = ""
    zone: str = ""
    extensions: tuple[str, ...] = ()
    paused_at: datetime | None = None
    left_seconds: int | None = None
    recomputed: Recomputed | None = None


def arithmetic(start: datetime, due: datetime, limit: Limit, calendar: WorkCalendar, hours: str | None = None) -> Arithmetic:
    """Return the time from `start` to `due` as spans counted or skipped, each with its reason.

    `warning` is `calendar_missing:YEAR` where a year without an official list was counted by weekdays.
    """
    start, due = start.astimezone(UTC), due.astimezone(UTC)
    spans = _merged(_spans(start, due, limit, calendar, hours))
    return Arithmetic(start, due, str(limit), spans, _warning(spans, calendar), hours or "")


def explain(clock: Clock, calendar: WorkCalendar) -> Arithmetic:
    """Return how the due time of a stored clock came about: its limit, then each pause, extension and return in the order in
    which they moved it (`moves`, see `dispatch.shifting`)."""
    limit, hours, moves = Limit.parse(clock["limit"]), clock.get("hours"), clock.get("moves", ())
    start, due, paused_at = clock["started_at"], clock["due_at"], clock.get("paused_at")
    first = moves[0]["before"] if moves else due
    spans = list(
        _hour_spans(start, first, calendar, hours) if clock.get("on_duty") else _spans(start, first, limit, calendar, hours)
    )
    for move in moves:
        spans = _MOVES[move["kind"]](spans, move, limit, calendar, hours)
    spans = _until(spans, due, calendar, hours) if paused_at is None else _stopped(spans, paused_at, calendar, hours)
    shown = _merged(spans)
    return Arithmetic(
        start, due, str(limit), shown, _warning(shown, calendar), hours or "", clock.get("source", ""),
        clock.get("zone", ""), tuple(move["limit"] for move in moves if move["kind"] == "extension"), paused_at,
        clock.get("left_seconds"), Recomputed(**clock["recomputed"]) if "recomputed" in clock else None,
    )  # fmt: skip


def _warning(spans: Iterable[Span], calendar: WorkCalendar) -> str | None:
    for span in spans:
        if span.reason not in _NEEDS_NO_LIST and (missing := calendar.missing_years(span.start, span.end)):
            return f"calendar_missing:{missing[0]}"
    return None


# -- what moved a clock


def _paused(spans: list[Span], move: dict[str, Any], limit: Limit, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    """What was left when it stopped runs on in time, not in whole days: so it was kept.

    Under a limit that was shortened afterwards the due time may lie before the end of the pause, or before its beginning.
    """
    before = _stopped(spans, move["at"], calendar, hours)
    rest = Limit(1, "wh") if limit.is_working else limit
    after = _spans(move["until"], move["due_at"], rest, calendar, hours)
    return _until([*before, Span(move["at"], move["until"], False, "paused"), *after], move["due_at"], calendar, hours)


def _extended(spans: list[Span], move: dict[str, Any], limit: Limit, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    more = _spans(move["before"], move["due_at"], Limit.parse(move["limit"]), calendar, hours)
    return spans + [msgspec.structs.replace(span, added=move["limit"]) for span in more]


def _returned(spans: list[Span], move: dict[str, Any], limit: Limit, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    more = _spans(move["before"], move["due_at"], Limit(1, "wh") if limit.is_working else limit, calendar, hours)
    return spans + [msgspec.structs.replace(span, added="returned") for span in more]


def _capped(spans: list[Span], move: dict[str, Any], limit: Limit, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    return _until(spans, move["due_at"], calendar, hours)


_MOVES = {"pause": _paused, "extension": _extended, "return": _returned, "law": _capped}


def _stopped(spans: list[Span], at: datetime, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    """The spans up to a pause; what lies between the due time and a later pause is late."""
    end = spans[-1].end if spans else at
    return _until(spans, at, calendar, hours) if at <= end else [*spans, Span(end, at, False, "late")]


def _until(spans: list[Span], at: datetime, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    """The spans before an instant. A working day that it cuts is counted by its hours."""
    kept = [span for span in spans if span.end <= at]
    for span in spans:
        if span.start < at < span.end:
            kept += _cut(span, at, calendar, hours)
    return kept


def _cut(span: Span, at: datetime, calendar: WorkCalendar, hours: str | None) -> list[Span]:
    if span.days:
        return [msgspec.structs.replace(part, added=span.added) for part in _hour_spans(span.start, at, calendar, hours)]
    return [msgspec.structs.replace(span, end=at, seconds=_seconds(span.start, at) if span.counted else 0)]


# -- counting


def _spans(start: datetime, due: datetime, limit: Limit, calendar: WorkCalendar, hours: str | None) -> Iterator[Span]:
    if limit.unit == "wd":
        return _day_spans(start, due, calendar)
    if limit.unit == "wh":
        return _hour_spans(start, due, calendar, hours)
    return iter([Span(start, due, True, "natural", seconds=_seconds(start, due))] if start < due else [])


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


def _local_days(start: datetime, due: datetime, calendar: WorkCalendar) -> Iterator[tuple[date, datetime, datetime]]:
    """Each local day of [start, due) with the part of it that lies inside."""
    day = calendar.local_date(start)
    while (opens := max(calendar.midnight(day), start)) < due:
        yield day, opens, min(calendar.midnight(day + timedelta(days=1)), due)
        day += timedelta(days=1)


def _day_spans(start: datetime, due: datetime, calendar: WorkCalendar) -> Iterator[Span]:
    first = calendar.local_date(start)
    for day, opens, closes in _local_days(start, due, calendar):
        listed = calendar.day(day)
        if day == first:
            yield Span(opens, closes, False, "start_day")
        elif listed.kind == "workday":
            yield Span(opens, closes, True, "workday" if day.weekday() < 5 else "makeup_workday", listed.name, days=1)
        else:
            yield Span(opens, closes, False, listed.kind, listed.name)


def _hour_spans(start: datetime, due: datetime, calendar: WorkCalendar, hours: str | None) -> Iterator[Span]:
    for day, opens, closes in _local_days(start, due, calendar):
        listed = calendar.day(day)
        off = ("off_hours", "") if listed.kind == "workday" else (listed.kind, listed.name)
        at = opens
        for begins, ends in calendar.periods(day, hours):
            begins, ends = max(begins, at), min(ends, closes)
            if begins >= ends:
                continue
            if begins > at:
                yield Span(at, begins, False, *off)
            yield Span(begins, ends, True, "work", seconds=_seconds(begins, ends))
            at = ends
        if at < closes:
            yield Span(at, closes, False, *off)


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in spans:
        if span.start == span.end:
            continue
        last = merged[-1] if merged else None
        if last is not None and _likeness(last) == _likeness(span):
            merged[-1] = msgspec.structs.replace(
                last, end=span.end, seconds=last.seconds + span.seconds, days=last.days + span.days
            )
        else:
            merged.append(span)
    return tuple(merged)


def _likeness(span: Span) -> tuple[bool, str, str, str]:
    return span.counted, span.reason, span.name, span.added
