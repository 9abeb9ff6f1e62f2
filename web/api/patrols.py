"""Patrols: planned by who leads the grids, walked with a phone that is often without signal. Retries are harmless."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

import msgspec

from dispatch.reports import Location
from grid.coordinates import to_wgs84
from grid.on_patrol import Taken
from grid.patrolling import KeptPlan
from grid.patrols import CheckPoint, Clock, Patrol, PatrolPlan, Tally, coverage_of
from grid.tracks import Fix, Measured
from web.api.asking import Latitude, Longitude
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items, moment

__all__ = [
    "PatrolCancel", "PatrolEnd", "PatrolHandler", "PatrolList", "PatrolPlanHandler", "PatrolPlanList", "PatrolPoints",
    "PatrolStart", "PatrolTally", "PatrolVisits",
]  # fmt: skip

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Accuracy = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
Grids = Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=30)]
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class PointBody(Body, frozen=True, kw_only=True):
    """A check point: its own name in the plan, where it is, whether a photo is wanted, whether it is a key place."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    name: Name
    lon: Longitude
    lat: Latitude
    crs: str
    photo: bool = False
    key: bool = False

    @property
    def point(self) -> CheckPoint:
        """The check point in WGS-84."""
        lon, lat = to_wgs84(self.lon, self.lat, self.crs)
        return CheckPoint(id=self.id, name=self.name, lon=lon, lat=lat, photo=self.photo, key=self.key)


class WalkBody(Body, frozen=True, kw_only=True):
    """Who walks through which grids, from when to when (local time; an end at or before the beginning is the next morning)."""

    name: Name = "巡查"
    worker: Annotated[str, msgspec.Meta(max_length=64)] = ""
    areas: Grids
    begins: Clock
    ends: Clock
    points: Annotated[tuple[PointBody, ...], msgspec.Meta(max_length=100)] = ()


class PatrolBody(WalkBody, frozen=True, kw_only=True):
    """One patrol of a day; without worker it is one's own."""

    day: date


class PlanBody(WalkBody, frozen=True, kw_only=True):
    """A patrol that repeats on weekdays between days; without worker whoever is on duty goes. `rev` as in rosters."""

    weekdays: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    active: bool = True
    rev: int | None = None

    @property
    def plan(self) -> PatrolPlan:
        """The plan."""
        return PatrolPlan(
            name=self.name, worker=self.worker, areas=self.areas, begins=self.begins, ends=self.ends,
            points=tuple(one.point for one in self.points), weekdays=self.weekdays, first_day=self.first_day,
            last_day=self.last_day, active=self.active,
        )  # fmt: skip


class HereBody(Body, frozen=True, kw_only=True):
    """When and where the device was; without `at` it is now."""

    location: Location
    at: Instant | None = None


class EndBody(Body, frozen=True, kw_only=True):
    """When the patrol was ended; without `at` it is now."""

    at: Instant | None = None


class PointVisitBody(HereBody, frozen=True, kw_only=True):
    """Which check point was visited, with photos (media ids) where it asks for one."""

    point: Code
    photos: Annotated[tuple[Code, ...], msgspec.Meta(max_length=9)] = ()


class FixBody(Body, frozen=True, kw_only=True):
    """One position."""

    at: Instant
    lon: Longitude
    lat: Latitude
    accuracy_m: Accuracy | None = None


class FixesBody(Body, frozen=True, kw_only=True):
    """Positions in one coordinate system, in any order; what was sent before may be sent again."""

    crs: str
    points: Annotated[tuple[FixBody, ...], msgspec.Meta(min_length=1, max_length=500)]


class PatrolsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The patrols of a day (today when not given): one's own, or of an area or worker that one leads."""

    day: date | None = None
    area: Code | None = None
    worker: Code | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Code | None = None


class TallyQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """From a day to a day, both counted, at most 62."""

    first: date
    last: date
    area: Code | None = None
    worker: Code | None = None


class PlansQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Plans by id."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Code | None = None


class VisitView(msgspec.Struct, kw_only=True):
    """A check point that was visited."""

    point: str
    at: str
    photos: tuple[str, ...]
    distance_m: int


class PatrolView(msgspec.Struct, kw_only=True):
    """A patrol and what came of it. `coverage` is the share of check points visited (null: none was planned), `track` what the
    positions show (before the end null; a worker who asks for the patrol that is being walked is told what they show so far)."""

    id: str
    name: str
    state: str
    worker: str
    areas: tuple[str, ...]
    day: date
    begins_at: str
    ends_at: str
    closes_at: str
    points: tuple[CheckPoint, ...]
    visits: list[VisitView]
    started_at: str | None
    ended_at: str | None
    ended_by: str | None
    coverage: float | None
    track: Measured | None
    plan: str | None


class PlanView(msgspec.Struct, kw_only=True):
    """A plan with its id."""

    id: str
    rev: int
    plan: PatrolPlan


class FixView(msgspec.Struct, kw_only=True):
    """One position, WGS-84, and whether it lies in the grids."""

    at: str
    lon: float
    lat: float
    accuracy_m: float | None
    inside: bool


def patrol_view(patrol: Patrol) -> PatrolView:
    """Return a patrol as it is sent."""
    return PatrolView(
        id=patrol.id, name=patrol.name, state=patrol.state, worker=patrol.worker, areas=patrol.areas, day=patrol.day,
        begins_at=moment(patrol.begins_at), ends_at=moment(patrol.ends_at), closes_at=moment(patrol.closes_at),
        points=patrol.points,
        visits=[
            VisitView(point=one.point, at=moment(one.at), photos=one.photos, distance_m=one.distance_m) for one in patrol.visits
        ],
        started_at=None if patrol.started_at is None else moment(patrol.started_at),
        ended_at=None if patrol.ended_at is None else moment(patrol.ended_at),
        ended_by=patrol.ended_by or None, coverage=coverage_of(patrol), track=patrol.track, plan=patrol.plan or None,
    )  # fmt: skip


def _plan_view(kept: KeptPlan) -> PlanView:
    return PlanView(id=kept.id, rev=kept.rev, plan=kept.plan)


class PatrolList(ApiHandler):
    """GET, POST /api/v1/patrols."""

    @operation(
        "Patrols of a day: mine, or of where I lead", permission="patrol.read", query=PatrolsQuery, result=Items[PatrolView]
    )
    async def get(self, query: PatrolsQuery) -> None:
        """Send one page, by id."""
        day = query.day or self.services.clock().astimezone(self.services.field.patrols.terms.zone).date()
        found = await self.services.field.patrols.of_day(
            self.actor, day, area=query.area, worker=query.worker, after=query.cursor or "", limit=query.limit
        )
        self.answer(Items([patrol_view(one) for one in found], found[-1].id if len(found) == query.limit else None))

    @operation("Put down a patrol", permission="patrol.walk", body=PatrolBody, result=PatrolView, status=201, idempotent=True)
    async def post(self, body: PatrolBody) -> None:
        """Answer 201 with the patrol, 200 when the key is known."""
        plan = PatrolPlan(
            name=body.name, worker=body.worker or self.actor.id, areas=body.areas, begins=body.begins, ends=body.ends,
            points=tuple(one.point for one in body.points),
        )  # fmt: skip
        patrol, created = await self.services.field.patrols.create(self.actor, plan, body.day, key=self.idempotency_key)
        self.answer(patrol_view(patrol), status=201 if created else 200)


class PatrolHandler(ApiHandler):
    """GET /api/v1/patrols/{id}."""

    @operation("A patrol", permission="patrol.read", result=PatrolView)
    async def get(self, id: str) -> None:
        """Send it."""
        patrol = await self.services.field.patrols.get(self.actor, id)
        self.answer(patrol_view(await self.services.field.on_patrol.so_far(self.actor, patrol, self.services.clock())))


class PatrolStart(ApiHandler):
    """POST /api/v1/patrols/{id}:start."""

    @operation("Clock in", permission="patrol.walk", body=HereBody, result=PatrolView)
    async def post(self, body: HereBody, id: str) -> None:
        """Begin the patrol in its grid and time; again it stays as it was begun."""
        patrol = await self.services.field.on_patrol.start(self.actor, id, body.at, body.location, self.services.clock())
        self.answer(patrol_view(patrol))


class PatrolEnd(ApiHandler):
    """POST /api/v1/patrols/{id}:end."""

    @operation("End my patrol", permission="patrol.walk", body=EndBody, result=PatrolView)
    async def post(self, body: EndBody, id: str) -> None:
        """End it; again it stays as it was ended."""
        self.answer(patrol_view(await self.services.field.on_patrol.end(self.actor, id, body.at, self.services.clock())))


class PatrolCancel(ApiHandler):
    """POST /api/v1/patrols/{id}:cancel."""

    @operation("Call a patrol off", permission="patrol.walk", result=PatrolView)
    async def post(self, id: str) -> None:
        """Call off what nobody has begun; again it stays so."""
        self.answer(patrol_view(await self.services.field.patrols.cancel(self.actor, id)))


class PatrolPoints(ApiHandler):
    """GET, POST /api/v1/patrols/{id}/points."""

    @operation("The track of a patrol; that a lead looks is written down", permission="patrol.walk", result=Items[FixView])
    async def get(self, id: str) -> None:
        """Send the positions that are still kept, to the worker and who leads the grid alone."""
        found = await self.services.field.on_patrol.track(self.actor, id, self.services.clock())
        views = [FixView(at=moment(f.at), lon=f.lon, lat=f.lat, accuracy_m=f.accuracy_m, inside=f.inside) for f in found]
        self.answer(Items(views))

    @operation("Send positions of my patrol", permission="patrol.walk", body=FixesBody, result=Taken)
    async def post(self, body: FixesBody, id: str) -> None:
        """Take each position once; those not taken on patrol are named and stored nowhere."""
        fixes = [Fix(at=one.at, lon=one.lon, lat=one.lat, accuracy_m=one.accuracy_m) for one in body.points]
        self.answer(await self.services.field.on_patrol.add(self.actor, id, body.crs, fixes, self.services.clock()))


class PatrolVisits(ApiHandler):
    """POST /api/v1/patrols/{id}/visits."""

    @operation("A check point was visited", permission="patrol.walk", body=PointVisitBody, result=PatrolView)
    async def post(self, body: PointVisitBody, id: str) -> None:
        """Put the visit down; again it stays as it was."""
        await self.services.pictures.check(self.actor, body.photos)
        patrol = await self.services.field.on_patrol.visit(
            self.actor, id, body.point, body.at, body.location, body.photos, self.services.clock()
        )
        await self.services.pictures.attach(body.photos, f"patrol:{id}")
        self.answer(patrol_view(patrol))


class PatrolTally(ApiHandler):
    """GET /api/v1/patrols/tally."""

    @operation("Patrols of some days against the norm", permission="patrol.read", query=TallyQuery, result=Items[Tally])
    async def get(self, query: TallyQuery) -> None:
        """Send what the patrols of each worker come to."""
        found = await self.services.field.patrols.tally(self.actor, query.first, query.last, area=query.area, worker=query.worker)
        self.answer(Items(found))


class PatrolPlanList(ApiHandler):
    """GET /api/v1/patrol-plans."""

    @operation("Patrols that repeat where I lead", permission="patrol.plan", query=PlansQuery, result=Items[PlanView])
    async def get(self, query: PlansQuery) -> None:
        """Send one page, by id."""
        found = await self.services.field.patrols.plans(self.actor, after=query.cursor or "", limit=query.limit)
        self.answer(Items([_plan_view(kept) for kept in found], found[-1].id if len(found) == query.limit else None))


class PatrolPlanHandler(ApiHandler):
    """PUT, DELETE /api/v1/patrol-plans/{id}."""

    @operation("Plan a patrol that repeats", permission="patrol.plan", body=PlanBody, result=PlanView)
    async def put(self, body: PlanBody, id: str) -> None:
        """Make the plan hold exactly this; today's patrol follows unless it has been begun."""
        if not _ID.fullmatch(id):
            raise field_error("id", "pattern")
        self.answer(_plan_view(await self.services.field.patrols.put_plan(self.actor, id, body.plan, rev=body.rev)))

    @operation("Take a plan out", permission="patrol.plan", status=204)
    async def delete(self, id: str) -> None:
        """Take it out; one that is not there is out already."""
        await self.services.field.patrols.remove_plan(self.actor, id)
        self.set_status(204)
