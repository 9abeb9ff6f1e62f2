"""The working calendar: read by all, kept by the system administrators."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from dispatch.actors import permission
from dispatch.calendar import CalendarDay, DayKind
from dispatch.errors import IdempotencyKeyRequired
from dispatch.recomputing import MovedCase, RunView
from dispatch.service import utc_now
from dispatch.workdays import Workdays, read_rows
from web.base import ApiHandler, field_error, operation
from web.bodies import Body

__all__ = ["CalendarDayHandler", "CalendarImport", "CalendarRecompute", "CalendarYear"]

Words = Annotated[str, msgspec.Meta(max_length=100)]
FIRST_YEAR, LAST_YEAR = 2000, 2100


class YearQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which year."""

    year: Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LAST_YEAR)]


class DayBody(Body, frozen=True, kw_only=True):
    """What kind of day it is, by which name and source."""

    kind: DayKind
    name: Words = ""
    source: Words = ""


class ImportBody(Body, frozen=True, kw_only=True):
    """A table with the columns date, kind, name, source; it takes the place of all that is listed for its years."""

    csv: Annotated[str, msgspec.Meta(max_length=200_000)]


class RecomputeBody(Body, frozen=True, kw_only=True):
    """A dry run by default, page by page; `apply` moves all cases (with an Idempotency-Key)."""

    apply: bool = False
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class OpenDues(msgspec.Struct):
    """Due times that are still to be kept against the calendar as it is now: the count of cases that differ, open or ended, and
    the run that moved them last."""

    count: RunView | None
    applied: RunView | None


class CalendarAnswer(msgspec.Struct):
    """The listed days of a year; all others are worked from Monday to Friday.

    `warning` is `calendar_missing:YEAR` when this year's list is missing, from 1 November on next year's. `open_dues` is for who
    may change the calendar.
    """

    days: list[CalendarDay]
    warning: str | None
    open_dues: OpenDues | None


class RecomputeAnswer(msgspec.Struct):
    """What would be moved: so many cases were looked at for this page, and where the next one begins (null: the end). After
    `apply`, how far that is."""

    looked_at: int
    items: list[MovedCase]
    next: str | None
    run: RunView | None


class _Calendar(ApiHandler):
    """What all doors to the calendar have in common."""

    @property
    def workdays(self) -> Workdays:
        """The calendar in the database."""
        return Workdays(self.services.database)

    async def answer_year(self, year: int) -> None:
        """Send a year as it is now."""
        warning = await self.workdays.warning(self.services.city, utc_now())
        days, dues = await self.workdays.of_year(year), None
        if self.actor.role in permission("calendar.edit"):
            recomputing = self.services.cases.recomputing
            dues = OpenDues(await recomputing.count(), await recomputing.applied())
        self.answer(CalendarAnswer(days, warning, dues))


class CalendarYear(_Calendar):
    """GET /api/v1/calendar."""

    @operation("The working calendar of a year", permission="directory.read", query=YearQuery, result=CalendarAnswer)
    async def get(self, query: YearQuery) -> None:
        """Send the listed days."""
        await self.answer_year(query.year)


class CalendarDayHandler(_Calendar):
    """PUT, DELETE /api/v1/calendar/{date}."""

    @operation("List a day of the calendar", permission="calendar.edit", body=DayBody, result=CalendarAnswer)
    async def put(self, body: DayBody, day: str) -> None:
        """Put the day in place and send its year; what is under way keeps its due time."""
        at = _date_or_raise(day)
        await self.workdays.put(self.actor, CalendarDay(at, body.kind, body.name, body.source), utc_now())
        await self.answer_year(at.year)

    @operation("Take a day off the calendar", permission="calendar.edit", result=CalendarAnswer)
    async def delete(self, day: str) -> None:
        """Let the day count as its weekday does and send its year; one that is not listed counts so already."""
        at = _date_or_raise(day)
        await self.workdays.remove(self.actor, at, utc_now())
        await self.answer_year(at.year)


def _date_or_raise(day: str) -> date:
    try:
        at = date.fromisoformat(day)
    except ValueError:
        raise field_error("date", "type") from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise field_error("date", "range")
    return at


class CalendarImport(_Calendar):
    """POST /api/v1/calendar:import."""

    @operation("Take over the list of a year", permission="calendar.edit", body=ImportBody, result=CalendarAnswer)
    async def post(self, body: ImportBody) -> None:
        """Put the days in place and send the first of their years; what is under way keeps its due time."""
        days = read_rows(body.csv)
        await self.workdays.replace_years(self.actor, days, utc_now())
        await self.answer_year(min(day.date.year for day in days))


class CalendarRecompute(_Calendar):
    """POST /api/v1/calendar:recompute."""

    @operation(
        "Move due times to what the calendar says now", permission="calendar.edit", body=RecomputeBody, result=RecomputeAnswer,
        idempotent=True,
    )  # fmt: skip
    async def post(self, body: RecomputeBody) -> None:
        """Send what would be moved, or move it and send how far that is."""
        recomputing = self.services.cases.recomputing
        if not body.apply:
            seen = await recomputing.look(cursor=body.cursor, limit=body.limit)
            self.answer(RecomputeAnswer(seen.looked_at, seen.items, seen.next, None))
        elif self.idempotency_key is None:
            raise IdempotencyKeyRequired
        else:
            run = await recomputing.apply(actor=self.actor, key=self.idempotency_key)
            self.answer(RecomputeAnswer(run.looked_at, [], None, run))
