"""On patrol: clock in, send positions, visit check points, end (domain.md §5.5, §7.1).

A phone is often without signal: everything may arrive late, twice and out of order, and says itself when it happened. Positions
are taken of the time between start and end alone, within the shift; all others are refused and stored nowhere. Only the worker
and who leads the grid see a track, and that somebody else than the worker looks at it is written down first.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from dispatch.actors import Actor
from dispatch.city import PatrolParams
from dispatch.reports import Location
from grid.coordinates import to_wgs84
from grid.errors import OutsideGrid, OutsideTime, PatrolState, TooFar
from grid.nearness import apart
from grid.patrolling import Patrols, leads
from grid.patrols import SKEW, Patrol, Visited, time_left_for_points, track_ends
from grid.service import Territory
from grid.tracks import Fix, measure
from storage.errors import FieldError, HeyunError, Invalid, NotFound

__all__ = ["OnPatrol", "Taken"]

AT_ONCE = 200
SYSTEM = "system"  # ends what nobody has ended; what comes late may still move that end
log = logging.getLogger(__name__)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch of positions: how many were stored, were known already, and the places in the batch of those that
    were refused because they were not taken on patrol."""

    stored: int
    known: int
    refused: list[int]


class OnPatrol:
    """What a worker does on patrol. `patrols` finds them and knows the city's terms."""

    def __init__(self, patrols: Patrols, territory: Territory) -> None:
        self._patrols = patrols
        self._store = patrols.store
        self._territory = territory

    async def start(self, actor: Actor, id: str, at: datetime | None, location: Location, now: datetime) -> Patrol:
        """Clock in (打卡) where and when the device says; a patrol that was begun stays as it is.

        Raises `NotFound` for the patrol of others, `OutsideTime`, `OutsideGrid` with the distance, `PatrolState`.
        """
        patrol, at = await self._own(actor, id), at or now
        if patrol.started_at is not None:
            return patrol
        opens = patrol.begins_at - timedelta(minutes=self._params.early_minutes)
        if not opens <= at <= patrol.ends_at or at > now + SKEW or now > time_left_for_points(patrol, self._params):
            raise OutsideTime("the patrol is begun in its time", begins=opens, ends=patrol.ends_at)
        lon, lat = to_wgs84(location.lon, location.lat, location.crs)
        away = self._territory.metres_outside(patrol.areas, [lon], [lat])[0] - self._believed(location.accuracy_m)
        if away > self._params.buffer_m:
            raise OutsideGrid("clock in inside the grid", distance_m=round(away), allowed_m=self._params.buffer_m)
        begun = await self._store.change(id, ("planned", "missed"), {"state": "walking", "started_at": at})
        return begun or await self._begun(actor, id)

    async def end(self, actor: Actor, id: str, at: datetime | None, now: datetime) -> Patrol:
        """End a patrol when the device says; one that its worker has ended stays as it is.

        Raises `NotFound`, `PatrolState`, `OutsideTime`.
        """
        patrol, at = await self._begun(actor, id), at or now
        if patrol.ended_at is not None and patrol.ended_by != SYSTEM:
            return patrol
        assert patrol.started_at is not None  # noqa: S101  # it has been begun
        if not patrol.started_at <= at <= now + SKEW:
            raise OutsideTime("the end of a patrol lies behind its start", begins=patrol.started_at, ends=now)
        return await self._ended(patrol, min(at, patrol.closes_at), actor.id)

    async def add(self, actor: Actor, id: str, crs: str, fixes: Sequence[Fix], now: datetime) -> Taken:
        """Take positions, each once; what was not taken on patrol is refused and stored nowhere.

        Raises `NotFound`, `PatrolState` (not begun), `OutsideTime` when a patrol has been over for too long.
        """
        patrol = await self._begun(actor, id)
        if now > (until := time_left_for_points(patrol, self._params)):
            raise OutsideTime("too late for this patrol", begins=patrol.started_at, ends=until)
        assert patrol.started_at is not None  # noqa: S101  # it has been begun
        begin, end = patrol.started_at, track_ends(patrol, now)
        good = [fix for fix in fixes if begin <= fix.at <= end]
        known = await self._store.add_fixes(id, self._placed(patrol, crs, good))
        patrol = await self._begun(actor, id)
        if patrol.ended_at is not None:  # it has come late, or the patrol was ended meanwhile
            await self._ended(patrol, max([patrol.ended_at, *(fix.at for fix in good)]), SYSTEM)
        refused = [number for number, fix in enumerate(fixes) if not begin <= fix.at <= end]
        return Taken(stored=len(good) - known, known=known, refused=refused)

    async def visit(
        self, actor: Actor, id: str, point: str, at: datetime | None, location: Location, photos: tuple[str, ...], now: datetime
    ) -> Patrol:
        """Put down that a check point was visited; one that was visited before stays so.

        Raises `NotFound`, `PatrolState`, `OutsideTime`, `TooFar` with the distance, `Invalid` for a photo that is missing.
        """
        patrol, at = await self._begun(actor, id), at or now
        wanted = next((one for one in patrol.points if one.id == point), None)
        if wanted is None:
            raise Invalid(errors=[FieldError("point", "unknown_code", ", ".join(one.id for one in patrol.points))])
        if any(visit.point == point for visit in patrol.visits):
            return patrol
        assert patrol.started_at is not None  # noqa: S101  # it has been begun
        if not patrol.started_at <= at <= track_ends(patrol, now) or now > time_left_for_points(patrol, self._params):
            raise OutsideTime("visited on patrol", begins=patrol.started_at, ends=track_ends(patrol, now))
        lon, lat = to_wgs84(location.lon, location.lat, location.crs)
        metres = apart(lon, lat, wanted.lon, wanted.lat)
        if metres - self._believed(location.accuracy_m) > self._params.visit_radius_m:
            raise TooFar("go to the check point", distance_m=round(metres), allowed_m=self._params.visit_radius_m)
        if wanted.photo and not photos:
            raise Invalid(errors=[FieldError("photos", "required", "this check point asks for a photo")])
        visited = Visited(point=point, at=at, photos=photos, distance_m=round(metres))
        await self._store.add_visit(id, msgspec.structs.asdict(visited))
        return await self._begun(actor, id)

    async def track(self, actor: Actor, id: str, now: datetime) -> Sequence[Fix]:
        """Return the positions of a patrol that are still kept. Raises `NotFound` for all but the worker and who leads the grid;
        that the lead looks is written down."""
        patrol = await self._patrols.get(actor, id)
        if actor.id != patrol.worker:
            if not leads(actor, patrol.codes):
                raise NotFound("track")
            entry = {"_id": secrets.token_hex(12), "at": now, "by": actor.id, "role": actor.role}
            await self._store.note_view({**entry, "worker": patrol.worker, "patrol": id})
        return await self._store.fixes(id)

    async def so_far(self, actor: Actor, patrol: Patrol, now: datetime) -> Patrol:
        """Return a patrol with what its track shows up to now, while its worker walks it and for that worker alone."""
        if patrol.state != "walking" or patrol.started_at is None or actor.id != patrol.worker:
            return patrol
        until = max(patrol.started_at, min(now, patrol.closes_at))
        track = measure(await self._store.fixes(patrol.id), patrol.started_at, until, valid_share=self._params.valid_share)
        return msgspec.structs.replace(patrol, track=track)

    # -- jobs

    async def settle(self, now: datetime) -> int:
        """End what nobody has ended in its time, and call missed what nobody has begun; returns how many."""
        settled = 0
        for patrol in await self._store.overdue("planned", now, AT_ONCE):
            settled += await self._store.change(patrol.id, ("planned",), {"state": "missed"}) is not None
        for patrol in await self._store.overdue("walking", now, AT_ONCE):
            settled += await self._end_late(patrol)
        return settled

    async def _end_late(self, patrol: Patrol) -> bool:
        """It ended when the device was heard of last. One that fails does not hold up the rest."""
        try:
            last = [fix.at for fix in await self._store.fixes(patrol.id)][-1:]
            heard = max([*last, *(visit.at for visit in patrol.visits)], default=patrol.started_at)
            assert heard is not None  # noqa: S101  # it has been begun
            await self._ended(patrol, min(heard, patrol.closes_at), SYSTEM)
        except HeyunError as error:
            log.warning("patrol %s could not be ended this time: %s", patrol.id, error.code)
            return False
        return True

    # -- what all share

    @property
    def _params(self) -> PatrolParams:
        return self._patrols.terms.patrols

    def _believed(self, accuracy_m: float | None) -> float:
        return min(accuracy_m or 0.0, float(self._params.accuracy_m))

    async def _own(self, actor: Actor, id: str) -> Patrol:
        patrol = await self._store.find(id)
        if patrol is None or patrol.worker != actor.id:
            raise NotFound("patrol")
        if patrol.state == "cancelled":
            raise PatrolState("it was called off", state=patrol.state)
        return patrol

    async def _begun(self, actor: Actor, id: str) -> Patrol:
        patrol = await self._own(actor, id)
        if patrol.started_at is None:
            raise PatrolState("clock in first", state=patrol.state)
        return patrol

    async def _ended(self, patrol: Patrol, at: datetime, by: str) -> Patrol:
        """Measure the track again whenever more of it has come; what was taken after the end is erased."""
        ended = await self._store.finish(patrol.id, at, by, over=SYSTEM) or await self._store.find(patrol.id)
        if ended is None or ended.started_at is None or ended.ended_at is None:
            raise NotFound("patrol")
        await self._store.drop_fixes(patrol.id, after=ended.ended_at)
        fixes = await self._store.fixes(patrol.id)
        track = measure(fixes, ended.started_at, ended.ended_at, valid_share=self._params.valid_share)
        return await self._store.put_track(patrol.id, track) or ended

    def _placed(self, patrol: Patrol, crs: str, fixes: Sequence[Fix]) -> list[Fix]:
        """In WGS-84, each with whether it lies in the grids as far as the device can tell."""
        if not fixes:
            return []
        points = [to_wgs84(fix.lon, fix.lat, crs) for fix in fixes]
        away = self._territory.metres_outside(patrol.areas, [lon for lon, _ in points], [lat for _, lat in points])
        return [
            Fix(at=fix.at, lon=lon, lat=lat, accuracy_m=fix.accuracy_m, inside=metres <= self._believed(fix.accuracy_m))
            for fix, (lon, lat), metres in zip(fixes, points, away, strict=True)
        ]
