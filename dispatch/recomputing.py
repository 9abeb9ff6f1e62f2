"""After a change of the calendar: how many cases are due at another time now, which, and moving them when somebody says so.

Nothing moves by itself (domain.md §3.3 rule 9). A run goes through all open cases, newest report first, then through those that
have ended and wait for something (a check, a bad rating, an appeal, a receipt): one that counts is made for each version of the
calendar, one that applies for each time that it is asked for. What it has done is put down after every page, so that another
process can go on where one ended; a case is changed only as it was read, and looked at again when somebody acted on it meanwhile.
To count or to apply twice is to do it once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from dispatch import engine
from dispatch.actors import SYSTEM, Actor
from dispatch.calendar import WorkCalendar
from dispatch.recounting import MovedDue, moved_dues
from dispatch.relay import Relay, notices_of
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.snapshots import load_days, load_version
from dispatch.store import CaseQuery, CaseStore, cursor_of, list_filter
from storage.errors import HeyunError
from storage.indexes import Index

__all__ = ["INDEXES", "RUNS", "DryRun", "MovedCase", "Recomputing", "RunView"]

RUNS = "calendar_runs"
INDEXES = {
    RUNS: [
        Index([("state", 1), ("at", 1)], partial={"state": "running"}, serves="runs that somebody goes on with"),
        Index([("kind", 1), ("at", -1)], serves="the last run of a kind"),
    ]
}

PAGE = 200  # cases that are read together
PAGES_AT_ONCE = 5  # within one request; what is left is done in the background
ATTEMPTS = 10
_ORDER = "live.reported_at"  # never changes, so that a page is never seen twice
_ENDED = "ended:"  # so begins a cursor among the cases that have ended

log = logging.getLogger(__name__)


class MovedCase(msgspec.Struct, frozen=True):
    """A case with the due times that differ."""

    id: str
    case_no: str
    state: str
    dues: list[MovedDue]


class DryRun(msgspec.Struct, frozen=True):
    """One page of what would be moved: how many cases were looked at for it, and where the next page begins (None: the end)."""

    looked_at: int
    items: list[MovedCase]
    next: str | None


class RunView(msgspec.Struct, frozen=True):
    """How far a run is: `moved` cases differ (of a count) or were changed, `failed` could not be."""

    kind: Literal["count", "apply"]
    state: Literal["running", "done"]
    looked_at: int
    moved: int
    failed: int
    at: datetime
    done_at: datetime | None


class Recomputing:
    """Due times against the calendar. `seen` is told of each case as it is after a write. Who may ask is the caller's to say."""

    def __init__(
        self, store: CaseStore, rules: Rules, relay: Relay, clock: Callable[[], datetime], seen: Callable[[Case], None]
    ) -> None:
        self._store = store
        self._database = store.database
        self._rules = rules
        self._relay = relay
        self._clock = clock
        self._seen = seen
        self._closing = False

    def close(self) -> None:
        """End after the page that is under way."""
        self._closing = True

    async def look(self, *, cursor: str | None = None, limit: int = 50) -> DryRun:
        """Return the next cases that would be moved, as many as `limit` at most, among the next pages of all."""
        rules, looked_at, found = await self._rules_now(), 0, list[MovedCase]()
        for _ in range(PAGES_AT_ONCE):
            cases, cursor = await self._page(cursor)
            for case in cases:
                looked_at += 1
                if dues := moved_dues(case, rules):
                    found.append(MovedCase(case["_id"], case["case_no"], case["live"]["state"], dues))
                if len(found) == limit:
                    return DryRun(looked_at, found, _behind(case))
            if cursor is None:
                break
        return DryRun(looked_at, found, cursor)

    async def count(self) -> RunView:
        """Return how many cases differ from the calendar as it is now; counted once for each version of it."""
        version = await load_version(self._database, "calendar")
        return await self._begin(f"count:{version}", "count", SYSTEM, version)

    async def apply(self, *, actor: Actor, key: str) -> RunView:
        """Move all cases to what the calendar says: the first pages at once, the others in the background. Asked again
        under the same key it tells how far that is."""
        name = blake2b(f"{actor.source}\0{actor.id}\0{key}".encode(), digest_size=12).hexdigest()
        return await self._begin(f"apply:{name}", "apply", actor, await load_version(self._database, "calendar"))

    async def applied(self) -> RunView | None:
        """Return the run that applies the calendar now, or the last one that did."""
        found = await self._database.find(RUNS, {"kind": "apply"}, sort=[("at", -1)], limit=1)
        return _view(found[0]) if found else None

    async def run(self) -> int:
        """Go on with the runs that are under way, oldest first; returns how many cases were moved."""
        moved = 0
        for run in await self._database.find(RUNS, {"state": "running"}, sort=[("at", 1)]):
            while run["state"] == "running" and not self._closing:
                before = run["moved"]
                run = await self._next_page(run)
                moved += run["moved"] - before if run["kind"] == "apply" else 0
        return moved

    async def _begin(self, identity: str, kind: str, actor: Actor, version: str) -> RunView:
        run = {
            "_id": identity, "kind": kind, "state": "running", "version": version, "by": actor.id, "role": actor.role,
            "at": self._clock(), "cursor": None, "looked_at": 0, "moved": 0, "failed": 0, "done_at": None,
        }  # fmt: skip
        if not await self._database.insert_one(RUNS, run):
            return _view(await self._present(identity))
        for _ in range(PAGES_AT_ONCE):
            if run["state"] == "running":
                run = await self._next_page(run)
        return _view(run)

    async def _next_page(self, run: dict[str, Any]) -> dict[str, Any]:
        """Go through one page and put down where the next one begins, unless another process has been faster."""
        rules = await self._rules_now()
        cases, cursor = await self._page(run["cursor"])
        results = [await self._take(case, run, rules) for case in cases]
        done = {"state": "done", "done_at": self._clock()} if cursor is None else {}
        counts = {"looked_at": len(cases), "moved": results.count("moved"), "failed": results.count("failed")}
        mine = {"_id": run["_id"], "state": "running", "cursor": run["cursor"], "looked_at": run["looked_at"]}
        after = await self._database.find_one_and_update(
            RUNS, mine, {"$set": {"cursor": cursor, **done}, "$inc": counts}
        )  # fmt: skip
        if after is None:
            return await self._present(run["_id"])
        if done and run["kind"] == "apply":
            await self._count_what_is_left(after)
        return after

    async def _take(self, case: Case, run: dict[str, Any], rules: Rules) -> str:
        """Look at one case; of a run that applies, move it. One that fails never stops the others."""
        try:
            if run["kind"] == "count":
                return "moved" if moved_dues(case, rules) else "same"
            return await self._move(case, run["_id"], rules)
        except HeyunError as error:
            log.warning("case %s cannot be counted anew now: %s", case["_id"], error.code)
        except Exception:
            log.exception("case %s cannot be counted anew", case["_id"])
        return "failed"

    async def _move(self, case: Case, run: str, rules: Rules) -> str:
        present: Case | None = case
        for _ in range(ATTEMPTS):
            if present is None or not moved_dues(present, rules):
                return "same"
            now = self._clock()
            decision = engine.system_step(present, now, rules, "recompute", {"run": run})
            if await self._store.update(present, decision.update, decision.entries[0]["id"]):
                self._seen(decision.case)
                self._relay.tell(notices_of(decision.case, decision.notices))
                return "moved"
            present = await self._store.find(case["_id"])
        return "failed"

    async def _count_what_is_left(self, run: dict[str, Any]) -> None:
        """What was applied needs no count, unless the calendar has changed again since it was begun."""
        version = await load_version(self._database, "calendar")
        if version != run["version"]:
            await self.count()
            return
        known = {"kind": "count", "version": version, "by": run["by"], "role": run["role"], "at": run["done_at"], "cursor": None}
        counted = {"state": "done", "looked_at": run["looked_at"], "moved": run["failed"], "failed": 0, "done_at": run["done_at"]}
        await self._database.update_one(RUNS, {"_id": f"count:{version}"}, {"$set": known | counted}, upsert=True)

    async def _present(self, identity: str) -> dict[str, Any]:
        found = await self._database.find_one(RUNS, {"_id": identity})
        assert found is not None  # noqa: S101  # runs are never removed
        return found

    async def _page(self, cursor: str | None) -> tuple[list[Case], str | None]:
        if cursor is not None and cursor.startswith(_ENDED):
            cases, last = await self._store.list_waiting(cursor.removeprefix(_ENDED), PAGE)
            return cases, None if last is None else _ENDED + last
        listing = list_filter(CaseQuery(open=True, sort="reported_at", limit=PAGE, cursor=cursor), SYSTEM)
        cases, following = await self._store.list(listing, to_change=True)
        return cases, following or _ENDED

    async def _rules_now(self) -> Rules:
        """The rules with the calendar as it is in the database: this process may not have heard of its last change yet."""
        present = self._rules.calendar
        calendar = WorkCalendar(await load_days(self._database), present.timezone, present.hours)
        return replace(self._rules, calendar=calendar, _known={})


def _behind(case: Case) -> str:
    """Return the cursor behind a case."""
    return cursor_of(case, _ORDER) if case["live"]["open"] else _ENDED + case["_id"]


def _view(run: dict[str, Any]) -> RunView:
    return RunView(run["kind"], run["state"], run["looked_at"], run["moved"], run["failed"], run["at"], run["done_at"])
