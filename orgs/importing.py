"""Importing the parties of a city pack: reading with every cross-check, then writing all tables and one new version.

`read` finds everything that is wrong and never touches the database; `write` takes a checked pack over into the registers, where
people write as well (ADR 21). Both are idempotent: the same pack again changes nothing but the version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from dispatch.masking import mask_name
from dispatch.pack_taking import Taking
from dispatch.packs import PackReport, Row, rows, rows_of
from orgs import hours, tables
from orgs.offers import Offer, reach_of
from orgs.organizations import Organization, Qualified
from orgs.pack_tables import (
    PEOPLE_TABLE,
    ROSTER_TABLE,
    offer_documents,
    offers_table,
    organizations_table,
    roster_documents,
    units_table,
)
from orgs.people import ANY_ORGANIZATION, PARTNER_AGENCIES, PROGRAM_ROLES, Person
from orgs.registering import errors_of, shown_contact
from orgs.registry import Secret, sealed_parts
from orgs.roster import Duty
from orgs.rostering import wrong_in
from orgs.rule_terms import Terms, wrong_terms
from orgs.rule_times import midnight
from orgs.rulebook import RuleBook
from orgs.rules import Rule
from orgs.store import INDEXES, document_of, load_version, mark_changed
from orgs.units import Unit, cycles
from storage.client import Database, Document
from storage.errors import FieldError, Invalid
from storage.fields import FieldCipher
from storage.indexes import ensure

__all__ = ["Parsed", "ToWgs84", "read", "read_organizations", "write"]

ToWgs84 = Callable[[float, float, str], tuple[float, float]]
ALLOWED = {"credit_code": "18 digits and capital letters, the last one checks the others (GB 32100)"}


class Parsed(msgspec.Struct, frozen=True):
    """The parties of a pack, ready to be written; `secrets` is what must be sealed, by organization, `timezone` the city's."""

    units: tuple[Unit, ...] = ()
    rules: tuple[Rule, ...] = ()
    organizations: tuple[Organization, ...] = ()
    offers: tuple[Offer, ...] = ()
    people: tuple[Person, ...] = ()
    duties: tuple[Duty, ...] = ()
    secrets: dict[str, Secret] = {}
    timezone: str = "Asia/Shanghai"

    @property
    def unit_names(self) -> frozenset[str]:
        """Every name by which other tables may name a unit: its code, or `type@level`."""
        return names_of(self.units)


def read(
    folder: Path,
    report: PackReport,
    *,
    areas: Collection[str],
    categories: Collection[str],
    zones: Collection[str] | None = None,
    managing: Mapping[str, str] | None = None,
    timezone: str = "Asia/Shanghai",
    to_wgs84: ToWgs84 | None = None,
) -> Parsed:
    """Return the parties of the pack; everything that is wrong goes into `report` with file, row and column.

    `areas`, `categories` and `zones` (None: not checked) are the codes that the other parts of the pack hold, `timezone` is
    where a rule's days begin, `managing` the unit of each management area (its code is among `areas`), `to_wgs84` turns
    (lon, lat, crs) into WGS-84 (without it only WGS-84 and CGCS2000 are taken).
    """
    check = _Check(report, areas, categories, zones, timezone, to_wgs84)
    units = check.units(rows(folder, "units.csv", tables.UnitRow, report, required=True, unique=("code",)))
    check.managing(managing or {})
    rules = check.rules(rows(folder, "rules.csv", tables.RuleRow, report, unique=("id",)))
    organizations = check.organizations(rows(folder, "organizations.csv", tables.OrganizationRow, report, unique=("code",)))
    offers = check.offers(rows(folder, "offers.csv", tables.OfferRow, report))
    people = check.people(rows(folder, "people.csv", tables.PersonRow, report, unique=("username",)))
    duties = check.duties(rows(folder, "roster.csv", tables.DutyRow, report))
    return Parsed(units, rules, organizations, offers, people, duties, check.secrets, timezone)


def read_organizations(
    text: str, report: PackReport, *, areas: Collection[str], to_wgs84: ToWgs84 | None = None
) -> tuple[tuple[Organization, ...], dict[str, Secret]]:
    """Return the organizations of a table with the columns of `organizations.csv`, and what of each must be sealed."""
    check = _Check(report, areas, (), None, "UTC", to_wgs84)
    found = rows_of(text, "organizations.csv", tables.OrganizationRow, report, unique=("code",))
    return check.organizations(found), check.secrets


async def write(
    database: Database,
    parsed: Parsed,
    at: datetime | None = None,
    *,
    cipher: FieldCipher | None = None,
    taking: Taking | None = None,
) -> str:
    """Take the parties over; returns the directory's version, which makes every process build its snapshot anew.

    What people have written since the last import stays as ADR 21 says; the rules become one more version of the rulebook.
    `taking` says how (else all is written) and what came of it. Raises `Invalid` (`no_keys`) for a pack that names persons when
    there is no `cipher` to seal their names and numbers.
    """
    taking = taking or Taking(database, at or datetime.now(UTC))
    if parsed.secrets and cipher is None and not taking.dry_run:
        raise Invalid("contacts and names of persons need the keys of the installation", code="no_keys")
    if not taking.dry_run:
        await ensure(database, INDEXES)
    await taking.rows(units_table(taking.at), (document_of(unit.code, unit) for unit in parsed.units))
    await RuleBook(database).take_over(parsed.rules, taking)
    organizations = organizations_table(taking.at, ZoneInfo(parsed.timezone), cipher)
    await taking.rows(organizations, _organization_documents(parsed, cipher))
    await taking.rows(offers_table(), await offer_documents(taking, parsed.offers))
    await taking.rows(PEOPLE_TABLE, (document_of(person.username, person) for person in parsed.people))
    await taking.rows(ROSTER_TABLE, await roster_documents(taking, parsed.duties))
    return await load_version(database) if taking.dry_run else await mark_changed(database, taking.at)


def _organization_documents(parsed: Parsed, cipher: FieldCipher | None) -> Iterator[Document]:
    for org in parsed.organizations:
        sealed = sealed_parts(cipher, org, parsed.secrets.get(org.code)) if cipher else {}
        yield document_of(org.code, org) | sealed


def names_of(units: Iterable[Unit]) -> frozenset[str]:
    """Return the codes and posts (`type@level`) of units."""
    return frozenset(name for unit in units for name in (unit.code, f"{unit.type}@{unit.level}"))


def unit_of(row: tables.UnitRow, zone: ZoneInfo) -> Unit:
    """Return the unit that a row says."""
    fields = msgspec.structs.asdict(row)
    first, last = fields.pop("valid_from"), fields.pop("valid_to")
    since = midnight(first, zone) if first else -inf
    return Unit(**fields, since=since, until=midnight(last + timedelta(days=1), zone) if last else inf)


def _person(row: tables.PersonRow) -> Person:
    """A program of the table is its own system: what it sends is known by its user name."""
    source = row.username if row.role in PROGRAM_ROLES else ""
    return Person(**msgspec.structs.asdict(row), source=source)


def _said(error: FieldError, cell: object) -> str:
    shown = ";".join(cell) if isinstance(cell, tuple) else "" if cell is None else str(cell)
    return f"is `{shown}`; allowed: {error.message or ALLOWED[error.code]}"


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
        self._served: dict[str, tuple[str, ...]] = {}
        self.secrets: dict[str, Secret] = {}
        self._people: set[str] = set()

    def units(self, found: list[Row[tables.UnitRow]]) -> tuple[Unit, ...]:
        """Return the units; their parents and areas must exist, and no unit may stand above itself."""
        values = {row.value.code: unit_of(row.value, self._zone) for row in found}
        circular = set(cycles({code: unit.parent for code, unit in values.items()}))
        for number, row in found:
            self._known("units.csv", number, "area_codes", row.area_codes, self._areas, "the code of an area")
            self._hours("units.csv", number, row.hours)
            if row.parent and row.parent not in values:
                self._wrong(
                    "units.csv", number, "parent", row.parent, "the code of a unit in this table, or empty", "unknown_unit"
                )
            if row.successor and (row.successor not in values or row.successor == row.code):
                self._wrong("units.csv", number, "successor", row.successor, "the code of another unit", "unknown_unit")
            self._days("units.csv", number, "valid_to", row.valid_from, row.valid_to)
            if row.code in circular:
                self._wrong("units.csv", number, "parent", row.parent, "a unit that does not stand below this one", "cycle")
        self._units = values
        posts = {(unit.type, unit.level) for unit in values.values()}
        self._terms = msgspec.structs.replace(self._terms, units=frozenset(values), posts=posts)
        return tuple(values.values())

    def managing(self, owners: Mapping[str, str]) -> None:
        """Each management area must have a unit that has it among its areas: so the unit stands in the district's stead."""
        for zone, owner in owners.items():
            unit = self._units.get(owner)
            if unit is None or zone not in unit.area_codes:
                allowed = f"the code of a unit that has `{zone}` among its area_codes"
                self._wrong("zones.geojson", None, "owner", owner, allowed, "unknown_unit")

    def rules(self, found: list[Row[tables.RuleRow]]) -> tuple[Rule, ...]:
        """Return the rules; category, area, zone, lead and assists must exist, the days must be in order."""
        return tuple(self._rule(number, row) for number, row in found)

    def organizations(self, found: list[Row[tables.OrganizationRow]]) -> tuple[Organization, ...]:
        """Return the organizations with WGS-84 points; one without area and radius could never be asked."""
        values = tuple(self._organization(number, row) for number, row in found)
        self._organizations = {value.code for value in values}
        self._served = {value.code: value.area_codes for value in values}
        return values

    def offers(self, found: list[Row[tables.OfferRow]]) -> tuple[Offer, ...]:
        """Return the offers; their organization must exist."""
        file = "offers.csv"
        for number, row in found:
            self._known(file, number, "organization", (row.organization,), self._organizations, "the code of an organization")
            self._days(file, number, "to", row.first_day, row.last_day)
            self._known(file, number, "area_codes", row.area_codes, self._areas, "the code of an area")
            self._hours(file, number, row.hours)
        return tuple(self._offer(number, row) for number, row in found)

    def _offer(self, number: int, row: tables.OfferRow) -> Offer:
        offer = Offer(id=f"{row.organization}-{number:06d}", left=row.amount, **msgspec.structs.asdict(row))
        return msgspec.structs.replace(offer, reach=reach_of(offer, self._served.get(row.organization, ())))

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
        self._known("organizations.csv", number, "area_codes", row.area_codes, self._areas, "the code of an area")
        lon, lat = self._point(number, row)
        fields = msgspec.structs.asdict(row)
        for column in ("crs", "qualified_name", "trained_until", "secrecy_on"):
            del fields[column]
        people = self._qualified(number, row)
        shown = shown_contact(row.contact)
        if people or shown != row.contact:
            self.secrets[row.code] = Secret(row.contact, {"table": row.qualified_name} if people else {})
        found = Organization(**(fields | {"lon": lon, "lat": lat, "contact": shown, "qualified": people}))
        for error in errors_of(found):
            self._report.error(
                "organizations.csv", number, error.field, _said(error, getattr(found, error.field)), code=error.code
            )
        return found

    def _qualified(self, number: int, row: tables.OrganizationRow) -> tuple[Qualified, ...]:
        if not row.qualified_name and row.trained_until is None and row.secrecy_on is None:
            return ()
        if not row.qualified_name or row.trained_until is None or row.secrecy_on is None:
            allowed = "qualified_name, trained_until and secrecy_on together, or none"
            self._wrong("organizations.csv", number, "qualified_name", mask_name(row.qualified_name), allowed, "required")
            return ()
        shown = mask_name(row.qualified_name)
        return (Qualified(id="table", shown=shown, trained_until=row.trained_until, secrecy_on=row.secrecy_on),)

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

    def _wrong(self, file: str, number: int | None, column: str, cell: str, allowed: str, code: str) -> None:
        self._report.wrong(file, number, column, cell, allowed, code)
