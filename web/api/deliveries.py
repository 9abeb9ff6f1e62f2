"""Notices to the outside: what became of them, sending them again, what they say."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.outside.service import DeliveryView, view
from dispatch.outside.store import State
from dispatch.outside.templates import Rendered
from storage.errors import NotFound
from web.base import ApiHandler, operation
from web.bodies import Body
from web.shapes import Items

__all__ = ["DeliveryList", "DeliveryResend", "TemplatePreview", "WebhookReplay"]


class DeliveriesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`after` goes on behind the last delivery of an earlier page (its `id`)."""

    state: State = "dead"
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    after: Annotated[str, msgspec.Meta(max_length=60)] | None = None


class DeliveryList(ApiHandler):
    """GET /api/v1/deliveries."""

    @operation(
        "Notices on their way outside, newest first",
        permission="outside.manage",
        query=DeliveriesQuery,
        result=Items[DeliveryView],
    )
    async def get(self, query: DeliveriesQuery) -> None:
        """Send one page of a state; `next` is what to send as `after` for the following one."""
        found = await self.services.outside.store.newest(query.state, limit=query.limit, after=query.after)
        self.answer(Items([view(one) for one in found], found[-1].id if len(found) == query.limit else None))


class DeliveryResend(ApiHandler):
    """POST /api/v1/deliveries/{id}:resend."""

    @operation("Send it once more under its id", permission="outside.manage", result=DeliveryView)
    async def post(self, delivery_id: str) -> None:
        """Have it sent at once, with all its tries; 409 while it is being sent."""
        self.answer(view(await self.services.outside.store.again(delivery_id)))


class ReplayBody(Body, frozen=True, kw_only=True):
    """The event from which on everything is sent again, itself included: what `X-Heyun-Event` said."""

    event: Annotated[str, msgspec.Meta(max_length=60)]


class Replayed(msgspec.Struct):
    """How many deliveries are sent again."""

    count: int


class WebhookReplay(ApiHandler):
    """POST /api/v1/webhooks/{name}:replay."""

    @operation("Send a receiver again what it missed", permission="outside.manage", body=ReplayBody, result=Replayed)
    async def post(self, body: ReplayBody, name: str) -> None:
        """Have this event and all later ones of the webhook sent once more, each under its id."""
        if name not in self.services.outside.webhooks:
            raise NotFound("webhook")
        self.answer(Replayed(await self.services.outside.store.replay(f"webhook:{name}", body.event)))


class PreviewBody(Body, frozen=True, kw_only=True):
    """What to show; values that are not given are samples."""

    kind: Annotated[str, msgspec.Meta(max_length=60)]
    language: Annotated[str, msgspec.Meta(max_length=10)] = "zh-CN"
    values: dict[str, Annotated[str, msgspec.Meta(max_length=200)]] = {}


class TemplatePreview(ApiHandler):
    """POST /api/v1/templates:preview."""

    @operation("What a notice says outside", permission="outside.manage", body=PreviewBody, result=Rendered)
    async def post(self, body: PreviewBody) -> None:
        """Send title and text as a recipient would read them; nothing is sent."""
        self.answer(self.services.outside.templates.preview(body.kind, body.language, body.values))
