"""Visits: the list of places, what is due, what came of it. Addresses and notes go to who works there alone."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

import msgspec

from dispatch.reports import Location
from grid.visiting import GradeCount, Listed, NewVisit, PlaceRow
from grid.visits import Grade, Outcome, VisitMade
from web.api.asking import Latitude, Longitude
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items, moment
from web.tables import TableAnswer, TableBody, table_answer

__all__ = ["DueVisits", "PlaceVisits", "VisitCounts", "VisitPlaceHandler", "VisitPlaceImport", "VisitPlaceList"]

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class PlacesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Places by id."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Code | None = None


class DueQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The latest first; `overdue` leaves out what is only soon due."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    overdue: bool = False


class HistoryQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Newest first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


class PlaceBody(Body, frozen=True, kw_only=True):
    """A place that is to be visited: an address in a grid and its grade; nobody's name outside the note. `rev` as in rosters."""

    area_code: Code
    grade: Grade
    address: Annotated[str, msgspec.Meta(min_length=2, max_length=200)]
    lon: Longitude | None = None
    lat: Latitude | None = None
    crs: Annotated[str, msgspec.Meta(max_length=20)] = ""
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
    worker: Annotated[str, msgspec.Meta(max_length=64)] = ""
    rev: int | None = None


class MadeBody(Body, frozen=True, kw_only=True):
    """What came of a visit; only one at which somebody was spoken with (`seen`) counts. `case` was raised from it."""

    outcome: Outcome
    at: Instant | None = None
    location: Location | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
    case: Annotated[str, msgspec.Meta(max_length=64)] = ""


class PlaceView(msgspec.Struct, kw_only=True):
    """A place of the list, and when it is due; `days_over` is negative while days are left."""

    id: str
    rev: int
    area_code: str
    grade: str
    worker: str | None
    address: str
    lon: float | None
    lat: float | None
    note: str
    visited_at: str | None
    due_on: date
    days_over: int


class MadeView(msgspec.Struct, kw_only=True):
    """A visit."""

    id: str
    by: str
    at: str
    outcome: str
    distance_m: int | None
    note: str
    case: str | None


def _view(listed: Listed) -> PlaceView:
    place, private = listed.due.place, listed.private
    return PlaceView(
        id=place.id, rev=place.rev, area_code=place.area, grade=place.grade, worker=place.worker or None,
        address=private.address, lon=private.lon, lat=private.lat, note=private.note,
        visited_at=None if place.visited_at is None else moment(place.visited_at), due_on=listed.due.due_on,
        days_over=listed.due.days_over,
    )  # fmt: skip


def _made_view(made: VisitMade) -> MadeView:
    return MadeView(
        id=made.id, by=made.by, at=moment(made.at), outcome=made.outcome, distance_m=made.distance_m, note=made.note,
        case=made.case or None,
    )  # fmt: skip


class VisitPlaceList(ApiHandler):
    """GET /api/v1/visit-places."""

    @operation("Places to be visited where I work", permission="visit.make", query=PlacesQuery, result=Items[PlaceView])
    async def get(self, query: PlacesQuery) -> None:
        """Send one page, by id."""
        found = await self.services.field.visits.places(self.actor, after=query.cursor or "", limit=query.limit)
        self.answer(Items([_view(one) for one in found], found[-1].due.place.id if len(found) == query.limit else None))


class VisitPlaceHandler(ApiHandler):
    """GET, PUT, DELETE /api/v1/visit-places/{id}."""

    @operation("A place to be visited where I work", permission="visit.make", result=PlaceView)
    async def get(self, id: str) -> None:
        """Send it, whether or not it is due."""
        self.answer(_view(await self.services.field.visits.place(self.actor, id)))

    @operation("Put a place on the list", permission="visit.plan", body=PlaceBody, result=PlaceView)
    async def put(self, body: PlaceBody, id: str) -> None:
        """Make the place hold exactly this; its visits stay."""
        if not _ID.fullmatch(id):
            raise field_error("id", "pattern")
        fields = msgspec.structs.asdict(body)
        rev = fields.pop("rev")
        self.answer(_view(await self.services.field.visits.put(self.actor, PlaceRow(id=id, **fields), rev=rev)))

    @operation("Take a place off the list", permission="visit.plan", status=204)
    async def delete(self, id: str) -> None:
        """Take it off, and erase its visits; one that is not there is off already."""
        await self.services.field.visits.remove(self.actor, id)
        self.set_status(204)


class VisitPlaceImport(ApiHandler):
    """POST /api/v1/visit-places:import."""

    @operation(
        "Import places to be visited (id, area_code, grade, address, lon, lat, crs, note, worker)",
        permission="visit.plan",
        body=TableBody,
        result=TableAnswer,
    )
    async def post(self, body: TableBody) -> None:
        """Say what the table (columns id, area_code, grade, address, lon, lat, crs, note, worker) would do, or take it over as a
        whole; a row that is wrong is named and nothing is written."""
        done = await self.services.field.visits.take_over(self.actor, body.csv, dry_run=body.dry_run)
        self.answer(table_answer(done, body))


class DueVisits(ApiHandler):
    """GET /api/v1/visits/due."""

    @operation("Visits that are due where I work", permission="visit.make", query=DueQuery, result=Items[PlaceView])
    async def get(self, query: DueQuery) -> None:
        """Send them, the latest first."""
        found = await self.services.field.visits.due(self.actor, limit=query.limit, overdue_only=query.overdue)
        self.answer(Items([_view(one) for one in found]))


class VisitCounts(ApiHandler):
    """GET /api/v1/visits/counts."""

    @operation("How many places there are, and overdue", permission="visit.make", result=Items[GradeCount])
    async def get(self) -> None:
        """Send a line for each grade."""
        self.answer(Items(await self.services.field.visits.counts(self.actor)))


class PlaceVisits(ApiHandler):
    """GET, POST /api/v1/visit-places/{id}/visits."""

    @operation("Visits of a place", permission="visit.make", query=HistoryQuery, result=Items[MadeView])
    async def get(self, query: HistoryQuery, id: str) -> None:
        """Send them, newest first."""
        found = await self.services.field.visits.history(self.actor, id, query.limit)
        self.answer(Items([_made_view(made) for made in found]))

    @operation("Put a visit down", permission="visit.make", body=MadeBody, result=MadeView, status=201, idempotent=True)
    async def post(self, body: MadeBody, id: str) -> None:
        """Answer 201 with the visit, 200 when the key is known."""
        new = NewVisit(outcome=body.outcome, at=body.at, location=body.location, note=body.note, case=body.case)
        made, created = await self.services.field.visits.visit(self.actor, id, new, key=self.idempotency_key)
        self.answer(_made_view(made), status=201 if created else 200)
