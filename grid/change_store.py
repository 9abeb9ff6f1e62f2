"""Where changes of the territory lie in the database, and how one comes into force: in one transaction, wholly or not at all.

A change holds what it does as values (`now`, `gone`) and the version of every area that it replaces (`expects`): when one of them
is another by then, it fails and says so. The transaction that puts it in force is settled by the change's own state, so it does
not matter how many processes try, or whether one of them is killed on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from grid.areas import Area
from grid.land import Land, Past
from grid.orders import Create, Import, Merge, Order, Reverse, Split, named
from grid.planning import Plan
from grid.store import AREAS, HISTORY, TERRITORY, VERSIONS, VOID, area_document, area_of
from storage.client import Database
from storage.errors import Conflict, HeyunError
from storage.indexes import Index

__all__ = [
    "CHANGES", "INDEXES", "LEAD", "VOID", "ChangePlanned", "StaleTerritory", "find_form", "insert", "load_forms", "load_land",
    "put_in_force",
]  # fmt: skip

CHANGES = "territory_changes"
# A change is written so long before it holds, so that every process has its snapshot ready and takes it up at the same moment.
LEAD = timedelta(seconds=20)

INDEXES: Mapping[str, Sequence[Index]] = {
    CHANGES: (
        Index((("state", 1), ("effective_at", 1)), serves="changes that come into force next, and all that are planned"),
        Index((("made_at", -1), ("_id", -1)), serves="GET /territory/changes"),
        Index((("state", 1), ("made_at", -1), ("_id", -1)), serves="GET /territory/changes of a state"),
        Index((("touched", 1), ("made_at", -1), ("_id", -1)), serves="GET /territory/changes of an area"),
    ),
}


class StaleTerritory(HeyunError):
    """The territory has changed since the change was looked at; `data["version"]` is the present one. Raised by `insert`."""

    status = 412
    code = "stale_territory"


class ChangePlanned(Conflict):
    """Another change of these areas waits for its time; `data["change"]` is its id. Raised by `insert`."""

    code = "change_planned"


async def load_land(database: Database, order: Order) -> Land:
    """Return the part of the territory that an order is about, with the codes that can no longer be given."""
    state = await database.find_one(VERSIONS, {"_id": TERRITORY}) or {"version": 0}
    wanted = {code for _, code in named(order)}
    past = await _past(database, order.change) if isinstance(order, Reverse) else None
    if past is not None:
        wanted |= past.after.keys() | {form.parent for form in past.before if form.parent}
    found = await _areas(database, {"_id": {"$in": sorted(wanted)}})
    parents = {area.parent for area in found.values() if area.parent}
    found |= await _areas(database, {"_id": {"$in": sorted(parents)}})
    around = await _areas(database, {"parent": {"$in": sorted(wanted | parents)}})
    if isinstance(order, Import):
        around |= await _areas(database, {"parent": {"$in": sorted(around)}})
    used = await _used(database, order, wanted | parents)
    return Land((found | around).values(), used, int(state["version"]), past)


async def _past(database: Database, id: str) -> Past | None:
    change = await database.find_one(CHANGES, {"_id": id, "state": "in_force"})
    if change is None:
        return None
    former = await database.find(HISTORY, {"change": id}, sort=[("code", 1)])
    before = tuple(area_of({**form, "_id": form["code"]}) for form in former)
    return Past(before, frozenset(change["new"]), {form["_id"]: change["version"] for form in change["now"]})


async def _areas(database: Database, filter: dict[str, Any]) -> dict[str, Area]:
    return {document["_id"]: area_of(document) for document in await database.find(AREAS, filter)}


async def _used(database: Database, order: Order, above: Iterable[str]) -> set[str]:
    """Codes that begin as those of the areas concerned, or that the order gives itself: present, former and planned ones."""
    given = _given(order)
    spans = [{"$gt": code, "$lt": f"{code}:"} for code in sorted(above)]  # digits and `-` stand before `:`
    used: set[str] = set()
    for collection, field in ((AREAS, "_id"), (HISTORY, "code")):
        either = [{field: span} for span in spans] + [{field: {"$in": given}}]
        used.update([found[field] for found in await database.find(collection, {"$or": either}, projection={field: 1})])
    for change in await database.find(CHANGES, {"state": "planned"}, projection={"new": 1}):
        used.update(change["new"])
    return used


def _given(order: Order) -> list[str]:
    match order:
        case Create() | Merge():
            return [order.code] if order.code else []
        case Split():
            return [part.code for part in order.parts if part.code]
        case Import():
            return [feature.code for feature in order.features]
        case _:
            return []


async def insert(database: Database, change: dict[str, Any], plan: Plan, land: Land) -> bool:
    """Put a change down as planned, if the territory is still that of `land`; False when its id is known already.

    Raises `StaleTerritory`, `ChangePlanned`.
    """
    touched = list(plan.touched)
    free_ground = change["kind"] in ("create", "import")  # of which two changes could want the same
    parents = {area.parent for area in plan.now.values() if free_ground and area.code not in land.areas}
    document = change | {
        "state": "planned",
        "base": land.version,
        "touched": touched,
        "claims": sorted({*touched, *(parent for parent in parents if parent)}),
        "new": [code for code in plan.now if code not in land.areas],
        "now": [area_document(area, change["effective_at"], 0) for area in plan.now.values()],
        "gone": [{"code": code, "heirs": list(heirs)} for code, heirs in plan.gone.items()],
        "revived": [{"code": code, "heirs": list(heirs)} for code, heirs in plan.revived.items()],
        "expects": [{"code": code, "version": land.areas[code].version} for code in touched if code in land.areas],
    }

    async def work(session: Any) -> bool:
        if await database.find_one(CHANGES, {"_id": change["_id"]}, projection={"_id": 1}, session=session) is not None:
            return False
        await _check_base(database, land.version, document["claims"], session)
        return await database.insert_one(CHANGES, document, session=session)

    return await database.run_transaction(work)


async def _check_base(database: Database, base: int, claims: Sequence[str], session: Any) -> None:
    """The version's document is written to, so that of two changes made at once one sees the other."""
    present = {"_id": TERRITORY, "version": base}
    if not await database.update_one(VERSIONS, present, {"$inc": {"orders": 1}}, session=session):
        state = await database.find_one(VERSIONS, {"_id": TERRITORY}, session=session) or {"version": 0}
        raise StaleTerritory(version=state["version"])
    waiting = {"state": "planned", "claims": {"$in": list(claims)}}
    other = await database.find_one(CHANGES, waiting, projection={"_id": 1}, session=session)
    if other is not None:
        raise ChangePlanned(change=other["_id"])


async def put_in_force(database: Database, id: str, now: datetime) -> str | None:
    """Let a planned change hold from its moment on; returns what it is then (`in_force`, `failed`), None when it was not planned.

    It fails when an area that it replaces is no longer as it was when the change was made, or a code that it brings is there.
    """

    async def work(session: Any) -> str | None:
        planned = {"_id": id, "state": "planned"}
        change = await database.find_one_and_update(CHANGES, planned, {"$set": {"applied_at": now}}, session=session)
        if change is None:
            return None
        wanted = {"_id": {"$in": [*change["touched"]]}}
        present = {found["_id"]: found for found in await database.find(AREAS, wanted, session=session)}
        expected = {one["code"]: one["version"] for one in change["expects"]}
        if {code: found["version"] for code, found in present.items()} != expected:
            await _set(database, id, {"state": "failed"}, session)
            return "failed"
        version = await _new_version(database, change["effective_at"], now, session)
        await _replace(database, change, list(present.values()), version, session)
        await _set(database, id, {"state": "in_force", "version": version}, session)
        return "in_force"

    return await database.run_transaction(work)


async def _set(database: Database, id: str, fields: dict[str, Any], session: Any) -> None:
    await database.update_one(CHANGES, {"_id": id}, {"$set": fields}, session=session)


async def _new_version(database: Database, at: datetime, now: datetime, session: Any) -> int:
    """The next version; never taken up before one that waits already."""
    update = {"$inc": {"version": 1}, "$set": {"changed_at": now}, "$max": {"switch_at": at}}
    state = await database.find_one_and_update(VERSIONS, {"_id": TERRITORY}, update, upsert=True, session=session)
    return int(state["version"]) if state else 0


async def _replace(
    database: Database, change: dict[str, Any], olds: Sequence[dict[str, Any]], version: int, session: Any
) -> None:
    at = change["effective_at"]
    heirs = {one["code"]: one["heirs"] for one in change["gone"]}
    former = [
        {
            **old, "_id": f"{old['_id']}@{old['version']}", "code": old["_id"], "valid_to": at, "change": change["_id"],
            "reason": change["kind"], "void": old["_id"] in heirs,
        }
        for old in olds
    ]  # fmt: skip
    if olds:
        await database.insert_many(HISTORY, former, session=session)
        await database.delete_many(AREAS, {"_id": {"$in": [old["_id"] for old in olds]}}, session=session)
    if change["now"]:
        brought = {"version": version, "valid_from": at, "change": change["_id"]}
        await database.insert_many(AREAS, [form | brought for form in change["now"]], session=session)
    for one in change["revived"]:
        await database.update_one(VOID, {"_id": one["code"]}, {"$set": {"heirs": one["heirs"]}}, session=session)
    if heirs:
        void = {"at": at, "change": change["_id"], "reason": change["kind"]}
        codes = [{"_id": code, "heirs": after, **void} for code, after in heirs.items()]
        await database.insert_many(VOID, codes, session=session)


async def load_forms(database: Database, code: str) -> list[dict[str, Any]]:
    """Return every form that an area has had, as documents of `areas` (the present one has no `valid_to`), latest first."""
    present = await database.find_one(AREAS, {"_id": code})
    former = await database.find(HISTORY, {"code": code}, sort=[("valid_to", -1)])
    return ([{**present, "code": code}] if present else []) + former


async def find_form(database: Database, code: str, at: datetime) -> dict[str, Any] | None:
    """Return the form of an area that held at an instant (from `valid_from` on, `valid_to` no more), or None."""
    held = (form for form in await load_forms(database, code) if form["valid_from"] <= at)
    form = next(held, None)
    return form if form is not None and ("valid_to" not in form or at < form["valid_to"]) else None
