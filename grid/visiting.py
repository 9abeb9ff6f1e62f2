"""Keeping the list of places that are to be visited, and visiting them (domain.md §5.5).

A grid lead keeps the list of the grids led; whoever works in the grid sees what is due there and puts visits down. A place that
is taken off the list takes its visits with it: nothing personal stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from dispatch.actors import Actor
from dispatch.errors import IdempotencyKeyRequired, IdempotencyMismatch
from dispatch.packs import Imported, PackReport, rows_of
from dispatch.ports import Directory, Locator
from dispatch.reports import Location
from dispatch.service import CaseService
from grid.coordinates import to_wgs84
from grid.nearness import apart
from grid.terms import Terms
from grid.visit_store import KEPT, PLACE_CHANGES, PLACES, SEALED, VisitStore, place_of
from grid.visits import COUNTS, GRADES, Due, Grade, Outcome, Private, VisitMade, VisitPlace, cadence, due_of, ordered
from storage.client import Database
from storage.errors import FieldError, Forbidden, HeyunError, Invalid, NotFound
from storage.registers import Act, Register

__all__ = ["GradeCount", "Listed", "NewVisit", "PlaceRow", "Visits"]

TABLE = "visit_places.csv"
MOST_ROWS = 5000
SKEW = timedelta(minutes=2)
EARLIEST = timedelta(days=30)
WORKING = frozenset({"grid_worker", "grid_lead"})


class PlaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table of places; what it says of a place is what the API takes."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    area_code: str
    grade: Grade
    address: Annotated[str, msgspec.Meta(min_length=2, max_length=200)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    crs: str = ""
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
    worker: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A place of the list with what is personal, for who works there."""

    due: Due
    private: Private


class NewVisit(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as it is put down: when (else now), what came of it, where the device was, a note, a case raised from it."""

    outcome: Outcome
    at: datetime | None = None
    location: Location | None = None
    note: str = ""
    case: str = ""


class GradeCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many places of a grade there are, and how many of them should have been visited by now."""

    grade: Grade
    places: int
    overdue: int


class Visits:
    """The places that are to be visited, and the visits."""

    def __init__(
        self, database: Database, store: VisitStore, locator: Locator, directory: Directory, cases: CaseService,
        terms: Terms, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._register = Register(database, PLACES, PLACE_CHANGES, keeps=KEPT, hides=(SEALED,))
        self._store = store
        self._locator = locator
        self._directory = directory
        self._cases = cases
        self._terms = terms
        self._clock = clock

    # -- the list

    async def places(self, actor: Actor, *, after: str = "", limit: int = 100) -> list[Listed]:
        """Return the places of the grids where the actor works, by id."""
        found = await self._store.places(sorted(actor.scope.areas), after=after, limit=limit)
        return [self._listed(document) for document in found]

    async def place(self, actor: Actor, id: str) -> Listed:
        """Return a place of the grids where the actor works. Raises `NotFound` for a place of others."""
        return self._listed(await self._reached(actor, id))

    async def put(self, actor: Actor, row: PlaceRow, *, rev: int | None = None) -> Listed:
        """Make a place of the list hold exactly this. Raises `Invalid`, `Forbidden` for the grids of others, `StaleRev`."""
        if errors := list(self._errors(row)):
            raise Invalid("the place cannot be accepted", errors=errors)
        codes = self._codes(row)
        self._check_led(actor, codes)
        before = await self._store.find(row.id)
        if before is not None:
            self._check_led(actor, before["codes"])
            if self._same(before, row):
                return self._listed(before)
        return self._listed(await self._register.put(row.id, self._content(row, codes), self._act(actor), rev=rev))

    async def remove(self, actor: Actor, id: str) -> None:
        """Take a place off the list, and erase its visits. Raises `Forbidden`."""
        if (before := await self._store.find(id)) is not None:
            self._check_led(actor, before["codes"])
            await self._register.remove(id, self._act(actor))
            await self._store.drop_visits(id)

    async def take_over(self, actor: Actor, text: str, *, dry_run: bool) -> Imported:
        """Add the places of a table; with `dry_run` only say what would be done.

        All rows or none: raises `PackInvalid` with every row that is wrong.
        """
        report = PackReport()
        table = rows_of(text, TABLE, PlaceRow, report, unique=("id",), most=MOST_ROWS)
        for number, row in table:
            self._report(actor, number, row, report)
        report.raise_if_errors()
        new = changed = 0
        for _, row in table:
            before = await self._store.find(row.id)
            if before is None or not self._same(before, row):
                new, changed = new + (before is None), changed + (before is not None)
                if not dry_run:
                    await self._register.put(row.id, self._content(row, self._codes(row)), self._act(actor))
        return Imported(new=new, changed=changed, same=len(table) - new - changed)

    # -- what is due

    async def due(self, actor: Actor, *, limit: int, overdue_only: bool = False) -> list[Listed]:
        """Return the visits that are due in the grids where the actor works, or soon will be, the latest first. A worker is shown
        what is left to nobody else."""
        params, today = self._terms.visits, self._today()
        ahead = timedelta(days=-1 if overdue_only else params.soon_days)
        workers = None if actor.role == "grid_lead" else ("", actor.id)
        found: dict[str, dict[str, Any]] = {}
        for grade in GRADES:
            until = today - cadence(grade, params) + ahead
            for document in await self._store.due(sorted(actor.scope.areas), grade, until, workers, limit):
                found[document["_id"]] = document
        late = ordered(due_of(place_of(document), params, today) for document in found.values())[:limit]
        return [Listed(due=due, private=self._store.opened(found[due.place.id])) for due in late]

    async def counts(self, actor: Actor) -> list[GradeCount]:
        """Return for each grade how many places there are where the actor works, and how many are overdue."""
        codes, params, today = sorted(actor.scope.areas), self._terms.visits, self._today()
        found = []
        for grade in GRADES:
            before = today - cadence(grade, params) - timedelta(days=1)
            places, overdue = await self._store.count(codes, grade), await self._store.count(codes, grade, before)
            found.append(GradeCount(grade=grade, places=places, overdue=overdue))
        return found

    # -- visits

    async def visit(self, actor: Actor, id: str, new: NewVisit, *, key: str | None) -> tuple[VisitMade, bool]:
        """Put a visit down, once for its key; returns it and whether it is new.

        Raises `NotFound` for a place of others, `Invalid` (a time that is not within the last 30 days, a case that the actor may
        not see), `IdempotencyKeyRequired`, `IdempotencyMismatch`.
        """
        document = await self._reached(actor, id)
        if not key:
            raise IdempotencyKeyRequired
        now = self._clock()
        at = _whole(new.at or now)
        if not now - EARLIEST <= at <= now + SKEW:
            raise Invalid(errors=[FieldError("at", "range", "within the last 30 days")])
        if new.case:
            await self._check_case(actor, new.case)
        name = "\0".join((id, actor.source, actor.id, key))
        made = VisitMade(
            id=blake2b(name.encode(), digest_size=16, person=b"heyun-visit").hexdigest(), place=id, by=actor.id, at=at,
            outcome=new.outcome, distance_m=self._distance(self._store.opened(document), new.location), note=new.note,
            case=new.case,
        )  # fmt: skip
        is_new = await self._store.add_visit(made)
        there = made if is_new else await self._store.visit(made.id) or made
        if msgspec.structs.replace(there, at=at) != made or (new.at is not None and there.at != at):
            raise IdempotencyMismatch("this key came with another visit before")
        if there.outcome in COUNTS:  # again where a process that died has left it undone
            await self._store.count_from(id, self._terms.day_of(there.at), there.at)
        return there, is_new

    async def history(self, actor: Actor, id: str, limit: int) -> Sequence[VisitMade]:
        """Return the visits of a place, newest first. Raises `NotFound` for a place of others."""
        await self._reached(actor, id)
        return await self._store.visits(id, limit)

    async def _reached(self, actor: Actor, id: str) -> dict[str, Any]:
        document = await self._store.find(id)
        if document is None or actor.scope.areas.isdisjoint(document["codes"]):
            raise NotFound("place")
        return document

    async def _check_case(self, actor: Actor, case: str) -> None:
        try:
            await self._cases.get(actor=actor, case_id=case)
        except NotFound:
            raise Invalid(errors=[FieldError("case", "unknown_case")]) from None

    def _distance(self, private: Private, location: Location | None) -> int | None:
        if location is None or private.lon is None or private.lat is None:
            return None
        lon, lat = to_wgs84(location.lon, location.lat, location.crs)
        return round(apart(lon, lat, private.lon, private.lat))

    # -- what all share

    def _today(self) -> date:
        return self._terms.day_of(self._clock())

    def _act(self, actor: Actor) -> Act:
        return Act(by=actor.id, role=actor.role, at=self._clock())

    def _listed(self, document: dict[str, Any]) -> Listed:
        due = due_of(place_of(document), self._terms.visits, self._today())
        return Listed(due=due, private=self._store.opened(document))

    def _content(self, row: PlaceRow, codes: Sequence[str]) -> dict[str, Any]:
        place = {
            "area": row.area_code, "codes": list(codes), "grade": row.grade, "worker": row.worker,
            "since": self._today().isoformat(), "visited_at": None,
        }  # fmt: skip
        return self._store.content(row.id, place, _private(row))

    def _same(self, document: dict[str, Any], row: PlaceRow) -> bool:
        place: VisitPlace = place_of(document)
        known = (place.area, place.grade, place.worker, self._store.opened(document))
        return known == (row.area_code, row.grade, row.worker, _private(row))

    def _errors(self, row: PlaceRow) -> Iterator[FieldError]:
        ref = self._locator.area(row.area_code)
        if ref is None or ref.level != "grid":
            yield FieldError("area_code", "unknown_area", "the code of a grid")
        person = self._directory.colleague(row.worker) if row.worker else None
        if row.worker and (person is None or person.role not in WORKING):
            yield FieldError("worker", "unknown_code", "the user name of a grid worker")
        if row.lon is not None or row.lat is not None:
            yield from self._point_errors(row)

    def _point_errors(self, row: PlaceRow) -> Iterator[FieldError]:
        if row.lon is None or row.lat is None or not row.crs:
            yield FieldError("crs", "required", "lon, lat and crs together, or none")
            return
        try:
            self._locator.locate(row.lon, row.lat, row.crs)
        except HeyunError as error:
            yield FieldError("crs" if error.code == "unknown_crs" else "lon", error.code, "a point of the city")

    def _report(self, actor: Actor, number: int, row: PlaceRow, report: PackReport) -> None:
        errors = list(self._errors(row))
        for error in errors:
            report.error(TABLE, number, error.field, f"allowed: {error.message}", code=error.code)
        if not errors and actor.scope.areas.isdisjoint(self._codes(row)):
            report.error(TABLE, number, "area_code", "a grid that you lead", code="not_yours")

    def _codes(self, row: PlaceRow) -> tuple[str, ...]:
        return self._locator.locate_area(row.area_code).area_codes

    def _check_led(self, actor: Actor, codes: Sequence[str]) -> None:
        if actor.scope.areas.isdisjoint(codes):
            raise Forbidden("the grids of others")


def _whole(at: datetime) -> datetime:
    """In whole milliseconds, as the database keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _private(row: PlaceRow) -> Private:
    if row.lon is None or row.lat is None:
        return Private(address=row.address, note=row.note)
    lon, lat = to_wgs84(row.lon, row.lat, row.crs)
    return Private(address=row.address, lon=lon, lat=lat, note=row.note)
