"""The value types that the packages share: where, who is responsible, who can help. All immutable, none knows the database.

Coordinates are longitude, latitude in degrees, WGS-84 unless a field says otherwise. Times are aware datetimes in UTC,
whole milliseconds. Codes and ids are strings.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

__all__ = [
    "AreaRef", "AssetRef", "Campaign", "Candidate", "Category", "Colleague", "Fit", "Helper", "LearnedPart", "Match",
    "OrganizationRef", "Place", "Point", "Reach", "UnitRef",
]  # fmt: skip

URGENCIES = ("complex", "normal", "priority", "urgent", "emergency")  # weakest first
APPEAL_TYPES = ("consult", "help", "complaint", "report", "suggestion", "praise", "none", "device")
CRS_NAMES = ("WGS-84", "CGCS2000", "GCJ-02", "BD-09")
LEVELS = ("city", "district", "township", "community", "grid")  # widest first


class Point(msgspec.Struct, frozen=True):
    """A position: `lon`, `lat` in degrees."""

    lon: float
    lat: float


class AreaRef(msgspec.Struct, frozen=True):
    """One node of the territory as it was at the time of matching."""

    code: str
    name: str
    level: str
    name_en: str = ""


class AssetRef(msgspec.Struct, frozen=True):
    """A component or linear object near a point: what it is (category code), whose it is (unit code), how far in metres.

    `kind` is `point`, `line` or `area`.
    """

    code: str
    category: str
    owner: str
    distance_m: int
    kind: str = "point"


class UnitRef(msgspec.Struct, frozen=True):
    """A government unit by code and by the name it had when it was put down."""

    code: str
    name: str


class Colleague(msgspec.Struct, frozen=True):
    """Somebody who works in the city's service: user name, name, role, and the areas they are there for."""

    username: str
    name: str
    role: str
    areas: tuple[str, ...] = ()


class OrganizationRef(msgspec.Struct, frozen=True):
    """A social organization by code and name."""

    code: str
    name: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case is: the canonical point, what was sent, and the path of areas from the city down to the grid.

    `point` is None where only an area or an address is known. `doubt` says in words of the rule why the lookup is not
    certain (`boundary`, `gap`, `management`, `area_only`, `address_only`, `accuracy`), each with its figure, e.g.
    "boundary:14:520103002".
    `special` is the special grid (market, campus…) that holds the point; it wins over the duty grid in `area_path`.
    `management` is the management area (管理区: a development zone) that holds it; whoever manages it stands in the district's
    stead, while statistics stay with the path.
    `assets` are the components and linear objects of any category within reach of the point (30 m or their own buffer),
    nearest first: 部件先属主, the owner of the one of the case's category is responsible before the area's unit.
    """

    point: Point | None = None
    raw: Point | None = None
    raw_crs: str | None = None
    accuracy_m: float | None = None
    source: str = "gps"
    address: str | None = None
    area_path: tuple[AreaRef, ...] = ()
    special: AreaRef | None = None
    management: AreaRef | None = None
    boundary_doubt: bool = False
    doubt: tuple[str, ...] = ()
    asset: str | None = None
    asset_owner: str | None = None
    assets: tuple[AssetRef, ...] = ()
    version: str = ""

    def area(self, level: str) -> AreaRef | None:
        """Return the node of `level` on the path, or None when the path does not reach it."""
        for area in self.area_path:
            if area.level == level:
                return area
        return None

    @property
    def area_codes(self) -> tuple[str, ...]:
        """The codes of the path, widest first, a management area behind the district, the special grid last."""
        codes = [area.code for area in self.area_path]
        if self.management:
            codes.insert(sum(area.level in ("city", "district") for area in self.area_path), self.management.code)
        if self.special:
            codes.append(self.special.code)
        return tuple(codes)


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign zone (专项区域) that holds a point: the limit of what is reported there from the day `valid_from` to the day
    `valid_to`, both included, in one of the `categories` (none named: in all)."""

    code: str
    name: str
    limit: str
    valid_from: date
    valid_to: date
    categories: frozenset[str] = frozenset()

    def holds(self, category: str | None, day: date) -> bool:
        """Tell whether it is for a category on a local day."""
        return self.valid_from <= day <= self.valid_to and (not self.categories or category in self.categories)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that may be responsible: 0 ≤ score ≤ 1, its parts by name, the rule and the legal or duty basis behind it."""

    unit: UnitRef
    score: float
    parts: dict[str, float] = {}
    rule: str = ""
    basis: str = ""
    reason: str = ""


class Helper(msgspec.Struct, frozen=True, kw_only=True):
    """A social organization that can help here: how far, how well it fits, and why."""

    code: str
    name: str
    kinds: tuple[str, ...] = ()
    distance_m: int | None = None
    score: float = 0.0
    parts: dict[str, float] = {}
    reason: str = ""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How a social organization fits what is asked for at a place: all that stands `against` it (`not_registered`, `wrong_kind`,
    `outside_area`, `not_approved`), how far it is, how many cases it takes at once (`capacity`)."""

    against: tuple[str, ...] = ()
    distance_m: int | None = None
    capacity: int = 0


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What a social organization can be asked for: its kinds, best first; the areas that it serves, or `anywhere` (it has a point
    and a radius, or a polygon); whether it may be asked in sensitive cases."""

    kinds: tuple[str, ...]
    areas: tuple[str, ...]
    anywhere: bool
    approved: bool
    capacity: int


class LearnedPart(msgspec.Struct, frozen=True):
    """What a model had to do with a match: its version, how likely it holds the first candidate, and what the rules alone said:
    the candidates (code, score) in their order and the doubts."""

    version: str
    p: float
    by_rules: tuple[tuple[str, float], ...]
    doubt: tuple[str, ...]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Who is responsible for a category at a place at a time, best first, who assists, who can help, and what is doubtful.

    `decided` is `auto` when one clear winner may be dispatched without a person, else `manual`. `doubt` holds the reasons
    against (`boundary`, `tie`, `sensitive`, `low_score`, `no_owner`, `area_only`, `no_category`, …). `learned` is there where a
    model has ordered what the rules left open.
    """

    decided: str = "manual"
    doubt: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    assists: tuple[UnitRef, ...] = ()
    organizations: tuple[Helper, ...] = ()
    version: str = ""
    learned: LearnedPart | None = None

    @property
    def lead(self) -> UnitRef | None:
        """The unit ranked first, or None when there is no owner."""
        return self.candidates[0].unit if self.candidates else None


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """One 小类 of the catalogue with its defaults (columns of `categories.csv`; source: the city pack).

    `limit`, `safe_limit` and `law_limit` (fixed by law: a cap on all that a case may be given) are cells of the form
    `N` + `m|h|wh|wd|d`; `lead_types` are unit types, first existing wins.
    Flags: V verify before filing, K check on site, H grid worker may self-handle, S sensitive.
    """

    code: str
    name: str
    name_en: str = ""
    major: str = ""
    major_name: str = ""
    urgency: str = "normal"
    limit: str = ""
    law_limit: str = ""
    safe_limit: str = ""
    transfer_to: str = ""
    lead_types: tuple[str, ...] = ()
    level: str = ""
    flags: frozenset[str] = frozenset()
    assist_types: tuple[str, ...] = ()
    org_kinds: tuple[str, ...] = ()
    self_handle: bool = False
    check: str = "none"
    external_code: str = ""
    disabled_at: datetime | None = None

    @property
    def sensitive(self) -> bool:
        """Restricted view and never dispatched without a person."""
        return "S" in self.flags
