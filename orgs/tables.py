"""The rows of the parties' tables in a city pack (`units.csv` … `roster.csv`), column by column."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, NamedTuple

import msgspec

from orgs.people import PERSON_ROLES, PROGRAM_ROLES
from orgs.roster import RowKind

__all__ = ["DutyRow", "OfferRow", "OrganizationRow", "PersonRow", "RuleRow", "UnitRow", "Wrong"]

_LISTED = (*PERSON_ROLES, *PROGRAM_ROLES)
_ROLE_WORDS = f"one of {', '.join(_LISTED)}"

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\s;$]+$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Level = Literal["city", "district", "township", "community"]
Lon = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Lat = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=200_000)]
Weekday = Annotated[int, msgspec.Meta(ge=1, le=7)]
Role = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(_LISTED)})$", extra_json_schema={"description": _ROLE_WORDS})]
Crs = Literal["WGS-84", "CGCS2000", "GCJ-02", "BD-09"]


class Wrong(NamedTuple):
    """What is wrong with a row: the column, what stands there, what is allowed, a stable code."""

    column: str
    cell: str
    allowed: str
    code: str


class UnitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `units.csv`. `valid_from` and `valid_to` are days of the city, both counted; then the `successor` answers."""

    code: Code
    name: Name
    short_name: str = ""
    aliases: tuple[str, ...] = ()
    type: Code
    level: Level
    parent: str = ""
    area_codes: tuple[str, ...]
    hours: str = ""
    duty_phone: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str = ""


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `rules.csv`. `valid_from` and `valid_to` are days of the city, both counted."""

    id: Code
    category: Code
    area_code: str = ""
    zone: str = ""
    hours: str = ""
    lead: Code
    assists: tuple[str, ...] = ()
    priority: int = 0
    basis: str = ""
    valid_from: date | None = None
    valid_to: date | None = None


class OrganizationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `organizations.csv`. `qualified_name`, `trained_until` and `secrecy_on` go together: the person for sensitive
    matters, without whom `approved` means nothing."""

    code: Code
    name: Name
    kinds: tuple[str, ...]
    standing: Literal["normal", "abnormal", "revoked", "deregistered"] = "normal"
    area_codes: tuple[str, ...] = ()
    lon: Lon | None = None
    lat: Lat | None = None
    crs: Crs | None = None
    radius_m: Metres = 0.0
    capacity: Count = 1
    hours: str = ""
    contact: str = ""
    approved: bool = False
    approved_for: tuple[str, ...] = ()
    qualified_name: Annotated[str, msgspec.Meta(max_length=40)] = ""
    trained_until: date | None = None
    secrecy_on: date | None = None
    confirmed: Count = 0
    credit_code: str = ""
    standing_list: Literal["", "operation", "activity"] = ""
    standing_reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    standing_since: date | None = None
    standing_until: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class OfferRow(msgspec.Struct, frozen=True, kw_only=True, rename={"first_day": "from", "last_day": "to"}):
    """A row of `offers.csv`: columns organization, kind, what, from, to, amount, and where and when it is given."""

    organization: Code
    kind: str = ""
    what: Name
    first_day: date | None = None
    last_day: date | None = None
    amount: Count = 1
    area_codes: tuple[str, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    hours: str = ""


class PersonRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `people.csv`."""

    username: Code
    name: Name
    role: Role
    unit: str = ""
    area_codes: tuple[str, ...] = ()
    organization: str = ""
    subtree: bool = False
    agency: str = ""


class DutyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `roster.csv`: who is on duty where, on which weekdays (1 Monday … 7 Sunday), hours and days; who stands in.

    `kind` is `duty` or, for somebody who is away then, `leave`.
    """

    username: Code
    area_codes: tuple[str, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    hours: str = ""
    first_day: date | None = None
    last_day: date | None = None
    substitute: str = ""
    kind: RowKind = "duty"
