"""Responsibility rules of the demo city: for every category in every district, and the finer ones that practice has.

Every rule names its basis; the bases are samples (〔示例〕) in the form of the real lists of powers and duties, not quotations.
Identifiers: `R-0201-520103` (district), `R-0101-520103100` (township), `R-0301-Z520103…` (special grid), `…-N` (by night).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cities.guiyang.territory import CITY, URBAN, Place
from cities.guiyang.units import TYPES

__all__ = ["COLUMNS", "CategoryRow", "Rule", "build_rules"]

VALID_FROM = "2026-01-01"
NIGHT, DAY = "22:00-06:00", "06:00-22:00"
COLUMNS = (
    "id", "category", "area_code", "zone", "hours", "lead", "assists", "priority", "basis", "valid_from", "valid_to",
)  # fmt: skip

# What the city itself has in hand, everywhere in it: category → unit
CITY_LEADS = {
    "0203": "util-water", "0204": "util-power", "0205": "util-gas", "0207": "tele", "0306": "traffic",
    "0307": "trans", "0308": "trans", "0707": "police", "1501": "util-gas", "1506": "util-power",
}  # fmt: skip
URBAN_LEADS = {"0202": "house-lamp", "0305": "house-road"}  # and only in the six urban districts
EXTRA_ASSISTS = {"1506": (f"{CITY}-util-water",)}
# By night somebody else is on the street: category → (lead by day, lead by night)
BY_NIGHT = {"0401": ("env", "urban"), "0501": ("env", "police"), "0611": ("emerg", "police")}
# In the countryside the township cleans and keeps order itself (事件先属地): 小类 with level d→t
RURAL = frozenset({"0101", "0102", "0103", "0108", "0109", "0210", "0301", "0404", "0706", "1505"})
# Inside a special grid its own authority leads: kind of zone → categories → unit type
BY_ZONE: dict[str, dict[str, str]] = {
    "market": {"0301": "market", "0302": "market", "0901": "market", "0101": "sanit"},
    "campus": {"1401": "edu", "0301": "urban", "0705": "police"},
    "hospital": {"1404": "health", "0303": "traffic", "0601": "fire"},
    "park": {"0101": "park", "0108": "park", "0208": "park", "0706": "park"},
    "tower": {"0601": "fire", "0609": "market"},
    "industry": {"0610": "emerg", "0503": "env"},
}


class CategoryRow(msgspec.Struct, frozen=True):
    """What the rules need of a category."""

    code: str
    name: str
    lead_types: tuple[str, ...]
    level: str
    assist_types: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True):
    """One row of `rules.csv`."""

    id: str
    category: str
    area_code: str
    lead: str
    assists: tuple[str, ...] = ()
    zone: str = ""
    hours: str = ""
    basis: str = ""

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `COLUMNS`."""
        cells = (self.id, self.category, self.area_code, self.zone, self.hours, self.lead, ";".join(self.assists))
        return (*cells, 0, self.basis, VALID_FROM, "")


def build_rules(
    categories: Sequence[CategoryRow],
    districts: dict[str, str],
    townships: Sequence[Place],
    zones: Sequence[tuple[str, str, str]],
    unit_names: dict[str, str],
) -> list[Rule]:
    """Return all rules in the order of their ids; `zones` are (code, kind, district code)."""
    found: list[Rule] = []
    for category in categories:
        found.append(_city_rule(category, unit_names))
        for district in districts:
            found += _district_rules(category, district, unit_names)
        if category.code in RURAL:
            found += _rural_rules(category, townships, unit_names)
    found += _zone_rules({category.code: category for category in categories}, zones, unit_names)
    return sorted(found, key=lambda rule: rule.id)


def _city_rule(category: CategoryRow, names: dict[str, str]) -> Rule:
    suffix = CITY_LEADS.get(category.code) or URBAN_LEADS.get(category.code) or _bureau(category)
    lead = f"{CITY}-{suffix}"
    assists = tuple(f"{CITY}-{kind}" for kind in category.assist_types if kind in TYPES)
    return Rule(
        f"R-{category.code}-{CITY}", category.code, CITY, lead, _without(assists, lead), basis=_basis(category, lead, names)
    )


def _district_rules(category: CategoryRow, district: str, names: dict[str, str]) -> Iterator[Rule]:
    lead = _district_lead(category, district)
    assists = _without(_assists(category, district), lead)
    key = f"R-{category.code}-{district}"
    yield Rule(key, category.code, district, lead, assists, basis=_basis(category, lead, names))
    if category.code in BY_NIGHT:
        for hours, suffix, kind in zip((DAY, NIGHT), ("D", "N"), BY_NIGHT[category.code], strict=True):
            lead = f"{district}-{kind}"
            basis = _basis(category, lead, names)
            yield Rule(f"{key}-{suffix}", category.code, district, lead, _without(assists, lead), hours=hours, basis=basis)


def _district_lead(category: CategoryRow, district: str) -> str:
    if category.code in CITY_LEADS:
        return f"{CITY}-{CITY_LEADS[category.code]}"
    if category.code in URBAN_LEADS and district in URBAN:
        return f"{CITY}-{URBAN_LEADS[category.code]}"
    if category.level == "t" or category.lead_types[0] == "town":
        return "town@township"
    return f"{district}-{_bureau(category)}"


def _bureau(category: CategoryRow) -> str:
    """The kind of unit that leads: the first of the category that a district has; else the government itself."""
    return next((kind for kind in category.lead_types if kind in TYPES), "govt")


def _assists(category: CategoryRow, district: str) -> tuple[str, ...]:
    fixed = tuple("town@township" if kind == "town" else f"{district}-{kind}" for kind in category.assist_types)
    return EXTRA_ASSISTS.get(category.code, ()) + fixed


def _without(assists: tuple[str, ...], lead: str) -> tuple[str, ...]:
    return tuple(unit for unit in assists if unit != lead)


def _rural_rules(category: CategoryRow, townships: Sequence[Place], names: dict[str, str]) -> Iterator[Rule]:
    for place in townships:
        if place.kind != "街道":
            lead = f"{place.code}-town"
            basis = f"〔示例〕《{names[lead]}属地管理事项清单》:{category.name}"
            assist = f"{place.parent}-{_bureau(category)}"
            yield Rule(f"R-{category.code}-{place.code}", category.code, place.code, lead, (assist,), basis=basis)


def _zone_rules(
    categories: dict[str, CategoryRow], zones: Sequence[tuple[str, str, str]], names: dict[str, str]
) -> Iterator[Rule]:
    for zone, kind, district in zones:
        for code, unit_type in BY_ZONE.get(kind, {}).items():
            lead = f"{district}-{unit_type}"
            basis = f"〔示例〕《专属网格管理办法》:{categories[code].name}由{names[lead]}牵头"
            yield Rule(f"R-{code}-Z{zone}", code, "", lead, zone=zone, basis=basis)


def _basis(category: CategoryRow, lead: str, names: dict[str, str]) -> str:
    if lead == "town@township":
        return f"〔示例〕《贵阳市乡镇(街道)属地管理事项指导清单》:{category.name}"
    return f"〔示例〕《{names[lead]}权责清单》:{category.name}"
