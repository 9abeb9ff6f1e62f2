"""Who names an area: rules, duties, people, units and organizations, as they are written in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from orgs.store import ORGANIZATIONS, PEOPLE, ROSTERS, RULES, UNITS
from storage.client import Database

__all__ = ["MOST_NAMED", "Namer", "Namers", "all_named", "namers"]

MOST_NAMED = 50  # of one kind, the first; all are counted

_TABLES: Mapping[str, tuple[str, str]] = {  # kind → collection, the field that names areas
    "rule": (RULES, "area"),
    "duty": (ROSTERS, "area_codes"),
    "person": (PEOPLE, "area_codes"),
    "unit": (UNITS, "area_codes"),
    "organization": (ORGANIZATIONS, "area_codes"),
}
_SHOWN = {"area": 1, "area_codes": 1, "name": 1, "lead": 1, "username": 1}


class Namer(msgspec.Struct, frozen=True):
    """One thing that names an area. A person is shown by user name alone, a rule by its unit, a duty by whose it is."""

    id: str
    name: str
    area: str


class Namers(msgspec.Struct, frozen=True):
    """All things of one kind (`rule`, `duty`, `person`, `unit`, `organization`) that name some areas."""

    what: str
    count: int
    items: list[Namer]


async def namers(database: Database, codes: Collection[str]) -> list[Namers]:
    """Return the kinds of things that name any of the areas, each with the first of them."""
    found = []
    for what, (collection, field) in _TABLES.items():
        named = {field: {"$in": sorted(codes)}}
        if count := await database.count(collection, named):
            documents = await database.find(collection, named, projection=_SHOWN, sort=[("_id", 1)], limit=MOST_NAMED)
            items = [item for document in documents for item in _items(what, document, field, codes)]
            found.append(Namers(what, count, items))
    return found


async def all_named(database: Database) -> frozenset[str]:
    """Return every code that anything names as an area."""
    found: set[str] = set()
    for collection, field in _TABLES.values():
        groups = await database.aggregate(collection, [{"$unwind": f"${field}"}, {"$group": {"_id": f"${field}"}}])
        found.update(group["_id"] for group in groups)
    return frozenset(found - {""})


def _items(what: str, document: Mapping[str, Any], field: str, codes: Collection[str]) -> list[Namer]:
    named = [document[field]] if field == "area" else document[field]
    name = {"rule": "lead", "duty": "username", "unit": "name", "organization": "name"}.get(what)
    return [Namer(str(document["_id"]), document.get(name, "") if name else "", code) for code in named if code in codes]
