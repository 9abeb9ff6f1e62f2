"""The registry of organizations: found by all, kept by the system administrators, own hours and contact by the coordinators."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dispatch.actors import Actor, permission
from dispatch.engagements import Engagement, engaged_in
from dispatch.service import utc_now
from grid.coordinates import to_wgs84
from orgs.organizations import Organization, Qualified
from orgs.registering import polygon
from orgs.registry import ChangeView, RevealedOrganization
from orgs.registry_table import TableOutcome
from storage.errors import NotFound
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items

__all__ = [
    "OrganizationHandler", "OrganizationHistory", "OrganizationImport", "OrganizationPeople", "OrganizationPerson",
    "OrganizationReveal", "OrganizationStanding", "Organizations",
]  # fmt: skip

Word = Annotated[str, msgspec.Meta(max_length=100)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\s;$/:]+$")]
Name = Annotated[str, msgspec.Meta(min_length=2, max_length=120)]
Codes = Annotated[tuple[Code, ...], msgspec.Meta(max_length=500)]
Kinds = Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=20)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=200_000)]
Lon = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Lat = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Capacity = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Reason = Annotated[str, msgspec.Meta(min_length=2, max_length=500)]
Crs = Literal["WGS-84", "CGCS2000", "GCJ-02", "BD-09"]
Standing = Literal["normal", "abnormal", "revoked", "deregistered"]


class OrganizationsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Organizations whose name holds `q`, of a kind, serving an area, of a standing, with capacity left (`free`); `cursor` is the
    `next` of the page before."""

    q: Word | None = None
    kind: Word | None = None
    area: Word | None = None
    standing: Standing = "normal"
    free: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    cursor: Word | None = None


class OrganizationItem(msgspec.Struct, kw_only=True):
    """A social organization that can help; its contact is not shown here."""

    code: str
    name: str
    kinds: tuple[str, ...]
    standing: str
    area_codes: tuple[str, ...]
    hours: str


class OrganizationFull(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One organization. What follows `full` is for those who may ask for it, contact and names masked; `engaged` are its open
    cases."""

    code: str
    name: str
    kinds: tuple[str, ...]
    standing: str
    area_codes: tuple[str, ...]
    hours: str
    full: bool = False
    rev: int | None = None
    credit_code: str = ""
    standing_list: str = ""
    standing_reason: str = ""
    standing_since: date | None = None
    standing_until: date | None = None
    lon: float | None = None
    lat: float | None = None
    radius_m: float = 0.0
    has_polygon: bool = False
    capacity: int | None = None
    contact: str = ""
    approved: bool = False
    approved_for: tuple[str, ...] = ()
    qualified: tuple[Qualified, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    engaged: list[Engagement] = []


class OrganizationBody(Body, frozen=True, kw_only=True):
    """What is to be changed of the entry that was seen at `rev`. `polygon` is GeoJSON in `crs`, as `lon` and `lat` are; null
    takes it away."""

    rev: int
    name: Name | UnsetType = UNSET
    credit_code: Word | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    area_codes: Codes | UnsetType = UNSET
    lon: Lon | UnsetType | None = UNSET
    lat: Lat | UnsetType | None = UNSET
    crs: Crs = "WGS-84"
    radius_m: Metres | UnsetType = UNSET
    polygon: dict[str, Any] | UnsetType | None = UNSET
    capacity: Capacity | UnsetType = UNSET
    hours: Word | UnsetType = UNSET
    contact: Word | UnsetType = UNSET
    approved: bool | UnsetType = UNSET
    approved_for: Codes | UnsetType = UNSET
    valid_from: date | UnsetType | None = UNSET
    valid_to: date | UnsetType | None = UNSET


class NewOrganizationBody(OrganizationBody, frozen=True, kw_only=True):
    """A new organization; it begins in normal standing."""

    code: Code
    name: Name
    kinds: Kinds
    rev: int = 0


class StandingBody(Body, frozen=True, kw_only=True):
    """The standing from now on; for `abnormal` on which list: `operation` 经营异常名录 or `activity` 活动异常名录."""

    rev: int
    standing: Standing
    list: Literal["", "operation", "activity"] = ""
    reason: Reason
    since: date
    until: date | None = None


class QualifiedBody(Body, frozen=True, kw_only=True):
    """A person for sensitive matters: trained until a day, bound to secrecy since a day."""

    rev: int
    name: Annotated[str, msgspec.Meta(min_length=2, max_length=40)]
    trained_until: date
    secrecy_on: date


class OrganizationReason(Body, frozen=True, kw_only=True):
    """Why."""

    reason: Reason


class QualifiedRemoval(OrganizationReason, frozen=True, kw_only=True):
    """Why, of the entry that was seen at `rev`."""

    rev: int


class OrganizationTable(Body, frozen=True, kw_only=True):
    """A table with the columns of `organizations.csv`; a dry run unless `apply`."""

    csv: Annotated[str, msgspec.Meta(max_length=900_000)]
    apply: bool = False


class _Handler(ApiHandler):
    """What all doors to the registry have in common."""

    async def answer_full(self, found: Organization, *, status: int = 200) -> None:
        """Send an entry with all that its keepers see."""
        names = [name for name in OrganizationFull.__struct_fields__ if name not in ("full", "engaged", "has_polygon")]
        engaged = await engaged_in(self.services.database, found.code)
        fields = {name: getattr(found, name) for name in names}
        self.answer(OrganizationFull(full=True, has_polygon=bool(found.wkb), engaged=engaged, **fields), status=status)

    def refuse_strangers(self, code: str) -> None:
        """A coordinator has only the own organization to look into. Raises `NotFound`."""
        if self.actor.role == "org_coordinator" and not self.actor.serves(code):
            raise NotFound


class Organizations(_Handler):
    """GET, POST /api/v1/organizations."""

    @operation("Social organizations", permission="directory.read", query=OrganizationsQuery, result=Items[OrganizationItem])
    async def get(self, query: OrganizationsQuery) -> None:
        """Send a page in the order of codes; with `q` the best fitting names."""
        areas = [area.code for area in self.services.territory.path(query.area)] if query.area else []
        if query.area and not areas:
            raise field_error("area", "unknown_area")
        found, following = self.services.parties.list_organizations(
            text=query.q or "", kind=query.kind, areas=areas, standing=query.standing, free=query.free, limit=query.limit,
            after=query.cursor or "",
        )  # fmt: skip
        self.answer(Items([_shown(one) for one in found], following))

    @operation(
        "Register an organization", permission="organizations.keep", body=NewOrganizationBody, result=OrganizationFull,
        status=201, idempotent=True,
    )  # fmt: skip
    async def post(self, body: NewOrganizationBody) -> None:
        """Write it and send it; matched by from now on in all processes."""
        made = Organization(code=body.code, **_changes_of(body))
        found = await self.services.registry.create(actor=self.actor, organization=made, key=self.idempotency_key)
        await self.answer_full(found, status=201)


class OrganizationHandler(_Handler):
    """GET, PUT /api/v1/organizations/{code}."""

    @operation("One organization", permission="directory.read", result=OrganizationFull)
    async def get(self, code: str) -> None:
        """Send what everybody may see; more to those who may ask for it."""
        found = await self.services.registry.get(code)
        if _may_read_full(self.actor, code):
            await self.answer_full(found)
        else:
            names = OrganizationItem.__struct_fields__
            self.answer(OrganizationFull(**{name: getattr(found, name) for name in names}))

    @operation(
        "Change an organization", permission="organizations.edit", body=OrganizationBody, result=OrganizationFull, idempotent=True
    )
    async def put(self, body: OrganizationBody, code: str) -> None:
        """Write the fields that were sent and send the entry."""
        found = await self.services.registry.edit(
            actor=self.actor, code=code, rev=body.rev, changes=_changes_of(body), key=self.idempotency_key
        )
        await self.answer_full(found)


class OrganizationHistory(_Handler):
    """GET /api/v1/organizations/{code}/changes."""

    @operation("What was done with an organization", permission="organizations.read", result=Items[ChangeView])
    async def get(self, code: str) -> None:
        """Send the acts, newest first."""
        self.refuse_strangers(code)
        await self.services.registry.get(code)
        self.answer(Items(await self.services.registry.history(code)))


class OrganizationStanding(_Handler):
    """POST /api/v1/organizations/{code}:standing."""

    @operation("Put on or off the abnormal list", permission="organizations.keep", body=StandingBody, result=OrganizationFull,
               idempotent=True)  # fmt: skip
    async def post(self, body: StandingBody, code: str) -> None:
        """Write it down and send the entry with the open cases that it is engaged in."""
        found = await self.services.registry.set_standing(
            actor=self.actor, code=code, rev=body.rev, standing=body.standing, listed=body.list, reason=body.reason,
            since=body.since, until=body.until, key=self.idempotency_key,
        )  # fmt: skip
        await self.answer_full(found)


class OrganizationReveal(_Handler):
    """POST /api/v1/organizations/{code}:reveal."""

    @operation(
        "Contact and names in the clear", permission="organizations.reveal", body=OrganizationReason, result=RevealedOrganization
    )
    async def post(self, body: OrganizationReason, code: str) -> None:
        """Send them; who asked and why is written down."""
        self.refuse_strangers(code)
        self.answer(await self.services.registry.reveal(actor=self.actor, code=code, reason=body.reason))


class OrganizationPeople(_Handler):
    """POST /api/v1/organizations/{code}/people."""

    @operation(
        "Name a person for sensitive matters", permission="organizations.keep", body=QualifiedBody, result=OrganizationFull,
        status=201, idempotent=True,
    )  # fmt: skip
    async def post(self, body: QualifiedBody, code: str) -> None:
        """Write it and send the entry; the name is sealed."""
        found = await self.services.registry.qualify(
            actor=self.actor, code=code, rev=body.rev, name=body.name, trained_until=body.trained_until,
            secrecy_on=body.secrecy_on, key=self.idempotency_key,
        )  # fmt: skip
        await self.answer_full(found, status=201)


class OrganizationPerson(_Handler):
    """POST /api/v1/organizations/{code}/people/{person}:remove."""

    @operation("Take a person for sensitive matters off", permission="organizations.keep", body=QualifiedRemoval,
               result=OrganizationFull, idempotent=True)  # fmt: skip
    async def post(self, body: QualifiedRemoval, code: str, person: str) -> None:
        """Forget the person, name and all, and send the entry."""
        found = await self.services.registry.disqualify(
            actor=self.actor, code=code, rev=body.rev, person=person, reason=body.reason, key=self.idempotency_key
        )
        await self.answer_full(found)


class OrganizationImport(_Handler):
    """POST /api/v1/organizations:import."""

    @operation("Take over a table of organizations", permission="organizations.keep", body=OrganizationTable, result=TableOutcome)
    async def post(self, body: OrganizationTable) -> None:
        """Send what the table changes, or has changed."""
        table = self.services.registry_table
        self.answer(await table.take_over(actor=self.actor, text=body.csv, apply=body.apply, now=utc_now()))


def _shown(found: Organization) -> OrganizationItem:
    return OrganizationItem(**{name: getattr(found, name) for name in OrganizationItem.__struct_fields__})


def _may_read_full(actor: Actor, code: str) -> bool:
    return actor.role in permission("organizations.read") and (actor.role != "org_coordinator" or actor.serves(code))


def _changes_of(body: OrganizationBody) -> dict[str, Any]:
    """The fields that were sent, as the registry has them: positions in WGS-84, the polygon as WKB with a point inside."""
    fields = {
        name: value for name in OrganizationBody.__struct_fields__
        if (value := getattr(body, name)) is not UNSET and name not in ("rev", "crs", "polygon")
    }  # fmt: skip
    if fields.get("lon") is not None and fields.get("lat") is not None:
        fields["lon"], fields["lat"] = to_wgs84(fields["lon"], fields["lat"], body.crs)
    if body.polygon is None:
        fields["wkb"] = b""
    elif body.polygon is not UNSET:
        fields["wkb"], lon, lat = polygon(body.polygon, body.crs, to_wgs84)
        fields = {"lon": lon, "lat": lat} | fields
    return fields
