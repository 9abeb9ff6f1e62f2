"""Where patrols, their plans and their tracks lie in the database, and documents to values and back.

A position of a track is one document, its coordinates sealed: `_id` is the patrol and the millisecond, so that one that
is sent again is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from dispatch.intake import Cipher
from grid.patrols import Patrol, PatrolPlan
from grid.tracks import Fix, Measured
from storage.client import Database
from storage.indexes import Index
from storage.registers import CHANGES_OF

__all__ = ["INDEXES", "PATROLS", "PLANS", "PLAN_CHANGES", "TRACKS", "TRACK_VIEWS", "PatrolStore", "plan_content", "plan_of"]

PATROLS, PLANS, PLAN_CHANGES = "patrols", "patrol_plans", "patrol_plan_changes"
TRACKS, TRACK_VIEWS, DAYS = "patrol_tracks", "patrol_track_views", "patrol_days"

INDEXES: Mapping[str, Sequence[Index]] = {
    PATROLS: (
        Index((("worker", 1), ("day", 1), ("_id", 1)), serves="GET /patrols of a worker by day"),
        Index((("codes", 1), ("day", 1), ("_id", 1)), serves="GET /patrols of an area by day, and their tally"),
        Index((("state", 1), ("closes_at", 1)), serves="patrols whose time is over"),
        Index((("plan", 1), ("day", 1)), serves="the patrol of a plan that is taken out"),
    ),
    PLANS: (Index((("codes", 1), ("_id", 1)), serves="GET /patrol-plans of an area"),),
    PLAN_CHANGES: (CHANGES_OF,),
    TRACKS: (
        Index((("patrol", 1), ("at", 1)), serves="the track of a patrol"),
        Index((("at", 1),), serves="erasing what was kept long enough"),
    ),
    TRACK_VIEWS: (Index((("worker", 1), ("at", -1)), serves="who has looked at somebody's tracks"),),
    DAYS: (),
}
_TIMES = (datetime,)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PatrolStore:
    """Reads and writes patrols."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    async def find(self, id: str) -> Patrol | None:
        """Return a patrol, or None."""
        document = await self._database.find_one(PATROLS, {"_id": id})
        return None if document is None else _patrol(document)

    async def insert(self, patrol: Patrol, request: str) -> bool:
        """Put a new patrol in place; False when there is one of this id. `request` tells what it was made from."""
        return await self._database.insert_one(PATROLS, _document(patrol) | {"request": request})

    async def request_of(self, id: str) -> str | None:
        """Return what a patrol was made from."""
        document = await self._database.find_one(PATROLS, {"_id": id}, projection={"request": 1})
        return None if document is None else document.get("request")

    async def renew(self, patrol: Patrol) -> None:
        """Put a patrol in place of one that nobody has begun."""
        await self._database.replace_one(PATROLS, {"_id": patrol.id, "state": "planned"}, _document(patrol) | {"request": ""})

    async def drop_planned(self, plan: str, day: date) -> None:
        """Take out the patrols of a plan from a day on that nobody has begun."""
        await self._database.delete_many(PATROLS, {"plan": plan, "day": {"$gte": day.isoformat()}, "state": "planned"})

    async def change(self, id: str, states: Sequence[str], fields: Mapping[str, Any]) -> Patrol | None:
        """Set fields of a patrol that is in one of these states; None when it is not."""
        wanted = {"_id": id, "state": {"$in": list(states)}}
        document = await self._database.find_one_and_update(PATROLS, wanted, {"$set": _stored(fields)})
        return None if document is None else _patrol(document)

    async def finish(self, id: str, at: datetime, by: str, *, over: str) -> Patrol | None:
        """End a patrol that goes on, or that was ended by `over`, which knew less; None for any other."""
        wanted = {"_id": id, "started_at": {"$ne": None}, "$or": [{"state": "walking"}, {"state": "ended", "ended_by": over}]}
        fields = {"state": "ended", "ended_at": at, "ended_by": by}
        document = await self._database.find_one_and_update(PATROLS, wanted, {"$set": fields})
        return None if document is None else _patrol(document)

    async def put_track(self, id: str, track: Measured) -> Patrol | None:
        """Put down what a track shows, unless more of it was measured already; None then."""
        wanted = {"_id": id, "$or": [{"track": None}, {"track.fixes": {"$lte": track.fixes}}]}
        fields = {"track": _stored(msgspec.structs.asdict(track))}
        document = await self._database.find_one_and_update(PATROLS, wanted, {"$set": fields})
        return None if document is None else _patrol(document)

    async def add_visit(self, id: str, visit: Mapping[str, Any]) -> None:
        """Put down that a check point was visited, once."""
        wanted = {"_id": id, "visits.point": {"$ne": visit["point"]}}
        await self._database.update_one(PATROLS, wanted, {"$push": {"visits": _stored(visit)}})

    async def of_day(self, filter: Mapping[str, Any], *, after: str, limit: int) -> list[Patrol]:
        """Return the patrols of one worker or area and one day, by id."""
        found = await self._database.find(PATROLS, {**filter, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit)
        return [_patrol(document) for document in found]

    async def between(self, filter: Mapping[str, Any], first: date, last: date, most: int) -> Sequence[Patrol]:
        """Return the patrols of one worker or area from a day to a day."""
        days = {"day": {"$gte": first.isoformat(), "$lte": last.isoformat()}}
        found = await self._database.find(PATROLS, {**filter, **days}, sort=[("day", 1), ("_id", 1)], limit=most)
        return [_patrol(document) for document in found]

    async def overdue(self, state: str, now: datetime, limit: int) -> Sequence[Patrol]:
        """Return patrols in a state whose time is over."""
        wanted = {"state": state, "closes_at": {"$lt": now}}
        found = await self._database.find(PATROLS, wanted, sort=[("closes_at", 1)], limit=limit)
        return [_patrol(document) for document in found]

    # -- plans

    async def plans(self, codes: Sequence[str] | None, *, after: str = "", limit: int = 0) -> Sequence[Mapping[str, Any]]:
        """Return the plans of areas, by id; None: of all."""
        wanted: dict[str, Any] = {"_id": {"$gt": after}} | ({} if codes is None else {"codes": {"$in": list(codes)}})
        return await self._database.find(PLANS, wanted, sort=[("_id", 1)], limit=limit)

    async def is_made(self, day: date) -> bool:
        """Tell whether the patrols of a day have been made."""
        return await self._database.find_one(DAYS, {"_id": day.isoformat()}) is not None

    async def mark_made(self, day: date, at: datetime) -> None:
        """Remember that the patrols of a day have been made."""
        await self._database.insert_one(DAYS, {"_id": day.isoformat(), "at": at})

    # -- tracks

    async def add_fixes(self, patrol: str, fixes: Sequence[Fix]) -> int:
        """Store positions; returns how many were known already."""
        if not fixes:
            return 0
        return len(await self._database.insert_many(TRACKS, [self._sealed(patrol, fix) for fix in fixes]))

    async def fixes(self, patrol: str) -> Sequence[Fix]:
        """Return the positions of a patrol in the order of time."""
        found = await self._database.find(TRACKS, {"patrol": patrol}, sort=[("at", 1)])
        return [self._opened(document) for document in found]

    async def drop_fixes(self, patrol: str, *, after: datetime) -> None:
        """Erase the positions of a patrol that were taken after it had ended."""
        await self._database.delete_many(TRACKS, {"patrol": patrol, "at": {"$gt": after}})

    async def erase_tracks(self, before: datetime) -> int:
        """Erase all positions from before an instant; returns how many."""
        return await self._database.delete_many(TRACKS, {"at": {"$lt": before}})

    async def note_view(self, entry: Mapping[str, Any]) -> None:
        """Write down that somebody looks at somebody's track."""
        await self._database.insert_one(TRACK_VIEWS, dict(entry))

    def _sealed(self, patrol: str, fix: Fix) -> dict[str, Any]:
        id = f"{patrol}:{_milliseconds(fix.at)}"
        text = f"{fix.lon:.7f} {fix.lat:.7f}"
        where = self._cipher.seal(text, document_id=id, field="where")
        return {"_id": id, "patrol": patrol, "at": fix.at, "where": where, "accuracy_m": fix.accuracy_m, "inside": fix.inside}

    def _opened(self, document: dict[str, Any]) -> Fix:
        lon, lat = self._cipher.open(document["where"], document_id=document["_id"], field="where").split()
        return Fix(
            at=document["at"], lon=float(lon), lat=float(lat), accuracy_m=document["accuracy_m"], inside=document["inside"]
        )


def plan_content(plan: PatrolPlan, codes: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a plan's document; `codes` are its areas and all above them."""
    return {**_stored(msgspec.structs.asdict(plan)), "codes": list(codes)}


def plan_of(document: Mapping[str, Any]) -> PatrolPlan:
    """Return the plan that a document holds."""
    return msgspec.convert(document, PatrolPlan, builtin_types=_TIMES)


def _stored(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(dict(fields), builtin_types=_TIMES)
    return found


def _document(patrol: Patrol) -> dict[str, Any]:
    fields = _stored(msgspec.structs.asdict(patrol))
    return {"_id": fields.pop("id"), **fields}


def _patrol(document: dict[str, Any]) -> Patrol:
    return msgspec.convert({**document, "id": document["_id"]}, Patrol, builtin_types=_TIMES)


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
