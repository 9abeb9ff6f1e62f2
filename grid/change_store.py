"""Where changes of the territory lie in the database, and how one comes into force: in one transaction, wholly or not at all.

A change holds what it does as values and the version of every area that it replaces (`expects`): when one of them is another by
then, it fails and says so. The areas that it brings wait beside it in `territory_change_areas`, because a city's do not fit into
one document. The transaction that puts it in force is settled by the change's own state, so it does not matter how many processes
try, or whether one of them is killed on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from grid.areas import Area
from grid.land import Land, Past
from grid.orders import Create, Import, Merge, Order, Reverse, Split, named
from grid.planning import Plan
from grid.store import AREAS, HISTORY, TERRITORY, VERSIONS, VOID, area_document, area_of
from storage.client import Database
from storage.errors import Conflict, HeyunError, Invalid
from storage.indexes import Index

__all__ = [
    "BROUGHT", "CHANGES", "INDEXES", "LEAD", "MOST_AREAS", "VOID", "ChangeLarge", "ChangePlanned", "StaleTerritory", "find_form",
    "insert", "load_forms", "load_land", "put_in_force",
]  # fmt: skip

CHANGES, BROUGHT = "territory_changes", "territory_change_areas"
MOST_AREAS = 40_000  # new, changed and void by one change: what its document holds, and a transaction does well within its minute
_AT_ONCE = 500  # areas of one write, so that the event loop comes round between two
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


class ChangeLarge(Invalid):
    """The change is about more areas than one change can be; `data` has their number and the `limit`. Raised by `insert`."""

    code = "change_large"


T = TypeVar("T")


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
    again = {form.parent for form in past.before if form.parent and form.code not in past.after} if past is not None else None
    used = await _used(database, order, wanted | parents if again is None else again)
    return Land((found | around).values(), used, int(state["version"]), past)


async def _past(database: Database, id: str) -> Past | None:
    change = await database.find_one(CHANGES, {"_id": id, "state": "in_force"})
    if change is None:
        return None
    former = database.iterate(HISTORY, {"change": id}, sort=[("code", 1)], batch_size=_AT_ONCE)
    before = [area_of({**form, "_id": form["code"]}) async for form in former]
    void = {one["code"] for one in change["gone"]}
    after = {code: change["version"] for code in change["touched"] if code not in void}
    return Past(tuple(before), frozenset(change["new"]), after)


async def _areas(database: Database, filter: dict[str, Any]) -> dict[str, Area]:
    found = database.iterate(AREAS, filter, batch_size=_AT_ONCE)
    return {document["_id"]: area_of(document) async for document in found}


async def _used(database: Database, order: Order, above: Iterable[str]) -> set[str]:
    """Codes that begin as those of the areas `above`, or that the order gives itself: present, former and planned ones."""
    given = _given(order)
    spans = [{"$gt": code, "$lt": f"{code}:"} for code in sorted(above)]  # digits and `-` stand before `:`
    used: set[str] = set()
    for collection, field in ((AREAS, "_id"), (HISTORY, "code")):
        either = [*({field: span} for span in spans), {field: {"$in": given}}]
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

    Raises `StaleTerritory`, `ChangePlanned`, `ChangeLarge`.
    """
    if len(plan.touched) > MOST_AREAS:
        raise ChangeLarge(areas=len(plan.touched), limit=MOST_AREAS)
    document = change | await asyncio.to_thread(_description, change, plan, land)

    async def work(session: Any) -> bool:
        if await database.find_one(CHANGES, {"_id": change["_id"]}, projection={"_id": 1}, session=session) is not None:
            return False
        await _check_base(database, land.version, document["claims"], session)
        for areas in _slices([*plan.now.values()]):
            brought = [_brought(change["_id"], area, change["effective_at"]) for area in areas]
            await database.insert_many(BROUGHT, brought, session=session)
        return await database.insert_one(CHANGES, document, session=session)

    return await database.run_transaction(work)


def _description(change: Mapping[str, Any], plan: Plan, land: Land) -> dict[str, Any]:
    """What a planned change is about, by codes."""
    touched = plan.touched
    free_ground = change["kind"] in ("create", "import")  # of which two changes could want the same
    new = [code for code in plan.now if code not in land.areas]
    parents = {plan.now[code].parent for code in new} if free_ground else set()
    return {
        "state": "planned",
        "base": land.version,
        "touched": list(touched),
        "claims": sorted({*touched, *(parent for parent in parents if parent)}),
        "new": new,
        "gone": [{"code": code, "heirs": list(heirs)} for code, heirs in plan.gone.items()],
        "revived": [{"code": code, "heirs": list(heirs)} for code, heirs in plan.revived.items()],
        "expects": [{"code": code, "version": land.areas[code].version} for code in touched if code in land.areas],
        "counts": {"touched": len(touched), "gone": len(plan.gone)},
    }


def _brought(change: str, area: Area, at: datetime) -> dict[str, Any]:
    return {"_id": f"{change}:{area.code}", "form": area_document(area, at, 0)}


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


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
        if not await _is_as_expected(database, change, session):
            await _set(database, id, {"state": "failed"}, session)
            return "failed"
        version = await _new_version(database, change["effective_at"], now, session)
        for codes in _slices(change["touched"]):
            await _replace(database, change, codes, version, session)
        await _succeed(database, change, session)
        await _set(database, id, {"state": "in_force", "version": version}, session)
        return "in_force"

    return await database.run_transaction(work)


async def _is_as_expected(database: Database, change: dict[str, Any], session: Any) -> bool:
    expected = {one["code"]: one["version"] for one in change["expects"]}
    for codes in _slices(change["touched"]):
        wanted = {"_id": {"$in": list(codes)}}
        present = await database.find(AREAS, wanted, projection={"version": 1}, session=session)
        if {found["_id"]: found["version"] for found in present} != {code: expected[code] for code in codes if code in expected}:
            return False
    return True


async def _set(database: Database, id: str, fields: dict[str, Any], session: Any) -> None:
    await database.update_one(CHANGES, {"_id": id}, {"$set": fields}, session=session)


async def _new_version(database: Database, at: datetime, now: datetime, session: Any) -> int:
    """The next version; never taken up before one that waits already."""
    update = {"$inc": {"version": 1}, "$set": {"changed_at": now}, "$max": {"switch_at": at}}
    state = await database.find_one_and_update(VERSIONS, {"_id": TERRITORY}, update, upsert=True, session=session)
    return int(state["version"]) if state else 0


async def _replace(database: Database, change: dict[str, Any], codes: Sequence[str], version: int, session: Any) -> None:
    """Let the old forms of some areas go to the history, and those that the change brings take their places."""
    at, id = change["effective_at"], change["_id"]
    void = {one["code"] for one in change["gone"]}
    olds = await database.find(AREAS, {"_id": {"$in": list(codes)}}, session=session)
    if olds:
        ended = {"valid_to": at, "change": id, "reason": change["kind"]}
        former = [
            {**old, "_id": f"{old['_id']}@{old['version']}", "code": old["_id"], **ended, "void": old["_id"] in void}
            for old in olds
        ]
        await database.insert_many(HISTORY, former, session=session)
        await database.delete_many(AREAS, {"_id": {"$in": [old["_id"] for old in olds]}}, session=session)
    if forms := await _forms(database, change, codes, session):
        brought = {"version": version, "valid_from": at, "change": id}
        await database.insert_many(AREAS, [form | brought for form in forms], session=session)


async def _forms(database: Database, change: dict[str, Any], codes: Sequence[str], session: Any) -> list[dict[str, Any]]:
    """Take the areas of these codes from beside the change, which needs them no more once they hold."""
    if "now" in change:  # planned by an earlier version of the program, which kept them in it
        return [form for form in change["now"] if form["_id"] in codes]
    wanted = {"_id": {"$in": [f"{change['_id']}:{code}" for code in codes]}}
    found = await database.find(BROUGHT, wanted, session=session)
    await database.delete_many(BROUGHT, wanted, session=session)
    return [one["form"] for one in found]


async def _succeed(database: Database, change: dict[str, Any], session: Any) -> None:
    """Write down who comes after the codes that are void from now on, or were before."""
    for one in change["revived"]:
        await database.update_one(VOID, {"_id": one["code"]}, {"$set": {"heirs": one["heirs"]}}, session=session)
    void = {"at": change["effective_at"], "change": change["_id"], "reason": change["kind"]}
    for gone in _slices(change["gone"]):
        codes = [{"_id": one["code"], "heirs": one["heirs"], **void} for one in gone]
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
