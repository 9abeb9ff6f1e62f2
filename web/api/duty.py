"""Who is on duty here now, and the rosters that say so."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

import msgspec

from dispatch.actors import ROLES
from dispatch.model import AreaRef, Place
from orgs.roster import Duty, Post, Roster, RowKind
from orgs.rostering import Kept
from storage.errors import FieldError, Invalid
from web.api.asking import Latitude, Longitude
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items, moment
from web.tables import TableAnswer, TableBody, table_answer

__all__ = ["DutyHandler", "MyDutyHandler", "RosterImport", "RosterList", "RosterRowHandler"]

ON_THE_GROUND = ("grid_worker", "grid_lead", "dispatcher", "supervisor")
Code = Annotated[str, msgspec.Meta(max_length=64)]
Codes = Annotated[tuple[Code, ...], msgspec.Meta(max_length=200)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class DutyQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A point with its coordinate system, or the code of an area; one role, or those on the ground; a time (else now)."""

    lon: Longitude | None = None
    lat: Latitude | None = None
    crs: str | None = None
    area: Code | None = None
    role: Code | None = None
    at: Instant | None = None


class OnDuty(msgspec.Struct, kw_only=True):
    """Somebody on duty: for which of the areas around, for whom they stand in (null: for nobody), whether they only stand behind
    another who is there."""

    username: str
    name: str
    area: str | None
    instead_of: str | None
    behind: bool


class RoleOnDuty(msgspec.Struct, kw_only=True):
    """A role at the place, nearest area first; `next_change` is when others are on duty (null: no change is foreseen)."""

    role: str
    on_duty: list[OnDuty]
    next_change: str | None


class DutyAnswer(msgspec.Struct, kw_only=True):
    """Who is on duty at a place and time."""

    at: str
    area_path: tuple[AreaRef, ...]
    roles: list[RoleOnDuty]


class Colleague(msgspec.Struct, kw_only=True):
    """Somebody by user name and name."""

    username: str
    name: str


class MyPost(msgspec.Struct, kw_only=True):
    """Where I am on duty (null: everywhere), in whose stead (null: my own duty), whether only behind another who is there."""

    area: AreaRef | None
    instead_of: Colleague | None
    behind: bool


class MyDutyAnswer(msgspec.Struct, kw_only=True):
    """Whether I am on duty now, where, who stands in for me while I am away; when that changes (null: no change is foreseen)."""

    at: str
    on_duty: bool
    posts: list[MyPost]
    replaced_by: list[Colleague]
    next_change: str | None


class RosterQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Rows of a person, of an area, that are not over on a day; `cursor` goes on behind an earlier page."""

    username: Code | None = None
    area: Code | None = None
    on: date | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Code | None = None


class RosterBody(Body, frozen=True, kw_only=True):
    """A row of the roster; `rev` is that which was seen (0: the row is new), null overwrites."""

    username: Code
    kind: RowKind = "duty"
    area_codes: Codes = ()
    weekdays: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = ()
    hours: Annotated[str, msgspec.Meta(max_length=100)] = ""
    first_day: date | None = None
    last_day: date | None = None
    substitute: Code = ""
    rev: int | None = None

    @property
    def duty(self) -> Duty:
        """The row."""
        fields = msgspec.structs.asdict(self)
        del fields["rev"]
        return Duty(**fields)


class RosterItem(msgspec.Struct, kw_only=True):
    """A row of the roster with its id; days are counted both."""

    id: str
    rev: int
    username: str
    kind: str
    area_codes: tuple[str, ...]
    weekdays: tuple[int, ...]
    hours: str
    first_day: date | None
    last_day: date | None
    substitute: str


def _item(kept: Kept) -> RosterItem:
    return RosterItem(id=kept.id, rev=kept.rev, **msgspec.structs.asdict(kept.duty))


class DutyHandler(ApiHandler):
    """GET /api/v1/duty."""

    @operation("Who is on duty at a place", permission="duty.read", query=DutyQuery, result=DutyAnswer)
    async def get(self, query: DutyQuery) -> None:
        """Answer from the directory in memory."""
        if query.role is not None and query.role not in ROLES:
            raise Invalid(errors=[FieldError("role", "choice", f"one of {', '.join(ROLES)}")])
        place, at = self._place(query), query.at or self.services.clock()
        roles = (query.role,) if query.role else ON_THE_GROUND
        found = [self._of_role(role, place.area_codes, at) for role in roles]
        self.answer(DutyAnswer(at=moment(at), area_path=place.area_path, roles=found))

    def _place(self, query: DutyQuery) -> Place:
        territory = self.services.territory
        if query.area:
            return territory.locate_area(query.area)
        if query.lon is None or query.lat is None or query.crs is None:
            missing = [FieldError(name, "required") for name in ("lon", "lat", "crs") if getattr(query, name) is None]
            raise Invalid(errors=missing)
        return territory.locate(query.lon, query.lat, query.crs)

    def _of_role(self, role: str, codes: tuple[str, ...], at: datetime) -> RoleOnDuty:
        roster: Roster = self.services.parties.roster
        change = roster.next_change(role, codes, at)
        return RoleOnDuty(
            role=role,
            on_duty=[self._named(post) for post in roster.posts(role, codes, at)],
            next_change=None if change is None else moment(change),
        )

    def _named(self, post: Post) -> OnDuty:
        person = self.services.parties.colleague(post.username)
        return OnDuty(
            username=post.username, name=person.name if person else post.username, area=post.area or None,
            instead_of=post.instead_of or None, behind=post.behind,
        )  # fmt: skip


class MyDutyHandler(ApiHandler):
    """GET /api/v1/duty/mine."""

    @operation("Whether I am on duty now", permission="duty.read", result=MyDutyAnswer)
    async def get(self) -> None:
        """Answer from the directory in memory."""
        roster, now = self.services.parties.roster, self.services.clock()
        standing, change = roster.standing(self.actor.id, now), roster.next_standing(self.actor.id, now)
        answer = MyDutyAnswer(
            at=moment(now), on_duty=any(not post.behind for post in standing.posts),
            posts=[self._post(post) for post in standing.posts],
            replaced_by=[self._named(username) for username in standing.replaced_by],
            next_change=None if change is None else moment(change),
        )  # fmt: skip
        self.answer(answer)

    def _post(self, post: Post) -> MyPost:
        area = self.services.territory.area(post.area) if post.area else None
        return MyPost(area=area, instead_of=self._named(post.instead_of) if post.instead_of else None, behind=post.behind)

    def _named(self, username: str) -> Colleague:
        person = self.services.parties.colleague(username)
        return Colleague(username=username, name=person.name if person else username)


class RosterList(ApiHandler):
    """GET /api/v1/rosters."""

    @operation("Rows of the duty rosters that I keep", permission="roster.edit", query=RosterQuery, result=Items[RosterItem])
    async def get(self, query: RosterQuery) -> None:
        """Send one page, by id."""
        found = await self.services.rosters.rows(
            self.actor, username=query.username, area=query.area, on=query.on, limit=query.limit, after=query.cursor
        )
        self.answer(Items([_item(kept) for kept in found], found[-1].id if len(found) == query.limit else None))


class RosterRowHandler(ApiHandler):
    """PUT, DELETE /api/v1/rosters/{id}."""

    @operation("Put a row into the roster", permission="roster.edit", body=RosterBody, result=RosterItem)
    async def put(self, body: RosterBody, id: str) -> None:
        """Make the row hold exactly this; who is on duty follows within moments, in all processes."""
        if not _ID.fullmatch(id):
            raise field_error("id", "pattern")
        kept = await self.services.rosters.put(self.actor, id, body.duty, self.services.clock(), rev=body.rev)
        self.answer(_item(kept))

    @operation("Take a row out of the roster", permission="roster.edit", status=204)
    async def delete(self, id: str) -> None:
        """Take it out; one that is not there is out already."""
        await self.services.rosters.remove(self.actor, id, self.services.clock())
        self.set_status(204)


class RosterImport(ApiHandler):
    """POST /api/v1/rosters:import."""

    @operation(
        "Import rows of the roster (columns of roster.csv; id replaces a row)",
        permission="roster.edit",
        body=TableBody,
        result=TableAnswer,
    )
    async def post(self, body: TableBody) -> None:
        """Say what the table (columns of `roster.csv`, and `id` where a row is to be replaced) would do, or take it over as a
        whole; a row that is wrong is named and nothing is written."""
        done = await self.services.rosters.take_over(self.actor, body.csv, self.services.clock(), dry_run=body.dry_run)
        self.answer(table_answer(done, body))
