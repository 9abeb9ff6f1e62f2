"""The one writer of cases: every report, action and read of a case goes through `CaseService`, with an `Actor`.

Reads show only what the actor's scope holds (`NotFound` else). Writes are conditional on the rev that was read; deciding
actions must name it, adding actions are tried again on the present case (design.md §2, §3).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from dispatch import engine
from dispatch.acting import Seen, WantedAction, action_key, check_rev, item_of
from dispatch.actors import SYSTEM, Actor
from dispatch.arriving import Arrival, Arriving
from dispatch.board import Board
from dispatch.capacity import PAUSES, OthersFirst, Room, check_room, claimant_of
from dispatch.digests import Digests
from dispatch.duplicates import RecentCases
from dispatch.errors import IdempotencyMismatch, NotAllowed
from dispatch.intake import Cipher
from dispatch.keys import shows
from dispatch.lookback import DECIDING, find_recurrence, look_back, mark_repeats, wants_lookback
from dispatch.merging import end_of_chain, write_two
from dispatch.nearby import Duplicates, Nearby
from dispatch.numbers import CaseNumbers
from dispatch.recomputing import Recomputing
from dispatch.relay import Announce, Relay, notices_of
from dispatch.reports import NewReport
from dispatch.reveals import Reveals
from dispatch.rules import Rules
from dispatch.situation import Case, Situation
from dispatch.spans import Arithmetic, explain
from dispatch.store import CaseQuery, CaseStore, list_filter
from dispatch.sweeping import Sweep
from dispatch.turns import Turns
from dispatch.views import CaseView, EntryView, case_view, entry_view
from storage.client import Database
from storage.errors import NotFound, StorageUnavailable

__all__ = ["CaseService", "Filed", "Page", "action_key", "utc_now"]

Counts = dict[str, dict[str, int]]
Points = dict[str, list[dict[str, Any]]]
Views = list[CaseView]
Decide = Callable[[], engine.Decision]
T = TypeVar("T")
DRAIN_SECONDS = 5.0
ATTEMPTS = 20


class Filed(msgspec.Struct, Generic[T], frozen=True):
    """The answer to a report: the case as it is presented, and whether it was made now or had been there."""

    id: str
    rev: int
    case: T
    created: bool


class Page(msgspec.Struct, frozen=True):
    """A page of a list."""

    items: list[CaseView]
    next: str | None = None


def utc_now() -> datetime:
    """Return the present instant in whole milliseconds, as the database keeps it."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)


class CaseService:
    """All use cases of a case. `rules` may be changed in place when a snapshot is swapped; `announce` tells the change feed of
    this process what is about to be inserted (`storage.feed`)."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        cipher: Cipher,
        recent: RecentCases,
        *,
        root_area: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        announce: Announce | None = None,
    ) -> None:
        self.rules = rules
        self.board = Board()
        self.store = CaseStore(database)
        self.relay = Relay(database, clock, announce)
        self._cipher = cipher
        self._recent = recent
        self._nearby = Nearby(self.board, recent)
        self._arriving = Arriving(rules, cipher, self.store, self._nearby, announce)
        self._reveals = Reveals(database)
        self._numbers = CaseNumbers(database, rules.case_prefix, rules.timezone)
        self._turns = Turns()
        self._room = Room(database)
        self._root_area = root_area
        self._clock = clock
        self.digests = Digests(self.board, rules, self.relay, clock)
        self._sweep = Sweep(self.store, rules, self.relay, clock, self._seen)
        self.recomputing = Recomputing(self.store, rules, self.relay, clock, self._seen)

    async def close(self) -> None:
        """End what works in the background, each with the group that it is at."""
        self._sweep.close()
        self.recomputing.close()
        await self.relay.close(settled=await self.store.drain(DRAIN_SECONDS))

    # -- in

    async def report(
        self, *, actor: Actor, report: NewReport, present: Callable[[CaseView], T], key: str | None = None
    ) -> Filed[T]:
        """Take in an event or ticket, exactly once for its key (or a program's `source_id`).

        `present` makes of the case what is answered, before the case is forgotten. Raises `Invalid` (fields, unknown category,
        out of area), `IdempotencyMismatch`, `IdempotencyKeyRequired`.
        """
        now = self._clock()
        arrival = Arrival(actor, report, key, await self._numbers.take(now), now, present)
        try:
            await self._arriving.through(arrival)
        except Exception:  # no case has got it; of whoever goes away meanwhile that is not sure
            self._numbers.give_back(arrival.case_no)
            raise
        try:
            created = await arrival.writing
        except StorageUnavailable:
            self.relay.doubt(now)
            raise
        if not created:
            return await self._present(arrival.identity, arrival.digest, actor, present)
        self.follow(arrival.identity, arrival.live, arrival.case_no)
        self.relay.tell(arrival.notices)
        return Filed(arrival.identity, arrival.live["rev"], arrival.answer, True)

    async def _present(self, identity: str, digest: str, actor: Actor, present: Callable[[CaseView], T]) -> Filed[T]:
        case = await self.store.find(identity)
        if case is None:
            raise StorageUnavailable("the case that holds this key cannot be read now")
        if case["request"] != digest:
            raise IdempotencyMismatch("this key came with another body before")
        return Filed(identity, case["live"]["rev"], present(case_view(case, actor, self._clock(), self.rules)), False)

    def _seen(self, case: Case) -> None:
        """Let the memory of this process know at once; other processes learn by the feed."""
        self.follow(case["_id"], case["live"], case["case_no"])

    def follow(self, identity: str, live: dict[str, Any], case_no: str) -> None:
        """Take in the live part of a case as it is after a write, from here or from the change feed."""
        before = self.board.get(identity)
        if before is not None and before.rev >= live["rev"] and before.light == live["light"]:
            return
        after = self.board.apply(identity, live, case_no)
        if after is not None:
            self._recent.add(after, before)
        elif before is not None:
            self._recent.remove(before)

    def forget_others(self, identities: Set[str], since: datetime) -> None:
        """Forget the open cases that are not among those just read, unless reported after `since` (the reading had begun)."""
        for case in self.board.keep(identities, since):
            self._recent.remove(case)

    # -- actions

    async def act(
        self, *, actor: Actor, case_id: str, action: str, rev: int | None, fields: Mapping[str, Any], key: str | None = None
    ) -> CaseView:
        """Take an action on a case and return the case afterwards.

        Raises `NotFound`, `Forbidden`, `NotAllowed` (409), `StaleRev` (412), `Invalid` (422), `IdempotencyMismatch`.
        """
        return await self._take("case", None, actor, case_id, action, rev, fields, key)

    async def act_on_request(
        self, *, actor: Actor, case_id: str, request_id: str, action: str, rev: int | None, fields: Mapping[str, Any],
        key: str | None = None,
    ) -> CaseView:  # fmt: skip
        """Take an action on a request of a case (return)."""
        return await self._take("request", request_id, actor, case_id, action, rev, fields, key)

    async def act_on_task(
        self, *, actor: Actor, case_id: str, task_id: str, action: str, rev: int | None, fields: Mapping[str, Any],
        key: str | None = None,
    ) -> CaseView:  # fmt: skip
        """Take an action on a task of a case."""
        return await self._take("task", task_id, actor, case_id, action, rev, fields, key)

    async def act_on_need(
        self, *, actor: Actor, case_id: str, need_id: str, action: str, rev: int | None, fields: Mapping[str, Any],
        key: str | None = None, seen: Seen = shows,
    ) -> CaseView:  # fmt: skip
        """Take an action on a need of a case; `seen` tells whether the actor may know of it at all."""
        return await self._take("need", need_id, actor, case_id, action, rev, fields, key, seen=seen)

    async def note(
        self, *, actor: Actor, case_id: str, action: str, fields: Mapping[str, Any], key: str | None = None,
        request_id: str | None = None,
    ) -> CaseView:  # fmt: skip
        """Take an action (on a request, where one is named) that is not among those offered, because it has a door of its own."""
        subject = "case" if request_id is None else "request"
        return await self._take(subject, request_id, actor, case_id, action, None, fields, key, internal=True)

    async def reveal(self, *, actor: Actor, case_id: str, reason: str) -> dict[str, str | None]:
        """Return name and phone of the caller in the clear; who asked and why is put into the timeline first.

        Raises `TooMany` for somebody who has asked too often within the hour, besides what actions raise.
        """
        await self._visible(actor, case_id)
        await self._reveals.take(actor.id, self._clock())
        await self.note(actor=actor, case_id=case_id, action="reveal", fields={"reason": reason})
        case = await self._visible(actor, case_id)
        return {name: self._opened(case, name) for name in ("name", "phone")}

    async def open_phone(self, *, case_id: str, kind: str, key: str) -> str | None:
        """Return the caller's phone for one message of this kind, None where none may be sent; that it was opened is put into the
        timeline first, once for each key."""
        try:
            await self.note(actor=SYSTEM, case_id=case_id, action="text_caller", fields={"kind": kind}, key=key)
        except (NotAllowed, NotFound):
            return None
        return self._opened(await self._visible(SYSTEM, case_id), "phone")

    def _opened(self, case: Case, name: str) -> str | None:
        sealed = case["caller"][name]
        if not sealed:
            return None
        return self._cipher.open(sealed, document_id=case["_id"], field=f"caller.{name}")

    async def _take(
        self, subject: str, item_id: str | None, actor: Actor, case_id: str, action: str, rev: int | None,
        fields: Mapping[str, Any], key: str | None, *, internal: bool = False, seen: Seen = shows,
    ) -> CaseView:  # fmt: skip
        wanted = WantedAction(subject, item_id, actor, case_id, action, rev, fields, key, internal, seen)
        if wanted.claims:
            return await self._claim(wanted)
        view = await self._attempt(wanted)
        return await self._in_turn(wanted) if view is None else view

    async def _in_turn(self, wanted: WantedAction) -> CaseView:
        """One after the other, so that many who act on one case make a queue, not a crowd."""
        async with self._turns.at(wanted.case_id):
            for _ in range(ATTEMPTS):
                view = await self._attempt(wanted)
                if view is not None:
                    return view
        raise StorageUnavailable("too many people act on this case at once; try again")

    async def _claim(self, wanted: WantedAction) -> CaseView:
        """Crowds come to claim: they queue at once. Who waits for what others do about another case waits outside the queue."""
        for pause in PAUSES:
            try:
                return await self._in_turn(wanted)
            except OthersFirst:
                await asyncio.sleep(pause)
        raise StorageUnavailable("too many people claim for this organization at once; try again")

    async def _attempt(self, wanted: WantedAction) -> CaseView | None:
        """Take an action on the case as it is now; None when another action came first."""
        actor, action, fields, subject = wanted.actor, wanted.action, wanted.fields, wanted.subject
        entry_key, digest = wanted.entry_key, wanted.digest
        case, done = await self._read(actor, wanted.case_id, entry_key, wanted.seen)
        now = self._clock()
        if done is not None:
            if done["digest"] != digest:
                raise IdempotencyMismatch("this key came with another action before")
            return case_view(case, actor, now, self.rules)
        at = Situation(case, actor, now, self.rules, item_of(case, subject, wanted.item_id))
        check_rev(at, subject, action, wanted.rev)
        if action == "merge":
            fields = await end_of_chain(self.store, fields)
        elif action in DECIDING and subject == "case":
            case["looked_back"] = await look_back(self.store, self.rules.locator, self._recent.radius, case, fields)

        def decide() -> engine.Decision:
            return engine.decide(at, action, fields, key=entry_key, digest=digest, subject=subject, internal=wanted.internal)

        decision = decide()
        if wanted.claims:
            found = await self._with_room(claimant_of(at, fields), at, decide)
        else:
            found = decision if await self._write(decision, case, actor) else None
        return None if found is None else case_view(found.case, actor, now, self.rules)

    async def _with_room(self, organization: str, at: Situation, decide: Decide) -> engine.Decision | None:
        """Decide once more by what the organization is busy with, and write while the room for it is held."""
        async with self._room.held(organization, at.case["_id"]) as hold:
            at.case["load"] = hold.load
            decision = decide()
            check_room(at, hold)
            return decision if await self._write(decision, at.case, at.actor, until=hold.until) else None

    async def _read(self, actor: Actor, case_id: str, entry_key: str | None, seen: Seen) -> tuple[Case, dict[str, Any] | None]:
        case, done = await self.store.find_with_entry(case_id, entry_key) if entry_key else (await self.store.find(case_id), None)
        if case is None or (done is None and not seen(actor, case)):
            raise NotFound("case")
        return case, done

    async def _visible(self, actor: Actor, case_id: str) -> Case:
        case = await self.store.find(case_id)
        if case is None or not shows(actor, case):
            raise NotFound("case")
        return case

    async def _write(self, decision: engine.Decision, case: Case, actor: Actor, *, until: datetime | None = None) -> bool:
        try:
            written = await self._written(decision, case, actor, until)
        except StorageUnavailable:
            self.relay.doubt(decision.entries[0]["at"])
            raise
        if written:
            self._seen(decision.case)
        for done in written:
            if done.notices:
                self.relay.tell(notices_of(done.case, done.notices))
        return bool(written)

    async def _written(
        self, decision: engine.Decision, case: Case, actor: Actor, until: datetime | None
    ) -> Sequence[engine.Decision]:
        """Write, and return what is in the database now: nothing when another action came first."""
        both = await write_two(self.store, decision, case, actor, self._clock(), self.rules)
        if both is not None:
            return both
        won = await self.store.update(case, decision.update, decision.entries[0]["id"], until=until)
        return [decision] if won else []

    # -- timers

    async def sweep(self) -> int:
        """Bring every light and timer that is due up to date, each change once and in order; returns how many cases changed."""
        return await self._sweep.run()

    # -- reads

    async def get(self, *, actor: Actor, case_id: str) -> CaseView:
        """Return a case. Raises `NotFound` for one that the actor may not see."""
        case = await self._visible(actor, case_id)
        if not wants_lookback(case, actor):
            return case_view(case, actor, self._clock(), self.rules)
        case["duplicates"] += self._nearby.hidden_from_reporter(case, actor, self._clock())
        case["duplicates"] = await mark_repeats(self.store, self.board, case)
        if "recurrence" not in case:
            radius = self._recent.radius(case["live"]["category"] or "")
            case["recurrence"] = await find_recurrence(self.store, self.rules.locator, case, radius, scope=actor.scope)
        return case_view(case, actor, self._clock(), self.rules)

    async def timeline(self, *, actor: Actor, case_id: str) -> list[EntryView]:
        """Return the timeline of a case, first entry first; a citizen sees what is public."""
        case = await self.store.find_whole(case_id)
        if case is None or not shows(actor, case):
            raise NotFound("case")
        public_only = actor.role in ("citizen", "link", "group_leader", "partner")
        return [entry_view(entry, case, actor) for entry in case["timeline"] if entry["public"] or not public_only]

    async def due(self, *, actor: Actor, case_id: str, clock: str = "case") -> Arithmetic:
        """Return how the due time of the newest clock of a kind was counted, with all that moved it. Raises `NotFound`."""
        case = await self._visible(actor, case_id)
        found = next((item for item in reversed(case["clocks"]) if item["kind"] == clock), None)
        if found is None:
            raise NotFound("clock")
        return explain(found, self.rules.calendar)

    async def list(self, *, actor: Actor, query: CaseQuery) -> Page:
        """Return a page of the cases that the actor may see. Raises `Invalid` for a bad filter or cursor."""
        cases, following = await self.store.list(list_filter(query, actor, root=self._root_area))
        now = self._clock()
        return Page([case_view(case, actor, now, self.rules) for case in cases], following)

    async def of_caller(self, *, actor: Actor, phone: str, limit: int = 10) -> Views:
        """Return the newest cases of the caller with this phone (digits only) that the actor may see."""
        now = self._clock()
        found = await self.store.find_of_caller(actor.scope, self._cipher.blind_index(phone), min(limit, 50))
        return [case_view(case, actor, now, self.rules) for case in found]

    async def summary(self, *, actor: Actor) -> Counts:
        """Return how many open cases that the actor may see stand in each state, show each light, await each kind of decision."""
        return self.board.summary(actor.scope)

    async def ended(self, *, actor: Actor) -> int:
        """Return how many cases that the actor may see have ended, counted up to 1,000."""
        return await self.store.count_ended(actor.scope)

    async def map_points(self, *, actor: Actor, bbox: tuple[float, float, float, float], zoom: int) -> Points:
        """Return the open cases in a box (west, south, east, north; degrees WGS-84), in clusters where they are many."""
        return self.board.points(actor.scope, bbox, zoom)

    async def duplicates(self, *, actor: Actor, lon: float, lat: float, crs: str, category: str) -> Duplicates:
        """Return open cases near a point that may be the same matter."""
        point = self.rules.locator.locate(lon, lat, crs).point
        return [] if point is None else self._nearby.near(category, point.lon, point.lat, self._clock(), actor)
