"""Importing the core's part of a city pack: city.toml, params.toml, categories.csv, keywords.csv, calendar.csv.

`read` checks everything and touches nothing; `write` puts it into the database and then says so in `versions`. A file that is
not in the pack leaves what is there as it is. Categories that are no longer in the pack are disabled, never removed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from dispatch.calendar import CalendarDay, DayKind, WorkCalendar
from dispatch.city import City, params_of, save
from dispatch.limits import LimitCell
from dispatch.model import Category
from dispatch.pack_taking import PackTable, Taking
from dispatch.packs import PackReport, Row, read_toml, rows
from dispatch.signals import Keyword
from dispatch.snapshots import CALENDAR, CATEGORIES, KEYWORDS, mark_changed
from storage.client import Database, Document
from storage.registers import Act

__all__ = ["CALENDAR_CHANGES", "CalendarRow", "CorePack", "day_document", "read", "write", "write_calendar"]

CALENDAR_CHANGES = "calendar_changes"
_DAY = ("kind", "name", "source")
_FLAGS = Literal["V", "K", "H", "S"]


class CategoryRow(msgspec.Struct, kw_only=True):
    """A line of categories.csv."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[^\s$.][^\s$.]*$", description="a code without spaces, dots and $")]
    name: str
    name_en: str = ""
    major: str = ""
    urgency: Literal["emergency", "urgent", "priority", "normal", "complex"] = "normal"
    limit: LimitCell | None = None
    law_limit: LimitCell | None = None
    safe_limit: LimitCell | None = None
    transfer_to: str = ""
    lead_types: tuple[str, ...] = ()
    level: str = ""
    flags: frozenset[_FLAGS] = frozenset()
    assist_types: tuple[str, ...] = ()
    org_kinds: tuple[str, ...] = ()
    self_handle: bool | None = None
    check: Literal["none", "site"] | None = None
    external_code: str = ""


class KeywordRow(msgspec.Struct):
    """A line of keywords.csv."""

    category: str
    word: str
    weight: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0


class CalendarRow(msgspec.Struct):
    """A line of calendar.csv."""

    date: date
    kind: DayKind
    name: str = ""
    source: str = ""


class CorePack(msgspec.Struct, kw_only=True):
    """What the core takes from a pack. None stands for a file that the pack does not have."""

    city: City | None = None
    categories: list[Category] | None = None
    keywords: list[Keyword] | None = None
    calendar: list[CalendarDay] | None = None

    @property
    def category_codes(self) -> frozenset[str]:
        """The codes that rules and offers may name."""
        return frozenset(category.code for category in self.categories or ())


def read(folder: Path, report: PackReport, *, now: datetime | None = None) -> CorePack:
    """Return the core's part of the pack; what is wrong is in `report`. `now` decides which year's calendar is missed."""
    pack = CorePack(city=_read_city(folder, report), categories=_read_categories(folder, report))
    pack.keywords = _read_keywords(folder, report, pack.category_codes)
    pack.calendar = _read_calendar(folder, report, now or datetime.now(UTC))
    if pack.city is not None:
        _warn_of_unknown_radii(pack.city, pack.category_codes, report)
    return pack


async def write(database: Database, pack: CorePack, taking: Taking | None = None) -> None:
    """Write what `read` returned without errors, then change the versions: every process builds its snapshots anew. Of the
    calendar the days that people have listed or taken off stay (ADR 21); a dry run of `taking` looks at no more than that."""
    taking = taking or Taking(database, await database.server_time())
    if pack.calendar is not None:
        await _take_calendar(database, pack.calendar, taking)
    if taking.dry_run:
        return
    if pack.categories is not None:
        await _write_categories(database, pack.categories)
    if pack.keywords is not None:
        documents = [{"_id": f"{one.category}:{one.word}", **msgspec.structs.asdict(one)} for one in pack.keywords]
        await database.bulk_replace(KEYWORDS, documents, only=True)
    if pack.city is not None:
        await save(database, pack.city)
    for kind in ("calendar", "catalogue"):
        await mark_changed(database, kind)


def _read_city(folder: Path, report: PackReport) -> City | None:
    city = read_toml(folder, "city.toml", City, report)
    if city is None:
        return None
    return msgspec.structs.replace(city, overrides=_read_overrides(folder, report))


def _read_overrides(folder: Path, report: PackReport) -> dict[str, Any]:
    """Check params.toml over the defaults, but keep what the city wrote alone."""
    name = "params.toml"
    if read_toml(folder, name, _AnyTable, report) is None:
        return {}
    overrides = tomllib.loads((folder / name).read_text(encoding="utf-8-sig"))
    try:
        params_of(overrides)
    except msgspec.ValidationError as error:
        message, _, key = str(error).partition(" - at ")
        report.error(name, None, key.strip("`").removeprefix("$").removeprefix(".") or "(top)", message)
        return {}
    return overrides


class _AnyTable(msgspec.Struct):
    """A TOML file whose keys are checked elsewhere."""


def _read_categories(folder: Path, report: PackReport) -> list[Category]:
    found = rows(folder, "categories.csv", CategoryRow, report, required=True, unique=("code",))
    return [_category(row) for row in found]


def _category(row: Row[CategoryRow]) -> Category:
    value = row.value
    head, _, tail = value.major.partition(" ")
    major, major_name = (head, tail) if tail and head.isdigit() else (value.major or value.code[:2], value.major)
    check = value.check or ("site" if "K" in value.flags else "none")
    return Category(
        code=value.code, name=value.name, name_en=value.name_en, major=major, major_name=major_name, urgency=value.urgency,
        limit=value.limit or "", law_limit=value.law_limit or "", safe_limit=value.safe_limit or "",
        transfer_to=value.transfer_to, lead_types=value.lead_types, level=value.level, flags=frozenset(value.flags),
        assist_types=value.assist_types, org_kinds=value.org_kinds,
        self_handle="H" in value.flags if value.self_handle is None else value.self_handle, check=check,
        external_code=value.external_code,
    )  # fmt: skip


def _read_keywords(folder: Path, report: PackReport, codes: frozenset[str]) -> list[Keyword] | None:
    name = "keywords.csv"
    found = rows(folder, name, KeywordRow, report, unique=("category", "word"))
    for row in found:
        if row.value.category not in codes:
            message = f"is `{row.value.category}`; allowed: a code of categories.csv"
            report.error(name, row.number, "category", message, code="unknown_category")
    if not (folder / name).is_file():
        return None
    return [Keyword(row.value.category, row.value.word, row.value.weight) for row in found]


def _read_calendar(folder: Path, report: PackReport, now: datetime) -> list[CalendarDay] | None:
    name = "calendar.csv"
    found = rows(folder, name, CalendarRow, report, unique=("date",))
    if not (folder / name).is_file():
        return None
    days = [CalendarDay(row.value.date, row.value.kind, row.value.name, row.value.source) for row in found]
    if warning := WorkCalendar(days).warning(now):
        year = warning.rpartition(":")[2]
        report.warn(name, None, "date", f"no holiday of {year} is listed: its weekends are off, all other days are worked")
    return days


def _warn_of_unknown_radii(city: City, codes: frozenset[str], report: PackReport) -> None:
    for code in city.overrides.get("duplicates", {}).get("radius_by_category", {}):
        if code not in codes:
            report.warn("params.toml", None, f"duplicates.radius_by_category.{code}", "is no code of categories.csv")


async def _write_categories(database: Database, categories: list[Category]) -> None:
    documents = []
    for category in categories:
        document = msgspec.to_builtins(category)
        document["_id"] = document.pop("code")
        documents.append(document)
    await database.bulk_replace(CATEGORIES, documents)
    gone = {"_id": {"$nin": [document["_id"] for document in documents]}, "disabled_at": None}
    await database.update_many(CATEGORIES, gone, {"$set": {"disabled_at": await database.server_time()}})


async def _take_calendar(database: Database, days: Sequence[CalendarDay], taking: Taking) -> None:
    """Year by year: a year that the file does not have is not looked at."""
    by_people = await database.find(CALENDAR_CHANGES, {"by": {"$ne": taking.act.by}}, projection={"days.date": 1})
    touched = {day["date"] for change in by_people for day in change["days"]}
    for year in sorted({day.date.year for day in days}):
        table = PackTable(
            name=f"calendar.csv/{year}", collection=CALENDAR, row_of=_day_row, scope={"year": year}, guards=_DAY,
            is_touched=lambda document: document["_id"] in touched, changes=CALENDAR_CHANGES, record=_day_entry, counts_rev=False,
        )  # fmt: skip
        await taking.rows(table, (day_document(day) for day in days if day.date.year == year))


def day_document(day: CalendarDay) -> Document:
    """Return the document of a listed day."""
    return {"_id": day.date.isoformat(), "year": day.date.year, "kind": day.kind, "name": day.name, "source": day.source}


def _day_row(document: Document) -> Document:
    return {name: document[name] for name in _DAY}


def _day_entry(before: Document, after: Document | None, act: Act) -> Document:
    told = {"before": _day_row(before), "after": None if after is None else _day_row(after)}
    return {"at": act.at, "by": act.by, "role": act.role, "days": [{"date": before["_id"], **told}]}


async def write_calendar(database: Database, days: Sequence[CalendarDay]) -> None:
    """Days of the years in the file are replaced; other years stay."""
    documents = [day_document(day) for day in days]
    await database.bulk_replace(CALENDAR, documents)
    stale = {"year": {"$in": sorted({day.date.year for day in days})}, "_id": {"$nin": [one["_id"] for one in documents]}}
    await database.delete_many(CALENDAR, stale)
