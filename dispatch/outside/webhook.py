"""Signed webhooks: another system is told by a POST that it can verify and, by the event's id, tell from a repeated one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC

import msgspec

from dispatch.outside.messages import Message
from dispatch.outside.posting import Poster
from dispatch.outside.settings import WebhookSettings
from dispatch.outside.signing import sign

__all__ = ["DELIVERY_HEADER", "EVENT_HEADER", "SIGNATURE_HEADER", "TIMESTAMP_HEADER", "WebhookChannel", "body_of"]

EVENT_HEADER, DELIVERY_HEADER = "X-Heyun-Event", "X-Heyun-Delivery"
TIMESTAMP_HEADER, SIGNATURE_HEADER = "X-Heyun-Timestamp", "X-Heyun-Signature"


class WebhookChannel:
    """Posts to one receiver. Every attempt is signed anew, with the time at which it was made."""

    def __init__(self, settings: WebhookSettings, poster: Poster, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._poster = poster
        self._clock = clock

    async def send(self, message: Message) -> str:
        """Post the message; any 2xx is taken for received. Returns the event's id: a receiver gives none of its own."""
        body, timestamp = body_of(message), int(self._clock())
        headers = {
            EVENT_HEADER: message.event,
            DELIVERY_HEADER: message.id,
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: "sha256=" + sign(self._settings.secret, timestamp, body),
        }
        (await self._poster.post(self._settings.url, body, headers)).check()
        return message.event


def body_of(message: Message) -> bytes:
    """Return what is posted: the event without anything personal; who needs more asks the API for the case."""
    at = message.at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    return msgspec.json.encode(
        {
            "event": message.event, "kind": message.kind, "at": at, "case": message.case, "case_no": message.case_no,
            "urgency": message.urgency, "title": message.title, "text": message.text,
        }
    )  # fmt: skip
