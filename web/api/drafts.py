"""Drafts of reports: save, list, forget, send. What stands in a draft is looked at when it is sent."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dispatch.actors import permission
from dispatch.errors import IdempotencyMismatch
from dispatch.views import CaseView, moment
from hotline.drafts import Draft, Kind
from storage.errors import FieldError, Forbidden, Invalid
from web.api.intake import EventBody, IntakeHandler, TicketBody, take_in
from web.base import ApiHandler, operation
from web.bodies import Body, check_keys, decode
from web.shapes import Items

__all__ = ["DraftHandler", "DraftList", "DraftSend"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DECODERS: dict[str, msgspec.json.Decoder[EventBody]] = {
    "event": msgspec.json.Decoder(EventBody),
    "ticket": msgspec.json.Decoder(TicketBody),
}
_FIELDS = {
    "event": frozenset(field.name for field in msgspec.structs.fields(EventBody)),
    "ticket": frozenset(field.name for field in msgspec.structs.fields(TicketBody)),
}
_SENDERS = {"event": permission("event.report"), "ticket": permission("ticket.create")}


class DraftBody(Body, frozen=True, kw_only=True):
    """For which door, and the fields of its body that are known by now; none is required."""

    kind: Kind = "event"
    content: dict[str, Any]


class DraftView(msgspec.Struct, kw_only=True):
    """A draft of one's own."""

    id: str
    kind: str
    content: dict[str, Any]
    saved_at: str
    expires_at: str


def _view(draft: Draft) -> DraftView:
    return DraftView(
        id=draft.id, kind=draft.kind, content=draft.content, saved_at=moment(draft.saved_at), expires_at=moment(draft.expires_at)
    )


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(errors=[FieldError(field="id", code="pattern", message="1 to 64 letters, digits, - and _")])
    return name


def _may_send(kind: str, role: str) -> None:
    if role not in _SENDERS[kind]:
        raise Forbidden(f"a {kind} is not for this role")


class DraftList(ApiHandler):
    """GET /api/v1/drafts."""

    @operation("My drafts, newest first", permission="event.report", result=Items[DraftView])
    async def get(self) -> None:
        """Send all of them; nobody else's can be asked for."""
        self.answer(Items([_view(draft) for draft in await self.services.drafts.of(self.actor)]))


class DraftHandler(ApiHandler):
    """GET, PUT, DELETE /api/v1/drafts/{id}."""

    @operation("One of my drafts", permission="event.report", result=DraftView)
    async def get(self, name: str) -> None:
        """Send it."""
        self.answer(_view(await self.services.drafts.get(self.actor, _named(name))))

    @operation("Save a draft under a name of my own", permission="event.report", body=DraftBody, result=DraftView)
    async def put(self, body: DraftBody, name: str) -> None:
        """Put it in place of what stood under this name; 201 when nothing did."""
        check_keys(body.content)
        _may_send(body.kind, self.actor.role)
        unknown = [field for field in body.content if field not in _FIELDS[body.kind]]
        if unknown:
            raise Invalid(errors=[FieldError(field=f"content.{field}", code="unknown_field") for field in unknown])
        draft, is_new = await self.services.drafts.save(self.actor, _named(name), body.kind, body.content)
        self.answer(_view(draft), status=201 if is_new else 200)

    @operation("Forget a draft", permission="event.report", status=204)
    async def delete(self, name: str) -> None:
        """Forget it; one that is not there is forgotten already."""
        await self.services.drafts.drop(self.actor, _named(name))
        self.set_status(204)


class DraftSend(IntakeHandler):
    """POST /api/v1/drafts/{id}:send."""

    @operation("Send a draft: it becomes a case", permission="event.report", result=CaseView, status=201)
    async def post(self, name: str) -> None:
        """Answer as the door of its kind does. What is refused stays a draft; sent again it is one case all the same."""
        drafts = self.services.drafts
        draft = await drafts.get(self.actor, _named(name))
        _may_send(draft.kind, self.actor.role)
        body = decode(_DECODERS[draft.kind], msgspec.json.encode(draft.content))
        try:
            filed = await take_in(self.services, self.actor, body, drafts.key_of(self.actor, draft))
        except IdempotencyMismatch:  # what was sent before could not be forgotten then, and has been written over since
            draft = await drafts.begin_anew(self.actor, draft)
            filed = await take_in(self.services, self.actor, body, drafts.key_of(self.actor, draft))
        await drafts.drop(self.actor, name)
        self.answer_filed(filed)
