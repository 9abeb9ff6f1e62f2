"""The units as data that administrators keep: founded, changed, dissolved with a successor, imported as a table.

Every change is written down with who made it (`unit_changes`) and announced: all processes answer by it from then on. An import
of the whole city keeps what was made and changed here (ADR 21).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import msgspec

from dispatch.actors import Actor
from dispatch.packs import Imported, PackReport, rows_of
from orgs import hours
from orgs.directory import DirectorySnapshot
from orgs.importing import unit_of
from orgs.rule_times import midnight
from orgs.store import UNIT_CHANGES, UNITS, mark_changed, read_all, value_of
from orgs.tables import UnitRow, Wrong
from orgs.units import UNIT_LEVELS, Unit, cycles
from storage.client import Database
from storage.errors import Conflict, FieldError, Invalid, NotFound
from storage.registers import Act, Register

__all__ = ["MOST_ROWS", "KeptUnit", "UnitChange", "UnitRegister", "wrong_unit"]

EDITED = "editor"  # `origin` of a unit that was made here
TABLE = "units.csv"
MOST_ROWS = 10_000


class KeptUnit(msgspec.Struct, frozen=True):
    """A unit and how often it was changed."""

    unit: Unit
    rev: int


class UnitChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a unit: who, in which role, when, before and after (None: not there)."""

    at: datetime
    by: str
    role: str
    before: Unit | None
    after: Unit | None


class Present(Protocol):
    """Has the directory as it is now."""

    @property
    def snapshot(self) -> DirectorySnapshot:
        """The present directory."""


def wrong_unit(unit: Unit, units: Mapping[str, Unit], is_area: Callable[[str], bool]) -> Iterator[Wrong]:
    """Give what is wrong with a unit among `units` (itself included), by the columns of `units.csv`."""
    for code in unit.area_codes:
        if not is_area(code):
            yield Wrong("area_codes", code, "the code of an area", "unknown_code")
    try:
        hours.parse(unit.hours)
    except ValueError as error:
        yield Wrong("hours", unit.hours, str(error).partition("allowed: ")[2] or str(error), "not_allowed")
    yield from _wrong_parent(unit, units)
    if unit.successor and (unit.successor == unit.code or unit.successor not in units):
        yield Wrong("successor", unit.successor, "the code of another unit", "unknown_unit")
    elif unit.code in cycles({code: one.successor for code, one in units.items() if one.successor}):
        yield Wrong("successor", unit.successor, "a unit whose own successor this is not", "cycle")
    if unit.until <= unit.since:
        yield Wrong("valid_to", "", "a day not before the first", "days")


def _wrong_parent(unit: Unit, units: Mapping[str, Unit]) -> Iterator[Wrong]:
    if not unit.parent:
        return
    above = units.get(unit.parent)
    if above is None:
        yield Wrong("parent", unit.parent, "the code of a unit, or empty", "unknown_unit")
    elif unit.code in cycles({code: one.parent for code, one in units.items()}):
        yield Wrong("parent", unit.parent, "a unit that does not stand below this one", "cycle")
    elif UNIT_LEVELS.index(above.level) > UNIT_LEVELS.index(unit.level):
        yield Wrong("parent", unit.parent, f"a unit of the level {unit.level} or wider", "level")


class UnitRegister:
    """All use cases of keeping units. Who may come here at all is for the caller to say."""

    def __init__(self, database: Database, parties: Present) -> None:
        self._database = database
        self._parties = parties
        self._register = Register(database, UNITS, UNIT_CHANGES)

    async def get(self, code: str) -> KeptUnit:
        """Return a unit as it is kept, gone or not. Raises `NotFound`."""
        found = await self._register.get(code)
        if found is None:
            raise NotFound
        return KeptUnit(value_of(found, Unit), found.get("rev", 1))

    async def history(self, code: str) -> list[UnitChange]:
        """Return what became of a unit since it is kept here, oldest first."""
        found = await self._database.find(UNIT_CHANGES, {"of": code}, sort=[("of", 1), ("at", 1)])
        return [
            UnitChange(at=one["at"], by=one["by"], role=one["role"], before=_unit(one["before"]), after=_unit(one["after"]))
            for one in found
        ]

    async def put(self, actor: Actor, row: UnitRow, now: datetime, *, rev: int) -> KeptUnit:
        """Make a unit hold exactly this; `rev` is that which was seen, 0 for a new one. Raises `Invalid`, `StaleRev`."""
        units = await self._units()
        unit = self._with_origin(unit_of(row, self._parties.snapshot.zone), units)
        self._check({unit.code: unit}, units)
        return await self._write(actor, unit, now, rev)

    async def dissolve(self, actor: Actor, code: str, *, last_day: date, successor: str, now: datetime, rev: int) -> KeptUnit:
        """End a unit behind its last day (counted); from then on the successor answers for its rules and assets, and its people
        for its cases. Raises `NotFound`, `Invalid`, `Conflict` for one that has ended already, `StaleRev`."""
        units, zone = await self._units(), self._parties.snapshot.zone
        unit = units.get(code)
        if unit is None:
            raise NotFound
        until = midnight(last_day + timedelta(days=1), zone)
        if unit.until <= now.timestamp() and unit.until != until:
            raise Conflict("the unit has ended already", code="unit_ended")
        if last_day < now.astimezone(zone).date() - timedelta(days=1):
            raise Invalid(errors=[FieldError("last_day", "past", "yesterday or later")])
        after = msgspec.structs.replace(unit, until=until, successor=successor)
        self._check({code: after}, units)
        if successor and units[successor].until <= until:
            raise Invalid(errors=[FieldError("successor", "unknown_unit", "a unit that is there behind that day")])
        return await self._write(actor, after, now, rev)

    async def take_over(self, actor: Actor, text: str, now: datetime, *, dry_run: bool) -> Imported:
        """Add or change the units of a table (columns of `units.csv`); others stay. With `dry_run` only say what would be done.

        All rows or none: raises `PackInvalid` with every row that is wrong.
        """
        units, zone = await self._units(), self._parties.snapshot.zone
        report = PackReport()
        rows = rows_of(text, TABLE, UnitRow, report, unique=("code",), most=MOST_ROWS)
        found = {row.value.code: self._with_origin(unit_of(row.value, zone), units) for row in rows}
        whole = units | found
        for number, row in rows:
            for wrong in wrong_unit(found[row.code], whole, self._is_area):
                report.wrong(TABLE, number, *wrong)
        report.raise_if_errors()
        changed = {code: unit for code, unit in found.items() if units.get(code) != unit}
        if not dry_run:
            for code in sorted(changed):
                await self._register.put(code, _content(changed[code]), _act(actor, now))
            await mark_changed(self._database, now)
        new = len(found.keys() - units.keys())
        return Imported(new=new, changed=len(changed) - new, same=len(found) - len(changed))

    async def _write(self, actor: Actor, unit: Unit, now: datetime, rev: int) -> KeptUnit:
        document = await self._register.put(unit.code, _content(unit), _act(actor, now), rev=rev)
        await mark_changed(self._database, now)
        return KeptUnit(value_of(document, Unit), document["rev"])

    async def _units(self) -> dict[str, Unit]:
        return {unit.code: unit for unit in await read_all(self._database, UNITS, Unit)}

    def _check(self, changed: Mapping[str, Unit], units: Mapping[str, Unit]) -> None:
        whole = {**units, **changed}
        wrong = [one for unit in changed.values() for one in wrong_unit(unit, whole, self._is_area)]
        if wrong:
            errors = [FieldError(one.column, one.code, f"is `{one.cell}`; allowed: {one.allowed}") for one in wrong]
            raise Invalid("the unit cannot be accepted", errors=errors)

    def _is_area(self, code: str) -> bool:
        return code in self._parties.snapshot.parents

    @staticmethod
    def _with_origin(unit: Unit, units: Mapping[str, Unit]) -> Unit:
        before = units.get(unit.code)
        return msgspec.structs.replace(unit, origin=before.origin if before else EDITED)


def _content(unit: Unit) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(unit, builtin_types=(datetime,))
    return content


def _act(actor: Actor, now: datetime) -> Act:
    return Act(by=actor.id, role=actor.role, at=now)


def _unit(document: Mapping[str, Any] | None) -> Unit | None:
    return None if document is None else value_of(document, Unit)
