"""Messages and deliveries for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dispatch.outside.messages import Message
from dispatch.outside.store import Delivery, delivery_id

BORN = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)  # Monday 10:00 in Guiyang
SOON_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)  # what is older is removed by the database one day


def message(**values: Any) -> Message:
    """Return a message about a dispatched case."""
    defaults: dict[str, Any] = {
        "id": "d0123", "event": "n1", "kind": "dispatch", "at": BORN, "case": "c1", "case_no": "GY20251124-000001",
        "urgency": "normal", "title": "派遣了，等签收", "text": "案件 GY20251124-000001 派遣了。", "address": "clerk@unit.test",
    }  # fmt: skip
    return Message(**(defaults | values))


def delivery(notice: str = "n1", recipient: str = "clerk", channel: str = "email", **values: Any) -> Delivery:
    """Return a delivery that is due."""
    defaults: dict[str, Any] = {
        "id": delivery_id(notice, recipient, channel), "notice": notice, "kind": "dispatch", "keys": ("u:water1",), "at": BORN,
        "case": "c1", "case_no": "GY20251124-000001", "urgency": "normal", "recipient": recipient, "channel": channel,
        "created_at": SOON_AGO, "next_at": BORN,
    }  # fmt: skip
    return Delivery(**(defaults | values))
