"""Offers in the database: made and kept by who stands for the organization, listed by index, reserved without races.

What somebody does with an offer is one transaction: its record (`organization_changes`), the offer if it is still the one
that was looked at (`rev`), and the announcement to all processes. Reserving is a single conditional write instead, since many
may want the last of it at once; all processes hear of it when an offer is used up or becomes free again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.masking import holds_personal_data
from orgs import hours
from orgs.offers import EVERYWHERE, Offer, reach_of
from orgs.organizations import Organization
from orgs.store import AREAS, OFFERS, ORGANIZATION_CHANGES, ORGANIZATIONS, document_of, mark_changed, value_of
from storage.client import Database
from storage.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, StaleRev

__all__ = ["OfferClosed", "OfferQuery", "Offers"]

MOVES = {"publish": (("draft", "paused"), "published"), "pause": (("published", "used_up"), "paused")}
OPEN = ("draft", "published", "paused", "used_up")
_LEFT = {"$ifNull": ["$left", "$amount"]}


class OfferClosed(Conflict):
    """The offer is not in a state that allows this, or too little of it is left; `data` holds `state` and `left`."""

    code = "offer_closed"


class OfferQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for: `areas` are an area with those above it."""

    kind: str | None = None
    areas: Sequence[str] = ()
    day: date | None = None
    organization: str | None = None
    state: str | None = "published"
    limit: int = 50
    after: str = ""


class Offers:
    """The offers in the database. That an actor is a coordinator or a keeper is said by the handlers' permission."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def complete(self) -> int:
        """Give offers of an earlier version of the program their state; returns how many."""
        given = {"state": "published", "left": "$amount", "reach": [EVERYWHERE], "rev": 0}
        return await self._database.update_many(OFFERS, {"state": {"$exists": False}}, [{"$set": given}])

    async def get(self, id: str) -> Offer:
        """Return an offer. Raises `NotFound`."""
        return value_of(await self._document(id), Offer)

    async def find(self, query: OfferQuery) -> tuple[list[Offer], str | None]:
        """Return a page by id, and after which id the next begins."""
        filter, hint = listing(query)
        found = await self._database.find(OFFERS, filter, sort=[("_id", 1)], limit=query.limit + 1, hint=hint)
        page = [value_of(one, Offer) for one in found[: query.limit]]
        return page, page[-1].id if len(found) > query.limit else None

    async def create(self, *, actor: Actor, offer: Offer, key: str | None = None) -> Offer:
        """Add an offer, as a draft or published at once. Raises `Invalid`, `Forbidden` (not the own organization), `NotFound`."""
        id = secrets.token_hex(8)
        if key is not None:  # the same key again finds the same offer
            id = hashlib.blake2b(f"{actor.id}\0offer\0{key}".encode(), digest_size=8).hexdigest()
            if known := await self._database.find_one(OFFERS, {"_id": id}):
                return value_of(known, Offer)
        made = await self._checked(actor, msgspec.structs.replace(offer, id=id, left=offer.amount, rev=1))

        async def write(session: Any) -> None:
            await self._database.insert_one(OFFERS, document_of(id, made), session=session)
            await self._put_down(actor, made, "created", None, session)

        await self._database.run_transaction(write)
        return made

    async def edit(self, *, actor: Actor, id: str, rev: int, changes: Mapping[str, Any]) -> Offer:
        """Change an offer that was seen at `rev`; what is reserved stays reserved. Raises `StaleRev`, `Invalid`, `Forbidden`,
        `NotFound`, `OfferClosed` (it has ended)."""

        async def change(before: Offer) -> Offer:
            if before.state == "ended":
                raise OfferClosed(state=before.state, left=before.still_left)
            after = msgspec.structs.replace(before, **changes)
            reserved = before.amount - before.still_left
            if after.amount < reserved:
                message = f"not less than the {reserved} that are reserved"
                raise Invalid(errors=[FieldError(field="amount", code="below_claimed", message=message)])
            return await self._checked(actor, _settled(msgspec.structs.replace(after, left=after.amount - reserved)))

        return await self._change(actor, id, rev, "edited", change)

    async def move(self, *, actor: Actor, id: str, rev: int, action: str) -> Offer:
        """`publish`, `pause` or `end` an offer. Raises `OfferClosed` where its state does not allow it, besides as `edit`."""

        async def change(before: Offer) -> Offer:
            states, state = MOVES.get(action, (OPEN, "ended"))
            if before.state not in states:
                raise OfferClosed(state=before.state, left=before.still_left)
            return await self._checked(actor, _settled(msgspec.structs.replace(before, state=state)))

        return await self._change(actor, id, rev, state_word(action), change)

    async def reserve(self, *, id: str, key: str, amount: int) -> Offer:
        """Reserve some of a published offer under a key; the same key again reserves nothing more.

        Raises `OfferClosed` when it is not published or too little is left, `NotFound`.
        """
        if known := await self._database.find_one(OFFERS, {"_id": id, "held.key": key}):
            return value_of(known, Offer)
        now = self._clock()
        free = {"_id": id, "state": "published", "held.key": {"$ne": key}, "$expr": {"$gte": [_LEFT, amount]}}
        hold = {"key": key, "amount": amount, "at": now}
        update: list[dict[str, Any]] = [
            {"$set": {"left": {"$subtract": [_LEFT, amount]}, "held": {"$concatArrays": [{"$ifNull": ["$held", []]}, [hold]]}}},
            {"$set": {"state": {"$cond": [{"$eq": ["$left", 0]}, "used_up", "$state"]}}},
        ]
        found = await self._database.find_one_and_update(OFFERS, free, update)
        if found is None:
            present = await self._document(id)
            if any(one["key"] == key for one in present.get("held", ())):
                return value_of(present, Offer)
            offer = value_of(present, Offer)
            raise OfferClosed(state=offer.state, left=offer.still_left)
        if found["state"] == "used_up":
            await mark_changed(self._database, now)
        return value_of(found, Offer)

    async def give_back(self, organization: str, prefix: str) -> int:
        """Give back what an organization has reserved under keys that begin so (a case's id); returns from how many offers."""
        wanted = {"organization": organization, "held.key": {"$gte": prefix, "$lt": f"{prefix}~"}}
        documents = await self._database.find(OFFERS, wanted)
        given = 0
        for document in documents:
            for hold in document["held"]:
                if hold["key"].startswith(prefix):
                    given += await self._give_back(document["_id"], hold["key"])
        if given:
            await mark_changed(self._database, self._clock())
        return given

    async def held(self, before: datetime) -> list[tuple[str, str]]:
        """Return (organization, key) of all that was reserved before an instant."""
        found = await self._database.find(OFFERS, {"held.at": {"$lt": before}}, projection={"organization": 1, "held": 1})
        return [(one["organization"], hold["key"]) for one in found for hold in one["held"] if hold["at"] < before]

    async def _give_back(self, id: str, key: str) -> int:
        """Only the hold of this key; another's is never touched. An offer that was used up is published again."""
        kept = {"$filter": {"input": "$held", "cond": {"$ne": ["$$this.key", key]}}}
        freed = {"$sum": {"$map": {"input": {"$setDifference": ["$held", kept]}, "in": "$$this.amount"}}}
        update: list[dict[str, Any]] = [
            {"$set": {"left": {"$add": [_LEFT, freed]}, "held": kept}},
            {"$set": {"state": {"$cond": [{"$eq": ["$state", "used_up"]}, "published", "$state"]}}},
        ]
        return await self._database.update_one(OFFERS, {"_id": id, "held.key": key}, update)

    async def _change(self, actor: Actor, id: str, rev: int, what: str, change: Callable[[Offer], Any]) -> Offer:
        async def write(session: Any) -> Offer:
            before = value_of(await self._document(id, session=session), Offer)
            _may_keep(actor, before.organization)
            if before.rev != rev:
                raise StaleRev(rev=before.rev, state=before.state)
            after: Offer = msgspec.structs.replace(await change(before), rev=rev + 1)
            await self._database.replace_one(OFFERS, {"_id": id}, document_of(id, after), session=session)
            await self._put_down(actor, after, what, before, session)
            return after

        return await self._database.run_transaction(write)

    async def _put_down(self, actor: Actor, after: Offer, what: str, before: Offer | None, session: Any) -> None:
        new, old = msgspec.to_builtins(after), {} if before is None else msgspec.to_builtins(before)
        names = [name for name in new if new[name] != old.get(name) and name not in ("rev", "held")]
        record = {
            "_id": secrets.token_hex(12), "at": self._clock(), "by": actor.id, "role": actor.role,
            "organization": after.organization, "what": f"offer_{what}", "reason": after.id,
            "fields": {name: {"before": old.get(name), "after": new[name]} for name in names},
        }  # fmt: skip
        await self._database.insert_one(ORGANIZATION_CHANGES, record, session=session)
        await mark_changed(self._database, self._clock(), session)

    async def _document(self, id: str, *, session: Any = None) -> dict[str, Any]:
        found = await self._database.find_one(OFFERS, {"_id": id}, session=session)
        if found is None:
            raise NotFound(f"no offer {id}")
        return found

    async def _checked(self, actor: Actor, offer: Offer) -> Offer:
        """Return the offer with what lists look for. Raises `Invalid` with all that is wrong, `Forbidden`, `NotFound`."""
        _may_keep(actor, offer.organization)
        found = await self._database.find_one(ORGANIZATIONS, {"_id": offer.organization})
        if found is None:
            raise NotFound(f"no organization {offer.organization}")
        organization = value_of(found, Organization)
        wanted = list(offer.area_codes)
        known = {one["_id"] for one in await self._database.find(AREAS, {"_id": {"$in": wanted}}, projection={"_id": 1})}
        if errors := errors_of(offer, organization, known):
            raise Invalid(errors=errors)
        return msgspec.structs.replace(offer, reach=reach_of(offer, organization.area_codes), updated_at=self._clock())


def errors_of(offer: Offer, organization: Organization, areas: set[str]) -> list[FieldError]:
    """Return all that is wrong with an offer of an organization; `areas` are those of its areas that exist."""
    first, last = offer.first_day, offer.last_day
    checks = (
        ("kind", "kind", not offer.kind or offer.kind in organization.kinds, f"of {', '.join(organization.kinds)}"),
        ("what", "personal_data", not holds_personal_data(offer.what), "no numbers, no names: who claims is told in the case"),
        ("area_codes", "unknown_area", set(offer.area_codes) <= areas, ""),
        ("hours", "hours", hours.parse_or_none(offer.hours) is not None, ""),
        ("last_day", "days", not (first and last and last < first), f"a day not before {first}"),
        ("lon", "required", (offer.radius_m > 0) == (offer.lon is not None and offer.lat is not None), "lon, lat and radius_m"),
        ("state", "not_registered", organization.may_help or offer.state != "published", "organizations in good standing"),
    )
    return [FieldError(field=field, code=code, message=message) for field, code, right, message in checks if not right]


def listing(query: OfferQuery) -> tuple[dict[str, Any], list[tuple[str, int]] | None]:
    """Return the filter of a list, and the index that gives it in order."""
    filter: dict[str, Any] = {"_id": {"$gt": query.after}}
    if query.state is not None:
        filter["state"] = query.state
    if query.kind:
        filter["kind"] = query.kind
    if query.areas:
        filter["reach"] = {"$in": [*query.areas, EVERYWHERE]}
    if query.day is not None:
        filter["$and"] = _on_day(query.day)
    if query.organization:
        return filter | {"organization": query.organization}, [("organization", 1), ("_id", 1)]
    if query.kind and query.state:
        return filter, [("state", 1), ("kind", 1), ("_id", 1)]
    return filter, [("_id", 1)]


def _on_day(day: date) -> list[dict[str, Any]]:
    at = day.isoformat()
    return [
        {"$or": [{"first_day": None}, {"first_day": {"$lte": at}}]},
        {"$or": [{"last_day": None}, {"last_day": {"$gte": at}}]},
        {"$or": [{"weekdays": []}, {"weekdays": None}, {"weekdays": day.isoweekday()}]},
    ]


def state_word(action: str) -> str:
    """Return what is written down of an action: published, paused, ended."""
    return {"publish": "published", "pause": "paused"}.get(action, "ended")


def _settled(offer: Offer) -> Offer:
    """A published offer of which nothing is left is used up, and the other way round."""
    if offer.state in ("published", "used_up"):
        return msgspec.structs.replace(offer, state="published" if offer.still_left else "used_up")
    return offer


def _may_keep(actor: Actor, organization: str) -> None:
    if actor.role == "org_coordinator" and not actor.serves(organization):
        raise Forbidden
