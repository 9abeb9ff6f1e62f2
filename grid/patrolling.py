"""Planning patrols and what came of them: single ones, plans that repeat, the patrols of each day, the tally against the norm.

Grid leads plan for the grids that they lead; a grid worker may put down a patrol of their own. Each day's patrols of all plans
are made by a job: a patrol's id is its plan and day, so that making them twice makes them once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.errors import IdempotencyKeyRequired, IdempotencyMismatch
from dispatch.intake import Cipher
from dispatch.ports import Directory
from grid.errors import PatrolState
from grid.patrol_store import PLAN_CHANGES, PLANS, PatrolStore, plan_content, plan_of
from grid.patrols import CheckPoint, Patrol, PatrolPlan, Tally, patrol_id, shift_of, tally
from grid.service import Territory
from grid.terms import Terms
from storage.client import Database
from storage.errors import FieldError, Forbidden, HeyunError, Invalid, NotFound, StorageUnavailable
from storage.registers import Act, Register

__all__ = ["LONGEST_TALLY", "KeptPlan", "Patrols"]

log = logging.getLogger(__name__)
LONGEST_TALLY = timedelta(days=62)
MOST_TALLIED = 20_000
AT_ONCE = 200
OVERSIGHT = frozenset({"supervisor", "assessor"})  # see what came of patrols, never a track
WALKING = frozenset({"grid_worker", "grid_lead"})


class KeptPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan by its id, with its present `rev`."""

    id: str
    rev: int
    plan: PatrolPlan


class Patrols:
    """The patrols of the city, as those plan and judge them who lead the grids."""

    def __init__(
        self, database: Database, territory: Territory, directory: Directory, cipher: Cipher, terms: Terms,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.store = PatrolStore(database, cipher)
        self.terms = terms
        self._territory = territory
        self._directory = directory
        self._plans = Register(database, PLANS, PLAN_CHANGES)
        self._clock = clock

    # -- single patrols

    async def create(self, actor: Actor, plan: PatrolPlan, day: date, *, key: str | None) -> tuple[Patrol, bool]:
        """Put down one patrol of a day; returns it and whether it is new.

        Raises `Invalid`, `Forbidden` for grids or people of others, `IdempotencyKeyRequired`, `IdempotencyMismatch`.
        """
        if not key:
            raise IdempotencyKeyRequired
        self._check(actor, plan)
        now = self._clock()
        identity = blake2b("\0".join((actor.source, actor.id, key)).encode(), digest_size=16, person=b"heyun-walk").hexdigest()
        patrol = self._patrol(identity, plan, day, plan.worker, actor.id, now)
        if patrol.closes_at <= now:
            raise Invalid(errors=[FieldError("day", "past", "a shift that is not over")])
        request = blake2b(msgspec.json.encode((plan, day)), digest_size=12).hexdigest()
        if await self.store.insert(patrol, request):
            return patrol, True
        if await self.store.request_of(identity) != request:
            raise IdempotencyMismatch("this key came with another patrol before")
        return await self.get(actor, identity), False

    async def get(self, actor: Actor, id: str) -> Patrol:
        """Return a patrol that the actor may see. Raises `NotFound`."""
        patrol = await self.store.find(id)
        if patrol is None or not sees_patrol(actor, patrol):
            raise NotFound("patrol")
        return patrol

    async def shows(self, actor: Actor, id: str) -> object:
        """Return a patrol for whoever may see its photos. Raises `NotFound`."""
        return await self.get(actor, id)

    async def cancel(self, actor: Actor, id: str) -> Patrol:
        """Call off a patrol that nobody has begun. Raises `NotFound`, `Forbidden`, `PatrolState`."""
        patrol = await self.get(actor, id)
        if not (leads(actor, patrol.codes) or actor.id == patrol.made_by):
            raise Forbidden("the patrol of others")
        done = await self.store.change(id, ("planned", "cancelled"), {"state": "cancelled"})
        if done is None:
            raise PatrolState("it has been begun or missed", state=(await self.get(actor, id)).state)
        return done

    async def of_day(
        self, actor: Actor, day: date, *, area: str | None, worker: str | None, after: str = "", limit: int = 50
    ) -> list[Patrol]:
        """Return the patrols of a day by id: one's own, or for who leads or oversees those of an area or a worker."""
        found = await self.store.of_day(self._reach(actor, area, worker) | {"day": day.isoformat()}, after=after, limit=limit)
        return [patrol for patrol in found if sees_patrol(actor, patrol)]

    async def tally(self, actor: Actor, first: date, last: date, *, area: str | None, worker: str | None) -> list[Tally]:
        """Return what the patrols of each worker come to from a day to a day (both counted). Raises `Invalid` beyond 62 days."""
        if not timedelta() <= last - first < LONGEST_TALLY:
            raise Invalid(errors=[FieldError("to", "range", f"at most {LONGEST_TALLY.days} days, the last not before the first")])
        found = await self.store.between(self._reach(actor, area, worker), first, last, MOST_TALLIED)
        by_worker: dict[str, list[Patrol]] = {}
        for patrol in found:
            if sees_patrol(actor, patrol):
                by_worker.setdefault(patrol.worker, []).append(patrol)
        today = self._clock().astimezone(self.terms.zone).date()
        return [tally(name, walked, self.terms.patrols, today) for name, walked in sorted(by_worker.items())]

    def _reach(self, actor: Actor, area: str | None, worker: str | None) -> dict[str, Any]:
        """What the lists of an actor are made from; narrower than what they may see."""
        if actor.role not in ("grid_lead", *OVERSIGHT) or worker is not None:
            return {"worker": worker if worker and actor.role in ("grid_lead", *OVERSIGHT) else actor.id}
        if area is not None:
            return {"codes": area}
        led = sorted(actor.scope.areas)
        return {"codes": {"$in": led} if actor.role == "grid_lead" else self.terms.root}

    # -- plans

    async def plans(self, actor: Actor, *, after: str = "", limit: int = 100) -> list[KeptPlan]:
        """Return the plans for the grids that the actor leads, by id."""
        return [_kept(found) for found in await self.store.plans(sorted(actor.scope.areas), after=after, limit=limit)]

    async def put_plan(self, actor: Actor, id: str, plan: PatrolPlan, *, rev: int | None) -> KeptPlan:
        """Make a plan hold exactly this; today's patrol follows unless it has been begun. Raises `Invalid`, `Forbidden`,
        `StaleRev`."""
        self._check(actor, plan)
        if (before := await self._plans.get(id)) is not None:
            self._check_led(actor, before["codes"])
        now = self._clock()
        document = await self._plans.put(id, plan_content(plan, self._codes(plan.areas)), _act(actor, now), rev=rev)
        await self.store.drop_planned(id, self._today(now))
        await self._make(id, plan, self._today(now), now)
        return _kept(document)

    async def remove_plan(self, actor: Actor, id: str) -> None:
        """Take a plan out, and today's patrol unless it has been begun. Raises `Forbidden`."""
        if (before := await self._plans.get(id)) is None:
            return
        self._check_led(actor, before["codes"])
        now = self._clock()
        await self._plans.remove(id, _act(actor, now))
        await self.store.drop_planned(id, self._today(now))

    # -- jobs

    async def make_day(self) -> int:
        """Make today's patrols of all plans, once; returns how many are new."""
        now = self._clock()
        day = self._today(now)
        if await self.store.is_made(day):
            return 0
        made = 0
        for document in await self.store.plans(None):
            try:
                made += await self._make(document["_id"], plan_of(document), day, now)
            except StorageUnavailable:
                raise  # the whole day is made again
            except HeyunError as error:  # its grid may be void: the others are made all the same
                log.warning("no patrol of plan %s for %s: %s", document["_id"], day, error.code)
        await self.store.mark_made(day, now)
        return made

    async def erase(self) -> int:
        """Erase tracks that were kept long enough; returns how many positions."""
        return await self.store.erase_tracks(self._clock() - timedelta(days=self.terms.patrols.keep_days))

    async def _make(self, id: str, plan: PatrolPlan, day: date, now: datetime) -> bool:
        if not plan.is_on(day):
            return False
        patrol = self._patrol(patrol_id(id, day), plan, day, "", f"plan:{id}", now)
        if patrol.closes_at <= now:
            return False
        worker = self._goes(plan, patrol.begins_at)
        return await self.store.insert(msgspec.structs.replace(patrol, worker=worker, plan=id), "")

    def _goes(self, plan: PatrolPlan, at: datetime) -> str:
        """Who is named, while they are away who stands in; else who is on duty for the first grid, at last its lead."""
        acting = self._directory.acting_for(plan.worker, at) if plan.worker else None
        if acting is not None:
            return acting
        place = self._territory.locate_area(plan.areas[0])
        found = (self._directory.on_duty(role, place, at) for role in ("grid_worker", "grid_lead"))
        return next((names[0] for names in found if names), plan.worker)

    # -- what is asked of a patrol

    def _patrol(self, id: str, plan: PatrolPlan, day: date, worker: str, by: str, now: datetime) -> Patrol:
        begins, ends = shift_of(plan.begins, plan.ends, day, self.terms.zone)
        return Patrol(
            id=id, name=plan.name, worker=worker, areas=plan.areas, codes=self._codes(plan.areas), day=day, begins_at=begins,
            ends_at=ends, closes_at=ends + timedelta(minutes=self.terms.patrols.grace_minutes), points=plan.points, made_by=by,
            made_at=now,
        )  # fmt: skip

    def _codes(self, areas: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ref.code for area in areas for ref in self._territory.path(area)))

    def _today(self, now: datetime) -> date:
        return now.astimezone(self.terms.zone).date()

    def _check(self, actor: Actor, plan: PatrolPlan) -> None:
        errors = [*self._area_errors(plan), *self._point_errors(plan.points)]
        if not errors:
            errors = [*self._far_points(plan), *self._worker_errors(actor, plan)]
        if errors:
            raise Invalid("the patrol cannot be accepted", errors=errors)
        for area in plan.areas:
            self._check_led(actor, tuple(ref.code for ref in self._territory.path(area)))

    def _check_led(self, actor: Actor, codes: Sequence[str]) -> None:
        if actor.scope.areas.isdisjoint(codes):
            raise Forbidden("the grids of others")

    def _area_errors(self, plan: PatrolPlan) -> list[FieldError]:
        refs = [self._territory.area(code) for code in plan.areas]
        return [
            FieldError(f"areas[{number}]", "unknown_area", "the code of a grid")
            for number, ref in enumerate(refs)
            if ref is None or ref.level != "grid"
        ]

    def _point_errors(self, points: Sequence[CheckPoint]) -> list[FieldError]:
        ids = [point.id for point in points]
        return [FieldError(f"points[{number}].id", "twice") for number, id in enumerate(ids) if id in ids[:number]]

    def _far_points(self, plan: PatrolPlan) -> list[FieldError]:
        lons, lats = [point.lon for point in plan.points], [point.lat for point in plan.points]
        away = self._territory.metres_outside(plan.areas, lons, lats) if lons else []
        most = self.terms.patrols.buffer_m
        return [
            FieldError(f"points[{number}]", "outside_grid", f"at most {most} m outside the grids, not {metres:.0f} m")
            for number, metres in enumerate(away)
            if metres > most
        ]

    def _worker_errors(self, actor: Actor, plan: PatrolPlan) -> list[FieldError]:
        """Grid workers put down patrols for themselves alone; leads for who works where they lead."""
        if actor.role != "grid_lead":
            return [] if plan.worker == actor.id else [FieldError("worker", "not_yours", "yourself")]
        person = self._directory.colleague(plan.worker) if plan.worker else None
        if not plan.worker or (person is not None and person.role in WALKING and self._works_with(actor, person.areas)):
            return []
        return [FieldError("worker", "not_yours", "a grid worker of the grids that you lead")]

    def _works_with(self, actor: Actor, areas: Sequence[str]) -> bool:
        within = self._territory.is_within
        return any(within(area, led) or within(led, area) for area in areas for led in actor.scope.areas)


def leads(actor: Actor, codes: Sequence[str]) -> bool:
    """Tell whether the actor leads one of these areas."""
    return actor.role == "grid_lead" and not actor.scope.areas.isdisjoint(codes)


def sees_patrol(actor: Actor, patrol: Patrol) -> bool:
    """Tell whether the actor may see a patrol and what came of it: its worker, who leads the grids, oversight."""
    return actor.id == patrol.worker or leads(actor, patrol.codes) or actor.role in OVERSIGHT


def _act(actor: Actor, now: datetime) -> Act:
    return Act(by=actor.id, role=actor.role, at=now)


def _kept(document: Any) -> KeptPlan:
    return KeptPlan(id=document["_id"], rev=document.get("rev", 1), plan=plan_of(document))
