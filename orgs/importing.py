"""Importing the parties of a city pack: reading with every cross-check, then writing all tables and one new version.

`read` finds everything that is wrong and never touches the database; `write` puts a checked pack in place of what was there.
Both are idempotent: the same pack again changes nothing but the version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from dispatch.packs import PackReport, Row, rows
from orgs import hours, tables
from orgs.organizations import Organization
from orgs.people import ANY_ORGANIZATION, PARTNER_AGENCIES, PROGRAM_ROLES, Person
from orgs.roster import Duty
from orgs.rostering import wrong_in
from orgs.rule_terms import Terms, wrong_terms
from orgs.rule_times import midnight
from orgs.rulebook import RuleBook
from orgs.rules import Rule
from orgs.store import INDEXES, OFFERS, ORGANIZATIONS, PEOPLE, UNITS, Offer, mark_changed, replace_all, replace_rosters
from orgs.units import Unit, cycles
from storage.client import Database
from storage.indexes import ensure

__all__ = ["Parsed", "read", "write"]

ToWgs84 = Callable[[float, float, str], tuple[float, float]]


class Parsed(msgspec.Struct, frozen=True):
    """The parties of a pack, ready to be written."""

    units: tuple[Unit, ...] = ()
    rules: tuple[Rule, ...] = ()
    organizations: tuple[Organization, ...] = ()
    offers: tuple[Offer, ...] = ()
    people: tuple[Person, ...] = ()
    duties: tuple[Duty, ...] = ()

    @property
    def unit_names(self) -> frozenset[str]:
        """Every name by which other tables may name a unit: its code, or `type@level`."""
        return frozenset(name for unit in self.units for name in (unit.code, f"{unit.type}@{unit.level}"))


def read(
    folder: Path,
    report: PackReport,
    *,
    areas: Collection[str],
    categories: Collection[str],
    zones: Collection[str] | None = None,
    timezone: str = "Asia/Shanghai",
    to_wgs84: ToWgs84 | None = None,
) -> Parsed:
    """Return the parties of the pack; everything that is wrong goes into `report` with file, row and column.

    `areas`, `categories` and `zones` (None: not checked) are the codes that the other parts of the pack hold, `timezone` is
    where a rule's days begin, `to_wgs84` turns (lon, lat, crs) into WGS-84 (without it only WGS-84 and CGCS2000 are taken).
    """
    check = _Check(report, areas, categories, zones, timezone, to_wgs84)
    units = check.units(rows(folder, "units.csv", tables.UnitRow, report, required=True, unique=("code",)))
    rules = check.rules(rows(folder, "rules.csv", tables.RuleRow, report, unique=("id",)))
    organizations = check.organizations(rows(folder, "organizations.csv", tables.OrganizationRow, report, unique=("code",)))
    offers = check.offers(rows(folder, "offers.csv", tables.OfferRow, report))
    people = check.people(rows(folder, "people.csv", tables.PersonRow, report, unique=("username",)))
    duties = check.duties(rows(folder, "roster.csv", tables.DutyRow, report))
    return Parsed(units, rules, organizations, offers, people, duties)


async def write(database: Database, parsed: Parsed, at: datetime | None = None) -> str:
    """Put the parties in place of what was there; returns the new version, which makes every process build its snapshot anew.

    The rules become one more version of the rulebook. Those that people have added are kept as far as their units are still
    there; a table that has one itself goes first.
    """
    now = at or datetime.now(UTC)
    await ensure(database, INDEXES)
    await replace_all(database, UNITS, ((unit.code, unit) for unit in parsed.units))
    await RuleBook(database).take_over(parsed.rules, parsed.unit_names, now)
    await replace_all(database, ORGANIZATIONS, ((org.code, org) for org in parsed.organizations))
    await replace_all(database, OFFERS, ((offer.id, offer) for offer in parsed.offers))
    await replace_all(database, PEOPLE, ((person.username, person) for person in parsed.people))
    rosters = {f"{number:06d}": duty for number, duty in enumerate(parsed.duties)}
    await replace_rosters(database, rosters.items(), frozenset(person.username for person in parsed.people))
    return await mark_changed(database, now)


def _person(row: tables.PersonRow) -> Person:
    """A program of the table is its own system: what it sends is known by its user name."""
    source = row.username if row.role in PROGRAM_ROLES else ""
    return Person(**msgspec.structs.asdict(row), source=source)


class _Check:
    """Turns rows into values and checks what a row refers to."""

    def __init__(
        self,
        report: PackReport,
        areas: Collection[str],
        categories: Collection[str],
        zones: Collection[str] | None,
        timezone: str,
        to_wgs84: ToWgs84 | None,
    ) -> None:
        self._report = report
        self._areas = frozenset(areas)
        self._terms = Terms(
            areas=self._areas,
            categories=frozenset(categories),
            majors=frozenset(code[:2] for code in categories),
            units=(),
            posts=(),
            zones=None if zones is None else frozenset(zones),
        )
        self._zone = ZoneInfo(timezone)
        self._to_wgs84 = to_wgs84
        self._units: dict[str, Unit] = {}
        self._organizations: set[str] = set()
        self._people: set[str] = set()

    def units(self, found: list[Row[tables.UnitRow]]) -> tuple[Unit, ...]:
        """Return the units; their parents and areas must exist, and no unit may stand above itself."""
        values = {row.value.code: Unit(**msgspec.structs.asdict(row.value)) for row in found}
        circular = set(cycles({code: unit.parent for code, unit in values.items()}))
        for number, row in found:
            self._known("units.csv", number, "area_codes", row.area_codes, self._areas, "the code of an area")
            self._hours("units.csv", number, row.hours)
            if row.parent and row.parent not in values:
                self._wrong(
                    "units.csv", number, "parent", row.parent, "the code of a unit in this table, or empty", "unknown_unit"
                )
            if row.code in circular:
                self._wrong("units.csv", number, "parent", row.parent, "a unit that does not stand below this one", "cycle")
        self._units = values
        posts = {(unit.type, unit.level) for unit in values.values()}
        self._terms = msgspec.structs.replace(self._terms, units=frozenset(values), posts=posts)
        return tuple(values.values())

    def rules(self, found: list[Row[tables.RuleRow]]) -> tuple[Rule, ...]:
        """Return the rules; category, area, zone, lead and assists must exist, the days must be in order."""
        return tuple(self._rule(number, row) for number, row in found)

    def organizations(self, found: list[Row[tables.OrganizationRow]]) -> tuple[Organization, ...]:
        """Return the organizations with WGS-84 points; one without area and radius could never be asked."""
        values = tuple(self._organization(number, row) for number, row in found)
        self._organizations = {value.code for value in values}
        return values

    def offers(self, found: list[Row[tables.OfferRow]]) -> tuple[Offer, ...]:
        """Return the offers; their organization must exist."""
        file = "offers.csv"
        for number, row in found:
            self._known(file, number, "organization", (row.organization,), self._organizations, "the code of an organization")
            self._days(file, number, "to", row.first_day, row.last_day)
        return tuple(Offer(id=f"{row.organization}-{number:06d}", **msgspec.structs.asdict(row)) for number, row in found)

    def people(self, found: list[Row[tables.PersonRow]]) -> tuple[Person, ...]:
        """Return the people; their unit, areas and organization must exist, a partner's agency be one that cases are given to."""
        file = "people.csv"
        for number, row in found:
            self._known(file, number, "area_codes", row.area_codes, self._areas, "the code of an area")
            if row.unit:
                self._known(file, number, "unit", (row.unit,), self._units, "the code of a unit")
            if row.organization and row.organization != ANY_ORGANIZATION:
                named = (row.organization,)
                self._known(file, number, "organization", named, self._organizations, "the code of an organization, or *")
            if row.agency and (row.role != "partner" or row.agency not in PARTNER_AGENCIES):
                allowed = f"empty, or for a partner one of {', '.join(PARTNER_AGENCIES)}"
                self._wrong(file, number, "agency", row.agency, allowed, "unknown_agency")
        self._people = {row.username for _, row in found}
        return tuple(_person(row) for _, row in found)

    def duties(self, found: list[Row[tables.DutyRow]]) -> tuple[Duty, ...]:
        """Return the duties; people, substitutes and areas must exist."""
        values = [Row(number, Duty(**msgspec.structs.asdict(row))) for number, row in found]
        for number, duty in values:
            for wrong in wrong_in(duty, self._people, self._areas.__contains__):
                self._wrong("roster.csv", number, wrong.column, wrong.cell, wrong.allowed, wrong.code)
        return tuple(row.value for row in values)

    def _rule(self, number: int, row: tables.RuleRow) -> Rule:
        file = "rules.csv"
        self._days(file, number, "valid_to", row.valid_from, row.valid_to)
        rule = Rule(
            id=row.id,
            category=row.category,
            area=row.area_code,
            zone=row.zone,
            hours="" if hours.parse_or_none(row.hours) == hours.ALWAYS else row.hours,
            lead=row.lead,
            assists=row.assists,
            priority=row.priority,
            basis=row.basis,
            since=midnight(row.valid_from, self._zone) if row.valid_from else -inf,
            until=midnight(row.valid_to + timedelta(days=1), self._zone) if row.valid_to else inf,
        )
        for wrong in wrong_terms(rule, self._terms):
            self._wrong(file, number, *wrong)
        return rule

    def _organization(self, number: int, row: tables.OrganizationRow) -> Organization:
        file = "organizations.csv"
        self._known(file, number, "area_codes", row.area_codes, self._areas, "the code of an area")
        self._hours(file, number, row.hours)
        lon, lat = self._point(number, row)
        if not row.area_codes and (lon is None or row.radius_m <= 0):
            self._wrong(
                file, number, "area_codes", "", "areas, or a point with radius_m: else nobody can be served", "no_service"
            )
        fields = msgspec.structs.asdict(row)
        del fields["crs"]
        return Organization(**(fields | {"lon": lon, "lat": lat}))

    def _point(self, number: int, row: tables.OrganizationRow) -> tuple[float | None, float | None]:
        if row.lon is None and row.lat is None:
            return None, None
        if row.lon is None or row.lat is None or row.crs is None:
            self._wrong("organizations.csv", number, "crs", str(row.crs or ""), "lon, lat and crs together, or none", "required")
            return None, None
        if row.crs in ("WGS-84", "CGCS2000"):
            return row.lon, row.lat
        if self._to_wgs84 is None:
            self._wrong("organizations.csv", number, "crs", row.crs, "WGS-84 or CGCS2000", "not_allowed")
            return None, None
        return self._to_wgs84(row.lon, row.lat, row.crs)

    def _known(self, file: str, number: int, column: str, codes: tuple[str, ...], known: Collection[str], allowed: str) -> None:
        for code in codes:
            if code not in known:
                self._wrong(file, number, column, code, allowed, "unknown_code")

    def _hours(self, file: str, number: int, cell: str) -> None:
        try:
            hours.parse(cell)
        except ValueError as error:
            self._report.error(file, number, "hours", f"is {error}", code="not_allowed")

    def _days(self, file: str, number: int, column: str, first: date | None, last: date | None) -> None:
        if first and last and last < first:
            self._wrong(file, number, column, str(last), f"a day not before {first}", "days")

    def _wrong(self, file: str, number: int, column: str, cell: str, allowed: str, code: str) -> None:
        self._report.error(file, number, column, f"is `{cell}`; allowed: {allowed}", code=code)
