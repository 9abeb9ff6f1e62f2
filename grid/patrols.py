"""Patrols: who walks where and when, which places are to be seen, what came of it (domain.md §5.5). Pure.

A patrol belongs to one worker and one local day; its shift is that day's from–to. It is `planned`, then `walking`, then `ended`;
one that nobody began is `missed`. A plan repeats on weekdays; each day has one patrol of each plan at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from dispatch.city import PatrolParams
from grid.tracks import Measured

__all__ = [
    "CheckPoint", "Clock", "Patrol", "PatrolPlan", "Tally", "Visited", "coverage_of", "patrol_id", "shift_of", "tally",
    "time_left_for_points", "track_ends",
]  # fmt: skip

State = Literal["planned", "walking", "ended", "missed", "cancelled"]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="a local time like 09:30")]
SKEW = timedelta(minutes=2)  # a device's clock may be ahead by so much


class CheckPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A place that is to be seen on a patrol (WGS-84): whether a photo is wanted, whether it is a key place (重点部位)."""

    id: str
    name: str
    lon: float
    lat: float
    photo: bool = False
    key: bool = False


class Visited(msgspec.Struct, frozen=True, kw_only=True):
    """A check point that was visited: when, with which photos, how far from it the device was."""

    point: str
    at: datetime
    photos: tuple[str, ...] = ()
    distance_m: int = 0


class PatrolPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A patrol that repeats: on which weekdays (1 Monday … 7; empty: every day), from when to when (local; an end at or before
    the beginning is the next morning), between which days (both counted). Without worker whoever is on duty goes."""

    name: str
    areas: tuple[str, ...]
    begins: Clock
    ends: Clock
    worker: str = ""
    weekdays: tuple[int, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    points: tuple[CheckPoint, ...] = ()
    active: bool = True

    def is_on(self, day: date) -> bool:
        """Tell whether the plan asks for a patrol on a local day."""
        if not self.active or (self.weekdays and day.isoweekday() not in self.weekdays):
            return False
        return (self.first_day is None or self.first_day <= day) and (self.last_day is None or day <= self.last_day)


class Patrol(msgspec.Struct, frozen=True, kw_only=True):
    """One patrol. `codes` are its areas and all above them; `closes_at` is when it can go on no longer."""

    id: str
    name: str
    worker: str
    areas: tuple[str, ...]
    codes: tuple[str, ...]
    day: date
    begins_at: datetime
    ends_at: datetime
    closes_at: datetime
    points: tuple[CheckPoint, ...] = ()
    state: State = "planned"
    plan: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    visits: tuple[Visited, ...] = ()
    track: Measured | None = None
    made_by: str = ""
    made_at: datetime | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker's patrols of some days come to, against the norm.

    `short_days` are days with a patrol due and less than the norm of minutes, `key_short` key places that were due and not
    visited often enough in a whole week (the name and the Monday). `coverage` is None where nothing was planned.
    """

    worker: str
    patrols: int
    missed: int
    invalid: int
    minutes: int
    distance_m: int
    planned_points: int
    visited_points: int
    coverage: float | None
    short_days: tuple[date, ...]
    key_short: tuple[tuple[str, date], ...]


def patrol_id(plan: str, day: date) -> str:
    """Return the id of a plan's patrol of a day: one however often it is made."""
    return blake2b(f"{plan}\0{day}".encode(), digest_size=16, person=b"heyun-patrol").hexdigest()


def shift_of(begins: str, ends: str, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants between which a shift of a local day lies; one that ends at or before its beginning ends tomorrow.

    >>> begin, end = shift_of("22:00", "02:00", date(2026, 11, 22), ZoneInfo("Asia/Shanghai"))
    >>> begin.isoformat(), (end - begin).total_seconds() / 3600
    ('2026-11-22T22:00:00+08:00', 4.0)
    """
    begin, end = (datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone) for clock in (begins, ends))
    return begin, end if end > begin else end + timedelta(days=1)


def track_ends(patrol: Patrol, now: datetime) -> datetime:
    """Return the last instant of which a position may be taken: the worker's own end, else now or when the patrol closes."""
    if patrol.ended_at is not None and patrol.ended_by == patrol.worker:
        return patrol.ended_at
    return min(now + SKEW, patrol.closes_at)


def time_left_for_points(patrol: Patrol, params: PatrolParams) -> datetime:
    """Return until when what the device could not send is still taken."""
    return (patrol.ended_at or patrol.closes_at) + timedelta(hours=params.late_hours)


def coverage_of(patrol: Patrol) -> float | None:
    """Return the share of the planned check points that were visited; None where none was planned (domain.md §6.1)."""
    planned = {point.id for point in patrol.points}
    return round(len(planned & {visit.point for visit in patrol.visits}) / len(planned), 3) if planned else None


def tally(worker: str, patrols: Sequence[Patrol], params: PatrolParams, today: date) -> Tally:
    """Return what the patrols of one worker come to. Days and weeks that are not over are not short yet."""
    due = [patrol for patrol in patrols if patrol.state != "cancelled"]
    minutes = _minutes_by_day(due)
    planned = sum(len(patrol.points) for patrol in due)
    visited = sum(len({visit.point for visit in patrol.visits}) for patrol in due)
    tracks = [patrol.track for patrol in due if patrol.track is not None]
    return Tally(
        worker=worker,
        patrols=len(due),
        missed=sum(patrol.state == "missed" for patrol in due),
        invalid=sum(not track.valid for track in tracks),
        minutes=sum(minutes.values()),
        distance_m=sum(track.distance_m for track in tracks),
        planned_points=planned,
        visited_points=visited,
        coverage=round(visited / planned, 3) if planned else None,
        short_days=tuple(day for day, spent in sorted(minutes.items()) if day < today and spent < params.day_minutes),
        key_short=tuple(_key_short(due, params, today)),
    )


def _minutes_by_day(patrols: Iterable[Patrol]) -> dict[date, int]:
    """Two patrols at the same time are walked in one time."""
    spans: dict[date, list[tuple[datetime, datetime]]] = {}
    for patrol in patrols:
        of_day = spans.setdefault(patrol.day, [])
        if patrol.started_at is not None and patrol.ended_at is not None:
            of_day.append((patrol.started_at, patrol.ended_at))
    return {day: _length(sorted(found)) // timedelta(minutes=1) for day, found in spans.items()}


def _length(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    total, reached = timedelta(), None
    for begin, end in spans:
        start = begin if reached is None else max(begin, reached)
        total += max(end - start, timedelta())
        reached = end if reached is None else max(end, reached)
    return total


def _key_short(patrols: Iterable[Patrol], params: PatrolParams, today: date) -> list[tuple[str, date]]:
    visits: dict[tuple[str, date], int] = {}
    for patrol in patrols:
        monday = patrol.day - timedelta(days=patrol.day.weekday())
        seen = {visit.point for visit in patrol.visits}
        for point in patrol.points:
            if point.key and monday + timedelta(days=7) <= today:
                name = (point.name, monday)
                visits[name] = visits.get(name, 0) + (point.id in seen)
    return sorted(name for name, count in visits.items() if count < params.key_visits_a_week)
