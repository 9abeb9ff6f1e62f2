"""The working calendar as data that an administrator keeps: read, changed day by day, imported by year (domain.md §3.3 rule 9).

Every change is written down first (`calendar_changes`: who, when, what each day was before), then made, then announced: all
processes count by it from then on. What is under way keeps the due time that it was given.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.calendar import CalendarDay
from dispatch.city import City
from dispatch.importing import CALENDAR_CHANGES, CalendarRow, day_document, write_calendar
from dispatch.snapshots import CALENDAR, load_calendar, mark_changed
from storage.client import Database
from storage.errors import FieldError, Invalid

__all__ = ["CHANGES", "MOST_ROWS", "Workdays", "read_rows"]

CHANGES = CALENDAR_CHANGES
COLUMNS = ("date", "kind", "name", "source")
MOST_ROWS = 2000


def read_rows(text: str) -> list[CalendarDay]:
    """Return the days of a table with the columns date, kind, name, source.

    Raises `Invalid` with every line that is wrong (field `csv[LINE]`; the header is line 1).
    """
    table = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restkey="more")
    if not {"date", "kind"} <= set(table.fieldnames or ()) <= set(COLUMNS):
        raise Invalid(errors=[FieldError(field="csv[1]", code="columns", message=f"the columns {', '.join(COLUMNS)}")])
    days: dict[date, CalendarDay] = {}
    errors: list[FieldError] = []
    for row in table:
        try:
            found = msgspec.convert(row, _Line, strict=False)
        except msgspec.ValidationError as error:
            errors.append(FieldError(field=f"csv[{table.line_num}]", code="invalid", message=str(error)))
            continue
        if found.date in days:
            errors.append(FieldError(field=f"csv[{table.line_num}]", code="twice", message=f"{found.date} stands here twice"))
        days[found.date] = CalendarDay(found.date, found.kind, found.name, found.source)
    if not errors and not 0 < len(days) <= MOST_ROWS:
        errors.append(FieldError(field="csv", code="length", message=f"1 to {MOST_ROWS} days"))
    if errors:
        raise Invalid("the table cannot be taken over", errors=errors)
    return list(days.values())


class _Line(CalendarRow, forbid_unknown_fields=True):
    """A line with nothing behind the last column."""


class Workdays:
    """The calendar in the database. Who may change it is for the caller to say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_year(self, year: int) -> list[CalendarDay]:
        """Return the days of a year that are listed, in order; all others are worked from Monday to Friday."""
        found = await self._database.find(CALENDAR, {"year": year})
        return sorted((_day(one) for one in found), key=lambda day: day.date)

    async def warning(self, city: City, now: datetime) -> str | None:
        """Return `calendar_missing:YEAR` when a list is missing that should be there by now (`WorkCalendar.warning`)."""
        return (await load_calendar(self._database, city)).warning(now)

    async def put(self, actor: Actor, day: CalendarDay, now: datetime) -> None:
        """List one day, in place of what was listed for it."""
        before = await self._database.find(CALENDAR, {"_id": day.date.isoformat()})
        await self._write_down(actor, now, before, [day])
        document = day_document(day)
        await self._database.replace_one(CALENDAR, {"_id": document["_id"]}, document, upsert=True)
        await mark_changed(self._database, "calendar")

    async def remove(self, actor: Actor, day: date, now: datetime) -> None:
        """Take a day off the list: it counts as its weekday does. Of one that is not listed nothing is written down."""
        listed = {"_id": day.isoformat()}
        if before := await self._database.find(CALENDAR, listed):
            await self._write_down(actor, now, before, [])
            await self._database.delete_one(CALENDAR, listed)
        await mark_changed(self._database, "calendar")  # whoever took it off before may have ended without saying so

    async def replace_years(self, actor: Actor, days: Sequence[CalendarDay], now: datetime) -> None:
        """Put these days in place of all that is listed for their years; other years stay."""
        years = sorted({day.date.year for day in days})
        await self._write_down(actor, now, await self._database.find(CALENDAR, {"year": {"$in": years}}), days)
        await write_calendar(self._database, days)
        await mark_changed(self._database, "calendar")

    async def _write_down(
        self, actor: Actor, now: datetime, before: Sequence[dict[str, Any]], after: Sequence[CalendarDay]
    ) -> None:
        """Only the days that change: as they were (None: not listed) and as they will be (None: not listed any more)."""
        old, new = {one["_id"]: one for one in before}, {one["_id"]: one for one in map(day_document, after)}
        days = [
            {"date": at, "before": _told(old.get(at)), "after": _told(new.get(at))}
            for at in sorted(old.keys() | new.keys())
            if old.get(at) != new.get(at)
        ]
        change = {"_id": secrets.token_hex(12), "at": now, "by": actor.id, "role": actor.role, "days": days}
        await self._database.insert_one(CHANGES, change)


def _day(found: dict[str, Any]) -> CalendarDay:
    return CalendarDay(date.fromisoformat(found["_id"]), found["kind"], found["name"], found["source"])


def _told(found: dict[str, Any] | None) -> dict[str, str] | None:
    return None if found is None else {name: found[name] for name in ("kind", "name", "source")}
