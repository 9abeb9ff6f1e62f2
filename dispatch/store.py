"""The cases in the database: their indexes, the filter of what someone may see, lists by keyset, the conditional writes.

A case is one document. `live` holds what lists, map and stream read (rev, state, light, areas, units, due time …); `keys` are
its reading keys (`dispatch.keys`); the rest is described in docs/reference/case.md.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from dispatch.actors import Actor, Scope
from dispatch.keys import CHECKED_IN, EVERYWHERE, scope_keys
from dispatch.model import URGENCIES
from dispatch.situation import Case
from dispatch.states import ALIVE, STATES
from dispatch.todo import KEPT_FROM, TODOS
from dispatch.transition import WALKERS
from storage.client import Database
from storage.errors import FieldError, Invalid
from storage.indexes import Index
from storage.reader import GroupReader
from storage.writer import GroupInserter, GroupUpdater

__all__ = [
    "CASES", "INDEXES", "NOT_DONE", "WAITING", "CaseQuery", "CaseStore", "Inserting", "Listing", "cursor_of", "list_filter",
    "unchanged", "visible_to",
]  # fmt: skip

Inserting = Awaitable[bool]

CASES = "cases"
FEW = 60  # so many keys times two halves of `live.open` are merged in order; more are looked at one by one
MOST_ROWS = 200
LONGEST_CHAIN = 50  # a chain has one or two links; this only ends a walk over documents that somebody has spoiled

INDEXES: dict[str, list[Index]] = {
    CASES: [
        Index([("keys", 1), ("live.open", 1), ("live.due_at", 1), ("_id", 1)], serves="lists by due time, whoever asks"),
        Index([("keys", 1), ("live.open", 1), ("live.reported_at", 1), ("_id", 1)], serves="lists by newest, whoever asks"),
        Index(
            [("requests.state", 1), ("live.due_at", 1), ("_id", 1)],
            partial={"requests.state": "pending"},
            serves="lists of what waits for a decision, of open cases and of ended ones",
        ),
        Index(
            [("live.state", 1), ("live.due_at", 1), ("_id", 1)],
            partial={"live.state": "transferred"},
            serves="lists of what is with others, which may still wait for their answer",
        ),
        Index(
            [("todo.kinds", 1), ("todo.at", 1), ("_id", 1)],
            partial={"todo.kinds": {"$exists": True}},
            serves="lists of checks and bad ratings that wait after the end of a case",
        ),
        Index(
            [("rule_proposed_at", 1), ("_id", 1)],
            partial={"rule_proposed_at": {"$type": "date"}},
            serves="rules that returned cases propose",
        ),
        Index(
            [("match.learned.version", 1), ("live.open", 1)],
            partial={"match.learned.version": {"$exists": True}},
            serves="how a version of the model does on closed cases",
        ),
        Index([("case_no", 1)], serves="search by the number of a case"),
        Index([("next_light_at", 1)], partial={"next_light_at": {"$type": "date"}}, serves="the sweep of lights"),
        Index([("told_at", 1)], sparse=True, serves="notices that a process which is gone may have left untold"),
        Index(
            [("caller.phone_index", 1), ("live.reported_at", 1)],
            partial={"caller.phone_index": {"$exists": True}},
            serves="earlier cases of a caller",
        ),
        Index(
            [("tasks.confirmation.at", 1), ("tasks.organization.code", 1)],
            partial={"tasks.confirmation.at": {"$type": "date"}},
            serves="help of organizations that was confirmed in a time, of one of them or of all",
        ),
        Index(
            [("wanted.keys", 1), ("wanted.until", 1), ("_id", 1)],
            partial={"wanted.keys": {"$exists": True}},
            serves="the needs that an organization could claim, first to end first",
        ),
    ]
}

# What may still be due of a case that has ended: each kind of it has a small index of its own.
WAITING: tuple[tuple[dict[str, Any], list[tuple[str, int]]], ...] = (
    ({"todo.kinds": {"$in": list(TODOS)}}, [("todo.kinds", 1), ("todo.at", 1), ("_id", 1)]),
    ({"requests.state": "pending", "live.open": False}, [("requests.state", 1), ("live.due_at", 1), ("_id", 1)]),
    ({"live.state": "transferred"}, [("live.state", 1), ("live.due_at", 1), ("_id", 1)]),
)
_ROW = {"timeline": 0, "outbox": 0, "original": 0}
_LISTED = _ROW | {"keys": 0, "head": 0, "request": 0, "origin": 0, "told_at": 0}  # only who changes a case needs these
NOT_DONE = ["duplicate", "refused", "transferred"]  # outcomes of what nobody has handled
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


class CaseQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for. `state`, `light`, `urgency`, `channel`, `request` take several, separated by commas.

    `request` keeps the cases on which a request of one of these kinds (return, extension, …) is pending. `todo` keeps those that
    have ended and wait for a spot check that the asker may make or sees to, or for a bad rating to be put right; their `due_at`
    order is by when that is due.
    """

    state: str | None = None
    light: str | None = None
    area: str | None = None
    unit: str | None = None
    category: str | None = None
    urgency: str | None = None
    channel: str | None = None
    q: str | None = None
    due_before: datetime | None = None
    request: str | None = None
    todo: str | None = None
    mine: bool = False
    open: bool | None = None
    sort: str = "due_at"
    limit: int = 50
    cursor: str | None = None


class Listing(msgspec.Struct, frozen=True):
    """A query as the database takes it."""

    filter: dict[str, Any]
    sort: list[tuple[str, int]]
    limit: int
    field: str
    few: str | None = None

    @property
    def index(self) -> list[tuple[str, int]]:
        """The index that gives the order; named, so that no other plan is ever tried.

        `few` is the field of a small index, of those cases alone that this list is about.
        """
        return [*([(self.few, 1)] if self.few else [("keys", 1), ("live.open", 1)]), (self.field, 1), ("_id", 1)]


def visible_to(scope: Scope) -> dict[str, Any]:
    """Return the filter of what a scope may see; every read of cases for a person goes through it."""
    keys = scope_keys(scope)
    if len(keys) <= FEW:
        return {"keys": {"$in": keys}}
    return {"keys": {"$in": ["a:" + EVERYWHERE, "s:" + EVERYWHERE]}, "$or": _clauses(scope)}


def _clauses(scope: Scope) -> list[dict[str, Any]]:
    """The same by fields that no index holds, so that the order still comes from the index of the whole city."""
    open_to_all: dict[str, Any] = {} if scope.sensitive else {"live.sensitive": False}
    clauses = [open_to_all] if scope.city else []
    if scope.areas:
        within = {"live.areas": {"$in": sorted(scope.areas)}}
        clauses.append(within | ({} if scope.sensitive else {"$or": [open_to_all, {"live.state": {"$in": list(CHECKED_IN)}}]}))
    clauses.append({"live.units": {"$in": sorted(scope.units)}})
    clauses.append({"live.orgs": {"$in": sorted(scope.organizations)}})
    if EVERYWHERE in scope.organizations:
        clauses.append({"live.orgs.0": {"$exists": True}})
    if scope.reporter:
        clauses.append({"live.reporter": scope.reporter})
    return clauses


def _narrowed(query: CaseQuery, actor: Actor, root: str | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the part that an index bounds and what is looked at besides: the narrowest key first."""
    bound = visible_to(actor.scope)
    rest: list[dict[str, Any]] = []
    narrow: list[str] | None = None
    if query.mine:
        narrow = ["r:" + actor.id]
    elif query.unit:
        narrow = ["u:" + query.unit]
    elif query.area and query.area != root:
        narrow = ["a:" + query.area] + (["s:" + query.area] if actor.scope.sensitive else [])
    if narrow is None:
        return bound, rest
    if not (actor.scope.city and actor.scope.sensitive):
        rest.append({"$or": _clauses(actor.scope)})  # over fields without an index: the planner cannot take them for the bound
    return {"keys": {"$in": narrow}}, rest


def list_filter(query: CaseQuery, actor: Actor, *, root: str | None = None) -> Listing:
    """Return the query of a list: bounded by one index, in its order, from where the cursor stands. Raises `Invalid`.

    `root` is the code of the whole city, so that it does not count as narrowing.
    """
    bound, rest = _narrowed(query, actor, root)
    field, direction = _order(query)
    rest += _residuals(query, narrowed_by_area=bool(query.area) and (query.mine or bool(query.unit)))
    rest += _search(query.q)
    rest += _todo(query, actor)
    is_open = _openness(query)
    few = _few(query, field)
    filter: dict[str, Any] = {**bound, "live.open": {"$in": is_open}, **few}
    if query.cursor:
        bound_by, after = _after(query.cursor, field, direction)
        filter.update(bound_by)
        rest.append(after)
    if rest:
        filter["$and"] = rest
    limit = min(max(query.limit, 1), MOST_ROWS)
    return Listing(filter, [(field, direction), ("_id", direction)], limit, field, next(iter(few), None))


def _few(query: CaseQuery, field: str) -> dict[str, Any]:
    """Return what bounds a list to the few cases that a small index holds; nothing where there is none in this order."""
    if query.todo and field == "todo.at":
        return {"todo.kinds": {"$in": _several(query.todo, TODOS, "todo")}}
    if field != "live.due_at":
        return {}
    if query.request:
        return {"requests.state": "pending"}
    return {"live.state": "transferred"} if query.state == "transferred" else {}


def _order(query: CaseQuery) -> tuple[str, int]:
    due = "todo.at" if query.todo else "live.due_at"
    orders = {"due_at": (due, 1), "-due_at": (due, -1),
              "reported_at": ("live.reported_at", -1), "-reported_at": ("live.reported_at", -1)}  # fmt: skip
    sort = query.sort
    if sort not in orders:
        raise Invalid(errors=[FieldError(field="sort", code="choice", message="due_at or reported_at")])
    return orders[sort]


def _openness(query: CaseQuery) -> list[bool]:
    if query.open is not None:
        return [query.open]
    wanted = _several(query.state, STATES, "state") if query.state else STATES
    return sorted({state in ALIVE for state in wanted})


def _several(text: str, allowed: tuple[str, ...], field: str) -> list[str]:
    values = text.split(",")
    if any(value not in allowed for value in values):
        raise Invalid(errors=[FieldError(field=field, code="choice", message=f"of {', '.join(allowed)}")])
    return values


_CHOICES = (
    ("state", "live.state", STATES),
    ("light", "live.light", ("green", "yellow", "red", "deep_red")),
    ("urgency", "live.urgency", URGENCIES),
)


def _residuals(query: CaseQuery, *, narrowed_by_area: bool) -> list[dict[str, Any]]:
    rest: list[dict[str, Any]] = []
    for name, field, allowed in _CHOICES:
        if wanted := getattr(query, name):
            rest.append({field: {"$in": _several(wanted, allowed, name)}})
    pending = query.request and {"$elemMatch": {"kind": {"$in": query.request.split(",")}, "state": "pending"}}
    rest += [{field: value} for field, value in (("live.category", query.category), ("requests", pending)) if value]
    if query.channel:
        rest.append({"channel": {"$in": query.channel.split(",")}})
    if query.due_before:
        rest.append({"live.due_at": {"$lt": query.due_before}})
    if narrowed_by_area:
        rest.append({"live.areas": query.area})
    if query.unit and query.mine:
        rest.append({"live.units": query.unit})
    return rest


def _todo(query: CaseQuery, actor: Actor) -> list[dict[str, Any]]:
    """What waits after the end; a grid worker is not shown the checks that were drawn for others, who is outside none."""
    if not query.todo:
        return []
    if actor.role in KEPT_FROM:
        return [{"_id": {"$in": []}}]
    wanted: list[dict[str, Any]] = [{"todo.kinds": {"$in": _several(query.todo, TODOS, "todo")}}]
    return [*wanted, {"spot_check.checker": {"$in": [None, actor.id]}}] if actor.role in WALKERS else wanted


def _search(q: str | None) -> list[dict[str, Any]]:
    """A number of a case by its beginning, else the words themselves: user text is never a pattern."""
    words = (q or "").split()[:5]
    if not words:
        return []
    if len(words) == 1 and "-" in words[0] and words[0][:2].isalpha():
        start = words[0].upper()
        return [{"case_no": {"$gte": start, "$lt": start + "￿"}}]
    text = {"$concat": ["$case_no", " ", "$live.line", " ", "$description", " ", {"$ifNull": ["$place.address", ""]}]}
    return [{"$expr": {"$gte": [{"$indexOfCP": [text, {"$literal": word[:50]}]}, 0]}} for word in words]


def _after(cursor: str, field: str, direction: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return where the index walk begins and what sets equal times apart."""
    try:
        stamp, _, identity = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        value = datetime.fromtimestamp(int(stamp) / 1000, UTC)
    except (ValueError, UnicodeError, OverflowError):
        raise Invalid(errors=[FieldError(field="cursor", code="invalid", message="a cursor of an earlier page")]) from None
    beyond, at = ("$gt", "$gte") if direction == 1 else ("$lt", "$lte")
    return {field: {at: value}}, {"$or": [{field: {beyond: value}}, {"_id": {beyond: identity}}]}


def cursor_of(case: Case, field: str) -> str:
    """Return the cursor behind a case in a list sorted by `field`."""
    part, _, name = field.partition(".")
    value = case[part][name]
    stamp = (value - _ZERO) // timedelta(milliseconds=1)
    return base64.urlsafe_b64encode(f"{stamp}|{case['_id']}".encode()).decode()


def unchanged(case: Case) -> dict[str, Any]:
    """Return the guard of a write: nothing was decided (`rev`) and nothing entered (`seq`) since the case was read.

    Lights change without a new rev, so that a timer never makes stale what a person saw; the chain needs the sequence.
    """
    return {"live.rev": case["live"]["rev"], "head.seq": case["head"]["seq"]}


class CaseStore:
    """Reads and conditional writes of cases."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.inserter = GroupInserter(database, CASES, mark="case_no")
        self.updater = GroupUpdater(database, CASES)
        self.reader = GroupReader(database, CASES, hidden=("outbox", "original"), elements="timeline", mark="key")

    def insert(self, case: Case) -> Inserting:
        """Insert a new case; False when its id was there."""
        return self.inserter.insert(case)

    async def update(self, case: Case, update: dict[str, Any], entry_id: str | None, *, until: datetime | None = None) -> bool:
        """Apply an action to the case if it still is as it was read; True when this very action is in it.

        Without an entry (only derived parts are put right) the count of the server is the answer. `until` is when, by the
        database's clock, the action must not be written any more.
        """
        if entry_id is None:
            return bool(await self.database.update_one(CASES, {"_id": case["_id"], **unchanged(case)}, update))
        guard = unchanged(case) if until is None else unchanged(case) | {"$expr": {"$lt": ["$$NOW", until]}}
        return await self.updater.apply(case["_id"], guard, update, entry_id)

    async def drain(self, seconds: float) -> bool:
        """Wait until every write that was begun has its answer; False when that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self.inserter.drain()
                await self.updater.drain()
        except TimeoutError:
            return False
        await asyncio.sleep(0)  # whoever waited has the answer too
        return True

    async def find(self, identity: str) -> Case | None:
        """Return a case without timeline and outbox, or None; one that was joined to another has that in `main`, for as long as
        it is in memory."""
        return await self.with_main(await self.reader.read(identity))

    async def find_with_entry(self, identity: str, key: str) -> tuple[Case | None, dict[str, Any] | None]:
        """Return a case and the timeline entry that was made under this key, if it is there."""
        case = await self.reader.read(identity, key)
        if case is None:
            return None, None
        entries = case.pop("timeline", None)
        return await self.with_main(case), entries[0] if entries else None

    async def with_main(self, case: Case | None) -> Case | None:
        """Put the main case into one that was joined to another (`main`), the last of the chain; return the case."""
        if case is not None and case["live"]["state"] == "merged":
            case["main"] = next(reversed(await self.find_mains(case)), None)
        return case

    async def find_several(self, identities: list[str]) -> list[Case]:
        """Return those of these cases that are there, without timeline and outbox."""
        return await self.database.find(CASES, {"_id": {"$in": identities}}, projection=_ROW) if identities else []

    async def list_waiting(self, after: str, limit: int) -> tuple[list[Case], str | None]:
        """Return a page of the cases that have ended and of which something may still be due, by id, and the id behind which the
        next page begins, None on the last.

        They are few: all ids are read, as they never change, while the due times do.
        """
        known = set[str]()
        for waiting, index in WAITING:
            filter = {**waiting, "_id": {"$gt": after}}
            known.update(case["_id"] for case in await self.database.find(CASES, filter, projection={"_id": 1}, hint=index))
        page = sorted(known)[:limit]
        cases = [case for case in await self.find_several(page) if not case["live"]["open"]]
        return sorted(cases, key=lambda case: str(case["_id"])), page[-1] if len(known) > limit else None

    async def find_mains(self, case: Case) -> list[Case]:
        """Return the main case of one that was joined to it, that one's, and so on to the end of the chain."""
        found: list[Case] = []
        following = case["merged_into"]
        while following is not None and len(found) < LONGEST_CHAIN:
            main = await self.database.find_one(CASES, {"_id": following}, projection=_ROW)
            if main is None:
                break
            found.append(main)
            following = main["merged_into"] if main["live"]["state"] == "merged" else None
        return found

    async def find_whole(self, identity: str) -> Case | None:
        """Return a case with its timeline, or None."""
        return await self.database.find_one(CASES, {"_id": identity}, projection={"outbox": 0})

    async def find_citizens(self, case_no: str) -> str | None:
        """Return the id of the case with this number if a citizen reported it; however large the case is, no more is read."""
        found = await self.database.find_one(CASES, {"case_no": case_no}, projection={"reporter.kind": 1})
        return found["_id"] if found is not None and found["reporter"]["kind"] == "citizen" else None

    async def find_of_caller(self, scope: Scope, phone_index: str, limit: int) -> list[Case]:
        """Return the newest cases of a caller that the scope may see."""
        filter = {"caller.phone_index": phone_index, **visible_to(scope)}
        newest = [("live.reported_at", -1)]
        index = [("caller.phone_index", 1), ("live.reported_at", 1)]
        return await self.database.find(CASES, filter, projection=_ROW, sort=newest, limit=limit, hint=index)

    async def find_same_caller(self, identities: list[str], phone_index: str) -> set[str]:
        """Return those of these cases that came from the caller with this phone."""
        filter = {"_id": {"$in": identities}, "caller.phone_index": phone_index}
        found = await self.database.find(CASES, filter, projection={"_id": 1}) if identities else []
        return {case["_id"] for case in found}

    async def find_closed_near(
        self, live: dict[str, Any], areas: list[str], box: dict[str, Any], since: timedelta, longest: timedelta
    ) -> list[Case]:
        """Return the cases of the category of `live` in a box of innermost areas that were closed so long before its report, and
        had been open no longer than `longest`: an index leads to those of the areas, which are few."""
        reported = live["reported_at"]
        filter = {
            "keys": {"$in": [letter + area for letter in ("a:", "s:") for area in areas]}, "live.open": False,
            "live.reported_at": {"$gte": reported - since - longest, "$lt": reported},
            "live.category": live["category"], "closed_at": {"$gte": reported - since, "$lte": reported},
            "live.state": {"$in": ["closed", "archived"]}, "outcome": {"$nin": NOT_DONE}, **box,
        }  # fmt: skip
        return await self.database.find(CASES, filter, projection={"live": 1, "case_no": 1, "closed_at": 1})

    async def count_ended(self, scope: Scope, most: int = 1_000) -> int:
        """Return how many cases that the scope may see have ended; the index alone answers, and it stops at `most`."""
        return await self.database.count(CASES, {**visible_to(scope), "live.open": False}, limit=most)

    async def find_lights_due(self, now: datetime, limit: int) -> list[Case]:
        """Return open cases whose light is no longer true, longest due first."""
        filter = {"next_light_at": {"$lte": now, "$type": "date"}}
        return await self.database.find(CASES, filter, projection=_ROW, sort=[("next_light_at", 1)], limit=limit)

    async def list(self, listing: Listing, *, to_change: bool = False) -> tuple[list[Case], str | None]:
        """Return a page and the cursor of the next one, None on the last. Cases `to_change` have what an action needs."""
        found = await self.database.find(
            CASES,
            listing.filter,
            projection=_ROW if to_change else _LISTED,
            sort=listing.sort,
            limit=listing.limit + 1,
            hint=listing.index,
        )
        page = found[: listing.limit]
        return page, cursor_of(page[-1], listing.field) if len(found) > listing.limit else None
