"""SMS through an HTTP gateway: the JSON that it takes, its signature headers and the meaning of its codes are all settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dispatch.outside.filling import fill
from dispatch.outside.messages import Message, SendFailed, SendRefused, reason_of
from dispatch.outside.posting import Poster
from dispatch.outside.settings import SmsSettings
from dispatch.outside.signing import sign

__all__ = ["SmsChannel"]


class SmsChannel:
    """Posts to one gateway. `{id}` in its fields is the delivery's id, by which a gateway can tell a repeated message."""

    def __init__(self, settings: SmsSettings, poster: Poster, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._poster = poster
        self._clock = clock

    async def send(self, message: Message) -> str:
        """Hand the message to the gateway; returns the gateway's id for it, if the settings say where it lies."""
        settings, timestamp = self._settings, int(self._clock())
        body = msgspec.json.encode(_filled(settings.fields, _values(message, timestamp)))
        headers = {
            **settings.headers,
            settings.timestamp_header: str(timestamp),
            settings.signature_header: sign(settings.secret, timestamp, body),
        }
        answer = await self._poster.post(settings.url, body, headers)
        answer.check()
        return self._judged(answer.values())

    def _judged(self, said: Mapping[str, Any]) -> str:
        """A code that the settings do not know is tried again: only what is listed is refused for ever."""
        expected = self._settings.answer
        code = _at(said, expected.code)
        if code in expected.ok:
            return _at(said, expected.id) if expected.id else ""
        reason = reason_of("sms", code)
        raise SendRefused(reason) if code in expected.refused else SendFailed(reason)


def _values(message: Message, timestamp: int) -> dict[str, str]:
    return {
        "phone": message.address, "text": message.text, "title": message.title, "id": message.id, "kind": message.kind,
        "case_no": message.case_no, "urgency": message.urgency, "link": message.link, "timestamp": str(timestamp),
    }  # fmt: skip


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    """Return a JSON template with all its texts filled."""
    if isinstance(template, str):
        return fill(template, values)
    if isinstance(template, Mapping):
        return {name: _filled(inner, values) for name, inner in template.items()}
    if isinstance(template, list):
        return [_filled(inner, values) for inner in template]
    return template


def _at(value: Any, path: str) -> str:
    """Return what lies at a dotted path as text, empty when nothing does.

    >>> _at({"data": {"code": 0, "ok": True}}, "data.code"), _at({}, "data.code")
    ('0', '')
    """
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None or isinstance(value, (Mapping, list)) else str(value)
