"""What a channel carries, and what it says when it cannot.

A channel is anything with `async send(message) -> provider's id`. The reason of a failure is a short code: answers of providers
may hold addresses, so their texts are never kept.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Protocol

import msgspec

from storage.errors import HeyunError

__all__ = ["Channel", "Message", "SendFailed", "SendRefused", "reason_of"]

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one recipient. `id` is the same at every attempt, `event` is the notice that all its deliveries share.

    `address` is a mail address, a phone number or a WeCom user id; empty where the channel itself knows where it goes.
    """

    id: str
    event: str
    kind: str
    at: datetime
    case: str
    case_no: str
    urgency: str
    title: str
    text: str
    link: str = ""
    language: str = "zh-CN"
    address: str = ""


class SendFailed(HeyunError):
    """Not sent this time, may work later: no answer, too many at once, our own settings. Raised by channels; the detail is the
    reason's code, `retry_after` the seconds that the other side asks for."""

    status = 502
    code = "send_failed"

    def __init__(self, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class SendRefused(HeyunError):
    """Never to be sent like this: no such recipient, a message that is not taken. Raised by channels; the detail is the code."""

    status = 502
    code = "send_refused"


class Channel(Protocol):
    """One way to the outside."""

    async def send(self, message: Message) -> str:
        """Hand the message over and return the provider's id for it (empty where there is none). Raises `SendFailed`,
        `SendRefused`."""


def reason_of(channel: str, code: object) -> str:
    """Return the reason for a code of a provider, without anything that is no code.

    >>> reason_of("sms", "isv.BUSY"), reason_of("smtp", 550), reason_of("sms", "no <13812341234>!" * 9)
    ('sms_isv.BUSY', 'smtp_550', 'sms_unknown')
    """
    text = str(code)
    is_code = _CODE.fullmatch(text) and not (text.isdigit() and len(text) > 6)  # so many digits may be a phone number
    return f"{channel}_{text if is_code else 'unknown'}"
