"""The doors for events and tickets. What is sent is typed here; what it means is decided by the core."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec

from dispatch.actors import Actor
from dispatch.reports import Caller, Location, NewReport
from dispatch.service import Filed
from dispatch.views import CaseView, packed
from hotline.residents import Resident, for_resident
from hotline.tickets import to_report
from storage.errors import HeyunError
from web.base import ApiHandler, encode, operation
from web.bodies import Body, decode
from web.problems import document
from web.services import Services

__all__ = ["EventBody", "Events", "EventsBatch", "IntakeHandler", "TicketBody", "Tickets", "take_in"]

log = logging.getLogger("heyun.web")
Code = Annotated[str, msgspec.Meta(max_length=64)]
MediaIds = Annotated[tuple[Code, ...], msgspec.Meta(max_length=9)]
AT_ONCE = 64  # items of a batch in flight; between groups other requests get their turn
_CHANNELS = {"citizen": "app", "group_leader": "group", "device": "device", "partner": "partner"}


class EventBody(Body, frozen=True, kw_only=True):
    """One event. One of `location`, `address`, `area_code` is required; `category` may be null (proposed from the text)."""

    description: Annotated[str, msgspec.Meta(max_length=5000)]
    category: Code | None = None
    urgency: Code | None = None
    location: Location | None = None
    address: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    area_code: Code | None = None
    photos: MediaIds = ()
    occurred_at: datetime | None = None
    source_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    title: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    special_group: Code | None = None
    on_behalf: Resident | None = None

    def report(self, actor: Actor) -> NewReport:
        """Return what the core takes in."""
        event = NewReport(
            description=self.description,
            category=self.category,
            urgency=self.urgency,
            location=self.location,
            address=self.address,
            area_code=self.area_code,
            photos=self.photos,
            occurred_at=self.occurred_at,
            source_id=self.source_id,
            channel=_CHANNELS.get(actor.role, "grid"),
            title=self.title,
            special_group=self.special_group,
        )
        return event if self.on_behalf is None else for_resident(event, self.on_behalf)

    @property
    def consent_photos(self) -> tuple[str, ...]:
        """The picture of what a resident signed, where there is one."""
        signed = None if self.on_behalf is None else self.on_behalf.photo
        return () if signed is None else (signed,)


class TicketBody(EventBody, frozen=True, kw_only=True):
    """A ticket of the hotline: an event with the caller and what they want; `file` files and dispatches it now."""

    appeal_type: Code = "none"
    channel: Code = "phone"
    caller: Caller | None = None
    file: bool = False

    def report(self, actor: Actor) -> NewReport:
        """Return what the core takes in."""
        event = super().report(actor)
        return to_report(event, appeal_type=self.appeal_type, channel=self.channel, caller=self.caller, file=self.file)


class BatchItem(EventBody, frozen=True, kw_only=True):
    """One event of a batch with its own idempotency key."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class BatchBody(Body, frozen=True, kw_only=True):
    """At most 500 events; each is judged by itself."""

    items: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=500)]


class BatchResult(msgspec.Struct, omit_defaults=True):
    """What became of one item: its status, and the case or the problem."""

    status: int
    case: CaseView | None = None
    problem: dict[str, Any] | None = None


class BatchAnswer(msgspec.Struct):
    """One result for each item, in the order of the items."""

    results: list[BatchResult]


_ITEM = msgspec.json.Decoder(BatchItem)


def _presenting(services: Services) -> Callable[[CaseView], bytes]:
    """How a case is answered: a citizen's with the code by which they ask for it later."""

    def encoded(view: CaseView) -> bytes:
        if view.reporter is not None and view.reporter["kind"] == "citizen":
            view.query_code = services.queries.code_of(view.id)
        return encode(packed(view))

    return encoded


async def take_in(services: Services, actor: Actor, body: EventBody, key: str | None) -> Filed[bytes]:
    """Hand a report to its door; returns the case as it is sent and whether it is new."""
    if body.photos:
        await services.pictures.check(actor, body.photos)
    if body.consent_photos:
        await services.pictures.check(actor, body.consent_photos, field="on_behalf.photo")
    filed = await services.cases.report(actor=actor, report=body.report(actor), present=_presenting(services), key=key)
    if body.photos or body.consent_photos:
        await services.pictures.attach(body.photos + body.consent_photos, filed.id)
    return filed


class IntakeHandler(ApiHandler):
    """What all doors have in common."""

    async def take(self, body: EventBody) -> None:
        """Take in what was sent."""
        self.answer_filed(await take_in(self.services, self.actor, body, self.idempotency_key))

    def answer_filed(self, filed: Filed[bytes]) -> None:
        """Answer 201 with the new case, 200 with the case as it is when the key is known."""
        self.put_header("Location", f"/api/v1/cases/{filed.id}")
        self.put_header("Etag", f'"{filed.rev}"')
        self.answer_encoded(filed.case, status=201 if filed.created else 200)


class Events(IntakeHandler):
    """POST /api/v1/events."""

    @operation("Report an event", permission="event.report", body=EventBody, result=CaseView, status=201, idempotent=True)
    async def post(self, body: EventBody) -> None:
        """Take an event in."""
        await self.take(body)


class Tickets(IntakeHandler):
    """POST /api/v1/tickets."""

    @operation("Create a ticket", permission="ticket.create", body=TicketBody, result=CaseView, status=201, idempotent=True)
    async def post(self, body: TicketBody) -> None:
        """Take a ticket in."""
        await self.take(body)


class EventsBatch(ApiHandler):
    """POST /api/v1/events:batch."""

    @operation("Report up to 500 events", permission="event.report", body=BatchBody, result=BatchAnswer)
    async def post(self, body: BatchBody) -> None:
        """Take each item in by itself; results in the order of the items."""
        results: list[dict[str, Any]] = []  # of `BatchResult`, the cases encoded already
        for start in range(0, len(body.items), AT_ONCE):
            results += await asyncio.gather(*(self._one(raw) for raw in body.items[start : start + AT_ONCE]))
        self.answer({"results": results})

    async def _one(self, raw: msgspec.Raw) -> dict[str, Any]:
        try:
            item = decode(_ITEM, bytes(raw))
            filed = await take_in(self.services, self.actor, item, item.key)
        except HeyunError as error:
            return {"status": error.status, "problem": document(error, self.language)}
        except Exception:  # one item's defect must not take the others with it
            log.exception("an item of a batch failed")
            return {"status": 500, "problem": document(HeyunError(), self.language)}
        return {"status": 201 if filed.created else 200, "case": msgspec.Raw(filed.case)}
