"""Where the parties lie in the database: collections, indexes, and documents to values and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from dispatch.succession import Succession
from orgs.rules import Rule
from storage.client import Database
from storage.indexes import Index
from storage.registers import CHANGES_OF

__all__ = [
    "ACCOUNTS", "AREAS", "CERTIFICATES", "FAILURES", "INDEXES", "LEDGER", "OFFERS", "ORGANIZATIONS", "ORGANIZATION_CHANGES",
    "PEOPLE", "ROSTERS", "ROSTER_CHANGES", "RULES", "RULE_CHANGES", "RULE_VERSIONS", "SESSIONS", "UNITS", "UNIT_CHANGES",
    "VERSIONS", "document_of", "load_area_parents", "load_book_version", "load_rules", "load_succession", "load_version",
    "mark_changed", "read_all", "value_of",
]  # fmt: skip

UNITS, RULES, ORGANIZATIONS, OFFERS = "units", "rules", "organizations", "offers"
RULE_CHANGES, RULE_VERSIONS, ROSTER_CHANGES = "rule_changes", "rule_versions", "roster_changes"
ORGANIZATION_CHANGES, UNIT_CHANGES = "organization_changes", "unit_changes"
LEDGER, CERTIFICATES = "help_ledger", "certificates"
PEOPLE, ROSTERS, ACCOUNTS, SESSIONS = "people", "rosters", "accounts", "sessions"
FAILURES = "sign_in_failures"
VERSIONS, AREAS, ZONES, VOID = "versions", "areas", "zones", "void_areas"
BATCH = 500  # documents between two turns of the event loop while a table is read

INDEXES: Mapping[str, Sequence[Index]] = {
    UNITS: (
        Index((("parent", 1),), serves="the units below a unit"),
        Index((("area_codes", 1), ("_id", 1)), serves="what names an area whose borders change"),
    ),
    RULES: (
        Index((("category", 1), ("area", 1)), serves="GET /rules by category and area"),
        Index((("area", 1), ("_id", 1)), serves="what names an area whose borders change"),
    ),
    UNIT_CHANGES: (CHANGES_OF,),
    RULE_CHANGES: (
        Index((("rule", 1), ("at", 1)), serves="what became of a rule"),
        Index((("version", 1), ("rule", 1)), serves="what a version of the rulebook has changed, by rule"),
    ),
    RULE_VERSIONS: (Index((("key", 1),), sparse=True, serves="whether a set of changes was applied under this key before"),),
    ORGANIZATIONS: (
        Index((("kinds", 1), ("_id", 1)), serves="GET /organizations by kind"),
        Index((("area_codes", 1), ("_id", 1)), serves="what names an area whose borders change"),
    ),
    ORGANIZATION_CHANGES: (Index((("organization", 1), ("at", -1), ("_id", -1)), serves="what was done with an organization"),),
    LEDGER: (
        Index((("case", 1),), serves="the entries of cases that have changed"),
        Index((("organization", 1), ("at", 1)), serves="what an organization earned in a period"),
        Index(
            (("organization", 1), ("volunteers.number", 1), ("at", 1)),
            partial={"volunteers.number": {"$exists": True}},
            serves="the record of one volunteer",
        ),
        Index((("at", 1),), serves="what all organizations earned in a period"),
    ),
    CERTIFICATES: (),
    OFFERS: (
        Index((("organization", 1), ("_id", 1)), serves="the offers of an organization"),
        Index((("state", 1), ("kind", 1), ("_id", 1)), serves="GET /offers by kind"),
        Index((("held.at", 1),), sparse=True, serves="what was reserved and perhaps never claimed"),
    ),
    PEOPLE: (
        Index((("role", 1), ("unit", 1)), serves="people of a role in a unit"),
        Index((("area_codes", 1), ("_id", 1)), serves="what names an area whose borders change"),
    ),
    ROSTERS: (
        Index((("username", 1), ("_id", 1)), serves="GET /rosters of a person, or of the people whom somebody leads"),
        Index((("area_codes", 1), ("_id", 1)), serves="GET /rosters of an area"),
    ),
    ROSTER_CHANGES: (CHANGES_OF,),
    ACCOUNTS: (Index((("demo", 1),), serves="whether demo accounts exist"),),
    FAILURES: (Index((("expires_at", 1),), expire_after_seconds=0, serves="removal of old failures"),),
    SESSIONS: (
        Index((("username", 1),), serves="revoking and listing what an account holds"),
        Index((("expires_at", 1),), expire_after_seconds=0, serves="removal of what has expired"),
    ),
}

T = TypeVar("T", bound=msgspec.Struct)


def document_of(key: str, value: msgspec.Struct) -> dict[str, Any]:
    """Return the document of a value under the `_id` `key`."""
    return {"_id": key, **msgspec.to_builtins(value, builtin_types=(datetime, bytes))}


def value_of(document: Mapping[str, Any], kind: type[T]) -> T:
    """Return the value that a document holds."""
    return msgspec.convert(document, kind, builtin_types=(datetime, bytes))


async def read_all(database: Database, collection: str, kind: type[T]) -> list[T]:
    """Return all values of a collection in the order of their ids."""
    return [value_of(document, kind) async for document in _iterate(database, collection)]


async def load_version(database: Database) -> str:
    """Return the version of the directory's data; empty when nothing was ever imported."""
    document = await database.find_one(VERSIONS, {"_id": "directory"})
    return str(document["version"]) if document else ""


async def mark_changed(database: Database, at: datetime, session: Any = None) -> str:
    """Say that the directory's data have changed: every process then builds its snapshot anew. Returns the new version."""
    update = {"$inc": {"version": 1}, "$set": {"changed_at": at}}
    document = await database.find_one_and_update(VERSIONS, {"_id": "directory"}, update, upsert=True, session=session)
    return str(document["version"]) if document else ""


async def load_book_version(database: Database, session: Any = None) -> int:
    """Return the number of the rulebook's newest version; 0 when it was never changed."""
    document = await database.find_one(VERSIONS, {"_id": "rules"}, session=session)
    return int(document["version"]) if document else 0


async def load_rules(database: Database) -> tuple[int, list[Rule]]:
    """Return the rulebook's version and its rules. A version that comes while they are read makes the reading begin anew: what is
    returned is never half of one."""
    while True:
        version = await load_book_version(database)
        rules = await read_all(database, RULES, Rule)
        if await load_book_version(database) == version:
            return version, rules


async def load_area_parents(database: Database) -> dict[str, str]:
    """Return the tree of areas, code → code above, as the territory's import has written it; management areas lie below none."""
    beside = await database.find(ZONES, {"kind": "management"}, projection={"_id": 1})
    tree = {
        document["_id"]: document.get("parent") or ""
        async for document in database.iterate(AREAS, {}, projection={"parent": 1}, batch_size=BATCH)
    }
    return tree | {zone["_id"]: "" for zone in beside}


async def load_succession(database: Database, at: datetime) -> Succession:
    """Return which areas came after those that are void at an instant, as changes of the territory have written it."""
    void = database.iterate(VOID, {"at": {"$lte": at}}, batch_size=BATCH)
    return Succession({document["_id"]: document["heirs"] async for document in void})


def _iterate(database: Database, collection: str) -> AsyncIterator[dict[str, Any]]:
    return database.iterate(collection, {}, sort=[("_id", 1)], batch_size=BATCH)
