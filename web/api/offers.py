"""Offers (供): found by all, made and kept by the coordinators, claimed for a need."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dispatch.views import CaseView
from grid.coordinates import to_wgs84
from orgs.offering import OfferQuery
from orgs.offers import Offer
from storage.errors import HeyunError, NotFound
from web.api.cases import ActionHandler
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items

__all__ = ["OfferClaim", "OfferEnd", "OfferHandler", "OfferList", "OfferPause", "OfferPublish"]

Word = Annotated[str, msgspec.Meta(max_length=100)]
What = Annotated[str, msgspec.Meta(min_length=2, max_length=120)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\s;$/:]+$")]
Codes = Annotated[tuple[Code, ...], msgspec.Meta(max_length=200)]
Weekday = Annotated[int, msgspec.Meta(ge=1, le=7)]
Weekdays = Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=7)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=200_000)]
Lon = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Lat = Annotated[float, msgspec.Meta(ge=-90, le=90)]
State = Literal["draft", "published", "paused", "used_up", "ended"]


class OffersQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Offers of a kind, for an area, on a day, of an organization; published ones, unless it is one's own organization."""

    kind: Word | None = None
    area: Word | None = None
    day: date | None = None
    organization: Word | None = None
    state: State = "published"
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Word | None = None


class OfferView(msgspec.Struct, kw_only=True):
    """An offer: what, where, when, how much of it is left."""

    id: str
    organization: str
    kind: str
    what: str
    state: str
    area_codes: tuple[str, ...]
    lon: float | None
    lat: float | None
    radius_m: float
    first_day: date | None
    last_day: date | None
    weekdays: tuple[int, ...]
    hours: str
    amount: int
    left: int
    rev: int


class OfferFields(Body, frozen=True, kw_only=True):
    """What an offer says. `lon`, `lat` in `crs` and `radius_m` make a circle; without areas and circle it is for wherever the
    organization serves."""

    kind: Word | UnsetType = UNSET
    what: What | UnsetType = UNSET
    area_codes: Codes | UnsetType = UNSET
    lon: Lon | UnsetType | None = UNSET
    lat: Lat | UnsetType | None = UNSET
    crs: Literal["WGS-84", "CGCS2000", "GCJ-02", "BD-09"] = "WGS-84"
    radius_m: Metres | UnsetType = UNSET
    first_day: date | UnsetType | None = UNSET
    last_day: date | UnsetType | None = UNSET
    weekdays: Weekdays | UnsetType = UNSET
    hours: Word | UnsetType = UNSET
    amount: Amount | UnsetType = UNSET


class NewOffer(OfferFields, frozen=True, kw_only=True):
    """A new offer, a draft unless `publish`."""

    organization: Code
    what: What
    publish: bool = False


class OfferPatch(OfferFields, frozen=True, kw_only=True):
    """What is to be changed of the offer that was seen at `rev`."""

    rev: int


class OfferMove(Body, frozen=True, kw_only=True):
    """The offer as it was seen."""

    rev: int


class OfferClaimBody(Body, frozen=True, kw_only=True):
    """For which need (its id as `GET /needs` shows it), how much of the offer."""

    need: Annotated[str, msgspec.Meta(min_length=3, max_length=100)]
    amount: Amount = 1


class OfferList(ApiHandler):
    """GET, POST /api/v1/offers."""

    @operation("Offers by kind, area, day", permission="directory.read", query=OffersQuery, result=Items[OfferView])
    async def get(self, query: OffersQuery) -> None:
        """Send a page."""
        if query.state != "published" and not _is_keeper(self.actor, query.organization):
            raise field_error("state", "not_allowed")
        areas = self.services.territory.path(query.area) if query.area else ()
        if query.area and not areas:
            raise field_error("area", "unknown_area")
        found, following = await self.services.offers.find(
            OfferQuery(
                kind=query.kind, areas=[area.code for area in areas], day=query.day, organization=query.organization,
                state=query.state, limit=query.limit, after=query.cursor or "",
            )
        )  # fmt: skip
        self.answer(Items([_view(offer) for offer in found], following))

    @operation("Make an offer", permission="offers.edit", body=NewOffer, result=OfferView, status=201, idempotent=True)
    async def post(self, body: NewOffer) -> None:
        """Write it and send it."""
        state = "published" if body.publish else "draft"
        offer = Offer(id="", organization=body.organization, state=state, **_changes_of(body))
        found = await self.services.offers.create(actor=self.actor, offer=offer, key=self.idempotency_key)
        self.answer(_view(found), status=201)


class OfferHandler(ApiHandler):
    """GET, PUT /api/v1/offers/{id}."""

    @operation("An offer", permission="directory.read", result=OfferView)
    async def get(self, id: str) -> None:
        """Send it; a draft or an ended one to its keepers alone."""
        offer = await self.services.offers.get(id)
        if offer.state in ("draft", "ended") and not _is_keeper(self.actor, offer.organization):
            raise NotFound
        self.answer(_view(offer))

    @operation("Change an offer", permission="offers.edit", body=OfferPatch, result=OfferView)
    async def put(self, body: OfferPatch, id: str) -> None:
        """Write what was sent and send the offer."""
        found = await self.services.offers.edit(actor=self.actor, id=id, rev=body.rev, changes=_changes_of(body))
        self.answer(_view(found))


class _Move(ApiHandler):
    """What publishing, pausing and ending have in common."""

    async def move(self, id: str, rev: int, action: str) -> None:
        """Do it and send the offer."""
        self.answer(_view(await self.services.offers.move(actor=self.actor, id=id, rev=rev, action=action)))


class OfferPublish(_Move):
    """POST /api/v1/offers/{id}:publish."""

    @operation("Publish an offer", permission="offers.edit", body=OfferMove, result=OfferView)
    async def post(self, body: OfferMove, id: str) -> None:
        """From now on it is found."""
        await self.move(id, body.rev, "publish")


class OfferPause(_Move):
    """POST /api/v1/offers/{id}:pause."""

    @operation("Pause an offer", permission="offers.edit", body=OfferMove, result=OfferView)
    async def post(self, body: OfferMove, id: str) -> None:
        """It is not found until it is published again; what is reserved stays."""
        await self.move(id, body.rev, "pause")


class OfferEnd(_Move):
    """POST /api/v1/offers/{id}:end."""

    @operation("End an offer", permission="offers.edit", body=OfferMove, result=OfferView)
    async def post(self, body: OfferMove, id: str) -> None:
        """For good; what is reserved stays."""
        await self.move(id, body.rev, "end")


class OfferClaim(ActionHandler):
    """POST /api/v1/offers/{id}:claim."""

    @operation("Claim a need with an offer", permission="offers.claim", body=OfferClaimBody, result=CaseView, idempotent=True)
    async def post(self, body: OfferClaimBody, id: str) -> None:
        """Reserve, claim, and send the case; when the claim fails what was reserved is given back."""
        offers = self.services.offers
        organization = (await offers.get(id)).organization
        if not self.actor.serves(organization):
            raise NotFound
        key = body.need.replace(".", ":")
        await offers.reserve(id=id, key=key, amount=body.amount)
        try:
            case = await self.services.claims.claim(
                actor=self.actor, need=body.need, fields={"organization": organization}, key=self.idempotency_key
            )
        except HeyunError:
            await self.services.tending.give_back(key.partition(":")[0], organization)
            raise
        self.answer_case(case)


def _is_keeper(actor: Any, organization: str | None) -> bool:
    return actor.role == "sys_admin" or bool(organization and actor.role == "org_coordinator" and actor.serves(organization))


def _view(offer: Offer) -> OfferView:
    names = [name for name in OfferView.__struct_fields__ if name != "left"]
    return OfferView(left=offer.still_left, **{name: getattr(offer, name) for name in names})


def _changes_of(body: OfferFields) -> dict[str, Any]:
    """The fields that were sent, positions in WGS-84."""
    names = [name for name in OfferFields.__struct_fields__ if name != "crs"]
    fields = {name: value for name in names if (value := getattr(body, name)) is not UNSET}
    if fields.get("lon") is not None and fields.get("lat") is not None:
        fields["lon"], fields["lat"] = to_wgs84(fields["lon"], fields["lat"], body.crs)
    return fields
