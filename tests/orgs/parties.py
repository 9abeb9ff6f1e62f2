"""A small city's parties for the tests: two districts with bureaus, two townships each, one grid a township."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dispatch.model import AreaRef, Category, Place, Point
from orgs.directory import DirectorySnapshot, build
from orgs.rules import Rule
from orgs.units import Unit

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
NIGHT = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)  # 23:00
CITY, DISTRICTS = "520100", ("520102", "520103")
PARENTS = {"520102": CITY, "520103": CITY}
for _district in DISTRICTS:
    for _number in ("001", "002"):
        PARENTS[f"{_district}{_number}"] = _district
        PARENTS[f"{_district}{_number}001"] = f"{_district}{_number}"
        PARENTS[f"{_district}{_number}001001"] = f"{_district}{_number}001"
LEVELS = {6: "district", 9: "township", 12: "community", 15: "grid"}
GRID = "520103001001001"


def units() -> list[Unit]:
    """City government and bureaus, district governments and bureaus, township offices."""
    found = [Unit(code="C", name="市政府", type="government", level="city", area_codes=(CITY,))]
    found += [
        Unit(code=f"C-{kind}", name=f"市{kind}", type=kind, level="city", parent="C", area_codes=(CITY,))
        for kind in ("urban", "util")
    ]
    for code in DISTRICTS:
        found.append(
            Unit(code=f"D{code}", name=f"{code}政府", type="government", level="district", parent="C", area_codes=(code,))
        )
        for kind in ("urban", "sanit", "police"):
            found.append(
                Unit(
                    code=f"{code}-{kind}",
                    name=f"{code}{kind}",
                    type=kind,
                    level="district",
                    parent=f"D{code}",
                    area_codes=(code,),
                )
            )
        for number in ("001", "002"):
            town = f"{code}{number}"
            found.append(
                Unit(code=f"T{town}", name=f"{town}街道办", type="town", level="township", parent=f"D{code}", area_codes=(town,))
            )
    return found


CATEGORIES = (
    Category(code="0101", name="暴露垃圾", major="01", lead_types=("sanit",), level="d→t", org_kinds=("VOL", "ENV")),
    Category(code="0105", name="小广告", major="01", lead_types=("urban",), level="t"),
    Category(code="0201", name="井盖", major="02", lead_types=("owner", "util"), level="d", assist_types=("town", "police")),
    Category(code="0701", name="打架", major="07", lead_types=("police",), level="d", flags=frozenset("S"), org_kinds=("VOL",)),
    Category(code="1801", name="咨询", major="18"),
    Category(
        code="9901", name="停用", major="99", lead_types=("urban",), level="d", disabled_at=datetime(2026, 1, 1, tzinfo=UTC)
    ),
)


def place(code: str = GRID, *, point: bool = True, **fields: Any) -> Place:
    """The place of an area's code, with a point unless told otherwise."""
    path = []
    while code:
        path.append(AreaRef(code, f"名{code}", LEVELS.get(len(code), "city") if code != CITY else "city"))
        code = PARENTS.get(code, "")
    return Place(point=Point(106.7, 26.6) if point else None, area_path=tuple(reversed(path)), **fields)


def area_only(code: str) -> Place:
    """A place that is known by its area alone."""
    return place(code, point=False, boundary_doubt=True, doubt=(f"area_only:{code}",))


def rule(area: str, category: str, lead: str, *, number: int = 0, **fields: Any) -> Rule:
    """A rule with an id made of its area and category."""
    return Rule(id=f"R-{category}-{area}-{number}", area=area, category=category, lead=lead, **fields)


def directory(*rules: Rule, **fields: Any) -> DirectorySnapshot:
    """A snapshot of the small city with these rules."""
    return build(
        **{"units": units(), "rules": rules, "categories": CATEGORIES, "parents": PARENTS, "version": "1", **fields},
    )
